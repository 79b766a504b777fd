"""Where the log goes: stderr, which a service manager takes to its journal."""

import logging
import os
import sys
from typing import Final, TextIO

from passenger_trio.cli.masking import masked
from passenger_trio.config import LogLevel

_WITH_TIME: Final = "%(asctime)s %(levelname)s %(message)s"
_WITHOUT_TIME: Final = "%(levelname)s %(message)s"


class MaskingFormatter(logging.Formatter):
    """Masks tokens in the finished text, and so in message, arguments, traceback and stack alike.

    A :class:`logging.Filter` comes too early for that: the traceback is not text yet when it looks.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one text without tokens."""
        return masked(super().format(record))


class Seldom(logging.Filter):
    """Trio says ten times a second, with a traceback, that it cannot accept a connection: once a minute is enough."""

    def __init__(self) -> None:
        super().__init__()
        self._again = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to tell it; without the traceback, which is always the same."""
        if record.created < self._again:
            return False
        self._again = record.created + 60.0
        record.exc_info = None
        return True


def set_up(level: LogLevel, stream: TextIO | None = None) -> None:
    """Log our own loggers at ``level`` and all others (httpx, Hypercorn) at warning, to ``stream`` or stderr.

    The handler is the root logger's, so that what a library logs is masked as well.
    """
    out = stream if stream is not None else sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(MaskingFormatter(_WITHOUT_TIME if _is_journal(out) else _WITH_TIME))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("passenger_trio").setLevel(level.upper())
    logging.getLogger("trio.serve_listeners").filters = [Seldom()]


def _is_journal(stream: TextIO) -> bool:
    """Whether systemd's journal reads the stream; it notes the time itself (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
