"""Answers of ``/v1/messages`` on their way to a Messages client: as they came.

What is looked at is what tells whether the answer is whole, and its usage. A stream of Copilot's may end with a
``[DONE]`` that is OpenAI's (protocol 7.2), which is left out.
"""

from typing import Final

import msgspec

from passenger_trio.errors import PassengerError, UpstreamBroke
from passenger_trio.translate.backs.messages import broke, counted, cumulated, whole
from passenger_trio.translate.fronts.messages_answer import error_body
from passenger_trio.wire import chat, envelope, messages as wire, sse

_READ: Final = frozenset({b"", b"message", b"message_start", b"message_delta", b"message_stop", b"error"})
"""The names of the events that are looked at; ``message`` is what an event without a name has by default."""

_BLOCKS: Final = b"content_block_"


def reply(body: bytes) -> tuple[bytes, chat.Usage | None]:
    """A whole answer and its usage. Raises what :func:`~passenger_trio.translate.backs.messages.whole` raises."""
    return body, _usage(whole(body).usage)


def _usage(usage: wire.Usage | None) -> chat.Usage | None:
    return msgspec.convert(counted(usage), chat.Usage) if usage is not None else None


class Stream:
    """A streamed answer, event by event. Every method may raise :class:`~passenger_trio.errors.UpstreamBroke`."""

    content_type = "text/event-stream"

    def __init__(self, request_id: str = "") -> None:
        self._request_id = request_id
        self._started = False
        self._stopped = False
        self._counts: wire.Usage | None = None
        self.done = False
        """Whether upstream has said ``message_stop``."""

    @property
    def finished(self) -> bool:
        """Whether the reason why the model stopped is known: nothing of the answer can be missing any more."""
        return self._stopped

    @property
    def usage(self) -> chat.Usage | None:
        """The tokens, as far as they are known."""
        return _usage(self._counts)

    def event(self, event: sse.Event) -> bytes:
        """The bytes for one event."""
        name, data = event
        if self.done or not data or data == sse.DONE:
            return b""
        try:
            if b"\n" in data:
                data = msgspec.json.format(data, indent=-1)
            if name not in _READ:
                envelope.decode(data)  # half an event is no event
                return sse.event(data, name)
            view = wire.decode_event(data)
        except envelope.UNREADABLE as error:
            if self._stopped or (name not in _READ and not name.startswith(_BLOCKS)):
                return b""  # cut off after the stop_reason, or said beside the answer: nothing of it is missing
            raise UpstreamBroke(f"Copilot sent an event that is none of Anthropic's: {error}") from None
        kind = view.type or name.decode(errors="replace")
        if view.error != envelope.NULL:
            raise broke(view.error)
        if kind == "error" or isinstance(view.message, str):
            raise broke(msgspec.Raw(data))  # Copilot's other form of an error: bare, without an "error" around it
        if kind == "message_start":
            self._started = True
            self._counts = cumulated(self._counts, view.message.usage if view.message is not None else None)
        elif kind == "message_delta":
            self._counts = cumulated(self._counts, view.usage)
            self._stopped |= view.delta is not None and view.delta.stop_reason is not None
        elif kind == "message_stop":
            self.done = True
            if not self._stopped:
                return b""  # no good end: nobody knows why the model stopped, and :meth:`end` says so
        return sse.event(data, kind.encode())

    def end(self) -> bytes:
        """The end of a good answer, which upstream may have left unsaid. Raises when the answer is not whole."""
        if not self._started:
            raise UpstreamBroke("Copilot ended the stream without an answer.")
        if not self._stopped:
            raise UpstreamBroke("Copilot ended the stream in the middle of the answer (no stop_reason).")
        return b"" if self.done else sse.event(b'{"type":"message_stop"}', b"message_stop")

    def fault(self, error: PassengerError) -> bytes:
        """A broken answer's last event. No ``message_stop`` follows."""
        return sse.event(error_body(error, self._request_id), b"error")
