r"""Server-sent events, cut anywhere.

Lines end with ``\n``, ``\r\n`` or ``\r`` and with nothing else: U+2028 and U+0085 are text (``bytes.splitlines``
agrees, ``str.splitlines`` does not). Data is handed out as bytes, so a character cut in two by the network is never
decoded in halves.
"""

from typing import Final, NamedTuple

DONE: Final = b"[DONE]"


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

    __slots__ = ("_after_cr", "_buffer", "_data", "_name")

    def __init__(self) -> None:
        self._buffer = b""
        self._after_cr = False
        self._name = b""
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes, in order."""
        if not data:
            return []
        if self._after_cr and data[:1] == b"\n":
            data = data[1:]
        self._after_cr = False
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        lines = data.splitlines()
        if data[-1:] == b"\r":
            self._after_cr = True
        elif data[-1:] != b"\n" and lines:
            self._buffer = lines.pop()
        return self._take(lines)

    def end(self) -> list[Event]:
        """What was left when the bytes ended: an event whose blank line never came, or nothing."""
        lines = [self._buffer, b""]
        self._buffer = b""
        return self._take(lines)

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
