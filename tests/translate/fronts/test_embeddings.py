"""OpenAI's embeddings: the request as it is read, the answer as it is put together."""

import base64
import json
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest

from passenger_trio.errors import BadRequest, UpstreamBroke
from passenger_trio.translate.backs import embeddings as back
from passenger_trio.translate.fronts import embeddings as front
from passenger_trio.wire import envelope
from passenger_trio.wire.embeddings import Batch

SAMPLES = Path(__file__).parents[2] / "samples" / "copilot"
RECORDED = (SAMPLES / "embeddings.json").read_bytes()


def read(**fields: object) -> front.Asked:
    return front.read(json.dumps({"model": "text-embedding-3-small", "input": "hello", **fields}).encode())


def answered(asked: front.Asked, *batches: Batch) -> dict[str, Any]:
    answer = front.Answer(asked)
    for batch in batches:
        answer.add(batch)
    found = json.loads(answer.end())
    assert isinstance(found, dict)
    return found


def batch(*vectors: object, **rest: object) -> Batch:
    items = [{"embedding": vector, "index": index} for index, vector in enumerate(vectors)]
    return back.reply(json.dumps({"data": items, **rest}).encode(), len(vectors))


def test_what_is_asked_for_is_read() -> None:
    asked = read(dimensions=256, encoding_format="base64")

    assert asked == front.Asked("text-embedding-3-small", ["hello"], 256, as_base64=True, dropped=())
    assert asked.texts(None) == ["hello"]


def test_floats_are_what_nobody_needs_to_ask_for() -> None:
    assert not read().as_base64
    assert not read(encoding_format="float").as_base64
    assert not read(encoding_format=None, dimensions=None).as_base64


def test_what_copilot_does_not_know_is_dropped_by_name() -> None:
    assert read(user="me", input_type="query", truncate=None).dropped == ("user", "input_type")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": {}}, "input"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "256"}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
    ],
)
def test_what_cannot_be_served_is_named(fields: dict[str, object], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(**fields)

    assert refused.value.param == param


@pytest.mark.parametrize("given", ["", ["a", ""]])
def test_an_empty_text_is_refused(given: object) -> None:
    with pytest.raises(BadRequest, match="`input` has an empty text"):
        read(input=given).texts(None)


def test_token_ids_are_read_with_the_vocabulary() -> None:
    assert read(input=[[1], [2, 3]]).texts(str) == ["[1]", "[2, 3]"]


def test_the_recorded_answer_becomes_openais_digit_by_digit() -> None:
    answer = front.Answer(read(input=["first text", "second text"]))
    answer.add(back.reply(RECORDED, 2))
    found = msgspec.json.decode(answer.end(), type=dict[str, msgspec.Raw])
    items = envelope.decode_list(found["data"])

    assert [*found] == ["object", "data", "model", "usage"]
    assert (envelope.value(found["object"]), envelope.value(found["model"])) == ("list", "text-embedding-3-small")
    assert envelope.value(found["usage"]) == {"prompt_tokens": 18, "total_tokens": 18}
    assert [envelope.value(item["index"]) for item in items] == [0, 1]
    assert [envelope.value(item["object"]) for item in items] == ["embedding", "embedding"]
    recorded = envelope.decode_list(envelope.decode(RECORDED)["data"])
    assert [bytes(item["embedding"]) for item in items] == [bytes(item["embedding"]) for item in recorded]


def test_base64_holds_the_same_numbers_as_little_endian_floats() -> None:
    found = answered(read(encoding_format="base64"), back.reply(RECORDED, 2))
    for item, recorded in zip(found["data"], json.loads(RECORDED)["data"], strict=True):
        packed = base64.b64decode(item["embedding"])
        assert packed == struct.pack("<8f", *recorded["embedding"])


def test_batches_are_joined_with_running_numbers_and_summed_usage() -> None:
    found = answered(
        read(),
        batch([0.5], [1.5], usage={"prompt_tokens": 3, "total_tokens": 3}, region="west"),
        batch([2.5], usage={"prompt_tokens": 4, "total_tokens": 4}, region="east", note=1),
    )

    assert [(item["index"], item["embedding"]) for item in found["data"]] == [(0, [0.5]), (1, [1.5]), (2, [2.5])]
    assert found["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert (found["region"], found["note"]) == ("west", 1)


def test_usage_is_always_there_for_clients_that_read_it_unasked() -> None:
    found = answered(read(), batch([1], usage=None))

    assert found["usage"] == {"prompt_tokens": 0, "total_tokens": 0}


def test_what_copilot_says_itself_is_kept_and_its_nulls_are_not() -> None:
    found = answered(read(), batch([1], model="text-embedding-3-small-v2", object=None))

    assert (found["model"], found["object"]) == ("text-embedding-3-small-v2", "list")


@pytest.mark.parametrize("vector", ["AAAA", None, [1, "a"], [1e39]])
def test_a_vector_without_numbers_is_an_error(vector: object) -> None:
    with pytest.raises(UpstreamBroke, match="no list of numbers"):
        front.Answer(read(encoding_format="base64")).add(batch(vector))
