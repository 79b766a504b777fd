"""The one loop: upstream's bytes become events, and events the client's bytes."""

import logging
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final, Protocol

from passenger_trio.copilot.client import Reply, check_text
from passenger_trio.errors import PassengerError
from passenger_trio.server.recall import Listener
from passenger_trio.wire import sse
from passenger_trio.wire.chat import HubChunk, Usage

logger: Final = logging.getLogger("passenger_trio.server")


@dataclass(slots=True)
class Record:
    """What the log's one line on a request tells; filled in on the way.

    ``error`` is what it tells of what went wrong, ``words`` what only the level debug may: see
    :attr:`~passenger_trio.errors.PassengerError.gist`. ``sent`` is when the call went to Copilot, in nanoseconds of
    :func:`time.perf_counter_ns`.
    """

    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    model: str = ""
    upstream_id: str = ""
    usage: Usage | None = None
    dropped: str = ""
    error: str = ""
    words: str = ""
    sent: int = 0

    def failed(self, error: PassengerError) -> None:
        """Note why there is no answer, or no whole one."""
        self.error = error.gist
        self.words = error.message if error.quotes else ""


class Front(Protocol):
    """A client dialect's stream, as :mod:`passenger_trio.translate.fronts` has it."""

    @property
    def content_type(self) -> str: ...
    def event(self, chunk: HubChunk) -> bytes: ...
    def end(self) -> bytes: ...
    def fault(self, error: PassengerError) -> bytes: ...


class Back(Protocol):
    """An upstream dialect's stream, as :mod:`passenger_trio.translate.backs` has it."""

    @property
    def done(self) -> bool: ...
    @property
    def finished(self) -> bool: ...
    def event(self, event: sse.Event) -> list[HubChunk]: ...
    def end(self) -> list[HubChunk]: ...


class Answer(Protocol):
    """A streamed answer on its way: upstream's events in, the client's bytes out.

    ``done`` is whether upstream has said its last word, ``finished`` whether nothing of the answer can be missing any
    more. All but :meth:`fault` may raise our errors.
    """

    @property
    def content_type(self) -> str: ...
    @property
    def done(self) -> bool: ...
    @property
    def finished(self) -> bool: ...
    @property
    def usage(self) -> Usage | None: ...
    def event(self, event: sse.Event) -> bytes: ...
    def end(self) -> bytes: ...
    def fault(self, error: PassengerError) -> bytes: ...


class Translated:
    """An answer by way of the hub: a back and a front, and who listens in between.

    What has been made of an event whose next chunk is a fault is held, and told before the fault.
    """

    def __init__(self, back: Back, front: Front, listener: Listener | None = None) -> None:
        self._back = back
        self._front = front
        self._listener = listener
        self.content_type = front.content_type
        self.usage: Usage | None = None
        self._held: list[bytes] = []

    @property
    def done(self) -> bool:
        return self._back.done

    @property
    def finished(self) -> bool:
        return self._back.finished

    def event(self, event: sse.Event) -> bytes:
        for chunk in self._back.event(event):
            if self._listener is not None:
                self._listener.hear(chunk)
            self._held.append(self._front.event(chunk))
        return self._released()

    def end(self) -> bytes:
        for chunk in self._back.end():
            self.usage = chunk.view.usage or self.usage
            self._held.append(self._front.event(chunk))
        if self._listener is not None:
            self._listener.end()
        self._held.append(self._front.end())
        return self._released()

    def fault(self, error: PassengerError) -> bytes:
        return self._released() + self._front.fault(error)

    def _released(self) -> bytes:
        held, self._held = self._held, []
        return held[0] if len(held) == 1 else b"".join(held)


async def relay(reply: Reply, answer: Answer, record: Record) -> AsyncGenerator[bytes]:
    """What one read brings from upstream goes to the client in one write, and no event waits for another.

    It ends with the answer's good end or with its fault, never with both and never with neither. Cancelling it, at any
    point, leaves closing to the request's exit stack. Upstream is read to its end after a good answer, so that its
    connection serves again.
    """
    splitter = sse.Splitter()
    ended = False
    try:
        while not ended:
            pieces: list[bytes] = []
            try:
                data = await _read(reply, answer)
                for event in splitter.feed(data) if data else splitter.end():
                    if not event.data.isascii():
                        check_text(event.data)  # what passes through is decoded by nobody else
                    pieces.append(answer.event(event))
                if answer.done or not data:
                    pieces.append(answer.end())
                    ended = True
            except PassengerError as error:
                record.failed(error)
                pieces.append(answer.fault(error))
                ended = True
            except Exception:
                logger.exception("internal error in the middle of an answer")
                record.error = "internal error"
                pieces.append(answer.fault(PassengerError("passenger-trio has made a mistake.", code="internal_error")))
                ended = True
            if written := b"".join(pieces):
                yield written
    finally:  # also where the client has left
        record.usage = answer.usage or record.usage
    if not record.error:
        await reply.drain()


async def _read(reply: Reply, answer: Answer) -> bytes:
    """The next bytes. A finished answer is not spoilt by a connection that breaks instead of saying goodbye."""
    try:
        return await reply.read()
    except PassengerError:
        if answer.finished:
            return b""
        raise
