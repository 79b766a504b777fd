"""``/api/generate`` as clients read it, and the answers to requests that only load or unload."""

import json
from typing import Any

import pytest
from ollama_front import NOW, delta, fragment, lines, times, usage

from passenger_trio.translate.fronts import ollama, ollama_lines
from passenger_trio.translate.fronts.ollama_lines import GenerateForm


def heard(text: str) -> list[int]:
    """A context that tells what it was made of."""
    return [len(text)]


def test_text_and_thoughts_become_lines_with_an_empty_context() -> None:
    front = ollama.Stream(GenerateForm("m", heard), times())

    told = lines(front.event(delta(reasoning_content="hm", content="a")))

    head = {"model": "m", "created_at": "2025-06-15T15:06:40.123456789Z"}
    assert told == [
        {**head, "response": "", "done": False, "thinking": "hm", "context": []},
        {**head, "created_at": "2025-06-15T15:06:40.123457789Z", "response": "a", "done": False, "context": []},
    ]


def test_the_last_line_has_the_context_of_all_that_was_said() -> None:
    front = ollama.Stream(GenerateForm("m", heard), times())
    for said in ("One", " two", ""):
        front.event(delta(reasoning_content="hm", content=said))
    front.event(delta(finish="length"))
    front.event(usage(3, 2))

    (last,) = lines(front.end())
    assert last["response"] == ""
    assert last["context"] == [len("One two")]
    assert (last["done"], last["done_reason"]) == (True, "length")
    assert (last["prompt_eval_count"], last["eval_count"]) == (3, 2)
    assert (last["load_duration"], last["prompt_eval_duration"], last["eval_duration"]) == (500, 1000, 1000)
    assert "thinking" not in last


def test_a_whole_answer_is_one_object_with_its_context() -> None:
    front = ollama.Whole(GenerateForm("m", heard), times())
    for chunk in (delta(reasoning_content="hm"), delta(content="One"), delta(content=" two"), delta(finish="stop")):
        assert front.event(chunk) == b""

    assert json.loads(front.end()) == {
        "model": "m",
        "created_at": "2025-06-15T15:06:40.123456789Z",
        "response": "One two",
        "done": True,
        "thinking": "hm",
        "done_reason": "stop",
        "context": [7],
        "total_duration": 2500,
        "load_duration": 500,
        "prompt_eval_duration": 1000,
        "eval_duration": 1000,
    }


@pytest.mark.parametrize("kind", [ollama.Stream, ollama.Whole])
def test_an_answer_to_a_raw_prompt_has_no_context(kind: Any) -> None:
    front = kind(GenerateForm("m", None), times())
    data = front.event(delta(content="a")) + front.end()

    assert b"context" not in data


def test_a_call_that_nobody_could_ask_for_is_told_all_the_same() -> None:
    front = ollama.Stream(GenerateForm("m", heard), times())
    front.event(delta(tool_calls=[fragment(0, "{}", id="a", name="f")]))

    (line,) = lines(front.event(delta(finish="tool_calls")))
    assert line["tool_calls"] == [{"id": "a", "function": {"index": 0, "name": "f", "arguments": {}}}]


@pytest.mark.parametrize("unload, reason", [(False, "load"), (True, "unload")])
@pytest.mark.parametrize(
    "generate, said", [(False, {"message": {"role": "assistant", "content": ""}}), (True, {"response": ""})]
)
def test_loading_and_unloading_are_told_without_numbers(
    generate: bool, said: dict[str, Any], unload: bool, reason: str
) -> None:
    assert json.loads(ollama_lines.idle("m", NOW, generate=generate, unload=unload)) == {
        "model": "m",
        "created_at": "2025-06-15T15:06:40.123456789Z",
        **said,
        "done": True,
        "done_reason": reason,
    }
