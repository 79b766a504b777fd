"""Every answer of every route of Ollama's is what its clients know, and has no key besides."""

import json
from typing import Any, cast

import jsonschema
import pytest
from house import House
from ollama_schema import SCHEMAS, check
from ollama_tour import GPT, MODELS, ROUTES, SMALL, talk, visit

from passenger_trio.config import Server
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.client import CopilotClient, Fetch
from passenger_trio.copilot.tokens import Tokens
from passenger_trio.server.app import build_app
from passenger_trio.server.exchange import Exchange

OTHERS = frozenset({"/api/hello"})
"""Paths that look like Ollama's and are not: where Claude Code looks whether a server is there."""

PREFIXES = ("", "/v1")
AT = "2026-08-21T10:00:00.123456789Z"
LINE: dict[str, Any] = {
    "model": "m",
    "created_at": AT,
    "message": {"role": "assistant", "content": "He"},
    "done": False,
}
CALLING: dict[str, Any] = {
    **LINE,
    "message": {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call_1", "function": {"index": 0, "name": "f", "arguments": {}}}],
    },
}
END: dict[str, Any] = {
    **LINE,
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "stop",
    "total_duration": 6,
    "load_duration": 1,
    "prompt_eval_count": 4,
    "prompt_eval_duration": 2,
    "eval_count": 5,
    "eval_duration": 3,
}


def rules() -> set[str]:
    """The rules under ``/api`` and ``/v1/api``."""
    client = cast("CopilotClient", None)
    catalogue = Catalogue(client, cast("Tokens", None), cast("Fetch", None))
    app = build_app(Server(), Exchange(client, catalogue), catalogue)
    return {rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith(("/api/", "/v1/api/"))} - OTHERS


def test_every_route_is_visited() -> None:
    assert rules() == {f"{prefix}{rule}" for prefix in PREFIXES for rule in ROUTES}


def test_every_schema_is_met_somewhere() -> None:
    visits = [made for route in ROUTES.values() for made in route]

    assert {made.last for made in visits} | {made.line for made in visits} == {"", *SCHEMAS}


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("rule", ROUTES)
async def test_every_answer_is_what_its_schema_says(house: House, rule: str, prefix: str) -> None:
    for made in ROUTES[rule]:
        for heard in await visit(house, f"{prefix}{rule}", made):
            try:
                check(heard.schema, heard.text)
            except jsonschema.ValidationError as error:
                pytest.fail(f"{made.asks}: {heard.text} is no {heard.schema}: {error.message} at {error.json_path}")


async def test_models_in_use_are_what_the_schema_says(house: House) -> None:
    for model in MODELS:
        await house.http.post("/api/chat", json=talk("Hi", model, keep_alive=-1 if model == GPT else "1h"))
    await house.http.post("/api/embed", json={"model": SMALL, "input": "a"})

    found = check("ps", (await house.http.get("/api/ps")).content)

    assert len(found["models"]) == len(MODELS) + 1


async def test_a_copy_is_listed_and_shown_as_the_schema_says_and_deleted_without_a_word(house: House) -> None:
    await house.http.post("/api/copy", json={"source": GPT, "destination": "mine"})
    tags = check("tags", (await house.http.get("/api/tags")).content)
    check("show", (await house.http.post("/api/show", json={"model": "mine"})).content)
    deleted = await house.http.request("DELETE", "/api/delete", json={"model": "mine"})

    assert "mine:latest" in {entry["name"] for entry in tags["models"]}
    assert (deleted.status_code, deleted.content) == (200, b"")


async def test_cards_agree_with_themselves_and_with_the_list(house: House) -> None:
    tags = check("tags", (await house.http.get("/api/tags")).content)["models"]
    assert len({entry["digest"] for entry in tags}) == len(tags)
    for entry in tags:
        card = check("show", (await house.http.post("/api/show", json={"model": entry["model"]})).content)
        family = card["model_info"]["general.architecture"]
        lengths = {key: value for key, value in card["model_info"].items() if "context_length" in key}
        assert lengths == {f"{family}.context_length": entry["details"]["context_length"]}
        assert card["parameters"].split() == ["num_ctx", str(entry["details"]["context_length"])]
        assert card["details"]["families"] == [card["details"]["family"]] == [family]
        assert entry["name"] == entry["model"]
        for both in ("capabilities", "modified_at", "remote_model", "remote_host"):
            assert card[both] == entry[both]


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas_and_close_every_object(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])

    open_ones = [found for found in objects(SCHEMAS[name]) if found.get("additionalProperties") is not False]

    assert all(found == {"type": "object"} for found in open_ones)  # a call's arguments alone are anything


def objects(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "object" else []
    return own + [found for value in schema.values() for found in objects(value)]


@pytest.mark.parametrize(("name", "good"), [("chat line", LINE), ("chat line", CALLING), ("chat end", END)])
def test_what_ollama_writes_is_let_through(name: str, good: dict[str, Any]) -> None:
    assert check(name, json.dumps(good)) == good


# what other servers were seen to write, and what clients made of it: the fault table of the clients
@pytest.mark.parametrize(
    ("name", "deviant"),
    [
        ("chat line", {**LINE, "type": "chunk"}),
        ("chat line", {**LINE, "error": None}),
        ("chat line", {**LINE, "created_at": "2026-08-21T10:00:00+00:00"}),
        ("chat line", {**LINE, "message": {"role": "assistant", "content": None}}),
        ("chat line", {**LINE, "message": {"role": "assistant", "content": "", "reasoning_content": "Hm"}}),
        ("chat line", {**LINE, "message": {"role": "assistant", "content": ""}}),
        ("chat line", json.loads(json.dumps(CALLING).replace("{}", '"{}"'))),
        ("chat line", json.loads(json.dumps(CALLING).replace('"index": 0, ', ""))),
        ("chat line", json.loads(json.dumps(CALLING).replace('"content": "", ', ""))),
        ("chat end", {key: value for key, value in END.items() if key != "message"}),
        ("chat end", {key: value for key, value in END.items() if key != "eval_count"}),
        ("chat end", {**END, "done_reason": "tool_calls"}),
        ("chat end", {**END, "done_reason": "load"}),
        ("chat end", {**END, "eval_duration": 0}),
        ("chat end", {**END, "eval_duration": 3.0}),
        ("chat end", {**END, "eval_duration": "3"}),
        ("error", {"error": {"message": "no"}}),
        ("error", {"error": "no", "code": 400}),
        ("version", {"version": "nollama-0.1.0"}),
    ],
)
def test_what_breaks_clients_is_not(name: str, deviant: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(name, json.dumps(deviant))
