"""Conversations of the hub as Anthropic has them."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import messages as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.chat import Written
from passenger_trio.wire.models import Model

PIXEL = "iVBORw0KGgo="
EPHEMERAL = {"type": "ephemeral"}
CONTINUE = {"role": "user", "content": [{"type": "text", "text": "Please continue."}]}


def write(*messages: dict[str, Any]) -> Written:
    body = {"model": "asked", "messages": messages}
    return back.request(to_call(json.dumps(body).encode()), Model(id="claude"))


def sent(*messages: dict[str, Any]) -> dict[str, Any]:
    return json.loads(write(*messages).body)


def turns(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    return sent(*messages)["messages"]


def refused(*messages: dict[str, Any]) -> tuple[str, str | None]:
    with pytest.raises(BadRequest) as caught:
        write(*messages)
    return caught.value.message, caught.value.param


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def user(content: Any = "Hi", **fields: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **fields}


def picture(url: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": url}


def calling(call_id: str | None, name: str = "f", arguments: Any = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(call_id: str, content: Any = "42") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


# system


def test_system_and_developer_messages_at_the_beginning_stand_apart_in_their_order() -> None:
    body = sent(
        {"role": "system", "content": "One"},
        {"role": "developer", "content": [text("Two"), text("Three")]},
        user(" "),
        {"role": "system", "content": "Four"},
        user("Hi"),
    )

    assert body["system"] == [text("One"), text("Two"), text("Three"), text("Four")]
    assert body["messages"] == [user([text("Hi")])]


def test_later_system_and_developer_messages_stay_in_their_place_as_the_users() -> None:
    marked = {**text("Two"), "cache_control": EPHEMERAL}
    body = sent(
        {"role": "system", "content": "One"},
        user("Hi"),
        {"role": "developer", "content": [marked, text("Three")]},
        {"role": "assistant", "content": "Hello", "tool_calls": [calling("a")]},
        {"role": "system", "content": "Four"},
        result("a"),
        {"role": "assistant", "content": "Bye"},
        {"role": "system", "content": "Five"},
    )

    assert body["system"] == [text("One")]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    assert body["messages"][0]["content"] == [text("Hi"), marked, text("Three")]
    assert [block["type"] for block in body["messages"][2]["content"]] == ["tool_result", "text"]
    assert body["messages"][2]["content"][1] == text("Four")
    assert body["messages"][4]["content"] == [text("Five")]


def test_without_system_messages_there_is_no_system() -> None:
    assert "system" not in sent(user())
    assert "system" not in sent({"role": "system", "content": " \n"}, user())


def test_system_messages_alone_are_followed_by_a_word_of_the_user() -> None:
    body = sent({"role": "system", "content": "Tell a joke."})

    assert (body["system"], body["messages"]) == ([text("Tell a joke.")], [CONTINUE])


# users


@pytest.mark.parametrize("content", ["Hi", [text("Hi")], [text(""), text("Hi"), text(" \n")]])
def test_a_users_words_are_text_blocks_and_empty_ones_are_left_out(content: Any) -> None:
    assert turns(user(content)) == [{"role": "user", "content": [text("Hi")]}]


@pytest.mark.parametrize("content", [None, "", "  ", [], [text("")]])
def test_a_message_of_nothing_is_left_out(content: Any) -> None:
    assert turns(user("Hi"), {"role": "assistant", "content": content}, user("there")) == [
        {"role": "user", "content": [text("Hi"), text("there")]}
    ]


@pytest.mark.parametrize(
    ("url", "media"),
    [
        (f"data:image/png;base64,{PIXEL}", "image/png"),
        ({"url": f"data:image/jpeg;base64,{PIXEL}", "detail": "auto"}, "image/jpeg"),
        (f"data:image/jpg;base64,{PIXEL}", "image/jpeg"),
        (f"DATA:image/GIF;charset=utf-8;BASE64,{PIXEL}", "image/gif"),
        ({"url": f"data:image/webp;base64,{PIXEL}"}, "image/webp"),
    ],
)
def test_a_picture_of_a_data_url_is_a_base64_source(url: Any, media: str) -> None:
    written = write(user([text("What is this?"), picture(url)]))

    assert json.loads(written.body)["messages"][0]["content"] == [
        text("What is this?"),
        {"type": "image", "source": {"type": "base64", "media_type": media, "data": PIXEL}},
    ]
    assert written.dropped == ()


def test_the_detail_of_a_picture_is_left_behind_by_name() -> None:
    url = {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}

    assert write(user([picture(url)])).dropped == ("messages.content.image_url.detail",)


@pytest.mark.parametrize(
    "url", ["ftp://example.com/cat.png", {"url": "file:///cat.png"}, "data:image/png,raw", "", None, {"url": 7}]
)
def test_a_picture_that_is_elsewhere_is_refused_with_the_remedy(url: Any) -> None:
    message, param = refused(user(), user([text("?"), picture(url)]))

    assert param == "messages[1].content[1]"
    assert "data: URL" in message


def test_a_picture_of_another_type_is_refused() -> None:
    message, param = refused(user([picture(f"data:image/bmp;base64,{PIXEL}")]))

    assert param == "messages[0].content[0]"
    assert "`image/bmp`" in message
    assert "jpeg, png, gif or webp" in message


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", {"type": "file", "file": {"file_data": "x"}}),
        ("user", {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}}),
        ("user", {"type": "refusal", "refusal": "No."}),
        ("user", {"text": "typeless"}),
        ("system", picture(f"data:image/png;base64,{PIXEL}")),
        ("assistant", picture(f"data:image/png;base64,{PIXEL}")),
        ("assistant", {"type": "thinking", "thinking": "x"}),
    ],
)
def test_a_part_that_a_role_cannot_have_is_refused_by_place_and_type(role: str, part: dict[str, Any]) -> None:
    message, param = refused(user(), {"role": role, "content": [text("a"), part]})

    assert param == "messages[1].content[1]"
    assert f"`{part.get('type')}`" in message


def test_a_role_that_nobody_has_heard_of_is_refused() -> None:
    message, param = refused(user(), {"role": "narrator", "content": "Meanwhile"})

    assert param == "messages[1].role"
    assert "`narrator`" in message


def test_a_message_of_the_wrong_shape_is_refused_by_place() -> None:
    _, param = refused(user(), {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": 1}}]})

    assert param == "messages[1].tool_calls[0].function.name"


# assistants


def test_an_assistants_words_come_before_its_calls() -> None:
    spoken = {"role": "assistant", "content": "Let me look.", "tool_calls": [calling("a", "f", '{"x": [1, 2.50]}')]}

    assert turns(user(), spoken, result("a"))[1] == {
        "role": "assistant",
        "content": [text("Let me look."), {"type": "tool_use", "id": "a", "name": "f", "input": {"x": [1, 2.5]}}],
    }
    assert b'"input":{"x": [1, 2.50]}' in write(user(), spoken, result("a")).body


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "refusal": "I will not."},
        {"content": [{"type": "refusal", "refusal": "I will not."}]},
        {"content": "I will not.", "refusal": None},
    ],
)
def test_a_refusal_of_the_assistants_is_what_it_said(message: dict[str, Any]) -> None:
    assert turns(user(), {"role": "assistant", **message}, user())[1]["content"] == [text("I will not.")]


@pytest.mark.parametrize("arguments", ["", "{}", None, {}])
def test_a_call_without_arguments_has_an_empty_input(arguments: Any) -> None:
    spoken = {"role": "assistant", "tool_calls": [calling("a", "f", arguments)]}

    assert turns(user(), spoken, result("a"))[1]["content"][0]["input"] == {}


def test_arguments_that_came_as_an_object_are_the_input() -> None:
    spoken = {"role": "assistant", "tool_calls": [calling("a", "f", {"x": 1})]}

    assert turns(user(), spoken, result("a"))[1]["content"][0]["input"] == {"x": 1}


@pytest.mark.parametrize("arguments", ["{", "[]", '"x"', "12", "  ", 7, [1]])
def test_arguments_that_are_no_object_are_refused_by_place(arguments: Any) -> None:
    spoken = {"role": "assistant", "tool_calls": [calling("a"), calling("b", "g", arguments)]}

    message, param = refused(user(), spoken)

    assert param == "messages[1].tool_calls[1]"
    assert "`g`" in message


def test_a_call_of_a_custom_tool_is_refused_by_place() -> None:
    spoken = {"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "x", "input": ""}}]}

    message, param = refused(user(), spoken)

    assert param == "messages[1].tool_calls[0]"
    assert "`custom`" in message


def test_spoken_sound_is_refused_by_place() -> None:
    assert refused(user(), {"role": "assistant", "audio": {"id": "audio_1"}})[1] == "messages[1].audio"


def test_a_last_message_of_the_assistants_is_followed_by_a_word_of_the_user() -> None:
    assert turns(user(), {"role": "assistant", "content": "Once upon"}) == [
        {"role": "user", "content": [text("Hi")]},
        {"role": "assistant", "content": [text("Once upon")]},
        CONTINUE,
    ]


# results


def test_parallel_results_are_one_message_of_the_users_before_its_own_words() -> None:
    spoken = {"role": "assistant", "tool_calls": [calling("a"), calling("b")]}

    assert turns(user(), spoken, result("b", "2"), user("And?"), result("a", "1"), user("So?"))[2] == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "b", "content": [text("2")]},
            {"type": "tool_result", "tool_use_id": "a", "content": [text("1")]},
            text("And?"),
            text("So?"),
        ],
    }


def test_a_result_may_hold_pictures_or_nothing() -> None:
    spoken = {"role": "assistant", "tool_calls": [calling("a"), calling("b")]}
    shown = [text("See"), picture(f"data:image/png;base64,{PIXEL}")]

    assert turns(user(), spoken, result("a", shown), result("b", ""))[2]["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "a",
            "content": [
                text("See"),
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
            ],
        },
        {"type": "tool_result", "tool_use_id": "b"},
    ]


def test_ids_of_other_vendors_are_written_as_anthropic_takes_them_and_still_meet() -> None:
    spoken = {"role": "assistant", "tool_calls": [calling("functions.f:0"), calling("call_YWJj+/8=")]}

    got = turns(user(), spoken, result("functions.f:0"), result("call_YWJj+/8="))

    assert [block["id"] for block in got[1]["content"]] == ["functions_2ef_3a0", "call_YWJj_2b_2f8_3d"]
    assert [block["tool_use_id"] for block in got[2]["content"]] == ["functions_2ef_3a0", "call_YWJj_2b_2f8_3d"]


def test_a_call_without_an_id_gets_one_by_its_position() -> None:
    spoken = {"role": "assistant", "tool_calls": [calling(None), calling("")]}

    assert [block["id"] for block in turns(user(), spoken)[1]["content"]] == ["call_00000000", "call_00000001"]


def test_a_result_without_the_id_of_its_call_is_refused() -> None:
    assert refused(user(), {"role": "tool", "content": "42"})[1] == "messages[1].tool_call_id"


def test_legacy_calls_and_results_meet_by_name_and_order() -> None:
    def asks(name: str) -> dict[str, Any]:
        return {"role": "assistant", "content": None, "function_call": {"name": name, "arguments": '{"n":1}'}}

    def answers(name: str, content: str) -> dict[str, Any]:
        return {"role": "function", "name": name, "content": content}

    history = [user(), asks("f"), answers("f", "1"), asks("g"), answers("g", "2"), asks("f"), answers("f", "3")]
    written = write(*history)
    got = json.loads(written.body)["messages"]

    uses = [block for turn in got if turn["role"] == "assistant" for block in turn["content"]]
    results = [block for turn in got[1:] if turn["role"] == "user" for block in turn["content"]]
    assert [(block["id"], block["name"]) for block in uses] == [
        ("call_00000000", "f"),
        ("call_00000001", "g"),
        ("call_00000002", "f"),
    ]
    assert [block["input"] for block in uses] == [{"n": 1}] * 3
    assert [(block["tool_use_id"], block["content"]) for block in results] == [
        ("call_00000000", [text("1")]),
        ("call_00000001", [text("2")]),
        ("call_00000002", [text("3")]),
    ]
    assert written.dropped == ()
    assert write(*history) == written


@pytest.mark.parametrize("name", ["g", None, 7])
def test_a_legacy_result_without_its_call_is_refused(name: Any) -> None:
    spoken = {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}

    assert (refused(user(), spoken, {"role": "function", "name": name, "content": "1"})[1] or "").startswith(
        "messages[2]"
    )


# thinking


def thought(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "Hello", **fields}


def test_a_foreign_signature_beside_its_text_is_a_block_of_thinking() -> None:
    for name in ("reasoning_text", "reasoning_content"):
        written = write(user(), thought(**{name: "Hm.", "reasoning_opaque": "c2ln/=="}), user())

        assert json.loads(written.body)["messages"][1]["content"] == [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln/=="},
            text("Hello"),
        ]
        assert written.dropped == ()


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"reasoning_opaque": "c2ln"}, ("messages.reasoning_opaque",)),
        (
            {"reasoning_opaque": '[{"type":"reasoning","encrypted_content":"x"}]', "reasoning_content": "Hm."},
            ("messages.reasoning_opaque", "messages.reasoning_content"),
        ),
        ({"reasoning_content": "Hm."}, ("messages.reasoning_content",)),
        ({"reasoning_opaque": {"odd": 1}, "reasoning_text": None}, ()),
        ({"reasoning_opaque": "[]"}, ()),
    ],
)
def test_thinking_that_cannot_go_back_is_left_behind_by_name(fields: dict[str, Any], lost: tuple[str, ...]) -> None:
    written = write(user(), thought(**fields), user())

    assert json.loads(written.body)["messages"][1]["content"] == [text("Hello")]
    assert written.dropped == lost


def test_thinking_goes_back_without_what_the_endpoint_does_not_know() -> None:
    opaque = json.dumps([{"type": "thinking", "thinking": "Hm.", "signature": "s", "extra": 1}])

    assert turns(user(), thought(reasoning_opaque=opaque), user())[1]["content"][0] == {
        "type": "thinking",
        "thinking": "Hm.",
        "signature": "s",
    }


# what clients put beside


def test_fields_without_a_place_are_left_behind_by_name_once() -> None:
    junk = {"annotations": [], "provider_specific_fields": {}, "refusal": None, "extra": None}

    written = write(
        user("Hi", name="ann", __copilotMessageSource="x"),
        {"role": "assistant", "content": "Oh", **junk},
        user(name="bo"),
    )

    assert written.dropped == (
        "messages.__copilotMessageSource",
        "messages.name",
        "messages.annotations",
        "messages.provider_specific_fields",
    )


def test_marks_for_the_prompt_cache_stay_where_the_client_put_them() -> None:
    marked = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    body = sent(
        user([text("a"), {**picture(f"data:image/png;base64,{PIXEL}"), **marked}, {**text(" "), **marked}]),
        {"role": "assistant", "content": "Oh", "tool_calls": [calling("a")], **marked},
        {"role": "tool", "tool_call_id": "a", "content": [{**text("x"), **marked}, text("y")]},
        {"role": "user", "content": "b", "copilot_cache_control": {"type": "ephemeral"}},
        {"role": "user", "content": "", "copilot_cache_control": {"type": "ephemeral"}},
    )

    assert [[block.get("cache_control") for block in turn["content"]] for turn in body["messages"]] == [
        [None, EPHEMERAL],
        [None, EPHEMERAL],
        [EPHEMERAL, EPHEMERAL],
    ]
    assert body["messages"][2]["content"][0]["content"] == [text("x"), text("y")]
