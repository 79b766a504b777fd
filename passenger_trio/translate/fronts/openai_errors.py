"""Errors in OpenAI's dialect: ``{"error": {message, type, param, code}}``.

OpenAI's packages choose their exception class by the status; their users look at ``code`` and ``type``. Source: the
``openai`` package, OpenAI's reference ("Error codes").
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from passenger_trio.errors import ContextTooLong, PassengerError, QuotaExceeded, UpstreamRefused
from passenger_trio.wire import envelope


class Form(NamedTuple):
    """How a refusal of Copilot's is told, and why. Status and code are its own where none is named."""

    kind: str
    status: int | None = None
    code: str | None = None
    why: str = ""


TOO_LONG: Final = Form("invalid_request_error", 400, "context_length_exceeded", why="agents see it and compact")
QUOTA: Final = Form("insufficient_quota", 429, "insufficient_quota", why="Codex and LiteLLM tell it from haste by this")
FORMS: Final[Mapping[int, Form]] = {
    401: Form("authentication_error", why="AuthenticationError"),
    403: Form("permission_error", why="PermissionDeniedError"),
    421: Form("server_error", 502, why="the host is the house's matter: the caller can mend nothing"),
    422: Form("invalid_request_error", 400, "content_filter", why="Azure's form: users catch BadRequestError"),
    424: Form("server_error", 502, why="something behind Copilot failed: the caller can mend nothing"),
    429: Form("rate_limit_error", why="RateLimitError"),
    466: Form("server_error", 502, why="the versions are the house's matter: the caller can mend nothing"),
    499: Form("server_error", 502, why="Copilot gave up by itself: the caller can mend nothing"),
}
"""By the status. Any other status is the request's fault below 500, and a server's from there on."""

NO_CODE: Final = {429: "rate_limit_exceeded"}
"""OpenAI's code where Copilot names none."""

KINDS: Final = frozenset(
    {
        *("invalid_request_error", "authentication_error", "permission_error", "not_found_error", "server_error"),
        *("rate_limit_error", "requests", "tokens", "insufficient_quota"),
    }
)
"""OpenAI's own words for ``type``: Copilot's is handed on if it is among them."""


def fault(error: PassengerError, field: str = "messages") -> tuple[int, bytes]:
    """Status and body of an error before the first byte. ``field`` is the one that has the prompt."""
    return _form(error).status or error.status, error_body(error, field)


def error_body(error: PassengerError, field: str = "messages") -> bytes:
    """The error, every key always there; ``upstream`` besides, where Copilot's own status or code is not told."""
    form = _form(error)
    code = form.code or error.code or NO_CODE.get(error.status)
    body: dict[str, object] = {"message": error.message, "type": form.kind, "param": error.param, "code": code}
    if isinstance(error, UpstreamRefused):
        body["message"] = _too_long(error) if isinstance(error, ContextTooLong) else error.told
        if form.status is None and error.kind in KINDS:
            body["type"] = error.kind
        if isinstance(error, ContextTooLong):
            body["param"] = error.param or field
        if (form.status or error.status, code) != (error.status, error.code):
            body["upstream"] = {"status": error.status, "code": error.code}
    return envelope.encode({"error": body})


def _form(error: PassengerError) -> Form:
    if isinstance(error, ContextTooLong):
        return TOO_LONG
    if isinstance(error, QuotaExceeded):
        return QUOTA
    return FORMS.get(error.status) or Form("invalid_request_error" if error.status < 500 else "server_error")


def _too_long(error: ContextTooLong) -> str:
    """OpenAI's own sentence, by which agents know it, and Copilot's words."""
    if error.limit is None:
        said = "This model's maximum context length is exceeded by your messages."
    else:
        many = "more" if error.tokens is None else error.tokens
        said = f"This model's maximum context length is {error.limit} tokens. However, your messages resulted in {many}"
        said += " tokens."
    return f"{said} Copilot says: {error.told}"
