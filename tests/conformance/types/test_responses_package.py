"""The Responses front against the ``openai`` package: fields, items, tools, events, answers, and its accumulator."""

import json
import typing
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types import responses
from openai.types.responses import response_create_params, response_input_item_param, tool_param
from responses_client import (
    MODEL,
    ask,
    begins,
    delta,
    goes_on,
    hub_body,
    hub_call,
    hub_reply,
    literals,
    parse,
    play,
    usage,
    whole,
)

from passenger_trio.errors import UpstreamBroke, UpstreamRefused
from passenger_trio.translate.fronts import responses as front
from passenger_trio.translate.fronts.responses_input import DROPPED_ITEMS, REFUSED_ITEMS
from passenger_trio.translate.fronts.responses_tools import LEFT_OUT, REFUSED
from passenger_trio.wire.chat import HubChunk

F = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False}
PATCH = {"type": "custom", "name": "apply", "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "a"'}}
FILES = {"type": "namespace", "name": "files", "description": "Files.", "tools": [F]}
SEARCH = {"type": "tool_search", "execution": "client", "description": "finds", "parameters": {}}
WEB = {"type": "web_search", "external_web_access": True}
ASKED = ask(
    tools=[F, PATCH, FILES, SEARCH, WEB],
    tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "namespace", "name": "files"}]},
    reasoning={"effort": "high", "summary": "auto"},
    text={"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {}}},
    metadata={"a": "b"},
    instructions="be brief",
    temperature=1,
    stream=True,
)
CHUNKS: dict[str, list[HubChunk]] = {
    "text": [delta(role="assistant", content=""), delta(content="a"), delta(content="b"), delta("stop"), usage()],
    "reasoning": [
        *(delta(reasoning_content="h"), delta(reasoning_content="m"), delta(reasoning_opaque="s")),
        *(delta(content="a"), delta("stop"), usage(reasoning_tokens=3)),
    ],
    "refusal": [delta(content="Well."), delta(refusal="I won't."), delta("content_filter")],
    "cut": [delta(content="a"), delta("length"), usage()],
    "calls": [
        *(
            delta(reasoning_opaque="s"),
            begins(0, "f"),
            goes_on(0, '{"a"'),
            goes_on(0, ":1}"),
            begins(1, "files__f", "{}"),
        ),
        *(begins(2, "apply", '{"input":"p"}'), begins(3, "tool_search", '{"query":"q"}')),
        *(delta("tool_calls"), usage()),
    ],
    "side by side": [begins(0, "f"), begins(1, "f"), goes_on(1, "{}"), goes_on(0, "{}"), delta("tool_calls")],
    "empty": [delta("stop")],
}
WHOLE = {
    "reasoning_content": "hm",
    "reasoning_opaque": "s",
    "content": "a",
    "refusal": "b",
    "tool_calls": [
        hub_call("c1", "f", "{}"),
        hub_call("c2", "files__f", '{"a": 1}'),
        hub_call("c3", "apply", '{"input": "p"}'),
        hub_call("c4", "tool_search", '{"query": "q"}'),
    ],
}


@pytest.fixture(scope="module", params=sorted(CHUNKS))
def chunks(request: pytest.FixtureRequest) -> list[HubChunk]:
    return CHUNKS[request.param]


@pytest.fixture(scope="module")
def event_of() -> Callable[[dict[str, Any]], Any]:
    """Reads an event strictly: a field that is missing or of another kind is an error, unlike in the package itself."""
    by_type: dict[str, Any] = {}
    union = responses.ResponseStreamEvent.__args__[0]
    for kind in union.__args__:
        (name,) = kind.model_fields["type"].annotation.__args__
        by_type[name] = kind
    return lambda event: by_type[event["type"]].model_validate(event)


def written(model: Any) -> Any:
    """``model`` as JSON, as far as it was set."""
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


def test_every_event_is_one_of_the_packages(chunks: list[HubChunk], event_of: Callable[..., Any]) -> None:
    for event in parse(play(*chunks, asked=ASKED)):
        assert written(event_of(event)) == event


@pytest.mark.parametrize("error", [UpstreamBroke("It broke."), UpstreamRefused(429, "Slow down.")])
def test_every_event_of_a_broken_stream_is_one_of_the_packages(error: Any, event_of: Callable[..., Any]) -> None:
    events = parse(play(*CHUNKS["calls"][:4], asked=ASKED, error=error))

    assert [event["type"] for event in events[-2:]] == ["response.failed", "error"]
    for event in events:
        assert event_of(event).type == event["type"]


def test_a_whole_answer_is_one_of_the_packages() -> None:
    found = whole(hub_reply("tool_calls", json.loads(usage().data)["usage"], **WHOLE), ASKED)

    assert written(responses.Response.model_validate(found)) == found


def accumulate(data: bytes, event_of: Callable[..., Any]) -> Any:
    """What the package's own reader of streams ends up with."""
    state = ResponseStreamState(input_tools=[], text_format=omit)
    snapshot = None
    for event in parse(data):
        state.handle_event(event_of(event))
        snapshot = state._completed_response or getattr(event_of(event), "response", snapshot)
    return snapshot


def test_the_package_accumulates_the_whole_answer(event_of: Callable[..., Any]) -> None:
    stream = [
        delta(reasoning_content="hm", reasoning_opaque="s"),
        delta(content="a"),
        delta(refusal="b"),
        *(begins(at, call["function"]["name"], call_id=call["id"]) for at, call in enumerate(WHOLE["tool_calls"][:1])),
        goes_on(0, "{}"),
        *(
            begins(at, call["function"]["name"], call["function"]["arguments"], call["id"])
            for at, call in enumerate(WHOLE["tool_calls"])
            if at
        ),
        delta("tool_calls"),
        usage(),
    ]
    found = accumulate(play(*stream, asked=ASKED), event_of)
    expected = whole(hub_reply("tool_calls", json.loads(usage().data)["usage"], **WHOLE), ASKED)

    heard = found.to_dict(mode="json")
    for item in heard["output"]:
        item.pop("parsed_arguments", None)
        for part in item.get("content", ()):
            part.pop("parsed", None)
    assert heard == expected


def test_the_packages_helper_reads_every_stream(chunks: list[HubChunk], event_of: Callable[..., Any]) -> None:
    data = play(*chunks, asked=ASKED)
    last = parse(data)[-1]["response"]

    assert accumulate(data, event_of).output_text == "".join(
        part["text"] for item in last["output"] for part in item.get("content", ()) if part["type"] == "output_text"
    )


@given(text=st.text(max_size=20), reasoning=st.text(max_size=20))
@settings(max_examples=20, deadline=None)
def test_what_the_package_sends_back_is_what_the_model_said(text: str, reasoning: str) -> None:
    message = {
        "content": text,
        "reasoning_content": reasoning,
        "reasoning_opaque": "s",
        "tool_calls": WHOLE["tool_calls"],
    }
    answer = responses.Response.model_validate(whole(hub_reply("tool_calls", **message), ASKED))
    items = [item.model_dump(mode="json") for item in answer.output]  # every null of the package's with it
    outputs = [
        {"type": "function_call_output", "call_id": call["id"], "output": [{"type": "input_text", "text": "ok"}]}
        for call in WHOLE["tool_calls"]
    ]
    asked = ask({"role": "user", "content": "x"}, *items, *outputs, tools=[F, PATCH, FILES, SEARCH])
    _, said, *results = hub_body(asked)["messages"]

    assert (said["content"] or "") == text
    assert said.get("reasoning_content", "") == reasoning
    assert said["reasoning_opaque"] == "s"
    assert [call["function"]["name"] for call in said["tool_calls"]] == ["f", "files__f", "apply", "tool_search"]
    assert [result["content"] for result in results] == ["ok"] * 4
    assert MODEL not in json.dumps(hub_body(asked))


def test_every_field_of_the_package_stands_in_a_table() -> None:
    kinds = (
        response_create_params.ResponseCreateParamsBase,
        response_create_params.ResponseCreateParamsNonStreaming,
        response_create_params.ResponseCreateParamsStreaming,
    )
    tables = front.READ | front.DROPPED_FIELDS.keys() | front.REFUSED_FIELDS.keys()

    assert {name for kind in kinds for name in kind.__annotations__} == tables - {"client_metadata"}  # Codex's own


def test_every_item_of_the_package_is_known() -> None:
    union = typing.get_args(response_input_item_param.ResponseInputItemParam)
    kinds = {kind for item in union for kind in literals(typing.get_type_hints(item)["type"])}
    read = {"message", "reasoning", "function_call", "function_call_output", "custom_tool_call"}
    read |= {"custom_tool_call_output", "tool_search_call", "tool_search_output", "additional_tools"}

    assert read <= kinds
    assert kinds <= read | DROPPED_ITEMS.keys() | REFUSED_ITEMS.keys()


def test_every_tool_of_the_package_is_known() -> None:
    tools = typing.get_args(tool_param.ToolParam)
    kinds = {kind for tool in tools for kind in literals(typing.get_type_hints(tool)["type"])}

    assert {"function", "custom", "namespace", "tool_search"} <= kinds
    hosted = {kind for kind in kinds if kind.startswith(tuple(LEFT_OUT))}
    assert kinds - hosted <= {"function", "custom", "namespace"} | REFUSED.keys()
