"""Ollama's embeddings, with a Copilot behind them that is as narrow as the real one."""

import json
import math
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import House, open_house

from passenger_trio.simulator import Fault, Simulator

SMALL = "text-embedding-3-small"
TOO_LONG = "the input length exceeds the context length"


async def post(house: House, path: str = "/api/embed", **fields: object) -> httpx.Response:
    return await house.http.post(path, json={"model": SMALL, **fields})


def bodies(house: House) -> list[dict[str, Any]]:
    return [json.loads(seen.body) for seen in house.simulator.requests if seen.path == "/embeddings"]


async def in_use(house: House) -> list[str]:
    return [entry["name"] for entry in (await house.http.get("/api/ps")).json()["models"]]


@pytest.mark.parametrize("path", ["/api/embed", "/v1/api/embed"])
async def test_texts_become_rows_in_their_order(house: House, path: str) -> None:
    both = await post(house, path, input=["two words", "three more words"], dimensions=8)
    one = await post(house, path, input="three more words", dimensions=8)

    assert (both.status_code, both.headers["content-type"]) == (200, "application/json; charset=utf-8")
    found = both.json()
    assert [len(row) for row in found["embeddings"]] == [8, 8]
    assert found["embeddings"][1:] == one.json()["embeddings"]
    assert (found["model"], found["prompt_eval_count"]) == (SMALL, 5)
    assert all(abs(math.hypot(*row) - 1) < 1e-3 for row in found["embeddings"])
    assert [body["input"] for body in bodies(house)] == [["two words", "three more words"], ["three more words"]]


@pytest.mark.parametrize("path", ["/api/embeddings", "/v1/api/embeddings"])
async def test_the_older_route_answers_with_one_flat_row(house: House, path: str) -> None:
    old = await post(house, path, prompt="two words")
    new = await post(house, input="two words")

    assert old.headers["content-type"] == "application/json; charset=utf-8"
    assert old.json() == {"embedding": new.json()["embeddings"][0]}
    assert (await post(house, path, prompt="")).json() == {"embedding": []}


async def test_durations_are_those_that_were_measured(tmp_path: Path) -> None:
    simulator = Simulator()
    simulator.faults.append(Fault(path="/embeddings", status=None, delay=0.2))
    async with open_house(simulator, tmp_path) as house:
        found = (await post(house, input="words")).json()

    assert found["total_duration"] - found["load_duration"] > 200_000_000
    assert 0 < found["load_duration"] < 200_000_000


async def test_a_second_batch_does_not_count_as_loading(tmp_path: Path) -> None:
    simulator = Simulator()
    simulator.faults.append(Fault(path="/embeddings", status=None, delay=0.2, times=2))
    async with open_house(simulator, tmp_path) as house:
        found = (await post(house, input=["a"] * 600, dimensions=4)).json()

    assert len(found["embeddings"]) == 600
    assert found["load_duration"] < 200_000_000
    assert found["total_duration"] > 400_000_000


@pytest.mark.parametrize("given", ["", [], None])
async def test_no_text_is_answered_here_and_loads_the_model(house: House, given: object) -> None:
    answer = await post(house, input=given)

    assert answer.status_code == 200
    found = answer.json()
    assert (found["embeddings"], found["prompt_eval_count"]) == ([], 0)
    assert found["total_duration"] > 0 < found["load_duration"]
    assert bodies(house) == []
    assert await in_use(house) == [f"{SMALL}:latest"]


async def test_a_model_that_was_used_stays_as_long_as_it_is_kept(house: House) -> None:
    await post(house, "/api/embeddings", prompt="words", keep_alive="5m")
    assert await in_use(house) == [f"{SMALL}:latest"]

    await post(house, input="words", keep_alive=0)
    assert await in_use(house) == []


@pytest.mark.parametrize(
    "name", [SMALL, f"{SMALL}:latest", SMALL.upper(), f"library/{SMALL}", f"registry.ollama.ai/library/{SMALL}:latest"]
)
async def test_a_model_is_found_by_all_its_names_and_told_in_the_clients(house: House, name: str) -> None:
    answer = await post(house, model=name, input="words")

    assert (answer.status_code, answer.json()["model"]) == (200, name)
    assert bodies(house)[0]["model"] == SMALL


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "application/x-www-form-urlencoded"])
async def test_the_content_type_is_not_looked_at(house: House, content_type: str | None) -> None:
    content = json.dumps({"Name": SMALL, "INPUT": "words", "truncate": None, "dimensions": None}).encode()
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await house.http.post("/api/embed", content=content, headers=headers)

    assert answer.status_code == 200, answer.text
    assert len(answer.json()["embeddings"]) == 1


async def test_what_langchain_sends_is_served_and_what_means_nothing_is_named(house: House) -> None:
    options = dict.fromkeys(["mirostat", "num_gpu", "num_thread", "stop", "top_k"]) | {"num_ctx": 8192}
    answer = await post(house, input=["words"], truncate=True, options=options, keep_alive=None)

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-passenger-dropped"] == "options.num_ctx"


async def test_as_many_texts_as_rig_sends_are_asked_for_in_turns(house: House) -> None:
    texts = [f"text {number}" for number in range(1100)]
    many = (await post(house, input=texts, dimensions=4)).json()
    last = (await post(house, input=texts[-1], dimensions=4)).json()

    assert [len(body["input"]) for body in bodies(house)] == [512, 512, 76, 1]
    assert many["embeddings"][-1] == last["embeddings"][0]
    assert many["prompt_eval_count"] == 2200


async def test_a_text_that_is_too_long_is_cut(house: House) -> None:
    answer = await post(house, input=["short", "word " * 9000], dimensions=4)

    assert answer.status_code == 200, answer.text
    short, cut = bodies(house)[0]["input"]
    assert short == "short"
    assert len(cut.split()) == 8191


async def test_the_older_route_cuts_as_well(house: House) -> None:
    assert (await post(house, "/api/embeddings", prompt="word " * 9000)).status_code == 200
    assert len(bodies(house)[0]["input"][0].split()) == 8191


async def test_a_text_that_is_too_long_is_refused_where_it_must_not_be_cut(house: House) -> None:
    answer = await post(house, input=["short", "word " * 9000], truncate=False)

    assert (answer.status_code, answer.json()) == (400, {"error": TOO_LONG})
    assert bodies(house) == []
    assert (await post(house, input="word " * 8000, truncate=False, dimensions=4)).status_code == 200


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"input": 1}, 400, "invalid input type"),
    ({"input": ["a", 1]}, 400, "invalid input type"),
    ({"input": {"text": "a"}}, 400, "invalid input type"),
    ({"input": ["a", ""]}, 400, "text 2 of the input is empty, and has no embedding: leave it out"),
    ({"model": None}, 400, "model is required"),
    ({"model": "nomic-embed-text"}, 404, 'model "nomic-embed-text" not found, try pulling it first'),
    ({"model": f"{SMALL}:7b"}, 404, f'model "{SMALL}:7b" not found, try pulling it first'),
    ({"model": "gpt-4.1"}, 400, "this model does not support embeddings"),
    ({"model": "claude-opus-4.7"}, 400, "this model does not support embeddings"),
    ({"model": "gpt-41-copilot"}, 400, "this model does not support embeddings"),
]


@pytest.mark.parametrize(("fields", "status", "said"), REFUSED)
async def test_what_cannot_be_served_is_told_in_ollamas_words(
    house: House, fields: dict[str, Any], status: int, said: str
) -> None:
    answer = await post(house, **{"input": "words", **fields})

    assert (answer.status_code, answer.json()) == (status, {"error": said})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert bodies(house) == []


async def test_the_older_route_refuses_in_the_same_words(house: House) -> None:
    for fields, status, said in REFUSED[4:]:
        answer = await post(house, "/api/embeddings", **{"prompt": "words", **fields})
        assert (answer.status_code, answer.json()) == (status, {"error": said}), fields

    assert bodies(house) == []


async def test_dimensions_that_a_model_does_not_have_are_refused(house: House) -> None:
    answer = await post(house, model="text-embedding-ada-002", input="words", dimensions=4)

    assert answer.status_code == 400
    assert "vectors of one size" in answer.json()["error"]
    assert bodies(house) == []


async def test_a_request_without_a_body_is_told_so(house: House) -> None:
    for path in ("/api/embed", "/api/embeddings"):
        answer = await house.http.post(path)
        assert (answer.status_code, answer.json()) == (400, {"error": "missing request body"})


async def test_a_refusal_of_copilots_has_its_status_its_words_and_its_retry_after(tmp_path: Path) -> None:
    simulator = Simulator()
    body = b'{"error":{"message":"rate limit exceeded","code":"rate_limited"}}'
    simulator.faults.append(Fault(path="/embeddings", status=429, body=body, headers={"retry-after": "37"}))
    async with open_house(simulator, tmp_path) as house:
        answer = await post(house, input="words")
        used = await in_use(house)

    assert (answer.status_code, answer.headers["retry-after"], used) == (429, "37", [])
    assert "rate limit exceeded" in answer.json()["error"]


async def test_an_answer_that_is_none_is_an_error(tmp_path: Path) -> None:
    simulator = Simulator()
    simulator.faults.append(Fault(path="/embeddings", status=200, body=b'{"data":[]}'))
    async with open_house(simulator, tmp_path) as house:
        answer = await post(house, input="words")

    assert answer.status_code == 502
    assert isinstance(answer.json()["error"], str)
