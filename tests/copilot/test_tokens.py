"""The token keeper, with a clock that jumps: a thousand lives take a moment."""

import itertools

import pytest
import trio
import trio.testing
from token_keeper import FakeGitHub, FakeStore, keeper_of, wall

from passenger_trio.copilot.tokens import CopilotToken
from passenger_trio.errors import (
    AccountRefused,
    NotLoggedIn,
    PassengerError,
    TokenUnavailable,
    UpstreamRefused,
    UpstreamUnreachable,
)
from passenger_trio.secret import Secret


async def test_a_thousand_lives_need_a_thousand_exchanges_and_no_request_ever_meets_a_dead_token(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub()
    keeper = keeper_of(FakeStore(), github, look=30.0)
    await nursery.start(keeper.keep_fresh)

    end = trio.current_time() + 1000 * 1740
    while trio.current_time() < end:
        before = trio.current_time()
        token = await keeper.current()
        assert token.ends > wall()
        assert trio.current_time() == before, "a request had to wait"
        await trio.sleep(907)

    assert 999 <= len(github.calls) <= 1001
    gaps = [later - earlier for earlier, later in itertools.pairwise(github.calls)]
    assert min(gaps) > 1738
    assert max(gaps) < 1742


async def test_a_token_of_seventy_seconds_is_renewed_at_half_its_life(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(life=70, takes=0.0)
    await nursery.start(keeper_of(FakeStore(), github).keep_fresh)

    await trio.sleep(600.5)

    assert 17 <= len(github.calls) <= 19


async def test_fifty_requests_that_meet_a_dead_token_cause_one_exchange(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub()
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    dead = await keeper.current()
    got: list[CopilotToken] = []

    async def ask() -> None:
        assert keeper.doubt(dead)
        got.append(await keeper.current())

    async with trio.open_nursery() as requests:
        for _ in range(50):
            requests.start_soon(ask)

    assert len(github.calls) == 2
    assert len(got) == 50
    assert {token.secret for token in got} == {Secret("tid=2")}
    await trio.sleep(60)
    assert len(github.calls) == 2, "an exchange came after all had been served"


async def test_requests_that_come_while_a_renewal_runs_wait_for_that_one(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(takes=5.0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    keeper.doubt(await keeper.current())

    async with trio.open_nursery() as requests:
        for delay in range(5):

            async def ask(delay: int = delay) -> None:
                await trio.sleep(delay)
                await keeper.current()

            requests.start_soon(ask)

    await trio.sleep(30)
    assert len(github.calls) == 2
    assert github.most_at_once == 1


async def test_a_cancelled_request_leaves_the_renewal_going_for_the_others(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(takes=2.0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    keeper.doubt(await keeper.current())

    with trio.move_on_after(1) as impatient:
        await keeper.current()
    patient = await keeper.current()

    assert impatient.cancelled_caught
    assert patient.secret == Secret("tid=2")
    assert len(github.calls) == 2


@pytest.mark.parametrize("skew", [-7200.0, 0.0, 7200.0])
async def test_a_wrong_local_clock_neither_shortens_nor_stretches_a_life(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, skew: float
) -> None:
    github = FakeGitHub(skew=skew)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)

    token = await keeper.current()

    assert token.ends - wall() == pytest.approx(1800, abs=2)


async def test_without_a_date_a_life_is_refresh_in_and_a_minute(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(skew=99_999, date=False, takes=0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)

    assert (await keeper.current()).ends - wall() == pytest.approx(1560, abs=2)


async def test_a_machine_that_slept_past_the_end_renews_before_it_serves(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    slept = 0.0
    github = FakeGitHub()
    keeper = keeper_of(FakeStore(), github, now=lambda: wall() + slept)
    await nursery.start(keeper.keep_fresh)
    slept = 8 * 3600.0  # the wall clock went on, trio's stood still

    token = await keeper.current()

    assert token.secret == Secret("tid=2")
    assert token.ends > wall() + slept


async def test_a_machine_that_slept_is_noticed_without_any_request(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    slept = 0.0
    github = FakeGitHub()
    keeper = keeper_of(FakeStore(), github, now=lambda: wall() + slept)
    await nursery.start(keeper.keep_fresh)
    slept = 8 * 3600.0

    await trio.sleep(31)

    assert len(github.calls) == 2


async def test_failed_renewals_are_retried_with_growing_waits_while_the_old_token_serves(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(takes=0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    old = await keeper.current()
    github.failing = UpstreamUnreachable("no network")

    await trio.sleep(1740 + 40)

    assert await keeper.current() is old
    gaps = [later - earlier for earlier, later in itertools.pairwise(github.calls[1:])]
    assert [round(gap) for gap in gaps] == [1, 2, 4, 8, 16]

    github.failing = None
    await trio.sleep(60)
    assert (await keeper.current()) is not old


async def test_with_a_dead_token_and_no_network_each_request_hears_why_and_when_to_try_again(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(takes=0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    github.failing = UpstreamUnreachable("api.github.com cannot be reached")
    await trio.sleep(1900)

    with pytest.raises(TokenUnavailable, match="cannot be reached") as first:
        await keeper.current()
    calls = len(github.calls)
    for _ in range(20):
        with pytest.raises(TokenUnavailable):
            await keeper.current()

    assert first.value.retry_after is not None
    assert int(first.value.retry_after) >= 1
    assert len(github.calls) - calls <= 1, "every request asked GitHub"


async def test_a_request_is_served_as_soon_as_the_network_is_back(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(takes=0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    github.failing = UpstreamUnreachable("down")
    await trio.sleep(4000)
    github.failing = None

    await trio.sleep(6)  # a demand may not hurry the keeper right after a failure
    with trio.fail_after(1):
        assert await keeper.current()


async def test_what_github_says_about_waiting_is_heeded(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(takes=0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    github.failing = UpstreamRefused(429, "API rate limit exceeded", retry_after="700")
    await trio.sleep(1741)
    calls = len(github.calls)

    for _ in range(6):
        await trio.sleep(100)
        with trio.move_on_after(0.5), pytest.raises(TokenUnavailable):
            await keeper.current()

    assert len(github.calls) == calls


async def test_a_void_login_is_told_to_each_request_and_asked_about_seldom(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    github = FakeGitHub(takes=0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    github.failing = NotLoggedIn("GitHub no longer honours this login. Run `passenger-trio login`.")
    await trio.sleep(1741)
    assert len(github.calls) == 2

    for _ in range(300):
        await trio.sleep(6)
        with pytest.raises(NotLoggedIn, match="passenger-trio login"):
            await keeper.current()

    gaps = [later - earlier for earlier, later in itertools.pairwise(github.calls[1:])]
    assert [round(gap) for gap in gaps] == [30, 60, 120, 240, 300, 300, 300, 300]
    assert [record.levelname for record in caplog.records[1:]] == ["ERROR"], "it is told again and again"


@pytest.mark.parametrize("first", [None, UpstreamUnreachable("down"), UpstreamRefused(500, "down")], ids=repr)
async def test_a_login_that_github_honours_again_serves_again_without_a_new_one(
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,
    caplog: pytest.LogCaptureFixture,
    first: PassengerError | None,
) -> None:
    caplog.set_level("INFO")
    github = FakeGitHub(takes=0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    github.failing = NotLoggedIn("GitHub no longer honours this login. Run `passenger-trio login`.")
    await trio.sleep(1741)
    github.failing = first
    await trio.sleep(31)
    if first is not None:
        with pytest.raises(NotLoggedIn, match="no longer honours"):
            await keeper.current()
    github.failing = None

    await trio.sleep(61)

    assert await keeper.current()
    assert keeper.health().failure is None
    said = [record.getMessage() for record in caplog.records]
    assert [line.split(".")[0] for line in said[1:3]] == [
        "GitHub no longer honours this login",
        "GitHub honours the login again",
    ]
    assert len(said) == 4, "between the two there is nothing to say"


async def test_another_login_that_has_no_token_yet_is_not_served_with_that_of_the_first(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github, store = FakeGitHub(takes=0), FakeStore()
    keeper = keeper_of(store, github, look=3600.0)
    await nursery.start(keeper.keep_fresh)
    await trio.sleep(1)  # the look at the login that follows the start is over
    github.failing = UpstreamUnreachable("down")
    store.login = Secret("ghu_two")
    await trio.sleep(1741)

    with pytest.raises(TokenUnavailable):
        await keeper.current()


async def test_a_new_login_is_noticed_while_serving(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github, store = FakeGitHub(takes=0), FakeStore()
    keeper = keeper_of(store, github)
    await nursery.start(keeper.keep_fresh)
    github.failing = NotLoggedIn("void")
    await trio.sleep(1900)
    with pytest.raises(NotLoggedIn):
        await keeper.current()

    github.failing = None
    store.login = Secret("ghu_two")

    assert await keeper.current()


async def test_an_account_that_lost_copilot_hears_githubs_words(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(takes=0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    github.failing = AccountRefused("Your Copilot subscription is not active.", code="not_signed_up")
    await trio.sleep(1900)

    with pytest.raises(AccountRefused, match="not active") as refused:
        await keeper.current()

    assert refused.value.code == "not_signed_up"


async def test_a_logout_while_serving_ends_in_not_logged_in(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github, store = FakeGitHub(takes=0), FakeStore()
    keeper = keeper_of(store, github)
    await nursery.start(keeper.keep_fresh)
    store.login = None
    await trio.sleep(1900)

    with pytest.raises(NotLoggedIn, match="passenger-trio login"):
        await keeper.current()
