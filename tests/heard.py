"""What an answer of either newer dialect says, in words that are the same for both."""

from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


@dataclass
class Heard:
    """An answer. A call is ``(kind, name, arguments)``; those of a function are parsed, unless they were cut off.

    ``finish`` is one of ``stop``, ``length``, ``tool_calls`` and ``content_filter``, ``usage`` what went in and came
    out; ``thinking`` what a model wants back of its reasoning, each signature once.
    """

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])
    finish: str = "stop"
    usage: tuple[int, int] | None = None
    thinking: list[str] = field(default_factory=list[str])

    @property
    def called(self) -> list[str]:
        """The names of the tools that were called."""
        return [name for _, name, _ in self.calls]


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_text(value: object) -> bool:
    """Whether there is a text, and something in it."""
    return isinstance(value, str) and bool(value)


def blocks(data: bytes | str) -> list[tuple[str, str]]:
    """The events of a stream by name and data, each of one line; there is nothing else in it."""
    text = data.decode() if isinstance(data, bytes) else data
    assert text.endswith("\n\n"), text[-200:]
    found: list[tuple[str, str]] = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        name, _, line = block.partition("\n")
        assert name.startswith("event: "), block
        assert line.startswith("data: "), block
        assert "\n" not in line, block
        found.append((name.removeprefix("event: "), line.removeprefix("data: ")))
    return found
