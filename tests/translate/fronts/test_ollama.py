"""Ollama's chat as clients read it. As they send it: test_ollama_requests.py."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, strategies as st
from ollama_front import NOW, delta, fragment, hub, lines, times, usage

from passenger_trio.errors import BadRequest, UpstreamBroke
from passenger_trio.translate.fronts import ollama
from passenger_trio.translate.fronts.ollama_lines import ChatForm
from passenger_trio.wire.chat import HubChunk


def stream(think: bool = True, step: int = 1_000) -> ollama.Stream:
    return ollama.Stream(ChatForm("m"), times(step), think=think)


def whole(chunks: Iterable[HubChunk], think: bool = True) -> dict[str, Any]:
    """The whole answer that some chunks amount to."""
    front = ollama.Whole(ChatForm("m"), times(), think=think)
    assert {front.event(chunk) for chunk in chunks} <= {b""}
    data = front.end()
    assert b"\n" not in data
    return json.loads(data)


def test_text_becomes_lines() -> None:
    assert lines(stream().event(delta(content="a\nb", role="assistant"))) == [
        {
            "model": "m",
            "created_at": "2025-06-15T15:06:40.123456789Z",
            "message": {"role": "assistant", "content": "a\nb"},
            "done": False,
        }
    ]


@pytest.mark.parametrize(
    "chunk", [delta(content=""), delta(content=None), hub(choices=[]), hub(choices=[{"index": 0}])]
)
def test_nothing_becomes_no_line(chunk: HubChunk) -> None:
    assert stream().event(chunk) == b""


def test_a_refusal_is_text() -> None:
    assert lines(stream().event(delta(refusal="no")))[0]["message"]["content"] == "no"


def test_only_the_first_choice_is_sent() -> None:
    assert stream().event(delta(content="second", index=1)) == b""


@pytest.mark.parametrize("think", [True, False])
def test_reasoning_is_sent_unless_it_is_unwanted(think: bool) -> None:
    messages = [
        line["message"] for line in lines(stream(think=think).event(delta(reasoning_content="hm", content="a")))
    ]

    thinking = {"role": "assistant", "content": "", "thinking": "hm"}
    assert messages == [*([thinking] if think else []), {"role": "assistant", "content": "a"}]


def test_calls_are_sent_whole_one_to_a_line_when_the_answer_ends() -> None:
    front = stream()
    parts = [
        fragment(0, "", id="a", type="function", name="f"),
        fragment(1, "", id="b", type="function", name="g"),
        fragment(1, '{\n "y":'),
        fragment(0, '{"x":1e5}'),
        fragment(1, ' "\\u2028"\n}'),
        {"index": 1},
        fragment(0, None),
    ]
    assert all(front.event(delta(tool_calls=[part])) == b"" for part in parts)

    data = front.event(delta(finish="tool_calls"))

    assert b'"arguments":{"x":1e5}' in data
    assert b'"arguments":{"y":"\\u2028"}' in data
    assert [line["message"]["tool_calls"] for line in lines(data)] == [
        [{"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1e5}}}],
        [{"id": "b", "function": {"index": 1, "name": "g", "arguments": {"y": "\u2028"}}}],
    ]
    assert {line["message"]["content"] for line in lines(data)} == {""}
    assert front.event(delta(content=None)) == b""


def test_the_keys_of_arguments_keep_their_order() -> None:
    front = stream()
    front.event(delta(tool_calls=[fragment(0, '{"z":1,"a":{"y":2,"b":3}}', id="a", name="f")]))

    assert b'"arguments":{"z":1,"a":{"y":2,"b":3}}' in front.event(delta(finish="tool_calls"))


def test_calls_that_no_finish_has_sent_are_sent_at_the_end() -> None:
    front = stream()
    front.event(delta(finish="stop"))
    front.event(delta(tool_calls=[fragment(0, "{}", id="a", name="f")]))

    call, last = lines(front.end())

    assert call["message"]["tool_calls"] == [{"id": "a", "function": {"index": 0, "name": "f", "arguments": {}}}]
    assert (call["done"], last["done"]) == (False, True)

    front.event(delta(tool_calls=[fragment(0, "{", id="a", name="f")]))
    with pytest.raises(UpstreamBroke, match="`f`"):
        front.end()


@pytest.mark.parametrize("kind", [ollama.Stream, ollama.Whole])
@pytest.mark.parametrize("arguments", ['{"x":', "", "[]", "null", "5"])
def test_a_call_with_arguments_that_are_no_object_breaks_the_answer(arguments: str, kind: Any) -> None:
    front = kind(ChatForm("m"), times())
    front.event(delta(tool_calls=[fragment(0, arguments, id="a", name="f")]))

    with pytest.raises(UpstreamBroke, match="`f`"):
        front.event(delta(finish="stop"))


@pytest.mark.parametrize("arguments", ['{"x":', "", '{"x":"\\u00'])
def test_a_call_that_the_limit_has_cut_off_is_left_out_and_nothing_else(arguments: str) -> None:
    calls = [fragment(0, '{"n":1}', id="a", name="f"), fragment(1, arguments, id="b", name="g")]
    chunks = [delta(content="See:"), delta(tool_calls=calls), delta(finish="length"), usage(1, 2)]
    front = stream()

    *told, last = lines(b"".join([*map(front.event, chunks), front.end()]))
    answer = whole(chunks)

    kept = [{"id": "a", "function": {"index": 0, "name": "f", "arguments": {"n": 1}}}]
    assert [line["message"] for line in told] == [
        {"role": "assistant", "content": "See:"},
        {"role": "assistant", "content": "", "tool_calls": kept},
    ]
    assert answer["message"] == {"role": "assistant", "content": "See:", "tool_calls": kept}
    assert (last["done"], last["done_reason"], last["eval_count"]) == (True, "length", 2)
    assert (answer["done"], answer["done_reason"], answer["eval_count"]) == (True, "length", 2)


@pytest.mark.parametrize("kind", [ollama.Stream, ollama.Whole])
@pytest.mark.parametrize("arguments", ["{}", '{"x":', ""])
def test_an_answer_that_was_filtered_has_no_good_end(kind: Any, arguments: str) -> None:
    front = kind(ChatForm("m"), times())
    front.event(delta(tool_calls=[fragment(0, arguments, id="a", name="f")]))
    front.event(delta(finish="content_filter"))
    front.event(usage(1, 2))

    with pytest.raises(BadRequest, match="Copilot's content filter stopped the answer") as caught:
        front.end()
    assert (caught.value.status, caught.value.code) == (400, "content_filter")


def test_what_was_said_before_a_fault_in_the_same_chunk_is_told_first() -> None:
    calls = [fragment(0, '{"n":1}', id="a", name="f"), fragment(1, "{", id="b", name="g")]
    front, error = stream(), UpstreamBroke("it broke")

    with pytest.raises(UpstreamBroke, match="`g`"):
        front.event(delta(content="See:", tool_calls=calls, finish="tool_calls"))
    said, call, last = lines(front.fault(error))

    assert said["message"]["content"] == "See:"
    assert call["message"]["tool_calls"][0]["id"] == "a"
    assert last == {"error": "it broke"}
    assert front.error is None
    assert lines(front.fault(error)) == [last], "nothing is told twice"


def test_what_was_made_at_the_end_before_a_fault_is_told_first() -> None:
    front = stream()
    front.event(delta(finish="content_filter"))
    front.event(delta(tool_calls=[fragment(0, "{}", id="a", name="f")]))

    with pytest.raises(BadRequest):
        front.end()
    call, last = lines(front.fault(UpstreamBroke("it broke")))

    assert call["message"]["tool_calls"][0]["id"] == "a"
    assert last == {"error": "it broke"}
    assert front.error is None


FINISHES = [("stop", "stop"), ("tool_calls", "stop"), ("length", "length"), ("x", "stop")]


@pytest.mark.parametrize("finish, reason", FINISHES)
def test_the_last_line_counts(finish: str, reason: str) -> None:
    front = stream()
    front.event(delta(content="a"))
    front.event(delta(finish=finish))
    front.event(usage(3, 0))

    assert lines(front.end()) == [
        {
            "model": "m",
            "created_at": "2025-06-15T15:06:40.123457789Z",
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": reason,
            "total_duration": 2500,
            "load_duration": 500,
            "prompt_eval_count": 3,
            "prompt_eval_duration": 1000,
            "eval_count": 0,
            "eval_duration": 1000,
        }
    ]


def test_no_duration_is_zero_and_no_count_is_invented() -> None:
    front = ollama.Stream(ChatForm("m"), ollama.Times(lambda: NOW, lambda: 7, 7, 7))
    (line,) = lines(front.end())

    durations = {name: value for name, value in line.items() if name.endswith("_duration")}
    assert durations == {"load_duration": 1, "prompt_eval_duration": 1, "eval_duration": 1, "total_duration": 3}
    assert "eval_count" not in line
    assert "prompt_eval_count" not in line


@pytest.mark.parametrize("kind", [ollama.Stream, ollama.Whole])
def test_a_fault_before_anything_was_told_is_kept_for_a_status_of_its_own(kind: Any) -> None:
    front, error = kind(ChatForm("m"), times()), UpstreamBroke("it\nbroke")
    front.event(delta(role="assistant", content=""))

    assert front.error is None
    assert front.fault(error) == b'{"error":"it\\nbroke"}\n'
    assert front.error is error


def test_a_broken_stream_ends_with_an_error_line_and_keeps_its_status() -> None:
    front = stream()
    front.event(delta(content="a"))

    assert front.fault(UpstreamBroke("it broke")) == b'{"error":"it broke"}\n'
    assert front.error is None
    assert front.content_type == "application/x-ndjson"


def test_a_whole_answer_that_breaks_has_told_nothing() -> None:
    front, error = ollama.Whole(ChatForm("m"), times()), UpstreamBroke("it broke")
    front.event(delta(content="a"))
    front.fault(error)

    assert front.error is error
    assert front.content_type == "application/json; charset=utf-8"


def test_an_error_is_a_text() -> None:
    assert ollama.fault(BadRequest("wrong", param="x")) == (400, b'{"error":"wrong"}')


@pytest.mark.parametrize("think", [True, False])
def test_a_whole_answer_keeps_reasoning_back_on_request(think: bool) -> None:
    said = [delta(reasoning_content="h"), delta(reasoning_content="m"), delta(refusal="no"), delta(finish="stop")]

    thinking = {"thinking": "hm"} if think else {}
    assert whole(said, think=think)["message"] == {"role": "assistant", "content": "no", **thinking}


def test_a_whole_answer_has_its_calls_in_one_message() -> None:
    calls = [fragment(0, '{\n"x": 1\n}', id="a", name="f"), {"index": 1, "function": {"arguments": "{}"}}]
    answer = whole([delta(content="See:"), delta(tool_calls=calls), delta(finish="tool_calls"), usage(3, 4)])

    assert answer == {
        "model": "m",
        "created_at": "2025-06-15T15:06:40.123456789Z",
        "message": {
            "role": "assistant",
            "content": "See:",
            "tool_calls": [
                {"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}},
                {"id": "", "function": {"index": 1, "name": "", "arguments": {}}},
            ],
        },
        "done": True,
        "done_reason": "stop",
        "total_duration": 2500,
        "load_duration": 500,
        "prompt_eval_count": 3,
        "prompt_eval_duration": 1000,
        "eval_count": 4,
        "eval_duration": 1000,
    }


@pytest.mark.parametrize("said", [[], [hub(choices=[])], [hub(choices=[{"index": 0}])], [delta(tool_calls=[])]])
def test_an_answer_without_anything_is_an_empty_message(said: list[HubChunk]) -> None:
    assert whole(said)["message"] == {"role": "assistant", "content": ""}


TEXTS = st.none() | st.text(max_size=5)
DELTAS = st.fixed_dictionaries({"content": TEXTS, "reasoning_content": TEXTS, "refusal": TEXTS})


@given(st.lists(DELTAS, max_size=6), st.integers(0, 3), st.booleans(), st.sampled_from([r for r, _ in FINISHES]))
def test_the_lines_of_a_stream_put_together_are_the_whole_answer(
    said: list[dict[str, Any]], calls: int, think: bool, finish: str
) -> None:
    made = [delta(tool_calls=[fragment(at, f'{{"n":{at}}}', id=f"call_{at}", name="f")]) for at in range(calls)]
    chunks = [*(delta(**fields) for fields in said), *made, delta(finish=finish), usage(1, 2)]
    front = stream(think=think)

    *heard, last = lines(b"".join([*map(front.event, chunks), front.end()]))
    answer = whole(chunks, think=think)

    told = [line["message"] for line in heard]
    assert answer["message"]["content"] == "".join(message["content"] for message in told)
    assert answer["message"].get("thinking", "") == "".join(message.get("thinking", "") for message in told)
    assert answer["message"].get("tool_calls", []) == [c for message in told for c in message.get("tool_calls", [])]
    for name in ("done_reason", "prompt_eval_count", "eval_count", "model", "load_duration"):
        assert answer[name] == last[name], name
    assert all(len(message.get("tool_calls", [None])) == 1 for message in told)


@pytest.mark.parametrize("character", ["a", '"', "\x01", "\u2028", "\U0001f600", "\u00e9"])
@pytest.mark.parametrize("field", ["content", "reasoning_content"])
def test_a_long_text_is_cut_into_lines_that_everybody_reads(character: str, field: str) -> None:
    text = character * 300_000
    data = stream().event(delta(**{field: text}))

    name = "content" if field == "content" else "thinking"
    assert max(map(len, data.split(b"\n"))) < 128 << 10
    assert "".join(line["message"][name] for line in lines(data)) == text


def test_thoughts_and_text_that_are_both_long_keep_their_order() -> None:
    told = lines(stream().event(delta(reasoning_content="h" * 20_000, content="t" * 20_000)))

    order = ["thinking" if "thinking" in line["message"] else "content" for line in told]
    assert order == ["thinking"] * 3 + ["content"] * 3


def test_a_whole_answer_is_not_cut() -> None:
    assert whole([delta(content="a" * 300_000)])["message"]["content"] == "a" * 300_000
