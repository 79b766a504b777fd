"""The device flow, with a clock that jumps."""

from urllib.parse import parse_qs

import pytest
import trio
import trio.testing
from fakes import FakeFetch, answer

from passenger_trio.config import GitHub
from passenger_trio.copilot import login
from passenger_trio.copilot.client import Answer
from passenger_trio.errors import LoginFailed, PassengerError, UpstreamBroke, UpstreamTimeout, UpstreamUnreachable
from passenger_trio.secret import Secret
from passenger_trio.wire.github import DeviceCode

CODE = DeviceCode("dev", "WDJB-MJHT", "https://github.com/login/device", 900, 5)
PENDING = answer(error="authorization_pending", error_description="The authorization request is still pending.")
SUCCESS = answer(access_token="ghu_one", token_type="bearer", scope="")


def gaps(fetch: FakeFetch) -> list[float]:
    return [later - earlier for earlier, later in zip([0.0, *fetch.times], fetch.times, strict=False)]


async def test_a_code_is_asked_for_as_rfc_8628_has_it() -> None:
    fetch = FakeFetch(
        answer(device_code="d", user_code="WDJB-MJHT", verification_uri="https://x/", expires_in=899, interval=5)
    )
    code = await login.begin(fetch, GitHub())

    method, url, headers, body = fetch.asked[0]
    assert (method, url) == ("POST", GitHub().device_code_url)
    assert ("Accept", "application/json") in headers
    assert parse_qs((body or b"").decode()) == {"client_id": ["Iv1.b507a08c87ecfe98"], "scope": ["read:user"]}
    assert (code.user_code, code.expires_in) == ("WDJB-MJHT", 899)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (answer(error="device_flow_disabled", error_description="Device Flow must be enabled"), "must be enabled"),
        (Answer(404, {}, b"<html>Not Found"), "HTTP 404"),
        (answer(404, message="Not Found"), "HTTP 404"),
    ],
)
async def test_no_code_is_a_failure_that_says_why(refusal: Answer, words: str) -> None:
    with pytest.raises(LoginFailed, match=words):
        await login.begin(FakeFetch(refusal), GitHub())


async def test_polls_keep_the_interval_until_the_code_is_entered(autojump_clock: trio.testing.MockClock) -> None:
    fetch = FakeFetch(PENDING, PENDING, PENDING, SUCCESS)

    assert await login.wait(fetch, GitHub(), CODE) == Secret("ghu_one")
    assert gaps(fetch) == [5, 5, 5, 5]
    assert parse_qs((fetch.asked[0][3] or b"").decode())["grant_type"] == [
        "urn:ietf:params:oauth:grant-type:device_code"
    ]


async def test_slow_down_raises_the_interval_for_good(autojump_clock: trio.testing.MockClock) -> None:
    fetch = FakeFetch(
        PENDING, answer(error="slow_down", interval=10), PENDING, answer(error="slow_down"), PENDING, SUCCESS
    )

    await login.wait(fetch, GitHub(), CODE)

    assert gaps(fetch) == [5, 5, 10, 10, 15, 15]


@pytest.mark.parametrize("trouble", [UpstreamUnreachable("x"), UpstreamTimeout("x"), UpstreamBroke("x"), answer(502)])
async def test_a_network_that_fails_for_a_moment_is_borne_at_a_slower_pace(
    autojump_clock: trio.testing.MockClock, trouble: PassengerError | Answer
) -> None:
    fetch = FakeFetch(PENDING, trouble, PENDING, SUCCESS)

    assert await login.wait(fetch, GitHub(), CODE) == Secret("ghu_one")
    assert gaps(fetch) == [5, 5, 10, 10]


async def test_a_code_that_runs_out_ends_the_login_in_time(autojump_clock: trio.testing.MockClock) -> None:
    fetch = FakeFetch(PENDING)
    with pytest.raises(LoginFailed, match="ran out"):
        await login.wait(fetch, GitHub(), CODE)

    assert trio.current_time() == pytest.approx(900, abs=0.01)
    assert len(fetch.asked) == 179


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("expired_token", "ran out"),
        ("access_denied", "cancelled"),
        ("incorrect_device_code", "does not know this code"),
        ("incorrect_client_credentials", "client_id"),
        ("unsupported_grant_type", "oauth_token_url"),
        ("device_flow_disabled", "does not allow"),
        ("something_new", "something_new"),
    ],
)
async def test_refusals_end_the_login_at_once(autojump_clock: trio.testing.MockClock, error: str, words: str) -> None:
    fetch = FakeFetch(PENDING, answer(error=error))
    with pytest.raises(LoginFailed, match=words):
        await login.wait(fetch, GitHub(), CODE)
    assert len(fetch.asked) == 2


async def test_the_time_left_is_told_every_second(autojump_clock: trio.testing.MockClock) -> None:
    told: list[float] = []
    await login.wait(FakeFetch(PENDING, SUCCESS), GitHub(), CODE, told.append)

    assert [round(left) for left in told] == list(range(900, 890, -1))


async def test_stopping_takes_no_time(autojump_clock: trio.testing.MockClock) -> None:
    with trio.move_on_after(12.5) as stopped:
        await login.wait(FakeFetch(PENDING), GitHub(), CODE)

    assert stopped.cancelled_caught
    assert trio.current_time() == pytest.approx(12.5)
