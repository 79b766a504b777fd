"""The device flow (RFC 8628, as GitHub does it): a code, a page to enter it on, and polls until somebody has."""

from collections.abc import Callable
from urllib.parse import urlencode

import trio

from passenger_trio.config import GitHub
from passenger_trio.copilot import protocol
from passenger_trio.copilot.client import Fetch
from passenger_trio.errors import LoginFailed, UpstreamBroke, UpstreamTimeout, UpstreamUnreachable
from passenger_trio.secret import Secret
from passenger_trio.wire import envelope, github

_HEADERS: protocol.Headers = [
    ("Accept", "application/json"),  # without it GitHub answers with a form
    ("Content-Type", "application/x-www-form-urlencoded"),
]


async def begin(fetch: Fetch, config: GitHub) -> github.DeviceCode:
    """Ask for a code. Raises :class:`~passenger_trio.errors.LoginFailed` or an upstream error."""
    form = urlencode({"client_id": config.client_id, "scope": protocol.DEVICE_SCOPE}).encode()
    answer = await fetch("POST", config.device_code_url, _HEADERS, form)
    try:
        return github.decode_device_code(answer.body)
    except envelope.UNREADABLE:
        pass
    try:
        error = github.decode_poll(answer.body)
    except envelope.UNREADABLE:
        error = github.PollAnswer()
    words = error.error_description or error.error or f"HTTP {answer.status}: {protocol.excerpt(answer.body, 200)}"
    raise LoginFailed(f"GitHub gave no code to log in with: {words} (github.client_id, github.device_code_url)")


async def wait(
    fetch: Fetch, config: GitHub, code: github.DeviceCode, tick: Callable[[float], None] = lambda _: None
) -> Secret:
    """Poll until the code is entered, and return the GitHub token.

    ``tick`` is called about once a second with the seconds that are left. Raises
    :class:`~passenger_trio.errors.LoginFailed` when the code runs out, is refused or unknown. A network that fails for
    a moment is borne: the interval is doubled, as RFC 8628 section 3.5 wants.
    """
    form = urlencode(
        {"client_id": config.client_id, "device_code": code.device_code, "grant_type": protocol.DEVICE_GRANT}
    ).encode()
    interval = max(code.interval, 1.0)
    deadline = trio.current_time() + code.expires_in
    while True:
        await _pause(interval, deadline, tick)
        if trio.current_time() >= deadline:
            raise LoginFailed("The code ran out before it was entered. Run the login again.")
        try:
            answer = await fetch("POST", config.oauth_token_url, _HEADERS, form)
        except (UpstreamUnreachable, UpstreamTimeout, UpstreamBroke):
            interval *= 2
            continue
        if answer.status >= 500:
            interval *= 2
            continue
        poll = protocol.poll_answer(answer.body, interval)
        if poll.access_token is not None:
            return poll.access_token
        interval = poll.interval


async def _pause(seconds: float, deadline: float, tick: Callable[[float], None]) -> None:
    end = min(trio.current_time() + seconds, deadline)
    while (left := end - trio.current_time()) > 0:
        tick(deadline - trio.current_time())
        await trio.sleep(min(1.0, left))
