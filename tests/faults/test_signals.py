"""The program in a process of its own, with signals sent to it while an upstream stalls."""

import re
import signal
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from faults.upstream import (
    CHAT,
    CHAT_EVENTS,
    CHAT_MODEL,
    CHAT_WHOLE,
    MESSAGES,
    MESSAGES_EVENTS,
    RESPONSES,
    RESPONSES_EVENTS,
    Script,
    Upstream,
    Wire,
    chat_chunk,
    open_upstream,
    stall,
    stream,
    until,
)
from program import Running, World

from passenger_trio.simulator import Simulator

QUESTIONS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"model": CHAT_MODEL, "prompt": "hi"},
    "/v1/responses": RESPONSES,
    "/v1/messages": MESSAGES,
    "/api/chat": CHAT,
    "/api/generate": {"model": CHAT_MODEL, "prompt": "hi"},
}
GOOD_ENDS = ("[DONE]", "response.completed", "message_stop", '"done":true')


class Program:
    """The program, its origin, the scripted upstream behind it, and its log as far as it was heard."""

    def __init__(self, world: World, running: Running, url: str, upstream: Upstream) -> None:
        self.world = world
        self.running = running
        self.url = url
        self.upstream = upstream

    def configure(self, more: str) -> None:
        self.world.configure(self.upstream.origin, more)

    async def signal(self, number: signal.Signals, words: str) -> str:
        """Send a signal and read the log until ``words`` are in it."""
        self.running.process.send_signal(number)
        return await self.running.hear(words, err=True)

    async def ended(self) -> int:
        """The exit code."""
        with trio.fail_after(20):
            return await self.running.process.wait()


@asynccontextmanager
async def program(directory: Path, more: str) -> AsyncGenerator[Program]:
    """The program with ``more`` in its configuration; it is killed if it does not end by itself."""
    async with open_upstream() as upstream, trio.open_nursery() as nursery:
        world = World(Simulator(), upstream.origin, directory)
        world.configure(upstream.origin, more)
        world.log_in()
        running = await world.start(nursery, "serve", "--port", "0")
        log = await running.hear("/v1/models", err=True)
        found = re.search(r"Ollama: (http://127\.0\.0\.1:\d+)$", log, re.MULTILINE)
        assert found is not None, log
        yield Program(world, running, found[1], upstream)
        nursery.cancel_scope.cancel()


async def gets_in(url: str) -> bool:
    """Whether the server still takes connections."""
    try:
        await (await trio.open_tcp_stream("127.0.0.1", httpx.URL(url).port or 0)).aclose()
    except OSError:
        return False
    return True


async def started(upstream: Upstream, count: int) -> None:
    """Wait until so many questions have come to Copilot."""
    await until(lambda: sum(request.method == "POST" for request in upstream.requests) >= count, 15)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_answers_that_do_not_end_in_time_are_told_in_band_and_the_program_ends_well(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Streamed answers that have begun get their dialect's error, all others a 503."""
    told: dict[tuple[str, bool], tuple[httpx.Response, str]] = {}
    begun: list[str] = []
    async with program(tmp_path, "[server]\ngraceful_timeout = 0.3\n") as running:
        upstream = running.upstream
        upstream.play("/chat/completions", stream(CHAT_EVENTS[0], then=stall))
        upstream.play("/responses", stream(*RESPONSES_EVENTS[:4], then=stall))
        upstream.play("/v1/messages", stream(*MESSAGES_EVENTS[:3], then=stall))

        async def ask(path: str, *, streamed: bool) -> None:
            async with httpx.AsyncClient(base_url=running.url, timeout=20) as http:
                text = ""
                async with http.stream("POST", path, json={**QUESTIONS[path], "stream": streamed}) as answer:
                    async for piece in answer.aiter_text():
                        begun.append(path)
                        text += piece
                told[path, streamed] = answer, text

        async with trio.open_nursery() as nursery:
            for path in QUESTIONS:
                for streamed in (True, False):
                    nursery.start_soon(lambda path=path, streamed=streamed: ask(path, streamed=streamed))
            await started(upstream, 12)
            await until(lambda: set(begun) == set(QUESTIONS), 15)  # the first bytes of all that stream are here
            began = time.monotonic()
            await running.signal(number, number.name)
        code = await running.ended()
        took = time.monotonic() - began

    assert code == 0
    assert took < 8
    assert len(told) == 12
    for (path, streamed), (answer, text) in told.items():
        assert "being stopped" in text, (path, streamed, text)
        assert not any(end in text for end in GOOD_ENDS), (path, streamed, text)
        if streamed:
            assert answer.status_code == 200, (path, text)
        else:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5"), (path, text)
    assert '"type":"error"' in told["/v1/messages", True][1]
    assert "event: response.failed" in told["/v1/responses", True][1]


def begun(gate: trio.Event) -> Script:
    """A stream whose first event comes at once, and the others when the gate opens."""

    async def script(wire: Wire) -> None:
        await wire.events()
        await wire.chunk(CHAT_EVENTS[0])
        await gate.wait()
        for event in CHAT_EVENTS[1:]:
            await wire.chunk(event)
        await wire.chunk(b"")

    return script


async def test_an_answer_that_ends_in_time_ends_well_and_nobody_else_gets_in(tmp_path: Path) -> None:
    gate = trio.Event()
    async with (
        program(tmp_path, "[server]\ngraceful_timeout = 15\n") as running,
        httpx.AsyncClient(base_url=running.url, timeout=20) as http,
    ):
        running.upstream.play("/chat/completions", begun(gate))
        async with http.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}) as answer:
            parts = answer.aiter_text()
            text = await anext(parts)
            await running.signal(signal.SIGTERM, "SIGTERM")
            with trio.fail_after(5):
                while await gets_in(running.url):  # the door is closed in a moment
                    await trio.sleep(0.01)
            gate.set()
            async for part in parts:
                text += part
        code = await running.ended()

    assert text.endswith("data: [DONE]\n\n")
    assert code == 0


async def test_who_waits_for_a_turn_when_time_is_up_is_told_as_well(tmp_path: Path) -> None:
    told: list[httpx.Response] = []
    limits = '[server]\ngraceful_timeout = 0.3\nmax_concurrent = 1\nlog_level = "debug"\n'
    async with program(tmp_path, limits) as running:
        for endpoint in ("/chat/completions", "/responses", "/v1/messages"):
            running.upstream.play(endpoint, stall)

        async def ask(path: str) -> None:
            async with httpx.AsyncClient(base_url=running.url, timeout=20) as http:
                told.append(await http.post(path, json=QUESTIONS[path]))

        async with trio.open_nursery() as nursery:
            for path in QUESTIONS:
                nursery.start_soon(ask, path)
            waiting = ""
            while waiting.count("waits for a place") < 5:
                waiting += await running.running.hear("waits for a place", err=True)
            await started(running.upstream, 1)
            await running.signal(signal.SIGTERM, "SIGTERM")
        code = await running.ended()

    assert code == 0
    assert [answer.status_code for answer in told] == [503] * 6
    assert all("being stopped" in answer.text for answer in told)


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    async with (
        program(tmp_path, "[server]\ngraceful_timeout = 60\n") as running,
        httpx.AsyncClient(base_url=running.url, timeout=20) as http,
    ):
        running.upstream.play("/chat/completions", stream(chat_chunk("Hel"), then=stall))
        async with http.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}) as answer:
            parts = answer.aiter_text()
            await anext(parts)
            await running.signal(signal.SIGTERM, "SIGTERM")
            began = time.monotonic()
            await running.signal(signal.SIGINT, "SIGINT again")
            code = await running.ended()
            took = time.monotonic() - began
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(parts)

    assert code == 0
    assert took < 3


async def test_a_reader_that_has_stopped_does_not_keep_the_program(tmp_path: Path) -> None:
    async def flood(wire: Wire) -> None:
        await wire.events()
        while True:
            await wire.chunk(chat_chunk("x" * 60_000))

    async with program(tmp_path, "[server]\ngraceful_timeout = 0.2\n") as running:
        running.upstream.play("/chat/completions", flood)
        port = httpx.URL(running.url).port or 0
        async with await trio.open_tcp_stream("127.0.0.1", port) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            body = b'{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}'
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            await client.send_all(head.encode() + body)
            await started(running.upstream, 1)
            await trio.sleep(1)  # all buffers are full
            began = time.monotonic()
            await running.signal(signal.SIGTERM, "SIGTERM")
            code = await running.ended()

    assert code == 0
    assert time.monotonic() - began < 12


# ---- SIGHUP


async def status_of_much(url: str, key: str = "") -> int:
    """The status that a request of 2 MiB gets."""
    content = b'{"model": "gpt-4o", "messages": []}' + b" " * (2 << 20)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n"
    async with await trio.open_tcp_stream("127.0.0.1", httpx.URL(url).port or 0) as client:
        await client.send_all(f"{head}Authorization: Bearer {key}\r\n\r\n".encode())
        with suppress(trio.BrokenResourceError):  # refused before all of it was there
            await client.send_all(content)
        return int((await client.receive_some(4096)).split()[1])


async def test_sighup_takes_over_what_can_change_and_names_what_cannot(tmp_path: Path) -> None:
    async with (
        program(tmp_path, "") as running,
        httpx.AsyncClient(base_url=running.url, timeout=10) as http,
    ):
        running.upstream.play("/chat/completions", lambda wire: wire.answer(CHAT_WHOLE))
        page = {"Origin": "https://chat.example.com"}
        before = [
            (await http.get("/v1/models", headers=page)).status_code,
            (await http.get("/v1/models/mine")).status_code,
            (await http.get("/health", headers={"Host": "my.example.com"})).status_code,
            await status_of_much(running.url),
        ]
        running.configure(
            '[server]\nport = 9\nlog_level = "debug"\napi_key = "hush-hush"\nmax_body_mib = 1\nhost = "localhost"\n'
            'allowed_origins = ["https://chat.example.com"]\nallowed_hosts = ["my.example.com"]\nmax_concurrent = 3\n'
            '[models.aliases]\n"mine" = "gpt-4o"\n'
        )
        log = await running.signal(signal.SIGHUP, "after a restart only")
        key = {"Authorization": "Bearer hush-hush"}
        after = [
            (await http.get("/v1/models", headers={**page, **key})).status_code,
            (await http.get("/v1/models/mine", headers=key)).status_code,
            (await http.get("/health", headers={"Host": "my.example.com"})).status_code,
            await status_of_much(running.url, "hush-hush"),
            (await http.get("/v1/models")).status_code,
        ]
        done = await running.running.end(signal.SIGTERM)

    assert before == [403, 404, 403, 400]
    assert after == [200, 200, 200, 413, 401]
    changed = next(line for line in log.splitlines() if "changed: " in line)
    for name in ("allowed_hosts", "allowed_origins", "api_key", "log_level", "max_body_mib", "max_concurrent"):
        assert f"server.{name}" in changed
    assert "models.aliases" in changed
    left = next(line for line in log.splitlines() if "after a restart only" in line)
    assert "server.host" in left
    assert "server.port" not in changed + left  # a flag wins over the file
    assert "hush-hush" not in log
    assert " DEBUG " in done.err
    assert done.code == 0


@pytest.mark.parametrize(
    "broken, words",
    [
        ("[server\n", "not valid TOML"),
        (f"[server]\nport = {'9' * 5000}\n", "not valid TOML"),
        ("a = " + "[" * 50_000, "nested too deeply"),
        ("[server]\nlog_lewel = 1\n", "Did you mean `server.log_level`?"),
        ("[server]\nmax_concurrent = -1\n", "`server.max_concurrent` is wrong"),
    ],
    ids=["cut", "digits", "depth", "key", "value"],
)
async def test_a_broken_file_is_told_and_all_stays_as_it_was(tmp_path: Path, broken: str, words: str) -> None:
    good = '[models.aliases]\n"mine" = "gpt-4o"\n'
    async with (
        program(tmp_path, good) as running,
        httpx.AsyncClient(base_url=running.url, timeout=10) as http,
    ):
        running.configure(broken)
        log = await running.signal(signal.SIGHUP, words)
        kept = await http.get("/v1/models/mine")
        running.configure(good.replace("mine", "yours"))
        await running.signal(signal.SIGHUP, "changed: models.aliases")
        mended = [(await http.get(f"/v1/models/{name}")).status_code for name in ("mine", "yours")]
        done = await running.running.end(signal.SIGTERM)

    assert "all stays as it was" in log
    assert kept.status_code == 200
    assert mended == [404, 200]
    assert done.code == 0
    assert "Traceback" not in log + done.err


async def test_a_running_answer_does_not_notice_sighup(tmp_path: Path) -> None:
    gate = trio.Event()
    async with (
        program(tmp_path, "") as running,
        httpx.AsyncClient(base_url=running.url, timeout=20) as http,
    ):
        running.upstream.play("/chat/completions", begun(gate))
        async with http.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}) as answer:
            parts = answer.aiter_text()
            text = await anext(parts)
            running.configure("[server]\nmax_concurrent = 1\n")
            await running.signal(signal.SIGHUP, "changed: server.max_concurrent")
            gate.set()
            async for part in parts:
                text += part
        done = await running.running.end(signal.SIGTERM)

    assert text.endswith("data: [DONE]\n\n")
    assert done.code == 0
