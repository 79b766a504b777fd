"""Answers of `/v1/messages` on their way to a Messages client: as they came."""

import json
from typing import Any

import messages_rows as rows
import pytest

from passenger_trio.errors import PassengerError, UpstreamBroke, UpstreamRefused
from passenger_trio.server.relay import Record, relay
from passenger_trio.translate.diagonals import messages_answer as native
from passenger_trio.wire import sse

USAGE = {"input_tokens": 7, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 1, "output_tokens": 3}
START = {"type": "message_start", "message": {"id": "msg_1", "content": [], "usage": {**USAGE, "output_tokens": 1}}}
TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "é\u2028"}}
STOPPED = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    "usage": USAGE,
    "copilot_usage": {"total_nano_aiu": 1},
}
STOP = {"type": "message_stop"}


def tell(stream: native.Stream, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """What the client hears of these events; none of them is lost."""
    heard: list[dict[str, Any]] = []
    for event in events:
        heard += rows.parse(stream.event(sse.Event(event["type"].encode(), json.dumps(event).encode())))
    assert len(heard) == len(events)
    return heard


def test_a_whole_answer_passes_byte_for_byte() -> None:
    body = json.dumps({"content": [], "stop_reason": "end_turn", "usage": USAGE, "odd": [1.0]}, indent=2).encode()

    answer, usage = native.reply(body)

    assert answer == body
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (10, 3)
    assert native.reply(b'{"content":[],"stop_reason":"refusal"}')[1] is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no message"),
        (b'{"content":[],"stop_rea', "no message"),
        (b'{"stop_reason":"end_turn"}', "no message"),
        (b'{"content":[],"stop_reason":null}', "cut off"),
    ],
)
def test_what_is_no_answer_is_an_error(body: bytes, words: str) -> None:
    with pytest.raises(UpstreamBroke, match=words):
        native.reply(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
        b'{"message":"Overloaded","code":"overloaded_error"}',
    ],
)
def test_an_error_in_the_place_of_an_answer_keeps_its_words(body: bytes) -> None:
    with pytest.raises(UpstreamRefused) as caught:
        native.reply(body)

    assert (caught.value.status, caught.value.message, caught.value.code) == (502, "Overloaded", "overloaded_error")


def test_events_pass_as_they_came() -> None:
    stream = native.Stream()
    odd = {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {"a": [1.50]}}}
    annotated = {**DELTA, "copilot_annotations": {"a": None}}
    events = [START, TEXT, {"type": "ping"}, DELTA, odd, annotated, STOPPED, STOP]

    assert tell(stream, *events) == events
    assert stream.done
    assert stream.finished
    assert stream.end() == b""


def test_an_event_without_a_name_is_named_by_its_type() -> None:
    data = json.dumps(DELTA).encode()

    assert native.Stream().event(sse.Event(b"", data)) == sse.event(data, b"content_block_delta")
    assert native.Stream().event(sse.Event(b"message", data)) == sse.event(data, b"content_block_delta")


def test_a_type_that_is_not_there_is_the_events_name() -> None:
    assert native.Stream().event(sse.Event(b"message_delta", b"{}")) == sse.event(b"{}", b"message_delta")


def test_the_usage_is_what_was_told_last() -> None:
    stream = native.Stream()
    assert stream.usage is None
    tell(stream, START)
    started = stream.usage
    tell(stream, STOPPED)

    assert started is not None
    assert stream.usage is not None
    assert [(usage.prompt_tokens, usage.completion_tokens) for usage in (started, stream.usage)] == [(10, 1), (10, 3)]


def test_an_event_that_stops_nothing_leaves_the_answer_unfinished() -> None:
    stream = native.Stream()
    tell(stream, START, {**STOPPED, "delta": {"stop_reason": None}}, {"type": "message_delta"})

    assert not stream.finished
    with pytest.raises(UpstreamBroke, match="no stop_reason"):
        stream.end()


def test_the_end_is_said_where_upstream_has_left_it_unsaid() -> None:
    stream = native.Stream()
    tell(stream, START, STOPPED)

    assert not stream.done
    assert rows.parse(stream.end()) == [STOP]


class Upstream:
    """An answer of Copilot's that comes in one read."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self._reads = [b"".join(sse.event(json.dumps(event).encode(), event["type"].encode()) for event in events)]

    async def read(self) -> bytes:
        return self._reads.pop() if self._reads else b""

    async def drain(self) -> None:
        raise AssertionError("a broken answer is not read to its end")


async def test_a_stream_that_says_it_is_over_and_not_why_ends_with_an_error_alone() -> None:
    record = Record()
    reply: Any = Upstream(START, TEXT, STOP)

    heard = b"".join([data async for data in relay(reply, native.Stream(), record)])

    assert [event["type"] for event in rows.parse(heard)] == ["message_start", "content_block_start", "error"]
    assert "no stop_reason" in record.error


def test_what_comes_after_the_end_and_what_says_nothing_is_left_out() -> None:
    stream = native.Stream()

    assert stream.event(sse.Event(b"ping", b"")) == b""
    assert stream.event(sse.Event(b"", sse.DONE)) == b""
    tell(stream, START, STOPPED, STOP)
    assert stream.event(sse.Event(b"content_block_delta", json.dumps(DELTA).encode())) == b""


def test_data_of_several_lines_becomes_one_line() -> None:
    stream = native.Stream()
    for event in (START, DELTA):
        data = json.dumps(event, indent=2).encode()

        assert rows.parse(stream.event(sse.Event(event["type"].encode(), data))) == [event]


def test_an_event_that_is_cut_off_after_the_answer_is_of_no_matter() -> None:
    stream = native.Stream()
    tell(stream, START, STOPPED)

    assert stream.event(sse.Event(b"message_stop", b'{"type":"mess')) == b""
    assert rows.parse(stream.end()) == [STOP]


@pytest.mark.parametrize("data", [b"[1]", b'{"a":', b"[\n1\n]"])
def test_what_is_said_beside_the_answer_in_another_form_is_left_out(data: bytes) -> None:
    stream = native.Stream()

    assert stream.event(sse.Event(b"copilot_errors", data)) == b""
    assert stream.event(sse.Event(b"copilot_note", b'{"a":1}')) == sse.event(b'{"a":1}', b"copilot_note")


BROKEN = [
    (b"content_block_delta", b'{"type":"content_block_delta","ind', "none of Anthropic's"),
    (b"content_block_stop", b"[]", "none of Anthropic's"),
    (b"message_delta", b'{"type":"message_de', "none of Anthropic's"),
    (b"", b'{"type":"message_de', "none of Anthropic's"),
    (b"", b"[\n1", "none of Anthropic's"),
    (b"error", b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "Overloaded"),
    (b"error", b'{"type":"error","message":"Bare."}', "Bare."),
    (b"error", b"{}", "no reason given"),
    (b"", b'{"message":"Closed.","code":"internal_error"}', "Closed."),
    (b"", b'{"error":{"message":"Quota.","code":"quota_exceeded"}}', "Quota."),
]


@pytest.mark.parametrize(("name", "data", "words"), BROKEN)
def test_a_stream_that_breaks_ends_with_an_error(name: bytes, data: bytes, words: str) -> None:
    stream = native.Stream("req_1")
    tell(stream, START, TEXT)
    with pytest.raises(UpstreamBroke, match=words) as broke:
        stream.event(sse.Event(name, data))

    (error,) = rows.parse(stream.fault(broke.value))

    assert error.keys() == {"type", "error", "request_id"}
    assert words in error["error"]["message"]
    assert error["request_id"] == "req_1"
    assert not stream.finished


@pytest.mark.parametrize(
    ("error", "kind"),
    [(UpstreamBroke("It broke."), "api_error"), (UpstreamRefused(429, "Slow down."), "rate_limit_error")],
)
def test_an_error_has_anthropics_word_for_it(error: PassengerError, kind: str) -> None:
    (told,) = rows.parse(native.Stream().fault(error))

    assert told == {"type": "error", "error": {"type": kind, "message": error.message}}


@pytest.mark.parametrize(("events", "words"), [([], "without an answer"), ([START, TEXT, DELTA], "no stop_reason")])
def test_an_answer_without_its_reason_to_stop_is_not_whole(events: list[dict[str, Any]], words: str) -> None:
    stream = native.Stream()
    tell(stream, *events)

    with pytest.raises(UpstreamBroke, match=words):
        stream.end()
