"""By what an answer that called tools is known again when a client sends it back as part of a conversation.

Ids do not survive every client, and neither do spaces, the order of keys or the way a text is wrapped; who was asked,
what the user had said, and which calls were made with which arguments do.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from passenger_trio.wire import envelope


class Function(msgspec.Struct):
    """The function of a call. Arguments are text, or from clients of Ollama's an object."""

    name: str | None = None
    arguments: msgspec.Raw = envelope.NULL


class Custom(msgspec.Struct):
    """A custom tool's part of a call, which takes a text."""

    name: str | None = None
    input: str | None = None


class ToolCall(msgspec.Struct):
    """A call, or while streaming a fragment of one."""

    index: int | None = None
    function: Function | None = None
    custom: Custom | None = None


class _Part(msgspec.Struct):
    text: str | None = None


class Message(msgspec.Struct):
    """A message of a request."""

    role: str
    content: msgspec.Raw = envelope.NULL
    tool_calls: list[ToolCall] | None = None
    function_call: Function | None = None
    reasoning_opaque: msgspec.Raw = envelope.NULL

    def calls(self) -> list["Made"]:
        """The calls that it makes, if it is an assistant's."""
        if self.role != "assistant":
            return []
        calls = [made([call]) for call in self.tool_calls or ()]
        return calls if self.function_call is None else [*calls, made([ToolCall(function=self.function_call)])]


Made = tuple[str, str, str]
"""A call by what it says: the kind of tool, its name, and the arguments in one form for all clients."""


def made(fragments: Sequence[ToolCall]) -> Made:
    """The call that the fragments are; a whole call is its only one."""
    functions = [call.function for call in fragments if call.function is not None]
    customs = [call.custom for call in fragments if call.custom is not None]
    if customs:
        return "custom", "".join(call.name or "" for call in customs), "".join(call.input or "" for call in customs)
    name = "".join(function.name or "" for function in functions)
    return "function", name, _canonical("".join(_text(function.arguments) for function in functions))


class Walk:
    """A walk through a conversation with ``model``: what the user has said, and what has been called since.

    All that the user has said counts: "continue" is said in many conversations, and a call of ``ls`` follows in each.
    """

    def __init__(self, model: str) -> None:
        self._said = hashlib.sha256(model.encode())
        self._pending: list[msgspec.Raw] = []
        self._times: Counter[tuple[Made, ...]] = Counter()

    def go(self, message: Message, calls: Sequence[Made]) -> None:
        """Go past ``message``, which makes ``calls``."""
        if message.role == "user":
            self._pending.append(message.content)
            self._times.clear()
        if calls:
            self._times.update({tuple(calls), tuple(calls[:1])})

    def fingerprint(self, calls: Sequence[Made]) -> bytes:
        """That of an answer which makes ``calls`` at this place; the same calls again are another answer's."""
        for content in self._pending:
            self._said.update(_encode(_pieces(content)))
        self._pending.clear()
        found = self._said.copy()
        found.update(_encode([calls, self._times[tuple(calls)]]))
        return found.digest()


def _text(arguments: msgspec.Raw) -> str:
    if arguments == envelope.NULL:
        return ""
    data = bytes(arguments)
    try:
        return _decode_text(data) if data.startswith(b'"') else data.decode()
    except envelope.UNREADABLE:
        return data.decode(errors="replace")  # whoever reads it next will say what is wrong with it


def _canonical(arguments: str) -> str:
    """The same text for arguments that mean the same: clients decode and encode them, each in its own way."""
    try:
        return _encode(_decode(arguments or "{}")).decode()
    except envelope.UNREADABLE:
        return arguments


def _pieces(content: msgspec.Raw) -> list[str]:
    """What a content says: its texts, however they are wrapped and marked, and other parts as they are."""
    try:
        value: str | list[msgspec.Raw] | None = _decode_content(content)
    except envelope.UNREADABLE:
        return [bytes(content).decode(errors="replace")]
    return [_piece(part) for part in value] if isinstance(value, list) else [value or ""]


def _piece(part: msgspec.Raw) -> str:
    try:
        text = _decode_part(part).text
    except envelope.UNREADABLE:
        text = None
    return _canonical(bytes(part).decode(errors="replace")) if text is None else text


def _number(text: str) -> float:
    """1.0 is 1 to JavaScript, and comes back as that."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


_decode: Final = msgspec.json.Decoder(float_hook=_number).decode
_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode_text: Final = msgspec.json.Decoder(str).decode
_decode_content: Final = msgspec.json.Decoder(str | list[msgspec.Raw] | None).decode
_decode_part: Final = msgspec.json.Decoder(_Part).decode
