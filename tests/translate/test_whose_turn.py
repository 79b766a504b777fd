"""Whose turn it is, which Copilot bills by: the same for a model that speaks the client's dialect and for any other."""

from typing import Any

import pytest

from passenger_trio.copilot import protocol
from passenger_trio.translate.diagonals import messages as messages_diagonal, responses as responses_diagonal
from passenger_trio.translate.fronts import messages as messages_front, responses as responses_front
from passenger_trio.wire import envelope
from passenger_trio.wire.models import Model

MODEL = Model(id="m")
TEXT = {"type": "text", "text": "<system-reminder>Mind the list.</system-reminder>"}
LOADED = {"type": "text", "text": "Tool loaded."}
SKILL = {"type": "text", "text": "Base directory for this skill: /pond\n\nOtters like ponds."}
EMPTY = {"type": "text", "text": " "}
STOPPED = {"type": "text", "text": "[Request interrupted by user for tool use]\n"}
TYPED = {"type": "text", "text": "Now do something else, please."}
RESULT = {"type": "tool_result", "tool_use_id": "t", "content": "18C"}
USER = {"role": "user", "content": "Hi"}
SYSTEM = {"role": "system", "content": "Be brief."}
ASKED = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "look", "input": {}}]}
CALL = {"type": "function_call", "call_id": "t", "name": "look", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "t", "output": "18C"}
DEVELOPER = {"role": "developer", "content": "Be brief."}


@pytest.mark.parametrize(
    ("messages", "agent"),
    [
        ([USER], False),
        ([USER, {"role": "assistant", "content": "Ho"}], True),
        ([USER, ASKED, {"role": "user", "content": [RESULT]}], True),
        ([USER, ASKED, {"role": "user", "content": [RESULT, TEXT]}], True),
        ([USER, ASKED, {"role": "user", "content": [RESULT, LOADED, TEXT]}], True),
        ([USER, ASKED, {"role": "user", "content": [RESULT, SKILL]}], True),
        ([USER, ASKED, {"role": "user", "content": [RESULT, EMPTY]}], True),
        ([USER, ASKED, {"role": "user", "content": [RESULT, STOPPED]}], True),
        ([USER, ASKED, {"role": "user", "content": [RESULT, STOPPED, TYPED]}], False),
        ([USER, ASKED, {"role": "user", "content": [RESULT, TEXT, TYPED]}], False),
        ([USER, ASKED, {"role": "user", "content": [RESULT]}, SYSTEM], True),
        ([USER, ASKED, {"role": "user", "content": [RESULT, STOPPED, TYPED]}, SYSTEM], False),
        ([USER, ASKED, {"role": "user", "content": [RESULT]}, USER], False),
        ([USER, {"role": "assistant", "content": "Ho"}, {"role": "user", "content": [TEXT]}], False),
        ([USER, SYSTEM], False),
        ([SYSTEM], False),
    ],
)
def test_a_messages_clients_turn_is_as_much_the_agents_on_claude_as_elsewhere(
    messages: list[dict[str, Any]], agent: bool
) -> None:
    asked = messages_front.read(envelope.encode({"model": "m", "max_tokens": 9, "messages": messages}))

    assert messages_diagonal.request(asked.envelope, MODEL).agent is agent
    assert messages_front.to_call(asked, MODEL)[0].agent is agent


@pytest.mark.parametrize(
    ("items", "agent"),
    [
        ([USER], False),
        ([USER, {"role": "assistant", "content": "Ho"}], True),
        ([USER, CALL, OUTPUT], True),
        ([USER, CALL, OUTPUT, DEVELOPER], True),
        ([USER, CALL, OUTPUT, USER], False),
        ([USER, DEVELOPER], False),
        ([USER, {"type": "additional_tools", "role": "developer", "tools": []}], False),
    ],
)
def test_a_responses_clients_turn_is_as_much_the_agents_on_gpt_as_elsewhere(
    items: list[dict[str, Any]], agent: bool
) -> None:
    asked = responses_front.read(envelope.encode({"model": "m", "input": items}))
    call, _ = responses_front.to_call(asked, "m")

    assert responses_diagonal.request(asked.envelope, MODEL).agent is agent
    assert call.agent is None
    assert protocol.is_agents_turn(call.request.messages) is agent
