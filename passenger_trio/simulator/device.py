"""GitHub's device login: codes, and a script of what polling them answers (protocol: OAuth device flow)."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from passenger_trio.simulator.fakes import user_code

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:device_code"
LIFE: Final = 899  # seconds
_STEP: Final = 5  # seconds that a slow_down adds to the interval
_GRACE: Final = 0.25  # seconds that a poll may come early: clocks and networks are not exact
_DOCS: Final = "https://docs.github.com/developers/apps/authorizing-oauth-apps#error-codes-for-the-device-flow"
_ERRORS: Final[Mapping[str, tuple[str, str]]] = {
    "pending": ("authorization_pending", "The authorization request is still pending."),
    "slow_down": ("slow_down", "Too many requests have been made in the same timeframe."),
    "expired": ("expired_token", "The device_code has expired."),
    "denied": ("access_denied", "The authorization request was denied."),
    "incorrect": ("incorrect_device_code", "The device_code provided is not valid."),
    "bad_client": ("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect."),
    "unsupported_grant": ("unsupported_grant_type", "The grant_type provided is not supported."),
    "flow_disabled": ("device_flow_disabled", "Device Flow must be explicitly enabled for this App"),
}
POLL_NAMES: Final = frozenset({*_ERRORS, "success"})


def check_polls(polls: Sequence[str]) -> tuple[str, ...]:
    """``polls`` as it will be played. Raises :class:`ValueError` for an empty script or an unknown name."""
    if not polls:
        raise ValueError("a script of polls needs at least one name")
    if unknown := [name for name in polls if name not in POLL_NAMES]:
        raise ValueError(f"unknown polls {unknown}; known are {sorted(POLL_NAMES)}")
    return tuple(polls)


@dataclass(slots=True)
class _Code:
    polls: Sequence[str]
    interval: int
    born: float
    next_poll: int = 0
    last_seen: float = float("-inf")
    redeemed: bool = False


class DeviceFlow:
    """The codes that were handed out. ``clock`` gives seconds; ``log_in`` makes a GitHub token."""

    def __init__(self, *, clock: Callable[[], float], log_in: Callable[[], str]) -> None:
        self._clock = clock
        self._log_in = log_in
        self._codes: dict[str, _Code] = {}

    def begin(self, *, polls: Sequence[str], interval: int, verification_uri: str) -> dict[str, object]:
        """A new device code, whose polls will be answered by ``polls`` in turn; the last name repeats itself."""
        device_code = secrets.token_hex(20)
        self._codes[device_code] = _Code(check_polls(polls), interval, self._clock())
        return {
            "device_code": device_code,
            "user_code": user_code(),
            "verification_uri": verification_uri,
            "expires_in": LIFE,
            "interval": interval,
        }

    def poll(self, form: Mapping[str, str], *, strict_interval: bool) -> dict[str, object]:
        """The answer to one poll: a token, or an error that comes with HTTP 200 too.

        With ``strict_interval``, a poll that comes before its time gets slow_down, and a longer interval from then on.
        """
        if not form.get("client_id"):
            return _error("bad_client")
        if form.get("grant_type") != GRANT_TYPE:
            return _error("unsupported_grant")
        code = self._codes.get(form.get("device_code", ""))
        if code is None or code.redeemed:
            return _error("incorrect")
        now = self._clock()
        early = now < code.last_seen + code.interval - _GRACE
        code.last_seen = now
        if now >= code.born + LIFE:
            return _error("expired")
        if early and strict_interval:
            return _slow_down(code)
        name = code.polls[min(code.next_poll, len(code.polls) - 1)]
        code.next_poll += 1
        if name == "slow_down":
            return _slow_down(code)
        if name != "success":
            return _error(name)
        code.redeemed = True
        return {"access_token": self._log_in(), "token_type": "bearer", "scope": ""}


def _slow_down(code: _Code) -> dict[str, object]:
    code.interval += _STEP
    return {**_error("slow_down"), "interval": code.interval}


def _error(name: str) -> dict[str, object]:
    error, description = _ERRORS[name]
    return {"error": error, "error_description": description, "error_uri": _DOCS}
