"""Tokens on their way out."""

import pytest
from hypothesis import given, strategies as st

from passenger_trio.cli.masking import masked
from passenger_trio.simulator import fakes

PLAIN = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize("kind", ["ghu_", "gho_", "ghp_", "ghs_", "ghr_", "github_pat_"])
def test_tokens_of_every_kind_are_masked(kind: str) -> None:
    assert masked(f"Authorization: token {kind}{'Ab1' * 12}, so") == "Authorization: token [secret], so"


def test_a_copilot_token_is_masked_to_the_end_of_its_mac() -> None:
    token = fakes.copilot_token(expires_at=1, sku="plan", host="127.0.0.1:1")

    assert masked(f'{{"token":"{token}","expires_at":1}}') == '{"token":"[secret]","expires_at":1}'
    assert masked(repr({"token": token})) == "{'token': '[secret]'}"


def test_a_key_of_a_client_is_masked() -> None:
    assert masked(f"x-api-key: pt-{'aB3_-' * 8}xyz, so") == "x-api-key: [secret], so"


@pytest.mark.parametrize("text", ["pt-PT", "ghosts_are_here", "high_five", "gh_", "github_pat_", "tid=1", "tid = 1; x"])
def test_words_that_look_a_little_like_tokens_stay(text: str) -> None:
    assert masked(text) == text


@given(before=PLAIN, after=PLAIN)
def test_no_surroundings_hide_a_github_token(before: str, after: str) -> None:
    token = fakes.github_token()

    assert token not in masked(before + token + after)


@given(before=PLAIN, after=PLAIN)
def test_no_surroundings_hide_a_copilot_token(before: str, after: str) -> None:
    token = fakes.copilot_token(expires_at=1, sku="plan", host="127.0.0.1:1")

    assert token not in masked(before + token + after)
