"""The input of a Responses request as the hub's messages."""

import json
from typing import Any

import pytest
from responses_client import MODEL, ask, dropped, messages

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fronts import responses as front
from passenger_trio.translate.fronts.responses_input import DROPPED_ITEMS, REFUSED_ITEMS
from passenger_trio.translate.fronts.seal import seal

PNG = "data:image/png;base64,iVBORw0KGgo="
USER = {"role": "user", "content": "x"}
F = {"type": "function", "name": "f", "parameters": {}}


def refusal(*items: Any) -> BadRequest:
    with pytest.raises(BadRequest) as refused:
        front.to_call(ask(*items), MODEL)
    return refused.value


def content(*parts: Any, role: str = "user") -> Any:
    (message,) = messages({"role": role, "content": list(parts)})
    return message["content"]


def calls(call_id: str, name: str = "f", arguments: str = "{}", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments, **more}


def answers(call_id: str, output: Any = "done", kind: str = "function_call_output") -> dict[str, Any]:
    return {"type": kind, "call_id": call_id, "output": output}


def hub_call(call_id: str, name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def thought(opaque: str | None, *summary: str, model: str = MODEL, **more: Any) -> dict[str, Any]:
    sealed = None if opaque is None else seal(opaque, model)
    parts = [{"type": "summary_text", "text": text} for text in summary]
    return {"type": "reasoning", "id": "rs_1", "summary": parts, "encrypted_content": sealed, **more}


# Messages


def test_a_text_is_what_the_user_says() -> None:
    assert messages(input="hello\u2028") == [{"role": "user", "content": "hello\u2028"}]


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
@pytest.mark.parametrize("kind", [{}, {"type": "message"}, {"type": None}])
@pytest.mark.parametrize("more", [{}, {"id": "msg_1", "status": "completed"}])
def test_a_message_is_known_with_or_without_its_type(role: str, kind: Any, more: Any) -> None:
    asked = ask({**kind, **more, "role": role, "content": "x"})

    assert messages({**kind, **more, "role": role, "content": "x"}) == [{"role": role, "content": "x"}]
    assert dropped(asked) == ()


@pytest.mark.parametrize("given", [None, "", []])
def test_a_message_may_be_empty(given: Any) -> None:
    assert messages({"role": "user", "content": given}) == [{"role": "user", "content": ""}]


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
@pytest.mark.parametrize("kind", ["input_text", "output_text", "text"])
def test_a_single_text_is_a_string_in_the_hub(role: str, kind: str) -> None:
    assert content({"type": kind, "text": "a"}, role=role) == "a"


def test_several_texts_stay_apart() -> None:
    texts = [{"type": "input_text", "text": text} for text in ("a", "b")]
    expected = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

    assert content(*texts) == content(*texts, role="assistant") == expected


def test_what_a_server_said_about_a_text_is_not_missed() -> None:
    part = {"type": "output_text", "text": "a", "annotations": [{"type": "url_citation"}], "logprobs": []}
    asked = ask({"role": "assistant", "content": [part]})

    assert dropped(asked) == ()


@pytest.mark.parametrize("detail, expected", [(None, {}), ("low", {"detail": "low"}), ("auto", {"detail": "auto"})])
def test_a_picture_is_one_in_the_hub(detail: Any, expected: dict[str, str]) -> None:
    part = {"type": "input_image", "image_url": PNG, "detail": detail, "file_id": None}

    assert content(part) == [{"type": "image_url", "image_url": {"url": PNG, **expected}}]
    assert dropped(ask({"role": "user", "content": [part]})) == ()


def test_a_picture_is_as_fine_as_the_hub_has_them() -> None:
    part = {"type": "input_image", "image_url": PNG, "detail": "original"}

    assert content(part)[0]["image_url"]["detail"] == "high"
    assert dropped(ask({"role": "user", "content": [part]})) == ("input.content.detail=original",)


def test_a_file_is_one_in_the_hub() -> None:
    part = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}

    assert content(part) == [{"type": "file", "file": {"filename": "a.pdf", "file_data": part["file_data"]}}]
    assert content({**part, "filename": None})[0]["file"].keys() == {"file_data"}
    assert dropped(ask({"role": "user", "content": [{**part, "detail": "auto"}]})) == ()
    assert dropped(ask({"role": "user", "content": [{**part, "detail": "low"}]})) == ("input.content.detail",)


def test_sound_is_left_to_the_model() -> None:
    sound = {"data": "AA", "format": "wav"}

    assert content({"type": "input_audio", "input_audio": sound}) == [{"type": "input_audio", "input_audio": sound}]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_image"},
        {"type": "input_image", "image_url": {"url": PNG}},
        {"type": "input_file", "file_id": "file_1"},
        {"type": "input_file", "file_url": "https://example.org/a.pdf"},
        {"type": "computer_screenshot", "image_url": PNG},
        {"text": "a"},
    ],
)
def test_a_part_that_cannot_be_said_is_refused_by_its_place(part: Any) -> None:
    error = refusal(USER, {"role": "user", "content": [{"type": "input_text", "text": "a"}, part]})

    assert (error.param, error.code) == ("input[1].content[1]", "unsupported_parameter")


def test_what_a_model_does_not_say_is_refused_by_its_place() -> None:
    part = {"type": "input_image", "image_url": PNG}

    assert refusal({"role": "assistant", "content": [part]}).param == "input[0].content[0]"


def test_a_refusal_comes_back_as_one() -> None:
    parts = [{"type": "refusal", "refusal": "I won"}, {"type": "refusal", "refusal": "'t"}, {"type": "refusal"}]

    assert messages({"role": "assistant", "content": parts}) == [
        {"role": "assistant", "content": None, "refusal": "I won't"}
    ]


@pytest.mark.parametrize(
    "item, param",
    [
        ({"role": "tool", "content": "x"}, "input[0].role"),
        ({"role": "user", "content": 5}, "input[0].content"),
        ({"role": "user", "content": [{"type": 5}]}, "input[0].content[0].type"),
        ({"type": "message", "content": "x"}, "input[0]"),
        ({"content": "x"}, "input[0].type"),
        ("x", "input[0]"),
    ],
)
def test_an_item_that_cannot_be_read_is_refused_by_its_place(item: Any, param: str) -> None:
    assert refusal(item).param == param


def test_a_field_that_nobody_knows_is_named() -> None:
    item = {"role": "user", "phase": "commentary", "x": None, "content": [{"type": "input_text", "text": "a", "y": 1}]}

    assert dropped(ask(item)) == ("input.content.y", "input.phase")


# What the model did


def test_the_items_of_a_turn_are_one_message() -> None:
    found = messages(
        USER,
        thought("s1", "hm"),
        {"role": "assistant", "content": "Let me look."},
        calls("c1", arguments='{"a": 1}', id="fc_1", status="completed"),
        calls("c2", "g"),
        answers("c1", "one"),
        answers("c2", "two"),
        {"role": "assistant", "content": "Done."},
        USER,
    )

    assert found == [
        USER,
        {
            "role": "assistant",
            "content": "Let me look.",
            "reasoning_content": "hm",
            "reasoning_opaque": "s1",
            "tool_calls": [hub_call("c1", arguments='{"a": 1}'), hub_call("c2", "g")],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "assistant", "content": "Done."},
        USER,
    ]


def test_words_around_calls_belong_to_their_turn() -> None:
    found = messages(
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": "a"},
        calls("c1"),
        {"role": "assistant", "content": [{"type": "output_text"}, {"type": "output_text", "text": "b"}]},
    )

    assert found == [
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            "tool_calls": [hub_call("c1")],
        }
    ]


def test_a_call_without_words_has_no_content() -> None:
    assert messages(calls("c1"))[0]["content"] is None
    assert messages({"role": "assistant", "content": ""}, calls("c1"))[0]["content"] == ""


@pytest.mark.parametrize("arguments", ["", None])
def test_a_call_without_arguments_has_an_object_of_none(arguments: Any) -> None:
    assert messages(calls("c1", arguments=arguments))[0]["tool_calls"] == [hub_call("c1")]


def test_a_call_that_nobody_answers_is_passed_as_it_is() -> None:
    assert [message["role"] for message in messages(USER, calls("c1"), USER)] == ["user", "assistant", "user"]


def test_a_call_in_a_namespace_has_the_name_that_its_tool_has_now() -> None:
    tools = [{"type": "namespace", "name": "ns", "tools": [F]}, {**F, "name": "ns__f"}]
    items = [calls("c1", namespace="ns"), calls("c2", "ns__f"), calls("c3", "later", namespace="later")]
    (message,) = messages(*items, tools=[*tools, {**F, "name": "later"}])
    names = [call["function"]["name"] for call in message["tool_calls"]]

    assert names[0] == "ns__f"
    assert names[1].startswith("ns__f_")
    assert names[2] == "later"


def test_a_call_whose_tool_is_gone_keeps_a_name_of_its_own() -> None:
    (message,) = messages(calls("c1", namespace="ns"), calls("c2", namespace="ns"), calls("c3", "ns__f"))
    first, second, third = (call["function"]["name"] for call in message["tool_calls"])

    assert first == second == "ns__f"
    assert third.startswith("ns__f_")


def test_a_custom_tools_call_is_one_of_a_function_of_one_text() -> None:
    found = messages(
        {"type": "custom_tool_call", "call_id": "c1", "name": "apply", "input": 'a "b"\n', "id": "ctc_1"},
        answers("c1", "ok", "custom_tool_call_output"),
        {"type": "custom_tool_call", "call_id": "c2", "name": "apply", "namespace": "ns"},
    )

    assert [json.loads(m["tool_calls"][0]["function"]["arguments"]) for m in (found[0], found[2])] == [
        {"input": 'a "b"\n'},
        {"input": ""},
    ]
    assert found[0]["tool_calls"][0]["function"]["name"] == "apply"
    assert found[1] == {"role": "tool", "tool_call_id": "c1", "content": "ok"}
    assert found[2]["tool_calls"][0]["function"]["name"] == "ns__apply"


TEXT = {"type": "input_text", "text": "a"}
PICTURE = {"type": "input_image", "image_url": PNG}


@pytest.mark.parametrize(
    "output, expected",
    [
        ("a", "a"),
        ("", ""),
        (None, ""),
        ([], ""),
        ([TEXT], "a"),
        ([TEXT, TEXT], "aa"),
        ([TEXT, PICTURE], [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": PNG}}]),
    ],
)
@pytest.mark.parametrize("kind", ["function_call_output", "custom_tool_call_output"])
def test_a_result_is_text_or_parts(output: Any, expected: Any, kind: str) -> None:
    assert messages(answers("c1", output, kind)) == [{"role": "tool", "tool_call_id": "c1", "content": expected}]


@pytest.mark.parametrize("item", [{"type": "function_call_output", "output": "x"}, {"type": "function_call"}])
def test_a_call_or_result_without_its_id_is_refused_by_its_place(item: Any) -> None:
    assert refusal(USER, item).param == "input[1]"


# Reasoning


def test_thoughts_for_this_model_come_back_to_it() -> None:
    found = messages(thought("s1", "a", "b"), thought("s2"), thought(None, "c"), calls("c1"))

    assert found[0]["reasoning_opaque"] == "s1s2"
    assert found[0]["reasoning_content"] == "a\n\nb\n\nc"


@pytest.mark.parametrize("empty", [{"content": None}, {"summary": None}, {"status": None}])
def test_thoughts_may_be_half_empty(empty: dict[str, None]) -> None:
    item = {**thought("s1"), **empty}

    assert messages(item) == [{"role": "assistant", "content": None, "reasoning_opaque": "s1"}]
    assert dropped(ask(item)) == ()


@pytest.mark.parametrize("item", [thought("s1", "a", model="gpt-5"), {**thought(None, "a"), "encrypted_content": "gA"}])
def test_thoughts_of_another_model_are_left_out_whole(item: Any) -> None:
    assert messages(USER, item) == [USER]
    assert dropped(ask(USER, item)) == ("input.reasoning",)


def test_thoughts_of_nothing_are_no_message() -> None:
    assert messages(USER, thought(None)) == [USER]


# Searches for tools

SEARCH = {"type": "tool_search", "execution": "client", "parameters": {}}
FOUND = {"type": "namespace", "name": "ns", "tools": [{**F, "defer_loading": True}]}


def search(**more: Any) -> dict[str, Any]:
    item = {"type": "tool_search_call", "call_id": "c1", "execution": "client", "arguments": {"query": "x"}}
    return {**item, **more}


def finds(**more: Any) -> dict[str, Any]:
    return {"type": "tool_search_output", "call_id": "c1", "execution": "client", "tools": [FOUND], **more}


def test_what_a_search_has_found_is_on_offer() -> None:
    items = [USER, search(), finds(), calls("c2", namespace="ns")]
    call, _ = front.to_call(ask(*items, tools=[SEARCH]), MODEL)
    found = messages(*items, tools=[SEARCH])

    assert [tool["function"]["name"] for tool in json.loads(bytes(call.envelope["tools"]))] == ["tool_search", "ns__f"]
    assert found[1]["tool_calls"] == [hub_call("c1", "tool_search", '{"query": "x"}')]
    assert found[2] == {"role": "tool", "tool_call_id": "c1", "content": '{"tools":["ns__f"]}'}
    assert found[3]["tool_calls"] == [hub_call("c2", "ns__f")]
    assert call.dropped == ("tools.defer_loading",)


@pytest.mark.parametrize("arguments, expected", [(None, "{}"), ('{"query', '{"query'), ({"a": [1]}, '{"a": [1]}')])
def test_a_search_is_sent_back_as_it_came(arguments: Any, expected: str) -> None:
    (message,) = messages(search(arguments=arguments, execution=None))

    assert message["tool_calls"] == [hub_call("c1", "tool_search", expected)]


@pytest.mark.parametrize("how", [{"execution": "server"}, {"call_id": None}])
def test_a_search_of_the_vendors_is_over_and_its_finds_are_on_offer(how: dict[str, Any]) -> None:
    call, _ = front.to_call(ask(USER, search(**how), finds(**how)), MODEL)

    assert len(call.request.messages) == 1
    assert b'"ns__f"' in bytes(call.envelope["tools"])
    assert call.dropped[1:] == ("input.tool_search_call", "input.tool_search_output")


def test_a_search_may_find_nothing() -> None:
    assert messages(finds(tools=None))[0]["content"] == '{"tools":[]}'


# Other items


@pytest.mark.parametrize("kind", sorted(DROPPED_ITEMS))
def test_what_a_vendors_server_did_in_an_earlier_turn_is_left_out(kind: str) -> None:
    item = {"type": kind, "id": "x_1", "status": "completed", "action": {"type": "search"}, "output": {}}

    assert messages(USER, item) == [USER]
    assert dropped(ask(USER, item)) == (f"input.{kind}",)


@pytest.mark.parametrize("kind", [*sorted(REFUSED_ITEMS), "telepathy"])
def test_an_item_that_would_be_missed_is_refused_by_its_place(kind: str) -> None:
    error = refusal(USER, {"type": kind, "id": "x_1", "encrypted_content": "gA"})

    assert (error.param, error.code) == ("input[1].type", "unsupported_parameter")
    assert f"`{kind}`" in error.message


def test_an_id_alone_is_a_reference_to_what_is_stored_nowhere() -> None:
    error = refusal({"id": "msg_1"})

    assert error.param == "input[0].type"
    assert "send the item itself" in error.message
