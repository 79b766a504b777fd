"""One choice of Copilot's answers: roles, reasoning, and tool calls in the ways of each family of models."""

import itertools
import json
from typing import Any

import pytest

from passenger_trio.errors import UpstreamBroke
from passenger_trio.translate.backs import chat_calls
from passenger_trio.wire import chat, envelope


class Answer:
    """One choice as it streams: deltas in, clean choices out. ``number`` is upstream's."""

    def __init__(self) -> None:
        made = itertools.count()
        self.state = chat_calls.ChoiceState(lambda: f"chatcmpl-{next(made)}")

    def say(
        self, delta: dict[str, Any] | None, finish: str | None = None, number: int = 7, **rest: Any
    ) -> list[dict[str, Any]]:
        choice: dict[str, Any] = {"index": number, "delta": delta, **rest}
        if finish is not None:
            choice["finish_reason"] = finish
        data = json.dumps({"choices": [choice]}).encode()
        (view,) = chat.decode_chunk(data).choices or []
        (body,) = envelope.decode_list(envelope.decode(data)["choices"])
        return json.loads(envelope.encode(chat_calls.clean_choice(self.state, 7, body, view, number)))

    def end(self) -> list[dict[str, Any]]:
        choices = [*chat_calls.lacking(self.state, 7), chat_calls.ending(self.state, 7)]
        return json.loads(envelope.encode(choices))

    def delta(self, delta: dict[str, Any]) -> dict[str, Any]:
        (choice,) = self.say(delta)
        return choice["delta"]

    def calls(self, *fragments: dict[str, Any]) -> list[dict[str, Any]]:
        return self.delta({"tool_calls": list(fragments)})["tool_calls"]


def fragment(arguments: str | None = None, **rest: Any) -> dict[str, Any]:
    function = {name: rest.pop(name) for name in ("name",) if name in rest}
    if arguments is not None:
        function["arguments"] = arguments
    return {**rest, "function": function}


def begun() -> Answer:
    answer = Answer()
    answer.say({"role": "assistant"})
    return answer


def test_the_first_delta_has_a_role_and_the_others_none() -> None:
    answer = Answer()

    assert answer.delta({"content": "a", "role": None}) == {"role": "assistant", "content": "a"}
    assert answer.delta({"content": "b", "role": None}) == {"content": "b"}
    assert answer.delta({"content": "c", "role": "assistant"}) == {"content": "c"}


def test_the_first_role_is_the_models_own() -> None:
    assert Answer().delta({"role": "critic"}) == {"role": "critic"}


def test_padding_goes_and_unknown_keys_stay() -> None:
    assert begun().delta({"content": "a", "padding": "abc", "copilot_annotations": {"x": [1]}}) == {
        "content": "a",
        "copilot_annotations": {"x": [1]},
    }


@pytest.mark.parametrize("delta", [None, {}])
def test_a_choice_without_a_delta_gets_one(delta: dict[str, Any] | None) -> None:
    assert begun().say(delta) == [{"index": 7, "delta": {}}]


@pytest.mark.parametrize("name", ["reasoning_text", "cot_summary", "thinking"])
def test_reasoning_has_the_name_that_clients_know_as_well(name: str) -> None:
    assert begun().delta({name: "hm"}) == {name: "hm", "reasoning_content": "hm"}
    assert begun().delta({name: ""}) == {name: ""}
    assert begun().delta({name: "hm", "reasoning_content": "own"}) == {name: "hm", "reasoning_content": "own"}


def test_a_signature_is_what_reasoning_is_sealed_with() -> None:
    assert begun().delta({"signature": "S"}) == {"signature": "S", "reasoning_opaque": "S"}
    assert begun().delta({"signature": "S", "reasoning_opaque": "own"}) == {"signature": "S", "reasoning_opaque": "own"}
    assert begun().delta({"signature": ""}) == {"signature": ""}


def test_calls_that_are_numbered_keep_their_numbers() -> None:
    answer = begun()

    assert answer.calls(fragment("", index=0, id="a", name="f", type="function")) == [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    ]
    assert answer.calls(fragment("{}", index=0)) == [{"index": 0, "function": {"arguments": "{}"}}]
    assert answer.calls(fragment("", index=1, id="b", name="g", type="function"))[0]["index"] == 1
    assert answer.calls(fragment("{", index=1), fragment(" ", index=0), fragment("}", index=1)) == [
        {"index": 1, "function": {"arguments": "{"}},
        {"index": 0, "function": {"arguments": " "}},
        {"index": 1, "function": {"arguments": "}"}},
    ]


def test_a_new_id_is_a_new_call_whatever_its_number() -> None:
    answer = begun()

    assert answer.calls(fragment(index=0, id="a", name="f"))[0] == {
        "index": 0,
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": ""},
    }
    assert answer.calls(fragment('{"x":1}', index=0))[0]["index"] == 0
    assert answer.calls(fragment(index=0, id="b", name="f"))[0]["index"] == 1
    assert answer.calls(fragment("{}", index=0))[0]["index"] == 1


def test_an_id_that_is_repeated_is_the_same_call() -> None:
    answer = begun()
    answer.calls(fragment("", index=0, id="a", name="f"), fragment("", index=1, id="b", name="f"))

    assert answer.calls(fragment("{}", index=0, id="a", type="function", x=1)) == [
        {"index": 0, "x": 1, "function": {"arguments": "{}"}}
    ]
    assert answer.calls(fragment("{}", index=0, id="b"))[0]["index"] == 1


def test_calls_without_numbers_follow_one_another() -> None:
    answer = begun()

    assert answer.calls(fragment("", name="f"))[0] == {
        "index": 0,
        "id": "call_0",
        "type": "function",
        "function": {"name": "f", "arguments": ""},
    }
    assert answer.calls(fragment("{}"))[0]["index"] == 0
    assert answer.calls(fragment("", name="g"))[0]["id"] == "call_1"
    assert answer.calls({})[0] == {"index": 1, "function": {"arguments": ""}}


def test_a_number_without_an_id_is_a_new_call_once() -> None:
    answer = begun()

    calls = answer.calls(fragment("{", index=4), fragment("}", index=4), fragment(index=5))

    assert [call["index"] for call in calls] == [0, 0, 1]


@pytest.mark.parametrize("arguments", [None, ""])
def test_a_call_without_arguments_gets_an_empty_object_before_the_finish(arguments: str | None) -> None:
    answer = begun()
    answer.calls(fragment(index=0, id="a", name="f"))
    answer.calls(fragment('{"x":1}', index=1, id="b", name="g"))
    answer.calls(fragment(arguments, index=0))

    assert answer.say({"content": None}, "tool_calls") == []
    assert answer.end() == [
        {
            "index": 7,
            "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
            "finish_reason": None,
        },
        {"index": 7, "delta": {"content": None}, "finish_reason": "tool_calls"},
    ]


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_call_that_may_have_been_cut_is_not_completed(finish: str) -> None:
    answer = begun()
    answer.calls(fragment(index=0, id="a", name="f"))

    assert answer.say({"content": None}, finish) == []
    assert answer.end() == [{"index": 7, "delta": {"content": None}, "finish_reason": finish}]


def test_a_call_of_a_custom_tool_is_left_alone() -> None:
    answer = begun()

    assert answer.calls({"index": 4, "id": "a", "type": "custom", "custom": {"name": "patch", "input": ""}}) == [
        {"index": 0, "id": "a", "type": "custom", "custom": {"name": "patch", "input": ""}}
    ]
    assert answer.calls({"index": 4, "type": "custom", "custom": {"input": "x"}}) == [
        {"index": 0, "custom": {"input": "x"}}
    ]
    answer.calls(fragment(index=5, id="b", name="f"))
    answer.say({}, "tool_calls")
    assert answer.end()[0]["delta"]["tool_calls"] == [{"index": 1, "function": {"arguments": "{}"}}]


def test_a_call_that_comes_with_the_finish_goes_before_it() -> None:
    answer = Answer()
    (early,) = answer.say({"content": None, "tool_calls": [fragment("{}", index=0, id="a", name="f")]}, "stop")
    (late,) = answer.end()

    assert early["finish_reason"] is None
    assert early["delta"] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ],
    }
    assert late == {"index": 7, "delta": {}, "finish_reason": "tool_calls"}


@pytest.mark.parametrize(
    "finish, told", [("stop", "tool_calls"), ("tool_calls", "tool_calls"), ("length", "length"), ("new", "new")]
)
def test_a_finish_behind_calls_is_never_a_mere_stop(finish: str, told: str) -> None:
    answer = begun()
    answer.calls(fragment("{}", index=0, id="a", name="f"))

    answer.say({}, finish)
    assert answer.end()[-1]["finish_reason"] == told


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
def test_a_finish_without_calls_is_what_it_is(finish: str) -> None:
    answer = begun()
    assert not answer.state.finished

    assert answer.say({"content": "last"}, finish) == [
        {"index": 7, "delta": {"content": "last"}, "finish_reason": None}
    ]
    assert answer.state.finished
    assert answer.end() == [{"index": 7, "delta": {}, "finish_reason": finish}]


def test_text_that_comes_with_the_finish_has_its_logprobs_and_the_finish_what_else_there_is() -> None:
    answer = begun()

    assert answer.say({"content": "a"}, "stop", logprobs={"content": []}, x=1)[0]["logprobs"] == {"content": []}
    assert answer.end() == [{"index": 7, "delta": {}, "x": 1, "finish_reason": "stop"}]
    assert begun().say({"content": ""}, "stop", logprobs=None) == []


def test_there_is_one_finish_the_last_one_and_it_comes_after_all_calls() -> None:
    answer = begun()
    answer.say({}, "stop", x=1)

    assert answer.calls(fragment(index=0, id="a", name="f"))[0]["function"]["arguments"] == ""
    assert answer.say({}, "length", y=2) == []
    assert answer.end() == [{"index": 7, "delta": {}, "x": 1, "y": 2, "finish_reason": "length"}]


@pytest.mark.parametrize(
    "after, whole",
    [
        ({"cot_id": "x"}, True),
        ({"content": ""}, True),
        ({"content": "b"}, False),
        ({"refusal": "b"}, False),
        ({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]}, False),
    ],
)
@pytest.mark.parametrize("number", [7, 8])
def test_what_begins_after_a_finish_is_to_be_finished_as_well(after: dict[str, Any], whole: bool, number: int) -> None:
    answer = begun()
    answer.say({"content": "a"}, "stop")
    answer.say(after, number=number)

    assert answer.state.finished is whole
    answer.say({}, "stop", number=number)
    assert answer.state.finished


def test_a_part_that_has_begun_is_not_finished_by_the_finish_of_another() -> None:
    answer = begun()
    answer.say({"tool_calls": [fragment("{", index=0, id="a", name="f")]}, number=8)
    answer.say({}, "tool_calls")

    assert not answer.state.finished


def test_a_finish_that_tells_of_calls_is_not_the_end_before_there_is_one() -> None:
    answer = begun()
    answer.say({}, "tool_calls")
    assert not answer.state.finished

    answer.say({"tool_calls": [fragment("{}", index=0, id="a", name="f")]}, "tool_calls", number=8)
    assert answer.state.finished


def test_each_part_counts_its_own_calls() -> None:
    answer = begun()
    first, second = {"index": 0, "function": {"name": "f"}}, {"index": 0, "function": {"name": "g"}}
    said = [
        answer.say({"tool_calls": [piece]}, number=number)[0]["delta"]["tool_calls"][0]["index"]
        for number, piece in [(7, first), (8, second), (7, fragment("{}", index=0)), (8, fragment("{}", index=0))]
    ]

    assert said == [0, 1, 0, 1]


def test_a_model_that_ends_with_an_error_breaks_the_answer() -> None:
    with pytest.raises(UpstreamBroke):
        begun().say({}, "error")


# Whole answers


def merged(*choices: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps({"choices": choices}).encode()
    bodies = envelope.decode_list(envelope.decode(data)["choices"])
    return json.loads(envelope.encode(chat_calls.merge(bodies, chat.decode_completion(data).choices or [])))


def clean(position: int = 0, **choice: Any) -> dict[str, Any]:
    body = envelope.decode(json.dumps(choice).encode())
    return json.loads(envelope.encode(chat_calls.clean_whole(body, position, lambda: "chatcmpl-made")))


def test_split_choices_become_one() -> None:
    assert merged(
        {"index": 0, "message": {"role": "assistant", "content": "a", "y": 1}, "x": 1},
        {"index": 0, "message": {"role": "assistant", "tool_calls": [{"id": "1"}], "reasoning_text": "hm", "y": 2}},
        {"finish_reason": "tool_calls", "message": {"content": "b", "tool_calls": [{"id": "2"}, {"id": "3"}]}},
        {"finish_reason": None, "message": None},
    ) == {
        "index": 0,
        "x": 1,
        "finish_reason": "tool_calls",
        "message": {
            "role": "assistant",
            "content": "ab",
            "y": 1,
            "reasoning_text": "hm",
            "tool_calls": [{"id": "1"}, {"id": "2"}, {"id": "3"}],
        },
    }


def test_split_choices_without_text_have_none() -> None:
    assert merged({"message": {"tool_calls": None}}, {"message": {"content": None}})["message"] == {
        "tool_calls": None,
        "content": None,
    }


def test_the_last_finish_reason_counts() -> None:
    assert merged({"finish_reason": "stop"}, {"finish_reason": "length"})["finish_reason"] == "length"


def test_a_whole_choice_is_given_what_it_lacks() -> None:
    assert clean(3, finish_reason="stop", index=None) == {
        "index": 3,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": None},
    }
    assert clean(finish_reason="stop", message={"role": "critic", "content": "a", "padding": "abc", "x": 1}) == {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "critic", "content": "a", "x": 1},
    }


@pytest.mark.parametrize("name", ["reasoning_text", "cot_summary", "thinking"])
def test_whole_reasoning_has_the_name_that_clients_know_as_well(name: str) -> None:
    assert clean(finish_reason="stop", message={name: "hm"})["message"]["reasoning_content"] == "hm"
    assert "reasoning_content" not in clean(finish_reason="stop", message={name: None})["message"]
    own = clean(finish_reason="stop", message={name: "hm", "reasoning_content": "own"})
    assert own["message"]["reasoning_content"] == "own"


def test_a_whole_signature_is_what_reasoning_is_sealed_with() -> None:
    sealed = clean(finish_reason="stop", message={"thinking": "hm", "signature": "S", "reasoning_text": ""})["message"]
    own = clean(finish_reason="stop", message={"signature": "S", "reasoning_opaque": "own"})["message"]

    assert (sealed["reasoning_content"], sealed["reasoning_opaque"]) == ("hm", "S")
    assert (sealed["thinking"], sealed["signature"], own["reasoning_opaque"]) == ("hm", "S", "own")


@pytest.mark.parametrize(
    "call, expected",
    [
        (
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{ }"}, "x": 1},
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{ }"}, "x": 1},
        ),
        (
            {"function": {"name": "f", "arguments": ""}},
            {"id": "call_made", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ),
        (
            {"id": "a", "function": {"name": "f", "arguments": None}},
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ),
        ({"id": "a", "function": None}, {"id": "a", "type": "function", "function": {"arguments": "{}"}}),
    ],
)
def test_a_whole_call_is_given_what_it_lacks(call: dict[str, Any], expected: dict[str, Any]) -> None:
    assert clean(finish_reason="tool_calls", message={"tool_calls": [call]})["message"]["tool_calls"] == [expected]


def test_a_whole_call_of_a_custom_tool_is_given_an_id_alone() -> None:
    whole = {"id": "a", "type": "custom", "custom": {"name": "patch", "input": ""}}
    bare = {"type": "custom", "custom": {"name": "patch"}}
    cleaned = clean(finish_reason="tool_calls", message={"tool_calls": [whole, bare]})

    assert cleaned["message"]["tool_calls"] == [whole, {**bare, "id": "call_made"}]


@pytest.mark.parametrize("finish, told", [("stop", "tool_calls"), (None, "tool_calls"), ("length", "length")])
def test_a_whole_answer_with_calls_is_never_a_mere_stop(finish: str | None, told: str) -> None:
    calls = [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]

    assert clean(finish_reason=finish, message={"tool_calls": calls})["finish_reason"] == told
    assert clean(finish_reason="stop", message={"tool_calls": []})["finish_reason"] == "stop"


def test_a_whole_call_that_may_have_been_cut_is_not_completed() -> None:
    answer = clean(finish_reason="length", message={"tool_calls": [{"id": "a", "function": {"arguments": ""}}]})

    assert answer["message"]["tool_calls"][0]["function"]["arguments"] == ""


@pytest.mark.parametrize("choice", [{}, {"finish_reason": None}, {"finish_reason": "error"}])
def test_a_whole_answer_without_a_good_end_is_broken(choice: dict[str, Any]) -> None:
    with pytest.raises(UpstreamBroke):
        clean(**choice, message={"content": "a"})
