import json
import math
import struct

import pytest
import trio
from simulator.shapes import ordered

from passenger_trio.simulator.embeddings import vector


async def embed(line, texts, **fields):
    with trio.fail_after(20):
        return await line.post("/embeddings", {"model": "text-embedding-3-small", "input": texts, **fields})


def likeness(one, other):
    return sum(left * right for left, right in zip(one, other, strict=True))


async def test_an_answer_has_the_keys_of_the_recorded_one(line, sample):
    answer = await embed(line, ["first text", "second text"])

    made = answer.json()
    assert ordered(made) == ordered(json.loads(sample("embeddings.json")))
    assert [entry["index"] for entry in made["data"]] == [0, 1]
    assert {len(entry["embedding"]) for entry in made["data"]} == {1536}
    assert made["usage"] == {"prompt_tokens": 4, "total_tokens": 4}


def test_a_vector_is_about_its_text():
    otter, sea, tax = (
        vector("otters swim in the sea"),
        vector("the sea where otters swim"),
        vector("quarterly tax form"),
    )

    assert likeness(otter, sea) > 0.7
    assert abs(likeness(otter, tax)) < 0.3
    assert vector("x") == vector("x")
    assert math.isclose(likeness(otter, otter), 1, rel_tol=1e-2)
    assert all(struct.unpack("<e", struct.pack("<e", value))[0] == value for value in otter)


@pytest.mark.parametrize("text", ["", "?!", "a"])
def test_any_text_has_a_vector_of_length_1(text):
    assert math.isclose(likeness(vector(text), vector(text)), 1, rel_tol=1e-2)


async def test_dimensions_are_honoured(line):
    answer = await embed(line, ["x"], dimensions=256)

    assert len(answer.json()["data"][0]["embedding"]) == 256


@pytest.mark.parametrize(
    "fields",
    [
        {"input": "a bare string"},
        {"input": [1, 2, 3]},
        {"input": [[1, 2], [3]]},
        {"input": [["nested"]]},
        {"input": []},
        {"input": ["x"] * 513},
        {"input": None},
        {"encoding_format": "base64"},
        {"encoding_format": "float"},
        {"dimensions": 0},
        {"dimensions": 1537},
        {"model": "text-embedding-ada-002", "dimensions": 256},
        {"input": ["word " * 8192]},
    ],
)
async def test_what_copilot_refuses_is_a_bad_request(line, sample, fields):
    answer = await embed(line, ["x"], **fields)

    assert (answer.status_code, answer.content) == (400, sample("embeddings_error_400_string_input.txt"))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_as_many_inputs_as_the_model_takes_are_taken(line):
    answer = await embed(line, ["x"] * 512, dimensions=4)

    assert len(answer.json()["data"]) == 512


@pytest.mark.parametrize("model, code", [("gpt-4o", "unsupported_api_for_model"), ("nobody", "model_not_supported")])
async def test_a_model_that_embeds_nothing_is_refused(line, model, code):
    answer = await embed(line, ["x"], model=model)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
