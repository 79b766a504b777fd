"""More at once than the house takes, and calls that keep a pace towards Copilot."""

import json
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import trio
from faults.upstream import (
    CHAT,
    CHAT_EVENTS,
    CHAT_WHOLE,
    MESSAGES,
    RESPONSES,
    Front,
    Script,
    Wire,
    chat_chunk,
    open_front,
    stall,
    stream,
    until,
)

from passenger_trio.config import Server
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.server import admission
from passenger_trio.server.app import build_app
from passenger_trio.server.exchange import Exchange

OLLAMA = {**CHAT, "stream": False}
DISCOVERY = ("/", "/health", "/v1/models", "/v1/models/gpt-4o", "/api/tags", "/api/version", "/api/ps")


def held(gate: trio.Event, body: bytes = CHAT_WHOLE) -> Script:
    """A good answer, once the gate opens."""

    async def script(wire: Wire) -> None:
        await gate.wait()
        await wire.answer(body)

    return script


class Crowd:
    """Clients that ask at the same time; ``answers`` has theirs by name, in the order in which they came."""

    def __init__(self, front: Front, nursery: trio.Nursery) -> None:
        self.answers: dict[str, httpx.Response] = {}
        self.front = front
        self._nursery = nursery
        self._scopes: dict[str, trio.CancelScope] = {}

    def ask(self, name: str, path: str = "/v1/chat/completions", body: object = CHAT) -> None:
        """Ask in the background."""
        self._nursery.start_soon(self._ask, name, path, body)

    async def _ask(self, name: str, path: str, body: object) -> None:
        async with httpx.AsyncClient(base_url=self.front.url, timeout=15) as http:
            with trio.CancelScope() as self._scopes[name]:
                self.answers[name] = await http.post(path, json=body)

    def leave(self, name: str) -> None:
        self._scopes[name].cancel()


async def queued(crowd: Crowd, names: str, caplog: pytest.LogCaptureFixture, *, full: bool = False) -> None:
    """Ask one after the other: the first of them gets the only place, unless it is ``full``, and the others wait."""
    front = crowd.front
    for position, name in enumerate(names):
        before = waiting(caplog)
        crowd.ask(name)
        if position or full:
            await until(lambda: waiting(caplog) > before, 15)  # noqa: B023 - it has ended before the next turn
        else:
            await until(lambda: bool(front.upstream.asked("/chat/completions")), 15)


def waiting(caplog: pytest.LogCaptureFixture) -> int:
    """How many have had to wait so far, for a place or for their turn, as the log has it."""
    return sum(" waits for " in record.getMessage() for record in caplog.records)


def left(caplog: pytest.LogCaptureFixture) -> bool:
    """Whether a client has left, as the log has it."""
    return any("client-left" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    "path, body, told",
    [
        ("/v1/chat/completions", CHAT, lambda found: found["error"]["code"] == "overloaded"),
        ("/v1/completions", {"model": "gpt-4o", "prompt": "hi"}, lambda found: found["error"]["code"] == "overloaded"),
        ("/v1/embeddings", {"model": "gpt-4o", "input": "hi"}, lambda found: found["error"]["code"] == "overloaded"),
        ("/v1/responses", RESPONSES, lambda found: found["error"]["code"] == "overloaded"),
        ("/v1/messages", MESSAGES, lambda found: found["error"]["type"] == "overloaded_error"),
        ("/api/chat", OLLAMA, lambda found: found == {"error": admission.OLLAMA_BUSY}),
        ("/api/generate", {"model": "gpt-4o", "prompt": "hi"}, lambda found: found == {"error": admission.OLLAMA_BUSY}),
        ("/api/embed", {"model": "gpt-4o", "input": "hi"}, lambda found: found == {"error": admission.OLLAMA_BUSY}),
    ],
)
async def test_who_finds_no_place_is_told_in_its_dialect_when_to_come_back(
    tmp_path: Path, path: str, body: dict[str, Any], told: Callable[[Any], bool]
) -> None:
    gate = trio.Event()
    async with (
        open_front(tmp_path, server__max_concurrent=1, server__max_queued=0) as front,
        trio.open_nursery() as nursery,
    ):
        front.upstream.play("/chat/completions", held(gate))
        crowd = Crowd(front, nursery)
        crowd.ask("first")
        await until(lambda: bool(front.upstream.asked("/chat/completions")))
        refused = [await front.http.post(path, json={**body, "stream": stream}) for stream in (False, True)]
        gate.set()

    assert [answer.status_code for answer in refused] == [503, 503]
    assert {answer.headers["retry-after"] for answer in refused} == {"5"}
    assert all(told(answer.json()) for answer in refused), refused[0].text
    assert crowd.answers["first"].status_code == 200
    assert len(front.upstream.asked("/chat/completions")) == 1


async def test_those_in_the_queue_get_their_turn_in_the_order_in_which_they_came(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = trio.Event()
    async with open_front(tmp_path, server__max_concurrent=1) as front:
        front.upstream.play("/chat/completions", held(gate))
        async with trio.open_nursery() as nursery:
            crowd = Crowd(front, nursery)
            await queued(crowd, "abcde", caplog)
            assert len(front.upstream.asked("/chat/completions")) == 1
            gate.set()

    assert list(crowd.answers) == list("abcde")
    assert {answer.status_code for answer in crowd.answers.values()} == {200}


async def test_nobody_waits_in_the_queue_for_longer_than_is_configured(tmp_path: Path) -> None:
    gate = trio.Event()
    async with (
        open_front(tmp_path, server__max_concurrent=1, server__queue_timeout=0.3) as front,
        trio.open_nursery() as nursery,
    ):
        front.upstream.play("/chat/completions", held(gate))
        crowd = Crowd(front, nursery)
        crowd.ask("first")
        await until(lambda: bool(front.upstream.asked("/chat/completions")))
        began = trio.current_time()
        refused = await front.http.post("/v1/chat/completions", json=CHAT)
        waited = trio.current_time() - began
        gate.set()

    assert refused.status_code == 503
    assert "queue_timeout" in refused.json()["error"]["message"]
    assert refused.headers["retry-after"] == "5"
    assert 0.25 < waited < 3
    assert crowd.answers["first"].status_code == 200


async def test_a_body_that_does_not_come_takes_nobodys_place(tmp_path: Path) -> None:
    async with open_front(tmp_path, server__max_concurrent=1, server__max_queued=0) as front:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
        async with await trio.open_tcp_stream("127.0.0.1", front.port) as stalled:
            await stalled.send_all(head)
            await trio.sleep(0.1)
            answer = await front.http.post("/v1/chat/completions", json=CHAT)

    assert answer.status_code == 200


@pytest.mark.parametrize("path", DISCOVERY)
async def test_what_is_told_from_memory_does_not_wait_for_a_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    gate = trio.Event()
    async with open_front(tmp_path, server__max_concurrent=1) as front, trio.open_nursery() as nursery:
        front.upstream.play("/chat/completions", held(gate))
        crowd = Crowd(front, nursery)
        await queued(crowd, "ab", caplog)
        with trio.fail_after(5):
            answer = await front.http.get(path)
        gate.set()

    assert answer.status_code == 200


async def test_a_client_that_leaves_the_queue_leaves_its_place_to_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = trio.Event()
    async with open_front(tmp_path, server__max_concurrent=1, server__max_queued=1) as front:
        front.upstream.play("/chat/completions", held(gate))
        async with trio.open_nursery() as nursery:
            crowd = Crowd(front, nursery)
            await queued(crowd, "ab", caplog)
            full = await front.http.post("/v1/chat/completions", json=CHAT)
            crowd.leave("b")
            await until(lambda: left(caplog), 15)
            await queued(crowd, "c", caplog, full=True)
            gate.set()

    assert full.status_code == 503
    assert list(crowd.answers) == ["a", "c"]
    assert crowd.answers["c"].status_code == 200
    assert len(front.upstream.asked("/chat/completions")) == 2  # Copilot has not heard of the one that left


async def test_a_place_is_kept_to_the_last_byte_and_freed_by_a_client_that_leaves(tmp_path: Path) -> None:
    async with open_front(tmp_path, server__max_concurrent=1, server__queue_timeout=0.5) as front:
        front.upstream.play("/chat/completions", stream(chat_chunk("Hel"), then=stall), stream(*CHAT_EVENTS))
        async with await trio.open_tcp_stream("127.0.0.1", front.port) as client:
            body = json.dumps({**CHAT, "stream": True})
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            await client.send_all((head + body).encode())
            begun = await client.receive_some(65536)
            meanwhile = await front.http.post("/v1/chat/completions", json=CHAT)
        await until(lambda: bool(front.upstream.left))
        afterwards = await front.http.post("/v1/chat/completions", json={**CHAT, "stream": True})

    assert begun.startswith(b"HTTP/1.1 200")
    assert meanwhile.status_code == 503
    assert afterwards.status_code == 200
    assert afterwards.text.endswith("data: [DONE]\n\n")


async def test_ten_times_as_many_clients_as_places_are_all_answered_or_refused(tmp_path: Path) -> None:
    busiest = 0
    busy = 0

    async def counting(wire: Wire) -> None:
        nonlocal busy, busiest
        busy += 1
        busiest = max(busiest, busy)
        await trio.sleep(0.02)
        busy -= 1
        await wire.answer(CHAT_WHOLE)

    async with open_front(tmp_path, server__max_concurrent=8, server__max_queued=24) as front:
        front.upstream.play("/chat/completions", counting)
        async with trio.open_nursery() as nursery:
            crowd = Crowd(front, nursery)
            for number in range(80):
                crowd.ask(f"client {number}")

    statuses = [answer.status_code for answer in crowd.answers.values()]
    assert len(statuses) == 80
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 32  # the places and the queue
    assert busiest <= 8
    assert statuses.count(200) == len(front.upstream.asked("/chat/completions"))


def test_every_route_that_asks_copilot_for_an_answer_has_a_limit() -> None:
    app = build_app(Server(), cast("Exchange", None), cast("Catalogue", None))
    posts = {rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}

    others = {rule for rule in posts - admission.CALLS if not rule.removeprefix("/v1").startswith("/api/")}
    assert posts >= admission.CALLS
    assert others == {"/v1/messages/count_tokens"}
    tells = {rule.removeprefix("/v1") for rule in posts - admission.CALLS - others}
    assert not {rule for rule in tells if rule.startswith(("/api/chat", "/api/gen", "/api/emb"))}


# ---- the pace towards Copilot


async def test_no_more_calls_are_at_copilot_than_are_configured_and_the_first_come_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = trio.Event()

    def settled(count: int) -> bool:
        return len(front.upstream.asked("/chat/completions")) + waiting(caplog) >= count

    async with open_front(tmp_path, copilot__max_concurrent=1) as front:
        front.upstream.play("/chat/completions", held(gate))
        async with trio.open_nursery() as nursery:
            crowd = Crowd(front, nursery)
            for number in range(6):
                crowd.ask(str(number), body={**CHAT, "user": str(number)})
                await until(partial(settled, number + 1), 15)
            before = len(front.upstream.asked("/chat/completions"))
            listed = await front.http.get("/v1/models")
            gate.set()

    assert before == 1
    assert listed.status_code == 200
    assert {answer.status_code for answer in crowd.answers.values()} == {200}
    assert [request.json()["user"] for request in front.upstream.asked("/chat/completions")] == list("012345")


async def test_calls_begin_at_least_the_configured_interval_after_each_other(tmp_path: Path) -> None:
    async with open_front(tmp_path, copilot__min_interval=0.2) as front:
        async with trio.open_nursery() as nursery:
            crowd = Crowd(front, nursery)
            for number in range(5):
                crowd.ask(str(number))
        times = [request.at for request in front.upstream.asked("/chat/completions")]

    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) == 4
    assert min(gaps) > 0.15  # a call may be a little on its way
    assert {answer.status_code for answer in crowd.answers.values()} == {200}


async def test_one_that_leaves_while_it_waits_for_its_turn_costs_the_others_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = trio.Event()
    async with open_front(tmp_path, copilot__max_concurrent=1) as front:
        front.upstream.play("/chat/completions", held(gate))
        async with trio.open_nursery() as nursery:
            crowd = Crowd(front, nursery)
            await queued(crowd, "abc", caplog)
            crowd.leave("b")
            await until(lambda: left(caplog), 15)
            gate.set()

    assert list(crowd.answers) == ["a", "c"]
    assert len(front.upstream.asked("/chat/completions")) == 2


@pytest.mark.parametrize("stream_it", [True, False])
async def test_a_request_of_several_calls_does_not_wait_for_its_own_place(tmp_path: Path, stream_it: bool) -> None:
    async with open_front(tmp_path, copilot__max_concurrent=1, server__max_concurrent=1) as front:
        body = {"model": "gpt-4o", "prompt": ["one", "two", "three"], "stream": stream_it}
        for _ in range(2):
            answer = await front.http.post("/v1/completions", json=body)
            assert answer.status_code == 200

    assert len(front.upstream.asked("/chat/completions")) == 6
    if not stream_it:
        assert len(json.loads(answer.content)["choices"]) == 3
