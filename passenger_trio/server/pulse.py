"""An answer's way to its client: a sign of life when there is nothing to say, and an end to waiting for nothing."""

import logging
import math
from typing import Any, Final, cast

import trio
from hypercorn.typing import ASGISendCallable, ASGISendEvent, HTTPResponseBodyEvent

from passenger_trio.server.connections import HANG_UP
from passenger_trio.server.requests import PassengerRequest

logger: Final = logging.getLogger("passenger_trio.server")

FAREWELL: Final = 5.0
"""Seconds that the end of an answer may take when nobody wants it any more."""


class Pulse:
    """Sends an answer's parts, and watches how that goes.

    ``keepalive`` is after how many seconds of silence the client gets the request's sign of life, zero for never;
    ``patience`` how many it may leave what it is sent unread.
    """

    def __init__(self, request: PassengerRequest, send: ASGISendCallable, *, keepalive: float, patience: float) -> None:
        self.status = 0
        self.complete = False
        self._request = request
        self._send = send
        self._keepalive = keepalive or math.inf
        self._patience = patience
        self._writing = 0
        self._since = trio.current_time()
        self._written: trio.Event | None = None

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.complete = not message["more_body"]  # said before it is sent: sending the last part cancels us
        if not self.complete:
            await self._write(message)
            return
        # cancelled by its own last part, Hypercorn would neither close nor reuse a connection whose client has
        # not sent all of its request (refused early), and the next request on it would hang
        with trio.move_on_after(FAREWELL, shield=True):
            await self._write(message)

    async def _write(self, message: ASGISendEvent) -> None:
        if not self._writing:
            self._since = trio.current_time()
        self._writing += 1
        try:
            await self._send(message)
        finally:
            self._writing -= 1
            self._since = trio.current_time()
            if self._written is not None:
                self._written.set()

    async def watch(self, nursery: trio.Nursery) -> None:
        """Until cancelled: the one task beside an answer. It sleeps for as long as there can be nothing to do.

        Signs of life are sent by tasks in ``nursery``.

        Cancelled while a part is being written, it lets the client go as well: Hypercorn shields its writes.
        """
        try:
            while True:
                quiet = trio.current_time() - self._since
                if self._writing:
                    if quiet >= self._patience:
                        self._request.record.error = "the client does not read its answer"
                        self._let_go()
                        return
                elif self.status and not self.complete and self._request.sign_of_life and quiet >= self._keepalive:
                    sign: HTTPResponseBodyEvent = {
                        "type": "http.response.body",
                        "body": self._request.sign_of_life,
                        "more_body": True,
                    }
                    self._since, quiet = trio.current_time(), 0.0
                    # not by this task, which has to notice when nobody reads it
                    nursery.start_soon(self._write, sign)
                await trio.sleep(self._pause(quiet))
        finally:
            if self._writing:
                self._written = trio.Event()
                with trio.move_on_after(FAREWELL if self.complete else 0.0, shield=True):
                    await self._written.wait()
                if self._writing:
                    self._let_go()

    def _pause(self, quiet: float) -> float:
        """Seconds until there may be something to do: never more than it takes to notice in time."""
        if self._writing:
            return self._patience - quiet
        alive = self._keepalive if self._request.sign_of_life or not self.status else math.inf
        return min(max(alive - quiet, 0.0) or alive, self._patience)

    def _let_go(self) -> None:
        """Shut the connection down; whoever writes to it is told."""
        scope = cast("dict[str, Any]", self._request.scope)
        if (hang_up := scope.get("state", {}).get(HANG_UP)) is not None:  # another server than ours has none
            hang_up()
