"""What whole and streamed answers of Anthropic's dialect have in common: ids, stop reasons, usage, and errors."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final

from passenger_trio.errors import ContextTooLong, PassengerError, QuotaExceeded, UpstreamBroke, UpstreamRefused
from passenger_trio.translate.fronts.messages_fields import ThreadUnsupported
from passenger_trio.wire import chat, envelope

STOP_REASONS: Final[Mapping[str, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
"""The hub's finish reasons as Anthropic has them. It does not tell of a stop sequence that was met."""

CUT: Final = frozenset({"length", "content_filter"})
"""Finish reasons after which a call may lack the end of its arguments."""

_KINDS: Final[Mapping[int, str]] = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_NOT_THE_CLIENTS: Final = frozenset({421, 424, 466, 499})
"""Statuses of Copilot's that are a matter between it and the house (protocol 8.2); to clients they mean nothing."""

_TOO_LONG: Final = "prompt is too long"
"""Claude Code looks for these words, and then makes the conversation shorter."""


def message(
    token: str, model: str, *, content: Sequence[object] = (), finish: str | None = None, counted: chat.Usage | None
) -> dict[str, object]:
    """A message: a whole one, or, without ``content`` and ``finish``, the head of one that is streamed."""
    return {
        "id": f"msg_{token.removeprefix('chatcmpl-')}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": None if finish is None else stop_reason(finish),
        "stop_sequence": None,
        "usage": usage(counted),
    }


def tool_id(call_id: str) -> str:
    """The id of a call; another of the same kind each time where it has characters that Anthropic's do not."""
    if re.fullmatch(r"[a-zA-Z0-9_-]+", call_id):
        return call_id
    return f"toolu_{hashlib.sha256(call_id.encode()).hexdigest()[:24]}"


def stop_reason(finish: str) -> str:
    """Why the model stopped; the hub's words are an open set."""
    return STOP_REASONS.get(finish, "end_turn")


def usage(counted: chat.Usage | None) -> dict[str, int]:
    """Tokens. Anthropic counts what was read from a cache beside the input, the hub into it; nothing known is zero."""
    counted = counted or chat.Usage()
    details = counted.prompt_tokens_details or chat.PromptDetails()
    cached = min(details.cached_tokens or 0, counted.prompt_tokens)
    return {
        "input_tokens": counted.prompt_tokens - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": counted.completion_tokens,
    }


def is_object(arguments: str) -> bool:
    """Whether the text of a call's arguments is a whole JSON object."""
    try:
        envelope.decode(arguments.encode())
    except envelope.UNREADABLE:
        return False
    return True


def no_object(name: str, arguments: str) -> UpstreamBroke:
    """The error for arguments that are none, although the model was not cut short. It goes into the log, where no
    content belongs: it tells how long they are.
    """
    count = len(arguments)
    return UpstreamBroke(f"The model called `{name}` with arguments that are no JSON object ({count} characters).")


def fault(error: PassengerError, request_id: str = "") -> tuple[int, bytes]:
    """Status and body of an error before the first byte; ``request_id`` is what to quote when asking for help."""
    return _status(error), error_body(error, request_id)


def error_body(error: PassengerError, request_id: str = "") -> bytes:
    """``{"type": "error", "error": {type, message}, "request_id"}``."""
    inner: dict[str, object] = {"type": _kind(_status(error)), "message": _message(error)}
    if isinstance(error, ThreadUnsupported):
        inner["details"] = error.details
    body: dict[str, object] = {"type": "error", "error": inner}
    if request_id:
        body["request_id"] = request_id
    return envelope.encode(body)


def _status(error: PassengerError) -> int:
    if isinstance(error, QuotaExceeded):
        return 429
    if isinstance(error, ContextTooLong):
        return 400
    return 502 if error.status in _NOT_THE_CLIENTS else error.status


def _kind(status: int) -> str:
    return _KINDS.get(status) or ("invalid_request_error" if status < 500 else "api_error")


def _message(error: PassengerError) -> str:
    """The words, upstream's code behind them where they do not hold it: Anthropic's form has no place of its own."""
    words = error.told if isinstance(error, UpstreamRefused) else error.message
    if isinstance(error, UpstreamRefused | UpstreamBroke) and error.code and error.code not in words:
        words = f"{words} ({error.code})"
    if not isinstance(error, ContextTooLong) or _TOO_LONG in words:
        return words
    if error.tokens is None or error.limit is None:
        return f"{_TOO_LONG}: {words}"
    return f"{_TOO_LONG}: {error.tokens} tokens > {error.limit} maximum. {words}"
