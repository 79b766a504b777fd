"""A streamed answer of the Messages front, event by event."""

import json
from typing import Any

import pytest
from messages_front import ZERO, counted, delta, events, fragment, hub, message, play, sealed, stream

from passenger_trio.errors import BadRequest, UpstreamBroke
from passenger_trio.translate.fronts import messages as front
from passenger_trio.translate.fronts.tool_names import ToolNames
from passenger_trio.wire.chat import HubChunk

FIRST = fragment(0, "", id="a", name="f")
SECOND = fragment(1, "", id="b", name="g")
USE = {"type": "tool_use", "id": "a", "name": "f"}
USE_TOO = {"type": "tool_use", "id": "b", "name": "g"}


def content(*chunks: HubChunk) -> list[dict[str, Any]]:
    return message(play(chunks))["content"]


def test_text_in_the_vendors_own_words() -> None:
    writer = stream()
    assert writer.content_type == "text/event-stream"

    assert writer.event(delta(role="assistant", content="")) == (
        b"event: message_start\n"
        b'data: {"type":"message_start","message":{"id":"msg_made","type":"message","role":"assistant",'
        b'"model":"claude-asked","content":[],"stop_reason":null,"stop_sequence":null,'
        b'"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}\n'
        b"\n"
        b'event: ping\ndata: {"type":"ping"}\n\n'
    )
    assert writer.event(delta(content="a\nb")) == (
        b"event: content_block_start\n"
        b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\\nb"}}\n\n'
    )
    assert writer.event(delta(finish="stop")) == (
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    )
    assert writer.event(hub(choices=[], usage=counted(9, 2, cached=4))) == b""
    assert writer.end() == (
        b"event: message_delta\n"
        b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
        b'"usage":{"input_tokens":5,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":2}}\n'
        b"\n"
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )


@pytest.mark.parametrize(
    "chunk", [delta(content=""), delta(content=None), hub(choices=[]), hub(choices=[{"index": 0}]), hub()]
)
def test_nothing_said_is_no_block(chunk: HubChunk) -> None:
    writer = stream()
    assert writer.event(chunk)

    assert writer.event(chunk) == b""


def test_an_answer_of_nothing_is_a_message_without_blocks() -> None:
    found = message(play([]))

    assert found["content"] == []
    assert found["stop_reason"] == "end_turn"
    assert found["usage"] == ZERO


def test_only_the_first_choice_is_sent() -> None:
    assert content(delta(content="second", index=1), delta(finish="stop", index=1), delta(finish="stop")) == []


def test_one_block_ends_before_the_next_begins() -> None:
    assert content(
        delta(reasoning_content="h"),
        delta(reasoning_content="m"),
        delta(content="a"),
        delta(refusal="b"),
        delta(reasoning_content="again"),
        delta(content="c"),
        delta(finish="stop"),
    ) == [
        {"type": "thinking", "thinking": "hm", "signature": sealed("")},
        {"type": "text", "text": "ab"},
        {"type": "thinking", "thinking": "again", "signature": sealed("")},
        {"type": "text", "text": "c"},
    ]


def test_what_a_model_wants_back_signs_the_thinking_that_is_open() -> None:
    assert content(
        delta(reasoning_content="hm"),
        delta(reasoning_opaque="O1"),
        delta(reasoning_opaque="O2"),
        delta(reasoning_content="more"),
        delta(content="a", reasoning_opaque="O3"),
        delta(finish="stop"),
    ) == [
        {"type": "thinking", "thinking": "hm", "signature": sealed("O1")},
        {"type": "redacted_thinking", "data": sealed("O2")},
        {"type": "thinking", "thinking": "more", "signature": sealed("O3")},
        {"type": "text", "text": "a"},
    ]


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
def test_an_answer_in_words_ends_with_them_whatever_the_model_wants_back(finish: str) -> None:
    found = content(
        delta(reasoning_opaque="O1"),
        delta(content="a"),
        delta(reasoning_opaque="O2"),
        delta(content="b"),
        delta(finish=finish, reasoning_opaque="O3"),
    )

    assert found == [{"type": "redacted_thinking", "data": sealed("O1")}, {"type": "text", "text": "ab"}]


def test_an_answer_that_calls_has_all_that_the_model_wants_back() -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    found = content(
        delta(content="a", reasoning_opaque="O1"),
        delta(reasoning_opaque="O2"),
        delta(tool_calls=[call]),
        delta(finish="tool_calls", reasoning_opaque="O3"),
    )

    assert [(block["type"], block.get("data")) for block in found] == [
        ("redacted_thinking", sealed("O1")),
        ("text", None),
        ("redacted_thinking", sealed("O2")),
        ("tool_use", None),
        ("redacted_thinking", sealed("O3")),
    ]


def test_what_a_model_wants_back_is_sent_where_it_says_nothing_else() -> None:
    assert content(delta(reasoning_opaque="O"), delta(finish="stop")) == [
        {"type": "redacted_thinking", "data": sealed("O")}
    ]


def test_all_that_one_delta_may_hold_is_put_in_order() -> None:
    function = {"name": "f", "arguments": "{}"}
    found = content(
        delta(
            tool_calls=[{"index": 0, "id": "a", "type": "function", "function": function}],
            refusal="no",
            content="text",
            reasoning_opaque="O",
            reasoning_content="hm",
            finish="tool_calls",
        )
    )

    assert [block["type"] for block in found] == ["thinking", "text", "tool_use"]
    assert found[0]["signature"] == sealed("O")
    assert found[1]["text"] == "textno"


def test_a_calls_arguments_are_sent_as_they_come() -> None:
    writer = stream()
    writer.event(delta(content="a"))

    start = writer.event(delta(tool_calls=[FIRST]))
    first = writer.event(delta(tool_calls=[fragment(0, '{"x":')]))
    last = writer.event(delta(tool_calls=[fragment(0, "1}")]))

    assert events(start) == [
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {**USE, "input": {}}},
    ]
    assert [json.loads(data.split(b"data: ")[1])["delta"] for data in (first, last)] == [
        {"type": "input_json_delta", "partial_json": '{"x":'},
        {"type": "input_json_delta", "partial_json": "1}"},
    ]


def test_a_call_that_is_whole_does_not_keep_the_next_waiting() -> None:
    writer = stream()
    writer.event(delta(tool_calls=[FIRST, fragment(0, '{"x":1}')]))

    found = events(writer.event(delta(tool_calls=[SECOND])))

    assert [event["type"] for event in found] == ["content_block_stop", "content_block_start"]


def test_calls_whose_fragments_mix_are_told_one_after_the_other() -> None:
    parts = [
        FIRST,
        SECOND,
        fragment(2, "", id="c", name="h"),
        fragment(1, '{"y":'),
        fragment(0, '{"x":'),
        fragment(2, "{}"),
        fragment(1, "2}"),
    ]
    writer = stream()
    sent = [writer.event(delta(tool_calls=[part])) for part in parts]
    released = writer.event(delta(tool_calls=[fragment(0, "1}")]))
    rest = writer.event(delta(finish="tool_calls")) + writer.end()

    assert [bool(data) for data in sent] == [True, False, False, False, True, False, False]
    assert message(events(b"".join(sent) + released + rest))["content"] == [
        {**USE, "input": {"x": 1}},
        {**USE_TOO, "input": {"y": 2}},
        {"type": "tool_use", "id": "c", "name": "h", "input": {}},
    ]
    assert b'"c"' in released


def test_what_follows_a_call_that_is_not_yet_whole_waits_in_its_order() -> None:
    chunks = [
        delta(tool_calls=[FIRST]),
        delta(content="t1"),
        delta(tool_calls=[SECOND, fragment(1, '{"y":')]),
        delta(reasoning_content="hm"),
        delta(reasoning_opaque="O"),
        delta(content="t2"),
        delta(tool_calls=[fragment(1, "2}")]),
        delta(tool_calls=[fragment(0, "{}")]),
        delta(finish="tool_calls"),
    ]

    assert content(*chunks) == [
        {**USE, "input": {}},
        {"type": "text", "text": "t1"},
        {**USE_TOO, "input": {"y": 2}},
        {"type": "thinking", "thinking": "hm", "signature": sealed("O")},
        {"type": "text", "text": "t2"},
    ]


@pytest.mark.parametrize("arguments", [None, ""])
def test_calls_without_arguments_are_whole_at_the_end(arguments: str | None) -> None:
    bare = [fragment(0, arguments, id="a", name="f"), fragment(1, arguments, id="b", name="g")]

    found = play([delta(tool_calls=bare), delta(finish="tool_calls")])

    assert message(found)["content"] == [{**USE, "input": {}}, {**USE_TOO, "input": {}}]
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    assert deltas == [{"type": "input_json_delta", "partial_json": "{}"}] * 2


def test_a_call_that_says_nothing_of_itself_still_has_an_id() -> None:
    assert content(delta(tool_calls=[{}]), delta(finish="tool_calls")) == [
        {"type": "tool_use", "id": "call_0", "name": "", "input": {}}
    ]


def test_white_space_after_a_call_is_nothing() -> None:
    chunks = [
        delta(tool_calls=[FIRST, fragment(0, "{}")]),
        delta(content="a"),
        delta(tool_calls=[fragment(0, "\n")]),
        delta(finish="tool_calls"),
    ]

    assert content(*chunks) == [{**USE, "input": {}}, {"type": "text", "text": "a"}]


@pytest.mark.parametrize("arguments", ['{"x":', "[]", "5", "{}{}"])
def test_a_call_with_arguments_that_are_no_object_breaks_the_answer(arguments: str) -> None:
    writer = stream()
    writer.event(delta(tool_calls=[FIRST, fragment(0, arguments)]))

    with pytest.raises(UpstreamBroke, match="`f`"):
        writer.event(delta(finish="tool_calls"))


def test_more_of_a_call_that_was_whole_breaks_the_answer() -> None:
    writer = stream()
    writer.event(delta(tool_calls=[FIRST, fragment(0, "{}")]))
    writer.event(delta(content="a"))

    with pytest.raises(UpstreamBroke, match="`f`"):
        writer.event(delta(tool_calls=[fragment(0, "{}")]))


@pytest.mark.parametrize("finish, reason", [("length", "max_tokens"), ("content_filter", "refusal")])
def test_a_call_that_was_cut_off_ends_where_it_was(finish: str, reason: str) -> None:
    found = message(play([delta(tool_calls=[FIRST, fragment(0, '{"x":')]), delta(finish=finish)]))

    assert found["content"] == [{**USE, "input": ['{"x":']}]
    assert found["stop_reason"] == reason
    assert message(play([delta(tool_calls=[FIRST]), delta(finish=finish)]))["content"] == [{**USE, "input": {}}]


def test_what_comes_after_the_finish_is_said_as_well() -> None:
    found = message(play([delta(content="a"), delta(finish="length"), delta(reasoning_content="late", finish="stop")]))

    assert found["content"] == [
        {"type": "text", "text": "a"},
        {"type": "thinking", "thinking": "late", "signature": sealed("")},
    ]
    assert found["stop_reason"] == "max_tokens"


def test_a_stream_without_a_finish_leaves_nothing_waiting() -> None:
    assert content(delta(tool_calls=[FIRST]), delta(content="a")) == [
        {**USE, "input": {}},
        {"type": "text", "text": "a"},
    ]


def test_a_broken_stream_ends_with_an_error() -> None:
    writer = stream()
    writer.event(delta(content="a"))

    assert writer.fault(UpstreamBroke("it\nbroke")) == (
        b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"it\\nbroke"}}\n\n'
    )


def test_an_error_in_a_stream_names_the_request() -> None:
    body = b'{"model":"m","messages":[]}'
    writer = front.Stream(front.read(body), ToolNames(), model="m", new_id=lambda: "x", request_id="req-1")

    (error,) = events(writer.fault(BadRequest("wrong")))

    assert error["request_id"] == "req-1"
    assert events(writer.event(delta()))[0]["message"]["id"] == "msg_x"
