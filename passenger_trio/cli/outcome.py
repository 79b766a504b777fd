"""How a run ends: an exit code, and for a failure one line on stderr that names the remedy."""

import enum
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Final, cast

from passenger_trio.cli.masking import masked
from passenger_trio.errors import (
    AccountRefused,
    ConfigError,
    LoginFailed,
    NotLoggedIn,
    PassengerError,
    PortUnavailable,
    StoreError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)


class Exit(enum.IntEnum):
    """The exit codes. Scripts rely on them."""

    GOOD = 0
    UPSTREAM = 1
    USAGE = 2
    NOT_LOGGED_IN = 3
    ACCOUNT_REFUSED = 4
    UNREACHABLE = 5
    PORT = 6
    FILES = 7
    BUG = 70
    INTERRUPTED = 130


MEANINGS: Final[Mapping[Exit, str]] = {
    Exit.GOOD: "all went well",
    Exit.UPSTREAM: "GitHub or Copilot refused, or broke off",
    Exit.USAGE: "wrong option or configuration",
    Exit.NOT_LOGGED_IN: "not logged in, or the login is void",
    Exit.ACCOUNT_REFUSED: "GitHub gives this account no Copilot",
    Exit.UNREACHABLE: "GitHub or Copilot cannot be reached",
    Exit.PORT: "the port or address cannot be used",
    Exit.FILES: "the token files cannot be read or written",
    Exit.BUG: "a bug in passenger-trio",
    Exit.INTERRUPTED: "stopped with Ctrl-C",
}
"""For ``--help`` and for ``docs/cli.md``, which a test compares."""

_CODES: Final[tuple[tuple[type[PassengerError], Exit], ...]] = (
    (ConfigError, Exit.USAGE),
    (PortUnavailable, Exit.PORT),
    (StoreError, Exit.FILES),
    (NotLoggedIn, Exit.NOT_LOGGED_IN),
    (LoginFailed, Exit.NOT_LOGGED_IN),
    (AccountRefused, Exit.ACCOUNT_REFUSED),
    (UpstreamUnreachable, Exit.UNREACHABLE),
    (UpstreamTimeout, Exit.UNREACHABLE),
)
"""In the order of what tells most: of several failures at once, the first kind here is the one that is told. Those that
are not here are GitHub's and Copilot's."""


def settle(work: Callable[[], int]) -> int:
    """Do ``work`` and return its exit code, or that of its failure, which is then told on stderr.

    A failure that a person can mend is one line. Anything else is a bug of ours and keeps its traceback.
    """
    try:
        code = work()
        sys.stdout.flush()
    except BrokenPipeError:
        # whoever read our output has had enough (`| head`); nor is the rest to be flushed when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.GOOD
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - the last one who can say anything
        return _told(error)
    return code


def complain(line: str) -> None:
    """One line on stderr, whatever was in it."""
    plain = "".join(char if char.isprintable() else " " for char in masked(line))  # GitHub's words may be anything
    print(f"passenger-trio: {' '.join(plain.split())}", file=sys.stderr, flush=True)


def _rank(error: PassengerError) -> tuple[int, Exit]:
    """Its place among failures, the most telling first, and its exit code."""
    for place, (kind, code) in enumerate(_CODES):
        if isinstance(error, kind):
            return place, code
    return len(_CODES), Exit.UPSTREAM


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors themselves, out of the exception groups that nurseries put them in."""
    if isinstance(error, BaseExceptionGroup):
        for inner in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from leaves(inner)
    else:
        yield error


def _told(error: BaseException) -> int:
    found = list(leaves(error))
    known = [leaf for leaf in found if isinstance(leaf, PassengerError)]
    interrupts = [leaf for leaf in found if isinstance(leaf, KeyboardInterrupt)]
    if len(known) + len(interrupts) < len(found):
        print(masked("".join(traceback.format_exception(error))), end="", file=sys.stderr)
        complain("This is a bug in passenger-trio. Please report it with the lines above.")
        return Exit.BUG
    if not known:
        complain("Stopped.")
        return Exit.INTERRUPTED
    telling = min(known, key=_rank)
    complain(telling.told if isinstance(telling, UpstreamRefused) else telling.message)
    return _rank(telling)[1]
