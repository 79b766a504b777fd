"""Answers that somebody in between has compressed, though nobody asked for it."""

import zlib
from collections.abc import AsyncIterator
from typing import Final

from passenger_trio.errors import UpstreamBroke

PACKINGS: Final = ("gzip", "x-gzip", "deflate")

LARGEST_PIECE: Final = 1 << 20
"""Bytes that are unpacked at once: a few packed ones can hold a thousand times as many."""

_EITHER: Final = zlib.MAX_WBITS | 32
"""Both gzip's frame and zlib's, told apart by how they begin (zlib manual, "inflateInit2")."""


class Unpacked(AsyncIterator[bytes]):
    """``inner`` unpacked, to its true end. It raises :class:`~passenger_trio.errors.UpstreamBroke` where it is none.

    No generator: one that is dropped would be left to the garbage collector. Once it has raised, it gives what is left
    of ``inner`` as it is, so that whoever reads on, to close it, can.
    """

    def __init__(self, inner: AsyncIterator[bytes], packing: str) -> None:
        self._inner = inner
        self._packing = packing.strip().lower()
        self._decoder = zlib.decompressobj(_EITHER)
        self._packed = b""
        self._failed = False

    async def __anext__(self) -> bytes:
        if self._packing not in PACKINGS and not self._failed:
            raise self._failure("nobody asked for it")
        while not self._failed:
            if not self._packed:
                try:
                    self._packed = await anext(self._inner)
                except StopAsyncIteration:
                    if self._decoder.eof:
                        raise
                    raise self._failure("it is cut off") from None
            if (data := self._unpack()) != b"":
                return data
        return await anext(self._inner)

    def _unpack(self) -> bytes:
        if self._decoder.eof:
            self._decoder = zlib.decompressobj(_EITHER)  # gzip may come in several members (RFC 1952, 2.2)
        try:
            data = self._decoder.decompress(self._packed, LARGEST_PIECE)
        except zlib.error as error:
            raise self._failure(str(error)) from error
        self._packed = self._decoder.unused_data if self._decoder.eof else self._decoder.unconsumed_tail
        return data

    def _failure(self, reason: str) -> UpstreamBroke:
        self._failed = True
        return UpstreamBroke(f"Copilot's answer, packed as {self._packing}, cannot be unpacked: {reason}.")
