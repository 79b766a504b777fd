"""How many sockets and files the process may have open: two sockets for every request that is answered."""

import logging
import sys
from typing import Final

from passenger_trio.config import Server

if sys.platform != "win32":  # which has no such limit
    import resource

logger: Final = logging.getLogger("passenger_trio.server")

MOST: Final = 65536
"""Enough for anything that may be configured; not every system takes what it calls unlimited."""

SPARE: Final = 64
"""Descriptors for what is no request: files, the log, idle connections to Copilot."""


def make_room(config: Server) -> None:
    """Raise the process's own limit (1024 or 256 by habit) as far as the system lets it; warn where that is too little.

    The limit that a service manager sets is the upper one and is kept.
    """
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    if soft == endless:
        return
    wanted = MOST if hard == endless else min(hard, MOST)
    if wanted > soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (ValueError, OSError) as error:
            logger.debug("the limit of open files stays at %d: %s", soft, error)
    needed = 2 * config.max_concurrent + config.max_queued + SPARE
    if config.max_concurrent and soft < needed:
        logger.warning(
            "No more than %d files and sockets may be open, and %d may be needed: raise the limit (`ulimit -n`, "
            "LimitNOFILE= of systemd), or lower max_concurrent and max_queued under [server] in config.toml.",
            soft,
            needed,
        )
