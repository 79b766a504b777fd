"""OpenAI chat completions: the client dialect that is the hub's own."""

from typing import Final

from passenger_trio.errors import BadRequest, PassengerError
from passenger_trio.translate.fronts import functions, inputs
from passenger_trio.translate.fronts.openai_errors import error_body, fault
from passenger_trio.wire import chat, sse
from passenger_trio.wire.chat import Call, HubChunk, HubReply

__all__ = ["STREAM_TYPE", "Stream", "fault", "from_hub", "stream", "to_call"]

STREAM_TYPE: Final = "text/event-stream"


def to_call(body: bytes) -> Call:
    """The request as a hub call. Raises :class:`~passenger_trio.errors.BadRequest` that names the field."""
    whole, request = inputs.read(body, chat.decode_request, ("model", "messages"))
    if not request.messages:
        raise BadRequest("`messages` is empty: send at least one message.", param="messages", code="empty_array")
    return Call(request.model, whole, request)


def from_hub(reply: HubReply, call: Call | None = None) -> bytes:
    """A whole answer to ``call``: the hub's own bytes, or their older form for a client that speaks it."""
    return functions.older_reply(reply) if call is not None and call.uses_functions else reply.data


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


class FunctionsStream(Stream):
    """The same for a client that speaks of functions."""

    def event(self, chunk: HubChunk) -> bytes:
        """As above; nothing for what the older form has no place for."""
        if not chunk.view.choices:
            return super().event(chunk)
        data = functions.older_chunk(chunk)
        return sse.event(data) if data else b""


def stream(call: Call) -> Stream:
    """The stream that answers ``call``, in the form that its client speaks."""
    made = FunctionsStream if call.uses_functions else Stream
    return made(include_usage=call.include_usage)
