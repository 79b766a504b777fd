"""What clients of Responses are strict about: each row, on each endpoint and family, whole and streamed.

The rows stand in ``responses_rows.py``; they are themselves checked against spoilt answers at the end.
"""

import json
from typing import Any

import httpx
import pytest
import responses_rows as rows
from house import House
from server.client_shapes import CITY
from server.test_strictness import MODELS, PROMPTS, spoil

PATH = "/v1/responses"
PATCH = {"type": "custom", "name": "apply_patch", "format": {"type": "text"}}
TOOLS = [
    {"type": "function", "name": "get_weather", "parameters": CITY, "strict": False},
    {"type": "function", "name": "ping", "parameters": {"type": "object", "properties": {}}, "strict": False},
    PATCH,
]
ASKED = {
    **PROMPTS,
    "a call of a custom tool": '[[call:apply_patch {"input": "*** Begin\\n+é\\n*** End"}]]',
    "calls of both kinds": '[[think]][[call:get_weather {"city": "Rome"}]][[call:apply_patch {"input": "x"}]]',
}
NATIVE = {"gpt on responses"}


def request(model: str, prompt: str, **fields: Any) -> rows.Body:
    return {"model": model, "input": prompt, "tools": TOOLS, "store": True, **fields}


@pytest.mark.parametrize("prompt", ASKED)
@pytest.mark.parametrize("model", MODELS)
async def test_answers_have_no_fault_and_say_the_same_whole_and_streamed(house: House, model: str, prompt: str) -> None:
    asked = request(MODELS[model], ASKED[prompt])

    whole = await house.http.post(PATH, json=asked)
    streamed = await house.http.post(PATH, json={**asked, "stream": True})

    assert (whole.status_code, streamed.status_code) == (200, 200), whole.text
    assert whole.headers["content-type"] == "application/json"
    assert streamed.headers["content-type"].partition(";")[0] == "text/event-stream"
    assert rows.faults(rows.WHOLE, whole.json()) == []
    events = rows.parse(streamed.text)
    assert rows.faults(rows.STREAM, events) == []
    one, other = rows.comparable(whole.json()), rows.comparable(rows.last(events))
    if model in NATIVE:  # Copilot says more about the request in a stream
        one, other = ({name: said[name] for name in one.keys() & other.keys()} for said in (one, other))
    assert one == other
    heard = [rows.hear(response) for response in (whole.json(), rows.last(events))]
    assert len(heard[0].thinking) == len(heard[1].thinking)


@pytest.mark.parametrize("model", MODELS)
async def test_custom_tools_are_called_as_such_on_every_model(house: House, model: str) -> None:
    for prompt in ("a call of a custom tool", "calls of both kinds"):
        for stream in (False, True):
            answer = await house.http.post(PATH, json=request(MODELS[model], ASKED[prompt], stream=stream))

            response = rows.last(rows.parse(answer.text)) if stream else answer.json()
            kinds = {item["name"]: item["type"] for item in rows.calls(response["output"])}
            assert kinds["apply_patch"] == "custom_tool_call", (prompt, stream)
            assert kinds.get("get_weather", "function_call") == "function_call", (prompt, stream)


BREAKS = [
    *("[[midfail]]", "[[inband]]", "[[tail]]", "[[nofinish]]", "[[failed]]", "[[inband]][[crlf]]"),
    *('[[midfail]][[call:get_weather {"city": "Rome"}]]', "[[inband]][[think]]", "[[tail]][[bytes:31]]"),
]
WORDS = "[[reply:One two three four five six seven eight]]"


def events_of(answer: httpx.Response) -> rows.Events:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return rows.parse(answer.text)


@pytest.mark.parametrize("break_", BREAKS)
@pytest.mark.parametrize("model", ["gpt on chat", "gpt on responses", "claude on messages"])
async def test_a_stream_that_breaks_ends_with_a_failed_response_and_an_error(
    house: House, model: str, break_: str
) -> None:
    answer = await house.http.post(PATH, json=request(MODELS[model], f"{break_}{WORDS}", stream=True))

    *before, failed, error = events_of(answer)
    numbers = [event["sequence_number"] for event in (*before, failed, error)]
    assert numbers == list(range(len(numbers)))
    assert [failed["type"], error["type"]] == ["response.failed", "error"]
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"].keys() == {"code", "message"}
    assert failed["response"]["error"]["message"] == error["message"] == error["error"]["message"]
    assert {event["response"]["id"] for event in (*before, failed) if "response" in event} == {failed["response"]["id"]}
    assert not {"response.completed", "response.incomplete", "response.failed", "error"} & {e["type"] for e in before}


CUTS = {"gpt on chat": (200, 900), "gpt on responses": (6000, 9001), "claude on messages": (600, 1000)}
"""Bytes after which an answer of that model has begun and is not over."""


@pytest.mark.parametrize("model", CUTS)
async def test_a_stream_that_is_cut_off_is_as_good_as_far_as_it_goes_and_fails(house: House, model: str) -> None:
    for size in (0, *CUTS[model]):
        answer = await house.http.post(PATH, json=request(MODELS[model], f"[[cut:{size}]]{WORDS}", stream=True))

        *before, error = events_of(answer)
        assert error["type"] == "error", size
        assert [event["sequence_number"] for event in (*before, error)] == list(range(len(before) + 1)), size
        assert [event["type"] for event in before[-1:]] == ["response.failed"] * bool(before), size
        assert bool(before) or (size == 0 and model in NATIVE), "a response that nobody has heard of has not failed"


RESPONSE: rows.Body = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "status": "in_progress",
    "output": [],
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "error": None,
    "incomplete_details": None,
    "store": False,
    "usage": None,
}
USAGE = {
    "input_tokens": 1,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 2,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 3,
}
SUMMARY = {"type": "summary_text", "text": "hm"}
TEXT = {"type": "output_text", "text": "ab", "annotations": []}
REASONING = {"id": "rs", "type": "reasoning", "summary": [SUMMARY], "encrypted_content": "x"}
MESSAGE = {"id": "msg", "type": "message", "role": "assistant", "status": "completed", "content": [TEXT]}
CALL = {"id": "fc", "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"}
CUSTOM = {"id": "ctc", "type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x", "status": "completed"}
ITEMS: list[rows.Body] = [REASONING, MESSAGE, CALL, CUSTOM]
GOOD: rows.Body = {**RESPONSE, "status": "completed", "output": ITEMS, "usage": USAGE}


def told(kind: str, index: int, **fields: Any) -> rows.Body:
    return {"type": f"response.{kind}", "output_index": index, **fields}


def within(kind: str, index: int, **fields: Any) -> rows.Body:
    return told(kind, index, item_id=ITEMS[index]["id"], **fields)


def frame(index: int, empty: rows.Body, *events: rows.Body) -> list[rows.Body]:
    return [
        told("output_item.added", index, item={**ITEMS[index], **empty}),
        *events,
        told("output_item.done", index, item=ITEMS[index]),
    ]


GOOD_STREAM: rows.Events = [
    {"type": "response.created", "response": RESPONSE},
    {"type": "response.in_progress", "response": RESPONSE},
    *frame(
        0,
        {"summary": []},
        within("reasoning_summary_part.added", 0, summary_index=0, part={**SUMMARY, "text": ""}),
        within("reasoning_summary_text.delta", 0, summary_index=0, delta="hm"),
        within("reasoning_summary_text.done", 0, summary_index=0, text="hm"),
        within("reasoning_summary_part.done", 0, summary_index=0, part=SUMMARY),
    ),
    *frame(
        1,
        {"content": [], "status": "in_progress"},
        within("content_part.added", 1, content_index=0, part={**TEXT, "text": ""}),
        within("output_text.delta", 1, content_index=0, delta="a"),
        within("output_text.delta", 1, content_index=0, delta="b"),
        within("output_text.done", 1, content_index=0, text="ab"),
        within("content_part.done", 1, content_index=0, part=TEXT),
    ),
    *frame(
        2,
        {"arguments": "", "status": "in_progress"},
        within("function_call_arguments.delta", 2, delta="{}"),
        within("function_call_arguments.done", 2, arguments="{}"),
    ),
    *frame(
        3,
        {"input": "", "status": "in_progress"},
        within("custom_tool_call_input.delta", 3, delta="x"),
        within("custom_tool_call_input.done", 3, input="x"),
    ),
    {"type": "response.completed", "response": GOOD},
]
GOOD_STREAM = json.loads(json.dumps([{**event, "sequence_number": at} for at, event in enumerate(GOOD_STREAM)]))
KINDS = [event["type"].removeprefix("response.") for event in GOOD_STREAM]


def place(kind: str, after: int = 0) -> int:
    """Where the first event of that kind stands, from a place on."""
    return KINDS.index(kind, after)


def change(kind: str, path: str, value: object = ..., *, after: int = 0) -> rows.Events:
    return spoil(GOOD_STREAM, f"{place(kind, after)}.{path}", value)


def without(kind: str, after: int = 0) -> rows.Events:
    at = place(kind, after)
    return [*GOOD_STREAM[:at], *GOOD_STREAM[at + 1 :]]


FC = place("function_call_arguments.delta")
SPOILT_STREAMS: dict[str, list[rows.Events]] = {
    "the first event creates the response, the second says that it goes on": [
        without("created"),
        without("in_progress"),
        change("created", "response.output", [MESSAGE]),
        change("in_progress", "response.status", "completed"),
    ],
    "events are numbered from 0": [change("output_text.delta", "sequence_number"), GOOD_STREAM[1:]],
    "the last event ends the response, and no other does": [
        GOOD_STREAM[:-1],
        [*GOOD_STREAM, GOOD_STREAM[-1]],
        change("completed", "type", "response.failed"),
        change("completed", "response.status", "incomplete"),
    ],
    "every response has the same id": [change("completed", "response.id", "resp_2")],
    "every response has what clients read": [
        change("created", f"response.{name}") for name in ("id", "object", "created_at", "model", "output", "tools")
    ],
    "the response ends as it says": [
        change("completed", "response.incomplete_details", {"reason": "max_output_tokens"}),
        spoil(change("completed", "response.status", "incomplete"), f"{len(KINDS) - 1}.response.incomplete_details"),
    ],
    "items are added in order, each before anything else is told of it": [
        without("output_item.added"),
        without("output_item.added", FC - 1),
        change("output_item.added", "output_index", 7),
        [*GOOD_STREAM[:3], GOOD_STREAM[2], *GOOD_STREAM[3:]],
    ],
    "every item is done, after everything else that is told of it": [
        without("output_item.done"),
        [*GOOD_STREAM[:-1], GOOD_STREAM[FC], GOOD_STREAM[-1]],
    ],
    "an item keeps its id": [
        change("output_item.done", "item.id", "x"),
        change("output_text.delta", "item_id", "x"),
        change("completed", "response.output.1.id", "x"),
    ],
    "what is told of an item names it": [
        change("output_text.delta", "item_id"),
        change("content_part.done", "item_id"),
    ],
    "no two items have one id": [change("output_item.done", "item.id", "msg")],
    "an item keeps its type, its role, its call and its name": [
        change("output_item.done", "item.call_id", "c9", after=FC),
        change("output_item.done", "item.name", "h", after=FC),
        change("output_item.added", "item.type", "message"),
    ],
    "an item has what its type promises": [
        change("output_item.done", "item.summary"),
        change("output_item.done", "item.role", "user", after=place("output_text.done")),
        change("output_item.done", "item.call_id", "", after=FC),
        change("output_item.done", "item.input", after=FC + 3),
    ],
    "parts are added, grow and are done, and are those of their item": [
        without("content_part.added"),
        without("content_part.done"),
        without("reasoning_summary_part.added"),
        change("content_part.added", "content_index", 1),
        change("content_part.done", "part.text", "a"),
        change("output_item.done", "item.content", [], after=place("output_text.done")),
    ],
    "the deltas of a text are that text": [
        without("output_text.delta"),
        without("output_text.done"),
        without("reasoning_summary_text.done"),
        change("output_text.done", "text", "a"),
    ],
    "the deltas of a call are its arguments": [
        without("function_call_arguments.delta"),
        without("function_call_arguments.done"),
        without("custom_tool_call_input.delta"),
        change("function_call_arguments.done", "arguments", '{"a":1}'),
        change("output_item.done", "item.arguments", '{"a":1}', after=FC),
    ],
    "arguments are an object": [change("output_item.done", "item.arguments", "", after=FC)],
    "no two calls have one call_id": [change("output_item.done", "item.call_id", "c1", after=FC + 3)],
    "the response has the items that were done": [
        change("completed", "response.output", []),
        change("completed", "response.output.1.content.0.text", "a"),
    ],
    "usage counts": [
        change("completed", "response.usage", None),
        change("completed", "response.usage.total_tokens", 9),
        change("completed", "response.usage.output_tokens_details"),
        change("completed", "response.usage.input_tokens_details.cache_write_tokens"),
    ],
    "nothing is stored": [change("completed", "response.store", True), change("created", "response.store")],
}
SPOILT_WHOLES: dict[str, list[rows.Body]] = {
    "the response has what clients read": [
        spoil(GOOD, name) for name in ("id", "object", "created_at", "model", "status", "tool_choice")
    ],
    "the response ends as it says": [spoil(GOOD, "status", "failed"), spoil(GOOD, "status", "incomplete")],
    "an item has what its type promises": [spoil(GOOD, "output.2.name"), spoil(GOOD, "output.1.content.0.text")],
    "no two items have one id": [spoil(GOOD, "output.0.id", "msg")],
    "arguments are an object": [spoil(GOOD, "output.2.arguments", "{"), spoil(GOOD, "output.2.arguments", {})],
    "no two calls have one call_id": [spoil(GOOD, "output.3.call_id", "c1")],
    "usage counts": [spoil(GOOD, "usage"), spoil(GOOD, "usage.input_tokens", 1.5)],
    "nothing is stored": [spoil(GOOD, "store"), spoil(GOOD, "store", True)],
}


def test_a_good_answer_has_no_fault() -> None:
    assert rows.faults(rows.STREAM, GOOD_STREAM) == []
    assert rows.faults(rows.WHOLE, GOOD) == []


@pytest.mark.parametrize("row", SPOILT_STREAMS)
def test_a_spoilt_stream_is_noticed(row: str) -> None:
    assert [row in rows.faults(rows.STREAM, spoilt) for spoilt in SPOILT_STREAMS[row]] == [True] * len(
        SPOILT_STREAMS[row]
    )


@pytest.mark.parametrize("row", SPOILT_WHOLES)
def test_a_spoilt_answer_is_noticed(row: str) -> None:
    assert [row in rows.faults(rows.WHOLE, spoilt) for spoilt in SPOILT_WHOLES[row]] == [True] * len(SPOILT_WHOLES[row])


def test_every_row_is_tried_with_spoilt_answers() -> None:
    assert rows.STREAM.keys() == SPOILT_STREAMS.keys()
    assert rows.WHOLE.keys() == SPOILT_WHOLES.keys()
    assert all([*SPOILT_STREAMS.values(), *SPOILT_WHOLES.values()])
