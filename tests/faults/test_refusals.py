"""A refusal is told with its status whatever becomes of its body, and what is spoilt or false ends nothing."""

import json
import time
from pathlib import Path

import pytest
import trio
from faults.dialects import DIALECTS, Dialect, label
from faults.lives import configured, giving, open_scripted, serving
from faults.upstream import (
    CHAT,
    JSON,
    TOKEN_PATH,
    Front,
    Script,
    Wire,
    open_front,
    open_upstream,
    raw,
    stall,
    until,
    well,
    whole,
)

from passenger_trio.config import DEFAULT_API_BASE_URL
from passenger_trio.copilot import client
from passenger_trio.copilot.store import TokenStore
from passenger_trio.secret import Secret

every = pytest.mark.parametrize("dialect", DIALECTS, ids=label)


def refusal(status: int, headers: bytes, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d Refused\r\nRetry-After: 7\r\n%s\r\n\r\n%s" % (status, headers, body)


def odd(status: int) -> dict[str, Script]:
    """Refusals whose bodies cannot be read."""
    return {
        "packed as nobody knows": raw(refusal(status, b"Content-Encoding: br\r\nContent-Length: 4", b"0123")),
        "packed and empty": raw(refusal(status, b"Content-Encoding: gzip\r\nContent-Length: 0")),
        "cut off": raw(refusal(status, b"Content-Length: 200", b'{"err')),
        "badly chunked": raw(refusal(status, b"Transfer-Encoding: chunked", b"x\r\n")),
        "silent": raw(refusal(status, b"Content-Length: 200"), then=stall),
    }


@every
@pytest.mark.parametrize("how", odd(429))
async def test_a_limit_is_a_limit_whatever_becomes_of_its_body(
    tmp_path: Path, dialect: Dialect, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "REFUSAL_PATIENCE", 0.1)
    async with open_front(tmp_path) as front:
        front.upstream.play(dialect.upstream, odd(429)[how])
        began = time.monotonic()
        answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))

        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "7"
        assert dialect.wrong(answer)
        assert time.monotonic() - began < 5
        assert len(front.upstream.asked(dialect.upstream)) == 1


@pytest.mark.parametrize("how", odd(401))
async def test_a_token_that_is_refused_without_a_word_is_renewed(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "REFUSAL_PATIENCE", 0.1)
    async with open_front(tmp_path) as front:
        front.upstream.play("/chat/completions", odd(401)[how], well)
        answer = await front.http.post("/v1/chat/completions", json=CHAT)

        assert answer.status_code == 200
        assert len(front.upstream.asked(TOKEN_PATH)) == 2


async def test_an_exchange_without_an_end_is_cut_off(tmp_path: Path) -> None:
    async def endless(wire: Wire) -> None:
        await wire.head(200, content_type=JSON, transfer_encoding="chunked")
        while True:
            await wire.chunk(b"x" * (1 << 20))

    async with open_scripted(tmp_path, endless, giving()) as front:
        answer = await front.http.post("/v1/chat/completions", json=CHAT)
        exchanges = front.upstream.asked(TOKEN_PATH)

        assert answer.status_code in {200, 503}
        assert client.LONGEST_FETCHED <= front.upstream.bytes_sent < 2 * client.LONGEST_FETCHED
        assert {exchange.headers["accept-encoding"] for exchange in exchanges} == {"identity"}


# a token file that somebody has spoilt

SPOILT = "tid=" + "0ddba11c" * 4
ENDS = pytest.mark.parametrize("end", ["\n", "\r\nX-Evil: 1", "\u00e9", " \u2603"], ids=ascii)


def spoil(directory: Path, end: str) -> None:
    file = directory / "token.json"
    file.write_text(json.dumps({"token": SPOILT + end, "expires_at": int(time.time() + 1500)}))
    file.chmod(0o600)


async def asked_well(front: Front) -> None:
    for _ in range(2):
        answer = await front.http.post("/v1/chat/completions", json=CHAT)
        assert (answer.status_code, SPOILT in answer.text) == (200, False)
    assert (await front.http.get("/health/ready")).status_code == 200


@ENDS
async def test_a_spoilt_token_in_the_file_is_none(tmp_path: Path, end: str) -> None:
    spoil(tmp_path, end)
    async with open_front(tmp_path) as front:
        await asked_well(front)
        assert len(front.upstream.asked(TOKEN_PATH)) == 1


@ENDS
async def test_a_token_that_is_spoilt_while_the_server_runs_is_none(tmp_path: Path, end: str) -> None:
    async with open_front(tmp_path) as front:
        await until(lambda: bool(front.upstream.asked("/models")))
        spoil(tmp_path, end)
        front.upstream.play("/chat/completions", whole(b'{"error":{"message":"token expired"}}', 401), well)
        await asked_well(front)
        assert len(front.upstream.asked(TOKEN_PATH)) == 2


# a host that is none


@pytest.mark.parametrize("api", ["https://api.x:abc", "https://[::1", "https://exa mple.com", "https://a..b", "x"])
async def test_a_host_that_is_none_is_not_asked_and_ends_nothing(
    tmp_path: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_upstream() as upstream:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # nobody is there, so that nobody's host is reached
        upstream.play(TOKEN_PATH, giving(endpoints={"api": api}))
        config = configured(upstream.origin, tmp_path, copilot__api_base_url=DEFAULT_API_BASE_URL)
        await TokenStore.of(config).save_access(Secret("ghu_" + "n0Ne" * 9))
        with trio.fail_after(20):
            async with serving(config) as http:
                answer = await http.post("/v1/chat/completions", json=CHAT)

        assert answer.status_code == 502
        assert "api.githubcopilot.com cannot be reached" in answer.json()["error"]["message"]
