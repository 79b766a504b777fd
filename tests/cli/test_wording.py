"""Numbers, as people are told them."""

import pytest

from passenger_trio.cli.wording import amount, clock, span, table


@pytest.mark.parametrize(
    "seconds, text", [(899.9, "14:59"), (60, "1:00"), (59.9, "0:59"), (0, "0:00"), (-1, "0:00"), (3600, "60:00")]
)
def test_a_clock_that_runs_out(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    "seconds, text",
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (899, "15 min"),
        (3569, "59 min"),
        (3571, "1 h 00 min"),
        (3900, "1 h 05 min"),
    ],
)
def test_a_length_of_time(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    "number, text",
    [
        (None, "-"),
        (0, "0"),
        (512, "512"),
        (4096, "4k"),
        (128_000, "128k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (1_050_000, "1.05M"),
        (2_000_000, "2M"),
    ],
)
def test_a_limit_in_tokens(number: int | None, text: str) -> None:
    assert amount(number) == text


def test_columns_stand_under_each_other_and_lines_end_with_their_last_letter() -> None:
    assert table([["id", "n", "x"], ["longer", "1000", ""]], right=frozenset({1})) == "id         n  x\nlonger  1000"
