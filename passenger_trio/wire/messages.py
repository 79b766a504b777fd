"""Anthropic's Messages: what we read of whole answers and of stream events, and the thinking that travels both ways.

The shapes are Anthropic's (API reference, "Messages" and "Streaming messages"); Copilot serves them on ``/v1/messages``
and adds ``copilot_usage``. Everything here is a view: what it does not name is passed over.
"""

from typing import Final

import msgspec

from passenger_trio.wire import envelope, sse

Text = str | None

VERSION: Final = "2023-06-01"
"""The ``anthropic-version`` whose shapes these are."""

INTERLEAVED_THINKING: Final = "interleaved-thinking-2025-05-14"
PING: Final = sse.event(b'{"type": "ping"}', b"ping")
"""A sign of life, which may come anywhere in a stream (API reference, "Streaming messages", "Ping events")."""

BETAS: Final = (INTERLEAVED_THINKING, "context-management-2025-06-27", "advanced-tool-use-2025-11-20")
"""What Copilot is known to take in an ``anthropic-beta`` header: the official client sends these."""


def known_betas(header: str) -> tuple[str, ...]:
    """Those of a client's ``anthropic-beta`` header, a list with commas, that Copilot takes; each once, in its order.

    The rest must not go there: an unknown one may cost the whole request.
    """
    named = [beta.strip() for beta in header.split(",")]
    return tuple(dict.fromkeys(beta for beta in named if beta in BETAS))


class Block(msgspec.Struct):
    """A block of an answer: ``text``, ``tool_use``, ``thinking``, ``redacted_thinking``, or a server tool's."""

    type: Text = None
    text: Text = None
    id: Text = None
    name: Text = None
    input: msgspec.Raw = envelope.NULL
    thinking: Text = None
    signature: Text = None
    data: Text = None


class Usage(msgspec.Struct):
    """Tokens. The prompt is the sum of the first three; in a stream every number is cumulative."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None


class Answer(msgspec.Struct):
    """A whole message; in ``message_start``, the head of one. ``error`` is there when it is none, or ``message``, the
    words of an error with nothing around it.
    """

    id: Text = None
    model: Text = None
    content: list[Block] | None = None
    stop_reason: Text = None
    usage: Usage | None = None
    copilot_usage: msgspec.Raw = envelope.NULL
    error: msgspec.Raw = envelope.NULL
    message: msgspec.Raw = envelope.NULL


class Delta(msgspec.Struct):
    """The ``delta`` of ``content_block_delta`` (by its ``type``), and of ``message_delta`` (``stop_reason``)."""

    type: Text = None
    text: Text = None
    partial_json: Text = None
    thinking: Text = None
    signature: Text = None
    stop_reason: Text = None


class Event(msgspec.Struct):
    """Any event of a stream. ``type`` says the same as the ``event:`` line; a ``message`` of text is an error's."""

    type: Text = None
    index: int = 0
    message: Answer | str | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Usage | None = None
    copilot_usage: msgspec.Raw = envelope.NULL
    error: msgspec.Raw = envelope.NULL


class Thinking(msgspec.Struct, tag="thinking"):
    """What a model thought, signed: only with its signature may it come back."""

    thinking: str
    signature: str


class RedactedThinking(msgspec.Struct, tag="redacted_thinking"):
    """What a model thought, encrypted."""

    data: str


Thought = Thinking | RedactedThinking

decode_answer: Final = msgspec.json.Decoder(Answer).decode
decode_event: Final = msgspec.json.Decoder(Event).decode
decode_thoughts: Final[msgspec.json.Decoder[list[Thought]]] = msgspec.json.Decoder(list[Thought])
