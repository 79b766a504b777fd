"""What clients of Messages are strict about: each row, on each endpoint and family, whole and streamed.

The rows stand in ``messages_rows.py``; they are themselves checked against spoilt answers at the end.
"""

import json
from typing import Any

import messages_rows as rows
import pytest
from house import House
from server.client_shapes import CITY
from server.test_strictness import MODELS, PROMPTS, spoil

PATH = "/v1/messages"
TOOLS = [
    {"name": "get_weather", "input_schema": CITY},
    {"name": "ping", "input_schema": {"type": "object", "properties": {}}},
]
NATIVE = {"claude on chat", "older claude on chat", "claude on messages"}
"""Those that speak this dialect themselves, whatever else they do."""

ASKED = {**PROMPTS, "cut off by a stop sequence": "[[reply:One two END three]]"}


def request(model: str, prompt: str, **fields: Any) -> rows.Body:
    messages = [{"role": "user", "content": prompt}]
    return {"model": model, "max_tokens": 16000, "messages": messages, "tools": TOOLS, **fields}


@pytest.mark.parametrize("prompt", ASKED)
@pytest.mark.parametrize("model", MODELS)
async def test_answers_have_no_fault_and_say_the_same_whole_and_streamed(house: House, model: str, prompt: str) -> None:
    asked = request(MODELS[model], ASKED[prompt])
    if prompt == "calls that upstream ends with stop" and model in NATIVE:
        return  # nothing of the kind is known of this endpoint; what it says is passed on
    if prompt.endswith("stop sequence") and model != "gpt on responses":  # which has none
        asked["stop_sequences"] = ["END"]

    whole = await house.http.post(PATH, json=asked)
    streamed = await house.http.post(PATH, json={**asked, "stream": True})

    assert (whole.status_code, streamed.status_code) == (200, 200), whole.text
    assert whole.headers["content-type"] == "application/json"
    assert streamed.headers["content-type"].partition(";")[0] == "text/event-stream"
    assert rows.faults(rows.WHOLE, whole.json()) == []
    events = rows.parse(streamed.text)
    assert rows.faults(rows.STREAM, events) == []
    one, other = rows.comparable(whole.json()), rows.comparable(rows.added_up(events))
    assert one == other
    assert any(block["type"] != "thinking" for block in one["content"]) == (prompt not in {"nothing", "filtered"})
    assert bool(rows.hear(whole.json()).thinking) == bool(rows.hear(rows.added_up(events)).thinking)


BREAKS = [
    *("[[midfail]]", "[[inband]]", "[[tail]]", "[[nofinish]]", "[[failed]]", "[[inband]][[crlf]]"),
    *('[[midfail]][[call:get_weather {"city": "Rome"}]]', "[[inband]][[think]]", "[[tail]][[bytes:31]]"),
]
WORDS = "[[reply:One two three four five six seven eight]]"
CUTS = {"gpt on chat": (0, 200, 900), "gpt on responses": (0, 6000, 9001), "claude on messages": (0, 600, 1000, 1001)}
"""Bytes after which an answer of that model is not over."""


def assert_broken(events: rows.Events, request_id: str) -> None:
    """What came is as it should be, as far as it goes, and then there is an error and nothing else."""
    *before, last = events
    assert last["type"] == "error"
    assert last.keys() == {"type", "error", "request_id"}
    assert last["error"].keys() >= {"type", "message"}
    assert all(last["error"].values())
    assert last["request_id"] == request_id
    assert not {"error", "message_delta", "message_stop"} & {event["type"] for event in before}
    kinds = [event["type"] for event in rows.silent(before)]
    assert kinds[:1] == ["message_start"] * bool(before)
    assert set(kinds[1:]) <= {"content_block_start", "content_block_delta", "content_block_stop"}


@pytest.mark.parametrize("break_", BREAKS)
@pytest.mark.parametrize("model", CUTS)
async def test_a_stream_that_breaks_ends_with_an_error(house: House, model: str, break_: str) -> None:
    answer = await house.http.post(PATH, json=request(MODELS[model], f"{break_}{WORDS}", stream=True))

    assert answer.status_code == 200, answer.text
    assert_broken(rows.parse(answer.text), answer.headers["x-request-id"])


@pytest.mark.parametrize("model", CUTS)
async def test_a_stream_that_is_cut_off_is_as_good_as_far_as_it_goes_and_fails(house: House, model: str) -> None:
    for size in CUTS[model]:
        answer = await house.http.post(PATH, json=request(MODELS[model], f"[[cut:{size}]]{WORDS}", stream=True))

        assert_broken(rows.parse(answer.text), answer.headers["x-request-id"])


USAGE = {"input_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 2}
HEAD: rows.Body = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {**USAGE, "output_tokens": 0},
}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}


def block(index: int, start: rows.Body, *deltas: rows.Body) -> list[rows.Body]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": piece} for piece in deltas),
        {"type": "content_block_stop", "index": index},
    ]


GOOD_STREAM: rows.Events = json.loads(
    json.dumps(
        [
            {"type": "message_start", "message": HEAD},
            {"type": "ping"},
            *block(
                0,
                {"type": "thinking", "thinking": "", "signature": ""},
                {"type": "thinking_delta", "thinking": "hm"},
                {"type": "signature_delta", "signature": "x"},
            ),
            *block(1, {"type": "redacted_thinking", "data": "x"}),
            *block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": "a"}),
            *block(3, CALL, *({"type": "input_json_delta", "partial_json": piece} for piece in ("", "{", "}"))),
            *block(4, {**CALL, "id": "toolu_2"}),
            {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": USAGE},
            {"type": "message_stop"},
        ]
    )
)
KINDS = [event["type"] for event in GOOD_STREAM]
END = KINDS.index("message_delta")
GOOD = rows.added_up(GOOD_STREAM)


def place(kind: str, index: int, nth: int = 0) -> int:
    """Where an event of that kind stands that is about that block."""
    return [at for at, e in enumerate(GOOD_STREAM) if (e["type"], e.get("index")) == (f"content_block_{kind}", index)][
        nth
    ]


def change(at: int, path: str, value: object = ...) -> rows.Events:
    return spoil(GOOD_STREAM, f"{at}.{path}", value)


def without(at: int) -> rows.Events:
    return [*GOOD_STREAM[:at], *GOOD_STREAM[at + 1 :]]


SPOILT_STREAMS: dict[str, list[rows.Events]] = {
    "the message starts first, and once": [without(0), [GOOD_STREAM[0], *GOOD_STREAM], GOOD_STREAM[1:]],
    "the message starts empty": [
        change(0, "message.id"),
        change(0, "message.role", "user"),
        change(0, "message.content", [CALL]),
        change(0, "message.stop_reason"),
        change(0, "message.model", ""),
    ],
    "the message starts with its usage": [change(0, "message.usage"), change(0, "message.usage.input_tokens", None)],
    "blocks follow one another, numbered from 0": [
        without(place("stop", 0)),
        without(place("start", 2)),
        without(place("stop", 4)),
        change(place("start", 2), "index", 3),
        change(place("delta", 2), "index", 1),
    ],
    "a block starts empty": [
        change(place("start", 2), "content_block.text"),
        change(place("start", 0), "content_block.signature"),
        change(place("start", 3), "content_block.name", ""),
        change(place("start", 3), "content_block.input", "{}"),
        change(place("start", 1), "content_block.data"),
        change(place("start", 2), "content_block.type", "odd"),
    ],
    "the deltas are of their block's kind": [
        change(place("delta", 2), "delta.type", "input_json_delta"),
        change(place("delta", 2), "delta.text"),
    ],
    "thinking is signed at its end": [
        without(place("delta", 0, 1)),
        without(place("delta", 0, 1))[: END + 5],
        change(place("delta", 0, 0), "delta", {"type": "signature_delta", "signature": "x"}),
    ],
    "arguments are an object": [
        without(place("delta", 3, 2)),
        change(place("delta", 3, 1), "delta.partial_json", "[{"),
        change(place("delta", 3, 1), "delta.partial_json", "1,{"),
    ],
    "calls have ids of their own that may come back": [
        change(place("start", 4), "content_block.id", "toolu_1"),
        change(place("start", 4), "content_block.id", "a:b"),
    ],
    "the message says why it stops, once, with its usage": [
        without(END),
        change(END, "usage"),
        change(END, "usage.output_tokens"),
        change(END, "delta.stop_reason", None),
        [*GOOD_STREAM[:-1], GOOD_STREAM[END], GOOD_STREAM[-1]],
    ],
    "the stop is tool_use where there are calls": [change(END, "delta.stop_reason", "end_turn")],
    "the message stops last, and once": [
        GOOD_STREAM[:-1],
        [*GOOD_STREAM, GOOD_STREAM[-1]],
        [*GOOD_STREAM, {"type": "ping"}],
        [*GOOD_STREAM[:-2], GOOD_STREAM[-1], GOOD_STREAM[-2]],
    ],
    "there are no events that Anthropic does not have": [change(1, "type", "odd")],
}
SPOILT_WHOLES: dict[str, list[rows.Body]] = {
    "it is a message": [spoil(GOOD, "type"), spoil(GOOD, "role"), spoil(GOOD, "id", ""), spoil(GOOD, "model", None)],
    "the content is a list": [spoil(GOOD, "content", None)],
    "a block has what its type promises": [
        spoil(GOOD, "content.0.signature", ""),
        spoil(GOOD, "content.2.text", ""),
        spoil(GOOD, "content.3.input", "{}"),
        spoil(GOOD, "content.1.type", "odd"),
    ],
    "calls have ids of their own that may come back": [spoil(GOOD, "content.4.id", "toolu_1")],
    "the stop is tool_use where there are calls": [
        spoil(GOOD, "stop_reason", "end_turn"),
        spoil(GOOD, "stop_reason", None),
        spoil(GOOD, "content", []),
    ],
    "the stop sequence is told, or null": [spoil(GOOD, "stop_sequence"), spoil(GOOD, "stop_sequence", "")],
    "usage counts": [spoil(GOOD, "usage"), spoil(GOOD, "usage.output_tokens", True)],
}


def test_a_good_answer_has_no_fault() -> None:
    assert rows.faults(rows.STREAM, GOOD_STREAM) == []
    assert rows.faults(rows.WHOLE, GOOD) == []


@pytest.mark.parametrize("row", SPOILT_STREAMS)
def test_a_spoilt_stream_is_noticed(row: str) -> None:
    spoilt = SPOILT_STREAMS[row]

    assert [row in rows.faults(rows.STREAM, events) for events in spoilt] == [True] * len(spoilt)


@pytest.mark.parametrize("row", SPOILT_WHOLES)
def test_a_spoilt_answer_is_noticed(row: str) -> None:
    spoilt = SPOILT_WHOLES[row]

    assert [row in rows.faults(rows.WHOLE, message) for message in spoilt] == [True] * len(spoilt)


def test_every_row_is_tried_with_spoilt_answers() -> None:
    assert rows.STREAM.keys() == SPOILT_STREAMS.keys()
    assert rows.WHOLE.keys() == SPOILT_WHOLES.keys()
    assert all([*SPOILT_STREAMS.values(), *SPOILT_WHOLES.values()])
