"""``passenger-trio logout``."""

import trio

from passenger_trio.cli.outcome import Exit
from passenger_trio.config import GITHUB_TOKEN, Config
from passenger_trio.copilot.store import TokenStore


def run(config: Config) -> int:
    """Delete both token files and say which were there."""
    store = TokenStore.of(config)
    gone = trio.run(store.clear)
    if store.environment:
        print(f"{GITHUB_TOKEN} is set, and is a login as well; unset it.")
    if not gone:
        places = f"neither {store.place(store.access_path)} nor {store.place(store.copilot_path)}"
        print(f"Nobody was logged in: {places} exists.")
        return Exit.GOOD
    for path in gone:
        print(f"Deleted {store.place(path)}")
    print("GitHub still lists the permission; take it back at https://github.com/settings/apps/authorizations")
    return Exit.GOOD
