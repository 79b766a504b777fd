"""Copilot tokens as they are saved: what is kept of GitHub's answer, and whether a saved one still serves."""

from typing import Final, NamedTuple

from passenger_trio.copilot import life
from passenger_trio.copilot.store import SavedToken, whose
from passenger_trio.errors import UpstreamBroke
from passenger_trio.secret import Secret
from passenger_trio.wire.github import TokenEnvelope

SLACK: Final = 1.0
"""Seconds by which a token may seem to have come in the future."""


class Exchanged(NamedTuple):
    """A token exchange's answer and its ``Date`` header."""

    envelope: TokenEnvelope
    date: str | None


def reckon(exchanged: Exchanged, asked: float, login: Secret) -> tuple[SavedToken, float]:
    """What to save of an answer that was asked for at ``asked``, and the seconds that the token lives from then.

    ``asked`` is local wall-clock time. Raises :class:`~passenger_trio.errors.UpstreamBroke` for a dead token.
    """
    answer, date = exchanged
    left = life.token_life(answer, date, asked)
    if left <= 0:
        raise UpstreamBroke("GitHub gave a Copilot token that is over already.")
    saved = SavedToken(
        answer.token,
        int(answer.expires_at),
        int(min(max(answer.refresh_in or 0, 0), life.LONGEST_LIFE)),
        answer.endpoints,
        answer.sku,
        asked + left,
        asked,
        whose(login),
    )
    return saved, left


def end_of(saved: SavedToken) -> float:
    """When a saved token ends, in local wall-clock seconds as well as is known."""
    return saved.local_expires_at if saved.local_expires_at is not None else float(saved.expires_at)


def due_of(saved: SavedToken) -> float:
    """When a saved token is to be renewed, in local wall-clock seconds as well as is known."""
    ends = end_of(saved)
    if saved.local_issued_at is None:
        return ends - life.RENEW_BEFORE
    return saved.local_issued_at + life.renewal_delay(ends - saved.local_issued_at)


def is_good(saved: SavedToken, now: float, login: Secret, *, own: bool) -> bool:
    """Whether a saved token serves ``login`` at ``now``, and is not to be renewed yet.

    One that came in the future shows that the clock has been set back, and nobody knows by how much. ``own`` is whether
    the login is the saved one beside it, which tokens without :attr:`SavedToken.whose` are of.
    """
    if saved.whose != whose(login) and not (own and saved.whose is None):
        return False
    issued = saved.local_issued_at
    return now < due_of(saved) and (issued is None or issued <= now + SLACK)
