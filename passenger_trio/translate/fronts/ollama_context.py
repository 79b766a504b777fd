"""The conversation that ``/api/generate`` hands to its clients as ``context``, a list of integers.

Ollama's are the tokens of the conversation, which clients hand back as they are. Here it is the conversation itself, as
compressed JSON, three bytes to an integer, so that nothing has to be kept for it.
"""

import bisect
import zlib
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from passenger_trio.wire import envelope

MARK: Final = 0x505431
"""The first integer of a context of ours: more than any vocabulary has tokens, so that nobody else's begins with it."""

MOST_TEXT: Final = 64 * 1024
"""Bytes that the integers of an answer's last line may take: clients limit a line to 128 KiB."""

_MOST_INTEGERS: Final = MOST_TEXT // len("16777215,") - 1
_MOST_PACKED: Final = 512 * 1024
_MOST_UNPACKED: Final = 4 * 1024 * 1024
"""Bytes of JSON that are packed at most, and that anybody's integers may swell to."""


class Turn(NamedTuple):
    """What one side said."""

    role: Literal["system", "user", "assistant"]
    content: str


class Past(NamedTuple):
    """A conversation that has come back, and whether its oldest turns are missing, since there was no room for them."""

    turns: list[Turn]
    is_cut: bool


_decode: Final = msgspec.json.Decoder(Past).decode
_encode: Final = msgspec.json.Encoder().encode


def pack(turns: Sequence[Turn]) -> list[int]:
    """The conversation as integers. Where there is no room the oldest turns are left out, but for the system's."""
    head = [turn for turn in turns[:1] if turn.role == "system"]
    said = list(turns[len(head) :])
    cuts = len(said) + 1  # after cutting all that is said only the system's words are left, and they go last
    at = bisect.bisect_left(range(cuts), 1, key=lambda cut: _packed([*head, *said[cut:]], cut > 0) is not None)
    kept = [] if at == cuts else [*head, *said[at:]]
    data = _packed(kept, len(kept) < len(turns)) or b""
    padded = data + bytes(-len(data) % 3)
    return [MARK, *(int.from_bytes(padded[start : start + 3], "big") for start in range(0, len(padded), 3))]


def _packed(turns: Sequence[Turn], is_cut: bool) -> bytes | None:
    """The bytes to be spelt as integers; none where they would be too many."""
    text = _encode(Past(list(turns), is_cut))
    if len(text) > _MOST_PACKED:
        return None
    data = zlib.compress(text)
    return data if len(data) <= _MOST_INTEGERS * 3 else None


def unpack(context: Sequence[int]) -> Past | None:
    """The conversation in a ``context`` that :func:`pack` has made; none for integers of anybody else's."""
    if not context or context[0] != MARK or len(context) > _MOST_INTEGERS + 1:
        return None
    try:
        data = b"".join(value.to_bytes(3, "big") for value in context[1:])
        inflater = zlib.decompressobj()
        text = inflater.decompress(data, _MOST_UNPACKED)
        if not inflater.eof or inflater.unused_data.strip(b"\0"):
            return None
        return _decode(text)
    except (OverflowError, zlib.error, *envelope.UNREADABLE):
        return None
