"""What a login shows; the flow itself is tested in the copilot package, and whole in test_runs."""

import io
import webbrowser

import pytest

from passenger_trio.cli.login import NOTICE, Progress, has_browser
from passenger_trio.copilot import protocol


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def lines_seen(text: str, width: int = 80) -> list[str]:
    """What a terminal shows of ``text`` in the end."""
    lines: list[str] = []
    for written in text.split("\n"):
        cells = [" "] * width
        for part in written.split("\r"):
            cells[: len(part)] = part
        lines.append("".join(cells).rstrip())
    return lines


def test_a_terminal_has_one_line_that_tells_the_time_left() -> None:
    out = Terminal()
    progress = Progress(out)
    progress.tick(872)
    progress.tick(9.5)

    assert lines_seen(out.getvalue()) == ["Waiting for GitHub... 0:09 left (Ctrl-C stops)"]


@pytest.mark.parametrize("echo", ["", "^C"])
def test_a_terminals_line_is_empty_afterwards_also_after_ctrl_c(echo: str) -> None:
    out = Terminal()
    with Progress(out) as progress:
        progress.tick(872)
        out.write(echo)

    assert lines_seen(out.getvalue()) == [""]
    assert out.getvalue().endswith("\r")


def test_elsewhere_there_is_a_plain_line_at_first_and_then_one_a_minute() -> None:
    out = io.StringIO()
    with Progress(out) as progress:
        for second in range(150):
            progress.tick(899.0 - second)

    assert out.getvalue() == (
        "Waiting for GitHub, 15 min left.\nWaiting for GitHub, 14 min left.\nWaiting for GitHub, 13 min left.\n"
    )


def test_a_wait_that_never_began_shows_nothing() -> None:
    out = Terminal()
    with Progress(out):
        pass

    assert not out.getvalue()


def no_browser() -> object:
    raise webbrowser.Error


@pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"])
def test_a_browser_needs_a_display_on_linux(name: str) -> None:
    assert has_browser({name: "x"}, "linux", object)
    assert not has_browser({name: ""}, "linux", object)
    assert not has_browser({}, "linux", object)


def test_a_browser_needs_no_display_elsewhere() -> None:
    assert has_browser({}, "darwin", object)


def test_there_is_no_browser_where_python_finds_none() -> None:
    assert not has_browser({"DISPLAY": ":0"}, "linux", no_browser)


def test_the_notice_names_the_risk_and_the_terms() -> None:
    assert "own risk" in NOTICE
    assert protocol.TERMS_URL in NOTICE
