"""Anthropic's Messages: how a request is read, whole answers, and errors. Streams: test_messages_stream.py."""

import json
from typing import Any

import pytest
from messages_front import MODEL, USER, ZERO, asked, call, counted, sealed, whole

from passenger_trio.errors import (
    BadRequest,
    ContextTooLong,
    NotLoggedIn,
    PassengerError,
    QuotaExceeded,
    UpstreamBroke,
    UpstreamRefused,
    UpstreamTimeout,
)
from passenger_trio.translate.fronts import messages as front
from passenger_trio.wire.models import Model


@pytest.mark.parametrize(
    "body, param, part",
    [
        (b"", None, "has no body"),
        (b"{", None, "not a JSON object"),
        (b'{"messages":[]}', "model", "`model` is missing"),
        (b'{"model":"m"}', "messages", "`messages` is missing"),
        (b'{"model":null,"messages":[]}', "model", "`model` is missing"),
        (b'{"model":"","messages":[]}', "model", "`model`"),
        (b'{"model":"m","messages":[],"stream":"yes"}', "stream", "`stream`"),
    ],
)
def test_a_request_that_cannot_be_read_names_its_field(body: bytes, param: str | None, part: str) -> None:
    with pytest.raises(BadRequest) as caught:
        front.read(body)

    assert caught.value.param == param
    assert part in caught.value.message


def test_a_request_is_read_whole() -> None:
    found = asked(stream=True, unheard_of=[1.0])

    assert (found.model, found.stream) == ("claude-asked", True)
    assert bytes(found.envelope["unheard_of"]) == b"[1.0]"
    assert not asked(stream=None).stream


def test_a_call_keeps_the_clients_name_for_the_model_and_asks_for_a_stream() -> None:
    found = call(stream=True)

    assert (found.model, found.stream, found.dropped) == ("claude-asked", True, ())
    assert {name: json.loads(bytes(raw)) for name, raw in found.envelope.items()} == {
        "model": "claude-asked",
        "messages": [USER],
        "stream": True,
    }


def test_bytes_that_are_no_text_are_the_clients_fault() -> None:
    used = b'{"type":"tool_use","id":"t","name":"f","input":{"x":"\xff"}}'
    broken = b'{"model":"m","messages":[{"role":"assistant","content":[' + used + b"]}]}"

    with pytest.raises(BadRequest, match="cannot be read"):
        front.to_call(front.read(broken), Model(MODEL))


def test_a_whole_answer_has_every_field_and_the_name_that_was_asked_for() -> None:
    assert whole({"content": "hi"}, usage=counted(10, 3, cached=4)) == {
        "id": "msg_made",
        "type": "message",
        "role": "assistant",
        "model": "claude-asked",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 6,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 4,
            "output_tokens": 3,
        },
    }


@pytest.mark.parametrize(
    "usage, expected",
    [
        ({}, ZERO),
        ({"usage": counted(5, 1)}, {**ZERO, "input_tokens": 5, "output_tokens": 1}),
        ({"usage": counted(5, 1, cached=9)}, {**ZERO, "cache_read_input_tokens": 5, "output_tokens": 1}),
    ],
)
def test_no_count_is_invented_and_none_is_negative(usage: Any, expected: Any) -> None:
    assert whole({"content": "hi"}, **usage)["usage"] == expected


@pytest.mark.parametrize(
    "finish, reason",
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("function_call", "tool_use"),
        ("content_filter", "refusal"),
        ("unheard_of", "end_turn"),
        (None, "end_turn"),
    ],
)
def test_a_finish_reason_becomes_a_stop_reason(finish: str | None, reason: str) -> None:
    assert whole({"content": "hi"}, finish)["stop_reason"] == reason


def test_thinking_comes_first_then_text_then_calls() -> None:
    function = {"name": "f", "arguments": '{"x": 1e5}'}
    answer = whole(
        {
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
            "content": "text",
            "refusal": " and no",
            "reasoning_content": "hm",
            "reasoning_opaque": "OPAQUE",
        },
        "tool_calls",
    )

    assert answer["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": sealed("OPAQUE")},
        {"type": "text", "text": "text and no"},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"x": 1e5}},
    ]


@pytest.mark.parametrize(
    "message, content",
    [
        ({"reasoning_content": "hm"}, [{"type": "thinking", "thinking": "hm", "signature": sealed("")}]),
        ({"reasoning_opaque": "O"}, [{"type": "redacted_thinking", "data": sealed("O")}]),
        ({"content": "", "reasoning_content": ""}, []),
        (None, []),
    ],
)
def test_thinking_always_has_a_signature_and_what_is_hidden_is_redacted(message: Any, content: Any) -> None:
    assert whole(message)["content"] == content


def calls(*found: Any, finish: str = "tool_calls") -> Any:
    return whole({"tool_calls": list(found)}, finish)["content"]


def test_an_id_that_anthropic_does_not_know_becomes_one_that_it_does() -> None:
    function = {"name": "f", "arguments": "{}"}

    first, again, other, none = calls(
        *({"id": call_id, "function": function} for call_id in ("call_a+b/=", "call_a+b/=", "call_a+c/=", None))
    )

    assert first["id"] == again["id"] != other["id"]
    assert first["id"] == "toolu_2a571c0eaf7727b5cad02147"
    assert none["id"] == "call_3"


@pytest.mark.parametrize("arguments", ["", None])
def test_a_call_without_arguments_has_an_empty_object(arguments: str | None) -> None:
    assert calls({"id": "a", "function": {"name": "f", "arguments": arguments}})[0]["input"] == {}
    assert calls({"id": "a"})[0] == {"type": "tool_use", "id": "a", "name": "", "input": {}}


@pytest.mark.parametrize("arguments", ['{"x":', "[]", "null", "5", "{} {}"])
def test_a_call_with_arguments_that_are_no_object_breaks_the_answer(arguments: str) -> None:
    with pytest.raises(UpstreamBroke, match="`f`"):
        calls({"id": "a", "function": {"name": "f", "arguments": arguments}})


def test_what_a_call_says_is_in_no_error_for_errors_are_logged() -> None:
    with pytest.raises(UpstreamBroke) as caught:
        calls({"id": "a", "function": {"name": "f", "arguments": '{"key": "otters'}})

    assert caught.value.message == "The model called `f` with arguments that are no JSON object (15 characters)."


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_call_that_was_cut_off_keeps_its_name_and_the_stop_reason_tells(finish: str) -> None:
    function = {"name": "f", "arguments": '{"x":'}

    assert calls({"id": "a", "function": function}, finish=finish) == [
        {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    ]


def body(error: PassengerError) -> tuple[int, str, str]:
    status, data = front.fault(error)
    told = json.loads(data)
    assert list(told) == ["type", "error"]
    assert told["type"] == "error"
    assert list(told["error"]) == ["type", "message"]
    return status, told["error"]["type"], told["error"]["message"]


@pytest.mark.parametrize(
    "status, expected, kind",
    [
        (400, 400, "invalid_request_error"),
        (401, 401, "authentication_error"),
        (402, 402, "billing_error"),
        (403, 403, "permission_error"),
        (404, 404, "not_found_error"),
        (405, 405, "invalid_request_error"),
        (413, 413, "request_too_large"),
        (421, 502, "api_error"),
        (422, 422, "invalid_request_error"),
        (424, 502, "api_error"),
        (429, 429, "rate_limit_error"),
        (466, 502, "api_error"),
        (499, 502, "api_error"),
        (500, 500, "api_error"),
        (502, 502, "api_error"),
        (503, 503, "overloaded_error"),
        (504, 504, "timeout_error"),
        (529, 529, "overloaded_error"),
    ],
)
def test_an_error_has_anthropics_kind_for_its_status(status: int, expected: int, kind: str) -> None:
    assert body(UpstreamRefused(status, "no")) == (expected, kind, "no")


@pytest.mark.parametrize(
    "error, expected",
    [
        (BadRequest("wrong", param="x", code="invalid_value"), (400, "invalid_request_error", "wrong")),
        (NotLoggedIn("log in", code="login_void"), (401, "authentication_error", "log in")),
        (UpstreamTimeout("silent"), (504, "timeout_error", "silent")),
        (UpstreamBroke("broke", code="server_error"), (502, "api_error", "broke (server_error)")),
        (UpstreamRefused(429, "slow", code="slow"), (429, "rate_limit_error", "slow")),
        (UpstreamRefused(429, "wait", code="rate_limited"), (429, "rate_limit_error", "wait (rate_limited)")),
        (UpstreamRefused(403, "no", remedy="Go."), (403, "permission_error", "no. Go.")),
        (QuotaExceeded(402, "used up"), (429, "rate_limit_error", "used up")),
    ],
)
def test_an_error_keeps_its_words_and_upstreams_code(error: PassengerError, expected: Any) -> None:
    assert body(error) == expected


def too_long(words: str, tokens: int | None, limit: int | None) -> ContextTooLong:
    error = ContextTooLong(413, words)
    error.tokens, error.limit = tokens, limit
    return error


@pytest.mark.parametrize(
    "error, message",
    [
        (too_long("too much", 9, 5), "prompt is too long: 9 tokens > 5 maximum. too much"),
        (too_long("too much", None, None), "prompt is too long: too much"),
        (too_long("too much", 9, None), "prompt is too long: too much"),
        (too_long("prompt is too long: 9 tokens > 5 maximum", 9, 5), "prompt is too long: 9 tokens > 5 maximum"),
    ],
)
def test_a_prompt_that_is_too_long_is_told_in_the_words_that_agents_look_for(error: Any, message: str) -> None:
    assert body(error) == (400, "invalid_request_error", message)


def test_an_error_names_the_request() -> None:
    _, data = front.fault(BadRequest("wrong"), "req-1")

    assert json.loads(data)["request_id"] == "req-1"


def test_a_thread_is_refused_in_the_words_that_make_the_sdks_send_everything() -> None:
    with pytest.raises(front.ThreadUnsupported) as caught:
        call(thread={"type": "create"})

    status, data = front.fault(caught.value)
    told = json.loads(data)
    assert status == 400
    assert told["error"].pop("message")
    assert told == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "details": {"error_code": "thread_unsupported_request", "unsupported": ["thread"]},
        },
    }
