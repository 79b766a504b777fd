"""A Responses client's request on its way to `/responses`: what is edited, and that all else stays."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.diagonals import responses as diagonal
from passenger_trio.translate.diagonals.passed import Passed
from passenger_trio.translate.fronts import seal
from passenger_trio.wire import envelope
from passenger_trio.wire.models import Capabilities, Limits, Model, Supports

THINKING = Supports(reasoning_effort=["low", "medium", "high"])


def model(supports: Supports | None = None, **limits: int) -> Model:
    return Model("gpt-x", capabilities=Capabilities(limits=Limits(**limits), supports=supports))


def send(body: dict[str, Any], to: Model | None = None) -> tuple[dict[str, Any], Passed]:
    asked = envelope.decode(json.dumps({"model": "any", "input": "Hello", **body}).encode())
    passed = diagonal.request(asked, to or model())
    return json.loads(passed.body), passed


def message(role: str, *parts: Any, **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts), **more}


def test_a_plain_request_passes_but_for_its_model_and_store() -> None:
    body = {
        "input": "Hello",
        "instructions": "Be brief.",
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "text": {"verbosity": "low"},
        "tools": [{"type": "custom", "name": "patch"}, {"type": "namespace", "name": "n", "tools": []}],
        "never_heard_of": {"a": [1, 2]},
    }
    sent, passed = send({**body, "store": True, "top_p": None})

    assert sent == {**body, "model": "gpt-x", "store": False}
    assert passed == Passed(passed.body, (), (), agent=False, vision=False)


@pytest.mark.parametrize("name", diagonal.DROPPED_FIELDS)
def test_a_field_without_a_place_is_left_out_and_named(name: str) -> None:
    sent, passed = send({name: "x"})

    assert name not in sent
    assert passed.dropped == (name,)


def test_ids_are_left_out_of_the_input_and_references_are_not() -> None:
    items = [
        message("user", {"type": "input_text", "text": "Hi"}, id="msg_1"),
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "blob", "content": None},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "tool_search_call", "id": "ts_1", "call_id": "call_2"},
        {"role": "user", "content": "Well?", "id": "x"},
    ]
    sent, _ = send({"input": items})

    assert sent["input"] == [
        {key: value for key, value in item.items() if key != "id" or item.get("type") == "tool_search_call"}
        for item in items
    ]


def test_reasoning_of_another_model_that_we_gave_the_client_is_left_out() -> None:
    sealed = {"type": "reasoning", "summary": [], "encrypted_content": seal.seal("opaque", "claude")}
    sent, passed = send({"input": [{"role": "user", "content": "Hi"}, sealed]})

    assert sent["input"] == [{"role": "user", "content": "Hi"}]
    assert passed.dropped == ("input.reasoning",)


@pytest.mark.parametrize(
    ("last", "agent"),
    [
        ({"role": "user", "content": "Hi"}, False),
        ({"role": "developer", "content": "Hi"}, False),
        ({"type": "additional_tools", "role": "developer", "tools": []}, False),
        ({"role": "assistant", "content": "Hi"}, True),
        ({"type": "function_call_output", "call_id": "a", "output": "ok"}, True),
        ({"type": "message", "content": "odd"}, False),
    ],
)
def test_the_last_item_tells_whose_turn_it_is(last: dict[str, Any], agent: bool) -> None:
    reminder = {"role": "developer", "content": "Be brief."}

    assert send({"input": [{"role": "user", "content": "Hi"}, last]})[1].agent is agent
    assert send({"input": [{"role": "user", "content": "Hi"}, last, reminder]})[1].agent is agent


def test_a_picture_is_told_of_wherever_it_is() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}

    assert send({"input": [message("user", picture)]})[1].vision
    assert send({"input": [{"type": "function_call_output", "call_id": "a", "output": [picture]}]})[1].vision
    assert not send({"input": [message("user", {"type": "input_text", "text": "input_image"})]})[1].vision


def test_tools_that_openai_runs_are_left_out_and_named() -> None:
    function = {"type": "function", "name": "f"}
    sent, passed = send({"tools": [{"type": "web_search"}, function, {"type": "image_generation"}]})

    assert sent["tools"] == [function]
    assert passed.dropped == ("tools.web_search", "tools.image_generation")


@pytest.mark.parametrize(
    ("choice", "named"),
    [
        ("auto", ()),
        ("none", ()),
        ("required", ("tool_choice",)),
        ({"type": "function", "name": "f"}, ("tool_choice",)),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}, ()),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "f"}]}, ("tool_choice",)),
    ],
)
def test_no_choice_is_left_where_no_tool_is(choice: Any, named: tuple[str, ...]) -> None:
    sent, passed = send({"tools": [{"type": "web_search_preview"}], "tool_choice": choice})

    assert not {"tools", "tool_choice"} & set(sent)
    assert set(passed.dropped) == {"tools.web_search_preview", *named}


@pytest.mark.parametrize("more", [{}, {"tools": [{"type": "web_search"}, {"type": "function", "name": "f"}]}])
def test_a_choice_of_a_tool_that_is_left_out_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refused:
        send({"tool_choice": {"type": "web_search"}, **more})

    assert (refused.value.param, refused.value.code) == ("tool_choice", "unsupported_parameter")


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_no_tool_is_allowed_that_is_left_out(mode: str) -> None:
    function, search = {"type": "function", "name": "f"}, {"type": "web_search"}
    choice = {"type": "allowed_tools", "mode": mode}
    tools = {"tools": [search, function]}
    some, told = send({**tools, "tool_choice": {**choice, "tools": [search, function]}})
    none, lost = send({**tools, "tool_choice": {**choice, "tools": [search]}})
    every, _ = send({**tools, "tool_choice": {**choice, "tools": [function]}})

    assert some["tool_choice"] == every["tool_choice"] == {**choice, "tools": [function]}
    assert told.dropped == ("tool_choice.web_search", "tools.web_search")
    assert none["tool_choice"] == "none"
    assert ("tool_choice" in lost.dropped) is (mode == "required")


@pytest.mark.parametrize(
    ("asked", "limits", "given"),
    [(100, {}, 100), (1, {}, 16), (9000, {"max_output_tokens": 4096}, 4096), (100, {"max_output_tokens": 4096}, 100)],
)
def test_the_limit_is_one_that_the_model_takes(asked: int, limits: dict[str, int], given: int) -> None:
    sent, passed = send({"max_output_tokens": asked}, model(**limits))

    assert sent["max_output_tokens"] == given
    assert passed.dropped == (() if asked == given else (f"max_output_tokens={asked}",))


@pytest.mark.parametrize(
    ("reasoning", "supports", "given", "dropped"),
    [
        ({"effort": "high", "summary": "auto"}, THINKING, {"effort": "high", "summary": "auto"}, ()),
        ({"effort": "minimal"}, THINKING, {"effort": "low"}, ("reasoning.effort=minimal",)),
        ({"effort": None, "context": "all"}, THINKING, {"effort": None, "context": "all"}, ()),
        ({"effort": "high"}, Supports(), None, ("reasoning",)),
        ({"effort": "high"}, None, {"effort": "high"}, ()),
    ],
)
def test_the_effort_is_one_that_the_model_lists(
    reasoning: dict[str, Any], supports: Supports | None, given: dict[str, Any] | None, dropped: tuple[str, ...]
) -> None:
    sent, passed = send({"reasoning": reasoning}, model(supports))

    assert sent.get("reasoning") == given
    assert passed.dropped == dropped


def test_what_cannot_be_read_is_refused_by_name() -> None:
    with pytest.raises(BadRequest) as refused:
        send({"input": [{"role": "user", "content": 7}]})

    assert refused.value.param == "input[0].content"
