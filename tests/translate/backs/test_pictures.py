"""Pictures against what ``/models`` states, whichever endpoint they go to."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import chat, messages, pictures, responses
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.models import Capabilities, Limits, Model, Vision

PIXEL = "data:image/png;base64,iVBORw0KGgo="
BACKS = [chat, responses, messages]


def picture(url: Any = PIXEL) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": "See"}, *content]}


CALLED = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}]}


def result(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "c", "content": list(content)}


def seeing(vendor: str = "", **limits: Any) -> Model:
    return Model(id="seer", vendor=vendor, capabilities=Capabilities(limits=Limits(vision=Vision(**limits))))


def call(*said: dict[str, Any]) -> Any:
    return to_call(json.dumps({"model": "m", "messages": said}).encode())


def checked(model: Model, *said: dict[str, Any]) -> None:
    pictures.check(call(*said).request.messages, model)


def refused(model: Model, *said: dict[str, Any]) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        checked(model, *said)
    assert caught.value.status == 400
    return caught.value


@pytest.mark.parametrize("back", BACKS)
def test_every_endpoint_keeps_to_the_number_of_pictures(back: Any) -> None:
    one = seeing(max_prompt_images=1)

    assert b"iVBORw0KGgo=" in back.request(call(user(picture())), one).body
    with pytest.raises(BadRequest, match="`seer` takes 1 picture at most, and there are 2"):
        back.request(call(user(picture(), picture())), one)


@pytest.mark.parametrize("back", BACKS)
@pytest.mark.parametrize("url", ["https://example.com/a.png", "http://example.com/a.png", "HTTPS://EXAMPLE.COM/A.PNG"])
def test_no_endpoint_is_sent_to_an_address(back: Any, url: str) -> None:
    with pytest.raises(BadRequest, match="data:image") as caught:
        back.request(call(user(picture()), user(picture(url))), Model(id="m"))

    assert (caught.value.param, caught.value.code) == ("messages[1].content", "unsupported_image_url")


def test_for_gemini_pictures_of_earlier_turns_and_of_results_count_and_the_first_too_many_is_named() -> None:
    history = [user(picture()), CALLED, result(picture()), user(), user(picture()), user(picture())]

    error = refused(seeing("Google", max_prompt_images=2), *history)

    assert "takes 2 pictures at most, and the conversation has 4" in error.message
    assert (error.param, error.code) == ("messages[4].content", "too_many_images")
    checked(seeing("Google", max_prompt_images=4), *history)


def test_for_others_the_pictures_after_the_assistants_last_message_count() -> None:
    one = seeing("OpenAI", max_prompt_images=1)
    history = [user(picture()), CALLED]

    checked(one, *history, result(picture()))
    checked(one, *history, result(), user(picture()))
    error = refused(one, *history, result(picture()), user(), user(picture()))

    assert "takes 1 picture at most, and there are 2" in error.message
    assert error.param == "messages[4].content"


@given(st.binary(max_size=40), st.booleans())
def test_a_picture_is_as_large_as_it_is_when_decoded(data: bytes, padded: bool) -> None:
    text = base64.b64encode(data).decode()
    url = "data:image/png;base64," + (text if padded else text.rstrip("="))

    checked(seeing(max_prompt_image_size=len(data)), user(picture(url)))
    if data:
        error = refused(seeing(max_prompt_image_size=len(data) - 1), user(picture(url)))
        assert f"a picture of {len(data)} bytes, and `seer` takes {len(data) - 1} at most" in error.message
        assert (error.param, error.code) == ("messages[0].content", "image_too_large")


@pytest.mark.parametrize("media", ["image/png", "image/webp", "IMAGE/PNG", "image/png;charset=utf-8", "image/jpg"])
def test_a_picture_of_a_listed_type_passes(media: str) -> None:
    checked(
        seeing(supported_media_types=["image/png", "image/webp", "image/jpeg"]),
        user(picture(f"data:{media};base64,AA==")),
    )


@pytest.mark.parametrize(("url", "media"), [("data:image/gif;base64,AA==", "image/gif"), ("data:,x", "")])
def test_a_picture_of_another_type_is_refused_with_the_types_that_are_taken(url: str, media: str) -> None:
    error = refused(seeing(supported_media_types=["image/png", "image/webp"]), user(picture(url)))

    assert f"of the type `{media}`, which `seer` does not take: send one of image/png, image/webp." in error.message
    assert (error.param, error.code) == ("messages[0].content", "unsupported_image_media_type")


def test_an_address_without_an_object_around_it_is_held_to_the_same() -> None:
    said = {"role": "user", "content": [{"type": "image_url", "image_url": "data:image/gif;base64,AA=="}]}

    assert refused(seeing(supported_media_types=["image/png"]), said).code == "unsupported_image_media_type"


@pytest.mark.parametrize("model", [Model(id="m"), seeing()])
def test_where_nothing_is_stated_nothing_is_refused(model: Model) -> None:
    checked(model, *[user(picture("data:image/tiff;base64," + "A" * 9999))] * 20)


@pytest.mark.parametrize("part", [{"type": "image_url"}, picture(7), picture(""), picture("data:"), picture("x,y")])
def test_what_is_no_picture_is_left_to_the_endpoint(part: dict[str, Any]) -> None:
    checked(seeing(max_prompt_images=1, max_prompt_image_size=0, supported_media_types=[]), user(part))


@pytest.mark.parametrize("url", ["text", 7, {"url": 7}])
def test_on_chat_what_is_no_picture_goes_as_it_came(url: object) -> None:
    content = [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": url}]

    body = json.loads(chat.request(call({"role": "user", "content": content}), Model(id="m")).body)

    assert body["messages"][0]["content"] == content


@pytest.mark.parametrize("back", BACKS)
def test_there_is_a_most_for_a_whole_request_also_for_a_model_that_states_none(back: Any) -> None:
    half = user(*[picture()] * (pictures.MOST // 2))

    assert back.request(call(half, CALLED, result(), half), seeing()).body.count(b"iVBORw0KGgo=") == pictures.MOST
    error = refused(seeing(), half, CALLED, result(picture()), half)
    assert (error.code, error.param) == ("too_many_images", "messages")
    assert f"has {pictures.MOST + 1}" in error.message
