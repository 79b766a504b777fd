"""Connections of clients that do not behave: what is left of them, and what they do to the others."""

from pathlib import Path

import pytest
import trio
from faults.upstream import CHAT_EVENTS, Front, chat_chunk, open_front, stall, stream, until

BODY = b'{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}'
ASKED = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


def tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


async def at_rest(front: Front) -> int:
    """The count of tasks once the server has its list and one connection to Copilot."""
    assert (await front.http.get("/v1/models")).status_code == 200
    return tasks()


async def connect(front: Front) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", front.port)


async def test_clients_that_connect_and_close_leave_no_task(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        before = await at_rest(front)
        for _ in range(50):
            await (await connect(front)).aclose()
        await until(lambda: tasks() <= before)


async def test_a_client_that_closes_a_connection_it_kept_leaves_no_task(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        before = await at_rest(front)
        for _ in range(20):
            async with await connect(front) as client:
                await client.send_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert (await client.receive_some(4096)).startswith(b"HTTP/1.1 200")
        await until(lambda: tasks() <= before)


@pytest.mark.parametrize(
    "nonsense",
    [b"\0" * 100, b"GET / HTTP/9.9\r\n\r\n", b"\xff\r\n\r\n", ASKED[:40]],
    ids=["zeros", "version", "byte", "half"],
)
async def test_a_client_that_talks_nonsense_while_it_is_answered_harms_nobody_else(
    tmp_path: Path, nonsense: bytes
) -> None:
    async with open_front(tmp_path) as front:
        front.upstream.play(
            "/chat/completions", stream(*[chat_chunk("x" * 60_000)] * 100, then=stall), stream(*CHAT_EVENTS)
        )
        before = await at_rest(front)
        async with await connect(front) as client:
            await client.send_all(ASKED)
            await client.receive_some(10)
            await trio.sleep(0.3)  # the server cannot write any more, and is in the middle of it
            await client.send_all(nonsense)
            await trio.sleep(0.1)
        async with await connect(front) as client:
            await client.send_all(ASKED.replace(b"Host", b"Connection: close\r\nHost"))
            told = b""
            async for piece in client:
                told += piece
        await until(lambda: tasks() <= before + 2)  # the upstream's own

    assert b"data: [DONE]" in told


async def test_half_a_request_that_breaks_off_is_no_500_and_leaves_nothing(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        before = await at_rest(front)
        for length in range(1, len(ASKED), 7):
            async with await connect(front) as client:
                await client.send_all(ASKED[:length])
        await until(lambda: tasks() <= before)

        assert front.upstream.asked("/chat/completions") == []
