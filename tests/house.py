"""The whole house on port 0, with a simulated Copilot behind it: for socketed and conformance tests."""

import functools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import trio

from passenger_trio.config import DEFAULT_API_BASE_URL, Config, load
from passenger_trio.copilot.store import TokenStore
from passenger_trio.secret import Secret
from passenger_trio.server import run
from passenger_trio.simulator import Simulator, serve as serve_simulator


@dataclass
class House:
    """A running house: its origin, the simulator behind it, and a client of it."""

    url: str
    simulator: Simulator
    config: Config
    login: str
    http: httpx.AsyncClient
    cancel: trio.CancelScope = field(default_factory=trio.CancelScope)


@asynccontextmanager
async def open_house(simulator: Simulator, directory: Path, **flags: Any) -> AsyncGenerator[House]:
    """Log in, serve, and take everything down at the end. ``flags`` are ``section__key=value``."""
    login = simulator.log_in()
    upstream = run.listen("127.0.0.1", 0)
    origin = run.origin_of(upstream)
    config = load(
        environ={},
        flags={
            "github.device_code_url": f"{origin}/login/device/code",
            "github.oauth_token_url": f"{origin}/login/oauth/access_token",
            "github.copilot_token_url": f"{origin}/copilot_internal/v2/token",
            "copilot.api_base_url": DEFAULT_API_BASE_URL,
            "tokens.access_token_path": str(directory / "access_token.json"),
            "tokens.copilot_token_path": str(directory / "token.json"),
            "server.port": 0,
            **{name.replace("__", "."): value for name, value in flags.items()},
        },
    ).config
    await TokenStore.of(config).save_access(Secret(login))
    sock = run.listen("127.0.0.1", 0)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            url = await nursery.start(
                functools.partial(
                    run.serve,
                    config,
                    sock,
                    companions=[functools.partial(serve_simulator, simulator, upstream)],
                    handle_signals=False,
                )
            )
            async with httpx.AsyncClient(base_url=url, timeout=15) as http:
                yield House(url, simulator, config, login, http, nursery.cancel_scope)
            nursery.cancel_scope.cancel()
