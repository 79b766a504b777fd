"""Ollama's routes about models, as its clients read them."""

import datetime
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import House, open_house

from passenger_trio.simulator import Fault, Simulator

JSON = "application/json; charset=utf-8"
PREFIXES = pytest.mark.parametrize("prefix", ["", "/v1"])
NAMES = ["gpt-4.1", "gpt-4.1:latest", "GPT-4.1:Latest", "library/gpt-4.1", "registry.ollama.ai/library/gpt-4.1:latest"]
EMBEDDER = "text-embedding-3-small"
HI = [{"role": "user", "content": "Hi [[reply:Hello]]"}]


async def show(house: House, **body: Any) -> httpx.Response:
    return await house.http.post("/api/show", json=body)


async def tags(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await house.http.get("/api/tags")).json()["models"]
    return found


# What every route has in common


@PREFIXES
@pytest.mark.parametrize(
    "method, path, body",
    [
        ("GET", "/api/tags", None),
        ("GET", "/api/version", None),
        ("GET", "/api/status", None),
        ("GET", "/api/ps", None),
        ("POST", "/api/show", {"model": "gpt-4.1"}),
        ("POST", "/api/me", None),
        ("GET", "/api/experimental/model-recommendations", None),
    ],
)
async def test_discovery_is_answered_from_memory_under_both_roots(
    house: House, prefix: str, method: str, path: str, body: Any
) -> None:
    await house.http.get("/v1/models")  # the one request that the start makes is over
    before = len(house.simulator.requests)

    answer = await house.http.request(method, f"{prefix}{path}", json=body)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == JSON
    assert isinstance(answer.json(), dict)
    assert len(house.simulator.requests) == before


@pytest.mark.parametrize("path", ["/", "/api/tags", "/api/version", "/api/ps", "/api/status"])
async def test_trap_11_head_is_answered_wherever_clients_probe(house: House, path: str) -> None:
    whole, head = await house.http.get(path), await house.http.head(path)

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert int(head.headers["content-length"]) == len(whole.content)


async def test_trap_11_the_root_says_that_ollama_is_running(house: House) -> None:
    answer = await house.http.get("/")

    assert (answer.status_code, answer.content) == (200, b"Ollama is running")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/nowhere", "/api", "/api/", "/api/nowhere", "/v1/api/nowhere", "/responses/x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_path_that_there_is_not_is_told_in_plain_text(house: House, method: str, path: str) -> None:
    answer = await house.http.request(method, path)

    assert (answer.status_code, answer.text) == (404, "404 page not found")
    assert answer.headers["content-type"] == "text/plain"


@pytest.mark.parametrize(
    "method, path, allowed",
    [
        ("GET", "/api/show", {"POST"}),
        ("DELETE", "/api/tags", {"GET", "HEAD"}),
        ("POST", "/api/version", {"GET", "HEAD"}),
        ("GET", "/v1/api/chat", {"POST"}),
        ("POST", "/api/delete", {"DELETE"}),
        ("GET", "/api/blobs/sha256:00", {"HEAD", "POST"}),
        ("POST", "/", {"GET", "HEAD"}),
    ],
)
async def test_a_method_that_there_is_not_is_told_in_plain_text(
    house: House, method: str, path: str, allowed: set[str]
) -> None:
    answer = await house.http.request(method, path)

    assert (answer.status_code, answer.text) == (405, "405 method not allowed")
    assert answer.headers["content-type"] == "text/plain"
    assert set(answer.headers["allow"].split(", ")) == {*allowed, "OPTIONS"}


@pytest.mark.parametrize("method, path, status", [("GET", "/v1/nowhere", 404), ("PUT", "/chat/completions", 405)])
async def test_openais_clients_are_told_of_no_route_in_json(house: House, method: str, path: str, status: int) -> None:
    answer = await house.http.request(method, path)

    assert answer.status_code == status
    assert path in answer.json()["error"]["message"]


# The list


async def test_trap_7_every_model_has_a_whole_digest_of_its_own(house: House) -> None:
    digests = [tag["digest"] for tag in await tags(house)]

    assert len(digests) > 10
    assert len(set(digests)) == len(digests)
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)


async def test_the_newest_models_are_listed_first(house: House) -> None:
    dates = [tag["modified_at"] for tag in await tags(house)]

    assert dates == sorted(dates, reverse=True)
    assert len(set(dates)) > 1


async def test_what_is_listed_can_be_shown_and_nothing_else_can(house: House) -> None:
    listed = {tag["name"] for tag in await tags(house)}

    for name in listed:
        assert (await show(house, model=name)).status_code == 200
    for name in ("claude-opus-4.6", "gpt-41-copilot"):
        assert f"{name}:latest" not in listed
        assert (await show(house, model=name)).status_code in {403, 404}


async def test_trap_6_a_listed_name_is_good_on_every_route(house: House) -> None:
    for name in ("gpt-4.1:latest", "claude-opus-4.7:latest", "gpt-5.3-codex:latest"):
        asked = {"model": name, "messages": HI, "stream": False}
        answers = [
            await show(house, model=name),
            await house.http.post("/api/chat", json=asked),
            await house.http.post("/api/generate", json={"model": name, "prompt": "Hi", "stream": False}),
            await house.http.post("/api/pull", json={"model": name, "stream": False}),
            await house.http.post("/v1/chat/completions", json=asked),
            await house.http.post("/v1/messages", json={**asked, "max_tokens": 100}),
            await house.http.post("/v1/responses", json={"model": name, "input": "Hi"}),
            await house.http.get(f"/v1/models/{name}"),
        ]
        assert [answer.status_code for answer in answers] == [200] * 8


@pytest.mark.parametrize("name", NAMES)
async def test_trap_6_a_model_is_found_by_every_form_of_its_name(house: House, name: str) -> None:
    asked = {"model": name, "messages": HI, "stream": False}
    chats = [await house.http.post(path, json=asked) for path in ("/api/chat", "/v1/api/chat", "/v1/chat/completions")]
    shown, described = await show(house, model=name), await house.http.get(f"/v1/models/{name}")

    assert [answer.status_code for answer in (*chats, shown, described)] == [200] * 5
    assert chats[0].json()["model"] == name
    assert shown.json()["remote_model"] == described.json()["id"] == "gpt-4.1"


@pytest.mark.parametrize("name", ["gpt-4.1:7b", "me/gpt-4.1", "gpt-99"])
async def test_trap_6_another_tag_is_another_model(house: House, name: str) -> None:
    asked = {"model": name, "messages": HI}

    for path in ("/api/show", "/api/chat", "/v1/api/chat", "/api/generate"):
        answer = await house.http.post(path, json={**asked, "prompt": "Hi"})
        assert (answer.status_code, answer.json()) == (404, {"error": f"model '{name}' not found"})
    assert (await house.http.post("/v1/chat/completions", json=asked)).status_code == 404
    assert (await house.http.get(f"/v1/models/{name}")).status_code == 404


# Cards


async def test_trap_4_a_card_says_what_its_model_can_do(house: House) -> None:
    abilities = {
        name: set((await show(house, model=name)).json()["capabilities"])
        for name in ("gpt-4.1", "gpt-5-mini", "gpt-3.5-turbo", "claude-sonnet-4.5", EMBEDDER)
    }

    assert abilities == {
        "gpt-4.1": {"completion", "tools", "insert", "vision"},
        "gpt-5-mini": {"completion", "tools", "vision", "thinking"},
        "gpt-3.5-turbo": {"completion", "tools", "insert"},
        "claude-sonnet-4.5": {"completion", "tools", "vision", "thinking"},
        EMBEDDER: {"embedding"},
    }


async def test_trap_5_a_card_states_the_limit_of_the_prompt_in_each_place_that_is_looked_at(house: House) -> None:
    for tag in await tags(house):
        card = (await show(house, model=tag["name"])).json()
        family = card["model_info"]["general.architecture"]
        stated = card["model_info"][f"{family}.context_length"]

        assert type(stated) is int
        assert card["details"]["family"] == family
        assert re.search(r"num_ctx\s+(\d+)", card["parameters"])[1] == str(stated)  # type: ignore[index]
        assert f"num_ctx {stated}" in card["modelfile"]
        assert tag["details"]["context_length"] == stated
    assert (await show(house, model="gpt-4o")).json()["model_info"]["gpt-4o.context_length"] == 64_000


async def test_trap_28_a_card_has_one_key_for_the_context(house: House) -> None:
    for tag in await tags(house):
        info = (await show(house, model=tag["name"])).json()["model_info"]

        assert len([key for key in info if "context_length" in key]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"name": "gpt-4.1"},
        {"Model": "gpt-4.1", "VERBOSE": True},
        {"model": None, "name": "gpt-4.1", "system": "s", "template": "t", "options": {"num_ctx": 1}},
        {"model": "gpt-4.1", "verbose": True, "unheard": [1]},
    ],
)
async def test_a_card_is_asked_for_in_many_ways(house: House, body: dict[str, Any]) -> None:
    assert (await show(house, **body)).json() == (await show(house, model="gpt-4.1")).json()


@pytest.mark.parametrize("content_type", ["", "application/octet-stream", "application/x-www-form-urlencoded"])
async def test_a_body_is_read_whatever_it_is_called(house: House, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}

    answer = await house.http.post("/api/show", content=b'{"model":"gpt-4.1"}', headers=headers)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "body, error",
    [
        (b"", "missing request body"),
        (b"{}", "model is required"),
        (b'{"model":""}', "model is required"),
        (b'{"model":"a b"}', "invalid model name"),
    ],
)
async def test_a_card_of_nothing_is_refused_in_ollamas_words(house: House, body: bytes, error: str) -> None:
    answer = await house.http.post("/api/show", content=body)

    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert answer.headers["content-type"] == JSON


async def test_a_body_that_cannot_be_read_is_a_400(house: House) -> None:
    for body in (b"{", b"[1]", b'{"model":1}'):
        answer = await house.http.post("/api/show", content=body)
        assert answer.status_code == 400
        assert isinstance(answer.json()["error"], str)


async def test_vs_code_is_told_the_name_that_it_asked_for(house: House) -> None:
    code = {"User-Agent": "GitHubCopilotChat/0.42.0"}
    for headers, name in (({}, "GPT-4.1"), (code, "gpt-4.1:latest")):
        answer = await house.http.post("/api/show", json={"model": "gpt-4.1:latest"}, headers=headers)
        assert answer.json()["model_info"]["general.basename"] == name


async def test_what_is_not_known_is_looked_for_once_and_told_soon_while_copilot_is_down(house: House) -> None:
    await house.http.get("/v1/models")
    house.simulator.faults.append(Fault(path="/models", status=500, times=100))

    began = time.monotonic()
    answers = [await show(house, model=name) for name in ("gpt-99", "gpt-98", "gpt-4.1", "gpt-99")]

    assert [answer.status_code for answer in answers] == [404, 404, 200, 404]
    assert answers[0].json() == {"error": "model 'gpt-99' not found"}
    assert len([seen for seen in house.simulator.requests if seen.path == "/models"]) == 2
    assert time.monotonic() - began < 8


async def test_without_any_list_a_card_is_not_made_up(tmp_path: Path) -> None:
    simulator = Simulator()
    simulator.faults.append(Fault(path="/models", status=500, times=100))
    async with open_house(simulator, tmp_path) as house:
        card, listed = await show(house, model="gpt-4.1"), await house.http.get("/api/tags")

    assert (card.status_code, listed.status_code) == (500, 500)
    assert isinstance(card.json()["error"], str)


# What is in use


async def test_trap_12_nothing_in_use_is_an_empty_list(house: House) -> None:
    assert (await house.http.get("/api/ps")).json() == {"models": []}


async def test_trap_12_a_model_that_was_used_is_in_use_for_five_minutes(house: House) -> None:
    began = datetime.datetime.now(datetime.UTC)
    asked = {"model": "GPT-4.1", "messages": HI, "stream": False}
    assert (await house.http.post("/api/chat", json=asked)).status_code == 200

    [used] = (await house.http.get("/api/ps")).json()["models"]

    [tag] = [tag for tag in await tags(house) if tag["name"] == "gpt-4.1:latest"]
    assert used["name"] == used["model"] == "gpt-4.1:latest"
    assert (used["digest"], used["size"]) == (tag["digest"], tag["size"])
    assert used["size_vram"] == used["size"]
    assert used["context_length"] == tag["details"]["context_length"]
    assert used["details"].items() <= tag["details"].items()
    left = datetime.datetime.fromisoformat(used["expires_at"]) - began
    assert 290 < left.total_seconds() < 320


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_a_model_is_in_use_from_its_loading_to_its_unloading(house: House, path: str) -> None:
    await house.http.post(path, json={"model": "gpt-4.1", "keep_alive": -1})
    [used] = (await house.http.get("/api/ps")).json()["models"]
    await house.http.post(path, json={"model": "gpt-4.1:latest", "keep_alive": 0})

    assert datetime.datetime.fromisoformat(used["expires_at"]).year > 2300
    assert (await house.http.get("/api/ps")).json() == {"models": []}


# The rest


@PREFIXES
async def test_trap_3_the_version_is_a_plain_number_that_clients_accept(house: House, prefix: str) -> None:
    body = (await house.http.get(f"{prefix}/api/version")).json()

    assert body.keys() == {"version"}
    assert tuple(int(part) for part in body["version"].split(".")) >= (0, 30, 0)
    assert len(body["version"].split(".")) == 3


async def test_ollamas_cloud_is_off_and_recommends_nothing(house: House) -> None:
    status = await house.http.get("/api/status")
    recommended = await house.http.get("/api/experimental/model-recommendations")

    assert status.json() == {"cloud": {"disabled": True, "source": "config"}}
    assert recommended.json() == {"recommendations": []}


async def test_who_is_signed_in_is_nobody_in_particular(house: House) -> None:
    answer = await house.http.post("/api/me")

    assert answer.json().keys() == {"id", "email", "name", "plan"}
    assert all(isinstance(value, str) and value for value in answer.json().values())
    assert "ollama.com" not in answer.text
    assert house.login not in answer.text
