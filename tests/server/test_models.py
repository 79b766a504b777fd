"""Models by name, on every route: which one Copilot is asked for, and what is said of those that cannot be had."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from house import House, open_house

from passenger_trio.simulator import Fault, Simulator

HELPERS = {"trajectory-compaction", "copilot-search-a", "exec-agent-a"}
OPUS = "claude-opus-4.6"
CALLS = {"/chat/completions", "/responses", "/v1/messages", "/embeddings"}
UNKNOWN = b'{"error":{"message":"No such thing.","code":"model_not_supported","param":"model"}}'


def asked(house: House) -> list[str]:
    """The models that Copilot was asked for, in turn."""
    return [json.loads(seen.body)["model"] for seen in house.simulator.requests if seen.path in CALLS]


async def chat(house: House, model: str, path: str = "/v1/chat/completions", **more: Any) -> httpx.Response:
    messages = [{"role": "user", "content": "Hi [[reply:Hello]]"}]
    return await house.http.post(path, json={"model": model, "messages": messages, **more})


async def marked(house: House) -> list[str]:
    """The models that are listed as switched off."""
    listed = (await house.http.get("/v1/models")).json()["data"]
    return [model["id"] for model in listed if model.get("policy") == {"state": "disabled"}]


# Names


@pytest.mark.parametrize(
    "name, model_id",
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4.5"),
        ("anthropic/claude-4.5-sonnet", "claude-sonnet-4.5"),
        ("github_copilot/GPT-4.1:latest", "gpt-4.1"),
        ("gpt-4.1-2025-04-14", "gpt-4.1"),
        ("exec-agent-a", "exec-agent-a"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
async def test_copilot_is_asked_for_the_id_that_is_meant(house: House, name: str, model_id: str, path: str) -> None:
    answer = await chat(house, name, path, stream=False)

    assert answer.status_code == 200
    assert asked(house) == [model_id]
    if path == "/api/chat":
        assert answer.json()["model"] == name


async def test_aliases_of_the_configuration_hold_on_every_route(tmp_path: Path) -> None:
    aliases = {"gpt-4-turbo": "gpt-4.1", "text-*": "text-embedding-3-small", "unlisted": "gpt-99"}
    async with open_house(Simulator(), tmp_path, models__aliases=aliases) as house:
        whole = await chat(house, "gpt-4-turbo")
        ollama = await chat(house, "GPT-4-Turbo:latest", "/api/chat", stream=False)
        completion = await house.http.post("/v1/completions", json={"model": "gpt-4-turbo", "prompt": "Hi"})
        embedding = await house.http.post("/v1/embeddings", json={"model": "text-ada", "input": "Hi"})
        described = await house.http.get("/v1/models/gpt-4-turbo")
        refused = await chat(house, "unlisted")

    assert [answer.status_code for answer in (whole, ollama, completion, embedding, described)] == [200] * 5
    assert asked(house) == ["gpt-4.1"] * 3 + ["text-embedding-3-small", "gpt-99"]
    assert described.json()["id"] == "gpt-4.1"
    assert refused.status_code == 404
    assert "`gpt-99`" in refused.json()["error"]["message"]


# Unknown names


@pytest.mark.parametrize(
    "path, body",
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}], "stream": True}),
        ("/v1/completions", {"prompt": "Hi"}),
        ("/v1/embeddings", {"input": "Hi"}),
    ],
)
async def test_a_model_that_copilot_does_not_know_either_is_a_404_with_the_nearest(
    house: House, path: str, body: dict[str, Any]
) -> None:
    answer = await house.http.post(path, json={"model": "openai/gpt-5-minni:latest", **body})

    assert asked(house) == ["gpt-5-minni"]
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", "model_not_found", "model")
    assert "Copilot says: The requested model is not supported." in error["message"]
    near = "text-embedding-3-small" if path == "/v1/embeddings" else "gpt-5-mini"
    assert f"Did you mean `{near}`" in error["message"]
    assert "embedding" not in error["message"] or path == "/v1/embeddings"
    assert answer.headers["x-github-request-id"]


async def test_a_model_that_copilot_knows_without_listing_it_answers(house: House) -> None:
    house.simulator.faults.append(Fault(path="/models", body=b'{"data":[{"id":"gpt-4.1"}]}'))

    answer = await chat(house, "openai/gpt-4o:latest")

    assert answer.status_code == 200
    assert asked(house) == ["gpt-4o"]


async def test_a_refusal_that_is_not_of_the_model_stays_what_it_is(house: House) -> None:
    house.simulator.faults.append(Fault(path="/chat/completions", status=400, body=b"invalid request body"))

    answer = await chat(house, "gpt-99")

    assert answer.status_code == 400
    assert "nearest" not in answer.text
    assert "Did you mean" not in answer.text


async def test_a_refusal_of_a_model_that_is_listed_and_enabled_stays_what_it_is(house: House) -> None:
    for _ in range(2):  # the second is for the token that is renewed in between
        house.simulator.faults.append(Fault(path="/chat/completions", status=400, body=UNKNOWN))

    answer = await chat(house, "gpt-4.1")

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "model_not_supported"
    assert "No such thing." in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/api/chat", "/v1/api/chat"])
@pytest.mark.parametrize("name", ["gpt-99", "gpt-4.1:7b", "openai/GPT-99:latest"])
async def test_ollamas_clients_hear_of_an_unknown_model_at_once(house: House, path: str, name: str) -> None:
    answer = await chat(house, name, path)

    assert answer.status_code == 404
    assert answer.json() == {"error": f"model '{name}' not found"}
    assert asked(house) == []


async def test_an_unknown_model_cannot_be_loaded(house: House) -> None:
    answer = await house.http.post("/api/chat", json={"model": "gpt-99", "messages": []})

    assert answer.status_code == 404


async def test_without_a_list_ollamas_clients_are_served_by_copilots_word_too(house: House) -> None:
    house.simulator.faults += [Fault(path="/models", status=500) for _ in range(9)]
    async with open_house(house.simulator, Path(house.config.tokens.access_token_path).parent / "again") as other:
        good = await chat(other, "gpt-4.1:latest", "/api/chat", stream=False)
        bad = await chat(other, "gpt-99", "/api/chat", stream=False)

    assert good.status_code == 200
    assert bad.status_code == 404
    assert "Copilot says: " in bad.json()["error"]


@pytest.mark.parametrize("messages", [[{"role": "user", "content": "Hi"}], []])
async def test_an_embeddings_model_does_not_chat(house: House, messages: list[Any]) -> None:
    request = {"model": "text-embedding-3-small:latest", "messages": messages}

    answer = await house.http.post("/api/chat", json=request)

    assert answer.status_code == 400
    assert answer.json() == {"error": '"text-embedding-3-small:latest" does not support chat'}
    assert asked(house) == []


async def test_one_model_that_there_is_not_is_told_with_the_nearest(house: House) -> None:
    answer = await house.http.get("/v1/models/gpt-5-minni")

    assert answer.status_code == 404
    assert "Did you mean `gpt-5-mini`, `" in answer.json()["error"]["message"]


async def test_unknown_names_do_not_hammer_copilot(house: House) -> None:
    await house.http.get("/v1/models")

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(chat, house, f"unknown-{number}", "/api/chat")

    assert house.simulator.counts["models"] == 1 + 1


# Models that are switched off


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
async def test_a_model_that_is_switched_off_says_so_and_how_to_switch_it_on(house: House, path: str) -> None:
    answer = await house.http.post(
        path, json={"model": "claude-opus-4-6", "messages": [{"role": "user", "content": "Hi"}], "prompt": "Hi"}
    )

    assert answer.status_code == 403
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("model_disabled", "model")
    assert "`passenger-trio models enable claude-opus-4.6`" in error["message"]
    assert "https://github.com/settings/copilot/features" in error["message"]
    assert asked(house) == []


async def test_ollamas_clients_hear_it_as_well(house: House) -> None:
    answer = await chat(house, OPUS, "/api/chat")

    assert answer.status_code == 403
    assert "`passenger-trio models enable claude-opus-4.6`" in answer.json()["error"]


async def test_a_model_that_was_switched_on_meanwhile_answers(house: House) -> None:
    assert await marked(house) == [OPUS, "gpt-5.5"]
    house.simulator.catalogue.set_policy(OPUS, "enabled")

    answer = await chat(house, OPUS)

    assert answer.status_code == 200
    assert asked(house) == [OPUS]
    assert await marked(house) == ["gpt-5.5"]


async def test_a_model_of_another_state_is_for_copilot_to_judge(house: House) -> None:
    house.simulator.catalogue.set_policy("gpt-4.1", "pending")

    await chat(house, "unknown")  # which has the list fetched
    answer = await chat(house, "gpt-4.1")

    assert asked(house) == ["unknown", "gpt-4.1"]
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "model_disabled"


# Lists


async def test_lists_have_no_helpers_and_one_entry_a_model(house: House) -> None:
    openai = [model["id"] for model in (await house.http.get("/v1/models")).json()["data"]]
    ollama = [model["name"] for model in (await house.http.get("/api/tags")).json()["models"]]

    assert not HELPERS & {*openai, *ollama}
    assert len(set(openai)) == len(openai)
    assert [name for name in openai if f"{name}:latest" not in ollama] == [OPUS, "gpt-41-copilot", "gpt-5.5"]
    assert {name.removesuffix(":latest") for name in ollama} <= set(openai)
