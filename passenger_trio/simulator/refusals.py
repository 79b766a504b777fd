"""How GitHub and Copilot say no: statuses, bodies and headers.

The texts are the literals that clients of Copilot report (protocol: errors). Many of Copilot's JSON bodies come as
``text/plain`` with a newline at the end; that is kept here, because clients have tripped over it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

JSON: Final = "application/json"
JSON_UTF8: Final = "application/json; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A whole answer that is not the one that was asked for."""

    status: int
    body: bytes
    content_type: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Refused(Exception):
    """Leaves a handler in place of its answer; the app turns it into the refusal it carries."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.status}: {refusal.body[:80]!r}")
        self.refusal = refusal


def _error(message: str, code: str, **more: str) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "code": code, **more}}) + b"\n"


BAD_CREDENTIALS: Final = Refusal(
    401,
    b'{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}',
    JSON_UTF8,
)
TOKEN_EXPIRED: Final = Refusal(401, b"IDE token expired: unauthorized: token expired\n")
TOKEN_UNKNOWN: Final = Refusal(401, b"unauthorized: token expired\n")
MODEL_NOT_SUPPORTED: Final = Refusal(
    400,
    _error(
        "The requested model is not supported.",
        "model_not_supported",
        param="model",
        type="invalid_request_error",
    ),
)
NOT_FOUND: Final = Refusal(404, b"404 page not found\n")


def unsupported_api(model: str) -> Refusal:
    """The model exists, but not behind ``/chat/completions``."""
    message = f'model "{model}" is not accessible via the /chat/completions endpoint'
    return Refusal(400, _error(message, "unsupported_api_for_model"))


def invalid_body(message: str = "invalid request body") -> Refusal:
    """The request is not one that Copilot understands. ``message`` says why, where the simulator knows better."""
    return Refusal(400, _error(message, "invalid_request_body"))


def for_status(status: int) -> Refusal:
    """A likely answer of Copilot's with ``status``: the recorded one, or else a JSON error with that number."""
    match status:
        case 400:
            return invalid_body()
        case 401:
            return TOKEN_EXPIRED
        case 402:
            body = _error("You have no quota", "quota_exceeded")
            return Refusal(402, body, JSON, {"retry-after": "2030-01-01T00:00:00Z"})
        case 403:
            return Refusal(403, b"unauthorized: not authorized to use this Copilot feature\n")
        case 404:
            return Refusal(404, _error("model not found", "not_found"), JSON)
        case 413:
            return Refusal(413, _error("failed to parse request", ""), JSON)
        case 421:
            return Refusal(421, b"Misdirected Request\n")
        case 422:
            message = "The response was filtered due to the prompt triggering the content management policy."
            return Refusal(422, _error(message, "content_filter"), JSON)
        case 424:
            return Refusal(424, b"failed dependency\n")
        case 429:
            headers = {"retry-after": "37", "x-ratelimit-exceeded": "rate_limited"}
            return Refusal(429, _error("rate limit exceeded", "rate_limited"), JSON, headers)
        case 466:
            return Refusal(
                466,
                b"bad request: the specified API version is no longer supported. "
                b"You may need to update your client to a newer version.\n",
            )
        case 499:
            return Refusal(499, b"")
        case 500:
            return Refusal(500, _error("Internal server error", "internal_error"), JSON)
        case 502:
            return Refusal(502, _UNICORN, HTML)
        case 503:
            reason = b"reset reason: connection termination\n"
            return Refusal(503, b"upstream connect error or disconnect/reset before headers. " + reason)
        case 504:
            return Refusal(504, b"stream timeout\n")
        case _:
            return Refusal(status, _error(f"simulated status {status}", "simulated"), JSON)


_UNICORN: Final = (
    b"<!DOCTYPE html>\n<html><head><title>Unicorn! &middot; GitHub</title></head>"
    b"<body><p>We had issues producing the response to your request.</p></body></html>\n"
)
