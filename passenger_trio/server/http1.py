"""What a client may say over a connection: HTTP/1.1, and as much as it likes while it is answered.

Hypercorn 0.18 stops reading once anything follows a request that is being answered, be it an empty line, and no longer
sees that its client has left: what was asked of Copilot runs on, and the connection is kept for ever. It does the same
for every request that offers to go on in another protocol (``Upgrade: h2c``, as Java's client does), and keeps one that
asks for a websocket in a wrong way. It closes a connection whose client is still sending what has been refused, so that
the client hears of a reset in place of the refusal. And it speaks HTTP/2 with whoever asks for it, for which other
limits hold and a mistake in one stream ends all of them.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

import h11
import trio
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.h11 import H11Protocol

VERSIONS: Final = frozenset({b"1.0", b"1.1"})

FURTHEST_AHEAD: Final = 8 << 20
"""Bytes that may follow a request before its answer is complete. Clients that have the last byte of it send their next
request before the server has put the last one away, and a fast one some of its body, too."""

LINGER: Final = 2.0
"""Seconds to read on behind the answer to a request that has not all come (RFC 9112, 9.6)."""

_BLANK: Final = b"\r\n"


class Requests:
    """One request after the other, read by h11; what comes too early is kept, and is no reason to stop reading.

    It has what Hypercorn asks of an :class:`h11.Connection`.
    """

    def __init__(self, largest_head: int) -> None:
        self._largest_head = largest_head
        self._ahead = 0
        self._inner = self._begin(b"")

    def _begin(self, data: bytes) -> h11.Connection:
        inner = h11.Connection(h11.SERVER, max_incomplete_event_size=self._largest_head)
        if data:
            inner.receive_data(data)
        return inner

    @property
    def our_state(self) -> type[Any]:
        """How far the answer is."""
        return self._inner.our_state

    @property
    def their_state(self) -> type[Any]:
        """How far the request is."""
        return self._inner.their_state

    @property
    def they_are_waiting_for_100_continue(self) -> bool:
        """Whether the client wants to be told to go on."""
        return self._inner.they_are_waiting_for_100_continue

    @property
    def trailing_data(self) -> tuple[bytes, bool]:
        """What has come and not been read yet, and whether that is all."""
        return self._inner.trailing_data

    def receive_data(self, data: bytes) -> None:
        """Take in what has come; ``b""`` is the end. Raises ``RemoteProtocolError`` for what comes far too early."""
        state = self._inner.their_state
        if state is h11.MUST_CLOSE and data:  # it has said that nothing follows
            return
        if state is h11.IDLE and data[:1] in _BLANK and data and not self.trailing_data[0]:
            data = data.lstrip(_BLANK)  # an empty line before a request is none (RFC 9112, 2.2)
            if not data:
                return
        elif state not in {h11.IDLE, h11.SEND_BODY}:
            self._ahead += len(data)
            if self._ahead > FURTHEST_AHEAD:
                raise h11.RemoteProtocolError("too much was sent before the answer was complete")
        self._inner.receive_data(data)

    def next_event(self) -> Any:
        """The next event of the request that is being answered."""
        if self._inner.their_state is h11.MUST_CLOSE:
            return h11.NEED_DATA
        event = self._inner.next_event()
        return h11.NEED_DATA if event is h11.PAUSED else event

    def send(self, event: Any) -> bytes | None:
        """The bytes of a part of the answer."""
        return cast("bytes | None", self._inner.send(event))

    def start_next_cycle(self) -> None:
        """Get ready for the next request, some of which may be here. Raises ``LocalProtocolError`` if there is none."""
        ahead, ended = self._inner.trailing_data
        self._inner.start_next_cycle()
        self._ahead = 0
        if ahead[:1] in _BLANK and ahead and not ended:
            self._inner = self._begin(ahead.lstrip(_BLANK))


class Http1(H11Protocol):
    """Hypercorn's HTTP/1.1, in the place of what ``wrapper`` has chosen. ``say_goodbye`` ends what is sent."""

    def __init__(self, wrapper: ProtocolWrapper, say_goodbye: Callable[[], Awaitable[None]]) -> None:
        super().__init__(
            wrapper.app,
            wrapper.config,
            wrapper.context,
            wrapper.task_group,
            wrapper.state,
            wrapper.ssl,
            wrapper.client,
            wrapper.server,
            wrapper.send,
        )
        self.connection = cast("h11.Connection", Requests(wrapper.config.h11_max_incomplete_size))
        self._turn = trio.Lock()
        self._say_goodbye = say_goodbye
        self._lingering = False
        self._gone = trio.Event()

    async def handle(self, event: Event) -> None:
        """Take in what has come, or that nothing comes any more."""
        if isinstance(event, Closed):
            self._gone.set()
        elif isinstance(event, RawData) and self._lingering:
            return
        await super().handle(event)

    async def _handle_events(self) -> None:
        try:
            self._turn.acquire_nowait()
        except trio.WouldBlock:
            await self._turn.acquire()
        try:
            await super()._handle_events()
        finally:
            self._turn.release()

    async def _check_protocol(self, event: h11.Request) -> None:
        """Whether the request can be served; offers of HTTP/2 are left unanswered, which declines them."""
        if event.http_version not in VERSIONS:
            await self._refuse(505)
        if not has_path(event.target):
            await self._refuse(400)

    async def _refuse(self, status: int) -> None:
        await self._send_error_response(status)
        raise h11.RemoteProtocolError("no request that can be served", error_status_hint=status)

    async def _create_stream(self, request: h11.Request) -> None:
        """Serve the request, unless its client has left while the one before it was answered."""
        if self._gone.is_set():
            return
        try:
            await super()._create_stream(request)
        except UnicodeDecodeError:  # in a header of a handshake
            self.stream = None
            await self._refuse(400)
        if self.stream is not None and self.stream.closed:  # refused by Hypercorn itself, which does no more about it
            raise h11.RemoteProtocolError("no handshake of a websocket")
        if self._gone.is_set():
            await self._close_stream()

    async def _maybe_recycle(self) -> None:
        """Close the connection or get ready for the next request, some of which may be here already."""
        await self._close_stream()
        if not self._gone.is_set() and not self.context.terminated.is_set():
            if (self.connection.our_state, self.connection.their_state) == (h11.DONE, h11.SEND_BODY):
                self._lingering = True
                self._spawn(self._linger)
                return
            if self._is_ready():
                await self.send(Updated(idle=True))
                if self.connection.their_state is h11.IDLE and self.connection.trailing_data[0]:
                    self._spawn(self._handle_events)
                return
        await self.send(Closed())

    def _is_ready(self) -> bool:
        """Whether there can be another request on this connection."""
        if self.connection.our_state is not h11.DONE or self.connection.their_state is not h11.DONE:
            return False
        self.connection.start_next_cycle()
        return True

    async def _linger(self) -> None:
        """Read on for a while behind an early answer: a client that is not read from does not read it."""
        await self._say_goodbye()
        with trio.move_on_after(LINGER):
            await self._gone.wait()
        await self.send(Closed())

    def _spawn(self, task: Callable[[], Awaitable[None]]) -> None:
        self.task_group.spawn(task)  # pyright: ignore[reportUnknownMemberType] - Hypercorn's


def has_path(target: bytes) -> bool:
    """Whether a request's target has a path, be it behind a whole address; or is ``*``, which a route can refuse."""
    if target.startswith(b"/") or target == b"*":
        return True
    try:
        parts = urlsplit(unquote(target.partition(b"?")[0].decode("ascii")))
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.path.startswith("/")
