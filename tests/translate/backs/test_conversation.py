"""What conversations carry that an endpoint has no place for: it is named, each thing once."""

import json
from types import ModuleType
from typing import Any

import pytest

from passenger_trio.translate.backs import messages, responses
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.models import Model

PICTURE = "data:image/png;base64,iVBORw0KGgo="
EPHEMERAL = {"type": "ephemeral"}
MARKED = {"type": "text", "text": "x", "cache_control": EPHEMERAL, "nothing": None}

BACKS = pytest.mark.parametrize("back", [responses, messages], ids=["responses", "messages"])


def dropped(back: ModuleType, *said: dict[str, Any]) -> tuple[str, ...]:
    body = json.dumps({"model": "asked", "messages": [*said, {"role": "user", "content": "x"}]})
    return back.request(to_call(body.encode()), Model(id="real")).dropped


def picture(**fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": PICTURE, **fields}}


def called(**fields: Any) -> dict[str, Any]:
    return {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}, **fields}


@BACKS
def test_what_a_part_carries_besides_is_named_once(back: ModuleType) -> None:
    parts = [{**picture(), "alt": "a cat"}, {"type": "text", "text": "x", "annotations": []}]

    assert dropped(
        back,
        {"role": "user", "content": parts},
        {"role": "assistant", "content": parts[1:]},
        {"role": "user", "content": parts},
    ) == ("messages.content.alt", "messages.content.annotations")


@BACKS
def test_what_a_picture_carries_besides_is_named(back: ModuleType) -> None:
    shown = picture(odd=1, nothing=None)

    assert dropped(back, {"role": "user", "content": [shown]}) == ("messages.content.image_url.odd",)


@BACKS
def test_what_a_pictures_url_says_as_well_is_not_missed(back: ModuleType) -> None:
    shown = picture(media_type="image/png", format="image/png", detail="auto")

    assert dropped(back, {"role": "user", "content": [shown]}) == ()


@BACKS
def test_what_a_call_carries_besides_is_named_once(back: ModuleType) -> None:
    signed = called(
        function={"name": "f", "arguments": "{}", "thought_signature": "s"}, extra_content={"google": {}}, nothing=None
    )

    assert dropped(
        back,
        {"role": "assistant", "tool_calls": [signed, {**signed, "id": "b"}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "1"},
    ) == ("messages.tool_calls.extra_content", "messages.tool_calls.thought_signature")


@BACKS
def test_the_number_of_a_call_in_its_stream_is_not_missed(back: ModuleType) -> None:
    answered = {"role": "tool", "tool_call_id": "a", "content": "1"}

    assert dropped(back, {"role": "assistant", "tool_calls": [called(index=0)]}, answered) == ()


@BACKS
def test_what_a_call_of_the_older_form_carries_besides_is_named(back: ModuleType) -> None:
    assert dropped(
        back,
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}", "odd": 1}},
        {"role": "function", "name": "f", "content": "1"},
    ) == ("messages.function_call.odd",)


def test_what_a_call_of_a_custom_tool_carries_besides_is_named() -> None:
    custom = {"id": "a", "type": "custom", "custom": {"name": "c", "input": "x", "arguments": "{}"}}

    assert dropped(
        responses,
        {"role": "assistant", "tool_calls": [custom]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ) == ("messages.tool_calls.arguments",)


@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool"])
@pytest.mark.parametrize(
    ("back", "named"), [(responses, ("messages.content.cache_control",)), (messages, ())], ids=["responses", "messages"]
)
def test_a_mark_for_the_prompt_cache_is_named_where_there_are_none(
    back: ModuleType, named: tuple[str, ...], role: str
) -> None:
    call = {"role": "assistant", "tool_calls": [called()]}
    answered = {"tool_call_id": "a"} if role == "tool" else {}
    before = [call] if role == "tool" else []

    assert dropped(back, *before, {"role": role, "content": [MARKED], **answered}) == named
