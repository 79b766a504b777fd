"""Texts on their way to Copilot's ``/embeddings``, and vectors on their way back."""

import json
from pathlib import Path

import pytest

from passenger_trio.copilot.catalogue import parse
from passenger_trio.errors import BadRequest, UpstreamBroke
from passenger_trio.translate.backs import embeddings as back
from passenger_trio.wire import envelope
from passenger_trio.wire.models import Capabilities, Limits, Model

SAMPLES = Path(__file__).parents[2] / "samples" / "copilot"
LISTED = {model.id: model for model in parse((SAMPLES / "models_list.json").read_bytes())}
SMALL = LISTED["text-embedding-3-small"]
ADA = LISTED["text-embedding-ada-002"]
UNKNOWN = Model(id="text-embedding-9")


def answer(*indices: int | None) -> bytes:
    items = [{"embedding": [position], "index": index} for position, index in enumerate(indices)]
    return json.dumps({"data": items}).encode()


def test_the_recorded_request_is_what_is_sent() -> None:
    recorded = json.loads((SAMPLES / "request_embeddings.json").read_bytes())
    (request,) = back.requests(SMALL, recorded["input"], recorded["dimensions"])

    assert json.loads(request.body) == recorded
    assert request.inputs == 2


def test_a_text_alone_is_sent_as_a_list_and_no_dimensions_are_made_up() -> None:
    (request,) = back.requests(ADA, ["hello"])

    assert json.loads(request.body) == {"model": "text-embedding-ada-002", "input": ["hello"]}


def model_of(max_inputs: int | None) -> Model:
    limits = Limits(max_inputs=max_inputs)
    return Model(id="m", capabilities=Capabilities(type="embeddings", limits=limits))


@pytest.mark.parametrize(
    ("max_inputs", "count", "sizes"),
    [(2, 5, [2, 2, 1]), (5, 5, [5]), (None, 513, [512, 1]), (0, 513, [512, 1]), (-3, 2, [1, 1])],
)
def test_more_texts_than_the_model_takes_are_split_in_order(
    max_inputs: int | None, count: int, sizes: list[int]
) -> None:
    texts = [f"text {number}" for number in range(count)]
    requests = back.requests(model_of(max_inputs), texts)

    assert [request.inputs for request in requests] == sizes
    assert [text for request in requests for text in json.loads(request.body)["input"]] == texts


def test_a_model_with_one_size_of_vectors_refuses_dimensions_by_name() -> None:
    with pytest.raises(BadRequest, match=r"`text-embedding-ada-002`.*`dimensions`") as refused:
        back.requests(ADA, ["hello"], 256)

    assert refused.value.param == "dimensions"


def test_dimensions_go_to_a_model_of_which_nothing_is_known() -> None:
    unsaid = model_of(512)

    assert json.loads(back.requests(UNKNOWN, ["hello"], 256)[0].body)["dimensions"] == 256
    assert json.loads(back.requests(unsaid, ["hello"], 256)[0].body)["dimensions"] == 256


@pytest.mark.parametrize(
    ("model", "where"),
    [
        (LISTED["gpt-4.1"], "/chat/completions"),
        (Model(id="o9", supported_endpoints=["/responses"]), "/responses"),
        (Model(id="old", capabilities=Capabilities(type="completion")), "no endpoint"),
    ],
    ids=lambda value: value.id if isinstance(value, Model) else "",
)
def test_a_model_that_does_not_embed_is_refused_by_name(model: Model, where: str) -> None:
    with pytest.raises(BadRequest, match=f"`{model.id}` does not embed.*{where}") as refused:
        back.requests(model, ["hello"])

    assert (refused.value.param, refused.value.code) == ("model", "unsupported_model")


def test_a_list_of_bare_names_says_nothing_against_a_model() -> None:
    bare = Model(id="text-embedding-3-small", vendor="openai", name="OpenAI Text Embedding 3 (small)")

    assert len(back.requests(bare, ["hello"])) == 1


def test_the_recorded_answer_keeps_its_digits() -> None:
    batch = back.reply((SAMPLES / "embeddings.json").read_bytes(), 2)

    assert b"-0.00176643614" in bytes(batch.items[0]["embedding"])
    assert envelope.value(batch.rest["usage"]) == {"prompt_tokens": 18, "total_tokens": 18}
    assert batch.usage is not None
    assert batch.usage.prompt_tokens == 18


@pytest.mark.parametrize(
    ("indices", "expected"), [((0, 1, 2), [0, 1, 2]), ((2, 0, 1), [1, 2, 0]), ((None, None), [0, 1])]
)
def test_vectors_come_in_the_order_of_the_inputs(indices: tuple[int | None, ...], expected: list[int]) -> None:
    batch = back.reply(answer(*indices), len(indices))

    assert [envelope.value(item["embedding"]) for item in batch.items] == [[number] for number in expected]


@pytest.mark.parametrize("indices", [(0, 0), (1, 2), (0, None)])
def test_vectors_that_belong_to_nobody_are_an_error(indices: tuple[int | None, ...]) -> None:
    with pytest.raises(UpstreamBroke, match="which input"):
        back.reply(answer(*indices), 2)


def test_too_few_vectors_are_an_error() -> None:
    with pytest.raises(UpstreamBroke, match="2 inputs with 1 embeddings"):
        back.reply(answer(0), 2)


@pytest.mark.parametrize(
    "body", [b"", b"nothing", b"[]", b"{}", b'{"data":null}', b'{"data":[{"index":0}]}', b'{"data":["a"]}']
)
def test_an_answer_without_embeddings_is_an_error(body: bytes) -> None:
    with pytest.raises(UpstreamBroke, match="no embeddings"):
        back.reply(body, 1)
