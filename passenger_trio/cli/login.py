"""``passenger-trio login``."""

import os
import sys
import webbrowser
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final, TextIO

import anyio.to_thread
import trio

from passenger_trio.cli.outcome import Exit
from passenger_trio.cli.session import Session
from passenger_trio.cli.wording import clock, span
from passenger_trio.config import GITHUB_TOKEN, Config
from passenger_trio.copilot import login, protocol
from passenger_trio.copilot.client import open_http
from passenger_trio.secret import Secret

NOTICE: Final = (
    "GitHub supports Copilot in its own clients. Using it elsewhere, as passenger-trio does, is at your own risk.\n"
    f"GitHub's terms: {protocol.TERMS_URL}"
)

_BROWSER_PATIENCE: Final = 5.0  # seconds; some browsers hold the command that opened them
_PLAIN_EVERY: Final = 60.0  # seconds between lines where there is no terminal


def run(config: Config, *, browser: bool) -> int:
    """Log in by the device flow, and keep both tokens. Raises as the flow, the exchange and the store do.

    A login that GitHub gives no Copilot token for is kept all the same: that may change without a new login.
    """
    visit = Visit(config, browser=browser)
    stopped = False
    try:
        trio.run(visit.log_in)
    except* KeyboardInterrupt:
        stopped = True
    if stopped:
        print("Login stopped; " + ("you are logged in." if visit.saved else "nothing was saved."))
        return Exit.INTERRUPTED
    return Exit.GOOD


class Visit:
    """One login. ``saved`` tells whether the GitHub token is on disk."""

    def __init__(self, config: Config, *, browser: bool) -> None:
        self._config = config
        self._browser = browser
        self.saved = False

    async def log_in(self) -> None:
        """From asking for a code to both tokens on disk."""
        async with open_http(self._config.copilot) as http:
            session = Session(http, self._config)
            await session.store.check_writable()
            _say(NOTICE + "\n")
            if await session.store.has_login():
                _say("Somebody is logged in already; this login takes the place of that one.\n")
            code = await login.begin(session.fetch, self._config.github)
            _say(f"Open this page:  {code.verification_uri}\nand enter:       {code.user_code}\n")
            if self._browser and has_browser(os.environ, sys.platform):
                await _open_browser(code.verification_uri)
            with Progress(sys.stdout) as progress:
                token = await login.wait(session.fetch, self._config.github, code, progress.tick)
            await self._keep(session, token)
            user = await session.account.user(token)
            _say(f"Logged in as {user.login}." if user is not None else "Logged in.")
            _say(f"Saved {session.store.place(session.store.access_path)}")
            copilot = await session.fresh(token)  # a server that runs may have been quicker
            _say(f"Saved {session.store.place(session.store.copilot_path)}")
            if copilot.sku:
                _say(f"The account's Copilot plan is {copilot.sku}.")
            if session.store.environment:
                _say(f"\n{GITHUB_TOKEN} is set, and is used in place of this login until it is unset.")
            _say("\nStart the server with `passenger-trio serve`.")

    async def _keep(self, session: Session, token: Secret) -> None:
        async with session.store.locked():
            await session.store.forget_copilot()  # it may be of another account
            await session.store.save_access(token)
        self.saved = True


def has_browser(environ: Mapping[str, str], platform: str, find: Callable[[], object] = webbrowser.get) -> bool:
    """Whether a browser can be opened that does not take over the terminal."""
    if platform == "linux" and not any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")):
        return False
    try:
        find()
    except webbrowser.Error:
        return False
    return True


async def _open_browser(url: str) -> None:
    """Try to; the address is on the screen as well, so that nothing is lost by a failure."""
    with suppress(OSError, webbrowser.Error), trio.move_on_after(_BROWSER_PATIENCE):
        await anyio.to_thread.run_sync(webbrowser.open, url, abandon_on_cancel=True)


class Progress:
    """Shows how long the code is good for: one line that rewrites itself on a terminal, now and then one elsewhere.

    A context manager, which leaves the terminal's line empty.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rewrites = stream.isatty()
        self._width = 0
        self._said_at = float("inf")

    def __enter__(self) -> "Progress":
        return self

    def tick(self, left: float) -> None:
        """Say that ``left`` seconds are left; called about once a second."""
        if self._rewrites:
            self._rewrite(f"Waiting for GitHub... {clock(left)} left (Ctrl-C stops)")
        elif self._said_at - left >= _PLAIN_EVERY:
            self._said_at = left
            print(f"Waiting for GitHub, {span(left)} left.", file=self._stream, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rewrites and self._width:
            blank = " " * (self._width + len("^C"))  # which the terminal has written behind it, if that was the end
            print(f"\r{blank}\r", end="", file=self._stream, flush=True)

    def _rewrite(self, line: str) -> None:
        print("\r" + line.ljust(self._width), end="", file=self._stream, flush=True)
        self._width = len(line)


def _say(line: str) -> None:
    """A line that is read while the program waits, so not one that waits in a buffer."""
    print(line, flush=True)
