"""Schemas of tools: which are completed, and which are left as they are."""

import json
from typing import Any

import msgspec
import pytest

from passenger_trio.translate.backs.tools import give_properties

EMPTY = {"type": "object", "properties": {}}


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


@pytest.mark.parametrize(
    "given, completed",
    [
        ({}, EMPTY),
        (None, EMPTY),
        ({"type": "object"}, EMPTY),
        ({"type": ["object", "null"], "$schema": "x"}, {**EMPTY, "$schema": "x"}),
    ],
)
def test_a_schema_without_properties_gets_them(given: Any, completed: Any) -> None:
    tool = {"name": raw("f"), "parameters": raw(given)}

    assert give_properties(tool)

    assert json.loads(bytes(tool["parameters"])) == completed
    assert bytes(tool["name"]) == b'"f"'


def test_a_missing_schema_is_made_under_the_key_that_the_dialect_names() -> None:
    tool: dict[str, msgspec.Raw] = {}

    assert give_properties(tool, "input_schema")

    assert {key: json.loads(bytes(value)) for key, value in tool.items()} == {"input_schema": EMPTY}


@pytest.mark.parametrize(
    "given",
    [
        {"properties": {"a": {}}},
        {"$ref": "#/$defs/a"},
        {"anyOf": []},
        {"oneOf": []},
        {"allOf": []},
        "no object",
        [1],
    ],
)
def test_any_other_schema_is_left_alone(given: Any) -> None:
    tool = {"parameters": raw(given)}

    assert not give_properties(tool)

    assert json.loads(bytes(tool["parameters"])) == given
