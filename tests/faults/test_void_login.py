"""A login that is revoked, deleted, replaced or of the wrong kind, under a server that goes on; and files that are not
the user's own.
"""

import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trio
from faults.dialects import DIALECTS, Dialect, label
from faults.lives import Clock, giving, open_scripted
from faults.upstream import CHAT, TOKEN_PATH, Front, until, whole
from program import Running, World, environment

from passenger_trio.config import GITHUB_TOKEN
from passenger_trio.copilot.store import TokenStore
from passenger_trio.secret import Secret
from passenger_trio.simulator import Simulator, serve as serve_simulator

GOOD = giving()
VOID = whole(b'{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}', 401)
GONE_IN = 5.0
"""Seconds within which a change of the files is to be noticed."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def exchanges(front: Front) -> int:
    return len(front.upstream.asked(TOKEN_PATH))


async def until_status(front: Front, status: int) -> None:
    """Ask until a chat has ``status``."""
    with trio.fail_after(GONE_IN):
        while (await front.http.post("/v1/chat/completions", json=CHAT)).status_code != status:
            await trio.sleep(0.02)


@pytest.mark.parametrize("dialect", DIALECTS, ids=label)
async def test_a_login_that_github_voids_is_a_401_with_the_remedy_and_a_new_one_is_taken_up(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, dialect: Dialect
) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        assert (await front.http.post(dialect.path, json=dialect.ask(stream=False))).status_code == 200
        front.upstream.play(TOKEN_PATH, VOID)
        clock.ahead = 1750.0
        await until_status(front, 401)

        answers = [await front.http.post(dialect.path, json=dialect.ask(stream=stream)) for stream in (False, True)]

        assert [answer.status_code for answer in answers] == [401, 401]
        assert all("passenger-trio login" in dialect.wrong(answer) for answer in answers)
        assert exchanges(front) == 2, "a void login is asked about once"
        [line] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert "no longer honours this login" in line
        assert "passenger-trio login" in line
        ready = await front.http.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["token"]["problem"] == "not_logged_in"
        assert (await front.http.get("/health")).status_code == 200

        front.upstream.play(TOKEN_PATH, GOOD)
        await TokenStore.of(front.config).save_access(Secret("ghu_" + "n3Ws" * 9))

        await until_status(front, 200)
        assert (await front.http.post(dialect.path, json=dialect.ask(stream=True))).status_code == 200
        assert exchanges(front) == 3


async def test_a_new_login_is_taken_up_without_any_request(tmp_path: Path, clock: Clock) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        front.upstream.play(TOKEN_PATH, VOID)
        clock.ahead = 8 * 3600.0
        await until_status(front, 401)
        front.upstream.play(TOKEN_PATH, GOOD)
        await TokenStore.of(front.config).save_access(Secret("ghu_" + "n3Ws" * 9))

        await until(lambda: exchanges(front) == 3, GONE_IN)


@pytest.mark.parametrize("dialect", DIALECTS, ids=label)
async def test_a_logout_is_noticed_within_seconds_and_ends_in_401_until_somebody_logs_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, dialect: Dialect
) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        store = TokenStore.of(front.config)
        await store.clear()
        await until_status(front, 401)

        answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))

        assert answer.status_code == 401
        assert "Run `passenger-trio login`" in dialect.wrong(answer)
        [line] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert "Nobody is logged in" in line
        assert exchanges(front) == 1

        await store.save_access(Secret("ghu_" + "n3Ws" * 9))
        await until_status(front, 200)
        assert exchanges(front) == 2


async def test_another_account_is_never_served_with_the_token_of_the_first(tmp_path: Path) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        await front.http.post("/v1/chat/completions", json=CHAT)
        before = front.upstream.asked("/chat/completions")[0].headers["authorization"]
        await TokenStore.of(front.config).save_access(Secret("ghu_" + "0Th3" * 9))
        await until(lambda: exchanges(front) == 2, GONE_IN)

        await front.http.post("/v1/chat/completions", json=CHAT)

        assert front.upstream.asked("/chat/completions")[-1].headers["authorization"] != before
        assert front.upstream.asked(TOKEN_PATH)[-1].headers["authorization"] == "token ghu_" + "0Th3" * 9


async def test_a_login_of_the_wrong_kind_that_is_saved_meanwhile_ends_nothing_but_chats(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        store = TokenStore.of(front.config)
        mine = await store.read_access()
        assert mine is not None
        await store.save_access(Secret("ghp_" + "p4T0" * 9))
        clock.ahead = 8 * 3600.0
        await until_status(front, 401)

        answer = await front.http.post("/v1/chat/completions", json=CHAT)

        assert "personal access token" in answer.json()["error"]["message"]
        await store.save_access(mine)
        await until_status(front, 200)


# The real program


@pytest.fixture
async def world(nursery: trio.Nursery, tmp_path: Path) -> AsyncIterator[World]:
    simulator = Simulator(interval=1, polls=("success",))
    origin = await nursery.start(serve_simulator, simulator, socket.create_server(("127.0.0.1", 0)))
    directory = tmp_path / "work"
    directory.mkdir()
    made = World(simulator, origin, directory)
    made.configure(origin, "[server]\nport = 0\n")
    yield made
    assert made.leaks() == []


async def started(world: World, nursery: trio.Nursery) -> tuple[Running, str]:
    """A server in a process of its own, and its address."""
    program = await world.start(nursery, "serve")
    heard = await program.hear("models: http", err=True)
    heard += "" if "/v1/models" in heard.partition("models: ")[2] else await program.hear("/v1/models", err=True)
    return program, "http" + heard.partition("models: http")[2].partition("/v1/models")[0]


async def test_a_logout_and_a_login_by_the_command_line_are_noticed_by_a_running_server(
    world: World, nursery: trio.Nursery
) -> None:
    world.log_in()
    program, url = await started(world, nursery)
    async with httpx.AsyncClient(base_url=url, timeout=15) as http:

        async def becomes(status: int) -> None:
            answer = None
            with trio.fail_after(GONE_IN):
                while answer is None or answer.status_code != status:
                    await trio.sleep(0.05)
                    answer = await http.post("/v1/chat/completions", json=CHAT)

        await becomes(200)
        assert (await world.run("logout")).code == 0
        await becomes(401)
        before = world.simulator.counts["token"]
        assert (await world.run("login", "--no-browser")).code == 0
        await becomes(200)

        assert world.simulator.counts["token"] == before + 1, "the login and the server have each asked"
    assert (await program.end(signal.SIGTERM)).code == 0


async def test_modes_of_token_files_are_mended_at_the_start_with_a_warning(world: World, nursery: trio.Nursery) -> None:
    world.log_in()
    await world.run("refresh-token")
    for path in (world.access_path, world.copilot_path):
        path.chmod(0o644)

    program = await world.start(nursery, "serve")
    heard = await program.hear("models: http", err=True)

    for path in (world.access_path, world.copilot_path):
        assert f"{path} could be read by others" in heard
        assert path.stat().st_mode & 0o777 == 0o600
    assert (await program.end(signal.SIGTERM)).code == 0


@pytest.mark.parametrize("verb", ["serve", "login"])
@pytest.mark.parametrize("name", ["access_token.json", "token.json"])
async def test_a_token_file_that_is_a_link_is_refused_with_words(world: World, verb: str, name: str) -> None:
    world.log_in()
    await world.run("refresh-token")
    path = world.access_path.with_name(name)
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))

    done = await world.run(verb)

    assert done.code == 7
    assert f"{path} is a link" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("verb", ["serve", "login"])
async def test_a_token_file_of_another_user_is_refused_with_words(world: World, verb: str) -> None:
    world.log_in()
    os.chown(world.access_path, 12345, -1)

    done = await world.run(verb)

    assert done.code == 7
    assert "belongs to another user (uid 12345" in done.err


async def test_a_login_in_the_environment_is_used_and_never_written(
    world: World, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = world.simulator.log_in()
    monkeypatch.setenv(GITHUB_TOKEN, token)
    assert environment()[GITHUB_TOKEN] == token
    world.access_path.parent.mkdir(mode=0o700)

    program, _ = await started(world, nursery)
    status = await world.run("status", "--json")
    models = await world.run("models")

    assert (status.code, models.code) == (0, 0)
    assert GITHUB_TOKEN in status.out
    assert world.simulator.counts["token"] == 1
    assert (await program.end(signal.SIGTERM)).code == 0
    assert not world.access_path.exists()
    assert not any(token in path.read_text() for path in world.access_path.parent.iterdir())


async def test_a_login_in_the_environment_is_not_served_with_a_saved_accounts_token(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.log_in()
    await world.run("refresh-token")
    monkeypatch.setenv(GITHUB_TOKEN, world.simulator.log_in())

    await world.run("models")

    assert world.simulator.counts["token"] == 2


@pytest.mark.parametrize(
    "kind, words",
    [
        ("ghp_", "a personal access token (classic)"),
        ("github_pat_", "a fine-grained personal access token"),
        ("ghs_", "an Actions run (GITHUB_TOKEN)"),
        ("gho_", "OAuth app"),
        ("ghu_", "Copilot's own plugins"),
    ],
)
@pytest.mark.parametrize("verb", ["serve", "models"])
async def test_a_token_that_is_no_login_is_explained_by_its_kind(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str, words: str, verb: str
) -> None:
    token = kind + "x7Y9" * 9
    monkeypatch.setenv(GITHUB_TOKEN, token)

    done = await world.run(verb)

    assert done.code == 3
    assert words in done.err
    assert GITHUB_TOKEN in done.err
    assert token not in done.out + done.err
