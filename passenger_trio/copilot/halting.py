"""Telling whoever waits for Copilot that the server stops, so that a client hears it instead of being cut off."""

from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Final

import httpx
import trio

from passenger_trio.errors import Stopping

WORDS: Final = "passenger-trio is being stopped, so this answer is not complete. Ask again when it is back."


class Halt:
    """Ends all waiting that heeds it, for good: :meth:`now`."""

    def __init__(self) -> None:
        self._waiting: set[trio.CancelScope] = set()
        self._called = False

    def now(self) -> None:
        """Whoever waits, or begins to, gets :class:`~passenger_trio.errors.Stopping`."""
        self._called = True
        for scope in tuple(self._waiting):
            scope.cancel()

    @contextmanager
    def heeded(self) -> Generator[None]:
        """What is waited for inside. Raises :class:`~passenger_trio.errors.Stopping`; never to be held over a yield."""
        if self._called:
            raise Stopping(WORDS, code="stopping", retry_after="5")
        with trio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                yield
            finally:
                self._waiting.discard(scope)
        if scope.cancelled_caught:
            raise Stopping(WORDS, code="stopping", retry_after="5")


def heed(http: httpx.AsyncClient, halt: Halt) -> None:
    """From now on every answer's reading over ``http`` heeds ``halt``."""

    async def wrap(response: httpx.Response) -> None:
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Heeding(response.stream, halt)

    hooks = http.event_hooks
    http.event_hooks = {**hooks, "response": [*hooks["response"], wrap]}


class _Heeding(httpx.AsyncByteStream):
    """An answer's bytes, as long as nobody calls a halt."""

    def __init__(self, inner: httpx.AsyncByteStream, halt: Halt) -> None:
        self._inner = inner
        self._halt = halt

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Reading(aiter(self._inner), self._halt)

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Reading(AsyncIterator[bytes]):
    """No generator: one that is dropped would be left to the garbage collector."""

    def __init__(self, inner: AsyncIterator[bytes], halt: Halt) -> None:
        self._inner = inner
        self._halt = halt
        self._halted = False

    async def __anext__(self) -> bytes:
        if self._halted:  # whoever closes an answer reads on to its end
            return await anext(self._inner)
        try:
            with self._halt.heeded():
                return await anext(self._inner)
        except Stopping:
            self._halted = True
            raise
        raise AssertionError("heeded() raises where it has caught a cancellation")  # for the type checkers
