"""Copilot's errors by the names that directives give them: ``[[err:429_user_global]]``.

A name is that of a recorded answer (protocol: errors). Bodies are theirs to the byte; so are the headers that say when
to come back.
"""

from collections.abc import Mapping
from typing import Final

from passenger_trio.simulator.refusals import HTML, JSON, Refusal, error_body

_UNICORN: Final = (
    b"<!DOCTYPE html>\n<html><head><title>Unicorn! &middot; GitHub</title></head>"
    b"<body><p>We had issues producing the response to your request.</p></body></html>\n"
)
_RESET: Final = b"upstream connect error or disconnect/reset before headers. reset reason: connection termination\n"
_TOO_OLD: Final = (
    b"bad request: the specified API version is no longer supported. "
    b"You may need to update your client to a newer version.\n"
)
_PAT: Final = (
    b"checking third-party user token: bad request: Personal Access Tokens are not supported for this endpoint\n"
)
_NO_CHAT: Final = 'model "gpt-5.3-codex" is not accessible via the /chat/completions endpoint'
_FILTERED: Final = "The response was filtered due to the prompt triggering the content management policy."
_LIMITS: Final = "Sorry, you've exceeded your rate limits. Please review our Terms of Service."
_WINDOW: Final = "Your input exceeds the context window of this model. Please adjust your input and try again."
_BLAME: Final = {"param": "model", "type": "invalid_request_error"}


def _json(status: int, message: str, code: str, *, headers: Mapping[str, str] | None = None, **more: str) -> Refusal:
    return Refusal(status, error_body(message, code, **more), JSON, headers or {})


def _as_text(status: int, message: str, code: str, **more: str) -> Refusal:
    """JSON that says it is text."""
    return Refusal(status, error_body(message, code, **more))


def _anthropic(message: str) -> Refusal:
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"%b"}}\n' % message.encode()
    return Refusal(400, body, JSON)


ERRORS: Final[Mapping[str, Refusal]] = {
    "400_context_length": _json(
        400, "prompt token count of 151318 exceeds the limit of 128000", "model_max_prompt_tokens_exceeded"
    ),
    "400_context_length_messages": _anthropic("prompt is too long: 214000 tokens > 200000 maximum"),
    "400_context_length_old": Refusal(
        400,
        b'{"error":{"message":"prompt token count of 151318 exceeds the limit of 128000","param":"",'
        b'"code":"model_max_prompt_tokens_exceeded","type":""}}\n',
        JSON,
    ),
    "400_context_length_responses": _as_text(400, _WINDOW, "invalid_request_body"),
    "400_invalid_request_body": _as_text(400, "invalid request body", "invalid_request_body"),
    "400_messages_extra_inputs": _anthropic("context_management: Extra inputs are not permitted"),
    "400_missing_editor_version": Refusal(400, b"bad request: missing Editor-Version header for IDE auth\n"),
    "400_model_not_supported": _as_text(400, "The requested model is not supported.", "model_not_supported", **_BLAME),
    "400_off_topic": _json(400, "off_topic", "off_topic"),
    "400_pat_not_supported": Refusal(400, _PAT),
    "400_previous_response_not_found": _json(400, "Previous response not found", "previous_response_not_found"),
    "400_unknown_editor_version": Refusal(400, b"bad request: unknown Editor-Version header for IDE auth\n"),
    "400_unsupported_api_for_model": _as_text(400, _NO_CHAT, "unsupported_api_for_model"),
    "400_unsupported_api_for_model_2026": _as_text(400, _NO_CHAT, "model_not_supported", **_BLAME),
    "400_vision_header": _as_text(400, "missing required Copilot-Vision-Request header for vision requests", ""),
    "401_agent_authorize": Refusal(
        401,
        b'{"error":{"message":"authorize the agent",'
        b'"authorize_url":"https://github.com/login/oauth/authorize?client_id=x","code":"unauthorized"}}\n',
        JSON,
    ),
    "401_auto_mode_selector": Refusal(401, b"Invalid auto-mode selector\n"),
    "401_pat_permission": Refusal(
        401, b"unauthorized: Personal Access Token does not have Copilot Requests permission\n"
    ),
    "401_token_expired": Refusal(401, b"IDE token expired: unauthorized: token expired\n"),
    "401_token_expired_short": Refusal(401, b"unauthorized: token expired\n"),
    "402_quota_exceeded": _json(
        402, "You have no quota", "quota_exceeded", headers={"retry-after": "2026-07-01T00:00:00Z"}
    ),
    "402_spend_limit": _json(402, "Additional usage limit reached.", "additional_spend_limit_reached"),
    "403_feature": Refusal(403, b"unauthorized: not authorized to use this Copilot feature\n"),
    "403_forbidden_terms": Refusal(403, b"Access to this endpoint is forbidden. Please review our Terms of Service.\n"),
    "404": Refusal(404, b"404 page not found\n"),
    "404_json": _json(404, "model not found", "not_found"),
    "413": Refusal(413, b"Request Entity Too Large\n"),
    "413_json": _json(413, "failed to parse request", ""),
    "421_misdirected": Refusal(421, b"Misdirected Request\n"),
    "422_filtered": _json(422, _FILTERED, "content_filter"),
    "424_agent_dependency": Refusal(424, b"failed dependency\n"),
    "429_integration": _json(
        429, "integration rate limit exceeded", "integration_rate_limited", headers={"retry-after": "30"}
    ),
    "429_model_overloaded": _json(429, "model overloaded", "model_overloaded"),
    "429_quota_plain": Refusal(
        429,
        b"quota exceeded\n",
        headers={"x-ratelimit-exceeded": "quota_exceeded", "x-ratelimit-quota-exceeded-retry-after": "1209600"},
    ),
    "429_rate_limited": _json(
        429,
        "rate limit exceeded",
        "rate_limited",
        headers={"retry-after": "37", "x-ratelimit-exceeded": "rate_limited"},
    ),
    "429_user_global": _json(
        429,
        _LIMITS,
        "user_global_rate_limited:pro_plus",
        headers={
            "retry-after": "7200",
            "x-ratelimit-user-retry-after": "7200",
            "x-ratelimit-exceeded": "pro_plus:global-usage-5-hour-key:12345",
        },
    ),
    "429_user_model": _json(
        429,
        "Sorry, you've exceeded your rate limit for this model.",
        "user_model_rate_limited",
        headers={"retry-after": "60"},
    ),
    "429_weekly": _json(
        429,
        "Sorry, you've exceeded your weekly rate limit.",
        "user_weekly_rate_limited",
        headers={"retry-after": "166000"},
    ),
    "466_client_too_old": Refusal(466, _TOO_OLD),
    "499": Refusal(499, b""),
    "500": _json(500, "Internal server error", "internal_error"),
    "502": Refusal(502, _UNICORN, HTML),
    "503": Refusal(503, _RESET),
    "504": Refusal(504, b"stream timeout\n"),
}

_LIKELY: Final[Mapping[int, str]] = {
    400: "400_invalid_request_body",
    401: "401_token_expired",
    402: "402_quota_exceeded",
    403: "403_feature",
    404: "404_json",
    413: "413_json",
    421: "421_misdirected",
    422: "422_filtered",
    424: "424_agent_dependency",
    429: "429_rate_limited",
    466: "466_client_too_old",
}


def for_status(status: int) -> Refusal:
    """A likely answer of Copilot's with ``status``: the recorded one, or else a JSON error with that number."""
    name = _LIKELY.get(status, str(status))
    return ERRORS.get(name) or _json(status, f"simulated status {status}", "simulated")
