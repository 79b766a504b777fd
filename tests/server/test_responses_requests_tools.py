"""Tools as real clients of Responses were recorded to offer and to choose them, on each of Copilot's endpoints.

Among them Codex's: what it offers depends on the name of the model.
"""

from typing import Any

import pytest
import responses_rows as rows
from house import House
from server.client_shapes import ABSENT, CITY, NO_PARAMETERS, Case, Each
from server.front_shapes import CALLED, COLUMNS, PARIS, RESPONSES, ROME, check, failures, reached

LARK = {"type": "grammar", "syntax": "lark", "definition": 'start: "*** Begin" /.+/'}
ONE_TEXT = {"input"}
ASK = "What is the weather in Rome?"
BOTH = "weather in Paris and Rome"
HOSTED = "tools.web_search"


def tool(name: str = "get_weather", **more: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, **more}


CITY_TOOL = tool(parameters=CITY)
PATCH = {"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": LARK}
FILES = {
    "type": "namespace",
    "name": "files",
    "description": "Files.",
    "tools": [tool("read", parameters=CITY), {"type": "custom", "name": "write", "format": {"type": "text"}}],
}
SEARCH = {"type": "tool_search", "execution": "client", "description": "Finds tools.", "parameters": NO_PARAMETERS}
WEB = {"type": "web_search", "external_web_access": True, "search_content_types": ["text", "image"]}


def schema(*, without: str = "", **members: Any) -> Case:
    """A tool whose parameters have ``members``; Anthropic's endpoint gets them ``without`` one."""
    parameters = {"type": "object", **members}
    parameters.setdefault("properties", {"city": {"type": "string"}})
    fewer = {name: value for name, value in parameters.items() if name != without}
    return Case(
        {"input": ASK, "tools": [tool(parameters=parameters)]},
        heard={"called": ["get_weather"], "finish": "tool_calls"},
        reached={"tools": Each(any={"get_weather": parameters}, messages={"get_weather": fewer})},
        dropped=Each(messages=f"tools.{without}") if without else {},
    )


def bare(**function: Any) -> Case:
    """A tool that does not say what it takes."""
    return Case(
        {"input": ASK, "tools": [tool(**function)]},
        heard={"called": ["get_weather"], "finish": "tool_calls"},
        reached={"tools": Each(hub={"get_weather": NO_PARAMETERS})},
    )


def choose(choice: object, asked: str = ASK, **expected: Any) -> Case:
    return Case({"input": asked, "tools": [CITY_TOOL, PATCH], "tool_choice": choice}, **expected)


TOOLS: dict[str, Case] = {
    "a function": Case(
        {"input": ASK, "tools": [tool(description="Of a city", parameters=CITY, strict=False)]},
        heard=CALLED,
        reached={"tools": {"get_weather": CITY}},
        sent={
            "chat": {"tools.0.function.description": "Of a city"},
            "responses": {"tools": [tool(description="Of a city", parameters=CITY, strict=False)]},
            "messages": {"tools": [{"name": "get_weather", "description": "Of a city", "input_schema": CITY}]},
        },
    ),
    "strict": Case(
        {"input": ASK, "tools": [tool(strict=True, parameters={**CITY, "additionalProperties": False})]},
        heard=CALLED,
        sent={"chat": {"tools.0.function.strict": True}, "responses": {"tools.0.strict": True}},
        dropped={"messages": "tools.strict"},
    ),
    "strict null, description null": Case(
        {"input": ASK, "tools": [tool(strict=None, description=None, parameters=CITY)]}, heard=CALLED
    ),
    "no parameters": bare(),
    "parameters null": bare(parameters=None),
    "parameters {}": bare(parameters={}),
    "parameters without properties": bare(parameters={"type": "object"}),
    "$schema": schema(**{"$schema": "https://json-schema.org/draft/2020-12/schema"}, without="$schema"),
    "$defs and $ref": schema(**{"$defs": {"City": {"type": "string"}}}, properties={"city": {"$ref": "#/$defs/City"}}),
    "anyOf": schema(properties={"unit": {"anyOf": [{"type": "string"}, {"type": "null"}]}}),
    "a list of types, format, default": schema(
        properties={"days": {"type": ["integer", "null"], "default": 3}, "day": {"type": "string", "format": "date"}}
    ),
    "one of two": Case(
        {"input": ASK, "tools": [tool("read_mail", parameters=NO_PARAMETERS), CITY_TOOL]},
        heard=CALLED,
        reached={"tools": {"read_mail": NO_PARAMETERS, "get_weather": CITY}},
    ),
    "none": Case({"tools": []}, heard={"text": '"Hi"'}, reached={"tools": {}}),
    "tools null": Case(
        dict.fromkeys(("tools", "tool_choice", "parallel_tool_calls")),
        heard={"text": '"Hi"'},
        sent={"any": dict.fromkeys(("tools", "tool_choice", "parallel_tool_calls"), ABSENT)},
    ),
    "none, and a choice": Case({"tools": [], "tool_choice": "auto"}, heard={"text": '"Hi"'}, reached={"tools": {}}),
    "at once": Case({"input": BOTH, "tools": [CITY_TOOL]}, heard={"calls": [PARIS, ROME], "finish": "tool_calls"}),
    "at once, allowed": Case(
        {"input": BOTH, "tools": [CITY_TOOL], "parallel_tool_calls": True},
        heard={"calls": [PARIS, ROME], "finish": "tool_calls"},
    ),
    "one after another": Case(
        {"input": BOTH, "tools": [CITY_TOOL], "parallel_tool_calls": False},
        heard={"calls": [PARIS], "finish": "tool_calls"},
        reached={"parallel": False},
    ),
    "choice auto": choose("auto", heard=CALLED, reached={"choice": "auto"}),
    "choice none": choose("none", heard={"calls": []}, reached={"choice": "none"}),
    "choice required": choose(
        "required", "Hi", heard={"called": ["get_weather"], "finish": "tool_calls"}, reached={"choice": "required"}
    ),
    "choice of a function": choose(
        {"type": "function", "name": "get_weather"},
        "Hi",
        heard={"called": ["get_weather"], "finish": "tool_calls"},
        reached={"choice": "get_weather"},
    ),
    "choice of a custom tool": choose(
        {"type": "custom", "name": "apply_patch"},
        "Hi",
        heard={"called": ["apply_patch"], "finish": "tool_calls"},
        reached={"choice": "apply_patch"},
    ),
    "choice among some": choose(
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_weather"}]},
        "Hi",
        heard={"called": ["get_weather"], "finish": "tool_calls"},
        reached={"tools": Each(hub={"get_weather": CITY})},
    ),
    "choice of what is not there": choose(
        {"type": "function", "name": "nobody"}, refused={"hub": "tool_choice"}, heard={"calls": []}
    ),
    "choice of a word that is none": choose("sometimes", refused={"hub": "tool_choice"}),
}
CUSTOM: dict[str, Case] = {
    "a custom tool": Case(
        {"input": "Make a patch of it", "tools": [PATCH]},
        heard={"called": ["apply_patch"], "finish": "tool_calls"},
        sent={"responses": {"tools": [PATCH]}},
    ),
    "a custom tool of plain text": Case(
        {"input": '[[call:note {"input": "a\\nb"}]]', "tools": [{"type": "custom", "name": "note"}]},
        heard={"calls": [("custom", "note", "a\nb")], "finish": "tool_calls"},
    ),
    "a custom tool that was called before": Case(
        {
            "input": [
                {"role": "user", "content": "Make a patch"},
                {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin all"},
                {"type": "custom_tool_call_output", "call_id": "c1", "output": "Done"},
            ],
            "tools": [PATCH],
        },
        heard={"text": "The tool apply_patch answered: Done"},
        reached={
            "calls": Each(
                hub=[("c1", "apply_patch", {"input": "*** Begin all"})],
                responses=[("c1", "apply_patch", "*** Begin all")],
            )
        },
    ),
}
HOSTS: dict[str, Case] = {
    "a search of the web": Case(
        {"input": ASK, "tools": [WEB, CITY_TOOL]}, heard=CALLED, reached={"tools": {"get_weather": CITY}},
        dropped={"any": HOSTED},
    ),
    "a search of the web alone": Case(
        {"tools": [{"type": "web_search_preview"}], "tool_choice": "auto"}, heard={"text": '"Hi"'},
        sent={"any": {"tools": ABSENT, "tool_choice": ABSENT}}, dropped={"any": "tools.web_search_preview"},
    ),
    "pictures": Case(
        {"input": ASK, "tools": [CITY_TOOL, {"type": "image_generation", "output_format": "png"}]},
        heard=CALLED, dropped={"any": "tools.image_generation"},
    ),
    "a search for tools by OpenAI": Case(
        {"input": ASK, "tools": [CITY_TOOL, {"type": "tool_search"}]},
        heard=CALLED, dropped={"hub": "tools.tool_search"},
    ),
    "a shell of OpenAI's": Case({"tools": [{"type": "local_shell"}]}, refused={"hub": "tools[0].type"}),
    "files at OpenAI": Case(
        {"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, refused={"hub": "tools[0].type"}
    ),
    "a server of MCP": Case(
        {"tools": [{"type": "mcp", "server_label": "a", "server_url": "https://a.example"}]},
        refused={"hub": "tools[0].type"},
    ),
    "a function without a name": Case({"tools": [{"type": "function"}]}, refused={"hub": "tools[0].name"}),
}  # fmt: skip


def table_for(column: str, table: dict[str, Case]) -> dict[str, Case]:
    """Those that have something to say on this column: what only the hub refuses is Copilot's to judge."""
    return {name: case for name, case in table.items() if not case.refused or column != "responses"}


@pytest.mark.parametrize("column", COLUMNS)
async def test_functions_are_offered_chosen_and_called(house: House, column: str) -> None:
    assert await failures(house, RESPONSES, column, table_for(column, TOOLS)) == {}


@pytest.mark.parametrize("column", COLUMNS)
async def test_custom_tools_are_offered_and_called_as_such(house: House, column: str) -> None:
    assert await failures(house, RESPONSES, column, table_for(column, CUSTOM)) == {}


@pytest.mark.parametrize("column", COLUMNS)
async def test_tools_that_run_at_openai_are_left_out_and_named_or_refused(house: House, column: str) -> None:
    assert await failures(house, RESPONSES, column, table_for(column, HOSTS)) == {}


@pytest.mark.parametrize("column", ["chat", "messages"])
async def test_a_custom_tool_is_a_function_of_one_text_where_there_are_none(house: House, column: str) -> None:
    await check(house, RESPONSES, column, CUSTOM["a custom tool"])

    parameters = reached(house).tools["apply_patch"]
    assert parameters["properties"].keys() == ONE_TEXT
    assert LARK["definition"] in parameters["properties"]["input"]["description"]


NAMESPACED = '[[call:files__read {"city": "Rome"}]][[call:files__write {"input": "x"}]]'


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("column", COLUMNS)
async def test_tools_of_a_namespace_are_called_and_called_again_by_their_own_names(
    house: House, column: str, stream: bool
) -> None:
    asked = RESPONSES.body(column, input=NAMESPACED, tools=[FILES], stream=stream)
    answer = await house.http.post(RESPONSES.path, json=asked)
    RESPONSES.hear(answer, stream=stream)
    response = rows.last(rows.parse(answer.text)) if stream else answer.json()
    read, write = rows.calls(response["output"])

    assert (read["type"], read["name"], read["namespace"]) == ("function_call", "read", "files")
    assert (write["type"], write["name"], write["namespace"]) == ("custom_tool_call", "write", "files")
    follow = [
        {"role": "user", "content": NAMESPACED},
        read,
        write,
        {"type": "function_call_output", "call_id": read["call_id"], "output": "yes"},
        {"type": "custom_tool_call_output", "call_id": write["call_id"], "output": "no"},
    ]
    again = await house.http.post(RESPONSES.path, json={**asked, "input": follow, "stream": False})
    assert RESPONSES.hear(again, stream=False).text.count("answered") == 2
    got = reached(house)
    assert [result for _, result in got.results] == ["yes", "no"]
    if column == "responses":
        assert got.body["tools"] == [FILES]
        assert [item["namespace"] for item in got.body["input"][1:3]] == ["files"] * 2
    else:
        assert [name for _, name, _ in got.calls] == ["files__read", "files__write"] == list(got.tools)


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_client_that_searches_for_tools_itself_is_asked_to(house: House, column: str) -> None:
    asked = RESPONSES.body(column, input='[[call:tool_search {"query": "files"}]]', tools=[SEARCH])
    answer = await house.http.post(RESPONSES.path, json=asked)
    [call] = [item for item in answer.json()["output"] if item["type"] == "tool_search_call"]

    assert call["execution"] == "client"
    assert call["arguments"] == {"query": "files"}
    found = {"type": "tool_search_output", "call_id": call["call_id"], "execution": "client", "tools": [FILES]}
    prompt = {"role": "user", "content": '[[call:files__read {"city": "Rome"}]]'}
    again = await house.http.post(RESPONSES.path, json={**asked, "input": [prompt, call, found, prompt]})
    assert again.status_code == 200, again.text
    [read] = rows.calls(again.json()["output"])
    assert (read["name"], read["namespace"]) == ("read", "files")


# Codex, by the name of the model

SHELL = tool("exec_command", description="Runs a command.", strict=False, parameters=CITY)
INSTRUCTED = {"instructions": "You are Codex."}
DEVELOPER = {
    "type": "message",
    "role": "developer",
    "id": "msg_01",
    "content": [{"type": "input_text", "text": "<permissions>"}],
}
PERSON = {
    "type": "message",
    "role": "user",
    "id": "msg_02",
    "content": [{"type": "input_text", "text": ASK.replace("weather", "exec of the weather")}],
}
CODEX = {
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199-cache",
    "client_metadata": {"x-codex-installation-id": "0199"},
    "text": {"verbosity": "low"},
}
CODICES: dict[str, dict[str, Any]] = {
    "an unknown name": {
        **INSTRUCTED,
        "input": [DEVELOPER, PERSON],
        "tools": [SHELL, {**FILES, "name": "mcp__files"}, {**WEB, "external_web_access": False}],
    },
    "gpt-5.5": {"input": [DEVELOPER, PERSON], "tools": [SHELL, PATCH, SEARCH, FILES, WEB]},
    "gpt-6": {
        "input": [
            {
                "type": "additional_tools",
                "role": "developer",
                "tools": [{"type": "namespace", "name": "shell", "description": "", "tools": [SHELL, PATCH]}],
            },
            DEVELOPER,
            PERSON,
        ]
    },
}


@pytest.mark.parametrize("kind", CODICES)
@pytest.mark.parametrize("column", COLUMNS)
async def test_codex_gets_its_calls_on_every_model(house: House, column: str, kind: str) -> None:
    asked = {**CODEX, **CODICES[kind]}
    offered = kind == "gpt-6"
    prompt = f'[[call:{"shell__exec_command" if offered else "exec_command"} {{"city": "Rome"}}]]'
    asked["input"] = [*asked["input"][:-1], {**PERSON, "content": [{"type": "input_text", "text": prompt}]}]
    answer = await house.http.post(RESPONSES.path, json=RESPONSES.body(column, **asked))

    assert answer.status_code == 200, answer.text
    heard = RESPONSES.hear(answer, stream=True)
    assert heard.called == ["exec_command"]
    [call] = rows.calls(rows.last(rows.parse(answer.text))["output"])
    assert call.get("namespace") == ("shell" if offered else None)
    got = reached(house)
    assert got.system == [*([INSTRUCTED["instructions"]] if "instructions" in asked else []), "<permissions>"]
    told = set((answer.headers.get("x-passenger-dropped") or "").split(", ")) - {""}
    assert ("tools.web_search" in told) == any(entry["type"] == "web_search" for entry in asked.get("tools", []))
    assert "client_metadata" in told
    assert not any(name.startswith("input") for name in told), told
    if column == "responses":
        assert [item for item in got.body["input"] if item["type"] == "additional_tools"] == [
            item for item in asked["input"] if item["type"] == "additional_tools"
        ]
        assert got.body.get("tools") == (
            [t for t in asked["tools"] if t["type"] != "web_search"] if "tools" in asked else None
        )
    elif offered:
        assert list(got.tools) == ["shell__exec_command", "shell__apply_patch"]
    else:
        assert list(got.tools)[:1] == ["exec_command"]
