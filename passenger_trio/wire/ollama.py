"""Ollama's native chat: what clients send, and the lines they read.

Source: the protocol as real clients rely on it. Requests are read leniently (clients ported from OpenAI send its shapes
to the same paths); answers are written strictly, since their readers are.
"""

from typing import Final, Literal

import msgspec

UNSET = msgspec.UNSET
UnsetType = msgspec.UnsetType
ABSENT: Final = msgspec.Raw()
"""The raw value of a field that was not sent: no bytes at all."""


class CalledFunction(msgspec.Struct):
    """The function of a tool call a client sends back. ``arguments`` is an object; some clients send its text."""

    name: str
    arguments: msgspec.Raw = ABSENT


class ReturnedCall(msgspec.Struct):
    """A tool call a client sends back; most leave the id out."""

    function: msgspec.Raw
    id: str = ""


class Said(msgspec.Struct):
    """One message. ``content`` is text, or an array of OpenAI's parts, which is passed on as it is."""

    role: str
    content: msgspec.Raw = ABSENT
    thinking: str = ""
    images: list[str] | None = None
    tool_calls: list[msgspec.Raw] | None = None
    tool_name: str = ""
    tool_call_id: str = ""
    name: str = ""


class Asking(msgspec.Struct):
    """What requests to chat and to generate have in common. ``name`` is another name of ``model``."""

    model: str = ""
    name: str = ""
    stream: bool | None = None
    format: msgspec.Raw = ABSENT
    think: bool | str | None = None
    keep_alive: msgspec.Raw = ABSENT
    options: dict[str, msgspec.Raw] | None = None
    logprobs: bool = False
    top_logprobs: int = 0


class ChatRequest(Asking):
    """``POST /api/chat``. ``messages`` absent or empty asks to load or unload the model."""

    messages: list[msgspec.Raw] | None = None
    tools: list[msgspec.Raw] | None = None


class GenerateRequest(Asking):
    """``POST /api/generate``. An empty ``prompt``, with nothing beside it, asks to load or unload the model."""

    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: list[int] | None = None
    raw: bool = False
    images: list[str] | None = None


class AnswerFunction(msgspec.Struct):
    """``arguments`` is an object, never its text; ``index`` counts the calls of an answer."""

    index: int
    name: str
    arguments: msgspec.Raw


class AnswerToolCall(msgspec.Struct):
    """A tool call of an answer, whole: Ollama never cuts one in pieces."""

    id: str
    function: AnswerFunction


class AnswerMessage(msgspec.Struct, omit_defaults=True):
    """``content`` is always there, empty beside tool calls: clients lose the call otherwise."""

    role: Literal["assistant"]
    content: str
    thinking: str | UnsetType = UNSET
    tool_calls: list[AnswerToolCall] | UnsetType = UNSET


class TokenLogprob(msgspec.Struct):
    """How likely a token was; ``bytes`` are those of its text."""

    token: str
    logprob: float
    bytes: list[int]


class Logprob(TokenLogprob, omit_defaults=True):
    """The same of a token that was said, with the likeliest ones in its place, if they were asked for."""

    top_logprobs: list[TokenLogprob] | UnsetType = UNSET


class Line(msgspec.Struct, omit_defaults=True):
    """One line of a chat's stream, or its whole answer. Durations are nanoseconds and integers.

    ``logprobs`` are encoded :class:`Logprob`.
    """

    model: str
    created_at: str
    message: AnswerMessage
    done: bool
    done_reason: str | UnsetType = UNSET
    total_duration: int | UnsetType = UNSET
    load_duration: int | UnsetType = UNSET
    prompt_eval_count: int | UnsetType = UNSET
    prompt_eval_duration: int | UnsetType = UNSET
    eval_count: int | UnsetType = UNSET
    eval_duration: int | UnsetType = UNSET
    logprobs: list[msgspec.Raw] | UnsetType = UNSET


class GenerateLine(msgspec.Struct, omit_defaults=True):
    """One line of the stream of ``/api/generate``, or its whole answer; as :class:`Line`."""

    model: str
    created_at: str
    response: str
    done: bool
    thinking: str | UnsetType = UNSET
    tool_calls: list[AnswerToolCall] | UnsetType = UNSET
    done_reason: str | UnsetType = UNSET
    context: list[int] | UnsetType = UNSET
    total_duration: int | UnsetType = UNSET
    load_duration: int | UnsetType = UNSET
    prompt_eval_count: int | UnsetType = UNSET
    prompt_eval_duration: int | UnsetType = UNSET
    eval_count: int | UnsetType = UNSET
    eval_duration: int | UnsetType = UNSET
    logprobs: list[msgspec.Raw] | UnsetType = UNSET


class Details(msgspec.Struct):
    """``details`` of a model; strict clients want every one of them to be a non-null value.

    ``context_length`` and ``embedding_length`` are those of the list's entries since Ollama 0.30.
    """

    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str
    parent_model: str = ""
    format: str = "gguf"
    context_length: int | UnsetType = UNSET
    embedding_length: int | UnsetType = UNSET


class Tag(msgspec.Struct):
    """One model of ``/api/tags``; ``digest`` is 64 hex digits, and clients take models with equal digests for one."""

    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: Details
    capabilities: list[str]
    remote_model: str
    remote_host: str


class Tags(msgspec.Struct):
    """``/api/tags``."""

    models: list[Tag]


class Card(msgspec.Struct):
    """``/api/show``. Of ``model_info`` clients take the first key that contains ``context_length``."""

    license: str
    modelfile: str
    parameters: str
    template: str
    details: Details
    model_info: dict[str, str | int]
    capabilities: list[str]
    modified_at: str
    remote_model: str
    remote_host: str


class Running(msgspec.Struct):
    """One model of ``/api/ps``."""

    name: str
    model: str
    size: int
    digest: str
    details: Details
    expires_at: str
    size_vram: int
    context_length: int


class RunningModels(msgspec.Struct):
    """``/api/ps``."""

    models: list[Running]


class Progress(msgspec.Struct):
    """One line of ``/api/pull``: a step, or how much of a layer has come."""

    status: str
    digest: str | UnsetType = UNSET
    total: int | UnsetType = UNSET
    completed: int | UnsetType = UNSET


class ModelRequest(msgspec.Struct):
    """What is asked about a model; ``name`` is the older word for ``model``. ``source`` and ``destination`` are those
    of ``/api/copy``.
    """

    model: str = ""
    name: str = ""
    source: str = ""
    destination: str = ""
    stream: bool = True


decode_chat: Final = msgspec.json.Decoder(ChatRequest).decode
decode_generate: Final = msgspec.json.Decoder(GenerateRequest).decode
decode_said: Final = msgspec.json.Decoder(Said).decode
decode_returned_call: Final = msgspec.json.Decoder(ReturnedCall).decode
decode_called_function: Final = msgspec.json.Decoder(CalledFunction).decode
decode_model_request: Final = msgspec.json.Decoder(ModelRequest).decode

_LINE_ENDS: Final = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"))


def line(data: bytes) -> bytes:
    """JSON as one line of a stream.

    Unicode's own line ends, which JSON leaves as they are and has inside texts alone, are written as escapes: the
    ``ollama`` package splits lines at them (httpx's ``iter_lines``).
    """
    for raw, escaped in _LINE_ENDS:
        if raw in data:
            data = data.replace(raw, escaped)
    return data + b"\n"
