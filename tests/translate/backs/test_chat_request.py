"""What Copilot refuses on /chat/completions, and what becomes of it."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import chat as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.chat import Written
from passenger_trio.wire.models import Capabilities, Limits, Model, Supports


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
    ("fields", "limits", "expected", "dropped"),
    [
        ({"max_tokens": 5}, {}, 5, None),
        ({"max_completion_tokens": 5}, {}, 5, None),
        ({"max_completion_tokens": 5, "max_tokens": 9}, {}, 5, None),
        ({"max_tokens": 99}, {"max_output_tokens": 50}, 50, "max_tokens=99"),
        ({"max_completion_tokens": 99}, {"max_output_tokens": 50}, 50, "max_completion_tokens=99"),
        ({"max_tokens": 50}, {"max_output_tokens": 50}, 50, None),
        ({"max_tokens": 99}, {"max_output_tokens": 50, "max_non_streaming_output_tokens": 20}, 20, "max_tokens=99"),
        (
            {"max_tokens": 99, "stream": True},
            {"max_output_tokens": 50, "max_non_streaming_output_tokens": 20},
            50,
            "max_tokens=99",
        ),
        ({"max_tokens": "many"}, {"max_output_tokens": 50}, "many", None),
    ],
)
def test_the_answer_may_be_as_long_as_asked_for_and_the_model_allows(
    fields: dict[str, Any], limits: dict[str, int], expected: object, dropped: str | None
) -> None:
    written = write(fields, model(**limits))

    body = json.loads(written.body)
    assert body["max_tokens"] == expected
    assert "max_completion_tokens" not in body
    assert written.dropped == (() if dropped is None else (dropped,))


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


def test_the_older_functions_pass_with_schemas_that_are_taken() -> None:
    whole = {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}}
    body = sent({"functions": [whole, {"name": "g"}], "function_call": {"name": "g"}, "parallel_tool_calls": True})

    assert body["functions"] == [whole, {"name": "g", "parameters": {"type": "object", "properties": {}}}]
    assert body["function_call"] == {"name": "g"}
    assert body["parallel_tool_calls"] is True


def test_no_functions_are_no_list_of_functions() -> None:
    assert sent({"functions": [], "function_call": "auto"}).keys() == {"model", "messages"}
    assert sent({"functions": "nonsense"})["functions"] == "nonsense"


@pytest.mark.parametrize(
    ("reasoning", "returned", "lost"),
    [
        ({"reasoning_content": "Hm"}, {}, ["content"]),
        (
            {"reasoning_content": "Hm", "reasoning_opaque": "c2ln"},
            {"reasoning_text": "Hm", "reasoning_opaque": "c2ln"},
            [],
        ),
        (
            {"reasoning_content": "A", "reasoning_text": "B", "reasoning_opaque": "c2ln"},
            {"reasoning_text": "B", "reasoning_opaque": "c2ln"},
            [],
        ),
        ({"reasoning_opaque": '[{"type":"reasoning"}]'}, {}, ["opaque"]),
        ({"reasoning_opaque": 7, "reasoning_content": 7}, {}, ["opaque", "content"]),
        ({"reasoning_opaque": None, "reasoning_content": None}, {}, []),
        ({"reasoning_opaque": "", "reasoning_content": ""}, {}, []),
        ({"reasoning_content": ""}, {}, []),
        ({"reasoning_opaque": "c2ln"}, {"reasoning_opaque": "c2ln"}, []),
    ],
)
def test_reasoning_goes_back_with_its_signature_or_not_at_all(
    reasoning: dict[str, Any], returned: dict[str, Any], lost: list[str]
) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho", **reasoning}]

    written = write({"messages": [*messages, *messages]})

    assert json.loads(written.body)["messages"][1] == {"role": "assistant", "content": "Ho", **returned}
    assert written.dropped == tuple(f"messages.reasoning_{name}" for name in lost)
