"""Recorded streams of ``/responses``, however they are cut."""

import functools
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from responses_play import Heard, hear, hear_reply, new_stream, play

from passenger_trio.wire import sse
from passenger_trio.wire.chat import HubChunk

SAMPLES = Path(__file__).parents[2] / "samples" / "copilot"


@functools.cache
def recorded(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


SERVER_ERROR = "The server had an error processing your request."
EXPECTED = {
    "responses_stream.sse": Heard(text="They meet after 2 h 18 min.", finish="stop", usage=(73, 160)),
    "responses_stream_error.sse": Heard(text="They meet", error=(f"Copilot broke off: {SERVER_ERROR}", "server_error")),
    "responses_stream_failed.sse": Heard(
        error=("Copilot broke off: An error occurred while processing your request.", "server_error")
    ),
    "responses_stream_tool.sse": Heard(
        calls=[["call_0gQSGoyM0y7rbeI6AM6NV7le", "function", "get_weather", '{"city":"Tokyo"}']],
        finish="tool_calls",
        usage=(148, 22),
    ),
    "responses_stream_truncated.sse": Heard(
        text="They meet",
        error=("Copilot ended the stream in the middle of the answer (no response.completed).", None),
    ),
}


def test_every_recorded_stream_has_its_row() -> None:
    assert sorted(EXPECTED) == sorted(path.name for path in SAMPLES.glob("responses_stream*.sse"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_recorded_stream_says_in_the_hub_what_it_said(name: str) -> None:
    heard = hear(*play([recorded(name)]))

    heard.opaque = heard.copilot_usage = None
    assert heard == EXPECTED[name]


@pytest.mark.parametrize("name", ["responses_stream.sse", "responses_stream_tool.sse"])
def test_a_recorded_stream_says_what_its_completed_answer_says(name: str) -> None:
    completed = json.loads(recorded(name).rstrip().rpartition(b"data: ")[2])

    heard = hear(*play([recorded(name)]))

    assert heard == hear_reply({**completed["response"], "copilot_usage": completed["copilot_usage"]})
    assert heard.copilot_usage["total_nano_aiu"] > 0


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_recorded_stream_keeps_its_time_and_model(name: str) -> None:
    chunks, _ = play([recorded(name)])

    assert {(chunk.view.created, chunk.view.model) for chunk in chunks} <= {(1_780_000_000, "gpt-5.3-codex")}


def same(one: tuple[list[HubChunk], Any], other: tuple[list[HubChunk], Any]) -> bool:
    return one[0] == other[0] and repr(one[1]) == repr(other[1])


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_recorded_stream_cut_into_bytes_gives_the_same_chunks(name: str) -> None:
    data = recorded(name)

    assert same(play(data[at : at + 1] for at in range(len(data))), play([data]))


@pytest.mark.parametrize("name", sorted(EXPECTED))
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_recorded_stream_cut_anywhere_gives_the_same_chunks(name: str, data: st.DataObject) -> None:
    whole = recorded(name)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=12)))

    pieces = (whole[start:stop] for start, stop in itertools.pairwise([0, *cuts, len(whole)]))

    assert same(play(pieces), play([whole]))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_recorded_stream_needs_no_event_lines_and_bears_a_done(name: str) -> None:
    lines = recorded(name).split(b"\n")
    bare = b"\n".join(line for line in lines if not line.startswith(b"event:"))

    assert same(play([bare, b"\n\ndata: [DONE]\n\n"]), play([recorded(name)]))


@pytest.mark.parametrize("name", ["responses_stream.sse", "responses_stream_tool.sse"])
def test_a_stream_is_done_with_its_completed_event_and_not_before(name: str) -> None:
    stream, splitter = new_stream(), sse.Splitter()
    *early, last = splitter.feed(recorded(name))

    for event in early:
        stream.event(event)
    assert (stream.done, stream.finished) == (False, False)
    assert stream.event(last)
    assert (stream.done, stream.finished) == (True, True)


@pytest.mark.parametrize("name", ["responses_stream.sse", "responses_stream_tool.sse"])
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_stream_that_ends_before_its_completed_event_never_ends_well(name: str, data: st.DataObject) -> None:
    whole = recorded(name)
    length = data.draw(st.integers(0, whole.index(b"event: response.completed")))

    chunks, error = play([whole[:length]])

    assert error is not None
    assert all(choice.finish_reason is None for chunk in chunks for choice in chunk.view.choices or ())
