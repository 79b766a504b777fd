"""Streams in which Claude's text and its calls are choices of their own, as one answer."""

import itertools
import json
from typing import Any

import pytest

from passenger_trio.errors import UpstreamBroke
from passenger_trio.translate.backs import chat as back
from passenger_trio.wire.sse import DONE, Event


def stream() -> back.Stream:
    made = itertools.count()
    return back.Stream("asked", created=1_750_000_000, new_id=lambda: f"made-{next(made)}")


def event(**chunk: Any) -> Event:
    return Event(b"", json.dumps(chunk).encode())


LET_ME: dict[str, Any] = {"delta": {"role": "assistant", "content": "let me"}}
CALL: dict[str, Any] = {
    "delta": {"role": "assistant", "tool_calls": [{"id": "c", "index": 0, "function": {"name": "f"}}]}
}
TOLD: dict[str, Any] = {"finish_reason": "tool_calls"}


def heard(answer: back.Stream, *events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The one choice of each chunk, when upstream's events have these choices and ``[DONE]`` follows."""
    chunks = [
        chunk for choices in events for chunk in answer.event(event(id="x", created=5, model="m", choices=choices))
    ]
    answer.event(Event(b"", DONE))
    found: list[dict[str, Any]] = []
    for chunk in [*chunks, *answer.end()]:
        (choice,) = json.loads(chunk.data)["choices"]
        found.append(choice)
    return found


@pytest.mark.parametrize("text_finish", [TOLD, {}])
@pytest.mark.parametrize("numbers", [({"index": 0}, {"index": 1}), ({"index": 0}, {"index": 0}), ({}, {})])
@pytest.mark.parametrize("apart", [True, False])
def test_split_choices_are_one_with_its_finish_after_its_calls(
    apart: bool, numbers: tuple[dict[str, int], dict[str, int]], text_finish: dict[str, str]
) -> None:
    said, called = {**numbers[0], **LET_ME, **text_finish}, {**numbers[1], **CALL, **TOLD}

    choices = heard(stream(), *([[said], [called]] if apart else [[said, called]]))

    assert {choice["index"] for choice in choices} == {0}
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": "let me"},
        {"tool_calls": [{"id": "c", "index": 0, "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
        {},
    ]
    assert [choice.get("finish_reason") for choice in choices] == [None, None, None, "tool_calls"]


def test_the_finish_of_choices_that_come_together_is_the_last_one() -> None:
    said, called = {**LET_ME, "finish_reason": "stop"}, {**CALL, "finish_reason": "length"}

    assert [choice.get("finish_reason") for choice in heard(stream(), [said, called])] == [None, None, "length"]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("called", [{**CALL, "finish_reason": "stop"}, CALL])
def test_calls_that_come_after_a_finish_that_told_of_none_are_whole_and_told_of(
    called: dict[str, Any], number: int
) -> None:
    choices = heard(stream(), [{"index": 0, **LET_ME, "finish_reason": "stop"}], [{"index": number, **called}])

    assert {choice["index"] for choice in choices} == {0}
    assert [fragment["function"] for choice in choices for fragment in choice["delta"].get("tool_calls", ())] == [
        {"name": "f", "arguments": ""},
        {"arguments": "{}"},
    ]
    assert [choice.get("finish_reason") for choice in choices] == [None, "stop", None, None, "tool_calls"]


def test_a_finish_that_was_told_is_not_told_again_but_what_stands_beside_it_is() -> None:
    answer = stream()
    other = {"delta": {"tool_calls": [{"id": "d", "index": 0, "function": {"name": "g"}}]}, **TOLD}
    early = answer.event(event(id="x", choices=[{"index": 0, **CALL, **TOLD}], copilot_usage={"x": 1}))
    late = [*answer.event(event(id="x", choices=[{"index": 1, **other}], copilot_usage={"x": 2})), *answer.end()]

    said = [json.loads(chunk.data) for chunk in [*early, *late]]

    assert [choice["finish_reason"] for body in said for choice in body["choices"]] == [
        *(None, None, "tool_calls"),
        *(None, None, None),
    ]
    assert [body.get("copilot_usage") for body in said] == [None, None, {"x": 1}, None, None, {"x": 2}]


def test_the_parts_of_split_choices_may_come_in_turns() -> None:
    more = {"delta": {"content": " look"}}
    arguments = {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}}

    choices = heard(
        stream(),
        [{"index": 0, **LET_ME}],
        [{"index": 1, **CALL}],
        [{"index": 0, **more}, {"index": 0, **more}],
        [{"index": 1, **arguments, **TOLD}, {"index": 0, **more, **TOLD}],
    )

    assert "".join(choice["delta"].get("content") or "" for choice in choices) == "let me look look look"
    assert [choice["delta"] for choice in choices if "tool_calls" in choice["delta"]][1] == arguments["delta"]
    assert [choice.get("finish_reason") for choice in choices][-2:] == [None, "tool_calls"]


@pytest.mark.parametrize(
    "events",
    [
        [[{"index": 0, **LET_ME, **TOLD}]],
        [[{"index": 0, **LET_ME, **TOLD}], [{"index": 1, **CALL}]],
        [[{"index": 0, **LET_ME, **TOLD}], [{"index": 0, **CALL}]],
        [[{"index": 1, **CALL}], [{"index": 0, **LET_ME, **TOLD}]],
    ],
)
def test_split_choices_are_cut_off_without_the_finish_of_the_calls(events: list[list[dict[str, Any]]]) -> None:
    answer, said = stream(), stream()
    for choices in events:
        answer.event(event(id="x", choices=choices))
    assert not answer.finished

    with pytest.raises(UpstreamBroke, match="before all parts"):
        answer.end()
    assert heard(said, *events)[-1]["finish_reason"] == "tool_calls", "with [DONE] nothing is missing"


def test_what_stands_beside_the_finishes_of_split_choices_comes_with_the_one_finish() -> None:
    answer = stream()
    answer.event(event(id="x", choices=[{"index": 0, **LET_ME, **TOLD}], a=1, copilot_usage={"x": 1}))
    answer.event(event(id="x", choices=[{"index": 1, **CALL, **TOLD}], b=2, copilot_usage={"x": 2}))

    last = json.loads(answer.end()[-1].data)

    assert (last["a"], last["b"], last["copilot_usage"]) == (1, 2, {"x": 2})
