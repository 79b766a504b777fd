"""Tokens in the operating system's keyring: there, or an error, and never in a file instead."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import trio
from faults.lives import configured

from passenger_trio.cli import logout
from passenger_trio.config import load
from passenger_trio.copilot import store as store_module
from passenger_trio.copilot.store import SavedToken, TokenStore
from passenger_trio.copilot.vault import SERVICE
from passenger_trio.errors import StoreError
from passenger_trio.secret import Secret
from passenger_trio.server import run


class FakeBackend:
    """A keyring of the package's kind, in memory."""

    priority: float = 5

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.broken = False
        self.unlocked = threading.Event()
        self.unlocked.set()
        self.asking = 0

    def get_password(self, service: str, name: str) -> str | None:
        self._fail()
        return self.entries.get((service, name))

    def set_password(self, service: str, name: str, password: str) -> None:
        self._fail()
        self.entries[service, name] = password

    def delete_password(self, service: str, name: str) -> None:
        self._fail()
        del self.entries[service, name]

    def _fail(self) -> None:
        self.asking += 1
        self.unlocked.wait(20)
        self.asking -= 1
        if self.broken:
            raise RuntimeError("the collection with ghu_one is locked")


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBackend]:
    backend = FakeBackend()
    module = ModuleType("keyring")
    module.get_keyring = lambda: backend  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    yield backend
    backend.unlocked.set()


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    flags = {
        "tokens.storage": "keyring",
        "tokens.access_token_path": str(tmp_path / "work" / "a.json"),
        "tokens.copilot_token_path": str(tmp_path / "work" / "t.json"),
    }
    return TokenStore.of(load(environ={}, flags=flags).config)


async def test_what_is_saved_is_read_back_and_is_in_no_file(
    backend: FakeBackend, store: TokenStore, tmp_path: Path
) -> None:
    assert await store.read_access() is None
    assert not await store.has_login()
    await store.check_writable()
    async with store.locked():
        await store.save_access(Secret("ghu_one"))
        await store.save_copilot(SavedToken("tid=1", 5))

    assert await store.read_access() == Secret("ghu_one")
    assert await store.read_copilot() == SavedToken("tid=1", 5)
    assert await store.has_login()
    assert {service for service, _ in backend.entries} == {SERVICE}
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["t.json.lock"]
    assert store.login_place == f"{tmp_path}/work/a.json in the keyring"


async def test_clear_forgets_both_and_says_which(backend: FakeBackend, store: TokenStore) -> None:
    await store.save_access(Secret("ghu_one"))

    assert await store.clear() == [store.access_path]
    assert await store.clear() == []
    assert backend.entries == {}


async def test_a_keyring_that_does_not_work_is_an_error_without_its_words_and_no_file_is_written(
    backend: FakeBackend, store: TokenStore
) -> None:
    backend.broken = True

    for attempt in (store.read_access(), store.save_access(Secret("ghu_one")), store.clear(), store.check_writable()):
        with pytest.raises(StoreError, match="cannot be used: RuntimeError") as refused:
            await attempt
        assert "ghu_one" not in refused.value.message
    assert not store.access_path.exists()


async def test_a_backend_that_keeps_plain_text_or_nothing_is_refused(backend: FakeBackend, store: TokenStore) -> None:
    backend.priority = 0.5

    with pytest.raises(StoreError, match="no keyring here that keeps secrets"):
        await store.save_access(Secret("ghu_one"))
    assert backend.entries == {}
    assert not store.access_path.exists()


async def test_without_the_package_the_way_to_it_is_told(store: TokenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(StoreError, match=r"passenger-trio\[keyring\]"):
        await store.read_access()


async def test_files_need_no_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    store = TokenStore(tmp_path / "a.json", tmp_path / "t.json")
    await store.save_access(Secret("ghu_one"))

    assert await store.read_access() == Secret("ghu_one")


async def test_a_keyring_that_waits_for_a_person_is_an_error_after_a_while_and_one_thread(
    backend: FakeBackend, store: TokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "READ_WAIT", 0.1)
    await store.save_access(Secret("ghu_one"))
    backend.unlocked.clear()

    with trio.fail_after(5):
        for look in (store.read_access, store.read_copilot, store.has_login, store.check_writable, store.clear) * 2:
            with pytest.raises(StoreError, match=r"in the keyring could not be read within .* Unlock the keyring"):
                await look()
    assert backend.asking == 1, "each look waits in a thread of its own"

    backend.unlocked.set()
    with trio.fail_after(5):
        assert await store.read_access() == Secret("ghu_one")


async def test_who_waits_for_a_keyring_can_be_cancelled(backend: FakeBackend, store: TokenStore) -> None:
    backend.unlocked.clear()

    with trio.fail_after(5):
        with trio.move_on_after(0.1) as impatient:
            await store.read_access()

    assert impatient.cancelled_caught


async def test_a_server_whose_keyring_waits_for_a_person_can_be_stopped(backend: FakeBackend, tmp_path: Path) -> None:
    backend.unlocked.clear()
    config = configured("http://127.0.0.1:9", tmp_path, tokens__storage="keyring")

    with trio.fail_after(5):
        with trio.move_on_after(0.5) as stopped:
            await run.serve(config, run.listen("127.0.0.1", 0), handle_signals=False)

    assert stopped.cancelled_caught
    assert backend.asking == 1


def test_logout_names_the_keyring_and_no_file(
    backend: FakeBackend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = {"tokens.storage": "keyring", "tokens.copilot_token_path": str(tmp_path / "t.json")}
    logout.run(load(environ={}, flags=flags).config)

    assert f"nor {tmp_path}/t.json in the keyring exists" in capsys.readouterr().out
