import json

import pytest

from passenger_trio.simulator import gpt_wire
from passenger_trio.simulator.answers import Answer, cut
from passenger_trio.simulator.directives import ScriptedCall

STAMP = gpt_wire.Stamp(model="gpt-4o-2024-11-20", created=1780000000, nonce="0123456789abcdef" * 2)
TEXT = Answer("Hello there, you", cut("Hello there, you"), "stop", 7)
CALLS = Answer(
    None,
    (),
    "tool_calls",
    9,
    calls=(ScriptedCall("get_weather", '{"city": "San Francisco"}'), ScriptedCall("ping", "{}")),
)
THOUGHT = Answer("Done.", cut("Done."), "stop", 20, reasoning=("Analy", "zing"))


def events(data):
    """The parsed ``data:`` lines of a stream, without its [DONE]."""
    lines = [line.removeprefix(b"data: ") for line in data.split(b"\n") if line]
    assert lines.pop() == b"[DONE]"
    return [json.loads(line) for line in lines]


def streamed(answer):
    stream = gpt_wire.stream(answer, STAMP)
    return events(b"".join(stream.body + stream.ending))


def shape(value):
    """The keys of ``value`` at all depths, in their order; of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return ...


def ordered(value):
    return json.dumps(shape(value), default=str)


@pytest.mark.parametrize("answer, name", [(TEXT, "chat_nonstream_text.json"), (CALLS, "chat_nonstream_tools_gpt.json")])
def test_a_whole_answer_has_the_keys_of_the_recorded_one(sample, answer, name):
    assert ordered(json.loads(gpt_wire.whole(answer, STAMP))) == ordered(json.loads(sample(name)))


@pytest.mark.parametrize(
    "answer, name",
    [
        (TEXT, "chat_stream_text.sse"),
        (CALLS, "chat_stream_tools_gpt.sse"),
        (THOUGHT, "chat_stream_reasoning_cot.sse"),
    ],
)
def test_a_streamed_answer_has_the_kinds_of_events_of_the_recorded_one_in_their_order(sample, answer, name):
    def kinds(parsed):
        found = [ordered(event) for event in parsed]
        return [kind for index, kind in enumerate(found) if kind not in found[:index]]

    assert kinds(streamed(answer)) == kinds(events(sample(name)))


def test_the_first_event_has_neither_choices_nor_an_id():
    first = streamed(TEXT)[0]

    assert (first["choices"], first["id"], first["created"]) == ([], "", 0)


def test_the_pieces_of_a_stream_are_the_text():
    deltas = [choice["delta"] for event in streamed(TEXT) for choice in event["choices"]]

    assert "".join(delta["content"] or "" for delta in deltas) == TEXT.text
    assert deltas[0] == {"content": "", "role": "assistant"}
    assert deltas[-1] == {"content": None}


def test_the_fragments_of_streamed_calls_are_their_arguments():
    fragments = [
        fragment
        for event in streamed(CALLS)
        for choice in event["choices"]
        for fragment in choice["delta"].get("tool_calls", ())
    ]

    for index, call in enumerate(CALLS.calls):
        mine = [fragment for fragment in fragments if fragment["index"] == index]
        assert "".join(fragment["function"]["arguments"] for fragment in mine) == call.arguments
        assert [fragment["function"].get("name") for fragment in mine if "id" in fragment] == [call.name]
    assert len({fragment["id"] for fragment in fragments if "id" in fragment}) == 2


def test_usage_is_on_the_finish_event_and_adds_up():
    finish = streamed(TEXT)[-1]

    assert finish["choices"][0]["finish_reason"] == "stop"
    assert finish["usage"]["total_tokens"] == finish["usage"]["prompt_tokens"] + finish["usage"]["completion_tokens"]
    assert (finish["usage"]["prompt_tokens"], finish["usage"]["completion_tokens"]) == (7, 3)


def test_whole_and_streamed_answers_count_the_same():
    whole = json.loads(gpt_wire.whole(CALLS, STAMP))

    assert whole["usage"] == streamed(CALLS)[-1]["usage"]
    assert whole["id"] == streamed(CALLS)[-1]["id"]


def test_reasoning_comes_before_the_text_and_its_id_after_the_finish():
    parsed = streamed(THOUGHT)

    deltas = [event["choices"][0]["delta"] for event in parsed]
    assert "".join(delta.get("cot_summary", "") for delta in deltas[:2]) == "Analyzing"
    assert parsed[-2]["choices"][0]["finish_reason"] == "stop"
    assert deltas[-1]["cot_id"].startswith("cot_")
    assert [event["id"] == "" for event in parsed] == [True, False, False, False, False, True]
    assert {event["model"] for event in parsed} == {""}


def test_a_whole_answer_bears_its_reasoning_on_the_message():
    message = json.loads(gpt_wire.whole(THOUGHT, STAMP))["choices"][0]["message"]

    assert (message["cot_summary"], message["content"]) == ("Analyzing", "Done.")


def test_an_empty_text_is_not_the_same_as_none():
    empty = json.loads(gpt_wire.whole(Answer("", (), "stop", 1), STAMP))

    assert empty["choices"][0]["message"]["content"] == ""
    assert "content" not in json.loads(gpt_wire.whole(CALLS, STAMP))["choices"][0]["message"]


def test_text_and_calls_can_come_together():
    both = Answer("First", ("First",), "tool_calls", 1, calls=CALLS.calls)

    message = json.loads(gpt_wire.whole(both, STAMP))["choices"][0]["message"]
    assert message["content"] == "First"
    assert len(message["tool_calls"]) == 2
    assert streamed(both)[1]["choices"][0]["delta"] == {"content": "", "role": "assistant"}
