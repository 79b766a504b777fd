"""Keys: shown once, kept as hashes, asked for where others could come, good and void without a restart."""

import hashlib
import logging
import re
import stat
from pathlib import Path

import httpx
import msgspec
import pytest
import trio
from faults.upstream import CHAT, open_front
from program import World
from trio.testing import MockClock

from passenger_trio.config import Server, config_directory
from passenger_trio.errors import ConfigError, StoreError
from passenger_trio.secret import Secret
from passenger_trio.server.guard import refuse_exposure
from passenger_trio.server.keys import CONFIGURED, LOOK_EVERY, Keys, KeyStore
from passenger_trio.simulator import Simulator

KEY = re.compile(r"pt-[A-Za-z0-9_-]{43}")
HEADERS = [("Authorization", "Bearer {}"), ("Authorization", "bearer  {}"), ("x-api-key", "{}"), ("api-key", "{}")]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The program alone: no verb here asks GitHub."""
    return World(Simulator(), "", tmp_path)


def kept() -> Path:
    return config_directory() / "keys.json"


def added(name: str = "laptop") -> str:
    return KeyStore().add(name, now=1_700_000_000).reveal()


async def status_with(http: httpx.AsyncClient, key: str) -> int:
    return (await http.get("/v1/models", headers={"x-api-key": key})).status_code


async def seen_to_answer(http: httpx.AsyncClient, key: str, status: int) -> None:
    with trio.fail_after(LOOK_EVERY * 6):
        while await status_with(http, key) != status:
            await trio.sleep(LOOK_EVERY / 10)


# The verb


async def test_a_key_is_shown_once_and_only_its_hash_is_kept(world: World) -> None:
    made = await world.run("keys", "add", "laptop", configured=False)
    listed = await world.run("keys", "list", configured=False)
    told = await world.run("keys", "--json", configured=False)

    key = made.out.strip()
    assert (made.code, listed.code, told.code) == (0, 0, 0)
    assert KEY.fullmatch(key)
    assert "shown this once" in made.err
    assert key not in made.err + listed.out + listed.err + told.out
    assert key not in kept().read_text()
    [entry] = msgspec.json.decode(kept().read_bytes())["keys"]
    assert (entry["name"], entry["sha256"]) == ("laptop", hashlib.sha256(key.encode()).hexdigest())
    assert told.json() == [{"name": "laptop", "created": entry["created"]}]
    assert "laptop" in listed.out


async def test_the_file_of_keys_is_for_its_owner_alone(world: World) -> None:
    await world.run("keys", "add", "laptop", configured=False)
    kept().chmod(0o666)
    await world.run("keys", "list", configured=False)

    assert stat.S_IMODE(kept().stat().st_mode) == 0o600
    assert stat.S_IMODE(kept().parent.stat().st_mode) == 0o700


async def test_no_key_is_lost_when_many_are_made_at_once(world: World) -> None:
    names = [f"client-{number}" for number in range(6)]
    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(lambda name=name: world.run("keys", "add", name, configured=False))

    assert sorted(key.name for key in KeyStore().read()) == names


@pytest.mark.parametrize("name", ["", "-x", "a b", "a\nb", "x" * 65, "ключ", "../x", CONFIGURED, "a=b"])
def test_a_name_that_would_spoil_a_line_of_the_log_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name"):
        KeyStore().add(name, now=0)

    assert not kept().exists()


async def test_a_name_is_used_once_and_one_that_is_not_there_cannot_be_revoked(world: World) -> None:
    first = await world.run("keys", "add", "laptop", configured=False)
    second = await world.run("keys", "add", "laptop", configured=False)
    unknown = await world.run("keys", "revoke", "phone", configured=False)
    gone = await world.run("keys", "revoke", "laptop", configured=False)
    none = await world.run("keys", configured=False)

    assert [run.code for run in (first, second, unknown, gone, none)] == [0, 2, 2, 0, 0]
    assert "keys revoke laptop" in second.err
    assert "keys list" in unknown.err
    assert "keys add NAME" in none.out


def test_a_file_that_is_none_of_keys_is_not_written_over() -> None:
    kept().parent.mkdir(parents=True)
    kept().write_text("[broken")

    with pytest.raises(StoreError, match=r"keys\.json is no file of keys"):
        KeyStore().add("laptop", now=0)
    assert kept().read_text() == "[broken"


def test_a_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    kept().parent.mkdir(parents=True)
    (tmp_path / "real.json").write_text('{"keys": []}')
    kept().symlink_to(tmp_path / "real.json")
    added()

    assert kept().is_symlink()
    assert "laptop" in (tmp_path / "real.json").read_text()


# Where one is needed


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.20", "laptop.example", ""])  # noqa: S104
def test_serving_others_needs_a_key_and_one_that_is_kept_will_do(host: str) -> None:
    with pytest.raises(ConfigError, match="`passenger-trio keys add NAME`"):
        refuse_exposure(Server(host=host))
    added()

    assert refuse_exposure(Server(host=host)) is None


async def test_the_program_refuses_to_serve_others_without_a_key(world: World) -> None:
    done = await world.run("serve", "--host", "0.0.0.0", "--port", "0", configured=False)  # noqa: S104

    assert done.code == 2
    assert "`passenger-trio keys add NAME`" in done.err
    assert done.err.count("\n") == 1


def test_a_server_that_nobody_could_use_does_not_start() -> None:
    with pytest.raises(ConfigError, match="require_key is set"):
        refuse_exposure(Server(require_key=True))

    assert refuse_exposure(Server(require_key=True, api_key=Secret("k"))) is None
    assert refuse_exposure(Server()) is None


@pytest.mark.parametrize("server", [Server(), Server(require_key=True), Server(host="0.0.0.0")])  # noqa: S104
async def test_a_key_is_required_beyond_loopback_and_where_it_is_wished(server: Server) -> None:
    assert Keys(server).required is (server != Server())


async def test_on_loopback_any_key_or_none_will_do(tmp_path: Path) -> None:
    added()
    async with open_front(tmp_path) as front:
        without = await front.http.post("/v1/chat/completions", json=CHAT)
        wrong = await front.http.post("/v1/chat/completions", json=CHAT, headers={"Authorization": "Bearer any"})

    assert (without.status_code, wrong.status_code) == (200, 200)


# A running server


@pytest.mark.parametrize("name, form", HEADERS)
async def test_a_key_is_taken_from_any_of_the_headers_of_clients(tmp_path: Path, name: str, form: str) -> None:
    key = added()
    async with open_front(tmp_path, server__require_key=True) as front:
        right = await front.http.post("/v1/chat/completions", json=CHAT, headers={name: form.format(key)})
        wrong = await front.http.post("/v1/chat/completions", json=CHAT, headers={name: form.format(key[:-1])})

        assert (right.status_code, wrong.status_code) == (200, 401)
        assert wrong.json()["error"]["code"] == "invalid_api_key"
        assert len(front.upstream.asked("/chat/completions")) == 1


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat", "/nowhere"])
async def test_the_refusal_is_in_the_dialect_and_repeats_no_key(tmp_path: Path, path: str) -> None:
    key = added()
    async with open_front(tmp_path, server__require_key=True) as front:
        answer = await front.http.post(path, json=CHAT, headers={"x-api-key": f"{key}x"})

        assert answer.status_code == 401
        assert "keys add NAME" in str(answer.json()["error"])
        assert key not in answer.text
        assert front.upstream.asked("/chat/completions") == []


async def test_the_hash_of_a_key_is_no_key(tmp_path: Path) -> None:
    added()
    [entry] = KeyStore().read()
    async with open_front(tmp_path, server__require_key=True) as front:
        assert await status_with(front.http, entry.sha256) == 401
        assert await status_with(front.http, f"pt-{entry.sha256}") == 401


async def test_a_key_counts_and_a_revoked_one_does_not_without_a_restart(tmp_path: Path) -> None:
    first = added("first")
    async with open_front(tmp_path, server__require_key=True) as front:
        assert await status_with(front.http, first) == 200
        second = added("second")
        await seen_to_answer(front.http, second, 200)
        KeyStore().revoke("first")
        await seen_to_answer(front.http, first, 401)
        assert await status_with(front.http, second) == 200
        kept().unlink()
        await seen_to_answer(front.http, second, 401)


async def test_all_who_come_at_the_start_are_known(tmp_path: Path) -> None:
    key = added()
    statuses: list[int] = []

    async def ask(http: httpx.AsyncClient) -> None:
        statuses.append(await status_with(http, key))

    async with open_front(tmp_path, server__require_key=True) as front, trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask, front.http)

    assert statuses == [200] * 20


async def test_a_file_that_becomes_unreadable_lets_nobody_in_and_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = added()
    async with open_front(tmp_path, server__api_key="of-the-configuration") as front:
        assert await status_with(front.http, key) == 200
        kept().write_text("{")
        await seen_to_answer(front.http, key, 401)
        await trio.sleep(LOOK_EVERY)  # for a second look at the same file
        assert await status_with(front.http, key) == 401
        assert await status_with(front.http, "of-the-configuration") == 200

    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(lines) == 1
    assert "is no file of keys" in lines[0]


@pytest.mark.parametrize("failing", ["read", "stamp"])
async def test_a_look_that_fails_once_keeps_nobody_out_for_longer_than_to_the_next(
    failing: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    first = added("first")
    keys = Keys(Server(require_key=True))
    assert await keys.holder([first]) == "first"
    second = added("second")
    true, left = getattr(KeyStore, failing), [1, 1]

    def short_of_descriptors(store: KeyStore) -> object:
        if left:
            left.pop()
            raise StoreError("keys.json cannot be read: Too many open files.")
        return true(store)

    monkeypatch.setattr(KeyStore, failing, short_of_descriptors)
    found = []
    for _ in range(4):
        await trio.sleep(LOOK_EVERY)
        found.append([await keys.holder([key]) for key in (first, second)])

    assert found == [[None, None]] * 2 + [["first", "second"]] * 2
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_the_log_names_the_key_of_a_request_and_never_shows_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = added("laptop")
    async with open_front(tmp_path, server__api_key="of-the-configuration") as front:
        await front.http.post("/v1/chat/completions", json=CHAT, headers={"api-key": key})
        await front.http.post("/v1/chat/completions", json=CHAT, headers={"api-key": "of-the-configuration"})
        await front.http.post("/v1/chat/completions", json=CHAT, headers={"api-key": "another"})

    said = [record.getMessage() for record in caplog.records if record.name == "passenger_trio.server"]
    lines = [line for line in said if line.startswith("POST")]
    assert [re.findall(r" key=(\S+)", line) for line in lines] == [["laptop"], [CONFIGURED], []]
    assert [line for line in said if key in line or "of-the-configuration" in line] == []


async def test_a_key_is_never_sent_upstream(tmp_path: Path) -> None:
    key = added()
    async with open_front(tmp_path, server__require_key=True) as front:
        for name, form in HEADERS:
            await front.http.post("/v1/chat/completions", json=CHAT, headers={name: form.format(key)})

        asked = front.upstream.requests
        assert len(front.upstream.asked("/chat/completions")) == len(HEADERS)
        assert [request for request in asked if key in f"{request.headers}{request.body!r}{request.path}"] == []


async def test_every_key_is_compared_whichever_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [added(f"client-{number}") for number in range(3)]
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return one == other

    monkeypatch.setattr("passenger_trio.server.keys.hmac.compare_digest", compare)
    assert await Keys(Server(api_key=Secret("k"))).holder([keys[0]]) == "client-0"
    assert len(compared) == 4
