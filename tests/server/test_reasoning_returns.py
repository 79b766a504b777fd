"""The next turn after a tool call, by clients that return no reasoning: what reaches Copilot has it all the same."""

import json
from pathlib import Path
from typing import Any

import pytest
from house import House, open_house

from passenger_trio.simulator import Simulator

GEMINI, GPT, CLAUDE = "gemini-3-pro-preview", "gpt-5.3-codex", "claude-opus-4.7"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


class OpenAI:
    """A client of OpenAI's that keeps what OpenAI's own interface has, and nothing else."""

    def __init__(self, house: House, *, stream: bool) -> None:
        self._house = house
        self._stream = stream
        self.opaque = ""

    async def ask(self, model: str, messages: list[Any]) -> dict[str, Any]:
        """The answer's message, to be sent back."""
        body = {"model": model, "messages": messages, "tools": TOOLS, "stream": self._stream}
        answer = await self._house.http.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        if not self._stream:
            said = answer.json()["choices"][0]["message"]
            self.opaque = said.get("reasoning_opaque", "")
            return {"role": "assistant", "content": said["content"], "tool_calls": said.get("tool_calls")}
        calls: dict[int, Any] = {}
        text = ""
        assert answer.text.endswith("data: [DONE]\n\n")
        for line in filter(None, answer.text.splitlines()[:-2]):
            for choice in json.loads(line.removeprefix("data: "))["choices"]:
                delta = choice["delta"]
                text += delta.get("content") or ""
                self.opaque = delta.get("reasoning_opaque") or self.opaque
                for piece in delta.get("tool_calls", []):
                    call = calls.setdefault(piece.pop("index"), piece)
                    if call is not piece:
                        call["function"]["arguments"] += piece["function"]["arguments"]
        return {"role": "assistant", "content": text or None, "tool_calls": list(calls.values()) or None}

    @staticmethod
    def results(said: dict[str, Any]) -> list[Any]:
        """What the tools answer to the calls."""
        return [{"role": "tool", "tool_call_id": call["id"], "content": "18C"} for call in said["tool_calls"]]


class Ollama:
    """A client of Ollama's: no ids, arguments as objects that have been decoded and encoded again."""

    def __init__(self, house: House, *, stream: bool) -> None:
        self._house = house
        self._stream = stream
        self.opaque = ""

    async def ask(self, model: str, messages: list[Any]) -> dict[str, Any]:
        """The answer's message, to be sent back."""
        body = {"model": model, "messages": messages, "tools": TOOLS, "stream": self._stream}
        answer = await self._house.http.post("/api/chat", json=body)
        assert answer.status_code == 200, answer.text
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert lines[-1]["done"]
        calls = [call["function"] for line in lines for call in line["message"].get("tool_calls", [])]
        return {
            "role": "assistant",
            "content": "".join(line["message"]["content"] for line in lines),
            "tool_calls": [{"function": {"arguments": call["arguments"], "name": call["name"]}} for call in calls],
        }

    @staticmethod
    def results(said: dict[str, Any]) -> list[Any]:
        """What the tools answer to the calls."""
        return [
            {"role": "tool", "tool_name": call["function"]["name"], "content": "18C"} for call in said["tool_calls"]
        ]


FACES = {"openai": OpenAI, "ollama": Ollama}


def returned(house: House) -> list[str]:
    """The signatures that came to Copilot with the last request, each beside the calls it belongs to."""
    last = house.simulator.requests[-1]
    body = json.loads(last.body)
    if last.path == "/responses":
        kinds = [item["type"] for item in body["input"]]
        assert all(kinds[at + 1] == "function_call" for at, kind in enumerate(kinds) if kind == "reasoning")
        return [item["encrypted_content"] for item in body["input"] if item["type"] == "reasoning"]
    called = [message for message in body["messages"] if message["role"] == "assistant"]
    if last.path == "/chat/completions":
        return [said["reasoning_opaque"] for said in called if said.get("tool_calls") and "reasoning_opaque" in said]
    thoughts = [said["content"][0] for said in called if said["content"][0]["type"] == "thinking"]
    assert all(thought["thinking"] for thought in thoughts)
    return [thought["signature"] for thought in thoughts]


def given(model: str, opaque: str) -> str:
    """The signature in what the house gives to clients of OpenAI's as ``reasoning_opaque``."""
    return opaque if model == GEMINI else json.loads(opaque)[0]["encrypted_content" if model == GPT else "signature"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", [GEMINI, GPT, CLAUDE])
@pytest.mark.parametrize("face", FACES)
async def test_what_a_model_wants_back_is_sent_back(tmp_path: Path, face: str, model: str, stream: bool) -> None:
    async with open_house(Simulator(), tmp_path) as house:
        client = FACES[face](house, stream=stream)
        told: list[Any] = [user("[[think]] what is the weather in Paris and Rome?")]
        told += [said := await client.ask(model, told)]
        assert len(said["tool_calls"]) == 2
        opaque = client.opaque
        told += client.results(said)
        told += [await client.ask(model, told), user("[[think]] weather in Oslo")]
        (first,) = returned(house)
        told += [said := await client.ask(model, told)]
        assert returned(house) == [first]
        told += client.results(said)
        final = await client.ask(model, told)
        both = returned(house)

    assert "18C" in final["content"]
    assert both[0] == first
    assert len({*both}) == 2
    assert min(map(len, both)) > 100, "these are no signatures"
    if face == "openai":
        assert first == given(model, opaque)


async def test_a_conversation_that_goes_on_with_another_model_takes_nothing_along(tmp_path: Path) -> None:
    async with open_house(Simulator(), tmp_path) as house:
        client = OpenAI(house, stream=True)
        told: list[Any] = [user("[[think]] what is the weather in Paris?")]
        told += [said := await client.ask(GEMINI, told), *client.results(said)]

        for model in (GPT, CLAUDE):
            await client.ask(model, told)
            assert returned(house) == []
        await client.ask(GEMINI, told)
        assert len(returned(house)) == 1


async def test_another_conversation_with_the_same_call_gets_nothing(tmp_path: Path) -> None:
    async with open_house(Simulator(), tmp_path) as house:
        client = Ollama(house, stream=False)
        said = await client.ask(CLAUDE, [user("[[think]] what is the weather in Paris?")])
        await client.ask(CLAUDE, [user("How warm is it in Paris?"), said, *client.results(said)])

        assert returned(house) == []


@pytest.mark.parametrize(("how", "times"), [("", 1), ("[[nofinish]]", 0)])
async def test_the_reasoning_of_an_answer_that_broke_is_not_sent_back(tmp_path: Path, how: str, times: int) -> None:
    question = user(f"{how} [[think]] what is the weather in Paris?")
    function = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    said = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": function}]}
    again = [question, said, {"role": "tool", "tool_call_id": "c", "content": "18C"}]
    body = {"model": "claude-sonnet-4.5", "messages": [question], "tools": TOOLS, "stream": True}
    async with open_house(Simulator(), tmp_path) as house:
        first = await house.http.post("/v1/chat/completions", json=body)
        assert "reasoning_opaque" in first.text, "there is nothing to be kept"
        assert ('"error"' in first.text) is bool(how)
        await house.http.post("/v1/chat/completions", json={**body, "messages": again})

        assert len(returned(house)) == times
