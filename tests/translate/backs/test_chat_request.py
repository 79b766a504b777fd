"""What Copilot refuses on /chat/completions, and what becomes of it."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import chat as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.chat import Written
from passenger_trio.wire.models import Capabilities, Limits, Model, Supports, Vision

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def model(*, supports: Supports | None = None, **limits: Any) -> Model:
    return Model(id="m", capabilities=Capabilities(supports=supports, limits=Limits(**limits)))


def write(fields: dict[str, Any], to: Model | None = None) -> Written:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return back.request(to_call(json.dumps(body).encode()), to or Model(id="m"))


def sent(fields: dict[str, Any], to: Model | None = None) -> dict[str, Any]:
    return json.loads(write(fields, to).body)


@pytest.mark.parametrize("field", back.DROPPED_FIELDS)
def test_what_copilot_refuses_and_nobody_misses_is_left_out_and_named(field: str) -> None:
    written = write({field: "x", "seed": 7})

    assert json.loads(written.body).keys() == {"model", "messages", "seed"}
    assert written.dropped == (field,)


@pytest.mark.parametrize("field", back.REFUSED_FIELDS)
def test_what_copilot_refuses_and_a_client_would_miss_is_a_400_that_names_it(field: str) -> None:
    with pytest.raises(BadRequest, match=field) as refused:
        write({field: {}})
    assert refused.value.param == field


@pytest.mark.parametrize(
    ("fields", "limits", "expected"),
    [
        ({"max_tokens": 5}, {}, 5),
        ({"max_completion_tokens": 5}, {}, 5),
        ({"max_completion_tokens": 5, "max_tokens": 9}, {}, 5),
        ({"max_tokens": 99}, {"max_output_tokens": 50}, 50),
        ({"max_tokens": 49}, {"max_output_tokens": 50}, 49),
        ({"max_tokens": 99}, {"max_output_tokens": 50, "max_non_streaming_output_tokens": 20}, 20),
        ({"max_tokens": 99, "stream": True}, {"max_output_tokens": 50, "max_non_streaming_output_tokens": 20}, 50),
        ({"max_tokens": "many"}, {"max_output_tokens": 50}, "many"),
    ],
)
def test_the_answer_may_be_as_long_as_asked_for_and_the_model_allows(
    fields: dict[str, Any], limits: dict[str, int], expected: object
) -> None:
    body = sent(fields, model(**limits))

    assert body["max_tokens"] == expected
    assert "max_completion_tokens" not in body


def test_a_limit_that_nobody_asked_for_is_not_sent() -> None:
    assert "max_tokens" not in sent({}, model(max_output_tokens=50))


@pytest.mark.parametrize(
    ("supports", "asked", "expected", "dropped"),
    [
        (None, "high", "high", ()),
        (Supports(), "high", None, ("reasoning_effort",)),
        (Supports(reasoning_effort=["low", "medium"]), "low", "low", ()),
        (Supports(reasoning_effort=["low", "medium"]), "minimal", "low", ("reasoning_effort=minimal",)),
        (Supports(reasoning_effort=["low", "medium"]), "xhigh", "medium", ("reasoning_effort=xhigh",)),
        (Supports(reasoning_effort=["low", "medium"]), "odd", "odd", ()),
        (Supports(reasoning_effort=["odd"]), "low", "low", ()),
        (Supports(reasoning_effort=["low"]), 7, 7, ()),
    ],
)
def test_an_effort_is_one_that_the_model_lists(
    supports: Supports | None, asked: object, expected: object, dropped: tuple[str, ...]
) -> None:
    written = write({"reasoning_effort": asked}, model(supports=supports))

    assert json.loads(written.body).get("reasoning_effort") == expected
    assert written.dropped == dropped


def test_a_picture_at_an_address_is_a_400_that_says_what_to_send() -> None:
    content = [PICTURE, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    with pytest.raises(BadRequest, match="data:image") as refused:
        write({"messages": [{"role": "user", "content": content}]})
    assert refused.value.param == "messages[0].content"


@pytest.mark.parametrize("url", ["text", 7, {"url": 7}])
def test_a_picture_that_is_none_is_left_to_copilots_own_error(url: object) -> None:
    content = [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": url}]
    messages = [{"role": "user", "content": content}]

    assert sent({"messages": messages})["messages"] == messages


def test_more_pictures_than_the_model_takes_are_a_400_with_the_number() -> None:
    one, other = model(vision=Vision(max_prompt_images=1)), model(vision=Vision(max_prompt_images=1))
    one.vendor = "Google"
    messages = [{"role": "user", "content": [PICTURE]}]

    assert sent({"messages": messages}, one)["messages"] == messages
    assert sent({"messages": messages * 2}, other)["messages"] == messages * 2
    with pytest.raises(BadRequest, match="takes 1 pictures at most, and there are 2"):
        write({"messages": messages * 2}, one)


@pytest.mark.parametrize(
    ("reasoning", "returned"),
    [
        ({"reasoning_content": "Hm"}, {}),
        ({"reasoning_content": "Hm", "reasoning_opaque": "c2ln"}, {"reasoning_text": "Hm", "reasoning_opaque": "c2ln"}),
        (
            {"reasoning_content": "A", "reasoning_text": "B", "reasoning_opaque": "c2ln"},
            {"reasoning_text": "B", "reasoning_opaque": "c2ln"},
        ),
        ({"reasoning_opaque": '[{"type":"reasoning"}]'}, {}),
        ({"reasoning_opaque": 7, "reasoning_content": 7}, {}),
        ({"reasoning_opaque": None, "reasoning_content": None}, {}),
        ({"reasoning_opaque": "c2ln"}, {"reasoning_opaque": "c2ln"}),
    ],
)
def test_reasoning_goes_back_with_its_signature_or_not_at_all(
    reasoning: dict[str, Any], returned: dict[str, Any]
) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho", **reasoning}]

    assert sent({"messages": messages})["messages"][1] == {"role": "assistant", "content": "Ho", **returned}
