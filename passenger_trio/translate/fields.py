"""Fields of a request that have to be looked into."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.wire import envelope

T = TypeVar("T")


def read(decode: Callable[[msgspec.Raw], T], raw: msgspec.Raw, name: str) -> T:
    """The value of the field ``name``. Raises :class:`~passenger_trio.errors.BadRequest` that names what is wrong."""
    try:
        return decode(raw)
    except envelope.UNREADABLE as error:
        text, _, path = str(error).partition(" - at `$")
        where = name + path.rstrip("`")
        raise BadRequest(f"`{where}` of the request is wrong: {text}", param=where, code="invalid_value") from None
