"""The token files, on a real file system."""

import errno
import fcntl
import json
import os
import stat
from pathlib import Path

import pytest
import trio

from passenger_trio.config import load
from passenger_trio.copilot import store as store_module
from passenger_trio.copilot.store import SavedToken, TokenStore
from passenger_trio.errors import ConfigError, NotLoggedIn, StoreError
from passenger_trio.secret import Secret
from passenger_trio.wire.github import Endpoints


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def store(home: Path) -> TokenStore:
    return TokenStore.of(load(environ={}).config)


@pytest.fixture(autouse=True)
def loose_umask() -> object:
    before = os.umask(0o000)
    yield
    os.umask(before)


async def test_the_files_are_in_the_configuration_directory_and_nobody_elses(store: TokenStore, home: Path) -> None:
    await store.save_access(Secret("ghu_one"))
    await store.save_copilot(SavedToken("tid=1", 1_780_001_800, 1500))

    directory = home / ".config" / "passenger-trio"
    assert sorted(path.name for path in directory.iterdir()) == ["access_token.json", "token.json"]
    assert mode(directory) == 0o700
    assert mode(directory / "access_token.json") == 0o600
    assert mode(directory / "token.json") == 0o600


async def test_what_is_saved_is_read_back(store: TokenStore) -> None:
    saved = SavedToken("tid=1", 1_780_001_800, 1500, Endpoints("https://api.example.com"), "free", 1_780_001_700.5)
    await store.save_access(Secret("ghu_one"))
    await store.save_copilot(saved)

    assert await store.read_access() == Secret("ghu_one")
    assert await store.read_copilot() == saved


async def test_the_shapes_are_passenger_rss(store: TokenStore) -> None:
    await store.save_access(Secret("ghu_one"))
    await store.save_copilot(SavedToken("tid=1", 1_780_001_800, 1500))

    assert json.loads(store.access_path.read_text())["access_token"] == "ghu_one"
    assert json.loads(store.copilot_path.read_text())["expires_at"] == 1_780_001_800


async def test_passenger_rss_files_are_read(store: TokenStore) -> None:
    store.access_path.parent.mkdir(parents=True)
    store.access_path.write_text('{"access_token":"ghu_rs","token_type":"bearer","scope":"read:user"}')
    store.copilot_path.write_text('{"token":"tid=rs","expires_at":1780001800,"refresh_in":1500}')

    assert await store.read_access() == Secret("ghu_rs")
    assert await store.read_copilot() == SavedToken("tid=rs", 1_780_001_800, 1500)


async def test_a_file_that_others_could_read_is_closed_to_them(
    store: TokenStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.access_path.parent.mkdir(parents=True)
    store.access_path.write_text('{"access_token":"ghu_rs"}')
    store.access_path.chmod(0o644)

    await store.read_access()

    assert mode(store.access_path) == 0o600
    assert "could be read by others" in caplog.text


async def test_without_files_there_is_no_login_and_no_token(store: TokenStore) -> None:
    assert await store.read_access() is None
    assert await store.read_copilot() is None


async def test_a_spoilt_login_is_an_error_and_a_spoilt_token_is_none(store: TokenStore) -> None:
    store.access_path.parent.mkdir(parents=True)
    store.access_path.write_text('{"access_tok')
    store.copilot_path.write_text("")

    with pytest.raises(StoreError, match="passenger-trio login"):
        await store.read_access()
    assert await store.read_copilot() is None


async def test_a_failed_write_leaves_the_old_file_and_no_litter(
    store: TokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.save_access(Secret("ghu_old"))

    def broken(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module.os, "fsync", broken)
    with pytest.raises(StoreError, match="No space left"):
        await store.save_access(Secret("ghu_new"))

    assert await store.read_access() == Secret("ghu_old")
    assert [path.name for path in store.access_path.parent.iterdir()] == ["access_token.json"]


async def test_a_directory_that_cannot_be_made_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = TokenStore(tmp_path / "file" / "a.json", tmp_path / "file" / "t.json")

    for attempt in (store.save_access(Secret("x")), store.check_writable()):
        with pytest.raises(StoreError, match="--access-token-path"):
            await attempt
    with pytest.raises(StoreError, match="--access-token-path"):
        async with store.locked():
            pytest.fail("it was locked")


@pytest.mark.parametrize("name", ["access_token.json", "token.json", "token.json.lock"])
async def test_a_link_is_refused_and_what_it_leads_to_is_left_alone(tmp_path: Path, name: str) -> None:
    target = tmp_path / "target"
    target.write_text('{"access_token":"ghu_theirs","token":"tid=theirs","expires_at":9}')
    target.chmod(0o644)
    (tmp_path / name).symlink_to(target)
    store = TokenStore(tmp_path / "access_token.json", tmp_path / "token.json")
    use = {
        "access_token.json": [store.read_access(), store.save_access(Secret("x")), store.check_writable()],
        "token.json": [store.read_copilot(), store.save_copilot(SavedToken("t", 1)), store.check_writable()],
        "token.json.lock": [_lock(store)],
    }

    for attempt in use.pop(name):
        with pytest.raises(StoreError, match="is a link"):
            await attempt
    for attempt in (attempt for attempts in use.values() for attempt in attempts):
        attempt.close()

    assert (target.read_text()[17:27], mode(target)) == ("ghu_theirs", 0o644)
    assert await store.clear() in ([], [tmp_path / name])
    assert target.exists()


async def _lock(store: TokenStore) -> None:
    async with store.locked():
        pytest.fail("it was locked")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", ["access_token.json", "token.json"])
async def test_another_users_file_is_refused(tmp_path: Path, name: str) -> None:
    theirs = tmp_path / name
    theirs.write_text('{"access_token":"ghu_theirs","token":"tid=theirs","expires_at":9}')
    os.chown(theirs, 12345, -1)
    store = TokenStore(tmp_path / "access_token.json", tmp_path / "token.json")

    with pytest.raises(StoreError, match="belongs to another user \\(uid 12345"):
        await (store.read_access() if name == "access_token.json" else store.read_copilot())
    with pytest.raises(StoreError, match="belongs to another user"):
        await store.check_writable()


async def test_what_is_no_file_is_refused_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "access_token.json")
    (tmp_path / "token.json").mkdir()
    store = TokenStore(tmp_path / "access_token.json", tmp_path / "token.json")

    with trio.fail_after(5):
        for attempt in (store.read_access(), store.read_copilot(), store.check_writable()):
            with pytest.raises(StoreError, match="is no file"):
                await attempt


async def test_a_login_in_the_environment_takes_the_place_of_the_saved_one_and_is_not_written(tmp_path: Path) -> None:
    store = TokenStore(tmp_path / "access_token.json", tmp_path / "token.json", Secret("ghu_environment"))
    await store.save_access(Secret("ghu_saved"))

    assert await store.read_access() == Secret("ghu_environment")
    assert store.login_place == "environment variable PASSENGER_TRIO_GITHUB_TOKEN"
    assert "ghu_environment" not in store.access_path.read_text()


@pytest.mark.parametrize(
    "kind, words", [("ghp_", "personal access"), ("github_pat_", "fine-grained"), ("ghs_", "Actions")]
)
@pytest.mark.parametrize("environment", [True, False])
async def test_a_token_of_the_wrong_kind_is_no_login_and_says_what_it_is(
    tmp_path: Path, kind: str, words: str, environment: bool
) -> None:
    wrong = Secret(f"{kind}0123456789")
    store = TokenStore(tmp_path / "a.json", tmp_path / "t.json", wrong if environment else None)
    if not environment:
        await store.save_access(wrong)

    with pytest.raises(NotLoggedIn, match=words) as refused:
        await store.read_access()

    assert "0123456789" not in refused.value.message
    assert ("PASSENGER_TRIO_GITHUB_TOKEN" if environment else "a.json") in refused.value.message
    assert "passenger-trio login" in refused.value.message


@pytest.mark.parametrize("token", ["", "a b", "a\\r\\nX-Evil: 1"])
async def test_a_saved_login_that_cannot_go_into_a_header_is_spoilt(tmp_path: Path, token: str) -> None:
    (tmp_path / "a.json").write_text(f'{{"access_token":"{token}"}}')

    with pytest.raises(StoreError, match="not a saved login"):
        await TokenStore(tmp_path / "a.json", tmp_path / "t.json").read_access()


async def test_to_forget_the_copilot_token_leaves_the_login(store: TokenStore) -> None:
    await store.save_access(Secret("ghu_one"))
    await store.save_copilot(SavedToken("tid=1", 1))

    await store.forget_copilot()
    await store.forget_copilot()

    assert await store.read_copilot() is None
    assert await store.read_access() == Secret("ghu_one")


def test_whose_a_token_is_tells_logins_apart_and_not_what_they_are() -> None:
    one, other = store_module.whose(Secret("ghu_one")), store_module.whose(Secret("ghu_two"))

    assert one != other
    assert "ghu" not in one
    assert one == store_module.whose(Secret("ghu_one"))


async def test_directories_of_others_keep_their_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    await TokenStore(shared / "a.json", shared / "t.json").save_access(Secret("x"))

    assert mode(shared) == 0o755


async def test_clear_deletes_both_and_says_which(store: TokenStore) -> None:
    await store.save_access(Secret("x"))

    assert await store.clear() == [store.access_path]
    assert await store.clear() == []


async def test_only_one_holds_the_lock(store: TokenStore) -> None:
    order: list[str] = []

    async def hold(name: str) -> None:
        async with store.locked():
            order.append(f"{name} in")
            await trio.sleep(0.02)
            order.append(f"{name} out")

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for name in "abc":
                nursery.start_soon(hold, name)

    assert [word.split()[1] for word in order] == ["in", "out"] * 3


async def test_another_processs_lock_is_waited_for_and_not_for_ever(
    store: TokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "LOCK_WAIT", 0.1)
    async with store.locked():
        pass
    lock = store.copilot_path.with_name("token.json.lock")
    assert mode(lock) == 0o600
    theirs = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        with trio.fail_after(5), pytest.raises(StoreError, match="Another passenger-trio"):
            async with store.locked():
                pytest.fail("it was locked twice")
    finally:
        os.close(theirs)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EIO])
async def test_a_file_system_without_locks_is_an_error_with_the_remedy(
    store: TokenStore, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    opened: list[int] = []

    def none(file: int, operation: int) -> None:
        opened.append(file)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(store_module.fcntl, "flock", none)

    with pytest.raises(StoreError, match=f"cannot be locked: {os.strerror(number)}.*--copilot-token-path"):
        await _lock(store)
    with pytest.raises(StoreError, match="cannot be locked"):
        await store.check_writable()
    for file in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(file)


async def test_a_logout_waits_for_an_exchange_that_is_under_way(store: TokenStore) -> None:
    await store.save_access(Secret("x"))
    locked = trio.Event()

    async def exchange() -> None:
        async with store.locked():
            locked.set()
            await trio.sleep(0.2)
            await store.save_copilot(SavedToken("tid=1", 1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange)
        await locked.wait()
        gone = await store.clear()

    assert gone == [store.access_path, store.copilot_path]
    assert await store.read_copilot() is None


async def test_a_logout_where_nothing_is_leaves_nothing_behind(store: TokenStore) -> None:
    assert await store.clear() == []
    assert not store.access_path.parent.exists()


async def test_a_cancelled_holder_lets_go(store: TokenStore) -> None:
    with trio.move_on_after(0):
        async with store.locked():
            await trio.sleep_forever()

    with trio.fail_after(5):
        async with store.locked():
            pass


def test_paths_of_the_configuration_are_used() -> None:
    config = load(environ={}, flags={"tokens.access_token_path": "~/a.json", "tokens.copilot_token_path": "/b.json"})
    store = TokenStore.of(config.config)

    assert store.access_path == Path.home() / "a.json"
    assert store.copilot_path == Path("/b.json")


@pytest.mark.parametrize("key", ["access_token_path", "copilot_token_path"])
def test_a_path_in_the_home_of_nobody_is_a_mistake_in_the_configuration(key: str) -> None:
    config = load(environ={}, flags={f"tokens.{key}": "~nobody-at-all/token.json"}).config

    with pytest.raises(ConfigError, match=f"`tokens.{key}` is wrong: ~nobody-at-all/token.json"):
        TokenStore.of(config)
