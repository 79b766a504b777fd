"""How many tokens a request of Anthropic's dialect has: an estimate, since no endpoint of Copilot's counts.

The rule is the official client's (protocol 6.9): 3 tokens around the prompt and around each message, 16 around the
tools and 8 around each, a tenth more on tools and half as much again on calls, which are written in a way that nobody
outside knows; a picture is 85 tokens and 170 for each tile of 512 by 512 that it is cut into.
"""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, cast

import msgspec

from passenger_trio.translate.fields import read
from passenger_trio.wire import envelope
from passenger_trio.wire.envelope import Envelope

Encode: TypeAlias = Callable[[str], int]
"""How many tokens a text has, to the model's tokenizer."""

_AROUND: Final = 3
_AROUND_TOOLS: Final = 16
_AROUND_TOOL: Final = 8
_PICTURE: Final = 85
_TILE: Final = 170
_TILE_SIZE: Final = 512
_MOST_PIXELS: Final = 2048
_SHORT_SIDE: Final = 768
_UNKNOWN_PICTURE: Final = _PICTURE + 4 * _TILE
"""Of a picture whose size cannot be seen: what a square one comes to."""

_PAGE: Final = 2000
"""Of a PDF; Anthropic's documentation says 1500 to 3000 a page."""

_HEAD: Final = 64 * 1024
"""As much of a picture's base64 as is looked at for its size; whole groups of 4 characters."""


class _Message(msgspec.Struct):
    role: str
    content: Any = None


_decode_messages: Final = msgspec.json.Decoder(list[_Message]).decode
_decode_tools: Final = msgspec.json.Decoder(list[Any]).decode


def count(asked: Envelope, encode: Encode) -> int:
    """The tokens of a prompt. Raises :class:`~passenger_trio.errors.BadRequest` when its messages or tools are none.

    Thinking counts from the last turn of the user's on; that of earlier turns is not shown to the model again.
    """
    counter = _Counter(encode)
    total = _AROUND
    if not envelope.is_absent(asked, "system"):
        total += counter.message(_Message("system", read(envelope.value, asked["system"], "system")), thinking=False)
    messages = read(_decode_messages, asked.get("messages", _NONE), "messages")
    turn = max((at for at, message in enumerate(messages) if _begins_turn(message)), default=0)
    total += sum(counter.message(message, thinking=at > turn) for at, message in enumerate(messages))
    tools = [] if envelope.is_absent(asked, "tools") else read(_decode_tools, asked["tools"], "tools")
    if tools:
        each = sum(_AROUND_TOOL + counter.everything(tool) for tool in tools)
        total += (_AROUND_TOOLS + each) * 11 // 10
    return total


def answer(tokens: int) -> bytes:
    """The answer of ``count_tokens``."""
    return envelope.encode({"input_tokens": tokens})


_NONE: Final = msgspec.Raw(b"[]")


def _begins_turn(message: _Message) -> bool:
    """Whether the user says something, rather than a tool."""
    if message.role != "user":
        return False
    blocks = _list(message.content)
    return not blocks or any(_dict(block).get("type") != "tool_result" for block in blocks)


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _dict(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


class _Counter:
    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    def message(self, message: _Message, *, thinking: bool) -> int:
        around = _AROUND + self._encode(message.role)
        if isinstance(message.content, str):
            return around + self._encode(message.content)
        return around + sum(self._block(_dict(block), thinking=thinking) for block in _list(message.content))

    def everything(self, *values: object) -> int:
        """All texts in ``values``, and the names of what holds them."""
        return sum(map(self._encode, _texts(*values)))

    def _block(self, block: dict[str, object], *, thinking: bool) -> int:
        match block.get("type"):
            case "thinking":
                return self.everything(block.get("thinking")) if thinking else 0
            case "redacted_thinking":
                return 0
            case "tool_use":
                arguments = envelope.encode(block.get("input")).decode()
                return (self.everything(block.get("id"), block.get("name"), arguments) + 1) * 3 // 2
            case "tool_result":
                content = block.get("content")
                found = [content] if isinstance(content, str) else []
                inner = sum(self._said(_dict(part)) for part in _list(content))
                return self.everything(block.get("tool_use_id"), *found) + inner
            case _:
                return self._said(block)

    def _said(self, block: dict[str, object]) -> int:
        source = _dict(block.get("source"))
        match block.get("type"):
            case "text":
                return self.everything(block.get("text"))
            case "image":
                return _picture(source.get("data"))
            case "document" if source.get("type") == "base64":
                return _PAGE * _pages(source.get("data")) + self.everything(block.get("title"), block.get("context"))
            case _:
                return self.everything(list(block.values()))


def _texts(*values: object) -> Iterator[str]:
    left = list(values)
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        left += _list(value)
        yield from _dict(value)
        left += _dict(value).values()


def _bytes(data: object, most: int | None = None) -> bytes:
    try:
        return base64.b64decode(data[:most]) if isinstance(data, str) else b""
    except ValueError:
        return b""


def _pages(data: object) -> int:
    """The pages of a PDF that say so; at least one, for many PDFs say it where only a reader of them would find it."""
    return max(1, len(re.findall(rb"/Type\s*/Page\b", _bytes(data))))


def _picture(data: object) -> int:
    size = picture_size(_bytes(data, _HEAD))
    if size is None or not min(size):
        return _UNKNOWN_PICTURE
    width, height = size
    shrink = min(1.0, _MOST_PIXELS / max(width, height))
    width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
    fit = _SHORT_SIDE / min(width, height)
    across, down = (-(-round(side * fit) // _TILE_SIZE) for side in (width, height))
    return _PICTURE + _TILE * across * down


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF, JPEG or WebP that begins with ``data``; none when they are not in it."""
    if data.startswith(b"\x89PNG") and len(data) >= 24:
        return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if data.startswith(b"GIF8") and len(data) >= 10:
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    if data.startswith(b"\xff\xd8"):
        return _jpeg_size(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP" and len(data) >= 30:
        return _webp_size(data)
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """From the frame's header, behind segments of other kinds."""
    at = 2
    while at + 9 <= len(data):
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return None


def _webp_size(data: bytes) -> tuple[int, int]:
    """From the first chunk: extended, lossless or lossy."""
    if data[12:16] == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
