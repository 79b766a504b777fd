"""Whole answers of ``/responses`` as the hub has them."""

import json
from pathlib import Path
from typing import Any

import pytest

from passenger_trio.errors import UpstreamBroke, UpstreamRefused
from passenger_trio.translate.backs import responses as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.models import Model

SAMPLES = Path(__file__).parents[2] / "samples" / "copilot"
CALL = to_call(b'{"model":"asked","messages":[{"role":"user","content":"x"}]}')


def reply(body: bytes) -> dict[str, Any]:
    answer = back.reply(body, CALL, "asked-model", created=123, new_id=lambda: "chatcmpl-new")
    whole = json.loads(answer.data)
    assert answer.view.choices is not None
    assert answer.view.choices[0].finish_reason == whole["choices"][0]["finish_reason"]
    return whole


def answered(*output: Any, **fields: Any) -> dict[str, Any]:
    return reply(json.dumps({"status": "completed", "output": output, **fields}).encode())


def message(*output: Any, **fields: Any) -> dict[str, Any]:
    return answered(*output, **fields)["choices"][0]["message"]


def broken(body: bytes) -> UpstreamBroke:
    with pytest.raises(UpstreamBroke) as caught:
        reply(body)
    return caught.value


def words(*texts: str) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "output_text", "text": text} for text in texts]}


def refusal(text: str) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "refusal", "refusal": text}]}


def thought(*summary: str, secret: str | None = None) -> dict[str, Any]:
    parts = [{"type": "summary_text", "text": text} for text in summary]
    return {"type": "reasoning", "id": "blob", "content": [], "summary": parts, "encrypted_content": secret}


def called(call_id: str, name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"type": "function_call", "id": "blob", "call_id": call_id, "name": name, "arguments": arguments}


EXPECTED = {
    "responses_nonstream.json": (
        "Refactoring improves internal structure without changing external behaviour.",
        [],
        "stop",
        (30, 23, 53, 0),
    ),
    "responses_nonstream_incomplete.json": ("Refactoring improves", [], "length", (30, 16, 46, 0)),
    "responses_nonstream_tool.json": (
        None,
        [("call_15FGqDAbCcngYlGRvaQrMFLh", "get_weather", '{"city":"Tokyo, Japan"}')],
        "tool_calls",
        (148, 65, 213, 43),
    ),
}


def test_every_recorded_answer_has_its_row() -> None:
    assert sorted(EXPECTED) == sorted(path.name for path in SAMPLES.glob("responses_nonstream*.json"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_recorded_answer_says_in_the_hub_what_it_said(name: str) -> None:
    recorded = json.loads((SAMPLES / name).read_bytes())
    text, calls, finish, (prompt, completion, total, reasoning) = EXPECTED[name]

    answer = reply((SAMPLES / name).read_bytes())

    [choice] = answer.pop("choices")
    assert answer == {
        "id": "chatcmpl-new",
        "object": "chat.completion",
        "created": 1_780_000_000,
        "model": "gpt-5.3-codex",
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": total,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        },
        "copilot_usage": recorded["copilot_usage"],
    }
    assert (choice["index"], choice["finish_reason"]) == (0, finish)
    assert (choice["message"]["role"], choice["message"]["content"]) == ("assistant", text)
    found = choice["message"].get("tool_calls", [])
    assert [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in found] == calls
    assert all(call["type"] == "function" for call in found)


def test_recorded_reasoning_goes_back_as_it_came() -> None:
    body = (SAMPLES / "responses_nonstream_tool.json").read_bytes()
    came = json.loads(body)["output"][0]
    said = reply(body)["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "sunny"}
    call = to_call(json.dumps({"model": "asked", "messages": [said, result]}).encode())

    items = json.loads(back.request(call, Model(id="gpt-5.3-codex")).body)["input"]

    assert items == [
        {"type": "reasoning", "encrypted_content": came["encrypted_content"], "summary": came["summary"]},
        {
            "type": "function_call",
            "call_id": "call_15FGqDAbCcngYlGRvaQrMFLh",
            "name": "get_weather",
            "arguments": '{"city":"Tokyo, Japan"}',
        },
        {"type": "function_call_output", "call_id": "call_15FGqDAbCcngYlGRvaQrMFLh", "output": "sunny"},
    ]


@pytest.mark.parametrize(
    "output, content",
    [
        ([words("a", "b"), thought(), words("c")], "abc"),
        ([], ""),
        ([words()], ""),
        ([{"type": "message", "content": None}], ""),
        ([thought("hm")], ""),
        ([called("call_1")], None),
        ([words(""), called("call_1")], None),
        ([refusal("no")], None),
        ([words("a"), called("call_1"), refusal("no")], "a"),
        ([{"type": "web_search_call", "content": "odd"}, words("a")], "a"),
        ([{"type": "message", "content": [{"type": "new_thing", "text": "x", "refusal": "y"}]}], ""),
    ],
)
def test_content_is_all_that_was_said_in_order_or_null_where_something_else_stands_for_it(
    output: Any, content: str | None
) -> None:
    assert message(*output)["content"] == content


def test_a_refusal_is_a_refusal() -> None:
    assert message(refusal("I "), refusal("won't."))["refusal"] == "I won't."
    assert "refusal" not in message(words("a"))
    assert "refusal" not in message({"type": "message", "content": [{"type": "new_thing", "refusal": "x"}]})


def test_summaries_are_told_apart_by_a_blank_line() -> None:
    said = message(thought("One.", "", "Two."), words("x"), thought("Three."))

    assert said["reasoning_content"] == "One.\n\nTwo.\n\nThree."
    assert "reasoning_content" not in message(thought(secret="s"))


def test_reasoning_that_can_come_back_is_kept_and_other_is_not() -> None:
    said = message(thought("a", secret="one"), words("x"), thought("b"), thought(secret="two"))

    assert json.loads(said["reasoning_opaque"]) == [
        {"type": "reasoning", "encrypted_content": "one", "summary": [{"type": "summary_text", "text": "a"}]},
        {"type": "reasoning", "encrypted_content": "two", "summary": []},
    ]
    assert "reasoning_opaque" not in message(thought("a"), {**words("x"), "encrypted_content": "s"})


@pytest.mark.parametrize(
    "summary, kept",
    [
        (None, []),
        ([{"text": "a"}], [{"type": "summary_text", "text": "a"}]),
        ([{"type": "new_text", "text": "a"}], [{"type": "new_text", "text": "a"}]),
    ],
)
def test_a_summary_is_kept_with_the_types_it_has(summary: Any, kept: Any) -> None:
    said = message({"type": "reasoning", "summary": summary, "encrypted_content": "s"})

    assert json.loads(said["reasoning_opaque"]) == [{"type": "reasoning", "encrypted_content": "s", "summary": kept}]


def test_calls_are_in_order_and_each_of_its_kind() -> None:
    custom = {"type": "custom_tool_call", "id": "blob", "call_id": "call_2", "name": "patch", "input": "*** Begin"}

    choice = answered(called("call_1", "f", '{"a":1}'), custom, called("call_3", "g", ""))["choices"][0]

    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "call_2", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}},
        {"id": "call_3", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_a_call_without_anything_still_has_an_id_and_a_name() -> None:
    assert message({"type": "function_call"}, {"type": "custom_tool_call"})["tool_calls"] == [
        {"id": "call_new", "type": "function", "function": {"name": "", "arguments": "{}"}},
        {"id": "call_new", "type": "custom", "custom": {"name": "", "input": ""}},
    ]


@pytest.mark.parametrize(
    "fields, finish",
    [
        ({"status": "completed"}, "tool_calls"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "incomplete", "incomplete_details": {"reason": "new_reason"}}, "length"),
        ({"status": "incomplete", "incomplete_details": None}, "length"),
    ],
)
def test_a_call_that_was_cut_off_does_not_get_arguments(fields: Any, finish: str) -> None:
    choice = answered(called("call_1", "f", ""), **fields)["choices"][0]

    assert choice["finish_reason"] == finish
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == ("{}" if finish == "tool_calls" else "")


def test_what_the_answer_does_not_name_is_what_was_asked() -> None:
    answer = answered(words("x"), created_at=None)

    assert (answer["model"], answer["created"], answer["id"]) == ("asked-model", 123, "chatcmpl-new")
    assert answer.keys().isdisjoint({"usage", "copilot_usage"})
    assert answered(created_at=5.9)["created"] == 5


@pytest.mark.parametrize(
    "usage, counted",
    [
        ({}, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
        (
            {"input_tokens": 3, "output_tokens": 4, "total_tokens": None},
            {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        ),
        (
            {
                "input_tokens": 3,
                "output_tokens": 4,
                "total_tokens": 8,
                "input_tokens_details": {"cached_tokens": 2},
                "output_tokens_details": {"reasoning_tokens": 1},
            },
            {
                "prompt_tokens": 3,
                "completion_tokens": 4,
                "total_tokens": 8,
                "prompt_tokens_details": {"cached_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 1},
            },
        ),
        (
            {"input_tokens_details": {}, "output_tokens_details": {"reasoning_tokens": None}},
            {
                "prompt_tokens": 0,
                "completion_tokens": 0,
                "total_tokens": 0,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
        ),
    ],
)
def test_tokens_are_counted_under_the_hubs_names(usage: Any, counted: Any) -> None:
    assert answered(usage=usage)["usage"] == counted


@pytest.mark.parametrize(
    "body, words, code",
    [
        (b"", "is no response", None),
        (b"<html>", "is no response", None),
        (b"[]", "is no response", None),
        (b'{"status":"completed","output":[1]}', "is no response", None),
        (b'{"status":"completed","output":[{"type":"message","content":"x"}]}', "is no response", None),
        (b"{}", "not finished (status: None)", None),
        (b'{"output":[]}', "not finished (status: None)", None),
        (b'{"status":"in_progress","output":[]}', "not finished (status: in_progress)", None),
        (b'{"status":"failed","output":[],"error":null}', "no reason given", None),
        (b'{"status":"failed","error":{"code":"server_error","message":"It broke."}}', "It broke.", "server_error"),
    ],
)
def test_what_is_no_whole_answer_is_a_broken_one_in_upstreams_words(body: bytes, words: str, code: str | None) -> None:
    error = broken(body)

    assert words in error.message
    assert (error.status, error.code) == (502, code)


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"code":"rate_limited","message":"Slow down."}}',
        b'{"code":"rate_limited","message":"Slow down."}',
    ],
)
def test_an_error_in_the_place_of_an_answer_keeps_its_words(body: bytes) -> None:
    with pytest.raises(UpstreamRefused) as caught:
        reply(body)

    assert (caught.value.status, caught.value.message, caught.value.code) == (502, "Slow down.", "rate_limited")
