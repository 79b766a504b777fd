"""What becomes of one field on its way, and whether that is what a page says."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

from docs_mapping.requests import Pair, bare
from docs_mapping.roads import Road, Sent

from passenger_trio.errors import BadRequest
from passenger_trio.wire.models import Model

Fate = Literal["refused", "dropped", "sent", "silent", "needed"]

FATES: Final[dict[str, Fate]] = {
    "as it came": "sent",
    "carried": "sent",
    "renamed": "sent",
    "adapted": "sent",
    "refused": "refused",
    "dropped": "dropped",
    "met": "silent",
    "moot": "silent",
}
"""The words of the pages, and what each of them means for the request that goes out."""

Places = Counter[tuple[str, str]]
"""Every value in a body, as JSON, with the keys that lead to it; how often each is there."""


class Became(NamedTuple):
    """What a field makes of a request: what is there on account of it, and what is named."""

    fate: Fate
    there: Places
    gone: Places
    named: tuple[str, ...]
    param: str


def places(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The values inside ``value``; the entries of an array share its keys."""
    if path:
        yield path, json.dumps(value, sort_keys=True)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for entry in value:
            yield from places(entry, path)


def _send(road: Road, request: dict[str, Any], model: Model) -> Sent | BadRequest:
    try:
        return road(json.dumps(request).encode(), model)
    except BadRequest as error:
        return error


def became(road: Road, asked: Pair, model: Model) -> Became:
    """What the field makes of the request, beside the same request without it.

    Where a request cannot be without the field, it is beside the same one with another value; where it cannot be with
    another value either, the field is needed as it is.
    """
    given = _send(road, asked.given, model)
    if isinstance(given, BadRequest):
        return Became("refused", Counter(), Counter(), (), given.param or "")
    beside = _send(road, asked.absent, model)
    if isinstance(beside, BadRequest):
        beside = _send(road, asked.other, model)
        if isinstance(beside, BadRequest):
            return Became("needed", Counter(), Counter(), (), beside.param or "")
    now, before = Counter(places(given.body)), Counter(places(beside.body))
    named = tuple(name for name in given.dropped if name not in beside.dropped)
    there, gone = now - before, before - now
    fate: Fate = "sent" if there or gone else "dropped" if named else "silent"
    return Became(fate, there, gone, named, "")


def names(path: str, named: tuple[str, ...]) -> bool:
    """Whether one of the names in ``X-Passenger-Dropped`` is that of the field, by its last key or its tag."""
    last = path.rpartition(".")[2]
    key, _, tag = last.rstrip("]").partition("[")
    wanted = {key, tag} - {""}
    return any(wanted & {name.partition("=")[0].rpartition(".")[2]} for name in named)


def blames(path: str, param: str) -> bool:
    """Whether an error's ``param`` is the field, or what holds it."""
    keys = bare(path).split(".")
    blamed = bare(param).split(".")
    return blamed[0] == keys[0]


def check(path: str, word: str, place: str, value: Any, found: Became) -> None:
    """Assert that a field became what the ``word`` says; ``place`` is the word's own path, if it has one."""
    assert found.fate == FATES[word] or (word == "dropped" and found.named), f"{path}: {found}"
    if word == "refused":
        assert blames(place or path, found.param), f"{path}: the error names {found.param}"
    elif word == "dropped":
        assert names(place or path, found.named), f"{path}: {found.named} are named"
        text = json.dumps(value, sort_keys=True)
        assert not any(key == bare(path) and text == json_text for key, json_text in found.there)
    elif word in {"carried", "as it came"}:
        assert _is_there(found, bare(path), value), f"{path}: not among {set(found.there)}"
    elif word == "renamed":
        assert _is_there(found, place, value), f"{path}: not among {set(found.there)}"
    elif word == "adapted" and place:
        changed = {key for key, _ in [*found.there, *found.gone]}
        assert any(key == place or key.startswith(f"{place}.") for key in changed), f"{path}: changed are {changed}"


def _is_there(found: Became, place: str, value: Any) -> bool:
    """Whether the value is at ``place``; an object may be there with more in it than was sent."""
    wanted = json.dumps(value, sort_keys=True)
    return any(key == place and (text == wanted or _holds(json.loads(text), value)) for key, text in found.there)


def _holds(there: Any, value: Any) -> bool:
    if isinstance(value, dict):
        return isinstance(there, dict) and all(key in there and _holds(there[key], value[key]) for key in value)
    if isinstance(value, list):
        return isinstance(there, list) and any(_holds(entry, value[-1]) for entry in there) if value else there == []
    return bool(there == value)
