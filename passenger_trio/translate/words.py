"""The hub's field names in a client's own words: what a back says of `response_format` is `format` to Ollama's."""

import re
from collections.abc import Mapping

from passenger_trio.errors import BadRequest

_QUOTED = re.compile(r"`([a-z_]+)((?:[\[.][^`]*)?)`")
_FIELD = re.compile(r"([a-z_]+)(.*)", re.DOTALL)
_PLACE = re.compile(r"\[\d+\]")


def renamed(field: str, names: Mapping[str, str]) -> str:
    """``field``, perhaps with a path or ``=value`` behind it, as ``names`` has it.

    Which of the ``messages`` it is means nothing where the conversation has another form, and is left out.
    """
    match = _FIELD.fullmatch(field)
    if match is None or match[1] not in names:
        return field
    return names[match[1]] + (_PLACE.sub("", match[2]) if match[1] == "messages" else match[2])


def reword(error: BadRequest, names: Mapping[str, str]) -> None:
    """Name in ``error`` the fields that the client wrote."""
    if error.param is not None:
        error.param = renamed(error.param, names)
    error.message = _QUOTED.sub(lambda match: f"`{renamed(match[1] + match[2], names)}`", error.message)
    error.args = (error.message,)
