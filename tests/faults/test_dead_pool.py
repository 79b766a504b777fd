"""Connections that died while they were idle: noticed, replaced, and no call sent twice that may have left."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import trio
from faults.dialects import DIALECTS, Dialect, label
from faults.upstream import SPEECHES, Front, Wire, close, open_front, raw, reset, stall, until, well, whole

from passenger_trio.copilot import limits

every = pytest.mark.parametrize("dialect", DIALECTS, ids=label)


async def ask(front: Front, dialect: Dialect) -> httpx.Response:
    return await front.http.post(dialect.path, json=dialect.ask(stream=False))


def to_upstream(front: Front) -> Iterator[socket.socket]:
    """This process's connections to the scripted side; whoever takes one closes it."""
    for entry in list(Path("/dev/fd").iterdir()):
        with suppress(OSError, ValueError):
            if entry.is_socket():
                sock = socket.socket(fileno=socket.dup(int(entry.name)))
                with suppress(OSError):
                    if sock.getpeername()[1:2] == (front.upstream.port,):
                        yield sock
                sock.close()


@every
@pytest.mark.parametrize("goodbye", [close, reset], ids=["closed", "reset"])
async def test_a_connection_that_died_idle_is_replaced(tmp_path: Path, dialect: Dialect, goodbye: object) -> None:
    async def and_leave(wire: Wire) -> None:
        await well(wire)
        await (wire.reset() if goodbye is reset else wire.close())

    async with open_front(tmp_path) as front:
        front.upstream.play(dialect.upstream, and_leave, well)
        first = await ask(front, dialect)
        await until(lambda: front.upstream.open == 0)
        second = await ask(front, dialect)

        assert (first.status_code, second.status_code) == (200, 200)
        calls = front.upstream.asked(dialect.upstream)
        assert len(calls) == 2
        assert calls[0].connection != calls[1].connection


@every
async def test_a_call_that_may_have_left_is_not_sent_again(tmp_path: Path, dialect: Dialect) -> None:
    """The idle connection takes the request and dies of it: nobody knows who has read it."""
    async with open_front(tmp_path) as front:
        for goodbye in (close, reset, raw(b"HTTP/1.1 2")):
            front.upstream.play(dialect.upstream, well, goodbye, well)
            said = [(await ask(front, dialect)).status_code for _ in range(3)]

            assert said == [200, 502, 200]
        assert len(front.upstream.asked(dialect.upstream)) == 9


@every
async def test_a_call_that_an_old_connection_refuses_to_take_goes_over_a_new_one(
    tmp_path: Path, dialect: Dialect, caplog: pytest.LogCaptureFixture
) -> None:
    """Writing fails although the connection looked alive, as after a goodbye that came in the same moment."""
    async with open_front(tmp_path) as front:
        assert (await ask(front, dialect)).status_code == 200
        front.upstream.ignores_goodbyes = True
        for sock in to_upstream(front):
            sock.shutdown(socket.SHUT_WR)
        again = await ask(front, dialect)

        assert again.status_code == 200
        assert "Hello." in again.text
        assert "had died; the request goes over another one" in caplog.text
        assert len(front.upstream.asked(dialect.upstream)) == 2


async def test_all_connections_may_have_died_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect, gate = DIALECTS[0], trio.Event()
    monkeypatch.setattr(limits, "EARLY_REFUSAL", 0.05)

    async def together(wire: Wire) -> None:
        await gate.wait()
        await well(wire)

    async with open_front(tmp_path) as front:
        await until(lambda: bool(front.upstream.asked("/models")))
        front.upstream.play(dialect.upstream, together)
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(ask, front, dialect)
            await until(lambda: len(front.upstream.asked(dialect.upstream)) == 4)
            gate.set()
        front.upstream.play(dialect.upstream, well)
        front.upstream.ignores_goodbyes = True
        for sock in to_upstream(front):
            sock.shutdown(socket.SHUT_WR)
        before = front.upstream.opened
        answer = await ask(front, dialect)

        assert before >= 4
        assert answer.status_code == 200
        assert len(front.upstream.asked(dialect.upstream)) == 5
        assert front.upstream.opened == before + 1


async def test_a_new_connection_that_breaks_is_not_tried_again(tmp_path: Path) -> None:
    dialect = DIALECTS[0]

    async def slam(stream: trio.SocketStream, number: int) -> bool:
        await stream.receive_some(1)
        await Wire.slam(stream)
        return False

    async with open_front(tmp_path) as front:
        await until(lambda: bool(front.upstream.asked("/models")))
        front.upstream.play(dialect.upstream, close, well)
        await ask(front, dialect)
        front.upstream.greeting = slam
        before = front.upstream.opened
        answer = await ask(front, dialect)

        assert answer.status_code == 502
        assert front.upstream.opened == before + 1


async def test_a_network_that_says_nothing_more_is_noticed_by_the_system(tmp_path: Path) -> None:
    """Nobody answers and nobody hangs up: the kernel asks, and gives the connection up within a minute."""
    dialect = DIALECTS[0]
    async with open_front(tmp_path) as front, trio.open_nursery() as nursery:
        front.upstream.play(dialect.upstream, stall)
        nursery.start_soon(ask, front, dialect)
        await until(lambda: bool(front.upstream.asked(dialect.upstream)))
        found = [
            (
                sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
                + sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
                * sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
                sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
            )
            for sock in to_upstream(front)
        ]
        nursery.cancel_scope.cancel()

    assert (1, 60, 60_000) in found


async def test_the_pool_keeps_its_connections_after_good_answers(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        for dialect in DIALECTS:
            front.upstream.play(dialect.upstream, whole(SPEECHES[dialect.upstream].whole))
            for _ in range(5):
                assert (await ask(front, dialect)).status_code == 200

        assert front.upstream.opened <= 2
