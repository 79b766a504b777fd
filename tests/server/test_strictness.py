"""What real clients are strict about in an answer: each row, on each endpoint and family, whole and streamed.

The rows are the faults that broke clients when answers were spoilt one thing at a time. Each is a check by name, and
the checks are themselves checked against spoilt answers at the end.
"""

import copy
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from house import House
from server.client_shapes import CHAT, CITY, heard_streamed, heard_whole, tool, user

Body = dict[str, Any]
Row = Callable[[Any], bool]

MODELS = {
    "gpt on chat": "gpt-4.1",
    "cot on chat": "o3-mini",
    "claude on chat": "claude-sonnet-4.5",
    "older claude on chat": "claude-sonnet-4",
    "gemini on chat": "gemini-3-pro-preview",
    "gpt on responses": "gpt-5.3-codex",
    "claude on messages": "claude-opus-4.7",
}
ROME = '[[call:get_weather {"city": "Rome"}]]'
PARIS = '[[call:get_weather {"city": "Paris, \\"France\\""}]]'
PROMPTS = {
    "text": "[[reply:One two three]]",
    "text in other scripts, in pieces": "[[reply:né 漢字 🎉]] [[bytes:31]]",
    "one call": "What is the weather in Rome?",
    "parallel calls": "weather in Paris and Rome",
    "two tools": "[[two]]",
    "a call without arguments": "[[call:ping]]",
    "calls with and without arguments": f"[[call:ping]]{ROME}[[call:ping]]",
    "text and calls": f"[[reply:Let me see]]{ROME}{PARIS}",
    "reasoning": "[[think]] [[reply:Done]]",
    "reasoning and calls": f"[[think]] {ROME}{PARIS}",
    "reasoning, text and calls": f"[[think]] [[reply:Let me see]]{ROME}",
    "nothing": "[[reply:]]",
    "cut off": "[[len]][[reply:cut off he]]",
    "filtered": "[[filter]]",
    "calls that upstream ends with stop": f"[[stop]]{ROME}{PARIS}",
    "no [DONE] from upstream": "[[nodone]][[reply:One two]]",
    "a [DONE] from upstream": "[[done]][[reply:One two]]",
    "CRLF": f"[[crlf]][[reply:One two]]{ROME}",
    "comments and side notes": f"[[comments]][[reply:One two]]{ROME}",
    "calls in pieces": f"[[bytes:31]] {ROME}{PARIS}",
}
TOOLS = [tool(parameters=CITY), tool("ping", parameters={"type": "object", "properties": {}})]


def request(model: str, prompt: str, **fields: Any) -> Body:
    return {"model": model, "messages": user(prompt), "tools": TOOLS, **fields}


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_usage(usage: Any) -> bool:
    return isinstance(usage, dict) and all(
        is_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    )


def is_object(text: Any) -> bool:
    """Whether ``text`` is the JSON of an object."""
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError):
        return False


def finishes_well(finish: object, calls: object) -> bool:
    """``tool_calls`` where there are calls and only there, unless the answer was cut off."""
    return finish in ({"tool_calls"} if calls else {"stop"}) | {"length", "content_filter"}


def choices_of(chunks: list[Body]) -> list[Body]:
    return [choice for chunk in chunks for choice in chunk["choices"]]


def fragments_of(chunks: list[Body]) -> list[Body]:
    return [part for choice in choices_of(chunks) for part in choice["delta"].get("tool_calls") or ()]


def by_call(chunks: list[Body]) -> list[list[Body]]:
    """The fragments of each call."""
    grouped: dict[Any, list[Body]] = {}
    for part in fragments_of(chunks):
        grouped.setdefault(part.get("index"), []).append(part)
    return list(grouped.values())


def after(chunks: list[Body]) -> list[Body]:
    """The choices after the first finish; upstream's own notes, such as ``cot_id``, may be among them."""
    choices = choices_of(chunks)
    finished = [at for at, choice in enumerate(choices) if choice.get("finish_reason") is not None]
    return choices[finished[0] + 1 :] if finished else []


def arguments_of(call: list[Body]) -> str:
    return "".join(part.get("function", {}).get("arguments") or "" for part in call)


STREAM: dict[str, Row] = {
    "the first delta has its role": lambda chunks: choices_of(chunks)[0]["delta"].get("role") == "assistant",
    "every choice has its index": lambda chunks: all(choice.get("index") == 0 for choice in choices_of(chunks)),
    "no chunk has two choices": lambda chunks: all(len(chunk["choices"]) < 2 for chunk in chunks),
    "only the last chunk may have no choices": lambda chunks: all(chunk["choices"] for chunk in chunks[:-1]),
    "every fragment of a call has its index": lambda chunks: all(
        is_count(part.get("index")) for part in fragments_of(chunks)
    ),
    "calls are numbered from 0": lambda chunks: (
        [call[0].get("index") for call in by_call(chunks)] == list(range(len(by_call(chunks))))
    ),
    "the first fragment of a call has id, type and name": lambda chunks: all(
        call[0].get("id") and call[0].get("type") == "function" and call[0]["function"].get("name")
        for call in by_call(chunks)
    ),
    "a call keeps its id": lambda chunks: all(
        part.get("id") in {None, call[0].get("id")} for call in by_call(chunks) for part in call
    ),
    "no two calls have one id": lambda chunks: (
        len({call[0].get("id") for call in by_call(chunks)}) == len(by_call(chunks))
    ),
    "arguments are an object": lambda chunks: all(is_object(arguments_of(call)) for call in by_call(chunks)),
    "there is one finish reason": lambda chunks: (
        sum(choice.get("finish_reason") is not None for choice in choices_of(chunks)) == 1
    ),
    "nothing is said after the finish": lambda chunks: (
        not any(
            choice["delta"].keys() & {"role", "content", "tool_calls", "reasoning_content"} for choice in after(chunks)
        )
    ),
    "the finish is tool_calls where there are calls": lambda chunks: finishes_well(
        next((c["finish_reason"] for c in choices_of(chunks) if c.get("finish_reason")), None), fragments_of(chunks)
    ),
    "every chunk has the same id": lambda chunks: all(c.get("id") == chunks[0].get("id") != "" for c in chunks),
    "every chunk has an id": lambda chunks: all(isinstance(chunk.get("id"), str) for chunk in chunks),
    "every chunk has its object": lambda chunks: all(c.get("object") == "chat.completion.chunk" for c in chunks),
    "every chunk has its time": lambda chunks: all(is_count(chunk.get("created")) for chunk in chunks),
    "every chunk has its model": lambda chunks: all(chunk.get("model") for chunk in chunks),
    "usage is in the last chunk alone": lambda chunks: (
        [chunk.get("usage") is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    ),
    "usage counts": lambda chunks: is_usage(chunks[-1].get("usage")),
}
"""Of a stream that was asked for its usage."""


def message_of(body: Body) -> Body:
    return body["choices"][0]["message"]


def calls_of(body: Body) -> list[Body]:
    return message_of(body).get("tool_calls") or []


WHOLE: dict[str, Row] = {
    "there is one choice": lambda body: len(body["choices"]) == 1,
    "the choice has its index": lambda body: body["choices"][0].get("index") == 0,
    "the message has its role": lambda body: message_of(body).get("role") == "assistant",
    "the message has content, or null": lambda body: isinstance(message_of(body).get("content", 0), str | None),
    "content is null only beside calls": lambda body: message_of(body)["content"] is not None or bool(calls_of(body)),
    "every call is a function's": lambda body: all(call.get("type") == "function" for call in calls_of(body)),
    "every call has id and name": lambda body: all(c.get("id") and c["function"].get("name") for c in calls_of(body)),
    "no two calls have one id": lambda body: len({call.get("id") for call in calls_of(body)}) == len(calls_of(body)),
    "arguments are an object": lambda body: all(
        is_object(call["function"].get("arguments")) for call in calls_of(body)
    ),
    "the list of calls is not empty": lambda body: message_of(body).get("tool_calls", [0]) not in ([], None),
    "the finish is tool_calls where there are calls": lambda body: finishes_well(
        body["choices"][0].get("finish_reason"), calls_of(body)
    ),
    "the answer has an id": lambda body: isinstance(body.get("id"), str) and body["id"] != "",
    "the answer has its object": lambda body: body.get("object") == "chat.completion",
    "the answer has its time": lambda body: is_count(body.get("created")),
    "the answer has its model": lambda body: bool(body.get("model")),
    "usage counts": lambda body: is_usage(body.get("usage")),
}


def faults(rows: dict[str, Row], answer: Any) -> list[str]:
    return [name for name, holds in rows.items() if not holds(answer)]


def events(answer: httpx.Response) -> list[Body]:
    """The chunks of a stream, which has nothing but events in it and ends with ``[DONE]``."""
    blocks = answer.text.split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks), blocks
    assert blocks.pop() == "data: [DONE]"
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("model", MODELS)
async def test_answers_have_no_fault_and_say_the_same_whole_and_streamed(house: House, model: str, prompt: str) -> None:
    asked = request(MODELS[model], PROMPTS[prompt])

    whole = await house.http.post(CHAT, json=asked)
    bare = await house.http.post(CHAT, json={**asked, "stream": True})
    full = await house.http.post(CHAT, json={**asked, "stream": True, "stream_options": {"include_usage": True}})

    assert (whole.status_code, bare.status_code, full.status_code) == (200, 200, 200), whole.text
    assert whole.headers["content-type"] == "application/json"
    assert {answer.headers["content-type"].partition(";")[0] for answer in (bare, full)} == {"text/event-stream"}
    assert faults(WHOLE, whole.json()) == []
    assert faults(STREAM, events(full)) == []
    assert [name for name in faults(STREAM, events(bare)) if not name.startswith("usage")] == []
    assert not any(chunk.get("usage") for chunk in events(bare))
    said = [heard_whole(whole), heard_streamed(full)]
    for heard in said:
        heard.usage = {name: (heard.usage or {})[name] for name in COUNTS}  # the rest is as the endpoint likes
    assert said[0] == said[1]


def spoil(answer: Any, path: str, value: object = ...) -> Any:
    """A copy of an answer with one thing changed, or taken out."""
    spoilt = copy.deepcopy(answer)
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    place = spoilt
    for key in way:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return spoilt


def chunk(delta: Body, finish: str | None = None) -> Body:
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def fragment(index: int, arguments: str, **more: Any) -> Body:
    return {"tool_calls": [{"index": index, **more, "function": {"name": "f", "arguments": arguments}}]}


COUNTS = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
GOOD_STREAM = [
    chunk({"role": "assistant", "content": "a"}),
    chunk(fragment(0, "{", id="c0", type="function")),
    chunk(fragment(0, "}")),
    chunk(fragment(1, "{}", id="c1", type="function")),
    chunk({}, "tool_calls"),
    {**chunk({}), "choices": [], "usage": COUNTS},
]
GOOD_CALL = {"id": "c0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
GOOD_WHOLE: Body = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": None, "tool_calls": [GOOD_CALL, {**GOOD_CALL, "id": "c1"}]},
            "finish_reason": "tool_calls",
        }
    ],
    "usage": COUNTS,
}
CALL_0 = "1.choices.0.delta.tool_calls.0"
MESSAGE = "choices.0.message"
SPOILT_STREAMS = {
    "the first delta has its role": spoil(GOOD_STREAM, "0.choices.0.delta.role"),
    "every choice has its index": spoil(GOOD_STREAM, "2.choices.0.index"),
    "no chunk has two choices": spoil(GOOD_STREAM, "2.choices", GOOD_STREAM[2]["choices"] * 2),
    "only the last chunk may have no choices": [{**GOOD_STREAM[-1], "usage": None}, *GOOD_STREAM],
    "every fragment of a call has its index": spoil(GOOD_STREAM, "2.choices.0.delta.tool_calls.0.index"),
    "calls are numbered from 0": spoil(GOOD_STREAM, "3.choices.0.delta.tool_calls.0.index", 2),
    "the first fragment of a call has id, type and name": spoil(GOOD_STREAM, f"{CALL_0}.type"),
    "a call keeps its id": spoil(GOOD_STREAM, "2.choices.0.delta.tool_calls.0.id", "c9"),
    "no two calls have one id": spoil(GOOD_STREAM, "3.choices.0.delta.tool_calls.0.id", "c0"),
    "arguments are an object": spoil(GOOD_STREAM, "3.choices.0.delta.tool_calls.0.function.arguments", ""),
    "there is one finish reason": spoil(GOOD_STREAM, "3.choices.0.finish_reason", "tool_calls"),
    "nothing is said after the finish": [*GOOD_STREAM[:-1], chunk({"content": "b"}), GOOD_STREAM[-1]],
    "the finish is tool_calls where there are calls": spoil(GOOD_STREAM, "4.choices.0.finish_reason", "stop"),
    "every chunk has the same id": spoil(GOOD_STREAM, "3.id", "y"),
    "every chunk has an id": spoil(GOOD_STREAM, "0.id"),
    "every chunk has its object": spoil(GOOD_STREAM, "5.object"),
    "every chunk has its time": spoil(GOOD_STREAM, "2.created", None),
    "every chunk has its model": spoil(GOOD_STREAM, "5.model", ""),
    "usage is in the last chunk alone": spoil(GOOD_STREAM, "4.usage", COUNTS),
    "usage counts": spoil(GOOD_STREAM, "5.usage.total_tokens"),
}
SPOILT_WHOLES = {
    "there is one choice": spoil(GOOD_WHOLE, "choices", GOOD_WHOLE["choices"] * 2),
    "the choice has its index": spoil(GOOD_WHOLE, "choices.0.index"),
    "the message has its role": spoil(GOOD_WHOLE, f"{MESSAGE}.role"),
    "the message has content, or null": spoil(GOOD_WHOLE, f"{MESSAGE}.content", []),
    "content is null only beside calls": spoil(GOOD_WHOLE, f"{MESSAGE}.tool_calls"),
    "every call is a function's": spoil(GOOD_WHOLE, f"{MESSAGE}.tool_calls.1.type"),
    "every call has id and name": spoil(GOOD_WHOLE, f"{MESSAGE}.tool_calls.1.function.name", ""),
    "no two calls have one id": spoil(GOOD_WHOLE, f"{MESSAGE}.tool_calls.1.id", "c0"),
    "arguments are an object": spoil(GOOD_WHOLE, f"{MESSAGE}.tool_calls.0.function.arguments", {}),
    "the list of calls is not empty": spoil(GOOD_WHOLE, f"{MESSAGE}.tool_calls", []),
    "the finish is tool_calls where there are calls": spoil(GOOD_WHOLE, "choices.0.finish_reason", "stop"),
    "the answer has an id": spoil(GOOD_WHOLE, "id", ""),
    "the answer has its object": spoil(GOOD_WHOLE, "object"),
    "the answer has its time": spoil(GOOD_WHOLE, "created"),
    "the answer has its model": spoil(GOOD_WHOLE, "model"),
    "usage counts": spoil(GOOD_WHOLE, "usage"),
}


def test_a_good_answer_has_no_fault() -> None:
    assert faults(STREAM, GOOD_STREAM) == []
    assert faults(WHOLE, GOOD_WHOLE) == []


@pytest.mark.parametrize("row", SPOILT_STREAMS)
def test_a_spoilt_stream_is_noticed(row: str) -> None:
    assert row in faults(STREAM, SPOILT_STREAMS[row])


@pytest.mark.parametrize("row", SPOILT_WHOLES)
def test_a_spoilt_answer_is_noticed(row: str) -> None:
    assert row in faults(WHOLE, SPOILT_WHOLES[row])


def test_every_row_is_tried_with_a_spoilt_answer() -> None:
    assert STREAM.keys() == SPOILT_STREAMS.keys()
    assert WHOLE.keys() == SPOILT_WHOLES.keys()
