"""A conversation of the hub as Anthropic has it: ``system`` apart, and turns of ``user`` and ``assistant``.

Facts (protocol 7.2; official client unless said otherwise): empty text blocks are refused; consecutive messages of one
role are merged; results stand first in the message after the calls; pictures are base64 and jpeg, png, gif or webp; the
last message must be the user's; ``cache_control`` is ``{"type": "ephemeral"}`` and nothing more.
"""

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs.fields import read
from passenger_trio.wire import envelope, messages as wire

Text = str | None
Block = dict[str, Any]

_MEDIA: Final = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",  # no such type, but people write it
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}
_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking"})


class _Picture(msgspec.Struct):
    url: str
    detail: Text = None


class _Part(msgspec.Struct):
    type: Text = None
    text: Text = None
    refusal: Text = None
    image_url: _Picture | str | None = None
    cache_control: msgspec.Raw = envelope.NULL


class _Function(msgspec.Struct):
    name: str
    arguments: msgspec.Raw = envelope.NULL


class _ToolCall(msgspec.Struct):
    id: Text = None
    type: Text = None
    function: _Function | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None
    refusal: Text = None
    name: msgspec.Raw = envelope.NULL
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: Text = None
    function_call: _Function | None = None
    audio: msgspec.Raw = envelope.NULL
    reasoning_content: msgspec.Raw = envelope.NULL
    reasoning_text: msgspec.Raw = envelope.NULL
    reasoning_opaque: msgspec.Raw = envelope.NULL
    cache_control: msgspec.Raw = envelope.NULL
    copilot_cache_control: msgspec.Raw = envelope.NULL


_READ: Final = frozenset(_Message.__struct_fields__)
_decode_messages: Final = msgspec.json.Decoder(list[_Message]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode


class Turn(msgspec.Struct):
    """One message as Anthropic has it."""

    role: str
    content: list[Block]


class Converted(NamedTuple):
    """The system blocks, the turns, and the names of what was left behind."""

    system: list[Block]
    turns: list[Turn]
    dropped: tuple[str, ...]

    @property
    def answers_unthought_calls(self) -> bool:
        """Whether the model is to go on from calls whose thinking is not there (the client did not return it).

        With ``thinking`` enabled Anthropic refuses that: "Expected `thinking` or `redacted_thinking`, but found
        `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block".
        """
        if len(self.turns) < 2 or self.turns[-1].content[0]["type"] != "tool_result":
            return False
        return self.turns[-2].content[0]["type"] not in _THOUGHTS


def unsaid(where: str, what: str, remedy: str) -> BadRequest:
    """The error for what this endpoint cannot say and the client would miss."""
    return BadRequest(
        f"`{where}` cannot be served: Copilot answers for this model on /v1/messages alone, which does not take "
        f"{what}. {remedy}",
        param=where,
    )


def convert(messages: msgspec.Raw) -> Converted:
    """The ``messages`` of a request. Raises :class:`~passenger_trio.errors.BadRequest` for what has no place here."""
    views = read(_decode_messages, messages, "messages")
    conversation = _Conversation()
    for position, (message, whole) in enumerate(zip(views, envelope.decode_list(messages), strict=True)):
        conversation.add(message, f"messages[{position}]")
        conversation.lose(f"messages.{name}" for name in whole if name not in _READ and whole[name] != envelope.NULL)
    for turn in conversation.turns:
        turn.content.sort(key=lambda block: turn.role == "user" and block["type"] != "tool_result")
    _end_with_user(conversation.turns)
    return Converted(conversation.system, conversation.turns, tuple(conversation.lost))


def _end_with_user(turns: list[Turn]) -> None:
    """Let the user speak last, and in the official client's words where there is nothing of the user's own.

    A last message of the assistant is taken for the beginning of the answer, which Copilot refuses (official client);
    a request of system messages alone has no messages at all, which Anthropic refuses.
    """
    if not turns or turns[-1].role == "assistant":
        turns.append(Turn("user", [{"type": "text", "text": "Please continue."}]))


class _Conversation:
    """What has been written so far, and the legacy calls that later results belong to."""

    def __init__(self) -> None:
        self.system: list[Block] = []
        self.turns: list[Turn] = []
        self.lost: dict[str, None] = {}
        self._legacy: list[tuple[str, str]] = []
        self._made = 0

    def lose(self, names: Iterable[str]) -> None:
        self.lost.update(dict.fromkeys(names))

    def add(self, message: _Message, where: str) -> None:
        if message.audio != envelope.NULL:
            raise unsaid(f"{where}.audio", "sound", "Send its words as text.")
        if message.name != envelope.NULL and message.role != "function":
            self.lose(["messages.name"])
        match message.role:
            case "system" | "developer":
                self.system += _marked(self._blocks(message, where, {"text"}), message)
            case "user":
                self._say("user", _marked(self._blocks(message, where, {"text", "image_url"}), message))
            case "assistant":
                self._say("assistant", _marked(self._assistant(message, where), message))
            case "tool":
                if not message.tool_call_id:
                    raise BadRequest(
                        f"`{where}` is a tool's result without a `tool_call_id`; give the id of the call it answers.",
                        param=f"{where}.tool_call_id",
                    )
                self._result(_tool_id(message.tool_call_id), message, where)
            case "function":
                self._result(self._answered(message, where), message, where)
            case role:
                raise BadRequest(
                    f"`{where}.role` is `{role}`, which is none of system, developer, user, assistant and tool.",
                    param=f"{where}.role",
                )

    def _say(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if self.turns and self.turns[-1].role == role:
            self.turns[-1].content.extend(blocks)
        else:
            self.turns.append(Turn(role, blocks))

    def _assistant(self, message: _Message, where: str) -> list[Block]:
        """Thinking first, then what was said, then the calls: the order in which the model made them."""
        blocks = self._thinking(message)
        blocks += self._blocks(message, where, {"text", "refusal"})
        blocks += _text(message.refusal or "")
        for at, call in enumerate(message.tool_calls or ()):
            place = f"{where}.tool_calls[{at}]"
            if call.function is None:
                raise unsaid(place, f"a call of type `{call.type}`", "Only calls of functions can be sent back.")
            call_id = _tool_id(call.id) if call.id else self._make_id()
            blocks.append(_tool_use(call_id, call.function, place))
        if message.function_call is not None:
            call_id = self._make_id()
            self._legacy.append((call_id, message.function_call.name))
            blocks.append(_tool_use(call_id, message.function_call, f"{where}.function_call"))
        return blocks

    def _thinking(self, message: _Message) -> list[Block]:
        """The blocks in ``reasoning_opaque``, which :mod:`~passenger_trio.translate.backs.messages` put there.

        Copilot's chat endpoint gives a bare signature by that name; other vendors' opaque strings are of no use here,
        and neither is thinking without a signature.
        """
        opaque = _string(message.reasoning_opaque)
        text = _string(message.reasoning_content) or _string(message.reasoning_text)
        if opaque:
            try:
                return [msgspec.to_builtins(thought) for thought in wire.decode_thoughts.decode(opaque)]
            except envelope.UNREADABLE:
                if text and not _is_json(opaque):
                    return [msgspec.to_builtins(wire.Thinking(text, opaque))]
            self.lose(["messages.reasoning_opaque"])
        if text:
            self.lose(["messages.reasoning_content"])
        return []

    def _result(self, call_id: str, message: _Message, where: str) -> None:
        result: Block = {"type": "tool_result", "tool_use_id": call_id}
        content = self._blocks(message, where, {"text", "image_url"})
        if content:
            marks = [block.pop("cache_control", None) for block in content]
            if any(marks):
                result["cache_control"] = _EPHEMERAL  # belongs to the result, not into it (official client)
            result["content"] = content
        self._say("user", _marked([result], message))

    def _answered(self, message: _Message, where: str) -> str:
        """The first unanswered ``function_call`` of that name, which had no id."""
        name = read(_decode_text, message.name, f"{where}.name")
        entry = next((entry for entry in self._legacy if entry[1] == name), None)
        if entry is None:
            raise BadRequest(
                f"`{where}` is the result of `{name}`, but no `function_call` of that name before it is left to be "
                "answered. Send the assistant message that made the call as well.",
                param=where,
            )
        self._legacy.remove(entry)
        return entry[0]

    def _make_id(self) -> str:
        """An id by position: the same history gives the same bytes, and the same prompt cache, each time."""
        self._made += 1
        return f"call_{self._made - 1:08d}"

    def _blocks(self, message: _Message, where: str, kinds: set[str]) -> list[Block]:
        """The content of a message, which may hold ``kinds`` of parts."""
        if message.content is None or isinstance(message.content, str):
            return _text(message.content or "")
        blocks: list[Block] = []
        for at, part in enumerate(message.content):
            place = f"{where}.content[{at}]"
            if part.type not in kinds:
                raise unsaid(
                    place,
                    f"a part of type `{part.type}` in a message of the role `{message.role}`",
                    f"It takes {' and '.join(sorted(kinds))} there.",
                )
            if part.type == "image_url":
                made = [self._picture(part.image_url, place)]
            else:
                made = _text(part.text or part.refusal or "")
            if made and part.cache_control != envelope.NULL:
                made[0]["cache_control"] = _EPHEMERAL
            blocks += made
        return blocks

    def _picture(self, picture: _Picture | str | None, where: str) -> Block:
        url = picture.url if isinstance(picture, _Picture) else picture or ""
        if isinstance(picture, _Picture) and picture.detail not in {None, "auto"}:
            self.lose(["messages.content.image_url.detail"])
        head, _, data = url.partition(",")
        head = head.lower()
        if not head.startswith("data:") or not head.endswith(";base64"):
            raise unsaid(where, "a picture that is elsewhere", "Send the picture itself, as a base64 data: URL.")
        media = head.removeprefix("data:").split(";", 1)[0]
        if media not in _MEDIA:
            raise unsaid(where, f"a picture of type `{media}`", "Send it as jpeg, png, gif or webp.")
        return {"type": "image", "source": {"type": "base64", "media_type": _MEDIA[media], "data": data}}


_EPHEMERAL: Final = {"type": "ephemeral"}


def _marked(blocks: list[Block], message: _Message) -> list[Block]:
    """``blocks``, the last one marked for the prompt cache where the client has marked the message."""
    if blocks and (message.cache_control != envelope.NULL or message.copilot_cache_control != envelope.NULL):
        blocks[-1]["cache_control"] = _EPHEMERAL
    return blocks


def _text(text: str) -> list[Block]:
    """A text block; none for white space alone, which Anthropic refuses ("must contain non-whitespace text")."""
    return [{"type": "text", "text": text}] if text.strip() else []


def _tool_use(call_id: str, function: _Function, where: str) -> Block:
    """A call. Its arguments come as text (or, from clients of Ollama's, as an object) and go as an object."""
    text = _string(function.arguments)
    arguments = msgspec.Raw(text.encode()) if text else function.arguments
    if bytes(arguments) in {b"null", b'""'}:
        arguments = msgspec.Raw(b"{}")
    try:
        envelope.decode(arguments)
    except envelope.UNREADABLE:
        raise BadRequest(
            f"`{where}` calls `{function.name}` with arguments that are no JSON object.", param=where
        ) from None
    return {"type": "tool_use", "id": call_id, "name": function.name, "input": arguments}


def _tool_id(call_id: str) -> str:
    """The id as Anthropic takes it (``^[a-zA-Z0-9_-]+$``); other vendors' ids hold other characters as well."""
    return re.sub(r"[^a-zA-Z0-9_-]", lambda odd: f"_{ord(odd[0]):x}", call_id)


def _string(raw: msgspec.Raw) -> str:
    """The text of a raw string; of anything else, none."""
    try:
        return _decode_text(raw)
    except envelope.UNREADABLE:
        return ""


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except envelope.UNREADABLE:
        return False
    return True
