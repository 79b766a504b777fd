"""Ollama's conversation as the hub's: roles, pictures, and tool calls whose ids most clients leave out."""

from collections.abc import Sequence
from typing import Final

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.wire import envelope
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.ollama import ABSENT, RequestMessage, RequestToolCall

DROPPED_THINKING: Final = "messages.thinking"
"""Copilot takes reasoning back only with the opaque signature it came with; Ollama's messages have no room for that."""

_EMPTY: Final = msgspec.Raw(b'""')
_PICTURES: Final = (
    ("iVBOR", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("Qk", "image/bmp"),
)


def hub_messages(messages: Sequence[RequestMessage]) -> tuple[list[Envelope], tuple[str, ...]]:
    """The messages as the hub has them, and the names of what was left behind.

    Ids that a client left out are made from the position of the call, so that the same history gives the same bytes
    (and the same prompt cache) each time. A result belongs to the call of its ``tool_call_id``, else to the first
    unanswered call of its ``tool_name``, else to the first unanswered one.

    Raises :class:`~passenger_trio.errors.BadRequest` for a result without a call.
    """
    hub: list[Envelope] = []
    lost: tuple[str, ...] = ()
    unanswered: list[tuple[str, str]] = []
    made = 0
    for position, message in enumerate(messages):
        role = message.role.lower()
        out: Envelope = {"role": envelope.raw(role), "content": _content(message)}
        if message.thinking:
            lost = (DROPPED_THINKING,)
        if message.name:
            out["name"] = envelope.raw(message.name)
        if role == "tool":
            out["tool_call_id"] = envelope.raw(_answered(unanswered, message, position))
        elif message.tool_calls:
            calls: list[dict[str, object]] = []
            for call in message.tool_calls:
                call_id = call.id or f"call_{made:08d}"
                made += 1
                unanswered.append((call_id, call.function.name))
                calls.append(_call(call, call_id))
            out["tool_calls"] = envelope.raw(calls)
        hub.append(out)
    return hub, lost


def _answered(unanswered: list[tuple[str, str]], message: RequestMessage, position: int) -> str:
    by_id = [entry for entry in unanswered if entry[0] == message.tool_call_id]
    name = message.tool_name or message.name
    by_name = [entry for entry in unanswered if entry[1] == name]
    for entry in (*by_id, *by_name, *unanswered):
        unanswered.remove(entry)
        return entry[0]
    if message.tool_call_id:
        return message.tool_call_id
    raise BadRequest(
        f"messages[{position}] is a tool result, but no tool call before it is left to be answered. "
        "Send the assistant message that made the call as well.",
        param=f"messages[{position}]",
    )


def _call(call: RequestToolCall, call_id: str) -> dict[str, object]:
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": call.function.name, "arguments": _arguments(call.function.arguments)},
    }


def _arguments(raw: msgspec.Raw) -> str:
    """The text of the arguments, whether they came as an object or, from clients of OpenAI's, as text already."""
    text = bytes(raw)
    if text in {b"", b"null", b'""'}:
        return "{}"
    return msgspec.json.decode(text, type=str) if text.startswith(b'"') else text.decode()


def _content(message: RequestMessage) -> msgspec.Raw:
    content = message.content
    if content in (ABSENT, envelope.NULL):
        content = _EMPTY
    kind = bytes(memoryview(content)[:1])
    if kind not in {b'"', b"["}:
        raise BadRequest("the content of a message must be a string, or an array of parts", param="messages.content")
    if not message.images:
        return content
    parts: list[object] = list(envelope.decode_list(content)) if kind == b"[" else []
    if kind == b'"' and content != _EMPTY:
        parts.append({"type": "text", "text": content})
    parts += [{"type": "image_url", "image_url": {"url": _picture(image)}} for image in message.images]
    return envelope.raw(parts)


def _picture(image: str) -> str:
    """A data URL. Ollama takes bare base64; clients of OpenAI's send a URL."""
    if image.startswith(("data:", "http://", "https://")):
        return image
    kind = next((kind for start, kind in _PICTURES if image.startswith(start)), "image/png")
    return f"data:{kind};base64,{image}"
