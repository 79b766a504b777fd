"""Copilot's catalogue in other dialects."""

import datetime
import json
import re
from pathlib import Path
from typing import Any

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


def test_a_model_that_is_switched_off_is_marked_for_openai_clients_and_left_out_for_ollamas(
    recorded: list[Model],
) -> None:
    page = json.loads(models.openai_list(recorded))
    marked = [entry["id"] for entry in page["data"] if "policy" in entry]

    assert marked == ["claude-opus-4.6"]
    assert page["data"][0]["policy"] == {"state": "disabled"}
    assert "claude-opus-4.6:latest" not in {tag["name"] for tag in json.loads(models.ollama_tags(recorded))["models"]}


def test_a_model_whose_terms_are_not_yet_accepted_is_no_dead_entry() -> None:
    pending = [Model("m", policy=Policy("pending"))]

    assert "policy" not in json.loads(models.openai_list(pending))["data"][0]
    assert len(json.loads(models.ollama_tags(pending))["models"]) == 1


def test_a_model_without_a_vendor_belongs_to_copilot() -> None:
    assert models.openai_entry(Model("m"))["owned_by"] == "github-copilot"
    assert models.openai_entry(Model("m", vendor="Anthropic"))["owned_by"] == "Anthropic"


def test_ollama_clients_find_what_they_insist_on(recorded: list[Model]) -> None:
    tags = json.loads(models.ollama_tags(recorded))["models"]

    assert [tag["name"] for tag in tags] == [
        f"{model.id}:latest" for model in recorded if model.endpoints and not model.is_disabled
    ]
    for tag in tags:
        assert tag["model"] == tag["name"]
        assert re.fullmatch(r"[0-9a-f]{64}", tag["digest"])
        assert tag["size"] > 0
        assert datetime.datetime.fromisoformat(tag["modified_at"]).tzinfo is not None
        assert tag["capabilities"]
        details = tag["details"]
        assert details["format"] == "gguf"
        assert details["families"] == [details["family"]]
        assert None not in details.values()
        assert details["family"]
        assert details["parameter_size"]
        assert details["quantization_level"]


def test_different_models_have_different_digests(recorded: list[Model]) -> None:
    ids = {model.id for model in recorded}

    assert len({models.ollama_tag(model).digest for model in recorded}) == len(ids)


def test_the_list_is_the_same_each_time(recorded: list[Model]) -> None:
    assert models.ollama_tags(recorded) == models.ollama_tags(recorded)


@pytest.mark.parametrize(
    "capabilities, expected",
    [
        ({}, ["completion"]),
        ({"type": "embeddings", "supports": {"tool_calls": True}}, ["embedding"]),
        ({"supports": {"tool_calls": True, "vision": True}}, ["completion", "tools", "vision"]),
        ({"supports": {"reasoning_effort": ["low"]}}, ["completion", "thinking"]),
        ({"supports": {"reasoning_effort": []}}, ["completion"]),
        ({"supports": {"adaptive_thinking": True}}, ["completion", "thinking"]),
        ({"supports": {"max_thinking_budget": 1024}}, ["completion", "thinking"]),
    ],
)
def test_what_a_model_can_do_has_ollamas_names(capabilities: dict[str, Any], expected: list[str]) -> None:
    model = msgspec.convert({"id": "m", "capabilities": capabilities}, Model)

    assert models.ollama_capabilities(model) == expected
