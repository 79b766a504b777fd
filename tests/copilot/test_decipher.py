"""Copilot's refusals, recorded and made up, as the house's errors."""

import base64
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, strategies as st

from passenger_trio.copilot import protocol
from passenger_trio.errors import ContextTooLong, QuotaExceeded, UpstreamRefused

SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"
INDEX: dict[str, dict[str, Any]] = {entry["file"]: entry for entry in json.loads((SAMPLES / "index.json").read_bytes())}
HTML = "Copilot answered with a web page instead of an answer; it is in trouble for the moment."


class Row(NamedTuple):
    """What becomes of a recorded refusal, beside its own status, words and headers."""

    code: str | None = None
    kind: type[UpstreamRefused] = UpstreamRefused
    param: str | None = None
    remedy: str = ""
    lasting: bool = False


EDITOR = "Check `editor_version`"
LOGIN = "passenger-trio login"
ROWS = {
    "err_400_context_length.json": Row("model_max_prompt_tokens_exceeded", ContextTooLong),
    "err_400_context_length_messages.json": Row(None, ContextTooLong),
    "err_400_context_length_old.json": Row("model_max_prompt_tokens_exceeded", ContextTooLong),
    "err_400_context_length_responses.json": Row("invalid_request_body", ContextTooLong),
    "err_400_invalid_request_body.json": Row("invalid_request_body"),
    "err_400_messages_extra_inputs.json": Row(),
    "err_400_missing_editor_version.txt": Row(remedy=EDITOR),
    "err_400_model_not_supported.json": Row("model_not_supported", param="model"),
    "err_400_off_topic.json": Row("off_topic"),
    "err_400_pat_not_supported.txt": Row(remedy=LOGIN),
    "err_400_previous_response_not_found.json": Row("previous_response_not_found"),
    "err_400_unknown_editor_version.txt": Row(remedy=EDITOR),
    "err_400_unsupported_api_for_model.json": Row("unsupported_api_for_model", param="model"),
    "err_400_unsupported_api_for_model_2026.json": Row("model_not_supported", param="model"),
    "err_400_vision_header.json": Row(),
    "err_401_agent_authorize.json": Row("unauthorized"),
    "err_401_auto_mode_selector.txt": Row(),
    "err_401_pat_permission.txt": Row(),
    "err_401_token_expired.txt": Row(remedy=LOGIN),
    "err_401_token_expired_short.txt": Row(remedy=LOGIN),
    "err_402_quota_exceeded.json": Row("quota_exceeded", QuotaExceeded, lasting=True),
    "err_402_spend_limit.json": Row("additional_spend_limit_reached", QuotaExceeded, lasting=True),
    "err_403_feature.txt": Row(),
    "err_403_forbidden_terms.txt": Row(),
    "err_404.txt": Row(),
    "err_404_json.json": Row("not_found"),
    "err_413.txt": Row(),
    "err_413_json.json": Row(),
    "err_421_misdirected.txt": Row(remedy="`api_base_url`", lasting=True),
    "err_422_filtered.json": Row("content_filter"),
    "err_424_agent_dependency.txt": Row(),
    "err_429_integration.json": Row("integration_rate_limited"),
    "err_429_model_overloaded.json": Row("model_overloaded"),
    "err_429_quota_plain.txt": Row("quota_exceeded", QuotaExceeded, lasting=True),
    "err_429_rate_limited.json": Row("rate_limited"),
    "err_429_user_global.json": Row("user_global_rate_limited", lasting=True),
    "err_429_user_model.json": Row("user_model_rate_limited"),
    "err_429_weekly.json": Row("user_weekly_rate_limited", lasting=True),
    "err_466_client_too_old.txt": Row(remedy="`api_version` and `editor_version`", lasting=True),
    "err_499.txt": Row(),
    "err_500.json": Row("internal_error"),
    "err_502.html": Row(),
    "err_503.txt": Row(),
    "err_504.txt": Row(),
}


def body(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def headers(name: str) -> dict[str, str]:
    return INDEX[name].get("headers", {})


def recorded(name: str) -> UpstreamRefused:
    return protocol.decipher(INDEX[name]["status"], headers(name), body(name))


def words(name: str) -> str:
    """What a person should read of a recorded error."""
    if name.endswith(".html"):
        return HTML
    text = body(name).decode().strip()
    if name.endswith(".json"):
        return str(json.loads(text)["error"]["message"])
    return text or "Copilot answered with HTTP 499 and said nothing more."


def test_every_recorded_refusal_has_its_row() -> None:
    assert sorted(ROWS) == sorted(path.name for path in SAMPLES.glob("err_*"))


@pytest.mark.parametrize("name", ROWS)
def test_a_refusal_keeps_its_status_words_code_and_ids(name: str) -> None:
    error = recorded(name)

    assert error.status == INDEX[name]["status"]
    assert (error.message, error.code, error.param) == (words(name), ROWS[name].code, ROWS[name].param)
    waits = ("retry-after", "x-ratelimit-user-retry-after", "x-ratelimit-quota-exceeded-retry-after")
    assert error.retry_after == next((headers(name)[wait] for wait in waits if wait in headers(name)), None)
    handed_on = {"x-github-request-id", "x-ratelimit-exceeded"}
    assert error.headers == {key: value for key, value in headers(name).items() if key in handed_on}


@pytest.mark.parametrize("name", ROWS)
def test_a_refusal_says_what_it_is_and_what_can_be_done(name: str) -> None:
    error = recorded(name)

    assert type(error) is ROWS[name].kind
    assert error.lasting is ROWS[name].lasting
    assert ROWS[name].remedy in error.remedy
    assert bool(error.remedy) is bool(ROWS[name].remedy)
    assert error.told.startswith(error.message)
    assert error.told.endswith(error.remedy)


@pytest.mark.parametrize(
    "message, told",
    [("Misdirected Request", "Misdirected Request. Raise"), ("Too old.", "Too old. Raise"), ("Why?", "Why? Raise")],
)
def test_a_remedy_is_a_sentence_of_its_own(message: str, told: str) -> None:
    assert protocol.decipher(466, {}, message.encode()).told.startswith(told)


def test_type_and_param_are_copilots_own_unless_they_are_empty() -> None:
    full = recorded("err_400_model_not_supported.json")
    empty = recorded("err_400_context_length_old.json")

    assert (full.kind, full.param) == ("invalid_request_error", "model")
    assert (empty.kind, empty.param) == (None, None)


def refusal(message: str, code: str = "", status: int = 400, **more: str) -> UpstreamRefused:
    return protocol.decipher(status, more, json.dumps({"error": {"message": message, "code": code}}).encode())


@pytest.mark.parametrize(
    "error, tokens, limit",
    [
        (recorded("err_400_context_length.json"), 151318, 128000),
        (recorded("err_400_context_length_old.json"), 151318, 128000),
        (recorded("err_400_context_length_messages.json"), 214000, 200000),
        (recorded("err_400_context_length_responses.json"), None, None),
        (
            refusal(
                "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens."
            ),
            9001,
            8192,
        ),
        (refusal("however it is said", "context_length_exceeded"), None, None),
        (refusal("prompt token count of some exceeds it", "model_max_prompt_tokens_exceeded"), None, None),
        (refusal("prompt is too long: 9 tokens > 8 maximum", status=413), 9, 8),
    ],
)
def test_the_numbers_of_too_long_a_prompt_are_read(
    error: UpstreamRefused, tokens: int | None, limit: int | None
) -> None:
    assert isinstance(error, ContextTooLong)
    assert (error.tokens, error.limit) == (tokens, limit)


@pytest.mark.parametrize(
    "error",
    [
        refusal("the prompt is too long to be funny", "off_topic"),
        refusal("prompt is too long: 9 tokens > 8 maximum", status=429),
        refusal(f"prompt is too long: {'9' * 5000} tokens > 8 maximum"),
        refusal("prompt token count of 9 exceeds nothing"),
    ],
)
def test_what_is_not_about_the_length_is_not_told_so(error: UpstreamRefused) -> None:
    assert type(error) is UpstreamRefused


def test_a_limit_that_the_refusal_does_not_tell_is_the_models() -> None:
    silent = protocol.decipher(400, {}, body("err_400_context_length_responses.json"), prompt_limit=272_000)
    telling = protocol.decipher(400, {}, body("err_400_context_length.json"), prompt_limit=1)

    assert isinstance(silent, ContextTooLong)
    assert isinstance(telling, ContextTooLong)
    assert (silent.tokens, silent.limit) == (None, 272_000)
    assert (telling.tokens, telling.limit) == (151318, 128000)


LONG = json.dumps({"model": "gpt-5.4", "input": "All work and no play makes Jack a dull boy. " * 200}).encode()


@pytest.mark.parametrize(
    "name, sent, limit, kind",
    [
        ("err_400_invalid_request_body.json", LONG, 2000, ContextTooLong),
        ("err_400_invalid_request_body.json", LONG, 3000, UpstreamRefused),
        ("err_400_invalid_request_body.json", LONG, None, UpstreamRefused),
        ("err_400_off_topic.json", LONG, 2000, UpstreamRefused),
        ("err_400_model_not_supported.json", LONG, 2000, UpstreamRefused),
        ("err_404_json.json", LONG, 2000, UpstreamRefused),
    ],
)
def test_a_body_that_is_refused_without_a_reason_was_too_long_if_it_was(
    name: str, sent: bytes, limit: int | None, kind: type[UpstreamRefused]
) -> None:
    error = protocol.decipher(INDEX[name]["status"], {}, body(name), sent=sent, prompt_limit=limit)

    assert type(error) is kind
    assert error.message == words(name)
    if isinstance(error, ContextTooLong):
        assert (error.tokens, error.limit) == (None, limit)


PICTURE = base64.b64encode(bytes(range(256)) * 60).decode()


@pytest.mark.parametrize(
    "sent, long",
    [
        (b"word " * 801, True),
        (b"word " * 799, False),
        (b"word " * 400 + PICTURE.encode(), False),
        (b"word " * 400 + PICTURE.replace("/", "\\/").encode(), False),
        (b"word " * 801 + PICTURE.encode(), True),
        (b'{"encrypted_content":"' + b"gAAAAA_-" * 1000 + b'"}', False),
        (json.dumps("Привет, мир. " * 300).encode(), True),
        (json.dumps("Привет, мир. " * 150).encode(), False),
        (json.dumps("你好" * 1001).encode(), True),
        (json.dumps("你好" * 900).encode(), False),
        (b"", False),
    ],
)
def test_only_text_counts_as_long(sent: bytes, long: bool) -> None:
    assert protocol.looks_too_long(sent, 1000) is long
    assert not protocol.looks_too_long(sent, None)


@pytest.mark.parametrize(
    "error",
    [
        refusal("whatever it is", "billing_not_configured", 402),
        refusal("whatever it is", "", 402),
        refusal("used up", "quota_exceeded", 429),
        refusal("used up", "free_quota_exceeded:individual", 429),
        refusal("used up", "insufficient_quota", 429),
        refusal("quota exceeded", "", 429),
        refusal("slow down", "rate_limited", 429, **{"x-ratelimit-exceeded": "quota_exceeded"}),
        refusal("slow down", "", 429, **{"x-ratelimit-exceeded": "quota_exceeded:monthly"}),
    ],
)
def test_a_quota_is_told_from_a_limit_on_haste(error: UpstreamRefused) -> None:
    assert type(error) is QuotaExceeded
    assert error.lasting


@pytest.mark.parametrize(
    "error",
    [
        refusal("Quota exceeded for requests per minute", "rate_limited", 429),
        refusal("Quota exceeded for requests per minute", "", 429),
        refusal("slow down", "", 429, **{"x-ratelimit-exceeded": "pro_plus:global-usage-5-hour-key:1"}),
        refusal("used up", "quota_exceeded", 403),
    ],
)
def test_a_limit_on_haste_is_no_quota(error: UpstreamRefused) -> None:
    assert type(error) is UpstreamRefused
    assert not error.lasting


@pytest.mark.parametrize(
    "wait, lasting",
    [
        ("0", False),
        ("120", False),
        ("121", True),
        ("166000", True),
        ("9" * 400, True),
        ("12.5", False),
        ("-1", False),
        ("²", False),
        ("soon", False),
        ("Wed, 01 Jul 2026 00:00:00 GMT", False),
    ],
)
def test_a_wait_that_no_client_waits_is_lasting(wait: str, lasting: bool) -> None:
    error = refusal("slow down", "rate_limited", 429, **{"retry-after": wait})

    assert (error.retry_after, error.lasting) == (wait, lasting)


@pytest.mark.parametrize(
    "status, data, told, part, code",
    [
        (400, b'{"error":"a text"}', 400, "^a text$", None),
        (400, b'{"message":"bare","code":5}', 400, "^bare$", "5"),
        (400, b'{"error":{"code":"x:plan"}}', 400, '^{"error":{"code":"x:plan"}}$', "x:plan"),
        (402, b'{"error":{"message":"m","code":"x:plan"}}', 402, "^m$", "x"),
        (429, b'{"error":{"message":"m","code":"x:plan"}}', 429, "^m$", "x"),
        (400, b'{"error":[1]}', 400, r'^{"error":\[1\]}$', None),
        (400, b"[1]", 400, r"^\[1\]$", None),
        (400, b'{"error":{"message":"\xff"}}', 400, "\ufffd", None),
        (401, b"", 401, "^Copilot answered with HTTP 401 and said nothing more.$", None),
        (500, b"  <!DOCTYPE html>", 500, f"^{re.escape(HTML)}$", None),
        (302, b"", 502, "^Copilot answered with HTTP 302, which has no meaning here.$", None),
        (204, b"words", 502, "words$", None),
        (503, b"x" * 3000, 503, r"^x{500}\.\.\.$", None),
        (503, "é".encode() * 3000, 503, r"^é{500}\.\.\.$", None),
    ],
)
def test_another_error_is_made_the_best_of(status: int, data: bytes, told: int, part: str, code: str | None) -> None:
    error = protocol.decipher(status, {}, data)

    assert error.status == told
    assert re.search(part, error.message)
    assert error.code == code


@pytest.mark.parametrize(
    ("limit", "code"), [("quota_exceeded", "quota_exceeded"), ("pro_plus:global-usage-5-hour-key:7", "rate_limited")]
)
def test_a_limit_that_only_a_header_names_is_a_code(limit: str, code: str) -> None:
    error = protocol.decipher(429, {"x-ratelimit-exceeded": limit, "retry-after": "9"}, b"no")

    assert (error.code, error.retry_after) == (code, "9")


@given(st.integers(100, 599), st.binary(max_size=60), st.binary(max_size=60))
def test_no_body_can_do_harm(status: int, data: bytes, sent: bytes) -> None:
    error = protocol.decipher(status, {}, data, sent=sent, prompt_limit=1)

    assert error.message
    assert error.status >= 400
