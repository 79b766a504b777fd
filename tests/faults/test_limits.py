"""Each stage of a call has a limit of its own, and the error names it and its key, in the client's dialect."""

import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import trio
from faults.dialects import DIALECTS, Dialect, label
from faults.upstream import SPEECHES, Wire, close, open_front, stall, stream, until, whole


@contextmanager
def full_port() -> Generator[int]:
    """A port that accepts nobody: its queue is full, so that the system lets those who knock wait."""
    with ExitStack() as stack:
        door = stack.enter_context(socket.socket())
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        for _ in range(4):
            knock = stack.enter_context(socket.socket())
            knock.setblocking(False)
            with suppress(BlockingIOError):
                knock.connect(door.getsockname())
        yield door.getsockname()[1]


every = pytest.mark.parametrize("dialect", DIALECTS, ids=label)
both = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@every
@both
async def test_the_first_byte_has_its_limit(tmp_path: Path, dialect: Dialect, streamed: bool) -> None:
    async with open_front(tmp_path, copilot__first_byte_timeout=0.3) as front:
        front.upstream.play(dialect.upstream, stall)
        answer = await front.http.post(dialect.path, json=dialect.ask(stream=streamed))

        assert answer.status_code == 504
        assert "0.3 s" in dialect.wrong(answer)
        assert "`first_byte_timeout` under [copilot]" in dialect.wrong(answer)
        assert len(front.upstream.asked(dialect.upstream)) == 1


@every
async def test_headers_without_a_body_are_no_first_byte(tmp_path: Path, dialect: Dialect) -> None:
    async with open_front(tmp_path, copilot__first_byte_timeout=0.3) as front:
        front.upstream.play(dialect.upstream, stream(then=stall))
        answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))

        told = dialect.wrong(answer) if answer.status_code == 504 else dialect.broken(answer.text)
        assert "`first_byte_timeout` under [copilot]" in told
        assert not dialect.is_good(answer.text)


@every
async def test_thinking_may_take_longer_than_silence_between_bytes(tmp_path: Path, dialect: Dialect) -> None:
    async def think(wire: Wire) -> None:
        await wire.events()
        await trio.sleep(0.6)
        for event in SPEECHES[dialect.upstream].events:
            await wire.chunk(event)
        await wire.chunk(b"")

    async with open_front(tmp_path, copilot__first_byte_timeout=5, copilot__read_timeout=0.3) as front:
        front.upstream.play(dialect.upstream, think)
        answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))

        assert dialect.is_good(answer.text)
        assert dialect.broken(answer.text) == ""


@every
async def test_silence_between_bytes_has_its_limit(tmp_path: Path, dialect: Dialect) -> None:
    begun = SPEECHES[dialect.upstream].events[: 4 if dialect.upstream != "/chat/completions" else 1]
    async with open_front(tmp_path, copilot__read_timeout=0.3) as front:
        front.upstream.play(dialect.upstream, stream(*begun, then=stall))
        answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))

        assert answer.status_code == 200
        assert "Hel" in answer.text
        assert "`read_timeout` under [copilot]" in dialect.broken(answer.text)
        assert not dialect.is_good(answer.text)


@every
async def test_silence_in_a_whole_answer_has_its_limit(tmp_path: Path, dialect: Dialect) -> None:
    async def half(wire: Wire) -> None:
        await wire.head(200, content_type="application/json", content_length="1000")
        await wire.send(b'{"id"')
        await wire.stall()

    async with open_front(tmp_path, copilot__read_timeout=0.3) as front:
        front.upstream.play(dialect.upstream, half)
        answer = await front.http.post(dialect.path, json=dialect.ask(stream=False))

        assert answer.status_code == 504
        assert "`read_timeout` under [copilot]" in dialect.wrong(answer)


@every
async def test_a_call_that_never_falls_silent_has_a_limit_if_one_is_set(tmp_path: Path, dialect: Dialect) -> None:
    async def drip(wire: Wire) -> None:
        await wire.events()
        while True:
            await wire.chunk(b": still here\n\n")
            await trio.sleep(0.05)

    async with open_front(tmp_path, copilot__total_timeout=0.5) as front:
        front.upstream.play(dialect.upstream, drip)
        answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))

        told = dialect.wrong(answer) if answer.status_code == 504 else dialect.broken(answer.text)
        assert "`total_timeout` under [copilot]" in told
        assert not dialect.is_good(answer.text)


async def test_the_limit_on_all_of_a_call_counts_before_the_first_byte_as_well(tmp_path: Path) -> None:
    dialect = DIALECTS[0]
    async with open_front(tmp_path, copilot__total_timeout=0.3) as front:
        front.upstream.play(dialect.upstream, stall)
        answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))

        assert answer.status_code == 504
        assert "`total_timeout` under [copilot]" in dialect.wrong(answer)


@every
async def test_a_request_that_is_not_taken_has_its_limit(tmp_path: Path, dialect: Dialect) -> None:
    async def deaf(stream: trio.SocketStream, number: int) -> bool:
        await trio.sleep_forever()
        return False

    async with open_front(tmp_path, copilot__read_timeout=0.3, server__graceful_timeout=0.1) as front:
        await until(lambda: bool(front.upstream.asked("/models")))
        front.upstream.play(dialect.upstream, close)
        await front.http.post(dialect.path, json=dialect.ask(stream=True))
        front.upstream.greeting = deaf
        words = "many words " * 2_000_000
        said = {"input": words} if dialect.name == "responses" else {"messages": [{"role": "user", "content": words}]}
        answer = await front.http.post(dialect.path, json=dialect.ask(stream=True) | said)

        assert answer.status_code == 504
        assert "did not take the whole request within 0.3 s" in dialect.wrong(answer)
        assert "`read_timeout` under [copilot]" in dialect.wrong(answer)


@every
async def test_the_tls_handshake_has_its_limit(tmp_path: Path, dialect: Dialect) -> None:
    sock = socket.create_server(("127.0.0.1", 0))  # the system accepts for it; nobody ever says a word
    with sock:
        there = f"https://127.0.0.1:{sock.getsockname()[1]}"
        async with open_front(tmp_path, copilot__api_base_url=there, copilot__tls_timeout=0.3) as front:
            answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))

    assert answer.status_code == 502
    assert "`tls_timeout` under [copilot]" in dialect.wrong(answer)


@every
async def test_the_connection_has_its_limit(tmp_path: Path, dialect: Dialect) -> None:
    with full_port() as port:
        there = f"http://127.0.0.1:{port}"
        async with open_front(tmp_path, copilot__api_base_url=there, copilot__connect_timeout=0.3) as front:
            answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))

    assert answer.status_code == 502
    assert "`connect_timeout` under [copilot]" in dialect.wrong(answer)


async def test_the_server_goes_on_after_each_limit(tmp_path: Path) -> None:
    dialect = DIALECTS[0]
    good = whole(SPEECHES[dialect.upstream].whole)
    async with open_front(tmp_path, copilot__first_byte_timeout=0.2, copilot__read_timeout=0.2) as front:
        front.upstream.play(dialect.upstream, stall, stream(then=stall), good)
        said = [(await front.http.post(dialect.path, json=dialect.ask(stream=False))).status_code for _ in range(3)]

    assert said == [504, 504, 200]
