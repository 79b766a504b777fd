"""OpenAI's embeddings: one request from a client, one answer made of as many as Copilot needed for it."""

import base64
import struct
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from passenger_trio.errors import PassengerError, UpstreamBroke
from passenger_trio.translate.fronts import inputs, openai_errors
from passenger_trio.translate.fronts.inputs import Decode, Input
from passenger_trio.wire import embeddings, envelope
from passenger_trio.wire.embeddings import Batch
from passenger_trio.wire.envelope import Envelope

TAKEN: Final = frozenset({"model", "input", "dimensions", "encoding_format"})
"""The fields that are heeded."""

DROPPED: Final[Mapping[str, str]] = {
    "user": "names the client's own user to OpenAI; Copilot knows its account by the token",
}
"""OpenAI's fields that are not, each with the reason. What OpenAI does not define is left out as well: Copilot's route
answers what it does not know with a bare 400."""

_OBJECT: Final = envelope.raw("embedding")
_NO_USAGE: Final = envelope.raw({"prompt_tokens": 0, "total_tokens": 0})


class Asked(NamedTuple):
    """What a client asks for; ``dropped`` names what of it is left out."""

    model: str
    inputs: list[Input]
    dimensions: int | None
    as_base64: bool
    dropped: tuple[str, ...]

    def texts(self, decode: Decode | None) -> list[str]:
        """The texts to embed. Raises for a token id that means nothing, and for an empty text."""
        found = inputs.texts(self.inputs, decode, "input")
        inputs.refuse_empty(found, "input")
        return found


def read(body: bytes) -> Asked:
    """The request. Raises :class:`~passenger_trio.errors.BadRequest` that names the field."""
    whole, request = inputs.read(body, embeddings.decode_request, ("model", "input"))
    return Asked(
        request.model,
        inputs.split(request.input, "input"),
        request.dimensions,
        request.encoding_format == "base64",
        tuple(key for key in whole if key not in TAKEN and not envelope.is_absent(whole, key)),
    )


class Answer:
    """The answer, put together from batches in the order of the inputs. Numbers keep their digits."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._items: list[Envelope] = []
        self._rest: Envelope = {}
        self._usages: list[msgspec.Raw] = []

    def add(self, batch: Batch) -> None:
        """The next batch. Raises :class:`~passenger_trio.errors.UpstreamBroke` for a vector that is none."""
        for item in batch.items:
            item.setdefault("object", _OBJECT)
            item["index"] = envelope.raw(len(self._items))
            if self._asked.as_base64:
                item["embedding"] = envelope.raw(in_base64(item["embedding"]))
            self._items.append(item)
        if not envelope.is_absent(batch.rest, "usage"):
            self._usages.append(batch.rest["usage"])
        self._rest = {**batch.rest, **self._rest}

    @property
    def usage(self) -> msgspec.Raw | None:
        """What the batches up to here have cost together."""
        return inputs.add_usage(self._usages)

    def end(self) -> bytes:
        """All of it."""
        body: dict[str, object] = {
            "object": "list",
            "data": self._items,
            "model": self._asked.model,
            **{key: value for key, value in self._rest.items() if value != envelope.NULL},
            "usage": self.usage or _NO_USAGE,
        }
        return envelope.encode(body)


def fault(error: PassengerError) -> tuple[int, bytes]:
    """Status and body of an error."""
    return openai_errors.fault(error, "input")


def in_base64(vector: msgspec.Raw) -> str:
    """A vector as OpenAI's SDKs ask for it: little-endian 32-bit floats in base64."""
    try:
        numbers = embeddings.decode_vector(vector)
        return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    except (*envelope.UNREADABLE, OverflowError):
        raise UpstreamBroke("Copilot sent an embedding that is no list of numbers.") from None
