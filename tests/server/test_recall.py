"""Reasoning that clients do not return is there again when the model wants it, and only then."""

import json
from typing import Any

import msgspec
import pytest

from passenger_trio.server.recall import Recall
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire import chat, envelope
from passenger_trio.wire.chat import Call, HubChunk

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
USER = {"role": "user", "content": "weather in Paris"}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "18C"}


def call(name: str = "get_weather", arguments: str = '{"city":"Paris"}') -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}


def assistant(*calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls or (call(),)), **fields}


def ask(*messages: dict[str, Any], **fields: Any) -> Call:
    body = {"model": "m", "messages": list(messages or (USER,)), "tools": [TOOL], **fields}
    return to_call(json.dumps(body).encode())


def answer(recall: Recall, asked: Call, *deltas: dict[str, Any], model: str = "m", index: int = 0) -> None:
    """An answer in these pieces, good to its end."""
    listener = recall.listen(model, asked)
    assert listener is not None
    for delta in deltas:
        data = json.dumps({"choices": [{"index": index, "delta": delta}]}).encode()
        listener.hear(HubChunk(data, chat.decode_chunk(data)))
    listener.end()


def calling(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": [{"index": at, **called} for at, called in enumerate(calls or (call(),))]}


def signed(opaque: str = "c2ln", content: str = "Hm") -> tuple[dict[str, Any], dict[str, Any]]:
    return {"reasoning_content": content}, {"reasoning_opaque": opaque}


def messages(filled: Call) -> list[dict[str, Any]]:
    """The messages as they are sent; the view of the call must be of just these."""
    view = chat.decode_request(envelope.encode(filled.envelope))
    assert msgspec.structs.asdict(filled.request) == msgspec.structs.asdict(view)
    found: list[dict[str, Any]] = json.loads(bytes(filled.envelope["messages"]))
    return found


def test_reasoning_comes_back_with_the_calls_it_led_to() -> None:
    recall = Recall()
    answer(recall, ask(), *signed(), calling())
    asked = ask(USER, assistant(odd={"x": 1.50}), RESULT, seed=7)
    filled = recall.fill("m", asked)

    assert messages(filled) == [
        USER,
        assistant(odd={"x": 1.50}, reasoning_opaque="c2ln", reasoning_content="Hm"),
        RESULT,
    ]
    for untouched in (USER, RESULT, {"x": 1.50}):
        assert json.dumps(untouched).encode() in bytes(filled.envelope["messages"]), "spaces and all"
    assert {**filled.envelope, "messages": None} == {**asked.envelope, "messages": None}
    assert messages(asked)[1] == assistant(odd={"x": 1.50}), "the call that was asked about has changed"


def test_a_long_conversation_gets_back_all_of_it() -> None:
    recall = Recall()
    told = [USER]
    for turn in range(3):
        answer(recall, ask(*told), *signed(f"first{turn}"), calling())
        told += [assistant(), RESULT]
        answer(recall, ask(*told), *signed(f"second{turn}"), calling())
        told += [assistant(), RESULT, {"role": "assistant", "content": "18C"}, {"role": "user", "content": f"{turn}?"}]

    found = [
        message["reasoning_opaque"] for message in messages(recall.fill("m", ask(*told))) if "tool_calls" in message
    ]
    assert found == ["first0", "second0", "first1", "second1", "first2", "second2"]


def test_calls_that_are_returned_one_by_one_have_it_with_the_first() -> None:
    recall = Recall()
    answer(recall, ask(), *signed(), calling(call("f"), call("g")))
    filled = messages(recall.fill("m", ask(USER, assistant(call("f")), RESULT, assistant(call("g")), RESULT)))

    assert ["reasoning_opaque" in message for message in filled] == [False, True, False, False, False]


def test_what_the_client_has_sent_stays() -> None:
    recall = Recall()
    answer(recall, ask(), *signed(), calling())
    own = recall.fill("m", ask(USER, assistant(reasoning_content="Mine"), RESULT))
    both = ask(USER, assistant(reasoning_opaque="bXk="), RESULT)
    nulls = recall.fill("m", ask(USER, assistant(reasoning_opaque=None, reasoning_content=None), RESULT))

    assert messages(own)[1] == assistant(reasoning_content="Mine", reasoning_opaque="c2ln")
    assert recall.fill("m", both) is both
    assert messages(nulls)[1] == assistant(reasoning_opaque="c2ln", reasoning_content="Hm")


def test_a_signature_without_words_comes_back_without_words() -> None:
    recall = Recall()
    answer(recall, ask(), {**calling(), "reasoning_opaque": "c2ln"})
    filled = recall.fill("m", ask(USER, assistant(), RESULT))

    assert messages(filled)[1] == assistant(reasoning_opaque="c2ln")


def test_of_several_signatures_the_last_one_counts() -> None:
    recall = Recall()
    answer(recall, ask(), *signed("one", "Hm"), *signed("two", ", yes"), {"content": "Let me see."}, calling())
    filled = recall.fill("m", ask(USER, assistant(), RESULT))

    assert messages(filled)[1] == assistant(reasoning_opaque="two", reasoning_content="Hm, yes")


def test_a_call_of_a_custom_tool_is_known_as_well() -> None:
    recall = Recall()
    custom = {"id": "c", "type": "custom", "custom": {"name": "patch", "input": "a b"}}
    first = {"index": 0, **custom, "custom": {"name": "patch", "input": "a "}}
    answer(recall, ask(), *signed(), {"tool_calls": [first]}, {"tool_calls": [{"index": 0, "custom": {"input": "b"}}]})

    assert messages(recall.fill("m", ask(USER, assistant(custom), RESULT)))[1]["reasoning_opaque"] == "c2ln"


def test_a_call_in_the_old_form_is_known_as_well() -> None:
    recall = Recall()
    asked = ask(tools=None, functions=[TOOL["function"]])
    answer(recall, asked, *signed(), calling())
    old = {"role": "assistant", "content": None, "function_call": call()["function"]}
    filled = recall.fill("m", ask(USER, old, tools=None, functions=[TOOL["function"]]))

    assert messages(filled)[1]["reasoning_opaque"] == "c2ln"


def test_each_of_several_answers_is_known() -> None:
    recall = Recall()
    listener = recall.listen("m", ask())
    assert listener is not None
    choices = [{"index": at, "delta": {"reasoning_opaque": f"sig{at}", **calling(call(f"f{at}"))}} for at in range(2)]
    data = json.dumps({"choices": choices}).encode()
    listener.hear(HubChunk(data, chat.decode_chunk(data)))
    listener.end()

    for at in range(2):
        filled = recall.fill("m", ask(USER, assistant(call(f"f{at}")), RESULT))
        assert messages(filled)[1]["reasoning_opaque"] == f"sig{at}"


@pytest.mark.parametrize(
    "conversation",
    [
        (USER, {"role": "assistant", "content": "18C"}),
        ({"role": "user", "content": "weather in Rome"}, assistant(), RESULT),
        (USER, assistant(call(arguments='{"city":"Rome"}')), RESULT),
        (USER, assistant(call("set_weather")), RESULT),
        (USER, assistant(call(), call()), RESULT),
        (USER, {**assistant(), "role": "user"}),
        (USER, assistant(tool_calls=["odd"])),
    ],
)
def test_a_conversation_without_that_answer_stays_as_it_is(conversation: tuple[dict[str, Any], ...]) -> None:
    recall = Recall()
    answer(recall, ask(), *signed(), calling())
    asked = ask(*conversation)

    assert recall.fill("m", asked) is asked


def test_another_model_gets_nothing() -> None:
    recall = Recall()
    answer(recall, ask(), *signed(), calling())
    answer(recall, ask(), *signed("other"), calling(), model="n")
    asked = ask(USER, assistant(), RESULT)

    assert recall.fill("o", asked) is asked
    assert messages(recall.fill("n", asked))[1]["reasoning_opaque"] == "other"


def test_without_tools_nobody_listens() -> None:
    recall = Recall()

    assert recall.listen("m", ask(tools=None)) is None
    assert recall.listen("m", ask(tools=None, functions=None)) is None


@pytest.mark.parametrize(
    "deltas",
    [
        (*signed(), {"content": "18C"}),
        (calling(),),
        (*signed(), {"tool_calls": [{"index": 0, "type": "new", "custom": 5}]}),
    ],
)
def test_an_answer_without_calls_or_without_a_signature_is_not_kept(deltas: tuple[dict[str, Any], ...]) -> None:
    recall = Recall()
    answer(recall, ask(), *deltas)

    assert len(recall) == 0


def test_an_answer_that_does_not_end_is_not_kept() -> None:
    recall = Recall()
    listener = recall.listen("m", ask())
    assert listener is not None
    for delta in (*signed(), calling()):
        data = json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode()
        listener.hear(HubChunk(data, chat.decode_chunk(data)))

    assert len(recall) == 0


def test_the_last_of_two_like_answers_is_known_even_when_it_had_no_reasoning() -> None:
    recall = Recall()
    asked = ask(USER, assistant(), RESULT)
    answer(recall, ask(), *signed("one"), calling())
    answer(recall, ask(), *signed("two"), calling())
    assert messages(recall.fill("m", asked))[1]["reasoning_opaque"] == "two"

    answer(recall, ask(), calling())
    assert recall.fill("m", asked) is asked
    assert (len(recall), recall.size) == (0, 0)


def test_only_so_many_are_kept_and_the_least_used_goes_first() -> None:
    recall = Recall(max_entries=3)
    asked = {name: ask(USER, assistant(call(name)), RESULT) for name in "fghi"}
    for name in "fgh":
        answer(recall, ask(), *signed(name), calling(call(name)))
    recall.fill("m", asked["f"])
    answer(recall, ask(), *signed("i"), calling(call("i")))

    assert len(recall) == 3
    assert recall.fill("m", asked["g"]) is asked["g"]
    for name in "fhi":
        assert messages(recall.fill("m", asked[name]))[1]["reasoning_opaque"] == name


def test_only_so_much_is_kept() -> None:
    recall = Recall(max_bytes=10_000)
    for name in "fghij":
        answer(recall, ask(), *signed(name * 2000, name * 1000), calling(call(name)))
    kept = [
        name for name in "fghij" if recall.fill("m", asked := ask(USER, assistant(call(name)), RESULT)) is not asked
    ]

    assert kept == ["h", "i", "j"]
    assert 9000 < recall.size <= 10_000

    answer(recall, ask(), *signed("x" * 20_000), calling(call("k")))
    assert (len(recall), recall.size) == (0, 0), "what is larger than all there may be"


def test_what_is_said_of_it_holds_nothing_of_a_conversation() -> None:
    recall = Recall()
    answer(recall, ask(), *signed("c2lnbmF0dXJl", "secret thoughts"), calling())

    assert "secret" not in repr(recall)
    assert "Paris" not in repr(vars(recall))
    assert "weather" not in repr(vars(recall))
