"""Bodies that come compressed, as Codex sends them (zstd), and how large they may become."""

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Final

import trio

from passenger_trio.errors import BadRequest, TooLarge, UnsupportedBody
from passenger_trio.server.requests import current, read_body

WINDOW_LOG: Final = 23
"""8 MiB, the most memory that a zstd body may ask for: no sender may count on more (RFC 9659)."""

_GZIP: Final = 16 + zlib.MAX_WBITS


async def unpack() -> None:
    """See to it that the handler of this request finds its body as it was before it was packed.

    Raises :class:`~passenger_trio.errors.UnsupportedBody` for a packing that is not known,
    :class:`~passenger_trio.errors.TooLarge` for a body that would become larger than one may be that comes as it is,
    :class:`~passenger_trio.errors.BadRequest` for one that cannot be unpacked, and Quart's errors for one that is too
    large or too slow before that.
    """
    request = current()
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    if coding in {"", "identity"}:
        return
    unpacked = _UNPACK.get(coding)
    if unpacked is None:
        raise UnsupportedBody(
            f"Request bodies packed as {coding[:40]!r} are not read here: send {', '.join(_UNPACK)}, or the body as it "
            "is.",
            code="unsupported_content_encoding",
        )
    packed = await read_body(request)
    limit = request.max_content_length or 0
    request.content = await trio.to_thread.run_sync(unpacked, packed, limit, abandon_on_cancel=True)


def _unpack_zlib(data: bytes, limit: int, wbits: int) -> bytes:
    inflater = zlib.decompressobj(wbits)
    try:
        body = inflater.decompress(data, limit + 1)
    except zlib.error as error:
        raise _broken(str(error)) from None
    return _whole(body, limit, ended=inflater.eof, rest=inflater.unused_data)


def _unpack_gzip(data: bytes, limit: int) -> bytes:
    return _unpack_zlib(data, limit, _GZIP)


def _unpack_deflate(data: bytes, limit: int) -> bytes:
    """With zlib's frame, as it should be (RFC 9110), or without, as many send it."""
    framed = len(data) >= 2 and data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
    return _unpack_zlib(data, limit, zlib.MAX_WBITS if framed else -zlib.MAX_WBITS)


def _unpack_zstd(data: bytes, limit: int) -> bytes:
    # few bodies need it
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415
    else:
        from backports import zstd  # noqa: PLC0415

    inflater = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})
    try:
        body = inflater.decompress(data, limit + 1)
    except zstd.ZstdError as error:
        raise _broken(str(error)) from None
    return _whole(body, limit, ended=inflater.eof, rest=inflater.unused_data)


_UNPACK: Final[Mapping[str, Callable[[bytes, int], bytes]]] = {
    "zstd": _unpack_zstd,
    "gzip": _unpack_gzip,
    "x-gzip": _unpack_gzip,
    "deflate": _unpack_deflate,
}
"""By the ``Content-Encoding``."""


def _whole(body: bytes, limit: int, *, ended: bool, rest: bytes) -> bytes:
    if len(body) > limit:
        raise TooLarge(
            f"The request body is larger than {limit >> 20} MiB once it is unpacked; raise max_body_mib under [server] "
            "in config.toml.",
            code="body_too_large",
        )
    if not ended:
        raise _broken("it ends in the middle")
    if rest:
        raise _broken("there is more behind its end")
    return body


def _broken(why: str) -> BadRequest:
    return BadRequest(
        f"The request body cannot be unpacked as its Content-Encoding says: {why}.", code="invalid_content_encoding"
    )
