"""``passenger-trio keys add``, ``list`` and ``revoke``."""

import sys
import time
from typing import Final

import msgspec

from passenger_trio.cli.outcome import Exit
from passenger_trio.cli.wording import table
from passenger_trio.server.keys import KeyStore

WORDS: Final = """\
The key of {name}, which is shown this once:
send it as `Authorization: Bearer KEY`, `x-api-key: KEY` or `api-key: KEY`.
A running server knows it at once. It asks for keys where it serves others than
this machine, and where require_key = true stands under [server] in config.toml.
"""


class Row(msgspec.Struct):
    """A key as ``--json`` prints it; ``created`` is unix seconds."""

    name: str
    created: int


def add(name: str) -> int:
    """Make a key and print it: alone on stdout, so that a program can take it."""
    key = KeyStore().add(name, now=int(time.time()))
    print(WORDS.format(name=name), file=sys.stderr, flush=True)
    print(key.reveal())
    return Exit.GOOD


def show(*, as_json: bool) -> int:
    """Print whose keys there are. The keys themselves are kept nowhere."""
    store = KeyStore()
    rows = [Row(key.name, key.created) for key in store.read()]
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    elif not rows:
        print(f"There are no keys in {store.path}. `passenger-trio keys add NAME` makes one.")
    else:
        print(table([["NAME", "CREATED"], *([row.name, _date(row.created)] for row in rows)]))
    return Exit.GOOD


def revoke(name: str) -> int:
    """Take a key back."""
    KeyStore().revoke(name)
    print(f"The key of {name} is good no more, nor with a server that is running.")
    return Exit.GOOD


def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
