"""Telling whoever waits for Copilot that the server stops, so that a client hears it instead of being cut off."""

import socket
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager, suppress
from typing import Any, Final

import httpx
import trio

from passenger_trio.errors import Stopping

WORDS: Final = "passenger-trio is being stopped, so this answer is not complete. Ask again when it is back."


class Halt:
    """Ends all waiting that heeds it, for good: :meth:`now`."""

    def __init__(self) -> None:
        self.called = False
        self._waiting: set[trio.CancelScope] = set()
        self._answers: set[_Heeding] = set()

    def now(self) -> None:
        """Whoever waits, or begins to, gets :class:`~passenger_trio.errors.Stopping`."""
        self.called = True
        for scope in tuple(self._waiting):
            scope.cancel()
        for answer in tuple(self._answers):
            answer.interrupt()

    @contextmanager
    def heeded(self) -> Generator[None]:
        """What is waited for inside. Raises :class:`~passenger_trio.errors.Stopping`; never to be held over a yield."""
        if self.called:
            raise stopping()
        with trio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                yield
            finally:
                self._waiting.discard(scope)
        if scope.cancelled_caught:
            raise stopping()

    def apply_to(self, answer: "_Heeding") -> None:
        """Interrupt ``answer`` when the time comes, unless it is over by then: :meth:`forget`."""
        self._answers.add(answer)

    def forget(self, answer: "_Heeding") -> None:
        """``answer`` is over."""
        self._answers.discard(answer)


def stopping() -> Stopping:
    """What is told to clients whose answers do not end in time."""
    return Stopping(WORDS, code="stopping", retry_after="5")


def heed(http: httpx.AsyncClient, halt: Halt) -> None:
    """From now on every answer's reading over ``http`` heeds ``halt``."""

    async def wrap(response: httpx.Response) -> None:
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Heeding(response.stream, halt, response.extensions.get("network_stream"))

    hooks = http.event_hooks
    http.event_hooks = {**hooks, "response": [*hooks["response"], wrap]}


class _Heeding(httpx.AsyncByteStream):
    """An answer's bytes, as long as nobody calls a halt.

    A halt shuts down the connection over which they come, ``network`` (an httpcore network stream; fakes have none).
    That wakes up whoever reads, and costs nothing before: there is a read for every event of a stream.
    """

    def __init__(self, inner: httpx.AsyncByteStream, halt: Halt, network: Any) -> None:
        self._inner = inner
        self._halt = halt
        self._network = network
        halt.apply_to(self)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Reading(aiter(self._inner), self._halt)

    def interrupt(self) -> None:
        """Whoever reads is told that there is no more."""
        if self._network is not None:
            with suppress(OSError):  # it is closed
                self._network.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    async def aclose(self) -> None:
        self._halt.forget(self)
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
            if not self._halt.called:
                return await anext(self._inner)
        except (httpx.HTTPError, StopAsyncIteration):  # where nothing tells how long it is, it just ends
            if not self._halt.called:
                raise
        self._halted = True
        raise stopping()
