"""JSON objects carried whole: the keys are known, the values stay the bytes they were.

``dict[str, msgspec.Raw]`` keeps what no Struct names, and copies it through untouched. Editing is by key.
"""

import re
from typing import Any, Final, TypeAlias

import msgspec

Envelope: TypeAlias = dict[str, msgspec.Raw]

_DECODER: Final = msgspec.json.Decoder(Envelope)
_LIST_DECODER: Final = msgspec.json.Decoder(list[Envelope])
_ENCODER: Final = msgspec.json.Encoder()

NULL: Final = msgspec.Raw(b"null")
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises. Broken UTF-8 and too deep a nesting come through msgspec as Python's own (measured, 0.22)."""

_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""An escape of JSON, or a pair of them that is one character; the group is the half of such a pair, alone."""


def decode(data: bytes | msgspec.Raw) -> Envelope:
    """The object in ``data``. Raises one of :data:`UNREADABLE` when it is not a JSON object."""
    return _DECODER.decode(data)


def decode_list(data: bytes | msgspec.Raw) -> list[Envelope]:
    """The objects of the array in ``data``; raises as :func:`decode`."""
    return _LIST_DECODER.decode(data)


def decode_sent(data: bytes) -> tuple[bytes, Envelope]:
    """What a client has sent, and the object in it; raises as :func:`decode`.

    Half of a character that UTF-16 writes in two (``\\ud83d`` alone) becomes U+FFFD: JavaScript and Python send it
    where a text was cut, and their own decoders take it, but msgspec refuses all of the object.
    """
    try:
        return data, decode(data)
    except msgspec.DecodeError:
        mended = _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], data)
        if mended == data:
            raise
        return mended, decode(mended)


def encode(value: object) -> bytes:
    """JSON bytes of an envelope, or of anything that holds some."""
    return _ENCODER.encode(value)


def raw(value: object) -> msgspec.Raw:
    """A Python value as the raw JSON that an envelope holds."""
    return msgspec.Raw(_ENCODER.encode(value))


def value(data: msgspec.Raw) -> Any:
    """The Python value of a raw one, for the few places that look at a whole value."""
    return msgspec.json.decode(data)


def is_absent(envelope: Envelope, key: str) -> bool:
    """Whether ``key`` is missing or null, which every dialect here takes for the same."""
    found = envelope.get(key)
    return found is None or found == NULL


def prepend(data: bytes, members: bytes) -> bytes:
    """``data``, a non-empty JSON object, with ``members`` (``b'"a":1,'``) put before its own; nothing is decoded."""
    return b"{" + members + data[data.index(b"{") + 1 :]
