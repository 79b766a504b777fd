"""How OpenAI's and Ollama's clients are told of errors."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from passenger_trio.errors import (
    BadRequest,
    ContextTooLong,
    KeyRefused,
    ModelDisabled,
    NotFound,
    PassengerError,
    QuotaExceeded,
    TokenUnavailable,
    UpstreamBroke,
    UpstreamRefused,
)
from passenger_trio.translate.fronts import chat, completions, embeddings, ollama, openai_errors
from passenger_trio.translate.fronts.ollama_lines import ChatForm


def told(error: PassengerError) -> dict[str, Any]:
    body = json.loads(chat.fault(error)[1])
    assert body.keys() == {"error"}
    return dict(body["error"])


def too_long(tokens: int | None, limit: int | None, words: str = "no") -> ContextTooLong:
    error = ContextTooLong(400, words, code="model_max_prompt_tokens_exceeded")
    error.tokens, error.limit = tokens, limit
    return error


@pytest.mark.parametrize(
    "error, status, kind, code",
    [
        (BadRequest("m"), 400, "invalid_request_error", None),
        (KeyRefused("m"), 401, "authentication_error", None),
        (ModelDisabled("m", code="model_disabled"), 403, "permission_error", "model_disabled"),
        (NotFound("m", code="not_found"), 404, "invalid_request_error", "not_found"),
        (TokenUnavailable("m"), 503, "server_error", None),
        (UpstreamBroke("m"), 502, "server_error", None),
        (PassengerError("m"), 500, "server_error", None),
    ],
)
def test_our_own_errors_have_their_status_and_type(
    error: PassengerError, status: int, kind: str, code: str | None
) -> None:
    assert chat.fault(error)[0] == status
    assert told(error) == {"message": "m", "type": kind, "param": None, "code": code}


@pytest.mark.parametrize(
    "upstream, code, status, kind, told_code",
    [
        (400, None, 400, "invalid_request_error", None),
        (400, "off_topic", 400, "invalid_request_error", "off_topic"),
        (401, None, 401, "authentication_error", None),
        (403, None, 403, "permission_error", None),
        (404, "not_found", 404, "invalid_request_error", "not_found"),
        (408, None, 408, "invalid_request_error", None),
        (413, None, 413, "invalid_request_error", None),
        (421, None, 502, "server_error", None),
        (422, None, 400, "invalid_request_error", "content_filter"),
        (422, "content_filter", 400, "invalid_request_error", "content_filter"),
        (422, "responsible_ai", 400, "invalid_request_error", "content_filter"),
        (424, "x", 502, "server_error", "x"),
        (429, None, 429, "rate_limit_error", "rate_limit_exceeded"),
        (429, "user_weekly_rate_limited", 429, "rate_limit_error", "user_weekly_rate_limited"),
        (466, None, 502, "server_error", None),
        (499, None, 502, "server_error", None),
        (500, "internal_error", 500, "server_error", "internal_error"),
        (502, None, 502, "server_error", None),
        (529, None, 529, "server_error", None),
    ],
)
def test_a_refusal_has_the_status_and_code_that_openais_packages_know(
    upstream: int, code: str | None, status: int, kind: str, told_code: str | None
) -> None:
    error = UpstreamRefused(upstream, "m", code=code)
    changed = (status, told_code) != (upstream, code)

    assert chat.fault(error)[0] == status
    assert told(error) == {
        "message": "m",
        "type": kind,
        "param": None,
        "code": told_code,
        **({"upstream": {"status": upstream, "code": code}} if changed else {}),
    }


def test_every_form_has_its_reason() -> None:
    assert all(form.why for form in (openai_errors.TOO_LONG, openai_errors.QUOTA, *openai_errors.FORMS.values()))
    assert {form.kind for form in openai_errors.FORMS.values()} <= openai_errors.KINDS


@pytest.mark.parametrize(
    "error, kind",
    [
        (UpstreamRefused(400, "m", kind="not_found_error"), "not_found_error"),
        (UpstreamRefused(429, "m", kind="tokens"), "tokens"),
        (UpstreamRefused(429, "m", kind="its_own"), "rate_limit_error"),
        (UpstreamRefused(500, "m", kind=""), "server_error"),
        (UpstreamRefused(466, "m", kind="invalid_request_error"), "server_error"),
        (QuotaExceeded(429, "m", kind="rate_limit_error"), "insufficient_quota"),
    ],
)
def test_a_type_is_one_of_openais_words(error: UpstreamRefused, kind: str) -> None:
    assert told(error)["type"] == kind


@pytest.mark.parametrize("status, code", [(402, "quota_exceeded"), (402, None), (429, "quota_exceeded"), (429, None)])
def test_a_used_up_quota_is_told_as_openai_tells_it(status: int, code: str | None) -> None:
    error = QuotaExceeded(status, "You have no quota", code=code)

    assert chat.fault(error)[0] == 429
    assert told(error) == {
        "message": "You have no quota",
        "type": "insufficient_quota",
        "param": None,
        "code": "insufficient_quota",
        "upstream": {"status": status, "code": code},
    }


@pytest.mark.parametrize(
    "tokens, limit, message",
    [
        (
            9001,
            8192,
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
        ),
        (
            None,
            8192,
            "This model's maximum context length is 8192 tokens. However, your messages resulted in more tokens.",
        ),
        (None, None, "This model's maximum context length is exceeded by your messages."),
    ],
)
def test_too_long_a_prompt_is_told_in_openais_own_words(tokens: int | None, limit: int | None, message: str) -> None:
    error = too_long(tokens, limit, "prompt token count of 9001 exceeds the limit of 8192")

    assert chat.fault(error)[0] == 400
    assert told(error) == {
        "message": f"{message} Copilot says: prompt token count of 9001 exceeds the limit of 8192",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "context_length_exceeded",
        "upstream": {"status": 400, "code": "model_max_prompt_tokens_exceeded"},
    }


Fault = Callable[[PassengerError], tuple[int, bytes]]


@pytest.mark.parametrize(
    "fault, field", [(chat.fault, "messages"), (completions.fault, "prompt"), (embeddings.fault, "input")]
)
def test_too_long_a_prompt_is_blamed_on_the_field_that_has_it(fault: Fault, field: str) -> None:
    named = ContextTooLong(400, "m", param="messages.7.content")

    assert json.loads(fault(too_long(9, 8))[1])["error"]["param"] == field
    assert json.loads(fault(named)[1])["error"]["param"] == "messages.7.content"
    assert json.loads(fault(BadRequest("m"))[1])["error"]["param"] is None


def test_a_remedy_comes_after_copilots_words() -> None:
    error = UpstreamRefused(466, "too old", remedy="Raise it.")

    assert told(error)["message"] == "too old. Raise it."
    assert json.loads(ollama.fault(error)[1]) == {"error": "too old. Raise it."}


def test_an_error_names_code_and_param() -> None:
    error = told(BadRequest("m", code="invalid_value", param="stream"))

    assert (error["code"], error["param"]) == ("invalid_value", "stream")


ERRORS = [UpstreamRefused(429, "m", code="rate_limited"), QuotaExceeded(402, "m"), too_long(9, 8), BadRequest("m")]


@pytest.mark.parametrize("error", ERRORS)
def test_a_stream_that_fails_late_says_the_same_as_one_that_fails_at_once(error: PassengerError) -> None:
    last = chat.Stream(include_usage=False).fault(error)
    line = ollama.Stream(ChatForm("m"), ollama.Times(lambda: 0, lambda: 0, 0, 0)).fault(error)

    assert last == b"data: " + chat.fault(error)[1] + b"\n\n"
    assert line == ollama.fault(error)[1] + b"\n"


@pytest.mark.parametrize("status", [400, 402, 421, 422, 424, 429, 466, 499, 500, 529])
def test_ollamas_clients_get_copilots_own_status_and_words(status: int) -> None:
    for error in (UpstreamRefused(status, "its words"), QuotaExceeded(status, "its words")):
        assert ollama.fault(error) == (status, b'{"error":"its words"}')


@pytest.mark.parametrize(
    "tokens, limit, words, message",
    [
        (9, 8, "count of 9 exceeds 8", "the prompt is too long: 9 tokens > 8 maximum (count of 9 exceeds 8)"),
        (9, 8, "prompt is too long: 9 tokens > 8 maximum", "the prompt is too long: 9 tokens > 8 maximum"),
        (None, 8, "no", "the prompt is too long: the model takes 8 tokens (no)"),
        (None, None, "no", "the prompt is too long (no)"),
    ],
)
def test_ollamas_clients_read_that_the_prompt_is_too_long(
    tokens: int | None, limit: int | None, words: str, message: str
) -> None:
    status, body = ollama.fault(too_long(tokens, limit, words))

    assert (status, json.loads(body)) == (400, {"error": message})


@given(
    st.integers(400, 599),
    st.text(max_size=20),
    st.none() | st.text(max_size=8),
    st.none() | st.text(max_size=8),
    st.sampled_from([UpstreamRefused, QuotaExceeded, ContextTooLong]),
)
def test_every_refusal_has_the_shape_of_its_dialect(
    status: int, words: str, code: str | None, kind: str | None, made: type[UpstreamRefused]
) -> None:
    error = made(status, words, code=code, kind=kind)
    sent, body = chat.fault(error)

    assert 400 <= sent <= 599
    inner = json.loads(body)["error"]
    assert {"message", "type", "param", "code"} <= inner.keys() <= {"message", "type", "param", "code", "upstream"}
    assert inner["type"] in openai_errors.KINDS
    assert words in inner["message"]
    assert isinstance(json.loads(ollama.fault(error)[1])["error"], str)
