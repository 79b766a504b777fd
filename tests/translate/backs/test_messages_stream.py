"""Streams of ``/v1/messages`` as clean chunks of the hub."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from passenger_trio.errors import UpstreamBroke
from passenger_trio.translate.backs import messages as back
from passenger_trio.wire import chat, sse
from passenger_trio.wire.chat import HubChunk

SAMPLES = Path(__file__).parents[2] / "samples" / "copilot"
STREAM = (SAMPLES / "messages_stream.sse").read_bytes()
BROKEN = (SAMPLES / "messages_stream_error.sse").read_bytes()
SIGNATURE = (
    "wT6nEFo6VNhf8xOCjqXdXEZuJdA6pREf8Dllmydp92dBiLaVoWKzkluSfU7hERa1MdVk/IENIEzQdk8bPTIki73vnTFj7hcfVMG8M5dEsTuoj9"
    "+r6CAv3U1gazkwYDde/RcTA6TGGgTG66/+N0CzozneX/yTNwHQ"
)
TOKENS = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 200,
    "cache_read_input_tokens": 3000,
    "output_tokens": 40,
}
COUNTED = {
    "prompt_tokens": 3210,
    "completion_tokens": 40,
    "total_tokens": 3250,
    "prompt_tokens_details": {"cached_tokens": 3000},
}


def play(stream: back.Stream, *pieces: bytes) -> list[HubChunk]:
    """What the relay makes of the bytes: every event, and the end once upstream is done or has nothing more."""
    splitter = sse.Splitter()
    chunks: list[HubChunk] = []
    for piece in pieces:
        for event in splitter.feed(piece):
            chunks += stream.event(event)
    for event in splitter.end():
        chunks += stream.event(event)
    chunks += stream.end()
    return chunks


def new_stream() -> back.Stream:
    return back.Stream("asked-model", created=7, new_id=lambda: "made-id")


def streamed(*events: dict[str, Any] | bytes) -> list[dict[str, Any]]:
    """The hub's JSON chunks for events without ``event:`` lines; the views are checked on the way."""
    lines = [sse.event(event if isinstance(event, bytes) else json.dumps(event).encode()) for event in events]
    chunks = play(new_stream(), *lines)
    assert all(chunk.view == chat.decode_chunk(chunk.data) for chunk in chunks)
    return [json.loads(chunk.data) for chunk in chunks]


def deltas(*events: dict[str, Any] | bytes) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in streamed(*events) if chunk["choices"]]


def finish_of(*events: dict[str, Any] | bytes) -> str:
    found = [chunk["choices"][0]["finish_reason"] for chunk in streamed(*events) if chunk["choices"]]
    assert found[:-1] == [None] * (len(found) - 1)
    return found[-1]


START: dict[str, Any] = {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "content": []}}
STOP: dict[str, Any] = {"type": "message_stop"}
ROLE = {"role": "assistant", "content": ""}


def ended(reason: str, **fields: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, **fields}


def begun(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def went_on(index: int, kind: str, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **delta}}


def test_the_recorded_stream_is_clean_chunks() -> None:
    chunks = [json.loads(chunk.data) for chunk in play(new_stream(), STREAM)]
    calling = {"index": 0, "id": "toolu_bdrk_012RVYJvwWk46vkyUgkCzy7K", "type": "function"}
    opaque = [{"type": "thinking", "thinking": "A greeting.", "signature": SIGNATURE}]

    assert {(chunk["id"], chunk["object"], chunk["created"], chunk["model"]) for chunk in chunks} == {
        ("msg_bdrk_01NqeiIwAx3qN4D3pWOBMCdx", "chat.completion.chunk", 7, "claude-sonnet-4-5-20250929")
    }
    assert [chunk["choices"][0] for chunk in chunks[:-1]] == [
        {"index": 0, "delta": delta, "finish_reason": None}
        for delta in (
            {"role": "assistant", "content": ""},
            {"reasoning_content": "A greeting."},
            {"content": "Hello"},
            {"content": " there."},
            {"tool_calls": [{**calling, "function": {"name": "get_weather", "arguments": ""}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"location": "Tok'}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": 'yo"}'}}]},
            {"reasoning_opaque": json.dumps(opaque, separators=(",", ":"))},
        )
    ] + [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]
    assert [chunk.get("copilot_usage", {}).get("total_nano_aiu") for chunk in chunks] == [None] * 8 + [39300000, None]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == {
        "prompt_tokens": 16,
        "completion_tokens": 23,
        "total_tokens": 39,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def test_a_stream_is_done_at_message_stop_and_finished_at_its_reason() -> None:
    stream = new_stream()
    states: list[tuple[bool, bool]] = []
    splitter = sse.Splitter()
    for event in splitter.feed(STREAM):
        stream.event(event)
        states.append((stream.finished, stream.done))

    assert states == [(False, False)] * 15 + [(True, False), (True, True)]


def test_byte_by_byte_the_recorded_stream_gives_the_same_chunks() -> None:
    assert play(new_stream(), *(STREAM[at : at + 1] for at in range(len(STREAM)))) == play(new_stream(), STREAM)


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_cut_anywhere_the_recorded_stream_gives_the_same_chunks(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in itertools.pairwise(places)]

    assert play(new_stream(), *pieces) == play(new_stream(), STREAM)


@given(st.integers(0, len(STREAM) - 1))
def test_the_recorded_stream_is_whole_only_from_its_stop_reason_on(length: int) -> None:
    reason_known = length >= STREAM.index(b"\n\nevent: message_stop")

    if reason_known:
        assert play(new_stream(), STREAM[:length]) == play(new_stream(), STREAM)
    else:
        with pytest.raises(UpstreamBroke):
            play(new_stream(), STREAM[:length])


@pytest.mark.parametrize("size", [1, 7, len(BROKEN)])
def test_the_recorded_error_breaks_the_stream_with_its_type_and_words(size: int) -> None:
    with pytest.raises(UpstreamBroke) as caught:
        play(new_stream(), *(BROKEN[at : at + size] for at in range(0, len(BROKEN), size)))

    assert (caught.value.message, caught.value.code) == ("Copilot broke off: Overloaded", "overloaded_error")


@given(st.lists(st.integers(0, len(BROKEN)), max_size=20))
def test_what_came_before_the_recorded_error_is_the_same_at_any_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(BROKEN)]
    stream, splitter, got = new_stream(), sse.Splitter(), list[HubChunk]()
    events = [event for start, end in itertools.pairwise(places) for event in splitter.feed(BROKEN[start:end])]

    for event in events[:-1]:
        got += stream.event(event)
    with pytest.raises(UpstreamBroke, match="Overloaded"):
        stream.event(events[-1])

    good = play(new_stream(), STREAM)
    assert [chunk.view for chunk in got] == [chunk.view for chunk in good[:3]]
    assert not stream.finished


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        ({"error": {"message": "slow down", "code": "rate_limited"}}, "slow down", "rate_limited"),
        ({"error": {"message": "", "code": ""}}, "no reason given", None),
        ({"error": {"message": "", "code": 429}}, "429", "429"),
        ({"error": "a plain word"}, '"a plain word"', None),
        ({"type": "error", "message": "bare", "code": "c"}, "bare", "c"),
        ({"message": "bare", "code": "c"}, "bare", "c"),
        ({"type": "error"}, "error", "error"),
    ],
)
def test_an_error_in_copilots_form_breaks_the_stream_as_well(error: Any, message: str, code: str | None) -> None:
    with pytest.raises(UpstreamBroke) as caught:
        streamed(START, error)

    assert (caught.value.message, caught.value.code) == (f"Copilot broke off: {message}", code)


def test_an_error_after_the_stop_reason_is_an_error_all_the_same() -> None:
    with pytest.raises(UpstreamBroke, match="late"):
        streamed(START, ended("end_turn"), {"error": {"message": "late"}})


def test_parallel_calls_are_numbered_by_call_and_not_by_block() -> None:
    got = deltas(
        START,
        begun(0, type="text", text=""),
        begun(1, type="tool_use", id="a", name="f"),
        went_on(1, "input_json_delta", partial_json='{"x":1}'),
        begun(2, type="tool_use", id="b", name="g"),
        went_on(2, "input_json_delta", partial_json='{"y":2}'),
        ended("tool_use"),
        STOP,
    )

    assert [delta["tool_calls"][0] for delta in got if "tool_calls" in delta] == [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"x":1}'}},
        {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}},
        {"index": 1, "function": {"arguments": '{"y":2}'}},
    ]


def test_a_call_without_input_gets_its_braces_before_the_finish() -> None:
    events = [START, begun(0, type="tool_use", name="f", input={}), went_on(0, "input_json_delta", partial_json="")]

    assert deltas(*events, begun(1, type="tool_use"), ended("tool_use"), STOP)[3:] == [
        {
            "tool_calls": [
                {"index": 0, "function": {"arguments": "{}"}},
                {"index": 1, "function": {"arguments": "{}"}},
            ]
        },
        {},
    ]


def test_an_input_that_came_whole_at_the_start_is_the_arguments() -> None:
    got = deltas(START, begun(0, type="tool_use", id="a", name="f", input={"x": 1}), ended("tool_use"), STOP)

    assert json.loads(got[-2]["tool_calls"][0]["function"]["arguments"]) == {"x": 1}


def test_a_call_that_was_cut_gets_no_braces() -> None:
    got = deltas(START, begun(0, type="tool_use", id="a", name="f", input={}), ended("max_tokens"), STOP)

    assert len([delta for delta in got if "tool_calls" in delta]) == 1


def test_streamed_thinking_comes_back_as_in_a_whole_answer() -> None:
    got = deltas(
        START,
        begun(0, type="thinking", thinking="Fir", signature=""),
        went_on(0, "thinking_delta", thinking="st."),
        went_on(0, "signature_delta", signature="s"),
        went_on(0, "signature_delta", signature="1"),
        begun(1, type="redacted_thinking", data="xyz"),
        went_on(2, "thinking_delta", thinking="Unannounced."),
        went_on(2, "signature_delta", signature="s2"),
        ended("end_turn"),
        STOP,
    )

    assert "".join(delta.get("reasoning_content", "") for delta in got) == "First.Unannounced."
    assert [json.loads(delta["reasoning_opaque"]) for delta in got if "reasoning_opaque" in delta] == [
        [
            {"type": "thinking", "thinking": "First.", "signature": "s1"},
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "thinking", "thinking": "Unannounced.", "signature": "s2"},
        ]
    ]
    assert got[-1] == {}


def test_streamed_thinking_without_a_signature_gives_no_opaque_text() -> None:
    got = deltas(
        START, begun(0, type="thinking", thinking=""), went_on(0, "thinking_delta", thinking="Cut"), ended("x")
    )

    assert got == [ROLE, {"reasoning_content": "Cut"}, {}]


def test_a_text_block_that_begins_with_text_loses_none_of_it() -> None:
    got = deltas(START, begun(0, type="text", text="Be"), went_on(0, "text_delta", text="gin"), ended("end_turn"), STOP)

    assert got == [ROLE, {"content": "Be"}, {"content": "gin"}, {}]


@pytest.mark.parametrize(
    "noise",
    [
        {"type": "ping"},
        {"type": "content_block_stop", "index": 0},
        {"type": "something_new"},
        {"copilot_annotations": {"IPCodeCitations": []}},
        begun(5, type="server_tool_use", id="s", name="web_search", input={}),
        went_on(5, "input_json_delta", partial_json='{"query"'),
        went_on(0, "text_delta", text=""),
        went_on(0, "citations_delta", citation={"a": 1}),
        {"type": "content_block_start", "index": 1},
        {"type": "content_block_delta", "index": 1},
        {"type": "message_delta"},
        START,
    ],
)
def test_noise_beside_the_answer_gives_no_chunk(noise: dict[str, Any]) -> None:
    assert deltas(START, noise, ended("end_turn"), noise, STOP) == [ROLE, {}]


def test_events_under_a_foreign_name_are_not_even_read() -> None:
    assert new_stream().event(sse.Event(b"copilot_annotations", b"no JSON")) == []
    assert new_stream().event(sse.Event(b"ping", b"")) == []


def test_the_name_of_the_event_serves_where_the_data_has_no_type() -> None:
    stream = new_stream()
    stream.event(sse.Event(b"message_start", b"{}"))
    stream.event(sse.Event(b"message_delta", b'{"delta":{"stop_reason":"end_turn"}}'))
    stream.event(sse.Event(b"message_stop", b"{}"))

    assert stream.done
    assert stream.end() == []


def test_the_role_comes_first_even_when_the_start_is_missing_and_one_made_id_serves_all() -> None:
    got = streamed(went_on(0, "text_delta", text="Hi"), went_on(0, "text_delta", text="!"), ended("end_turn"), STOP)

    assert [chunk["choices"][0]["delta"] for chunk in got] == [
        {"role": "assistant", "content": "Hi"},
        {"content": "!"},
        {},
    ]
    assert {(chunk["id"], chunk["model"]) for chunk in got} == {("made-id", "asked-model")}


def test_a_made_id_is_asked_for_once() -> None:
    ids = iter(["first", "second"])
    stream = back.Stream("m", created=7, new_id=lambda: next(ids))
    lines = [{"type": "message_start"}, went_on(0, "text_delta", text="Hi"), ended("end_turn")]

    chunks = play(stream, *(sse.event(json.dumps(line).encode()) for line in lines))

    assert {chunk.view.id for chunk in chunks} == {"first"}


def test_the_input_may_be_counted_in_the_first_event_alone() -> None:
    start = {"type": "message_start", "message": {"id": "m", "usage": {**TOKENS, "output_tokens": 1}}}

    assert streamed(start, ended("end_turn", usage={"output_tokens": 40}), STOP)[-1]["usage"] == COUNTED
    assert streamed(START, ended("end_turn", usage=TOKENS), STOP)[-1]["usage"] == COUNTED
    zeros = {**dict.fromkeys(TOKENS, 0), "output_tokens": 40}
    assert streamed(start, ended("end_turn", usage=zeros), STOP)[-1]["usage"] == COUNTED


@pytest.mark.parametrize(("last", "counted"), [({"output_tokens": 0}, 0), ({"output_tokens": None}, 1), ({}, 1)])
def test_what_was_written_is_counted_as_the_last_event_has_it(last: dict[str, Any], counted: int) -> None:
    start = {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}}

    assert streamed(start, ended("refusal", usage=last), STOP)[-1]["usage"]["completion_tokens"] == counted


def test_a_stream_without_usage_ends_with_its_finish() -> None:
    assert [chunk["choices"][0]["finish_reason"] for chunk in streamed(START, ended("end_turn"), STOP)] == [
        None,
        "stop",
    ]


def test_a_second_reason_changes_nothing() -> None:
    assert finish_of(START, ended("end_turn"), ended("max_tokens"), STOP) == "stop"


def test_done_ends_a_stream_but_does_not_make_it_whole() -> None:
    assert finish_of(START, ended("end_turn"), b"[DONE]") == "stop"
    assert finish_of(START, ended("end_turn"), STOP, b"[DONE]") == "stop"
    with pytest.raises(UpstreamBroke, match="no stop_reason"):
        streamed(START, b"[DONE]")


def test_message_stop_without_a_reason_is_not_the_end_of_an_answer() -> None:
    with pytest.raises(UpstreamBroke, match="no stop_reason"):
        streamed(START, went_on(0, "text_delta", text="Hi"), STOP)


def test_a_stream_that_never_began_is_no_answer() -> None:
    with pytest.raises(UpstreamBroke, match="without an answer"):
        streamed()


def test_nothing_counts_after_the_end() -> None:
    assert finish_of(START, ended("end_turn"), STOP, {"error": {"message": "too late"}}) == "stop"


def test_an_event_that_is_no_json_breaks_the_stream_unless_all_has_been_said() -> None:
    with pytest.raises(UpstreamBroke, match="none of Anthropic's"):
        streamed(START, b"{cut")
    assert finish_of(START, ended("end_turn"), b"{cut") == "stop"


def test_an_event_over_several_lines_of_data_makes_a_chunk_of_one_line() -> None:
    usage = (
        b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},\ndata: "copilot_usage":{\ndata: "a":1}}\n\n'
    )

    chunks = play(new_stream(), sse.event(json.dumps(START).encode()), usage)

    assert json.loads(chunks[-1].data)["copilot_usage"] == {"a": 1}
    assert b"\n" not in chunks[-1].data


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_every_stop_reason_has_a_finish_reason(theirs: str, ours: str) -> None:
    assert finish_of(START, ended(theirs), STOP) == ours


def test_calls_make_the_finish_tool_calls_unless_the_answer_was_cut() -> None:
    call = begun(0, type="tool_use", id="a", name="f", input={})

    assert finish_of(START, call, ended("end_turn"), STOP) == "tool_calls"
    assert finish_of(START, call, ended("max_tokens"), STOP) == "length"
