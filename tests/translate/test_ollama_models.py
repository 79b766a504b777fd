"""Copilot's catalogue as Ollama's clients read it."""

import datetime
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate import ollama_models
from passenger_trio.translate.ollama_models import InUse
from passenger_trio.wire.models import Capabilities, Limits, Model, ModelList, Policy, decode_model

SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"


@pytest.fixture
def recorded() -> list[Model]:
    listed = msgspec.json.decode((SAMPLES / "models_list.json").read_bytes(), type=ModelList)
    models = [decode_model(entry) for entry in listed.data]
    return list({model.id: model for model in models}.values())


def model_of(**capabilities: Any) -> Model:
    return msgspec.convert({"id": "m", "capabilities": capabilities}, Model)


def listed(models: list[Model], *copies: tuple[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ollama_models.tags(models, copies))["models"]
    return found


def card(model: Model, **more: Any) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(ollama_models.card(model, "m:latest", **more))
    return shown


# The list


def test_every_entry_has_what_some_client_insists_on(recorded: list[Model]) -> None:
    tags = listed(recorded)

    usable = {f"{model.id}:latest" for model in recorded if model.endpoints and not model.is_disabled}
    assert {tag["name"] for tag in tags} == usable
    for tag in tags:
        assert tag["model"] == tag["name"]
        assert re.fullmatch(r"[0-9a-f]{64}", tag["digest"])
        assert tag["size"] > 0
        assert datetime.datetime.fromisoformat(tag["modified_at"]).tzinfo is not None
        assert tag["capabilities"]
        assert f"{tag['remote_model']}:latest" == tag["name"]
        assert tag["remote_host"] == "https://api.githubcopilot.com"
        details = tag["details"]
        assert details["parent_model"] == ""
        assert details["families"] == [details["family"]]
        assert details["context_length"] > 0
        assert all(details[name] for name in ("format", "family", "parameter_size", "quantization_level"))
        assert None not in [*tag.values(), *details.values()]


def test_what_is_switched_off_or_on_no_endpoint_is_not_listed() -> None:
    models = [
        Model("off", policy=Policy("disabled")),
        Model("pending", policy=Policy("pending")),
        Model("old", capabilities=Capabilities(type="completion")),
    ]

    assert [tag["name"] for tag in listed(models)] == ["pending:latest"]


def test_a_list_of_nothing_is_a_list() -> None:
    assert ollama_models.tags([]) == b'{"models":[]}'


def test_trap_7_no_two_models_have_one_digest(recorded: list[Model]) -> None:
    assert len({tag["digest"] for tag in listed(recorded)}) == len(listed(recorded))


def test_the_newest_are_listed_first_and_the_others_in_copilots_order(recorded: list[Model]) -> None:
    tags = listed(recorded)

    dates = [tag["modified_at"] for tag in tags]
    assert dates == sorted(dates, reverse=True)
    assert tags[0]["name"] == "gpt-4.1:latest"
    undated = [tag["remote_model"] for tag in tags if tag["modified_at"] == ollama_models.MODIFIED_AT]
    assert undated == [model.id for model in recorded if model.id in undated]


def test_a_copy_is_listed_by_its_own_name_as_long_as_there_is_its_model() -> None:
    own, gone, copy = listed([Model("a"), Model("c")], ("mine:latest", "a"), ("lost:latest", "b"))

    assert [own["name"], gone["name"], copy["name"]] == ["a:latest", "c:latest", "mine:latest"]
    assert copy["digest"] == own["digest"]
    assert copy["remote_model"] == "a"


def test_a_model_that_came_later_than_a_copy_of_its_name_is_listed_once() -> None:
    assert [tag["remote_model"] for tag in listed([Model("a"), Model("b")], ("B:latest", "a"))] == ["a", "b"]


def test_the_list_is_the_same_each_time(recorded: list[Model]) -> None:
    assert ollama_models.tags(recorded) == ollama_models.tags(recorded)


@pytest.mark.parametrize(
    "model_id, version, expected",
    [
        ("gpt-4o-2024-11-20", "", "2024-11-20T00:00:00Z"),
        ("gpt-4.1", "gpt-4.1-2025-04-14", "2025-04-14T00:00:00Z"),
        ("gpt-4o-2024-11-20", "gpt-4o-2030-01-01", "2024-11-20T00:00:00Z"),
        ("gpt-4", "gpt-4-0613", ollama_models.MODIFIED_AT),
        ("odd-2024-02-31", "", ollama_models.MODIFIED_AT),
        ("odd-2024-02-31", "odd-2024-02-28", "2024-02-28T00:00:00Z"),
    ],
)
def test_a_model_is_as_old_as_its_name_says(model_id: str, version: str, expected: str) -> None:
    assert ollama_models.modified_at(Model(model_id, version=version)) == expected


# What a model can do


@pytest.mark.parametrize(
    "capabilities, expected",
    [
        ({}, ["completion", "insert"]),
        ({"type": "embeddings", "supports": {"tool_calls": True}}, ["embedding"]),
        ({"supports": {"tool_calls": True, "vision": True}}, ["completion", "tools", "insert", "vision"]),
        ({"supports": {"reasoning_effort": ["low"]}}, ["completion", "thinking"]),
        ({"supports": {"reasoning_effort": []}}, ["completion", "insert"]),
        ({"supports": {"adaptive_thinking": True}}, ["completion", "thinking"]),
        ({"supports": {"max_thinking_budget": 1024}}, ["completion", "thinking"]),
    ],
)
def test_what_a_model_can_do_has_ollamas_names(capabilities: dict[str, Any], expected: list[str]) -> None:
    assert ollama_models.capabilities(model_of(**capabilities)) == expected


def test_trap_4_list_and_card_tell_the_same_capabilities(recorded: list[Model]) -> None:
    for model in recorded:
        assert card(model)["capabilities"] == ollama_models.tag(model, "m").capabilities != []


@pytest.mark.parametrize(
    "limits, kind, expected",
    [
        ({"max_prompt_tokens": 128_000, "max_context_window_tokens": 264_000}, "chat", 128_000),
        ({"max_context_window_tokens": 200_000}, "chat", 200_000),
        ({"max_prompt_tokens": 0}, "chat", ollama_models.UNKNOWN_CONTEXT),
        (None, "chat", ollama_models.UNKNOWN_CONTEXT),
        ({"max_inputs": 512}, "embeddings", ollama_models.EMBEDDER_CONTEXT),
    ],
)
def test_the_context_is_what_a_prompt_may_have(limits: dict[str, int] | None, kind: str, expected: int) -> None:
    model = model_of(type=kind, limits=limits)

    assert ollama_models.context_length(model) == expected
    assert ollama_models.tag(model, "m").details.context_length == expected


@pytest.mark.parametrize(
    "family, kind, expected",
    [
        ("text-embedding-3-small", "embeddings", 1536),
        ("new-embedder", "embeddings", None),
        ("text-embedding-3-small", "chat", None),
    ],
)
def test_the_length_of_embeddings_is_told_where_it_is_known(family: str, kind: str, expected: int | None) -> None:
    model = model_of(type=kind, family=family)

    assert ollama_models.embedding_length(model) == expected
    assert card(model)["model_info"].get(f"{family}.embedding_length") == expected
    assert (ollama_models.tag(model, "m").details.embedding_length == expected) is (expected is not None)


# Cards


def test_every_card_has_what_some_client_insists_on(recorded: list[Model]) -> None:
    for model in recorded:
        shown = card(model)

        assert all(shown[name] for name in ("license", "modelfile", "parameters", "template", "details"))
        assert re.fullmatch(r"num_ctx {24}[1-9]\d+", shown["parameters"])
        assert f"PARAMETER num_ctx {ollama_models.context_length(model)}" in shown["modelfile"]
        assert "FROM m:latest" in shown["modelfile"]
        assert datetime.datetime.fromisoformat(shown["modified_at"]).tzinfo is not None
        assert shown["remote_model"] == model.id
        assert shown["remote_host"] == "https://api.githubcopilot.com"
        assert None not in shown.values()


def test_trap_5_the_context_stands_under_the_architecture_which_is_the_family(recorded: list[Model]) -> None:
    for model in recorded:
        shown = card(model)

        family = shown["model_info"]["general.architecture"]
        assert family == shown["details"]["family"] != ""
        assert shown["model_info"][f"{family}.context_length"] == ollama_models.context_length(model)


def test_trap_28_one_key_alone_has_context_length_in_it(recorded: list[Model]) -> None:
    for model in [*recorded, Model("context_length"), Model("bare")]:
        keys = [key for key in card(model)["model_info"] if key.endswith("context_length")]

        assert len(keys) == 1
    for model in recorded:
        assert len([key for key in card(model)["model_info"] if "context_length" in key]) == 1


def test_people_read_copilots_name_for_a_model_unless_another_is_asked_for() -> None:
    assert card(Model("m", name="Model M"))["model_info"]["general.basename"] == "Model M"
    assert card(Model("m"))["model_info"]["general.basename"] == "m"
    assert card(Model("m", name="Model M"), basename="M:latest")["model_info"]["general.basename"] == "M:latest"


def test_the_licence_names_the_vendor_where_there_is_one() -> None:
    assert card(Model("m", name="M", vendor="Anthropic"))["license"].startswith("M of Anthropic, served by")
    assert card(Model("m"))["license"].startswith("m, served by")


@pytest.mark.parametrize(
    "capabilities, words, others",
    [
        ({}, {".Prompt", ".System", ".Suffix"}, {"tools"}),
        ({"supports": {"tool_calls": True}}, {".Tools", ".Suffix"}, set[str]()),
        ({"supports": {"tool_calls": True, "reasoning_effort": ["low"]}}, {".Tools"}, {"suffix"}),
        ({"type": "embeddings", "supports": {"tool_calls": True}}, {".Prompt"}, {"tools", "suffix", "system"}),
    ],
)
def test_a_template_tells_what_may_be_in_a_prompt(
    capabilities: dict[str, Any], words: set[str], others: set[str]
) -> None:
    template = ollama_models.template_of(model_of(**capabilities))

    assert all(word in template for word in words)
    assert not any(word in template.lower() for word in others)
    assert template.count("{{ if") == template.count("{{ end }}")


# In use, and pulled


def test_what_is_in_use_has_a_date_at_which_it_goes() -> None:
    model = Model("gpt-x", capabilities=Capabilities(limits=Limits(max_prompt_tokens=5)))

    [entry] = json.loads(ollama_models.running([InUse("mine:latest", model, 1_800_000_000.9)]))["models"]

    assert entry["name"] == entry["model"] == "mine:latest"
    assert entry["expires_at"] == "2027-01-15T08:00:00Z"
    assert entry["digest"] == ollama_models.digest(model)
    assert entry["size"] == entry["size_vram"] > 0
    assert entry["context_length"] == 5
    assert entry["details"]["family"] == "gpt-x"


def test_nothing_in_use_is_a_list() -> None:
    assert ollama_models.running([]) == b'{"models":[]}'


def test_a_pull_is_one_layer_that_has_come_and_ends_in_success() -> None:
    first, layer, *_, last = ollama_models.pulled(Model("m"))

    assert (first.status, last.status) == ("pulling manifest", "success")
    assert isinstance(layer.digest, str)
    assert layer.digest.removeprefix("sha256:").startswith(layer.status.removeprefix("pulling "))
    assert re.fullmatch("pulling [0-9a-f]{12}", layer.status)
    assert layer.total == layer.completed


# Requests


@pytest.mark.parametrize(
    "body, model, stream",
    [
        (b'{"model":"m"}', "m", True),
        (b'{"name":"m"}', "m", True),
        (b'{"Name":"m","STREAM":false}', "m", False),
        (b'{"model":"m","name":"n"}', "m", True),
        (b'{"model":"","name":"n","stream":null}', "n", True),
        (b'{"model":null,"name":"n","verbose":true,"new":{}}', "n", True),
        (b"{}", "", True),
    ],
)
def test_a_request_is_read_as_ollama_reads_it(body: bytes, model: str, stream: bool) -> None:
    asked = ollama_models.read(body)

    assert (asked.model, asked.stream) == (model, stream)


@pytest.mark.parametrize("body, words", [(b"", "missing request body"), (b" \n", "missing request body")])
def test_no_request_is_told_in_ollamas_words(body: bytes, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        ollama_models.read(body)

    assert caught.value.message == words


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"model":1}', b'{"stream":"no"}', b'{"model":"\xff"}'])
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="cannot be read"):
        ollama_models.read(body)


@pytest.mark.parametrize(
    "model_id, fit", [("o1", False), ("o1-mini", False), ("o1-2024-12-17", False), ("o10", True), ("gpt-o1", True)]
)
def test_what_thinks_though_the_list_does_not_say_so_fills_in_nothing(model_id: str, fit: bool) -> None:
    assert ollama_models.can_insert(Model(model_id)) is fit
    assert (".Suffix" in ollama_models.template_of(Model(model_id))) is fit
