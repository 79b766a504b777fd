"""Ollama's embeddings, of both its routes: one request from a client, one answer from as many as Copilot needed."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec

from passenger_trio.errors import BadRequest, UpstreamBroke
from passenger_trio.translate import ollama_models
from passenger_trio.translate.fronts import inputs, ollama_fields
from passenger_trio.translate.fronts.ollama_request import read_body
from passenger_trio.wire import embeddings, envelope, ollama_embed
from passenger_trio.wire.embeddings import Batch
from passenger_trio.wire.models import Model
from passenger_trio.wire.ollama_embed import Asking, EmbedAnswer, EmbeddingsAnswer, EmbeddingsRequest, EmbedRequest

T = TypeVar("T", bound=Asking)

NOT_FOUND: Final = 'model "{}" not found, try pulling it first'
"""Ollama's words on these routes for a model that there is not."""

TOO_LONG: Final = "the input length exceeds the context length"
NO_EMBEDDER: Final = "this model does not support embeddings"

_CLOSE: Final = 1e-3
"""How far from 1 the length of a vector may be that keeps its digits; OpenAI's are shorter or longer by 1e-6."""

_EMPTY: Final = msgspec.Raw(b"[]")


class Asked(NamedTuple):
    """What a client asks for. ``name`` is the model's in the client's own words, which the answer echoes;
    ``truncate`` has texts cut that are too long; ``keep_alive`` is in seconds, negative for ever; ``dropped`` names
    what is left out. Without ``texts`` the model is to be loaded, or with a ``keep_alive`` of 0 to go.
    """

    name: str
    texts: list[str]
    truncate: bool
    dimensions: int | None
    keep_alive: float | None
    dropped: tuple[str, ...]


def read_embed(body: bytes) -> Asked:
    """What ``/api/embed`` is asked for. Raises :class:`~passenger_trio.errors.BadRequest`."""
    return _read(ollama_embed.decode_embed, body, EmbedRequest.__struct_fields__, lambda view: _texts(view.input))


def read_embeddings(body: bytes) -> Asked:
    """What ``/api/embeddings`` is asked for; raises as :func:`read_embed`."""
    return _read(
        ollama_embed.decode_embeddings,
        body,
        EmbeddingsRequest.__struct_fields__,
        lambda view: [view.prompt] if view.prompt else [],
    )


def _read(
    decode: Callable[[bytes | msgspec.Raw], T], body: bytes, known: Sequence[str], texts: Callable[[T], list[str]]
) -> Asked:
    view, others = read_body(decode, body, known)
    name = view.model or view.name
    if not name:
        raise BadRequest("model is required", param="model")
    options = {name: value for name, value in (view.options or {}).items() if value != envelope.NULL}
    try:
        ollama_fields.add_options(
            {}, options
        )  # none has a meaning here, and one of a wrong type is refused all the same
        return Asked(
            name=name,
            texts=texts(view),
            truncate=view.truncate,
            dimensions=view.dimensions if view.dimensions > 0 else None,
            keep_alive=ollama_fields.seconds(view.keep_alive),
            dropped=(*others, *(f"options.{option}" for option in options)),
        )
    except envelope.UNREADABLE as error:  # inside what is taken over raw: the input, options
        raise ollama_fields.unreadable(error) from None


def _texts(given: msgspec.Raw) -> list[str]:
    """The input's texts: none where it is not there, or is an empty text or list."""
    if not bytes(given):
        return []
    try:
        found = ollama_embed.decode_input(given)
    except msgspec.ValidationError:
        raise BadRequest("invalid input type", param="input") from None
    texts = [found] if isinstance(found, str) else found
    if texts == [""]:
        return []
    if "" in texts:
        raise BadRequest(
            f"text {texts.index('') + 1} of the input is empty, and has no embedding: leave it out", param="input"
        )
    return texts


def longest(model: Model) -> int:
    """How many tokens a text may have."""
    limits = model.limits
    return limits.max_prompt_tokens or limits.max_context_window_tokens or ollama_models.EMBEDDER_CONTEXT


def fitting(asked: Asked, cut: Sequence[str]) -> Sequence[str]:
    """The texts to embed, of which ``cut`` are those that fit. Raises where the client wants none cut and one is."""
    if not asked.truncate and cut != asked.texts:
        raise BadRequest(TOO_LONG, param="input")
    return cut


class Answer:
    """The rows, put together from batches in the order of the texts; a row of length 1 keeps its digits."""

    def __init__(self) -> None:
        self._rows: list[msgspec.Raw] = []
        self._usages: list[msgspec.Raw] = []

    def add(self, batch: Batch) -> None:
        """The next batch. Raises :class:`~passenger_trio.errors.UpstreamBroke` for a vector that is none."""
        self._rows += [_of_length_one(item["embedding"]) for item in batch.items]
        if not envelope.is_absent(batch.rest, "usage"):
            self._usages.append(batch.rest["usage"])

    @property
    def usage(self) -> msgspec.Raw | None:
        """What the batches up to here have cost together."""
        return inputs.add_usage(self._usages)

    def embed(self, asked: Asked, *, total: int, load: int) -> bytes:
        """The answer of ``/api/embed``; durations in nanoseconds, of which clients read none as an absent one."""
        usage = inputs.counted(self.usage)
        tokens = 0 if usage is None else usage.prompt_tokens
        return envelope.encode(EmbedAnswer(asked.name, self._rows, max(1, total), max(1, load), tokens))

    def embeddings(self) -> bytes:
        """The answer of ``/api/embeddings``."""
        return envelope.encode(EmbeddingsAnswer(self._rows[0] if self._rows else _EMPTY))


def _of_length_one(vector: msgspec.Raw) -> msgspec.Raw:
    try:
        numbers = embeddings.decode_vector(vector)
    except envelope.UNREADABLE:
        raise UpstreamBroke("Copilot sent an embedding that is no list of numbers.") from None
    length = sum(number * number for number in numbers) ** 0.5
    if length == 0 or abs(length - 1) < _CLOSE:
        return vector
    return envelope.raw([number / length for number in numbers])
