"""Streams of models that give none, and what else is not asked of models that cannot do it."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import House, open_house

from passenger_trio.simulator import Fault, Simulator

TOOLS = [{"type": "function", "function": {"name": "get_weather"}}]
WHOLE = {
    "id": "c",
    "created": 1,
    "model": "gpt-4.1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


def body(model: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], "stream": True, **fields}


def chunks(answer: httpx.Response) -> list[dict[str, Any]]:
    """The chunks of a good stream."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream"
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert events.pop() == "[DONE]"
    return [json.loads(event) for event in events]


async def test_a_model_that_does_not_stream_is_asked_for_a_whole_answer_and_streamed(house: House) -> None:
    answer = await house.http.post(
        "/v1/chat/completions", json=body("o1", "[[think]] Hi", stream_options={"include_usage": True})
    )
    sent = json.loads(house.simulator.requests[-1].body)
    *pieces, usage = chunks(answer)
    deltas = [piece["choices"][0]["delta"] for piece in pieces]

    assert sent.keys() == {"model", "messages"}
    assert deltas[0]["role"] == "assistant"
    assert deltas[0]["reasoning_content"]
    assert "Hi" in "".join(delta.get("content") or "" for delta in deltas)
    assert pieces[-1]["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] > 0
    assert len({piece["id"] for piece in (*pieces, usage)}) == 1
    assert house.simulator.last_initiator == "user"


async def test_its_calls_are_streamed_to_clients_of_ollamas(house: House) -> None:
    answer = await house.http.post("/api/chat", json=body("o1", "weather in Paris", tools=TOOLS))
    lines = [json.loads(line) for line in answer.text.splitlines()]

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [call["function"]["name"] for call in lines[0]["message"]["tool_calls"]] == ["get_weather"]
    assert [line["done"] for line in lines] == [False, True]
    assert lines[-1]["eval_count"] > 0


async def test_text_completions_of_several_prompts_are_streamed_as_well(house: House) -> None:
    asked = {"model": "o1-mini", "prompt": ["[[reply:one]]", "[[reply:two]]"], "stream": True}
    pieces = chunks(await house.http.post("/v1/completions", json=asked))
    texts = {at: "".join(p["choices"][0]["text"] for p in pieces if p["choices"][0]["index"] == at) for at in (0, 1)}

    assert texts == {0: "one", 1: "two"}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
async def test_a_refusal_and_a_broken_answer_are_told_before_the_first_byte(tmp_path: Path, path: str) -> None:
    async with open_house(Simulator(), tmp_path) as house:
        refused = await house.http.post(path, json=body("o1", "[[http:429]]"))
        broken = await house.http.post(path, json=body("o1", "[[midfail]] Hi"))

    assert refused.status_code == 429
    assert broken.status_code == 502
    assert "error" in broken.json()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
async def test_a_whole_answer_that_nobody_asked_for_is_streamed(house: House, path: str) -> None:
    house.simulator.faults.append(
        Fault(path="/chat/completions", status=200, body=json.dumps(WHOLE).encode(), content_type="application/json")
    )
    answer = await house.http.post(path, json=body("gpt-4.1", "Hi"))

    assert json.loads(house.simulator.requests[-1].body)["stream"] is True
    assert answer.status_code == 200
    assert "Hello" in answer.text
    assert answer.text.rstrip().endswith(("[DONE]", "}"))
    assert "error" not in answer.text


@pytest.mark.parametrize(
    "said, words",
    [
        (b'{"error":{"message":"too busy","code":"busy"}}', "too busy"),
        (b'{"message":"too busy","code":"busy"}', "too busy"),
        (b"<html>", "no chat completion"),
    ],
)
async def test_what_is_neither_a_stream_nor_an_answer_is_a_502(house: House, said: bytes, words: str) -> None:
    house.simulator.faults.append(
        Fault(path="/chat/completions", status=200, body=said, content_type="application/json")
    )
    answer = await house.http.post("/v1/chat/completions", json=body("gpt-4.1", "Hi"))

    assert answer.status_code == 502
    assert words in answer.json()["error"]["message"]


async def test_tools_for_a_model_without_them_are_refused_in_the_words_that_clients_look_for(house: House) -> None:
    openai = await house.http.post("/v1/chat/completions", json=body("o1-mini", "Hi", tools=TOOLS))
    ollama = await house.http.post("/api/chat", json=body("o1-mini", "Hi", tools=TOOLS))

    assert openai.status_code == ollama.status_code == 400
    error = openai.json()["error"]
    assert (error["param"], error["code"]) == ("tools", "unsupported_parameter")
    assert "does not support tools" in error["message"]
    assert "does not support tools" in ollama.json()["error"]
    assert house.simulator.counts["chat"] == 0


async def test_tools_that_are_not_to_be_called_are_left_out_and_named(house: House) -> None:
    answer = await house.http.post(
        "/v1/chat/completions", json=body("o1-mini", "Hi", stream=False, tools=TOOLS, tool_choice="none")
    )

    assert answer.status_code == 200, answer.text
    assert set(answer.headers["x-passenger-dropped"].split(", ")) == {"tools", "tool_choice"}


async def test_a_picture_for_a_model_that_does_not_see_is_refused(house: House) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    openai = await house.http.post(
        "/v1/chat/completions", json={"model": "o3-mini", "messages": [{"role": "user", "content": [picture]}]}
    )
    shown = {"role": "user", "content": "?", "images": ["iVBORw0KGgo="]}
    ollama = await house.http.post("/api/chat", json={"model": "o3-mini", "messages": [shown]})

    assert openai.status_code == ollama.status_code == 400
    assert openai.json()["error"]["param"] == "messages"
    assert "does not support image input" in ollama.json()["error"]
    assert house.simulator.counts["chat"] == 0
