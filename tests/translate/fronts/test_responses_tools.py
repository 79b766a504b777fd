"""A Responses client's tools as the hub's functions, and the choice among them."""

import re
from typing import Any

import pytest
from responses_client import MODEL, ask, dropped, hub_body

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fronts import responses as front
from passenger_trio.translate.fronts.responses_tools import REFUSED, Origin

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
F = {"type": "function", "name": "f", "description": "does f", "parameters": SCHEMA, "strict": True}
G = {"type": "function", "name": "g", "parameters": None, "strict": None}
PATCH = {"type": "custom", "name": "apply", "description": "patches", "format": {"type": "text"}}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": 'start: "a"'}
FILES = {"type": "namespace", "name": "files", "description": "Files.", "tools": [F, PATCH]}
SEARCH = {"type": "tool_search", "execution": "client", "description": "finds", "parameters": SCHEMA}


def functions(*tools: Any, **fields: Any) -> dict[str, dict[str, Any]]:
    """The hub's functions by name."""
    body = hub_body(ask(tools=list(tools), **fields))
    assert all(tool["type"] == "function" for tool in body.get("tools", ()))
    return {tool["function"]["name"]: tool["function"] for tool in body.get("tools", ())}


def origin(name: str, *tools: Any) -> Origin:
    return front.to_call(ask(tools=list(tools)), MODEL)[1].origin(name)


def refusal(**fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as refused:
        front.to_call(ask(**fields), MODEL)
    return refused.value


def test_a_function_stays_what_it_is() -> None:
    given = {name: value for name, value in F.items() if name != "type"}

    assert functions(F, G) == {"f": given, "g": {"name": "g"}}
    assert origin("f", F) == Origin("function", "f")
    assert dropped(ask(tools=[F, G])) == ()


def test_strict_is_said_only_where_the_client_said_it() -> None:
    assert "strict" not in functions({"type": "function", "name": "f", "parameters": SCHEMA})["f"]
    assert functions({**F, "strict": False})["f"]["strict"] is False


def test_a_function_without_a_name_is_refused_by_its_place() -> None:
    error = refusal(tools=[F, {"type": "function", "function": {"name": "f"}}])

    assert (error.param, error.code) == ("tools[1].name", "missing_required_parameter")


def test_a_tool_that_is_to_be_loaded_later_is_offered_now() -> None:
    deferred = {**F, "defer_loading": True, "allowed_callers": None}

    assert list(functions(deferred)) == ["f"]
    assert dropped(ask(tools=[deferred])) == ("tools.defer_loading",)


def test_a_custom_tool_is_a_function_of_one_text() -> None:
    found = functions(PATCH)["apply"]

    assert found["description"] == "patches"
    assert found["parameters"]["required"] == list(found["parameters"]["properties"]) == ["input"]
    assert found["parameters"]["properties"]["input"]["type"] == "string"
    assert origin("apply", PATCH) == Origin("custom", "apply")


def test_the_model_is_told_the_grammar_of_a_custom_tool() -> None:
    for form in (GRAMMAR, {**GRAMMAR, "syntax": None}):
        told = functions({**PATCH, "format": form})["apply"]["parameters"]["properties"]["input"]["description"]

        assert told.endswith('grammar:\n\nstart: "a"')
        assert ("lark" in told) == (form["syntax"] == "lark")


@pytest.mark.parametrize("form", [None, {"type": "text"}])
def test_a_custom_tool_without_a_grammar_takes_any_text(form: Any) -> None:
    text = functions({**PATCH, "format": form})["apply"]["parameters"]["properties"]["input"]

    assert "grammar" not in text["description"]


def test_a_grammar_that_cannot_be_read_is_refused_by_its_place() -> None:
    assert refusal(tools=[{**PATCH, "format": "lark"}]).param == "tools[0].format"


def test_a_namespace_becomes_functions_with_longer_names() -> None:
    found = functions(FILES, F)

    assert list(found) == ["files__f", "files__apply", "f"]
    assert found["files__f"]["parameters"] == SCHEMA
    assert origin("files__f", FILES, F) == Origin("function", "f", "files")
    assert origin("files__apply", FILES, F) == Origin("custom", "apply", "files")


def test_what_is_said_about_a_namespace_is_said_once() -> None:
    found = functions(FILES)

    assert found["files__f"]["description"] == "does f\n\nAbout all tools of `files`: Files."
    assert found["files__apply"]["description"] == "patches"
    assert functions({**FILES, "tools": [G]})["files__g"]["description"] == "About all tools of `files`: Files."
    assert functions({**FILES, "description": ""})["files__f"]["description"] == "does f"


def test_a_namespace_may_be_empty() -> None:
    assert functions({**FILES, "tools": None}) == {}


@pytest.mark.parametrize(
    "namespace, name, expected",
    [
        ("ns", "f", "ns__f"),
        ("mcp__git.hub", "find it", r"mcp__git_hub__find_it_[0-9a-f]{8}"),
        ("n" * 60, "t" * 60, r"n{55}_[0-9a-f]{8}"),
        ("n" * 31, "t" * 31, "n" * 31 + "__" + "t" * 31),
        ("ü", "f", r"___f_[0-9a-f]{8}"),
    ],
)
def test_a_name_fits_every_vendor(namespace: str, name: str, expected: str) -> None:
    tool = {"type": "namespace", "name": namespace, "tools": [{**F, "name": name}]}
    (found,) = functions(tool)

    assert re.fullmatch(expected, found)
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", found)
    assert origin(found, tool) == Origin("function", name, namespace)
    assert functions(tool).keys() == {found}, "the name changes from one request to the next"


def test_no_two_tools_have_one_name() -> None:
    colliding = {"type": "namespace", "name": "files", "tools": [F]}
    plain = {**G, "name": "files__f"}
    (second,) = set(functions(plain, colliding)) - {"files__f"}
    third = set(functions(plain, {**G, "name": second}, colliding)) - {"files__f", second}

    assert re.fullmatch("files__f_[0-9a-f]{8}", second)
    assert len(third) == 1, "a name that was made is taken by a tool of the client's"
    assert origin("files__f", plain, colliding) == Origin("function", "files__f")
    assert origin(second, plain, colliding) == Origin("function", "f", "files")


def test_a_tool_that_is_offered_twice_is_offered_once() -> None:
    assert functions(F, {**F, "description": "other"})["f"]["description"] == "does f"


def test_a_search_for_tools_that_the_client_does_is_a_function() -> None:
    assert functions(SEARCH) == {
        "tool_search": {"name": "tool_search", "description": "finds", "parameters": SCHEMA},
    }
    assert origin("tool_search", SEARCH) == Origin("tool_search", "tool_search")


@pytest.mark.parametrize("execution", ["server", None])
def test_a_search_for_tools_that_the_vendor_does_is_left_out(execution: Any) -> None:
    tools = [{**SEARCH, "execution": execution}, F]

    assert list(functions(*tools)) == ["f"]
    assert dropped(ask(tools=tools)) == ("tools.tool_search",)


def test_a_search_for_tools_stands_beside_a_function_of_its_name() -> None:
    found = functions({**F, "name": "tool_search"}, SEARCH)
    (search,) = set(found) - {"tool_search"}

    assert found["tool_search"]["description"] == "does f"
    assert origin(search, {**F, "name": "tool_search"}, SEARCH).kind == "tool_search"


@pytest.mark.parametrize("kind", ["web_search", "web_search_preview", "web_search_2030_01_31", "image_generation"])
def test_a_tool_that_agents_can_live_without_is_left_out(kind: str) -> None:
    tools = [F, {"type": kind, "external_web_access": True}]

    assert list(functions(*tools)) == ["f"]
    assert dropped(ask(tools=tools)) == (f"tools.{kind}",)


@pytest.mark.parametrize("kind", [*sorted(REFUSED), "telepathy", None])
def test_a_tool_that_would_be_missed_is_refused_by_its_place(kind: Any) -> None:
    error = refusal(tools=[F, {"type": kind, "name": "x"}])

    assert (error.param, error.code) == ("tools[1].type", "unsupported_parameter")
    assert str(kind or "") in error.message


@pytest.mark.parametrize("kind", ["namespace", "tool_search", "mcp"])
def test_a_tool_that_belongs_into_no_namespace_is_refused_by_its_place(kind: str) -> None:
    nested = {"type": kind, "name": "x", "execution": "client"}

    assert refusal(tools=[{**FILES, "tools": [F, nested]}]).param == "tools[0].tools[1].type"


@pytest.mark.parametrize("tool", [5, {"type": 5}, {"type": "function", "name": ["f"]}])
def test_a_tool_that_cannot_be_read_is_refused_by_its_place(tool: Any) -> None:
    param = refusal(tools=[tool]).param

    assert param is not None
    assert param.startswith("tools[0]")


def test_tools_among_the_input_are_offered_too() -> None:
    items = [
        {"type": "additional_tools", "role": "developer", "tools": [FILES]},
        {"type": "additional_tools", "role": "developer", "tools": None},
        {"role": "user", "content": "x"},
    ]
    call, tools = front.to_call(ask(*items), MODEL)

    assert call.dropped == ()
    assert [message.role for message in call.request.messages] == ["user"]
    assert tools.origin("files__apply") == Origin("custom", "apply", "files")


def test_a_tool_among_the_input_is_refused_by_its_place() -> None:
    items = [{"role": "user", "content": "x"}, {"type": "additional_tools", "tools": [F, {"type": "mcp"}]}]

    assert refusal(input=items).param == "input[1].tools[1].type"


# The choice


def choice(given: Any, *tools: Any, **fields: Any) -> tuple[Any, list[str]]:
    """The hub's choice, and the functions on offer."""
    body = hub_body(ask(tools=list(tools), tool_choice=given, **fields))
    return body.get("tool_choice"), [tool["function"]["name"] for tool in body.get("tools", ())]


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(
    "given, expected",
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        (None, None),
        ({"type": "function", "name": "f"}, named("f")),
        ({"type": "function", "name": "f", "namespace": "files"}, named("files__f")),
        ({"type": "custom", "name": "apply"}, named("files__apply")),
        ({"type": "tool_search"}, named("tool_search")),
    ],
)
def test_a_choice_is_said_in_the_hubs_words(given: Any, expected: Any) -> None:
    assert choice(given, F, FILES, SEARCH) == (expected, ["f", "files__f", "files__apply", "tool_search"])


def test_parallel_calls_are_a_matter_of_tools() -> None:
    assert hub_body(ask(tools=[F], parallel_tool_calls=False))["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in hub_body(ask(parallel_tool_calls=False))


@pytest.mark.parametrize(
    "entries, mode, expected",
    [
        ([{"type": "function", "name": "g"}], "auto", ("auto", ["g"])),
        ([{"type": "namespace", "name": "files"}], "required", ("required", ["files__f", "files__apply"])),
        ([{"type": "custom", "name": "apply"}, {"type": "web_search"}], None, ("auto", ["files__apply"])),
        ([{"type": "web_search"}], "auto", (None, [])),
        (None, "auto", (None, [])),
    ],
)
def test_only_allowed_tools_are_offered(entries: Any, mode: Any, expected: Any) -> None:
    assert choice({"type": "allowed_tools", "mode": mode, "tools": entries}, F, G, FILES) == expected


@pytest.mark.parametrize(
    "given",
    [
        "any",
        {"type": "allowed_tools", "mode": "perhaps", "tools": []},
        {"type": "function", "name": "unheard"},
        {"type": "function"},
        {"type": "web_search_preview"},
        {"type": "tool_search"},
        {"type": "namespace", "name": "files"},
        {"type": "mcp", "server_label": "x"},
        {"type": "apply_patch"},
        {},
        5,
    ],
)
def test_a_choice_that_cannot_be_met_is_refused(given: Any) -> None:
    assert refusal(tools=[F, FILES], tool_choice=given).param == "tool_choice"


@pytest.mark.parametrize("given, lost", [("required", ("tool_choice",)), ("none", ()), ("auto", ())])
def test_there_is_no_choice_among_no_tools(given: str, lost: tuple[str, ...]) -> None:
    asked = ask(tools=[], tool_choice=given, parallel_tool_calls=True)

    assert hub_body(asked).keys() == {"model", "messages", "stream"}
    assert dropped(asked) == lost
