"""The form of an answer by the name that a beta of Anthropic's gave it."""

from typing import Any

import pytest

from passenger_trio.translate.diagonals import messages as diagonal
from passenger_trio.wire import envelope
from passenger_trio.wire.models import Model

FORM = {"type": "json_schema", "schema": {"type": "object"}}
OTHER = {"type": "json_schema", "schema": {"type": "array"}}


@pytest.mark.parametrize(
    ("config", "sent"),
    [
        (None, {"format": FORM}),
        ({"effort": "low"}, {"effort": "low", "format": FORM}),
        ({"effort": "low", "format": None}, {"effort": "low", "format": FORM}),
        ({"format": OTHER}, {"format": OTHER}),
    ],
)
def test_it_is_said_by_todays_name_unless_that_is_there_too(config: Any, sent: Any) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    asked = envelope.encode(
        {"model": "m", "max_tokens": 9, "messages": messages, "output_format": FORM, "output_config": config}
    )

    passed = diagonal.request(envelope.decode(asked), Model(id="m"))

    body = envelope.decode(passed.body)
    assert envelope.value(body["output_config"]) == sent
    assert "output_format" not in body
    assert passed.dropped == ()
