"""Sending and reading, over a transport that plays scripts."""

import gzip
from contextlib import AsyncExitStack

import httpx
import pytest
import trio
import trio.testing
from fakes import FakeCopilot, FakeTokens, Script

from passenger_trio.config import Copilot
from passenger_trio.copilot.client import CopilotClient, Reply, fetcher, is_own_host, open_http
from passenger_trio.errors import (
    PassengerError,
    UpstreamBroke,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)

SSE = {"content-type": "text/event-stream"}


async def send(copilot: FakeCopilot, stack: AsyncExitStack, tokens: FakeTokens | None = None) -> Reply:
    http = await stack.enter_async_context(open_http(Copilot(), transport=copilot))
    client = CopilotClient(http, tokens or FakeTokens(), Copilot())
    return await client.send("POST", "/chat/completions", [("X-Initiator", "user")], b'{"a":1}', stack)


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


async def test_whole_stops_at_its_limit() -> None:
    async with AsyncExitStack() as stack:
        reply = await send(FakeCopilot(Script(200, [b"x" * 10] * 10)), stack)
        assert len(await reply.whole(25)) == 30


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


async def test_fetch_brings_whole_answers_whatever_their_status() -> None:
    async with open_http(Copilot(), transport=FakeCopilot(Script(404, [b"{", b"}"], {"Date": "now"}))) as http:
        answer = await fetcher(http)("GET", "https://api.github.com/user", [("A", "b")])

    assert (answer.status, answer.body, answer.headers["date"]) == (404, b"{}", "now")


async def test_fetch_maps_failures_and_does_not_follow_redirects() -> None:
    elsewhere = FakeCopilot(Script(302, [b""], {"location": "https://evil.example.com/"}))
    async with open_http(Copilot(), transport=elsewhere) as http:
        assert (await fetcher(http)("GET", "https://api.github.com/user", [])).status == 302
    assert [request.url.host for request in elsewhere.requests] == ["api.github.com"]

    async with open_http(Copilot(), transport=FakeCopilot(httpx.ConnectError("no"))) as http:
        with pytest.raises(UpstreamUnreachable, match=r"api\.github\.com cannot be reached"):
            await fetcher(http)("GET", "https://api.github.com/user", [])


async def test_this_machine_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with open_http(Copilot()) as http:
        routes = {url: http._transport_for_url(httpx.URL(url)) for url in ("http://127.0.0.1:9/", "http://[::1]/")}
        assert set(routes.values()) == {http._transport}
        assert http._transport_for_url(httpx.URL("https://api.github.com/")) is not http._transport


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
