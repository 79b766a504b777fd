"""Tools of a Messages client under the names that every vendor takes, and back."""

import json
import re
from typing import Any

import messages_rows as rows
import pytest
from messages_front import MODEL, USER, asked, delta, fragment, reply

from passenger_trio.translate.fronts import messages as front
from passenger_trio.translate.fronts.tool_names import Own, ToolNames
from passenger_trio.wire.models import Model

LONG = "mcp__plugin_otters_of_the_northern_rivers__count_all_otters_that_were_seen_this_year"
SAME = f"{LONG}_and_last"
DOTTED = "otters.count"


def called(name: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": name, "input": {}}]}


RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "7"}]}


def call(**fields: Any) -> tuple[dict[str, Any], ToolNames]:
    """What reaches the hub, and the names."""
    made, names = front.to_call(asked(**fields), Model(MODEL))
    return {name: json.loads(bytes(raw)) for name, raw in made.envelope.items()}, names


def tools(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "input_schema": {"type": "object"}} for name in names]


@pytest.mark.parametrize("name", [LONG, DOTTED, "x" * 128])
def test_a_name_fits_wherever_a_tool_is_named(name: str) -> None:
    search = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference", "tool_name": name}]}
    messages = [USER, called(name), {"role": "user", "content": [search]}]
    hub, _ = call(tools=tools(name), tool_choice={"type": "tool", "name": name}, messages=messages)
    fitting = hub["tools"][0]["function"]["name"]

    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", fitting)
    assert hub["tool_choice"] == {"type": "function", "function": {"name": fitting}}
    assert hub["messages"][1]["tool_calls"][0]["function"]["name"] == fitting
    assert hub["messages"][2]["content"] == f"{fitting}\n"


@pytest.mark.parametrize("name", [LONG, DOTTED, "look"])
def test_an_answer_has_the_clients_own_name(name: str) -> None:
    hub, names = call(tools=tools("other", name))
    fitting = hub["tools"][1]["function"]["name"]
    function = {"id": "t", "type": "function", "function": {"name": fitting, "arguments": "{}"}}
    whole = front.from_hub(
        reply({"tool_calls": [function]}, "tool_calls"), asked(), names, model=MODEL, new_id=lambda: "x"
    )
    stream = front.Stream(asked(), names, model=MODEL, new_id=lambda: "x")
    data = stream.event(delta("tool_calls", tool_calls=[fragment(0, "{}", id="t", name=fitting)])) + stream.end()

    assert json.loads(whole)["content"][0]["name"] == name
    assert [block["name"] for block in rows.started(rows.parse(data))] == [name]


def test_names_that_begin_alike_stay_two() -> None:
    hub, names = call(tools=tools(LONG, SAME))
    first, second = (tool["function"]["name"] for tool in hub["tools"])

    assert first != second
    assert (names.own(first), names.own(second)) == (LONG, SAME)


def test_a_tool_that_is_called_as_another_was_made_to_fit_gets_a_name_of_its_own() -> None:
    made = ToolNames().give(Own(LONG))
    hub, names = call(tools=tools(LONG, made))
    fitting = [tool["function"]["name"] for tool in hub["tools"]]

    assert fitting[0] == made != fitting[1]
    assert [names.own(name) for name in fitting] == [LONG, made]


def test_a_tool_that_is_no_longer_offered_has_a_name_in_the_history() -> None:
    hub, names = call(messages=[USER, called(LONG), RESULT])

    assert names.own(hub["messages"][1]["tool_calls"][0]["function"]["name"]) == LONG


def test_the_same_history_gives_the_same_names() -> None:
    fields: dict[str, Any] = {"tools": tools(LONG, SAME), "messages": [USER, called("x" * 70), RESULT]}

    assert call(**fields)[0] == call(**fields)[0]


def test_what_a_model_makes_up_stays_what_it_is() -> None:
    assert call(tools=tools(LONG))[1].own("made_up") == "made_up"
    hub, _ = call(tools=tools("look"), tool_choice={"type": "tool", "name": "made_up"})
    assert hub["tool_choice"]["function"] == {"name": "made_up"}
