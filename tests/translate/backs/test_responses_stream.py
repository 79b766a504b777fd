"""Streams of ``/responses`` as hub chunks: event by event, broken ones, and every mixture of events."""

import itertools
import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from responses_play import (
    ARGUMENTS,
    INPUT,
    SUMMARY,
    Heard,
    added,
    called,
    completed,
    custom,
    delta,
    done,
    hear,
    hear_reply,
    item_done,
    listen,
    new_stream,
    play,
    refusal,
    thought,
    words,
)

from passenger_trio.wire import sse

ONE = [done("output_text", 0, "text", "Hello"), item_done(0, words("Hello")), completed(words("Hello"))]
PARTS = [
    done("output_text", 0, "text", "Hel"),
    done("output_text", 0, "text", "lo", content_index=1),
    item_done(0, words("Hel", "lo")),
    completed(words("Hel", "lo")),
]
ITEMS = [done("output_text", 0, "text", "Hel"), item_done(1, words("lo")), completed(words("Hel"), words("lo"))]


@pytest.mark.parametrize(
    "events, repeats",
    [
        ([delta("output_text", 0, "Hel"), delta("output_text", 0, "lo")], ONE),
        ([delta("output_text", 0, "Hello"), delta("output_text", 0, "")], ONE),
        ([done("output_text", 0, "text", "Hello")], ONE),
        ([item_done(0, words("Hello"))], ONE),
        ([item_done(0, words("Hel", "lo"))], PARTS),
        ([delta("output_text", 0, "Hel"), delta("output_text", 0, "lo", content_index=1)], PARTS),
        ([delta("output_text", 0, "Hel"), delta("output_text", 1, "lo")], ITEMS),
    ],
)
def test_a_text_is_heard_once_however_it_comes(events: list[Any], repeats: list[Any]) -> None:
    assert listen(*events, completed()).text == "Hello"
    assert listen(*events, *repeats).text == "Hello"


def test_a_text_that_only_the_completed_answer_has_is_heard() -> None:
    assert listen(completed(words("Hel"), thought(), words("lo"))).text == "Hello"


@pytest.mark.parametrize(
    "events",
    [[delta("refusal", 0, "N"), delta("refusal", 0, "o")], [done("refusal", 0, "refusal", "No")], []],
)
def test_a_refusal_is_heard_once_however_it_comes(events: list[Any]) -> None:
    heard = listen(*events, item_done(0, refusal("No")), completed(refusal("No")))

    assert (heard.refusal, heard.text, heard.finish) == ("No", "", "stop")


@pytest.mark.parametrize(
    "events",
    [
        [
            delta(SUMMARY, 0, "O", summary_index=0),
            delta(SUMMARY, 0, "ne", summary_index=0),
            delta(SUMMARY, 0, "Two", summary_index=1),
        ],
        [
            done(SUMMARY, 0, "text", "One", summary_index=0),
            done(SUMMARY, 0, "text", "Two", summary_index=1),
        ],
        [delta(SUMMARY, 0, "One", summary_index=0), item_done(0, thought("One", "Two"))],
        [item_done(0, thought("One", "", "Two"))],
        [],
    ],
)
def test_a_summary_is_heard_once_however_it_comes_and_its_parts_a_blank_line_apart(events: list[Any]) -> None:
    heard = listen(*events, completed(thought("One", "Two"), words("x")))

    assert (heard.reasoning, heard.text) == ("One\n\nTwo", "x")


def test_two_reasoning_items_are_a_blank_line_apart() -> None:
    assert listen(delta(SUMMARY, 0, "One"), delta(SUMMARY, 2, "Two"), completed()).reasoning == "One\n\nTwo"


@pytest.mark.parametrize(
    "events",
    [
        [added(1, called("call_1")), delta(ARGUMENTS, 1, '{"a"'), delta(ARGUMENTS, 1, ":1}")],
        [added(1, called("call_1")), done(ARGUMENTS, 1, "arguments", '{"a":1}')],
        [added(1, called("call_1"))],
        [delta(ARGUMENTS, 1, "lost"), done(ARGUMENTS, 1, "arguments", "lost too")],
        [],
    ],
)
@pytest.mark.parametrize("ends", [[item_done(1, called("call_1", '{"a":1}'))], []])
def test_a_call_is_heard_once_however_it_comes(events: list[Any], ends: list[Any]) -> None:
    heard = listen(*events, *ends, completed(thought(), called("call_1", '{"a":1}')))

    assert heard.calls == [["call_1", "function", "f", '{"a":1}']]
    assert heard.finish == "tool_calls"


@pytest.mark.parametrize(
    "events",
    [
        [added(0, custom("call_1")), delta(INPUT, 0, "*** "), delta(INPUT, 0, "Begin")],
        [added(0, custom("call_1")), done(INPUT, 0, "input", "*** Begin")],
        [item_done(0, custom("call_1", "*** Begin"))],
        [],
    ],
)
def test_a_custom_tools_call_is_heard_once_however_it_comes(events: list[Any]) -> None:
    heard = listen(*events, completed(custom("call_1", "*** Begin")))

    assert heard.calls == [["call_1", "custom", "patch", "*** Begin"]]
    assert heard.finish == "tool_calls"


@pytest.mark.parametrize(
    "begin, event",
    [
        ([], done("output_text", 0, "text", "whole")),
        ([], done("refusal", 0, "refusal", "whole")),
        ([], done(SUMMARY, 0, "text", "whole")),
        ([added(0, called("call_1"))], done(ARGUMENTS, 0, "arguments", "whole")),
        ([added(0, custom("call_1"))], done(INPUT, 0, "input", "whole")),
        ([], item_done(0, words("whole"))),
        ([], item_done(0, called("call_1", "whole"))),
        ([], item_done(0, custom("call_1", "whole"))),
    ],
)
def test_what_was_not_streamed_is_sent_as_soon_as_it_is_whole(begin: list[Any], event: Any) -> None:
    stream = new_stream()
    for early in begin:
        assert b"whole" not in stream.event(sse.Event(b"", json.dumps(early).encode()))[0].data

    chunks = stream.event(sse.Event(b"", json.dumps(event).encode()))

    assert chunks[-1].data.count(b'"whole"') == 1


def test_parallel_calls_are_told_apart_by_their_output_index() -> None:
    heard = listen(
        added(1, called("call_a", name="a")),
        added(3, custom("call_b")),
        delta(INPUT, 3, "x"),
        delta(ARGUMENTS, 1, "{"),
        delta(INPUT, 3, "y"),
        delta(ARGUMENTS, 1, "}"),
        completed(),
    )

    assert heard.calls == [["call_a", "function", "a", "{}"], ["call_b", "custom", "patch", "xy"]]


def test_a_completed_answer_that_leaves_items_out_does_not_repeat_the_others() -> None:
    heard = listen(
        delta(SUMMARY, 0, "Hm."),
        delta("output_text", 1, "Hello"),
        added(2, called("call_1")),
        delta(ARGUMENTS, 2, "{}"),
        completed(words(""), words("Hello"), called("call_1", "{}")),
    )

    assert (heard.text, heard.reasoning) == ("Hello", "Hm.")
    assert heard.calls == [["call_1", "function", "f", "{}"]]


def test_a_call_without_arguments_has_an_empty_object_for_them_unless_it_was_cut_off() -> None:
    events = [added(0, called("call_1")), added(1, custom("call_2"))]

    assert [call[3] for call in listen(*events, completed()).calls] == ["{}", ""]
    cut = listen(*events, {**completed(), "type": "response.incomplete"})
    assert [call[3] for call in cut.calls] == ["", ""]
    assert cut.finish == "length"


def test_a_call_without_an_id_or_a_name_gets_an_id_and_keeps_it() -> None:
    nameless: dict[str, Any] = {"type": "function_call"}
    heard = listen(
        delta("output_text", 0, "x"),
        added(1, nameless),
        added(2, called("call_a")),
        added(3, nameless),
        item_done(1, {**nameless, "arguments": "[1]"}),
        completed(words("x"), nameless, called("call_a"), {**nameless, "arguments": "[3]"}, nameless),
    )

    assert heard.calls == [
        ["call_1", "function", "", "[1]"],
        ["call_a", "function", "f", "{}"],
        ["call_2", "function", "", "[3]"],
        ["call_3", "function", "", "{}"],
    ]


@pytest.mark.parametrize(
    "output, secrets",
    [([], ["a3", "b2"]), ([thought(secret="a4"), thought(secret="b4")], ["a4", "b4"]), ([thought()], ["a3", "b2"])],
)
def test_reasoning_is_kept_in_its_last_form_and_in_order(output: list[Any], secrets: list[str]) -> None:
    heard = listen(
        added(0, thought(secret="a1")),
        item_done(2, thought(secret="b2")),
        item_done(0, thought(secret="a2")),
        item_done(0, thought("Hm.", secret="a3")),
        item_done(3, thought(secret=None)),
        delta("output_text", 4, "x"),
        completed(*output),
    )

    assert [item["encrypted_content"] for item in heard.opaque] == secrets
    assert all(item["type"] == "reasoning" for item in heard.opaque)


def test_an_empty_answer_is_an_answer() -> None:
    [chunk], error = play([sse.event(json.dumps({"type": "response.completed", "response": {}}).encode())])

    assert json.loads(chunk.data) == {
        "id": "chatcmpl-0",
        "object": "chat.completion.chunk",
        "created": 123,
        "model": "asked-model",
        "choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": "stop"}],
    }
    assert error is None


def test_time_and_model_are_those_of_the_first_event_that_has_them_and_stay() -> None:
    created = {"type": "response.created", "response": {"model": "first", "created_at": 7.5}}
    progress = {"type": "response.in_progress", "response": {"model": None}}
    late = {"type": "response.in_progress", "response": {"model": "late", "created_at": 9}}
    events = [created, progress, delta("output_text", 0, "x"), late, completed(model="last", created_at=8)]

    chunks, _ = play(sse.event(json.dumps(event).encode()) for event in events)
    assert {(chunk.view.model, chunk.view.created) for chunk in chunks} == {("first", 7)}

    [chunk], _ = play(sse.event(json.dumps(event).encode()) for event in events[-1:])
    assert (chunk.view.model, chunk.view.created) == ("last", 8)


def test_usage_comes_last_and_copilots_own_with_the_finish() -> None:
    usage = {"input_tokens": 3, "output_tokens": 4}

    chunks, error = play([sse.event(json.dumps({**completed(usage=usage), "copilot_usage": {"x": 1}}).encode())])

    assert error is None
    assert [json.loads(chunk.data).get("copilot_usage") for chunk in chunks] == [{"x": 1}, None]
    assert chunks[-1].view.choices == []
    assert chunks[-1].view.usage is not None
    assert chunks[-1].view.usage.total_tokens == 7


def test_nothing_counts_after_the_completed_event() -> None:
    assert listen(completed(words("x")), delta("output_text", 9, "y"), {"type": "error"}) == Heard("x", finish="stop")


def test_an_event_over_several_lines_becomes_chunks_of_one_line() -> None:
    event = json.dumps({**completed(words("x")), "copilot_usage": {"total": [1]}}, indent=1).encode()

    chunks, error = play([b"data: " + event.replace(b"\n", b"\ndata: ") + b"\n\n"])

    assert error is None
    assert all(b"\n" not in chunk.data for chunk in chunks)
    assert hear(chunks, None).copilot_usage == {"total": [1]}


# Strange events, and broken ones


@pytest.mark.parametrize(
    "data",
    [
        b'event: response.output_text.delta\ndata: {"delta":"x"}\n\n',
        b'event: message\ndata: {"delta":"x","type":"response.output_text.delta"}\n\n',
        b'event: other\ndata: {"delta":"x","type":"response.output_text.delta"}\n\n',
    ],
)
def test_the_type_is_the_one_inside_and_without_it_the_events_name(data: bytes) -> None:
    chunks, _ = play([data])

    assert [json.loads(chunk.data)["choices"][0]["delta"]["content"] for chunk in chunks] == ["x"]


@pytest.mark.parametrize(
    "data",
    [
        b'data: {"type":"response.queued","response":null}\n\n',
        b'data: {"type":"response.mcp_call.failed","error":{"message":"x"}}\n\n',
        b'data: {"type":"response.new_thing","delta":{"odd":1},"item":7}\n\n',
        b'event: copilot_errors\ndata: [{"code":1}]\n\n',
        b'event: copilot_note\ndata: {"delta":{"odd":1}}\n\n',
        b'data: {"type":"response.output_item.added","item":{"type":"image_generation_call","arguments":7}}\n\n',
        b'data: {"type":"response.output_item.done","item":{"type":"mcp_call","arguments":7}}\n\n',
        b'data: {"type":"response.output_item.added","item":{"type":"message","content":[]}}\n\n',
        b'data: {"something":"else"}\n\n',
        b'data: {"message":{"text":"a note"}}\n\n',
        b'event: copilot_note\ndata: {"message":"a note"}\n\n',
        b"event: ping\ndata:\n\n",
        b": comment\n\n",
        b"data: [DONE]\n\n",
    ],
)
def test_an_event_of_an_unknown_kind_is_passed_over(data: bytes) -> None:
    end = sse.event(json.dumps(completed(words("x"))).encode())

    chunks, error = play([data, end])

    assert error is None
    assert hear(chunks, None) == Heard("x", finish="stop")


@pytest.mark.parametrize(
    "data, words, code",
    [
        (b'data: {"type":"error","code":"c","message":"It broke."}\n\n', "It broke.", "c"),
        (b'data: {"type":"error","error":{"code":"c","message":"It broke."}}\n\n', "It broke.", "c"),
        (b'event: error\ndata: {"code":429,"message":"It broke."}\n\n', "It broke.", "429"),
        (b'data: {"error":{"message":"It broke.","code":""}}\n\n', "It broke.", None),
        (b'event: message\ndata: {"error":{"message":"It broke."}}\n\n', "It broke.", None),
        (b'{"error":{"message":"It broke."}}', "It broke.", None),
        (b'data: {"error":"It broke."}\n\n', "It broke.", None),
        (b'data: {"message":"It broke.","code":"c"}\n\n', "It broke.", "c"),
        (b'event: message\ndata: {"message":"It broke."}\n\n', "It broke.", None),
        (b'data: {"type":"response.completed"}\n\n', "not finished", None),
        (b'data: {"type":"response.incomplete","response":null}\n\n', "not finished", None),
        (b'data: {"type":"response.completed","response":{"status":"in_progress"}}\n\n', "not finished", None),
        (b'data: {"type":"response.completed","response":{"status":"failed"}}\n\n', "no reason given", None),
        (b'data: {"type":"response.completed","response":{"error":{"message":"It broke."}}}\n\n', "It broke.", None),
        (b'data: {"type":"response.incomplete","response":{"error":{"code":"c"}}}\n\n', "broke off: c", "c"),
        (b'data: {"type":"error"}\n\n', "no reason given", None),
        (b'data: {"type":"response.failed"}\n\n', "no reason given", None),
        (b'data: {"type":"response.failed","response":{"error":{"code":"c"}}}\n\n', "broke off: c", "c"),
        (b"data: oops\n\n", "no response event", None),
        (b"event: message\ndata: [1]\n\n", "no response event", None),
        (b"event: error\ndata: oops\n\n", "no response event", None),
        (b'data: {"type":"response.output_text.delta","delta":1}\n\n', "no response event", None),
        (b'data: {"type":"response.output_text.delta","delta":"\xff"}\n\n', "no response event", None),
        (b'event: response.completed\ndata: {"type":"respon', "no response event", None),
        (b'data: {"type":"response.output_item.done","item":null}\n\n', "item that cannot be read", None),
        (b'data: {"type":"response.output_item.added","item":{"type":"message","content":1}}\n\n', "item", None),
        (b'data: {"type":"response.completed","response":{"output":[1]}}\n\n', "item that cannot be read", None),
        (b"data: [DONE]\n\n", "no response.completed", None),
        (b"", "no response.completed", None),
    ],
)
def test_a_broken_stream_ends_in_upstreams_words_and_with_what_it_had_said(
    data: bytes, words: str, code: str | None
) -> None:
    chunks, error = play([sse.event(json.dumps(delta("output_text", 0, "Hel")).encode()), data])

    assert error is not None
    assert words in error.message
    assert (error.status, error.code) == (502, code)
    assert hear(chunks, error).text == "Hel"


# Any stream


TEXTS = st.text(max_size=6) | st.sampled_from(["🚀", "\u2028", "\r\n\r\n", "data: [DONE]"])


@dataclass
class Said:
    """A made-up answer: its items, and the events that tell of them."""

    response: dict[str, Any]
    events: list[dict[str, Any]]


@st.composite
def streams(draw: st.DrawFn) -> Said:
    """Items whose pieces come as deltas, or only when a part or an item is done, or at last in the completed answer."""
    output: list[dict[str, Any]] = []
    rows: list[list[dict[str, Any]]] = []
    with_output = draw(st.booleans())
    for index in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["words", "refusal", "thought", "called", "custom"]))
        texts = draw(st.lists(TEXTS, min_size=1, max_size=3))
        text = "".join(texts)
        way = draw(st.sampled_from(["deltas", "part", "item"]))
        if kind in {"called", "custom"} and with_output:
            way = draw(st.sampled_from([way, "completed"]))
        if kind == "called":
            item, name, field_name = called(f"call_{index}x", text), ARGUMENTS, "arguments"
        elif kind == "custom":
            item, name, field_name = custom(f"call_{index}x", text), INPUT, "input"
        elif kind == "refusal":
            item, name, field_name = refusal(text), "refusal", "refusal"
        elif kind == "thought":
            item, name, field_name = thought(text, secret=f"secret{index}"), SUMMARY, "text"
        else:
            item, name, field_name = words(text), "output_text", "text"
        output.append(item)
        row: list[dict[str, Any]] = []
        if way in {"deltas", "part"} or draw(st.booleans()):
            row.append(added(index, {**item, "arguments": "", "input": "", "content": [], "summary": []}))
        if way == "deltas":
            row += [delta(name, index, piece) for piece in texts]
        if way == "part" or (way == "deltas" and draw(st.booleans())):
            row.append(done(name, index, field_name, text))
        if way == "item" or not with_output or (way != "completed" and draw(st.booleans())):
            row.append(item_done(index, item))
        rows.append(row)
    status = draw(st.sampled_from(["completed", "incomplete"]))
    usage = {"input_tokens": draw(st.integers(0, 9)), "output_tokens": draw(st.integers(0, 9))}
    response = {"status": status, "output": output, "usage": usage}
    last = {"type": f"response.{status}", "response": {**response, "output": output if with_output else []}}
    return Said(response, [*itertools.chain.from_iterable(rows), last])


def in_order_of_ids(heard: Heard) -> Heard:
    """Calls that only the completed answer has come after those that were streamed."""
    heard.calls.sort()
    return heard


@given(streams(), st.data())
@settings(deadline=None)
def test_any_stream_says_what_its_whole_answer_says(said: Said, data: st.DataObject) -> None:
    for event in said.events:  # ids change with every event
        if "item" in event:
            event["item"] = {**event["item"], "id": data.draw(st.text("ab", max_size=3))}
        event["item_id"] = data.draw(st.text("ab", max_size=3))

    assert in_order_of_ids(listen(*said.events)) == in_order_of_ids(hear_reply(said.response))
