"""Ollama's embeddings: what clients send, and what they read.

Source: the protocol as real clients rely on it; ``/api/embed`` since Ollama 0.3, ``/api/embeddings`` before.
"""

from typing import Final

import msgspec

from passenger_trio.wire.ollama import ABSENT


class Asking(msgspec.Struct):
    """What both routes take. ``name`` is another name of ``model``; a ``dimensions`` below 1 asks for nothing."""

    model: str = ""
    name: str = ""
    keep_alive: msgspec.Raw = ABSENT
    options: dict[str, msgspec.Raw] | None = None
    truncate: bool = True
    dimensions: int = 0


class EmbedRequest(Asking):
    """``POST /api/embed``. ``input`` is one text or several."""

    input: msgspec.Raw = ABSENT


class EmbeddingsRequest(Asking):
    """``POST /api/embeddings``, for one text."""

    prompt: str = ""


class EmbedAnswer(msgspec.Struct):
    """The answer of ``/api/embed``: a row for each text. Durations are nanoseconds."""

    model: str
    embeddings: list[msgspec.Raw]
    total_duration: int
    load_duration: int
    prompt_eval_count: int


class EmbeddingsAnswer(msgspec.Struct):
    """The answer of ``/api/embeddings``: the one row."""

    embedding: msgspec.Raw


decode_embed: Final = msgspec.json.Decoder(EmbedRequest).decode
decode_embeddings: Final = msgspec.json.Decoder(EmbeddingsRequest).decode
decode_input: Final = msgspec.json.Decoder(str | list[str]).decode
