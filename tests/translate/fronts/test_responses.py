"""The fields of a Responses request: what is said in the hub, what is met, left out and refused."""

import json
from typing import Any

import pytest
from responses_client import MODEL, ask, dropped, hub_body

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fronts import responses as front

# the request as OpenAI defines it (openai 3.54), and what Codex adds
VENDOR_FIELDS = {
    "access_programs", "background", "background_options", "context_management", "conversation", "image", "include",
    "input", "instructions", "max_output_tokens", "max_tool_calls", "metadata", "model", "moderation",
    "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "stream", "stream_options",
    "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
}  # fmt: skip
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}


def said(**fields: Any) -> dict[str, Any]:
    """What reaches the hub beyond model, messages and stream."""
    body = hub_body(ask(**fields))
    return {name: value for name, value in body.items() if name not in {"model", "messages", "stream"}}


def refusal(**fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as refused:
        front.to_call(ask(**fields), MODEL)
    return refused.value


def test_every_field_of_the_vendor_is_read_dropped_or_refused() -> None:
    tables = (front.READ, front.DROPPED_FIELDS.keys(), front.REFUSED_FIELDS.keys())

    assert set().union(*tables) == VENDOR_FIELDS | {"client_metadata"}
    assert sum(map(len, tables)) == len(VENDOR_FIELDS) + 1


def test_the_shortest_request_says_nothing_that_was_not_asked() -> None:
    assert hub_body(ask()) == {"model": "claude", "messages": [{"role": "user", "content": "x"}], "stream": False}
    assert dropped(ask()) == ()


def test_a_request_knows_its_model_and_whether_it_streams() -> None:
    asked = ask(stream=True)
    call, _ = front.to_call(asked, MODEL)

    assert (asked.model, asked.stream) == ("claude", True)
    assert (call.model, call.stream) == ("claude", True)
    assert not ask(stream=None).stream


@pytest.mark.parametrize(
    "body, param, part",
    [
        (b"", None, "no body"),
        (b"{", None, "not a JSON object"),
        (b'{"input":"x"}', "model", "`model` is missing"),
        (b'{"model":"","input":"x"}', "model", "`model`"),
        (b'{"model":"m"}', "input", "`input` is missing"),
        (b'{"model":"m","input":null}', "input", "`input` is missing"),
        (b'{"model":"m","input":5}', "input", "`input`"),
        (b'{"model":"m","input":"x","stream":"yes"}', "stream", "`stream`"),
        (b'{"model":"m","input":"x","max_output_tokens":0}', "max_output_tokens", "`max_output_tokens`"),
        (b'{"model":"m","input":"x","include":[1]}', "include[0]", "`include[0]`"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_by_its_field(body: bytes, param: str | None, part: str) -> None:
    with pytest.raises(BadRequest) as refused:
        front.read(body)

    assert refused.value.param == param
    assert part in refused.value.message


@pytest.mark.parametrize(
    "field, value, code",
    [
        ("previous_response_id", "resp_1", "previous_response_not_found"),
        ("conversation", "conv_1", "unsupported_parameter"),
        ("conversation", {"id": "conv_1"}, "unsupported_parameter"),
        ("prompt", {"id": "pmpt_1"}, "unsupported_parameter"),
        ("background", True, "unsupported_parameter"),
    ],
)
def test_what_is_kept_at_the_vendor_is_refused_before_anything_else(field: str, value: Any, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        front.read(json.dumps({"model": "m", field: value}).encode())

    assert (refused.value.param, refused.value.code) == (field, code)
    assert f"`{field}`" in refused.value.message


def test_a_client_without_a_stored_answer_is_told_to_send_the_whole_conversation() -> None:
    with pytest.raises(BadRequest, match="whole conversation in `input`"):
        ask(previous_response_id="resp_1")


def test_explicit_nulls_are_fields_that_are_not_there() -> None:
    nulls = dict.fromkeys(VENDOR_FIELDS - {"model", "input"})

    assert said(**nulls) == {}
    assert dropped(ask(**nulls)) == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"background": False},
        {"store": True},
        {"store": False},
        {"truncation": "disabled"},
        {"include": []},
        {"include": ["reasoning.encrypted_content"]},
        {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True},
        {"text": {"format": {"type": "text"}}},
        {"reasoning": {"summary": "auto", "context": "auto", "mode": "standard"}},
    ],
)
def test_what_happens_anyway_is_neither_said_nor_named(fields: dict[str, Any]) -> None:
    assert said(**fields) == {}
    assert dropped(ask(**fields)) == ()


@pytest.mark.parametrize("name", front.PASSED)
def test_what_the_hub_has_by_the_same_name_is_passed_as_it_came(name: str) -> None:
    body = b'{"model":"m","input":"x","' + name.encode() + b'":{"z": 1e5, "a":"\\u2028"}}'
    if name in {"temperature", "top_p"}:
        body = b'{"model":"m","input":"x","' + name.encode() + b'": 0.50}'
    call, _ = front.to_call(front.read(body), MODEL)

    assert bytes(call.envelope[name]) in {b'{"z": 1e5, "a":"\\u2028"}', b"0.50"}
    assert call.dropped == ()


@pytest.mark.parametrize("name", sorted(front.DROPPED_FIELDS))
def test_what_is_left_out_is_named(name: str) -> None:
    assert said(**{name: 1}) == {}
    assert dropped(ask(**{name: 1})) == (name,)


def test_an_unknown_field_is_named_and_no_error() -> None:
    assert dropped(ask(surprise={"a": 1}, other=None)) == ("surprise",)


@pytest.mark.parametrize(
    "fields, hub, lost",
    [
        ({"max_output_tokens": 9}, {"max_completion_tokens": 9}, ()),
        ({"reasoning": {"effort": "minimal", "summary": "auto"}}, {"reasoning_effort": "minimal"}, ()),
        ({"reasoning": {"effort": None, "generate_summary": "concise"}}, {}, ()),
        ({"reasoning": {"context": "all_turns", "mode": "pro"}}, {}, ("reasoning.context", "reasoning.mode")),
        ({"reasoning": {"budget": 3}}, {}, ("reasoning.budget",)),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}, ()),
        ({"text": {"verbosity": None, "voice": "deep"}}, {}, ("text.voice",)),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}, ()),
        ({"include": ["reasoning.encrypted_content", "a.b"]}, {}, ("include=a.b",)),
        ({"truncation": "auto"}, {}, ("truncation=auto",)),
    ],
)
def test_a_field_is_said_in_the_hubs_words(fields: dict[str, Any], hub: dict[str, Any], lost: tuple[str, ...]) -> None:
    assert said(**fields) == hub
    assert dropped(ask(**fields)) == lost


def test_a_schema_moves_into_its_place_in_the_hub() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}
    form = {"type": "json_schema", "name": "n", "schema": schema, "strict": True, "description": None}

    assert said(text={"format": form}) == {
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    }


@pytest.mark.parametrize(
    "form, param",
    [({"type": "grammar"}, "text.format.type"), ({}, "text.format.type"), ("json", "text.format")],
)
def test_a_form_of_the_answer_that_nobody_knows_is_refused(form: Any, param: str) -> None:
    assert refusal(text={"format": form}).param == param


def test_instructions_come_first() -> None:
    body = hub_body(ask({"role": "developer", "content": "b"}, instructions="a"))

    assert [message["content"] for message in body["messages"]] == ["a", "b"]
    assert body["messages"][0]["role"] == "system"
    assert len(hub_body(ask(instructions=""))["messages"]) == 1


def test_an_input_of_nothing_is_refused() -> None:
    with pytest.raises(BadRequest) as refused:
        front.to_call(ask(input=[]), MODEL)

    assert (refused.value.param, refused.value.code) == ("input", "empty_array")


def test_instructions_alone_are_a_conversation() -> None:
    assert hub_body(ask(input=[], instructions="a"))["messages"] == [{"role": "system", "content": "a"}]


def test_the_names_of_all_that_is_left_out_come_together() -> None:
    asked = ask(
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"role": "user", "content": "x"},
        tools=[{"type": "web_search"}, FUNCTION],
        truncation="auto",
        max_tool_calls=3,
    )

    assert dropped(asked) == ("max_tool_calls", "truncation=auto", "tools.web_search", "input.web_search_call")
