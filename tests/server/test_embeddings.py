"""The embeddings route, with a Copilot behind it that is as narrow as the real one."""

import base64
import json
import struct
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from house import House, open_house

from passenger_trio.simulator import Fault, Simulator
from passenger_trio.simulator.records import SeenRequest

SMALL = "text-embedding-3-small"


def asked(simulator: Simulator) -> list[SeenRequest]:
    return [request for request in simulator.requests if request.path == "/embeddings"]


def inputs(simulator: Simulator) -> list[Any]:
    return [json.loads(request.body)["input"] for request in asked(simulator)]


async def embed(house: House, path: str = "/v1/embeddings", **fields: object) -> httpx.Response:
    return await house.http.post(path, json={"model": SMALL, **fields})


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embeddings"])
async def test_a_text_is_embedded(tmp_path: Path, path: str) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        answer = await embed(house, path, input="two words", dimensions=8)

    assert answer.status_code == 200
    found = answer.json()
    assert (found["object"], found["model"], found["usage"]["prompt_tokens"]) == ("list", SMALL, 2)
    assert [(item["object"], item["index"], len(item["embedding"])) for item in found["data"]] == [("embedding", 0, 8)]
    assert inputs(simulator) == [["two words"]]
    assert answer.headers["x-github-request-id"]


async def test_copilot_is_told_who_asks_and_what_for(tmp_path: Path) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        answer = await embed(house, input="words")

    headers = asked(simulator)[0].headers
    assert (headers["x-initiator"], headers["openai-intent"]) == ("user", "copilot-panel")
    assert headers["x-request-id"] == answer.headers["x-request-id"]
    assert "copilot-vision-request" not in headers


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        ([15339, 1917], ["hello world"]),
        ([[15339, 1917], [15339]], ["hello world", "hello"]),
    ],
)
async def test_whatever_the_shape_copilot_gets_a_list_of_texts(
    tmp_path: Path, given: object, expected: list[str]
) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        answer = await embed(house, input=given)

    assert answer.status_code == 200
    assert len(answer.json()["data"]) == len(expected)
    assert inputs(simulator) == [expected]


async def test_base64_is_made_here_and_holds_the_same_vector(tmp_path: Path) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        floats = (await embed(house, input="words", encoding_format="float")).json()["data"][0]["embedding"]
        packed = (await embed(house, input="words", encoding_format="base64")).json()["data"][0]["embedding"]

    assert base64.b64decode(packed) == struct.pack(f"<{len(floats)}f", *floats)
    assert all("encoding_format" not in json.loads(request.body) for request in asked(simulator))


async def test_more_than_copilot_takes_at_once_is_asked_for_in_turns(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(1100)]
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        found = (await embed(house, input=texts, dimensions=4)).json()
        last = (await embed(house, input=texts[-1], dimensions=4)).json()

    assert [len(batch) for batch in inputs(simulator)] == [512, 512, 76, 1]
    assert [item["index"] for item in found["data"]] == list(range(1100))
    assert found["data"][-1]["embedding"] == last["data"][0]["embedding"]
    assert found["usage"] == {"prompt_tokens": 2200, "total_tokens": 2200}


async def test_what_copilot_would_refuse_unexplained_is_dropped_by_name(tmp_path: Path) -> None:
    async with open_house(Simulator(), tmp_path) as house:
        answer = await embed(house, input="words", user="me", input_type="query")

    assert answer.status_code == 200
    assert answer.headers["x-passenger-dropped"] == "user, input_type"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": [15339, 999_999]}, "input"),
        ({"input": "words", "model": "gpt-4.1"}, "model"),
        ({"input": "words", "model": "text-embedding-ada-002", "dimensions": 4}, "dimensions"),
    ],
)
async def test_what_cannot_be_served_is_named_and_not_sent(
    tmp_path: Path, fields: dict[str, object], param: str
) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        answer = await embed(house, **fields)

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert asked(simulator) == []


async def test_a_model_that_is_not_listed_is_copilots_to_judge(tmp_path: Path) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        answer = await embed(house, input="words", model="text-embedding-9")

    assert json.loads(asked(simulator)[0].body)["model"] == "text-embedding-9"
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["message"]


async def test_a_refusal_is_told_with_copilots_words_and_its_retry_after(tmp_path: Path) -> None:
    simulator = Simulator()
    body = b'{"error":{"message":"rate limit exceeded","code":"rate_limited"}}'
    simulator.faults.append(Fault(path="/embeddings", status=429, body=body, headers={"retry-after": "37"}))
    async with open_house(simulator, tmp_path) as house:
        answer = await embed(house, input="words")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "37")
    assert "rate limit exceeded" in answer.json()["error"]["message"]


async def test_a_batch_that_fails_fails_the_whole_and_is_the_last(tmp_path: Path) -> None:
    simulator = Simulator()
    simulator.faults.append(Fault(path="/embeddings", status=503, body=b"busy"))
    async with open_house(simulator, tmp_path) as house:
        answer = await embed(house, input=["a"] * 600, dimensions=4)

    assert answer.status_code == 503
    assert len(asked(simulator)) == 1


async def test_a_client_that_leaves_stops_the_batches(tmp_path: Path) -> None:
    simulator = Simulator()
    simulator.faults.append(Fault(path="/embeddings", status=None, delay=1.0, times=9))
    async with open_house(simulator, tmp_path) as house:
        with trio.move_on_after(0.3) as impatient:
            await embed(house, input=["a"] * 1600, dimensions=4)
        assert impatient.cancelled_caught
        await trio.sleep(1.2)  # in which a second batch would have been sent
        assert len(asked(simulator)) == 1
        simulator.faults.clear()
        assert (await embed(house, input="again", dimensions=4)).status_code == 200
