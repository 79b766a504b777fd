"""A login or a saved token that cannot be read for once: no descriptor is left, or the keyring is locked."""

import pytest
import trio
import trio.testing
from token_keeper import FakeGitHub, FakeStore, keeper_of

from passenger_trio.copilot.store import SavedToken
from passenger_trio.errors import AccountRefused, NotLoggedIn, StoreError, TokenUnavailable, UpstreamUnreachable
from passenger_trio.secret import Secret


class LockedStore(FakeStore):
    """Files that cannot be read while they are named here."""

    def __init__(self) -> None:
        super().__init__()
        self.unreadable: set[str] = set()

    async def read_access(self) -> Secret | None:
        self._look("access_token.json")
        return await super().read_access()

    async def read_copilot(self) -> SavedToken | None:
        self._look("token.json")
        return await super().read_copilot()

    def _look(self, name: str) -> None:
        if name in self.unreadable:
            raise StoreError(f"{name} cannot be read")


async def test_a_login_that_cannot_be_read_for_once_costs_no_living_token(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    store, github = LockedStore(), FakeGitHub()
    keeper = keeper_of(store, github)
    await nursery.start(keeper.keep_fresh)
    token = await keeper.current()
    github.failing = UpstreamUnreachable("GitHub is down")
    store.unreadable = {"access_token.json"}
    with pytest.raises(TokenUnavailable, match="cannot be read"):
        await keeper.another(token)
    store.unreadable = set()
    await trio.sleep(10)

    assert (await keeper.current()).secret == token.secret


async def test_files_that_cannot_be_used_for_a_while_end_nothing(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github, store = FakeGitHub(takes=0), LockedStore()
    keeper = keeper_of(store, github)
    await nursery.start(keeper.keep_fresh)
    store.unreadable = {"access_token.json"}
    await trio.sleep(1900)
    with pytest.raises(TokenUnavailable, match="cannot be read"):
        await keeper.current()
    store.unreadable = set()
    await trio.sleep(3)

    assert await keeper.current()


async def test_a_void_login_whose_file_cannot_be_read_just_now_is_a_503(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github, store = FakeGitHub(takes=0), LockedStore()
    keeper = keeper_of(store, github)
    await nursery.start(keeper.keep_fresh)
    github.failing = NotLoggedIn("void")
    await trio.sleep(1900)
    store.unreadable = {"access_token.json"}

    with pytest.raises(TokenUnavailable, match="cannot be read") as told:
        await keeper.current()
    assert int(told.value.retry_after or 0) >= 1


async def test_a_saved_token_that_cannot_be_read_is_fetched_anew(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    store, github = LockedStore(), FakeGitHub()
    keeper = keeper_of(store, github)
    await nursery.start(keeper.keep_fresh)
    store.unreadable = {"token.json"}
    await trio.sleep(2 * github.life)

    assert (await keeper.current()).secret != Secret("tid=1")
    assert len(github.calls) > 2


async def test_a_saved_token_that_cannot_be_read_at_the_start_is_for_a_person_to_mend(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = LockedStore()
    store.unreadable = {"token.json"}
    with pytest.RaisesGroup(StoreError):
        async with trio.open_nursery() as nursery:
            await nursery.start(keeper_of(store, FakeGitHub()).keep_fresh)


async def test_what_github_says_about_waiting_is_told_with_its_refusal(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub()
    keeper = keeper_of(LockedStore(), github)
    await nursery.start(keeper.keep_fresh)
    token = await keeper.current()
    github.failing = AccountRefused("no", retry_after="77")
    keeper.doubt(token)
    with pytest.raises(AccountRefused) as told:
        await keeper.current()

    assert told.value.retry_after == "77"
