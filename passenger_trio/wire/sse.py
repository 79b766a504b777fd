r"""Server-sent events, cut anywhere.

Lines end with ``\n``, ``\r\n`` or ``\r`` and with nothing else: U+2028 and U+0085 are text (``bytes.splitlines``
agrees, ``str.splitlines`` does not). Data is handed out as bytes, so a character cut in two by the network is never
decoded in halves.
"""

from typing import Final, NamedTuple

from passenger_trio.errors import UpstreamBroke

DONE: Final = b"[DONE]"

COMMENT: Final = b": keepalive\n\n"
"""A line that every reader of the format passes over (WHATWG, "Server-sent events", 9.2.6)."""

LONGEST_EVENT: Final = 32 << 20
"""Bytes of one event. A picture that a model has drawn takes a few million."""


class Event(NamedTuple):
    """One event: its ``event:`` name (``b""`` when it had none) and its data, lines joined by newlines."""

    name: bytes
    data: bytes


class Splitter:
    """Bytes in, whole events out. Feed it whatever a read brought; it keeps what is not yet an event.

    Comments, ``id:`` and ``retry:`` are passed over. A line that is no field of the format but begins with ``{`` is
    given out as an event of its own: Copilot ends a broken stream with a bare JSON error (protocol: "last line is raw
    JSON", official client).
    """

    __slots__ = ("_after_cr", "_begun", "_data", "_held", "_name")

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        self._held = 0
        self._after_cr = False
        self._name = b""
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes, in order.

        Raises :class:`~passenger_trio.errors.UpstreamBroke` for an event without an end, of which no more is kept.
        """
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if not data:
            return []
        if b"\n" not in data and b"\r" not in data:
            self._begun.append(data)  # joined once: a line of many reads would be copied for every one of them
            self._hold(len(data))
            return []
        if self._begun:
            data = b"".join([*self._begun, data])
            self._begun.clear()
        lines = data.splitlines()
        if data[-1:] == b"\r":
            self._after_cr = True
        elif data[-1:] != b"\n":
            self._begun.append(lines.pop())
        events = self._take(lines)
        if events:
            self._held = 0
        self._hold(len(data))
        return events

    def end(self) -> list[Event]:
        """What was left when the bytes ended: an event whose blank line never came, or nothing."""
        lines = [b"".join(self._begun), b""]
        self._begun.clear()
        return self._take(lines)

    def _hold(self, size: int) -> None:
        """Reckon with ``size`` bytes more of an event that has no end yet."""
        if not self._begun and not self._data:
            self._held = 0
            return
        self._held += size
        if self._held > LONGEST_EVENT:
            self._begun.clear()
            self._data.clear()
            raise UpstreamBroke(f"An event of Copilot's does not end: it has more than {LONGEST_EVENT >> 20} MiB.")

    def _take(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        data = self._data
        for line in lines:
            if line[:5] == b"data:":
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line:
                if data:
                    events.append(Event(self._name, data[0] if len(data) == 1 else b"\n".join(data)))
                    data.clear()
                self._name = b""
            elif line[:6] == b"event:":
                self._name = line[6:].strip()
            elif line[:1] == b"{":
                events.append(Event(b"", line))
        return events


def event(data: bytes, name: bytes = b"") -> bytes:
    """One event as bytes. ``data`` must not hold a line end, which JSON never does."""
    if name:
        return b"event: " + name + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"
