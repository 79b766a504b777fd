"""A simulator on a real socket, and a client that is logged in to it."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from passenger_trio.simulator import Simulator, serve

SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"


@dataclass
class Line:
    """One simulator, and one client of it that sends a good GitHub token or Copilot token where it is told to."""

    simulator: Simulator
    origin: str
    client: httpx.AsyncClient
    github_token: str

    def address(self) -> tuple[str, int]:
        host, _, port = self.origin.removeprefix("http://").partition(":")
        return host, int(port)

    async def exchange(self) -> dict[str, Any]:
        answer = await self.client.get(
            "/copilot_internal/v2/token", headers={"Authorization": f"token {self.github_token}"}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def bearer(self) -> dict[str, str]:
        token = (await self.exchange())["token"]
        return {"Authorization": f"Bearer {token}", "Editor-Version": "vscode/1.111.0"}

    async def ask(self, prompt: Any, **fields: Any) -> httpx.Response:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": prompt}], **fields}
        return await self.post("/chat/completions", body)

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """``headers`` as ``x_initiator="user"``."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, json=body, headers={**await self.bearer(), **more})


@pytest.fixture
def sample():
    """The bytes of a recorded answer, by its file's name."""
    return lambda name: (SAMPLES / name).read_bytes()


@pytest.fixture
def sock() -> socket.socket:
    """A socket on a free port, for ``serve`` to take over."""
    return socket.create_server(("127.0.0.1", 0))


@pytest.fixture
async def line(nursery: trio.Nursery, sock: socket.socket) -> AsyncIterator[Line]:
    simulator = Simulator(word_delay=0.001)
    origin = await nursery.start(serve, simulator, sock)
    async with httpx.AsyncClient(base_url=origin) as client:
        yield Line(simulator, origin, client, simulator.log_in())
