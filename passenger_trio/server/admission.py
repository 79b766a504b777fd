"""How many requests are served at once, how many may wait, and for how long: what comes beyond is told to come back.

Only what asks Copilot for an answer counts. Lists, health and the like are told from memory and never wait.

The status is 503, in every dialect. OpenAI's and Anthropic's packages ask again after it as after a 429, and wait as
long as ``Retry-After`` says; but a 429 is what Copilot says of an account that has used up its share, and agents stop
or change the model then. Anthropic's ``overloaded_error`` and Ollama's own sentence go with a 503 as well.
"""

import logging
import math
from contextlib import AsyncExitStack
from typing import Final

import trio

from passenger_trio.config import Server
from passenger_trio.copilot.halting import Halt
from passenger_trio.errors import Overloaded
from passenger_trio.server import faults
from passenger_trio.server.requests import current

logger: Final = logging.getLogger("passenger_trio.server")

CALLS: Final = frozenset({
    *(f"{root}/{call}" for root in ("", "/v1") for call in ("chat/completions", "completions", "embeddings")),
    *(f"{root}/{call}" for root in ("/api", "/v1/api") for call in ("chat", "generate", "embed", "embeddings")),
    "/responses",
    "/v1/responses",
    "/v1/messages",
})  # fmt: skip
"""The routes that ask Copilot for an answer."""

OLLAMA_BUSY: Final = "server busy, please try again.  maximum pending requests exceeded"
"""Ollama's words (``ErrMaxQueue`` in its scheduler), with both of their spaces; its status is 503 too."""

RETRY_AFTER: Final = "5"
"""Seconds. OpenAI's and Anthropic's packages follow up to 60."""


class Admission:
    """Lets requests in, in the order in which they came; :meth:`check` is registered with the app."""

    def __init__(self, config: Server, halt: Halt | None = None) -> None:
        self._places = trio.CapacityLimiter(math.inf)
        self._halt = halt or Halt()
        self.settle(config)

    def settle(self, config: Server) -> None:
        """Take the limits from ``config``; who waits already is looked at again."""
        self._config = config
        self._places.total_tokens = config.max_concurrent or math.inf

    async def check(self) -> None:
        """Let the request in or make it wait, once its body is here: one that comes slowly takes nobody's place.

        Raises :class:`~passenger_trio.errors.Overloaded` and ``Stopping``, and Quart's errors for the body.
        """
        request = current()
        if request.url_rule is not None and request.url_rule.rule in CALLS and request.method == "POST":
            await request.arrive()
            await self.admit(request.exit_stack, request.path)

    async def admit(self, request: AsyncExitStack, path: str) -> None:
        """Return when there is a place, which ``request`` gives back. Cancelled, it frees its place in the queue."""
        try:
            self._places.acquire_on_behalf_of_nowait(request)
        except trio.WouldBlock:
            if self._places.statistics().tasks_waiting >= self._config.max_queued:
                raise self._busy(path, "max_queued") from None
            await self._queue(request, path)
        request.callback(self._places.release_on_behalf_of, request)

    async def _queue(self, request: AsyncExitStack, path: str) -> None:
        logger.debug("%s waits for a place", path)
        with trio.move_on_after(self._config.queue_timeout) as patience, self._halt.heeded():
            await self._places.acquire_on_behalf_of(request)
        if patience.cancelled_caught:
            raise self._busy(path, "queue_timeout")

    def _busy(self, path: str, key: str) -> Overloaded:
        said = OLLAMA_BUSY
        if not faults.is_ollama(path):
            said = (
                f"passenger-trio answers {self._config.max_concurrent} requests already, and no more can wait (`{key}` "
                "under [server] in config.toml, as max_concurrent). Ask again in a moment."
            )
        return Overloaded(said, code="overloaded", retry_after=RETRY_AFTER)
