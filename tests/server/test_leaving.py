"""A client that leaves, at any point, takes everything that was opened for it along."""

import base64
import functools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
import trio.lowlevel
from house import House, open_house
from hypercorn.typing import ASGIReceiveEvent, ASGISendEvent

from passenger_trio.config import Copilot, Server
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.client import CopilotClient, fetcher, open_http
from passenger_trio.copilot.tokens import CopilotToken
from passenger_trio.secret import Secret
from passenger_trio.server.app import build_app
from passenger_trio.server.exchange import Exchange
from passenger_trio.server.run import listen
from passenger_trio.simulator import Simulator, serve as serve_simulator


class OneToken:
    """A keeper whose token never dies."""

    def __init__(self, token: CopilotToken) -> None:
        self.token = token

    async def current(self) -> CopilotToken:
        await trio.lowlevel.checkpoint()
        return self.token

    async def another(self, token: CopilotToken) -> CopilotToken | None:
        await trio.lowlevel.checkpoint()
        return None

    def doubt(self, token: CopilotToken) -> bool:
        return False


class CancelAt(trio.abc.Instrument):
    """Cancels ``scope`` when the tasks spawned under it have taken ``step`` steps."""

    def __init__(self, scope: trio.CancelScope, step: int, parent: trio.lowlevel.Task) -> None:
        self._scope = scope
        self._left = step
        self._parent = parent
        self.cancelled = False

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._is_ours(task):
            self._left -= 1
            if self._left == 0:
                self.cancelled = True
                self._scope.cancel()

    def _is_ours(self, task: trio.lowlevel.Task | None) -> bool:
        while task is not None:
            if task is self._parent:
                return True
            nursery = task.parent_nursery
            task = nursery.parent_task if nursery is not None else None
        return False


@asynccontextmanager
async def open_app(simulator: Simulator) -> AsyncGenerator[tuple[object, httpx.AsyncClient]]:
    """The application without a socket in front of it, a simulator behind it, and the client between them."""
    sock = listen("127.0.0.1", 0)
    with trio.fail_after(50):
        async with trio.open_nursery() as nursery:
            origin = await nursery.start(functools.partial(serve_simulator, simulator, sock))
            token = str(simulator.exchange(origin)["token"])
            async with open_http(Copilot()) as http:
                keeper = OneToken(CopilotToken(Secret(token), float("inf"), origin))
                client = CopilotClient(http, keeper, Copilot())
                catalogue = Catalogue(client, keeper, fetcher(http))
                await nursery.start(catalogue.keep_fresh)
                await catalogue.models()
                yield build_app(Server(), Exchange(client, catalogue), catalogue), http
            nursery.cancel_scope.cancel()


def busy(http: httpx.AsyncClient) -> int:
    """Connections of the client's pools that are in use by a request, or waiting for one."""
    transports = {http._transport, *(t for t in http._mounts.values() if t is not None)}
    connections = [c for t in transports for c in t._pool.connections]  # type: ignore[union-attr]
    return sum(not c.is_idle() and not c.is_closed() for c in connections)


async def ask(app: object, path: str, body: bytes) -> list[ASGISendEvent]:
    """One request through the application's ASGI door, as Hypercorn makes it; returns what it sent."""
    sent: list[ASGISendEvent] = []
    events: list[ASGIReceiveEvent] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> ASGIReceiveEvent:
        await trio.lowlevel.checkpoint()
        if events:
            return events.pop(0)
        await trio.sleep_forever()
        raise AssertionError

    async def send(event: ASGISendEvent) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(event)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "extensions": {},
    }
    await app(scope, receive, send)  # type: ignore[operator]
    return sent


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", b'{"model":"gpt-4.1","stream":true,"messages":[{"role":"user","content":"one two"}]}'),
        ("/v1/chat/completions", b'{"model":"gpt-4.1","messages":[{"role":"user","content":"one two"}]}'),
        ("/api/chat", b'{"model":"gpt-4.1","messages":[{"role":"user","content":"one two"}]}'),
        ("/api/chat", b'{"model":"gpt-4.1","stream":false,"messages":[{"role":"user","content":"one two"}]}'),
        ("/api/generate", b'{"model":"gpt-4.1","prompt":"[[midfail]] one two"}'),
        ("/v1/chat/completions", b'{"model":"gpt-4.1","messages":[{"role":"user","content":"[[http:429]]"}]}'),
        ("/v1/completions", b'{"model":"gpt-4.1","stream":true,"prompt":["one","two"]}'),
        ("/v1/chat/completions", b'{"model":"o1","stream":true,"messages":[{"role":"user","content":"one two"}]}'),
        (
            "/api/chat",
            b'{"model":"gemini-3-pro-preview","tools":[{"type":"function","function":{"name":"weather"}}],"messages":%b}'
            % b'[{"role":"user","content":"weather in Paris"}]',
        ),
        (
            "/v1/embeddings",
            b'{"model":"text-embedding-3-small","dimensions":1,"input":' + b'["a"' + b',"b"' * 512 + b"]}",
        ),
    ],
)
async def test_a_client_that_leaves_at_any_step_leaves_no_connection_and_no_task(path: str, body: bytes) -> None:
    me = trio.lowlevel.current_task()
    async with open_app(Simulator()) as (app, http):
        await ask(app, path, body)
        tasks = len(me.child_nurseries[0].child_tasks)
        cancelled = 0
        for step in range(1, 400):
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as request:
                    request.start_soon(ask, app, path, body)
                    watched = next(iter(request.child_tasks))
                    instrument = CancelAt(scope, step, watched)
                    trio.lowlevel.add_instrument(instrument)
            trio.lowlevel.remove_instrument(instrument)
            assert busy(http) == 0, f"a connection is in use after leaving at step {step}"
            assert len(me.child_nurseries[0].child_tasks) == tasks
            cancelled += instrument.cancelled
            if not instrument.cancelled:
                break
        else:
            pytest.fail("the request takes more steps than were tried")

        assert cancelled > 10, "hardly any step was tried"
        assert (await ask(app, path, body))[0]["type"] == "http.response.start", "the house serves no more"


async def until(condition: object) -> None:
    """Wait, for 5 seconds at most, until something that others bring about is so."""
    with trio.fail_after(5):
        while not condition():  # type: ignore[operator]
            await trio.sleep(0.005)


async def start_long_answer(house: House, path: str) -> trio.SocketStream:
    """Ask for a slow stream by hand, and return the connection when its first words have come."""
    body = b'{"model":"gpt-4.1","stream":true,"messages":[{"role":"user","content":"[[long]]"}]}'
    url = httpx.URL(house.url)
    stream = await trio.open_tcp_stream(url.host, url.port or 80)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    await stream.send_all(head.encode() + body)
    seen = b""
    while b"word002" not in seen:
        seen += await stream.receive_some()
    return stream


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
async def test_leaving_in_the_middle_closes_the_upstream_reply_at_once(tmp_path: Path, path: str) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        connection = await start_long_answer(house, path)
        assert simulator.open_streams == 1

        with trio.fail_after(1):  # the whole answer would take 6 seconds
            await connection.aclose()
            await until(lambda: simulator.open_streams == 0)

        assert simulator.cancelled_streams == 1
        assert (await house.http.get("/health")).text == "OK"


async def test_leaving_before_the_whole_answer_is_there_closes_the_upstream_reply(tmp_path: Path) -> None:
    simulator = Simulator(word_delay=0.05)
    async with open_house(simulator, tmp_path) as house:
        with trio.move_on_after(0.5) as impatient:
            await house.http.post(
                "/v1/chat/completions",
                json={"model": "gpt-4.1", "messages": [{"role": "user", "content": "[[long]]"}]},
            )
        assert impatient.cancelled_caught
        assert simulator.counts["chat"] == 1

        answer = await house.http.post(
            "/v1/chat/completions", json={"model": "gpt-4.1", "messages": [{"role": "user", "content": "again"}]}
        )
        assert answer.status_code == 200


async def test_two_hundred_clients_that_leave_leave_nothing_behind(tmp_path: Path) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:

        async def come_and_go() -> None:
            connection = await start_long_answer(house, "/v1/chat/completions")
            await connection.aclose()

        for _ in range(4):
            async with trio.open_nursery() as clients:
                for _ in range(50):
                    clients.start_soon(come_and_go)
        await until(lambda: simulator.open_streams == 0)

        assert simulator.counts["chat"] == 200
        assert simulator.cancelled_streams == 200


async def test_a_client_that_has_stopped_reading_cannot_keep_the_server_from_stopping(tmp_path: Path) -> None:
    text = base64.b64encode(b"word " * 2_000_000).decode()
    body = b'{"model":"gpt-4.1","messages":[{"role":"user","content":"[[reply64:%s]]"}]}' % text.encode()
    with trio.fail_after(15):
        async with open_house(Simulator(), tmp_path) as house:
            url = httpx.URL(house.url)
            narrow = trio.socket.socket()
            narrow.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
            await narrow.connect((url.host, url.port))
            stream = trio.SocketStream(narrow)
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            await stream.send_all(head.encode() + body)
            assert b" 200 " in await stream.receive_some(64), "the answer has not begun"
        await stream.aclose()
