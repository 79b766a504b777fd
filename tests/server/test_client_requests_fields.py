"""The knobs of a request as real clients were recorded to turn them, on a model of each of Copilot's endpoints."""

import json
from typing import Any

import pytest
from house import House
from server.client_shapes import ABSENT, ALL, COLUMNS, Case, Each, check, user

THIRTY = " ".join(f"word{number}" for number in range(30))
LONG = user(f"[[reply:{THIRTY}]]")
CUT = {"text": "word19", "finish": "length"}
SCHEMA = {
    "type": "object",
    "$defs": {"Step": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"],
                       "additionalProperties": False}},
    "properties": {"step": {"$ref": "#/$defs/Step"}, "mood": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
    "required": ["step", "mood"],
    "additionalProperties": False,
}  # fmt: skip


def kept_or_dropped(name: str, value: object) -> Case:
    """What OpenAI offers, and Copilot's two other endpoints have no word for, but nobody misses."""
    return Case(
        {name: value}, heard={"text": '"Hi"'}, sent={"chat": {name: value}, "any": {name: ABSENT}},
        dropped=Each(responses=name, messages=name),
    )  # fmt: skip


def dropped(name: str, value: object) -> Case:
    """What Copilot refuses on each endpoint, and nobody misses."""
    return Case({name: value}, heard={"text": '"Hi"'}, sent={"chat": {name: ABSENT}}, dropped={"any": name})


def chat_alone(name: str, value: object, **more: object) -> Case:
    """What only one endpoint can say, and a client would miss."""
    fields = {name: value, **more}
    return Case(fields, sent={"chat": fields}, refused={"responses": name, "messages": name})


def harmless(name: str, value: object) -> Case:
    """What asks for that which happens anyway."""
    return Case({name: value}, heard={"text": '"Hi"'}, sent={"chat": {name: value}, "any": {name: ABSENT}})


def absent(*names: str) -> Case:
    """An explicit null is no wish."""
    return Case(
        dict.fromkeys(names), heard={"text": '"Hi"'}, sent={"chat": dict.fromkeys(names, ABSENT)},
        reached={"stop": None, "form": None, "effort": None, "tools": {}},
    )  # fmt: skip


def effort(word: str, *, responses: str, messages: str) -> Case:
    """An effort; ``responses`` and ``messages`` are what those models take, and gpt-4.1 takes none."""
    return Case(
        {"reasoning_effort": word},
        heard={"text": '"Hi"'},
        reached={"effort": Each(chat=None, responses=responses, messages=messages)},
        dropped={
            "chat": "reasoning_effort",
            **{
                name: f"reasoning_effort={word}"
                for name, got in (("responses", responses), ("messages", messages))
                if got != word
            },
        },
    )


def budgeted(word: str, tokens: int) -> Case:
    """An effort for a model that thinks by a budget, of so many tokens where the answer may have 16000."""
    return Case(
        {"reasoning_effort": word, "max_tokens": 16_000},
        heard={"text": '"Hi"'},
        sent={"any": {"thinking_budget": tokens, "reasoning_effort": ABSENT}},
    )


def limit(name: str, asked: int, *, heard: dict[str, Any] | None = None, **got: int) -> Case:
    """``got`` is what reaches a column where it is not what was asked for; the difference is told."""
    return Case(
        {"messages": LONG, name: asked},
        heard=heard or {"text": "word29"},
        reached={"limit": Each({"any": asked, **got})},
        sent={"chat": {"max_completion_tokens": ABSENT}},
        dropped=dict.fromkeys(got, f"{name}={asked}"),
    )


FIELDS: dict[str, Case] = {
    "max_tokens": limit("max_tokens", 20, heard=CUT),
    "max_completion_tokens": limit("max_completion_tokens", 20, heard=CUT),
    "max_tokens 1": limit("max_tokens", 1, heard={"text": "word0", "finish": "length"}, responses=16),
    "max_tokens enough": limit("max_tokens", 4096),
    "max_completion_tokens enough": limit("max_completion_tokens", 4096),
    "reasoning_effort minimal": effort("minimal", responses="low", messages="low"),
    "reasoning_effort low": effort("low", responses="low", messages="low"),
    "reasoning_effort medium": effort("medium", responses="medium", messages="medium"),
    "reasoning_effort high": effort("high", responses="high", messages="high"),
    "verbosity": Case(
        {"verbosity": "low"},
        sent={"chat": {"verbosity": "low"}, "responses": {"text": {"verbosity": "low"}}},
        dropped={"messages": "verbosity"},
    ),
    "store false": dropped("store", False),
    "store true": dropped("store", True),
    "metadata": dropped("metadata", {"a": "b"}),
    "service_tier": dropped("service_tier", "auto"),
    "safety_identifier": dropped("safety_identifier", "ann"),
    "prompt_cache_key": Case(
        {"prompt_cache_key": "k"},
        sent={"responses": {"prompt_cache_key": "k"}, "any": {"prompt_cache_key": ABSENT}},
        dropped={"chat": "prompt_cache_key", "messages": "prompt_cache_key"},
    ),
    "user": kept_or_dropped("user", "ann"),
    "seed": kept_or_dropped("seed", 7),
    "presence_penalty": kept_or_dropped("presence_penalty", 0.5),
    "frequency_penalty": kept_or_dropped("frequency_penalty", 0),
    "an unknown field": kept_or_dropped("enable_thinking", False),
    "n 1": harmless("n", 1),
    "n 2": Case({"n": 2}, sent={"chat": {"n": 2}}, refused={"responses": "n", "messages": "n"}),
    "logit_bias empty": harmless("logit_bias", {}),
    "logit_bias": chat_alone("logit_bias", {"50256": -100}),
    "logprobs false": harmless("logprobs", False),
    "logprobs": chat_alone("logprobs", True, top_logprobs=2),
    "stop": Case(
        {"messages": LONG, "stop": ["word7", "word3"]},
        heard={"text": "word2"},
        reached={"stop": ["word7", "word3"]},
        refused={"responses": "stop"},
    ),
    "stop a string": Case(
        {"messages": LONG, "stop": "word3"},
        heard={"text": "word2"},
        reached={"stop": ["word3"]},
        refused={"responses": "stop"},
    ),
    "stop empty": Case(
        {"messages": LONG, "stop": []}, heard={"text": "word29"}, reached={"stop": Each(messages=None, responses=None)}
    ),
    "temperature": Case(
        {"temperature": 0.2},
        sent={"any": {"temperature": 0.2}, "responses": {"temperature": ABSENT}},
        dropped={"responses": "temperature"},  # a model that thinks
    ),
    "temperature and top_p": Case(
        {"temperature": 0.2, "top_p": 0.9},
        sent={"chat": {"temperature": 0.2, "top_p": 0.9}, "messages": {"temperature": 0.2, "top_p": ABSENT}},
        dropped={"responses": "temperature, top_p", "messages": "top_p"},
    ),
    "nulls of langchain and openai": absent(
        *("temperature", "top_p", "max_tokens", "max_completion_tokens", "n", "stop", "seed", "user", "logprobs"),
        *("logit_bias", "response_format", "presence_penalty", "frequency_penalty", "reasoning_effort", "verbosity"),
        *("stream_options", "tools", "tool_choice", "functions", "function_call", "parallel_tool_calls", "store"),
        *("metadata", "service_tier", "top_logprobs", "prediction", "modalities", "audio", "web_search_options"),
    ),
    "response_format text": Case({"response_format": {"type": "text"}}, heard={"text": '"Hi"'}),
    "response_format json_object": Case(
        {"response_format": {"type": "json_object"}},
        heard={"text": '{"answer":'},
        reached={"form": "json_object"},
        refused={"messages": "response_format"},
    ),
    "response_format json_schema": Case(
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "plan", "strict": True, "schema": SCHEMA, "description": "A plan"},
            }
        },
        heard={"text": '"step":{"text":'},
        reached={"form": "json_schema", "schema": SCHEMA},
        sent={
            "responses": {
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "plan",
                        "strict": True,
                        "schema": SCHEMA,
                        "description": "A plan",
                    }
                }
            }
        },
        dropped={"messages": "response_format.json_schema.description"},
    ),
    "knobs all at once": Case(
        {
            "temperature": 0.5,
            "top_p": 1,
            "seed": 7,
            "n": 1,
            "user": "ann",
            "presence_penalty": 0,
            "frequency_penalty": 0,
            "logit_bias": {},
            "service_tier": "auto",
            "metadata": {"a": "b"},
            "store": False,
            "verbosity": "low",
            "reasoning_effort": "medium",
            "max_completion_tokens": 4096,
            "parallel_tool_calls": True,
        },
        heard={"text": '"Hi"'},
        reached={"limit": 4096, "effort": Each(chat=None, responses="medium", messages="medium")},
        dropped={
            "chat": "service_tier, metadata, store, reasoning_effort",
            "responses": "service_tier, metadata, store, temperature, top_p, seed, user, presence_penalty, "
            "frequency_penalty",
            "messages": "service_tier, metadata, store, temperature, top_p, seed, user, presence_penalty, "
            "frequency_penalty, verbosity",
        },
    ),
}

TOO_MUCH = 1_000_000
FAMILY_FIELDS: dict[tuple[str, str], Case] = {
    ("gpt-4o", "reasoning_effort"): Case(
        {"reasoning_effort": "medium"}, reached={"effort": None}, dropped={"any": "reasoning_effort"}
    ),
    ("claude", "reasoning_effort"): budgeted("medium", 8000),
    ("gemini", "reasoning_effort"): budgeted("low", 128 + 3264),
    ("claude", "reasoning_effort and max_tokens"): Case(
        {"reasoning_effort": "high", "max_tokens": 4096, "temperature": 0.2},
        sent={"any": {"thinking_budget": 2048, "reasoning_effort": ABSENT, "temperature": ABSENT}},
        dropped={"any": "temperature"},
    ),
    ("claude", "reasoning_effort without room"): Case(
        {"messages": LONG, "reasoning_effort": "low", "max_tokens": 20},
        heard=CUT,
        sent={"any": {"thinking_budget": ABSENT, "reasoning_effort": ABSENT}},
        dropped={"any": "reasoning_effort"},
    ),
    ("claude", "reasoning_effort none"): Case(
        {"reasoning_effort": "none"}, sent={"any": {"thinking_budget": ABSENT, "reasoning_effort": ABSENT}}
    ),
    ("o3-mini", "sampling"): Case(
        {"temperature": 0.2, "top_p": 1},
        sent={"any": {"temperature": ABSENT, "top_p": 1}},
        dropped={"any": "temperature"},
    ),
    ("gpt-5-mini", "sampling"): Case(
        {"temperature": 1, "top_p": 0.5}, sent={"any": {"temperature": 1, "top_p": ABSENT}}, dropped={"any": "top_p"}
    ),
    ("gpt-4o", "sampling"): Case({"temperature": 0.2, "top_p": 0.5}, sent={"any": {"temperature": 0.2, "top_p": 0.5}}),
    ("o3-mini", "reasoning_effort"): Case({"reasoning_effort": "high"}, reached={"effort": "high"}),
    ("gpt-5-mini", "reasoning_effort"): Case(
        {"reasoning_effort": "minimal"}, reached={"effort": "low"}, dropped={"any": "reasoning_effort=minimal"}
    ),
    ("gemini-3", "reasoning_effort"): Case(
        {"reasoning_effort": "medium"}, reached={"effort": "low"}, dropped={"any": "reasoning_effort=medium"}
    ),
    ("o3-mini", "max_completion_tokens"): limit("max_completion_tokens", 20, heard=CUT),
    ("claude", "max_completion_tokens"): limit("max_completion_tokens", 20, heard=CUT),
    ("gemini", "max_tokens"): limit("max_tokens", 20, heard=CUT),
    ("claude", "knobs"): Case({"service_tier": "auto", "store": False}, dropped={"any": "service_tier, store"}),
    ("gemini", "knobs"): Case({"metadata": {}, "store": False}, dropped={"any": "metadata, store"}),
    ("claude", "stop"): Case({"messages": LONG, "stop": "word3"}, heard={"text": "word2"}, reached={"stop": ["word3"]}),
}
"""What hangs on the vendor or on the model's entry in the list."""


@pytest.mark.parametrize("case", FIELDS)
@pytest.mark.parametrize("column", COLUMNS)
async def test_a_field_is_heeded_or_named_on_each_endpoint(house: House, column: str, case: str) -> None:
    await check(house, COLUMNS[column], FIELDS[case])


@pytest.mark.parametrize(("column", "case"), FAMILY_FIELDS, ids=" ".join)
async def test_a_field_is_heeded_or_named_as_the_model_demands(house: House, column: str, case: str) -> None:
    await check(house, ALL[column], FAMILY_FIELDS[column, case])


@pytest.mark.parametrize(
    ("column", "stream", "most"),
    [
        ("chat", False, 16384),
        ("chat", True, 16384),
        ("claude", False, 16000),
        ("claude", True, 32000),
        ("responses", False, 128000),
        ("responses", True, 128000),
        ("messages", False, 16000),
        ("messages", True, 64000),
    ],
)
async def test_more_tokens_than_the_model_gives_become_what_it_gives_and_that_is_told(
    house: House, column: str, stream: bool, most: int
) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        await check(house, ALL[column], limit(name, TOO_MUCH, any=most), streams=[stream])


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_schema_is_answered_with_what_satisfies_it(house: House, column: str) -> None:
    request = {"model": COLUMNS[column].model, "messages": user("Plan"), **FIELDS["response_format json_schema"].fields}

    answer = await house.http.post("/v1/chat/completions", json=request)

    found = json.loads(answer.json()["choices"][0]["message"]["content"])
    assert found.keys() == {"step", "mood"}
    assert isinstance(found["step"]["text"], str)
