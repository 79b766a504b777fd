"""Errors as answers, in the dialect of the path they happened on."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from quart import Response
from werkzeug.exceptions import HTTPException

from passenger_trio.errors import (
    BadRequest,
    MethodNotAllowed,
    NotFound,
    PassengerError,
    TooLarge,
    UpstreamRefused,
)
from passenger_trio.translate.fronts import chat, completions, embeddings, messages, ollama, responses

logger: Final = logging.getLogger("passenger_trio.server")

OLLAMA_PATHS: Final = ("/api", "/v1/api")
OPENAI_PATHS: Final = ("/v1", "/chat/completions", "/completions", "/embeddings", "/responses", "/models")
"""OpenAI's, of which only the first may have others below it that are not known."""
ANTHROPIC_PATHS: Final = ("/v1/messages",)
MODEL_PATHS: Final = ("/v1/models", "/models")
"""Paths that two dialects have; ``anthropic-version`` tells which one a caller speaks."""


def _is_under(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def is_ollama(path: str) -> bool:
    """Whether a path belongs to Ollama's interface."""
    return _is_under(path, OLLAMA_PATHS)


class _NoRoute(NotFound):
    """There is no such path."""


def of_no_route(error: PassengerError, path: str) -> Response | None:
    """The answer where there is no such path or method, in Ollama's words, which are its web framework's (gin): plain
    text. ``None`` for another error, and below ``/v1`` and on OpenAI's other paths, whose clients read JSON.
    """
    own: tuple[str, ...]
    if isinstance(error, _NoRoute):
        told, own = "404 page not found", OPENAI_PATHS[:1]
    elif isinstance(error, MethodNotAllowed):
        told, own = "405 method not allowed", OPENAI_PATHS
    else:
        return None
    if _is_under(path, own) and not is_ollama(path):
        return None
    return _with_methods(Response(told, error.status, content_type="text/plain"), error)


def _with_methods(answer: Response, error: PassengerError) -> Response:
    if isinstance(error, MethodNotAllowed) and error.allowed:
        answer.headers["Allow"] = ", ".join(sorted(error.allowed))
    return answer


def response(error: PassengerError, path: str, request_id: str = "", *, anthropic: bool = False) -> Response:
    """The answer for ``error`` before the first byte. ``request_id`` is ours, which Anthropic's has in the body;
    ``anthropic`` is whether the caller speaks that dialect where the path does not tell.

    ``x-should-retry: false`` keeps OpenAI's and Anthropic's packages from asking again at once for what lasts.
    """
    status, body = _fault_of(path, request_id, anthropic=anthropic)(error)
    content_type = ollama.JSON_TYPE if is_ollama(path) else "application/json"
    answer = _with_methods(Response(body, status, content_type=content_type), error)
    if error.retry_after is not None:
        answer.headers["Retry-After"] = error.retry_after
    if isinstance(error, UpstreamRefused):
        for name, value in error.headers.items():
            answer.headers[name] = value
        if error.lasting:
            answer.headers["X-Should-Retry"] = "false"
    return answer


def _fault_of(path: str, request_id: str, *, anthropic: bool) -> Callable[[PassengerError], tuple[int, bytes]]:
    """How the dialect of ``path`` tells an error."""
    if is_ollama(path):
        return ollama.fault
    if _is_under(path, ANTHROPIC_PATHS) or (anthropic and _is_under(path, MODEL_PATHS)):
        return partial(messages.fault, request_id=request_id)
    return _OPENAI.get(path.rstrip("/").removeprefix("/v1"), chat.fault)


_OPENAI: Final[Mapping[str, Callable[[PassengerError], tuple[int, bytes]]]] = {
    "/completions": completions.fault,
    "/embeddings": embeddings.fault,
    "/responses": responses.fault,
}


def as_ours(error: Exception, path: str, method: str) -> PassengerError:
    """``error`` as one of the house's. What is none of them is a bug: logged with its traceback, told as a 500."""
    if isinstance(error, PassengerError):
        return error
    if isinstance(error, HTTPException):
        return _of_quart(error, path, method)
    if isinstance(error, UnicodeDecodeError):
        # what Copilot says is looked at as it comes, so that these are a client's bytes, deep in its body, that nobody
        # has decoded before
        return BadRequest(f"The request body is not valid JSON: it has bytes that are not UTF-8 ({error.reason}).")
    logger.error("internal error while answering %s %s", method, path, exc_info=error)
    return PassengerError("passenger-trio has made a mistake; its log has the details.", code="internal_error")


def _of_quart(error: HTTPException, path: str, method: str) -> PassengerError:
    if error.code == 404:
        return _NoRoute(f"There is no {path} here; docs/endpoints.md lists what there is.", code="not_found")
    if error.code == 405:
        refusal = MethodNotAllowed(f"{path} does not take {method}.", code="method_not_allowed")
        refusal.allowed = tuple(getattr(error, "valid_methods", None) or ())
        return refusal
    if error.code == 413:
        return TooLarge(
            "The request body is too large; raise max_body_mib under [server] in config.toml.", code="body_too_large"
        )
    if error.code == 408:
        timeout = BadRequest("The request body did not arrive in time (body_timeout under [server] in config.toml).")
        timeout.status = 408
        return timeout
    refused = BadRequest(error.description or error.name)
    refused.status = error.code or 400
    return refused
