"""What the log may tell of an error, whose words may be a client's or Copilot's."""

import pytest

from passenger_trio.errors import (
    BadRequest,
    ContextTooLong,
    NotFound,
    PassengerError,
    TokenUnavailable,
    UpstreamBroke,
    UpstreamFailed,
    UpstreamRefused,
)

WORDS = "the words of a prompt"


@pytest.mark.parametrize(
    ("error", "gist"),
    [
        (BadRequest(WORDS), "BadRequest 400"),
        (BadRequest(WORDS, code="unknown_value", param="tools"), "BadRequest 400 unknown_value tools"),
        (UpstreamRefused(422, WORDS), "UpstreamRefused 422"),
        (UpstreamRefused(400, WORDS, code="content_filter", kind="x"), "UpstreamRefused 400 content_filter"),
        (UpstreamRefused(400, WORDS, kind="invalid_request_error"), "UpstreamRefused 400 invalid_request_error"),
        (UpstreamRefused(400, WORDS, code=WORDS), "UpstreamRefused 400"),
        (UpstreamRefused(402, WORDS, remedy="Wait."), "UpstreamRefused 402 - Wait."),
        (ContextTooLong(400, WORDS, code="context_length_exceeded"), "ContextTooLong 400 context_length_exceeded"),
        (UpstreamFailed(WORDS), "UpstreamFailed 502"),
        (UpstreamFailed(WORDS, code="server_error"), "UpstreamFailed 502 server_error"),
        (UpstreamFailed(WORDS, code=WORDS), "UpstreamFailed 502"),
    ],
)
def test_of_an_error_that_may_quote_its_kind_is_told(error: PassengerError, gist: str) -> None:
    assert error.gist == gist
    assert error.message == WORDS


@pytest.mark.parametrize("kind", [NotFound, UpstreamBroke, TokenUnavailable])
def test_an_error_in_our_own_words_is_told_with_them(kind: type[PassengerError]) -> None:
    assert kind("There is no such thing.").gist == "There is no such thing."
