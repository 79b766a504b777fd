"""The server and the tasks beside it: the one nursery of the house."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import trio
from hypercorn.config import Config as HypercornConfig
from hypercorn.logging import Logger as HypercornLogger
from hypercorn.trio import serve as serve_hypercorn  # pyright: ignore[reportUnknownVariableType]

from passenger_trio.config import Config
from passenger_trio.copilot.account import Account
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.client import CopilotClient, Transport, fetcher, open_http
from passenger_trio.copilot.known import KnownList
from passenger_trio.copilot.store import TokenStore
from passenger_trio.copilot.tokens import BRIEF_PATIENCE, FIRST_PATIENCE, TokenKeeper
from passenger_trio.errors import PortUnavailable
from passenger_trio.server.app import build_app
from passenger_trio.server.exchange import Exchange
from passenger_trio.server.guard import refuse_exposure, warn_of_origins

logger: Final = logging.getLogger("passenger_trio.server")

Companion = Callable[..., Awaitable[Any]]
"""A task to run beside the server, of the kind that ``nursery.start`` takes."""


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening socket. Raises :class:`~passenger_trio.errors.PortUnavailable` with what to do."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:  # a name that cannot be one is refused by Python's own encoding of it
        reason = error.strerror if isinstance(error, OSError) else "it cannot be a name"
        raise PortUnavailable(f"{host} is no address of this machine: {reason}. Choose another --host.") from error
    sock = socket.socket(family, kind, proto)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind(address)
        sock.listen(512)
    except OSError as error:
        sock.close()
        raise PortUnavailable(
            f"Port {port} on {host} cannot be used: {error.strerror}. Stop the program that uses it, or choose another "
            f"port with --port (0 takes any free one)."
        ) from error
    return sock


def origin_of(sock: socket.socket) -> str:
    """``http://host:port`` of a listening socket."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(
    config: Config,
    sock: socket.socket,
    *,
    ollama: socket.socket | None = None,
    companions: Sequence[Companion] = (),
    transport: Transport | None = None,
    handle_signals: bool = True,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on ``sock`` until SIGINT or SIGTERM, or until cancelled; the sockets are closed in any case.

    ``ollama`` is another socket to serve on. ``started()`` is called with the origin of ``sock`` once the first Copilot
    token is in hand, or GitHub has failed to give one for now: without a login there is no door, without Copilot there
    is one, and what can be answered from memory is. A first signal lets answers in flight finish for
    ``[server] graceful_timeout`` seconds, a second one does not. ``companions`` are started first (the simulator, which
    the first token comes from). Raises what :meth:`~passenger_trio.copilot.tokens.TokenKeeper.keep_fresh` raises,
    possibly in an exception group.
    """
    with ExitStack() as doors:
        socks = [doors.enter_context(door) for door in (sock, ollama) if door is not None]
        refuse_exposure(config.server)
        warn_of_origins(config.server)
        origins = [origin_of(door) for door in socks]
        async with open_http(config.copilot, transport=transport) as http, trio.open_nursery() as nursery:
            for companion in companions:
                await nursery.start(companion)
            fetch = fetcher(http)
            account = Account(fetch, config)
            store = TokenStore.of(config)
            tokens = TokenKeeper(store, account.exchange, api_base_url=config.copilot.api_base_url)
            client = CopilotClient(http, tokens, config.copilot)
            catalogue = Catalogue(
                client,
                tokens,
                fetch,
                models_url=config.github.copilot_models_url,
                aliases=config.models.aliases,
                known=KnownList.of(config, store.read_access),
            )
            patience = BRIEF_PATIENCE if await catalogue.remember() else FIRST_PATIENCE
            await nursery.start(tokens.keep_fresh, patience)
            await nursery.start(catalogue.keep_fresh)
            stop = trio.Event()
            if handle_signals:
                await nursery.start(_watch_signals, stop, nursery.cancel_scope)
            ports = {door.getsockname()[1] for door in socks}
            await nursery.start(_hang_up_in_the_end, ports, stop, config.server.graceful_timeout)
            app = build_app(config.server, Exchange(client, catalogue), catalogue)

            async def stopped() -> None:
                await stop.wait()
                doors.close()  # Hypercorn closes its own copies alone; who comes now is to be refused, not kept waiting

            _tell(origins)
            _notify("READY=1")
            task_status.started(origins[0])
            await serve_hypercorn(app, _hypercorn(config, socks), shutdown_trigger=stopped)
            nursery.cancel_scope.cancel()


def _tell(origins: Sequence[str]) -> None:
    """Say where each kind of client finds the server, which is at the first of ``origins``."""
    logger.info("OpenAI: %s/v1", origins[0])
    for origin in origins[::-1]:  # Ollama's own port first, where it is served
        logger.info("Ollama: %s", origin)
    logger.info("models: %s/v1/models", origins[0])


def _hypercorn(config: Config, socks: Sequence[socket.socket]) -> HypercornConfig:
    hypercorn = HypercornConfig()
    hypercorn.bind = [f"fd://{os.dup(sock.fileno())}" for sock in socks]  # Hypercorn closes what it is given
    hypercorn.graceful_timeout = config.server.graceful_timeout
    hypercorn.keep_alive_timeout = 75.0
    hypercorn.keep_alive_max_requests = 1_000_000
    hypercorn.include_server_header = False
    hypercorn.accesslog = None
    hypercorn.logger_class = _HypercornLogger
    hypercorn.errorlog = logging.getLogger("hypercorn.error")
    return hypercorn


class _HypercornLogger(HypercornLogger):
    """Hypercorn's own, but for one traceback that means nothing.

    Hypercorn says goodbye on a connection while it is still writing to it when a client leaves at just that moment.
    """

    async def exception(self, message: str, *args: Any, **kwargs: Any) -> None:
        try:
            raise sys.exception() or RuntimeError(message)  # noqa: TRY301 - to be taken apart
        except* (trio.BusyResourceError, trio.Cancelled):
            pass
        except* BaseException:  # noqa: BLE001 - it is only logged
            await super().exception(message, *args, **kwargs)


async def _watch_signals(
    stop: trio.Event, scope: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for number in signals:
            name = signal.Signals(number).name
            if stop.is_set():
                logger.info("%s again: stopping at once", name)
                scope.cancel()
                return
            logger.info("%s: finishing the answers in flight", name)
            _notify("STOPPING=1")
            stop.set()


async def _hang_up_in_the_end(
    ports: Collection[int],
    stop: trio.Event,
    patience: float,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Close clients' connections that are still there ``patience`` seconds and a little after ``stop``, or on cancel.

    Hypercorn shields its writes from cancelling, so a client that has stopped reading would keep the server for ever.
    """
    task_status.started()
    try:
        await stop.wait()
        await trio.sleep(patience + 1.0)
    finally:
        hang_up(ports)


def hang_up(ports: Collection[int]) -> None:
    """Shut down every connection that this process has accepted on ``ports``; whoever writes to one is told."""
    for entry in list(Path("/dev/fd").iterdir()):
        with suppress(OSError):  # gone by now
            if not entry.is_socket():  # a socket made from anything else fails after its copy is made
                continue
            with socket.fromfd(int(entry.name), socket.AF_INET, socket.SOCK_STREAM) as connection:
                name = connection.getsockname()
                if isinstance(name, tuple) and name[1] in ports and connection.getpeername():  # not the listening one
                    connection.shutdown(socket.SHUT_RDWR)


def _notify(state: str) -> None:
    """Tell systemd, if it has started us (``Type=notify``)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError as error:
            logger.warning("systemd could not be told %s: %s", state, error)
