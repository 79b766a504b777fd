"""A conversation of the hub, read for the endpoints that have a form of their own for it.

What it says is looked at in one place; how it is written is each endpoint's matter.
"""

from collections.abc import Container, Iterator
from typing import Final

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fields import read
from passenger_trio.wire import envelope
from passenger_trio.wire.envelope import Envelope

Text = str | None


class Picture(msgspec.Struct):
    """The ``image_url`` of a part; some clients write the address alone in its place."""

    url: msgspec.Raw
    detail: Text = None


class Part(msgspec.Struct):
    """A part of a message's content, of any type."""

    type: Text = None
    text: Text = None
    refusal: Text = None
    image_url: Picture | str | None = None
    file: msgspec.Raw = envelope.NULL
    cache_control: msgspec.Raw = envelope.NULL


class Function(msgspec.Struct):
    """A call of a function: its arguments come as text, or, from clients of Ollama's, as an object."""

    name: str
    arguments: msgspec.Raw = envelope.NULL


class Custom(msgspec.Struct):
    """A call of a custom tool, which takes a text."""

    name: str
    input: str = ""


class ToolCall(msgspec.Struct):
    """A call, of one of the two kinds."""

    id: Text = None
    type: Text = None
    function: Function | None = None
    custom: Custom | None = None


class Message(msgspec.Struct):
    """A message. ``reasoning_text`` is Copilot's name for the hub's ``reasoning_content``."""

    role: str
    content: str | list[Part] | None = None
    refusal: Text = None
    name: msgspec.Raw = envelope.NULL
    tool_calls: list[ToolCall] | None = None
    tool_call_id: Text = None
    function_call: Function | None = None
    audio: msgspec.Raw = envelope.NULL
    reasoning_content: msgspec.Raw = envelope.NULL
    reasoning_text: msgspec.Raw = envelope.NULL
    reasoning_opaque: msgspec.Raw = envelope.NULL
    cache_control: msgspec.Raw = envelope.NULL
    copilot_cache_control: msgspec.Raw = envelope.NULL


_READ: Final = frozenset(Message.__struct_fields__)
_PART: Final = frozenset(Part.__struct_fields__)
_PICTURE: Final = frozenset({*Picture.__struct_fields__, "format", "media_type"})  # the URL says these as well
_CALL: Final = frozenset({*ToolCall.__struct_fields__, "index"})  # of the stream that it came in
_CALLED: Final = {
    "function": frozenset(Function.__struct_fields__),
    "custom": frozenset(Custom.__struct_fields__),
}
_decode_messages: Final = msgspec.json.Decoder(list[Message]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode


def read_messages(messages: msgspec.Raw) -> list[Message]:
    """The ``messages`` of a request. Raises :class:`~passenger_trio.errors.BadRequest` that names what is wrong."""
    return read(_decode_messages, messages, "messages")


def unread(where: str, given: Envelope, known: Container[str]) -> dict[str, None]:
    """The names, as ``<where>.<name>``, of what is given and not known."""
    return {f"{where}.{name}": None for name, value in given.items() if name not in known and value != envelope.NULL}


def left_behind(messages: msgspec.Raw, *, marks: bool) -> list[str]:
    """The fields of messages that only the hub's own endpoint has a place for, each once, as ``messages.<name>``; those
    of parts and of calls as ``messages.content.<name>`` and ``messages.tool_calls.<name>``.

    ``messages`` are some that :func:`read_messages` can read. ``marks`` is whether the endpoint has a place for the
    ``cache_control`` of a part.
    """
    lost: dict[str, None] = {}
    for message in envelope.decode_list(messages):
        lost |= unread("messages", message, _READ)
        if not envelope.is_absent(message, "name") and not _is_result_by_name(message):
            lost["messages.name"] = None
        for part in _objects(message, "content"):
            lost |= unread("messages.content", part, _PART if marks else _PART - {"cache_control"})
            for picture in _object(part, "image_url"):
                lost |= unread("messages.content.image_url", picture, _PICTURE)
        for call in _objects(message, "tool_calls"):
            lost |= unread("messages.tool_calls", call, _CALL)
            for kind, known in _CALLED.items():
                for called in _object(call, kind):
                    lost |= unread("messages.tool_calls", called, known)
        for called in _object(message, "function_call"):
            lost |= unread("messages.function_call", called, _CALLED["function"])
    return list(lost)


def _object(holder: Envelope, key: str) -> Iterator[Envelope]:
    """The object under ``key``, if one is there; clients write other things in its place."""
    if bytes(memoryview(holder.get(key, envelope.NULL))[:1]) == b"{":
        yield envelope.decode(holder[key])


def _objects(holder: Envelope, key: str) -> list[Envelope]:
    """The objects of the list under ``key``, if one is there."""
    is_list = bytes(memoryview(holder.get(key, envelope.NULL))[:1]) == b"["
    return envelope.decode_list(holder[key]) if is_list else []


def _is_result_by_name(message: Envelope) -> bool:
    return string(message["role"]) == "function"


def string(raw: msgspec.Raw) -> str:
    """The text of a raw string; of anything else, none."""
    try:
        return _decode_text(raw)
    except envelope.UNREADABLE:
        return ""


class Calls:
    """The calls of a conversation: ids for those that have none, and which of them a result answers."""

    def __init__(self) -> None:
        self._unanswered: list[tuple[str, str]] = []
        self._made = 0

    def new_id(self) -> str:
        """An id by position: the same history gives the same bytes, and the same prompt cache, each time."""
        self._made += 1
        return f"call_{self._made - 1:08d}"

    def begin(self, function_call: Function) -> str:
        """The id of a ``function_call``, the older form of a call, which has none and is answered by its name."""
        call_id = self.new_id()
        self._unanswered.append((call_id, function_call.name))
        return call_id

    def answered(self, message: Message, where: str) -> str:
        """The id of the call that ``message``, of the role ``tool`` or ``function``, is the result of."""
        if message.role == "function":
            return self._by_name(read(_decode_text, message.name, f"{where}.name"), where)
        if not message.tool_call_id:
            raise BadRequest(
                f"`{where}` is a tool's result without a `tool_call_id`; give the id of the call it answers.",
                param=f"{where}.tool_call_id",
            )
        return message.tool_call_id

    def _by_name(self, name: str, where: str) -> str:
        """The first unanswered call of that name."""
        for at, (call_id, called) in enumerate(self._unanswered):
            if called == name:
                del self._unanswered[at]
                return call_id
        raise BadRequest(
            f"`{where}` is the result of `{name}`, but no `function_call` of that name before it is left to be "
            "answered. Send the assistant message that made the call as well.",
            param=where,
        )


def unknown_role(message: Message, where: str) -> BadRequest:
    """The error for a role that nobody has heard of."""
    return BadRequest(
        f"`{where}.role` is `{message.role}`, which is none of system, developer, user, assistant and tool.",
        param=f"{where}.role",
    )


def unsaid(path: str, where: str, what: str, remedy: str = "Leave it out, or use another model.") -> BadRequest:
    """The error for what the endpoint at ``path`` cannot say and the client would miss."""
    return BadRequest(
        f"`{where}` cannot be served: Copilot answers for this model on {path} alone, which does not take {what}. "
        f"{remedy}",
        param=where,
    )
