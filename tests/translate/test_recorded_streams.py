"""Every recorded stream of every endpoint, through both fronts: what a client hears, however the network cuts it."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings, strategies as st

from passenger_trio.wire import sse

DIRECTORY = Path(__file__).parents[1] / "samples" / "copilot"
NAMES = sorted(path.name for path in DIRECTORY.glob("*.sse"))
FINISHES = {
    "chat": b'"finish_reason":"',
    "responses": b'"type":"response.completed"',
    "messages": b'"delta":{"stop_reason":"',
}
"""What stands in the event after which nothing of the answer can be missing."""


class Expected(NamedTuple):
    """What is in a recording; ``usage`` is prompt and completion tokens, ``error`` a part of the in-band error."""

    text: str = ""
    calls: tuple[tuple[str, str, Any], ...] = ()
    finish: str | None = "stop"
    usage: tuple[int, int] | None = None
    reasoning: str = ""
    error: str = ""


EXPECTED = {
    "chat_stream_agent_noise.sse": Expected("Hi", usage=(9, 1)),
    "chat_stream_crlf_nospace.sse": Expected("Héllo 🚀", usage=(9, 1)),
    "chat_stream_error_midstream.sse": Expected("Partial answ", finish=None, error="upstream provider error"),
    "chat_stream_no_done.sse": Expected("Hi", usage=(9, 1)),
    "chat_stream_reasoning_claude.sse": Expected("Four.", usage=(18, 24), reasoning="Let me think."),
    "chat_stream_reasoning_cot.sse": Expected("Done.", usage=(20, 2), reasoning=" Analyzing"),
    "chat_stream_reasoning_gemini.sse": Expected(
        "I will search for the file.\n",
        (("call_TVI4OGI0NjhjMTNvSjBRTG5GbTQ", "file_search", {"query": "**/quotes.lua"}),),
        "tool_calls",
        (6009, 31),
        "**Locating the file**\n\nI need to find quotes.lua first.\n\n\n"
        "**Starting the search**\n\nUsing the file search tool.\n\n\n",
    ),
    "chat_stream_text.sse": Expected("Hello! How can I help you today?", usage=(17, 9)),
    "chat_stream_text_claude.sse": Expected("**Elegant simplicity.**", usage=(394, 22)),
    "chat_stream_tools_claude.sse": Expected(
        "I\u2019ll check the weather for both cities.",
        (
            ("tooluse_icqhkltOqqnPtrJouPv1il", "weather", {"location": "London"}),
            ("tooluse_rLJuJIGH101kzx0g5i0IIn", "weather", {"location": "Paris"}),
        ),
        "tool_calls",
        (900, 141),
    ),
    "chat_stream_tools_finish_stop.sse": Expected(
        "", (("call_hj11GNXdQOQAH7jsUqjLrVuf", "search", {"q": "x"}),), "tool_calls", (30, 9)
    ),
    "chat_stream_tools_gpt.sse": Expected(
        "",
        (
            ("call_Z4sMWOJLTy6nToOyGnEPkFVr", "get_weather", {"location": "Paris"}),
            ("call_JdV2leYEarzuu3SVBVFrh6Dz", "get_weather", {"location": "Rome"}),
        ),
        "tool_calls",
        (84, 46),
    ),
    "chat_stream_tools_gpt_zero_arg.sse": Expected(
        "", (("call_a38fI2ch3p0tkwpNpcQZPJMl", "ping", {}),), "tool_calls", (57, 11)
    ),
    "chat_stream_trailing_json_error.sse": Expected(finish=None, error="stream closed"),
    "chat_stream_truncated.sse": Expected("Partial answ", finish=None, error="no finish_reason"),
    "messages_stream.sse": Expected(
        "Hello there.",
        (("toolu_bdrk_012RVYJvwWk46vkyUgkCzy7K", "get_weather", {"location": "Tokyo"}),),
        "tool_calls",
        (16, 23),
        "A greeting.",
    ),
    "messages_stream_error.sse": Expected("Hello", finish=None, reasoning="A greeting.", error="Overloaded"),
    "responses_stream.sse": Expected("They meet after 2 h 18 min.", usage=(73, 160)),
    "responses_stream_error.sse": Expected(
        "They meet", finish=None, error="The server had an error processing your request."
    ),
    "responses_stream_failed.sse": Expected(finish=None, error="An error occurred while processing your request."),
    "responses_stream_tool.sse": Expected(
        "", (("call_0gQSGoyM0y7rbeI6AM6NV7le", "get_weather", {"city": "Tokyo"}),), "tool_calls", (148, 22)
    ),
    "responses_stream_truncated.sse": Expected("They meet", finish=None, error="no response.completed"),
}


@functools.cache
def recorded(name: str) -> bytes:
    return (DIRECTORY / name).read_bytes()


def endpoint_of(name: str) -> str:
    return name.partition("_")[0]


def test_every_recording_has_its_row() -> None:
    assert sorted(EXPECTED) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_says_the_same_to_every_client(
    name: str, kind: str, play: Callable[..., bytes], hear: Callable[..., Any]
) -> None:
    expected = EXPECTED[name]

    heard = hear(kind, play(kind, recorded(name), endpoint=endpoint_of(name)))

    assert heard.first.text == expected.text
    assert heard.first.reasoning == expected.reasoning
    assert heard.first.calls == list(expected.calls)
    assert heard.first.finish == ("stop" if kind == "ollama" and expected.finish else expected.finish)
    assert heard.usage == (None if kind == "chat" else expected.usage)
    assert (heard.error is None) == (not expected.error)
    assert expected.error in (heard.error or "")


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_cut_into_bytes_gives_the_same_answer(name: str, kind: str, play: Callable[..., bytes]) -> None:
    data, endpoint = recorded(name), endpoint_of(name)

    pieces = (data[at : at + 1] for at in range(len(data)))

    assert play(kind, *pieces, endpoint=endpoint) == play(kind, data, endpoint=endpoint)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_converted_event_by_event_gives_the_same_answer(
    name: str, kind: str, play: Callable[..., bytes]
) -> None:
    splitter = sse.Splitter()
    events = [*splitter.feed(recorded(name)), *splitter.end()]

    pieces = (sse.event(event.data, event.name) for event in events)

    assert play(kind, *pieces, endpoint=endpoint_of(name)) == play(kind, recorded(name), endpoint=endpoint_of(name))


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_recording_cut_anywhere_gives_the_same_answer(
    name: str, kind: str, play: Callable[..., bytes], data: st.DataObject
) -> None:
    whole, endpoint = recorded(name), endpoint_of(name)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=12)))

    pieces = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    assert play(kind, *pieces, endpoint=endpoint) == play(kind, whole, endpoint=endpoint)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_that_stops_early_never_ends_well_without_its_finish(
    name: str, kind: str, play: Callable[..., bytes], hear: Callable[..., Any]
) -> None:
    whole, endpoint = recorded(name), endpoint_of(name)
    finish = whole.find(FINISHES[endpoint])
    finish = finish if finish >= 0 else len(whole)

    for stop in range(0, finish, 7 if endpoint == "chat" else 61):
        assert hear(kind, play(kind, whole[:stop], endpoint=endpoint)).error is not None


@pytest.mark.parametrize("name", [name for name in NAMES if not EXPECTED[name].error])
def test_a_recording_that_stops_after_its_finish_ends_well(
    name: str, kind: str, play: Callable[..., bytes], hear: Callable[..., Any]
) -> None:
    whole, endpoint = recorded(name), endpoint_of(name)
    finished = whole.index(b"\n", whole.index(FINISHES[endpoint]))

    for stop in range(finished, len(whole)):
        heard = hear(kind, play(kind, whole[:stop], endpoint=endpoint))
        assert heard.error is None
        assert heard.first.text == EXPECTED[name].text
