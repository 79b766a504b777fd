"""The fields of a Messages request, all but the conversation: test_messages_requests.py."""

import json
from typing import Any

import pytest
from messages_front import MODEL, asked, call, sent

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fronts import messages as front, messages_fields
from passenger_trio.wire.models import Capabilities, Model, Supports

# the request fields of the vendor's package, betas among them, and those that older versions had
VENDOR_FIELDS = {
    "model", "messages", "system", "stream", "max_tokens", "stop_sequences", "tools", "tool_choice", "thinking",
    "output_config", "metadata", "service_tier", "cache_control", "container", "diagnostics", "inference_geo", "speed",
    "user_profile_id", "workspace_id", "betas", "billing_policy", "compaction", "context_management",
    "fallback_credit_token", "fallbacks", "mcp_servers", "thread",
    "temperature", "top_p", "top_k", "output_format",
}  # fmt: skip


def test_every_field_of_the_vendor_is_read_dropped_or_refused() -> None:
    tables = [front.READ, front.DROPPED_FIELDS.keys(), front.REFUSED_FIELDS.keys()]

    assert set().union(*tables) == VENDOR_FIELDS
    assert sum(map(len, tables)) == len(VENDOR_FIELDS)


def test_limits_and_sampling_are_passed_as_they_came() -> None:
    assert sent(max_tokens=64000, temperature=0.5, top_p=1, stop_sequences=["\n\nHuman:"]) == {
        "max_tokens": 64000,
        "temperature": 0.5,
        "top_p": 1,
        "stop": ["\n\nHuman:"],
    }
    assert bytes(call(temperature=1.0).envelope["temperature"]) == b"1.0"


def test_an_explicit_null_means_absent_and_an_empty_list_asks_for_nothing() -> None:
    fields = dict.fromkeys(VENDOR_FIELDS - {"model", "messages"})

    assert sent(**fields) == {}
    assert call(**fields).dropped == ()
    assert sent(stop_sequences=[], tools=[], mcp_servers=[]) == {}


@pytest.mark.parametrize("name", [*front.DROPPED_FIELDS, "unheard_of"])
def test_what_has_no_place_is_named(name: str) -> None:
    found = call(**{name: {"a": 1}})

    assert found.dropped == (name,)
    assert name not in found.envelope


@pytest.mark.parametrize("name", front.REFUSED_FIELDS)
def test_what_a_client_would_miss_is_refused_by_name(name: str) -> None:
    with pytest.raises(BadRequest, match=f"`{name}` cannot be served") as caught:
        call(**{name: {"a": 1}})

    assert caught.value.param == name


def test_a_tool_becomes_a_function() -> None:
    schema = {"$schema": "s", "type": "object", "properties": {"x": {"type": ["string", "null"]}}}
    tools = [
        {"name": "f", "description": "d", "input_schema": schema, "strict": True},
        {"type": "custom", "name": "g", "input_schema": {}, "strict": None},
        {"type": None, "name": "h", "strict": False},
    ]

    assert sent(tools=tools) == {
        "tools": [
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": schema, "strict": True},
            },
            {"type": "function", "function": {"name": "g", "parameters": {}}},
            {"type": "function", "function": {"name": "h", "strict": False}},
        ]
    }
    assert call(tools=tools).dropped == ()


def test_what_tools_say_beyond_that_is_named_once() -> None:
    more = {
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
        "defer_loading": True,
        "eager_input_streaming": None,
        "input_examples": [{}],
        "allowed_callers": ["direct"],
    }

    found = call(tools=[{"name": "f", **more}, {"name": "g", **more}], cache_control={"type": "ephemeral"})

    assert found.dropped == ("cache_control", "tools.defer_loading", "tools.input_examples", "tools.allowed_callers")


@pytest.mark.parametrize("kind", [f"{kind}_20991231" for kind in messages_fields.DROPPED_TOOLS])
def test_a_tool_that_anthropic_runs_is_left_out_and_named(kind: str) -> None:
    found = call(tools=[{"type": kind, "name": "x"}, {"name": "f"}], tool_choice={"type": "any"})

    assert json.loads(bytes(found.envelope["tools"])) == [{"type": "function", "function": {"name": "f"}}]
    assert bytes(found.envelope["tool_choice"]) == b'"required"'
    assert found.dropped == (f"tools.{kind}",)


@pytest.mark.parametrize("kind", [*(f"{kind}_20991231" for kind in messages_fields.REFUSED_TOOLS), "unheard_of"])
def test_a_tool_that_only_claude_knows_is_refused(kind: str) -> None:
    with pytest.raises(BadRequest, match="send it as a custom tool") as caught:
        call(tools=[{"name": "f"}, {"type": kind, "name": "x"}])

    assert caught.value.param == "tools[1]"


@pytest.mark.parametrize(
    "fields, param",
    [
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tools": [{"name": 5}]}, "tools[0].name"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"name": "f"}], "tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tools": [{"name": "f"}], "tool_choice": "auto"}, "tool_choice"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"thinking": {}}, "thinking"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
        ({"output_config": {"effort": 5}}, "output_config.effort"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(fields: Any, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        call(**fields)

    assert caught.value.param == param


@pytest.mark.parametrize(
    "choice, expected",
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ({"type": "tool"}, {"tool_choice": {"type": "function", "function": {"name": ""}}}),
        ({"type": "any", "disable_parallel_tool_use": False}, {"tool_choice": "required"}),
        (
            {"type": "auto", "disable_parallel_tool_use": True},
            {"tool_choice": "auto", "parallel_tool_calls": False},
        ),
    ],
)
def test_the_choice_among_tools(choice: Any, expected: Any) -> None:
    found = sent(tools=[{"name": "f"}], tool_choice=choice)

    assert found.pop("tools")
    assert found == expected


@pytest.mark.parametrize(
    "choice, dropped",
    [("auto", ()), ("none", ()), ("any", ("tool_choice",)), ("tool", ("tool_choice",))],
)
def test_a_choice_without_tools_is_left_out(choice: str, dropped: tuple[str, ...]) -> None:
    found = call(tool_choice={"type": choice, "name": "f"})

    assert "tool_choice" not in found.envelope
    assert found.dropped == dropped


@pytest.mark.parametrize(
    "tools, choice",
    [
        ([], {"type": "tool", "name": "web_search"}),
        ([], {"type": "any"}),
        ([{"name": "f"}], {"type": "tool", "name": "web_search"}),
    ],
)
def test_a_tool_of_anthropics_cannot_be_forced(tools: Any, choice: Any) -> None:
    search = {"type": "web_search_20250305", "name": "web_search"}

    with pytest.raises(BadRequest, match="forces a tool that Anthropic runs") as caught:
        call(tools=[*tools, search], tool_choice=choice)

    assert caught.value.param == "tool_choice"


@pytest.mark.parametrize(
    "budget, effort",
    [
        (-1, "medium"),
        (0, "medium"),
        (None, "medium"),
        (1024, "low"),
        (4000, "low"),
        (4096, "low"),
        (10000, "medium"),
        (15999, "medium"),
        (16000, "high"),
        (31999, "high"),
        (1e9, "high"),
    ],
)
def test_a_budget_of_thinking_becomes_an_effort(budget: float | None, effort: str) -> None:
    assert sent(thinking={"type": "enabled", "budget_tokens": budget}) == {"reasoning_effort": effort}


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({"thinking": {"type": "adaptive"}}, {}),
        ({"thinking": {"type": "disabled"}}, {}),
        ({"thinking": {"type": "between_tools"}}, {}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, {"reasoning_effort": "max"}),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, {"reasoning_effort": "low"}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}, "output_config": {"effort": "high"}},
            {"reasoning_effort": "high"},
        ),
        ({"output_config": {"effort": None, "format": None}}, {}),
    ],
)
def test_an_effort_that_is_named_says_more_than_a_budget(fields: Any, expected: Any) -> None:
    assert sent(**fields) == expected
    assert call(**fields).dropped == ()


EFFORTS = Supports(reasoning_effort=["low", "medium", "high"])
QUIET = Supports(reasoning_effort=["none", "low"])
BUDGET = Supports(max_thinking_budget=32000)


def thought(supports: Supports | None, vendor: str = "", **fields: Any) -> tuple[Any, tuple[str, ...]]:
    """The effort that is asked of a model, and what is named."""
    model = Model(MODEL, vendor=vendor, capabilities=Capabilities(supports=supports))
    call, _ = front.to_call(asked(**fields), model)
    return json.loads(bytes(call.envelope.get("reasoning_effort", b"null"))), call.dropped


@pytest.mark.parametrize(
    "supports, vendor, effort, dropped",
    [
        (QUIET, "OpenAI", "none", ()),
        (EFFORTS, "OpenAI", None, ("thinking.type=disabled",)),
        (BUDGET, "Google", None, ("thinking.type=disabled",)),
        (BUDGET, "Anthropic", None, ()),
        (Supports(), "OpenAI", None, ()),
        (None, "", None, ()),
    ],
)
def test_no_thinking_is_asked_for_where_it_can_be_and_named_where_a_model_thinks_all_the_same(
    supports: Supports | None, vendor: str, effort: str | None, dropped: tuple[str, ...]
) -> None:
    assert thought(supports, vendor, thinking={"type": "disabled"}) == (effort, dropped)


def test_that_there_is_to_be_no_thinking_says_more_than_an_effort() -> None:
    fields: dict[str, Any] = {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}

    assert thought(QUIET, **fields) == ("none", ("output_config.effort=low",))
    assert thought(EFFORTS, **fields) == ("low", ("thinking.type=disabled",))
    assert thought(QUIET, thinking={"type": "disabled"}, output_config={}) == ("none", ())


@pytest.mark.parametrize("kind", ["adaptive", "between_tools", "enabled"])
def test_a_model_that_thinks_by_a_budget_is_asked_for_what_anthropics_are_without_one(kind: str) -> None:
    assert thought(BUDGET, thinking={"type": kind}) == ("high", ())
    assert thought(BUDGET, thinking={"type": kind}, output_config={"effort": "low"}) == ("low", ())
    assert thought(EFFORTS, thinking={"type": kind}) == ("medium" if kind == "enabled" else None, ())


@pytest.mark.parametrize(
    "fields, dropped",
    [
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, ("thinking.display",)),
        ({"thinking": {"type": "enabled", "block_binding": {}}}, ("thinking.block_binding",)),
        ({"thinking": {"type": "unheard_of"}}, ("thinking",)),
        ({"output_config": {"task_budget": {}}}, ("output_config.task_budget",)),
        ({"tools": [{"name": "f"}], "tool_choice": {"type": "auto", "more": 1}}, ("tool_choice.more",)),
    ],
)
def test_what_objects_say_beyond_what_is_known_is_named(fields: Any, dropped: tuple[str, ...]) -> None:
    assert call(**fields).dropped == dropped


@pytest.mark.parametrize("field", ["output_config", "output_format"])
def test_a_schema_for_the_answer(field: str) -> None:
    form = {"type": "json_schema", "schema": {"type": "object", "properties": {"x": {}}}}

    assert sent(**{field: {"format": form} if field == "output_config" else form}) == {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "response", "schema": {"type": "object", "properties": {"x": {}}}},
        }
    }


def test_the_newer_form_of_a_schema_wins() -> None:
    def form(name: str) -> dict[str, Any]:
        return {"type": "json_schema", "schema": {"title": name}}

    found = sent(output_config={"format": form("new")}, output_format=form("old"))

    assert found["response_format"]["json_schema"]["schema"] == {"title": "new"}


def test_a_request_without_max_tokens_is_served() -> None:
    assert "max_tokens" not in asked().envelope
    assert sent() == {}
