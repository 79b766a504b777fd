"""The items of a Responses answer while they are being written: what they hold, and the events that tell of it.

The events and their order are OpenAI's (reference, "Responses", "Streaming events"). Each item is added, grows, and is
done; clients know it by ``output_index`` and by its id, which stay the same throughout.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Literal

import msgspec

from passenger_trio.translate.fronts.responses_tools import Origin
from passenger_trio.translate.fronts.seal import seal
from passenger_trio.wire import envelope

Body = dict[str, object]
Emit = Callable[[str, Body], None]
Status = Literal["in_progress", "completed", "incomplete"]
Words = Literal["output_text", "refusal"]


class Item:
    """An item of the output. ``index`` is its place, ids are made of ``token``, ``emit`` takes its events."""

    prefix: ClassVar[str]
    type: ClassVar[str]

    def __init__(self, index: int, token: str, emit: Emit) -> None:
        self.id: Final = f"{self.prefix}_{token}_{index}"
        self.status: Status = "in_progress"
        self._index = index
        self._emit = emit

    @property
    def is_open(self) -> bool:
        """Whether it may still grow."""
        return self.status == "in_progress"

    @property
    def is_whole(self) -> bool:
        """Whether nothing can be missing of it, as far as one can tell."""
        return True

    def add(self) -> None:
        """Tell that there is such an item."""
        self._emit("response.output_item.added", {"output_index": self._index, "item": self.body()})

    def close(self, status: Status) -> None:
        """Tell that it is done."""
        self._finish()
        self.status = status
        self._emit("response.output_item.done", {"output_index": self._index, "item": self.body()})

    def body(self) -> Body:
        """The item as it is now: while it is open, without what is still to come."""
        return {"id": self.id, "type": self.type}

    def _finish(self) -> None:
        """Tell that its last part is done."""

    def _tell(self, event: str, **fields: object) -> None:
        self._emit(f"response.{event}", {"item_id": self.id, "output_index": self._index, **fields})


class Reasoning(Item):
    """What the model has thought: in words, and sealed for ``model`` in the form that it wants back."""

    prefix = "rs"
    type = "reasoning"

    def __init__(self, index: int, token: str, emit: Emit, model: str) -> None:
        super().__init__(index, token, emit)
        self._model = model
        self._text: list[str] = []
        self._opaque: list[str] = []

    def think(self, text: str) -> None:
        """A piece of the words."""
        if not self._text:
            self._tell("reasoning_summary_part.added", summary_index=0, part=_summary(""))
        self._text.append(text)
        self._tell("reasoning_summary_text.delta", summary_index=0, delta=text)

    def keep(self, opaque: str) -> None:
        """A piece of the form that only the model can read."""
        self._opaque.append(opaque)

    def body(self) -> Body:
        opaque = "".join(self._opaque)
        body: Body = {
            **super().body(),
            "summary": [_summary("".join(self._text))] if self._text and not self.is_open else [],
            "encrypted_content": seal(opaque, self._model) if opaque else None,
        }
        if self.status == "incomplete" and self._text:
            body["status"] = self.status  # OpenAI's have none as a rule
        return body

    def _finish(self) -> None:
        if self._text:
            text = "".join(self._text)
            self._tell("reasoning_summary_text.done", summary_index=0, text=text)
            self._tell("reasoning_summary_part.done", summary_index=0, part=_summary(text))


class Message(Item):
    """What the model has said: parts of text, and of refusal."""

    prefix = "msg"
    type = "message"

    def __init__(self, index: int, token: str, emit: Emit) -> None:
        super().__init__(index, token, emit)
        self._parts: list[tuple[Words, list[str]]] = []

    def say(self, kind: Words, text: str) -> None:
        """A piece of text or of refusal."""
        if not self._parts or self._parts[-1][0] != kind:
            self._finish()
            self._parts.append((kind, []))
            self._tell("content_part.added", content_index=self._at, part=_part(kind, ""))
        self._parts[-1][1].append(text)
        if kind == "refusal":
            self._tell("refusal.delta", content_index=self._at, delta=text)
        else:
            self._tell("output_text.delta", content_index=self._at, delta=text, logprobs=[])

    def body(self) -> Body:
        content = [] if self.is_open else [_part(kind, "".join(pieces)) for kind, pieces in self._parts]
        return {**super().body(), "status": self.status, "content": content, "role": "assistant"}

    @property
    def _at(self) -> int:
        return len(self._parts) - 1

    def _finish(self) -> None:
        if not self._parts:
            return
        kind, pieces = self._parts[-1]
        text = "".join(pieces)
        if kind == "refusal":
            self._tell("refusal.done", content_index=self._at, refusal=text)
        else:
            self._tell("output_text.done", content_index=self._at, text=text, logprobs=[])
        self._tell("content_part.done", content_index=self._at, part=_part(kind, text))


class Call(Item):
    """A call of the client's tool ``origin``, of whatever kind; the hub knows the arguments of a function alone."""

    def __init__(self, index: int, token: str, emit: Emit, call_id: str, origin: Origin) -> None:
        super().__init__(index, token, emit)
        self._call_id = call_id
        self._origin = origin
        self._pieces: list[str] = []

    @property
    def arguments(self) -> str:
        """As much of them as there is."""
        return "".join(self._pieces)

    @property
    def is_whole(self) -> bool:
        """Whether the arguments are a JSON object: no beginning of one is."""
        try:
            envelope.decode(self.arguments.encode())
        except envelope.UNREADABLE:
            return False
        return True

    def grow(self, arguments: str) -> None:
        """A piece of the arguments."""
        self._pieces.append(arguments)

    def body(self) -> Body:
        return {**super().body(), "status": self.status, "call_id": self._call_id}

    def _named(self) -> Body:
        namespace = self._origin.namespace
        return {"name": self._origin.name} if namespace is None else {"name": self._origin.name, "namespace": namespace}


class FunctionCall(Call):
    """A call of a function, whose arguments are told as they come."""

    prefix = "fc"
    type = "function_call"

    def grow(self, arguments: str) -> None:
        super().grow(arguments)
        self._tell("function_call_arguments.delta", delta=arguments)

    def body(self) -> Body:
        return {**super().body(), **self._named(), "arguments": "" if self.is_open else self.arguments}

    def _finish(self) -> None:
        self._tell("function_call_arguments.done", arguments=self.arguments)


class CustomCall(Call):
    """A call of a custom tool: the one text in the arguments, once they are whole."""

    prefix = "ctc"
    type = "custom_tool_call"

    def body(self) -> Body:
        return {**super().body(), **self._named(), "input": "" if self.is_open else self._input()}

    def _finish(self) -> None:
        text = self._input()
        if text:
            self._tell("custom_tool_call_input.delta", delta=text)
        self._tell("custom_tool_call_input.done", input=text)

    def _input(self) -> str:
        """The text; where the model made something else of the arguments, or was cut off, all that there is."""
        try:
            return _decode_input(self.arguments).input
        except envelope.UNREADABLE:
            return self.arguments


class SearchCall(Call):
    """A search for tools, which the client does itself. No event tells of its arguments while they grow."""

    prefix = "tsc"
    type = "tool_search_call"

    def body(self) -> Body:
        arguments: object = self.arguments
        if self.is_open:
            arguments = {}
        elif self.is_whole:
            arguments = one_line(self.arguments.encode())
        return {**super().body(), "execution": "client", "arguments": arguments}


CALLS: Final[Mapping[str, type[Call]]] = {
    "function": FunctionCall,
    "custom": CustomCall,
    "tool_search": SearchCall,
}
"""The kind of call for each kind of tool."""


class _Input(msgspec.Struct):
    input: str


_decode_input: Final = msgspec.json.Decoder(_Input).decode


def one_line(data: bytes) -> msgspec.Raw:
    """``data``, which may be indented, without any white space between its tokens: an event's data is one line."""
    return msgspec.Raw(msgspec.json.format(data, indent=-1))


def _summary(text: str) -> Body:
    return {"type": "summary_text", "text": text}


def _part(kind: Words, text: str) -> Body:
    if kind == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
