"""Ollama's routes that change which models there are: what is pretended, what is done, and what is refused."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import House, open_house

from passenger_trio.simulator import Simulator
from passenger_trio.wire.ollama_names import displayed

PREFIXES = pytest.mark.parametrize("prefix", ["", "/v1"])
HI = [{"role": "user", "content": "Hi [[reply:Hello]]"}]
NO_MANIFEST = {"error": "pull model manifest: file does not exist"}


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text[:-1].split("\n")]


async def copy(house: House, source: str, destination: str, prefix: str = "") -> httpx.Response:
    return await house.http.post(f"{prefix}/api/copy", json={"source": source, "destination": destination})


async def delete(house: House, prefix: str = "", **body: Any) -> httpx.Response:
    return await house.http.request("DELETE", f"{prefix}/api/delete", json=body)


async def listed(house: House) -> list[str]:
    return [model["name"] for model in (await house.http.get("/api/tags")).json()["models"]]


def error(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert body.keys() == {"error"}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    return answer.status_code, body["error"]


# Pulling


@PREFIXES
@pytest.mark.parametrize("body", [{"model": "gpt-4.1"}, {"name": "GPT-4.1:latest", "insecure": True, "stream": True}])
async def test_a_known_model_is_pulled_in_ollamas_steps(house: House, prefix: str, body: dict[str, Any]) -> None:
    steps = lines(await house.http.post(f"{prefix}/api/pull", json=body))

    assert [step["status"].split(" ")[0] for step in steps] == ["pulling", "pulling", "verifying", "writing", "success"]
    assert steps[0] == {"status": "pulling manifest"}
    layer = steps[1]
    assert layer["status"] == f"pulling {layer['digest'].removeprefix('sha256:')[:12]}"
    assert layer["total"] == layer["completed"] > 0
    assert steps[-1] == {"status": "success"}


async def test_a_known_model_is_pulled_at_once_where_no_steps_are_asked_for(house: House) -> None:
    answer = await house.http.post("/api/pull", json={"model": "gpt-4.1", "stream": False})

    assert (answer.status_code, answer.json()) == (200, {"status": "success"})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("name", ["gpt-99", "gpt-4.1:7b", "me/gpt-4.1", "gpt-41-copilot"])
async def test_an_unknown_model_is_told_of_in_the_stream_and_else_by_a_500(house: House, name: str) -> None:
    streamed = await house.http.post("/api/pull", json={"name": name})
    whole = await house.http.post("/api/pull", json={"name": name, "stream": False})

    assert streamed.status_code == 200
    assert lines(streamed) == [{"status": "pulling manifest"}, NO_MANIFEST]
    assert (whole.status_code, whole.json()) == (500, NO_MANIFEST)


async def test_a_model_that_is_switched_off_cannot_be_pulled_and_says_why(house: House) -> None:
    *_, last = lines(await house.http.post("/api/pull", json={"model": "claude-opus-4.6"}))

    assert "models enable claude-opus-4.6" in last["error"]


@pytest.mark.parametrize("body", [{}, {"model": ""}, {"model": None}, {"name": "a b"}, {"model": "a/b/c/d"}])
async def test_what_can_be_no_models_name_is_not_pulled(house: House, body: dict[str, Any]) -> None:
    assert error(await house.http.post("/api/pull", json=body)) == (400, "invalid model name")


# Copying and deleting


@PREFIXES
async def test_a_copy_is_a_model_on_every_route_until_it_is_deleted(house: House, prefix: str) -> None:
    made = await copy(house, "gpt-4.1:latest", "My-Model", prefix)
    names = await listed(house)
    asked = {"model": "my-model:latest", "messages": HI, "stream": False}
    answers = [
        await house.http.post("/api/show", json={"model": "My-Model"}),
        await house.http.post("/api/chat", json=asked),
        await house.http.post("/api/generate", json={"model": "my-model", "prompt": "Hi", "stream": False}),
        await house.http.post("/api/pull", json={"model": "My-Model", "stream": False}),
        await house.http.post("/v1/chat/completions", json=asked),
        await house.http.post("/v1/messages", json={**asked, "max_tokens": 100}),
        await house.http.post("/v1/responses", json={"model": "my-model", "input": "Hi"}),
        await house.http.get("/v1/models/library/my-model"),
    ]
    used = [model["name"] for model in (await house.http.get("/api/ps")).json()["models"]]
    gone = await delete(house, prefix, model="MY-MODEL:latest")

    assert [answer.status_code for answer in answers] == [200] * 8
    assert (made.status_code, made.content, gone.status_code, gone.content) == (200, b"", 200, b"")
    assert "content-type" not in made.headers
    assert "My-Model:latest" in names
    assert used == ["My-Model:latest"]
    assert "FROM My-Model:latest" in answers[0].json()["modelfile"]
    asked_for = [
        json.loads(seen.body)["model"] for seen in house.simulator.requests if seen.path == "/chat/completions"
    ]
    assert set(asked_for) == {"gpt-4.1"}
    assert "My-Model:latest" not in await listed(house)
    assert (await house.http.post("/api/show", json={"model": "my-model"})).status_code == 404


async def test_a_copy_of_a_copy_is_a_copy_of_the_model(house: House) -> None:
    await copy(house, "gpt-4o", "first")
    await copy(house, "first", "second:v2")
    await delete(house, name="first")

    card = (await house.http.post("/api/show", json={"model": "second:v2"})).json()

    assert card["remote_model"] == "gpt-4o"
    assert "second:v2" in await listed(house)


async def test_a_copy_makes_embeddings_where_its_model_does(house: House) -> None:
    await copy(house, "text-embedding-3-small", "nomic-embed-text")

    answer = await house.http.post("/v1/embeddings", json={"model": "nomic-embed-text", "input": "Hi"})

    assert answer.status_code == 200


async def test_a_models_own_name_is_given_to_no_other(house: House) -> None:
    other = await copy(house, "gpt-4o", "GPT-4.1:latest")
    itself = await copy(house, "gpt-4.1", "library/gpt-4.1")

    assert error(other)[0] == 403
    assert "gpt-4.1" in error(other)[1]
    assert (itself.status_code, itself.content) == (200, b"")
    assert len(await listed(house)) == len(set(await listed(house)))


@pytest.mark.parametrize("name", ["openai/gpt-4.1", "claude-sonnet-4-5-20250929", "gpt-4.1-2025-04-14", "fast", "FAST"])
async def test_a_name_that_means_a_model_already_is_given_to_no_other(tmp_path: Path, name: str) -> None:
    async with open_house(Simulator(), tmp_path, models__aliases={"fast": "gpt-4.1"}) as house:
        meant = (await house.http.post("/api/show", json={"model": name})).json()["remote_model"]

        other = await copy(house, "gpt-4o", name)
        itself = await copy(house, meant, name)
        shown = (await house.http.post("/api/show", json={"model": name})).json()
        names = await listed(house)

    assert error(other)[0] == 403
    assert meant in error(other)[1]
    assert itself.status_code == 200
    assert shown["remote_model"] == meant
    assert {displayed(name), f"{meant}:latest"} & {*names}
    assert len(names) == len({*map(str.lower, names)})


async def test_a_copy_can_be_given_another_model(house: House) -> None:
    await copy(house, "gpt-4.1", "mine")
    again = await copy(house, "gpt-4o", "mine")

    assert again.status_code == 200
    assert (await house.http.post("/api/show", json={"model": "mine"})).json()["remote_model"] == "gpt-4o"


async def test_openais_list_has_copies_as_well(house: House) -> None:
    await copy(house, "gpt-4.1", "Mine")
    await copy(house, "text-embedding-3-small", "nomic:v2")

    models = {entry["id"]: entry for entry in (await house.http.get("/v1/models")).json()["data"]}

    assert models["Mine"] == {**models["gpt-4.1"], "id": "Mine"}
    assert models["nomic:v2"]["owned_by"] == models["text-embedding-3-small"]["owned_by"]


@pytest.mark.parametrize(
    "source, destination, status, words",
    [
        ("gpt-99", "mine", 404, 'model "gpt-99" not found'),
        ("a b", "mine", 400, 'source "a b" is invalid'),
        ("", "mine", 400, 'source "" is invalid'),
        ("gpt-4.1", "", 400, 'destination "" is invalid'),
        ("gpt-4.1", 'a"b', 400, 'destination "a\\"b" is invalid'),
        ("x" * 1000, "mine", 400, f'source "{"x" * 350}" is invalid'),
    ],
)
async def test_a_copy_that_cannot_be_made_is_refused_in_ollamas_words(
    house: House, source: str, destination: str, status: int, words: str
) -> None:
    assert error(await copy(house, source, destination)) == (status, words)


@PREFIXES
async def test_a_model_of_copilots_is_not_deleted(house: House, prefix: str) -> None:
    status, words = error(await delete(house, prefix, model="gpt-4.1"))

    assert status == 403
    assert "gpt-4.1" in words
    assert "gpt-4.1:latest" in await listed(house)


@pytest.mark.parametrize(
    "body, status, words",
    [
        ({"model": "gpt-99"}, 404, "model 'gpt-99' not found"),
        ({"name": "gpt-4.1:7b"}, 404, "model 'gpt-4.1:7b' not found"),
        ({}, 400, 'name "" is invalid'),
        ({"model": "a b"}, 400, 'name "a b" is invalid'),
    ],
)
async def test_what_is_not_there_is_not_deleted(house: House, body: dict[str, Any], status: int, words: str) -> None:
    assert error(await delete(house, **body)) == (status, words)


@pytest.mark.parametrize("method, path", [("POST", "/api/pull"), ("POST", "/api/copy"), ("DELETE", "/api/delete")])
async def test_no_body_is_told_in_ollamas_words(house: House, method: str, path: str) -> None:
    assert error(await house.http.request(method, path)) == (400, "missing request body")


# What is refused


@PREFIXES
@pytest.mark.parametrize(
    "method, path, words",
    [
        ("POST", "/api/push", "pushed"),
        ("POST", "/api/create", "/api/copy"),
        ("POST", "/api/blobs/sha256:00", "uploaded"),
        ("DELETE", "/api/user/keys/a+b/c=", "passenger-trio logout"),
        ("POST", "/api/experimental/web_search", "searched"),
        ("POST", "/api/experimental/web_fetch", "fetched"),
    ],
)
async def test_what_cannot_be_done_here_is_refused_with_the_reason(
    house: House, prefix: str, method: str, path: str, words: str
) -> None:
    status, said = error(await house.http.request(method, f"{prefix}{path}", content=b"\x00" * 1000))

    assert status == 403
    assert words in said


@PREFIXES
async def test_there_is_no_file_of_any_model(house: House, prefix: str) -> None:
    answer = await house.http.head(f"{prefix}/api/blobs/sha256:00")

    assert (answer.status_code, answer.content) == (404, b"")


@PREFIXES
async def test_signing_out_of_ollamas_cloud_changes_nothing(house: House, prefix: str) -> None:
    answer = await house.http.post(f"{prefix}/api/signout")

    assert (answer.status_code, answer.content) == (200, b"")
    assert (await house.http.post("/api/chat", json={"model": "gpt-4.1", "messages": HI})).status_code == 200
