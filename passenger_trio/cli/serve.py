"""``passenger-trio serve``."""

import functools
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack

import msgspec
import trio

from passenger_trio.cli.outcome import Exit
from passenger_trio.cli.simulator import pointed_at
from passenger_trio.config import Config, Tokens
from passenger_trio.copilot.store import TokenStore
from passenger_trio.secret import Secret
from passenger_trio.server import run as server
from passenger_trio.server.descriptors import make_room
from passenger_trio.server.guard import refuse_exposure
from passenger_trio.server.ollama_port import listen_beside
from passenger_trio.server.tls import refuse_half_a_certificate
from passenger_trio.simulator import Simulator, serve as serve_simulator


def run(config: Config, *, simulated: bool, reload: Callable[[], Config] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. Raises as :func:`passenger_trio.server.run.serve` does.

    ``reload`` reads the configuration again, for SIGHUP. ``simulated`` puts the simulator in the place of GitHub and
    Copilot: a free port of its own, logged in, with files that are deleted at the end.
    """
    refuse_exposure(config.server)
    refuse_half_a_certificate(config.server)
    make_room(config.server)
    with ExitStack() as opened:
        sock = opened.enter_context(server.listen(config.server.host, config.server.port))
        ollama = listen_beside(sock) if config.server.ollama else None
        if ollama is not None:
            opened.enter_context(ollama)
        serve = functools.partial(server.serve, ollama=ollama)
        if not simulated:
            trio.run(functools.partial(serve, config, sock, reload=reload))
            return Exit.GOOD
        directory = opened.enter_context(tempfile.TemporaryDirectory(prefix="passenger-trio-"))
        other = opened.enter_context(server.listen("127.0.0.1", 0))
        origin = server.origin_of(other)

        def simulating(config: Config) -> Config:
            return in_place(pointed_at(config, origin), directory)

        config = simulating(config)
        companion = functools.partial(_simulate, config, other)
        again = None if reload is None else lambda: simulating(reload())
        trio.run(functools.partial(serve, config, sock, companions=[companion], reload=again, task_status=_Banner()))
    return Exit.GOOD


def in_place(config: Config, directory: str) -> Config:
    """``config`` with all files that are written in ``directory``, and with the login there alone."""
    return msgspec.structs.replace(
        config,
        tokens=Tokens(access_token_path=f"{directory}/access_token.json", copilot_token_path=f"{directory}/token.json"),
        login=Secret(""),
        models=msgspec.structs.replace(config.models, cache_path=f"{directory}/models.json"),
    )


async def _simulate(
    config: Config, sock: socket.socket, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    simulator = Simulator()
    await TokenStore.of(config).save_access(Secret(simulator.log_in()))
    await serve_simulator(simulator, sock, task_status=task_status)


class _Banner(trio.TaskStatus[str]):
    """Says on stderr, once the server answers, that it does not mean what it says."""

    def started(self, value: str | None = None) -> None:
        """``value`` is the server's origin."""
        print(banner(value or ""), file=sys.stderr, flush=True)


def banner(origin: str) -> str:
    """What whoever starts a simulated server is to know."""
    body = '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}'
    return (
        "\nSIMULATED: every answer is made up by passenger-trio itself. No GitHub, no Copilot, no model is asked.\n"
        f"The server answers on {origin}. Try it:\n\n"
        f"    curl {origin}/v1/chat/completions -H 'Content-Type: application/json' \\\n"
        f"        -d '{body}'\n\n"
        "Ctrl-C stops it.\n"
    )
