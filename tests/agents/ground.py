"""What an agent is let loose on: a server with the simulator behind it, and ears on both sides of it."""

import functools
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import trio

from agents.upstream import PATHS, Asked
from passenger_trio.cli.simulator import pointed_at
from passenger_trio.config import Config, Tokens
from passenger_trio.copilot.store import TokenStore
from passenger_trio.secret import Secret
from passenger_trio.server import run
from passenger_trio.simulator import Simulator, serve as serve_simulator

_STATUS = re.compile(rb"^HTTP/1\.1 (\d+)", re.MULTILINE)
_DROPPED = re.compile(rb"^x-passenger-dropped: ([^\r]*)\r", re.MULTILINE | re.IGNORECASE)
_READY = re.compile(r"The server answers on (http://\S+)\. ")


@dataclass
class Heard:
    """What went over the wire between the agent and the server."""

    answers: list[bytearray] = field(default_factory=list[bytearray])

    def refused(self) -> list[int]:
        """The statuses of answers that are none."""
        found = [int(status) for data in self.answers for status in _STATUS.findall(bytes(data))]
        return [status for status in found if status >= 400]

    def dropped(self) -> set[str]:
        """All that any answer said was left out, without what it was equal to."""
        lists = [text for data in self.answers for text in _DROPPED.findall(bytes(data))]
        return {name.partition("=")[0] for text in lists for name in text.decode().split(", ")}


@dataclass
class Ground:
    """A server that listens. ``origin`` is where it is to be asked."""

    origin: str
    simulator: Simulator
    heard: Heard

    def asked(self) -> list[Asked]:
        """The requests that went to a model, oldest first."""
        return [
            Asked(seen.path, seen.headers.get("x-initiator", ""), seen.body)
            for seen in self.simulator.requests
            if seen.path in PATHS
        ]


@asynccontextmanager
async def open_ground(directory: Path) -> AsyncGenerator[Ground]:
    """The server as ``serve --simulator`` has it, in this process, so that its simulator can be asked what it saw."""
    simulator = Simulator()
    upstream = run.listen("127.0.0.1", 0)
    config = msgspec.structs.replace(
        pointed_at(Config(), run.origin_of(upstream)),
        tokens=Tokens(str(directory / "access_token.json"), str(directory / "token.json")),
    )
    await TokenStore.of(config).save_access(Secret(simulator.log_in()))
    sock = run.listen("127.0.0.1", 0)
    companions = [functools.partial(serve_simulator, simulator, upstream)]
    async with trio.open_nursery() as nursery:
        serving = functools.partial(run.serve, config, sock, companions=companions, handle_signals=False)
        origin: str = await nursery.start(serving)
        heard = Heard()
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        listening = functools.partial(_listen, int(origin.rpartition(":")[2]), heard)
        nursery.start_soon(trio.serve_listeners, listening, listeners)
        port = listeners[0].socket.getsockname()[1]
        yield Ground(f"http://127.0.0.1:{port}", simulator, heard)
        nursery.cancel_scope.cancel()


@dataclass
class Program:
    """``passenger-trio serve --simulator`` in a process of its own, and what it has logged."""

    origin: str
    log: list[str]

    def troubles(self) -> list[str]:
        """The lines about requests that were refused or went wrong."""
        lines = [line for line in "".join(self.log).splitlines() if re.search(r"\b(GET|HEAD|POST) /", line)]
        return [line for line in lines if "error=" in line or not re.search(r"\S+ /\S+ 200 ", line)]


@asynccontextmanager
async def open_program(directory: Path) -> AsyncGenerator[Program]:
    """The program as a user starts it, on a free port; stopped at the end as with Ctrl-C."""
    command = [sys.executable, "-m", "passenger_trio", "serve", "--simulator", "--port", "0"]
    log: list[str] = []
    async with trio.open_nursery() as nursery:
        starting = functools.partial(
            trio.run_process, command, stderr=subprocess.PIPE, cwd=directory, deliver_cancel=_kill, check=False
        )
        process: trio.Process = await nursery.start(starting)
        ready = trio.Event()
        nursery.start_soon(_read, process, log, ready)
        with trio.fail_after(60):
            await ready.wait()
        found = _READY.search("".join(log))
        assert found is not None, "".join(log)
        yield Program(found[1], log)
        process.send_signal(signal.SIGINT)


async def _read(process: trio.Process, log: list[str], ready: trio.Event) -> None:
    """Keep what the program says; ``ready`` is set when it serves, or has ended."""
    assert process.stderr is not None
    async for data in process.stderr:
        log.append(data.decode())
        if _READY.search("".join(log)):
            ready.set()
    ready.set()


async def _kill(process: trio.Process) -> None:
    process.kill()


async def _listen(port: int, heard: Heard, client: trio.SocketStream) -> None:
    """Pass on what comes, both ways, and keep the answers."""
    answers = bytearray()
    heard.answers.append(answers)
    async with await trio.open_tcp_stream("127.0.0.1", port) as server, trio.open_nursery() as nursery:
        nursery.start_soon(_pass_on, client, server, bytearray())
        nursery.start_soon(_pass_on, server, client, answers)


async def _pass_on(source: trio.SocketStream, target: trio.SocketStream, kept: bytearray) -> None:
    try:
        async for data in source:
            kept += data
            await target.send_all(data)
        await target.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # whoever left has what was meant for it
