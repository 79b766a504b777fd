"""The loop between upstream and client, over a transport that plays scripts."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from fakes import FakeCopilot, FakeFetch, FakeTokens, Script, answer

from passenger_trio.config import Copilot
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.client import CopilotClient, Reply, open_http
from passenger_trio.errors import UpstreamBroke
from passenger_trio.server.exchange import Exchange, Opened
from passenger_trio.server.relay import Record, Translated, relay
from passenger_trio.translate.backs import chat as back
from passenger_trio.translate.fronts import chat as front, ollama
from passenger_trio.translate.fronts.ollama_lines import ChatForm
from passenger_trio.wire import sse
from passenger_trio.wire.chat import HubChunk
from passenger_trio.wire.models import Model

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


@asynccontextmanager
async def upstream(chunks: Sequence[bytes | Exception | float]) -> AsyncGenerator[Reply]:
    """A streamed reply of Copilot's."""
    copilot = FakeCopilot(Script(200, chunks, {"content-type": "text/event-stream"}))
    async with AsyncExitStack() as stack, open_http(Copilot(), transport=copilot) as http:
        client = CopilotClient(http, FakeTokens(), Copilot())
        yield await client.send("POST", "/chat/completions", [], b"{}", stack)


async def relayed(
    chunks: Sequence[bytes | Exception | float], stream: front.Stream | None = None
) -> tuple[list[bytes], Record]:
    """What a client gets, write by write, and what the log is told."""
    record = Record()
    async with upstream(chunks) as reply:
        cleaner = back.Stream("m", created=1, new_id=lambda: "made")
        writes = [
            w async for w in relay(reply, Translated(cleaner, stream or front.Stream(include_usage=False)), record)
        ]
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


class Broken(back.Stream):
    """A back that makes two chunks of every event."""

    def event(self, event: sse.Event) -> list[HubChunk]:
        return [chunk for chunk in super().event(event) for _ in range(2)]


class Weary(front.Stream):
    """A front that says half of what it is given."""

    tired = False

    def event(self, chunk: HubChunk) -> bytes:
        self.tired = not self.tired
        if not self.tired:
            raise UpstreamBroke("no more")
        return super().event(chunk)


@pytest.mark.parametrize("chunks", [[ROLE + HI], [HI], [HI, STOP, DONE]])
async def test_what_was_made_of_an_event_before_its_fault_is_not_lost(chunks: Sequence[bytes]) -> None:
    cleaner = Broken("m", created=1, new_id=lambda: "made")
    async with upstream(chunks) as reply:
        record = Record()
        answer = Translated(cleaner, Weary(include_usage=False))
        told = b"".join([write async for write in relay(reply, answer, record)])

    said, fault = told.split(b"\n\n")[:-1]
    assert b'"delta"' in said
    assert b"no more" in fault
    assert record.error == "no more"


async def test_a_bug_in_the_middle_is_a_fault_without_details_and_a_traceback_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    writes, record = await relayed([ROLE, HI, STOP, DONE], Clumsy(include_usage=False))

    assert b"internal_error" in writes[-1]
    assert b"secret details" not in b"".join(writes)
    assert DONE not in b"".join(writes)
    assert record.error == "internal error"
    assert "ZeroDivisionError: secret details" in caplog.text


# What is kept of an answer

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
REASONED = {"index": 0, "delta": {"role": "assistant", "reasoning_text": "Hm", "reasoning_opaque": "c2ln"}}
CALLED = {"index": 0, "delta": {"tool_calls": [{"index": 0, **CALL}]}}
CUT = {"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}}


def event(*choices: dict[str, Any], finish: str | None = None) -> bytes:
    said = [{**choice, "finish_reason": finish} for choice in choices]
    return b"data: " + json.dumps({"id": "c", "created": 1, "model": "m", "choices": said}).encode() + b"\n\n"


@asynccontextmanager
async def opened(script: Script, **fields: Any) -> AsyncGenerator[tuple[Exchange, Opened]]:
    """An exchange that has asked for a stream with tools, and the answer that has begun."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True, "tools": [{}], **fields}
    async with AsyncExitStack() as stack, open_http(Copilot(), transport=FakeCopilot(script)) as http:
        tokens = FakeTokens()
        client = CopilotClient(http, tokens, Copilot())
        exchange = Exchange(client, Catalogue(client, tokens, FakeFetch(answer())))
        reply = await client.send("POST", "/chat/completions", [], b"{}", stack)
        yield exchange, Opened(reply, Model(id="m"), back, front.to_call(json.dumps(body).encode()), ())


def script(*chunks: bytes | Exception) -> Script:
    return Script(200, chunks, {"content-type": "text/event-stream"})


GOOD = (event(REASONED), event(CALLED), event({"index": 0, "delta": {}}, finish="tool_calls"), DONE)


@pytest.mark.parametrize(
    ("chunks", "kept"),
    [
        (GOOD, 1),
        (GOOD[:3], 1),
        ([*GOOD[:3], httpx.ReadError("reset")], 1),
        (GOOD[:2], 0),
        ([*GOOD[:2], DONE], 0),
        ([*GOOD[:2], httpx.ReadError("reset")], 0),
        ([*GOOD[:2], b'data: {"error":{"message":"busy"}}\n\n', *GOOD[2:]], 0),
        ([*GOOD[:3], b'data: {"error":{"message":"busy"}}\n\n'], 0),
    ],
)
async def test_the_reasoning_of_a_good_answer_is_kept_and_of_no_other(chunks: Sequence[bytes], kept: int) -> None:
    async with opened(script(*chunks)) as (exchange, begun):
        record = Record()
        _ = [w async for w in exchange.stream(begun, front.Stream(include_usage=False), record)]

        assert len(exchange.recall) == kept
        assert bool(record.error) is not bool(kept)


async def test_the_reasoning_is_kept_before_the_client_has_the_last_byte() -> None:
    async with opened(script(*GOOD)) as (exchange, begun):
        writes = exchange.stream(begun, front.Stream(include_usage=False), Record())
        async with aclosing(writes):
            seen = [(write.endswith(DONE), len(exchange.recall)) async for write in writes]

    assert seen == [(False, 0), (False, 0), (False, 0), (True, 1)]


@pytest.mark.parametrize("after", [1, 2, 3])
async def test_nothing_is_kept_of_an_answer_whose_client_has_left(after: int) -> None:
    async with opened(script(*GOOD)) as (exchange, begun):
        async with aclosing(exchange.stream(begun, front.Stream(include_usage=False), Record())) as writes:
            for _ in range(after):
                await anext(writes)

        assert len(exchange.recall) == 0


async def test_nothing_is_kept_of_an_answer_that_the_front_could_not_say() -> None:
    chunks = (event(REASONED), event(CALLED), event(CUT), *GOOD[2:])
    async with opened(script(*chunks)) as (exchange, begun):
        record = Record()
        to_client = ollama.Stream(ChatForm("m"), ollama.Times(lambda: 1, lambda: 1, 1, 1))
        writes = [w async for w in exchange.stream(begun, to_client, record)]

        assert b'"error"' in writes[-1]
        assert len(exchange.recall) == 0


async def test_one_good_answer_of_two_is_not_a_good_end() -> None:
    async with opened(script(*GOOD[:3], httpx.ReadError("reset")), n=2) as (exchange, begun):
        writes = [w async for w in exchange.stream(begun, front.Stream(include_usage=False), Record())]

    assert b'"error"' in writes[-1]
    assert DONE not in b"".join(writes)


async def test_nothing_is_kept_of_an_answer_to_a_call_without_tools() -> None:
    async with opened(script(*GOOD), tools=None) as (exchange, begun):
        _ = [w async for w in exchange.stream(begun, front.Stream(include_usage=False), Record())]

        assert len(exchange.recall) == 0


@pytest.mark.parametrize(("finish", "kept"), [("tool_calls", 1), ("error", 0)])
async def test_of_whole_answers_it_is_the_same(finish: str, kept: int) -> None:
    message = {"role": "assistant", "reasoning_text": "Hm", "reasoning_opaque": "c2ln", "tool_calls": [CALL]}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}]}).encode()
    async with opened(Script(200, [body], {"content-type": "application/json"})) as (exchange, begun):
        try:
            await exchange.whole(begun, Record())
        except UpstreamBroke:
            assert not kept

        assert len(exchange.recall) == kept
