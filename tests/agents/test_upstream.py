"""The checks on what reaches Copilot find what they look for."""

from typing import Any

import msgspec
import pytest

from agents.upstream import SEAL, Asked, changed, faults, unpaired

USER = {"role": "user", "content": "hello"}
CALLED = {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "done"}
ITEMS = [
    {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "done"},
]
BLOCKS = [
    {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "done"}]},
]


def asked(*items: Any, path: str = "/chat/completions", **fields: Any) -> Asked:
    name = "input" if path == "/responses" else "messages"
    return Asked(path, "user", msgspec.json.encode({"model": "m", name: list(items), **fields}))


@pytest.mark.parametrize(
    "path, items",
    [("/chat/completions", [CALLED, RESULT]), ("/responses", ITEMS), ("/v1/messages", BLOCKS)],
)
def test_calls_and_results_are_paired_on_every_endpoint(path: str, items: list[Any]) -> None:
    assert unpaired(asked(USER, *items, path=path)) == set()
    assert unpaired(asked(USER, items[0], path=path)) == {"c1"}
    assert unpaired(asked(USER, items[1], path=path)) == {"c1"}


def test_a_session_that_only_goes_on_has_no_faults() -> None:
    assert faults([asked(USER, tools=[1]), asked(USER, CALLED, RESULT, tools=[1])]) == []


@pytest.mark.parametrize(
    "second, found",
    [
        (asked(USER, tools=[2]), ["tools"]),
        (asked(USER, tools=[1], seed=1), ["seed"]),
        (asked(USER), ["tools"]),
        (asked({**USER, "content": "hallo"}, USER, tools=[1]), ["item 0"]),
        (asked(tools=[1]), ["items are missing"]),
    ],
)
def test_what_makes_the_prompt_cache_worthless_is_named(second: Asked, found: list[str]) -> None:
    assert changed(asked(USER, tools=[1]), second) == found


def test_bytes_that_say_the_same_are_not_the_same() -> None:
    first = Asked("/responses", "user", b'{"model":"m","input":[{"a": 1}],"x":{"b":2,"c":3}}')
    second = Asked("/responses", "user", b'{"model":"m","input":[{"a":1}],"x":{"c":3,"b":2}}')

    assert changed(first, second) == ["x", "item 0"]


def test_anthropics_marks_for_its_cache_may_move() -> None:
    text = {"type": "text", "text": "hello"}
    marked = {"role": "user", "content": [{**text, "cache_control": {"type": "ephemeral"}}]}
    plain = {"role": "user", "content": [text]}

    assert changed(asked(marked, path="/v1/messages"), asked(plain, path="/v1/messages")) == []
    assert changed(asked(marked), asked(plain)) == ["item 0"]


def test_only_requests_for_the_same_model_are_compared() -> None:
    other = Asked("/chat/completions", "user", b'{"model":"n","messages":[]}')

    assert faults([asked(USER), other, asked(USER, USER)]) == []
    assert faults([asked(USER), other, asked()]) == ["request 2 is not request 0 gone on: items are missing"]


def test_reasoning_that_the_house_has_sealed_is_found_anywhere() -> None:
    sealed = {"role": "user", "content": f"x{SEAL.decode()}m;secret"}

    assert faults([asked(sealed)]) == ["request 0 has reasoning sealed by the house"]


def test_a_call_without_its_result_is_a_fault() -> None:
    assert faults([asked(USER, CALLED)]) == ["request 0 has the call c1 without its result"]
