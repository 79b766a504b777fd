"""A reader that is slow slows its upstream down, costs little memory, and is let go if it stops for too long."""

import logging
from pathlib import Path

import pytest
import trio
from faults.dialects import DIALECTS, Dialect, label
from faults.test_departures import ask, flood, full
from faults.upstream import Wire, open_front, until

logger = logging.getLogger("tests.faults")
every = pytest.mark.parametrize("dialect", DIALECTS, ids=label)


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_fifty_readers_that_stop_reading_stop_their_upstreams(tmp_path: Path) -> None:
    """What upstream gets rid of lies in the system's buffers; the process holds a few reads of each stream."""
    async with open_front(tmp_path, patience=60) as front:
        for dialect in DIALECTS:
            front.upstream.play(dialect.upstream, flood)
        clients = [await ask(front, DIALECTS[number % 4], streamed=True) for number in range(4)]
        await full(front)
        of_four = front.upstream.bytes_sent
        before = resident()
        clients += [await ask(front, DIALECTS[number % 4], streamed=True) for number in range(46)]
        await until(lambda: front.upstream.open >= 50, 10)
        await full(front)
        grown, taken = resident() - before, front.upstream.bytes_sent

        assert taken < 50 * (24 << 20), f"{taken >> 20} MiB were taken"
        assert taken < of_four / 4 * 50 * 3
        assert grown < 46 * (1 << 20), f"{grown >> 20} MiB more"
        logger.info("%d MiB were taken for 50 streams, %d KiB are new for 46", taken >> 20, grown >> 10)
        for client in clients:
            await client.aclose()
        await until(lambda: front.upstream.broken == 50, 10)


@every
async def test_a_reader_that_stops_for_too_long_is_let_go(tmp_path: Path, dialect: Dialect) -> None:
    async with open_front(tmp_path, server__write_timeout=0.5) as front:
        front.upstream.play(dialect.upstream, flood)
        client = await ask(front, dialect, streamed=True)
        await full(front)
        took = await until(lambda: front.upstream.broken > 0)

        assert took < 1.5
        assert await is_cut(client)
        assert (await front.http.get("/v1/models")).status_code == 200


async def test_a_reader_that_leaves_a_whole_answer_lying_is_let_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dialect = DIALECTS[0]

    async def huge(wire: Wire) -> None:
        await wire.answer(
            b'{"id":"c1","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":'
            b'{"role":"assistant","content":"' + b"x" * (32 << 20) + b'"}}]}'
        )

    async with open_front(tmp_path, server__write_timeout=0.5) as front:
        front.upstream.play(dialect.upstream, huge)
        client = await ask(front, dialect, streamed=False)
        await until(lambda: front.upstream.bytes_sent > 32 << 20)
        await until(lambda: "the client does not read its answer" in caplog.text)

        assert await is_cut(client)


@every
async def test_a_slow_reader_that_reads_is_kept(tmp_path: Path, dialect: Dialect) -> None:
    async with open_front(tmp_path, server__write_timeout=2) as front:
        front.upstream.play(dialect.upstream, flood)
        client = await ask(front, dialect, streamed=True)
        await full(front)
        heard = 0
        with trio.move_on_after(3):
            while data := await client.receive_some(1 << 18):
                heard += len(data)
                await trio.sleep(0.01)

        assert front.upstream.broken == 0
        assert heard > 1 << 20
        await client.aclose()


async def is_cut(client: trio.SocketStream) -> bool:
    """Whether the answer ends without its end."""
    last = b""
    try:
        while data := await client.receive_some(1 << 20):
            last = data
    except trio.BrokenResourceError:
        return True
    finally:
        await client.aclose()
    return not last.endswith(b"0\r\n\r\n")
