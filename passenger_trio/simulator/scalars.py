"""Strings and numbers that satisfy a JSON schema, made of the words and numbers of a prompt."""

import math
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final

_FORMATS: Final = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T10:30:00Z",
    "time": "10:30:00Z",
    "duration": "P1D",
    "email": "octocat@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uri-reference": "/example",
    "url": "https://example.com/",
    "uuid": "6f1b9a52-3c1d-4d5e-8a77-0123456789ab",
}
_LIKELY: Final = (
    "a",
    "A",
    "1",
    "abc",
    "ABC",
    "123",
    "abc-123",
    "ABC-123",
    "10:30",
    "1.0.0",
    "+15550100",
    "#aabbcc",
)
_WORDS: Final = 8  # of the prompt, in one string


class Impossible(ValueError):
    """The bounds leave no value; the text says which."""


def count(schema: Mapping[str, object], key: str, default: int) -> int:
    """The keyword ``key`` where it is a whole number, else ``default``."""
    value = schema.get(key)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


class Source:
    """What a prompt has to offer. The same prompt, schema and turn always give the same value."""

    def __init__(self, prompt: str) -> None:
        self._words = re.findall(r"[\w'-]+", prompt)[:64] or ["simulated"]
        self._numbers = [Fraction(number) for number in re.findall(r"(?<![\w.])-?[0-9]{1,15}(?:\.[0-9]{1,6})?", prompt)]

    def string(self, schema: Mapping[str, object], turn: int) -> str:
        """A string within ``minLength`` and ``maxLength``, of the ``format`` that is asked for."""
        least = count(schema, "minLength", 0)
        most = count(schema, "maxLength", max(least, 2**31))
        if least > most:
            raise Impossible("minLength is more than maxLength")
        for text in self._strings(schema, turn, least, most):
            if least <= len(text) <= most:
                return text
        raise Impossible(f"no text was found for {dict(schema)!r}")

    def _strings(self, schema: Mapping[str, object], turn: int, least: int, most: int) -> Iterator[str]:
        form, pattern = schema.get("format"), schema.get("pattern")
        if isinstance(form, str) and form in _FORMATS:
            yield _FORMATS[form]
        start = turn % len(self._words)
        words = [*self._words[start:], *self._words[:start]][:_WORDS]
        text = " ".join(words) + (f" {turn}" if turn >= len(self._words) else "")
        if len(text) < least:
            text += "x" * min(least - len(text), 100_000)
        text = text[:most]
        if isinstance(pattern, str):
            padded = (likely * (least // len(likely) + 1) for likely in _LIKELY)
            yield from filter(_matcher(pattern).search, (text, *words, *_LIKELY, *padded, *_FORMATS.values()))
        yield text

    def number(self, schema: Mapping[str, object], turn: int, *, whole: bool) -> int | float:
        """A number within its bounds, a multiple of ``multipleOf``; ``whole`` for integers."""
        low, high = _bound(schema, "minimum"), _bound(schema, "maximum")
        above, below = _bound(schema, "exclusiveMinimum"), _bound(schema, "exclusiveMaximum")
        step = _bound(schema, "multipleOf") or (Fraction(1) if whole else None)
        if whole and step is not None:
            step = Fraction(step.numerator)  # the whole multiples of n/d are the multiples of n

        def fits(value: Fraction) -> bool:
            return (
                (low is None or value >= low)
                and (high is None or value <= high)
                and (above is None or value > above)
                and (below is None or value < below)
                and (step is None or value % step == 0)
            )

        floors = [bound for bound in (low, above) if bound is not None]
        ceilings = [bound for bound in (high, below) if bound is not None]
        for value in self._candidates(max(floors, default=None), min(ceilings, default=None), step, turn):
            if fits(value):
                return int(value) if whole or value.denominator == 1 else float(value)
        raise Impossible(f"no number was found for {dict(schema)!r}")

    def _candidates(
        self, low: Fraction | None, high: Fraction | None, step: Fraction | None, turn: int
    ) -> Iterator[Fraction]:
        grain = step or Fraction(1, 2)
        if turn == 0:
            yield from self._numbers
        if low is None and high is None:
            yield (1 + turn) * grain if step else Fraction(3, 2) + turn
        elif low is None or high is None:
            edge = math.floor((high or Fraction(0)) / grain) if low is None else math.ceil(low / grain)
            towards = -1 if low is None else 1
            yield from ((edge + towards * (turn + more)) * grain for more in (0, 1))
        else:
            first, last = math.ceil(low / grain), math.floor(high / grain)
            if first <= last:
                yield from ((first + (turn + more) % (last - first + 1)) * grain for more in range(4))
            yield (low + high) / 2


def _bound(schema: Mapping[str, object], key: str) -> Fraction | None:
    value = schema.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return Fraction(str(value))


def _matcher(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error:
        return re.compile("")  # not Python's dialect: the first text is as good as any
