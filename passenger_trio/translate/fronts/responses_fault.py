"""Errors in the Responses dialect. Before the first byte they are OpenAI's as everywhere; in a stream there are events.

Facts: Codex reads the ``code`` in ``response.failed`` (``context_length_exceeded``, ``insufficient_quota``,
``rate_limit_exceeded``, ``invalid_prompt``) and takes any other failure for one that may pass; OpenAI's packages give
that event out as it is, and raise for any event that has an ``error``.
"""

from collections.abc import Mapping
from typing import Final

from passenger_trio.errors import PassengerError
from passenger_trio.translate.fronts import openai_errors
from passenger_trio.wire import chat, envelope, sse

__all__ = ["CODES", "events", "fault", "write"]

CODES: Final = {"rate_limit_error": "rate_limit_exceeded", "invalid_request_error": "invalid_prompt"}
"""The code of a failed response, which must have one, by the type of an error that has none."""

_FIELD: Final = "input"
"""The field that has the prompt."""


def fault(error: PassengerError) -> tuple[int, bytes]:
    """Status and body of an error before the first byte."""
    return openai_errors.fault(error, _FIELD)


def events(error: PassengerError, response: Mapping[str, object], number: int) -> bytes:
    """The end of a broken stream, whose next event has the number ``number``.

    ``response`` is what has been told of the response; where nothing has been, none has failed.
    """
    body = envelope.decode(openai_errors.error_body(error, _FIELD))["error"]
    view = chat.decode_error(body)
    written = b""
    if response:
        failure = {"code": view.code or CODES.get(view.type or "", "server_error"), "message": view.message}
        failed = {**response, "status": "failed", "error": failure}
        written = write("response.failed", number, {"response": failed})
        number += 1
    said = {"code": view.code, "message": view.message, "param": view.param}
    return written + write("error", number, {**said, "error": body})


def write(kind: str, number: int, fields: Mapping[str, object]) -> bytes:
    """An event as bytes."""
    data = envelope.encode({"type": kind, "sequence_number": number, **fields})
    return sse.event(data, kind.encode())
