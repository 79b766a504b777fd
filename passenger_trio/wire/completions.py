"""OpenAI's old text completions: what we read of requests. Answers are made from the hub's.

Source: OpenAI's reference, "Completions".
"""

from typing import Annotated, Final

import msgspec

from passenger_trio.wire.chat import StreamOptions
from passenger_trio.wire.inputs import Inputs

Count = Annotated[int, msgspec.Meta(ge=1)]

OBJECT: Final = "text_completion"
"""``object`` of whole answers and of chunks alike."""


class Request(msgspec.Struct):
    """A client's request: the fields that this form has and chat has not, and those that decide how to answer."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    prompt: Inputs
    suffix: str | None = None
    echo: bool | None = None
    best_of: int | None = None
    logprobs: int | bool | None = None
    n: Count | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


decode_request: Final = msgspec.json.Decoder(Request).decode
