"""Ollama's conversation as the hub's: roles, pictures, and tool calls whose ids most clients leave out."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fronts.ollama_fields import read
from passenger_trio.translate.fronts.ollama_pictures import picture_parts
from passenger_trio.wire import envelope, ollama
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.ollama import ABSENT, Said

DROPPED_THINKING: Final = "messages.thinking"
"""Copilot takes reasoning back only with the opaque signature it came with; Ollama's messages have no room for that."""

_EMPTY: Final = msgspec.Raw(b'""')
_SAID: Final = frozenset(Said.__struct_fields__)
_CALL: Final = frozenset({*ollama.ReturnedCall.__struct_fields__, "type", "index"})
_CALLED: Final = frozenset({*ollama.CalledFunction.__struct_fields__, "index"})
"""The fields that are known; the type of a call is always the same, and the index is its place."""


def hub_messages(messages: Sequence[msgspec.Raw]) -> tuple[list[Envelope], tuple[str, ...]]:
    """The messages as the hub has them, and the names of what was left behind.

    Ids that a client left out are made from the position of the call, so that the same history gives the same bytes
    (and the same prompt cache) each time. A result belongs to the call of its ``tool_call_id``, which may have had one
    already, else to the first unanswered call of its ``tool_name``, else to the first unanswered one; calls of earlier
    turns come last.

    Raises :class:`~passenger_trio.errors.BadRequest` for a result without a call, and for what cannot be read.
    """
    hub: list[Envelope] = []
    lost: dict[str, None] = {}
    calls = _Calls()
    for position, raw in enumerate(messages):
        where = f"messages[{position}]"
        message, others = read(ollama.decode_said, raw, _SAID, where)
        lost |= dict.fromkeys(f"messages.{name}" for name in others)
        role = message.role.lower()
        out: Envelope = {"role": envelope.raw(role), "content": _content(message, where)}
        if message.thinking:
            lost[DROPPED_THINKING] = None
        if message.name:
            out["name"] = envelope.raw(message.name)
        if role == "tool":
            out["tool_call_id"] = envelope.raw(calls.answered(message, where))
        elif message.tool_calls:
            out["tool_calls"] = envelope.raw(_returned(message.tool_calls, calls, where, lost))
        elif role == "user":
            calls.turn()
        hub.append(out)
    return hub, tuple(lost)


class _Open(NamedTuple):
    """A call that no result has answered yet."""

    call_id: str
    name: str


class _Calls:
    """The calls of a conversation that are still to be answered: those of this turn, and those of earlier ones; and the
    ids that the client gave to any.
    """

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._left: list[_Open] = []
        self._given: set[str] = set()
        self._made = 0

    def begin(self, call_id: str, name: str) -> str:
        """The id of a call, which is made up where there is none."""
        if call_id:
            self._given.add(call_id)
        call_id = call_id or f"call_{self._made:08d}"
        self._made += 1
        self._open.append(_Open(call_id, name))
        return call_id

    def turn(self) -> None:
        """The user has spoken: what is not answered by now hardly will be."""
        self._left += self._open
        self._open = []

    def answered(self, message: Said, where: str) -> str:
        """The id of the call that ``message`` is the result of."""
        for pool, call in self._candidates(message):
            pool.remove(call)
            return call.call_id
        if message.tool_call_id:
            return message.tool_call_id
        raise BadRequest(
            f"{where} is a tool result, but no tool call before it is left to be answered. "
            "Send the assistant message that made the call as well.",
            param=where,
        )

    def _candidates(self, message: Said) -> list[tuple[list[_Open], _Open]]:
        """Every unanswered call, the likeliest first; but for an id that the client gave a call, that one alone."""
        every = [(pool, call) for pool in (self._open, self._left) for call in pool]
        its_own = [entry for entry in every if entry[1].call_id == message.tool_call_id]
        if message.tool_call_id in self._given:
            return its_own
        name = message.tool_name or message.name
        return [
            *its_own,
            *(entry for entry in every if entry[1].name == name),
            *every,
        ]


def _returned(tool_calls: Sequence[msgspec.Raw], calls: _Calls, where: str, lost: dict[str, None]) -> list[object]:
    """The calls that a client sends back, as the hub has them."""
    written: list[object] = []
    for position, raw in enumerate(tool_calls):
        place = f"{where}.tool_calls[{position}]"
        call, others = read(ollama.decode_returned_call, raw, _CALL, place)
        function, more = read(ollama.decode_called_function, call.function, _CALLED, f"{place}.function")
        lost |= dict.fromkeys(f"messages.tool_calls.{name}" for name in (*others, *more))
        written.append(
            {
                "id": calls.begin(call.id, function.name),
                "type": "function",
                "function": {"name": function.name, "arguments": _arguments(function.arguments)},
            }
        )
    return written


def _arguments(raw: msgspec.Raw) -> str:
    """The text of the arguments, whether they came as an object or, from clients of OpenAI's, as text already."""
    text = bytes(raw)
    if text in {b"", b'""'}:
        return "{}"
    return msgspec.json.decode(text, type=str) if text.startswith(b'"') else text.decode()


def _content(message: Said, where: str) -> msgspec.Raw:
    content = _EMPTY if message.content == ABSENT else message.content
    kind = bytes(memoryview(content)[:1])
    if kind not in {b'"', b"["}:
        raise BadRequest("the content of a message must be a string, or an array of parts", param="messages.content")
    if not message.images:
        return content
    parts: list[object] = list(envelope.decode_list(content)) if kind == b"[" else []
    if kind == b'"' and content != _EMPTY:
        parts.append({"type": "text", "text": content})
    return envelope.raw([*parts, *picture_parts(message.images, f"{where}.images")])
