"""Fields of a request on their way to ``/responses``: what each becomes, what is dropped by name, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import responses as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.chat import Written
from passenger_trio.wire.models import Capabilities, Limits, Model, Supports

SAMPLES = Path(__file__).parents[2] / "samples" / "copilot"
EMPTY = {"type": "object", "properties": {}}
PLAIN = Model(id="plain-model", supported_endpoints=["/responses"])


def thinking(*efforts: str) -> Model:
    return Model(
        id="gpt-5.3-codex",
        supported_endpoints=["/responses"],
        capabilities=Capabilities(
            limits=Limits(max_output_tokens=128_000), supports=Supports(reasoning_effort=list(efforts))
        ),
    )


THINKING = thinking("low", "medium", "high", "xhigh")


def write(model: Model = PLAIN, **fields: Any) -> Written:
    body = {"model": "asked", "messages": [{"role": "user", "content": "x"}], **fields}
    return back.request(to_call(json.dumps(body).encode()), model)


def sent(model: Model = PLAIN, **fields: Any) -> dict[str, Any]:
    return json.loads(write(model, **fields).body)


def refused(**fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        write(**fields)
    assert caught.value.message
    return caught.value


def test_the_least_request_is_the_conversation_and_what_is_always_said() -> None:
    written = write()

    assert json.loads(written.body) == {
        "model": "plain-model",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}],
        "stream": False,
        "store": False,
        "truncation": "disabled",
        "include": ["reasoning.encrypted_content"],
    }
    assert written.dropped == ()
    assert written.headers == ()


def test_what_the_official_client_says_in_chat_becomes_what_it_says_here() -> None:
    official = json.loads((SAMPLES / "request_responses_official.json").read_bytes())
    tool = official["tools"][0]
    hub = {
        "model": "asked",
        "messages": [{"role": item["role"], "content": item["content"][0]["text"]} for item in official["input"]],
        "stream": True,
        "reasoning_effort": "medium",
        "max_tokens": 128_000,
        "tools": [{"type": "function", "function": {key: tool[key] for key in ("name", "description", "parameters")}}],
    }

    written = json.loads(back.request(to_call(json.dumps(hub).encode()), THINKING).body)

    official["input"] = [{"type": "message", **item} for item in official["input"]]
    official["reasoning"]["summary"] = "auto"
    assert written == official


# What a request may have


OPENAI_FIELDS = {
    *("audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens"),
    *("max_tokens", "messages", "metadata", "modalities", "model", "moderation", "n", "parallel_tool_calls"),
    *("prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
    *("reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream"),
    *("stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity"),
    "web_search_options",
}
"""The fields of ``POST /chat/completions`` (openai 3.54, ``CompletionCreateParams``)."""


def test_every_field_of_openais_chat_request_is_said_dropped_or_refused_and_only_one_of_them() -> None:
    assert set(back.FIELDS) | set(back.DROPPED_FIELDS) | set(back.REFUSED_FIELDS) == OPENAI_FIELDS
    assert len(back.FIELDS) + len(back.DROPPED_FIELDS) + len(back.REFUSED_FIELDS) == len(OPENAI_FIELDS)
    assert all({**back.DROPPED_FIELDS, **back.REFUSED_FIELDS}.values())


@pytest.mark.parametrize("name", [*sorted(back.DROPPED_FIELDS), "snippy"])
def test_a_field_without_a_place_is_left_out_and_named(name: str) -> None:
    written = write(**{name: {"some": "value"}})

    assert written.dropped == (name,)
    assert written.body == write().body


ASKING_FOR_MORE = [
    ("stop", ["END"]),
    ("stop", "END"),
    ("n", 2),
    ("logprobs", True),
    ("logit_bias", {"1": -100}),
    ("audio", {"voice": "ash", "format": "wav"}),
    ("modalities", ["text", "audio"]),
    ("web_search_options", {}),
    ("moderation", {"model": "omni"}),
]


@pytest.mark.parametrize("name, value", ASKING_FOR_MORE)
def test_a_field_that_would_be_missed_is_refused_by_name_and_with_a_remedy(name: str, value: Any) -> None:
    error = refused(**{name: value})

    assert (error.status, error.param, error.code) == (400, name, "unsupported_parameter")
    assert f"`{name}`" in error.message
    assert "`plain-model`" in error.message
    assert "/responses" in error.message
    assert back.REFUSED_FIELDS[name] in error.message


def test_every_refused_field_is_seen_refused_here() -> None:
    assert {name for name, _ in ASKING_FOR_MORE} == set(back.REFUSED_FIELDS)


@pytest.mark.parametrize(
    "name, value",
    [
        ("stop", []),
        ("stop", ""),
        ("n", 1),
        ("logprobs", False),
        ("logit_bias", {}),
        ("modalities", ["text"]),
        ("stream_options", {"include_usage": True}),
    ],
)
def test_a_field_that_asks_for_what_happens_anyway_changes_nothing(name: str, value: Any) -> None:
    assert write(**{name: value}) == write()


def test_an_explicit_null_is_the_same_as_nothing() -> None:
    nulls = dict.fromkeys((OPENAI_FIELDS | {"unheard_of"}) - {"model", "messages"})

    assert write(**nulls) == write()


@pytest.mark.parametrize("name, value", [("parallel_tool_calls", False), ("prompt_cache_key", "key")])
def test_a_field_that_both_dialects_have_passes(name: str, value: Any) -> None:
    assert write(**{name: value}).dropped == ()
    assert sent(**{name: value})[name] == value


# How much, how freely, how hard


@pytest.mark.parametrize(
    "fields, limit, dropped",
    [
        ({"max_tokens": 100}, 100, ()),
        ({"max_completion_tokens": 200}, 200, ()),
        ({"max_completion_tokens": 200, "max_tokens": 100}, 200, ()),
        ({"max_tokens": 128_000}, 128_000, ()),
        ({"max_tokens": 128_001}, 128_000, ("max_tokens=128001",)),
        ({"max_completion_tokens": 128_001}, 128_000, ("max_completion_tokens=128001",)),
        ({"max_tokens": 16}, 16, ()),
    ],
)
def test_the_limit_of_tokens_is_what_was_asked_and_the_model_has(
    fields: dict[str, int], limit: int, dropped: tuple[str, ...]
) -> None:
    assert sent(THINKING, **fields)["max_output_tokens"] == limit
    assert write(THINKING, **fields).dropped == dropped


def test_a_model_without_a_known_limit_is_asked_for_any() -> None:
    assert sent(max_tokens=10**6)["max_output_tokens"] == 10**6


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_below_what_the_endpoint_takes_is_raised_and_named(name: str) -> None:
    written = write(**{name: 1})

    assert json.loads(written.body)["max_output_tokens"] == 16
    assert written.dropped == (f"{name}=1",)


@pytest.mark.parametrize("value", [0, -1, "100", 1.5, True])
def test_a_limit_that_is_no_positive_number_is_refused(value: Any) -> None:
    assert refused(max_tokens=value).param == "max_tokens"


def test_a_model_that_does_not_reason_is_told_how_freely_to_choose_and_not_how_hard_to_think() -> None:
    written = write(temperature=0.5, top_p=1, reasoning_effort="high")

    body = json.loads(written.body)
    assert (body["temperature"], body["top_p"]) == (0.5, 1)
    assert "reasoning" not in body
    assert written.dropped == ("reasoning_effort",)


def test_a_model_that_reasons_is_told_how_hard_to_think_and_not_how_freely_to_choose() -> None:
    written = write(THINKING, temperature=0.5, top_p=1, reasoning_effort="high")

    body = json.loads(written.body)
    assert body["reasoning"] == {"effort": "high", "summary": "auto"}
    assert "temperature" not in body
    assert "top_p" not in body
    assert written.dropped == ("temperature", "top_p")


def test_a_model_that_reasons_sums_up_even_when_nobody_said_how_hard_to_think() -> None:
    assert sent(THINKING)["reasoning"] == {"summary": "auto"}


@pytest.mark.parametrize(
    "allowed, asked, said",
    [
        (["low", "medium", "high"], "xhigh", "high"),
        (["low", "medium", "high"], "max", "high"),
        (["low", "medium", "high"], "none", "low"),
        (["low", "medium", "high"], "minimal", "low"),
        (["low", "high"], "medium", "low"),
        (["high", "low"], "medium", "low"),
        (["none", "xhigh"], "high", "xhigh"),
    ],
)
def test_an_effort_that_the_model_does_not_have_becomes_the_nearest_and_is_named(
    allowed: list[str], asked: str, said: str
) -> None:
    written = write(thinking(*allowed), reasoning_effort=asked)

    assert json.loads(written.body)["reasoning"]["effort"] == said
    assert written.dropped == (f"reasoning_effort={asked}",)


@pytest.mark.parametrize("allowed, asked", [(["low"], "turbo"), (["turbo"], "low"), (["turbo"], "turbo")])
def test_an_effort_without_a_rank_passes_for_copilot_to_judge(allowed: list[str], asked: str) -> None:
    written = write(thinking(*allowed), reasoning_effort=asked)

    assert json.loads(written.body)["reasoning"]["effort"] == asked
    assert written.dropped == ()


def test_an_effort_that_is_no_word_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        write(THINKING, reasoning_effort=3)

    assert caught.value.param == "reasoning_effort"


# The form of the answer


@pytest.mark.parametrize(
    "form, flat",
    [
        ({"type": "text"}, {"type": "text"}),
        ({"type": "json_object"}, {"type": "json_object"}),
        ({"type": "text", "json_schema": None}, {"type": "text", "json_schema": None}),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "a", "description": None, "schema": {"$defs": {}}, "strict": True},
            },
            {"type": "json_schema", "name": "a", "schema": {"$defs": {}}, "strict": True},
        ),
    ],
)
def test_the_form_of_the_answer_lies_flat_under_text(form: Any, flat: Any) -> None:
    assert sent(response_format=form)["text"] == {"format": flat}


def test_verbosity_stands_beside_the_form() -> None:
    body = sent(response_format={"type": "json_object"}, verbosity="low")

    assert body["text"] == {"format": {"type": "json_object"}, "verbosity": "low"}
    assert "response_format" not in body
    assert "verbosity" not in body


# Tools


@pytest.mark.parametrize(
    "tool, flat",
    [
        (
            {"type": "function", "function": {"name": "f"}},
            {"type": "function", "name": "f", "strict": False, "parameters": EMPTY},
        ),
        (
            {
                "type": "function",
                "name": "twice",
                "function": {"name": "f", "description": "d", "parameters": {"$ref": "#"}, "strict": True, "x": 1},
            },
            {"type": "function", "name": "f", "description": "d", "strict": True, "parameters": {"$ref": "#"}},
        ),
        (
            {"function": {"name": "f", "description": None, "parameters": {}, "strict": None}},
            {"type": "function", "name": "f", "strict": False, "parameters": EMPTY},
        ),
        ({"type": "custom", "function": None, "custom": {"name": "c"}}, {"type": "custom", "name": "c"}),
        (
            {"type": "custom", "custom": {"name": "c", "description": "d", "format": {"type": "text"}}},
            {"type": "custom", "name": "c", "description": "d", "format": {"type": "text"}},
        ),
        (
            {
                "type": "custom",
                "custom": {
                    "name": "c",
                    "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: X"}},
                },
            },
            {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"}},
        ),
    ],
)
def test_a_tool_lies_flat(tool: Any, flat: Any) -> None:
    assert sent(tools=[tool])["tools"] == [flat]


def test_the_older_functions_are_tools_too() -> None:
    new, old = {"type": "function", "function": {"name": "new"}}, {"name": "old", "parameters": {"properties": {}}}

    body = sent(tools=[new], functions=[old], function_call={"name": "old"})

    assert [tool["name"] for tool in body["tools"]] == ["new", "old"]
    assert body["tools"][1] == {"type": "function", "name": "old", "strict": False, "parameters": {"properties": {}}}
    assert body["tool_choice"] == {"type": "function", "name": "old"}
    assert body.keys().isdisjoint({"functions", "function_call", "parallel_tool_calls"})


@pytest.mark.parametrize("fields", [{}, {"tools": None}, {"tools": []}, {"parallel_tool_calls": True}])
def test_a_client_of_functions_is_called_back_once_at_a_time(fields: dict[str, Any]) -> None:
    assert sent(functions=[{"name": "f"}], **fields)["parallel_tool_calls"] is False


TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    "choice, flat",
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "f"}),
        ({"type": "custom", "custom": {"name": "c"}}, {"type": "custom", "name": "c"}),
        ({"type": "function", "name": "f"}, {"type": "function", "name": "f"}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [
                        {"type": "function", "function": {"name": "f"}},
                        {"type": "custom", "custom": {"name": "c"}},
                    ],
                },
            },
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}],
            },
        ),
    ],
)
def test_a_choice_among_tools_lies_flat(choice: Any, flat: Any) -> None:
    assert sent(tools=[TOOL], tool_choice=choice)["tool_choice"] == flat


@pytest.mark.parametrize("choice, flat", [("auto", "auto"), ({"name": "f"}, {"type": "function", "name": "f"})])
def test_the_older_choice_counts_where_there_is_no_newer(choice: Any, flat: Any) -> None:
    assert sent(functions=[{"name": "f"}], function_call=choice)["tool_choice"] == flat
    assert sent(functions=[{"name": "f"}], function_call=choice, tool_choice="none")["tool_choice"] == "none"


@pytest.mark.parametrize("tools", [{}, {"tools": []}, {"tools": None}, {"functions": []}])
def test_without_tools_there_is_neither_a_list_nor_a_choice(tools: dict[str, Any]) -> None:
    assert write(**tools, tool_choice="auto", function_call="none") == write()


@pytest.mark.parametrize(
    "fields, param",
    [
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [TOOL, {"function": 1}]}, "tools[1].function"),
        ({"tools": [{"custom": []}]}, "tools[0].custom"),
        ({"tools": [{"custom": {"format": 1}}]}, "tools[0].custom.format"),
        ({"tools": [{"custom": {"format": {"grammar": 1}}}]}, "tools[0].custom.format.grammar"),
        ({"functions": "f"}, "functions"),
        ({"functions": ["f"]}, "functions[0]"),
        ({"tools": [TOOL], "tool_choice": 1}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "magic"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "x", "allowed_tools": {"mode": "auto", "tools": []}}},
            "tool_choice",
        ),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tools": [TOOL], "function_call": {}}, "function_call"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"json_schema": 1}}, "response_format.json_schema"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages[0].content[0].text"),
    ],
)
def test_a_field_of_the_wrong_shape_is_refused_by_its_path(fields: dict[str, Any], param: str) -> None:
    error = refused(**fields)

    assert error.param == param
    assert f"`{param}`" in error.message
