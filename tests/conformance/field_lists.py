"""The fields of a vendor's own package, as the pages of ``docs/mapping`` name them."""

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, get_args, get_origin

import typing_extensions
from pydantic import BaseModel
from typing_extensions import get_type_hints, is_typeddict

_WRAPPERS: Final = {
    *(typing.Required, typing.NotRequired, typing.Annotated),
    *(typing_extensions.Required, typing_extensions.NotRequired, typing_extensions.Annotated),
}
_TAGS: Final = ("type", "role")
"""The fields that tell the objects of a union apart, the first that an object has."""


class Field(NamedTuple):
    """A field: its path, its type, and whether there may be several objects in its place."""

    path: str
    hint: Any
    is_list: bool


def _bare(hint: Any) -> Any:
    while get_origin(hint) in _WRAPPERS:
        hint = get_args(hint)[0]
    return hint


def members(hint: Any) -> Iterator[Any]:
    """The objects in a type, through unions and arrays."""
    hint = _bare(hint)
    if is_typeddict(hint) or (isinstance(hint, type) and issubclass(hint, BaseModel)):
        yield hint
    elif isinstance(hint, typing_extensions.TypeAliasType):
        yield from members(hint.__value__)
    elif get_origin(hint) is not typing.Literal:
        for part in get_args(hint):
            yield from members(part)


def fields(kind: Any) -> dict[str, Any]:
    """The fields of an object by their names on the wire."""
    if is_typeddict(kind):
        return get_type_hints(kind)
    return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}


def words(hint: Any) -> list[str]:
    """The words of a ``Literal``, through unions."""
    hint = _bare(hint)
    if get_origin(hint) is typing.Literal:
        return [word for word in get_args(hint) if isinstance(word, str)]
    return [word for part in get_args(hint) for word in words(part)]


def tags(kind: Any) -> list[str]:
    """The words by which an object is told from the others in its place; none when it has no such field."""
    known = fields(kind)
    return next((found for name in _TAGS if name in known and (found := words(known[name]))), [])


def is_list(hint: Any) -> bool:
    """Whether there may be an array of objects."""
    hint = _bare(hint)
    origin = get_origin(hint)
    if origin in {typing.Union, types.UnionType}:
        return any(is_list(part) for part in get_args(hint))
    if not isinstance(origin, type) or issubclass(origin, Mapping):
        return False
    return (issubclass(origin, Sequence) or origin is typing.Iterable.__origin__) and any(members(hint))


def walk(kind: Any, path: str = "", above: tuple[Any, ...] = ()) -> Iterator[Field]:
    """Every field under ``kind``, each before those inside it; what is inside itself once."""
    for name, hint in fields(kind).items():
        where = f"{path}.{name}" if path else name
        yield Field(where, hint, is_list(hint))
        found = list(members(hint))
        for member in found:
            if member in above:
                continue
            for tag in tags(member) or [""]:
                inside = f"{where}[{tag}]" if tag else where
                if tag:
                    yield Field(inside, member, is_list(hint))
                yield from walk(member, inside, (*above, member))


def value(hint: Any, name: str) -> Any:
    """Something of that type, for the field ``name``."""
    hint = _bare(hint)
    if isinstance(hint, typing_extensions.TypeAliasType):
        return value(hint.__value__, name)
    if is_typeddict(hint) or (isinstance(hint, type) and issubclass(hint, BaseModel)):
        return least(hint)
    origin = get_origin(hint)
    if origin is typing.Literal:
        return get_args(hint)[-1]
    if origin in {typing.Union, types.UnionType}:
        return value(next(part for part in get_args(hint) if part is not type(None)), name)
    if isinstance(origin, type) and not issubclass(origin, Mapping):
        return [value(get_args(hint)[0], name)]
    return _SIMPLE.get(hint, {"k": "v"}) if hint is not str else f"a {name}"


_SIMPLE: Final[dict[Any, Any]] = {int: 7, float: 0.5, bool: True}


def least(kind: Any) -> dict[str, Any]:
    """An object of that type with the fields that it must have, and with what tells it from others."""
    known = fields(kind)
    if is_typeddict(kind):
        needed = set(kind.__required_keys__)
    else:
        needed = {field.alias or name for name, field in kind.model_fields.items() if field.is_required()}
    made = {name: value(hint, name) for name, hint in known.items() if name in needed}
    return made | {name: found[0] for name in _TAGS if name in known and (found := words(known[name]))}
