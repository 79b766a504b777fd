"""Two JSON schemas in one: what satisfies the result satisfies both."""

from collections.abc import Mapping
from typing import TypeGuard


def is_object(value: object) -> TypeGuard[Mapping[str, object]]:
    """True for a JSON object; JSON knows no other keys than strings."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[list[object]]:
    """True for a JSON array."""
    return isinstance(value, list)


def merge(one: Mapping[str, object], other: Mapping[str, object]) -> dict[str, object]:
    """``one`` and ``other`` as if they stood together in an ``allOf``.

    A second ``$ref`` cannot be united with the first, and goes into an ``allOf`` of the result. Keywords that this
    module does not know are taken from ``other``.
    """
    merged = {**one, **other}
    apart: list[object] = []
    for key in one.keys() & other.keys():
        left, right = one[key], other[key]
        if left == right:
            continue
        if key == "$ref":
            merged[key] = left
            apart.append({key: right})
        elif key == "const":
            merged["enum"] = []
        elif (united := _united(key, left, right)) is not None:
            merged[key] = united
    if apart:
        standing = merged.get("allOf")
        merged["allOf"] = [*(standing if is_list(standing) else []), *apart]
    return merged


def _united(key: str, left: object, right: object) -> object | None:
    """The one value of ``key`` that says what both say, or None where there is none."""
    if key == "properties" and is_object(left) and is_object(right):
        both = {name: {"allOf": [left[name], right[name]]} for name in left.keys() & right.keys()}
        return {**left, **right, **both}
    if key == "required" and is_list(left) and is_list(right):
        return [*left, *(name for name in right if name not in left)]
    if key == "allOf" and is_list(left) and is_list(right):
        return [*left, *right]
    if key in {"anyOf", "oneOf"} and is_list(left) and is_list(right):
        return [{"allOf": [mine, yours]} for mine in left for yours in right]
    if key == "enum" and is_list(left) and is_list(right):
        return [value for value in left if value in right]
    if key == "type":
        return _common_types(left, right)
    if key in {"items", "additionalProperties"}:
        return {"allOf": [left, right]}
    if isinstance(left, int | float) and isinstance(right, int | float):
        if key.startswith(("min", "exclusiveMin")):
            return max(left, right)
        if key.startswith(("max", "exclusiveMax")):
            return min(left, right)
    return None


def _common_types(left: object, right: object) -> list[object]:
    lefts = left if is_list(left) else [left]
    rights = right if is_list(right) else [right]
    common = [name for name in lefts if name in rights]
    if "integer" not in common and ("integer" in lefts or "integer" in rights):
        common += ["integer"] if "number" in lefts or "number" in rights else []
    return common
