"""Tools as real clients of Messages were recorded to offer and to choose them, on each of Copilot's endpoints."""

from typing import Any

import pytest
from house import House
from server.client_shapes import ABSENT, CITY, NO_PARAMETERS, Case, Each, user
from server.front_shapes import CALLED, COLUMNS, MESSAGES, PARIS, ROME, failures

ASK = user("What is the weather in Rome?")
BOTH = user("weather in Paris and Rome")
LONG = "mcp__plugin_weather_of_all_cities__get_the_weather_as_it_is_just_now_in_some_city"
ADVANCED = {"anthropic-beta": "advanced-tool-use-2025-11-20"}


def tool(name: str = "get_weather", **more: Any) -> dict[str, Any]:
    return {"name": name, "input_schema": CITY, **more}


def offer(*tools: dict[str, Any], **expected: Any) -> Case:
    return Case({"messages": ASK, "tools": list(tools)}, **{"heard": CALLED, **expected})


def schema(*, without: str = "", **members: Any) -> Case:
    """A tool whose schema has ``members``; Anthropic's endpoint gets them ``without`` one."""
    given = {"type": "object", **members}
    given.setdefault("properties", {"city": {"type": "string"}})
    fewer = {name: value for name, value in given.items() if name != without}
    return Case(
        {"messages": ASK, "tools": [tool(input_schema=given)]},
        heard={"called": ["get_weather"], "finish": "tool_calls"},
        reached={"tools": Each(any={"get_weather": given}, messages={"get_weather": fewer})},
        dropped=Each(messages=f"tools.input_schema.{without}") if without else {},
    )


def choose(kind: str, messages: list[Any], name: str | None = None, **more: Any) -> Case:
    choice: dict[str, Any] = {"type": kind} if name is None else {"type": kind, "name": name}
    fields = {"messages": messages, "tools": [tool()], "tool_choice": {**choice, **more.pop("choice", {})}}
    return Case(fields, **more)


FORCED = {"called": ["get_weather"], "finish": "tool_calls"}
TOOLS: dict[str, Case] = {
    "a tool": offer(
        tool(description="Of a city"),
        reached={"tools": {"get_weather": CITY}},
        sent={
            "chat": {"tools.0.function.description": "Of a city"},
            "responses": {"tools.0.description": "Of a city"},
            "messages": {"tools": [{"name": "get_weather", "description": "Of a city", "input_schema": CITY}]},
        },
    ),
    "a name that only Anthropic takes": Case(
        {"messages": ASK, "tools": [tool(LONG)], "tool_choice": {"type": "tool", "name": LONG}},
        heard={"called": [LONG], "finish": "tool_calls"},
    ),
    "custom by name": offer(tool(type="custom"), reached={"tools": {"get_weather": CITY}}),
    "with a mark": offer(
        tool(cache_control={"type": "ephemeral", "ttl": "1h"}),
        sent={"messages": {"tools.0.cache_control": {"type": "ephemeral"}}},
        dropped={"hub": "cache_control", "messages": "cache_control.ttl"},
    ),
    "deferred, without the beta": offer(
        tool(defer_loading=True),
        sent={"messages": {"tools.0.defer_loading": ABSENT}},
        dropped={"any": "tools.defer_loading"},
    ),
    "streamed eagerly": offer(
        tool(eager_input_streaming=True),
        sent={"messages": {"tools.0.eager_input_streaming": ABSENT}},
        dropped={"any": "tools.eager_input_streaming"},
    ),
    "eagerness null": offer(tool(eager_input_streaming=None, cache_control=None, type=None)),
    "strict": offer(
        tool(strict=True), sent={"chat": {"tools.0.function.strict": True}, "responses": {"tools.0.strict": True}},
        dropped={"messages": "tools.strict"},
    ),
    "$schema": schema(**{"$schema": "http://json-schema.org/draft-07/schema#"}, without="$schema"),
    "$defs and $ref": schema(**{"$defs": {"City": {"type": "string"}}}, properties={"city": {"$ref": "#/$defs/City"}}),
    "anyOf": schema(properties={"unit": {"anyOf": [{"type": "string"}, {"type": "null"}]}}),
    "no properties": Case(
        {"messages": ASK, "tools": [tool(input_schema={"type": "object"})]},
        heard=FORCED,
        reached={"tools": Each(hub={"get_weather": NO_PARAMETERS})},
    ),
    "one of two": offer(
        tool("read_mail", input_schema=NO_PARAMETERS), tool(),
        reached={"tools": {"read_mail": NO_PARAMETERS, "get_weather": CITY}},
    ),
    "none": Case({"tools": []}, heard={"text": '"Hi"'}, sent={"any": {"tools": ABSENT}}),
    "null": Case({"tools": None, "tool_choice": None}, heard={"text": '"Hi"'},
                 sent={"any": {"tools": ABSENT, "tool_choice": ABSENT}}),
    "none, and a choice": Case(
        {"tools": [], "tool_choice": {"type": "auto"}}, heard={"text": '"Hi"'}, reached={"tools": {}, "choice": None}
    ),
    "at once": Case({"messages": BOTH, "tools": [tool()]}, heard={"calls": [PARIS, ROME], "finish": "tool_calls"}),
    "one after another": choose(
        "auto", BOTH, choice={"disable_parallel_tool_use": True},
        heard={"calls": [PARIS], "finish": "tool_calls"}, reached={"parallel": False},
    ),
    "at once, allowed": choose(
        "auto", BOTH, choice={"disable_parallel_tool_use": False},
        heard={"calls": [PARIS, ROME], "finish": "tool_calls"},
    ),
    "choice auto": choose("auto", ASK, heard=CALLED, reached={"choice": "auto"}),
    "choice none": choose("none", ASK, heard={"calls": []}, reached={"choice": "none"}),
    "choice any": choose("any", user("Hi"), heard=FORCED, reached={"choice": "required"}),
    "choice of a tool": choose("tool", user("Hi"), "get_weather", heard=FORCED, reached={"choice": "get_weather"}),
    "choice that is none": choose("sometimes", ASK, refused={"hub": "tool_choice.type"}),
    "a search of the web": offer(
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}, tool(),
        reached={"tools": {"get_weather": CITY}},
        sent={"messages": {"tools.0": {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}}},
        dropped={"hub": "tools.web_search_20250305"},
    ),
    "a search of the web alone": Case(
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, heard={"text": '"Hi"'},
        dropped={"hub": "tools.web_search_20250305"},
    ),
    "a search of the web, forced": Case(
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}], "tool_choice": {"type": "any"}},
        refused={"hub": "tool_choice"},
    ),
    "a shell of Claude's": Case({"tools": [{"type": "bash_20250124", "name": "bash"}]}, refused={"hub": "tools[0]"}),
    "a tool without a name": Case({"tools": [{"input_schema": CITY}]}, refused={"hub": "tools[0].name"}),
}  # fmt: skip
WITH_BETA: dict[str, Case] = {
    "deferred": offer(
        tool(defer_loading=True), sent={"messages": {"tools.0.defer_loading": True}},
        dropped={"hub": "tools.defer_loading"},
    ),
    "examples": offer(
        tool(input_examples=[{"city": "Rome"}]), sent={"messages": {"tools.0.input_examples": [{"city": "Rome"}]}},
        dropped={"hub": "tools.input_examples"},
    ),
    "streamed eagerly": offer(tool(eager_input_streaming=True), dropped={"any": "tools.eager_input_streaming"}),
}  # fmt: skip


def table_for(column: str, table: dict[str, Case]) -> dict[str, Case]:
    """Those that have something to say on this column: what only the hub refuses is Copilot's to judge."""
    return {name: case for name, case in table.items() if not case.refused or column != "messages"}


@pytest.mark.parametrize("column", COLUMNS)
async def test_tools_are_offered_chosen_and_called(house: House, column: str) -> None:
    assert await failures(house, MESSAGES, column, table_for(column, TOOLS)) == {}


@pytest.mark.parametrize("column", COLUMNS)
async def test_what_a_beta_allows_arrives_where_the_beta_does(house: House, column: str) -> None:
    assert await failures(house, MESSAGES, column, WITH_BETA, **ADVANCED) == {}


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_tool_without_arguments_is_called_with_an_empty_object(house: House, column: str) -> None:
    case = Case(
        {"messages": user("[[call:ping]]"), "tools": [tool("ping", input_schema=NO_PARAMETERS)]},
        heard={"calls": [("function", "ping", {})], "finish": "tool_calls"},
    )

    assert await failures(house, MESSAGES, column, {"ping": case}) == {}
