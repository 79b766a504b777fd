"""What clients of OpenAI's Responses are strict about in an answer, as checks by name, and what the answer says.

The rows are the faults that broke clients when answers were spoilt one thing at a time, and what OpenAI's reference
promises ("Responses", "Streaming events"). ``tests/server/test_responses_strictness.py`` spoils answers to see that
each row is able to notice.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from heard import Body, Heard, blocks, is_count, is_text

Events = list[Body]
CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
"""The calls whose events tell of their arguments, and where an item has these."""

_TEXTS = {
    "output_text": "content",
    "refusal": "content",
    "reasoning_summary_text": "summary",
}
"""The kinds of text that come in deltas, and the item's list of the parts that they make."""

_ENDS = {"response.completed", "response.incomplete"}
_NAMES = {"output_text": "text", "refusal": "refusal", "summary_text": "text"}
"""Where a part has its text."""


def parse(data: bytes | str) -> Events:
    """The events of a stream, each of which says its type twice."""
    found = [(name, json.loads(line)) for name, line in blocks(data)]
    assert [name for name, _ in found] == [event["type"] for _, event in found]
    return [event for _, event in found]


def of(events: Events, kind: str) -> Events:
    return [event for event in events if event["type"] == f"response.{kind}"]


def about(events: Events, index: int) -> Events:
    """What is told of the item at that place."""
    return [event for event in events if event.get("output_index") == index]


def added(events: Events) -> Events:
    """The items as they began."""
    return [event["item"] for event in of(events, "output_item.added")]


def done(events: Events) -> Events:
    """The items as they ended, by their places: a call whose arguments are yet to come may end after the next one."""
    ends = sorted(of(events, "output_item.done"), key=lambda event: event["output_index"])
    return [event["item"] for event in ends]


def last(events: Events) -> Body:
    """The response at its end."""
    response = events[-1].get("response")
    return response if isinstance(response, dict) else {}


def output(response: Body) -> list[Body]:
    return response.get("output") or []


def parts(item: Body) -> list[Body]:
    return item.get("summary" if item["type"] == "reasoning" else "content") or []


def is_object(text: object) -> bool:
    try:
        return isinstance(json.loads(text), dict)  # type: ignore[arg-type] # what is no text raises
    except (TypeError, ValueError):
        return False


def is_usage(usage: Any) -> bool:
    """Whether there are all numbers, and the total is their sum."""
    if not isinstance(usage, dict):
        return False
    read, made = usage.get("input_tokens_details") or {}, usage.get("output_tokens_details") or {}
    details = [read.get("cached_tokens"), read.get("cache_write_tokens"), made.get("reasoning_tokens")]
    counts = [usage.get(name) for name in ("input_tokens", "output_tokens", "total_tokens")]
    return all(map(is_count, [*counts, *details])) and counts[0] + counts[1] == counts[2]


def is_response(response: Any) -> bool:
    """Whether it has everything without which some client does not go on."""
    return (
        isinstance(response, dict)
        and is_text(response.get("id"))
        and response.get("object") == "response"
        and is_count(response.get("created_at"))
        and is_text(response.get("model"))
        and is_text(response.get("status"))
        and isinstance(response.get("output"), list)
        and isinstance(response.get("tools"), list)
        and isinstance(response.get("parallel_tool_calls"), bool)
        and isinstance(response.get("tool_choice"), str | dict)
        and response.get("error") is None
    )


def is_cut(response: Body) -> bool:
    return response.get("status") == "incomplete"


def ends_as_it_says(response: Body) -> bool:
    """``completed`` without details, or ``incomplete`` with a reason that OpenAI has."""
    details = response.get("incomplete_details")
    if response.get("status") == "completed":
        return details is None
    return is_cut(response) and (details or {}).get("reason") in {"max_output_tokens", "content_filter"}


def is_item(item: Body) -> bool:
    """Whether a finished item has what its type promises."""
    if not is_text(item.get("id")):
        return False
    match item.get("type"):
        case "message":
            texts = [part.get(_NAMES.get(part.get("type", ""), "")) for part in item.get("content") or ()]
            return item.get("role") == "assistant" and "status" in item and all(isinstance(t, str) for t in texts)
        case "reasoning":
            return isinstance(item.get("summary"), list)
        case "function_call" | "custom_tool_call":
            return is_text(item.get("call_id")) and is_text(item.get("name")) and isinstance(told(item), str)
        case kind:
            return kind == "tool_search_call" and is_text(item.get("call_id"))


def told(item: Body) -> Any:
    """The arguments of a call."""
    return item.get(CALLS[item["type"]])


def calls(items: Sequence[Body]) -> list[Body]:
    return [item for item in items if item.get("type") in CALLS]


def whole_arguments(items: Sequence[Body]) -> bool:
    return all(is_object(told(item)) for item in calls(items) if item["type"] == "function_call")


def distinct(values: Sequence[Any]) -> bool:
    return len(set(values)) == len(values)


def texts_of(events: Events) -> Iterator[tuple[str, Events, Events]]:
    """Each text that comes in deltas: its kind, its deltas, and the events that have all of it."""
    for kind, name in _TEXTS.items():
        place = "summary_index" if name == "summary" else "content_index"
        found: dict[Any, tuple[Events, Events]] = {}
        for event in events:
            if event["type"] in {f"response.{kind}.delta", f"response.{kind}.done"}:
                deltas, ends = found.setdefault((event.get("output_index"), event.get(place)), ([], []))
                (deltas if event["type"].endswith("delta") else ends).append(event)
        for deltas, ends in found.values():
            yield kind, deltas, ends


def texts_add_up(events: Events) -> bool:
    for kind, deltas, ends in texts_of(events):
        name = "refusal" if kind == "refusal" else "text"
        if [end.get(name) for end in ends] != ["".join(delta["delta"] for delta in deltas)]:
            return False
    return True


def parts_are_framed(events: Events) -> bool:
    """A part is added, grows, and is done, one after another; what is done is what is in the item."""
    for index, item in enumerate(done(events)):
        opened: Any = None
        ended: list[Body] = []
        for event in about(events, index):
            kind = event["type"].removeprefix("response.")
            place = event.get("summary_index", event.get("content_index"))
            if kind in {"content_part.added", "reasoning_summary_part.added"}:
                if opened is not None or place != len(ended):
                    return False
                opened = place
            elif kind.removesuffix(".delta").removesuffix(".done") in _TEXTS:
                if opened is None or place != opened:
                    return False
            elif kind in {"content_part.done", "reasoning_summary_part.done"}:
                if opened is None or place != opened:
                    return False
                opened = None
                ended.append(event["part"])
        if opened is not None or ended != parts(item):
            return False
    return True


def arguments_add_up(events: Events) -> bool:
    """The deltas of each call are its arguments, which are said once more in an event of their own."""
    for index, item in enumerate(done(events)):
        if item["type"] not in CALLS:
            continue
        of_item = about(events, index)
        pieces = "".join(event["delta"] for event in of_item if event["type"].endswith((_ARGUMENTS, _INPUT)))
        ends = [e.get(CALLS[item["type"]]) for e in of_item if e["type"].endswith((_ARGUMENTS_DONE, _INPUT_DONE))]
        if pieces != told(item) or ends != [pieces]:
            return False
    return True


_ARGUMENTS, _ARGUMENTS_DONE = "function_call_arguments.delta", "function_call_arguments.done"
_INPUT, _INPUT_DONE = "custom_tool_call_input.delta", "custom_tool_call_input.done"


def items_in_order(events: Events) -> bool:
    """Items are numbered from 0 as they come, and nothing is told of one before or after its time."""
    begun = [event["output_index"] for event in of(events, "output_item.added")]
    framed = all(
        kinds[0] == "response.output_item.added" and kinds.count("response.output_item.added") == 1
        for index in range(len(begun))
        if (kinds := [event["type"] for event in about(events, index)])
    )
    known = {event["output_index"] for event in events if "output_index" in event}
    return begun == list(range(len(begun))) and known == set(begun) and framed


def items_end(events: Events) -> bool:
    ends = [[event["type"] for event in about(events, index)] for index in range(len(added(events)))]
    return all(
        kinds[-1:] == ["response.output_item.done"] and kinds.count("response.output_item.done") == 1 for kinds in ends
    )


def items_stay_themselves(events: Events) -> bool:
    pairs = zip(added(events), done(events), strict=False)
    names = ("type", "call_id", "name", "namespace", "role")
    return all(first.get(name) == second.get(name) for first, second in pairs for name in names)


def items_keep_ids(events: Events) -> bool:
    for index, item in enumerate(added(events)):
        ids = [event["item_id"] for event in about(events, index) if "item_id" in event]
        ids += [event["item"].get("id") for event in about(events, index) if "item" in event]
        ids += [end.get("id") for end in output(last(events))[index : index + 1]]
        if set(ids) != {item.get("id")}:
            return False
    return True


def every_part_names_its_item(events: Events) -> bool:
    """Whatever is told of an item from within names it by its id."""
    return all(is_text(event.get("item_id")) for event in events if "output_index" in event and "item" not in event)


Row = Callable[[Any], bool]

STREAM: dict[str, Row] = {
    "the first event creates the response, the second says that it goes on": lambda events: (
        [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
        and all(
            (event.get("response") or {}).get("status") == "in_progress" and output(event["response"]) == []
            for event in events[:2]
        )
    ),
    "events are numbered from 0": lambda events: (
        [event.get("sequence_number") for event in events] == list(range(len(events)))
    ),
    "the last event ends the response, and no other does": lambda events: (
        [event["type"] in _ENDS for event in events] == [False] * (len(events) - 1) + [True]
        and events[-1]["type"] == f"response.{last(events).get('status')}"
    ),
    "every response has the same id": lambda events: (
        len({event["response"].get("id") for event in events if "response" in event}) == 1
    ),
    "every response has what clients read": lambda events: all(
        is_response(event["response"]) for event in events if "response" in event
    ),
    "the response ends as it says": lambda events: ends_as_it_says(last(events)),
    "items are added in order, each before anything else is told of it": items_in_order,
    "every item is done, after everything else that is told of it": items_end,
    "an item keeps its id": items_keep_ids,
    "what is told of an item names it": every_part_names_its_item,
    "no two items have one id": lambda events: distinct([item.get("id") for item in done(events)]),
    "an item keeps its type, its role, its call and its name": items_stay_themselves,
    "an item has what its type promises": lambda events: all(map(is_item, done(events))),
    "parts are added, grow and are done, and are those of their item": parts_are_framed,
    "the deltas of a text are that text": texts_add_up,
    "the deltas of a call are its arguments": arguments_add_up,
    "arguments are an object": lambda events: is_cut(last(events)) or whole_arguments(done(events)),
    "no two calls have one call_id": lambda events: distinct([item.get("call_id") for item in calls(done(events))]),
    "the response has the items that were done": lambda events: (
        [without_secrets(item) for item in output(last(events))] == [without_secrets(item) for item in done(events)]
    ),
    "usage counts": lambda events: is_usage(last(events).get("usage")),
    "nothing is stored": lambda events: all(
        event["response"].get("store") is False for event in events if "response" in event
    ),
}
"""Of a stream that ends well."""

WHOLE: dict[str, Row] = {
    "the response has what clients read": is_response,
    "the response ends as it says": ends_as_it_says,
    "an item has what its type promises": lambda response: all(map(is_item, output(response))),
    "no two items have one id": lambda response: distinct([item.get("id") for item in output(response)]),
    "arguments are an object": lambda response: is_cut(response) or whole_arguments(output(response)),
    "no two calls have one call_id": lambda response: distinct([i.get("call_id") for i in calls(output(response))]),
    "usage counts": lambda response: is_usage(response.get("usage")),
    "nothing is stored": lambda response: response.get("store") is False,
}
"""Of an answer that is not streamed."""


def faults(rows: dict[str, Row], answer: Any) -> list[str]:
    """The rows that do not hold."""
    return [name for name, holds in rows.items() if not holds(answer)]


# What it says


def hear(response: Body) -> Heard:
    """What a response says at its end."""
    heard = Heard()
    for item in output(response):
        text = "".join(part[_NAMES[part["type"]]] for part in parts(item))
        if item["type"] == "message":
            heard.text += text
        elif item["type"] == "reasoning":
            heard.reasoning += text
            heard.thinking += [item["encrypted_content"]] if item.get("encrypted_content") else []
        elif item["type"] == "function_call" and is_object(item["arguments"]):
            heard.calls.append(("function", item["name"], json.loads(item["arguments"])))
        elif item["type"] in CALLS:
            heard.calls.append(("custom" if "input" in item else "function", item["name"], told(item)))
    heard.finish = "tool_calls" if heard.calls else "stop"
    if is_cut(response):
        reason = response["incomplete_details"]["reason"]
        heard.finish = "length" if reason == "max_output_tokens" else reason
    usage = response.get("usage")
    heard.usage = (usage["input_tokens"], usage["output_tokens"]) if usage else None
    return heard


def without_secrets(item: Body) -> Body:
    """An item but for what only Copilot can read, which is written anew each time."""
    return {name: value for name, value in item.items() if name != "encrypted_content"}


_OWN = {"id", "call_id", "encrypted_content"}
_WHEN = {"id", "created_at", "completed_at"}


def comparable(response: Body) -> Body:
    """A response but for ids and times, and what only Copilot can read.

    In a stream that may stand in an item of its own at the end: Gemini tells its signature last.
    """
    kept = {name: value for name, value in response.items() if name not in _WHEN}
    said = [item for item in output(response) if item["type"] != "reasoning" or item["summary"]]
    return {**kept, "output": [{name: item[name] for name in item.keys() - _OWN} for item in said]}
