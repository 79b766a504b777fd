"""A string that cannot be printed by accident."""

from typing import Any, Final

MASK: Final = "[secret]"


class Secret:
    """A token or key. ``repr``, ``str`` and ``format`` show a mask; :meth:`reveal` alone gives the text.

    Two secrets are equal when their texts are. Pickling is refused, so that no copy leaves the process unseen.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for a header being sent or a 0600 file being written, and nothing else."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not pickled")


class Unshown:
    """A base for what holds a secret as text, since JSON wants it so: its ``repr`` shows nothing that is in it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []
