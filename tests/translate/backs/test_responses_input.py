"""Conversations on their way to ``/responses``: who says what, in which order, and which result answers which call."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import responses as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.chat import Written
from passenger_trio.wire.models import Model

MODEL = Model(id="gpt-5.3-codex", supported_endpoints=["/responses"])
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def write(*messages: Any) -> Written:
    return back.request(to_call(json.dumps({"model": "asked", "messages": messages}).encode()), MODEL)


def items(*messages: Any) -> list[dict[str, Any]]:
    return json.loads(write(*messages).body)["input"]


def refused(*messages: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        write(*messages)
    return caught.value


def said(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def call(call_id: str, name: str = "f", arguments: Any = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


# What people and programs say


@pytest.mark.parametrize("role", ["system", "developer", "user"])
@pytest.mark.parametrize(
    "content, parts",
    [
        ("x", [{"type": "input_text", "text": "x"}]),
        ("", [{"type": "input_text", "text": ""}]),
        (None, [{"type": "input_text", "text": ""}]),
        ([], [{"type": "input_text", "text": ""}]),
        (
            [{"type": "text", "text": "a"}, {"type": "text"}, {"type": "text", "text": "\u2028b"}],
            [
                {"type": "input_text", "text": "a"},
                {"type": "input_text", "text": ""},
                {"type": "input_text", "text": "\u2028b"},
            ],
        ),
        (
            [{"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}}],
            [{"type": "input_image", "image_url": PICTURE, "detail": "low"}],
        ),
        (
            [{"type": "image_url", "image_url": {"url": PICTURE}}],
            [{"type": "input_image", "image_url": PICTURE, "detail": "auto"}],
        ),
        (
            [{"type": "image_url", "image_url": PICTURE}],
            [{"type": "input_image", "image_url": PICTURE, "detail": "auto"}],
        ),
        (
            [{"type": "file", "file": {"file_data": "data:,x", "filename": "x.pdf", "file_id": None}}],
            [{"type": "input_file", "file_data": "data:,x", "filename": "x.pdf"}],
        ),
    ],
)
def test_a_message_keeps_its_role_and_its_parts(role: str, content: Any, parts: Any) -> None:
    assert items({"role": role, "content": content}) == [{"type": "message", "role": role, "content": parts}]


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_the_name_of_a_speaker_is_left_behind_and_named(role: str) -> None:
    written = write({"role": role, "content": "x", "name": "Ann"}, {"role": role, "content": "y", "name": "Bob"})

    assert written.dropped == ("messages.name",)
    assert b"Ann" not in written.body


@pytest.mark.parametrize(
    "message, dropped",
    [
        ({"role": "user", "copilot_cache_control": {"type": "ephemeral"}}, ("messages.cache_control",)),
        ({"role": "user", "cache_control": {"type": "ephemeral"}}, ("messages.cache_control",)),
        (
            {"role": "assistant", "refusal": None, "annotations": [], "provider_specific_fields": {}, "odd": None},
            ("messages.annotations", "messages.provider_specific_fields"),
        ),
        ({"role": "assistant", "audio": None, "function_call": None, "tool_calls": None}, ()),
        ({"role": "assistant", "tool_calls": []}, ()),
    ],
)
def test_what_clients_echo_is_left_out_by_name_and_once(message: dict[str, Any], dropped: tuple[str, ...]) -> None:
    said, plain = {**message, "content": "x"}, {"role": message["role"], "content": "x"}

    assert write(said, said) == write(plain, plain)._replace(dropped=dropped)
    assert write(plain).dropped == ()


# What the assistant said


@pytest.mark.parametrize(
    "message, content",
    [
        ({"content": "x"}, [{"type": "output_text", "text": "x"}]),
        ({"content": None}, [{"type": "output_text", "text": ""}]),
        ({}, [{"type": "output_text", "text": ""}]),
        ({"content": [{"type": "text"}]}, [{"type": "output_text", "text": ""}]),
        (
            {"content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}, {"type": "refusal"}]},
            [
                {"type": "output_text", "text": "a"},
                {"type": "refusal", "refusal": "no"},
                {"type": "refusal", "refusal": ""},
            ],
        ),
        ({"content": None, "refusal": "never"}, [{"type": "refusal", "refusal": "never"}]),
    ],
)
def test_the_assistants_words_come_back_as_its_own(message: Any, content: Any) -> None:
    assert items({"role": "assistant", **message}) == [{"type": "message", "role": "assistant", "content": content}]


@pytest.mark.parametrize("content", [None, "", [], [{"type": "text", "text": ""}]])
def test_calls_without_words_are_calls_alone(content: Any) -> None:
    message = {"role": "assistant", "content": content, "tool_calls": [call("call_1"), call("call_2", "g")]}

    assert items(message) == [
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "call_2", "name": "g", "arguments": "{}"},
    ]


def test_words_come_before_the_calls_made_with_them() -> None:
    message = {"role": "assistant", "content": "Let me see.", "tool_calls": [call("call_1")]}

    assert items(message) == [
        said("Let me see."),
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
    ]


@pytest.mark.parametrize(
    "arguments, text",
    [
        ('{"a": 1}', '{"a": 1}'),
        ("not json", "not json"),
        ("", "{}"),
        (None, "{}"),
        ({"a": [1.50]}, '{"a": [1.5]}'),
    ],
)
def test_arguments_are_a_text_and_never_empty(arguments: Any, text: str) -> None:
    [item] = items({"role": "assistant", "tool_calls": [call("call_1", arguments=arguments)]})

    assert item["arguments"] == text


def test_a_call_without_an_id_gets_one_by_its_position() -> None:
    message = {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}, {"function": {"name": "g"}}]}

    assert [item["call_id"] for item in items(message, message)] == [
        "call_00000000",
        "call_00000001",
        "call_00000002",
        "call_00000003",
    ]


# What tools answered


@pytest.mark.parametrize(
    "content, output",
    [
        ("sunny", "sunny"),
        ("", ""),
        (None, ""),
        ([{"type": "text", "text": "sun"}, {"type": "text", "text": "ny"}], "sunny"),
        ([], ""),
        (
            [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": PICTURE}}],
            [
                {"type": "input_text", "text": "see"},
                {"type": "input_image", "image_url": PICTURE, "detail": "auto"},
            ],
        ),
    ],
)
def test_a_result_is_text_where_it_can_be_and_parts_where_it_must(content: Any, output: Any) -> None:
    written = write({"role": "tool", "tool_call_id": "call_1", "content": content})

    assert json.loads(written.body)["input"] == [
        {"type": "function_call_output", "call_id": "call_1", "output": output}
    ]
    assert written.dropped == ()


def test_a_custom_tools_call_and_result_have_types_of_their_own() -> None:
    custom = {"id": "call_c", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}
    bare = {"id": "call_b", "type": "custom", "custom": {"name": "patch"}}

    written = items(
        {"role": "assistant", "tool_calls": [call("call_f"), custom, bare]},
        {"role": "tool", "tool_call_id": "call_c", "content": "done"},
        {"role": "tool", "tool_call_id": "call_f", "content": "42"},
    )

    assert written == [
        {"type": "function_call", "call_id": "call_f", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "call_c", "name": "patch", "input": "*** Begin"},
        {"type": "custom_tool_call", "call_id": "call_b", "name": "patch", "input": ""},
        {"type": "custom_tool_call_output", "call_id": "call_c", "output": "done"},
        {"type": "function_call_output", "call_id": "call_f", "output": "42"},
    ]


@pytest.mark.parametrize("kind", ["function", "custom"])
def test_an_id_that_is_too_long_is_shortened_alike_for_call_and_result(kind: str) -> None:
    ids = ["c" * 64, "c" * 65, "c" * 65 + "d"]
    calls = [{"id": call_id, "type": kind, kind: {"name": "f"}} for call_id in ids]
    results = [{"role": "tool", "tool_call_id": call_id, "content": "x"} for call_id in reversed(ids)]

    written = items({"role": "assistant", "tool_calls": calls}, *results)

    called = [item["call_id"] for item in written[:3]]
    assert called[0] == ids[0]
    assert all(len(call_id) <= 64 for call_id in called)
    assert len(set(called)) == 3
    assert [item["call_id"] for item in written[3:]] == called[::-1]
    assert len({item["type"] for item in written[3:]}) == 1


def test_the_older_calls_are_answered_by_name_in_their_order() -> None:
    def older(name: str) -> dict[str, Any]:
        return {"role": "assistant", "content": None, "function_call": {"name": name, "arguments": '{"a":1}'}}

    def result(name: str, content: str) -> dict[str, Any]:
        return {"role": "function", "name": name, "content": content}

    written = write(older("f"), older("g"), older("f"), result("g", "1"), result("f", "2"), result("f", "3"))

    assert json.loads(written.body)["input"] == [
        {"type": "function_call", "call_id": "call_00000000", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call", "call_id": "call_00000001", "name": "g", "arguments": '{"a":1}'},
        {"type": "function_call", "call_id": "call_00000002", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call_output", "call_id": "call_00000001", "output": "1"},
        {"type": "function_call_output", "call_id": "call_00000000", "output": "2"},
        {"type": "function_call_output", "call_id": "call_00000002", "output": "3"},
    ]
    assert written.dropped == ()


# Reasoning


ITEM = {"type": "reasoning", "encrypted_content": "gAAA", "summary": [{"type": "summary_text", "text": "Hm."}]}


def test_reasoning_of_ours_comes_back_before_the_words_and_calls_it_led_to() -> None:
    opaque = json.dumps([ITEM, {**ITEM, "id": "rs_1", "content": [], "summary": []}])
    message = {"role": "assistant", "content": "x", "reasoning_opaque": opaque, "tool_calls": [call("call_1")]}

    written = items({"role": "user", "content": "q"}, message)

    assert written[1:3] == [ITEM, {**ITEM, "summary": []}]
    assert [item["type"] for item in written] == ["message", "reasoning", "reasoning", "message", "function_call"]


@pytest.mark.parametrize(
    "opaque",
    [
        "gAAAAABo",
        "{}",
        "[1]",
        '[{"type":"reasoning"}]',
        '[{"type":"message","encrypted_content":"x"}]',
        '[{"type":"message","phase":"commentary","length":0}]',
        '[{"type":"reasoning","encrypted_content":"x"},{"type":"other","encrypted_content":"x"}]',
    ],
)
@pytest.mark.parametrize("name", ["reasoning_content", "reasoning_text"])
def test_reasoning_of_others_is_left_out_by_name(opaque: str, name: str) -> None:
    message = {"role": "assistant", "content": "x", "reasoning_opaque": opaque, name: "Hm."}
    plain = write({"role": "assistant", "content": "x"})

    assert write(message) == plain._replace(dropped=("messages.reasoning_opaque", "messages.reasoning_content"))


@pytest.mark.parametrize("opaque", [None, "", 5, ["x"], "[]", '[{"type":"message","phase":null,"length":1}]'])
def test_reasoning_without_a_signature_is_left_out_by_name(opaque: Any) -> None:
    message = {"role": "assistant", "content": "x", "reasoning_opaque": opaque}
    plain = write({"role": "assistant", "content": "x"})

    assert write(message) == write({**message, "reasoning_content": ""}) == plain
    assert write({**message, "reasoning_content": "Hm."}) == plain._replace(dropped=("messages.reasoning_content",))


def test_reasoning_that_comes_back_signed_is_not_left_behind() -> None:
    message = {"role": "assistant", "content": "x", "reasoning_opaque": json.dumps([ITEM]), "reasoning_content": "Hm."}

    assert write(message).dropped == ()


# What has no place here


@pytest.mark.parametrize(
    "message, param",
    [
        ({"role": "user", "content": [{"type": "text"}, {"type": "input_audio"}]}, "messages[1].content[1]"),
        ({"role": "user", "content": [{"type": "video_url"}]}, "messages[1].content[0]"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "messages[1].content[0]"),
        ({"role": "user", "content": [{"type": "file"}]}, "messages[1].content[0]"),
        ({"role": "user", "content": [{"type": "video", "image_url": {"url": PICTURE}}]}, "messages[1].content[0]"),
        ({"role": "user", "content": [{"type": "video", "file": {"file_id": "x"}}]}, "messages[1].content[0]"),
        ({"role": "user", "content": [{"type": "file", "file": "x"}]}, "messages[1].content[0].file"),
        ({"role": "user", "content": [{}]}, "messages[1].content[0]"),
        ({"role": "tool", "tool_call_id": "c", "content": [{"type": "video"}]}, "messages[1].content[0]"),
        ({"role": "assistant", "content": [{"type": "image_url"}]}, "messages[1].content[0]"),
        ({"role": "assistant", "audio": {"id": "audio_1"}}, "messages[1].audio"),
        ({"role": "critic", "content": "x"}, "messages[1].role"),
        ({"role": "tool", "content": "x"}, "messages[1].tool_call_id"),
        ({"role": "tool", "tool_call_id": "", "content": "x"}, "messages[1].tool_call_id"),
        ({"role": "function", "name": "f", "content": "x"}, "messages[1]"),
        ({"role": "function", "content": "x"}, "messages[1].name"),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "messages[1].tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{"function": {}}]}, "messages[1].tool_calls[0].function"),
        ({"role": "assistant", "function_call": "f"}, "messages[1].function_call"),
        ({"role": "user", "content": [{"type": "text", "text": 1}]}, "messages[1].content[0].text"),
    ],
)
def test_what_cannot_be_said_is_refused_by_its_path(message: Any, param: str) -> None:
    error = refused({"role": "user", "content": "before"}, message)

    assert (error.status, error.param) == (400, param)
    assert f"`{param.removesuffix('.tool_call_id')}`" in error.message


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]},
        {"role": "assistant", "audio": {"id": "audio_1"}},
    ],
)
def test_sound_is_refused_with_words_for_a_remedy(message: Any) -> None:
    assert "does not take sound. Send its words as text." in refused(message).message
