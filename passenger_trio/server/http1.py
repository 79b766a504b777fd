"""What a client may say over a connection: HTTP/1.1, one request at a time.

Hypercorn 0.18 stops reading once anything follows a request that is being answered, be it an empty line, and no longer
sees that its client has left: what was asked of Copilot runs on, and the connection is kept for ever. It does the same
for every request that offers to go on in another protocol (``Upgrade: h2c``, as Java's client does). And it speaks
HTTP/2 with whoever asks for it, for which other limits hold and a mistake in one stream ends all of them.
"""

from typing import Final
from urllib.parse import unquote, urlsplit

import h11
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.h11 import H11Protocol

VERSIONS: Final = frozenset({b"1.0", b"1.1"})


class OneAtATime(h11.Connection):
    """Reads on while a request is answered, for the sake of its end. Nobody pipelines who does not ask again.

    What follows a request too early is not kept, and the connection serves no other request (RFC 9112, 9.3.2, has
    clients expect that).
    """

    def __init__(self, max_incomplete_event_size: int) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=max_incomplete_event_size)
        self._overrun = False

    def receive_data(self, data: bytes) -> None:
        """Take in what has come; ``b""`` is the end."""
        if not self._overrun or not data:
            super().receive_data(data)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next event, never a reason to stop reading, nor to cut an answer short."""
        if self.their_state in {h11.DONE, h11.MUST_CLOSE} and self.trailing_data[0]:
            self._overrun = True
            return h11.NEED_DATA
        event = super().next_event()
        if event is h11.PAUSED:  # the request offers to go on in another protocol
            self._overrun = bool(self.trailing_data[0])
            return h11.NEED_DATA
        return event

    def start_next_cycle(self) -> None:
        """Get ready for another request. Raises ``LocalProtocolError`` where there is to be none."""
        if self._overrun:
            raise h11.LocalProtocolError("more was sent before the answer was complete")
        super().start_next_cycle()


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
        self.connection = OneAtATime(wrapper.config.h11_max_incomplete_size)

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
