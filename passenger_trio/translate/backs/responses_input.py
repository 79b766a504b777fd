"""A conversation of the hub as the ``input`` items of ``/responses``, in the same order."""

import hashlib
from typing import Final, NamedTuple

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs.fields import read
from passenger_trio.wire import envelope
from passenger_trio.wire.envelope import Envelope

Text = str | None

_MAX_CALL_ID: Final = 64
"""Longer ones are refused: ``Invalid 'input[5].call_id': string too long. Expected a string with maximum length 64``.
A conversation that another model began may have some."""


class _ImageUrl(msgspec.Struct):
    url: msgspec.Raw
    detail: Text = None


class _Part(msgspec.Struct):
    type: Text = None
    text: Text = None
    refusal: Text = None
    image_url: _ImageUrl | str | None = None
    file: Envelope | None = None


class _Function(msgspec.Struct):
    name: str
    arguments: msgspec.Raw = envelope.NULL


class _Custom(msgspec.Struct):
    name: str
    input: str = ""


class _ToolCall(msgspec.Struct):
    id: Text = None
    function: _Function | None = None
    custom: _Custom | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None
    refusal: Text = None
    name: msgspec.Raw = envelope.NULL
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: Text = None
    function_call: _Function | None = None
    reasoning_opaque: msgspec.Raw = envelope.NULL
    audio: msgspec.Raw = envelope.NULL


class _Reasoning(msgspec.Struct):
    type: str
    encrypted_content: str
    summary: list[msgspec.Raw] = []


class Converted(NamedTuple):
    """The items, and the names of what was left behind."""

    items: list[dict[str, object]]
    dropped: tuple[str, ...]


_decode_messages: Final = msgspec.json.Decoder(list[_Message]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode
_decode_reasoning: Final = msgspec.json.Decoder(list[_Reasoning]).decode


def convert(messages: msgspec.Raw) -> Converted:
    """The ``messages`` of a request. Raises :class:`~passenger_trio.errors.BadRequest` for what has no place here."""
    conversation = _Conversation()
    for position, message in enumerate(read(_decode_messages, messages, "messages")):
        conversation.add(message, f"messages[{position}]")
    return Converted(conversation.items, ("messages.name",) if conversation.names_lost else ())


class _Conversation:
    """What has been written so far, and the calls that later results belong to."""

    def __init__(self) -> None:
        self.items: list[dict[str, object]] = []
        self.names_lost = False
        self._custom: set[str] = set()
        self._legacy: list[tuple[str, str]] = []
        self._made = 0

    def add(self, message: _Message, where: str) -> None:
        if message.audio != envelope.NULL:
            raise _unsaid(f"{where}.audio", "sound", "Send its words as text.")
        match message.role:
            case "system" | "developer" | "user":
                content = _parts(message.content, where)
                self.items.append({"type": "message", "role": message.role, "content": content})
                self.names_lost |= message.name != envelope.NULL
            case "assistant":
                self._assistant(message, where)
                self.names_lost |= message.name != envelope.NULL
            case "tool":
                self._result(message, where)
            case "function":
                self._legacy_result(message, where)
            case role:
                raise BadRequest(
                    f"`{where}.role` is `{role}`, which is none of system, developer, user, assistant and tool.",
                    param=f"{where}.role",
                )

    def _assistant(self, message: _Message, where: str) -> None:
        """Reasoning first, then what was said, then the calls: the order in which the model made them."""
        self.items += _reasoning(message.reasoning_opaque)
        calls = [self._call(call, f"{where}.tool_calls[{at}]") for at, call in enumerate(message.tool_calls or ())]
        if message.function_call is not None:
            call_id = self._make_id()
            self._legacy.append((call_id, message.function_call.name))
            calls.append(_function_call(call_id, message.function_call))
        said = _said(message, where)
        if calls:
            said = [part for part in said if part != _said_text("")]  # clients write "" beside calls, and mean nothing
        if said or not calls:
            self.items.append({"type": "message", "role": "assistant", "content": said or [_said_text("")]})
        self.items += calls

    def _call(self, call: _ToolCall, where: str) -> dict[str, object]:
        call_id = _short(call.id) if call.id else self._make_id()
        if call.custom is not None:
            self._custom.add(call_id)
            return {
                "type": "custom_tool_call",
                "call_id": call_id,
                "name": call.custom.name,
                "input": call.custom.input,
            }
        if call.function is None:
            raise BadRequest(f"`{where}` is a call without a `function`.", param=where)
        return _function_call(call_id, call.function)

    def _result(self, message: _Message, where: str) -> None:
        if not message.tool_call_id:
            raise BadRequest(
                f"`{where}` is a tool's result without a `tool_call_id`; give the id of the call it answers.",
                param=f"{where}.tool_call_id",
            )
        call_id = _short(message.tool_call_id)
        # the endpoint looks for a custom tool's result under its own type and for no other
        kind = "custom_tool_call_output" if call_id in self._custom else "function_call_output"
        self.items.append({"type": kind, "call_id": call_id, "output": _output(message.content, where)})

    def _legacy_result(self, message: _Message, where: str) -> None:
        """The result of the first unanswered ``function_call`` of that name, which had no id."""
        name = read(_decode_text, message.name, f"{where}.name")
        entry = next((entry for entry in self._legacy if entry[1] == name), None)
        if entry is None:
            raise BadRequest(
                f"`{where}` is the result of `{name}`, but no `function_call` of that name before it is left to be "
                "answered. Send the assistant message that made the call as well.",
                param=where,
            )
        self._legacy.remove(entry)
        self.items.append(
            {"type": "function_call_output", "call_id": entry[0], "output": _output(message.content, where)}
        )

    def _make_id(self) -> str:
        """An id by position: the same history gives the same bytes, and the same prompt cache, each time."""
        self._made += 1
        return f"call_{self._made - 1:08d}"


def _short(call_id: str) -> str:
    if len(call_id) <= _MAX_CALL_ID:
        return call_id
    return "call_" + hashlib.sha256(call_id.encode()).hexdigest()[:48]


def _function_call(call_id: str, function: _Function) -> dict[str, object]:
    arguments = function.arguments
    if bytes(arguments) in {b"null", b'""'}:
        arguments = envelope.raw("{}")
    elif not bytes(arguments).startswith(b'"'):
        arguments = envelope.raw(bytes(arguments).decode())  # an object, from clients of Ollama's
    return {"type": "function_call", "call_id": call_id, "name": function.name, "arguments": arguments}


def _reasoning(opaque: msgspec.Raw) -> list[dict[str, object]]:
    """The reasoning items in ``opaque``, which :mod:`~passenger_trio.translate.backs.responses_answer` put there.

    What other vendors' models call by that name is signed by them and of no use here: it is left out.
    """
    try:
        items = _decode_reasoning(_decode_text(opaque).encode())
    except envelope.UNREADABLE:
        return []
    if any(item.type != "reasoning" for item in items):
        return []
    return [{"type": item.type, "encrypted_content": item.encrypted_content, "summary": item.summary} for item in items]


def _said_text(text: str) -> dict[str, object]:
    return {"type": "output_text", "text": text}


def _said(message: _Message, where: str) -> list[dict[str, object]]:
    """What an assistant said: texts and refusals."""
    said: list[dict[str, object]] = []
    if isinstance(message.content, str):
        said.append(_said_text(message.content))
    else:
        for at, part in enumerate(message.content or ()):
            if part.type == "text":
                said.append(_said_text(part.text or ""))
            elif part.type == "refusal":
                said.append({"type": "refusal", "refusal": part.refusal or ""})
            else:
                raise _unsaid(f"{where}.content[{at}]", f"`{part.type}` in an assistant's message")
    if message.refusal:
        said.append({"type": "refusal", "refusal": message.refusal})
    return said


def _parts(content: str | list[_Part] | None, where: str) -> list[dict[str, object]]:
    """What anyone but the assistant says."""
    if isinstance(content, str):
        return [_text(content)]
    return [_part(part, f"{where}.content[{at}]") for at, part in enumerate(content or ())] or [_text("")]


def _text(text: str) -> dict[str, object]:
    return {"type": "input_text", "text": text}


def _part(part: _Part, where: str) -> dict[str, object]:
    if part.type == "text":
        return _text(part.text or "")
    if part.type == "image_url" and part.image_url is not None:
        # "auto" is OpenAI's default, and what the official client writes
        if isinstance(part.image_url, str):
            return {"type": "input_image", "image_url": part.image_url, "detail": "auto"}
        return {"type": "input_image", "image_url": part.image_url.url, "detail": part.image_url.detail or "auto"}
    if part.type == "file" and part.file is not None:
        return {"type": "input_file", **{key: value for key, value in part.file.items() if value != envelope.NULL}}
    if part.type == "input_audio":
        raise _unsaid(where, "sound", "Send its words as text.")
    raise _unsaid(where, f"a part of type `{part.type}`")


def _output(content: str | list[_Part] | None, where: str) -> str | list[dict[str, object]]:
    """A tool's result: text as one string, which every model takes; parts only where there are pictures or files."""
    if isinstance(content, str):
        return content
    parts = _parts(content, where)
    texts = [str(part["text"]) for part in parts if part["type"] == "input_text"]
    return "".join(texts) if len(texts) == len(parts) else parts


def _unsaid(where: str, what: str, remedy: str = "Leave it out, or use another model.") -> BadRequest:
    return BadRequest(
        f"`{where}` cannot be served: Copilot serves this model on /responses, which does not take {what}. {remedy}",
        param=where,
    )
