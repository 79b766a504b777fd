"""Tools on their way to ``/responses``: what of them has no place there, and a choice among none."""

import json
from typing import Any

import pytest

from passenger_trio.translate.backs import responses as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.chat import Written
from passenger_trio.wire.models import Model

PLAIN = Model(id="plain-model", supported_endpoints=["/responses"])


def write(**fields: Any) -> Written:
    body = {"model": "asked", "messages": [{"role": "user", "content": "x"}], **fields}
    return back.request(to_call(json.dumps(body).encode()), PLAIN)


@pytest.mark.parametrize("tools", [{}, {"tools": []}, {"functions": []}])
def test_a_call_that_must_be_made_without_tools_is_named(tools: dict[str, Any]) -> None:
    written = write(**tools, tool_choice="required", function_call={"name": "f"})

    assert written.body == write().body
    assert written.dropped == ("tool_choice", "function_call")


def test_fields_of_tools_and_functions_without_a_place_are_named_once() -> None:
    marks = {"cache_control": {"type": "ephemeral"}, "defer_loading": True, "nothing": None}
    function = {"type": "function", "function": {"name": "f", "weird": 1}, "name": "f", **marks}
    custom = {"type": "custom", "custom": {"name": "c", "odd": 1}, **marks}

    written = write(tools=[function, function, custom], functions=[{"name": "g", "weird": 1}])

    assert written.dropped == (
        "tools.cache_control",
        "tools.defer_loading",
        "tools.weird",
        "tools.odd",
        "functions.weird",
    )
    assert [tool.keys() for tool in json.loads(written.body)["tools"]] == [
        *[{"type", "strict", "name", "parameters"}] * 2,
        {"type", "name"},
        {"type", "strict", "name", "parameters"},
    ]
