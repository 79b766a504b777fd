"""How likely each token was: OpenAI's ``choices[].logprobs`` as Ollama's ``logprobs``.

Source: OpenAI's reference, "Chat"; Ollama's ``api/types.go`` of 0.12.11, the first version with them.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from passenger_trio.errors import UpstreamBroke
from passenger_trio.wire import envelope
from passenger_trio.wire.ollama import Logprob, TokenLogprob


class _Token(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list["_Token"] | None = None


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None
    refusal: list[_Token] | None = None


class _Choice(msgspec.Struct):
    index: int
    logprobs: _Logprobs | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice]


_decode: Final = msgspec.json.Decoder(_Chunk).decode


def of_chunk(data: bytes) -> list[msgspec.Raw]:
    """The logprobs of a hub chunk's first choice, encoded. Raises :class:`~passenger_trio.errors.UpstreamBroke`."""
    try:
        chunk = _decode(data)
    except envelope.UNREADABLE as error:
        raise UpstreamBroke(f"Copilot's logprobs cannot be read: {error}") from None
    given = [choice.logprobs for choice in chunk.choices if choice.index == 0 and choice.logprobs is not None]
    tokens = [token for found in given for token in (*(found.content or ()), *(found.refusal or ()))]
    return [envelope.raw(_said(token)) for token in tokens]


def _said(token: _Token) -> Logprob:
    said = Logprob(token.token, token.logprob, _bytes(token))
    if token.top_logprobs:
        likeliest = sorted(token.top_logprobs, key=lambda other: -other.logprob)
        said.top_logprobs = [TokenLogprob(other.token, other.logprob, _bytes(other)) for other in likeliest]
    return said


def _bytes(token: _Token) -> list[int]:
    return list(token.token.encode()) if token.bytes is None else token.bytes


def parted(logprobs: Sequence[msgspec.Raw], size: int) -> list[list[msgspec.Raw]]:
    """``logprobs`` in lists that take about ``size`` bytes at most each."""
    parts: list[list[msgspec.Raw]] = []
    room = 0
    for logprob in logprobs:
        room -= len(bytes(logprob))
        if room < 0 or not parts:
            parts.append([])
            room = size - len(bytes(logprob))
        parts[-1].append(logprob)
    return parts
