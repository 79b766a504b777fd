"""Pictures as Ollama's clients send them: bare base64, or a URL that holds the same."""

import base64
from collections.abc import Sequence
from typing import Final

from passenger_trio.errors import BadRequest

_SIGNS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)
"""How the files begin. A WebP file has its length between ``RIFF`` and ``WEBP``."""

_PLAIN: Final = str.maketrans("-_", "+/")


def picture_parts(images: Sequence[str], where: str) -> list[object]:
    """The pictures as parts of a message of the hub's; ``where`` is the field that they came in.

    Raises :class:`~passenger_trio.errors.BadRequest` for what is no picture.
    """
    return [
        {"type": "image_url", "image_url": {"url": _url(image, f"{where}[{position}]")}}
        for position, image in enumerate(images)
    ]


def _url(image: str, where: str) -> str:
    """A data URL of the type that the bytes tell. An address is left to whoever says that nobody fetches it."""
    start = image[:8].lower()
    if start.startswith(("http://", "https://")):
        return image
    head, data = "", image
    if start.startswith("data:"):
        head, _, data = image.partition(",")
        if not head.lower().endswith(";base64"):
            return image
    text, decoded = _decoded(data, where)
    kind = _kind(decoded)
    if kind is None:
        if head:
            return f"{head},{text}"  # of a type that we do not know and the client does
        raise BadRequest(
            f"`{where}` is no picture of a known type: send the base64 of a PNG, JPEG, GIF, WebP or BMP file.",
            param=where,
        )
    return f"data:{kind};base64,{text}"


def _decoded(data: str, where: str) -> tuple[str, bytes]:
    """The base64 as everybody reads it, and its bytes: clients break it into lines, or write the alphabet of URLs."""
    try:
        return data, base64.b64decode(data, validate=True)
    except ValueError:
        plain = "".join(data.split()).translate(_PLAIN).rstrip("=")
    plain += "=" * (-len(plain) % 4)
    try:
        return plain, base64.b64decode(plain, validate=True)
    except ValueError:
        raise BadRequest(f"`{where}` is no picture: illegal base64 data", param=where) from None


def _kind(data: bytes) -> str | None:
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for sign, kind in _SIGNS if data.startswith(sign)), None)
