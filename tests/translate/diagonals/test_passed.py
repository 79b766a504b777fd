"""What the diagonals take out of a request, and whether they say so."""

import pytest

from passenger_trio.translate.diagonals.passed import without
from passenger_trio.wire import envelope


@pytest.mark.parametrize(
    ("body", "left", "named", "found"),
    [
        ({"a": 1}, {"a": 1}, ["before"], False),
        ({"a": 1, "b": 2, "c": 3}, {"a": 1}, ["before", "x.b", "x.c"], True),
        ({"a": None, "b": None}, {"a": None}, ["before"], True),
    ],
)
def test_what_is_not_kept_is_taken_out_and_named_unless_it_is_null(
    body: object, left: object, named: list[str], found: bool
) -> None:
    whole, lost = envelope.decode(envelope.encode(body)), dict[str, None](before=None)

    assert without(whole, frozenset({"a"}), "x.", lost) is found
    assert envelope.value(envelope.raw(whole)) == left
    assert list(lost) == named
