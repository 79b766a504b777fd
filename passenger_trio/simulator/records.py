"""What the simulator is told to do wrong, and what it remembers of the requests it saw."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Spoil the next ``times`` requests for ``path``.

    The request waits ``delay`` seconds and then gets ``status``, ``body`` and ``headers`` instead of its answer.
    With ``status`` None it gets its ordinary answer, only late. With ``drop`` the connection is closed after
    ``body``, before the answer's end, so that a client sees an incomplete body.
    """

    path: str
    status: int | None = 500
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    times: int = 1
    delay: float = 0.0
    drop: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """One request as it came in: header names are in lower case, and the Authorization's credentials are masked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
