"""What of the configuration counts without a restart, and what has changed that does not."""

from typing import Final

import msgspec

from passenger_trio.config import SECTIONS, Config

LIVE: Final = frozenset({
    "copilot.max_concurrent",
    "copilot.min_interval",
    "models.aliases",
    "server.allowed_hosts",
    "server.allowed_origins",
    "server.api_key",
    "server.body_timeout",
    "server.graceful_timeout",
    "server.keepalive",
    "server.log_level",
    "server.max_body_mib",
    "server.max_concurrent",
    "server.max_queued",
    "server.queue_timeout",
    "server.require_key",
    "server.write_timeout",
})  # fmt: skip
"""The keys that SIGHUP takes over."""


def changed(before: Config, after: Config) -> list[str]:
    """The keys, as ``section.key``, whose values differ."""
    return [
        f"{section}.{key}"
        for section, kind in SECTIONS.items()
        for key in kind.__struct_fields__
        if getattr(getattr(before, section), key) != getattr(getattr(after, section), key)
    ]


def merged(before: Config, after: Config) -> Config:
    """``before``, with what counts without a restart from ``after``."""
    for name in changed(before, after):
        if name in LIVE:
            section, _, key = name.partition(".")
            values = {key: getattr(getattr(after, section), key)}
            part = msgspec.structs.replace(getattr(before, section), **values)
            before = msgspec.structs.replace(before, **{section: part})
    return before
