"""What a client may say over a connection: HTTP/1.1, and as much as it likes while it is answered.

Hypercorn 0.18 stops reading once anything follows a request that is being answered, be it an empty line, and no longer
sees that its client has left: what was asked of Copilot runs on, and the connection is kept for ever. It does the same
for every request that offers to go on in another protocol (``Upgrade: h2c``, as Java's client does). And it speaks
HTTP/2 with whoever asks for it, for which other limits hold and a mistake in one stream ends all of them.
"""

from typing import Final
from urllib.parse import unquote, urlsplit

import h11
import trio
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.h11 import H11Protocol

VERSIONS: Final = frozenset({b"1.0", b"1.1"})

FURTHEST_AHEAD: Final = 8 << 20
"""Bytes that may follow a request before its answer is complete. Clients that have the last byte of it send their next
request before the server has put the last one away, and a fast one some of its body, too."""


class Requests(h11.Connection):
    """One request after the other; what comes too early is kept for later, and is no reason to stop reading."""

    def __init__(self, max_incomplete_event_size: int) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=max_incomplete_event_size)
        self.is_ahead = False
        self._ahead = 0

    def receive_data(self, data: bytes) -> None:
        """Take in what has come; ``b""`` is the end. Raises ``RemoteProtocolError`` for what comes far too early."""
        if self.their_state is h11.MUST_CLOSE and data:  # it has said that nothing follows
            return
        if self.is_ahead:
            self._ahead += len(data)
            if self._ahead > FURTHEST_AHEAD:
                raise h11.RemoteProtocolError("too much was sent before the answer was complete")
        super().receive_data(data)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next event of the request that is being answered."""
        if self.their_state is h11.MUST_CLOSE:
            return h11.NEED_DATA
        event = super().next_event()
        if event is h11.PAUSED:
            self.is_ahead = True
            return h11.NEED_DATA
        return event

    def start_next_cycle(self) -> None:
        """Get ready for the next request. Raises ``LocalProtocolError`` where there is to be none.

        There is none behind an empty line, which some clients send behind their requests: it would be taken for one.
        """
        if self.is_ahead and (ahead := self.trailing_data[0]) and not ahead.strip(b"\r\n"):
            raise h11.LocalProtocolError("an empty line is no request")
        super().start_next_cycle()
        self._ahead = 0


class Http1(H11Protocol):
    """Hypercorn's HTTP/1.1, in the place of what ``wrapper`` has chosen."""

    def __init__(self, wrapper: ProtocolWrapper) -> None:
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
        self.connection = Requests(wrapper.config.h11_max_incomplete_size)
        self._turn = trio.Lock()

    async def _handle_events(self) -> None:
        try:
            self._turn.acquire_nowait()
        except trio.WouldBlock:
            await self._turn.acquire()
        try:
            await super()._handle_events()
        finally:
            self._turn.release()

    async def _maybe_recycle(self) -> None:
        """Close the connection or get ready for the next request, some of which may be here already."""
        await super()._maybe_recycle()
        requests = self.connection
        if isinstance(requests, Requests) and requests.is_ahead and requests.our_state is h11.IDLE:
            requests.is_ahead = False
            self.task_group.spawn(self._handle_events)  # pyright: ignore[reportUnknownMemberType] - Hypercorn's

    async def _check_protocol(self, event: h11.Request) -> None:
        """Whether the request can be served; offers of HTTP/2 are left unanswered, which declines them."""
        if event.http_version not in VERSIONS:
            await self._refuse(505)
        if not has_path(event.target):
            await self._refuse(400)

    async def _refuse(self, status: int) -> None:
        await self._send_error_response(status)
        raise h11.RemoteProtocolError("no request that can be served", error_status_hint=status)


def has_path(target: bytes) -> bool:
    """Whether a request's target has a path, be it behind a whole address; or is ``*``, which a route can refuse."""
    if target.startswith(b"/") or target == b"*":
        return True
    try:
        parts = urlsplit(unquote(target.partition(b"?")[0].decode("ascii")))
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.path.startswith("/")
