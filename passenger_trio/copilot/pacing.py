"""How many calls are at Copilot at once, and how fast they follow each other: for those who fear its abuse limits."""

import logging
import math
from contextlib import AsyncExitStack
from typing import Final

import trio

from passenger_trio.config import Copilot
from passenger_trio.copilot import protocol
from passenger_trio.copilot.client import CopilotClient, Http, Reply
from passenger_trio.copilot.halting import Halt
from passenger_trio.copilot.tokens import Tokens

logger: Final = logging.getLogger("passenger_trio.copilot")


class Pace:
    """First come, first served. Whoever is cancelled while waiting costs nobody anything. No task is needed.

    A request has at most one place, however many calls it makes one after the other, and keeps it until it is over.
    """

    def __init__(self, config: Copilot) -> None:
        self._places = trio.CapacityLimiter(math.inf)
        self._turn = trio.Lock()
        self._interval = 0.0
        self._last = -math.inf
        self._holders: set[AsyncExitStack] = set()
        self._settled = trio.Event()
        self.settle(config)

    def settle(self, config: Copilot) -> None:
        """Take the limits from ``config``; those who wait are looked at again."""
        self._places.total_tokens = config.max_concurrent or math.inf
        self._interval = config.min_interval
        settled, self._settled = self._settled, trio.Event()
        settled.set()

    async def wait(self, request: AsyncExitStack) -> None:
        """Return when a call may start; ``request`` gives the place back."""
        if request not in self._holders:
            try:
                self._places.acquire_on_behalf_of_nowait(request)
            except trio.WouldBlock:
                logger.debug("a call waits for its turn")
                await self._places.acquire_on_behalf_of(request)
            self._holders.add(request)
            request.callback(self._leave, request)
        if not self._interval:
            return
        async with self._turn:
            while (start := self._last + self._interval) > trio.current_time():
                with trio.move_on_at(start):
                    await self._settled.wait()
            self._last = trio.current_time()

    def _leave(self, request: AsyncExitStack) -> None:
        self._holders.discard(request)
        self._places.release_on_behalf_of(request)


class PacedClient(CopilotClient):
    """A client whose calls keep the pace, and which stops waiting when there is a halt. Lists are not calls."""

    def __init__(self, http: Http, tokens: Tokens, config: Copilot, *, pace: Pace, halt: Halt) -> None:
        super().__init__(http, tokens, config)
        self._pace = pace
        self._halt = halt

    async def send(
        self,
        method: str,
        path: str,
        headers: protocol.Headers,
        content: bytes | None,
        stack: AsyncExitStack,
        *,
        listed: bool = False,
        prompt_limit: int | None = None,
    ) -> Reply:
        """As :meth:`CopilotClient.send`, once it is this call's turn.

        Raises :class:`~passenger_trio.errors.Stopping` as well.
        """
        with self._halt.heeded():
            if method == "POST":
                await self._pace.wait(stack)
            return await super().send(method, path, headers, content, stack, listed=listed, prompt_limit=prompt_limit)
        raise AssertionError("heeded() raises where it has caught a cancellation")  # for the type checkers
