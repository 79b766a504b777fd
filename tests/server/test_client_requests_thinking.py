"""Reasoning that is asked for, in OpenAI's words and in Ollama's: it is given, or it is named as left out."""

import json
from typing import Any

import pytest
from house import House
from server.client_shapes import (
    ABSENT,
    CALL,
    CHAT,
    COLUMNS,
    FAMILIES,
    RESULT,
    USER,
    assert_dropped,
    heard_streamed,
    heard_whole,
    reached,
    tool,
)

ASKED = {
    "claude-opus-4.7": ("output_config", {"effort": "medium"}, None),
    "claude-sonnet-4.5": ("thinking_budget", 8000, None),
    "gemini-2.5-pro": ("thinking_budget", 8000, None),
    "gemini-3-pro-preview": ("reasoning_effort", "low", "reasoning_effort=medium"),
    "gpt-5.3-codex": ("reasoning", {"effort": "medium", "summary": "auto"}, None),
    "gpt-4.1": ("reasoning_effort", ABSENT, "reasoning_effort"),
}
"""A model, what it is asked when a middling effort is wanted, and what is then named as left out. The answer may have
16000 tokens, of which a budget is half at most."""


def thought_by_ollama(text: str) -> str:
    return "".join(json.loads(line)["message"].get("thinking", "") for line in text.splitlines())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", [model for model in ASKED if model != "gpt-4.1"])
async def test_think_true_makes_a_model_think_that_can(house: House, model: str, stream: bool) -> None:
    name, value, dropped = ASKED[model]
    body = {"model": model, "messages": [USER], "stream": stream, "think": True, "options": {"num_predict": 16_000}}

    answer = await house.http.post("/api/chat", json=body)

    assert answer.status_code == 200, answer.text
    assert reached(house).body.get(name, ABSENT) == value
    assert thought_by_ollama(answer.text)
    assert_dropped(answer, dropped and dropped.replace("reasoning_effort", "think"))  # in Ollama's own word


async def test_think_true_is_refused_for_a_model_that_cannot_as_ollama_refuses_it(house: House) -> None:
    answer = await house.http.post("/api/chat", json={"model": "gpt-4.1", "messages": [USER], "think": True})

    assert (answer.status_code, answer.json()) == (400, {"error": '"gpt-4.1" does not support thinking'})
    assert house.simulator.counts["chat"] == 0


@pytest.mark.parametrize("model", ASKED)
async def test_think_false_and_no_think_ask_for_nothing(house: House, model: str) -> None:
    for fields in ({}, {"think": False}):
        answer = await house.http.post("/api/chat", json={"model": model, "messages": [USER], **fields})

        assert answer.status_code == 200, answer.text
        body = reached(house).body
        assert not {"thinking_budget", "reasoning_effort", "thinking", "output_config"} & body.keys()
        assert "effort" not in body.get("reasoning", {})
        assert_dropped(answer, None)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ASKED)
async def test_an_effort_makes_a_model_think_that_can(house: House, model: str, stream: bool) -> None:
    name, value, dropped = ASKED[model]
    fields = {"reasoning_effort": "medium", "max_tokens": 16_000}
    body = {"model": model, "messages": [USER], "stream": stream, **fields}

    answer = await house.http.post(CHAT, json=body)

    assert answer.status_code == 200, answer.text
    assert reached(house).body.get(name, ABSENT) == value
    heard = (heard_streamed if stream else heard_whole)(answer)
    assert bool(heard.reasoning) == (value is not ABSENT)
    assert_dropped(answer, dropped)


@pytest.mark.parametrize("column", [COLUMNS["messages"], FAMILIES["claude"]], ids=["adaptive", "budget"])
async def test_claude_does_not_think_about_a_call_that_is_forced(house: House, column: Any) -> None:
    fields = {"tools": [tool()], "tool_choice": "required", "reasoning_effort": "high"}

    answer = await house.http.post(CHAT, json={"model": column.model, "messages": [USER], **fields})

    heard = heard_whole(answer)
    assert (heard.called, heard.reasoning) == (["get_weather"], "")
    assert_dropped(answer, "reasoning_effort")


@pytest.mark.parametrize(("signed", "budget"), [({}, ABSENT), ({"reasoning_opaque": "c2ln"}, 32_000 // 2)])
async def test_claude_thinks_on_from_calls_whose_thinking_came_back(
    house: House, signed: dict[str, Any], budget: object
) -> None:
    called = {"role": "assistant", "content": None, "tool_calls": [CALL], **signed}
    body = {
        "model": "claude-sonnet-4.5",
        "messages": [USER, called, RESULT],
        "reasoning_effort": "high",
        "stream": True,
    }

    answer = await house.http.post(CHAT, json=body)

    assert answer.status_code == 200, answer.text
    assert reached(house).body.get("thinking_budget", ABSENT) == budget
    assert_dropped(answer, None if signed else "reasoning_effort")
