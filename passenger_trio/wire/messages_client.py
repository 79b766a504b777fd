"""Anthropic's Messages as clients send them: the views of a request.

The shapes are those of Anthropic's own package (2.12, with its beta types). Requests are read leniently: an explicit
null means absent, and what no view names stays in the envelope.
"""

from typing import Annotated, Final, NamedTuple

import msgspec

from passenger_trio.wire import envelope
from passenger_trio.wire.envelope import Envelope

Text = str | None
Raw = msgspec.Raw


class Request(msgspec.Struct):
    """What of a request is looked at on its way in; everything else is read where it is needed."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: Raw
    stream: bool | None = None


class Asked(NamedTuple):
    """What a client asks for: the whole body, and the view of it."""

    envelope: Envelope
    view: Request

    @property
    def model(self) -> str:
        """The model's name in the client's own words."""
        return self.view.model

    @property
    def stream(self) -> bool:
        """Whether the client wants a stream."""
        return bool(self.view.stream)


class Message(msgspec.Struct):
    """A message: of ``user``, ``assistant``, or ``system`` (which Claude Code sends among the others).

    ``clear_at`` is a system message's alone: ``next_user_message`` lets it count for that turn of the user only.
    """

    role: str
    content: str | list[Raw] | None = None
    clear_at: Text = None


class Block(msgspec.Struct):
    """A block of a message, of any type; each type has some of these fields.

    ``content`` is a tool's result or a found text, ``source`` a picture or a document, or where a text was found.
    """

    type: str
    text: Text = None
    source: Raw = envelope.NULL
    title: Text = None
    context: Text = None
    content: Raw = envelope.NULL
    id: Text = None
    name: Text = None
    input: Raw = envelope.NULL
    tool_use_id: Text = None
    is_error: bool | None = None
    thinking: Text = None
    signature: Text = None
    data: Text = None
    tool: Raw = envelope.NULL
    tool_name: Text = None


class Source(msgspec.Struct):
    """Where a picture or a document is: ``base64``, ``text``, ``content``, ``url`` or ``file``."""

    type: str
    media_type: Text = None
    data: Text = None
    url: Text = None
    content: Raw = envelope.NULL


class Tool(msgspec.Struct):
    """A tool. One that the client itself defines has the type ``custom``, or none, and a schema."""

    type: Text = None
    name: Text = None
    description: Text = None
    input_schema: Raw = envelope.NULL
    strict: bool | None = None


class ToolChoice(msgspec.Struct):
    """``auto``, ``any``, ``tool`` (then with a ``name``) or ``none``."""

    type: str
    name: Text = None
    disable_parallel_tool_use: bool | None = None


class Thinking(msgspec.Struct):
    """``enabled`` with a budget, ``adaptive``, ``between_tools`` or ``disabled``."""

    type: str
    budget_tokens: float | None = None


class OutputFormat(msgspec.Struct):
    """The form of the answer: ``json_schema``."""

    type: str
    schema: Raw = envelope.NULL


class OutputConfig(msgspec.Struct):
    """How hard to think, and in what form to answer."""

    effort: Text = None
    format: OutputFormat | None = None


class Typed(msgspec.Struct):
    """Anything that has a type."""

    type: Text = None


class Said(msgspec.Struct):
    """Of a block: its type and its text."""

    type: Text = None
    text: Text = None


class Turn(msgspec.Struct):
    """Of a message: who says it, and what."""

    role: str
    content: str | list[Said] | None = None


decode_request: Final = msgspec.json.Decoder(Request).decode
decode_messages: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
decode_message: Final = msgspec.json.Decoder(Message).decode
decode_content: Final = msgspec.json.Decoder(str | list[msgspec.Raw] | None).decode
decode_block: Final = msgspec.json.Decoder(Block).decode
decode_source: Final = msgspec.json.Decoder(Source).decode
decode_tools: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
decode_tool: Final = msgspec.json.Decoder(Tool).decode
decode_tool_choice: Final = msgspec.json.Decoder(ToolChoice).decode
decode_thinking: Final = msgspec.json.Decoder(Thinking).decode
decode_output_config: Final = msgspec.json.Decoder(OutputConfig).decode
decode_output_format: Final = msgspec.json.Decoder(OutputFormat).decode
decode_stop: Final = msgspec.json.Decoder(list[str]).decode
decode_turn: Final = msgspec.json.Decoder(Turn).decode
decode_typed: Final = msgspec.json.Decoder(Typed).decode
