"""A conversation of Anthropic's, looked through block by block for what ``/v1/messages`` is known to refuse.

Facts (protocol 7.2 unless said otherwise): fields that a block does not have are refused, and so are empty texts,
pictures at an address, ``role: "system"`` among the messages (Claude Code sends some) and a last message of the
assistant's.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs.messages_input import CONTINUE, PREFILL
from passenger_trio.translate.diagonals.passed import without
from passenger_trio.translate.fields import read
from passenger_trio.translate.fronts import seal
from passenger_trio.translate.fronts.messages_input import BILLING, is_billing
from passenger_trio.wire import envelope
from passenger_trio.wire.envelope import Envelope

_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"type", "text", "citations", "cache_control"}),
    "image": frozenset({"type", "source", "cache_control"}),
    "document": frozenset({"type", "source", "title", "context", "citations", "cache_control"}),
    "tool_use": frozenset({"type", "id", "name", "input", "cache_control"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "redacted_thinking": frozenset({"type", "data"}),
}
"""The fields of the blocks that clients write. Other types (those of tools that the server runs) pass as they are."""

_MESSAGE_FIELDS: Final = frozenset({"role", "content"})
_EPHEMERAL: Final = msgspec.Raw(b'{"type":"ephemeral"}')


class _Message(msgspec.Struct):
    role: str
    content: str | list[Envelope] | None = None


class _Block(msgspec.Struct):
    type: str = ""
    text: str | None = None
    signature: str | None = None
    data: str | None = None
    source: msgspec.Raw = envelope.NULL
    content: msgspec.Raw = envelope.NULL


class _Source(msgspec.Struct):
    type: str = ""


_decode_messages: Final = msgspec.json.Decoder(list[Envelope]).decode
_decode_message: Final = msgspec.json.Decoder(_Message).decode
_decode_block: Final = msgspec.json.Decoder(_Block).decode
_decode_source: Final = msgspec.json.Decoder(_Source).decode
_decode_content: Final = msgspec.json.Decoder(str | list[Envelope] | None).decode


def mark_plainly(block: Envelope, lost: dict[str, None]) -> None:
    """``cache_control`` as ``{"type": "ephemeral"}``: a ``ttl`` and a ``scope`` are refused (protocol 7.2)."""
    if envelope.is_absent(block, "cache_control"):
        block.pop("cache_control", None)
        return
    mark = read(envelope.decode, block["cache_control"], "cache_control")
    lost.update(dict.fromkeys(f"cache_control.{name}" for name in mark if name != "type"))
    block["cache_control"] = _EPHEMERAL


class Blocks:
    """Looks through one request's system prompt and conversation. What is left out is named in ``lost``."""

    def __init__(self, lost: dict[str, None]) -> None:
        self._lost = lost
        self.system: list[Envelope] = []
        """The system prompt: the request's own, and the messages of that role before all others."""
        self.pictures = 0
        """How many pictures there are, wherever."""

    def add_system(self, raw: msgspec.Raw) -> None:
        """The ``system`` of a request, a text or blocks."""
        content = read(_decode_content, raw, "system")
        blocks = self._content(content, "system")
        if isinstance(content, list) and blocks and is_billing(read(_decode_block, _encoded(blocks[0]), "system").text):
            del blocks[0]
            self._lost[BILLING] = None
        self.system += blocks

    def turns(self, raw: msgspec.Raw) -> list[dict[str, object]]:
        """The ``messages`` of a request."""
        turns: list[dict[str, object]] = []
        found = read(_decode_messages, raw, "messages")
        if not found:
            raise BadRequest("`messages` is empty: send at least one message.", param="messages", code="empty_array")
        for at, whole in enumerate(found):
            where = f"messages[{at}]"
            message = read(_decode_message, envelope.raw(whole), where)
            without(whole, _MESSAGE_FIELDS, "messages.", self._lost)
            content = self._content(message.content, f"{where}.content")
            role = message.role
            if role == "system":
                if not turns:
                    self.system += content
                    continue
                role = "user"  # where it stands it can only be the user's; elsewhere it would spoil the prompt cache
            if content:
                turns.append({"role": role, "content": content})
        if turns and turns[-1]["role"] == "assistant":
            self._lost[PREFILL] = None
        if not turns or turns[-1]["role"] == "assistant":
            turns.append({"role": "user", "content": [CONTINUE]})
        return turns

    def _content(self, content: str | list[Envelope] | None, where: str) -> list[Envelope]:
        if isinstance(content, str):
            return [{"type": envelope.raw("text"), "text": envelope.raw(content)}] if content.strip() else []
        kept: list[Envelope] = []
        for at, block in enumerate(content or ()):
            view = read(_decode_block, _encoded(block), f"{where}[{at}]")
            if self._is_left_out(view):
                continue
            if view.type in _FIELDS:
                without(block, _FIELDS[view.type], f"{view.type}.", self._lost)
            mark_plainly(block, self._lost)
            if view.type == "image":
                self._picture(view, f"{where}[{at}]")
            elif view.type == "tool_result" and bytes(view.content).startswith(b"["):
                inner = read(_decode_content, view.content, f"{where}[{at}].content")
                block["content"] = envelope.raw(self._content(inner, f"{where}[{at}].content"))
            kept.append(block)
        return kept

    def _is_left_out(self, view: _Block) -> bool:
        """Empty texts, and thinking that no model of Anthropic's has signed or encrypted."""
        if view.type == "text":
            return not (view.text or "").strip()
        if view.type == "thinking" and (not view.signature or seal.is_sealed(view.signature)):
            self._lost["messages.thinking"] = None
            return True
        if view.type == "redacted_thinking" and (not view.data or seal.is_sealed(view.data)):
            self._lost["messages.redacted_thinking"] = None
            return True
        return False

    def _picture(self, view: _Block, where: str) -> None:
        self.pictures += 1
        if read(_decode_source, view.source, f"{where}.source").type != "base64":
            raise BadRequest(
                f"`{where}` has a picture at an address, which Copilot does not fetch: send the picture itself, as "
                "base64.",
                param=where,
            )


def _encoded(block: Envelope) -> msgspec.Raw:
    return envelope.raw(block)
