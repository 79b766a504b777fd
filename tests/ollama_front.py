"""Hub chunks for the tests of Ollama's answers, the clocks they are timed by, and their lines read back."""

import itertools
import json
from typing import Any

from passenger_trio.translate.fronts import ollama
from passenger_trio.wire.chat import HubChunk, decode_chunk

NOW = 1_750_000_000_123_456_789


def hub(**chunk: Any) -> HubChunk:
    data = json.dumps(chunk).encode()
    return HubChunk(data, decode_chunk(data))


def delta(finish: str | None = None, index: int = 0, **fields: Any) -> HubChunk:
    return hub(choices=[{"index": index, "delta": fields, "finish_reason": finish}])


def usage(prompt: int, completion: int) -> HubChunk:
    return hub(choices=[], usage={"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": 0})


def times(step: int = 1_000) -> ollama.Times:
    """The request arrives at tick 0 and is sent on at 500; then every look at the clock takes a ``step``."""
    walls, ticks = itertools.count(NOW, step), itertools.count(500 + step, step)
    return ollama.Times(lambda: next(walls), lambda: next(ticks), 0, 500)


def fragment(index: int, arguments: str | None, **first: Any) -> dict[str, Any]:
    name = {"name": first.pop("name")} if "name" in first else {}
    return {"index": index, "function": {**name, "arguments": arguments}, **first}


def lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.split(b"\n")[:-1]]
