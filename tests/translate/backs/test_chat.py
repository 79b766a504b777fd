"""Answers of Copilot's chat route: what is changed, and that nothing else is. Requests: test_chat_requests.py."""

import itertools
import json
from typing import Any

import msgspec
import pytest

from passenger_trio.errors import UpstreamBroke, UpstreamRefused
from passenger_trio.translate.backs import chat as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire import chat
from passenger_trio.wire.chat import HubChunk
from passenger_trio.wire.sse import DONE, Event

CREATED = 1_750_000_000


# Streams


def stream(choices: int = 1) -> back.Stream:
    made = itertools.count()
    return back.Stream("asked", created=CREATED, new_id=lambda: f"made-{next(made)}", choices=choices)


def event(name: bytes = b"", **chunk: Any) -> Event:
    return Event(name, json.dumps(chunk).encode())


def text(content: str | None = "a", finish: str | None = None, **rest: Any) -> Event:
    choice: dict[str, Any] = {"index": 0, "delta": {"content": content}}
    if finish is not None:
        choice["finish_reason"] = finish
    return event(**{"id": "x", "created": 5, "model": "m", "choices": [choice], **rest})


def bodies(chunks: list[HubChunk]) -> list[dict[str, Any]]:
    assert [chat.decode_chunk(chunk.data) for chunk in chunks] == [chunk.view for chunk in chunks]
    return [json.loads(chunk.data) for chunk in chunks]


def test_an_ordinary_event_gets_an_object_and_is_not_touched_otherwise() -> None:
    answer = stream()
    answer.event(text())
    data = b'{"choices":[{"delta":{"content":"\\u2028"},"index":0,"x":1e5}],"created":5,"id":"x","model":"m"}'

    (chunk,) = answer.event(Event(b"", data))

    assert chunk.data == b'{"object":"chat.completion.chunk",' + data[1:]
    assert chunk.view == chat.decode_chunk(chunk.data)


def test_an_event_that_is_openais_own_is_not_touched_at_all() -> None:
    answer = stream()
    answer.event(text())
    ordinary = text(object="chat.completion.chunk")

    assert answer.event(ordinary)[0].data is ordinary.data


@pytest.mark.parametrize(
    "odd",
    [{"object": None}, {"object": ""}, {"id": ""}, {"id": None}, {"id": "y"}, {"created": 0}, {"created": None},
     {"model": ""}, {"model": None}, {"usage": {"prompt_tokens": 0}}],
)  # fmt: skip
def test_an_event_that_lacks_something_gets_what_the_others_had(odd: dict[str, Any]) -> None:
    answer = stream()
    answer.event(text())

    (body,) = bodies(answer.event(text(**odd, service_tier="default")))

    assert body == {
        "id": "x",
        "created": 5,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": "a"}}],
        "service_tier": "default",
        "object": "chat.completion.chunk",
    }


def test_a_role_that_is_repeated_is_left_out() -> None:
    answer = stream()
    repeated = event(
        id="x", created=5, model="m", choices=[{"index": 0, "delta": {"role": "assistant", "content": "a"}}]
    )

    deltas = [body["choices"][0]["delta"] for _ in range(2) for body in bodies(answer.event(repeated))]

    assert deltas == [{"role": "assistant", "content": "a"}, {"content": "a"}]


def test_the_first_event_is_given_what_nobody_said() -> None:
    (body,) = bodies(stream().event(event(choices=[{"delta": {"content": "a"}}])))

    assert body == {
        "choices": [{"delta": {"role": "assistant", "content": "a"}, "index": 0}],
        "object": "chat.completion.chunk",
        "id": "made-0",
        "created": CREATED,
        "model": "asked",
    }


@pytest.mark.parametrize(
    "silent",
    [
        event(choices=[], prompt_filter_results=[]),
        event(choices=None, copilot_references=[]),
        event(copilot_confirmation={}),
        event(error=None),
        event(message={"text": "a note"}),
        event(choices=[], message="a note"),
        event(b"copilot_errors", error={"message": "slow"}),
        Event(b"copilot_errors", b"[]"),
        Event(b"", b""),
    ],
)
def test_a_side_note_is_passed_over(silent: Event) -> None:
    assert stream().event(silent) == []


@pytest.mark.parametrize(
    "wrong, words, code",
    [
        (event(error={"message": "no luck", "code": "internal_error"}), "no luck", "internal_error"),
        (event(b"error", error={"message": "no luck", "code": 500}), "no luck", "500"),
        (event(b"error", message="no luck", code=""), "no luck", None),
        (event(error={"code": "internal_error"}), "internal_error", "internal_error"),
        (event(error={}), "no reason given", None),
        (event(message="no luck", code="internal_error"), "no luck", "internal_error"),
        (event(b"message", choices=None, message="no luck"), "no luck", None),
        (event(error="no luck"), "no luck", None),
        (Event(b"", b"no luck"), "no chat completion chunk", None),
        (Event(b"", b'{"choices":[{"delta":{"content":"\xff"}}]}'), "no chat completion chunk", None),
        (Event(b"message", b'{"choices":{}}'), "no chat completion chunk", None),
    ],
)
def test_an_error_in_band_breaks_the_stream(wrong: Event, words: str, code: str | None) -> None:
    with pytest.raises(UpstreamBroke) as caught:
        stream().event(wrong)

    assert words in caught.value.message
    assert caught.value.code == code


def test_the_stream_tells_when_it_is_finished_and_when_done() -> None:
    answer = stream()
    assert (answer.finished, answer.done) == (False, False)
    answer.event(text())
    assert (answer.finished, answer.done) == (False, False)
    answer.event(text(None, "stop"))
    assert (answer.finished, answer.done) == (True, False)
    assert answer.event(Event(b"", DONE)) == []
    assert (answer.finished, answer.done) == (True, True)


def test_nothing_counts_after_done() -> None:
    answer = stream()
    answer.event(text("a", "stop"))
    answer.event(Event(b"", DONE))

    assert answer.event(text("b")) == []
    assert answer.event(event(error={"message": "too late"})) == []


def test_an_event_cut_off_after_the_finish_spoils_nothing() -> None:
    answer = stream()
    answer.event(text("a", "stop"))

    assert answer.event(Event(b"", b"[DON")) == []
    assert answer.end() == []


@pytest.mark.parametrize("late", [event(error={"message": "late"}), event(message="late", code="c")])
@pytest.mark.parametrize("finish", [None, "stop"])
def test_an_error_is_one_in_the_middle_and_after_the_finish(late: Event, finish: str | None) -> None:
    answer = stream()
    answer.event(text("a", finish))

    with pytest.raises(UpstreamBroke, match="late"):
        answer.event(late)


def finishes(chunks: list[HubChunk]) -> list[tuple[int | None, str | None]]:
    return [(choice.index, choice.finish_reason) for chunk in chunks for choice in chunk.view.choices or ()]


@pytest.mark.parametrize("events", [[], [Event(b"", DONE)], [event(choices=[])]])
def test_a_stream_without_an_answer_is_broken(events: list[Event]) -> None:
    answer = stream()
    for one in events:
        answer.event(one)

    with pytest.raises(UpstreamBroke, match="without an answer"):
        answer.end()


@pytest.mark.parametrize("done", [[], [Event(b"", DONE)]])
def test_a_stream_without_a_finish_is_broken_whether_or_not_it_says_done(done: list[Event]) -> None:
    answer = stream()
    for one in [text(), *done]:
        answer.event(one)

    with pytest.raises(UpstreamBroke, match="finish_reason"):
        answer.end()


def test_two_choices_are_kept_apart_and_both_must_finish() -> None:
    answer = stream(choices=2)
    one, two = {"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}

    (first,) = bodies(answer.event(event(id="x", created=5, model="m", choices=[one, two])))
    (other,) = bodies(answer.event(event(id="x", created=5, model="m", choices=[two])))
    (third,) = bodies(answer.event(text(None, "stop")))

    assert [choice["delta"] for choice in first["choices"]] == [
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "b"},
    ]
    assert other["choices"] == [two]
    assert third["choices"] == [{"index": 0, "delta": {"content": None}, "finish_reason": "stop"}]
    assert not answer.finished
    with pytest.raises(UpstreamBroke):
        answer.end()
    assert finishes(answer.event(second("length"))) == [(1, "length")]
    assert answer.finished
    assert answer.end() == []


def second(finish: str | None = None) -> Event:
    return event(choices=[{"index": 1, "delta": {}, "finish_reason": finish}])


def test_a_choice_that_was_asked_for_and_has_not_begun_is_missing() -> None:
    answer = stream(choices=2)
    answer.event(text("a", "stop"))
    assert not answer.finished

    with pytest.raises(UpstreamBroke, match="after 1 of 2 choices"):
        answer.end()
    with pytest.raises(UpstreamBroke, match="no chat completion chunk"):
        answer.event(Event(b"", b'{"choices":[{"ind'))
    answer.event(second())
    assert not answer.finished
    assert finishes(answer.event(second("stop"))) == [(1, "stop")]
    assert answer.finished
    assert answer.end() == []


def test_an_answer_of_fewer_choices_than_were_asked_for_is_whole_when_copilot_says_so() -> None:
    answer = stream(choices=2)
    answer.event(text("a", "stop"))
    answer.event(Event(b"", DONE))

    assert (answer.finished, answer.end()) == (False, [])


def test_the_calls_of_two_answers_have_different_ids_and_each_call_one() -> None:
    call = {"index": 0, "function": {"name": "f", "arguments": "{"}}
    more = {"index": 0, "function": {"arguments": "}"}}
    other = {"index": 1, "function": {"name": "g", "arguments": "{}"}}
    answer = stream()

    first = bodies(answer.event(event(id="x", choices=[{"index": 0, "delta": {"tool_calls": [call]}}])))
    rest = bodies(answer.event(event(id="x", choices=[{"index": 0, "delta": {"tool_calls": [more, other]}}])))

    fragments = [fragment for body in (*first, *rest) for fragment in body["choices"][0]["delta"]["tool_calls"]]
    assert [(fragment["index"], fragment.get("id")) for fragment in fragments] == [
        (0, "call_0"),
        (0, None),
        (1, "call_1"),
    ]


def test_usage_comes_once_and_last_and_is_the_last_one_said() -> None:
    answer = stream()
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10, "reasoning_tokens": 7}
    assert "usage" not in bodies(answer.event(text(usage={"prompt_tokens": 0})))[0]
    (finish,) = bodies(answer.event(text(None, "stop", usage=usage, copilot_usage={"x": 1})))
    answer.event(text(None, usage=None, id=""))

    (body,) = bodies(answer.end())

    assert finish["copilot_usage"] == {"x": 1}
    assert "usage" not in finish
    assert body == {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 5,
        "model": "m",
        "choices": [],
        "usage": usage,
    }


@pytest.mark.parametrize("odd", [{"prompt_tokens": None}, {"prompt_tokens": 1.0}, {"completion_tokens": 2.5}])
def test_odd_numbers_in_usage_do_no_harm(odd: dict[str, Any]) -> None:
    answer = stream()
    answer.event(text("a", "stop", usage={"total_tokens": 7, **odd}))

    last = answer.end()[-1]

    assert json.loads(last.data)["usage"] == {"total_tokens": 7, **odd}
    assert last.view.usage is not None
    assert last.view.usage.total_tokens == 7
    assert reply(1, choices=[whole("a")], usage=odd)["usage"] == odd


def test_an_event_with_a_call_and_the_finish_becomes_two() -> None:
    function = {"name": "f", "arguments": "{}"}
    choice = {"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c", "function": function}]},
              "finish_reason": "tool_calls"}  # fmt: skip

    answer = stream()
    early, late = bodies(answer.event(event(id="x", created=5, model="m", choices=[choice], copilot_usage={"x": 1})))

    assert early["choices"][0]["finish_reason"] is None
    assert "copilot_usage" not in early
    assert late["choices"] == [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]
    assert late["copilot_usage"] == {"x": 1}
    assert [early[key] for key in ("id", "object", "created", "model")] == [
        late[key] for key in ("id", "object", "created", "model")
    ]


def test_several_lines_of_data_become_one() -> None:
    (chunk,) = stream().event(Event(b"", b'{"choices":[\n{"index":0,\n"delta":{"content":"a\\nb","x":1e5}}]}'))

    assert b"\n" not in chunk.data
    assert b'"x":1e5' in chunk.data
    assert chunk.view.choices is not None
    assert chunk.view.choices[0].delta is not None
    assert chunk.view.choices[0].delta.content == "a\nb"


# Whole answers


def reply(n: int | None = None, **answer: Any) -> dict[str, Any]:
    call = to_call(json.dumps({"model": "asked", "messages": [{"role": "user"}], "n": n}).encode())
    ids = itertools.count()
    new_id = lambda: f"made-{next(ids)}"  # noqa: E731 - as the house passes it
    made = back.reply(json.dumps(answer).encode(), call, "asked", created=CREATED, new_id=new_id)
    assert chat.decode_completion(made.data) == made.view
    return json.loads(made.data)


def whole(content: str, **rest: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content}, "finish_reason": "stop", **rest}


@pytest.mark.parametrize("odd", [{}, {"id": None, "created": None, "model": None}, {"id": ""}])
def test_a_whole_answer_is_given_what_it_lacks(odd: dict[str, Any]) -> None:
    answer = reply(choices=[whole("a")], **odd)

    assert (answer["id"], answer["created"], answer["model"]) == ("made-0", CREATED, "asked")
    assert answer["object"] == "chat.completion"


def test_a_whole_answer_keeps_what_it_has() -> None:
    given = {"id": "x", "created": 5, "model": "m", "usage": {"total_tokens": 1, "new": {}}, "new": [1]}

    answer = reply(choices=[whole("a", logprobs=None)], object="", **given)

    assert {key: answer[key] for key in given} == given
    assert answer["object"] == "chat.completion"
    assert answer["choices"] == [{"index": 0, **whole("a", logprobs=None)}]


@pytest.mark.parametrize("n", [None, 1])
def test_choices_nobody_asked_for_are_one(n: int | None) -> None:
    assert [choice["message"]["content"] for choice in reply(n, choices=[whole("a"), whole("b")])["choices"]] == ["ab"]


def test_choices_that_were_asked_for_are_numbered() -> None:
    answer = reply(2, choices=[whole("a"), whole("b")])

    assert [(choice["index"], choice["message"]["content"]) for choice in answer["choices"]] == [(0, "a"), (1, "b")]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"message":{}}', b'{"choices":null}', b'{"choices":[]}', b'{"choices":[1]}',
     b'{"choices":[{}]}', b'{"choices":[{"message":{"content":1}}]}',
     b'{"choices":[{"finish_reason":"stop","message":{"content":"\xff"}}]}',
     b'{"choices":[{"finish_reason":"stop"}],"usage":[]}', b"<html>"],
)  # fmt: skip
def test_what_is_no_answer_is_broken(body: bytes) -> None:
    call = to_call(b'{"model":"m","messages":[{"role":"user"}]}')

    with pytest.raises(UpstreamBroke):
        back.reply(body, call, "m", created=CREATED, new_id=lambda: "made")


def test_an_error_that_is_no_object_is_quoted() -> None:
    error = back.broke(msgspec.Raw(b"[" + b"1," * 400 + b"1]"))

    assert "1,1,1" in error.message
    assert len(error.message) < 400


@pytest.mark.parametrize(
    ("body", "words", "code"),
    [
        (b'{"error":{"message":"too busy","code":"busy"}}', "too busy", "busy"),
        (b'{"message":"too busy","code":"busy"}', "too busy", "busy"),
        (b'{"message":"too busy","choices":null}', "too busy", None),
        (b'{"error":{"message":"","code":"busy"}}', "busy", "busy"),
        (b'{"error":"too busy"}', '"too busy"', None),
        (b'{"error":{}}', "Copilot answered with an error and gave no reason.", None),
    ],
)
def test_an_error_instead_of_an_answer_keeps_its_words(body: bytes, words: str, code: str | None) -> None:
    call = to_call(b'{"model":"m","messages":[{"role":"user"}]}')

    with pytest.raises(UpstreamRefused) as caught:
        back.reply(body, call, "m", created=CREATED, new_id=lambda: "made")

    assert (caught.value.status, caught.value.message, caught.value.code) == (502, words, code)


def test_a_whole_call_without_an_id_gets_one_of_its_own() -> None:
    call = {"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "tool_calls": [call, call]}

    answer = reply(1, id="x", choices=[{"finish_reason": "tool_calls", "message": message}])

    assert [call["id"] for call in answer["choices"][0]["message"]["tool_calls"]] == ["call_0", "call_1"]
