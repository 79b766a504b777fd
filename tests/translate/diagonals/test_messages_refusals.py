"""What a Messages client is told here although Copilot would be asked in its own dialect."""

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.diagonals import messages as diagonal
from passenger_trio.wire import envelope
from passenger_trio.wire.models import Model


def test_a_conversation_of_nothing_is_refused_and_not_filled_with_words_of_ours() -> None:
    asked = envelope.decode(b'{"model":"m","max_tokens":9,"system":"Be brief.","messages":[]}')

    with pytest.raises(BadRequest, match="at least one message") as refused:
        diagonal.request(asked, Model(id="m"))

    assert (refused.value.param, refused.value.code) == ("messages", "empty_array")
