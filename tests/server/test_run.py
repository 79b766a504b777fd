"""Coming up, staying up, going down; and how many connections there are to Copilot."""

import functools
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trio
import trio.testing
from house import open_house

from passenger_trio.config import Config, load
from passenger_trio.copilot.store import TokenStore
from passenger_trio.errors import AccountRefused, ConfigError, NotLoggedIn, PortUnavailable
from passenger_trio.secret import Secret
from passenger_trio.server import run
from passenger_trio.simulator import Simulator

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}]}
TESTS = Path(__file__).parents[1]


class Upstream(httpx.AsyncBaseTransport):
    """GitHub and Copilot without a socket. ``spoil`` may change, delay or refuse the answer for a path."""

    def __init__(self, spoil: Callable[[str], Awaitable[httpx.Response | None]] | None = None) -> None:
        self.simulator = Simulator()
        self.asked: list[str] = []
        self._spoil = spoil

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        if self._spoil is not None and (spoilt := await self._spoil(path)) is not None:
            return spoilt
        if path.endswith("/v2/token"):
            return httpx.Response(200, content=msgspec.json.encode(self.simulator.exchange("http://127.0.0.1:1")))
        return httpx.Response(200, content=self.simulator.catalogue.body)


def config_of(directory: Path, **server: Any) -> Config:
    flags: dict[str, object] = {
        "tokens.access_token_path": str(directory / "access_token.json"),
        "tokens.copilot_token_path": str(directory / "token.json"),
        **{f"server.{key}": value for key, value in server.items()},
    }
    return load(environ={}, flags=flags).config


async def logged_in(directory: Path) -> Config:
    config = config_of(directory)
    await TokenStore.of(config).save_access(Secret("ghu_of_nobody"))
    return config


def causes(error: BaseException) -> list[BaseException]:
    """What was raised, out of its groups."""
    if isinstance(error, BaseExceptionGroup):
        return [cause for inner in error.exceptions for cause in causes(inner)]
    return [error]


@contextmanager
def raises_only(kind: type[BaseException], words: str = "") -> Iterator[None]:
    """As ``pytest.raises``, through groups of one."""
    with pytest.raises((kind, BaseExceptionGroup)) as caught:
        yield
    [cause] = causes(caught.value)
    assert type(cause) is kind
    assert words in str(cause)


def served(config: Config, sock: socket.socket, **more: Any) -> Callable[..., Awaitable[None]]:
    return functools.partial(run.serve, config, sock, handle_signals=False, **more)


async def refuses(origin: str) -> bool:
    async with httpx.AsyncClient() as http:
        try:
            await http.get(f"{origin}/health")
        except httpx.ConnectError:
            return True
        except (httpx.ReadError, httpx.RemoteProtocolError):  # let in just before the door closed
            return False
    return False


async def test_the_door_opens_only_once_the_first_token_is_in_hand(tmp_path: Path) -> None:
    asked, allowed, started = trio.Event(), trio.Event(), trio.Event()

    async def wait_for_leave(path: str) -> None:
        if path.endswith("/v2/token"):
            asked.set()
            await allowed.wait()

    upstream = Upstream(wait_for_leave)
    config = await logged_in(tmp_path)
    sock = run.listen("127.0.0.1", 0)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:

            async def start() -> None:
                await nursery.start(served(config, sock, transport=upstream))
                started.set()

            nursery.start_soon(start)
            await asked.wait()
            await trio.testing.wait_all_tasks_blocked()
            early = started.is_set()
            allowed.set()
            await started.wait()
            async with httpx.AsyncClient() as http:
                answer = await http.get(f"{run.origin_of(sock)}/health")
            nursery.cancel_scope.cancel()

    assert not early
    assert answer.status_code == 200
    assert upstream.asked[0].endswith("/v2/token")


async def test_without_a_login_it_does_not_start_and_says_what_to_do(tmp_path: Path) -> None:
    sock = run.listen("127.0.0.1", 0)
    upstream = Upstream()

    with trio.fail_after(20), raises_only(NotLoggedIn, "passenger-trio login"):
        await run.serve(config_of(tmp_path), sock, transport=upstream, handle_signals=False)

    assert sock.fileno() == -1
    assert upstream.asked == []


@pytest.mark.parametrize("status, kind", [(401, NotLoggedIn), (403, AccountRefused)])
async def test_a_login_that_github_refuses_is_raised(tmp_path: Path, status: int, kind: type[BaseException]) -> None:
    async def refuse(path: str) -> httpx.Response:
        return httpx.Response(status, json={"message": "no", "error_details": {"message": "no"}})

    config = await logged_in(tmp_path)
    sock = run.listen("127.0.0.1", 0)

    with trio.fail_after(20), raises_only(kind):
        await run.serve(config, sock, transport=Upstream(refuse), handle_signals=False)

    assert sock.fileno() == -1


async def test_no_list_of_models_is_no_reason_not_to_start(tmp_path: Path) -> None:
    async def refuse_the_list(path: str) -> httpx.Response | None:
        return httpx.Response(500) if path == "/models" else None

    config = await logged_in(tmp_path)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            sock = run.listen("127.0.0.1", 0)
            origin = await nursery.start(served(config, sock, transport=Upstream(refuse_the_list)))
            async with httpx.AsyncClient() as http:
                statuses = [(await http.get(origin + path)).status_code for path in ("/health", "/v1/models")]
            nursery.cancel_scope.cancel()

    assert statuses == [200, 500]


async def test_a_task_beside_the_server_that_crashes_brings_the_server_down_with_its_error(tmp_path: Path) -> None:
    crash = trio.Event()

    async def companion(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await crash.wait()
        raise ZeroDivisionError("beside")

    config = await logged_in(tmp_path)
    sock = run.listen("127.0.0.1", 0)
    origin = run.origin_of(sock)

    with trio.fail_after(20), raises_only(ZeroDivisionError, "beside"):
        async with trio.open_nursery() as nursery:
            await nursery.start(served(config, sock, transport=Upstream(), companions=[companion]))
            assert not await refuses(origin)
            crash.set()

    assert await refuses(origin)


async def test_a_bug_in_the_models_task_brings_the_server_down_with_its_error(tmp_path: Path) -> None:
    async def break_down(path: str) -> None:
        if path == "/models":
            raise ZeroDivisionError("no error of httpx's")

    config = await logged_in(tmp_path)

    with trio.fail_after(20), raises_only(ZeroDivisionError, "no error of httpx's"):
        await run.serve(config, run.listen("127.0.0.1", 0), transport=Upstream(break_down), handle_signals=False)


async def test_cancelling_it_closes_its_socket_at_once(tmp_path: Path) -> None:
    config = await logged_in(tmp_path)
    sock = run.listen("127.0.0.1", 0)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            origin = await nursery.start(served(config, sock, transport=Upstream()))
            assert not await refuses(origin)
            nursery.cancel_scope.cancel()

        assert sock.fileno() == -1
        assert await refuses(origin)


async def test_the_network_is_not_served_without_a_key(tmp_path: Path) -> None:
    sock = run.listen("127.0.0.1", 0)

    with pytest.raises(ConfigError, match=r"0\.0\.0\.0"):
        await run.serve(config_of(tmp_path, host="0.0.0.0"), sock, handle_signals=False)  # noqa: S104

    assert sock.fileno() == -1


async def test_the_log_says_where_each_kind_of_client_finds_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="passenger_trio.server")
    async with open_house(Simulator(), tmp_path) as house:
        pass

    said = [record.getMessage() for record in caplog.records if record.name == "passenger_trio.server"]
    assert said[:3] == [f"OpenAI: {house.url}/v1", f"Ollama: {house.url}", f"models: {house.url}/v1/models"]


async def test_a_second_port_is_ollamas_and_is_told_and_closed_as_the_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="passenger_trio.server")
    config = await logged_in(tmp_path)
    sock, ollama = run.listen("127.0.0.1", 0), run.listen("127.0.0.1", 0)
    both = [run.origin_of(sock), run.origin_of(ollama)]
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            told = await nursery.start(served(config, sock, ollama=ollama, transport=Upstream()))
            async with httpx.AsyncClient() as http:
                answers = [await http.get(f"{origin}/api/tags") for origin in both]
            nursery.cancel_scope.cancel()

        assert [await refuses(origin) for origin in both] == [True, True]

    assert told == both[0]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    said = [record.getMessage() for record in caplog.records if record.name == "passenger_trio.server"]
    assert said[:4] == [
        f"OpenAI: {both[0]}/v1", f"Ollama: {both[1]}", f"Ollama: {both[0]}", f"models: {both[0]}/v1/models"
    ]  # fmt: skip
    assert (sock.fileno(), ollama.fileno()) == (-1, -1)


@pytest.mark.parametrize("form", ["notify", "@passenger-trio-{pid}"])
async def test_systemd_is_told_when_it_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """The file is named from its directory: the whole path may be longer than a socket's address can be."""
    monkeypatch.chdir(tmp_path)
    address = form.format(pid=os.getpid())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address.replace("@", "\0"))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        async with open_house(Simulator(), tmp_path):
            said = systemd.recv(100)

    assert said == b"READY=1"


async def test_a_systemd_that_does_not_listen_is_no_reason_to_fall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    async with open_house(Simulator(), tmp_path) as house:
        assert (await house.http.get("/health")).status_code == 200

    assert "systemd" in caplog.text


def test_a_port_in_use_is_named_with_the_remedy() -> None:
    with run.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortUnavailable, match=rf"Port {port} on 127\.0\.0\.1 .* --port"):
            run.listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "not a host", "a" * 70])
def test_an_address_of_another_machine_is_named_with_the_remedy(host: str) -> None:
    with pytest.raises(PortUnavailable, match=host):
        run.listen(host, 8081)


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_the_origin_of_an_ipv6_address_has_its_brackets(host: str) -> None:
    with run.listen(host, 0) as sock:
        assert run.origin_of(sock) == f"http://[::1]:{sock.getsockname()[1]}"


class Forwarder:
    """Hands connections on to a port that is learnt later, and counts them."""

    def __init__(self) -> None:
        self.made = 0
        self._port = 0
        self._known = trio.Event()

    def hand_on_to(self, port: int) -> None:
        self._port = port
        self._known.set()

    async def handle(self, client: trio.SocketStream) -> None:
        self.made += 1
        await self._known.wait()
        async with await trio.open_tcp_stream("127.0.0.1", self._port) as upstream, trio.open_nursery() as nursery:
            nursery.start_soon(self._pump, client, upstream)
            nursery.start_soon(self._pump, upstream, client)

    @staticmethod
    async def _pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
        async for data in source:
            await sink.send_all(data)
        await sink.send_eof()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
async def test_requests_one_after_the_other_share_one_connection_to_copilot(
    tmp_path: Path, path: str, stream: bool
) -> None:
    forwarder = Forwarder()
    between = run.listen("127.0.0.1", 0)
    flags = {"copilot__api_base_url": run.origin_of(between)}
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            listener = trio.SocketListener(trio.socket.from_stdlib_socket(between))
            nursery.start_soon(trio.serve_listeners, forwarder.handle, [listener])
            async with open_house(Simulator(), tmp_path, **flags) as house:
                forwarder.hand_on_to(httpx.URL(house.config.github.copilot_token_url).port or 0)
                await house.http.get("/v1/models")  # is answered once the list has come, over the first connection
                for _ in range(5):
                    answer = await house.http.post(path, json={**CHAT, "stream": stream})
                    assert answer.status_code == 200
            nursery.cancel_scope.cancel()

    assert house.simulator.counts["chat"] == 5
    assert forwarder.made == 1


SERVER = """
import functools, sys, trio
from pathlib import Path
from house import *
from passenger_trio.simulator import Simulator, serve as serve_simulator

async def main():
    simulator = Simulator(word_delay=0.004)
    login = simulator.log_in()
    upstream, sock = run.listen("127.0.0.1", 0), run.listen("127.0.0.1", 0)
    origin = run.origin_of(upstream)
    flags = {
        "github.copilot_token_url": f"{origin}/copilot_internal/v2/token",
        "tokens.access_token_path": sys.argv[1] + "/access_token.json",
        "tokens.copilot_token_path": sys.argv[1] + "/token.json",
        "server.graceful_timeout": 20,
    }
    config = load(environ={}, flags=flags).config
    await TokenStore.of(config).save_access(Secret(login))
    async with trio.open_nursery() as nursery:
        companion = functools.partial(serve_simulator, simulator, upstream)
        print(await nursery.start(functools.partial(run.serve, config, sock, companions=[companion])), flush=True)
    print("over", flush=True)

trio.run(main)
"""


@asynccontextmanager
async def server_of_its_own(directory: Path) -> AsyncGenerator[tuple[trio.Process, str]]:
    """The house in another process, which takes signals; it is killed if it does not end by itself."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent), *sys.path])}
    command = [sys.executable, "-c", SERVER, str(directory)]
    process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ)
    try:
        with trio.fail_after(25):
            assert process.stdout is not None
            origin = (await process.stdout.receive_some()).decode().strip()
            assert origin.startswith("http://"), origin
            yield process, origin
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            if process.stdout is not None:
                await process.stdout.aclose()


LONG = {**CHAT, "messages": [{"role": "user", "content": "[[long]]"}], "stream": True}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_first_signal_lets_the_answer_in_flight_come_to_its_end(tmp_path: Path, number: signal.Signals) -> None:
    async with (
        server_of_its_own(tmp_path) as (process, origin),
        httpx.AsyncClient(base_url=origin, timeout=20) as http,
        http.stream("POST", "/v1/chat/completions", json=LONG) as answer,
    ):
        parts = answer.aiter_bytes()
        text = await anext(parts)
        process.send_signal(number)
        refused = False
        async for part in parts:
            text += part
            if not refused:
                refused = await refuses(origin)  # while the answer goes on, nobody else gets in
        status = await process.wait()

    assert text.endswith(b"data: [DONE]\n\n")
    assert b"word300" in text
    assert refused
    assert status == 0


async def test_a_second_signal_does_not_wait_for_anybody(tmp_path: Path) -> None:
    text = bytearray()

    async def read_on(parts: AsyncIterator[bytes]) -> None:
        async for part in parts:
            text.extend(part)

    async with (
        server_of_its_own(tmp_path) as (process, origin),
        httpx.AsyncClient(base_url=origin, timeout=20) as http,
        http.stream("POST", "/v1/chat/completions", json=LONG) as answer,
    ):
        parts = answer.aiter_bytes()
        text.extend(await anext(parts))
        process.send_signal(signal.SIGTERM)
        while not await refuses(origin):
            text.extend(await anext(parts))
        process.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.RemoteProtocolError):
            await read_on(parts)
        status = await process.wait()

    assert b"[DONE]" not in text
    assert status == 0


async def test_a_signal_ends_an_idle_server(tmp_path: Path) -> None:
    async with server_of_its_own(tmp_path) as (process, origin), httpx.AsyncClient(base_url=origin) as http:
        assert (await http.get("/health")).status_code == 200
        process.send_signal(signal.SIGTERM)
        status = await process.wait()

    assert status == 0
