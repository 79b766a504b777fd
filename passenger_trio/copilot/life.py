"""How long a Copilot token lives, and which GitHub tokens one is to be had for. Pure.

Three clocks may be wrong: GitHub's ``Date`` (a proxy's, a cached answer's), its ``refresh_in``, and this machine's. The
life is what two of them agree upon, or what the likeliest one says.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from passenger_trio.config import GITHUB_TOKEN
from passenger_trio.wire import github

RENEW_BEFORE: Final = 60.0
"""Seconds before a token's end at which the next one is fetched."""

LONGEST_LIFE: Final = 14_400.0
"""Seconds. What says more is wrong: Copilot's tokens live for half an hour."""

ASSUMED_LIFE: Final = 600.0
"""Seconds that a token is taken to live where nothing that is said about it can be true. It was good when it came; if
it dies before, Copilot says so, and it is renewed then."""

TELLING: Final = 60
"""Seconds of ``refresh_in`` from which on it is a witness against ``Date``; Copilot says 1500."""

_SLACK: Final = 120.0
_MARGIN: Final = 900.0
"""Seconds by which two clocks that agree may differ, and by which a token outlives its ``refresh_in`` at most (300 as
Copilot has it)."""

LONGEST_WAIT: Final = 3600.0
"""Seconds that GitHub can make us wait: its limits begin anew every hour."""


def token_life(answer: github.TokenEnvelope, date: str | None, now: float | None = None) -> float:
    """Seconds that the token lives from the moment of the answer. Zero or less means that it is of no use.

    It is ``expires_at`` minus the answer's own ``Date``, whatever the local clock (``now``, unix seconds) says, unless
    ``Date`` is absent, or wrong by what ``refresh_in`` and the local clock tell. Then it is ``refresh_in`` and a
    minute, as the official client reckons; and where that is no number of seconds either, what the local clock tells.
    """
    refresh = float(answer.refresh_in or 0)
    told = refresh + RENEW_BEFORE if 0 < refresh <= LONGEST_LIFE else None
    local = None if now is None else answer.expires_at - now
    served = _seconds(date)
    if served is not None:
        life = answer.expires_at - served
        agreed = local is not None and abs(life - local) <= _SLACK
        if told is None or refresh < TELLING:
            over = life <= 0 and local is not None and local <= 0
            if agreed or over or 0 < life <= LONGEST_LIFE:
                return min(life, LONGEST_LIFE)
        elif (agreed and 0 < life <= LONGEST_LIFE) or refresh <= life <= refresh + _MARGIN:
            return life
    if told is not None:
        return told
    return local if local is not None and 0 < local <= LONGEST_LIFE else ASSUMED_LIFE


def _seconds(date: str | None) -> float | None:
    """Unix seconds of an HTTP date; ``None`` for anything else."""
    try:
        return parsedate_to_datetime((date or "").replace("-0000", "GMT")).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def renewal_delay(life: float) -> float:
    """Seconds to wait before renewing a token that lives for ``life`` more: 60 before its end.

    A token that lives for less than two minutes is renewed at half its life, so that the house does not spin.
    """
    return max(life - RENEW_BEFORE, life / 2, 0.0)


def wait_told(headers: Mapping[str, str]) -> str | None:
    """Seconds to wait as ``Retry-After`` has it, or GitHub's ``x-ratelimit-reset`` where nothing is left until then.

    Header names are in lower case. A date is reckoned from the answer's own ``Date``.
    """
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return said
    served = _seconds(headers.get("date"))
    until = _seconds(said)
    reset = headers.get("x-ratelimit-reset", "")
    if until is None and headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit():
        until = float(reset[:12])
    if until is None or served is None:
        return None
    return str(max(round(until - served), 1))


def seconds_told(retry_after: str | None) -> float:
    """Seconds of a ``Retry-After``, an hour at most; 0 where it is none."""
    if retry_after is None or not (retry_after.isascii() and retry_after.isdigit()):
        return 0.0
    return min(float(retry_after[:12]), LONGEST_WAIT)


# Which GitHub tokens

_NO_LOGIN: Final[Mapping[str, str]] = {
    "ghp_": "a personal access token (classic)",
    "github_pat_": "a fine-grained personal access token",
    "ghs_": "the token of an installation or of an Actions run (GITHUB_TOKEN)",
    "ghr_": "a refresh token",
    "tid=": "a Copilot token",
}
"""Copilot takes none of these from an editor: "Personal Access Tokens are not supported for this endpoint"."""

_DOUBTFUL: Final[Mapping[str, str]] = {
    "gho_": (
        "A gho_ token is of an OAuth app, and GitHub gives Copilot tokens for those of few (VS Code's); that of "
        "`gh auth token` is mostly refused."
    ),
    "ghu_": (
        "A ghu_ token is of a GitHub App, which is the right kind, but GitHub gives a Copilot token only for that of "
        "Copilot's own plugins, while it is not revoked."
    ),
}


def wrong_kind(login: str) -> str | None:
    """What a GitHub token is that cannot be a login, by its prefix, as "a personal access token"; else ``None``."""
    return next((kind for prefix, kind in _NO_LOGIN.items() if login.startswith(prefix)), None)


def doubts_about(login: str) -> str:
    """What there is to say of a token's kind once GitHub has refused it; may be nothing."""
    return next((words for prefix, words in _DOUBTFUL.items() if login.startswith(prefix)), "")


def remedy(*, environment: bool) -> str:
    """What a person does about a login that does not work."""
    if environment:
        return f"Put another token into {GITHUB_TOKEN}, or unset it and run `passenger-trio login`."
    return "Run `passenger-trio login`."
