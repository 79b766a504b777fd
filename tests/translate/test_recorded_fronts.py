"""Every recording of ``/responses`` and ``/v1/messages`` as clients of both dialects get it: as it came where the
dialect is theirs, and by way of the hub; whole, byte by byte and however the network cuts it.
"""

import functools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import messages_rows
import pytest
import responses_rows
from heard import Heard
from hypothesis import given, settings, strategies as st
from translate import test_recorded_replies as replies, test_recorded_streams as streams

from passenger_trio.errors import PassengerError, UpstreamBroke
from passenger_trio.server.relay import Answer, Translated
from passenger_trio.translate.backs import messages as messages_back, responses as responses_back
from passenger_trio.translate.diagonals import messages_answer, responses_answer
from passenger_trio.translate.fronts import chat, messages, responses
from passenger_trio.translate.fronts.tool_names import ToolNames
from passenger_trio.wire import sse

DIRECTORY = Path(__file__).parents[1] / "samples" / "copilot"
BACKS: dict[str, Any] = {"responses": responses_back, "messages": messages_back}
ROWS: dict[str, ModuleType] = {"responses": responses_rows, "messages": messages_rows}
MODEL = "real"
ASKED = responses.read(b'{"model":"asked","input":"x","store":true}')
ASKED_MESSAGES = messages.read(b'{"model":"asked","messages":[{"role":"user","content":"x"}]}')


class Road(NamedTuple):
    """The client's dialect, the endpoint's, and whether the way leads through the hub."""

    front: str
    endpoint: str
    hub: bool

    def __str__(self) -> str:
        return f"{self.front} {'through the hub' if self.hub else 'as it is'}"


def roads(pattern: str) -> list[tuple[Road, str]]:
    """Each recording on each of its ways."""
    found: list[tuple[Road, str]] = []
    for endpoint in BACKS:
        names = sorted(path.name for path in DIRECTORY.glob(f"{endpoint}_{pattern}"))
        ways = [Road(front, endpoint, hub=True) for front in BACKS]
        found += [(way, name) for way in [Road(endpoint, endpoint, hub=False), *ways] for name in names]
    return found


STREAMS = roads("stream*.sse")
GOOD = [(way, name) for way, name in STREAMS if not streams.EXPECTED[name].error]
BROKEN = [(way, name) for way, name in STREAMS if streams.EXPECTED[name].error]
WHOLE = roads("nonstream*.json")


@functools.cache
def recorded(name: str) -> bytes:
    return (DIRECTORY / name).read_bytes()


def new_id() -> str:
    return "chatcmpl-made"


def answer_on(way: Road) -> Answer:
    """How a stream is answered on that way."""
    if not way.hub:
        return responses_answer.Stream() if way.front == "responses" else messages_answer.Stream("req_1")
    back = BACKS[way.endpoint].Stream(MODEL, created=1, new_id=new_id)
    if way.front == "responses":
        tools = responses.to_call(ASKED, MODEL)[1]
        return Translated(back, responses.Stream(ASKED, tools, model=MODEL, now=2, new_id=new_id))
    return Translated(
        back, messages.Stream(ASKED_MESSAGES, ToolNames(), model=MODEL, new_id=new_id, request_id="req_1")
    )


def play(way: Road, pieces: Iterable[bytes]) -> bytes:
    """The loop of ``server/relay.py`` without a network: pieces from upstream, all bytes for the client."""
    answer, splitter, out = answer_on(way), sse.Splitter(), list[bytes]()

    def events() -> Iterator[sse.Event]:
        for piece in pieces:
            yield from splitter.feed(piece)
            if answer.done:
                return
        yield from splitter.end()

    try:
        for event in events():
            out.append(answer.event(event))
        out.append(answer.end())
    except PassengerError as error:
        out.append(answer.fault(error))
    return b"".join(out)


def one_by_one(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


def said(way: Road, data: bytes) -> tuple[Heard, list[str]]:
    """What a client hears of a good stream, and the ids of the calls in it."""
    rows = ROWS[way.front]
    events = rows.parse(data)
    assert rows.faults(rows.STREAM, events) == []
    if way.front == "responses":
        response = responses_rows.last(events)
        return responses_rows.hear(response), [item["call_id"] for item in responses_rows.calls(response["output"])]
    message = messages_rows.added_up(events)
    return messages_rows.hear(message), messages_rows.ids(message["content"])


def broke(way: Road, data: bytes) -> str:
    """The words in which a broken stream ends, and nothing in it says that it was good."""
    *before, last = ROWS[way.front].parse(data)
    assert last["type"] == "error"
    assert last["error"]["message"]
    kinds = [event["type"] for event in before]
    assert not {"response.completed", "response.incomplete", "message_delta", "message_stop", "error"} & set(kinds)
    assert kinds.count("response.failed") == (way.front == "responses" and bool(kinds))
    return last["error"]["message"]


def test_there_are_good_and_broken_recordings_of_both_endpoints() -> None:
    assert {(way, bool(streams.EXPECTED[name].error)) for way, name in STREAMS} == {
        (way, error) for way, _ in STREAMS for error in (False, True)
    }
    assert len({way for way, _ in STREAMS}) == len({way for way, _ in WHOLE}) == 6


@pytest.mark.parametrize(("way", "name"), GOOD, ids=str)
def test_a_recording_has_no_fault_and_says_what_is_in_it(way: Road, name: str) -> None:
    expected = streams.EXPECTED[name]

    heard, ids = said(way, play(way, [recorded(name)]))

    assert (heard.text, heard.reasoning, heard.finish) == (expected.text, expected.reasoning, expected.finish)
    assert heard.calls == [("function", called, arguments) for _, called, arguments in expected.calls]
    assert ids == [call_id for call_id, _, _ in expected.calls]
    assert heard.usage == expected.usage


@pytest.mark.parametrize(("way", "name"), STREAMS, ids=str)
def test_a_recording_cut_into_bytes_gives_the_same_answer(way: Road, name: str) -> None:
    assert play(way, one_by_one(recorded(name))) == play(way, [recorded(name)])


@pytest.mark.parametrize(("way", "name"), STREAMS, ids=str)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_recording_cut_anywhere_gives_the_same_answer(way: Road, name: str, data: st.DataObject) -> None:
    whole = recorded(name)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=12)))

    pieces = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    assert play(way, pieces) == play(way, [whole])


@pytest.mark.parametrize(("way", "name"), BROKEN, ids=str)
def test_a_recording_that_broke_never_ends_well(way: Road, name: str) -> None:
    words = broke(way, play(way, [recorded(name)]))

    assert streams.EXPECTED[name].error in words


@pytest.mark.parametrize(("way", "name"), STREAMS, ids=str)
def test_a_recording_that_stops_early_never_ends_well(way: Road, name: str) -> None:
    whole = recorded(name)
    finish = whole.find(streams.FINISHES[way.endpoint])
    finish = finish if finish >= 0 else len(whole)

    for stop in range(0, finish, 61):
        broke(way, play(way, [whole[:stop]]))


@pytest.mark.parametrize(("way", "name"), GOOD, ids=str)
def test_a_recording_that_stops_after_its_finish_ends_well(way: Road, name: str) -> None:
    whole = recorded(name)
    expected = said(way, play(way, [whole]))

    for stop in range(whole.index(b"\n", whole.index(streams.FINISHES[way.endpoint])), len(whole)):
        assert said(way, play(way, [whole[:stop]])) == expected


def ids_in(value: Any) -> Iterator[tuple[str, str]]:
    """Every id in an event with the name it has there, but for those of calls."""
    if isinstance(value, list):
        for item in value:
            yield from ids_in(item)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in {"id", "item_id"}:
                yield name, inner
            else:
                yield from ids_in(inner)


@pytest.mark.parametrize("name", [name for way, name in GOOD if way == Road("responses", "responses", hub=False)])
def test_ids_stay_the_same_although_copilots_change_with_every_event(name: str) -> None:
    splitter = sse.Splitter()
    upstream = [json.loads(event.data) for event in [*splitter.feed(recorded(name)), *splitter.end()]]
    heard = responses_rows.parse(play(Road("responses", "responses", hub=False), [recorded(name)]))

    before, after = ([pair for event in events for pair in ids_in(event)] for events in (upstream, heard))
    items = len(responses_rows.last(heard)["output"])
    assert len(before) == len(after) == len(set(before)), "the recording has the same id twice"
    assert len({one for _, one in after}) == 1 + items  # the response's, and that of each item


FILLED_IN = {"id", "item_id", "cache_write_tokens"}


@pytest.mark.parametrize("name", [name for way, name in STREAMS if not way.hub])
def test_nothing_else_has_changed(name: str) -> None:
    splitter = sse.Splitter()
    events = [json.loads(event.data) for event in [*splitter.feed(recorded(name)), *splitter.end()]]
    endpoint = name.partition("_")[0]
    heard = ROWS[endpoint].parse(play(Road(endpoint, endpoint, hub=False), [recorded(name)]))
    good = [event for event in events if event["type"] not in {"error", "response.failed"}]

    def without_ids(value: Any) -> Any:
        if isinstance(value, list):
            return [without_ids(item) for item in value]
        if isinstance(value, dict):
            return {name: without_ids(inner) for name, inner in value.items() if name not in FILLED_IN}
        return value

    assert without_ids(heard[: len(good)]) == without_ids(good)


# Whole answers


def whole_on(way: Road, body: bytes) -> bytes:
    """A whole answer on that way."""
    if not way.hub:
        return (responses_answer if way.front == "responses" else messages_answer).reply(body)[0]
    hub = BACKS[way.endpoint].reply(body, chat.to_call(replies.BODY), MODEL, created=1, new_id=new_id)
    if way.front == "responses":
        tools = responses.to_call(ASKED, MODEL)[1]
        return responses.from_hub(hub, ASKED, tools, model=MODEL, now=2, new_id=new_id)
    return messages.from_hub(hub, ASKED_MESSAGES, ToolNames(), model=MODEL, new_id=new_id)


@pytest.mark.parametrize(("way", "name"), WHOLE, ids=str)
def test_a_whole_recording_has_no_fault_and_says_what_is_in_it(way: Road, name: str) -> None:
    expected, rows = replies.EXPECTED[name], ROWS[way.front]

    answer = json.loads(whole_on(way, recorded(name)))

    assert rows.faults(rows.WHOLE, answer) == []
    heard = rows.hear(answer)
    assert (heard.text, heard.reasoning) == (expected.content or "", expected.reasoning or "")
    assert heard.calls == [("function", called, arguments) for _, called, arguments in expected.calls]
    assert (heard.finish, heard.usage) == (expected.finish, expected.usage)


@pytest.mark.parametrize(("way", "name"), WHOLE, ids=str)
def test_a_whole_recording_that_is_cut_off_is_no_answer(way: Road, name: str) -> None:
    whole = recorded(name).rstrip()

    for stop in range(0, len(whole), 11):
        with pytest.raises(UpstreamBroke):
            whole_on(way, whole[:stop])
