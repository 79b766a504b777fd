"""Signs of life, and the end of patience with a client that does not read."""

import functools
from typing import Any

import pytest
import trio
import trio.testing
from hypercorn.typing import ASGISendEvent, HTTPResponseBodyEvent, HTTPResponseStartEvent
from quart import Quart
from werkzeug.datastructures import Headers

from passenger_trio.server.connections import HANG_UP
from passenger_trio.server.pulse import FAREWELL, Pulse
from passenger_trio.server.requests import PassengerRequest

START: HTTPResponseStartEvent = {"type": "http.response.start", "status": 200, "headers": []}
SIGN = b": still here\n\n"


def part(body: bytes, *, last: bool = False) -> HTTPResponseBodyEvent:
    return {"type": "http.response.body", "body": body, "more_body": not last}


class Client:
    """Takes what it is sent, at the time that it is; from ``blocked_from`` on it takes nothing."""

    def __init__(self, blocked_from: float = float("inf")) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self._blocked_from = blocked_from
        self.hung_up = trio.Event()

    async def send(self, message: ASGISendEvent) -> None:
        if trio.current_time() >= self._blocked_from:
            with trio.CancelScope(shield=True):  # as Hypercorn's writes are
                await self.hung_up.wait()
            return
        if message["type"] == "http.response.body":
            self.heard.append((trio.current_time(), message["body"]))


def request(client: Client, sign: bytes = SIGN) -> PassengerRequest:
    async def push(path: str, headers: Headers) -> None: ...

    scope: Any = {"type": "http", "state": {HANG_UP: client.hung_up.set}}
    made = PassengerRequest("POST", "http", "/", b"", Headers(), "", "1.1", scope=scope, send_push_promise=push)
    made.sign_of_life = sign
    return made


@pytest.fixture
def app() -> Quart:
    return Quart(__name__)


async def watched(client: Client, asked: PassengerRequest, pulse: Pulse, talk: list[tuple[float, bytes]]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pulse.watch, nursery)
        await pulse.send(START)
        for pause, data in talk:
            await trio.sleep(pause)
            await pulse.send(part(data))
        nursery.cancel_scope.cancel()


async def test_each_silence_is_measured_from_the_last_word(autojump_clock: trio.testing.MockClock) -> None:
    client = Client()
    asked = request(client)
    begun = trio.current_time()
    await watched(client, asked, Pulse(asked, client.send, keepalive=15, patience=300), [(10, b"a"), (40, b"b")])

    assert [(round(at - begun), data) for at, data in client.heard] == [(10, b"a"), (25, SIGN), (40, SIGN), (50, b"b")]


@pytest.mark.parametrize(("sign", "keepalive"), [(b"", 15.0), (SIGN, 0.0)], ids=["no sign", "switched off"])
async def test_where_there_is_no_sign_of_life_there_is_silence(
    autojump_clock: trio.testing.MockClock, sign: bytes, keepalive: float
) -> None:
    client = Client()
    asked = request(client, sign)
    await watched(client, asked, Pulse(asked, client.send, keepalive=keepalive, patience=300), [(1000, b"a")])

    assert [data for _, data in client.heard] == [b"a"]


async def test_before_the_head_of_an_answer_and_after_its_end_nothing_is_said(
    autojump_clock: trio.testing.MockClock,
) -> None:
    client = Client()
    asked = request(client)
    pulse = Pulse(asked, client.send, keepalive=15, patience=300)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pulse.watch, nursery)
        await trio.sleep(100)
        await pulse.send(START)
        await pulse.send(part(b"a", last=True))
        await trio.sleep(100)
        nursery.cancel_scope.cancel()

    assert [data for _, data in client.heard] == [b"a"]


async def test_patience_ends_while_a_part_is_written(autojump_clock: trio.testing.MockClock) -> None:
    client = Client(blocked_from=50)
    asked = request(client)
    await _impatient(client, asked, [(60, b"a")])

    assert asked.record.error == "the client does not read its answer"


async def test_patience_ends_while_only_signs_of_life_are_written(autojump_clock: trio.testing.MockClock) -> None:
    client = Client(blocked_from=50)
    asked = request(client)
    await _impatient(client, asked, [(10_000, b"a")])

    assert asked.record.error == "the client does not read its answer"


@pytest.mark.parametrize("last", [False, True])
async def test_a_cancelled_answer_does_not_wait_for_a_client_that_does_not_read(
    autojump_clock: trio.testing.MockClock, last: bool
) -> None:
    client = Client(blocked_from=0)
    asked = request(client)
    pulse = Pulse(asked, client.send, keepalive=15, patience=300)
    begun = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pulse.watch, nursery)
        nursery.start_soon(pulse.send, part(b"a", last=last))
        await trio.sleep(10)
        nursery.cancel_scope.cancel()

    assert trio.current_time() - begun == pytest.approx(10 + (FAREWELL if last else 0))


async def _impatient(client: Client, asked: PassengerRequest, talk: list[tuple[float, bytes]]) -> None:
    pulse = Pulse(asked, client.send, keepalive=15, patience=300)
    with trio.move_on_after(1000):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(functools.partial(watched, client, asked, pulse, talk))
            await client.hung_up.wait()
            assert trio.current_time() < 400
            nursery.cancel_scope.cancel()
