"""A keeper of the token with a store and a GitHub in memory, and a wall clock that runs with trio's."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from passenger_trio.copilot.saved import Exchanged
from passenger_trio.copilot.store import SavedToken
from passenger_trio.copilot.tokens import TokenKeeper
from passenger_trio.errors import (
    PassengerError,
    StoreError,
)
from passenger_trio.secret import Secret
from passenger_trio.wire.github import Endpoints, TokenEnvelope

EPOCH = 1_780_000_000.0


class FakeStore:
    """The token files, in memory."""

    def __init__(self, login: str | None = "ghu_one") -> None:
        self.login = Secret(login) if login is not None else None
        self.saved: SavedToken | None = None
        self.unwritable = False
        self.environment: Secret | None = None
        self.lock = trio.Lock()

    async def read_access(self) -> Secret | None:
        await trio.lowlevel.checkpoint()
        return self.login

    async def read_copilot(self) -> SavedToken | None:
        await trio.lowlevel.checkpoint()
        return self.saved

    async def save_copilot(self, token: SavedToken) -> None:
        await trio.lowlevel.checkpoint()
        if self.unwritable:
            raise StoreError("token.json cannot be written")
        self.saved = token

    @asynccontextmanager
    async def locked(self) -> AsyncGenerator[None]:
        async with self.lock:
            yield


class FakeGitHub:
    """The token exchange: counts calls, and fails when told to. ``skew`` is its clock minus ours."""

    def __init__(self, *, life: int = 1800, takes: float = 0.2, skew: float = 0.0, date: bool = True) -> None:
        self.life = life
        self.takes = takes
        self.skew = skew
        self.date = date
        self.calls: list[float] = []
        self.failing: PassengerError | None = None
        self.api: str | None = None
        self.running = 0
        self.most_at_once = 0

    async def exchange(self, login: Secret) -> Exchanged:
        self.calls.append(wall())
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await trio.sleep(self.takes)
        finally:
            self.running -= 1
        if self.failing is not None:
            raise self.failing
        server = int(wall() + self.skew)
        date = trio_date(server) if self.date else None
        endpoints = Endpoints(self.api) if self.api else None
        envelope = TokenEnvelope(f"tid={len(self.calls)}", server + self.life, max(self.life - 300, 1), endpoints)
        return Exchanged(envelope, date)


def wall() -> float:
    """The wall clock of these tests, which runs with trio's."""
    return EPOCH + trio.current_time()


def trio_date(seconds: int) -> str:
    from email.utils import formatdate  # noqa: PLC0415

    return formatdate(seconds, usegmt=True)


def keeper_of(store: FakeStore, github: FakeGitHub, **changes: object) -> TokenKeeper:
    options = {"api_base_url": "", "now": wall, "jitter": lambda: 1.0, **changes}
    return TokenKeeper(store, github.exchange, **options)  # type: ignore[arg-type]
