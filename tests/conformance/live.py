"""Run the checks against the real Copilot with the user's own login and configuration: ``nox -s live``."""

import functools
import os
import sys
from collections.abc import Awaitable, Callable

import trio

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120

from conformance.checks import CHECKS

from passenger_trio.config import load
from passenger_trio.errors import PassengerError
from passenger_trio.server import run

MODEL = "gpt-4.1"


async def check_all(model: str) -> int:
    """Serve, check, and return how many checks failed."""
    failed = 0
    sock = run.listen("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        url = await nursery.start(functools.partial(run.serve, load().config, sock, handle_signals=False))
        for check in CHECKS:
            failed += not await holds(check, url, model)
        nursery.cancel_scope.cancel()
    return failed


async def holds(check: Callable[[str, str], Awaitable[None]], url: str, model: str) -> bool:
    """Whether one check holds; says so."""
    with trio.move_on_after(60) as limit:
        try:
            await check(url, model)
        except Exception as error:
            print(f"FAILED  {check.__name__}: {type(error).__name__}: {error}")
            return False
    print(f"{'SLOW   ' if limit.cancelled_caught else 'ok     '} {check.__name__}")
    return not limit.cancelled_caught


def main() -> int:
    model = sys.argv[1] if len(sys.argv) > 1 else MODEL
    if os.environ.get("CI"):
        print("These checks use somebody's own subscription; they are not for CI.")
        return 2
    print(
        f"This sends {len(CHECKS)} small calls for {model} to the real Copilot with your login; they cost some quota."
    )
    if input("Go on? [y/N] ").strip().lower() != "y":
        return 1
    try:
        return 1 if trio.run(check_all, model) else 0
    except* PassengerError as group:
        print(group.exceptions[0])
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
