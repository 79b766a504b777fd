"""The catalogue as Anthropic lists it."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate import anthropic_models as lists
from passenger_trio.wire.models import Capabilities, Limits, Model, Supports

MODELS = [Model(id=name) for name in "abcde"]


def page(**query: Any) -> tuple[str, bool]:
    found = json.loads(lists.anthropic_list(MODELS, **query))
    ids = [entry["id"] for entry in found["data"]]
    assert found["first_id"] == (ids[0] if ids else None)
    assert found["last_id"] == (ids[-1] if ids else None)
    return "".join(ids), found["has_more"]


@pytest.mark.parametrize(
    "query, expected",
    [
        ({}, ("abcde", False)),
        ({"limit": "2"}, ("ab", True)),
        ({"limit": "5"}, ("abcde", False)),
        ({"limit": "2", "after_id": "b"}, ("cd", True)),
        ({"limit": "2", "after_id": "d"}, ("e", False)),
        ({"after_id": "e"}, ("", False)),
        ({"limit": "2", "before_id": "e"}, ("cd", True)),
        ({"limit": "2", "before_id": "c"}, ("ab", False)),
        ({"before_id": "a"}, ("", False)),
        ({"after_id": "", "before_id": ""}, ("abcde", False)),
    ],
)
def test_a_list_comes_in_pages(query: Any, expected: Any) -> None:
    assert page(**query) == expected


def test_a_page_has_twenty_models_when_nobody_says_how_many() -> None:
    found = json.loads(lists.anthropic_list([Model(id=str(at)) for at in range(21)]))

    assert len(found["data"]) == 20
    assert found["has_more"]


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "", "1.0", "٣", "9" * 5000])
def test_a_limit_is_a_number_from_1_to_1000(limit: str) -> None:
    with pytest.raises(BadRequest) as caught:
        page(limit=limit)

    assert caught.value.param == "limit"
    assert page(limit="1000") == ("abcde", False)


@pytest.mark.parametrize("field", ["after_id", "before_id"])
def test_a_page_begins_at_a_model_that_is_there(field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        page(**{field: "z"})

    assert caught.value.param == field


def test_an_entry_tells_what_the_catalogue_knows() -> None:
    limits = Limits(max_prompt_tokens=128000, max_output_tokens=64000)
    supports = Supports(vision=True, structured_outputs=True, reasoning_effort=["low", "high"])
    model = Model(id="gpt-5", name="GPT-5", capabilities=Capabilities(limits=limits, supports=supports))

    entry = json.loads(lists.anthropic_model(model))

    capabilities = entry.pop("capabilities")
    assert entry == {
        "type": "model",
        "id": "gpt-5",
        "display_name": "GPT-5",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "line": None,
        "deprecated_at": None,
        "retires_at": None,
        "max_input_tokens": 128000,
        "max_tokens": 64000,
    }
    able = {name for name, support in capabilities.items() if support["supported"]}
    assert able == {"effort", "image_input", "structured_outputs", "thinking"}
    efforts = {name for name, support in capabilities["effort"].items() if support == {"supported": True}}
    assert efforts == {"low", "high"}


@pytest.mark.parametrize(
    "supports, types",
    [
        (Supports(), {"disabled"}),
        (Supports(adaptive_thinking=True), {"disabled", "adaptive"}),
        (Supports(max_thinking_budget=32000), {"disabled", "enabled"}),
        (Supports(reasoning_effort=["low"]), {"disabled", "enabled", "adaptive"}),
    ],
)
def test_the_kinds_of_thinking(supports: Supports, types: set[str]) -> None:
    entry: Any = lists.anthropic_entry(Model(id="m", capabilities=Capabilities(supports=supports)))

    thinking = entry["capabilities"]["thinking"]
    assert {name for name, support in thinking["types"].items() if support["supported"]} == types
    assert thinking["supported"] == (len(types) > 1)


def test_a_model_without_a_name_is_called_by_its_id() -> None:
    entry = lists.anthropic_entry(Model(id="m"))

    assert entry["display_name"] == "m"
    assert entry["max_tokens"] is None
