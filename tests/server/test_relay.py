"""The loop between upstream and client, over a transport that plays scripts."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

import httpx
import pytest
import trio
import trio.testing
from fakes import FakeCopilot, FakeTokens, Script

from passenger_trio.config import Copilot
from passenger_trio.copilot.client import CopilotClient, open_http
from passenger_trio.server.exchange import Record, relay
from passenger_trio.translate.backs import chat as back
from passenger_trio.translate.fronts import chat as front
from passenger_trio.wire.chat import HubChunk

ROLE = b'data: {"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
HI = b'data: {"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
STOP = b'data: {"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


class Clumsy(front.Stream):
    """A front with a bug in it."""

    def event(self, chunk: HubChunk) -> bytes:
        if b"Hi" in chunk.data:
            raise ZeroDivisionError("secret details")
        return super().event(chunk)


async def relayed(
    chunks: Sequence[bytes | Exception | float], stream: front.Stream | None = None
) -> tuple[list[bytes], Record]:
    """What a client gets, write by write, and what the log is told."""
    record = Record()
    copilot = FakeCopilot(Script(200, chunks, {"content-type": "text/event-stream"}))
    async with AsyncExitStack() as stack, open_http(Copilot(), transport=copilot) as http:
        client = CopilotClient(http, FakeTokens(), Copilot())
        reply = await client.send("POST", "/chat/completions", [], b"{}", stack)
        cleaner = back.Stream("m", created=1, new_id=lambda: "made")
        writes = [w async for w in relay(reply, cleaner, stream or front.Stream(include_usage=False), record)]
        assert await reply.read() == b"" or record.error, "upstream was not read to its end"
    return writes, record


async def test_what_one_read_brings_goes_out_in_one_write() -> None:
    writes, record = await relayed([ROLE + HI + HI, HI, STOP + DONE])

    assert [write.count(b"data: ") for write in writes] == [3, 1, 2]
    assert writes[-1].endswith(DONE)
    assert record.error == ""


async def test_no_event_waits_for_a_later_read(autojump_clock: trio.testing.MockClock) -> None:
    writes, _ = await relayed([ROLE, 60.0, HI[:30], 60.0, HI[30:], 60.0, STOP, DONE])

    assert [b"Hi" in write for write in writes] == [False, True, False, False]


async def test_the_good_end_does_not_wait_for_upstream_to_hang_up(autojump_clock: trio.testing.MockClock) -> None:
    started = trio.current_time()
    writes, _ = await relayed([ROLE, STOP, DONE])
    assert writes[-1] == DONE
    assert trio.current_time() - started < 1


@pytest.mark.parametrize("end", [[], [httpx.ReadError("reset")], [httpx.ReadTimeout("silence")]])
async def test_a_stream_that_breaks_off_ends_with_its_fault_and_not_with_done(end: list[Exception]) -> None:
    writes, record = await relayed([ROLE + HI, *end])

    assert b"Hi" in writes[0]
    assert writes[-1].startswith(b'data: {"error":')
    assert DONE not in b"".join(writes)
    assert record.error


@pytest.mark.parametrize("end", [[], [httpx.ReadError("reset")]])
async def test_an_answer_that_is_finished_is_good_however_its_connection_ends(end: list[Exception]) -> None:
    writes, record = await relayed([ROLE + HI + STOP, *end])

    assert writes[-1].endswith(DONE)
    assert record.error == ""


async def test_what_came_in_the_same_read_as_a_fault_is_not_lost() -> None:
    writes, _ = await relayed([ROLE + HI + b'data: {"error":{"message":"busy","code":"overloaded"}}\n\n' + HI])

    assert b"".join(writes).count(b"Hi") == 1
    assert b"busy" in writes[-1]


async def test_a_bug_in_the_middle_is_a_fault_without_details_and_a_traceback_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    writes, record = await relayed([ROLE, HI, STOP, DONE], Clumsy(include_usage=False))

    assert b"internal_error" in writes[-1]
    assert b"secret details" not in b"".join(writes)
    assert DONE not in b"".join(writes)
    assert record.error == "internal error"
    assert "ZeroDivisionError: secret details" in caplog.text
