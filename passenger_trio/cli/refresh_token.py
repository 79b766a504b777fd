"""``passenger-trio refresh-token``."""

import time

import msgspec
import trio

from passenger_trio.cli.outcome import Exit
from passenger_trio.cli.session import Session
from passenger_trio.cli.wording import span
from passenger_trio.config import Config
from passenger_trio.copilot.client import open_http
from passenger_trio.copilot.saved import end_of


class Report(msgspec.Struct):
    """What ``--json`` prints. ``expires_at`` is unix seconds on this machine's clock, ``plan`` GitHub's word for it."""

    seconds_left: int
    expires_at: int
    plan: str | None
    path: str


def run(config: Config, *, as_json: bool) -> int:
    """Exchange the login for a Copilot token now, save it, and say how long it is good for."""
    report = trio.run(_renew, config)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        plan = f" The account's plan is {report.plan}." if report.plan else ""
        print(f"The Copilot token is renewed and good for {span(report.seconds_left)}.{plan}")
        print(f"Saved {report.path}")
    return Exit.GOOD


async def _renew(config: Config) -> Report:
    async with open_http(config.copilot) as http:
        session = Session(http, config)
        saved = await session.renewed()
    end = end_of(saved)
    return Report(round(end - time.time()), round(end), saved.sku, session.store.place(session.store.copilot_path))
