"""Pictures from Ollama's clients: what they write, and the URL that becomes of it."""

import base64

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fronts.ollama_pictures import picture_parts

FILES = {
    "image/png": b"\x89PNG\r\n\x1a\n\x00\x00",
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "image/gif": b"GIF89a\x01\x00\x01",
    "image/webp": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    "image/bmp": b"BM\x46\x00\x00\x00",
}
PNG = base64.b64encode(FILES["image/png"]).decode()


def url(image: str) -> object:
    (part,) = picture_parts([image], "messages[0].images")
    assert isinstance(part, dict)
    assert part["type"] == "image_url"
    return part["image_url"]["url"]


@pytest.mark.parametrize("kind", FILES)
def test_the_bytes_tell_the_type(kind: str) -> None:
    text = base64.b64encode(FILES[kind]).decode()

    assert url(text) == f"data:{kind};base64,{text}"


def test_an_older_gif_is_one_as_well() -> None:
    assert str(url(base64.b64encode(b"GIF87a").decode())).startswith("data:image/gif;")


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize(
    "head", ["data:image/png;base64", "DATA:IMAGE/JPEG;BASE64", "data:;base64", "data:a/b;c=d;base64"]
)
def test_the_bytes_tell_more_than_a_url_does(head: str, kind: str) -> None:
    text = base64.b64encode(FILES[kind]).decode()

    assert url(f"{head},{text}") == f"data:{kind};base64,{text}"


@pytest.mark.parametrize(
    "same",
    [
        "data:image/heic;base64,AAAAGGZ0eXA=",  # of a type that only the client knows
        "data:image/svg+xml,<svg/>",
        "data:image/png",
        "https://example.org/a.png",
        "HTTP://example.org/a.png",
    ],
)
def test_a_url_that_tells_what_the_bytes_do_not_is_left_alone(same: str) -> None:
    assert url(same) == same


JPEG = base64.b64encode(b"\xff\xd8\xff\xfb\xef\xbe\xff").decode()


@pytest.mark.parametrize(
    "spelling",
    [
        JPEG.rstrip("="),
        JPEG.replace("/", "_").replace("+", "-"),
        JPEG.replace("/", "_").replace("+", "-").rstrip("="),
        f"{JPEG[:4]}\r\n{JPEG[4:]}\n",
        f" {JPEG} ",
        f"data:image/jpeg;base64, {JPEG}",
    ],
)
def test_base64_is_read_in_all_its_spellings(spelling: str) -> None:
    assert spelling != JPEG
    assert url(spelling) == f"data:image/jpeg;base64,{JPEG}"


@pytest.mark.parametrize(
    "image", ["", "AAAA", base64.b64encode(b"%PDF-1.7").decode(), base64.b64encode(b"RIFF1234WAVE").decode()]
)
def test_what_is_no_picture_is_refused_by_its_place(image: str) -> None:
    with pytest.raises(BadRequest, match="PNG, JPEG, GIF, WebP or BMP") as caught:
        picture_parts([PNG, image], "images")

    assert caught.value.param == "images[1]"


@pytest.mark.parametrize(
    "image", ["%%%", "iVBORw0KGgo=!", "ünicode", "/home/me/a.png", "data:image/png;base64,%%%", "AAAAA"]
)
def test_what_is_no_base64_is_refused_by_its_place(image: str) -> None:
    with pytest.raises(BadRequest, match="illegal base64 data") as caught:
        picture_parts([image], "messages[3].images")

    assert caught.value.param == "messages[3].images[0]"
    assert "messages[3].images[0]" in caught.value.message
