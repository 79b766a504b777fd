"""How long a token lives, how long to wait, and which GitHub tokens are logins. No clock is trusted alone."""

from email.utils import formatdate

import pytest
from hypothesis import given, strategies as st

from passenger_trio.copilot import life
from passenger_trio.wire import github

NOW = 1_780_000_000
HOUR = 3600


def token(lives: float, refresh: float | None = 1500, *, skew: float = 0) -> github.TokenEnvelope:
    """A token of a GitHub whose clock goes ``skew`` seconds before ours."""
    return github.TokenEnvelope("t", NOW + skew + lives, refresh)


def served(skew: float = 0) -> str:
    return formatdate(NOW + skew, usegmt=True)


@pytest.mark.parametrize("lives", [1800, 1560, 90_000])
@pytest.mark.parametrize("skew", [-2 * HOUR, 0, 2 * HOUR])
def test_a_life_is_reckoned_by_githubs_own_clock_whatever_ours_says(lives: int, skew: int) -> None:
    believed = lives if lives < life.LONGEST_LIFE else 1560
    assert life.token_life(token(lives, skew=skew), served(skew), NOW) == believed


@pytest.mark.parametrize("lives", [20, 1, 0, -7])
def test_a_short_life_that_both_clocks_tell_is_short(lives: int) -> None:
    assert life.token_life(token(lives, 0), served(), NOW) == lives


def test_a_token_that_is_over_by_both_clocks_is_over_however_they_differ() -> None:
    assert life.token_life(token(-100, None), served(), NOW + 1750) == -100
    assert life.token_life(token(-100), served(), NOW + 1750) == 1560, "refresh_in says otherwise"


@pytest.mark.parametrize("wrong", [-2 * HOUR, -2000, 1790, 2 * HOUR, 10**8])
def test_a_date_that_is_wrong_does_not_make_a_life_wrong(wrong: int) -> None:
    assert life.token_life(token(1800), served(wrong), NOW) == 1560


@pytest.mark.parametrize("refresh", [None, 0, -1, -1e300, 1, 10**9, 1e300])
@pytest.mark.parametrize("skew", [-2 * HOUR, 0, 2 * HOUR])
def test_a_refresh_in_that_is_none_does_not_make_a_life_wrong(refresh: float | None, skew: int) -> None:
    assert life.token_life(token(1800, refresh, skew=skew), served(skew), NOW) == 1800


@pytest.mark.parametrize(
    "date", [None, "", " ", "yesterday", "2026-05-28T00:00:00Z", "Thu, 99 Foo 2026 00:00:00 GMT", "0"]
)
def test_without_a_date_a_token_lives_as_the_official_client_reckons(date: str | None) -> None:
    assert life.token_life(token(5), date, NOW) == 1560
    assert life.token_life(token(5), date) == 1560


def test_where_only_the_local_clock_tells_a_life_it_is_heard_if_it_can_be_true() -> None:
    assert life.token_life(token(1700, None), None, NOW) == 1700
    assert life.token_life(token(1700, None, skew=-2 * HOUR), None, NOW) == life.ASSUMED_LIFE
    assert life.token_life(token(1700, None, skew=9 * HOUR), None, NOW) == life.ASSUMED_LIFE
    assert life.token_life(token(1700, None), None) == life.ASSUMED_LIFE
    assert life.token_life(token(1700, None), served(9 * HOUR), NOW) == 1700


def test_a_date_without_a_zone_is_utc() -> None:
    assert life.token_life(token(1800), formatdate(NOW, usegmt=False).replace("+0000", "-0000"), NOW) == 1800


@given(st.text(max_size=40), st.none() | st.integers() | st.floats(allow_nan=False))
def test_no_date_and_no_refresh_in_can_do_harm(date: str, refresh: float | None) -> None:
    assert life.token_life(token(1800, refresh), date, NOW) <= life.LONGEST_LIFE + life.RENEW_BEFORE


@pytest.mark.parametrize("lives, delay", [(1800, 1740), (120, 60), (70, 35), (20, 10), (1, 0.5), (0, 0), (-5, 0)])
def test_a_token_is_renewed_a_minute_before_its_end_or_at_half_of_a_short_life(lives: float, delay: float) -> None:
    assert life.renewal_delay(lives) == pytest.approx(delay)


RESET = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 90), "date": served()}


@pytest.mark.parametrize(
    "headers, wait",
    [
        ({}, None),
        ({"retry-after": "7"}, "7"),
        ({"retry-after": " 7 "}, "7"),
        ({"retry-after": "\u00b2"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": served(30)}, None),
        ({"retry-after": served(30), "date": served()}, "30"),
        ({"retry-after": served(-30), "date": served()}, "1"),
        (RESET, "90"),
        ({**RESET, "retry-after": "7"}, "7"),
        ({**RESET, "x-ratelimit-remaining": "4"}, None),
        ({**RESET, "x-ratelimit-reset": "later"}, None),
        ({**RESET, "date": "now"}, None),
    ],
)
def test_what_github_says_of_waiting_is_read_in_all_its_forms(headers: dict[str, str], wait: str | None) -> None:
    assert life.wait_told(headers) == wait


@pytest.mark.parametrize(
    "said, seconds", [(None, 0), ("", 0), ("7", 7), ("\u00b2", 0), ("-1", 0), ("9" * 400, life.LONGEST_WAIT)]
)
def test_a_wait_is_never_longer_than_githubs_longest_limit(said: str | None, seconds: float) -> None:
    assert life.seconds_told(said) == seconds


@pytest.mark.parametrize(
    "prefix, words",
    [
        ("ghp_", "classic"),
        ("github_pat_", "fine-grained"),
        ("ghs_", "GITHUB_TOKEN"),
        ("ghr_", "refresh token"),
        ("tid=", "Copilot token"),
    ],
)
def test_a_token_that_can_be_no_login_is_named_for_what_it_is(prefix: str, words: str) -> None:
    assert words in (life.wrong_kind(f"{prefix}abc") or "")
    assert life.doubts_about(f"{prefix}abc") == ""


@pytest.mark.parametrize("prefix, words", [("gho_", "OAuth app"), ("ghu_", "Copilot's own plugins"), ("", "")])
def test_a_token_that_may_be_a_login_is_tried_and_explained_once_it_is_refused(prefix: str, words: str) -> None:
    assert life.wrong_kind(f"{prefix}abc") is None
    assert words in life.doubts_about(f"{prefix}abc")


def test_the_remedy_is_where_the_login_came_from() -> None:
    assert "PASSENGER_TRIO_GITHUB_TOKEN" in life.remedy(environment=True)
    assert life.remedy(environment=False) == "Run `passenger-trio login`."
