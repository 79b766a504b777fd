"""The request body of ``POST /responses``, and the conversation that it is."""

from typing import Annotated, Any

import msgspec

from passenger_trio.simulator import chat_rules
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
from passenger_trio.simulator.refusals import NO_PREVIOUS_RESPONSE, Refused, invalid_body
from passenger_trio.simulator.responses_tools import (
    SEARCH,
    Offered,
    ResponsesTool,
    check_choice,
    check_namespaces,
    check_past_call,
    joined,
    offered,
)
from passenger_trio.simulator.schema_merge import is_list, is_object

_OFFERING = frozenset({"additional_tools", "tool_search_output"})
_TEXTS = frozenset({"input_text", "output_text", "text"})


class Item(msgspec.Struct):
    """One item of the input, of any type; a message may come without one."""

    type: str = "message"
    role: str = ""
    content: Any = None
    call_id: str = ""
    name: str = ""
    namespace: str | None = None
    output: Any = None
    tools: list[Any] | None = None

    def offers(self) -> list[ResponsesTool]:
        """The tools that it puts on offer, beside those of the request."""
        return msgspec.convert(self.tools or [], list[ResponsesTool]) if self.type in _OFFERING else []


class Reasoning(msgspec.Struct):
    """Whether to think, and whether to tell."""

    effort: str | None = None
    summary: str | None = None


class TextFormat(msgspec.Struct):
    """What the answer's text has to look like."""

    type: str = "text"
    schema: dict[str, Any] | bool = True


class TextSettings(msgspec.Struct):
    """The answer's text."""

    format: TextFormat | None = None
    verbosity: str | None = None


class ResponsesRequest(msgspec.Struct):
    """A request. Fields that are not named here change nothing, or are only echoed."""

    input: str | Annotated[list[Item], msgspec.Meta(min_length=1)]
    model: str | None = None
    stream: bool | None = None
    instructions: str | None = None
    tools: list[ResponsesTool] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    reasoning: Reasoning | None = None
    text: TextSettings | None = None
    previous_response_id: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    raw: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])

    def reasons(self) -> bool:
        """Whether the request asks for reasoning."""
        return self.reasoning is not None and self.reasoning.effort != "none"

    def items(self) -> list[Item]:
        """The input's items; none where it is a text."""
        return self.input if isinstance(self.input, list) else []

    def offered(self) -> dict[str, Offered]:
        """The tools that may be called, wherever they were put on offer. Raises :class:`Refused`."""
        try:
            more = [tool for item in self.items() for tool in item.offers()]
        except msgspec.ValidationError as error:
            raise Refused(invalid_body(f"invalid request body: {error}")) from None
        return offered([*(self.tools or ()), *more])

    def check(self, model: Model) -> None:
        """Raises :class:`Refused` for what the endpoint or the model does not take."""
        if self.previous_response_id is not None:
            raise Refused(NO_PREVIOUS_RESPONSE)
        tools = self.offered().values()
        chat_rules.check_tools([tool.name for tool in tools])
        check_namespaces(self.tools or ())
        check_choice(self.tool_choice, self.tools or (), tools)
        effort = self.reasoning.effort if self.reasoning is not None else None
        chat_rules.check_limits(model, effort=effort, tokens_out=self.max_output_tokens)
        for item in self.items():
            if item.type == "item_reference":
                raise Refused(invalid_body("items are not stored, and cannot be referred to"))
            if item.type == "function_call":
                check_past_call(item.name, item.namespace, tools)
            for part in item.content if is_list(item.content) else ():
                _check_part(part)

    def conversation(self) -> Conversation:
        """The request in the terms of a chat. Raises :class:`Refused` for a ``tool_choice`` that is none."""
        messages = [] if self.instructions is None else [Message("system", self.instructions)]
        if isinstance(self.input, str):
            messages.append(Message("user", self.input))
        else:
            messages += [message for item in self.input if (message := _message(item)) is not None]
        functions = [Function(name, tool.parameters) for name, tool in self.offered().items()]
        tools, choice = _choice(self.tool_choice, [Tool(function) for function in functions])
        form = self.text.format if self.text is not None else None
        return Conversation(
            messages,
            self.model,
            stream=self.stream,
            tools=tools,
            tool_choice=choice,
            parallel_tool_calls=self.parallel_tool_calls,
            response_format=None if form is None else ResponseFormat(form.type, JsonSchema(form.schema)),
            max_tokens=self.max_output_tokens,
        )


class ResponsesReader:
    """Bytes to :class:`ResponsesRequest`; one for the life of the app."""

    def read(self, body: bytes) -> ResponsesRequest:
        """Raises :class:`Refused` with Copilot's 400 for what is no JSON or no such request."""
        try:
            raw = msgspec.json.decode(body, type=dict[str, Any])
            request = msgspec.convert({**raw, "raw": {}}, ResponsesRequest)
        except msgspec.ValidationError as error:
            raise Refused(invalid_body(f"invalid request body: {error}")) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Refused(invalid_body("request body is not valid JSON")) from None
        request.raw = raw
        return request


def _check_part(part: object) -> None:
    if not is_object(part):
        return
    url = part.get("image_url")
    if part.get("type") == "input_image" and not (isinstance(url, str) and url.startswith("data:image/")):
        raise Refused(invalid_body("external image URLs are not supported"))


def _message(item: Item) -> Message | None:
    """``item`` as a message; None for one that says nothing, such as reasoning."""
    if item.type == "message":
        return Message(item.role, _content(item.content))
    if item.type in {"function_call", "custom_tool_call"}:
        called = CalledFunction(joined(item.namespace, item.name))
        return Message("assistant", tool_calls=[PastCall(item.call_id, called)])
    if item.type == "tool_search_call":
        return Message("assistant", tool_calls=[PastCall(item.call_id, CalledFunction(SEARCH))])
    if item.type == "tool_search_output":
        found = ", ".join(offered(item.offers())) or "nothing"
        return Message("tool", f"found {found}", tool_call_id=item.call_id)
    if item.type in {"function_call_output", "custom_tool_call_output"}:
        return Message("tool", _content(item.output), tool_call_id=item.call_id)
    return None


def _content(content: object) -> str | list[Part]:
    if isinstance(content, str):
        return content
    parts: list[Part] = []
    for part in content if is_list(content) else ():
        kind = part.get("type") if is_object(part) else None
        if is_object(part) and isinstance(kind, str) and kind in _TEXTS:
            parts.append(Part("text", str(part.get("text", ""))))
        elif kind == "input_image":
            parts.append(Part("image_url"))
    return parts


def _choice(choice: object, tools: list[Tool]) -> tuple[list[Tool], str | NamedChoice | None]:
    """The tools that may be called, and how they are chosen."""
    if choice is None or isinstance(choice, str):
        return tools, choice
    if not is_object(choice):
        raise Refused(invalid_body("tool_choice is neither a word nor an object"))
    if choice.get("type") == "allowed_tools":
        allowed = choice.get("tools")
        names = {str(entry.get("name")) for entry in (allowed if is_list(allowed) else ()) if is_object(entry)}
        return [tool for tool in tools if tool.function.name in names], str(choice.get("mode", "auto"))
    name = choice.get("name")
    return tools, NamedChoice(NamedFunction(name)) if isinstance(name, str) else "auto"
