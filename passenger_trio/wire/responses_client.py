"""OpenAI's Responses dialect as its clients write it: what we read of requests.

Source: OpenAI's reference, "Responses", and the types of its ``openai`` package. What programs send is wider: items
without ``type``, and nulls for what is not meant. What Copilot says in this dialect is ``wire/responses.py``.
"""

from typing import Annotated, Final, NamedTuple

import msgspec

from passenger_trio.wire import envelope
from passenger_trio.wire.envelope import Envelope

Text = str | None


class Request(msgspec.Struct):
    """A request: the fields that the house itself reads. ``input`` is a text, or a list of items."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    input: str | list[msgspec.Raw] | None = None
    instructions: Text = None
    stream: bool | None = None
    background: bool | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    reasoning: Envelope | None = None
    text: Envelope | None = None
    tools: list[msgspec.Raw] | None = None
    tool_choice: msgspec.Raw = envelope.NULL
    parallel_tool_calls: bool | None = None
    include: list[str] | None = None
    truncation: Text = None


class Asked(NamedTuple):
    """What a client asks for: the whole request, and the view of it."""

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


class Head(msgspec.Struct):
    """What tells of which type an item is: a message may come without its ``type``, a reference with an id alone."""

    type: Text = None
    role: Text = None
    id: Text = None


class Part(msgspec.Struct):
    """A part of a message's ``content``, of a tool's ``output`` or of a ``summary``."""

    type: Text = None
    text: Text = None
    refusal: Text = None
    image_url: msgspec.Raw = envelope.NULL
    detail: Text = None
    filename: msgspec.Raw = envelope.NULL
    file_data: msgspec.Raw = envelope.NULL
    file_url: msgspec.Raw = envelope.NULL
    file_id: msgspec.Raw = envelope.NULL
    input_audio: msgspec.Raw = envelope.NULL


Content = str | list[Part] | None


class Message(msgspec.Struct):
    """A message of anybody."""

    role: str
    content: Content = None


class Reasoning(msgspec.Struct):
    """What a model has thought: in words, and in the form that only it can read. ``content`` is null from Codex."""

    content: list[msgspec.Raw] | None = None
    summary: list[Part] | None = None
    encrypted_content: Text = None


class ToolCall(msgspec.Struct):
    """A call of a function (``arguments``) or of a custom tool (``input``)."""

    call_id: str
    name: str
    namespace: Text = None
    arguments: Text = None
    input: Text = None


class ToolOutput(msgspec.Struct):
    """The result of a call."""

    call_id: str
    output: Content = None


class SearchCall(msgspec.Struct):
    """A search for tools; ``execution`` says whether the client or OpenAI's server does it."""

    call_id: Text = None
    execution: Text = None
    arguments: msgspec.Raw = envelope.NULL


class SearchOutput(msgspec.Struct):
    """The tools that were found."""

    call_id: Text = None
    execution: Text = None
    tools: list[msgspec.Raw] | None = None


class AdditionalTools(msgspec.Struct):
    """Tools that a client offers among the input, not in ``tools`` (Codex)."""

    tools: list[msgspec.Raw] | None = None


class Tool(msgspec.Struct):
    """A tool on offer; a ``namespace`` has ``tools`` of its own."""

    type: Text = None
    name: Text = None
    description: Text = None
    execution: Text = None
    format: msgspec.Raw = envelope.NULL
    tools: list[msgspec.Raw] | None = None


class ToolFormat(msgspec.Struct):
    """The form of a custom tool's input: any ``text``, or what a ``grammar`` allows."""

    type: Text = None
    syntax: Text = None
    definition: Text = None


class ToolChoice(msgspec.Struct):
    """A choice among the tools, and each entry of ``allowed_tools``."""

    type: Text = None
    name: Text = None
    namespace: Text = None
    mode: Text = None
    tools: list["ToolChoice"] | None = None


decode_request: Final = msgspec.json.Decoder(Request).decode
decode_head: Final = msgspec.json.Decoder(Head).decode
decode_message: Final = msgspec.json.Decoder(Message).decode
decode_reasoning: Final = msgspec.json.Decoder(Reasoning).decode
decode_tool_call: Final = msgspec.json.Decoder(ToolCall).decode
decode_tool_output: Final = msgspec.json.Decoder(ToolOutput).decode
decode_search_call: Final = msgspec.json.Decoder(SearchCall).decode
decode_search_output: Final = msgspec.json.Decoder(SearchOutput).decode
decode_additional_tools: Final = msgspec.json.Decoder(AdditionalTools).decode
decode_tool: Final = msgspec.json.Decoder(Tool).decode
decode_tool_format: Final = msgspec.json.Decoder(ToolFormat).decode
decode_tool_choice: Final = msgspec.json.Decoder(str | ToolChoice).decode
