"""Copilot's embeddings as we read them, against the recording."""

from pathlib import Path

from passenger_trio.wire import embeddings
from passenger_trio.wire.chat import Usage

SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"


def test_the_recorded_answer_is_read_with_its_order_and_its_tokens() -> None:
    answer = embeddings.decode_answer((SAMPLES / "embeddings.json").read_bytes())

    assert [item.index for item in answer.data] == [0, 1]
    assert [len(embeddings.decode_vector(item.embedding)) for item in answer.data] == [8, 8]
    assert answer.usage == Usage(prompt_tokens=18, total_tokens=18)
