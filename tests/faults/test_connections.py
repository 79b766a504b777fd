"""Connections of clients that do not behave: what is left of them, and what they do to the others."""

import http.client
import socket
from contextlib import closing
from pathlib import Path

import pytest
import trio
import trio.to_thread
from faults.upstream import CHAT_EVENTS, Front, chat_chunk, open_front, stall, stream, until

from passenger_trio.server.http1 import FURTHEST_AHEAD

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


HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
BEHIND = [b"\r\n", HEALTH, ASKED, b"\0" * 100_000]
behind = pytest.mark.parametrize("more", BEHIND, ids=["empty line", "request", "call", "zeros"])


@behind
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
async def test_what_follows_a_request_hides_no_departure(tmp_path: Path, more: bytes, at_once: bool) -> None:
    async with open_front(tmp_path) as front:
        front.upstream.play("/chat/completions", stall)
        before = await at_rest(front)
        for number in range(3):
            async with await connect(front) as client:
                await client.send_all(ASKED + (more if at_once else b""))
                await until(lambda count=number: len(front.upstream.asked("/chat/completions")) > count)
                if not at_once:
                    await client.send_all(more)
                await trio.sleep(0.02)
        await until(lambda: tasks() <= before)
        await until(lambda: front.upstream.open == 0)

        assert len(front.upstream.asked("/chat/completions")) == 3


@behind
@pytest.mark.parametrize(
    "asked", [ASKED, ASKED.replace(b"Host", b"Connection: close\r\nHost", 1)], ids=["kept", "close"]
)
async def test_what_follows_a_request_spoils_no_answer_and_waits_for_its_turn(
    tmp_path: Path, asked: bytes, more: bytes
) -> None:
    async with open_front(tmp_path) as front:
        front.upstream.play("/chat/completions", stream(*CHAT_EVENTS, pause=0.01))
        before = await at_rest(front)
        async with await connect(front) as client:
            await client.send_all(asked + more)
            told = b""
            with trio.move_on_after(0.5):
                async for piece in client:
                    told += piece
        answers = [b"HTTP/1.1 " + answer for answer in told.split(b"HTTP/1.1 ")[1:]]
        await until(lambda: tasks() <= before + 1)

    assert answers[0].startswith(b"HTTP/1.1 200")
    assert answers[0].endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    if asked is not ASKED or not more.strip(b"\r\n"):
        assert len(answers) == 1
    else:
        assert len(answers) == 2
        assert answers[1].startswith(b"HTTP/1.1 400" if more[0] == 0 else b"HTTP/1.1 200")


async def test_who_sends_far_too_much_behind_a_request_is_let_go(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        front.upstream.play("/chat/completions", stall)
        before = await at_rest(front)
        async with await connect(front) as client:
            await client.send_all(ASKED)
            with pytest.raises(trio.BrokenResourceError), trio.fail_after(10):
                await client.send_all(bytes(1 << 28))
            await until(lambda: tasks() <= before)
        await until(lambda: front.upstream.open == 0)


def ask_on(port: int, asked: bytes, times: int) -> int:
    """How often it is answered on one connection, whose client does not wait for the server's turn to be over."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        for number in range(times):
            client.sendall(asked)
            told = b""
            while not told.endswith(b"\r\n0\r\n\r\n"):
                if not (piece := client.recv(65536)):
                    return number
                told += piece
    return times


async def test_a_client_in_a_hurry_keeps_its_connection(tmp_path: Path) -> None:
    """It asks again as soon as it has the last byte, before the server has put the last request away."""
    body = BODY.replace(b"hi", b"x" * 300_000)
    asked = ASKED.partition(b"Content-Length")[0] + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with open_front(tmp_path) as front:
        front.upstream.play("/chat/completions", stream(*CHAT_EVENTS))

        assert await trio.to_thread.run_sync(ask_on, front.port, asked, 100) == 100


async def test_the_next_request_may_be_as_long_as_the_first(tmp_path: Path) -> None:
    """Its body begins to come while the server puts the first one away, and is longer than what may come too early."""
    body = BODY.replace(b"hi", b"x" * (FURTHEST_AHEAD + (1 << 20)))
    asked = ASKED.partition(b"Content-Length")[0] + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with open_front(tmp_path) as front:
        front.upstream.play("/chat/completions", stream(*CHAT_EVENTS))

        assert await trio.to_thread.run_sync(ask_on, front.port, asked, 4) == 4


@pytest.mark.parametrize("half", [False, True], ids=["closed", "half-closed"])
async def test_a_request_behind_another_does_not_outlive_its_client(tmp_path: Path, half: bool) -> None:
    async with open_front(tmp_path) as front:
        front.upstream.play("/chat/completions", stall)
        before = await at_rest(front)
        for count in range(30):
            client = await connect(front)
            await client.send_all(HEALTH * (1 + count % 3) + ASKED)
            await trio.sleep(0.0005 * (count % 7))
            if half:
                await client.send_eof()
                with trio.move_on_after(0.1):
                    await client.receive_some()
            await client.aclose()
        await until(lambda: tasks() <= before + 1)
        await until(lambda: front.upstream.open <= 1)


@pytest.mark.parametrize("lines", [b"\r\n", b"\n\r\n\r\n"])
async def test_an_empty_line_between_requests_is_none(tmp_path: Path, lines: bytes) -> None:
    told = b""
    async with open_front(tmp_path) as front, await connect(front) as client:
        for said in (lines + HEALTH, lines, HEALTH + lines, HEALTH, lines + HEALTH + lines + HEALTH):
            await client.send_all(said)
            await trio.sleep(0.02)
        with trio.move_on_after(0.5):
            async for piece in client:
                told += piece

    assert told.count(b"HTTP/1.1 200") == told.count(b"HTTP/1.1 ") == 5


@pytest.mark.parametrize("more", [b"", b"Sec-WebSocket-Key: \x86\r\n", b"Sec-WebSocket-Version: \xff\r\n"])
async def test_a_wrong_handshake_of_a_websocket_is_answered_and_not_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, more: bytes
) -> None:
    wrong = b"GET /v1/responses HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade, \x86\r\nUpgrade: websocket\r\n"
    async with open_front(tmp_path) as front:
        before = await at_rest(front)
        async with await connect(front) as client:
            await client.send_all(wrong + more + b"\r\n")
            with trio.fail_after(5):
                told = b"".join([piece async for piece in client])
        await until(lambda: tasks() <= before)

    assert told.startswith(b"HTTP/1.1 4")
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("path", "host", "size", "status"),
    [
        ("/v1/chat/completions", "evil.example", 20 << 20, 403),
        ("/nowhere", "localhost", 20 << 20, 404),
        ("/health", "localhost", 20 << 20, 405),
        ("/v1/chat/completions", "localhost", 70 << 20, 413),
    ],
)
async def test_a_refusal_is_heard_by_whoever_is_still_sending(
    tmp_path: Path, path: str, host: str, size: int, status: int
) -> None:
    async with open_front(tmp_path) as front:

        def ask() -> int:
            with closing(http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)) as client:
                client.request("POST", path, bytes(size), {"Host": host, "Content-Type": "application/json"})
                return client.getresponse().status

        before = await at_rest(front)
        assert await trio.to_thread.run_sync(ask) == status
        await until(lambda: tasks() <= before)


async def test_an_offer_to_go_on_in_http_2_hides_no_departure_and_is_declined(tmp_path: Path) -> None:
    """Java's client makes it with every request."""
    offering = ASKED.replace(
        b"Host", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAA\r\nHost", 1
    )
    async with open_front(tmp_path) as front:
        front.upstream.play("/chat/completions", stream(*CHAT_EVENTS), stall)
        before = await at_rest(front)
        async with await connect(front) as client:
            told = b""
            await client.send_all(offering)
            while not told.endswith(b"0\r\n\r\n"):
                told += await client.receive_some()
            await client.send_all(offering)  # the same connection serves on
            await until(lambda: len(front.upstream.asked("/chat/completions")) == 2)
        await until(lambda: tasks() <= before + 1)
        await until(lambda: front.upstream.open <= 1)

    assert told.startswith(b"HTTP/1.1 200")
    assert b"data: [DONE]" in told


@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_http_2_is_not_spoken_with_those_who_just_begin(tmp_path: Path, method: bytes) -> None:
    upgrade = method + b" /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    async with open_front(tmp_path) as front:
        async with await connect(front) as client:
            await client.send_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4" + bytes(5))
            prior = b"".join([piece async for piece in client])
        async with await connect(front) as client:
            await client.send_all(upgrade)
            upgraded = await client.receive_some()

    assert prior.startswith(b"HTTP/1.1 505")
    assert upgraded.startswith(b"HTTP/1.1 200" if method == b"GET" else b"HTTP/1.1 405")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"?a=b", 400),
        (b"http://[::1", 400),
        (b"http://a%5B/health", 400),
        (b"http:", 400),
        (b"a:80", 400),
        (b"health", 400),
        (b"*", 404),
        (b"http://localhost/health", 200),
    ],
)
async def test_a_request_without_a_path_is_refused_and_no_500(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, target: bytes, status: int
) -> None:
    async with open_front(tmp_path) as front, await connect(front) as client:
        await client.send_all(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        told = await client.receive_some()

    assert told.startswith(b"HTTP/1.1 %d" % status)
    assert "Traceback" not in caplog.text
