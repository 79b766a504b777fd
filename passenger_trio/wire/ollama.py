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


class CallFunction(msgspec.Struct):
    """The function of a tool call a client sends back. ``arguments`` is an object; some clients send its text."""

    name: str
    arguments: msgspec.Raw = ABSENT


class RequestToolCall(msgspec.Struct):
    """A tool call a client sends back; most leave the id out."""

    function: CallFunction
    id: str | None = None


class RequestMessage(msgspec.Struct):
    """One message. ``content`` is text, or an array of OpenAI's parts, which is passed on as it is."""

    role: str
    content: msgspec.Raw = ABSENT
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[RequestToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None
    name: str | None = None


class Request(msgspec.Struct):
    """``POST /api/chat``. ``messages`` absent or empty asks to load or unload the model."""

    model: str = ""
    messages: list[RequestMessage] | None = None
    stream: bool | None = None
    format: msgspec.Raw = ABSENT
    think: bool | str | None = None
    keep_alive: msgspec.Raw = ABSENT
    tools: list[msgspec.Raw] | None = None
    options: dict[str, msgspec.Raw] | None = None


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


class Line(msgspec.Struct, omit_defaults=True):
    """One line of the stream, or the whole answer. Durations are nanoseconds and integers."""

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


class Details(msgspec.Struct):
    """``details`` of a listed model; strict clients want every one of them to be a non-null value."""

    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str
    parent_model: str = ""
    format: str = "gguf"


class Tag(msgspec.Struct):
    """One model of ``/api/tags``; ``digest`` is 64 hex digits, and clients take models with equal digests for one."""

    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: Details
    capabilities: list[str]


class Tags(msgspec.Struct):
    """``/api/tags``."""

    models: list[Tag]


decode_request: Final = msgspec.json.Decoder(Request).decode

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
