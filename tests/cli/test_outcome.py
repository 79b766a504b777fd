"""What went wrong, as a line and an exit code."""

import pytest

from passenger_trio import errors
from passenger_trio.cli.outcome import Exit, complain, leaves, settle
from passenger_trio.errors import NotLoggedIn, PassengerError, PortUnavailable, UpstreamBroke, UpstreamRefused

TOKEN = "ghu_" + "a" * 36


def failing(error: BaseException) -> int:
    def work() -> int:
        raise error

    return settle(work)


@pytest.mark.parametrize(
    "error, code",
    [
        (errors.ConfigError("x"), 2),
        (errors.NotLoggedIn("x"), 3),
        (errors.LoginFailed("x"), 3),
        (errors.AccountRefused("x"), 4),
        (errors.UpstreamUnreachable("x"), 5),
        (errors.UpstreamTimeout("x"), 5),
        (errors.PortUnavailable("x"), 6),
        (errors.StoreError("x"), 7),
        (errors.UpstreamRefused(500, "x"), 1),
        (errors.UpstreamBroke("x"), 1),
        (errors.TokenUnavailable("x"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_every_failure_has_its_code_and_is_one_line(
    error: PassengerError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failing(error) == code
    assert capsys.readouterr() == ("", "passenger-trio: x\n")


def test_what_goes_well_keeps_its_own_code() -> None:
    assert settle(lambda: 3) == 3


def test_a_failure_in_nested_groups_is_told_as_if_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(ExceptionGroup("", [ExceptionGroup("", [NotLoggedIn("Log in.")])])) == 3
    assert capsys.readouterr().err == "passenger-trio: Log in.\n"


def test_of_several_failures_the_one_that_can_be_mended_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    group = ExceptionGroup("", [UpstreamBroke("broke"), UpstreamRefused(500, "no"), PortUnavailable("port")])

    assert failing(group) == 6
    assert capsys.readouterr().err == "passenger-trio: port\n"


def test_a_bug_keeps_its_traceback_even_beside_a_failure_and_shows_no_token(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert failing(ExceptionGroup("", [NotLoggedIn("x"), ValueError(f"with {TOKEN}")])) == Exit.BUG

    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "ValueError: with [secret]" in err
    assert "bug" in err.splitlines()[-1]
    assert TOKEN not in err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BaseExceptionGroup("", [KeyboardInterrupt()])])
def test_ctrl_c_has_no_traceback(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(error) == 130
    assert capsys.readouterr().err == "passenger-trio: Stopped.\n"


def test_a_failure_beside_ctrl_c_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(BaseExceptionGroup("", [KeyboardInterrupt(), NotLoggedIn("x")])) == 3


def test_a_systemexit_passes() -> None:
    with pytest.raises(SystemExit):
        failing(SystemExit(9))


def test_a_complaint_is_one_printable_line_without_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    complain(f"two\nlines, \x1b[31mred\x1b[0m and {TOKEN}")

    assert capsys.readouterr().err == "passenger-trio: two lines, [31mred [0m and [secret]\n"


def test_leaves_are_found_in_order() -> None:
    a, b, c = ValueError("a"), ValueError("b"), ValueError("c")

    assert list(leaves(ExceptionGroup("", [a, ExceptionGroup("", [b]), c]))) == [a, b, c]
