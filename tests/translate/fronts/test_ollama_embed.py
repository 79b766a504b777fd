"""Ollama's embeddings: the request as it is read, the answer as it is put together."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from passenger_trio.errors import BadRequest, UpstreamBroke
from passenger_trio.translate.backs import embeddings as back
from passenger_trio.translate.fronts import ollama_embed as front
from passenger_trio.wire.embeddings import Batch
from passenger_trio.wire.models import Capabilities, Limits, Model

RECORDED = (Path(__file__).parents[2] / "samples" / "copilot" / "embeddings.json").read_bytes()


def read(**fields: object) -> front.Asked:
    return front.read_embed(json.dumps({"model": "m", **fields}).encode())


def read_old(**fields: object) -> front.Asked:
    return front.read_embeddings(json.dumps({"model": "m", **fields}).encode())


def batch(*vectors: object, **rest: object) -> Batch:
    items = [{"embedding": vector, "index": index} for index, vector in enumerate(vectors)]
    return back.reply(json.dumps({"data": items, **rest}).encode(), len(vectors))


def answered(*batches: Batch) -> dict[str, Any]:
    answer = front.Answer()
    for one in batches:
        answer.add(one)
    found = json.loads(answer.embed(read(), total=2_000, load=1_000))
    assert isinstance(found, dict)
    return found


def test_what_is_asked_for_is_read() -> None:
    asked = read(input=["a", "b"], truncate=False, dimensions=256, keep_alive="1m", options={"num_ctx": 8192})

    assert asked == front.Asked("m", ["a", "b"], False, 256, 60.0, ("options.num_ctx",))
    assert read(input="a") == front.Asked("m", ["a"], truncate=True, dimensions=None, keep_alive=None, dropped=())


@pytest.mark.parametrize("given", [{}, {"input": None}, {"input": ""}, {"input": []}, {"input": [""]}])
def test_no_text_asks_for_no_rows(given: dict[str, object]) -> None:
    assert read(**given).texts == []


@pytest.mark.parametrize("given", [1, True, {}, {"text": "a"}, ["a", 1], [["a"]], ["a", None], [15339, 1917]])
def test_an_input_of_another_type_is_refused_in_ollamas_words(given: object) -> None:
    with pytest.raises(BadRequest) as refused:
        read(input=given)

    assert (refused.value.message, refused.value.status) == ("invalid input type", 400)


def test_an_empty_text_among_others_is_named() -> None:
    with pytest.raises(BadRequest, match="text 2 of the input is empty"):
        read(input=["a", "", "b", ""])


def test_names_are_read_in_any_case_and_nulls_are_nothing() -> None:
    body = b'{"MODEL":"m","Input":"a","TRUNCATE":null,"dimensions":null,"Keep_Alive":null,"options":{"num_ctx":null}}'

    assert front.read_embed(body) == read(input="a")
    assert front.read_embeddings(b'{"Name":"m","Prompt":"a"}') == read(input="a")


def test_the_older_name_of_the_model_is_read_after_the_newer() -> None:
    assert front.read_embed(b'{"name":"n","input":"a"}').name == "n"
    assert front.read_embed(b'{"name":"n","model":"m","input":"a"}').name == "m"


@pytest.mark.parametrize("dimensions", [0, -1])
def test_no_dimensions_ask_for_all(dimensions: int) -> None:
    assert read(input="a", dimensions=dimensions).dimensions is None


def test_what_has_no_meaning_is_dropped_by_name() -> None:
    asked = read(input="a", options={"temperature": 0, "num_ctx": None, "seed": -1}, encoding_format="float", user=None)

    assert asked.dropped == ("encoding_format", "options.temperature", "options.seed")


def test_an_option_of_another_type_is_refused_as_elsewhere() -> None:
    with pytest.raises(BadRequest, match='option "num_ctx" must be of type integer'):
        read(input="a", options={"num_ctx": "8192"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "missing request body"),
        (b"{", "cannot be read"),
        (b"[]", "cannot be read"),
        (b"{}", "model is required"),
        (b'{"model":""}', "model is required"),
        (b'{"model":"m","truncate":"no"}', "truncate"),
        (b'{"model":"m","dimensions":"8"}', "dimensions"),
        (b'{"model":"m","keep_alive":"soon"}', 'invalid duration "soon"'),
    ],
)
def test_what_cannot_be_read_is_a_400_on_both_routes(body: bytes, said: str) -> None:
    for reading in (front.read_embed, front.read_embeddings):
        with pytest.raises(BadRequest, match=said) as refused:
            reading(body)
        assert refused.value.status == 400


def test_an_input_that_is_no_utf_8_cannot_be_read() -> None:
    with pytest.raises(BadRequest, match="cannot be read"):
        front.read_embed(b'{"model":"m","input":"\xff"}')


def test_the_older_route_has_one_prompt() -> None:
    assert read_old(prompt="a", options={"num_ctx": 1}).texts == ["a"]
    assert read_old(prompt="").texts == read_old(prompt=None).texts == read_old().texts == []
    with pytest.raises(BadRequest, match="prompt"):
        read_old(prompt=["a"])


@pytest.mark.parametrize(
    ("limits", "tokens"),
    [
        (None, 8191),
        (Limits(max_inputs=512), 8191),
        (Limits(max_context_window_tokens=32_000), 32_000),
        (Limits(max_context_window_tokens=32_000, max_prompt_tokens=30_000), 30_000),
    ],
)
def test_a_text_may_be_as_long_as_the_list_says_else_as_openais(limits: Limits | None, tokens: int) -> None:
    assert front.longest(Model(id="m", capabilities=Capabilities(type="embeddings", limits=limits))) == tokens


def test_a_cut_is_refused_where_none_is_wanted() -> None:
    assert front.fitting(read(input=["ab", "c"]), ["a", "c"]) == ["a", "c"]
    assert front.fitting(read(input=["ab", "c"], truncate=False), ["ab", "c"]) == ["ab", "c"]
    with pytest.raises(BadRequest) as refused:
        front.fitting(read(input=["ab", "c"], truncate=False), ["a", "c"])
    assert refused.value.message == "the input length exceeds the context length"


def test_rows_of_length_one_keep_their_digits() -> None:
    near = [0.6, 0.8004]

    assert answered(batch([1e-1, 0.9949874371], near))["embeddings"] == [[0.1, 0.9949874371], near]
    assert b"1.0e-1" in front_bytes(b'{"data":[{"index":0,"embedding":[1.0e-1,0.99498743710662]}]}')


def front_bytes(body: bytes) -> bytes:
    answer = front.Answer()
    answer.add(back.reply(body, 1))
    return answer.embeddings()


def test_other_rows_are_made_so_long() -> None:
    rows = answered(batch([3, 4], [1e-9, 0]), batch([0.5] * 8))["embeddings"]

    assert rows[:2] == [[0.6, 0.8], [1, 0]]
    assert [math.hypot(*row) for row in rows] == pytest.approx([1, 1, 1])


def test_a_row_of_zeros_stays_what_it_is() -> None:
    assert answered(batch([0, 0]))["embeddings"] == [[0, 0]]


def test_batches_are_joined_in_order_and_their_tokens_summed() -> None:
    found = answered(
        batch([1, 0], [0, 1], usage={"prompt_tokens": 3, "total_tokens": 3}),
        batch([-1, 0], usage={"prompt_tokens": 4, "total_tokens": 4}),
    )

    assert found == {
        "model": "m",
        "embeddings": [[1, 0], [0, 1], [-1, 0]],
        "total_duration": 2_000,
        "load_duration": 1_000,
        "prompt_eval_count": 7,
    }


def test_the_counts_are_there_where_copilot_sends_none() -> None:
    assert answered(batch([1], usage=None))["prompt_eval_count"] == 0


def test_durations_are_never_none() -> None:
    found = json.loads(front.Answer().embed(read(), total=0, load=0))

    assert (found["total_duration"], found["load_duration"], found["embeddings"]) == (1, 1, [])


def test_the_older_answer_is_one_flat_row() -> None:
    answer = front.Answer()
    assert answer.embeddings() == b'{"embedding":[]}'
    answer.add(batch([0, 1]))
    assert json.loads(answer.embeddings()) == {"embedding": [0, 1]}


def test_the_recorded_answer_has_rows_of_length_one() -> None:
    answer = front.Answer()
    answer.add(back.reply(RECORDED, 2))
    found = json.loads(answer.embed(read(), total=1, load=1))

    assert [math.hypot(*row) for row in found["embeddings"]] == pytest.approx([1, 1], abs=1e-3)
    assert found["prompt_eval_count"] == 18


@pytest.mark.parametrize("vector", ["AAAA", None, [1, "a"]])
def test_a_vector_without_numbers_is_an_error(vector: object) -> None:
    with pytest.raises(UpstreamBroke, match="no list of numbers"):
        front.Answer().add(batch(vector))
