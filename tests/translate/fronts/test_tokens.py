"""How many tokens a Messages request has. The tokenizer of these tests counts words."""

import base64
import json
import struct
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fronts import tokens
from passenger_trio.wire import envelope

USER = {"role": "user", "content": "one two"}


def words(text: str) -> int:
    return len(text.split())


def count(*messages: Any, **fields: Any) -> int:
    """The tokens beyond those of an empty request."""
    body = json.dumps({"model": "m", "messages": list(messages), **fields}).encode()
    return tokens.count(envelope.decode(body), words) - 3


def of(*blocks: Any, role: str = "user") -> int:
    """The tokens of the blocks, without what is around a message."""
    return count({"role": role, "content": list(blocks)}) - 4


def test_an_empty_request_has_what_is_around_every_prompt() -> None:
    assert count() == 0
    assert tokens.count(envelope.decode(b'{"messages":[]}'), words) == 3
    assert tokens.count({}, words) == 3


def test_each_message_has_three_tokens_around_it_and_its_role() -> None:
    assert count(USER) == 3 + 1 + 2
    assert count(USER, USER) == 2 * count(USER)
    assert count({"role": "user", "content": None}) == 4


@pytest.mark.parametrize("system", ["a b c", [{"type": "text", "text": "a b"}, {"type": "text", "text": "c"}]])
def test_the_system_prompt_is_a_message(system: Any) -> None:
    assert count(system=system) == 3 + 1 + 3
    assert count(system=None) == 0


def test_blocks_count_by_what_they_say() -> None:
    assert of({"type": "text", "text": "a b", "cache_control": {"type": "ephemeral"}}) == 2
    assert of({"type": "redacted_thinking", "data": "x y z"}) == 0
    assert of({"type": "unheard_of", "said": ["a b", {"c d": "e"}], "n": 5}) == 1 + 2 + 2 + 1
    assert of("not a block", 5) == 0


def test_a_result_counts_with_its_id_and_what_is_in_it() -> None:
    assert of({"type": "tool_result", "tool_use_id": "a", "content": "b c"}) == 3
    parts = [{"type": "text", "text": "b c"}, {"type": "image", "source": {"type": "url", "url": "u"}}]
    assert of({"type": "tool_result", "tool_use_id": "a", "content": parts}) == 3 + 765
    assert of({"type": "tool_result", "tool_use_id": "a"}) == 1


def test_a_call_counts_half_as_much_again() -> None:
    assert (
        of({"type": "tool_use", "id": "a", "name": "f", "input": {"x": "b c"}}, role="assistant")
        == (1 + 1 + 2 + 1) * 3 // 2
    )


def test_tools_count_by_names_and_texts_and_a_tenth_more() -> None:
    tool = {"name": "f", "description": "does it", "input_schema": {"type": "object", "properties": {"x": {}}}}
    said = 3 + 1 + 2 + 2 + 1 + 1  # the names, "f", "does it", "type" and "properties", "object", "x"

    assert count(tools=[tool]) == (16 + 8 + said) * 11 // 10
    assert count(tools=[tool, tool]) == (16 + 2 * (8 + said)) * 11 // 10
    assert count(tools=[]) == count(tools=None) == 0


THINKING = {"type": "thinking", "thinking": "a b c", "signature": "s s s s"}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "r"}]}


def test_thinking_counts_until_the_user_speaks_again() -> None:
    thought = {"role": "assistant", "content": [THINKING]}

    assert count(USER, thought) == count(USER) + 4 + 3
    assert count(USER, thought, RESULT, thought) == count(USER) + 2 * (4 + 3) + count(RESULT)
    assert count(USER, thought, USER) == 2 * count(USER) + 4
    assert count(USER, thought, RESULT, USER, thought) == 2 * count(USER) + count(RESULT) + 4 + 7


@pytest.mark.parametrize(
    "fields, param",
    [({"messages": "x"}, "messages"), ({"messages": [5]}, "messages[0]"), ({"messages": [], "tools": 5}, "tools")],
)
def test_a_request_that_cannot_be_counted_names_its_field(fields: Any, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        tokens.count(envelope.decode(json.dumps(fields).encode()), words)

    assert caught.value.param == param


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height) + b"\x08\x06"


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height)


def jpeg(width: int, height: int, frame: bytes = b"\xff\xc2") -> bytes:
    segments = b"\xff\xe0\x00\x04ab" + b"\xff\xc4\x00\x05abc"
    return b"\xff\xd8" + segments + frame + b"\x00\x11\x08" + struct.pack(">HH", height, width) + b"\x03"


def webp(kind: bytes, data: bytes) -> bytes:
    return b"RIFF\x00\x00\x00\x00WEBP" + kind + b"\x00\x00\x00\x00" + data.ljust(20, b"\x00")


LOSSY = b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 640 | 0x4000, 480)
LOSSLESS = b"\x2f" + struct.pack("<I", 639 | 479 << 14)
EXTENDED = b"\x00\x00\x00\x00" + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")


@pytest.mark.parametrize(
    "data, size",
    [
        (png(640, 480), (640, 480)),
        (gif(640, 480), (640, 480)),
        (jpeg(640, 480), (640, 480)),
        (webp(b"VP8 ", LOSSY), (640, 480)),
        (webp(b"VP8L", LOSSLESS), (640, 480)),
        (webp(b"VP8X", EXTENDED), (640, 480)),
        (png(640, 480)[:20], None),
        (gif(640, 480)[:8], None),
        (jpeg(640, 480)[:20], None),
        (webp(b"VP8 ", LOSSY)[:20], None),
        (b"BM", None),
        (b"", None),
    ],
)
def test_the_size_of_a_picture_is_in_its_head(data: bytes, size: Any) -> None:
    assert tokens.picture_size(data) == size


@pytest.mark.parametrize(
    "data, expected",
    [
        (png(512, 512), 85 + 170 * 4),
        (png(1024, 1024), 85 + 170 * 4),
        (png(2048, 1024), 85 + 170 * 2 * 3),
        (png(4096, 2048), 85 + 170 * 2 * 3),
        (png(100, 800), 85 + 170 * 2 * 12),
        (png(1, 100_000), 85 + 170 * 2 * 3072),
        (png(0, 5), 765),
        (b"nothing known", 765),
    ],
)
def test_a_picture_counts_by_its_tiles(data: bytes, expected: int) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(data).decode()}

    assert of({"type": "image", "source": source}) == expected


@pytest.mark.parametrize("source", [{"type": "base64", "data": "a"}, {"type": "base64"}, None, {"type": "url"}])
def test_a_picture_that_cannot_be_seen_counts_as_a_square_one(source: Any) -> None:
    assert of({"type": "image", "source": source}) == 765


def test_a_picture_is_looked_at_no_further_than_its_head() -> None:
    large = base64.b64encode(png(2048, 1024) + bytes(200_000)).decode() + "="

    assert of({"type": "image", "source": {"type": "base64", "data": large}}) == 85 + 170 * 2 * 3


@pytest.mark.parametrize(
    "pdf, pages", [(b"%PDF /Type /Page /Type/Page /Type /Pages", 2), (b"%PDF", 1), (b"/Type /Page\n", 1)]
)
def test_a_document_counts_by_its_pages(pdf: bytes, pages: int) -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(pdf).decode()}

    assert of({"type": "document", "source": source, "title": "a b", "context": None}) == 2000 * pages + 2


def test_a_document_of_text_counts_by_its_words() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "one two three"}

    # the types and the names of what holds the words count as well
    assert of({"type": "document", "source": source}) == 1 + (3 + 1 + 1 + 3)


def test_the_answer() -> None:
    assert tokens.answer(12) == b'{"input_tokens":12}'
