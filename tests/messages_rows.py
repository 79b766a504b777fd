"""What clients of Anthropic's Messages are strict about in an answer, as checks by name, and what the answer says.

The rows are the faults that broke clients when answers were spoilt one thing at a time, and what Anthropic's reference
promises ("Messages", "Streaming messages"). ``tests/server/test_messages_strictness.py`` spoils answers to see that
each row is able to notice.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from heard import Body, Heard, blocks, is_count, is_text

Events = list[Body]
_DELTAS = {
    "text": {"text_delta": "text", "citations_delta": "citation"},
    "thinking": {"thinking_delta": "thinking", "signature_delta": "signature"},
    "tool_use": {"input_json_delta": "partial_json"},
    "redacted_thinking": {},
}
"""The blocks that a model makes, and what comes in their deltas, by the delta's type."""

_FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "refusal": "content_filter",
}
_CUT = {"max_tokens", "refusal"}
_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
_fits = re.compile(r"[a-zA-Z0-9_-]+").fullmatch


def parse(data: bytes | str) -> Events:
    """The events of a stream, each of which says its type twice."""
    found = [(name, json.loads(line)) for name, line in blocks(data)]
    assert [name for name, _ in found] == [event["type"] for _, event in found]
    return [event for _, event in found]


def silent(events: Events) -> Events:
    """The events without pings, which may come at any time."""
    return [event for event in events if event["type"] != "ping"]


def of(events: Events, kind: str) -> Events:
    return [event for event in events if event["type"] == kind]


def started(events: Events) -> list[Body]:
    """The blocks as they begin."""
    return [event.get("content_block") or {} for event in of(events, "content_block_start")]


def about(events: Events, index: int) -> list[Body]:
    """The deltas of the block at that place."""
    return [event["delta"] for event in of(events, "content_block_delta") if event.get("index") == index]


def head(events: Events) -> Body:
    """The message as it begins."""
    return next((event.get("message") or {} for event in silent(events)[:1]), {})


def stop_reason(events: Events) -> Any:
    return next((event["delta"].get("stop_reason") for event in of(events, "message_delta")), None)


def is_usage(usage: Any) -> bool:
    return isinstance(usage, dict) and all(is_count(usage.get(name)) for name in _COUNTS)


def is_message(message: Body) -> bool:
    return (
        is_text(message.get("id"))
        and message.get("type") == "message"
        and message.get("role") == "assistant"
        and is_text(message.get("model"))
    )


def is_start(block: Body) -> bool:
    """Whether a block begins with everything that is to grow, empty."""
    match block.get("type"):
        case "text":
            return block.get("text") == ""
        case "thinking":
            return block.get("thinking") == "" and block.get("signature") == ""
        case "tool_use":
            return is_text(block.get("id")) and is_text(block.get("name")) and block.get("input") == {}
        case kind:
            return kind == "redacted_thinking" and is_text(block.get("data"))


def is_block(block: Body) -> bool:
    """Whether a finished block has what its type promises."""
    match block.get("type"):
        case "text":
            return is_text(block.get("text"))
        case "thinking":
            return isinstance(block.get("thinking"), str) and is_text(block.get("signature"))
        case "tool_use":
            return is_text(block.get("id")) and is_text(block.get("name")) and isinstance(block.get("input"), dict)
        case kind:
            return kind == "redacted_thinking" and is_text(block.get("data"))


def blocks_follow_one_another(events: Events) -> bool:
    """Blocks are numbered as they come, and each ends before the next one begins."""
    opened: int | None = None
    ended = 0
    for event in silent(events)[1:]:
        match event["type"]:
            case "content_block_start":
                if opened is not None or event.get("index") != ended:
                    return False
                opened = ended
            case "content_block_delta":
                if opened is None or event.get("index") != opened:
                    return False
            case "content_block_stop":
                if opened is None or event.get("index") != opened:
                    return False
                opened, ended = None, ended + 1
            case _:
                if opened is not None:
                    return False
    return opened is None


def deltas_belong(events: Events) -> bool:
    for index, block in enumerate(started(events)):
        kinds = _DELTAS.get(block.get("type", ""), {})
        if not all(kinds.get(piece.get("type")) in piece for piece in about(events, index)):
            return False
    return True


def joined(deltas: list[Body], kind: str, name: str) -> str:
    return "".join(piece[name] for piece in deltas if piece["type"] == kind)


def inputs(events: Events) -> list[str]:
    """The arguments of each call, as they came."""
    return [
        joined(about(events, index), "input_json_delta", "partial_json")
        for index, block in enumerate(started(events))
        if block["type"] == "tool_use"
    ]


def is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text or "{}"), dict)  # a call without arguments may come without a delta
    except ValueError:
        return False


def is_signed(events: Events) -> bool:
    """One signature for each block of thinking, after everything that was thought."""
    for index, block in enumerate(started(events)):
        kinds = [piece["type"] for piece in about(events, index)]
        if block["type"] == "thinking" and (kinds.count("signature_delta") != 1 or kinds[-1] != "signature_delta"):
            return False
    return True


def stops_as_it_says(reason: object, content: list[Body]) -> bool:
    """``tool_use`` where there are calls and only there, unless the answer was cut off."""
    if reason in _CUT:
        return True
    called = any(block.get("type") == "tool_use" for block in content)
    return reason == "tool_use" if called else reason in {"end_turn", "stop_sequence"}


def ids(content: list[Body]) -> list[Any]:
    return [block.get("id") for block in content if block.get("type") == "tool_use"]


def are_ids(found: list[Any]) -> bool:
    """Each of the characters that Anthropic takes back, and no two the same."""
    return len(set(found)) == len(found) and all(is_text(one) and _fits(one) for one in found)


Row = Callable[[Any], bool]

STREAM: dict[str, Row] = {
    "the message starts first, and once": lambda events: (
        [event["type"] == "message_start" for event in silent(events)] == [True] + [False] * (len(silent(events)) - 1)
    ),
    "the message starts empty": lambda events: (
        is_message(head(events)) and head(events).get("content") == [] and head(events).get("stop_reason", 0) is None
    ),
    "the message starts with its usage": lambda events: is_usage(head(events).get("usage")),
    "blocks follow one another, numbered from 0": blocks_follow_one_another,
    "a block starts empty": lambda events: all(map(is_start, started(events))),
    "the deltas are of their block's kind": deltas_belong,
    "thinking is signed at its end": is_signed,
    "arguments are an object": lambda events: stop_reason(events) in _CUT or all(map(is_object, inputs(events))),
    "calls have ids of their own that may come back": lambda events: are_ids(ids(started(events))),
    "the message says why it stops, once, with its usage": lambda events: (
        len(found := of(events, "message_delta")) == 1
        and is_text(found[0]["delta"].get("stop_reason"))
        and is_usage(found[0].get("usage"))
    ),
    "the stop is tool_use where there are calls": lambda events: stops_as_it_says(stop_reason(events), started(events)),
    "the message stops last, and once": lambda events: (
        [event["type"] for event in silent(events)[-2:]] == ["message_delta", "message_stop"]
        and len(of(events, "message_stop")) == 1
        and events[-1]["type"] == "message_stop"
    ),
    "there are no events that Anthropic does not have": lambda events: all(
        event["type"] in _EVENTS for event in events
    ),
}
"""Of a stream that ends well."""

_EVENTS = {
    *("message_start", "message_delta", "message_stop", "ping"),
    *("content_block_start", "content_block_delta", "content_block_stop"),
}


def content_of(message: Body) -> list[Body]:
    return message.get("content") or []


WHOLE: dict[str, Row] = {
    "it is a message": is_message,
    "the content is a list": lambda message: isinstance(message.get("content"), list),
    "a block has what its type promises": lambda message: all(map(is_block, content_of(message))),
    "calls have ids of their own that may come back": lambda message: are_ids(ids(content_of(message))),
    "the stop is tool_use where there are calls": lambda message: stops_as_it_says(
        message.get("stop_reason"), content_of(message)
    ),
    "the stop sequence is told, or null": lambda message: (
        message.get("stop_sequence", 0) is None or is_text(message.get("stop_sequence"))
    ),
    "usage counts": lambda message: is_usage(message.get("usage")),
}
"""Of an answer that is not streamed."""


def faults(rows: dict[str, Row], answer: Any) -> list[str]:
    """The rows that do not hold."""
    return [name for name, holds in rows.items() if not holds(answer)]


# What it says


def added_up(events: Events) -> Body:
    """The message that a good stream amounts to, as Anthropic's packages add it up."""
    content: list[Body] = []
    for index, start in enumerate(started(events)):
        block, deltas = dict(start), about(events, index)
        for kind, name in _DELTAS[block["type"]].items():
            if name in block:
                block[name] += joined(deltas, kind, name)
        if block["type"] == "tool_use":
            text = joined(deltas, "input_json_delta", "partial_json")
            block["input"] = json.loads(text or "{}") if is_object(text) else text
        content.append(block)
    [end] = of(events, "message_delta")
    message = {**head(events), "content": content, **end["delta"]}
    return {**message, "usage": {**message["usage"], **end["usage"]}}


def hear(message: Body) -> Heard:
    """What a message says."""
    heard = Heard(finish=_FINISHES[message["stop_reason"]])
    for block in message["content"]:
        match block["type"]:
            case "text":
                heard.text += block["text"]
            case "thinking":
                heard.reasoning += block["thinking"]
                heard.thinking.append(block["signature"])
            case "tool_use":
                heard.calls.append(("function", block["name"], block["input"]))
            case _:
                heard.thinking.append(block["data"])
    usage = message["usage"]
    heard.usage = (sum(usage[name] for name in _COUNTS[:3]), usage["output_tokens"])
    return heard


_OWN = {"id", "signature", "data"}


def comparable(message: Body) -> Body:
    """A message but for ids and signatures, and what Copilot puts beside Anthropic's fields.

    What only Copilot can read may stand in a block of its own at the end of a stream: some models tell it last.
    """
    kept = ("type", "role", "model", "stop_reason", "stop_sequence")
    said = [block for block in content_of(message) if block["type"] != "redacted_thinking"]
    content = [{name: block[name] for name in block.keys() - _OWN} for block in said]
    usage = {name: message["usage"][name] for name in _COUNTS}
    return {**{name: message[name] for name in kept}, "content": content, "usage": usage}
