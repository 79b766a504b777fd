"""Tokens in the operating system's keyring: there, or an error, and never in a file instead."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from passenger_trio.config import load
from passenger_trio.copilot.store import SavedToken, TokenStore
from passenger_trio.copilot.vault import SERVICE
from passenger_trio.errors import StoreError
from passenger_trio.secret import Secret


class FakeBackend:
    """A keyring of the package's kind, in memory."""

    priority: float = 5

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.broken = False

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
        if self.broken:
            raise RuntimeError("the collection with ghu_one is locked")


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    backend = FakeBackend()
    module = ModuleType("keyring")
    module.get_keyring = lambda: backend  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    return backend


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
