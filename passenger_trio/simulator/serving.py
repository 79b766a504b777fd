"""The simulator on a socket."""

import socket
from typing import Final

import hypercorn.trio
import trio
from hypercorn.config import Config

from passenger_trio.simulator.app import build_app
from passenger_trio.simulator.world import Simulator

_PATIENCE: Final = 600  # seconds that an idle connection stays open; a client's pool decides earlier


async def serve(
    simulator: Simulator,
    sock: socket.socket,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer HTTP on ``sock``, a bound stdlib socket, until cancelled; it need not listen yet.

    Takes the socket over, and closes it in the end. ``started`` is told the origin, as ``http://127.0.0.1:43210``,
    once connections are accepted. Logs nothing. Cancelling ends all connections at once.
    """
    host, port = sock.getsockname()[:2]
    origin = f"http://[{host}]:{port}" if sock.family == socket.AF_INET6 else f"http://{host}:{port}"
    app = build_app(simulator)
    config = Config()
    config.bind = [f"fd://{sock.detach()}"]
    config.accesslog = None
    config.errorlog = None
    config.include_date_header = False  # the app writes it, by the simulator's own clock
    config.include_server_header = False
    config.keep_alive_timeout = _PATIENCE
    config.keep_alive_max_requests = 2**31  # a bench reuses its connections for longer than the default
    status = _Started(origin, task_status)
    # What Hypercorn takes for WSGI has a bare dict in its type, hence the exception.
    await hypercorn.trio.serve(app, config, mode="asgi", task_status=status)  # pyright: ignore[reportUnknownMemberType]


class _Started(trio.TaskStatus[list[str]]):
    """Passes the origin on when Hypercorn reports its binds, which for ``fd://`` name no address."""

    def __init__(self, origin: str, task_status: trio.TaskStatus[str]) -> None:
        self._origin = origin
        self._task_status = task_status

    def started(self, value: list[str] | None = None) -> None:  # noqa: ARG002 - Hypercorn's own idea of it
        self._task_status.started(self._origin)
