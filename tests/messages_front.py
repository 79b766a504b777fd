"""The Messages front of the tests: requests to it, chunks for it, and a strict reader of what it writes."""

import json
from collections.abc import Iterable
from typing import Any

from passenger_trio.translate.fronts import messages as front
from passenger_trio.translate.fronts.tool_names import ToolNames
from passenger_trio.wire import sse
from passenger_trio.wire.chat import Call, HubChunk, HubReply, decode_chunk, decode_completion
from passenger_trio.wire.messages_client import Asked
from passenger_trio.wire.models import Model

MODEL = "gpt-5"
USER = {"role": "user", "content": "x"}
ZERO = {
    "input_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 0,
}
CUT = {"max_tokens", "refusal"}


def sealed(opaque: str, model: str = MODEL) -> str:
    return f"passenger-trio/1;{model};{opaque}"


def asked(**fields: Any) -> Asked:
    return front.read(json.dumps({"model": "claude-asked", "messages": [USER], **fields}).encode())


def call(**fields: Any) -> Call:
    return front.to_call(asked(**fields), Model(MODEL))[0]


def sent(**fields: Any) -> dict[str, Any]:
    """What reaches the hub beyond model, messages and stream."""
    whole = {name: json.loads(bytes(raw)) for name, raw in call(**fields).envelope.items()}
    return {name: value for name, value in whole.items() if name not in {"model", "messages", "stream"}}


def said(*messages: Any, **fields: Any) -> list[dict[str, Any]]:
    """The hub's messages."""
    return json.loads(bytes(call(messages=list(messages), **fields).envelope["messages"]))


def stream(**fields: Any) -> front.Stream:
    return front.Stream(asked(**fields), ToolNames(), model=MODEL, new_id=lambda: "chatcmpl-made")


def hub(**chunk: Any) -> HubChunk:
    data = json.dumps(chunk).encode()
    return HubChunk(data, decode_chunk(data))


def delta(finish: str | None = None, index: int = 0, **fields: Any) -> HubChunk:
    return hub(choices=[{"index": index, "delta": fields, "finish_reason": finish}])


def fragment(at: int, arguments: str | None = None, **first: Any) -> dict[str, Any]:
    """A fragment of the call number ``at``; the first one of a call has ``id`` and ``name``."""
    name = {"name": first.pop("name")} if "name" in first else {}
    kind = {"type": "function"} if "id" in first else {}
    return {"index": at, **first, **kind, "function": {**name, "arguments": arguments}}


def counted(prompt: int, completion: int, cached: int | None = None) -> dict[str, Any]:
    details = {} if cached is None else {"prompt_tokens_details": {"cached_tokens": cached}}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        **details,
    }


def reply(message: Any, finish: str | None = "stop", **more: Any) -> HubReply:
    data = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}], **more}).encode()
    return HubReply(data, decode_completion(data))


def whole(message: Any, finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    """The answer as the client gets it."""
    body = front.from_hub(
        reply(message, finish, **more), asked(), ToolNames(), model=MODEL, new_id=lambda: "chatcmpl-made"
    )
    return json.loads(body)


def play(chunks: Iterable[HubChunk], writer: front.Stream | None = None) -> list[dict[str, Any]]:
    """The events of a whole stream."""
    writer = writer or stream()
    return events(b"".join([*map(writer.event, chunks), writer.end()]))


def events(data: bytes) -> list[dict[str, Any]]:
    """The events, each of which says its type twice."""
    splitter = sse.Splitter()
    found = splitter.feed(data)
    assert splitter.end() == []
    bodies = [json.loads(event.data) for event in found]
    assert [event.name.decode() for event in found] == [body["type"] for body in bodies]
    assert data == b"".join(sse.event(event.data, event.name) for event in found)
    return bodies


def message(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that a stream amounts to; asserts the order that Anthropic promises.

    Of a call that may have been cut off, the input is the list of its pieces.
    """
    start, ping, *blocks, last, stop = found
    assert start["type"] == "message_start"
    assert ping == {"type": "ping"}
    assert last["type"] == "message_delta"
    assert stop == {"type": "message_stop"}
    answer = start["message"]
    assert answer["content"] == []
    assert answer["usage"] == ZERO
    opened: dict[str, Any] | None = None
    pieces: list[str] = []
    for event in blocks:
        if event["type"] == "content_block_start":
            assert opened is None, "a block inside a block"
            assert event["index"] == len(answer["content"])
            opened, pieces = event["content_block"], []
            answer["content"].append(opened)
            continue
        assert opened is not None, f"{event['type']} outside a block"
        assert event["index"] == len(answer["content"]) - 1
        if event["type"] == "content_block_stop":
            if opened["type"] == "tool_use" and pieces:
                opened["input"] = pieces if last["delta"]["stop_reason"] in CUT else json.loads("".join(pieces))
            assert opened.get("signature") != "", "thinking without a signature"
            opened = None
        else:
            assert event["type"] == "content_block_delta"
            _add(opened, event["delta"], pieces)
    assert opened is None, "a block that does not end"
    return {**answer, **last["delta"], "usage": last["usage"]}


def _add(block: dict[str, Any], piece: dict[str, Any], pieces: list[str]) -> None:
    kinds = {
        "text": ("text_delta",),
        "thinking": ("thinking_delta", "signature_delta"),
        "tool_use": ("input_json_delta",),
    }
    assert piece["type"] in kinds[block["type"]]
    if piece["type"] == "input_json_delta":
        assert block["input"] == {}
        pieces.append(piece["partial_json"])
    elif piece["type"] == "signature_delta":
        assert block["signature"] == "", "a second signature"
        block["signature"] = piece["signature"]
    else:
        assert not block.get("signature"), "thinking after its signature"
        block[block["type"]] += piece[block["type"]]
