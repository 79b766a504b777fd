"""A client that leaves takes along all that was opened for it, at any point and within a moment."""

import functools
import gc
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from faults.dialects import DIALECTS, Dialect, label
from faults.upstream import SPEECHES, Front, Wire, open_front, open_upstream, stall, stream, until

MOMENT = 0.05
"""Seconds in which upstream has to hear of it."""

every = pytest.mark.parametrize("dialect", DIALECTS, ids=label)
both = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
Leave = Callable[[trio.SocketStream], Awaitable[None]]


async def half_close(stream: trio.SocketStream) -> None:
    await stream.send_eof()


LEAVES: list[Leave] = [trio.SocketStream.aclose, Wire.slam, half_close]
leaving = pytest.mark.parametrize("leave", LEAVES, ids=["closed", "reset", "half-closed"])


async def ask(front: Front, dialect: Dialect, *, streamed: bool) -> trio.SocketStream:
    """A client of no library's: its request is sent, its answer not read."""
    stream = await trio.open_tcp_stream("127.0.0.1", front.port)
    body = json.dumps(dialect.ask(stream=streamed)).encode()
    head = f"POST {dialect.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    await stream.send_all(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return stream


def tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


def sockets() -> int:
    return sum(entry.is_socket() for entry in Path("/dev/fd").iterdir())


async def gone_within(front: Front, since: float) -> float:
    """The seconds after which upstream saw its connection go."""
    await until(lambda: bool(front.upstream.left), 5)
    return front.upstream.left[-1] - since


@every
@both
@leaving
async def test_upstream_hears_of_it_before_the_first_byte(
    tmp_path: Path, dialect: Dialect, streamed: bool, leave: Leave
) -> None:
    async with open_front(tmp_path) as front:
        front.upstream.play(dialect.upstream, stall)
        client = await ask(front, dialect, streamed=streamed)
        await until(lambda: bool(front.upstream.asked(dialect.upstream)))
        since = time.monotonic()
        await leave(client)

        assert await gone_within(front, since) < MOMENT
        await client.aclose()


@every
@leaving
async def test_upstream_hears_of_it_in_the_middle(tmp_path: Path, dialect: Dialect, leave: Leave) -> None:
    async with open_front(tmp_path) as front:
        front.upstream.play(dialect.upstream, stream(*SPEECHES[dialect.upstream].events[:2], then=stall))
        client = await ask(front, dialect, streamed=True)
        heard = b""
        while b"200" not in heard:
            heard += await client.receive_some()
        since = time.monotonic()
        await leave(client)

        assert await gone_within(front, since) < MOMENT
        await client.aclose()


@every
@pytest.mark.parametrize("leave", LEAVES[:2], ids=["closed", "reset"])
async def test_upstream_hears_of_it_while_the_client_is_behind(tmp_path: Path, dialect: Dialect, leave: Leave) -> None:
    """The client has not read for a while, so that all of the way is full: whoever writes is told."""
    async with open_front(tmp_path) as front:
        front.upstream.play(dialect.upstream, flood)
        client = await ask(front, dialect, streamed=True)
        await full(front)
        since = time.monotonic()
        await leave(client)
        await until(lambda: front.upstream.broken > 0)

        assert time.monotonic() - since < MOMENT * 2


async def test_a_client_that_says_goodbye_and_reads_no_more_is_let_go(tmp_path: Path) -> None:
    dialect = DIALECTS[0]
    async with open_front(tmp_path) as front:
        front.upstream.play(dialect.upstream, flood)
        client = await ask(front, dialect, streamed=True)
        await full(front)
        await client.send_eof()
        since = time.monotonic()
        await until(lambda: front.upstream.broken > 0)

        assert time.monotonic() - since < MOMENT * 2
        await client.aclose()


async def test_upstream_hears_of_it_during_the_tls_handshake(tmp_path: Path) -> None:
    hellos: list[float] = []
    heard: list[float] = []

    async def say_nothing(stream: trio.SocketStream) -> None:
        hellos.append(time.monotonic())
        while await stream.receive_some():
            pass
        heard.append(time.monotonic())
        await stream.aclose()

    async with open_upstream() as lists, trio.open_nursery() as nursery:
        listeners = await nursery.start(functools.partial(trio.serve_tcp, say_nothing, 0, host="127.0.0.1"))
        there = f"https://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        urls: dict[str, Any] = {"copilot__api_base_url": there, "github__copilot_models_url": f"{lists.origin}/models"}
        async with open_front(tmp_path, **urls) as front:
            await until(lambda: bool(lists.requests))
            client = await ask(front, DIALECTS[0], streamed=True)
            await until(lambda: len(hellos) == 1)
            since = time.monotonic()
            await client.aclose()
            await until(lambda: len(heard) == 1)

            assert heard[0] - since < MOMENT
        nursery.cancel_scope.cancel()


async def flood(wire: Wire) -> None:
    """Events without end, as fast as they are taken."""
    event = SPEECHES[wire.request.path].events[1 if wire.request.path == "/chat/completions" else 3]
    await wire.events()
    for begin in SPEECHES[wire.request.path].events[:3]:
        await wire.chunk(begin)
    try:
        while True:
            await wire.chunk(event * 100)
    except trio.BrokenResourceError:
        wire.upstream.broken += 1
        raise


async def full(front: Front) -> None:
    """Wait until upstream cannot get rid of anything any more."""
    before = -1
    with trio.fail_after(10):
        while before != front.upstream.bytes_sent or not before:
            before = front.upstream.bytes_sent
            await trio.sleep(0.25)


async def test_nothing_is_left_after_many_departures(tmp_path: Path) -> None:
    """500 of them, at random places: tasks, sockets and the pool are as they were after the first few."""
    rounds = 20
    async with open_front(tmp_path, patience=90) as front:
        for dialect in DIALECTS:
            pieces = SPEECHES[dialect.upstream].events[:2]
            front.upstream.play(
                dialect.upstream, stall, stream(*pieces, then=stall), stream(*pieces, pause=0.002, then=stall)
            )

        async def leave_after(dialect: Dialect, seconds: float, *, streamed: bool) -> None:
            client = await ask(front, dialect, streamed=streamed)
            await trio.sleep(seconds)
            await (Wire.slam if seconds > 0.01 else trio.SocketStream.aclose)(client)

        async def crowd() -> None:
            async with trio.open_nursery() as nursery:
                for number in range(25):
                    dialect = DIALECTS[number % 4]
                    nursery.start_soon(lambda d=dialect, n=number: leave_after(d, n * 0.001, streamed=bool(n % 3)))

        async def settled(most: tuple[int, int] = (0, 0)) -> tuple[int, int]:
            """What is left once nothing goes on; on a busy machine that takes a while, ``most`` is waited for."""
            await until(lambda: front.upstream.open <= 1, 10)
            with trio.move_on_after(10 if any(most) else 0.5):
                while not (tasks() <= most[0] and sockets() <= most[1]):
                    await trio.sleep(0.05)
            gc.collect()
            return tasks(), sockets()

        await crowd()
        before = await settled()
        for _ in range(rounds - 1):
            await crowd()
        after = await settled(before)

        assert after[0] <= before[0]
        assert after[1] <= before[1]
        dialect = DIALECTS[0]
        front.upstream.play(dialect.upstream)
        assert (await front.http.post(dialect.path, json=dialect.ask(stream=False))).status_code == 200
