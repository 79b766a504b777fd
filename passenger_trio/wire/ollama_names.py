"""Ollama's names of models: ``[host/][namespace/]model[:tag]``, of which all but the model may be left out.

Source: Ollama's ``types/model`` (name.go): what a part may hold, how long it may be, and what is left out on display.
"""

import re
from typing import Final

DEFAULT_TAG: Final = "latest"

_DEFAULTS: Final = ("registry.ollama.ai/", "library/")
"""The host and the namespace that are not shown."""

_NAME: Final = re.compile(
    r"(?:(?:[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}/)?[A-Za-z0-9_][A-Za-z0-9_-]{0,79}/)?"
    r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,79})?"
)


def is_valid(name: str) -> bool:
    """Whether Ollama would take ``name`` for the name of a model, there or not."""
    return _NAME.fullmatch(name) is not None


def displayed(name: str) -> str:
    """``name`` as Ollama lists it: always with its tag, and without the host and the namespace that are the usual."""
    for prefix in _DEFAULTS:
        if name.lower().startswith(prefix):
            name = name[len(prefix) :]
    return name if ":" in name.rpartition("/")[2] else f"{name}:{DEFAULT_TAG}"
