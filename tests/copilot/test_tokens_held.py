"""Which token the keeper holds: that of its start, a saved one, what comes after a refused one; and its API."""

import math

import pytest
import trio
import trio.testing
from token_keeper import EPOCH, FakeGitHub, FakeStore, keeper_of, wall

from passenger_trio.copilot.store import SavedToken
from passenger_trio.copilot.tokens import BRIEF_PATIENCE, DOUBTS, FIRST_PATIENCE, CopilotToken
from passenger_trio.errors import (
    AccountRefused,
    NotLoggedIn,
    PassengerError,
    StoreError,
    TokenUnavailable,
    UpstreamBroke,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from passenger_trio.secret import Secret


@pytest.mark.parametrize("failure", [NotLoggedIn("void"), AccountRefused("no"), StoreError("full")], ids=repr)
async def test_what_only_a_person_can_mend_is_raised_before_it_has_started(
    autojump_clock: trio.testing.MockClock, failure: PassengerError
) -> None:
    github = FakeGitHub()
    github.failing = failure
    with trio.fail_after(60), pytest.RaisesGroup(type(failure)):
        async with trio.open_nursery() as nursery:
            await nursery.start(keeper_of(FakeStore(), github).keep_fresh)


@pytest.mark.parametrize(
    "failure",
    [
        UpstreamUnreachable("down"),
        UpstreamTimeout("slow"),
        UpstreamRefused(503, "unicorn"),
        UpstreamRefused(429, "slower", retry_after="40"),
        UpstreamBroke("nonsense"),
    ],
    ids=repr,
)
async def test_a_github_that_has_no_token_just_now_is_no_reason_not_to_start(
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,
    caplog: pytest.LogCaptureFixture,
    failure: PassengerError,
) -> None:
    github = FakeGitHub(takes=0)
    github.failing = failure
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)

    [line] = [record.getMessage() for record in caplog.records]
    assert line == f"serving without a Copilot token for now, next try in {failure.retry_after or 1} s: {failure}"
    with pytest.raises(TokenUnavailable, match=str(failure)) as told:
        await keeper.current()
    assert told.value.retry_after == (failure.retry_after or "1")

    github.failing = None
    await trio.sleep(41)
    assert await keeper.current()
    assert len(github.calls) == 2


@pytest.mark.parametrize("patience", [FIRST_PATIENCE, BRIEF_PATIENCE])
async def test_a_github_that_does_not_answer_keeps_the_start_waiting_no_longer_than_there_is_patience(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, patience: float
) -> None:
    github = FakeGitHub(takes=400.0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh, patience)

    assert trio.current_time() == patience
    with pytest.raises(TokenUnavailable, match=f"within {patience:.0f} seconds: GitHub is slow"):
        await keeper.current()


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


async def test_a_token_that_may_be_stale_serves_until_another_has_come(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(takes=5.0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    old = await keeper.current()
    got: list[CopilotToken | None] = []

    async def ask() -> None:
        got.append(await keeper.another(old))

    async with trio.open_nursery() as requests:
        for _ in range(DOUBTS * 2):
            requests.start_soon(ask)
        await trio.sleep(4)
        assert await keeper.current() is old
        assert trio.current_time() == 9, "the others had to wait"

    assert await keeper.current() is not old
    assert set(got) == {await keeper.current()}
    assert len(github.calls) == 2


@pytest.mark.parametrize("failure", [UpstreamRefused(500, "down"), UpstreamUnreachable("down"), AccountRefused("no")])
async def test_a_token_that_may_be_stale_outlives_a_github_that_has_no_other(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, failure: PassengerError
) -> None:
    github = FakeGitHub(takes=0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    old = await keeper.current()
    github.failing = failure

    for _ in range(20):
        with pytest.raises((TokenUnavailable, AccountRefused)):
            await keeper.another(old)
        assert await keeper.current() is old

    assert len(github.calls) == 2
    assert keeper.health().seconds_left is not None


async def test_a_token_that_may_be_stale_and_is_refused_then_is_dead(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(takes=5.0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)
    old = await keeper.current()
    nursery.start_soon(keeper.another, old)
    await trio.testing.wait_all_tasks_blocked()

    assert keeper.doubt(old)

    assert await keeper.current() is not old
    assert len(github.calls) == 2


async def test_a_copilot_that_knows_no_model_does_not_cost_an_exchange_a_request(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    github = FakeGitHub(takes=0)
    keeper = keeper_of(FakeStore(), github)
    await nursery.start(keeper.keep_fresh)

    others = [await keeper.another(await keeper.current()) for _ in range(30)]

    assert [other is not None for other in others] == [True] * DOUBTS + [False] * (30 - DOUBTS)
    assert len(github.calls) == 1 + DOUBTS


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


async def test_a_token_that_is_over_on_arrival_is_an_error(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    keeper = keeper_of(FakeStore(), FakeGitHub(life=-5))
    await nursery.start(keeper.keep_fresh)

    with pytest.raises(TokenUnavailable, match="over already"):
        await keeper.current()


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
