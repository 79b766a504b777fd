"""The program in a process of its own, with signals sent to it before GitHub has given it the first token."""

import signal
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio
from faults.lives import configured, giving
from faults.upstream import LOGIN, TOKEN_PATH, Script, Upstream, Wire, open_upstream, stall, until
from program import Running, World

from passenger_trio.config import Config
from passenger_trio.copilot.store import TokenStore
from passenger_trio.errors import ConfigError
from passenger_trio.secret import Secret
from passenger_trio.server import run
from passenger_trio.simulator import Simulator


@asynccontextmanager
async def beginning(directory: Path, script: Script, *flags: str) -> AsyncGenerator[tuple[Running, World, Upstream]]:
    """The program, just as it has asked GitHub for its first token."""
    async with open_upstream() as upstream, trio.open_nursery() as nursery:
        upstream.play(TOKEN_PATH, script)
        world = World(Simulator(), upstream.origin, directory)
        world.configure(upstream.origin)
        world.log_in()
        running = await world.start(nursery, "serve", "--port", "0", *flags)
        await until(lambda: bool(upstream.asked(TOKEN_PATH)), 20)
        yield running, world, upstream
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_before_the_first_token_ends_the_program_well_and_at_once(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with beginning(tmp_path, stall) as (running, _, upstream):
        began = time.monotonic()
        done = await running.end(number)
        took = time.monotonic() - began
        await until(lambda: bool(upstream.left))

    assert done.code == 0
    assert took < 3
    assert number.name in done.err
    assert "Traceback" not in done.err
    assert "/v1/models" not in done.err


async def test_sighup_before_the_first_token_is_heeded_and_ends_nothing(tmp_path: Path) -> None:
    gate = trio.Event()

    async def late(wire: Wire) -> None:
        await gate.wait()
        await giving()(wire)

    async with beginning(tmp_path, late) as (running, world, upstream):
        world.configure(upstream.origin, '[server]\nallowed_hosts = ["my.example.com"]\n')
        running.process.send_signal(signal.SIGHUP)
        early = await running.hear("changed: server.allowed_hosts", err=True)
        gate.set()
        log = await running.hear("/v1/models", err=True)
        url = next(line.rpartition(" ")[2] for line in log.splitlines() if "Ollama: " in line)
        async with httpx.AsyncClient(base_url=url) as http:
            answer = await http.get("/health", headers={"Host": "my.example.com"})
        done = await running.end(signal.SIGTERM)

    assert "changed: server.allowed_hosts" in early
    assert "/v1/models" not in early
    assert answer.status_code == 200
    assert done.code == 0


async def test_a_bug_in_reading_the_configuration_again_does_not_end_the_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = [ZeroDivisionError("a bug"), ConfigError("a broken file")]

    def reload() -> Config:
        raise found.pop(0)

    def said(words: str) -> bool:
        return any(words in record.getMessage() for record in caplog.records)

    async with open_upstream() as upstream, trio.open_nursery() as nursery:
        config = configured(upstream.origin, tmp_path)
        await TokenStore.of(config).save_access(Secret(LOGIN))
        sock = run.listen("127.0.0.1", 0)
        url = await nursery.start(partial(run.serve, config, sock, reload=reload))
        signal.raise_signal(signal.SIGHUP)
        await until(lambda: said("by an internal error"))
        signal.raise_signal(signal.SIGHUP)
        await until(lambda: said("all stays as it was. a broken file"))
        async with httpx.AsyncClient(base_url=url) as http:
            answer = await http.get("/health")
        nursery.cancel_scope.cancel()

    assert answer.status_code == 200
    assert "ZeroDivisionError: a bug" in caplog.text
