"""Reasoning on its way through a client that speaks another vendor's dialect.

What a model wants back of its reasoning (``reasoning_opaque`` in the hub) is signed or encrypted for that model alone.
A client keeps it where its own dialect keeps such things, ``encrypted_content`` or ``signature``, and sends it back in
the next turn, which may be for another model. So it is marked with the model that it belongs to: what comes back
unmarked is the vendor's own, and what comes back for another model is of no use to this one.
"""

from typing import Final

_MARK: Final = "passenger-trio/1;"


def seal(opaque: str, model: str) -> str:
    """``opaque``, marked as that of ``model`` (an id, in which there is no semicolon)."""
    return f"{_MARK}{model};{opaque}"


def unseal(text: str, model: str) -> str | None:
    """What :func:`seal` was given, if it was for ``model``; else ``None``."""
    prefix = f"{_MARK}{model};"
    return text.removeprefix(prefix) if text.startswith(prefix) else None


def is_sealed(text: str) -> bool:
    """Whether it was marked here, for whatever model: such a text means nothing to a vendor."""
    return text.startswith(_MARK)
