import datetime
import re
import uuid
from fractions import Fraction

import pytest
from hypothesis import given, settings, strategies as st

from passenger_trio.simulator.schema import Unsatisfiable, example

PROMPT = "What is the weather in Paris and Rome at 12?"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_of(value, name):
    if name in {"integer", "number"}:
        whole = isinstance(value, int) or (name == "number" and isinstance(value, float))
        return whole and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def holds(schema, value, root):
    """A small validator of its own, for what the strategies below make."""
    if schema in (True, {}):
        return True
    if "$ref" in schema:
        return holds(root["$defs"][schema["$ref"].rpartition("/")[2]], value, root)
    checks = [
        "const" not in schema or value == schema["const"],
        "enum" not in schema or value in schema["enum"],
        "type" not in schema or any(is_of(value, t) for t in [schema["type"]]) if "type" in schema else True,
        all(holds(part, value, root) for part in schema.get("allOf", ())),
        "anyOf" not in schema or any(holds(part, value, root) for part in schema["anyOf"]),
        "oneOf" not in schema or sum(holds(part, value, root) for part in schema["oneOf"]) == 1,
    ]
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        checks += [name in value for name in schema.get("required", ())]
        checks += [holds(properties[name], item, root) for name, item in value.items() if name in properties]
        if schema.get("additionalProperties") is False:
            checks.append(set(value) <= set(properties))
    elif isinstance(value, list):
        checks.append(schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9))
        checks += [holds(schema.get("items", True), item, root) for item in value]
    elif isinstance(value, str):
        checks.append(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        checks.append(schema.get("minimum", value) <= value <= schema.get("maximum", value))
        if "multipleOf" in schema:
            checks.append(Fraction(str(value)) % Fraction(str(schema["multipleOf"])) == 0)
    return all(checks)


scalars = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.builds(lambda values: {"enum": values}, st.lists(st.text(max_size=5), min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, st.one_of(st.integers(), st.text(max_size=5), st.none())),
    st.builds(
        lambda low, span: {"type": "string", "minLength": low, "maxLength": low + span},
        st.integers(0, 60),
        st.integers(0, 60),
    ),
    st.builds(
        lambda low, span: {"type": "integer", "minimum": low, "maximum": low + span},
        st.integers(-1000, 1000),
        st.integers(0, 50),
    ),
    st.builds(
        lambda low, span: {"type": "number", "minimum": low, "maximum": low + span},
        st.integers(-1000, 1000),
        st.integers(0, 50),
    ),
    st.builds(lambda step: {"type": "integer", "multipleOf": step}, st.integers(1, 99)),
)


def nest(inner):
    properties = st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4)
    return st.one_of(
        st.builds(
            lambda fields, chosen, closed: {
                "type": "object",
                "properties": fields,
                "required": sorted(set(fields) & chosen),
                **({"additionalProperties": False} if closed else {}),
            },
            properties,
            st.sets(st.sampled_from("abcdef")),
            st.booleans(),
        ),
        st.builds(
            lambda item, low, span: {
                "type": "array",
                "items": item,
                "minItems": low,
                "maxItems": low + span,
            },
            inner,
            st.integers(0, 3),
            st.integers(0, 3),
        ),
        st.builds(lambda parts: {"anyOf": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"oneOf": [part]}, inner),
        st.builds(lambda part: {"allOf": [part, {"description": "x"}]}, inner),
    )


@settings(max_examples=200, deadline=None)
@given(st.recursive(scalars, nest, max_leaves=12), st.text(max_size=40))
def test_the_example_satisfies_its_schema_whatever_the_prompt(schema, prompt):
    value = example(schema, prompt)

    assert holds(schema, value, schema)
    assert value == example(schema, prompt)


def test_a_free_string_holds_the_words_of_the_prompt():
    assert example({"type": "string"}, PROMPT) == "What is the weather in Paris and Rome"


def test_a_number_is_taken_from_the_prompt_only_where_it_fits():
    assert example({"type": "integer"}, PROMPT) == 12
    assert example({"type": "integer", "maximum": 11}, PROMPT) != 12


def test_exclusive_bounds_are_not_reached():
    value = example({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "")

    assert 0 < value < 1


@pytest.mark.parametrize("recursive", ["required", "optional"])
def test_a_schema_that_refers_to_itself_ends(recursive):
    node = {
        "type": "object",
        "properties": {
            "value": {"type": "integer"},
            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}},
        },
        "required": ["value", "next", "kids"] if recursive == "required" else ["value"],
    }
    schema = {"$defs": {"node": node}, "$ref": "#/$defs/node"}

    value = example(schema, PROMPT)

    assert holds(schema, value, schema)


def test_many_schemas_that_refer_to_each_other_end_soon():
    names = [f"s{number}" for number in range(12)]
    fields = {name: {"$ref": f"#/$defs/{name}"} for name in names}
    schema = {
        "$defs": {name: {"type": "object", "properties": fields} for name in names},
        "$ref": "#/$defs/s0",
    }

    assert isinstance(example(schema, PROMPT), dict)


def test_a_schema_that_must_contain_itself_is_unsatisfiable():
    with pytest.raises(Unsatisfiable, match="without an end"):
        example({"type": "object", "properties": {"me": {"$ref": "#"}}, "required": ["me"]}, "")


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"enum": []},
        {"type": "integer", "enum": ["a"]},
        {"type": "array", "items": {"enum": ["a"]}, "uniqueItems": True, "minItems": 2},
        {"type": "object", "required": ["a"], "additionalProperties": False},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"allOf": [False]},
        {"anyOf": [False, {"type": "nonsense"}]},
        {"allOf": [{"const": 1}, {"const": 2}]},
        {"const": 1, "enum": [2]},
        {"const": "a", "type": "integer"},
        {"type": "array", "minItems": 2, "maxItems": 1},
        {"type": "array", "minItems": 1, "items": False},
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.com/schema.json"},
    ],
)
def test_what_nothing_satisfies_is_reported(schema):
    with pytest.raises(Unsatisfiable):
        example(schema, PROMPT)


def test_all_parts_of_an_allof_are_satisfied_together():
    schema = {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "number", "minimum": 3}}, "required": ["a"]},
            {"properties": {"a": {"type": "integer", "maximum": 3}, "b": {"enum": [1, 2]}}, "required": ["b"]},
            {"properties": {"b": {"enum": [2, 3]}}},
        ]
    }

    assert example(schema, PROMPT) == {"a": 3, "b": 2}


def test_the_alternatives_of_an_anyof_are_read_together_with_what_stands_beside_it():
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "null"}},
        "anyOf": [{"required": ["c"], "additionalProperties": False}, {"required": ["b"]}],
    }

    assert example(schema, "hi") == {"a": "hi", "b": None}


def test_of_two_bounds_the_narrower_one_holds():
    schema = {"allOf": [{"type": "integer", "minimum": 3, "maximum": 9}, {"minimum": 5, "maximum": 5}]}

    assert example(schema, "") == 5


def test_two_choices_of_an_allof_are_made_together():
    schema = {
        "allOf": [
            {"anyOf": [{"enum": ["a", "b"]}, {"enum": ["c"]}]},
            {"anyOf": [{"enum": ["c"]}, {"enum": ["d"]}]},
            {"allOf": [{"type": "string"}]},
        ]
    }

    assert example(schema, "") == "c"


def test_two_references_of_an_allof_are_both_followed():
    schema = {
        "$defs": {
            "named": {"type": "object", "properties": {"name": {"const": "n"}}, "required": ["name"]},
            "aged": {"properties": {"age": {"const": 7}}, "required": ["age"]},
        },
        "allOf": [{"$ref": "#/$defs/named"}, {"$ref": "#/$defs/aged"}],
    }

    assert example(schema, "") == {"name": "n", "age": 7}


def test_a_reference_may_point_into_a_list_and_be_escaped():
    schema = {"anyOf": [{"$ref": "#/a~1b/1"}], "a/b": [False, {"const": "here"}]}

    assert example(schema, "") == "here"


@pytest.mark.parametrize(
    "schema, kind",
    [
        (True, str),
        ({}, str),
        ({"properties": {}}, dict),
        ({"items": {"type": "null"}}, list),
        ({"minimum": 2}, int),
        ({"enum": [[1]]}, list),
        ({"enum": [{"a": 1}], "type": "object"}, dict),
        ({"enum": [1.0], "type": "integer"}, float),
        ({"enum": [True], "type": "boolean"}, bool),
        ({"enum": [0.5], "type": "number"}, float),
    ],
)
def test_a_schema_without_a_type_is_judged_by_its_keywords(schema, kind):
    assert type(example(schema, "words")) is kind


def test_items_may_be_a_list_as_in_older_drafts():
    schema = {"type": "array", "items": [{"const": 1}], "additionalItems": {"const": 2}, "minItems": 3}

    assert example(schema, "") == [1, 2, 2]


def test_a_large_schema_is_filled_with_what_is_required_only():
    properties = {f"p{number}": {"type": "array", "items": {}} for number in range(4000)}

    assert example({"type": "object", "properties": properties, "required": ["p3999"]}, "") == {"p3999": []}


def test_an_unknown_pattern_dialect_does_not_matter():
    assert example({"type": "string", "pattern": "(?<name"}, "words") == "words"


def test_null_is_the_last_of_several_types():
    assert example({"type": ["null", "boolean"]}, "") is True


def test_unique_items_differ():
    value = example(
        {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 2}, "minItems": 3, "uniqueItems": True},
        "",
    )

    assert sorted(value) == [0, 1, 2]


def test_prefix_items_come_first():
    schema = {"type": "array", "prefixItems": [{"const": 1}, {"const": "b"}], "items": False}

    assert example(schema, "") == [1, "b"]


def test_formats_are_what_they_are_called():
    def made(form):
        return example({"type": "string", "format": form}, PROMPT)

    assert datetime.date.fromisoformat(made("date"))
    assert datetime.datetime.fromisoformat(made("date-time")).tzinfo is not None
    assert uuid.UUID(made("uuid")).version == 4
    assert re.fullmatch(r"[^@ ]+@[^@ ]+\.[a-z]+", made("email"))
    assert made("uri").startswith("https://")


def test_a_likely_pattern_is_met():
    assert re.search("^[A-Z]{3}$", example({"type": "string", "pattern": "^[A-Z]{3}$"}, PROMPT))


def test_min_properties_are_made_up():
    value = example({"type": "object", "minProperties": 2, "additionalProperties": {"type": "boolean"}}, "")

    assert len(value) == 2
    assert all(isinstance(item, bool) for item in value.values())
