"""Chat and Ollama clients on models of each of Copilot's endpoints."""

import json
from pathlib import Path
from typing import Any

import pytest
from house import House, open_house

from passenger_trio.simulator import Simulator

MODELS = {"/chat/completions": "gpt-4.1", "/responses": "gpt-5.3-codex", "/v1/messages": "claude-opus-4.7"}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

pytestmark = pytest.mark.parametrize(("endpoint", "model"), MODELS.items())


class Heard:
    """An answer of either interface, whole or streamed, by what it says."""

    def __init__(self, text: str, reasoning: str, calls: list[tuple[str, Any]], finish: str, tokens: int) -> None:
        self.text, self.reasoning, self.calls, self.finish, self.tokens = text, reasoning, calls, finish, tokens


async def ask_openai(house: House, model: str, messages: list[Any], *, stream: bool, **more: Any) -> Heard:
    body = {"model": model, "messages": messages, "stream": stream, **more}
    if stream:
        body["stream_options"] = {"include_usage": True}
    answer = await house.http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    if not stream:
        choice = answer.json()["choices"][0]
        message = choice["message"]
        calls = [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in message.get("tool_calls", [])]
        usage = answer.json()["usage"]
        return Heard(
            message["content"] or "", message.get("reasoning_content") or "", calls, choice["finish_reason"],
            usage["completion_tokens"],
        )  # fmt: skip
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert events.pop() == "[DONE]"
    chunks = [json.loads(event) for event in events]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    pieces: dict[int, list[str]] = {}
    for delta in deltas:
        for call in delta.get("tool_calls", []):
            pieces.setdefault(call["index"], [call.get("function", {}).get("name", "")])
            pieces[call["index"]].append(call.get("function", {}).get("arguments", ""))
    finish = [chunk["choices"][0].get("finish_reason") for chunk in chunks if chunk["choices"]]
    return Heard(
        "".join(delta.get("content") or "" for delta in deltas),
        "".join(delta.get("reasoning_content") or "" for delta in deltas),
        [(name, json.loads("".join(arguments))) for name, *arguments in pieces.values()],
        next(reason for reason in finish if reason),
        chunks[-1]["usage"]["completion_tokens"],
    )


async def ask_ollama(house: House, model: str, messages: list[Any], *, stream: bool, **more: Any) -> Heard:
    body = {"model": f"{model}:latest", "messages": messages, "stream": stream, **more}
    answer = await house.http.post("/api/chat", json=body)
    assert answer.status_code == 200, answer.text
    lines = [json.loads(line) for line in answer.text.splitlines()]
    said = [line["message"] for line in lines]
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    calls = [(c["function"]["name"], c["function"]["arguments"]) for m in said for c in m.get("tool_calls", [])]
    return Heard(
        "".join(m["content"] for m in said),
        "".join(m.get("thinking", "") for m in said),
        calls,
        lines[-1]["done_reason"],
        lines[-1]["eval_count"],
    )


ASKS = {"openai": ask_openai, "ollama": ask_ollama}


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("face", ASKS)
async def test_the_same_is_said_on_every_endpoint(
    tmp_path: Path, endpoint: str, model: str, face: str, stream: bool
) -> None:
    ask = ASKS[face]
    async with open_house(Simulator(), tmp_path) as house:
        text = await ask(house, model, user("[[reply:Bonjour, le monde]]"), stream=stream)
        assert house.simulator.requests[-1].path == endpoint
        system = await ask(house, model, [{"role": "system", "content": "Be brief."}, *user("Hello")], stream=stream)
        calls = await ask(house, model, user("weather in Paris and Rome"), stream=stream, tools=TOOLS)
        thought = await ask(house, model, user("[[think]] [[reply:Done]]"), stream=stream)
        cut = await ask(house, model, user("[[len]] [[reply:Done]]"), stream=stream)

    assert (text.text, text.finish) == ("Bonjour, le monde", "stop")
    assert text.tokens > 0
    assert "Hello" in system.text
    assert calls.calls == [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]
    assert calls.finish == ("tool_calls" if face == "openai" else "stop")
    assert thought.text == "Done"
    assert thought.reasoning
    assert cut.finish == "length"


@pytest.mark.parametrize("face", ASKS)
async def test_results_and_pictures_reach_every_endpoint(tmp_path: Path, endpoint: str, model: str, face: str) -> None:
    ask = ASKS[face]
    arguments: Any = {"city": "Paris"} if face == "ollama" else '{"city":"Paris"}'
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
    turn = [
        *user("weather in Paris"),
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "18C and sunny"},
    ]
    shown: list[Any] = [{"role": "user", "content": "What is it?", "images": [PIXEL]}]
    if face == "openai":
        url = {"url": f"data:image/png;base64,{PIXEL}"}
        shown = user([{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": url}])  # type: ignore[arg-type]
    async with open_house(Simulator(), tmp_path) as house:
        told = await ask(house, model, turn, stream=False, tools=TOOLS)
        assert house.simulator.last_initiator == "agent"
        seen = await ask(house, model, shown, stream=False)
        assert house.simulator.requests[-1].headers["copilot-vision-request"] == "true"

    assert "18C and sunny" in told.text
    assert "1 picture" in seen.text


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
async def test_refusals_and_breaks_are_told_on_every_endpoint(
    tmp_path: Path, endpoint: str, model: str, path: str
) -> None:
    async with open_house(Simulator(), tmp_path) as house:
        refused = await house.http.post(path, json={"model": model, "messages": user("[[http:429]]")})
        broken = await house.http.post(path, json={"model": model, "stream": True, "messages": user("[[midfail]] Hi")})

    assert refused.status_code == 429
    assert refused.headers["retry-after"]
    assert broken.status_code == 200
    assert '"error":' in broken.text.splitlines()[-1] or '"error":' in broken.text.splitlines()[-2]
    assert "[DONE]" not in broken.text
    assert '"done":true' not in broken.text
