import json

from simulator.shapes import events, kinds, ordered, whole_stream

from passenger_trio.simulator import gemini_wire
from passenger_trio.simulator.answers import Answer, cut
from passenger_trio.simulator.directives import ScriptedCall
from passenger_trio.simulator.stamp import Stamp

STAMP = Stamp(model="gemini-3-pro-preview", created=1780000000, nonce="0123456789abcdef" * 2)
CALLS = (ScriptedCall("file_search", '{"query": "x"}'), ScriptedCall("ping", "{}"))
THOUGHT = Answer("The answer", cut("The answer"), "stop", 20, reasoning=("Working", " it out"))
SEARCH = Answer("I will", cut("I will"), "tool_calls", 6009, calls=CALLS, reasoning=("Locating", "Starting"))


def test_a_streamed_answer_has_the_kinds_of_events_of_the_recorded_one_in_their_order(sample):
    made = whole_stream(gemini_wire.stream(SEARCH, STAMP))

    assert kinds(made) == kinds(sample("chat_stream_reasoning_gemini.sse"))


def test_a_whole_answer_has_the_keys_of_the_recorded_one(sample):
    made = json.loads(gemini_wire.whole(THOUGHT, STAMP))

    assert ordered(made) == ordered(json.loads(sample("chat_nonstream_reasoning_gemini.json")))


def test_usage_is_zeros_until_the_last_event_and_the_total_counts_the_reasoning():
    sent = events(whole_stream(gemini_wire.stream(SEARCH, STAMP)))

    assert {event["usage"]["total_tokens"] for event in sent[:-1]} == {0}
    usage = sent[-1]["usage"]
    assert usage["reasoning_tokens"] == 2
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] + usage["reasoning_tokens"]
    assert json.loads(gemini_wire.whole(SEARCH, STAMP))["usage"] == usage


def test_calls_come_whole_with_the_finish_and_their_signature():
    last = events(whole_stream(gemini_wire.stream(SEARCH, STAMP)))[-1]["choices"][0]

    calls = last["delta"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == [call.arguments for call in CALLS]
    assert [call["index"] for call in calls] == [0, 1]
    assert len({call["id"] for call in calls}) == 2
    assert last["finish_reason"] == "tool_calls"
    assert last["delta"]["reasoning_opaque"]


def test_calls_have_a_signature_even_without_a_thought_to_show():
    message = json.loads(gemini_wire.whole(Answer(None, (), "tool_calls", 1, calls=CALLS), STAMP))["choices"][0][
        "message"
    ]

    assert list(message) == ["reasoning_opaque", "role", "tool_calls"]


def test_a_text_alone_has_no_signature():
    made = gemini_wire.whole(Answer("Hi", ("Hi",), "stop", 1), STAMP)

    assert b"opaque" not in made
