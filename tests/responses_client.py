"""A strict client of the Responses dialect, for tests: what it asks, what the hub says to it, and what it hears."""

import json
import typing
from dataclasses import dataclass, field
from typing import Any

from passenger_trio.errors import PassengerError
from passenger_trio.translate.fronts import responses as front
from passenger_trio.wire import chat
from passenger_trio.wire.chat import HubChunk, HubReply

MODEL = "claude-sonnet-4.5"
NOW = 1_780_000_000
TOKEN = "0123456789abcdef0123456789abcdef"
CALLS = {"function_call": "arguments", "custom_tool_call": "input"}


def new_id() -> str:
    return f"chatcmpl-{TOKEN}"


def ask(*items: Any, **fields: Any) -> front.Asked:
    """A request; ``items`` are its input, else ``input`` is what is given or a short text."""
    body = {"model": "claude", "input": list(items) or "x", **fields}
    return front.read(json.dumps(body).encode())


def hub_body(asked: front.Asked, model: str = MODEL) -> dict[str, Any]:
    """What the hub gets."""
    call, _ = front.to_call(asked, model)
    return {name: json.loads(bytes(raw)) for name, raw in call.envelope.items()}


def dropped(asked: front.Asked, model: str = MODEL) -> tuple[str, ...]:
    """The names of what is left behind."""
    return front.to_call(asked, model)[0].dropped


def messages(*items: Any, **fields: Any) -> list[dict[str, Any]]:
    """The hub's messages for these items."""
    found: list[dict[str, Any]] = hub_body(ask(*items, **fields))["messages"]
    return found


def delta(finish: str | None = None, **said: Any) -> HubChunk:
    """A chunk of the hub's with one choice."""
    choices = [{"index": 0, "delta": said, "finish_reason": finish}]
    return hub_chunk(choices=choices)


def hub_chunk(**fields: Any) -> HubChunk:
    head = {"id": "chatcmpl-1", "object": chat.CHUNK_OBJECT, "created": 1, "model": MODEL}
    data = json.dumps({**head, **fields}).encode()
    return HubChunk(data, chat.decode_chunk(data))


def usage(prompt: int = 7, completion: int = 5, **more: Any) -> HubChunk:
    """The hub's last chunk."""
    counted = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return hub_chunk(choices=[], usage={**counted, **more})


def begins(index: int, name: str, arguments: str = "", call_id: str | None = None) -> HubChunk:
    """The first fragment of a call."""
    function = {"name": name, "arguments": arguments}
    call_id = call_id or f"call_{index}"
    return delta(tool_calls=[{"index": index, "id": call_id, "type": "function", "function": function}])


def goes_on(index: int, arguments: str) -> HubChunk:
    """Another fragment of it."""
    return delta(tool_calls=[{"index": index, "function": {"arguments": arguments}}])


def hub_reply(finish: str = "stop", counted: dict[str, Any] | None = None, **message: Any) -> HubReply:
    """A whole answer of the hub's."""
    choices = [{"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}]
    body: dict[str, Any] = {"id": "chatcmpl-1", "created": 1, "model": MODEL, "choices": choices}
    if counted is not None:
        body["usage"] = counted
    data = json.dumps(body).encode()
    return HubReply(data, chat.decode_completion(data))


def hub_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    """A call in a whole answer."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def stream(asked: front.Asked | None = None, model: str = MODEL) -> front.Stream:
    asked = asked or ask()
    return front.Stream(asked, front.to_call(asked, model)[1], model=model, now=NOW, new_id=new_id)


def whole(reply: HubReply, asked: front.Asked | None = None, model: str = MODEL) -> dict[str, Any]:
    """The whole answer as the client gets it."""
    asked = asked or ask()
    tools = front.to_call(asked, model)[1]
    found: dict[str, Any] = json.loads(front.from_hub(reply, asked, tools, model=model, now=NOW, new_id=new_id))
    return found


def play(*chunks: HubChunk, asked: front.Asked | None = None, error: PassengerError | None = None) -> bytes:
    """The bytes of a stream, which ends with ``error`` if there is one."""
    to_client = stream(asked)
    written = [to_client.event(chunk) for chunk in chunks]
    written.append(to_client.fault(error) if error else to_client.end())
    return b"".join(written)


def listen(*chunks: HubChunk, asked: front.Asked | None = None, error: PassengerError | None = None) -> "Heard":
    """What the client understands of it."""
    return hear(play(*chunks, asked=asked, error=error))


def parse(data: bytes) -> list[dict[str, Any]]:
    """The events of a stream, each with its name and its data on one line, and numbered from 0."""
    assert data.endswith(b"\n\n")
    events: list[dict[str, Any]] = []
    for at, block in enumerate(data.removesuffix(b"\n\n").split(b"\n\n")):
        name, line = block.split(b"\n")
        event = json.loads(line.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        assert event["sequence_number"] == at
        events.append(event)
    return events


@dataclass
class Heard:
    """What a client has understood: the events, the items that are done, the response at the end, the error."""

    events: list[dict[str, Any]]
    items: dict[int, dict[str, Any]] = field(default_factory=dict)
    response: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None

    @property
    def kinds(self) -> list[str]:
        return [event["type"].removeprefix("response.") for event in self.events]

    @property
    def output(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.response["output"]
        return found

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == f"response.{kind}"]


def hear(data: bytes) -> Heard:
    """The stream as a client reads it that believes nothing which it has not been told in order."""
    events = parse(data)
    heard = Heard(events)
    if events[-1]["type"] == "error":
        heard.error = events.pop()
    created, in_progress, *rest, last = events
    assert [created["type"], in_progress["type"]] == ["response.created", "response.in_progress"]
    assert created["response"] == in_progress["response"]
    assert created["response"]["status"] == "in_progress"
    assert created["response"]["output"] == []
    growing: dict[int, Growing] = {}
    for event in rest:
        at = event["output_index"]
        if event["type"] == "response.output_item.added":
            assert at == len(growing), "items are not numbered"
            for other in growing.values():
                assert other.is_done or other.is_unfinished_call, "an item begins in the middle of another"
            growing[at] = Growing(event["item"])
        else:
            growing[at].take(event)
    heard.items = {at: item.done for at, item in growing.items() if item.done is not None}
    heard.response = last["response"]
    assert len({item["id"] for item in heard.items.values()}) == len(heard.items)
    assert heard.output == [heard.items[at] for at in sorted(heard.items)]
    expected = {**created["response"], "status": heard.response["status"], "output": heard.output}
    for name in ("usage", "error", "incomplete_details"):
        expected[name] = heard.response[name]
    assert heard.response == expected
    if heard.error is None:
        assert last["type"] == f"response.{heard.response['status']}"
        assert heard.response["status"] in {"completed", "incomplete"}
        assert heard.response["error"] is None
        assert all(item.is_done for item in growing.values()), "an item is never done"
    else:
        assert last["type"] == "response.failed"
        assert heard.response["status"] == "failed"
        assert heard.response["error"].keys() == {"code", "message"}
        assert heard.error["error"]["message"] == heard.error["message"] == heard.response["error"]["message"]
    heard.events = parse(data)
    return heard


class Growing:
    """An item as its events tell of it."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.start = item
        self.parts: list[dict[str, Any]] = []
        self.arguments = ""
        self.whole: str | None = None
        self.done: dict[str, Any] | None = None
        self.part_open = False
        assert item.get("status", "in_progress") == "in_progress"
        assert not item.get("content")
        assert not item.get("summary")
        assert not item.get(CALLS.get(item["type"], ""))

    @property
    def is_done(self) -> bool:
        return self.done is not None

    @property
    def is_unfinished_call(self) -> bool:
        if self.start["type"] not in {*CALLS, "tool_search_call"}:
            return False
        try:
            return not isinstance(json.loads(self.arguments), dict)
        except ValueError:
            return True

    def take(self, event: dict[str, Any]) -> None:
        assert not self.is_done, "something comes after the end of an item"
        kind = event["type"].removeprefix("response.")
        if kind == "output_item.done":
            self.finish(event["item"])
            return
        assert event["item_id"] == self.start["id"]
        match kind:
            case "content_part.added" | "reasoning_summary_part.added":
                assert not self.part_open
                assert self.place(event) == len(self.parts)
                self.parts.append(event["part"])
                self.part_open = True
            case "output_text.delta" | "refusal.delta" | "reasoning_summary_text.delta":
                assert self.part_open
                assert event["delta"]
                self.parts[self.place(event)][self.name(kind)] += event["delta"]
            case "output_text.done" | "refusal.done" | "reasoning_summary_text.done":
                assert event[self.name(kind)] == self.parts[self.place(event)][self.name(kind)]
            case "content_part.done" | "reasoning_summary_part.done":
                assert event["part"] == self.parts[self.place(event)]
                self.part_open = False
            case "function_call_arguments.delta" | "custom_tool_call_input.delta":
                assert event["delta"]
                assert self.whole is None
                self.arguments += event["delta"]
            case "function_call_arguments.done" | "custom_tool_call_input.done":
                self.whole = event["arguments" if kind.startswith("function") else "input"]
                assert self.whole == self.arguments
            case _:
                raise AssertionError(f"no such event: {kind}")

    def finish(self, item: dict[str, Any]) -> None:
        assert not self.part_open
        for name in ("id", "type", "call_id", "name", "namespace", "role"):
            assert item.get(name) == self.start.get(name)
        if item["type"] == "message":
            assert item["content"] == self.parts
        elif item["type"] == "reasoning":
            assert item["summary"] == self.parts
        elif item["type"] in CALLS:
            assert item[CALLS[item["type"]]] == self.whole
        assert item.get("status", "completed") in {"completed", "incomplete"}
        self.done = item

    @staticmethod
    def place(event: dict[str, Any]) -> int:
        found: int = event["summary_index" if "summary" in event["type"] else "content_index"]
        return found

    @staticmethod
    def name(kind: str) -> str:
        return "refusal" if kind.startswith("refusal") else "text"


def literals(hint: Any) -> set[str]:
    """The words that a type allows, ``Required``, ``Optional`` and ``Literal`` inside one another."""
    if isinstance(hint, str):
        return {hint}
    return {word for inner in typing.get_args(hint) for word in literals(inner)}
