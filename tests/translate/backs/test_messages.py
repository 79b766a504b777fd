"""Whole answers of ``/v1/messages`` as the hub has them, and the official client's request."""

import json
from pathlib import Path
from typing import Any

import pytest

from passenger_trio.errors import UpstreamBroke, UpstreamRefused
from passenger_trio.translate.backs import messages as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire import chat
from passenger_trio.wire.models import Model, decode_model

SAMPLES = Path(__file__).parents[2] / "samples" / "copilot"
CALL = to_call(b'{"model":"asked","messages":[{"role":"user","content":"x"}]}')


def whole(body: bytes | dict[str, Any]) -> dict[str, Any]:
    """The hub's JSON for an answer; its view is checked on the way."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = back.reply(data, CALL, "asked-model", created=7, new_id=lambda: "made-id")
    assert reply.view == chat.decode_completion(reply.data)
    return json.loads(reply.data)


def answer(*content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"id": "msg_1", "model": "claude", "content": list(content), "stop_reason": "end_turn", **fields}


def message(*content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return whole(answer(*content, **fields))["choices"][0]["message"]


# whole answers


def test_the_recorded_answer_is_a_chat_completion() -> None:
    assert whole((SAMPLES / "messages_nonstream.json").read_bytes()) == {
        "id": "msg_bdrk_01ARtjwhNpF3ELRVfN0cjHpq",
        "object": "chat.completion",
        "created": 7,
        "model": "claude-sonnet-4-20250514",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello there friend."},
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 16,
            "completion_tokens": 7,
            "total_tokens": 23,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
    }


def test_the_recorded_call_is_a_tool_call_beside_the_text() -> None:
    choice = whole((SAMPLES / "messages_nonstream_tool.json").read_bytes())["choices"][0]

    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "I'll check the current weather in Tokyo for you."
    (call,) = choice["message"]["tool_calls"]
    assert (call["id"], call["type"], call["function"]["name"]) == (
        "toolu_bdrk_01LdWgHq8vFe3HRG92GwYQFz",
        "function",
        "get_weather",
    )
    assert json.loads(call["function"]["arguments"]) == {"location": "Tokyo"}


def test_the_arguments_of_a_call_are_the_input_byte_for_byte() -> None:
    call = b'{"type":"tool_use","id":"t","name":"f","input":{"b": 1.0,  "a":"\\u00e9"}}'

    (got,) = whole(b'{"content":[%s],"stop_reason":"tool_use"}' % call)["choices"][0]["message"]["tool_calls"]

    assert got["function"]["arguments"] == '{"b": 1.0,  "a":"\\u00e9"}'


def test_texts_are_joined_and_calls_keep_their_order() -> None:
    got = message(
        {"type": "text", "text": "One, "},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
        {"type": "text", "text": "two."},
        {"type": "tool_use", "id": "b", "name": "g", "input": {}},
    )

    assert got["content"] == "One, two."
    assert [call["id"] for call in got["tool_calls"]] == ["a", "b"]


def test_the_content_is_null_beside_calls_and_empty_without_them() -> None:
    assert message({"type": "tool_use", "id": "a", "name": "f", "input": {}})["content"] is None
    assert message() == {"role": "assistant", "content": ""}


def test_a_call_without_id_name_or_input_is_still_a_whole_call() -> None:
    assert message({"type": "tool_use"})["tool_calls"] == [
        {"id": "call_id", "type": "function", "function": {"name": "", "arguments": "{}"}}
    ]


def test_thinking_is_the_reasoning_and_its_blocks_make_the_opaque_text() -> None:
    got = message(
        {"type": "thinking", "thinking": "First. ", "signature": "s1"},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "thinking", "thinking": "Second.", "signature": "s2"},
        {"type": "text", "text": "Done."},
    )

    assert got["reasoning_content"] == "First. Second."
    assert json.loads(got["reasoning_opaque"]) == [
        {"type": "thinking", "thinking": "First. ", "signature": "s1"},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "thinking", "thinking": "Second.", "signature": "s2"},
    ]
    assert got["content"] == "Done."


def test_thinking_without_a_signature_cannot_come_back() -> None:
    got = message({"type": "thinking", "thinking": "Cut"}, stop_reason="max_tokens")

    assert got["reasoning_content"] == "Cut"
    assert "reasoning_opaque" not in got


def test_thinking_that_is_kept_back_has_its_signature_returned_all_the_same() -> None:
    got = message({"type": "thinking", "thinking": "", "signature": "s"})

    assert "reasoning_content" not in got
    assert json.loads(got["reasoning_opaque"]) == [{"type": "thinking", "thinking": "", "signature": "s"}]


REASONS = [
    ("end_turn", "stop"),
    ("stop_sequence", "stop"),
    ("pause_turn", "stop"),
    ("max_tokens", "length"),
    ("model_context_window_exceeded", "length"),
    ("tool_use", "tool_calls"),
    ("refusal", "content_filter"),
    ("something_new", "stop"),
]


@pytest.mark.parametrize(("theirs", "ours"), REASONS)
def test_every_stop_reason_has_a_finish_reason(theirs: str, ours: str) -> None:
    assert whole(answer(stop_reason=theirs))["choices"][0]["finish_reason"] == ours


def test_calls_make_the_finish_tool_calls_unless_the_answer_was_cut() -> None:
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}

    assert whole(answer(call))["choices"][0]["finish_reason"] == "tool_calls"
    assert whole(answer(call, stop_reason="max_tokens"))["choices"][0]["finish_reason"] == "length"


TOKENS = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 200,
    "cache_read_input_tokens": 3000,
    "output_tokens": 40,
}
COUNTED = {
    "prompt_tokens": 3210,
    "completion_tokens": 40,
    "total_tokens": 3250,
    "prompt_tokens_details": {"cached_tokens": 3000},
}


def test_what_the_cache_read_and_wrote_counts_as_prompt() -> None:
    assert whole(answer(usage=TOKENS))["usage"] == COUNTED


def test_numbers_that_are_missing_are_zero_and_missing_usage_is_missing() -> None:
    assert whole(answer(usage={"output_tokens": 2}))["usage"]["total_tokens"] == 2
    assert whole(answer(usage={}))["usage"]["total_tokens"] == 0
    assert "usage" not in whole(answer())


def test_copilot_usage_stays_at_the_top_of_a_whole_answer() -> None:
    assert whole(answer(copilot_usage={"total_nano_aiu": 5}))["copilot_usage"] == {"total_nano_aiu": 5}
    assert "copilot_usage" not in whole(answer())


def test_a_missing_id_is_made_and_a_missing_model_is_the_one_asked_for() -> None:
    got = whole(answer(id=None, model=None))

    assert (got["id"], got["model"]) == ("made-id", "asked-model")


def test_blocks_of_server_tools_are_passed_over() -> None:
    got = message(
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, {"type": "text", "text": "Hi"}
    )

    assert got == {"role": "assistant", "content": "Hi"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"oops", b'{"content":null,"stop_reason":"end_turn"}', b"\xff"])
def test_what_is_no_message_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamBroke, match="no message of Anthropic's"):
        whole(body)


def test_an_answer_without_a_stop_reason_is_cut_off() -> None:
    with pytest.raises(UpstreamBroke, match="no stop_reason"):
        whole(answer({"type": "text", "text": "Half an"}, stop_reason=None))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("err_400_messages_extra_inputs.json", "context_management: Extra inputs are not permitted"),
        ("err_400_context_length_messages.json", "prompt is too long: 214000 tokens > 200000 maximum"),
    ],
)
def test_an_error_in_the_place_of_an_answer_keeps_its_words(name: str, words: str) -> None:
    with pytest.raises(UpstreamRefused) as caught:
        whole((SAMPLES / name).read_bytes())

    assert (caught.value.status, caught.value.message) == (502, words)
    assert caught.value.code == "invalid_request_error"


@pytest.mark.parametrize(
    ("body", "words", "code"),
    [
        (b'{"message":"Closed.","code":"internal_error"}', "Closed.", "internal_error"),
        (b'{"type":"error","message":"Closed."}', "Closed.", "error"),
        (b'{"error":{}}', "Copilot answered with an error and gave no reason.", None),
        (b'{"error":"Closed."}', '"Closed."', None),
    ],
)
def test_an_error_in_another_form_keeps_its_words_too(body: bytes, words: str, code: str | None) -> None:
    with pytest.raises(UpstreamRefused) as caught:
        whole(body)

    assert (caught.value.status, caught.value.message, caught.value.code) == (502, words, code)


# requests


def test_the_official_clients_request_is_what_the_same_call_becomes() -> None:
    official = json.loads((SAMPLES / "request_messages_official.json").read_bytes())
    (tool,) = official["tools"]
    call = {
        "model": "sonnet",
        "stream": True,
        "messages": [
            {
                "role": "system",
                "content": [
                    {"type": "text", "text": "You are a coding agent.", "cache_control": {"type": "ephemeral"}}
                ],
            },
            {"role": "user", "content": "Hello"},
        ],
        "reasoning_effort": "high",
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": tool["name"],
                    "description": tool["description"],
                    "parameters": tool["input_schema"],
                },
            }
        ],
    }
    model = {
        "id": "claude-sonnet-4.5",
        "capabilities": {
            "limits": {"max_output_tokens": 32000, "max_non_streaming_output_tokens": 16000},
            "supports": {"min_thinking_budget": 1024, "max_thinking_budget": 32000},
        },
    }

    written = back.request(to_call(json.dumps(call).encode()), decode_model(json.dumps(model).encode()))

    assert json.loads(written.body) == official
    assert written.dropped == ()
    assert written.headers == (
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "interleaved-thinking-2025-05-14"),
    )


def test_reasoning_makes_the_round_trip() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s1"},
        {"type": "redacted_thinking", "data": "xyz"},
    ]
    spoken = message(*blocks, {"type": "text", "text": "Hi"})
    body = {"model": "m", "messages": [{"role": "user", "content": "?"}, spoken, {"role": "user", "content": "!"}]}

    written = back.request(to_call(json.dumps(body).encode()), Model(id="m"))

    assert json.loads(written.body)["messages"][1]["content"] == [*blocks, {"type": "text", "text": "Hi"}]
    assert written.dropped == ()
