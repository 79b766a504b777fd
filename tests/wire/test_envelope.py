"""Envelopes: keys known, values untouched."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from passenger_trio.wire import envelope

ODD_VALUES = [
    "1e5", "1E+05", "1.0", "-0", "-0.0", "123456789012345678901234567890", "1.000000000000000000001", "1e999",
    r'"\u2028"', r'"\ud83d\ude00"', r'"\/"', r'"\u0041"', '"\u2028\x85é🚀"', '{"b": 1,  "a" :2}', "[ ]", "{\n}",
    '{"a":1,"a":2}', "true", "null",
]  # fmt: skip


@pytest.mark.parametrize("value", ODD_VALUES)
def test_a_value_survives_byte_for_byte(value: str) -> None:
    whole = f'{{"z":{value},"a":{value}}}'.encode()

    assert envelope.encode(envelope.decode(whole)) == whole
    assert envelope.encode(envelope.decode_list(b"[" + whole + b"]")) == b"[" + whole + b"]"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=5), st.booleans())
def test_any_object_survives(value: dict[str, Any], ascii_only: bool) -> None:
    written = envelope.encode(envelope.decode(json.dumps(value, ensure_ascii=ascii_only).encode()))

    assert json.loads(written) == value
    assert list(json.loads(written)) == list(value)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"1", b"null", b"{", b'{"a":tru}', b'{"a":"\n"}', rb'{"a":"\ud83"}', b'{"\xff":1}', b"{} {}"]
)
def test_what_is_no_object_is_unreadable(data: bytes) -> None:
    with pytest.raises(envelope.UNREADABLE):
        envelope.decode(data)


def test_broken_utf8_is_unreadable_when_it_is_looked_at() -> None:
    with pytest.raises(envelope.UNREADABLE):
        envelope.value(msgspec.Raw(b'"\xff"'))


def test_a_list_of_other_things_is_unreadable() -> None:
    with pytest.raises(envelope.UNREADABLE):
        envelope.decode_list(b"[1]")


def test_raw_and_value_are_each_others_inverse() -> None:
    value = {"a": [1, None, "é"]}

    assert envelope.value(envelope.raw(value)) == value
    assert bytes(envelope.raw(value)) == '{"a":[1,null,"é"]}'.encode()


@pytest.mark.parametrize(
    "data, absent", [(b"{}", True), (b'{"a":null}', True), (b'{"a":0}', False), (b'{"a":""}', False)]
)
def test_missing_and_null_are_the_same(data: bytes, absent: bool) -> None:
    assert envelope.is_absent(envelope.decode(data), "a") is absent


@pytest.mark.parametrize("data, written", [(b'{"b":2}', b'{"a":1,"b":2}'), (b' { "b":2}', b'{"a":1, "b":2}')])
def test_members_are_put_first(data: bytes, written: bytes) -> None:
    assert envelope.prepend(data, b'"a":1,') == written


HALVES = [
    (r"cut \ud83d", "cut \ufffd"),
    (r"\ude00 cut", "\ufffd cut"),
    (r"\uD83D\uD83D\uDE00", "\ufffd\U0001f600"),
    (r"\ud83d\u0041", "\ufffdA"),
    (r"\ud83d\\ude00", "\ufffd\\ude00"),
    (r"\\ud83d \ud83d", "\\ud83d \ufffd"),
    (r"\"\ud83d\"", '"\ufffd"'),
]


@pytest.mark.parametrize("text, read", HALVES)
def test_half_of_a_character_is_read_as_one_that_is_not_known(text: str, read: str) -> None:
    sent = f'{{"a":[{{"b":"{text}"}}],"c": 1e5}}'.encode()

    data, whole = envelope.decode_sent(sent)

    assert envelope.value(whole["a"]) == [{"b": read}]
    assert bytes(whole["c"]) == b"1e5"
    assert envelope.decode(data) == whole


@pytest.mark.parametrize("text", [r"\ud83d\ude00", r"\\ud83d", "\U0001f600", ""])
def test_what_can_be_read_is_left_as_it_was_sent(text: str) -> None:
    sent = f'{{"a": "{text}"}}'.encode()

    assert envelope.decode_sent(sent) == (sent, envelope.decode(sent))


@pytest.mark.parametrize("sent", [b"", b"[]", b'{"a":', b'{"a":"\\ud83d"', b'{"a":"\\x"}'])
def test_what_is_no_object_is_none_in_halves_either(sent: bytes) -> None:
    with pytest.raises(envelope.UNREADABLE):
        envelope.decode_sent(sent)
