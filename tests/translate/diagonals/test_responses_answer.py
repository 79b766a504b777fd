"""Answers of `/responses` on their way to a Responses client: ids that stay, and all else as it came."""

import json
from typing import Any

import pytest
import responses_rows as rows

from passenger_trio.errors import UpstreamBroke, UpstreamRefused
from passenger_trio.translate.diagonals import responses_answer as native
from passenger_trio.wire import sse

USAGE = {
    "input_tokens": 7,
    "input_tokens_details": {"cached_tokens": 2},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 10,
}
WRITTEN = {"cached_tokens": 2, "cache_write_tokens": 4}
FULL_USAGE = {**USAGE, "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0}}
MESSAGE = {"type": "message", "role": "assistant", "content": [], "phase": "final_answer"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}


def created(response_id: str = "r1") -> dict[str, Any]:
    response = {"id": response_id, "status": "in_progress", "output": [], "usage": None}
    return {"type": "response.created", "sequence_number": 0, "response": response}


def completed(*output: Any, kind: str = "response.completed", **fields: Any) -> dict[str, Any]:
    response = {"id": "r9", "status": "completed", "output": list(output), "usage": USAGE, **fields}
    return {"type": kind, "sequence_number": 9, "response": response, "copilot_usage": {"total_nano_aiu": 1}}


def added(at: int, item: dict[str, Any], item_id: str) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": at, "item": {**item, "id": item_id}}


def delta(at: int, item_id: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "output_index": at, "item_id": item_id, "delta": "é\u2028"}


def tell(stream: native.Stream, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """What the client hears of these events; none of them is lost."""
    heard: list[dict[str, Any]] = []
    for event in events:
        data = json.dumps(event).encode()
        written = stream.event(sse.Event(event.get("type", "").encode(), data))
        heard += rows.parse(written)
    assert len(heard) == len(events)
    return heard


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed"])
def test_a_whole_answer_passes_and_what_openais_always_have_is_filled_in(status: str) -> None:
    body = {"id": "b+/=", "status": status, "output": [MESSAGE], "usage": USAGE, "never_heard_of": [1.0, None]}

    answer, usage = native.reply(json.dumps(body, indent=1).encode())

    assert json.loads(answer) == {**body, "store": False, "usage": FULL_USAGE}
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (7, 3, 10)


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"input_tokens": 7}, {"input_tokens_details": None}, {**FULL_USAGE, "input_tokens_details": WRITTEN}],
)
def test_what_is_there_and_what_nobody_can_know_stays_as_it_is(usage: Any) -> None:
    body = {"store": True, "status": "completed", "output": [], "usage": usage}
    end = {"type": "response.completed", "response": {"id": "r", **body}}

    assert json.loads(native.reply(json.dumps(body).encode())[0]) == body
    assert tell(native.Stream(), end) == [end]
    assert json.loads(native.reply(b'{"status":"completed","output":[]}')[0]).keys() == {"status", "output", "store"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is no response"),
        (b'{"status": "completed", "outp', "is no response"),
        (b"[]", "is no response"),
        (b'{"status": "completed"}', "is no response"),
        (b'{"output": []}', "is no response"),
        (b'{"status": "failed", "error": {"message": "No room.", "code": "full"}}', "broke off: No room."),
    ],
)
def test_what_is_no_answer_is_an_error(body: bytes, words: str) -> None:
    with pytest.raises(UpstreamBroke, match=words):
        native.reply(body)


@pytest.mark.parametrize(
    "body", [b'{"error": {"message": "No room.", "code": "full"}}', b'{"message": "No room.", "code": "full"}']
)
def test_an_error_in_the_place_of_an_answer_keeps_its_words(body: bytes) -> None:
    with pytest.raises(UpstreamRefused) as caught:
        native.reply(body)

    assert (caught.value.status, caught.value.message, caught.value.code) == (502, "No room.", "full")


def test_ids_stay_the_first_ones_although_every_event_has_another() -> None:
    stream = native.Stream()
    heard = tell(
        stream,
        created(),
        {**created("r2"), "type": "response.in_progress"},
        added(0, MESSAGE, "a1"),
        delta(0, "a2"),
        {**added(0, MESSAGE, "a3"), "type": "response.output_item.done"},
        added(1, CALL, "b1"),
        {"type": "response.function_call_arguments.done", "output_index": 1, "item_id": "b2", "arguments": "{}"},
        completed({**MESSAGE, "id": "a4"}, {**CALL, "id": "b3"}),
    )

    assert {event["response"]["id"] for event in heard if "response" in event} == {"r1"}
    assert [event["item"]["id"] for event in heard if "item" in event] == ["a1", "a1", "b1"]
    assert [event["item_id"] for event in heard if "item_id" in event] == ["a1", "b1"]
    assert [item["id"] for item in rows.last(heard)["output"]] == ["a1", "b1"]
    assert stream.done
    assert stream.finished
    assert stream.end() == b""


def test_nothing_but_ids_changes() -> None:
    event = {**delta(0, "a1"), "obfuscation": "x", "never_heard_of": {"a": [1.50, "\u2028"]}}
    stream = native.Stream()

    assert tell(stream, event, {**event, "item_id": "a2"}) == [event, event]
    assert not stream.done
    assert not stream.finished


def test_the_id_of_an_item_that_begins_with_a_part_of_it_holds_for_all_of_it() -> None:
    first, second = tell(native.Stream(), delta(0, "a1"), added(0, MESSAGE, "a2"))

    assert first["item_id"] == second["item"]["id"] == "a1"


def test_an_item_that_has_moved_keeps_an_id_of_its_own() -> None:
    stream = native.Stream()
    reasoning = {"type": "reasoning", "summary": []}
    *_, end = tell(
        stream,
        added(0, reasoning, "a1"),
        added(1, MESSAGE, "b1"),
        completed({**MESSAGE, "id": "m"}, {**CALL, "id": "c"}),
    )

    assert [item["id"] for item in end["response"]["output"]] == ["m", "c"]


def test_what_has_no_id_gets_none() -> None:
    item = {"type": "response.output_item.done", "output_index": 0, "item": CALL}
    event = {"type": "response.odd", "output_index": 0}
    stream = native.Stream()

    assert tell(stream, event, item) == [event, item]
    assert tell(stream, added(0, CALL, "a1"), item)[1] == item
    assert tell(stream, {"type": "response.queued", "response": {"status": "queued"}})[0]["response"]["id"] == ""


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete"])
def test_the_usage_is_known_at_the_end(kind: str) -> None:
    stream = native.Stream()
    tell(stream, created())
    assert stream.usage is None
    tell(stream, completed(kind=kind))

    assert stream.usage is not None
    assert stream.usage.total_tokens == 10
    assert stream.done


def test_a_streams_usage_has_what_openais_always_have() -> None:
    (end,) = tell(native.Stream(), completed())

    assert end["response"]["usage"] == FULL_USAGE


def test_what_comes_after_the_end_and_what_says_nothing_is_left_out() -> None:
    stream = native.Stream()

    assert stream.event(sse.Event(b"response.created", b"")) == b""
    assert stream.event(sse.Event(b"", sse.DONE)) == b""
    tell(stream, completed())
    assert stream.event(sse.Event(b"", json.dumps(created()).encode())) == b""


def test_an_event_is_named_by_its_type_and_by_its_name_where_it_has_none() -> None:
    typed = native.Stream().event(sse.Event(b"", b'{"type":"response.odd"}'))
    named = native.Stream().event(sse.Event(b"response.odd", b'{"a":1}'))

    assert typed == b'event: response.odd\ndata: {"type":"response.odd"}\n\n'
    assert named == b'event: response.odd\ndata: {"a":1}\n\n'


def test_data_of_several_lines_becomes_one_line() -> None:
    data = json.dumps(created(), indent=2).encode()

    assert rows.parse(native.Stream().event(sse.Event(b"response.created", data))) == [created()]


@pytest.mark.parametrize("data", [b"[1]", b'"a"', b'{"a":'])
def test_what_is_said_beside_the_answer_in_another_form_is_left_out(data: bytes) -> None:
    stream = native.Stream()

    assert stream.event(sse.Event(b"copilot_errors", data)) == b""
    assert stream.event(sse.Event(b"copilot_note", b'{"a":1}')) == b'event: copilot_note\ndata: {"a":1}\n\n'


BROKEN = [
    (b"response.output_text.delta", b'{"type":"response.output_te', "no response event"),
    (b"", b'{"type":"response.output_te', "no response event"),
    (b"response.completed", b'{"response":{"output":7}}', "no response event"),
    (b"error", b'{"type":"error","code":"server_error","message":"It had an error."}', "It had an error."),
    (b"error", b'{"error":{"message":"Quota.","code":"quota_exceeded"}}', "Quota."),
    (b"error", b"[", "no response event"),
    (b"", b'{"error":{"message":"Closed.","code":"internal_error"}}', "Closed."),
    (b"", b'{"type":"response.failed","response":{"id":"r2","error":{"message":"It failed."}}}', "It failed."),
    (b"", b'{"type":"response.failed","response":{"id":"r2"}}', "no reason given"),
]


@pytest.mark.parametrize(("name", "data", "words"), BROKEN)
def test_a_stream_that_breaks_ends_with_a_failed_response_and_an_error(name: bytes, data: bytes, words: str) -> None:
    stream = native.Stream()
    before = tell(stream, created())
    with pytest.raises(UpstreamBroke, match=words) as broke:
        stream.event(sse.Event(name, data))

    failed, error = rows.parse(stream.fault(broke.value))

    assert [failed["type"], error["type"]] == ["response.failed", "error"]
    assert [event["sequence_number"] for event in (*before, failed, error)] == [0, 1, 2]
    assert failed["response"]["id"] == "r1"
    assert failed["response"]["status"] == "failed"
    assert words in failed["response"]["error"]["message"]
    assert not stream.finished


def test_an_answer_that_nobody_has_heard_of_has_not_failed() -> None:
    (error,) = rows.parse(native.Stream().fault(UpstreamRefused(429, "Slow down.", code="rate_limited")))

    assert (error["type"], error["sequence_number"], error["code"]) == ("error", 0, "rate_limited")
    assert error["error"]["message"] == error["message"] == "Slow down."


@pytest.mark.parametrize("events", [[], [created()], [created(), added(0, CALL, "a")]])
def test_an_answer_without_its_last_event_is_not_whole(events: list[dict[str, Any]]) -> None:
    stream = native.Stream()
    tell(stream, *events)

    with pytest.raises(UpstreamBroke, match=r"no response\.completed"):
        stream.end()
