"""A whole answer as a stream: put together again it is the same answer, and every reader of streams understands it."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from passenger_trio.translate.backs import chat as back, messages, responses, whole
from passenger_trio.translate.fronts import chat as front_chat, ollama as front_ollama
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.translate.fronts.ollama_lines import ChatForm
from passenger_trio.wire import chat
from passenger_trio.wire.chat import HubChunk, HubReply
from passenger_trio.wire.sse import Event

SAMPLES = Path(__file__).parents[2] / "samples" / "copilot"
RECORDED = {
    **dict.fromkeys(sorted(path.name for path in SAMPLES.glob("chat_nonstream_*.json")), back),
    **dict.fromkeys(("messages_nonstream.json", "messages_nonstream_tool.json"), messages),
    **dict.fromkeys(("responses_nonstream.json", "responses_nonstream_tool.json"), responses),
}


def cleaned(body: bytes, by: Any = back, n: int = 1) -> HubReply:
    asked = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "n": n}
    return by.reply(body, to_call(json.dumps(asked).encode()), "asked", created=5, new_id=lambda: "made")


def reply(*messages_: dict[str, Any], **fields: Any) -> HubReply:
    choices = [
        {"index": at, "message": message, "finish_reason": "stop", "odd": at} for at, message in enumerate(messages_)
    ]
    body = {"id": "c", "created": 1, "model": "m", "choices": choices, **fields}
    return cleaned(json.dumps(body).encode(), n=len(choices))


def bodies(chunks: list[HubChunk]) -> list[dict[str, Any]]:
    assert [chat.decode_chunk(chunk.data) for chunk in chunks] == [chunk.view for chunk in chunks]
    return [json.loads(chunk.data) for chunk in chunks]


def put_together(chunks: list[HubChunk]) -> dict[str, Any]:
    """What a client makes of a stream: texts are joined, calls go by their index, everything else is taken over."""
    answer: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for body in bodies(chunks):
        for piece in body.pop("choices"):
            choice = choices.setdefault(piece["index"], {"message": {"content": None}})
            for name, value in piece.pop("delta").items():
                if name == "tool_calls":
                    for call in value:
                        choice["message"].setdefault(name, {}).setdefault(call.pop("index"), call)
                elif isinstance(choice["message"].get(name), str):
                    choice["message"][name] += value
                else:
                    choice["message"][name] = value
            choice |= {name: value for name, value in piece.items() if value is not None or name not in choice}
        answer |= body
    for choice in choices.values():
        if "tool_calls" in choice["message"]:
            choice["message"]["tool_calls"] = list(choice["message"]["tool_calls"].values())
    return {**answer, "object": "chat.completion", "choices": list(choices.values())}


def without_indices(answer: dict[str, Any]) -> dict[str, Any]:
    """A whole answer's calls have no index, or one that says nothing."""
    for choice in answer["choices"]:
        for call in choice["message"].get("tool_calls") or ():
            call.pop("index", None)
    return answer


TEXTS = st.text(max_size=8)
VALUES = st.none() | st.booleans() | st.integers(-9, 9) | TEXTS | st.lists(st.integers(), max_size=2)
CALLS = st.builds(
    lambda call_id, name, arguments: {
        "id": f"call_{call_id}",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    },
    st.uuids(),
    TEXTS,
    st.dictionaries(TEXTS, VALUES, max_size=2),
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | TEXTS},
    optional={
        "reasoning_content": TEXTS,
        "reasoning_text": TEXTS,
        "reasoning_opaque": TEXTS,
        "refusal": st.none() | TEXTS,
        "tool_calls": st.lists(CALLS, min_size=1, max_size=3),
        "odd": VALUES,
    },
)
EXTRAS = st.dictionaries(st.sampled_from(["system_fingerprint", "copilot_usage", "odd"]), VALUES, max_size=3)
USAGES = st.fixed_dictionaries({"prompt_tokens": st.integers(0, 9), "completion_tokens": st.integers(0, 9)})


@given(st.lists(MESSAGES, min_size=1, max_size=3), EXTRAS, st.none() | USAGES)
def test_put_together_again_it_is_the_same_answer(
    said: list[dict[str, Any]], extras: dict[str, Any], usage: dict[str, int] | None
) -> None:
    answer = reply(*said, **extras, **({} if usage is None else {"usage": usage}))

    assert put_together(whole.chunks(answer)) == json.loads(answer.data)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_answer_put_together_again_is_the_same(name: str) -> None:
    answer = cleaned((SAMPLES / name).read_bytes(), RECORDED[name])

    assert put_together(whole.chunks(answer)) == without_indices(json.loads(answer.data))


@given(st.lists(MESSAGES, min_size=1, max_size=3), st.none() | USAGES)
def test_strict_readers_hear_what_was_said(
    hear: Callable[[str, bytes], Any], said: list[dict[str, Any]], usage: dict[str, int] | None
) -> None:
    answer = reply(*said, **({} if usage is None else {"usage": usage}))
    ticks = itertools.count(1_750_000_000_000_000_000)
    times = front_ollama.Times(lambda: next(ticks), lambda: next(ticks), next(ticks), next(ticks))
    fronts = {
        "chat": front_chat.Stream(include_usage=False),
        "chat+usage": front_chat.Stream(include_usage=True),
        "ollama": front_ollama.Stream(ChatForm("asked:latest"), times),
    }

    first = said[0]
    thoughts = first.get("reasoning_content", first.get("reasoning_text", ""))
    for kind, front in fronts.items():
        heard = hear(kind, b"".join(map(front.event, whole.chunks(answer))) + front.end()).first
        refusal = (first.get("refusal") or "") if kind == "ollama" else ""
        assert heard.text == refusal + (first["content"] or "")
        assert heard.reasoning == thoughts
        assert [name for _, name, _ in heard.calls] == [
            call["function"]["name"] for call in first.get("tool_calls", [])
        ]


def test_the_order_is_that_of_a_stream() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = {"content": "Hi", "reasoning_text": "Hm", "reasoning_opaque": "c2ln", "tool_calls": [call], "odd": 1}
    answer = reply(said, usage={"prompt_tokens": 1}, copilot_usage={"x": 1})

    role, text, calls, finish, usage = bodies(whole.chunks(answer))

    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    reasoning = {"reasoning_text": "Hm", "reasoning_opaque": "c2ln", "odd": 1, "reasoning_content": "Hm"}
    assert role == {**head, "choices": [choice({"role": "assistant", **reasoning})]}
    assert text == {**head, "choices": [choice({"content": "Hi"})]}
    assert calls == {**head, "choices": [choice({"tool_calls": [{"index": 0, **call}]})]}
    assert finish == {**head, "choices": [choice({}, "tool_calls", odd=0)], "copilot_usage": {"x": 1}}
    assert usage == {**head, "choices": [], "usage": {"prompt_tokens": 1}}


def choice(delta: dict[str, Any], finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish, **fields}


@pytest.mark.parametrize("content, at", [("Hi", 1), (None, -1)])
def test_logprobs_go_with_the_text_if_there_is_one(content: str | None, at: int) -> None:
    said = {"index": 0, "message": {"content": content}, "finish_reason": "stop", "logprobs": {"content": []}}
    body = {"id": "c", "created": 1, "model": "m", "choices": [said]}

    pieces = bodies(whole.chunks(cleaned(json.dumps(body).encode())))

    assert [piece for piece in pieces if "logprobs" in piece["choices"][0]] == [pieces[at]]


def test_in_the_place_of_a_stream_all_of_it_is_there_at_the_end() -> None:
    answer = reply({"content": "Hi"})
    stream = whole.Stream(answer)

    assert stream.done
    assert stream.finished
    assert stream.event(Event(b"", b'{"choices":[]}')) == []
    assert stream.end() == whole.chunks(answer)
