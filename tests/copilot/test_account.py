"""The token exchange and whose account it is."""

import pytest
import trio
import trio.testing
from fakes import FakeFetch, answer

from passenger_trio.config import Config, GitHub
from passenger_trio.copilot.account import EXCHANGE_LIMIT, Account
from passenger_trio.copilot.client import Answer
from passenger_trio.copilot.protocol import Headers
from passenger_trio.errors import AccountRefused, NotLoggedIn, UpstreamBroke, UpstreamTimeout, UpstreamUnreachable
from passenger_trio.secret import Secret

LOGIN = Secret("ghu_one")


async def test_an_exchange_sends_the_login_to_the_configured_address_alone() -> None:
    fetch = FakeFetch(answer(200, {"date": "Thu, 01 Jan 1970 00:00:00 GMT"}, token="tid=1", expires_at=9, refresh_in=5))
    exchanged = await Account(fetch, Config(github=GitHub(copilot_token_url="https://ghe/t"))).exchange(LOGIN)

    assert exchanged.envelope.token == "tid=1"
    assert exchanged.date == "Thu, 01 Jan 1970 00:00:00 GMT"
    method, url, headers, body = fetch.asked[0]
    assert (method, url, body) == ("GET", "https://ghe/t", None)
    assert ("Authorization", "token ghu_one") in headers
    assert ("Accept", "application/json") in headers


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (answer(401, message="Bad credentials"), NotLoggedIn, "passenger-trio login"),
        (
            answer(403, error_details={"message": "No access to GitHub Copilot found.", "notification_id": "no"}),
            AccountRefused,
            "No access to GitHub Copilot found",
        ),
        (Answer(200, {}, b"<html>"), UpstreamBroke, "cannot be read"),
        (answer(200, token="tid=1", expires_at=9, refresh_in=5, chat_enabled=False), AccountRefused, "switched"),
    ],
)
async def test_no_token_is_an_error_that_names_the_cause(refusal: Answer, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        await Account(FakeFetch(refusal), Config()).exchange(LOGIN)


async def test_an_exchange_whose_answer_drips_for_ever_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    async def fetch(method: str, url: str, headers: Headers, content: bytes | None = None) -> Answer:
        while True:
            await trio.sleep(20)

    with pytest.raises(UpstreamTimeout, match="token exchange within 60 seconds"):
        await Account(fetch, Config()).exchange(LOGIN)

    assert trio.current_time() == EXCHANGE_LIMIT


async def test_the_account_is_asked_for_beside_the_token() -> None:
    fetch = FakeFetch(answer(login="octocat", copilot_plan="individual"))
    user = await Account(fetch, Config()).user(LOGIN)

    assert user is not None
    assert user.login == "octocat"
    assert [asked[1] for asked in fetch.asked] == ["https://api.github.com/copilot_internal/user"]


async def test_the_plain_user_route_is_asked_where_the_internal_one_is_silent() -> None:
    fetch = FakeFetch(answer(404), answer(login="octocat"))
    config = Config(github=GitHub(copilot_token_url="https://ghe.example.com/token"))
    user = await Account(fetch, config).user(LOGIN)

    assert user is not None
    assert [asked[1] for asked in fetch.asked] == [
        "https://ghe.example.com/copilot_internal/user",
        "https://ghe.example.com/user",
    ]


@pytest.mark.parametrize("silence", [UpstreamUnreachable("x"), answer(500), Answer(200, {}, b"[]"), answer(login=None)])
async def test_an_account_that_cannot_be_named_is_none_and_no_error(silence: Answer | Exception) -> None:
    assert await Account(FakeFetch(silence), Config()).user(LOGIN) is None


@pytest.mark.parametrize("kind, words", [("ghu_", "Copilot's own plugins"), ("gho_", "gh auth token"), ("", "")])
async def test_a_refused_login_of_the_environment_is_explained_by_its_kind(kind: str, words: str) -> None:
    login = Secret(f"{kind}abc")
    account = Account(FakeFetch(answer(401, message="Bad credentials")), Config(login=login))

    with pytest.raises(NotLoggedIn, match="PASSENGER_TRIO_GITHUB_TOKEN") as refused:
        await account.exchange(login)

    assert words in refused.value.message
    assert f"{kind}abc" not in refused.value.message


@pytest.mark.parametrize("status", [403, 404])
async def test_a_refusal_without_a_reason_is_explained_by_the_kind_of_the_login(status: int) -> None:
    account = Account(FakeFetch(answer(status, message="Not Found")), Config())

    with pytest.raises(AccountRefused, match=r"Not Found\. A gho_ token is of an OAuth app"):
        await account.exchange(Secret("gho_abc"))


@pytest.mark.parametrize("login", ["gho_abc", "abc"])
async def test_when_to_ask_again_is_kept_of_a_refusal(login: str) -> None:
    account = Account(FakeFetch(answer(404, {"retry-after": "7"}, message="Not Found")), Config())

    with pytest.raises(AccountRefused) as refused:
        await account.exchange(Secret(login))

    assert refused.value.retry_after == "7"
