"""Clients that speak of functions: what they read of any answer."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from passenger_trio.translate.fronts import chat, functions
from passenger_trio.wire.chat import Call, HubChunk, HubReply, decode_chunk, decode_completion


def call(**fields: Any) -> Call:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "functions": [{"name": "f"}], **fields}
    return chat.to_call(json.dumps(body).encode())


def whole(*choices: dict[str, Any], **fields: Any) -> HubReply:
    data = json.dumps({"id": "x", "object": "chat.completion", "choices": choices, **fields}).encode()
    return HubReply(data, decode_completion(data))


def chunk(*choices: dict[str, Any], **fields: Any) -> HubChunk:
    data = json.dumps({"id": "x", "object": "chat.completion.chunk", "choices": choices, **fields}).encode()
    return HubChunk(data, decode_chunk(data))


def delta(finish: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"index": index, "delta": fields, "finish_reason": finish}


def begun(index: int = 0, name: str = "f", arguments: str = "") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": f"call_{index}", "type": "function", "function": function}


def more(arguments: str, index: int = 0) -> dict[str, Any]:
    return {"index": index, "function": {"arguments": arguments}}


def heard(*chunks: HubChunk) -> list[Any]:
    """The choices of the events that such a client gets."""
    stream = chat.stream(call())
    data = b"".join(map(stream.event, chunks))
    return [json.loads(row.removeprefix("data: "))["choices"] for row in data.decode().split("\n\n") if row]


# whole answers


def test_a_call_in_a_whole_answer_is_a_function_call() -> None:
    message = {"role": "assistant", "content": "Let me see.", "tool_calls": [begun(arguments='{"a": 1.50}')], "new": 1}

    answer = json.loads(chat.from_hub(whole({"index": 0, "message": message, "finish_reason": "tool_calls"}), call()))

    assert answer["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Let me see.",
                "new": 1,
                "function_call": {"name": "f", "arguments": '{"a": 1.50}'},
            },
            "finish_reason": "function_call",
        }
    ]


def test_of_several_calls_in_a_whole_answer_the_first_is_told() -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [begun(), begun(1, "g")]}

    answer = json.loads(functions.older_reply(whole({"message": message, "finish_reason": "tool_calls"}, usage={})))

    assert answer["choices"][0]["message"] == {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "f", "arguments": ""},
    }
    assert answer["usage"] == {}


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_call_that_was_cut_off_keeps_its_finish(finish: str) -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [begun()]}

    answer = json.loads(functions.older_reply(whole({"message": message, "finish_reason": finish})))

    assert answer["choices"][0]["finish_reason"] == finish
    assert "function_call" in answer["choices"][0]["message"]


def test_every_choice_has_its_own_call() -> None:
    texts = {"message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    calls = {"message": {"role": "assistant", "tool_calls": [begun()]}, "finish_reason": "tool_calls"}

    answer = json.loads(functions.older_reply(whole(texts, calls)))

    assert answer["choices"][0] == texts
    assert answer["choices"][1]["message"]["function_call"]["name"] == "f"


@pytest.mark.parametrize(
    "choice",
    [
        {"message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"},
        {"message": {"content": None, "function_call": {"name": "f"}}, "finish_reason": "function_call"},
        {"finish_reason": "stop"},
    ],
)
def test_an_answer_that_such_a_client_knows_is_not_touched(choice: dict[str, Any]) -> None:
    reply = whole(choice)

    assert chat.from_hub(reply, call()) is reply.data


@pytest.mark.parametrize("custom", [{"id": "c", "type": "custom", "custom": {"name": "p", "input": "x"}}])
def test_a_call_that_is_of_no_function_is_none(custom: dict[str, Any]) -> None:
    reply = whole({"message": {"role": "assistant", "tool_calls": [custom]}, "finish_reason": "tool_calls"})

    assert json.loads(functions.older_reply(reply))["choices"][0]["message"] == {"role": "assistant"}


# streams


def test_a_streamed_call_is_a_function_call_piece_by_piece() -> None:
    assert heard(
        chunk(delta(role="assistant", content="Hm. ")),
        chunk(delta(tool_calls=[begun()])),
        chunk(delta(tool_calls=[more('{"a":')])),
        chunk(delta(tool_calls=[more("1}")])),
        chunk(delta("tool_calls"), copilot_usage={}),
    ) == [
        [delta(role="assistant", content="Hm. ")],
        [delta(function_call={"name": "f", "arguments": ""})],
        [delta(function_call={"arguments": '{"a":'})],
        [delta(function_call={"arguments": "1}"})],
        [delta("function_call")],
    ]


def test_of_several_streamed_calls_the_first_is_told_and_the_others_make_no_event() -> None:
    assert heard(
        chunk(delta(role="assistant", tool_calls=[begun(), begun(1, "g"), more("{}", 1)])),
        chunk(delta(tool_calls=[begun(2, "h")])),
        chunk(delta(tool_calls=[more("{", 0), more("{}", 2), more("}", 0)])),
        chunk(delta("tool_calls")),
    ) == [
        [delta(role="assistant", function_call={"name": "f", "arguments": ""})],
        [delta(function_call={"arguments": "{}"})],
        [delta("function_call")],
    ]


def test_a_call_whole_in_one_chunk_is_whole() -> None:
    [[choice]] = heard(chunk(delta(role="assistant", tool_calls=[begun(arguments='{"a"'), more(":1}")])))

    assert choice["delta"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}


def test_what_else_is_in_a_chunk_is_told_although_a_second_call_is_not() -> None:
    assert heard(chunk(delta(tool_calls=[more("x", 1)]), delta(index=1, content="b"))) == [
        [delta(index=1, content="b")]
    ]
    assert heard(chunk(delta(content="a", tool_calls=[more("x", 1)]))) == [[delta(content="a")]]
    assert heard(chunk(delta("length", tool_calls=[more("x", 1)]))) == [[delta("length")]]


@pytest.mark.parametrize(
    "plain",
    [
        delta(role="assistant", content="a"),
        delta(function_call={"arguments": "{}"}),
        delta("function_call"),
        delta("stop"),
        {"index": 0},
    ],
)
def test_a_chunk_that_such_a_client_knows_is_not_touched(plain: dict[str, Any]) -> None:
    hub = chunk(plain)

    assert functions.older_chunk(hub) is hub.data


@pytest.mark.parametrize("include_usage", [False, True])
def test_usage_is_for_those_who_asked_here_too(include_usage: bool) -> None:
    stream = chat.stream(call(stream=True, stream_options={"include_usage": include_usage}))

    assert bool(stream.event(chunk(usage={"prompt_tokens": 1}))) is include_usage
    assert stream.end() == b"data: [DONE]\n\n"


@given(st.lists(st.tuples(st.sampled_from(["f", "g"]), st.lists(st.text(max_size=4), max_size=4)), max_size=3))
def test_a_stream_says_in_the_older_form_what_the_whole_answer_says(calls: list[tuple[str, list[str]]]) -> None:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    pieces = [chunk(delta(role="assistant", content=None))]
    for at, (name, texts) in enumerate(calls):
        message.setdefault("tool_calls", []).append(begun(at, name, "".join(texts)))
        pieces += [chunk(delta(tool_calls=[begun(at, name)])), *(chunk(delta(tool_calls=[more(t, at)])) for t in texts)]
    finish = "tool_calls" if calls else "stop"
    told = json.loads(functions.older_reply(whole({"message": message, "finish_reason": finish})))["choices"][0]

    choices = [choice for [choice] in heard(*pieces, chunk(delta(finish)))]

    found = [choice["delta"]["function_call"] for choice in choices if "function_call" in choice["delta"]]
    assert choices[-1]["finish_reason"] == told["finish_reason"]
    assert all("tool_calls" not in choice["delta"] for choice in choices)
    if calls:
        name, texts = calls[0]
        assert told["message"]["function_call"] == {"name": name, "arguments": "".join(texts)}
        assert found[0] == {"name": name, "arguments": ""}
        assert found[1:] == [{"arguments": text} for text in texts]
    else:
        assert found == []


# who is who


@pytest.mark.parametrize("fields", [{}, {"tools": None}, {"tools": []}, {"stream": True}])
def test_a_client_of_functions_alone_gets_the_older_form(fields: dict[str, Any]) -> None:
    assert isinstance(chat.stream(call(**fields)), chat.FunctionsStream)


@pytest.mark.parametrize(
    "fields", [{"functions": None}, {"tools": [{"type": "function", "function": {"name": "f"}}]}, {"tools": {"x": 1}}]
)
def test_every_other_client_gets_the_hubs_own_bytes(fields: dict[str, Any]) -> None:
    spoken = call(**fields)
    calls = {"message": {"role": "assistant", "tool_calls": [begun()]}, "finish_reason": "tool_calls"}
    reply = whole(calls)

    assert type(chat.stream(spoken)) is chat.Stream
    assert chat.from_hub(reply, spoken) is reply.data
    assert chat.from_hub(reply) is reply.data
