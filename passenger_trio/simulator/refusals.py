"""How GitHub and Copilot say no: statuses, bodies and headers.

The texts are the literals that clients of Copilot report (protocol: errors). Many of Copilot's JSON bodies come as
``text/plain`` with a newline at the end; that is kept here, because clients have tripped over it. The whole table, by
name, is in ``recorded_errors``.
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


def error_body(message: str, code: str, **more: str) -> bytes:
    """An error as Copilot writes it."""
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
    error_body(
        "The requested model is not supported.",
        "model_not_supported",
        param="model",
        type="invalid_request_error",
    ),
)
NOT_FOUND: Final = Refusal(404, b"404 page not found\n")
BAD_REQUEST: Final = Refusal(400, b"Bad Request\n")
NO_EDITOR_VERSION: Final = Refusal(400, b"bad request: missing Editor-Version header for IDE auth\n")
NO_VISION_HEADER: Final = Refusal(
    400, error_body("missing required Copilot-Vision-Request header for vision requests", "")
)
NO_STREAMING: Final = Refusal(
    400,
    error_body(
        "Unsupported value: 'stream' does not support true with this model. Supported values are: false.",
        "unsupported_value",
        param="stream",
        type="invalid_request_error",
    ),
    JSON,
)
"""As the model itself says it (github/gh-models#31)."""
NO_TOOLS: Final = Refusal(
    400,
    error_body(
        "Unsupported parameter: 'tools' is not supported with this model.",
        "unsupported_parameter",
        param="tools",
        type="invalid_request_error",
    ),
    JSON,
)
NO_PREVIOUS_RESPONSE: Final = Refusal(
    400, error_body("Previous response not found", "previous_response_not_found"), JSON
)
POLICY_LOCKED: Final = Refusal(403, b"this model requires an enterprise or organization policy to be enabled\n")


def unsupported_api(model: str, endpoint: str = "/chat/completions") -> Refusal:
    """The model exists, but not behind ``endpoint``."""
    message = f'model "{model}" is not accessible via the {endpoint} endpoint'
    return Refusal(400, error_body(message, "unsupported_api_for_model"))


def invalid_body(message: str = "invalid request body") -> Refusal:
    """The request is not one that Copilot understands. ``message`` says why, where the simulator knows better."""
    return Refusal(400, error_body(message, "invalid_request_body"))


def anthropic(message: str) -> Refusal:
    """A refusal in Anthropic's form, which ``/v1/messages`` has for what it finds wrong with a request."""
    error = {"type": "invalid_request_error", "message": message}
    return Refusal(400, msgspec.json.encode({"type": "error", "error": error}) + b"\n", JSON)


def too_long(tokens: int, limit: int) -> Refusal:
    """The prompt does not fit into the model, on ``/chat/completions``."""
    message = f"prompt token count of {tokens} exceeds the limit of {limit}"
    return Refusal(400, error_body(message, "model_max_prompt_tokens_exceeded"), JSON)


def responses_too_long() -> Refusal:
    """The prompt does not fit into the model, on ``/responses``, which tells no numbers."""
    return invalid_body("Your input exceeds the context window of this model. Please adjust your input and try again.")


def messages_too_long(tokens: int, limit: int) -> Refusal:
    """The prompt does not fit into the model, on ``/v1/messages``."""
    return anthropic(f"prompt is too long: {tokens} tokens > {limit} maximum")
