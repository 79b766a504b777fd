"""The Messages front against Anthropic's own package: fields, blocks, tools, events, and how a stream adds up."""

import json
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pydantic
import pytest
from anthropic import types
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import beta, message_create_params
from anthropic.types.beta import message_create_params as beta_params
from hypothesis import given, settings
from messages_front import MODEL, asked, message, play, reply
from messages_streams import disorderly, orderly
from typing_extensions import get_type_hints, is_typeddict

from passenger_trio.errors import PassengerError, UpstreamRefused
from passenger_trio.translate import anthropic_models
from passenger_trio.translate.fronts import messages as front, messages_fields, messages_input, tokens
from passenger_trio.translate.fronts.tool_names import ToolNames
from passenger_trio.wire.models import Model

EVENTS = [pydantic.TypeAdapter(types.RawMessageStreamEvent), pydantic.TypeAdapter(beta.BetaRawMessageStreamEvent)]
OLDER_FIELDS = {"temperature", "top_p", "top_k", "output_format"}


def test_every_request_field_of_the_package_stands_in_a_table() -> None:
    fields = {
        name
        for params in (message_create_params, beta_params)
        for kind in (params.MessageCreateParamsStreaming, params.MessageCreateParamsNonStreaming)
        for name in get_type_hints(kind)
    }

    assert front.READ | front.DROPPED_FIELDS.keys() | front.REFUSED_FIELDS.keys() == fields | OLDER_FIELDS


def members(kind: Any) -> Iterator[Any]:
    """The objects that a union of parameters is made of."""
    if get_origin(kind) is not None:
        for part in get_args(kind):
            yield from members(part)
    elif is_typeddict(kind):
        yield kind


def tags(kind: Any) -> set[str]:
    return {
        value
        for member in members(kind)
        for value in get_args(get_type_hints(member)["type"])
        if isinstance(value, str)
    }


def test_every_block_of_the_package_stands_in_a_table() -> None:
    kinds = [
        types.ContentBlockParam,
        beta.BetaContentBlockParam,
        get_type_hints(beta.BetaSystemMessageParam)["content"],
        get_type_hints(beta.BetaToolResultBlockParam)["content"],
    ]
    tables = (messages_input.BLOCKS, messages_input.DROPPED_BLOCKS, messages_input.REFUSED_BLOCKS)

    assert set().union(*tables) == set().union(*map(tags, kinds))


def test_every_tool_of_the_package_stands_in_a_table() -> None:
    kinds = tags(types.ToolUnionParam) | tags(beta.BetaToolUnionParam)
    known = (*messages_fields.DROPPED_TOOLS, *messages_fields.REFUSED_TOOLS)

    assert {kind for kind in kinds if not kind.startswith(known)} == set()
    assert {start for start in known if not any(kind.startswith(start) for kind in kinds)} == set()


def check_known(model: Any) -> None:
    """No field that the package does not know, anywhere in ``model``."""
    assert not model.model_extra
    for name in type(model).model_fields:
        value = getattr(model, name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, pydantic.BaseModel):
                check_known(item)


def check(event: dict[str, Any]) -> Any:
    """The event as the package has it, in both of its forms."""
    found = [adapter.validate_json(json.dumps(event), strict=True) for adapter in EVENTS]
    for model in found:
        check_known(model)
    return found[0]


def added_up(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that the package's own reader makes of a stream."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        if event["type"] != "ping":  # passed over before they are read
            snapshot = accumulate_event(event=check(event), current_snapshot=snapshot, json_bufs=buffers)
    return {name: value for name, value in snapshot.to_dict().items() if name != "stop_details"}


@given(orderly())
@settings(max_examples=150, deadline=None)
def test_a_stream_adds_up_to_the_whole_answer(case: Any) -> None:
    chunks, answer, finish, more = case
    body = front.from_hub(
        reply(answer, finish, **more), asked(), ToolNames(), model=MODEL, new_id=lambda: "chatcmpl-made"
    )
    whole = types.Message.model_validate_json(body, strict=True)
    check_known(whole)

    assert added_up(play(chunks)) == json.loads(body)


@given(disorderly())
@settings(max_examples=300, deadline=None)
def test_whatever_order_the_hub_has_the_package_adds_up_the_same(case: Any) -> None:
    events = play(case[0])

    assert added_up(events)["content"] == message(json.loads(json.dumps(events)))["content"]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 429, 500, 503, 504, 529])
def test_an_error_is_one_of_the_packages(status: int) -> None:
    error: PassengerError = UpstreamRefused(status, "no")

    _, body = front.fault(error, "req-1")

    check_known(types.BetaErrorResponse.model_validate_json(body, strict=True))


def test_a_count_is_the_packages() -> None:
    assert types.MessageTokensCount.model_validate_json(tokens.answer(5), strict=True).input_tokens == 5


def test_a_list_of_models_is_what_the_package_reads() -> None:
    found = json.loads(anthropic_models.anthropic_list([Model(id=name) for name in "abcde"]))

    assert len(found["data"]) == 5
    for entry in found["data"]:
        model = types.ModelInfo.model_validate_json(json.dumps(entry), strict=True)
        assert not model.model_extra
        assert model.capabilities is not None
        assert model.capabilities.model_fields_set == set(types.ModelCapabilities.model_fields)
