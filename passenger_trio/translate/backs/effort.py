"""How hard a model is to think: OpenAI's words for it, and those that a model takes."""

from collections.abc import Sequence
from typing import Final

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def nearest_effort(asked: str, allowed: Sequence[str]) -> str:
    """The allowed effort next to the one asked for, the lesser of two; a word of no rank is left to Copilot's error."""
    ranked = [effort for effort in EFFORTS if effort in allowed]
    if asked in allowed or asked not in EFFORTS or not ranked:
        return asked
    rank = EFFORTS.index(asked)
    return min(ranked, key=lambda effort: abs(EFFORTS.index(effort) - rank))
