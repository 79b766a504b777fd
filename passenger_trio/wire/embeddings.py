"""Embeddings: what we read of requests and answers. OpenAI's shapes, which Copilot's route keeps in the main.

Source: OpenAI's reference, "Embeddings"; recorded answers of Copilot's, which have neither ``object`` nor ``model``.
"""

from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from passenger_trio.wire.chat import Usage
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.inputs import Inputs


class Request(msgspec.Struct):
    """A client's request: the fields that mean something here."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    input: Inputs
    dimensions: Annotated[int, msgspec.Meta(ge=1)] | None = None
    encoding_format: Literal["float", "base64"] | None = None


class Item(msgspec.Struct):
    """One input's embedding; ``index`` says of which."""

    embedding: msgspec.Raw
    index: int | None = None


class Answer(msgspec.Struct):
    """An answer of Copilot's."""

    data: list[Item]
    usage: Usage | None = None


class Batch(NamedTuple):
    """The answer to one request of Copilot's: its items in the order of the inputs, all else that it said as it came,
    and the view of the usage in there.
    """

    items: list[Envelope]
    rest: Envelope
    usage: Usage | None


decode_request: Final = msgspec.json.Decoder(Request).decode
decode_answer: Final = msgspec.json.Decoder(Answer).decode
decode_vector: Final = msgspec.json.Decoder(list[float]).decode
