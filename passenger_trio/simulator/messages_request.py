"""The request body of ``POST /v1/messages``, and the conversation that it is."""

from typing import Any

import msgspec

from passenger_trio.simulator import messages_rules
from passenger_trio.simulator.catalogue import Model
from passenger_trio.simulator.conversation import (
    CalledFunction,
    Conversation,
    Function,
    JsonSchema,
    Message,
    NamedChoice,
    NamedFunction,
    Part,
    PastCall,
    ResponseFormat,
    Tool,
)
from passenger_trio.simulator.refusals import Refused, anthropic


class Block(msgspec.Struct):
    """One block of a message's content, of any type."""

    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    tool_use_id: str = ""
    tool_name: str = ""
    content: Any = None


class Turn(msgspec.Struct):
    """One message."""

    role: str
    content: str | list[Block]


class MessagesTool(msgspec.Struct):
    """One entry of ``tools``."""

    name: str
    type: str | None = None
    input_schema: dict[str, Any] | bool | None = None


class ToolChoice(msgspec.Struct):
    """How tools are chosen."""

    type: str
    name: str = ""
    disable_parallel_tool_use: bool = False


class Thinking(msgspec.Struct):
    """Whether to think: ``enabled``, ``adaptive`` or ``disabled``."""

    type: str
    budget_tokens: int | None = None


class OutputFormat(msgspec.Struct):
    """What the answer's text has to look like."""

    type: str = "text"
    schema: dict[str, Any] | bool = True


class OutputConfig(msgspec.Struct):
    """How much to think, and the form of the answer."""

    effort: str | None = None
    format: OutputFormat | None = None


class MessagesRequest(msgspec.Struct):
    """A request. ``raw`` is the same as it came, for the rules."""

    messages: list[Turn]
    max_tokens: int | None = None
    model: str | None = None
    system: str | list[Block] | None = None
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    tools: list[MessagesTool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    temperature: float | None = None
    raw: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])

    def thinks(self) -> bool:
        """Whether the request asks for thinking."""
        return self.thinking is not None and self.thinking.type in {"enabled", "adaptive"}

    def check(self, model: Model, betas: str | None) -> None:
        """Raises :class:`Refused` for what the endpoint or the model does not take."""
        named = frozenset(beta.strip() for beta in (betas or "").split(",") if beta.strip())
        messages_rules.check_shape(self.raw, named)
        wishes = messages_rules.Wishes(
            tokens=self.max_tokens or 0,
            effort=self.output_config.effort if self.output_config is not None else None,
            thinking=self.thinking.type if self.thinking is not None else None,
            budget=self.thinking.budget_tokens if self.thinking is not None else None,
            temperature=self.temperature,
            forced=self.tool_choice is not None and self.tool_choice.type in {"any", "tool"},
            formed=self.output_config is not None and self.output_config.format is not None,
        )
        messages_rules.check_limits(wishes, model)

    def conversation(self) -> Conversation:
        """The request in the terms of a chat."""
        messages = [] if self.system is None else [Message("system", _content(self.system))]
        for turn in self.messages:
            messages += _messages(turn)
        choice = self.tool_choice
        form = self.output_config.format if self.output_config is not None else None
        return Conversation(
            messages,
            self.model,
            stream=self.stream,
            tools=[Tool(Function(tool.name, tool.input_schema)) for tool in self.tools or () if _callable(tool)],
            tool_choice=None if choice is None else _choice(choice),
            parallel_tool_calls=None if choice is None else not choice.disable_parallel_tool_use,
            response_format=None if form is None else ResponseFormat(form.type, JsonSchema(form.schema)),
            stop=self.stop_sequences,
            max_tokens=self.max_tokens,
        )


class MessagesReader:
    """Bytes to :class:`MessagesRequest`; one for the life of the app."""

    def read(self, body: bytes) -> MessagesRequest:
        """Raises :class:`Refused` with Anthropic's 400 for what is no JSON or no such request."""
        try:
            raw = msgspec.json.decode(body, type=dict[str, Any])
            messages_rules.check_present(raw)
            request = msgspec.convert({**raw, "raw": {}}, MessagesRequest)
        except msgspec.ValidationError as error:
            raise Refused(anthropic(f"invalid request body: {error}")) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Refused(anthropic("The request body is not valid JSON")) from None
        request.raw = raw
        return request


def _callable(tool: MessagesTool) -> bool:
    """Copilot's own tools are never called."""
    return tool.type in {None, "custom"}


def _choice(choice: ToolChoice) -> str | NamedChoice:
    if choice.type == "tool":
        return NamedChoice(NamedFunction(choice.name))
    return "required" if choice.type == "any" else choice.type


def _messages(turn: Turn) -> list[Message]:
    """``turn`` as messages: results of tools are messages of their own, and come first."""
    blocks = [] if isinstance(turn.content, str) else turn.content
    results = [
        Message("tool", _content(_blocks(block.content)), tool_call_id=block.tool_use_id)
        for block in blocks
        if block.type == "tool_result"
    ]
    calls = [PastCall(block.id, CalledFunction(block.name)) for block in blocks if block.type == "tool_use"]
    content = turn.content if isinstance(turn.content, str) else _content(turn.content)
    if results and not content:
        return results
    return [*results, Message(turn.role, content, tool_calls=calls or None)]


def _blocks(content: object) -> str | list[Block]:
    if content is None or isinstance(content, str):
        return content or ""
    try:
        return msgspec.convert(content, list[Block])
    except msgspec.ValidationError as error:
        raise Refused(anthropic(f"tool_result.content: {error}")) from None


def _content(content: str | list[Block]) -> str | list[Part]:
    if isinstance(content, str):
        return content
    parts: list[Part] = []
    for block in content:
        if block.type == "text":
            parts.append(Part("text", block.text))
        elif block.type == "tool_reference":
            parts.append(Part("text", block.tool_name))
        elif block.type == "image":
            parts.append(Part("image_url"))
    return parts
