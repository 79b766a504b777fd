"""What a model is known not to be able to do is not asked of it."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import abilities
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.chat import Call
from passenger_trio.wire.models import Capabilities, Limits, Model, Supports, Vision

ALL = Supports(streaming=True, tool_calls=True, vision=True)
TOOLS = [{"type": "function", "function": {"name": "f"}}]
PICTURE = [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]


def model(supports: Supports | None, limits: Limits | None = None) -> Model:
    return Model(id="o1-mini", capabilities=Capabilities(supports=supports, limits=limits))


def ask(**fields: Any) -> Call:
    body = {"model": "o1-mini", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return to_call(json.dumps(body).encode())


@pytest.mark.parametrize(
    "supports, fields",
    [
        (None, {"stream": True, "tools": TOOLS, "messages": [{"role": "user", "content": PICTURE}]}),
        (ALL, {"stream": True, "tools": TOOLS, "messages": [{"role": "user", "content": PICTURE}]}),
        (Supports(), {"stream": False}),
        (Supports(), {"messages": [{"role": "user", "content": PICTURE[:1]}]}),
        (Supports(), {"tools": [], "tool_choice": "auto", "functions": None}),
    ],
)
def test_what_a_model_can_do_or_may_be_able_to_do_is_asked_as_it_was(
    supports: Supports | None, fields: dict[str, Any]
) -> None:
    call = ask(**fields)

    assert abilities.within(call, model(supports)) is call


def test_a_stream_is_not_asked_for_where_there_is_none() -> None:
    call = ask(stream=True, stream_options={"include_usage": True}, seed=1)
    kept = abilities.within(call, model(Supports(tool_calls=True)))

    assert kept.envelope.keys() == {"model", "messages", "seed"}
    assert not kept.stream
    assert not kept.include_usage
    assert kept.dropped == (), "the client has its stream"
    assert call.stream, "the client's own call has changed"


@pytest.mark.parametrize(
    "fields, param",
    [
        ({"tools": TOOLS}, "tools"),
        ({"tools": TOOLS, "tool_choice": "required"}, "tools"),
        ({"tools": TOOLS, "function_call": "none"}, "tools"),
        ({"tools": "odd"}, "tools"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"functions": [{"name": "f"}], "tools": [], "function_call": "auto"}, "functions"),
    ],
)
def test_tools_are_refused_for_a_model_without_them(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest, match="does not support tools") as refused:
        abilities.within(ask(**fields), model(Supports(streaming=True)))

    assert (refused.value.status, refused.value.param, refused.value.code) == (400, param, "unsupported_parameter")
    assert "o1-mini" in refused.value.message


@pytest.mark.parametrize(
    "fields, dropped",
    [
        ({"tools": TOOLS, "tool_choice": "none", "parallel_tool_calls": False}, {"tools", "tool_choice"}),
        ({"functions": [{"name": "f"}], "function_call": "none"}, {"functions", "function_call"}),
        ({"tools": TOOLS, "tool_choice": "none", "functions": None}, {"tools", "tool_choice"}),
    ],
)
def test_tools_that_are_not_to_be_called_are_left_out_and_named(fields: dict[str, Any], dropped: set[str]) -> None:
    call = ask(**fields, seed=1)
    kept = abilities.within(call._replace(dropped=("keep_alive",)), model(Supports(streaming=True)))

    assert kept.dropped[0] == "keep_alive"
    assert set(kept.dropped[1:]) == dropped | ({"parallel_tool_calls"} & fields.keys())
    assert kept.envelope.keys() == {"model", "messages", "seed"}


def test_pictures_are_refused_for_a_model_that_does_not_see() -> None:
    call = ask(messages=[{"role": "system", "content": "Look."}, {"role": "user", "content": PICTURE}])

    with pytest.raises(BadRequest, match="does not support image input") as refused:
        abilities.within(call, model(Supports(streaming=True, tool_calls=True)))

    assert (refused.value.status, refused.value.param) == (400, "messages")


def test_a_model_with_limits_on_pictures_sees_whatever_else_is_listed() -> None:
    call = ask(messages=[{"role": "user", "content": PICTURE}])

    assert abilities.within(call, model(Supports(), Limits(vision=Vision(max_prompt_images=1)))) is call
