"""What changes under the keeper: clocks, logins, files, other processes; and whose patience ends when."""

import pytest
import trio
import trio.testing
from token_keeper import FakeGitHub, FakeStore, keeper_of, wall

from passenger_trio.copilot.saved import Exchanged
from passenger_trio.copilot.store import SavedToken, whose
from passenger_trio.copilot.tokens import TokenKeeper
from passenger_trio.errors import (
    NotLoggedIn,
    TokenUnavailable,
    UpstreamRefused,
    UpstreamUnreachable,
)
from passenger_trio.secret import Secret
from passenger_trio.wire.github import TokenEnvelope


@pytest.mark.parametrize("step", [-7200.0, -1200.0, -60.0])
async def test_a_clock_that_is_set_back_does_not_prolong_a_life(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, step: float
) -> None:
    ahead = 0.0
    github = FakeGitHub()
    keeper = keeper_of(FakeStore(), github, now=lambda: wall() + ahead)
    await nursery.start(keeper.keep_fresh)
    ahead = step

    await trio.sleep(1739)
    assert len(github.calls) == 1
    await trio.sleep(3)
    assert len(github.calls) == 2


async def test_a_clock_that_is_set_back_does_not_put_off_the_next_attempt(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    ahead = 0.0
    github = FakeGitHub(takes=0)
    github.failing = UpstreamUnreachable("down")
    keeper = keeper_of(FakeStore(), github, now=lambda: wall() + ahead)
    await nursery.start(keeper.keep_fresh)
    ahead = -7200.0
    github.failing = None

    await trio.sleep(3)

    assert await keeper.current()


@pytest.mark.parametrize("life, most", [(90, 14), (20, 61), (3, 400), (1, 601), (0.2, 601)])
async def test_short_lives_never_make_a_busy_loop_however_many_ask(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, life: float, most: int
) -> None:
    github = FakeGitHub(takes=0.0)

    async def exchange(login: Secret) -> Exchanged:
        exchanged = await github.exchange(login)
        return Exchanged(TokenEnvelope(exchanged.envelope.token, wall() + life), None)

    keeper = TokenKeeper(FakeStore(), exchange, api_base_url="", now=wall, jitter=lambda: 1.0)
    await nursery.start(keeper.keep_fresh)

    async def ask() -> None:
        while True:
            await keeper.current()
            await trio.sleep(0.1)

    with trio.move_on_after(600):
        async with trio.open_nursery() as requests:
            for _ in range(5):
                requests.start_soon(ask)

    assert len(github.calls) <= most


async def test_a_request_waits_for_its_patience_and_no_longer(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(takes=0)
    keeper = keeper_of(FakeStore(), github, patience=7.0)
    await nursery.start(keeper.keep_fresh)
    keeper.doubt(await keeper.current())
    github.takes = 50.0
    before = trio.current_time()

    with pytest.raises(TokenUnavailable, match="token_timeout") as told:
        await keeper.current()

    assert trio.current_time() - before == 7
    assert int(told.value.retry_after or 0) >= 1


async def test_a_wait_of_years_is_not_waited(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    github = FakeGitHub(takes=0)
    github.failing = UpstreamRefused(429, "slower", retry_after="9" * 30)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    github.failing = None

    await trio.sleep(3601)

    assert await keeper.current()


async def test_a_deleted_login_is_noticed_at_once_and_a_new_one_as_well(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    github, store = FakeGitHub(takes=0), FakeStore()
    keeper = keeper_of(store, github)
    await nursery.start(keeper.keep_fresh)
    store.login = None
    await trio.sleep(2.1)
    with pytest.raises(NotLoggedIn):
        await keeper.current()
    health = keeper.health()
    await trio.sleep(9000)
    assert [record.levelname for record in caplog.records if "logged in" in record.getMessage()] == ["ERROR"]

    store.login = Secret("ghu_two")
    await trio.sleep(2.1)

    assert (health.seconds_left, type(health.failure)) == (None, NotLoggedIn)
    assert keeper.health().failure is None
    assert await keeper.current()
    assert len(github.calls) == 2


async def test_a_waiting_request_hears_at_once_that_the_login_has_been_deleted(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github, store = FakeGitHub(takes=0), FakeStore()
    keeper = keeper_of(store, github, patience=60.0)
    await nursery.start(keeper.keep_fresh)
    keeper.doubt(await keeper.current())
    store.login = None

    with trio.fail_after(3), pytest.raises(NotLoggedIn):
        await keeper.current()


async def test_a_saved_token_of_another_login_is_not_taken_over(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github, store = FakeGitHub(), FakeStore()
    store.saved = SavedToken("tid=theirs", 0, local_expires_at=wall() + 900, whose=whose(Secret("ghu_two")))
    keeper = keeper_of(store, github)
    await nursery.start(keeper.keep_fresh)

    assert (await keeper.current()).secret == Secret("tid=1")


async def test_a_saved_token_of_nobody_known_is_not_taken_over_for_a_login_in_the_environment(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github, store = FakeGitHub(), FakeStore()
    store.environment = store.login
    store.saved = SavedToken("tid=theirs", 0, local_expires_at=wall() + 900)
    keeper = keeper_of(store, github)
    await nursery.start(keeper.keep_fresh)

    assert (await keeper.current()).secret == Secret("tid=1")


async def test_a_short_lived_token_is_shared_with_another_process_as_well(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github, store = FakeGitHub(life=20, takes=0), FakeStore()
    keepers = [keeper_of(store, github) for _ in range(3)]
    for keeper in keepers:
        await nursery.start(keeper.keep_fresh)

    await trio.sleep(100)

    assert len(github.calls) <= 11
    assert len({(await keeper.current()).secret for keeper in keepers}) == 1
