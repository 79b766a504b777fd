"""A simulated GitHub for the real command line."""

import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trio
from program import World

from passenger_trio.simulator import Simulator, serve


@pytest.fixture
def _sigint() -> Iterator[None]:
    """SIGINT as a terminal's programs have it; a background job's child would inherit that it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
async def world(nursery: trio.Nursery, tmp_path: Path, _sigint: None) -> AsyncIterator[World]:
    """A simulator in this process, and a directory with a ``config.toml`` that points at it. Finds leaked tokens."""
    simulator = Simulator(interval=1, polls=("success",))
    origin = await nursery.start(serve, simulator, socket.create_server(("127.0.0.1", 0)))
    directory = tmp_path / "work"
    directory.mkdir()
    world = World(simulator, origin, directory)
    world.configure(origin)
    yield world
    assert world.leaks() == []


@pytest.fixture
def closed_origin() -> Iterator[str]:
    """An address at which nobody listens, for as long as the test lasts."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
