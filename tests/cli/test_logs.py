"""Where the log goes, and what it never holds."""

import io
import logging
from collections.abc import Iterator

import pytest

from passenger_trio.cli import logs

TOKEN = "ghu_" + "a" * 36


@pytest.fixture(autouse=True)
def log_without_secrets() -> None:
    """Not here: these tests write tokens into the log, to see that they are masked on their way out."""


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A log that is set up at info; the process's own set-up is put back."""
    root, ours = logging.getLogger(), logging.getLogger("passenger_trio")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    root.handlers.clear()
    stream = io.StringIO()
    logs.set_up("info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def test_our_loggers_speak_at_the_level_that_was_asked_for(stream: io.StringIO) -> None:
    logging.getLogger("passenger_trio.server").info("heard")
    logging.getLogger("passenger_trio.server").debug("too much")

    assert stream.getvalue().endswith("INFO heard\n")
    assert "too much" not in stream.getvalue()


@pytest.mark.parametrize("name", ["httpx", "httpcore", "hypercorn.error"])
def test_libraries_speak_from_warning_on(stream: io.StringIO, name: str) -> None:
    logging.getLogger(name).info("chatter")
    logging.getLogger(name).warning("trouble")

    assert "chatter" not in stream.getvalue()
    assert "trouble" in stream.getvalue()


def test_tokens_are_masked_in_message_arguments_and_traceback(stream: io.StringIO) -> None:
    logger = logging.getLogger("passenger_trio.copilot")
    try:
        int(TOKEN)
    except ValueError:
        logger.exception(f"in the message {TOKEN} and %s", {"the arguments": TOKEN})

    assert "Traceback" in stream.getvalue()
    assert stream.getvalue().count("[secret]") >= 3
    assert TOKEN not in stream.getvalue()


def test_setting_up_twice_says_everything_once(stream: io.StringIO) -> None:
    logs.set_up("info", stream)
    logging.getLogger("passenger_trio").info("heard")

    assert stream.getvalue().count("heard") == 1


def test_the_journal_gets_no_time_of_ours(tmp_path, monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> None:
    with (tmp_path / "journal").open("w+") as journal:
        status = (tmp_path / "journal").stat()
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        logs.set_up("info", journal)
        logging.getLogger("passenger_trio").info("heard")

        assert (tmp_path / "journal").read_text() == "INFO heard\n"


def test_what_trio_says_ten_times_a_second_is_told_once_a_minute_without_its_traceback(stream: io.StringIO) -> None:
    logger = logging.getLogger("trio.serve_listeners")
    for second in (0, 0.1, 59, 61):
        record = logger.makeRecord(logger.name, logging.ERROR, "", 0, f"no more sockets at {second}", (), None)
        record.exc_info = (OSError, OSError(24, "Too many open files"), None)
        record.created = 1000 + second
        logger.handle(record)

    told = stream.getvalue().splitlines()
    assert [line.rpartition(" ")[2] for line in told] == ["0", "61"]
