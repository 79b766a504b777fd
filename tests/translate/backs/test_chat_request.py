"""What Copilot refuses on /chat/completions, and what becomes of it."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import chat as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.chat import Written
from passenger_trio.wire.models import Capabilities, Limits, Model, Supports


def model(*, supports: Supports | None = None, **limits: Any) -> Model:
    return Model(id="m", capabilities=Capabilities(supports=supports, limits=Limits(**limits)))


def write(fields: dict[str, Any], to: Model | None = None) -> Written:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return back.request(to_call(json.dumps(body).encode()), to or Model(id="m"))


def sent(fields: dict[str, Any], to: Model | None = None) -> dict[str, Any]:
    return json.loads(write(fields, to).body)


@pytest.mark.parametrize("field", back.DROPPED_FIELDS)
def test_what_copilot_refuses_and_nobody_misses_is_left_out_and_named(field: str) -> None:
    written = write({field: "x", "seed": 7})

    assert json.loads(written.body).keys() == {"model", "messages", "seed"}
    assert written.dropped == (field,)


@pytest.mark.parametrize("field", back.REFUSED_FIELDS)
def test_what_copilot_refuses_and_a_client_would_miss_is_a_400_that_names_it(field: str) -> None:
    with pytest.raises(BadRequest, match=field) as refused:
        write({field: {}})
    assert refused.value.param == field


@pytest.mark.parametrize(
    ("fields", "limits", "expected", "dropped"),
    [
        ({"max_tokens": 5}, {}, 5, None),
        ({"max_completion_tokens": 5}, {}, 5, None),
        ({"max_completion_tokens": 5, "max_tokens": 9}, {}, 5, None),
        ({"max_tokens": 99}, {"max_output_tokens": 50}, 50, "max_tokens=99"),
        ({"max_completion_tokens": 99}, {"max_output_tokens": 50}, 50, "max_completion_tokens=99"),
        ({"max_tokens": 50}, {"max_output_tokens": 50}, 50, None),
        ({"max_tokens": 99}, {"max_output_tokens": 50, "max_non_streaming_output_tokens": 20}, 20, "max_tokens=99"),
        (
            {"max_tokens": 99, "stream": True},
            {"max_output_tokens": 50, "max_non_streaming_output_tokens": 20},
            50,
            "max_tokens=99",
        ),
        ({"max_tokens": "many"}, {"max_output_tokens": 50}, "many", None),
    ],
)
def test_the_answer_may_be_as_long_as_asked_for_and_the_model_allows(
    fields: dict[str, Any], limits: dict[str, int], expected: object, dropped: str | None
) -> None:
    written = write(fields, model(**limits))

    body = json.loads(written.body)
    assert body["max_tokens"] == expected
    assert "max_completion_tokens" not in body
    assert written.dropped == (() if dropped is None else (dropped,))


def test_a_limit_that_nobody_asked_for_is_not_sent() -> None:
    assert "max_tokens" not in sent({}, model(max_output_tokens=50))


@pytest.mark.parametrize(
    ("supports", "asked", "expected", "dropped"),
    [
        (None, "high", "high", ()),
        (Supports(), "high", None, ("reasoning_effort",)),
        (Supports(reasoning_effort=["low", "medium"]), "low", "low", ()),
        (Supports(reasoning_effort=["low", "medium"]), "minimal", "low", ("reasoning_effort=minimal",)),
        (Supports(reasoning_effort=["low", "medium"]), "xhigh", "medium", ("reasoning_effort=xhigh",)),
        (Supports(reasoning_effort=["low", "medium"]), "odd", "odd", ()),
        (Supports(reasoning_effort=["odd"]), "low", "low", ()),
        (Supports(reasoning_effort=["low"]), 7, 7, ()),
    ],
)
def test_an_effort_is_one_that_the_model_lists(
    supports: Supports | None, asked: object, expected: object, dropped: tuple[str, ...]
) -> None:
    written = write({"reasoning_effort": asked}, model(supports=supports))

    assert json.loads(written.body).get("reasoning_effort") == expected
    assert written.dropped == dropped


BUDGET = Supports(min_thinking_budget=1000, max_thinking_budget=11_000)


@pytest.mark.parametrize(
    ("asked", "fields", "limits", "budget", "dropped"),
    [
        ("low", {}, {}, 2000, ()),
        ("medium", {}, {}, 5000, ()),
        ("high", {}, {}, 11_000, ()),
        ("minimal", {}, {}, 2000, ("reasoning_effort=minimal",)),
        ("xhigh", {}, {}, 11_000, ("reasoning_effort=xhigh",)),
        ("none", {}, {}, None, ()),
        ("odd", {}, {}, None, ("reasoning_effort",)),
        (7, {}, {}, None, ("reasoning_effort",)),
        ("high", {"max_tokens": 8000}, {}, 4000, ()),
        ("high", {"max_completion_tokens": 8000}, {}, 4000, ()),
        ("high", {"max_tokens": 1001}, {}, 1000, ()),
        ("high", {"max_tokens": 1000}, {}, None, ("reasoning_effort",)),
        ("high", {"max_tokens": "many"}, {}, 11_000, ()),
        ("high", {}, {"max_output_tokens": 8000}, 4000, ()),
        ("high", {}, {"max_output_tokens": 8000, "max_non_streaming_output_tokens": 6000}, 3000, ()),
        ("high", {"max_tokens": 9000}, {"max_output_tokens": 6000}, 3000, ("max_tokens=9000",)),
        ("high", {"thinking_budget": 7}, {}, 7, ("reasoning_effort",)),
    ],
)
def test_an_effort_is_a_budget_for_a_model_that_lists_one_and_no_efforts(
    asked: object, fields: dict[str, Any], limits: dict[str, int], budget: int | None, dropped: tuple[str, ...]
) -> None:
    written = write({"reasoning_effort": asked, **fields}, model(supports=BUDGET, **limits))

    body = json.loads(written.body)
    assert "reasoning_effort" not in body
    assert body.get("thinking_budget") == budget
    assert written.dropped == dropped


@pytest.mark.parametrize(
    ("least", "most", "budget"), [(None, 5000, 1024), (None, 500, 500), (0, 2024, 1124), (256, 256, 256)]
)
def test_a_budget_is_never_outside_of_what_the_model_lists(least: int | None, most: int, budget: int) -> None:
    supports = Supports(min_thinking_budget=least, max_thinking_budget=most)

    body = sent({"reasoning_effort": "low"}, model(supports=supports))

    assert (least or 0) <= body["thinking_budget"] <= most
    assert budget <= body["thinking_budget"]


def claude() -> Model:
    return Model(id="claude", vendor="Anthropic", capabilities=Capabilities(supports=BUDGET))


def test_claude_thinks_without_temperature_and_top_p_and_others_with_them() -> None:
    fields = {"reasoning_effort": "high", "temperature": 0.2, "top_p": 0.9}

    written = write(fields, claude())
    other = write(fields, model(supports=BUDGET))

    assert json.loads(written.body).keys() == {"model", "messages", "thinking_budget"}
    assert written.dropped == ("temperature", "top_p")
    assert json.loads(other.body).keys() == {"model", "messages", "thinking_budget", "temperature", "top_p"}
    assert other.dropped == ()
    assert sent({"temperature": 0.2}, claude())["temperature"] == 0.2


@pytest.mark.parametrize(
    ("choice", "thinks"),
    [("auto", True), ("none", True), ("required", False), ({"type": "function", "function": {"name": "f"}}, False)],
)
def test_claude_does_not_think_about_a_call_that_is_forced(choice: object, thinks: bool) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    fields = {"reasoning_effort": "low", "tools": tools, "tool_choice": choice}

    assert ("thinking_budget" in sent(fields, claude())) == thinks
    assert "thinking_budget" in sent(fields, model(supports=BUDGET))


USER = {"role": "user", "content": "Hi"}
CALLED = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}]}
CALLED_OF_OLD = {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "1"}


@pytest.mark.parametrize(
    ("messages", "thinks"),
    [
        ([RESULT], True),
        ([USER, CALLED, RESULT], False),
        ([USER, CALLED, RESULT, USER], False),
        ([USER, CALLED_OF_OLD, {"role": "function", "name": "f", "content": "1"}], False),
        ([USER, {**CALLED, "reasoning_opaque": "c2ln"}, RESULT], True),
        ([USER, {**CALLED, "reasoning_opaque": "[]"}, RESULT], False),
        ([USER, CALLED, RESULT, {"role": "assistant", "content": "Ho"}, USER], True),
    ],
)
def test_claude_does_not_think_in_the_middle_of_calls_that_came_back_unsigned(messages: Any, thinks: bool) -> None:
    written = write({"reasoning_effort": "low", "messages": messages}, claude())

    assert ("thinking_budget" in json.loads(written.body)) == thinks
    assert ("reasoning_effort" in written.dropped) != thinks


@pytest.mark.parametrize("name", ["gpt-5", "gpt-5.1", "gpt-5-mini", "o1", "o1-mini", "o3-mini", "o4-mini"])
def test_gpt_5_and_the_o_series_get_no_sampling_but_what_is_there_anyway(name: str) -> None:
    written = write({"temperature": 0, "top_p": 0.9, "seed": 7}, Model(id=name))
    usual = write({"temperature": 1, "top_p": 1.0}, Model(id=name))
    odd = write({"temperature": "hot"}, Model(id=name))

    assert json.loads(written.body).keys() == {"model", "messages", "seed"}
    assert written.dropped == ("temperature", "top_p")
    assert json.loads(usual.body).keys() == {"model", "messages", "temperature", "top_p"}
    assert usual.dropped == ()
    assert json.loads(odd.body)["temperature"] == "hot"


@pytest.mark.parametrize("name", ["gpt-4.1", "gpt-4o", "oswe-vscode-prime", "claude-sonnet-4.5", "gemini-2.5-pro"])
def test_other_models_get_the_sampling_that_is_asked_for(name: str) -> None:
    written = write({"temperature": 0, "top_p": 0.9}, Model(id=name))

    assert json.loads(written.body).keys() == {"model", "messages", "temperature", "top_p"}
    assert written.dropped == ()


@pytest.mark.parametrize(
    ("name", "role"), [("o1", "user"), ("o1-mini", "user"), ("o3-mini", "system"), ("m", "system")]
)
def test_to_the_o1_family_the_system_speaks_as_the_user(name: str, role: str) -> None:
    messages = [{"role": "system", "content": "A"}, {"role": "developer", "content": "B"}, USER]

    written = write({"messages": messages}, Model(id=name))

    assert json.loads(written.body)["messages"] == [
        {"role": role, "content": "A"},
        {"role": role, "content": "B"},
        USER,
    ]
    assert written.dropped == ()


def test_the_older_functions_pass_with_schemas_that_are_taken() -> None:
    whole = {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}}
    body = sent({"functions": [whole, {"name": "g"}], "function_call": {"name": "g"}, "parallel_tool_calls": True})

    assert body["functions"] == [whole, {"name": "g", "parameters": {"type": "object", "properties": {}}}]
    assert body["function_call"] == {"name": "g"}
    assert body["parallel_tool_calls"] is True


@pytest.mark.parametrize("tools, choice", [("tools", "tool_choice"), ("functions", "function_call")])
def test_a_choice_among_no_tools_is_named_where_a_call_must_be_made(tools: str, choice: str) -> None:
    for word, dropped in (("auto", ()), ("none", ()), ("required", (choice,)), ({"name": "f"}, (choice,))):
        written = write({tools: [], choice: word})

        assert json.loads(written.body).keys() == {"model", "messages"}
        assert written.dropped == dropped


def test_no_functions_are_no_list_of_functions() -> None:
    assert sent({"functions": [], "function_call": "auto"}).keys() == {"model", "messages"}
    assert sent({"functions": "nonsense"})["functions"] == "nonsense"


@pytest.mark.parametrize(
    ("reasoning", "returned", "lost"),
    [
        ({"reasoning_content": "Hm"}, {}, ["content"]),
        (
            {"reasoning_content": "Hm", "reasoning_opaque": "c2ln"},
            {"reasoning_text": "Hm", "reasoning_opaque": "c2ln"},
            [],
        ),
        (
            {"reasoning_content": "A", "reasoning_text": "B", "reasoning_opaque": "c2ln"},
            {"reasoning_text": "B", "reasoning_opaque": "c2ln"},
            [],
        ),
        ({"reasoning_opaque": '[{"type":"reasoning"}]'}, {}, ["opaque"]),
        ({"reasoning_opaque": 7, "reasoning_content": 7}, {}, ["opaque", "content"]),
        ({"reasoning_opaque": None, "reasoning_content": None}, {}, []),
        ({"reasoning_opaque": "", "reasoning_content": ""}, {}, []),
        ({"reasoning_content": ""}, {}, []),
        ({"reasoning_opaque": "c2ln"}, {"reasoning_opaque": "c2ln"}, []),
    ],
)
def test_reasoning_goes_back_with_its_signature_or_not_at_all(
    reasoning: dict[str, Any], returned: dict[str, Any], lost: list[str]
) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho", **reasoning}]

    written = write({"messages": [*messages, *messages]})

    assert json.loads(written.body)["messages"][1] == {"role": "assistant", "content": "Ho", **returned}
    assert written.dropped == tuple(f"messages.reasoning_{name}" for name in lost)
