"""The text of OpenAI's older routes, in each of its four shapes."""

import msgspec
import pytest

from passenger_trio.wire import completions, embeddings


@pytest.mark.parametrize("given", ["a", ["a", "b"], [1, 2], [[1], [2, 3]], []])
def test_each_shape_is_read_as_it_is(given: object) -> None:
    body = {"model": "m", "input": given, "prompt": given}

    assert embeddings.decode_request(msgspec.json.encode(body)).input == given
    assert completions.decode_request(msgspec.json.encode(body)).prompt == given


@pytest.mark.parametrize("given", [1, True, {"text": "a"}, [1.5], [-1], [[["a"]]], [["a"]], [None]])
def test_anything_else_is_not_read(given: object) -> None:
    body = {"model": "m", "input": given, "prompt": given}

    with pytest.raises(msgspec.ValidationError):
        embeddings.decode_request(msgspec.json.encode(body))
    with pytest.raises(msgspec.ValidationError):
        completions.decode_request(msgspec.json.encode(body))
