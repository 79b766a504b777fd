"""Sending and reading, over a transport that plays scripts."""

import gzip
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from fakes import FakeCopilot, FakeTokens, Script

from passenger_trio.config import Copilot
from passenger_trio.copilot.client import SECOND_THOUGHT, CopilotClient, Reply, is_own_host, open_http
from passenger_trio.copilot.tokens import CopilotToken
from passenger_trio.errors import (
    ContextTooLong,
    PassengerError,
    QuotaExceeded,
    TokenUnavailable,
    UpstreamBroke,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from passenger_trio.secret import Secret

SSE = {"content-type": "text/event-stream"}


async def client_of(copilot: FakeCopilot, stack: AsyncExitStack, tokens: FakeTokens | None = None) -> CopilotClient:
    http = await stack.enter_async_context(open_http(Copilot(), transport=copilot))
    return CopilotClient(http, tokens or FakeTokens(), Copilot())


async def ask(client: CopilotClient, stack: AsyncExitStack, **more: Any) -> Reply:
    return await client.send("POST", "/chat/completions", [("X-Initiator", "user")], b'{"a":1}', stack, **more)


async def send(copilot: FakeCopilot, stack: AsyncExitStack, tokens: FakeTokens | None = None, **more: Any) -> Reply:
    return await ask(await client_of(copilot, stack, tokens), stack, **more)


def bearers(copilot: FakeCopilot) -> list[str]:
    return [request.headers["authorization"].removeprefix("Bearer ") for request in copilot.requests]


async def test_a_call_carries_the_token_the_identity_and_the_body() -> None:
    copilot = FakeCopilot(Script())
    async with AsyncExitStack() as stack:
        reply = await send(copilot, stack)
        assert await reply.whole() == b"{}"

    request = copilot.requests[0]
    assert str(request.url) == "https://api.example.com/chat/completions"
    assert copilot.bodies == [b'{"a":1}']
    assert {
        "host": "api.example.com",
        "content-length": "7",
        "authorization": "Bearer tid=1",
        "editor-version": Copilot().editor_version,
        "copilot-integration-id": "vscode-chat",
        "accept-encoding": "identity",
        "x-initiator": "user",
    }.items() <= dict(request.headers).items()


async def test_the_headers_of_a_token_change_with_it() -> None:
    tokens, copilot = FakeTokens(), FakeCopilot(Script())
    async with AsyncExitStack() as stack, open_http(Copilot(), transport=copilot) as http:
        client = CopilotClient(http, tokens, Copilot())
        for _ in range(2):
            await (await client.send("GET", "/models", [], None, stack)).whole()
        tokens.doubt(await tokens.current())
        await (await client.send("GET", "/models", [], None, stack)).whole()

    assert [request.headers["authorization"] for request in copilot.requests] == [
        "Bearer tid=1",
        "Bearer tid=1",
        "Bearer tid=2",
    ]
    assert "content-length" not in copilot.requests[0].headers


async def test_a_dead_token_is_renewed_and_the_call_sent_once_more() -> None:
    tokens = FakeTokens()
    copilot = FakeCopilot(Script(401, [b"IDE token expired: unauthorized: token expired\n"]), Script(200, [b"good"]))
    async with AsyncExitStack() as stack:
        reply = await send(copilot, stack, tokens)
        assert await reply.whole() == b"good"

    assert [request.headers["authorization"] for request in copilot.requests] == ["Bearer tid=1", "Bearer tid=2"]
    assert copilot.bodies == [b'{"a":1}'] * 2
    assert tokens.doubted == ["tid=1"]


async def test_a_call_is_not_sent_a_third_time() -> None:
    copilot = FakeCopilot(Script(401, [b"unauthorized: token expired"]))
    async with AsyncExitStack() as stack:
        with pytest.raises(UpstreamRefused, match="token expired") as refused:
            await send(copilot, stack)

    assert refused.value.status == 401
    assert len(copilot.requests) == 2


class Movers(FakeTokens):
    """Tokens each of which is for a host of its own."""

    def _make(self) -> CopilotToken:
        return CopilotToken(Secret(f"tid={self.number}"), float("inf"), f"https://api{self.number}.example.com")


async def test_a_call_to_the_wrong_host_is_sent_once_more_to_the_new_tokens_own() -> None:
    copilot = FakeCopilot(Script(421, [b"Misdirected Request\n"]), Script(200, [b"good"]))
    async with AsyncExitStack() as stack:
        reply = await send(copilot, stack, Movers())
        assert await reply.whole() == b"good"

    assert [str(request.url) for request in copilot.requests] == [
        "https://api1.example.com/chat/completions",
        "https://api2.example.com/chat/completions",
    ]
    assert [request.headers["host"] for request in copilot.requests] == ["api1.example.com", "api2.example.com"]
    assert bearers(copilot) == ["tid=1", "tid=2"]
    assert copilot.bodies == [b'{"a":1}'] * 2


async def test_a_host_that_stays_wrong_is_told_with_the_remedy() -> None:
    copilot = FakeCopilot(Script(421, [b"Misdirected Request\n"]))
    async with AsyncExitStack() as stack:
        with pytest.raises(UpstreamRefused) as refused:
            await send(copilot, stack)

    assert len(copilot.requests) == 2
    assert (refused.value.status, refused.value.message) == (421, "Misdirected Request")
    assert "api_base_url" in refused.value.remedy


NO_MODEL = Script(400, [b'{"error":{"message":"The requested model is not supported.","code":"model_not_supported"}}'])


async def test_a_listed_model_that_is_refused_is_asked_once_more_with_a_new_token() -> None:
    tokens = FakeTokens()
    copilot = FakeCopilot(NO_MODEL, Script(200, [b"good"]))
    async with AsyncExitStack() as stack:
        reply = await send(copilot, stack, tokens, listed=True)
        assert await reply.whole() == b"good"

    assert bearers(copilot) == ["tid=1", "tid=2"]
    assert tokens.doubted == ["tid=1"]


async def test_a_model_that_is_not_listed_costs_no_token() -> None:
    tokens, copilot = FakeTokens(), FakeCopilot(NO_MODEL)
    async with AsyncExitStack() as stack:
        with pytest.raises(UpstreamRefused, match="not supported"):
            await send(copilot, stack, tokens)

    assert (len(copilot.requests), tokens.doubted) == (1, [])


async def test_another_refusal_of_a_listed_model_costs_no_token() -> None:
    tokens, copilot = FakeTokens(), FakeCopilot(Script(400, [b'{"error":{"message":"no","code":"off_topic"}}']))
    async with AsyncExitStack() as stack:
        with pytest.raises(UpstreamRefused, match="no"):
            await send(copilot, stack, tokens, listed=True)

    assert (len(copilot.requests), tokens.doubted) == (1, [])


async def test_a_listed_model_that_is_really_refused_costs_one_token_and_not_one_a_call() -> None:
    tokens, copilot = FakeTokens(), FakeCopilot(NO_MODEL)
    async with AsyncExitStack() as stack:
        client = await client_of(copilot, stack, tokens)
        for _ in range(5):
            with pytest.raises(UpstreamRefused) as refused:
                await ask(client, stack, listed=True)
            assert (refused.value.status, refused.value.code) == (400, "model_not_supported")

    assert bearers(copilot) == ["tid=1", *["tid=2"] * 5]
    assert tokens.doubted == ["tid=1"]


async def test_the_next_token_may_be_doubted_again() -> None:
    tokens, copilot = FakeTokens(), FakeCopilot(NO_MODEL)
    async with AsyncExitStack() as stack:
        client = await client_of(copilot, stack, tokens)
        with pytest.raises(UpstreamRefused):
            await ask(client, stack, listed=True)
        tokens.doubt(await tokens.current())  # its time has come
        with pytest.raises(UpstreamRefused):
            await ask(client, stack, listed=True)

    assert bearers(copilot) == ["tid=1", "tid=2", "tid=3", "tid=4"]


async def test_calls_at_once_for_a_refused_model_share_one_new_token(autojump_clock: trio.testing.MockClock) -> None:
    tokens, copilot = FakeTokens(), FakeCopilot(NO_MODEL)
    async with AsyncExitStack() as stack:
        client = await client_of(copilot, stack, SharedTokens(tokens))

        async def refused() -> None:
            with pytest.raises(UpstreamRefused, match="not supported"):
                await ask(client, stack, listed=True)

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(refused)

    assert sorted(bearers(copilot)) == ["tid=1"] * 4 + ["tid=2"] * 4
    assert tokens.doubted == ["tid=1"]


class SharedTokens(FakeTokens):
    """``tokens`` as the keeper has them: to doubt one that has been replaced costs nothing."""

    def __init__(self, tokens: FakeTokens) -> None:
        super().__init__()
        self._tokens = tokens

    async def current(self) -> CopilotToken:
        return await self._tokens.current()

    def doubt(self, token: CopilotToken) -> bool:
        return token.secret != Secret(f"tid={self._tokens.number}") or self._tokens.doubt(token)


async def test_without_another_token_a_refused_model_is_told_as_it_was() -> None:
    copilot = FakeCopilot(NO_MODEL)
    for tokens in (FakeTokens(fresh=0), NoMoreTokens()):
        async with AsyncExitStack() as stack:
            with pytest.raises(UpstreamRefused, match="model is not supported"):
                await send(copilot, stack, tokens, listed=True)

    assert bearers(copilot) == ["tid=1", "tid=1"]


async def test_a_refused_model_does_not_wait_long_for_another_token(autojump_clock: trio.testing.MockClock) -> None:
    class SlowTokens(FakeTokens):
        async def another(self, token: CopilotToken) -> CopilotToken | None:
            await trio.sleep(60)
            return None

    began = trio.current_time()
    async with AsyncExitStack() as stack:
        with pytest.raises(UpstreamRefused, match="model is not supported"):
            await send(FakeCopilot(NO_MODEL), stack, SlowTokens(), listed=True)

    assert trio.current_time() - began <= SECOND_THOUGHT


async def test_without_another_token_a_dead_one_is_told_as_the_reason() -> None:
    copilot = FakeCopilot(Script(401, [b"unauthorized: token expired"]))
    async with AsyncExitStack() as stack:
        with pytest.raises(TokenUnavailable, match="GitHub is down"):
            await send(copilot, stack, NoMoreTokens())

    assert len(copilot.requests) == 1


class NoMoreTokens(FakeTokens):
    """One token, and when that is doubted a GitHub that is down."""

    async def current(self) -> CopilotToken:
        if self.doubted:
            raise TokenUnavailable("GitHub is down")
        return await super().current()


@pytest.mark.parametrize(
    ("first", "second"),
    [(NO_MODEL, Script(401, [b"unauthorized: token expired"])), (Script(401), NO_MODEL), (Script(421), Script(401))],
)
async def test_whatever_the_second_answer_is_there_is_no_third_call(first: Script, second: Script) -> None:
    copilot = FakeCopilot(first, second)
    async with AsyncExitStack() as stack:
        with pytest.raises(UpstreamRefused) as refused:
            await send(copilot, stack, listed=True)

    assert refused.value.status == second.status
    assert len(copilot.requests) == 2


async def test_a_resent_call_leaves_nothing_open() -> None:
    copilot = FakeCopilot(Script(401), Script(200, [b"one", b"two"]))
    async with AsyncExitStack() as stack:
        await send(copilot, stack)
        assert copilot.closed >= 1, "the refusal was kept open"
        closed = copilot.closed

    assert copilot.closed > closed


async def test_refusals_are_the_errors_that_callers_tell_apart() -> None:
    for script, kind in (
        (Script(402, [b'{"error":{"message":"You have no quota","code":"quota_exceeded"}}']), QuotaExceeded),
        (Script(400, [b'{"error":{"message":"prompt is too long: 9 tokens > 8 maximum"}}']), ContextTooLong),
    ):
        async with AsyncExitStack() as stack:
            with pytest.raises(kind):
                await send(FakeCopilot(script), stack)


@pytest.mark.parametrize(
    ("limit", "kind"), [(1000, ContextTooLong), (100_000, UpstreamRefused), (None, UpstreamRefused)]
)
async def test_the_models_limit_explains_a_refusal_without_a_reason(
    limit: int | None, kind: type[UpstreamRefused]
) -> None:
    copilot = FakeCopilot(Script(400, [b'{"error":{"message":"invalid request body","code":"invalid_request_body"}}']))
    async with AsyncExitStack() as stack:
        client = await client_of(copilot, stack)
        with pytest.raises(UpstreamRefused) as refused:
            await client.send("POST", "/responses", [], b"word " * 1000, stack, prompt_limit=limit)

    assert type(refused.value) is kind
    assert refused.value.message == "invalid request body"


async def test_a_refusal_that_no_token_mends_is_not_sent_again() -> None:
    for script, fresh in (
        (Script(401, [b"unauthorized: Personal Access Token does not have Copilot Requests permission"]), 9),
        (Script(401, [b"unauthorized: token expired"]), 0),
        (Script(429, [b'{"error":{"message":"slow","code":"rate_limited"}}'], {"retry-after": "7"}), 9),
        (Script(500, [b"oops"]), 9),
    ):
        copilot = FakeCopilot(script)
        async with AsyncExitStack() as stack:
            with pytest.raises(UpstreamRefused) as refused:
                await send(copilot, stack, FakeTokens(fresh=fresh))
        assert refused.value.status == script.status
        assert refused.value.retry_after == script.headers.get("retry-after")
        assert len(copilot.requests) == 1


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.ConnectError("refused"), UpstreamUnreachable),
        (httpx.ConnectTimeout("slow"), UpstreamUnreachable),
        (httpx.PoolTimeout("full"), UpstreamUnreachable),
        (httpx.ProxyError("407"), UpstreamUnreachable),
        (httpx.ReadTimeout("silence"), UpstreamTimeout),
        (httpx.WriteTimeout("deaf"), UpstreamTimeout),
        (httpx.RemoteProtocolError("gone"), UpstreamBroke),
        (httpx.ReadError(""), UpstreamBroke),
        (httpx.UnsupportedProtocol("gopher"), UpstreamBroke),
    ],
)
async def test_every_failure_of_httpx_becomes_ours_and_nothing_is_sent_again(
    failure: Exception, kind: type[PassengerError]
) -> None:
    copilot = FakeCopilot(failure)
    async with AsyncExitStack() as stack:
        with pytest.raises(kind, match=r"api\.example\.com"):
            await send(copilot, stack)

    assert len(copilot.requests) == 1


async def test_a_failure_in_the_middle_comes_after_what_was_good() -> None:
    copilot = FakeCopilot(Script(200, [b"one", b"two", httpx.ReadError("reset")], SSE))
    async with AsyncExitStack() as stack:
        reply = await send(copilot, stack)
        assert [await reply.read(), await reply.read()] == [b"one", b"two"]
        with pytest.raises(UpstreamBroke, match="reset"):
            await reply.read()
        assert await reply.read() == b""
        assert reply.is_stream


async def test_reading_past_the_end_stays_at_the_end() -> None:
    async with AsyncExitStack() as stack:
        reply = await send(FakeCopilot(Script(200, [b"one"])), stack)
        assert [await reply.read() for _ in range(3)] == [b"one", b"", b""]
        assert not reply.is_stream


async def test_the_stack_closes_a_reply_that_was_not_read() -> None:
    copilot = FakeCopilot(Script(200, [b"one", b"two"]))
    async with AsyncExitStack() as stack:
        reply = await send(copilot, stack)
        await reply.read()
        assert copilot.closed == 0

    assert copilot.closed >= 1


async def test_an_answer_that_somebody_compressed_is_read() -> None:
    packed = gzip.compress(b'data: {"a":1}\n\n')
    async with AsyncExitStack() as stack:
        reply = await send(FakeCopilot(Script(200, [packed], {"content-encoding": "gzip"})), stack)
        assert await reply.whole() == b'data: {"a":1}\n\n'


async def test_an_answer_over_its_limit_is_none() -> None:
    async with AsyncExitStack() as stack:
        assert await (await send(FakeCopilot(Script(200, [b"x" * 10] * 2)), stack)).everything(20) == b"x" * 20
        reply = await send(FakeCopilot(Script(200, [b"x" * 10, b"x" * 11, AssertionError("it was read on")])), stack)
        with pytest.raises(UpstreamBroke, match="does not end"):
            await reply.everything(20)


async def test_draining_takes_a_moment_at_most(autojump_clock: trio.testing.MockClock) -> None:
    async with AsyncExitStack() as stack:
        reply = await send(FakeCopilot(Script(200, [b"one", 3600.0, b"two"], SSE)), stack)
        before = trio.current_time()
        await reply.drain(1.0)
        assert trio.current_time() - before == pytest.approx(1.0)


async def test_draining_bears_a_failure() -> None:
    async with AsyncExitStack() as stack:
        reply = await send(FakeCopilot(Script(200, [httpx.ReadError("reset")], SSE)), stack)
        await reply.drain()
        assert await reply.read() == b""


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://api.example.com/models", True),
        ("http://api.example.com/models", False),
        ("https://api.example.com:8443/models", False),
        ("https://api.example.com.evil.org/models", False),
    ],
)
def test_own_host_means_scheme_host_and_port(url: str, own: bool) -> None:
    assert is_own_host(url, "https://api.example.com") is own
