"""The server and the tasks beside it: the one nursery of the house."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import ExitStack
from typing import Any, Final

import h11
import trio
import trio.to_thread
from hypercorn.config import Config as HypercornConfig
from hypercorn.logging import Logger as HypercornLogger

from passenger_trio.config import Config
from passenger_trio.copilot.account import Account
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.client import Transport, fetcher, open_http
from passenger_trio.copilot.halting import Halt, heed
from passenger_trio.copilot.known import KnownList
from passenger_trio.copilot.pacing import Pace, PacedClient
from passenger_trio.copilot.store import TokenStore
from passenger_trio.copilot.tokens import BRIEF_PATIENCE, FIRST_PATIENCE, TokenKeeper
from passenger_trio.errors import PortUnavailable, Unable
from passenger_trio.server import live
from passenger_trio.server.app import PassengerApp, build_app
from passenger_trio.server.connections import Crowd, serve_connections
from passenger_trio.server.exchange import Exchange
from passenger_trio.server.guard import refuse_exposure, warn_of_origins
from passenger_trio.server.pulse import FAREWELL
from passenger_trio.server.tls import refuse_half_a_certificate

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


def origin_of(sock: socket.socket, *, secure: bool = False) -> str:
    """``http://host:port`` of a listening socket, or https."""
    host, port = sock.getsockname()[:2]
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def serve(
    config: Config,
    sock: socket.socket,
    *,
    ollama: socket.socket | None = None,
    companions: Sequence[Companion] = (),
    transport: Transport | None = None,
    handle_signals: bool = True,
    reload: Callable[[], Config] | None = None,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on ``sock`` until SIGINT or SIGTERM, or until cancelled; the sockets are closed in any case.

    ``ollama`` is another socket to serve on, without TLS. ``started()`` is called with the origin of ``sock`` once the
    first Copilot token is in hand, or GitHub has failed to give one for now: without a login there is no door, without
    Copilot there is one, and what can be answered from memory is. ``companions`` are started first (the simulator,
    which the first token comes from).

    A first signal lets answers in flight finish for ``[server] graceful_timeout`` seconds and tells the rest that the
    server stops, a second one does not, nor does one that comes before the door is open. SIGHUP takes over from
    ``reload``, which may raise :class:`~passenger_trio.errors.ConfigError`, what :data:`live.LIVE` names. Raises what
    :meth:`~passenger_trio.copilot.tokens.TokenKeeper.keep_fresh` raises, possibly in an exception group.
    """
    with ExitStack() as doors:
        socks = [doors.enter_context(door) for door in (sock, ollama) if door is not None]
        refuse_exposure(config.server)
        refuse_half_a_certificate(config.server)
        warn_of_origins(config.server)
        secure = bool(config.server.certfile)
        origins = [origin_of(door, secure=secure and door is sock) for door in socks]
        async with open_http(config.copilot, transport=transport) as http, trio.open_nursery() as nursery:
            halt = Halt()
            heed(http, halt)
            fetch = fetcher(http)
            account = Account(fetch, config)
            store = TokenStore.of(config)
            tokens = TokenKeeper(
                store,
                account.exchange,
                api_base_url=config.copilot.api_base_url,
                patience=config.copilot.token_timeout,
            )
            pace = Pace(config.copilot)
            client = PacedClient(http, tokens, config.copilot, pace=pace, halt=halt)
            catalogue = Catalogue(
                client,
                tokens,
                fetch,
                models_url=config.github.copilot_models_url,
                aliases=config.models.aliases,
                known=KnownList.of(config, store.read_access),
            )
            app = build_app(config.server, Exchange(client, catalogue), catalogue, halt, health=tokens.health)
            settings = _Settings(config, app, catalogue, pace)
            stop, opened = trio.Event(), trio.Event()
            if handle_signals:  # from now on, since GitHub may take its time
                await nursery.start(_watch_signals, stop, opened, nursery.cancel_scope)
                if reload is not None:
                    await nursery.start(_watch_hangups, reload, settings)
            for companion in companions:
                await nursery.start(companion)
            patience = BRIEF_PATIENCE if await catalogue.remember() else FIRST_PATIENCE
            await nursery.start(tokens.keep_fresh, patience)
            await nursery.start(catalogue.keep_fresh)
            crowd = Crowd()
            await nursery.start(_end, crowd, stop, settings, halt)
            hypercorn = _hypercorn(socks, config, secure=[sock] if secure else [])

            async def stopped() -> None:
                await stop.wait()
                doors.close()  # Hypercorn closes its own copies alone; who comes now is to be refused, not kept waiting
                hypercorn.graceful_timeout = settings.config.server.graceful_timeout + FAREWELL

            opened.set()
            _tell(origins)
            _notify("READY=1")
            task_status.started(origins[0])
            await serve_connections(app, hypercorn, stopped, nursery, crowd)
            nursery.cancel_scope.cancel()


class _Settings:
    """The configuration that counts now, and all that goes by it and can go by another."""

    def __init__(self, config: Config, app: PassengerApp, catalogue: Catalogue, pace: Pace) -> None:
        self.config = config
        self._app = app
        self._catalogue = catalogue
        self._pace = pace

    def take(self, found: Config) -> None:
        """Go by ``found`` as far as that is possible, and say in the log what has changed and what cannot change.

        Raises :class:`~passenger_trio.errors.ConfigError`; all stays as it was then.
        """
        config = live.merged(self.config, found)
        refuse_exposure(config.server)
        taken, left = live.changed(self.config, config), live.changed(config, found)
        self._app.settle(config.server)
        self._pace.settle(config.copilot)
        if "models.aliases" in taken:
            self._catalogue.rename(config.models.aliases)
        if "server.log_level" in taken:
            logging.getLogger("passenger_trio").setLevel(config.server.log_level.upper())
        self.config = config
        warn_of_origins(config.server)
        logger.info("SIGHUP: the configuration was read again; changed: %s", ", ".join(taken) or "nothing")
        if left:
            logger.warning("SIGHUP: %s changed as well, which counts after a restart only", ", ".join(left))


def _tell(origins: Sequence[str]) -> None:
    """Say where each kind of client finds the server, which is at the first of ``origins``."""
    logger.info("OpenAI: %s/v1", origins[0])
    for origin in origins[::-1]:  # Ollama's own port first, where it is served
        logger.info("Ollama: %s", origin)
    logger.info("models: %s/v1/models", origins[0])


def _hypercorn(socks: Sequence[socket.socket], config: Config, *, secure: Collection[socket.socket]) -> HypercornConfig:
    """Hypercorn's configuration: https on those of ``socks`` that are ``secure``, http on the others."""
    hypercorn = HypercornConfig()
    plain, safe = (
        [f"fd://{os.dup(sock.fileno())}" for sock in socks if (sock in secure) is wanted]  # it closes what it is given
        for wanted in (False, True)
    )
    hypercorn.bind = safe or plain  # http where it has no certificate
    if secure:
        hypercorn.insecure_bind = plain
        hypercorn.certfile = config.server.certfile
        hypercorn.keyfile = config.server.keyfile
        hypercorn.alpn_protocols = ["http/1.1"]  # all that is proven of leaving and of slow readers is of HTTP/1.1
    hypercorn.keep_alive_timeout = 75.0
    hypercorn.keep_alive_max_requests = 1_000_000
    hypercorn.include_server_header = False
    hypercorn.accesslog = None
    hypercorn.logger_class = _HypercornLogger
    hypercorn.errorlog = logging.getLogger("hypercorn.error")
    return hypercorn


class _HypercornLogger(HypercornLogger):
    """Hypercorn's own, but for tracebacks that mean nothing.

    Hypercorn says goodbye on a connection while it is still writing to it when a client leaves at just that moment, and
    answers twice one that asks for a websocket and talks nonsense at once.
    """

    async def exception(self, message: str, *args: Any, **kwargs: Any) -> None:
        try:
            raise sys.exception() or RuntimeError(message)  # noqa: TRY301 - to be taken apart
        except* (trio.BusyResourceError, trio.Cancelled, h11.ProtocolError):
            pass
        except* BaseException:  # noqa: BLE001 - it is only logged
            await super().exception(message, *args, **kwargs)


async def _watch_signals(
    stop: trio.Event,
    opened: trio.Event,
    scope: trio.CancelScope,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """``stop`` at the first signal, and cancel ``scope`` at the second, or at once before the door is ``opened``."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for number in signals:
            name = signal.Signals(number).name
            if stop.is_set():
                logger.info("%s again: stopping at once", name)
                scope.cancel()
                return
            if not opened.is_set():
                logger.info("%s: stopping, before anybody was served", name)
                _notify("STOPPING=1")
                scope.cancel()
                return
            logger.info("%s: finishing the answers in flight", name)
            _notify("STOPPING=1")
            stop.set()


async def _watch_hangups(
    reload: Callable[[], Config],
    settings: _Settings,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        task_status.started()
        async for _ in signals:
            try:
                settings.take(await trio.to_thread.run_sync(reload))
            except Unable as error:
                logger.error("SIGHUP: all stays as it was. %s", error.message)  # noqa: TRY400 - for the user, no bug
            except Exception:  # a bug, which is no reason to stop serving
                logger.exception("SIGHUP: all stays as it was, by an internal error")


async def _end(
    crowd: Crowd,
    stop: trio.Event,
    settings: _Settings,
    halt: Halt,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """After ``stop`` and the patience that is configured, tell clients that the server stops, and then hang up.

    Hypercorn shields its writes from cancelling, so a client that has stopped reading would keep the server for ever.
    Cancelled, it hangs up at once.
    """
    task_status.started()
    try:
        await stop.wait()
        await trio.sleep(settings.config.server.graceful_timeout)
        halt.now()
        await trio.sleep(FAREWELL + 1.0)
    finally:
        crowd.hang_up()


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
