"""OpenAI chat completions, which is also the hub: what we read of requests, chunks and whole answers.

The shapes are OpenAI's (platform documentation, "Chat"); what Copilot adds or leaves out is dealt with in
``translate/backs/chat.py``. Everything here is a view: read with it, carry the bytes.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple

import msgspec

from passenger_trio.wire.envelope import NULL, Envelope, is_absent

Text = str | None


class Function(msgspec.Struct):
    """The function of a tool call; while streaming, one fragment of it."""

    name: Text = None
    arguments: Text = None


class ToolCall(msgspec.Struct):
    """A tool call, or while streaming a fragment: ``index`` says of which call, ``id`` and ``type`` come once."""

    index: int | None = None
    id: Text = None
    type: Text = None
    function: Function | None = None


class Delta(msgspec.Struct):
    """A streamed piece of a message, or with ``finish_reason`` beside it nothing at all.

    ``reasoning_content`` is the hub's name for reasoning; ``reasoning_text`` (Gemini, Claude), ``cot_summary`` (Azure's
    o-series and GPT-5) and ``thinking`` (in Anthropic's way, with a ``signature``) are Copilot's.
    """

    role: Text = None
    content: Text = None
    refusal: Text = None
    tool_calls: list[ToolCall] | None = None
    reasoning_content: Text = None
    reasoning_text: Text = None
    reasoning_opaque: Text = None
    cot_summary: Text = None
    thinking: Text = None
    signature: Text = None
    padding: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class ChunkChoice(msgspec.Struct):
    """One choice of a chunk."""

    index: int | None = None
    delta: Delta | None = None
    finish_reason: Text = None


if TYPE_CHECKING:
    Count = int
else:
    Count = int | float | None
    """What a number of tokens may be on the wire. As soon as it has been read it is a whole number."""


class PromptDetails(msgspec.Struct):
    """Part of :class:`Usage`."""

    cached_tokens: Count | None = None

    def __post_init__(self) -> None:
        """Leave no fraction."""
        if self.cached_tokens is not None:
            self.cached_tokens = int(self.cached_tokens)


class Usage(msgspec.Struct):
    """Tokens. Gemini counts reasoning into ``total_tokens`` alone (recorded). No answer fails for its count: a number
    that is null counts as none.
    """

    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    total_tokens: Count = 0
    prompt_tokens_details: PromptDetails | None = None

    def __post_init__(self) -> None:
        """Leave neither a fraction nor a null."""
        self.prompt_tokens = int(self.prompt_tokens or 0)
        self.completion_tokens = int(self.completion_tokens or 0)
        self.total_tokens = int(self.total_tokens or 0)


class Chunk(msgspec.Struct):
    """A ``chat.completion.chunk``. ``choices`` is null on Copilot's side notes, empty on its prompt-filter event.

    An error has ``error``, or is one itself, with a ``message``.
    """

    id: Text = None
    object: Text | msgspec.UnsetType = msgspec.UNSET
    created: int | None = None
    model: Text = None
    choices: list[ChunkChoice] | None = None
    usage: Usage | None = None
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    message: msgspec.Raw = NULL


class HubChunk(NamedTuple):
    """A clean chunk on its way from a back to a front: its JSON, and the view of it.

    Clean means: ``object``, ``id``, ``created``, ``model`` and each choice's ``index`` are there; the first delta of a
    choice, and no other, has its role; every tool call has its own ``index``, and ``id``, ``type`` and ``name`` in its
    first fragment; a choice finishes once, after all that it says (where Copilot sends calls after a finish that
    told of none, another one follows that does); ``usage`` comes once, in a last chunk whose ``choices`` are empty.
    """

    data: bytes
    view: Chunk


class Message(msgspec.Struct):
    """The message of a whole answer."""

    role: Text = None
    content: Text = None
    refusal: Text = None
    tool_calls: list[ToolCall] | None = None
    reasoning_content: Text = None
    reasoning_opaque: Text = None


class Choice(msgspec.Struct):
    """One choice of a whole answer."""

    index: int | None = None
    message: Message | None = None
    finish_reason: Text = None


class Completion(msgspec.Struct):
    """A whole ``chat.completion``."""

    id: Text = None
    created: int | None = None
    model: Text = None
    choices: list[Choice] | None = None
    usage: Usage | None = None


class HubReply(NamedTuple):
    """A clean whole answer: its JSON, and the view of it."""

    data: bytes
    view: Completion


class RequestPart(msgspec.Struct):
    """A part of a message's content: its type, and a picture's raw ``image_url``."""

    type: Text = None
    image_url: msgspec.Raw = msgspec.Raw()


class RequestMessage(msgspec.Struct):
    """A message of a request: what decides about headers and adaptations."""

    role: str
    content: str | list[RequestPart] | None = None
    tool_calls: list[msgspec.Raw] | None = None
    reasoning_content: msgspec.Raw = msgspec.Raw()
    reasoning_opaque: msgspec.Raw = msgspec.Raw()


class StreamOptions(msgspec.Struct):
    """``stream_options`` of a request."""

    include_usage: bool | None = None


class Request(msgspec.Struct):
    """A request: the fields that the house itself reads."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: list[RequestMessage]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None


class ErrorBody(msgspec.Struct):
    """The inside of ``{"error": ...}``, as OpenAI and Copilot have it; Copilot leaves fields out or empty."""

    message: Text = None
    code: str | int | None = None
    type: Text = None
    param: Text = None


class Call(NamedTuple):
    """What a client asks for, in the hub's dialect.

    ``envelope`` is the whole request body, ``request`` the view of it. ``model`` is the model's name in the client's
    own words; ``dropped`` names the fields of the client's dialect that have no place in the hub; ``names`` has the
    client's name of each field of the hub's that it knows by another. ``agent`` is whether an agent goes on by itself,
    where the client's dialect tells and the hub's messages no longer do.
    """

    model: str
    envelope: Envelope
    request: Request
    dropped: tuple[str, ...] = ()
    names: Mapping[str, str] = MappingProxyType({})
    agent: bool | None = None

    @property
    def stream(self) -> bool:
        """Whether the client wants a stream."""
        return bool(self.request.stream)

    @property
    def include_usage(self) -> bool:
        """Whether the client asked for a chunk of usage at the end of the stream."""
        options = self.request.stream_options
        return options is not None and bool(options.include_usage)

    @property
    def uses_functions(self) -> bool:
        """Whether the client offers ``functions`` and no ``tools``: it speaks OpenAI's older form (deprecated in 2023),
        and an answer in the newer one would tell it nothing. The older form has place for one call in an answer.
        """
        if is_absent(self.envelope, "functions"):
            return False
        return is_absent(self.envelope, "tools") or not bytes(self.envelope["tools"]).strip(b"[] \t\r\n")


class Written(NamedTuple):
    """A call as a back has written it: the body to send, headers that its endpoint wants beside the usual ones, and the
    names of the hub's fields that the endpoint has no place for and a client can live without.
    """

    body: bytes
    dropped: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


CHUNK_OBJECT: Final = "chat.completion.chunk"
COMPLETION_OBJECT: Final = "chat.completion"
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]

decode_chunk: Final = msgspec.json.Decoder(Chunk).decode
decode_completion: Final = msgspec.json.Decoder(Completion).decode
decode_request: Final = msgspec.json.Decoder(Request).decode
decode_error: Final = msgspec.json.Decoder(ErrorBody).decode
