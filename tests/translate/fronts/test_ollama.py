"""Ollama's chat as clients read it. As they send it: test_ollama_requests.py."""

import itertools
import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest, UpstreamBroke
from passenger_trio.translate.fronts import ollama
from passenger_trio.wire.chat import HubChunk, HubReply, decode_chunk, decode_completion

NOW = 1_750_000_000_123_456_789


def hub(**chunk: Any) -> HubChunk:
    data = json.dumps(chunk).encode()
    return HubChunk(data, decode_chunk(data))


def delta(finish: str | None = None, index: int = 0, **fields: Any) -> HubChunk:
    return hub(choices=[{"index": index, "delta": fields, "finish_reason": finish}])


def stream(think: bool = True, step: int = 1_000) -> ollama.Stream:
    ticks = itertools.count(NOW + step, step)
    return ollama.Stream("m", clock=lambda: next(ticks), started=NOW, think=think)


def lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def test_text_becomes_lines() -> None:
    assert lines(stream().event(delta(content="a\nb", role="assistant"))) == [
        {
            "model": "m",
            "created_at": "2025-06-15T15:06:40.123457789Z",
            "message": {"role": "assistant", "content": "a\nb"},
            "done": False,
        }
    ]


@pytest.mark.parametrize(
    "chunk", [delta(content=""), delta(content=None), hub(choices=[]), hub(choices=[{"index": 0}])]
)
def test_nothing_becomes_no_line(chunk: HubChunk) -> None:
    assert stream().event(chunk) == b""


def test_a_refusal_is_text() -> None:
    assert lines(stream().event(delta(refusal="no")))[0]["message"]["content"] == "no"


def test_only_the_first_choice_is_sent() -> None:
    assert stream().event(delta(content="second", index=1)) == b""


@pytest.mark.parametrize("think", [True, False])
def test_reasoning_is_sent_unless_it_is_unwanted(think: bool) -> None:
    messages = [
        line["message"] for line in lines(stream(think=think).event(delta(reasoning_content="hm", content="a")))
    ]

    thinking = {"role": "assistant", "content": "", "thinking": "hm"}
    assert messages == [*([thinking] if think else []), {"role": "assistant", "content": "a"}]


def fragment(index: int, arguments: str | None, **first: Any) -> dict[str, Any]:
    name = {"name": first.pop("name")} if "name" in first else {}
    return {"index": index, "function": {**name, "arguments": arguments}, **first}


def test_calls_are_sent_whole_one_to_a_line_when_the_answer_ends() -> None:
    front = stream()
    parts = [
        fragment(0, "", id="a", type="function", name="f"),
        fragment(1, "", id="b", type="function", name="g"),
        fragment(1, '{\n "y":'),
        fragment(0, '{"x":1e5}'),
        fragment(1, ' "\\u2028"\n}'),
        {"index": 1},
        fragment(0, None),
    ]
    assert all(front.event(delta(tool_calls=[part])) == b"" for part in parts)

    data = front.event(delta(finish="tool_calls"))

    assert b'"arguments":{"x":1e5}' in data
    assert b'"arguments":{"y":"\\u2028"}' in data
    assert [line["message"]["tool_calls"] for line in lines(data)] == [
        [{"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1e5}}}],
        [{"id": "b", "function": {"index": 1, "name": "g", "arguments": {"y": "\u2028"}}}],
    ]
    assert {line["message"]["content"] for line in lines(data)} == {""}
    assert front.event(delta(content=None)) == b""


def test_calls_that_no_finish_has_sent_are_sent_at_the_end() -> None:
    front = stream()
    front.event(delta(finish="stop"))
    front.event(delta(tool_calls=[fragment(0, "{}", id="a", name="f")]))

    call, last = lines(front.end())

    assert call["message"]["tool_calls"] == [{"id": "a", "function": {"index": 0, "name": "f", "arguments": {}}}]
    assert (call["done"], last["done"]) == (False, True)

    front.event(delta(tool_calls=[fragment(0, "{", id="a", name="f")]))
    with pytest.raises(UpstreamBroke, match="`f`"):
        front.end()


@pytest.mark.parametrize("arguments", ['{"x":', "", "[]", "null", "5"])
def test_a_call_with_arguments_that_are_no_object_breaks_the_answer(arguments: str) -> None:
    front = stream()
    front.event(delta(tool_calls=[fragment(0, arguments, id="a", name="f")]))

    with pytest.raises(UpstreamBroke, match="`f`"):
        front.event(delta(finish="length"))


@pytest.mark.parametrize(
    "finish, reason", [("stop", "stop"), ("tool_calls", "stop"), ("length", "length"), ("x", "stop")]
)
def test_the_last_line_counts(finish: str, reason: str) -> None:
    front = stream()
    front.event(delta(content="a"))
    front.event(delta(finish=finish))
    front.event(hub(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3}))

    assert lines(front.end()) == [
        {
            "model": "m",
            "created_at": "2025-06-15T15:06:40.123459789Z",
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": reason,
            "total_duration": 3000,
            "load_duration": 1,
            "prompt_eval_count": 3,
            "prompt_eval_duration": 1000,
            "eval_count": 0,
            "eval_duration": 2000,
        }
    ]


def test_no_duration_is_zero_and_no_count_is_invented() -> None:
    (line,) = lines(stream(step=0).end())

    assert {value for name, value in line.items() if name.endswith("_duration")} == {1}
    assert "eval_count" not in line
    assert "prompt_eval_count" not in line


def test_a_broken_stream_ends_with_an_error_line() -> None:
    assert stream().fault(UpstreamBroke("it\nbroke")) == b'{"error":"it\\nbroke"}\n'
    assert stream().content_type == "application/x-ndjson"


def test_an_error_is_a_text() -> None:
    assert ollama.fault(BadRequest("wrong", param="x")) == (400, b'{"error":"wrong"}')


def reply(message: Any, finish: str = "stop") -> HubReply:
    data = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}]}).encode()
    return HubReply(data, decode_completion(data))


@pytest.mark.parametrize("think", [True, False])
def test_a_whole_answer_keeps_reasoning_back_on_request(think: bool) -> None:
    answer = reply({"content": None, "refusal": "no", "reasoning_content": "hm"})
    line = json.loads(ollama.from_hub(answer, "m", ollama.Moments(NOW, NOW, NOW), think=think))

    assert line["message"] == {"role": "assistant", "content": "no", **({"thinking": "hm"} if think else {})}
    assert line["total_duration"] == 1


def test_a_whole_answer_has_its_calls_in_one_line() -> None:
    calls = [{"id": "a", "function": {"name": "f", "arguments": '{\n"x": 1\n}'}}, {"function": {"arguments": "{}"}}]
    data = ollama.from_hub(reply({"tool_calls": calls}, "tool_calls"), "m", ollama.Moments(NOW, NOW, NOW))

    assert b"\n" not in data
    assert json.loads(data)["message"] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}},
            {"id": "", "function": {"index": 1, "name": "", "arguments": {}}},
        ],
    }
    assert json.loads(data)["done_reason"] == "stop"


@pytest.mark.parametrize(
    "data", [b"{}", b'{"choices":[{}]}', b'{"choices":[]}', b'{"choices":[{"message":{"tool_calls":[]}}]}']
)
def test_an_answer_without_anything_is_an_empty_line(data: bytes) -> None:
    line = json.loads(ollama.from_hub(HubReply(data, decode_completion(data)), "m", ollama.Moments(NOW, NOW, NOW)))

    assert line["message"] == {"role": "assistant", "content": ""}
