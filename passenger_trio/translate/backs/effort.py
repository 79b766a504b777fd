"""How hard a model is to think: OpenAI's words for it, and those that a model takes."""

from collections.abc import Mapping, Sequence
from typing import Final

from passenger_trio.wire.models import Supports

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

PLAIN_EFFORTS: Final[Mapping[str, str]] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
"""The nearest of the three that every model which thinks can be asked for."""

_SHARES: Final = {"low": 0.1, "medium": 0.4, "high": 1.0}
"""Where between its least and its most a thinking budget lies."""

_LEAST_BUDGET: Final = 1024

UNNAMED_EFFORT: Final = "high"
"""What thinking without an effort or a budget means to Anthropic, and so to models that think by a budget."""


def nearest_effort(asked: str, allowed: Sequence[str]) -> str:
    """The allowed effort next to the one asked for, the lesser of two; a word of no rank is left to Copilot's error."""
    ranked = [effort for effort in EFFORTS if effort in allowed]
    if asked in allowed or asked not in EFFORTS or not ranked:
        return asked
    rank = EFFORTS.index(asked)
    return min(ranked, key=lambda effort: abs(EFFORTS.index(effort) - rank))


def thinking_budget(effort: str, supports: Supports, max_tokens: int | None) -> int | None:
    """How many tokens a model that thinks by a budget is to have for ``effort``, one of :data:`PLAIN_EFFORTS`' values.

    The budget is a part of ``max_tokens``, and the answer wants its half. None for a model without budgets, and where
    there is no room for the least of them.
    """
    least, most = _bounds(supports)
    if not most:
        return None
    budget = least + int((most - least) * _SHARES[effort])
    if max_tokens is None:
        return budget
    budget = min(budget, max(least, max_tokens // 2))
    return budget if budget < max_tokens else None


def bounded_budget(asked: int, supports: Supports, max_tokens: int) -> int | None:
    """The budget next to ``asked`` that the model takes and ``max_tokens`` have room for; none as with
    :func:`thinking_budget`.
    """
    least, most = _bounds(supports)
    budget = min(max(asked, least), most, max_tokens - 1)
    return budget if most and budget >= least else None


def _bounds(supports: Supports) -> tuple[int, int]:
    """The least budget of a model and its most, which is 0 where it has none."""
    most = supports.max_thinking_budget or 0
    return min(supports.min_thinking_budget or _LEAST_BUDGET, most), most
