"""Names of tools that every vendor takes, and the way back to the client's own.

Facts: OpenAI takes ``^[a-zA-Z0-9_-]{1,64}$`` for a function. Anthropic takes 128 characters, and Claude Code makes use
of them for the tools of plugins' MCP servers; the tools of Responses may stand in a namespace, whose name comes before
theirs.
"""

import hashlib
import itertools
import re
from typing import Final, NamedTuple

_FITS: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}").fullmatch


class Own(NamedTuple):
    """What a tool is called by the client."""

    name: str
    namespace: str = ""


class ToolNames:
    """The names of one request's tools, the client's and those that the model knows."""

    def __init__(self) -> None:
        self._fitting: dict[Own, str] = {}
        self._own: dict[str, Own] = {}

    def known(self, own: Own) -> str | None:
        """The name that was given to a tool; none where it was given none."""
        return self._fitting.get(own)

    def give(self, own: Own) -> str:
        """The name by which the model knows a tool of the client's: the same each time, and no other tool's.

        It depends on nothing but the tools before it, so that the same history gives the same bytes each time.
        """
        if own not in self._fitting:
            self._fitting[own] = fitting = self._fit(own)
            self._own[fitting] = own
        return self._fitting[own]

    def own(self, fitting: str) -> str:
        """What the client calls the tool that the model knows by that name; one that nobody gave stays as it is."""
        return self._own[fitting].name if fitting in self._own else fitting

    def _fit(self, own: Own) -> str:
        wanted = "__".join(filter(None, (own.namespace, own.name)))
        if _FITS(wanted) and wanted not in self._own:
            return wanted
        start = re.sub("[^a-zA-Z0-9_-]", "_", wanted)[:55]
        made = (f"{start}_{_digest(own, count)}" for count in itertools.count())
        return next(name for name in made if name not in self._own)


def _digest(own: Own, count: int) -> str:
    return hashlib.sha256("\0".join((own.namespace, own.name, str(count))).encode()).hexdigest()[:8]
