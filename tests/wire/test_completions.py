"""The old text form as we read it."""

import msgspec
import pytest

from passenger_trio.wire import completions


def test_nulls_are_what_is_not_given() -> None:
    fields = ("suffix", "echo", "best_of", "logprobs", "n", "stream", "stream_options")
    body = msgspec.json.encode({"model": "m", "prompt": "p", **dict.fromkeys(fields)})

    assert completions.decode_request(body) == completions.Request("m", "p")


def test_no_choice_cannot_be_asked_for() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.n"):
        completions.decode_request(b'{"model":"m","prompt":"p","n":0}')
