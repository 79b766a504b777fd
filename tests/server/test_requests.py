"""Bodies of any type, size and speed; and what every answer carries."""

import json
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from house import House, open_house

from passenger_trio.simulator import Simulator

CHATS = ["/v1/chat/completions", "/api/chat"]
CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}], "stream": False}
BODY = json.dumps(CHAT).encode()


class Wire:
    """A connection to the house without a client's manners."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._data = b""

    async def send(self, data: bytes) -> None:
        """Send it all, unless the house has hung up; then what it said can still be read."""
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError:
            return

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer, which has a Content-Length."""
        while b"\r\n\r\n" not in self._data:
            await self._more()
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
        while len(self._data) < length:
            await self._more()
        body, self._data = self._data[:length], self._data[length:]
        return int(lines[0].split()[1]), body

    async def is_closed(self) -> bool:
        """Whether the house closes the connection without another word; waits for either."""
        with trio.fail_after(10):
            try:
                self._data += await self._stream.receive_some()
            except trio.BrokenResourceError:
                return True
        return self._data == b""

    async def _more(self) -> None:
        data = await self._stream.receive_some()
        assert data, f"the connection ended after {self._data!r}"
        self._data += data


@asynccontextmanager
async def wire_to(house: House) -> AsyncGenerator[Wire]:
    host, port = house.url.removeprefix("http://").split(":")
    stream = await trio.open_tcp_stream(host, int(port))
    async with stream:
        yield Wire(stream)


def head(path: str, *lines: str) -> bytes:
    return "\r\n".join((f"POST {path} HTTP/1.1", "Host: localhost", *lines, "", "")).encode()


@pytest.mark.parametrize("path", CHATS)
async def test_a_body_within_the_limit_is_read_whatever_its_size(tmp_path: Path, path: str) -> None:
    text = "x" * (900 << 10)
    async with open_house(Simulator(), tmp_path, server__max_body_mib=1) as house:
        answer = await house.http.post(path, json={**CHAT, "messages": [{"role": "user", "content": text}]})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", CHATS)
@pytest.mark.parametrize("encoding", ["Content-Length: 2097152", "Transfer-Encoding: chunked"])
async def test_a_body_over_the_limit_is_a_413_after_which_its_connection_ends_or_serves_on(
    tmp_path: Path, path: str, encoding: str
) -> None:
    body = b" " * (2 << 20)
    if "chunked" in encoding:
        body = b"200000\r\n" + body + b"\r\n0\r\n\r\n"
    async with open_house(Simulator(), tmp_path, server__max_body_mib=1) as house, wire_to(house) as wire:
        await wire.send(head(path, encoding))
        await wire.send(body)
        status, said = await wire.answer()
        # closed while the body was still on its way, kept when it had been read: either, but never out of step
        await wire.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await wire.is_closed() or await wire.answer() == (200, b"OK")

    assert status == 413
    error = json.loads(said)["error"]
    assert "max_body_mib" in (error if path == "/api/chat" else error["message"])


async def test_a_body_over_the_limit_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    async with open_house(Simulator(), tmp_path, server__max_body_mib=1) as house, wire_to(house) as wire:
        await wire.send(head("/api/chat", "Content-Length: 9000000000"))
        status, _ = await wire.answer()

    assert status == 413


@pytest.mark.parametrize(
    "path, host, status", [("/nowhere", "localhost", 404), ("/", "localhost", 405), ("/api/chat", "evil.com", 403)]
)
async def test_a_connection_refused_before_its_body_came_does_not_hang(
    house: House, path: str, host: str, status: int
) -> None:
    async with wire_to(house) as wire:
        await wire.send(f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(BODY)}\r\n\r\n".encode())
        assert (await wire.answer())[0] == status
        await wire.send(BODY)
        await wire.send(head("/api/chat", f"Content-Length: {len(BODY)}") + BODY)
        # whether the body came in time for it to serve again is a race; that it is open and deaf is not an outcome
        assert await wire.is_closed() or (await wire.answer())[0] == 200


async def test_a_connection_refused_after_its_body_serves_again(house: House) -> None:
    async with wire_to(house) as wire:
        for path, status in (("/nowhere", 404), ("/api/chat", 200), ("/v1/nowhere", 404), ("/api/chat", 200)):
            await wire.send(head(path, f"Content-Length: {len(BODY)}") + BODY)
            assert (await wire.answer())[0] == status


@pytest.mark.parametrize("path", CHATS)
async def test_a_body_that_comes_too_slowly_is_a_408(tmp_path: Path, path: str) -> None:
    async with open_house(Simulator(), tmp_path, server__body_timeout=0.2) as house, wire_to(house) as wire:
        await wire.send(head(path, "Content-Length: 1000") + b'{"model": ')
        status, said = await wire.answer()

    assert status == 408
    assert b"body_timeout" in said


@pytest.mark.parametrize("path", CHATS)
async def test_a_body_may_come_in_pieces(house: House, path: str) -> None:
    async with wire_to(house) as wire:
        await wire.send(head(path, "Transfer-Encoding: chunked"))
        for at in range(0, len(BODY), 7):
            piece = BODY[at : at + 7]
            await wire.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        await wire.send(b"0\r\n\r\n")
        status, said = await wire.answer()

    assert status == 200
    assert b"Hi" in said


async def test_a_client_that_asks_first_is_told_to_go_on(house: House) -> None:
    async with wire_to(house) as wire:
        await wire.send(head("/api/chat", "Expect: 100-continue", f"Content-Length: {len(BODY)}"))
        with trio.fail_after(10):
            said = await wire._stream.receive_some()
        await wire.send(BODY)
        status, _ = await wire.answer()

    assert said.startswith(b"HTTP/1.1 100")
    assert status == 200


@pytest.mark.parametrize("path", ["/", "/v1/models", "/api/tags", "/nowhere", "/api/nowhere"])
async def test_every_answer_has_an_id_to_quote(house: House, path: str) -> None:
    ids = {(await house.http.get(path)).headers["x-request-id"] for _ in range(2)}

    assert len(ids) == 2
    assert all(str(uuid.UUID(request_id)) == request_id for request_id in ids)


@pytest.mark.parametrize("path", CHATS)
@pytest.mark.parametrize("more", [{}, {"stream": True}, {"messages": [{"role": "user", "content": "[[http:500]]"}]}])
async def test_an_answer_of_copilots_has_githubs_id_too_and_copilot_gets_ours(
    house: House, path: str, more: dict[str, Any]
) -> None:
    answer = await house.http.post(path, json={**CHAT, **more})

    assert answer.headers.get_list("x-github-request-id")[0].count(":") == 4
    assert len(answer.headers.get_list("x-github-request-id")) == 1
    upstream = next(seen for seen in reversed(house.simulator.requests) if seen.path == "/chat/completions")
    assert answer.headers.get_list("x-request-id") == [upstream.headers["x-request-id"]]


async def dropped(house: House, option: str) -> httpx.Response:
    return await house.http.post("/api/chat", json={**CHAT, "options": {option: 1}})


@pytest.mark.parametrize(
    "option, named",
    [
        ("num_ctx", "options.num_ctx"),
        ("größe", "options.gr??e"),
        ("a\r\nSet-Cookie: b", "options.a??Set-Cookie:?b"),
        ("\x00\x01\x7f", "options.???"),
        ("a, b", "options.a??b"),
    ],
)
async def test_what_was_dropped_is_named_in_a_header_whatever_its_name(house: House, option: str, named: str) -> None:
    answer = await dropped(house, option)

    assert answer.status_code == 200
    assert answer.headers["x-passenger-dropped"] == named
    assert "set-cookie" not in answer.headers


HALF = r"cut here \ud83d"
CUT = [
    ("/api/chat", f'{{"messages":[{{"role":"user","content":"{HALF}"}}],"stream":false}}'),
    ("/api/generate", f'{{"prompt":"{HALF}","stream":false}}'),
    ("/v1/chat/completions", f'{{"messages":[{{"role":"user","content":"{HALF}"}}]}}'),
    ("/v1/responses", f'{{"input":"{HALF}"}}'),
    ("/v1/messages", f'{{"messages":[{{"role":"user","content":"{HALF}"}}],"max_tokens":9}}'),
    ("/v1/completions", f'{{"prompt":"{HALF}"}}'),
]


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-5.3-codex", "claude-opus-4.7"])
@pytest.mark.parametrize("path, body", CUT, ids=[path for path, _ in CUT])
async def test_a_text_that_was_cut_in_the_middle_of_a_character_is_asked_all_the_same(
    house: House, path: str, body: str, model: str
) -> None:
    answer = await house.http.post(path, content=f'{{"model":"{model}",{body[1:]}'.encode())

    assert answer.status_code == 200, answer.text
    [asked] = [seen.body for seen in house.simulator.requests if seen.method == "POST"]
    assert "cut here \ufffd" in json.dumps(json.loads(asked), ensure_ascii=False)
