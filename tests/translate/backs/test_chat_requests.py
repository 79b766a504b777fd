"""Requests on their way to Copilot's chat route: what is changed, and that nothing else is."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from passenger_trio.translate.backs import chat as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.models import Model

SAMPLES = Path(__file__).parents[2] / "samples" / "copilot"


def request(body: bytes, model: str = "real-model") -> bytes:
    return back.request(to_call(body), Model(id=model)).body


def sent(**fields: Any) -> dict[str, Any]:
    body = {"model": "asked", "messages": [{"role": "user", "content": "x"}], **fields}
    return json.loads(request(json.dumps(body).encode()))


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
CHARACTERS = st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=["Cc", "Cs"])
ESCAPES = st.sampled_from([r"\u2028", r"\ud83d\ude00", r"\/", r"\n", r"\"", r"\\", r"\u0000", "\u2028", "\x85", "🚀"])
STRINGS = st.lists(CHARACTERS | ESCAPES, max_size=4).map(lambda parts: '"' + "".join(parts) + '"')
SPACES = st.sampled_from(["", " ", "\n", "\t ", "\r\n"])


def listed(opening: str, entries: st.SearchStrategy[str], closing: str) -> st.SearchStrategy[str]:
    return st.builds(
        lambda rows, space: opening + space + f",{space}".join(rows) + space + closing,
        st.lists(entries, max_size=3),
        SPACES,
    )


JSON_TEXTS = st.recursive(
    NUMBERS | STRINGS | st.sampled_from(["true", "false"]),
    lambda inner: (
        listed("[", inner | st.just("null"), "]")
        | listed("{", st.builds("{}{}:{}{}".format, STRINGS, SPACES, SPACES, inner | st.just("null")), "}")
    ),
    max_leaves=10,
)
FIELDS = st.dictionaries(
    st.from_regex(r"[a-z_]{1,9}", fullmatch=True).filter(
        lambda name: name not in {"model", "messages", "stream", "stream_options", "n", "tools"}
    ),
    JSON_TEXTS,
    max_size=6,
)


@given(before=FIELDS, after=FIELDS)
def test_unknown_fields_survive_byte_for_byte_and_in_their_order(before: dict[str, str], after: dict[str, str]) -> None:
    after = {name: text for name, text in after.items() if name not in before}
    messages = '[{"role":"user","content":[{"type":"text","text":"\\ud83d\\ude00","x":1e5}],"y":1.0}]'

    def body(model: str) -> str:
        rows = [*before.items(), ("model", json.dumps(model)), ("messages", messages), *after.items()]
        return "{" + ",".join(f'"{name}":{text}' for name, text in rows) + "}"

    assert request(body("asked").encode(), "real").decode() == body("real")


@pytest.mark.parametrize("name", ["request_chat_official.json", "request_chat_tool_result_followup.json"])
def test_the_official_clients_requests_pass_unchanged(name: str) -> None:
    body = (SAMPLES / name).read_bytes()

    assert json.loads(request(body, json.loads(body)["model"])) == json.loads(body)


def test_the_model_is_replaced_and_null_fields_vanish() -> None:
    fields = {"tools": None, "tool_choice": None, "stop": None, "response_format": None, "logprobs": False, "seed": 0}

    assert sent(**fields) == {
        "model": "real-model",
        "messages": [{"role": "user", "content": "x"}],
        "logprobs": False,
        "seed": 0,
    }


@pytest.mark.parametrize(
    "message, expected",
    [
        ({"role": "developer", "content": "x", "y": 1}, {"role": "system", "content": "x", "y": 1}),
        ({"role": "developer"}, {"role": "system", "content": ""}),
        ({"role": "user"}, {"role": "user", "content": ""}),
        ({"role": "tool", "content": None, "tool_call_id": "c"}, {"role": "tool", "content": "", "tool_call_id": "c"}),
        (
            {"role": "assistant", "content": None, "refusal": None},
            {"role": "assistant", "content": "", "refusal": None},
        ),
        ({"role": "assistant", "tool_calls": []}, {"role": "assistant", "tool_calls": [], "content": ""}),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, None),
        ({"role": "assistant", "content": None, "tool_calls": [{"id": "c", "index": 0}]}, None),
        ({"role": "assistant", "content": "", "tool_calls": [{"id": "c"}]}, None),
        ({"role": "assistant", "content": "prefill"}, None),
        ({"role": "system", "content": [{"type": "text", "text": "x"}]}, None),
        (
            {"role": "developer", "content": "x", "tool_calls": [{"id": "c"}]},
            {"role": "system", "content": "x", "tool_calls": [{"id": "c"}]},
        ),
    ],
)
def test_a_message_changes_only_where_copilot_would_refuse_it(message: Any, expected: Any) -> None:
    between = [{"role": "user", "content": "before"}, message, {"role": "user", "content": "behind"}]

    assert sent(messages=between)["messages"] == [between[0], expected or message, between[2]]


EMPTY = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    "function, parameters",
    [
        ({"name": "f"}, EMPTY),
        ({"name": "f", "parameters": None}, EMPTY),
        ({"name": "f", "parameters": {}}, EMPTY),
        ({"name": "f", "parameters": {"type": "object"}}, EMPTY),
        ({"name": "f", "parameters": {"type": "object", "$schema": "s"}}, {**EMPTY, "$schema": "s"}),
        ({"name": "f", "parameters": {"properties": {"a": {}}}}, {"properties": {"a": {}}}),
        ({"name": "f", "parameters": {"$ref": "#/$defs/a", "$defs": {}}}, {"$ref": "#/$defs/a", "$defs": {}}),
        ({"name": "f", "parameters": {"anyOf": []}}, {"anyOf": []}),
        ({"name": "f", "parameters": {"oneOf": []}}, {"oneOf": []}),
        ({"name": "f", "parameters": {"allOf": []}}, {"allOf": []}),
        ({"name": "f", "parameters": "nonsense"}, "nonsense"),
    ],
)
def test_every_function_has_an_object_schema(function: Any, parameters: Any) -> None:
    other = {"type": "function", "function": {"name": "g", "parameters": EMPTY}, "name": "g"}
    tool = {"type": "function", "function": function, "strict": True}

    tools = sent(tools=[other, tool])["tools"]

    assert tools == [other, {**tool, "function": {**function, "parameters": parameters}}]


@pytest.mark.parametrize("tools", [[{"type": "custom", "custom": {}}], [{"function": "nonsense"}], "nonsense", {}, [1]])
def test_tools_of_another_kind_pass(tools: Any) -> None:
    assert sent(tools=tools)["tools"] == tools


def test_no_tools_are_no_list_of_tools() -> None:
    assert sent(tools=[], tool_choice="auto").keys() == {"model", "messages"}
    assert sent(tools=[]).keys() == {"model", "messages"}
