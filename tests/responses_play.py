"""Playing streams of ``/responses`` to a strict chat client, and what events and items they are made of."""

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from passenger_trio.errors import UpstreamBroke
from passenger_trio.translate.backs import responses as back
from passenger_trio.translate.fronts import chat as front
from passenger_trio.wire import sse
from passenger_trio.wire.chat import HubChunk

CALL = front.to_call(b'{"model":"asked","messages":[{"role":"user","content":"x"}]}')


@dataclass
class Heard:
    """What a strict chat client has understood; a call is ``[id, kind, name, arguments]``."""

    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    opaque: Any = None
    calls: list[list[str]] = field(default_factory=list)
    finish: str | None = None
    usage: tuple[int, int] | None = None
    error: tuple[str, str | None] | None = None
    copilot_usage: Any = None


def new_stream() -> back.Stream:
    ids = itertools.count()
    return back.Stream("asked-model", created=123, new_id=lambda: f"chatcmpl-{next(ids)}")


def play(pieces: Iterable[bytes]) -> tuple[list[HubChunk], UpstreamBroke | None]:
    """The chunks of a stream that arrives in ``pieces``, and how it broke."""
    splitter, stream, chunks = sse.Splitter(), new_stream(), list[HubChunk]()
    try:
        for events in [*map(splitter.feed, pieces), splitter.end()]:
            for event in events:
                chunks += stream.event(event)
        chunks += stream.end()
    except UpstreamBroke as error:
        return chunks, error
    return chunks, None


def hear(chunks: list[HubChunk], error: UpstreamBroke | None) -> Heard:
    """What a client behind the chat front understands; asserts what some real client insists on."""
    client = front.Stream(include_usage=True)
    data = b"".join(map(client.event, chunks)) + (client.fault(error) if error else client.end())
    rows = data.decode().removesuffix("\n\n").split("\n\n")
    assert all(row.startswith("data: ") and "\n" not in row for row in rows)
    heard = Heard()
    last = rows.pop().removeprefix("data: ")
    if error:
        body = json.loads(last)["error"]
        heard.error = (body["message"], body["code"])
    else:
        assert last == "[DONE]"
    for at, row in enumerate(rows):
        chunk = json.loads(row.removeprefix("data: "))
        assert chunk["object"] == "chat.completion.chunk"
        assert chunk["id"] == "chatcmpl-0", "the id changes"
        assert type(chunk["created"]) is int
        assert chunk["model"]
        if not chunk["choices"]:
            assert at == len(rows) - 1
            assert at > 0
            heard.usage = (chunk["usage"]["prompt_tokens"], chunk["usage"]["completion_tokens"])
            continue
        assert "usage" not in chunk
        assert heard.finish is None, "something comes after the finish"
        [choice] = chunk["choices"]
        assert choice["index"] == 0
        assert choice["delta"].get("role") == ("assistant" if at == 0 else None)
        hear_delta(heard, choice["delta"])
        heard.finish = choice["finish_reason"]
        if heard.finish:
            assert choice["delta"].keys() <= {"role"}
            heard.copilot_usage = chunk.get("copilot_usage")
    assert (heard.finish is None) == (error is not None)
    return heard


def hear_delta(heard: Heard, delta: dict[str, Any]) -> None:
    heard.text += delta.get("content", "")
    heard.refusal += delta.get("refusal", "")
    heard.reasoning += delta.get("reasoning_content", "")
    if "reasoning_opaque" in delta:
        assert heard.opaque is None, "the opaque reasoning comes twice"
        heard.opaque = json.loads(delta["reasoning_opaque"])
    for fragment in delta.get("tool_calls", ()):
        if fragment["index"] == len(heard.calls):
            kind = fragment["type"]
            assert fragment["id"]
            heard.calls.append([fragment["id"], kind, fragment[kind]["name"], ""])
        call = heard.calls[fragment["index"]]
        assert fragment.get("id", call[0]) == call[0]
        call[3] += fragment[call[1]]["arguments" if call[1] == "function" else "input"]


def listen(*events: dict[str, Any]) -> Heard:
    """What is heard of these events, which are followed by nothing."""
    return hear(*play(sse.event(json.dumps(event).encode()) for event in events))


def hear_reply(response: dict[str, Any]) -> Heard:
    """The same of a whole answer."""
    body = json.dumps(response).encode()
    answer = json.loads(back.reply(body, CALL, "asked-model", created=123, new_id=lambda: "chatcmpl-0").data)
    [choice] = answer["choices"]
    said = choice["message"]
    opaque = said.get("reasoning_opaque")
    return Heard(
        text=said["content"] or "",
        refusal=said.get("refusal", ""),
        reasoning=said.get("reasoning_content", ""),
        opaque=json.loads(opaque) if opaque else None,
        calls=[
            [call["id"], call["type"], *call[call["type"]].values()]  # name, then arguments or input
            for call in said.get("tool_calls", ())
        ],
        finish=choice["finish_reason"],
        usage=(answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]),
        copilot_usage=answer.get("copilot_usage"),
    )


# Events and items


def added(index: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def item_done(index: int, item: dict[str, Any]) -> dict[str, Any]:
    return {**added(index, item), "type": "response.output_item.done"}


def completed(*output: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"output": output, **fields}}


def delta(kind: str, index: int, text: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": index, "delta": text, **fields}


def done(kind: str, index: int, name: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.done", "output_index": index, name: text, **fields}


def words(*texts: str) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "output_text", "text": text} for text in texts]}


def refusal(text: str) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "refusal", "refusal": text}]}


def thought(*summary: str, secret: str | None = None) -> dict[str, Any]:
    parts = [{"type": "summary_text", "text": text} for text in summary]
    return {"type": "reasoning", "content": [], "summary": parts, "encrypted_content": secret}


def called(call_id: str, arguments: str = "", name: str = "f") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def custom(call_id: str, text: str = "") -> dict[str, Any]:
    return {"type": "custom_tool_call", "call_id": call_id, "name": "patch", "input": text}


ARGUMENTS = "function_call_arguments"
INPUT = "custom_tool_call_input"
SUMMARY = "reasoning_summary_text"
