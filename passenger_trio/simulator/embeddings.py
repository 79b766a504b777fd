"""``POST /embeddings``: vectors that are made of a text's words, so that like texts have like vectors.

Copilot is narrower than OpenAI here (protocol: embeddings): the input is a list of strings and nothing else, there is
no ``encoding_format``, and the answer has neither ``object`` nor ``model`` at its top.
"""

import hashlib
import math
import re
import struct
from typing import Any, Final

import msgspec

from passenger_trio.simulator.catalogue import Model

_DIMENSIONS: Final = 1536
_PLACES: Final = 24  # of the vector, that one word is seen in
_MOST_WORDS: Final = 8191


class Malformed(ValueError):
    """Copilot says "Bad Request", and no more."""


class Wanted(msgspec.Struct):
    """The request body."""

    input: list[str]
    model: str
    dimensions: int | None = None
    encoding_format: Any = None


def read(body: bytes) -> Wanted:
    """Raises :class:`Malformed` for what is no list of strings."""
    try:
        return msgspec.json.decode(body, type=Wanted)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed from None


def answer(wanted: Wanted, model: Model) -> bytes:
    """The body of the answer. Raises :class:`Malformed` for too much, and for fields that are not for ``model``."""
    capabilities = model.capabilities
    if not 0 < len(wanted.input) <= capabilities.limits.max_inputs or wanted.encoding_format is not None:
        raise Malformed
    size = _DIMENSIONS
    if wanted.dimensions is not None:
        size = wanted.dimensions
        if not capabilities.supports.dimensions or not 0 < size <= _DIMENSIONS:
            raise Malformed
    words = [text.split() for text in wanted.input]
    if any(len(one) > _MOST_WORDS for one in words):
        raise Malformed
    tokens = sum(map(len, words))
    data = [
        {"embedding": vector(text, size), "index": index, "object": "embedding"}
        for index, text in enumerate(wanted.input)
    ]
    return msgspec.json.encode({"data": data, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})


def vector(text: str, size: int = _DIMENSIONS) -> list[float]:
    """A vector of length 1 about ``text``, with numbers of half precision."""
    # A faint ground that is the text's own, and on it the places of its words.
    values = [(byte - 127.5) / 12750 for byte in hashlib.shake_128(text.encode()).digest(size)]
    for word in re.findall(r"\w+", text.lower()):
        seen = struct.unpack(f"<{_PLACES}H", hashlib.shake_128(word.encode()).digest(2 * _PLACES))
        for place in seen:
            values[(place >> 1) % size] += 1.0 if place & 1 else -1.0
    length = math.sqrt(math.fsum(value * value for value in values)) or 1.0
    form = f"<{size}e"
    return list(struct.unpack(form, struct.pack(form, *(value / length for value in values))))
