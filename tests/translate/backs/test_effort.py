"""How many tokens a model that thinks by a budget has for it."""

import pytest

from passenger_trio.translate.backs import effort
from passenger_trio.wire.models import Supports

BUDGETED = Supports(min_thinking_budget=1024, max_thinking_budget=32000)
FEW = Supports(max_thinking_budget=512)


@pytest.mark.parametrize(
    ("asked", "supports", "max_tokens", "budget"),
    [
        (2048, BUDGETED, 64000, 2048),
        (9, BUDGETED, 64000, 1024),
        (99_000, BUDGETED, 64000, 32000),
        (9000, BUDGETED, 8000, 7999),
        (9000, BUDGETED, 1025, 1024),
        (9000, BUDGETED, 1024, None),
        (9000, FEW, 8000, 512),
        (9000, Supports(), 8000, None),
    ],
)
def test_a_budget_is_within_what_the_model_takes_and_below_the_whole(
    asked: int, supports: Supports, max_tokens: int, budget: int | None
) -> None:
    assert effort.bounded_budget(asked, supports, max_tokens) == budget
