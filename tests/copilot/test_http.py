"""The client of the process, what GitHub's side is asked with, and how their failures are told."""

import gzip
import traceback
import zlib
from contextlib import AsyncExitStack
from functools import partial
from importlib.util import find_spec

import httpx
import pytest
import trio
import trio.testing
from fakes import FakeCopilot, FakeTokens, Script

from passenger_trio.config import Copilot
from passenger_trio.copilot import client as subject
from passenger_trio.copilot.client import Answer, CopilotClient, fetcher, open_http
from passenger_trio.copilot.tokens import CopilotToken
from passenger_trio.errors import ConfigError, UpstreamBroke, UpstreamTimeout, UpstreamUnreachable
from passenger_trio.secret import Secret

USER = "https://api.github.com/user"


async def fetched(script: Script | Exception, url: str = USER, *headers: tuple[str, str]) -> Answer:
    async with open_http(Copilot(), transport=FakeCopilot(script)) as http:
        return await fetcher(http)("GET", url, list(headers))


async def test_fetch_brings_whole_answers_whatever_their_status() -> None:
    for status in (200, 404):
        answer = await fetched(Script(status, [b"{", b"}"], {"Date": "now"}))
        assert (answer.status, answer.body, answer.headers["date"]) == (status, b"{}", "now")


async def test_fetch_maps_failures_and_does_not_follow_redirects() -> None:
    elsewhere = FakeCopilot(Script(302, [b""], {"location": "https://evil.example.com/"}))
    async with open_http(Copilot(), transport=elsewhere) as http:
        assert (await fetcher(http)("GET", USER, [])).status == 302
    assert [request.url.host for request in elsewhere.requests] == ["api.github.com"]

    with pytest.raises(UpstreamUnreachable, match=r"api\.github\.com cannot be reached"):
        await fetched(httpx.ConnectError("no"))
    with pytest.raises(UpstreamTimeout, match=r"api\.github\.com stayed silent for too long"):
        await fetched(Script(200, [b"{", httpx.ReadTimeout("silence")]))
    with pytest.raises(UpstreamBroke, match=r"api\.github\.com broke \(gone\)"):
        await fetched(Script(200, [b"{", httpx.RemoteProtocolError("gone")]))


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
async def test_fetch_reads_no_more_than_any_answer_has(monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    monkeypatch.setattr(subject, "LONGEST_FETCHED", 1 << 20)
    piece = b"\0" * (2 << 20)
    script = Script(
        200,
        [gzip.compress(piece) if packed else piece, AssertionError("it was read on")],
        {"content-encoding": "gzip"} if packed else {},
    )
    with pytest.raises(UpstreamBroke, match=r"api\.github\.com does not end"):
        await fetched(script)


async def test_fetch_asks_for_nothing_packed_and_closes_what_it_was_given() -> None:
    github = FakeCopilot(Script(200, [b"{}"]))
    async with open_http(Copilot(), transport=github) as http:
        await fetcher(http)("GET", USER, [("A", "b")])

    assert github.requests[0].headers.get_list("accept-encoding") == ["identity"]
    assert github.requests[0].headers["a"] == "b"
    assert github.closed >= 1


UNREADABLE = {
    "of a packing that is not known": Script(429, [b"0123"], {"content-encoding": "br"}),
    "packed, and empty": Script(429, [], {"content-encoding": "gzip"}),
    "packed, and spoilt": Script(429, [b"0123"], {"content-encoding": "gzip"}),
    "cut off": Script(429, [httpx.RemoteProtocolError("gone")]),
    "silent": Script(429, [3600.0]),
}


@pytest.mark.parametrize("how", UNREADABLE)
async def test_a_refusal_counts_whatever_becomes_of_its_body(autojump_clock: trio.testing.MockClock, how: str) -> None:
    script = Script(429, UNREADABLE[how].chunks, UNREADABLE[how].headers | {"retry-after": "7"})
    before = trio.current_time()
    answer = await fetched(script)

    assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, b"", "7")
    assert trio.current_time() - before < 5


async def test_what_came_of_a_refusals_body_is_kept() -> None:
    words = b"slow down, please; " * 1000
    packer = zlib.compressobj(0, zlib.DEFLATED, 31)
    cut = (packer.compress(words) + packer.flush())[:10_000]
    for script in (
        Script(429, [words[:100], httpx.ReadError("reset")]),
        Script(429, [cut], {"content-encoding": "gzip"}),
    ):
        answer = await fetched(script)
        assert answer.body
        assert words.startswith(answer.body)


# what is no header, and what is no address

TOKEN = "tid=" + "c0ffee42" * 4


def told_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


async def call(token: str, base: str = "https://api.example.com") -> None:
    """A call with ``token``, over the real httpx to the point where it would connect."""
    tokens = FakeTokens()
    tokens._token = CopilotToken(Secret(token), float("inf"), base)
    async with AsyncExitStack() as stack, open_http(Copilot()) as http:
        await CopilotClient(http, tokens, Copilot()).send("POST", "/chat/completions", [], b"{}", stack)


@pytest.mark.parametrize("end", ["\n", "\r\nX: y", "\0", "\u00e9", "\u2603"])
async def test_a_token_that_is_no_header_is_told_without_it(end: str) -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, host="127.0.0.1"), silent, 0)
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(UpstreamBroke, match="Nothing was sent: the header Authorization") as broke:
            await call(TOKEN + end, f"http://127.0.0.1:{port}")
        assert TOKEN not in told_of(broke.value)
        async with open_http(Copilot()) as http:
            with pytest.raises(UpstreamBroke, match="Nothing was sent: the header Authorization") as broke:
                await fetcher(http)("GET", f"http://127.0.0.1:{port}/", [("Authorization", f"token {TOKEN}{end}")])
        assert TOKEN not in told_of(broke.value)
        nursery.cancel_scope.cancel()


async def silent(stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


async def test_what_httpx_quotes_is_left_out() -> None:
    for failure in (
        httpx.LocalProtocolError(f"Illegal header value b'Bearer {TOKEN}'"),
        UnicodeEncodeError("ascii", TOKEN, 0, 1, "ordinal not in range(128)"),
    ):
        with pytest.raises(UpstreamBroke, match=r"Nothing was sent to api\.github\.com") as broke:
            await fetched(failure)
        assert TOKEN not in told_of(broke.value)


async def test_what_h11_quotes_is_left_out() -> None:
    for words in (f"Illegal header value b'Bearer {TOKEN}'", f'illegal header line: bytearray(b"A: {TOKEN}\\n")'):
        with pytest.raises(UpstreamBroke, match=r"broke \(illegal header (value|line)\)") as broke:
            await fetched(httpx.RemoteProtocolError(words.lower()))
        assert TOKEN not in broke.value.message


@pytest.mark.parametrize("base", ["https://api.example.com:x", "https://1.2.3.999", "https://exa\0mple.com"])
async def test_an_address_that_is_none_is_our_error(base: str) -> None:
    with pytest.raises(UpstreamBroke, match="Nothing was sent to"):
        await call(TOKEN, base)
    with pytest.raises(UpstreamBroke, match="Nothing was sent to"):
        await fetched(Script(), base)


async def test_a_name_that_dns_cannot_look_up_is_our_error() -> None:
    with pytest.raises(UpstreamBroke, match="Nothing was sent to"):
        await call(TOKEN, "http://" + "x" * 64)


# the environment


async def test_this_machine_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with open_http(Copilot()) as http:
        routes = {url: http._transport_for_url(httpx.URL(url)) for url in ("http://127.0.0.1:9/", "http://[::1]/")}
        assert set(routes.values()) == {http._transport}
        assert http._transport_for_url(httpx.URL("https://api.github.com/")) is not http._transport


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks4://me:hunter2@proxy.example:1080"),
        ("all_proxy", "socks4://me:hunter2@proxy.example:1080"),
        ("HTTPS_PROXY", "http://me:hunter2@proxy.example:port"),
        ("HTTP_PROXY", "ftp://me:hunter2@proxy.example:21"),
        ("NO_PROXY", "localhost,proxy.example:hunter2"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"^{name} in the environment cannot be used") as refused:
        open_http(Copilot())

    assert "httpx[socks]" in refused.value.message
    assert "hunter2" not in told_of(refused.value)


@pytest.mark.skipif(find_spec("socksio") is not None, reason="httpx[socks] is installed")
def test_socks_without_its_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(ConfigError, match=r"^ALL_PROXY .*httpx\[socks\]"):
        open_http(Copilot())


def test_certificates_that_cannot_be_read_are_named_by_their_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    for file in ("/nonexistent/ca.pem", __file__):
        monkeypatch.setenv("SSL_CERT_FILE", file)
        with pytest.raises(ConfigError, match=r"^SSL_CERT_FILE in the environment names a file"):
            open_http(Copilot())
