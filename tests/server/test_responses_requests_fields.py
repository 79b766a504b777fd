"""The knobs of a Responses request as real clients were recorded to turn them, on each of Copilot's endpoints."""

import json
from typing import Any

import pytest
from house import House
from server.client_shapes import ABSENT, Case, Each
from server.front_shapes import COLUMNS, RESPONSES, check, failures
from server.test_client_requests_fields import SCHEMA, THIRTY

LONG = f"[[reply:{THIRTY}]]"
CUT = {"text": "word19", "finish": "length"}
QUOTED = {"text": '"Hi"'}


def passes_or_is_dropped(name: str, value: object, **where: object) -> Case:
    """What OpenAI's own dialect carries to its endpoint, and no other; nobody misses it."""
    return Case(
        {name: value},
        heard=QUOTED,
        sent={"responses": {name: value}, "any": {name: ABSENT}},
        dropped={"hub": name, **where},  # type: ignore[dict-item] # names
    )


def dropped(name: str, value: object) -> Case:
    """What Copilot has no place for anywhere, and nobody misses."""
    return Case({name: value}, heard=QUOTED, sent={"any": {name: ABSENT}}, dropped={"any": name})


def effort(word: str, *, responses: str, messages: str) -> Case:
    """An effort; ``responses`` and ``messages`` are what those models take, and gpt-4.1 takes none."""
    told = {"responses": responses, "messages": messages}
    return Case(
        {"reasoning": {"effort": word}},
        heard=QUOTED,
        reached={"effort": Each(chat=None, **told)},
        dropped={
            "chat": "reasoning.effort",
            **{name: f"reasoning.effort={word}" for name, got in told.items() if got != word},
        },
    )


def limit(asked: int, *, heard: dict[str, Any] | None = None, **got: int) -> Case:
    """``got`` is what reaches a column where it is not what was asked for; the difference is told."""
    return Case(
        {"input": LONG, "max_output_tokens": asked},
        heard=heard or {"text": "word29"},
        reached={"limit": Each({"any": asked, **got})},
        dropped=dict.fromkeys(got, f"max_output_tokens={asked}"),
    )


def form(**members: Any) -> dict[str, Any]:
    return {"text": {"format": members}}


PLAN = form(type="json_schema", name="plan", strict=True, schema=SCHEMA, description="A plan")
FIELDS: dict[str, Case] = {
    "max_output_tokens": limit(20, heard=CUT),
    "max_output_tokens 1": limit(1, heard={"text": "word0", "finish": "length"}, responses=16),
    "max_output_tokens enough": limit(4096),
    "reasoning none": Case(
        {"reasoning": {"effort": "none"}},
        heard=QUOTED,
        reached={"effort": Each(chat=None, responses="low", messages=None)},
        dropped={"responses": "reasoning.effort=none"},  # what does not think anyway is not told to
    ),
    "reasoning minimal": effort("minimal", responses="low", messages="low"),
    "reasoning low": effort("low", responses="low", messages="low"),
    "reasoning medium": effort("medium", responses="medium", messages="medium"),
    "reasoning xhigh": effort("xhigh", responses="xhigh", messages="xhigh"),
    "reasoning, a summary alone": Case(
        {"reasoning": {"summary": "auto"}},
        heard=QUOTED,
        reached={"effort": None},
        sent={"responses": {"reasoning": {"summary": "auto"}}},
    ),
    "reasoning, nulls": Case({"reasoning": {"effort": None, "summary": None}}, heard=QUOTED, reached={"effort": None}),
    "reasoning, a context": Case(
        {"reasoning": {"effort": "high", "context": "all_turns"}},
        heard=QUOTED,
        sent={"responses": {"reasoning.context": "all_turns"}},
        dropped={"chat": "reasoning.context, reasoning.effort", "messages": "reasoning.context"},
    ),
    "verbosity": Case(
        {"text": {"verbosity": "low"}},
        heard=QUOTED,
        sent={"chat": {"verbosity": "low"}, "responses": {"text.verbosity": "low"}},
        dropped={"messages": "text.verbosity"},
    ),
    "plain text": Case(form(type="text"), heard=QUOTED),
    "a JSON object": Case(
        form(type="json_object"),
        heard={"text": '{"answer":'},
        reached={"form": "json_object"},
        refused={"messages": "text.format"},
    ),
    "a schema": Case(
        PLAN,
        heard={"text": '"step":{"text":'},
        reached={"form": "json_schema", "schema": SCHEMA},
        sent={"responses": {"text": PLAN["text"]}, "chat": {"response_format.json_schema.strict": True}},
        dropped={"messages": "text.format.json_schema.description"},
    ),
    "a form that is none": Case(form(type="xml"), refused={"hub": "text.format.type"}, heard=QUOTED),
    "include nothing": Case({"include": []}, heard=QUOTED),
    "include encrypted reasoning": Case({"include": ["reasoning.encrypted_content"]}, heard=QUOTED),
    "include what a search has found": Case(
        {"include": ["web_search_call.action.sources", "reasoning.encrypted_content"]},
        heard=QUOTED,
        dropped={"hub": "include=web_search_call.action.sources"},
    ),
    "truncation disabled": Case({"truncation": "disabled"}, heard=QUOTED),
    "truncation auto": Case(
        {"truncation": "auto"}, heard=QUOTED, sent={"responses": {"truncation": "auto"}},
        dropped={"hub": "truncation=auto"},
    ),
    "temperature": Case(
        {"temperature": 0.2}, heard=QUOTED, sent={"any": {"temperature": 0.2}}
    ),
    "temperature and top_p": Case(
        {"temperature": 0.2, "top_p": 0.9},
        heard=QUOTED,
        sent={"any": {"temperature": 0.2}, "messages": {"temperature": 0.2, "top_p": ABSENT}},
        dropped={"messages": "top_p"},
    ),
    "prompt_cache_key": passes_or_is_dropped("prompt_cache_key", "k"),
    "prompt_cache_retention": dropped("prompt_cache_retention", "24h"),
    "metadata": dropped("metadata", {"a": "b"}),
    "client_metadata": dropped("client_metadata", {"x-codex-turn-metadata": "{}"}),
    "service_tier": dropped("service_tier", "auto"),
    "safety_identifier": dropped("safety_identifier", "ann"),
    "stream_options": dropped("stream_options", {"include_obfuscation": False}),
    "user": Case({"user": "ann"}, heard=QUOTED, sent={"chat": {"user": "ann"}},
                 dropped={"responses": "user", "messages": "user"}),
    "max_tool_calls": passes_or_is_dropped("max_tool_calls", 3),
    "top_logprobs": passes_or_is_dropped("top_logprobs", 2),
    "context_management": passes_or_is_dropped("context_management", [{"type": "compaction"}]),
    "an unknown field": passes_or_is_dropped("never_heard_of", {"a": [1.5]}),
}  # fmt: skip
REQUESTS: dict[str, Case] = {
    "llamaindex, with its nulls": Case(
        {
            "input": [{"role": "user", "content": "Hi"}],
            **dict.fromkeys(
                (
                    *("include", "instructions", "max_output_tokens", "metadata", "previous_response_id", "store"),
                    *("temperature", "top_p", "truncation", "user", "tools", "tool_choice", "reasoning", "text"),
                    *("parallel_tool_calls", "service_tier", "background", "prompt", "conversation", "max_tool_calls"),
                )
            ),
        },
        heard=QUOTED,
        reached={"tools": {}, "choice": None, "limit": Each(chat=None, responses=None), "effort": None},
        sent={"responses": {"store": False, "temperature": ABSENT, "user": ABSENT, "truncation": ABSENT}},
    ),
    "openai-agents": Case(
        {
            "input": [{"role": "user", "content": "Hi"}],
            "instructions": "You help.",
            "include": [],
            "tools": [],
            "store": None,
        },
        heard=QUOTED,
        reached={"system": ["You help."]},
    ),
    "cline": Case(
        {
            "instructions": "You are Cline.",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
            "tools": [{"type": "web_search"}, {"type": "image_generation"}],
            "include": ["reasoning.encrypted_content", "web_search_call.action.sources"],
            "truncation": "auto",
            "reasoning": {"effort": "medium", "summary": "auto"},
            "store": False,
        },
        heard=QUOTED,
        reached={"system": ["You are Cline."], "tools": {}},
        dropped={
            "chat": "tools.web_search, tools.image_generation, include=web_search_call.action.sources, "
            "truncation=auto, reasoning.effort",
            "responses": "tools.web_search, tools.image_generation",
            "messages": "tools.web_search, tools.image_generation, include=web_search_call.action.sources, "
            "truncation=auto",
        },
    ),
}


def table_for(column: str, table: dict[str, Case]) -> dict[str, Case]:
    """Those that have something to say on this column: what only the hub refuses is Copilot's to judge."""
    return {name: case for name, case in table.items() if column != "responses" or "hub" not in case.refused}


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_field_is_heeded_or_named(house: House, column: str) -> None:
    assert await failures(house, RESPONSES, column, table_for(column, FIELDS)) == {}


@pytest.mark.parametrize("column", COLUMNS)
async def test_whole_requests_of_real_clients_are_served(house: House, column: str) -> None:
    assert await failures(house, RESPONSES, column, REQUESTS) == {}


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
    await check(house, RESPONSES, column, limit(1_000_000, any=most), streams=[stream])


@pytest.mark.parametrize("column", ["chat", "responses"])
async def test_a_schema_is_answered_with_what_satisfies_it(house: House, column: str) -> None:
    answer = await house.http.post(RESPONSES.path, json=RESPONSES.body(column, **PLAN, input="Plan"))

    found = json.loads(RESPONSES.hear(answer, stream=False).text)
    assert found.keys() == {"step", "mood"}
    assert isinstance(found["step"]["text"], str)


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_client_that_asks_for_a_summary_hears_what_the_model_thought(house: House, column: str) -> None:
    asked = RESPONSES.body(column, reasoning={"effort": "high", "summary": "auto"})
    for stream in (False, True):
        answer = await house.http.post(RESPONSES.path, json={**asked, "stream": stream})

        assert bool(RESPONSES.hear(answer, stream=stream).reasoning) == (column != "chat"), "gpt-4.1 does not think"
