"""How long each stage of a request's way to Copilot may take, and what is known of a request that came to grief there.

The stages are told by httpcore's ``trace`` extension (httpx documentation, "Extensions"); one cancel scope lasts from
the first to the headers of the answer, and its deadline moves with the stage.
"""

import math
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import trio

from passenger_trio.config import Copilot
from passenger_trio.errors import PassengerError, UpstreamBroke, UpstreamTimeout, UpstreamUnreachable

UNANSWERED: Final = 60
"""Seconds without a sign of life, on a connection where one is due, after which the system gives it up: a network that
has changed, or a router that has forgotten the connection, says nothing at all."""

EARLY_REFUSAL: Final = 2.0
"""Seconds to wait for an answer on a connection that did not take all of the request."""


class Limits:
    """The time limits of ``[copilot]``, in seconds."""

    def __init__(self, config: Copilot) -> None:
        self.connect = config.connect_timeout
        self.tls = config.tls_timeout
        self.first_byte = config.first_byte_timeout
        self.silence = config.read_timeout
        self.total = config.total_timeout or math.inf
        # httpx knows one limit for all reads: here the longest, for which no scope of our own is needed
        self.longest_read = max(self.first_byte, self.silence)
        self.extension = {"connect": None, "pool": None, "write": self.silence, "read": self.longest_read}


class Way:
    """One request's way. ``ends`` is when it has to be over, on Trio's clock."""

    def __init__(self, limits: Limits, host: str, ends: float) -> None:
        self.first_byte_due = math.inf
        self._limits = limits
        self._host = host
        self._ends = ends
        self._stage = "first_byte"
        self._scope = trio.CancelScope()
        self._raw: Any = None
        self._cut = False

    @property
    def never_left(self) -> bool:
        """Whether the request cannot have been answered: an old connection refused some of its bytes.

        An answer to half a request, whose length was told, is none; a new connection that breaks is news of its own.
        """
        return self._cut and self._raw is None

    @contextmanager
    def watched(self) -> Generator[None]:
        """Around the sending, until the headers of the answer are here. Raises the upstream errors."""
        self.first_byte_due = trio.current_time() + self._limits.first_byte
        self._scope.deadline = self._ends
        try:
            with self._scope:
                yield
        finally:
            if self._stage == "tls" and self._raw is not None:
                self._raw.close()  # httpcore leaves it to the garbage collector when the handshake is cancelled
        if self._scope.cancelled_caught:
            raise self._late()

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """What httpcore calls at the beginning and the end of each step."""
        step = event.partition(".")[2]
        if step == "connect_tcp.started":
            self._enter("connect", self._limits.connect)
        elif step == "connect_tcp.complete":
            self._raw = info["return_value"].get_extra_info("socket")
            await notice_death(event, info)
        elif step == "start_tls.started":
            self._enter("tls", self._limits.tls)
        elif step == "send_request_headers.started" and info["request"].method != b"CONNECT":
            self._enter("send", math.inf)  # httpx bounds each write
        elif step in {"send_request_headers.failed", "send_request_body.failed"}:
            self._cut = True
        elif step == "receive_response_headers.started" and info["request"].method != b"CONNECT":
            self._enter("first_byte", self._limits.first_byte)
            if self._cut:  # httpcore looks whether there is an answer all the same: a refusal that came early
                self._enter("cut", EARLY_REFUSAL)
            self.first_byte_due = trio.current_time() + self._limits.first_byte

    def _enter(self, stage: str, seconds: float) -> None:
        self._stage = stage
        self._scope.deadline = min(trio.current_time() + seconds, self._ends)

    def _late(self) -> PassengerError:
        if trio.current_time() >= self._ends:
            return too_long(self._host, self._limits)
        if self._stage == "connect":
            return unreachable(self._host, "no connection", self._limits.connect, "connect_timeout")
        if self._stage == "tls":
            return unreachable(self._host, "no TLS handshake", self._limits.tls, "tls_timeout")
        if self._stage == "cut":
            return UpstreamBroke(f"The connection to {self._host} broke while the request was sent.")
        return silent(self._host, "before the first byte", self._limits.first_byte, "first_byte_timeout")


def silent(host: str, where: str, seconds: float, key: str) -> UpstreamTimeout:
    """Upstream has not said a word for longer than may be."""
    return UpstreamTimeout(
        f"{host} stayed silent {where} for {seconds:g} s, which is all that `{key}` under [copilot] in config.toml "
        f"allows."
    )


def deaf(host: str, limits: Limits) -> UpstreamTimeout:
    """Upstream does not take what is sent to it."""
    return UpstreamTimeout(
        f"{host} did not take the whole request within {limits.silence:g} s, which is all that `read_timeout` under "
        f"[copilot] in config.toml allows."
    )


def too_long(host: str, limits: Limits) -> UpstreamTimeout:
    """The whole request has taken longer than may be."""
    return UpstreamTimeout(
        f"The answer of {host} was not complete after {limits.total:g} s, which is all that `total_timeout` under "
        f"[copilot] in config.toml allows."
    )


def unreachable(host: str, what: str, seconds: float, key: str) -> UpstreamUnreachable:
    """There was not even a connection."""
    return UpstreamUnreachable(
        f"{host} cannot be reached ({what} within {seconds:g} s, see `{key}` under [copilot] in config.toml). Check "
        f"the network, and HTTPS_PROXY if there is a proxy."
    )


async def notice_death(event: str, info: Mapping[str, Any]) -> None:
    """Have the system look whether the other side of a new connection still lives, whether it owes something or not.

    For httpcore to call.
    """
    if not event.endswith("connect_tcp.complete"):
        return
    sock = info["return_value"].get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", UNANSWERED // 2),
        ("TCP_KEEPINTVL", UNANSWERED // 6),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", UNANSWERED * 1000),
    ):
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
