"""Values that satisfy a JSON schema: the arguments of simulated tool calls, and structured answers.

Understood: ``type`` (also a list), ``enum``, ``const``, ``properties``, ``required``, ``additionalProperties``,
``minProperties``, ``items``, ``prefixItems``, ``minItems``, ``maxItems``, ``uniqueItems``, the bounds of numbers and
strings, ``multipleOf``, ``format``, ``anyOf``, ``oneOf``, ``allOf`` and local ``$ref``, recursive ones too.
``pattern`` is tried with a handful of likely texts. Other keywords are not looked at; ``oneOf`` is taken for
alternatives that exclude each other.
"""

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from passenger_trio.simulator import scalars
from passenger_trio.simulator.schema_merge import is_list, is_object, merge

_NOTHING: Final[Mapping[str, object]] = {}
_TYPES: Final = ("object", "array", "string", "integer", "number", "boolean", "null")


class Unsatisfiable(ValueError):
    """No value was found that satisfies the schema; the text says where it went wrong."""


def example(schema: object, prompt: str) -> object:
    """A value that satisfies ``schema``, always the same for the same ``prompt``.

    Free strings are filled with words of ``prompt`` and numbers with its numbers, where they fit. Optional
    properties are filled too, unless the schema is too large or too deep for that. Raises :class:`Unsatisfiable`.
    """
    try:
        return _Filler(schema, prompt, frugal=False).value(schema)
    except Unsatisfiable:
        return _Filler(schema, prompt, frugal=True).value(schema)


class _Filler:
    """One walk over one schema. ``frugal`` leaves out whatever may be left out."""

    _STEPS: Final = 3000
    _DEPTH: Final = 64

    def __init__(self, root: object, prompt: str, *, frugal: bool) -> None:
        self._root = root
        self._source = scalars.Source(prompt)
        self._frugal = frugal
        self._steps = 0
        self._depth = 0

    def value(self, schema: object, refs: frozenset[str] = frozenset(), turn: int = 0) -> object:
        """A value for ``schema``. ``refs`` are being followed right now; ``turn`` tells array items apart."""
        self._steps += 1
        if self._steps > self._STEPS or self._depth > self._DEPTH:
            raise Unsatisfiable("the schema is too large")
        self._depth += 1
        try:
            if schema is True:
                return self._source.string({}, turn)
            if not is_object(schema):
                raise Unsatisfiable(f"nothing satisfies the schema {schema!r}")
            return self._of_object(schema, refs, turn)
        finally:
            self._depth -= 1

    def _of_object(self, schema: Mapping[str, object], refs: frozenset[str], turn: int) -> object:
        schema, refs = self._flat(schema, refs)
        for keyword in ("anyOf", "oneOf"):
            alternatives = schema.get(keyword)
            if is_list(alternatives):
                rest = {key: value for key, value in schema.items() if key != keyword}
                return self._first(alternatives, rest, refs, turn)
        types = _types(schema)
        allowed = schema.get("enum")
        if "const" in schema:
            const = schema["const"]
            allowed = [const] if not is_list(allowed) or const in allowed else []
        if is_list(allowed):
            fitting = [value for value in allowed if any(_is_of(value, name) for name in types)]
            if not fitting:
                raise Unsatisfiable(f"no value of the enum {allowed!r} has the type {types}")
            return fitting[turn % len(fitting)]
        return self._of_type(types[0], schema, refs, turn)

    def _flat(self, schema: Mapping[str, object], refs: frozenset[str]) -> tuple[Mapping[str, object], frozenset[str]]:
        """``schema`` with its ``$ref`` and ``allOf`` written out."""
        while True:
            reference, parts = schema.get("$ref"), schema.get("allOf")
            if isinstance(reference, str):
                if reference in refs:
                    raise Unsatisfiable(f"{reference} refers to itself without an end")
                refs |= {reference}
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                parts, schema = [self._resolve(reference)], rest
            elif is_list(parts):
                schema = {key: value for key, value in schema.items() if key != "allOf"}
            else:
                return schema, refs
            for part in parts:
                if part is False:
                    raise Unsatisfiable("nothing satisfies the schema False")
                if is_object(part):
                    schema = merge(schema, part)

    def _resolve(self, reference: str) -> object:
        if not reference.startswith("#"):
            raise Unsatisfiable(f"{reference} is not part of the schema")
        target: object = self._root
        for part in unquote(reference[1:]).split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if is_object(target) and key in target:
                target = target[key]
            elif is_list(target) and key.isdecimal() and int(key) < len(target):
                target = target[int(key)]
            else:
                raise Unsatisfiable(f"{reference} is not part of the schema")
        return target

    def _first(self, alternatives: list[object], rest: Mapping[str, object], refs: frozenset[str], turn: int) -> object:
        reason = Unsatisfiable("there are no alternatives to choose from")
        for alternative in reversed(alternatives) if self._frugal else alternatives:
            try:
                return self.value({**rest, "allOf": [*_parts(rest), alternative]}, refs, turn)
            except Unsatisfiable as error:
                reason = error
        raise reason

    def _of_type(self, name: str, schema: Mapping[str, object], refs: frozenset[str], turn: int) -> object:
        try:
            match name:
                case "object":
                    return self._object(schema, refs)
                case "array":
                    return self._array(schema, refs)
                case "string":
                    return self._source.string(schema, turn)
                case "integer" | "number":
                    return self._source.number(schema, turn, whole=name == "integer")
                case "boolean":
                    return turn % 2 == 0
                case "null":
                    return None
                case _:
                    raise Unsatisfiable(f"there is no type {name!r}")
        except scalars.Impossible as error:
            raise Unsatisfiable(str(error)) from None

    def _object(self, schema: Mapping[str, object], refs: frozenset[str]) -> dict[str, object]:
        declared = schema.get("properties")
        properties = declared if is_object(declared) else _NOTHING
        required = schema.get("required")
        names = [name for name in required if isinstance(name, str)] if is_list(required) else []
        others = schema.get("additionalProperties", True)
        made: dict[str, object] = {}
        for name in [*properties, *(name for name in names if name not in properties)]:
            if name in names:
                made[name] = self.value(properties.get(name, others), refs)
            elif not self._frugal:
                with contextlib.suppress(Unsatisfiable):
                    made[name] = self.value(properties[name], refs)
        least = scalars.count(schema, "minProperties", 0)
        for name in _fresh_names(properties):
            if len(made) >= least:
                break
            made[name] = self.value(properties.get(name, others), refs)
        return made

    def _array(self, schema: Mapping[str, object], refs: frozenset[str]) -> list[object]:
        least = scalars.count(schema, "minItems", 0)
        most = scalars.count(schema, "maxItems", max(least, 2**31))
        prefix = schema.get("prefixItems")
        first = prefix if is_list(prefix) else []
        items = schema.get("items", True)
        if is_list(items):  # the prefixItems of older drafts
            first, items = items, schema.get("additionalItems", True)
        wanted = least if self._frugal else max(least, len(first), 1)
        if least > most:
            raise Unsatisfiable("minItems is more than maxItems")
        made: list[object] = []
        for turn in itertools.count():  # ends at the latest when the steps are used up
            if len(made) >= min(wanted, most):
                break
            item = first[len(made)] if len(made) < len(first) else items
            try:
                value = self.value(item, refs, turn)
            except Unsatisfiable:
                if len(made) < least:
                    raise
                break
            if schema.get("uniqueItems") is not True or value not in made:
                made.append(value)
        return made


def _parts(schema: Mapping[str, object]) -> list[object]:
    parts = schema.get("allOf")
    return parts if is_list(parts) else []


def _fresh_names(properties: Mapping[str, object]) -> Iterator[str]:
    yield from properties
    number = 0
    while True:
        number += 1
        yield f"extra{number}"


def _types(schema: Mapping[str, object]) -> list[str]:
    """The types a value may have, the likeliest first; a schema that does not say is judged by its keywords."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return [declared]
    if is_list(declared):
        names = [name for name in declared if isinstance(name, str)]
        if not names:
            raise Unsatisfiable("no type satisfies all parts of the schema")
        return sorted(names, key=lambda name: name == "null")
    if "enum" in schema or "const" in schema:
        return list(_TYPES)
    hints = {
        "object": ("properties", "required", "additionalProperties", "minProperties"),
        "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
        "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    }
    return [name for name, keywords in hints.items() if any(key in schema for key in keywords)] or ["string"]


def _is_of(value: object, name: str) -> bool:
    match name:
        case "object":
            return isinstance(value, Mapping)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "integer":
            return not isinstance(value, bool) and (
                isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            )
        case _:
            return isinstance(value, int | float) and not isinstance(value, bool)
