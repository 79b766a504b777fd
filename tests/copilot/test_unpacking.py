"""Answers that are packed though nobody asked for it."""

import gzip
import zlib
from collections.abc import AsyncIterator

import pytest

from passenger_trio.copilot.unpacking import LARGEST_PIECE, Unpacked
from passenger_trio.errors import UpstreamBroke

TEXT = b'data: {"a": 1}\n\n' * 500


class Pieces(AsyncIterator[bytes]):
    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    async def __anext__(self) -> bytes:
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop(0)


async def unpacked(packing: str, *pieces: bytes) -> list[bytes]:
    return [piece async for piece in Unpacked(Pieces(*pieces), packing)]


@pytest.mark.parametrize(
    ("packing", "data"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        (" X-GZip", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:100], mtime=0) + gzip.compress(TEXT[100:], mtime=0)),
    ],
    ids=["gzip", "x-gzip", "deflate", "two members"],
)
async def test_it_is_read_at_any_cut(packing: str, data: bytes) -> None:
    assert b"".join(await unpacked(packing, data)) == TEXT
    assert b"".join(await unpacked(packing, *(data[at : at + 1] for at in range(len(data))))) == TEXT


@pytest.mark.parametrize(
    ("packing", "data", "why"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)[:-4], "it is cut off"),
        ("gzip", b"", "it is cut off"),
        ("gzip", b"data: none", "incorrect header"),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"junk", "incorrect header"),
        ("br", b"data: none", "nobody asked for it"),
        ("gzip, gzip", gzip.compress(gzip.compress(TEXT, mtime=0), mtime=0), "nobody asked for it"),
    ],
)
async def test_what_cannot_be_read_is_an_error(packing: str, data: bytes, why: str) -> None:
    with pytest.raises(UpstreamBroke, match=why):
        await unpacked(packing, data)


async def test_after_an_error_the_rest_can_be_read_to_its_end() -> None:
    packed = Unpacked(Pieces(b"none", b"rest"), "gzip")
    with pytest.raises(UpstreamBroke):
        await anext(packed)

    assert [piece async for piece in packed] == [b"rest"]


async def test_much_in_little_comes_in_pieces() -> None:
    pieces = await unpacked("gzip", gzip.compress(bytes(8 << 20)))

    assert sum(map(len, pieces)) == 8 << 20
    assert max(map(len, pieces)) <= LARGEST_PIECE
