"""What comes in on OpenAI's routes: a request, and on the older ones several inputs in it, and what they cost."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TypeAlias, TypeVar, cast

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.wire import envelope
from passenger_trio.wire.chat import Usage
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.inputs import Inputs

Input: TypeAlias = str | list[int]
"""One text, or the token ids of one."""

Decode: TypeAlias = Callable[[list[int]], str]
"""The text of token ids. Raises :class:`KeyError` with an id that the vocabulary does not have."""

_Request = TypeVar("_Request")


def read(body: bytes, decode: Callable[[bytes], _Request], needed: Sequence[str]) -> tuple[Envelope, _Request]:
    """A request whole, and the view of it. Raises :class:`~passenger_trio.errors.BadRequest` that names the field."""
    if not body:
        fields = " and ".join(f"`{name}`" for name in needed)
        raise BadRequest(f"The request has no body. Send a JSON object with {fields}.")
    try:
        body, whole = envelope.decode_sent(body)
    except envelope.UNREADABLE as error:
        raise BadRequest(f"The request body is not a JSON object: {error}") from None
    for name in needed:
        if envelope.is_absent(whole, name):
            raise BadRequest(f"`{name}` is missing from the request.", param=name, code="missing_required_parameter")
    try:
        return whole, decode(body)
    except UnicodeDecodeError as error:
        raise BadRequest(f"The request body is not UTF-8: {error}") from None
    except msgspec.DecodeError as error:
        text, _, path = str(error).partition(" - at `$.")
        field = path.rstrip("`")
        raise BadRequest(f"`{field}` of the request is wrong: {text}", param=field, code="invalid_value") from None


def split(given: Inputs, field: str) -> list[Input]:
    """The inputs one by one. Raises when there is none, when one has no tokens, or when kinds are mixed."""
    if isinstance(given, str):
        return [given]
    kinds = {type(item) for item in given}
    if len(kinds) > 1:
        raise BadRequest(
            f"`{field}` mixes texts, token ids and lists of them: send one kind.", param=field, code="invalid_value"
        )
    if not given or [] in given:
        raise BadRequest(f"`{field}` holds an empty list: send at least one text.", param=field, code="empty_array")
    if kinds == {int}:
        return [cast("list[int]", given)]
    return cast("list[Input]", given)


def texts(inputs: Sequence[Input], decode: Decode | None, field: str) -> list[str]:
    """The inputs as texts; without ``decode`` there must be no token ids. Raises for an id that means nothing."""
    try:
        return [item if isinstance(item, str) else _text(item, decode) for item in inputs]
    except KeyError as error:
        raise BadRequest(
            f"`{field}` has the token id {error.args[0]}, which the model's vocabulary does not have.",
            param=field,
            code="invalid_value",
        ) from None


def _text(tokens: list[int], decode: Decode | None) -> str:
    if decode is None:
        raise TypeError("there are token ids, and nothing to read them with")
    return decode(tokens)


def refuse_empty(found: Sequence[str], field: str) -> None:
    """Raise for an empty text, which has no embedding."""
    if "" in found:
        raise BadRequest(f"`{field}` has an empty text: send at least a character.", param=field, code="invalid_value")


def has_tokens(inputs: Sequence[Input]) -> bool:
    """Whether a vocabulary is needed to read ``inputs``."""
    return any(not isinstance(item, str) for item in inputs)


def add_usage(usages: Sequence[msgspec.Raw]) -> msgspec.Raw | None:
    """The usage of all calls together: one is left as it came, of several every number is summed."""
    if len(usages) < 2:
        return usages[0] if usages else None
    return envelope.raw(reduce(_add, map(envelope.value, usages)))


def _add(one: object, other: object) -> object:
    kinds = {type(one), type(other)}
    if kinds == {dict}:
        left, right = cast("dict[str, object]", one), cast("dict[str, object]", other)
        return {key: _add(left.get(key), right.get(key)) for key in {**left, **right}}
    if kinds <= {int, float}:
        return cast("float", one) + cast("float", other)
    return other if one is None else one


def counted(usage: msgspec.Raw | None) -> Usage | None:
    """The view of a usage whose parts have been read before."""
    return None if usage is None else msgspec.json.decode(usage, type=Usage)
