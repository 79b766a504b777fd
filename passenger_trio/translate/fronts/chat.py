"""OpenAI chat completions: the client dialect that is the hub's own."""

from typing import Final

import msgspec

from passenger_trio.errors import BadRequest, PassengerError, UpstreamRefused
from passenger_trio.wire import chat, envelope, sse
from passenger_trio.wire.chat import Call, HubChunk, HubReply

STREAM_TYPE: Final = "text/event-stream"


def to_call(body: bytes) -> Call:
    """The request as a hub call. Raises :class:`~passenger_trio.errors.BadRequest` that names the field."""
    if not body:
        raise BadRequest("The request has no body. Send a JSON object with `model` and `messages`.")
    try:
        whole = envelope.decode(body)
    except envelope.UNREADABLE as error:
        raise BadRequest(f"The request body is not a JSON object: {error}") from None
    for required in ("model", "messages"):
        if envelope.is_absent(whole, required):
            raise BadRequest(
                f"`{required}` is missing from the request.",
                param=required,
                code="missing_required_parameter",
            )
    try:
        request = chat.decode_request(body)
    except UnicodeDecodeError as error:
        raise BadRequest(f"The request body is not UTF-8: {error}") from None
    except msgspec.DecodeError as error:
        text, _, path = str(error).partition(" - at `$.")
        raise BadRequest(
            f"`{path.rstrip('`')}` of the request is wrong: {text}",
            param=path.rstrip("`"),
            code="invalid_value",
        ) from None
    if not request.messages:
        raise BadRequest("`messages` is empty: send at least one message.", param="messages", code="empty_array")
    return Call(request.model, whole, request)


def from_hub(reply: HubReply) -> bytes:
    """A whole answer: the hub's own bytes."""
    return reply.data


class Stream:
    """A streamed answer. Each method returns the bytes to send now."""

    content_type = STREAM_TYPE

    def __init__(self, *, include_usage: bool) -> None:
        self._include_usage = include_usage

    def event(self, chunk: HubChunk) -> bytes:
        """One chunk; the chunk of usage, whose choices are empty, only for a client that asked for it."""
        if not chunk.view.choices and not self._include_usage:
            return b""
        return sse.event(chunk.data)

    def end(self) -> bytes:
        """The end of a good answer."""
        return sse.event(sse.DONE)

    def fault(self, error: PassengerError) -> bytes:
        """A broken answer's last event. No ``[DONE]`` follows."""
        return sse.event(error_body(error))


def fault(error: PassengerError) -> tuple[int, bytes]:
    """Status and body of an error before the first byte."""
    return error.status, error_body(error)


def error_body(error: PassengerError) -> bytes:
    """``{"error": {message, type, param, code}}``, every key always there."""
    kind = error.kind if isinstance(error, UpstreamRefused) and error.kind else _kind(error.status)
    return envelope.encode(
        {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}}
    )


def _kind(status: int) -> str:
    named = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    if status in named:
        return named[status]
    return "invalid_request_error" if status < 500 else "server_error"
