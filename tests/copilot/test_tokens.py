"""The token keeper, with a clock that jumps: a thousand lives take a moment."""

import itertools
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from passenger_trio.copilot.store import SavedToken
from passenger_trio.copilot.tokens import DOUBTS, CopilotToken, Exchanged, TokenKeeper
from passenger_trio.errors import (
    AccountRefused,
    NotLoggedIn,
    PassengerError,
    StoreError,
    TokenUnavailable,
    UpstreamBroke,
    UpstreamRefused,
    UpstreamUnreachable,
)
from passenger_trio.secret import Secret
from passenger_trio.wire.github import Endpoints, TokenEnvelope

EPOCH = 1_780_000_000.0


class FakeStore:
    """The token files, in memory."""

    def __init__(self, login: str | None = "ghu_one") -> None:
        self.login = Secret(login) if login is not None else None
        self.saved: SavedToken | None = None
        self.unwritable = False
        self.lock = trio.Lock()

    async def read_access(self) -> Secret | None:
        await trio.lowlevel.checkpoint()
        return self.login

    async def read_copilot(self) -> SavedToken | None:
        await trio.lowlevel.checkpoint()
        return self.saved

    async def save_copilot(self, token: SavedToken) -> None:
        await trio.lowlevel.checkpoint()
        if self.unwritable:
            raise StoreError("token.json cannot be written")
        self.saved = token

    @asynccontextmanager
    async def locked(self) -> AsyncGenerator[None]:
        async with self.lock:
            yield


class FakeGitHub:
    """The token exchange: counts calls, and fails when told to. ``skew`` is its clock minus ours."""

    def __init__(self, *, life: int = 1800, takes: float = 0.2, skew: float = 0.0, date: bool = True) -> None:
        self.life = life
        self.takes = takes
        self.skew = skew
        self.date = date
        self.calls: list[float] = []
        self.failing: PassengerError | None = None
        self.api: str | None = None
        self.running = 0
        self.most_at_once = 0

    async def exchange(self, login: Secret) -> Exchanged:
        self.calls.append(wall())
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await trio.sleep(self.takes)
        finally:
            self.running -= 1
        if self.failing is not None:
            raise self.failing
        server = int(wall() + self.skew)
        date = trio_date(server) if self.date else None
        endpoints = Endpoints(self.api) if self.api else None
        envelope = TokenEnvelope(f"tid={len(self.calls)}", server + self.life, max(self.life - 300, 1), endpoints)
        return Exchanged(envelope, date)


def wall() -> float:
    """The wall clock of these tests, which runs with trio's."""
    return EPOCH + trio.current_time()


def trio_date(seconds: int) -> str:
    from email.utils import formatdate  # noqa: PLC0415

    return formatdate(seconds, usegmt=True)


def keeper_of(store: FakeStore, github: FakeGitHub, **changes: object) -> TokenKeeper:
    options = {"api_base_url": "", "now": wall, "jitter": lambda: 1.0, **changes}
    return TokenKeeper(store, github.exchange, **options)  # type: ignore[arg-type]


async def test_a_thousand_lives_need_a_thousand_exchanges_and_no_request_ever_meets_a_dead_token(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub()
    keeper = keeper_of(FakeStore(), github)
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


async def test_a_token_of_seventy_seconds_is_renewed_every_ten(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(life=70, takes=0.0)
    await nursery.start(keeper_of(FakeStore(), github).keep_fresh)

    await trio.sleep(600.5)

    assert 60 <= len(github.calls) <= 61


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


async def test_a_void_login_is_told_to_each_request_and_not_asked_about_again(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(takes=0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    github.failing = NotLoggedIn("GitHub no longer honours this login. Run `passenger-trio login`.")
    await trio.sleep(1900)
    calls = len(github.calls)

    for _ in range(30):
        await trio.sleep(60)
        with pytest.raises(NotLoggedIn, match="passenger-trio login"):
            await keeper.current()

    assert len(github.calls) == calls


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


async def test_started_is_said_only_once_a_token_is_in_hand(autojump_clock: trio.testing.MockClock) -> None:
    for failure in (NotLoggedIn("void"), UpstreamUnreachable("down"), AccountRefused("no")):
        github = FakeGitHub()
        github.failing = failure
        with pytest.RaisesGroup(type(failure)):
            async with trio.open_nursery() as nursery:
                await nursery.start(keeper_of(FakeStore(), github).keep_fresh)


async def test_without_a_login_nobody_is_asked(autojump_clock: trio.testing.MockClock) -> None:
    github = FakeGitHub()
    with pytest.raises(NotLoggedIn, match="passenger-trio login"):
        await keeper_of(FakeStore(login=None), github).keep_fresh()
    assert github.calls == []


async def test_a_saved_token_is_used_at_start_without_an_exchange(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github, store = FakeGitHub(), FakeStore()
    store.saved = SavedToken("tid=saved", int(EPOCH) - 99, local_expires_at=wall() + 500)
    keeper = keeper_of(store, github)
    await nursery.start(keeper.keep_fresh)

    assert (await keeper.current()).secret == Secret("tid=saved")
    assert github.calls == []
    await trio.sleep(445)
    assert len(github.calls) == 1, "it was not renewed a minute before its end"


async def test_passenger_rs_saved_tokens_are_read_by_expires_at(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    store = FakeStore()
    store.saved = SavedToken("tid=rs", int(wall()) + 500, 1500)
    keeper = keeper_of(store, FakeGitHub())
    await nursery.start(keeper.keep_fresh)

    assert (await keeper.current()).secret == Secret("tid=rs")


async def test_a_token_that_another_process_fetched_is_taken_over(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github, store = FakeGitHub(), FakeStore()
    keeper = keeper_of(store, github)
    await nursery.start(keeper.keep_fresh)
    store.saved = SavedToken("tid=theirs", 0, local_expires_at=wall() + 3600)

    await trio.sleep(1745)

    assert (await keeper.current()).secret == Secret("tid=theirs")
    assert len(github.calls) == 1


async def test_a_refused_token_is_not_taken_from_the_file_again(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub()
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    keeper.doubt(await keeper.current())

    assert (await keeper.current()).secret == Secret("tid=2")


async def test_a_copilot_that_refuses_every_token_does_not_cost_an_exchange_a_request(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(takes=0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)

    believed = [keeper.doubt(await keeper.current()) for _ in range(30)]

    assert believed == [True] * DOUBTS + [False] * (30 - DOUBTS)
    assert len(github.calls) == 1 + DOUBTS
    await trio.sleep(61)
    assert keeper.doubt(await keeper.current()), "doubt was refused for good"


async def test_doubting_a_token_that_has_been_replaced_changes_nothing(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub()
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    old = await keeper.current()
    keeper.doubt(old)
    new = await keeper.current()

    assert keeper.doubt(old)
    assert await keeper.current() is new
    assert len(github.calls) == 2


async def test_a_token_that_cannot_be_saved_serves_from_memory(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = FakeStore()
    store.unwritable = True
    keeper = keeper_of(store, FakeGitHub())
    await nursery.start(keeper.keep_fresh)

    assert await keeper.current()
    assert "could not be saved" in caplog.text


async def test_a_token_that_is_over_on_arrival_is_an_error(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(UpstreamBroke, match="over already"):
        await keeper_of(FakeStore(), FakeGitHub(life=-5)).keep_fresh()


async def test_the_api_of_the_token_is_the_one_to_talk_to(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub()
    github.api = "https://api.business.githubcopilot.com/"
    keeper = keeper_of(FakeStore(), github)
    assert keeper.ends is None
    await nursery.start(keeper.keep_fresh)

    assert (await keeper.current()).api_base == "https://api.business.githubcopilot.com"
    assert keeper.ends is not None
    assert math.isclose(keeper.ends, wall() + 1800, abs_tol=2)


async def test_an_account_that_moved_is_followed_to_its_new_api(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub()
    github.api = "https://api.individual.githubcopilot.com"
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    github.api = "https://api.business.githubcopilot.com"

    assert keeper.doubt(await keeper.current())

    assert (await keeper.current()).api_base == "https://api.business.githubcopilot.com"


async def test_no_secret_shows_in_the_log_or_in_a_repr(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    keeper = keeper_of(FakeStore("ghu_very_secret"), FakeGitHub())
    await nursery.start(keeper.keep_fresh)
    token = await keeper.current()
    keeper.doubt(token)
    await keeper.current()

    assert "tid=" not in repr(token) + str(token.secret) + f"{token.secret}" + caplog.text
    assert "ghu_very" not in caplog.text
