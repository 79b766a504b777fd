"""The hub's names in a client's words."""

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.words import renamed, reword

NAMES = {"response_format": "text.format", "messages": "input", "max_tokens": "options.num_predict"}


@pytest.mark.parametrize(
    ("field", "own"),
    [
        ("response_format", "text.format"),
        ("response_format.json_schema", "text.format.json_schema"),
        ("max_tokens=5", "options.num_predict=5"),
        ("messages[3].content[0].image_url", "input.content.image_url"),
        ("messages[3]", "input"),
        ("stop", "stop"),
        ("options.stop", "options.stop"),
        ("", ""),
        ("X-Odd", "X-Odd"),
    ],
)
def test_a_field_has_the_clients_name(field: str, own: str) -> None:
    assert renamed(field, NAMES) == own


def test_an_error_names_what_the_client_wrote() -> None:
    error = BadRequest("`messages[3]` and `response_format` are wrong for `gpt-5`.", param="messages[3].content")

    reword(error, NAMES)

    assert error.message == str(error) == "`input` and `text.format` are wrong for `gpt-5`."
    assert error.param == "input.content"


def test_an_error_about_nothing_stays_so() -> None:
    error = BadRequest("No.")

    reword(error, NAMES)

    assert (error.message, error.param) == ("No.", None)
