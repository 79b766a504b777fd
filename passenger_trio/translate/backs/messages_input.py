"""A conversation of the hub as Anthropic has it: ``system`` apart, and turns of ``user`` and ``assistant``.

System messages that come before anything else is said are ``system``. A later one, a reminder on the way, stays in its
place as words of the user: at the front it would change the beginning of the prompt, and Anthropic's cache with it.

Facts (protocol 7.2; official client unless said otherwise): empty text blocks are refused; consecutive messages of one
role are merged; results stand first in the message after the calls; pictures are base64 and jpeg, png, gif or webp; the
last message must be the user's; ``cache_control`` is ``{"type": "ephemeral"}`` and nothing more.
"""

import functools
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import conversation
from passenger_trio.translate.backs.conversation import Function, Message, Picture, string
from passenger_trio.wire import envelope, messages as wire

Block = dict[str, Any]

_MEDIA: Final = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",  # no such type, but people write it
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}
PREFILL: Final = "messages[assistant]=last"
"""The name of an answer's beginning that the client has written itself: the model does not go on from there."""

CONTINUE: Final[Block] = {"type": "text", "text": "Please continue."}
"""The official client's own words for a conversation that ends with the assistant."""

_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking"})


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


unsaid: Final = functools.partial(conversation.unsaid, "/v1/messages")


def convert(messages: msgspec.Raw) -> Converted:
    """The ``messages`` of a request. Raises :class:`~passenger_trio.errors.BadRequest` for what has no place here."""
    written = _Conversation()
    for position, message in enumerate(conversation.read_messages(messages)):
        written.add(message, f"messages[{position}]")
    written.lose(conversation.left_behind(messages, marks=True))
    for turn in written.turns:
        turn.content.sort(key=lambda block: turn.role == "user" and block["type"] != "tool_result")
    written.lose(_end_with_user(written.turns))
    return Converted(written.system, written.turns, tuple(written.lost))


def _end_with_user(turns: list[Turn]) -> list[str]:
    """Let the user speak last, and in the official client's words where there is nothing of the user's own. Returns the
    name of what that undoes.

    A last message of the assistant is taken for the beginning of the answer, which Copilot refuses (official client);
    a request of system messages alone has no messages at all, which Anthropic refuses.
    """
    lost = [PREFILL] if turns and turns[-1].role == "assistant" else []
    if lost or not turns:
        turns.append(Turn("user", [CONTINUE]))
    return lost


class _Conversation:
    """What has been written so far, and the calls that later results belong to."""

    def __init__(self) -> None:
        self.system: list[Block] = []
        self.turns: list[Turn] = []
        self.lost: dict[str, None] = {}
        self._calls = conversation.Calls()

    def lose(self, names: Iterable[str]) -> None:
        self.lost.update(dict.fromkeys(names))

    def add(self, message: Message, where: str) -> None:
        if message.audio != envelope.NULL:
            raise unsaid(f"{where}.audio", "sound", "Send its words as text.")
        match message.role:
            case "system" | "developer":
                blocks = _marked(self._blocks(message, where, {"text"}), message)
                if self.turns:
                    self._say("user", blocks)
                else:
                    self.system += blocks
            case "user":
                self._say("user", _marked(self._blocks(message, where, {"text", "image_url"}), message))
            case "assistant":
                self._say("assistant", _marked(self._assistant(message, where), message))
            case "tool" | "function":
                self._result(_tool_id(self._calls.answered(message, where)), message, where)
            case _:
                raise conversation.unknown_role(message, where)

    def _say(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if self.turns and self.turns[-1].role == role:
            self.turns[-1].content.extend(blocks)
        else:
            self.turns.append(Turn(role, blocks))

    def _assistant(self, message: Message, where: str) -> list[Block]:
        """Thinking first, then what was said, then the calls: the order in which the model made them."""
        blocks = self._thinking(message)
        blocks += self._blocks(message, where, {"text", "refusal"})
        blocks += _text(message.refusal or "")
        for at, call in enumerate(message.tool_calls or ()):
            place = f"{where}.tool_calls[{at}]"
            if call.function is None:
                raise unsaid(place, f"a call of type `{call.type}`", "Only calls of functions can be sent back.")
            call_id = _tool_id(call.id) if call.id else self._calls.new_id()
            blocks.append(_tool_use(call_id, call.function, place))
        if message.function_call is not None:
            call_id = self._calls.begin(message.function_call)
            blocks.append(_tool_use(call_id, message.function_call, f"{where}.function_call"))
        return blocks

    def _thinking(self, message: Message) -> list[Block]:
        """The blocks in ``reasoning_opaque``, which :mod:`~passenger_trio.translate.backs.messages` put there.

        Copilot's chat endpoint gives a bare signature by that name; other vendors' opaque strings are of no use here,
        and neither is thinking without a signature.
        """
        opaque = string(message.reasoning_opaque)
        text = string(message.reasoning_content) or string(message.reasoning_text)
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

    def _result(self, call_id: str, message: Message, where: str) -> None:
        result: Block = {"type": "tool_result", "tool_use_id": call_id}
        content = self._blocks(message, where, {"text", "image_url"})
        if content:
            marks = [block.pop("cache_control", None) for block in content]
            if any(marks):
                result["cache_control"] = _EPHEMERAL  # belongs to the result, not into it (official client)
            result["content"] = content
        self._say("user", _marked([result], message))

    def _blocks(self, message: Message, where: str, kinds: set[str]) -> list[Block]:
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

    def _picture(self, picture: Picture | str | None, where: str) -> Block:
        url = string(picture.url) if isinstance(picture, Picture) else picture or ""
        if isinstance(picture, Picture) and picture.detail not in {None, "auto"}:
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


def _marked(blocks: list[Block], message: Message) -> list[Block]:
    """``blocks``, the last one marked for the prompt cache where the client has marked the message."""
    if blocks and (message.cache_control != envelope.NULL or message.copilot_cache_control != envelope.NULL):
        blocks[-1]["cache_control"] = _EPHEMERAL
    return blocks


def _text(text: str) -> list[Block]:
    """A text block; none for white space alone, which Anthropic refuses ("must contain non-whitespace text")."""
    return [{"type": "text", "text": text}] if text.strip() else []


def _tool_use(call_id: str, function: Function, where: str) -> Block:
    """A call. Its arguments come as text (or, from clients of Ollama's, as an object) and go as an object."""
    text = string(function.arguments)
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


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except envelope.UNREADABLE:
        return False
    return True
