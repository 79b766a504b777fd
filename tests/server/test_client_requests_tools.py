"""Tools as real clients were recorded to offer and to choose them, on a model of each of Copilot's endpoints."""

from typing import Any

import pytest
from house import House
from server.client_shapes import (
    ABSENT,
    ALL,
    CALL,
    CHAT,
    CITY,
    COLUMNS,
    NO_PARAMETERS,
    RESULT,
    USER,
    Case,
    Each,
    check,
    failures,
    reached,
    tool,
    user,
)

ASK = user("What is the weather in Rome?")
ASK_TWICE = user("weather in Paris and Rome")
ROME = [("get_weather", {"city": "Rome"})]
PARIS_AND_ROME = [("get_weather", {"city": "Paris"}), *ROME]
CALLED = {"calls": ROME, "finish": "tool_calls"}
LEGACY: dict[str, Any] = {"name": "get_weather", "arguments": '{"city":"Rome"}'}
OLD = {"name": "get_weather", "description": "Of a city", "parameters": CITY}
LARK = {"syntax": "lark", "definition": 'start: "*** Begin" /.+/'}
CUSTOM = {
    "type": "custom",
    "custom": {"name": "apply_patch", "description": "Edits", "format": {"type": "grammar", "grammar": LARK}},
}
CUSTOM_CALL = {"id": "call_1", "type": "custom", "custom": {"name": "apply_patch", "input": "*** Begin all"}}


def called_old(call: object = ROME[0], finish: str = "function_call") -> dict[str, Any]:
    """What is heard where the old form is translated; what Copilot's chat endpoint makes of it is its own affair."""
    return {
        "legacy": Each(responses=call, messages=call),
        "finish": Each(responses=finish, messages=finish),
        "calls": [],
    }


def schema(*, without: str = "", **members: Any) -> Case:
    """A tool whose parameters have ``members``; Anthropic's endpoint gets them ``without`` one."""
    parameters = {"type": "object", **members}
    parameters.setdefault("properties", {"city": {"type": "string"}})
    parameters.setdefault("required", list(parameters["properties"]))
    fewer = {name: value for name, value in parameters.items() if name != without}
    return Case(
        {"messages": ASK, "tools": [tool(parameters=parameters)]},
        heard={"called": ["get_weather"], "finish": "tool_calls"},
        reached={
            "tools": Each(chat={"get_weather": parameters}, responses={"get_weather": parameters},
                          messages={"get_weather": fewer})
        },
        dropped=Each(messages=f"tools.{without}") if without else {},
    )  # fmt: skip


def bare(**function: Any) -> Case:
    """A tool that does not say what it takes."""
    return Case(
        {"messages": ASK, "tools": [tool(**function)]},
        heard={"calls": [("get_weather", {})], "finish": "tool_calls"},
        reached={"tools": {"get_weather": NO_PARAMETERS}},
    )


def choose(choice: object, messages: list[dict[str, Any]], **more: Any) -> Case:
    return Case({"messages": messages, "tools": [tool(parameters=CITY)], "tool_choice": choice}, **more)


TOOLS: dict[str, Case] = {
    "a tool": Case(
        {"messages": ASK, "tools": [tool(description="Of a city", parameters=CITY)]},
        heard=CALLED,
        sent={
            "chat": {"tools": [tool(description="Of a city", parameters=CITY)]},
            "responses": {
                "tools": [
                    {
                        "type": "function",
                        "name": "get_weather",
                        "description": "Of a city",
                        "parameters": CITY,
                        "strict": False,
                    }
                ]
            },
            "messages": {"tools": [{"name": "get_weather", "description": "Of a city", "input_schema": CITY}]},
        },
    ),
    "strict": Case(
        {"messages": ASK, "tools": [tool(strict=True, parameters={**CITY, "additionalProperties": False})]},
        heard=CALLED,
        reached={"tools": {"get_weather": {**CITY, "additionalProperties": False}}},
        dropped={"messages": "tools.strict"},
    ),
    "strict false": Case({"messages": ASK, "tools": [tool(strict=False, parameters=CITY)]}, heard=CALLED),
    "strict null": Case({"messages": ASK, "tools": [tool(strict=None, parameters=CITY)]}, heard=CALLED),
    "name beside function": Case(
        {"messages": ASK, "tools": [{**tool(parameters=CITY), "name": "get_weather"}]},
        heard=CALLED,
        reached={"tools": {"get_weather": CITY}},
    ),
    "no parameters": bare(),
    "parameters {}": bare(parameters={}),
    "parameters null": bare(parameters=None),
    "parameters without properties": bare(parameters={"type": "object"}),
    "parameters with no properties": bare(parameters=NO_PARAMETERS),
    "$schema": schema(**{"$schema": "https://json-schema.org/draft/2020-12/schema"}, without="$schema"),
    "additionalProperties": schema(additionalProperties=False),
    "$defs and $ref": schema(
        **{"$defs": {"City": {"type": "string", "minLength": 1}}}, properties={"city": {"$ref": "#/$defs/City"}}
    ),
    "anyOf": schema(properties={"unit": {"anyOf": [{"type": "string"}, {"type": "null"}]}}),
    "oneOf": schema(properties={"unit": {"oneOf": [{"type": "integer"}, {"type": "boolean"}]}}),
    "a list of types": schema(properties={"days": {"type": ["integer", "null"]}}),
    "default": schema(properties={"days": {"type": "integer", "default": 3}}, required=[]),
    "format": schema(properties={"day": {"type": "string", "format": "date"}}),
    "nested": schema(
        properties={
            "places": {"type": "array", "items": {"type": "object", "properties": {"city": {"type": "string"}}}},
            "unit": {"type": "string", "enum": ["C", "F"], "title": "Unit", "description": "C or F"},
        }
    ),
    "tools null": Case(
        {"tools": None, "tool_choice": None, "parallel_tool_calls": None},
        heard={"text": '"Hi"'},
        reached={"tools": {}, "choice": None},
        sent={"any": dict.fromkeys(("tools", "tool_choice", "parallel_tool_calls"), ABSENT)},
    ),
    "tools empty": Case({"tools": []}, heard={"text": '"Hi"'}, sent={"any": {"tools": ABSENT}}),
    "tools empty, choice none": Case(
        {"tools": [], "tool_choice": "none"},
        heard={"text": '"Hi"'},
        sent={"any": dict.fromkeys(("tools", "tool_choice"), ABSENT)},
    ),
    "tools empty, choice required": Case(
        {"tools": [], "tool_choice": "required"},
        heard={"text": '"Hi"'},
        sent={"any": dict.fromkeys(("tools", "tool_choice"), ABSENT)},
        dropped={"any": "tool_choice"},
    ),
    "defer_loading": Case(
        {"messages": ASK, "tools": [{**tool(parameters=CITY), "defer_loading": True}]},
        heard=CALLED,
        reached={"tools": {"get_weather": CITY}},
        dropped=Each(responses="tools.defer_loading", messages="tools.defer_loading"),
    ),
    "one of two": Case(
        {"messages": ASK, "tools": [tool("read_mail", parameters=NO_PARAMETERS), tool(parameters=CITY)]},
        heard=CALLED,
        reached={"tools": {"read_mail": NO_PARAMETERS, "get_weather": CITY}},
    ),
    "choice auto": choose("auto", ASK, heard=CALLED, reached={"choice": "auto"}),
    "choice none": choose("none", ASK, heard={"calls": []}, reached={"choice": "none", "tools": {"get_weather": CITY}}),
    "choice required": choose(
        "required",
        [USER],
        heard={"called": ["get_weather"], "finish": "tool_calls"},
        reached={"choice": "required"},
    ),
    "choice of a function": choose(
        {"type": "function", "function": {"name": "get_weather"}},
        [USER],
        heard={"called": ["get_weather"], "finish": "tool_calls"},
        reached={"choice": "get_weather"},
    ),
    "parallel": Case(
        {"messages": ASK_TWICE, "tools": [tool(parameters=CITY)]},
        heard={"calls": PARIS_AND_ROME, "finish": "tool_calls"},
    ),
    "parallel_tool_calls true": Case(
        {"messages": ASK_TWICE, "tools": [tool(parameters=CITY)], "parallel_tool_calls": True},
        heard={"calls": PARIS_AND_ROME, "finish": "tool_calls"},
    ),
    "parallel_tool_calls false": Case(
        {"messages": ASK_TWICE, "tools": [tool(parameters=CITY)], "parallel_tool_calls": False},
        heard={"calls": PARIS_AND_ROME[:1], "finish": "tool_calls"},
        reached={"parallel": False},
    ),
    "calls and tools in the history": Case(
        {
            "messages": [*ASK, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT],
            "tools": [tool(parameters=CITY)],
        },
        heard={"text": "The tool get_weather answered: 18C"},
        reached={"tools": {"get_weather": CITY}, "results": [("call_1", "18C")]},
    ),
    "functions": Case(
        {"messages": ASK, "functions": [OLD]}, heard=called_old(), reached={"tools": {"get_weather": CITY}}
    ),
    "functions, auto": Case(
        {"messages": ASK, "functions": [OLD], "function_call": "auto"},
        heard=called_old(),
        reached={"tools": {"get_weather": CITY}, "choice": "auto"},
    ),
    "functions, none": Case(
        {"messages": ASK, "functions": [OLD], "function_call": "none"},
        heard={**called_old(None, "stop"), "text": "weather in Rome"},
        reached={"choice": "none"},
    ),
    "functions, one by name": Case(
        {"messages": ASK, "functions": [OLD], "function_call": {"name": "get_weather"}},
        heard=called_old(),
        reached={"choice": "get_weather"},
    ),
    "functions, asked for two": Case(
        {"messages": ASK_TWICE, "functions": [OLD]},
        heard=called_old(PARIS_AND_ROME[0]),  # the old form has place for one
        reached={"parallel": Each(responses=False, messages=False)},
    ),
    "functions, called before": Case(
        {
            "messages": [
                *ASK,
                {"role": "assistant", "content": None, "function_call": LEGACY},
                {"role": "function", "name": "get_weather", "content": "18C"},
            ],
            "functions": [OLD],
        },
        heard={
            **called_old(None, "stop"),
            "text": Each(responses="get_weather answered: 18C", messages="get_weather answered: 18C"),
        },
        reached={
            "calls": Each(
                chat=[(None, *ROME[0])],
                responses=[("call_00000000", *ROME[0])],
                messages=[("call_00000000", *ROME[0])],
            ),
            "results": Each(
                chat=[(None, "18C")], responses=[("call_00000000", "18C")], messages=[("call_00000000", "18C")]
            ),
        },
    ),
}

CUSTOM_TOOLS: dict[str, Case] = {
    "a custom tool": Case(
        {"messages": user("Make a patch of it"), "tools": [CUSTOM]},
        heard={"called": ["apply_patch"], "finish": "tool_calls"},
        reached={"tools": {"apply_patch": {"type": "grammar", **LARK}}},
        refused={"messages": "tools[0]"},
    ),
    "a custom tool, called before": Case(
        {
            "messages": [USER, {"role": "assistant", "content": None, "tool_calls": [CUSTOM_CALL]}, RESULT],
        },
        heard={"text": "answered: 18C"},
        reached={"calls": [("call_1", "apply_patch", "*** Begin all")], "results": [("call_1", "18C")]},
        refused={"messages": "messages[1].tool_calls[0]"},
    ),
}

FOR_FAMILIES = (
    *("a tool", "strict", "strict null", "name beside function", "no parameters", "parameters {}", "parameters null"),
    *("parameters without properties", "$schema", "$defs and $ref", "anyOf", "a list of types", "tools empty"),
    *("choice none", "choice required", "choice of a function", "parallel", "parallel_tool_calls false"),
)
"""Those by which Copilot's vendors on one endpoint differ, or may."""


@pytest.mark.parametrize("case", TOOLS)
@pytest.mark.parametrize("column", COLUMNS)
async def test_tools_are_offered_chosen_and_called_on_each_endpoint(house: House, column: str, case: str) -> None:
    await check(house, COLUMNS[column], TOOLS[case])


@pytest.mark.parametrize("case", CUSTOM_TOOLS)
@pytest.mark.parametrize("column", ["responses", "messages"])
async def test_custom_tools_are_translated_or_refused_by_name(house: House, column: str, case: str) -> None:
    await check(house, COLUMNS[column], CUSTOM_TOOLS[case])


async def test_a_custom_tool_on_chat_is_for_copilot_to_judge(house: House) -> None:
    """Nothing is known of what Copilot does with one; the simulator refuses it."""
    request = {"model": "gpt-5-mini", **CUSTOM_TOOLS["a custom tool"].fields}

    answer = await house.http.post(CHAT, json=request)

    assert reached(house).body["tools"] == [CUSTOM]
    assert answer.json()["error"]["code"] == "invalid_request_body"


@pytest.mark.parametrize("column", ["claude", "gemini", "gpt-5-mini"])
async def test_tools_are_offered_chosen_and_called_with_each_vendor_on_chat(house: House, column: str) -> None:
    assert await failures(house, ALL[column], {case: TOOLS[case] for case in FOR_FAMILIES}) == {}
