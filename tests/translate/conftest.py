"""What the tests of translation share: the way through the house without its sockets, and two strict clients."""

import itertools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from passenger_trio.errors import PassengerError
from passenger_trio.translate.backs import chat as back_chat, messages as back_messages, responses as back_responses
from passenger_trio.translate.fronts import chat as front_chat, ollama as front_ollama
from passenger_trio.translate.fronts.ollama_lines import ChatForm
from passenger_trio.wire import sse

SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"
CREATED = 1_750_000_000
STARTED = 1_750_000_000_000_000_000

Front = front_chat.Stream | front_ollama.Stream


@dataclass
class Choice:
    """What a client has understood of one choice. A call is ``(id, name, parsed arguments)``."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    finish: str | None = None


@dataclass
class Heard:
    """What a client has understood of a whole stream; ``error`` is the in-band one."""

    choices: dict[int, Choice] = field(default_factory=dict)
    usage: tuple[int, int] | None = None
    error: str | None = None

    @property
    def first(self) -> Choice:
        return self.choices.get(0, Choice())


BACKS = {"chat": back_chat, "responses": back_responses, "messages": back_messages}


def play_pieces(pieces: Iterable[bytes], front: Front, endpoint: str = "chat") -> bytes:
    """The loop of ``server/exchange.py`` without a network: pieces from upstream, all bytes for the client."""
    splitter = sse.Splitter()
    back = BACKS[endpoint].Stream("asked-model", created=CREATED, new_id=lambda: "chatcmpl-made-here")
    out: list[bytes] = []
    try:
        for piece in pieces:
            for event in splitter.feed(piece):
                out.extend(map(front.event, back.event(event)))
            if back.done:
                break
        else:
            for event in splitter.end():
                out.extend(map(front.event, back.event(event)))
        out.extend(map(front.event, back.end()))
        out.append(front.end())
    except PassengerError as error:
        out.append(front.fault(error))
    return b"".join(out)


def new_front(kind: str) -> Front:
    """``chat``, ``chat+usage`` or ``ollama``; the Ollama clock ticks a millisecond each time it is read."""
    if kind == "ollama":
        ticks = itertools.count(STARTED + 5_000_000, 1_000_000)
        times = front_ollama.Times(lambda: next(ticks), lambda: next(ticks), STARTED, STARTED)
        return front_ollama.Stream(ChatForm("asked:latest"), times)
    return front_chat.Stream(include_usage=kind == "chat+usage")


FRONTS = ("chat", "chat+usage", "ollama")


def hear_chat(data: bytes, *, include_usage: bool) -> Heard:
    """A strict reader of OpenAI's stream: asserts everything that some real client insists on."""
    assert data.endswith(b"\n\n")
    events = data.removesuffix(b"\n\n").split(b"\n\n")
    assert all(event.startswith(b"data: ") and b"\n" not in event for event in events)
    payloads = [event.removeprefix(b"data: ") for event in events]
    heard = Heard()
    if payloads[-1] != b"[DONE]":
        heard.error = _hear_chat_error(json.loads(payloads.pop()))
    else:
        payloads.pop()
    assert b"[DONE]" not in payloads
    chunks = [json.loads(payload) for payload in payloads]
    assert len({chunk["id"] for chunk in chunks}) <= 1, "ids differ"
    arguments: dict[tuple[int, int], list[str]] = {}
    names: dict[tuple[int, int], tuple[str, str]] = {}
    for position, chunk in enumerate(chunks):
        assert chunk["object"] == "chat.completion.chunk"
        assert isinstance(chunk["id"], str)
        assert chunk["id"]
        assert type(chunk["created"]) is int
        assert isinstance(chunk["model"], str)
        assert chunk["model"]
        assert "error" not in chunk
        if chunk.get("usage") is not None:
            assert include_usage, "usage that nobody asked for"
            assert position == len(chunks) - 1
            assert chunk["choices"] == []
            heard.usage = (chunk["usage"]["prompt_tokens"], chunk["usage"]["completion_tokens"])
        else:
            assert chunk["choices"], "an empty chunk that is not that of usage"
        for choice in chunk["choices"]:
            _hear_chat_choice(heard, choice, arguments, names)
    for (index, at), pieces in arguments.items():
        call_id, name = names[index, at]
        text = "".join(pieces)
        whole = heard.error is None and heard.choices[index].finish == "tool_calls"
        heard.choices[index].calls.append((call_id, name, json.loads(text) if whole else text))
    if heard.error is None:
        assert heard.choices
        assert all(choice.finish for choice in heard.choices.values())
    return heard


def _hear_chat_error(body: dict[str, Any]) -> str:
    assert list(body) == ["error"]
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["type"]
    assert isinstance(body["error"]["message"], str)
    assert body["error"]["message"]
    return body["error"]["message"]


def _hear_chat_choice(
    heard: Heard,
    choice: dict[str, Any],
    arguments: dict[tuple[int, int], list[str]],
    names: dict[tuple[int, int], tuple[str, str]],
) -> None:
    index, delta = choice["index"], choice["delta"]
    assert type(index) is int
    first = index not in heard.choices
    assert delta.get("role") == ("assistant" if first else None), "a role that is missing, or is said again"
    known = heard.choices.setdefault(index, Choice())
    assert "padding" not in delta
    assert delta.get("content") is None or isinstance(delta["content"], str)
    known.text += delta.get("content") or ""
    known.reasoning += delta.get("reasoning_content") or ""
    for call in delta.get("tool_calls") or ():
        key = (index, call["index"])
        if key not in names:
            assert call["index"] == sum(known_index == index for known_index, _ in names), "calls are not numbered"
            assert call["type"] == "function"
            assert call["id"]
            names[key] = (call["id"], call["function"]["name"])
        else:
            assert call.keys().isdisjoint({"id", "type"}), "what a call is called is said again"
        assert isinstance(call["function"]["arguments"], str)
        arguments.setdefault(key, []).append(call["function"]["arguments"])
    if choice.get("finish_reason") is not None:
        assert known.finish is None, "a second finish_reason"
        assert not delta.get("tool_calls"), "a call in the chunk that finishes"
        known.finish = choice["finish_reason"]


def hear_ollama(data: bytes) -> Heard:
    """A strict reader of Ollama's stream."""
    assert data.endswith(b"\n")
    lines = [json.loads(line) for line in data.removesuffix(b"\n").split(b"\n")]
    heard = Heard(choices={0: Choice()})
    last = lines.pop()
    for line in lines:
        assert list(line) == ["model", "created_at", "message", "done"]
        assert line["done"] is False
        _hear_ollama_message(heard.first, line)
    if "error" in last:
        assert list(last) == ["error"]
        assert isinstance(last["error"], str)
        assert last["error"]
        heard.error = last["error"]
        return heard
    assert last["done"] is True
    assert last["done_reason"] in {"stop", "length"}
    assert last["message"] == {"role": "assistant", "content": ""}
    for name in ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"):
        assert type(last[name]) is int
        assert last[name] > 0
    if "eval_count" in last:
        heard.usage = (last["prompt_eval_count"], last["eval_count"])
    _hear_ollama_message(heard.first, last)
    heard.first.finish = last["done_reason"]
    return heard


def _hear_ollama_message(choice: Choice, line: dict[str, Any]) -> None:
    assert line["model"] == "asked:latest"
    assert line["created_at"].endswith("Z")
    message = line["message"]
    assert message["role"] == "assistant"
    assert isinstance(message["content"], str)
    choice.text += message["content"]
    choice.reasoning += message.get("thinking", "")
    for call in message.get("tool_calls", ()):
        assert isinstance(call["function"]["arguments"], dict)
        assert call["function"]["index"] == len(choice.calls)
        choice.calls.append((call["id"], call["function"]["name"], call["function"]["arguments"]))


def hear_kind(kind: str, data: bytes) -> Heard:
    """What the client behind the front of that kind understands."""
    return hear_ollama(data) if kind == "ollama" else hear_chat(data, include_usage=kind == "chat+usage")


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of recorded answers."""
    return SAMPLES


@pytest.fixture(scope="session")
def play() -> Callable[..., bytes]:
    """``play(kind, *pieces, endpoint="chat")``: the bytes a client gets when that endpoint sends these pieces."""
    return lambda kind, *pieces, endpoint="chat": play_pieces(pieces, new_front(kind), endpoint)


@pytest.fixture(scope="session")
def hear() -> Callable[[str, bytes], Heard]:
    """``hear(kind, data)``: what a strict client of that kind understands."""
    return hear_kind


@pytest.fixture(params=FRONTS, scope="session")
def kind(request: pytest.FixtureRequest) -> str:
    """Each front in turn."""
    return request.param
