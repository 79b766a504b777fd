import json

import pytest
from simulator.shapes import events, kinds, ordered, whole_stream

from passenger_trio.simulator import claude_wire
from passenger_trio.simulator.answers import Answer, cut
from passenger_trio.simulator.directives import ScriptedCall
from passenger_trio.simulator.stamp import Stamp

NEW = Stamp(model="claude-sonnet-4.5", created=1780000000, nonce="0123456789abcdef" * 2)
OLD = Stamp(model="claude-sonnet-4", created=1780000000, nonce="0123456789abcdef" * 2)
WORDS = "I'll check the current weather for both cities."
TEXT = Answer(WORDS, cut(WORDS), "stop", 7)
CALLS = (ScriptedCall("weather", '{"location": "London"}'), ScriptedCall("ping", "{}"))
BOTH = Answer(WORDS, cut(WORDS), "tool_calls", 9, calls=CALLS)
THOUGHT = Answer("Four.", cut("Four."), "stop", 20, reasoning=("Let me", " think."))


@pytest.mark.parametrize(
    "answer, name",
    [
        (TEXT, "chat_stream_text_claude.sse"),
        (BOTH, "chat_stream_tools_claude.sse"),
        (THOUGHT, "chat_stream_reasoning_claude.sse"),
    ],
)
def test_a_streamed_answer_has_the_kinds_of_events_of_the_recorded_one_in_their_order(sample, answer, name):
    assert kinds(whole_stream(claude_wire.stream(answer, NEW))) == kinds(sample(name))


@pytest.mark.parametrize(
    "stamp, name", [(OLD, "chat_nonstream_claude_split.json"), (NEW, "chat_nonstream_claude_split_new.json")]
)
def test_a_whole_answer_is_split_as_the_recorded_one(sample, stamp, name):
    made, recorded = json.loads(claude_wire.whole(BOTH, stamp)), json.loads(sample(name))

    assert ordered(made) == ordered(recorded)
    assert [ordered(choice) for choice in made["choices"]] == [ordered(choice) for choice in recorded["choices"]]
    assert {choice["finish_reason"] for choice in made["choices"]} == {"tool_calls"}


def test_a_text_alone_is_one_choice():
    made = json.loads(claude_wire.whole(TEXT, OLD))

    assert [choice["message"] for choice in made["choices"]] == [{"content": WORDS, "role": "assistant"}]
    assert "object" not in made


def test_calls_alone_have_no_choice_for_the_text():
    made = json.loads(claude_wire.whole(Answer(None, (), "tool_calls", 1, calls=CALLS), NEW))

    assert [len(choice["message"]["tool_calls"]) for choice in made["choices"]] == [2]


def test_text_is_cut_inside_words_and_every_piece_names_its_role():
    deltas = [event["choices"][0]["delta"] for event in events(whole_stream(claude_wire.stream(TEXT, NEW)))]

    assert "".join(delta["content"] or "" for delta in deltas) == WORDS
    assert {delta.get("role") for delta in deltas[:-1]} == {"assistant"}
    assert any(delta["content"][-1].isalpha() for delta in deltas[1:-2])


def test_parallel_calls_all_have_index_0_and_one_without_arguments_has_an_empty_text():
    sent = events(whole_stream(claude_wire.stream(BOTH, NEW)))
    fragments = [call for event in sent for call in event["choices"][0]["delta"].get("tool_calls", ())]

    assert {fragment["index"] for fragment in fragments} == {0}
    heads = [fragment for fragment in fragments if "id" in fragment]
    assert [head["function"] for head in heads] == [{"name": "weather"}, {"name": "ping"}]
    second = fragments[fragments.index(heads[1]) + 1 :]
    assert [fragment["function"]["arguments"] for fragment in second] == [""]
    first = fragments[1 : fragments.index(heads[1])]
    assert "".join(fragment["function"]["arguments"] for fragment in first) == CALLS[0].arguments


def test_a_stream_of_calls_alone_begins_with_the_role():
    sent = events(whole_stream(claude_wire.stream(Answer(None, (), "tool_calls", 1, calls=CALLS), NEW)))

    assert sent[0]["choices"][0]["delta"]["role"] == "assistant"


def test_a_whole_answer_bears_its_reasoning_on_the_message():
    message = json.loads(claude_wire.whole(THOUGHT, NEW))["choices"][0]["message"]

    assert list(message) == ["content", "reasoning_opaque", "reasoning_text", "role"]
    assert message["reasoning_text"] == "Let me think."


def test_an_empty_text_is_an_event_all_the_same():
    sent = events(whole_stream(claude_wire.stream(Answer("", (), "content_filter", 1), NEW)))

    assert [event["choices"][0]["delta"]["content"] for event in sent] == ["", None]
