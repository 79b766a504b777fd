"""What a request says, as far as it decides the answer: the body of ``POST /chat/completions``.

Requests of the other endpoints are translated into it (``responses_request``, ``messages_request``).
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from passenger_trio.simulator.refusals import Refused, invalid_body


class Part(msgspec.Struct):
    """One part of a message's content."""

    type: str
    text: str | None = None
    image_url: Any = None


class CalledFunction(msgspec.Struct):
    """The name of a function that was called."""

    name: str = ""


class PastCall(msgspec.Struct):
    """A call in the conversation's history."""

    id: str = ""
    function: CalledFunction = msgspec.field(default_factory=CalledFunction)


class Message(msgspec.Struct):
    """One message of the conversation."""

    role: str
    content: str | list[Part] | None = None
    tool_call_id: str | None = None
    tool_calls: list[PastCall] | None = None
    reasoning_opaque: str | None = None

    def text(self) -> str:
        """The message's text parts, joined by newlines."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content or () if part.text is not None)


class Function(msgspec.Struct):
    """A function that the model may call; without ``parameters`` it takes none."""

    name: str
    parameters: dict[str, Any] | bool | None = None


class Tool(msgspec.Struct):
    """One entry of ``tools``."""

    function: Function


class NamedFunction(msgspec.Struct):
    """The name of the one function that must be called."""

    name: str


class NamedChoice(msgspec.Struct):
    """A ``tool_choice`` that names a function."""

    function: NamedFunction


class JsonSchema(msgspec.Struct):
    """The schema of a structured answer."""

    schema: dict[str, Any] | bool = True


class ResponseFormat(msgspec.Struct):
    """``text``, ``json_object``, or ``json_schema`` with its schema."""

    type: str
    json_schema: JsonSchema | None = None


_Positive = Annotated[int, msgspec.Meta(ge=1)]


class Conversation(msgspec.Struct):
    """A chat request. Fields that are not named here change nothing: ``n``, ``stream_options``, ``seed``...

    Those at the end are looked at by ``chat_rules`` alone.
    """

    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    model: str | None = None
    stream: bool | None = None
    tools: list[Tool] | None = None
    tool_choice: str | NamedChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    stop: str | list[str] | None = None
    max_tokens: _Positive | None = None
    max_completion_tokens: _Positive | None = None
    reasoning_effort: str | None = None
    thinking_budget: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    service_tier: Any = msgspec.UNSET
    prompt_cache_key: Any = msgspec.UNSET
    store: Any = msgspec.UNSET
    metadata: Any = msgspec.UNSET

    def prompt(self) -> str:
        """The text of the last user message, or nothing."""
        return next((message.text() for message in reversed(self.messages) if message.role == "user"), "")

    def pictures(self) -> int:
        """How many pictures the last user message holds."""
        last = next((message for message in reversed(self.messages) if message.role == "user"), None)
        if last is None or not isinstance(last.content, list):
            return 0
        return sum(part.type == "image_url" for part in last.content)

    def shows_pictures(self) -> bool:
        """Whether any message holds a picture."""
        return any(part.type == "image_url" for part in self.parts())

    def parts(self) -> Iterator[Part]:
        """The parts of all messages."""
        for message in self.messages:
            if isinstance(message.content, list):
                yield from message.content

    def results(self) -> list[tuple[str, str]]:
        """The tool results at the conversation's end: (the tool's name or "", its answer), oldest first."""
        names = {call.id: call.function.name for message in self.messages for call in message.tool_calls or ()}
        found: list[tuple[str, str]] = []
        for message in reversed(self.messages):
            if message.role != "tool":
                break
            found.append((names.get(message.tool_call_id or "", ""), message.text()))
        return found[::-1]

    def word_count(self) -> int:
        """The words of all messages; the simulator takes a word for a token."""
        return sum(len(message.text().split()) for message in self.messages)

    def token_limit(self) -> int | None:
        """The smaller of the two limits that a request can carry."""
        limits = [limit for limit in (self.max_tokens, self.max_completion_tokens) if limit is not None]
        return min(limits, default=None)

    def stops(self) -> list[str]:
        """The texts before which the answer ends."""
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [stop for stop in stops if stop]

    def identity(self) -> bytes:
        """Equal for two requests with equal messages."""
        return msgspec.json.encode(self.messages)


class ConversationReader:
    """Bytes to :class:`Conversation`; one for the life of the app."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(Conversation)

    def read(self, body: bytes) -> Conversation:
        """Raises :class:`Refused` with Copilot's 400 for what is no JSON or no chat request."""
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise Refused(invalid_body(f"invalid request body: {error}")) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Refused(invalid_body("request body is not valid JSON")) from None


def parameters_of(function: Function) -> Mapping[str, object] | bool:
    """The function's parameter schema; a function without one takes an empty object."""
    return {"type": "object"} if function.parameters is None else function.parameters
