"""Requests for one field each: the least one that has it, and the same without it.

A field is named as the pages name it: a dotted path in which ``name[tag]`` is the object of that ``type`` or ``role``
under ``name``, or in the array there.
"""

import copy
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

Request = dict[str, Any]
Make = Callable[[str, bool], Any]
"""What to send at a path that no sample has; an object, or an array of some, where more is to be put into it."""

_STEP: Final = re.compile(r"([^.\[\]]+)(?:\[([^\]]*)\])?")


class Step(NamedTuple):
    """One name of a path."""

    name: str
    tag: str | None
    path: str
    """All of the path up to here."""


@cache
def steps(path: str) -> tuple[Step, ...]:
    """The names of a path, each with what leads to it."""
    return tuple(Step(found[1], found[2], path[: found.end()]) for found in _STEP.finditer(path))


def bare(path: str) -> str:
    """The path without its tags: the keys alone."""
    return ".".join(step.name for step in steps(path))


class Samples(NamedTuple):
    """What is asked in a dialect. ``objects`` and ``values`` go by the end of a path, the longest one first."""

    base: Request
    """The least request."""
    lists: frozenset[str]
    """The names of arrays of objects."""
    objects: Mapping[str, Any]
    """The least object of a tag, or under a name."""
    values: Mapping[str, Any]
    """A value that is worth sending."""
    beside: Mapping[str, Request] = {}
    """What else a request must have, by the beginning of a path."""
    around: Mapping[str, Mapping[str, Any]] = {}
    """Other ``objects``, by the beginning of a path."""


NOTHING: Final = object()
"""No value: the sample's own will do."""


def _known(table: Mapping[str, Any], path: str) -> Any:
    """A copy of the entry with the longest end of ``path``."""
    ends = sorted((end for end in table if path == end or path.endswith(f".{end}")), key=len)
    return copy.deepcopy(table[ends[-1]]) if ends else NOTHING


def _value(samples: Samples, step: Step, make: Make | None) -> Any:
    found = _known(samples.values, step.path)
    if found is not NOTHING:
        return found
    return f"a {step.name}" if make is None else make(step.path, False)


def _beginning(table: Mapping[str, Any], path: str) -> list[Any]:
    """The entries with a beginning of ``path``."""
    return [found for start, found in table.items() if path == start or path.startswith((f"{start}.", f"{start}["))]


class Pair(NamedTuple):
    """A request that has a field, the same without it, the same with another value in it, and the field's value."""

    given: Request
    absent: Request
    other: Request
    value: Any


def pair(samples: Samples, path: str, value: Any = NOTHING, make: Make | None = None) -> Pair:
    """The requests for ``path``: with ``value`` in it, else with a sample, else with what ``make`` gives, or a text."""
    whole = copy.deepcopy(samples.base)
    for more in _beginning(samples.beside, path):
        whole |= copy.deepcopy(more)
    placed: Mapping[str, Any] = {}
    for objects in _beginning(samples.around, path):
        placed = {**placed, **objects}
    samples = samples._replace(objects={**samples.objects, **placed})
    trail: list[str | int] = []
    node: Any = whole
    way = steps(path)
    for step in way[:-1]:
        if step.path in placed:
            node.setdefault(step.name, []).append(copy.deepcopy(placed[step.path]))
        node = _enter(samples, node, step, trail, make)
    last = way[-1]
    if last.tag is not None:
        _enter(samples, node, last, trail, make)
        if value is not NOTHING:
            _holder(whole, trail)[trail[-1]] = value
    else:
        trail.append(last.name)
        if value is not NOTHING:
            node[last.name] = value
        elif last.name not in node or _known(samples.values, path) is not NOTHING:
            node[last.name] = _value(samples, last, make)
    return Pair(whole, _without(whole, trail), _with_other(whole, trail), _holder(whole, trail)[trail[-1]])


def _enter(samples: Samples, node: Any, step: Step, trail: list[str | int], make: Make | None) -> Any:
    """Go to the object at ``step``, which is put there when it is not."""
    trail.append(step.name)
    if step.tag is None and isinstance(node.get(step.name), dict | list):
        child = node[step.name]
    else:
        child = _known(samples.objects, step.path)
        if child is NOTHING:
            child = _known(samples.values, step.path)
        if child is NOTHING:
            child = make(step.path, True) if make is not None else {} if step.tag is None else {"type": step.tag}
        if step.name in samples.lists and not isinstance(child, list):
            before = node.get(step.name)
            child = [*before, child] if isinstance(before, list) else [child]
        node[step.name] = child
    if isinstance(child, list):
        trail.append(len(child) - 1)
        child = child[-1]
    return child


def _holder(whole: Request, trail: list[str | int]) -> Any:
    node: Any = whole
    for key in trail[:-1]:
        node = node[key]
    return node


def _without(whole: Request, trail: list[str | int]) -> Request:
    absent = copy.deepcopy(whole)
    holder = _holder(absent, trail)
    del holder[trail[-1]]
    if holder == [] and len(trail) > 1:
        del _holder(absent, trail[:-1])[trail[-2]]
    return absent


def _with_other(whole: Request, trail: list[str | int]) -> Request:
    other = copy.deepcopy(whole)
    holder = _holder(other, trail)
    holder[trail[-1]] = _other(holder[trail[-1]])
    return other


_OTHER_WORDS: Final = {"system": "user", "auto": "required"}
"""Where a word of one's own will not do."""


def _other(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return _OTHER_WORDS.get(value, value + "2")
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, list):
        return [_other(entry) for entry in value]
    if isinstance(value, dict):
        key = next((key for key in value if key not in {"type", "role"}), None)
        return value if key is None else {**value, key: _other(value[key])}
    return value
