"""Conversations as Messages clients send them. The other fields: test_messages_fields.py."""

from typing import Any

import pytest
from messages_front import USER, call, said, sealed

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fronts import messages_input

PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
EPHEMERAL = {"type": "ephemeral"}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def assistant(*content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


def dropped(*messages: Any, **fields: Any) -> tuple[str, ...]:
    return call(messages=list(messages), **fields).dropped


def test_a_block_is_in_one_table() -> None:
    tables = [messages_input.BLOCKS, messages_input.DROPPED_BLOCKS, messages_input.REFUSED_BLOCKS]

    assert sum(map(len, tables)) == len({name for table in tables for name in table})


@pytest.mark.parametrize(
    "system, expected",
    [
        ("be kind", "be kind"),
        ("", ""),
        ([text("a")], "a"),
        ([text("a", cache_control=EPHEMERAL), text("b")], [text("a"), text("b")]),
    ],
)
def test_the_system_prompt_comes_first(system: Any, expected: Any) -> None:
    assert said(USER, system=system) == [{"role": "system", "content": expected}, USER]


@pytest.mark.parametrize("system", [None, []])
def test_no_system_prompt_is_no_message(system: Any) -> None:
    assert said(USER, system=system) == [USER]


BILLING = text("x-anthropic-billing-header: cc_version=2.1.330.a9c;")


def test_a_note_to_the_accounts_is_no_part_of_the_prompt() -> None:
    assert said(USER, system=[BILLING, text("a")]) == [{"role": "system", "content": "a"}, USER]
    assert said(USER, system=[BILLING]) == [USER]
    assert dropped(USER, system=[BILLING]) == ("system.x-anthropic-billing-header",)
    assert said(USER, system=[text("a"), BILLING])[0]["content"] == [text("a"), BILLING]
    assert said(USER, system=BILLING["text"])[0]["content"] == BILLING["text"]


def test_messages_keep_their_places_whatever_their_roles() -> None:
    messages = [
        {"role": "system", "content": "first"},
        USER,
        {"role": "system", "content": "between"},
        {"role": "assistant", "content": "said"},
        USER,
        USER,
        {"role": "system", "content": "last"},
    ]

    assert said(*messages) == messages


def test_the_beginning_of_an_answer_is_left_at_the_end() -> None:
    assert said(USER, {"role": "assistant", "content": "The answer is ("})[-1] == {
        "role": "assistant",
        "content": "The answer is (",
    }


def test_a_system_message_for_one_turn_is_gone_after_it() -> None:
    note = {"role": "system", "content": "note", "clear_at": "next_user_message"}

    assert said(USER, note) == [USER, {"role": "system", "content": "note"}]
    assert said(USER, note, USER) == [USER, USER]
    assert said(USER, {**note, "clear_at": "never"}, USER)[1]["content"] == "note"
    assert said({"role": "system", "content": "a", "clear_at": "next_user_message"}) == [
        {"role": "system", "content": "a"}
    ]
    assert dropped(USER, note, USER) == ()


def test_blocks_of_the_user_keep_their_order() -> None:
    assert said(user(text("a"), PNG, text(""), text("b"))) == [user(text("a"), PNG_PART, text(""), text("b"))]
    assert said(user(text("alone"))) == [{"role": "user", "content": "alone"}]
    assert said(user(PNG)) == [user(PNG_PART)]


def test_a_picture_at_an_address_keeps_the_address() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}

    assert said(user(image)) == [user({"type": "image_url", "image_url": {"url": "https://x.test/a.png"}})]


@pytest.mark.parametrize(
    "source, more, parts",
    [
        (
            {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
            {},
            [
                {
                    "type": "file",
                    "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBE"},
                }
            ],
        ),
        (
            {"type": "base64", "data": "JVBE"},
            {"title": "a.pdf", "context": "last year's"},
            [
                text("last year's\n"),
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
            ],
        ),
        ({"type": "text", "media_type": "text/plain", "data": "words"}, {}, [text("words")]),
        (
            {"type": "text", "data": "words"},
            {"title": "T", "context": "C"},
            [text("T\nC\n"), text("words")],
        ),
        ({"type": "content", "content": "words"}, {"title": "T"}, [text("T\n"), text("words")]),
        ({"type": "content", "content": [text("a"), PNG]}, {}, [text("a"), PNG_PART]),
    ],
)
def test_a_document_is_said_in_parts(source: Any, more: Any, parts: Any) -> None:
    found = said(user({"type": "document", "source": source, **more}, text("end")))

    assert found == [user(*parts, text("end"))]


def test_what_a_search_found_is_text_with_its_origin() -> None:
    found = {
        "type": "search_result",
        "source": "https://x.test",
        "title": "T",
        "content": [text("a"), text("b")],
        "citations": {"enabled": True},
    }

    assert said(user(found)) == [user(text("T\nhttps://x.test\n"), text("a"), text("b"))]
    assert dropped(user(found)) == ("search_result.citations",)


@pytest.mark.parametrize("of", [user, assistant])
def test_a_summary_stands_for_what_it_sums_up(of: Any) -> None:
    compacted = {"type": "compaction", "content": "summary", "signature": "s"}

    assert said(of(compacted), USER)[0]["content"] == "summary"
    assert dropped(of(compacted), USER) == ("compaction.signature",)
    assert said(of({"type": "compaction", "content": None}), USER) == [USER]


def test_results_of_tools_come_before_what_the_user_says_beside_them() -> None:
    found = said(
        user(
            text("before"),
            {"type": "tool_result", "tool_use_id": "a", "content": "A"},
            PNG,
            {"type": "tool_result", "tool_use_id": "b", "content": [text("B")]},
            text("after"),
        )
    )

    assert found == [
        {"role": "tool", "tool_call_id": "a", "content": "A"},
        {"role": "tool", "tool_call_id": "b", "content": "B"},
        user(text("before"), PNG_PART, text("after")),
    ]


@pytest.mark.parametrize(
    "fields, content",
    [
        ({}, ""),
        ({"content": None}, ""),
        ({"content": []}, ""),
        ({"content": "a"}, "a"),
        ({"content": [text("a"), text("b")]}, [text("a"), text("b")]),
        ({"content": [text("a"), PNG]}, [text("a"), PNG_PART]),
        ({"content": [{"type": "tool_reference", "tool_name": "f"}]}, "f\n"),
        ({"content": "a", "is_error": False}, "a"),
        ({"content": "a", "is_error": True}, "Error: a"),
        ({"is_error": True}, "Error: "),
        ({"content": [text("a"), PNG], "is_error": True}, [text("Error: a"), PNG_PART]),
        ({"content": [PNG], "is_error": True}, [text("Error: "), PNG_PART]),
    ],
)
def test_the_result_of_a_tool(fields: Any, content: Any) -> None:
    found = said(user({"type": "tool_result", "tool_use_id": "a", **fields}))

    assert found == [{"role": "tool", "tool_call_id": "a", "content": content}]


def use(call_id: str = "a", **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "f", "input": {"x": [1.0]}, **more}


def called(arguments: str = '{"x": [1.0]}', call_id: str = "a") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}}


def test_calls_keep_their_order_and_their_arguments_to_the_letter() -> None:
    assert said(assistant(text("a"), use(), use("b", input=None)), USER)[0] == {
        "role": "assistant",
        "content": "a",
        "tool_calls": [called(), called("{}", "b")],
    }
    assert said(assistant(use()), USER)[0]["content"] is None


def test_thinking_goes_back_to_the_model_that_it_came_from() -> None:
    thinking = {"type": "thinking", "thinking": "t1", "signature": sealed("O1")}
    hidden = {"type": "redacted_thinking", "data": sealed("O2")}

    assert said(assistant(thinking, text("a"), hidden, {**thinking, "thinking": "t2"}, use()), USER)[0] == {
        "role": "assistant",
        "content": "a",
        "reasoning_content": "t1t2",
        "reasoning_opaque": "O1O2O1",
        "tool_calls": [called()],
    }
    assert said(assistant(hidden), USER)[0] == {"role": "assistant", "content": "", "reasoning_opaque": "O2"}
    assert dropped(assistant(thinking, hidden), USER) == ()


@pytest.mark.parametrize(
    "block, name",
    [
        ({"type": "thinking", "thinking": "t", "signature": "EqQB"}, "messages.thinking"),
        ({"type": "thinking", "thinking": "t", "signature": sealed("O", "other")}, "messages.thinking"),
        ({"type": "thinking", "thinking": "t", "signature": None}, "messages.thinking"),
        ({"type": "thinking", "thinking": "t", "signature": sealed("")}, "messages.thinking"),
        ({"type": "redacted_thinking", "data": "EqQB"}, "messages.redacted_thinking"),
    ],
)
def test_thinking_that_no_model_would_take_back_is_left_out_and_named(block: Any, name: str) -> None:
    assert said(assistant(block, text("a")), USER) == [{"role": "assistant", "content": "a"}, USER]
    assert dropped(assistant(block, text("a")), USER) == (name,)


def test_thinking_without_words_and_without_a_signature_was_nothing() -> None:
    assert dropped(assistant({"type": "thinking", "thinking": "", "signature": sealed("")}, text("a")), USER) == ()


@pytest.mark.parametrize("kind", [*messages_input.DROPPED_BLOCKS, "unheard_of"])
def test_an_assistants_block_without_a_place_is_named(kind: str) -> None:
    block = {"type": kind, "id": "a", "content": []}

    assert said(assistant(block, text("a")), USER) == [{"role": "assistant", "content": "a"}, USER]
    assert said(assistant(block), USER) == [USER]
    assert dropped(assistant(block), USER) == (f"messages.{kind}",)


def test_a_tool_that_is_named_again_is_there_anyway_and_a_new_one_is_not() -> None:
    named = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "f"}}
    new = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {"name": "g"}}}

    assert dropped(USER, {"role": "system", "content": [named]}) == ("messages.tool_addition",)
    with pytest.raises(BadRequest) as caught:
        said(USER, {"role": "system", "content": [new]})
    assert caught.value.param == "messages[1].content[0]"


@pytest.mark.parametrize(
    "message, names",
    [
        ({**USER, "id": "m", "name": None}, ("messages.id",)),
        (user(text("a", citations=[], cache_control=EPHEMERAL)), ("text.citations", "cache_control")),
        (user({**PNG, "transformations": {}}), ("image.transformations",)),
        (assistant(use(caller={"type": "direct"}, toolset_name=None)), ("tool_use.caller",)),
        (
            user({"type": "tool_result", "tool_use_id": "a", "cache_control": EPHEMERAL}, text("a", citations=None)),
            ("cache_control",),
        ),
    ],
)
def test_what_blocks_say_beyond_what_is_known_is_named(message: Any, names: tuple[str, ...]) -> None:
    assert dropped(message) == names


def test_the_marks_for_the_prompt_cache_are_named_once() -> None:
    marked = text("a", cache_control={"type": "ephemeral", "ttl": "1h"})

    found = dropped(user(marked), user(marked), system=[marked], cache_control=EPHEMERAL)

    assert found == ("cache_control",)


@pytest.mark.parametrize("content", [None, []])
def test_a_message_of_nothing_is_none(content: Any) -> None:
    assert said({"role": "assistant", "content": content}, {"role": "user", "content": content}, USER) == [USER]
    assert said({"role": "user", "content": ""}) == [{"role": "user", "content": ""}]


@pytest.mark.parametrize(
    "message, param, part",
    [
        ({"content": "x"}, "messages[0]", "role"),
        ({"role": "tool", "content": "x"}, "messages[0].role", "`tool`"),
        ({"role": "user", "content": 5}, "messages[0].content", "content"),
        (user("x"), "messages[0].content[0]", "object"),
        (user({"text": "x"}), "messages[0].content[0]", "type"),
        (user({"type": "text"}), "messages[0].content[0].text", "missing"),
        (user({"type": "image"}), "messages[0].content[0].source", "object"),
        (user({"type": "image", "source": {"type": "file", "file_id": "f"}}), "messages[0].content[0]", "base64"),
        (
            user({"type": "image", "source": {"type": "base64", "data": "x"}}),
            "messages[0].content[0].source.media_type",
            "missing",
        ),
        (user({"type": "image", "source": {"type": "url"}}), "messages[0].content[0].source.url", "missing"),
        (user({"type": "document", "source": {"type": "url", "url": "u"}}), "messages[0].content[0]", "base64"),
        (user({"type": "document", "source": {"type": "file"}}), "messages[0].content[0]", "base64"),
        (user({"type": "document", "source": {"type": "text"}}), "messages[0].content[0].source.data", "missing"),
        (user({"type": "tool_result"}), "messages[0].content[0].tool_use_id", "missing"),
        (
            user({"type": "tool_result", "tool_use_id": "a", "content": [use()]}),
            "messages[0].content[0].content[0]",
            "`tool_use`",
        ),
        (
            user({"type": "tool_result", "tool_use_id": "a", "content": [{"type": "tool_reference"}]}),
            "messages[0].content[0].content[0].tool_name",
            "missing",
        ),
        (user({"type": "container_upload", "file_id": "f"}), "messages[0].content[0]", "container"),
        (user({"type": "unheard_of"}), "messages[0].content[0]", "`unheard_of`"),
        (user(use()), "messages[0].content[0]", "`tool_use`"),
        (assistant(PNG), "messages[0].content[0]", "`image`"),
        (assistant({"type": "browser_state"}), "messages[0].content[0]", "browser"),
        ({"role": "system", "content": [PNG]}, "messages[0].content[0]", "`image`"),
        (assistant({"type": "tool_use", "name": "f"}), "messages[0].content[0].id", "missing"),
        (assistant({"type": "tool_use", "id": "a"}), "messages[0].content[0].name", "missing"),
        (assistant(use(input="{}")), "messages[0].content[0].input", "object"),
    ],
)
def test_what_cannot_be_said_names_its_place(message: Any, param: str, part: str) -> None:
    with pytest.raises(BadRequest) as caught:
        said(message)

    assert caught.value.param == param
    assert part in caught.value.message


@pytest.mark.parametrize("messages", [[], {}, "x"])
def test_a_conversation_has_messages(messages: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        call(messages=messages)

    assert caught.value.param == "messages"


def test_documents_in_documents_without_end_are_refused() -> None:
    nested: dict[str, Any] = text("x")
    for _ in range(250):
        nested = {"type": "document", "source": {"type": "content", "content": [nested]}}

    with pytest.raises(BadRequest):
        said(user(nested))
