"""The context of ``/api/generate``: a conversation as integers, and back."""

import json
import random

import hypothesis
import pytest
from hypothesis import strategies as st

from passenger_trio.translate.fronts import ollama_context
from passenger_trio.translate.fronts.ollama_context import MARK, MOST_TEXT, Past, Turn, pack, unpack

ROLES = st.sampled_from(["system", "user", "assistant"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
TURNS = st.lists(st.builds(Turn, ROLES, TEXTS), max_size=12)
INTEGERS = st.lists(st.integers(), max_size=60)


def noise(size: int, seed: int = 0) -> str:
    """A text that hardly gets shorter."""
    return random.Random(seed).randbytes(size // 2).hex()  # noqa: S311 - nothing to guess


def text_of(context: list[int]) -> int:
    return len(json.dumps(context, separators=(",", ":")))


@hypothesis.given(TURNS)
def test_a_conversation_comes_back_as_it_went(turns: list[Turn]) -> None:
    assert unpack(pack(turns)) == Past(turns, is_cut=False)


@hypothesis.given(TURNS)
def test_a_context_is_never_empty_and_has_integers_that_any_client_can_hold(turns: list[Turn]) -> None:
    context = pack(turns)

    assert len(context) > 1
    assert all(0 <= value < 1 << 24 for value in context)


@hypothesis.given(INTEGERS)
def test_somebody_elses_integers_are_nobodys_conversation(context: list[int]) -> None:
    assert unpack(context) is None
    assert unpack([MARK, *context]) is None


@hypothesis.given(TURNS, st.data())
def test_a_context_that_was_changed_on_the_way_means_nothing(turns: list[Turn], data: st.DataObject) -> None:
    context = pack(turns)
    at = data.draw(st.integers(0, len(context) - 1))
    cut = data.draw(st.integers(0, len(context) - 1))

    changed = [*context[:at], context[at] ^ 1 << 20, *context[at + 1 :]]
    assert unpack(changed) in (None, Past(turns, is_cut=False))  # a bit may be of no meaning
    assert unpack(context[:cut]) is None
    assert unpack([*context, 7]) is None
    assert unpack([*context[:-1], -1]) is None
    assert unpack([*context[:-1], 1 << 24]) is None


@pytest.mark.parametrize("turns", [1, 40, 400])
def test_the_oldest_turns_make_room_and_what_is_missing_is_told(turns: int) -> None:
    said = [Turn("system", "be brief"), *(Turn("user", noise(200_000 // turns, at)) for at in range(turns))]
    context = pack(said)
    past = unpack(context)

    assert past is not None
    assert past.is_cut
    assert past.turns == [said[0], *said[len(said) - len(past.turns) + 1 :]]
    assert text_of(context) <= MOST_TEXT
    assert turns == 1 or text_of(context) > MOST_TEXT * 3 // 4


def test_what_the_system_says_goes_last() -> None:
    assert unpack(pack([Turn("system", noise(200_000)), Turn("user", "x")])) == Past([], is_cut=True)


def test_a_long_conversation_that_packs_well_is_cut_as_well() -> None:
    past = unpack(pack([Turn("user", "a" * 400_000), Turn("assistant", "b" * 400_000)]))

    assert past == Past([Turn("assistant", "b" * 400_000)], is_cut=True)


@pytest.mark.parametrize(
    "said",
    [
        '[[["tool","x"]],false]',
        '[[["user"]],false]',
        '[[["user",5]],false]',
        "{}",
        "[]",
        "no JSON",
    ],
)
def test_only_a_conversation_is_one(said: str) -> None:
    assert unpack(integers(said.encode())) is None


def integers(data: bytes) -> list[int]:
    """Any bytes, packed as a conversation is."""
    packed = ollama_context.zlib.compress(data)
    packed += bytes(-len(packed) % 3)
    return [MARK, *(int.from_bytes(packed[at : at + 3], "big") for at in range(0, len(packed), 3))]


def test_integers_do_not_swell_beyond_bounds() -> None:
    bomb = integers(b'[[["user","' + b"a" * 5_000_000 + b'"]],false]')
    fits = integers(b'[[["user","' + b"a" * 4_000_000 + b'"]],false]')

    assert len(bomb) < 3000
    assert unpack(bomb) is None
    assert unpack(fits) is not None


def test_a_list_that_is_longer_than_any_of_ours_is_not_even_looked_at() -> None:
    assert unpack([*pack([Turn("user", "x")]), *[0] * 10_000]) is None
