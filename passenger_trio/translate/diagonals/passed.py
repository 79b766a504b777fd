"""What every diagonal gives back, and the edits they share."""

from typing import NamedTuple

from passenger_trio.wire import envelope
from passenger_trio.wire.envelope import Envelope


class Passed(NamedTuple):
    """A request as it goes out: its body, headers beside the usual ones, and the names of what was left out.

    ``agent`` is whether the last turn is the agent's own (``X-Initiator``), ``vision`` whether there is a picture.
    """

    body: bytes
    headers: tuple[tuple[str, str], ...]
    dropped: tuple[str, ...]
    agent: bool
    vision: bool


def without(whole: Envelope, kept: frozenset[str], prefix: str, lost: dict[str, None]) -> bool:
    """Take out of ``whole`` what is not ``kept``, and put its names into ``lost``; whether there was anything."""
    odd = [name for name in whole if name not in kept]
    for name in odd:
        if whole.pop(name) != envelope.NULL:
            lost[f"{prefix}{name}"] = None
    return bool(odd)
