"""Serving clients' connections with Hypercorn's parts, one of them mended.

Two things are wrong with a connection of Hypercorn 0.18. It keeps its socket and a task for ``keep_alive_timeout``
seconds after its client has closed it, if no request was under way then: the task that waits for the idle time to be
over is stopped by the next request only. And an error in it ends the whole server: a client that sends nonsense while
it is being answered makes one, since two tasks then write at once. Hypercorn's ``worker_serve`` has no place for
another class, so what it does for us is done here.
"""

import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import h11
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import LifespanState

from passenger_trio.server.http1 import Http1

logger: Final = logging.getLogger("passenger_trio.server")

HANG_UP: Final = "passenger_trio.hang_up"
"""The key of a request's ASGI state under which is the function that shuts its connection down."""


class _Connection(TCPServer):
    """A connection that is over once its client has closed it, and whose errors are its own."""

    def __init__(
        self, app: ASGIWrapper, config: Config, context: WorkerContext, state: LifespanState, stream: Any
    ) -> None:
        super().__init__(app, config, context, LifespanState({**state, HANG_UP: self.hang_up}), stream)

    async def run(self) -> None:
        try:
            await super().run()
        except* (trio.BusyResourceError, h11.ProtocolError) as errors:
            logger.debug("a client did not keep to HTTP: %r", errors.exceptions)
        except* Exception:
            logger.exception("internal error in a client's connection")

    async def _read_data(self) -> None:
        self.protocol.protocol = Http1(self.protocol, self._say_goodbye)
        await super()._read_data()
        await self.idle_task.stop()

    async def _say_goodbye(self) -> None:
        """Tell the client that no more comes from here; with TLS there is no way to say it and to go on reading."""
        stream: Any = self.stream  # Hypercorn has annotated TLS alone
        if isinstance(stream, trio.SocketStream):
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
                await stream.send_eof()

    def hang_up(self) -> None:
        """Shut the connection down at once: whoever reads from it or writes to it is told."""
        stream: Any = self.stream  # Hypercorn has annotated TLS alone
        transport = getattr(stream, "transport_stream", stream)
        with suppress(OSError):  # it is closed
            transport.socket.shutdown(socket.SHUT_RDWR)


class Crowd:
    """The connections that are open, each with the scope that ends it."""

    def __init__(self) -> None:
        self._scopes: dict[_Connection, trio.CancelScope] = {}
        self._one_left = trio.Event()

    async def attend(self, connection: _Connection) -> None:
        """Run ``connection`` to its end."""
        with trio.CancelScope() as scope:
            self._scopes[connection] = scope
            try:
                await connection.run()
            finally:
                del self._scopes[connection]
                self._one_left.set()

    async def leave(self, patience: float) -> None:
        """Wait until all are over. Those that are not after ``patience`` seconds are cancelled."""
        with trio.move_on_after(patience):
            await self._all_gone()
        for scope in self._scopes.values():
            scope.cancel()
        await self._all_gone()

    def hang_up(self) -> None:
        """Shut all of them down. Hypercorn shields its writes, so a client that does not read outlasts cancelling."""
        for connection in self._scopes:
            connection.hang_up()

    async def _all_gone(self) -> None:
        while self._scopes:
            self._one_left = trio.Event()
            await self._one_left.wait()


async def serve_connections(
    app: Any, config: Config, stopped: Callable[[], Awaitable[None]], nursery: trio.Nursery, crowd: Crowd
) -> None:
    """Serve ``app`` on the sockets of ``config`` until ``stopped`` returns and all connections are over.

    Each connection is a task of ``nursery`` and one of ``crowd``. Those that are not over ``config.graceful_timeout``
    seconds after ``stopped`` are cancelled.
    """
    asgi = ASGIWrapper(app)
    state = LifespanState()
    lifespan = Lifespan(asgi, config, state)
    context = WorkerContext(None)
    doors = trio.CancelScope()

    async def serve_one(stream: Any) -> None:  # Hypercorn has annotated TLS alone
        await crowd.attend(_Connection(asgi, config, context, state, stream))

    async def keep_open(*, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
        with doors:
            await trio.serve_listeners(serve_one, _listeners(config), handler_nursery=nursery, task_status=task_status)

    await nursery.start(lifespan.handle_lifespan)
    await lifespan.wait_for_startup()
    await nursery.start(keep_open)
    await stopped()
    doors.cancel()
    await context.terminated.set()  # idle connections end now
    await crowd.leave(config.graceful_timeout)
    await lifespan.wait_for_shutdown()


def _listeners(config: Config) -> list[trio.SocketListener | trio.SSLListener[trio.SocketStream]]:
    """Hypercorn's sockets, which listen already, those for https with its certificate."""
    sockets = config.create_sockets()
    plain = [trio.SocketListener(trio.socket.from_stdlib_socket(sock)) for sock in sockets.insecure_sockets]
    if not sockets.secure_sockets:
        return [*plain]
    context = config.create_ssl_context()
    if context is None:
        raise TypeError("there are sockets for https and no certificate")
    return [
        *plain,
        *(
            trio.SSLListener(trio.SocketListener(trio.socket.from_stdlib_socket(sock)), context, https_compatible=True)
            for sock in sockets.secure_sockets
        ),
    ]
