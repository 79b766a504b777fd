"""OpenAI's old text form on chat: prompts as conversations, and what is said to them as texts."""

import json
from pathlib import Path
from typing import Any

import pytest

from passenger_trio.errors import BadRequest, UpstreamBroke
from passenger_trio.translate.backs import chat as chat_back
from passenger_trio.translate.fronts import completions as front
from passenger_trio.wire import chat, sse
from passenger_trio.wire.chat import Call, HubChunk, HubReply
from passenger_trio.wire.models import Model

SAMPLES = Path(__file__).parents[2] / "samples" / "copilot"


def read(**fields: object) -> front.Asked:
    return front.read(json.dumps({"model": "gpt-4.1", "prompt": "Once", **fields}).encode())


def sent(call: Call) -> dict[str, Any]:
    found = json.loads(chat_back.request(call, Model(id=call.model)).body)
    assert isinstance(found, dict)
    return found


def reply(*texts: str | None, finish: str = "stop", usage: int | None = 1, **rest: object) -> HubReply:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "gpt-4.1-2025-04-14",
        "choices": [
            {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
            for index, text in enumerate(texts)
        ],
        "usage": None if usage is None else {"prompt_tokens": usage, "completion_tokens": 2, "total_tokens": usage + 2},
        **rest,
    }
    data = json.dumps(body).encode()
    return HubReply(data, chat.decode_completion(data))


def chunk(*choices: dict[str, object], number: int = 1, **rest: object) -> HubChunk:
    head = {"id": f"chatcmpl-{number}", "object": chat.CHUNK_OBJECT, "created": number, "model": "gpt-4.1"}
    data = json.dumps({**head, "choices": choices, **rest}).encode()
    return HubChunk(data, chat.decode_chunk(data))


def piece(text: str | None = None, finish: str | None = None, index: int = 0, **delta: object) -> dict[str, object]:
    return {"index": index, "delta": {"content": text, **delta}, "finish_reason": finish}


def usage(tokens: int, number: int = 1) -> HubChunk:
    return chunk(number=number, usage={"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1})


def events(data: bytes) -> list[Any]:
    splitter = sse.Splitter()
    return [
        "[DONE]" if event.data == sse.DONE else json.loads(event.data) for event in splitter.feed(data) + splitter.end()
    ]


def stream_of(asked: front.Asked) -> front.Stream:
    return front.Stream(asked, front.to_calls(asked, None))


def test_each_prompt_becomes_a_conversation_of_one_message() -> None:
    calls = front.to_calls(read(prompt=["Once", "Twice"], temperature=0.50, max_tokens=7), None)

    assert [sent(call) for call in calls] == [
        {"model": "gpt-4.1", "temperature": 0.5, "max_tokens": 7, "messages": [{"role": "user", "content": text}]}
        for text in ("Once", "Twice")
    ]
    assert all(call.request.messages[0].content == text for call, text in zip(calls, ("Once", "Twice"), strict=True))


def test_no_limit_is_made_up_where_the_old_models_had_one() -> None:
    (call,) = front.to_calls(read(), None)

    assert "max_tokens" not in sent(call)


def test_the_view_of_a_call_says_what_its_body_says() -> None:
    asked = read(stream=True, stream_options={"include_usage": True}, n=2, unknown=1)
    (call,) = front.to_calls(asked, None)

    assert (call.stream, call.include_usage, call.request.n) == (True, True, 2)
    assert {"stream", "stream_options", "n", "unknown"} <= sent(call).keys()


def test_token_ids_are_read_with_the_vocabulary() -> None:
    calls = front.to_calls(read(prompt=[[1], [2, 3]]), str)

    assert [call.request.messages[0].content for call in calls] == ["[1]", "[2, 3]"]


@pytest.mark.parametrize(
    "fields",
    [
        {"suffix": "the end"},
        {"best_of": 3},
        {"best_of": 1, "n": 2},
        {"logprobs": 3},
        {"logprobs": True},
        {"prompt": []},
        {"prompt": None},
    ],
)
def test_what_cannot_be_said_is_refused_by_name(fields: dict[str, object]) -> None:
    with pytest.raises(BadRequest) as refused:
        read(**fields)

    assert refused.value.param == next(iter(fields))
    assert f"`{next(iter(fields))}`" in refused.value.message


@pytest.mark.parametrize(
    "fields",
    [
        {"suffix": ""},
        {"suffix": None},
        {"best_of": 1},
        {"best_of": 2, "n": 2},
        {"logprobs": None},
        {"logprobs": False},
        {"echo": False},
        {"messages": None},
    ],
)
def test_what_changes_nothing_is_left_out_in_silence(fields: dict[str, object]) -> None:
    asked = read(**fields)

    assert asked.dropped == ()
    assert asked.envelope.keys() - {"n"} == {"model"}


def test_what_has_no_place_is_dropped_by_name() -> None:
    asked = read(logprobs=0, messages=[], tools=[{"type": "function"}], tool_choice="auto", functions=[])
    (call,) = front.to_calls(asked, None)

    assert call.dropped == ("messages", "tools", "tool_choice", "functions", "logprobs")
    assert sent(call).keys() == {"model", "messages"}


def test_a_whole_answer_is_a_text_and_keeps_what_else_was_said() -> None:
    asked = read()
    answer = front.Answer(asked, front.to_calls(asked, None))
    answer.add(reply(" upon a time", finish="length", system_fingerprint="fp_1"))

    assert json.loads(answer.end()) == {
        "id": "chatcmpl-1",
        "object": "text_completion",
        "created": 5,
        "model": "gpt-4.1-2025-04-14",
        "choices": [{"text": " upon a time", "index": 0, "logprobs": None, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        "system_fingerprint": "fp_1",
    }


def test_choices_run_through_all_prompts_and_usage_is_summed() -> None:
    asked = read(prompt=["Once", "Twice"], n=2, echo=True)
    answer = front.Answer(asked, front.to_calls(asked, None))
    answer.add(reply(" a", " b", usage=1))
    answer.add(reply(" c", " d", usage=10))
    found = json.loads(answer.end())

    assert [(choice["index"], choice["text"]) for choice in found["choices"]] == [
        (0, "Once a"),
        (1, "Once b"),
        (2, "Twice c"),
        (3, "Twice d"),
    ]
    assert found["usage"] == {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}


def test_a_refusal_is_the_text_and_nothing_said_is_an_empty_one() -> None:
    asked = read(n=2)
    answer = front.Answer(asked, front.to_calls(asked, None))
    answer.add(reply("", usage=None, choices=[{"message": {"refusal": "No."}}, {"index": 1, "finish_reason": "stop"}]))
    found = json.loads(answer.end())

    assert [choice["text"] for choice in found["choices"]] == ["No.", ""]
    assert found["usage"] is None
    assert answer.usage is None


def test_an_answer_of_no_choices_has_none() -> None:
    asked = read()
    answer = front.Answer(asked, front.to_calls(asked, None))
    answer.add(reply())

    assert json.loads(answer.end())["choices"] == []


def test_a_stream_brings_texts_and_an_end() -> None:
    stream = stream_of(read(stream=True))
    out = stream.event(chunk(piece("", role="assistant")))
    out += stream.event(chunk(piece(" upon"), note=1))
    out += stream.event(chunk(piece(None, reasoning_content="hm")))
    out += stream.event(chunk({"index": 0}))
    out += stream.event(chunk(piece(None, "stop")))
    out += stream.event(usage(3))
    out += stream.end()

    head = {"id": "chatcmpl-1", "object": "text_completion", "created": 1, "model": "gpt-4.1"}
    assert events(out) == [
        {**head, "choices": [{"text": " upon", "index": 0, "logprobs": None, "finish_reason": None}], "note": 1},
        {**head, "choices": [{"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"}]},
        "[DONE]",
    ]


def test_prompts_are_streamed_one_after_the_other_with_one_id_and_one_usage() -> None:
    stream = stream_of(
        read(prompt=["Once", "Twice"], n=2, echo=True, stream=True, stream_options={"include_usage": True})
    )
    out = stream.event(chunk(piece("", role="assistant"), piece("", index=1, role="assistant")))
    out += stream.event(chunk(piece(" a", "stop"), piece(" b", "stop", 1)))
    out += stream.event(usage(1))
    middle = stream.end()
    out += middle + stream.event(chunk(piece(" c", "stop", 1), number=2)) + stream.event(usage(10, 2)) + stream.end()

    found = events(out)
    assert middle == b""
    assert [(choice["index"], choice["text"]) for event in found[:-1] for choice in event["choices"]] == [
        (0, "Once"),
        (1, "Once"),
        (0, " a"),
        (1, " b"),
        (3, "Twice c"),
    ]
    assert {event["id"] for event in found[:-1]} == {"chatcmpl-1"}
    assert found[-2]["choices"] == []
    assert found[-2]["usage"] == {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}
    assert found[-1] == "[DONE]"


@pytest.mark.parametrize("given", [(), (usage(1),)])
def test_usage_comes_only_if_asked_for_and_there(given: tuple[HubChunk, ...]) -> None:
    stream = stream_of(read(stream=True, stream_options={"include_usage": not given}))

    assert b"".join(map(stream.event, given)) + stream.end() == b"data: [DONE]\n\n"


def test_a_broken_stream_ends_with_the_error_and_no_done() -> None:
    stream = stream_of(read(prompt=["Once", "Twice"], stream=True))
    (found,) = events(stream.fault(UpstreamBroke("Copilot broke off.", code="oops")))

    assert found == {"error": {"message": "Copilot broke off.", "type": "server_error", "param": None, "code": "oops"}}


def test_a_recorded_stream_is_the_same_text_as_its_chunks() -> None:
    back = chat_back.Stream("gpt-4o", created=1, new_id=lambda: "chatcmpl-0")
    splitter = sse.Splitter()
    stream, plain, out = stream_of(read(stream=True)), "", b""
    for event in splitter.feed((SAMPLES / "chat_stream_text.sse").read_bytes()):
        for hub in back.event(event):
            plain += "".join((choice.delta and choice.delta.content) or "" for choice in hub.view.choices or ())
            out += stream.event(hub)

    assert plain
    assert "".join(choice["text"] for event in events(out) for choice in event["choices"]) == plain
