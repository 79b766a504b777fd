"""An answer is known again in whatever shape a client sends it back, and no other is taken for it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from passenger_trio.server.fingerprint import Function, Message, ToolCall, Walk, made

TEXTS = st.text(max_size=6)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}


def call(name: str = "f", arguments: Any = "{}") -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}


def message(role: str, content: Any = None, **fields: Any) -> Message:
    return msgspec.json.decode(json.dumps({"role": role, "content": content, **fields}), type=Message)


def fingerprint(content: Any, *calls: dict[str, Any], model: str = "m", before: tuple[Message, ...] = ()) -> bytes:
    """That of an answer which makes ``calls``, after the user has said ``content`` and ``before`` has passed."""
    walk = Walk(model)
    for passed in (message("system", "Be brief."), message("user", content), *before):
        walk.go(passed, passed.calls())
    return walk.fingerprint(message("assistant", tool_calls=calls).calls())


@given(st.dictionaries(TEXTS, VALUES, max_size=3), st.booleans(), st.sampled_from([None, 1]))
def test_arguments_are_the_same_however_they_are_written(
    arguments: dict[str, Any], ascii_only: bool, indent: int | None
) -> None:
    again = dict(reversed(arguments.items()))
    text = json.dumps(again, ensure_ascii=ascii_only, indent=indent)

    first = fingerprint("Hi", call(arguments=json.dumps(arguments)))
    assert fingerprint("Hi", call(arguments=text)) == first
    assert fingerprint("Hi", call(arguments=again)) == first, "an object, as from clients of Ollama's"


@pytest.mark.parametrize(
    "one, other",
    [
        ("{}", ""),
        ("{}", None),
        ('{"a":1.0}', '{"a":1}'),
        ('{"a":1e3}', '{"a":1000}'),
        ('{"a":"\\u00e9"}', '{"a":"é"}'),
    ],
)
def test_arguments_that_mean_the_same_are_the_same(one: Any, other: Any) -> None:
    assert fingerprint("Hi", call(arguments=one)) == fingerprint("Hi", call(arguments=other))


@pytest.mark.parametrize(
    "one, other",
    [
        ('{"a":1}', '{"a":2}'),
        ('{"a":1}', '{"a":"1"}'),
        ('{"a":1.5}', '{"a":1}'),
        ('{"a":[1,2]}', '{"a":[2,1]}'),
        ('{"a":', '{"b":'),
        ('{"a":', '{"a": '),
    ],
)
def test_other_arguments_are_other_calls(one: str, other: str) -> None:
    assert fingerprint("Hi", call(arguments=one)) != fingerprint("Hi", call(arguments=other))


@pytest.mark.parametrize(
    "other",
    [
        (call("g"),),
        (call(), call()),
        (),
        ({"id": "c", "type": "custom", "custom": {"name": "f", "input": "{}"}},),
    ],
)
def test_other_calls_are_another_answer(other: tuple[dict[str, Any], ...]) -> None:
    assert fingerprint("Hi", call()) != fingerprint("Hi", *other)


def test_the_order_of_calls_counts() -> None:
    assert fingerprint("Hi", call("f"), call("g")) != fingerprint("Hi", call("g"), call("f"))


def test_another_model_is_another_answer() -> None:
    assert fingerprint("Hi", call()) != fingerprint("Hi", call(), model="n")


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("Hi", "Hi", True),
        ("Hi", "Ho", False),
        ("Hi", [{"type": "text", "text": "Hi"}], True),
        ("Hi", [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}], True),
        ("Hi", [{"type": "text", "text": "Hi"}, PICTURE], False),
        ([PICTURE], [dict(reversed(PICTURE.items()))], True),
        ([PICTURE], [{**PICTURE, "image_url": {"url": "data:image/png;base64,AB=="}}], False),
        ([{"type": "text", "text": 1}], [{"type": "text", "text": 2}], False),
        (None, "", True),
    ],
)
def test_it_depends_on_what_the_user_said(one: Any, other: Any, same: bool) -> None:
    assert (fingerprint(one, call()) == fingerprint(other, call())) is same


def test_the_same_calls_again_are_another_answer_until_the_user_speaks() -> None:
    said = message("assistant", tool_calls=[call()])
    result = message("tool", "again later", tool_call_id="c")
    first = fingerprint("Wait", call())

    second = fingerprint("Wait", call(), before=(said, result))
    assert second != first
    assert fingerprint("Wait", call(), before=(said, result, said, result)) not in {first, second}
    spoken = fingerprint("Wait", call(), before=(said, result, message("user", "Go on")))
    assert fingerprint("Wait", call(), before=(said, result, said, message("user", "Go on"))) == spoken != first


def test_all_that_the_user_has_said_counts() -> None:
    other = (message("user", "About something else"), message("assistant", "Well"), message("user", "continue"))

    assert fingerprint("Hi", call(), before=other) != fingerprint("Hello", call(), before=other)


@pytest.mark.parametrize(
    "content", [b'"\xff"', b'[{"type":"text","text":"\xff"}]', b'[{"type":"odd","odd":"\xff"}]', b"7"]
)
def test_what_cannot_be_read_is_no_reason_to_fail(content: bytes) -> None:
    walk = Walk("m")

    walk.go(Message("user", msgspec.Raw(content)), [])

    assert walk.fingerprint([made([ToolCall(function=Function("f", msgspec.Raw(b'"\xff"')))])])


def test_the_first_of_several_calls_counts_like_the_same_call_alone() -> None:
    together = message("assistant", tool_calls=[call("f"), call("g")])
    one_by_one = (message("assistant", tool_calls=[call("f")]), message("assistant", tool_calls=[call("g")]))

    assert fingerprint("Hi", call("f"), before=(together,)) == fingerprint("Hi", call("f"), before=one_by_one)


@pytest.mark.parametrize("role", ["user", "tool", "system"])
def test_only_an_assistant_calls(role: str) -> None:
    assert message(role, "Hi", tool_calls=[call()], function_call={"name": "f"}).calls() == []


def test_a_call_in_the_old_form_is_a_call() -> None:
    old = message("assistant", function_call={"name": "f", "arguments": '{"a": 1}'})

    assert old.calls() == message("assistant", tool_calls=[call(arguments='{"a":1}')]).calls()


@given(st.lists(TEXTS, max_size=4))
def test_a_call_in_fragments_is_the_call(pieces: list[str]) -> None:
    def read(*fragments: dict[str, Any]) -> list[ToolCall]:
        return msgspec.json.decode(json.dumps([{"index": 0, **part} for part in fragments]), type=list[ToolCall])

    text = "".join(pieces)
    function = read(call(arguments=""), *({"function": {"arguments": piece}} for piece in pieces))
    custom = read({"custom": {"name": "f", "input": ""}}, *({"custom": {"input": piece}} for piece in pieces))

    assert made(function) == made(read(call(arguments=text)))
    assert made(custom) == ("custom", "f", text)
