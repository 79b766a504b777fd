"""Copilot's catalogue as OpenAI lists models."""

import json
from pathlib import Path

import msgspec
import pytest

from passenger_trio.translate import models
from passenger_trio.wire.models import Model, ModelList, Policy, decode_model

SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"


@pytest.fixture
def recorded() -> list[Model]:
    listed = msgspec.json.decode((SAMPLES / "models_list.json").read_bytes(), type=ModelList)
    return [decode_model(entry) for entry in listed.data]


def test_openai_clients_find_four_fields_on_every_model(recorded: list[Model]) -> None:
    page = json.loads(models.openai_list(recorded))

    assert page["object"] == "list"
    assert [entry["id"] for entry in page["data"]] == [model.id for model in recorded]
    for entry in page["data"]:
        assert entry["object"] == "model"
        assert type(entry["created"]) is int
        assert entry["owned_by"]


def test_one_model_is_what_it_is_in_the_list(recorded: list[Model]) -> None:
    page = json.loads(models.openai_list(recorded))

    assert json.loads(models.openai_model(recorded[0])) == page["data"][0]


def test_a_model_that_is_switched_off_is_marked(recorded: list[Model]) -> None:
    page = json.loads(models.openai_list(recorded))
    marked = [entry["id"] for entry in page["data"] if "policy" in entry]

    assert marked == ["claude-opus-4.6"]
    assert page["data"][0]["policy"] == {"state": "disabled"}


def test_a_model_whose_terms_are_not_yet_accepted_is_no_dead_entry() -> None:
    pending = [Model("m", policy=Policy("pending"))]

    assert "policy" not in json.loads(models.openai_list(pending))["data"][0]


def test_a_model_without_a_vendor_belongs_to_copilot() -> None:
    assert models.openai_entry(Model("m"))["owned_by"] == "github-copilot"
    assert models.openai_entry(Model("m", vendor="Anthropic"))["owned_by"] == "Anthropic"


def test_copies_come_last_by_their_names_as_their_models() -> None:
    listed = [Model("a", vendor="V"), Model("b", policy=Policy("disabled"))]
    copies = [("Mine:latest", "a"), ("other:v2", "b"), ("gone:latest", "c"), ("B:latest", "a")]

    page = json.loads(models.openai_list(listed, copies))["data"]

    assert [(entry["id"], entry["owned_by"]) for entry in page] == [
        ("a", "V"),
        ("b", "github-copilot"),
        ("Mine", "V"),
        ("other:v2", "github-copilot"),
    ]
    assert "policy" in page[3]
