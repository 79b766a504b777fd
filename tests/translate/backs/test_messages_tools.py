"""Tools and the choice among them on their way to ``/v1/messages``."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import messages as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.chat import Written
from passenger_trio.wire.models import Model

EMPTY = {"type": "object", "properties": {}}
PLAIN = Model(id="claude-plain", supported_endpoints=["/v1/messages"])
HISTORY: list[dict[str, Any]] = [{"role": "user", "content": "x"}]


def write(to: Model = PLAIN, **fields: Any) -> Written:
    body = {"model": "asked", "messages": HISTORY, **fields}
    return back.request(to_call(json.dumps(body).encode()), to)


def sent(to: Model = PLAIN, **fields: Any) -> dict[str, Any]:
    return json.loads(write(to, **fields).body)


def refused(**fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        write(**fields)
    return caught.value


def function(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}, None),
        (None, EMPTY),
        ({}, EMPTY),
        ({"type": "object"}, EMPTY),
        ({"type": "object", "additionalProperties": False}, {**EMPTY, "additionalProperties": False}),
        ({"properties": {"x": {}}}, {"type": "object", "properties": {"x": {}}}),
        ({"anyOf": [{"type": "object"}]}, {"type": "object", "anyOf": [{"type": "object"}]}),
    ],
)
def test_a_function_is_a_tool_whose_schema_is_an_object(schema: Any, wanted: Any) -> None:
    written = write(tools=[function("f", description="Does it.", parameters=schema)])

    assert json.loads(written.body)["tools"] == [
        {"name": "f", "description": "Does it.", "input_schema": wanted or schema}
    ]
    assert written.dropped == ()


def test_a_function_without_parameters_or_description_is_a_tool_without_description() -> None:
    assert sent(tools=[function(), function("g", description="")])["tools"] == [
        {"name": "f", "input_schema": EMPTY},
        {"name": "g", "input_schema": EMPTY},
    ]


def test_what_a_tool_cannot_say_here_is_dropped_by_name() -> None:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", **EMPTY}
    tool = function("f", parameters=schema, strict=True, returns="x")

    written = write(tools=[{**tool, "name": "beside"}, function("g", strict=False)])

    assert json.loads(written.body)["tools"][0] == {"name": "f", "input_schema": EMPTY}
    assert written.dropped == ("tools.returns", "tools.strict", "tools.$schema")


def test_what_is_no_schema_is_left_to_anthropics_own_error() -> None:
    assert sent(tools=[function(parameters="x")])["tools"] == [{"name": "f", "input_schema": "x"}]


def test_a_tool_marked_for_the_prompt_cache_stays_marked() -> None:
    assert sent(tools=[{**function(), "cache_control": {"type": "ephemeral", "ttl": "1h"}}])["tools"] == [
        {"name": "f", "input_schema": EMPTY, "cache_control": {"type": "ephemeral"}}
    ]


@pytest.mark.parametrize(
    ("tool", "kind"), [({"type": "custom", "custom": {"name": "x"}}, "custom"), ({"type": "function"}, "function")]
)
def test_a_tool_that_is_no_function_is_refused_by_place(tool: dict[str, Any], kind: str) -> None:
    error = refused(tools=[function(), tool])

    assert error.param == "tools[1]"
    assert f"`{kind}`" in error.message


def test_a_tool_of_the_wrong_shape_is_refused_by_place() -> None:
    assert refused(tools={}).param == "tools"
    assert refused(tools=[7]).param == "tools[0]"
    assert refused(tools=[function(7)]).param == "tools[0].function.name"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        (function("f"), {"type": "tool", "name": "f"}),
    ],
)
def test_every_tool_choice_has_its_like(choice: Any, wanted: dict[str, Any]) -> None:
    assert sent(tools=[function()], tool_choice=choice)["tool_choice"] == wanted


@pytest.mark.parametrize(
    "choice",
    ["sometimes", {"type": "custom", "custom": {"name": "f"}}, {"type": "allowed_tools", "allowed_tools": {}}, 7],
)
def test_a_tool_choice_that_cannot_be_said_is_refused(choice: Any) -> None:
    assert refused(tools=[function()], tool_choice=choice).param == "tool_choice"


def test_without_a_choice_none_is_sent() -> None:
    assert "tool_choice" not in sent(tools=[function()], parallel_tool_calls=True)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": "required"}, {"type": "any", "disable_parallel_tool_use": True}),
        ({"tool_choice": "none"}, {"type": "none"}),
    ],
)
def test_the_ban_on_parallel_calls_goes_into_the_choice(fields: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert sent(tools=[function()], parallel_tool_calls=False, **fields)["tool_choice"] == wanted


@pytest.mark.parametrize(("choice", "dropped"), [("auto", ()), ("none", ()), ("required", ("tool_choice",))])
def test_without_tools_there_is_no_choice(choice: str, dropped: tuple[str, ...]) -> None:
    written = write(tools=[], tool_choice=choice, parallel_tool_calls=False)

    assert written.body == write().body
    assert written.dropped == dropped


# the older form


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (None, {"type": "auto", "disable_parallel_tool_use": True}),
        ("auto", {"type": "auto", "disable_parallel_tool_use": True}),
        ("none", {"type": "none"}),
        ({"name": "f"}, {"type": "tool", "name": "f", "disable_parallel_tool_use": True}),
    ],
)
def test_functions_are_tools_of_which_one_is_called_at_a_time(choice: Any, wanted: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"x": {}}}
    functions = [{"name": "f", "description": "Does it.", "parameters": schema}, {"name": "g"}]

    written = write(functions=functions, function_call=choice)

    body = json.loads(written.body)
    assert body["tools"] == [
        {"name": "f", "description": "Does it.", "input_schema": schema},
        {"name": "g", "input_schema": EMPTY},
    ]
    assert body["tool_choice"] == wanted
    assert written.dropped == ()


def test_functions_beside_tools_are_more_of_them_and_the_newer_choice_counts() -> None:
    body = sent(tools=[function()], functions=[{"name": "g"}], tool_choice="required", function_call="none")

    assert [tool["name"] for tool in body["tools"]] == ["f", "g"]
    assert body["tool_choice"] == {"type": "any"}


def test_what_a_function_cannot_say_here_is_dropped_by_name() -> None:
    assert write(functions=[{"name": "f", "strict": True, "returns": "x"}]).dropped == (
        "functions.returns",
        "functions.strict",
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"functions": {}}, "functions"),
        ({"functions": [{"name": "f"}, 7]}, "functions[1]"),
        ({"functions": [{"name": 7}]}, "functions[0].name"),
        ({"functions": [{"name": "f"}], "function_call": "sometimes"}, "function_call"),
        ({"functions": [{"name": "f"}], "function_call": {}}, "function_call"),
        ({"functions": [{"name": "f"}], "function_call": 7}, "function_call"),
    ],
)
def test_functions_of_the_wrong_shape_are_refused_by_place(fields: dict[str, Any], param: str) -> None:
    assert refused(**fields).param == param


@pytest.mark.parametrize(("choice", "dropped"), [("auto", ()), ("none", ()), ({"name": "f"}, ("function_call",))])
def test_without_functions_there_is_no_choice(choice: Any, dropped: tuple[str, ...]) -> None:
    written = write(functions=[], function_call=choice)

    assert written.body == write().body
    assert written.dropped == dropped


def test_fields_of_tools_and_functions_without_a_place_are_named_once() -> None:
    odd = {**function("f", weird=1), "name": "f", "defer_loading": True, "nothing": None, "cache_control": {}}

    written = write(tools=[odd, {**odd, "more": 1}], functions=[{"name": "g", "weird": 1}])

    assert sorted(written.dropped) == ["functions.weird", "tools.defer_loading", "tools.more", "tools.weird"]
    assert json.loads(written.body)["tools"][0].keys() == {"name", "input_schema", "cache_control"}
