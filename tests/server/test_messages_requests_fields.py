"""The knobs of a Messages request as real clients were recorded to turn them, on each of Copilot's endpoints."""

import json
from dataclasses import replace
from typing import Any

import pytest
from house import House
from server.client_shapes import ABSENT, Case, Column, Each, user
from server.front_shapes import COLUMNS, MESSAGES, ROME, Front, check, failures, reached
from server.test_client_requests_fields import SCHEMA, THIRTY

LONG = user(f"[[reply:{THIRTY}]]")
CUT = {"text": "word19", "finish": "length"}
QUOTED = {"text": '"Hi"'}
DEVICE = json.dumps({"device_id": "d", "account_uuid": "", "session_id": "s"})


def dropped(name: str, value: object, told: str = "") -> Case:
    """What Copilot has no place for anywhere, and nobody misses."""
    return Case({name: value}, heard=QUOTED, sent={"any": {name: ABSENT}}, dropped={"any": told or name})


def limit(asked: int, *, heard: dict[str, Any] | None = None, **got: int) -> Case:
    """``got`` is what reaches a column where it is not what was asked for; the difference is told."""
    return Case(
        {"messages": LONG, "max_tokens": asked},
        heard=heard or {"text": "word29"},
        reached={"limit": Each({"any": asked, **got})},
        dropped=dict.fromkeys(got, f"max_tokens={asked}"),
    )


def think(kind: str, *, budget: int | None = None, given: int | None = None, effort: str = "", **more: Any) -> Case:
    """Thinking of a kind. ``given`` is the budget that Claude gets, ``effort`` what a GPT makes of it."""
    thinking: dict[str, Any] = {"type": kind, **more}
    if budget is not None:
        thinking["budget_tokens"] = budget
    lost = [f"thinking.{name}" for name in more]
    cut = [f"thinking.budget_tokens={budget}"] if budget not in {None, -1, given} else []
    told = {"chat": [*lost, *(["thinking"] if effort else [])], "responses": lost, "messages": [*lost, *cut]}
    return Case(
        {"thinking": thinking, "max_tokens": 16000},
        heard={**QUOTED, "reasoning": Each(chat="")},
        reached={"effort": Each(chat=None, responses=effort or None)},
        sent={"messages": {"thinking": {"type": kind, **({"budget_tokens": given} if given else {})}}},
        dropped={name: ", ".join(words) for name, words in told.items() if words},
    )


FIELDS: dict[str, Case] = {
    "max_tokens": limit(20, heard=CUT),
    "max_tokens 1": limit(1, heard={"text": "word0", "finish": "length"}, responses=16),
    "no max_tokens": Case({"max_tokens": None}, heard=QUOTED, reached={"limit": Each(chat=None, responses=None)}),
    "stop_sequences": Case(
        {"messages": LONG, "stop_sequences": ["word7", "word3"]},
        heard={"text": "word2"},
        reached={"stop": ["word7", "word3"]},
        refused={"responses": "stop_sequences"},
    ),
    "no stop_sequences": Case({"messages": LONG, "stop_sequences": []}, heard={"text": "word29"}),
    "temperature": Case(
        {"temperature": 0.2},
        heard=QUOTED,
        sent={"any": {"temperature": 0.2}, "responses": {"temperature": ABSENT}},
        dropped={"responses": "temperature"},  # a model that thinks
    ),
    "top_p": Case({"top_p": 0.9}, heard=QUOTED, sent={"chat": {"top_p": 0.9}, "messages": {"top_p": 0.9}},
                  dropped={"responses": "top_p"}),
    "top_k": Case({"top_k": 5}, heard=QUOTED, sent={"messages": {"top_k": 5}, "any": {"top_k": ABSENT}},
                  dropped={"hub": "top_k"}),
    "thinking, a small budget": think("enabled", budget=1024, given=1024, effort="low"),
    "thinking, a middling budget": think("enabled", budget=8000, given=8000, effort="medium"),
    "thinking, a large budget": think("enabled", budget=16000, given=15999, effort="high"),
    "thinking, opencode's budget": think("enabled", budget=-1, given=8000, effort="medium"),
    "thinking, no budget": think("enabled", given=8000, effort="medium"),
    "thinking, more than all tokens": think("enabled", budget=32000, given=15999, effort="high"),
    "thinking, adaptive": think("adaptive"),
    "thinking, disabled": replace(think("disabled"), dropped={"responses": "thinking.type=disabled"}),
    "thinking, shown": think("adaptive", display="summarized"),
    "thinking, not shown": think("adaptive", display="omitted"),
    "thinking, in updates": think("adaptive", display="updates"),
    "thinking null": Case({"thinking": None}, heard=QUOTED, sent={"any": {"thinking": ABSENT}}),
    "effort": Case(
        {"output_config": {"effort": "high"}},
        heard=QUOTED,
        reached={"effort": Each(chat=None, responses="high", messages="high")},
        dropped={"chat": "thinking"},
    ),
    "effort max": Case(
        {"output_config": {"effort": "max"}},
        heard=QUOTED,
        reached={"effort": Each(chat=None, responses="xhigh", messages="xhigh")},
        dropped={"chat": "thinking", "responses": "thinking=max", "messages": "output_config.effort=max"},
    ),
    "effort and thinking": Case(
        {"output_config": {"effort": "low"}, "thinking": {"type": "enabled", "budget_tokens": 2000}},
        heard=QUOTED,
        reached={"effort": Each(chat=None, responses="low", messages="low")},
        sent={"messages": {"thinking": {"type": "enabled", "budget_tokens": 2000}}},
        dropped={"chat": "thinking"},
    ),
    "a schema": Case(
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        heard={"text": '"step":{"text":'},
        reached={"schema": Each(chat=SCHEMA, responses=SCHEMA)},
        sent={"messages": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}},
    ),
    "a schema, as the beta had it": Case(
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
        heard={"text": '"step":{"text":'},
        reached={"schema": Each(chat=SCHEMA, responses=SCHEMA)},
        sent={"messages": {"output_config.format": {"type": "json_schema", "schema": SCHEMA}, "output_format": ABSENT}},
    ),
    "metadata": dropped("metadata", {"user_id": DEVICE}),
    "service_tier": dropped("service_tier", "auto"),
    "speed": dropped("speed", "fast"),
    "inference_geo": dropped("inference_geo", "us"),
    "context_management": dropped("context_management", {"edits": [{"type": "clear_tool_uses_20250919"}]}),
    "a mark for all": dropped("cache_control", {"type": "ephemeral"}),
    "an unknown field": dropped("never_heard_of", {"a": 1}),
    "nulls": Case(
        dict.fromkeys(
            (
                *("system", "temperature", "top_p", "top_k", "stop_sequences", "metadata", "thinking", "tools"),
                *("tool_choice", "service_tier", "context_management", "output_config", "container", "mcp_servers"),
            )
        ),
        heard=QUOTED,
    ),
}  # fmt: skip
MANAGED = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
WITH_BETA: dict[str, Case] = {
    "context_management": Case(
        {"context_management": MANAGED},
        heard=QUOTED,
        sent={"messages": {"context_management": MANAGED}, "any": {"context_management": ABSENT}},
        dropped={"hub": "context_management"},
    ),
}


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_field_is_heeded_or_named(house: House, column: str) -> None:
    assert await failures(house, MESSAGES, column, FIELDS) == {}


@pytest.mark.parametrize("column", COLUMNS)
async def test_what_a_beta_allows_arrives_where_the_beta_does(house: House, column: str) -> None:
    headers = {"anthropic-beta": "context-management-2025-06-27"}

    assert await failures(house, MESSAGES, column, WITH_BETA, **headers) == {}


@pytest.mark.parametrize(
    ("column", "stream", "most"),
    [
        ("chat", False, 16384),
        ("chat", True, 16384),
        ("responses", False, 128000),
        ("responses", True, 128000),
        ("messages", False, 16000),
        ("messages", True, 64000),
    ],
)
async def test_more_tokens_than_the_model_gives_become_what_it_gives_and_that_is_told(
    house: House, column: str, stream: bool, most: int
) -> None:
    await check(house, MESSAGES, column, limit(1_000_000, any=most), streams=[stream])


BUDGETS: dict[str, tuple[Any, int, str]] = {
    "a budget": ({"type": "enabled", "budget_tokens": 2048}, 2048, ""),
    "opencode's": ({"type": "enabled", "budget_tokens": -1}, 8000, ""),
    "too little": ({"type": "enabled", "budget_tokens": 1}, 1024, "thinking.budget_tokens=1"),
    "more than all tokens": ({"type": "enabled", "budget_tokens": 32000}, 15999, "thinking.budget_tokens=32000"),
    "adaptive": ({"type": "adaptive"}, 8000, ""),
}


async def test_a_claude_of_the_older_kind_thinks_with_a_budget(house: House) -> None:
    older = {"older": Column("claude-sonnet-4.5", "/v1/messages", ("messages",))}
    front = Front(MESSAGES.path, MESSAGES.base, older, MESSAGES.hear, MESSAGES.refused, MESSAGES.headers)
    cases = {
        name: Case(
            {"thinking": thinking, "max_tokens": 16000},
            heard=QUOTED,
            sent={"messages": {"thinking": {"type": "enabled", "budget_tokens": budget}}},
            dropped={"messages": told} if told else {},
        )
        for name, (thinking, budget, told) in BUDGETS.items()
    }

    assert await failures(house, front, "older", cases) == {}


# Claude Code, first turn and after a tool


CLAUDE_CODE: dict[str, Any] = {
    "max_tokens": 64000,
    "stream": True,
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.a9c; cc_entrypoint=sdk-cli;"},
        {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ],
    "metadata": {"user_id": DEVICE},
    "thinking": {"type": "adaptive", "display": "omitted"},
    "output_config": {"effort": "high"},
    "context_management": MANAGED,
    "tools": [
        {
            "name": "get_weather",
            "description": "Of a city",
            "input_schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "additionalProperties": False,
            },
            "eager_input_streaming": True,
        },
        {"name": "later", "input_schema": {"type": "object", "properties": {}}, "defer_loading": True},
    ],
}
CODE_HEADERS = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,context-management-2025-06-27,advanced-tool-use-2025-11-20,never-heard-of",
    "x-app": "cli",
}
TODAY = {"role": "system", "content": "The date is 2026-11-22."}
FIRST = {
    "role": "user",
    "content": [
        {"type": "text", "text": "<system-reminder>x</system-reminder>"},
        {"type": "text", "text": "weather in Rome", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ],
}


@pytest.mark.parametrize("column", COLUMNS)
async def test_claude_code_gets_its_call_and_then_its_answer_on_every_model(house: House, column: str) -> None:
    async def ask(messages: list[Any]) -> Any:
        body = MESSAGES.body(column, **{**CLAUDE_CODE, "messages": messages})
        answer = await house.http.post(f"{MESSAGES.path}?beta=true", json=body, headers=CODE_HEADERS)
        assert answer.status_code == 200, answer.text
        told = answer.headers["x-passenger-dropped"].split(", ")
        assert {"system.x-anthropic-billing-header", "metadata", "tools.eager_input_streaming"} <= set(told)
        return MESSAGES.hear(answer, stream=True)

    first = await ask([TODAY, FIRST])
    assert first.calls == [ROME]
    assert reached(house).system[0] == "You are Claude Code."
    assert b"billing-header" not in reached(house).seen.body
    call = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Rome"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "18C", "is_error": False}
    second = await ask(
        [
            TODAY,
            FIRST,
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [{**result, "cache_control": {"type": "ephemeral"}}]},
        ]
    )
    assert (second.text, second.finish) == ("The tool get_weather answered: 18C", "stop")
    assert reached(house).seen.headers["x-initiator"] == "agent"
    assert reached(house).results == [("toolu_1", "18C")]
