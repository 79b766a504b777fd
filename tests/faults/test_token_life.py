"""The Copilot token under clocks that jump, a GitHub that fails and lies, and several processes at once."""

import signal
import socket
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from faults.dialects import DIALECTS, Dialect, label
from faults.lives import TROUBLES, Clock, giving, open_scripted, serving
from faults.upstream import (
    CHAT,
    TOKEN_PATH,
    Front,
    Script,
    chat_chunk,
    close,
    raw,
    reset,
    stall,
    stream,
    until,
    well,
    whole,
)
from program import World

from passenger_trio.copilot.store import TokenStore
from passenger_trio.simulator import Simulator, serve as serve_simulator

TEXT = "text/plain; charset=utf-8"
EXPIRED = whole(b"IDE token expired: unauthorized: token expired\n", 401, TEXT)
GOOD = giving()
MISDIRECTED = whole(b"Misdirected Request\n", 421, TEXT)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def chat(front: Front) -> httpx.Response:
    return await front.http.post("/v1/chat/completions", json=CHAT)


async def left(front: Front) -> int | None:
    """Seconds that the token lives yet, as the house says."""
    seconds: int | None = (await front.http.get("/health/ready")).json()["token"]["seconds_left"]
    return seconds


def exchanges(front: Front) -> int:
    return len(front.upstream.asked(TOKEN_PATH))


# Clocks


@pytest.mark.parametrize("hours", [1, 8, 72])
async def test_the_first_request_after_a_sleep_of_hours_is_answered_with_a_new_token(
    tmp_path: Path, clock: Clock, hours: int
) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        await chat(front)
        clock.ahead = hours * 3600.0

        answer = await chat(front)

        assert answer.status_code == 200
        before, after = (asked.headers["authorization"] for asked in front.upstream.asked("/chat/completions"))
        assert before != after
        assert exchanges(front) == 2


async def test_a_sleep_is_noticed_within_seconds_without_any_request(tmp_path: Path, clock: Clock) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        clock.ahead = 8 * 3600.0
        await until(lambda: exchanges(front) == 2, 5)


async def test_a_token_is_renewed_before_its_last_minute(tmp_path: Path, clock: Clock) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        clock.ahead = 1730.0
        assert (await chat(front)).status_code == 200
        assert exchanges(front) == 1
        clock.ahead = 1741.0
        await until(lambda: exchanges(front) == 2, 5)


@pytest.mark.parametrize("step", [-7200.0, -600.0, 600.0])
async def test_a_clock_that_is_set_neither_kills_nor_prolongs_a_token(
    tmp_path: Path, clock: Clock, step: float
) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        clock.ahead = step

        assert (await chat(front)).status_code == 200
        seconds = await left(front)
        assert seconds is not None
        assert seconds <= 1800
        assert exchanges(front) == 1


async def test_a_clock_that_was_set_back_while_nothing_ran_makes_no_old_token_young(tmp_path: Path) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        store = TokenStore.of(front.config)
        saved = await store.read_copilot()
        assert saved is not None
        assert saved.local_issued_at is not None
        assert saved.local_expires_at is not None
        saved.local_issued_at += 7200
        saved.local_expires_at += 7200
        await store.save_copilot(saved)

        async with serving(front.config):
            assert exchanges(front) == 2


@pytest.mark.parametrize("skew", [-7200, 7200])
@pytest.mark.parametrize("refresh", [1500, None, 0, -5, 10**12, 1e300])
async def test_a_skew_of_two_hours_and_any_refresh_in_leave_a_life_as_it_is(
    tmp_path: Path, skew: int, refresh: float | None
) -> None:
    async with open_scripted(tmp_path, giving(skew=skew, refresh_in=refresh)) as front:
        assert (await left(front) or 0) in range(1790, 1801)
        assert (await chat(front)).status_code == 200
        assert exchanges(front) == 1


@pytest.mark.parametrize("date", [None, "yesterday", formatdate(0, usegmt=True), formatdate(4e9, usegmt=True)])
async def test_an_absent_or_wrong_date_does_not_end_the_service(tmp_path: Path, date: str | None) -> None:
    async with open_scripted(tmp_path, giving(date=date)) as front:
        assert (await left(front) or 0) in range(1550, 1801)
        assert (await chat(front)).status_code == 200
        assert exchanges(front) == 1


@pytest.mark.parametrize("life, most", [(20, 1), (5, 3), (1, 6)])
async def test_lives_of_seconds_serve_every_request_without_a_busy_loop(tmp_path: Path, life: float, most: int) -> None:
    async with open_scripted(tmp_path, giving(life=life + 0.999, refresh_in=0)) as front:
        end = trio.current_time() + 5
        while trio.current_time() < end:
            assert (await chat(front)).status_code == 200

        assert 1 <= exchanges(front) <= most + 1


# One exchange for all


async def test_fifty_requests_that_meet_a_refused_token_cost_one_exchange(tmp_path: Path) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        dead = (await TokenStore.of(front.config).read_copilot() or pytest.fail("no token")).token

        async def picky(wire: Any) -> None:
            await (EXPIRED if dead in wire.request.headers["authorization"] else well)(wire)

        front.upstream.play("/chat/completions", picky)
        statuses: list[int] = []

        async def ask() -> None:
            statuses.append((await chat(front)).status_code)

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(ask)

        assert statuses == [200] * 50
        assert exchanges(front) == 2
        assert len(front.upstream.asked("/chat/completions")) <= 100


@pytest.mark.parametrize("refusal", [EXPIRED, MISDIRECTED], ids=["401", "421"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=label)
async def test_a_refused_token_is_renewed_and_the_call_sent_once_more(
    tmp_path: Path, dialect: Dialect, refusal: Script
) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        front.upstream.play(dialect.upstream, refusal, well)

        answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))

        assert answer.status_code == 200
        assert dialect.is_good(answer.text)
        first, again = front.upstream.asked(dialect.upstream)
        assert first.body == again.body
        assert first.headers["authorization"] != again.headers["authorization"]
        assert exchanges(front) == 2


@pytest.mark.parametrize("refusal", [EXPIRED, MISDIRECTED], ids=["401", "421"])
async def test_a_token_that_is_refused_again_and_again_costs_two_calls_each_time_and_few_exchanges(
    tmp_path: Path, refusal: Script
) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        front.upstream.play("/chat/completions", refusal)

        statuses = [(await chat(front)).status_code for _ in range(10)]

        assert not any(status < 400 for status in statuses)
        assert len(front.upstream.asked("/chat/completions")) <= 20
        assert exchanges(front) <= 6


@pytest.mark.parametrize("ending", [reset, close], ids=["reset", "end"])
async def test_a_call_whose_answer_has_begun_is_never_sent_again(tmp_path: Path, ending: Any) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        front.upstream.play("/chat/completions", stream(chat_chunk("Hel"), then=ending))

        answer = await front.http.post("/v1/chat/completions", json={**CHAT, "stream": True})

        assert "[DONE]" not in answer.text
        assert len(front.upstream.asked("/chat/completions")) == 1


async def test_two_houses_of_one_login_share_one_exchange_also_when_the_token_is_refused(tmp_path: Path) -> None:
    async with open_scripted(tmp_path, GOOD) as front, serving(front.config) as other:
        assert exchanges(front) == 1
        dead = (await TokenStore.of(front.config).read_copilot() or pytest.fail("no token")).token

        async def picky(wire: Any) -> None:
            await (EXPIRED if dead in wire.request.headers["authorization"] else well)(wire)

        front.upstream.play("/chat/completions", picky)
        statuses: list[int] = []

        async def ask(http: httpx.AsyncClient) -> None:
            statuses.append((await http.post("/v1/chat/completions", json=CHAT)).status_code)

        async with trio.open_nursery() as nursery:
            for http in (front.http, other) * 10:
                nursery.start_soon(ask, http)

        assert statuses == [200] * 20
        assert exchanges(front) == 2


@pytest.fixture
async def world(nursery: trio.Nursery, tmp_path: Path) -> World:
    simulator = Simulator(interval=1, polls=("success",))
    origin = await nursery.start(serve_simulator, simulator, socket.create_server(("127.0.0.1", 0)))
    directory = tmp_path / "work"
    directory.mkdir()
    made = World(simulator, origin, directory)
    made.configure(origin, "[server]\nport = 0\n")
    made.log_in()
    return made


def counted(world: World) -> int:
    return world.simulator.counts["token"]


async def test_two_servers_and_the_command_line_share_one_exchange(world: World, nursery: trio.Nursery) -> None:
    async with trio.open_nursery() as starts:
        running = []

        async def start() -> None:
            program = await world.start(nursery, "serve")
            await program.hear("models: http", err=True)
            running.append(program)

        async def look() -> None:
            assert (await world.run("models")).code == 0

        for work in (start, start, look, look):
            starts.start_soon(work)

    assert counted(world) == 1
    world.simulator.kill_tokens()
    async with trio.open_nursery() as looks:
        looks.start_soon(look)
        looks.start_soon(look)

    assert counted(world) == 2
    for program in running:
        assert (await program.end(signal.SIGTERM)).code == 0
    assert world.leaks() == []


# GitHub in trouble


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_github_in_trouble_is_asked_seldom_while_the_old_token_serves_and_is_found_again(
    tmp_path: Path, clock: Clock, trouble: str
) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        front.upstream.play(TOKEN_PATH, TROUBLES[trouble])
        clock.ahead = 1750.0
        began = trio.current_time()
        await until(lambda: exchanges(front) == 2, 5)
        while trio.current_time() < began + 1.5:
            assert (await chat(front)).status_code == 200

        assert exchanges(front) <= 4, "attempts do not become rarer"
        if trouble != "endless":
            told = (await front.http.get("/health/ready")).json()
            assert told["ready"], "the old token lives"
            assert told["token"]["problem"] is not None
        front.upstream.play(TOKEN_PATH, GOOD)
        if trouble != "endless":  # that attempt ends with its limit of silence
            while (await left(front) or 0) < 1700:
                await trio.sleep(0.01)
            assert (await front.http.get("/health/ready")).json()["token"]["problem"] is None


@pytest.mark.parametrize("dialect", DIALECTS, ids=label)
async def test_a_request_waits_for_a_token_no_longer_than_is_configured(tmp_path: Path, dialect: Dialect) -> None:
    async with open_scripted(tmp_path, GOOD, copilot__token_timeout=0.4) as front:
        await chat(front)
        front.upstream.play(dialect.upstream, EXPIRED)
        front.upstream.play(TOKEN_PATH, raw(b"", stall))
        began = trio.current_time()

        answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))

        assert 0.4 <= trio.current_time() - began < 2
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert "token_timeout" in dialect.wrong(answer)


@pytest.mark.parametrize("dialect", DIALECTS, ids=label)
@pytest.mark.parametrize("trouble", ["reset", "500", "403-limited", "html-with-200"])
async def test_without_any_token_each_dialect_hears_when_to_come_again(
    tmp_path: Path, dialect: Dialect, trouble: str
) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        await chat(front)
        front.upstream.play(dialect.upstream, EXPIRED, well)
        front.upstream.play(TOKEN_PATH, TROUBLES[trouble])

        answer = await front.http.post(dialect.path, json=dialect.ask(stream=False))

        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert "cannot be renewed right now" in dialect.wrong(answer)
        ready = await front.http.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["token"]["problem"] is not None

        front.upstream.play(TOKEN_PATH, GOOD)
        while answer.status_code == 503:  # as a client would
            await trio.sleep(int(answer.headers["retry-after"]))
            answer = await front.http.post(dialect.path, json=dialect.ask(stream=False))
        assert answer.status_code == 200


# Whether it is ready


async def test_readiness_is_told_without_a_key_and_has_nothing_of_anybodys_in_it(tmp_path: Path) -> None:
    async with open_scripted(tmp_path, GOOD, server__api_key="a-key") as front:
        assert (await front.http.get("/v1/models")).status_code == 401
        while (answer := await front.http.get("/health/ready")).status_code != 200:
            await trio.sleep(0.01)  # the list is fetched after the door has opened
        saved = await TokenStore.of(front.config).read_copilot()

        assert saved is not None
        told = answer.json()
        assert told["ready"]
        assert told["token"].keys() == {"good", "seconds_left", "problem", "hint"}
        assert told["models"] == {"good": True, "count": 3, "problem": None, "hint": None}
        assert not any(secret in answer.text for secret in (saved.token, "tid=", "ghu_", front.upstream.origin))


async def test_readiness_asks_nobody(tmp_path: Path) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        await front.http.get("/v1/models")
        before = len(front.upstream.requests)

        for _ in range(20):
            await front.http.get("/health/ready")

        assert len(front.upstream.requests) == before


async def test_a_list_that_does_not_come_is_not_ready_and_says_so(tmp_path: Path) -> None:
    async with open_scripted(tmp_path, GOOD, github__copilot_models_url="http://127.0.0.1:9/models") as front:
        await front.http.get("/v1/models")

        answer = await front.http.get("/health/ready")

        assert answer.status_code == 503
        assert answer.json()["token"]["good"]
        assert answer.json()["models"]["problem"] == "unreachable"
