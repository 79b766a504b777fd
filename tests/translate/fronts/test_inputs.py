"""Several inputs in one request: read, told apart, turned into text, added up."""

import msgspec
import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fronts import inputs
from passenger_trio.wire import completions, envelope
from passenger_trio.wire.chat import Usage
from passenger_trio.wire.inputs import Inputs

WORDS = {1: "one", 2: " two"}


def decode(tokens: list[int]) -> str:
    return "".join(WORDS[token] for token in tokens)


def read(body: bytes) -> completions.Request:
    return inputs.read(body, completions.decode_request, ("model", "prompt"))[1]


def test_a_request_is_read_whole_and_as_a_view() -> None:
    body = b'{"model":"m","prompt":"p","new":1.50}'
    whole, view = inputs.read(body, completions.decode_request, ("model", "prompt"))

    assert (bytes(whole["new"]), view.prompt) == (b"1.50", "p")


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        (b"", None, "no body.*`model` and `prompt`"),
        (b"[1]", None, "not a JSON object"),
        (b'{"model":"\xff","prompt":"p"}', None, "not UTF-8"),
        (b'{"prompt":"p"}', "model", "`model` is missing"),
        (b'{"model":"m","prompt":null}', "prompt", "`prompt` is missing"),
        (b'{"model":"","prompt":"p"}', "model", "`model` of the request is wrong"),
        (b'{"model":"m","prompt":["a",{}]}', "prompt[1]", r"`prompt\[1\]` of the request is wrong"),
    ],
)
def test_what_cannot_be_read_is_named(body: bytes, param: str | None, words: str) -> None:
    with pytest.raises(BadRequest, match=words) as refused:
        read(body)

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("given", "expected"),
    [("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], [[1, 2]]), ([[1], [2]], [[1], [2]]), ("", [""])],
)
def test_inputs_are_told_apart(given: Inputs, expected: list[inputs.Input]) -> None:
    assert inputs.split(given, "input") == expected
    assert inputs.has_tokens(expected) == any(isinstance(item, list) for item in expected)


@pytest.mark.parametrize("given", [[], [[]], [[1], []]])
def test_an_empty_list_is_refused(given: Inputs) -> None:
    with pytest.raises(BadRequest, match="`prompt` holds an empty list") as refused:
        inputs.split(given, "prompt")

    assert (refused.value.param, refused.value.code) == ("prompt", "empty_array")


@pytest.mark.parametrize("given", [["a", 1], [1, [1]], ["a", [1]]])
def test_mixed_kinds_are_refused(given: Inputs) -> None:
    with pytest.raises(BadRequest, match="`input` mixes"):
        inputs.split(given, "input")


def test_token_ids_become_text_and_text_stays() -> None:
    assert inputs.texts([[1, 2], "three"], decode, "input") == ["one two", "three"]
    assert inputs.texts(["three"], None, "input") == ["three"]


def test_an_unknown_token_id_is_named() -> None:
    with pytest.raises(BadRequest, match="`input` has the token id 7,") as refused:
        inputs.texts([[1, 7]], decode, "input")

    assert refused.value.param == "input"


def test_token_ids_without_a_vocabulary_are_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError):
        inputs.texts([[1]], None, "input")


def test_an_empty_text_is_refused_where_it_means_nothing() -> None:
    inputs.refuse_empty(["a", " "], "input")
    with pytest.raises(BadRequest, match="`input` has an empty text"):
        inputs.refuse_empty(["a", ""], "input")


def test_one_usage_is_left_as_it_came() -> None:
    usage = msgspec.Raw(b'{ "prompt_tokens": 1.0 }')

    assert inputs.add_usage([usage]) is usage
    assert inputs.add_usage([]) is None


def test_every_number_of_several_usages_is_summed() -> None:
    usages = [
        {"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}, "cost": 0.5, "tier": "a", "seen": None},
        {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4, "audio": 1}, "cost": 1, "tier": "b"},
        {"prompt_tokens": 5, "prompt_tokens_details": None},
    ]
    total = inputs.add_usage([envelope.raw(usage) for usage in usages])

    assert total is not None
    assert envelope.value(total) == {
        "prompt_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 6, "audio": 1},
        "cost": 1.5,
        "tier": "a",
        "seen": None,
    }
    assert inputs.counted(total) is not None
    assert inputs.counted(envelope.raw({"prompt_tokens": 9})) == Usage(prompt_tokens=9)
    assert inputs.counted(None) is None
