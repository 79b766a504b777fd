"""Words for people: the only part of the house that knows cyclopts or prints.

``app`` is the grammar, all that can be typed. Each verb has a file of its own with one ``run``, imported when the verb
is wanted, so that ``--help`` waits for none of them. ``outcome`` turns what went wrong into one line and an exit code.
"""

from collections.abc import Sequence
from typing import NoReturn


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """The program ``passenger-trio``. Ends with :class:`SystemExit` and one of :class:`.outcome.Exit`."""
    import sys

    from passenger_trio.cli.app import dispatch
    from passenger_trio.cli.outcome import settle

    words = sys.argv[1:] if argv is None else list(argv)
    sys.exit(settle(lambda: dispatch(words)))
