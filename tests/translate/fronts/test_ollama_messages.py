"""Ollama's conversations in the hub's words: contents, pictures, and the pairing of calls with their results."""

import json
from typing import Any

import msgspec
import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fronts.ollama_messages import DROPPED_THINKING, hub_messages
from passenger_trio.wire import envelope


def hub(*messages: dict[str, Any]) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    written, lost = hub_messages([envelope.raw(message) for message in messages])
    return json.loads(envelope.encode(written)), lost


def hub_of(message: bytes) -> dict[str, Any]:
    """One message, byte for byte as it was sent."""
    (written,) = hub_messages([msgspec.Raw(message)])[0]
    return {name: bytes(value) for name, value in written.items()}


def call(name: str, arguments: Any = None, call_id: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"function": {"name": name}}
    if arguments is not None:
        made["function"]["arguments"] = arguments
    if call_id is not None:
        made["id"] = call_id
    return made


def asks(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": list(calls)}


def result(content: str, **how: str) -> dict[str, Any]:
    return {"role": "tool", "content": content, **how}


def pairs(*messages: dict[str, Any]) -> dict[str, str]:
    """Per result its call's id."""
    written, _ = hub(*messages)
    return {message["content"]: message["tool_call_id"] for message in written if message["role"] == "tool"}


@pytest.mark.parametrize(
    "message, expected",
    [
        ({"role": "user", "content": "x"}, {"role": "user", "content": "x"}),
        ({"role": "User", "content": "x"}, {"role": "user", "content": "x"}),
        ({"Role": "user", "CONTENT": "x", "Images": None}, {"role": "user", "content": "x"}),
        ({"role": "assistant"}, {"role": "assistant", "content": ""}),
        ({"role": "assistant", "content": None}, {"role": "assistant", "content": ""}),
        ({"role": "user", "content": "x", "images": []}, {"role": "user", "content": "x"}),
        ({"role": "user", "content": "x", "name": "ann"}, {"role": "user", "content": "x", "name": "ann"}),
        (
            {"role": "user", "content": [{"type": "text", "text": "x", "extra": 1}]},
            {"role": "user", "content": [{"type": "text", "text": "x", "extra": 1}]},
        ),
        ({"role": "assistant", "content": "x", "tool_calls": None}, {"role": "assistant", "content": "x"}),
    ],
)
def test_a_message_becomes_the_hubs(message: dict[str, Any], expected: dict[str, Any]) -> None:
    written, lost = hub(message)

    assert written == [expected]
    assert lost == ()


def test_content_keeps_its_bytes() -> None:
    written = hub_of(rb'{"role":"user","content":"\u2028\ud83d\ude00 "}')

    assert written["content"] == rb'"\u2028\ud83d\ude00 "'


@pytest.mark.parametrize("content", [5, True, {"type": "text"}])
def test_content_of_another_kind_is_refused(content: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        hub({"role": "user", "content": content})

    assert caught.value.param == "messages.content"


def test_thinking_that_is_left_behind_is_named() -> None:
    assert hub({"role": "assistant", "content": "x", "thinking": "hm"})[1] == (DROPPED_THINKING,)
    assert hub({"role": "assistant", "content": "x", "thinking": ""})[1] == ()


PNG = "iVBORw0KGgo="


@pytest.mark.parametrize(
    "content, parts",
    [
        ("", []),
        (None, []),
        ([], []),
        ("a", [{"type": "text", "text": "a"}]),
        ([{"type": "text", "text": "a"}], [{"type": "text", "text": "a"}]),
    ],
)
def test_pictures_stand_behind_the_text_if_there_is_any(content: Any, parts: list[Any]) -> None:
    written, _ = hub({"role": "tool", "content": content, "tool_call_id": "c", "images": [PNG, PNG]})

    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    assert written[0]["content"] == [*parts, image, image]


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"b": 1, "a": [2]}, {"b": 1, "a": [2]}),
        ('{"a": 1}', {"a": 1}),
        ({}, {}),
        (None, {}),
        ("", {}),
    ],
)
def test_arguments_become_text(arguments: Any, text: Any) -> None:
    written, _ = hub(asks(call("f", arguments)))

    (made,) = written[0]["tool_calls"]
    assert made["type"] == "function"
    assert made["function"]["name"] == "f"
    assert isinstance(made["function"]["arguments"], str)
    assert json.loads(made["function"]["arguments"]) == text


def test_null_arguments_are_none() -> None:
    written = hub_of(b'{"role":"assistant","tool_calls":[{"id":null,"function":{"name":"f","arguments":null}}]}')

    assert json.loads(written["tool_calls"])[0]["function"]["arguments"] == "{}"


def test_arguments_keep_the_order_and_spelling_of_the_client() -> None:
    written = hub_of(
        rb'{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"z":1e5,"a":"\u2028"}}}]}'
    )

    assert json.loads(written["tool_calls"])[0]["function"]["arguments"] == r'{"z":1e5,"a":"\u2028"}'


def test_ids_are_made_and_are_all_different() -> None:
    written, _ = hub(asks(call("f"), call("f")), result("1"), result("2"), asks(call("f", call_id="own"), call("f")))

    ids = [made["id"] for message in written for made in message.get("tool_calls", ())]
    assert len(set(ids)) == 4
    assert ids[2] == "own"
    assert all(ids)


def test_the_same_history_gives_the_same_ids() -> None:
    history = [asks(call("f"), call("g")), result("1"), result("2")]

    assert hub(*history) == hub(*history)
    assert hub(*history)[0] == hub(*history, {"role": "user", "content": "and?"})[0][:-1]


@pytest.mark.parametrize(
    "how",
    [
        # each case: two calls, and what the two results say of themselves, the second call's result first
        ({"tool_call_id": "b"}, {"tool_call_id": "a"}),
        ({"tool_name": "g"}, {"tool_name": "f"}),
        ({"name": "g"}, {"name": "f"}),
        ({"tool_call_id": "b", "tool_name": "f"}, {"tool_call_id": "a", "tool_name": "g"}),
        ({"tool_call_id": "lost", "tool_name": "g"}, {"tool_call_id": "lost too", "tool_name": "f"}),
        ({"tool_name": "g"}, {}),
    ],
)
def test_results_out_of_order_find_their_calls(how: tuple[dict[str, str], dict[str, str]]) -> None:
    found = pairs(asks(call("f", call_id="a"), call("g", call_id="b")), result("G", **how[0]), result("F", **how[1]))

    assert found == {"G": "b", "F": "a"}


@pytest.mark.parametrize("how", [{}, {"tool_name": "f"}, {"name": "f"}, {"tool_call_id": "of another's making"}])
def test_parallel_calls_of_one_tool_are_answered_in_order(how: dict[str, str]) -> None:
    found = pairs(asks(call("f"), call("f"), call("f")), *(result(text, **how) for text in "123"))

    assert found == {"1": "call_00000000", "2": "call_00000001", "3": "call_00000002"}


def test_a_later_turn_is_not_paired_with_an_earlier_one() -> None:
    found = pairs(asks(call("f")), result("1"), asks(call("f")), result("2", tool_name="f"))

    assert found == {"1": "call_00000000", "2": "call_00000001"}


def test_a_result_without_any_call_keeps_its_id() -> None:
    assert pairs(result("1", tool_call_id="c")) == {"1": "c"}


@pytest.mark.parametrize("how", [{}, {"tool_name": "f"}])
def test_a_result_of_nothing_is_refused_by_its_place(how: dict[str, str]) -> None:
    with pytest.raises(BadRequest) as caught:
        hub(asks(call("f")), result("1", **how), result("2", **how))

    assert caught.value.param == "messages[2]"
    assert "messages[2]" in caught.value.message


def test_results_without_ids_or_names_are_paired_in_order() -> None:
    """Trap 8: Home Assistant, LangChain, Continue and rig send neither."""
    found = pairs(asks(call("f"), call("g")), result("F"), result("G"))

    assert found == {"F": "call_00000000", "G": "call_00000001"}


def test_calls_sent_back_one_to_a_message_are_paired_in_order_too() -> None:
    found = pairs(asks(call("f")), asks(call("g")), result("F"), result("G"))

    assert found == {"F": "call_00000000", "G": "call_00000001"}


@pytest.mark.parametrize("how", [{}, {"tool_name": "f"}])
def test_a_call_that_the_user_has_spoken_after_is_answered_last(how: dict[str, str]) -> None:
    user = {"role": "user", "content": "never mind"}

    assert pairs(asks(call("f")), user, asks(call("f")), result("2", **how)) == {"2": "call_00000001"}
    assert pairs(asks(call("f")), user, result("1", **how)) == {"1": "call_00000000"}
    assert pairs(asks(call("f")), user, asks(call("g")), result("G"), result("1", tool_name="f")) == {
        "G": "call_00000001",
        "1": "call_00000000",
    }


def test_a_name_finds_an_earlier_turns_call_before_another_tools() -> None:
    user = {"role": "user", "content": "and?"}

    assert pairs(asks(call("f")), user, asks(call("g")), result("1", tool_name="f")) == {"1": "call_00000000"}


def test_a_call_is_read_in_any_case() -> None:
    written, lost = hub(
        {"role": "assistant", "Tool_Calls": [{"ID": "a", "Type": "function", "Function": {"Name": "f", "INDEX": 0}}]}
    )

    assert written[0]["tool_calls"] == [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    assert lost == ()


def test_what_nobody_knows_in_a_message_is_named() -> None:
    odd_call = {"function": {"name": "f", "strange": 1}, "provider_specific_fields": {}, "nothing": None}
    _, lost = hub(
        {"role": "user", "content": "x", "annotations": [], "refusal": None},
        {"role": "assistant", "Annotations": [], "annotations": [], "tool_calls": [odd_call]},
    )

    assert lost == (
        "messages.annotations",
        "messages.Annotations",
        "messages.tool_calls.provider_specific_fields",
        "messages.tool_calls.strange",
    )


@pytest.mark.parametrize(
    "message, where",
    [
        ({}, "messages[0]"),
        ({"role": 5}, "messages[0]"),
        ({"role": "tool", "tool_name": []}, "messages[0]"),
        ({"role": "assistant", "tool_calls": [{}]}, "messages[0].tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{"id": 5, "function": {}}]}, "messages[0].tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{"function": {}}]}, "messages[0].tool_calls[0].function"),
        ({"role": "assistant", "tool_calls": [{"function": "f"}]}, "messages[0].tool_calls[0].function"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_place(message: dict[str, Any], where: str) -> None:
    with pytest.raises(BadRequest, match="cannot be read") as caught:
        hub(message)

    assert caught.value.param == where


@pytest.mark.parametrize("how", [{}, {"tool_name": "g"}])
def test_a_second_result_of_a_call_is_nobody_elses(how: dict[str, str]) -> None:
    asked = asks(call("f", call_id="a"), call("g", call_id="b"), call("g"))
    told = [result("1", tool_call_id="a"), result("2", tool_call_id="a", **how), result("3", tool_call_id="b")]

    assert pairs(asked, *told, result("4")) == {"1": "a", "2": "a", "3": "b", "4": "call_00000002"}
