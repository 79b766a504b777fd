import base64
import contextlib

import pytest
from hypothesis import given, strategies as st

from passenger_trio.simulator.directives import BadDirective, Script, ScriptedCall, parse


def test_a_text_without_directives_is_all_prompt():
    script = parse("What is [[this]] and a[[0]]?")

    assert script.prompt == "What is [[this]] and a[[0]]?"
    assert script.reply is None
    assert script.calls == ()


def test_directives_are_taken_out_of_the_prompt():
    script = parse("Tell me [[think]]a joke[[len]]")

    assert script.prompt == "Tell me a joke"
    assert script.think
    assert script.length
    assert not script.long


@pytest.mark.parametrize(
    "text, flag",
    [
        ("[[two]]", "two"),
        ("[[think]]", "think"),
        ("[[long]]", "long"),
        ("[[len]]", "length"),
        ("[[midfail]]", "midfail"),
        ("[[overflow]]", "overflow"),
        ("[[filter]]", "filter"),
        ("[[stop]]", "stop"),
        ("[[nofinish]]", "nofinish"),
        ("[[nodone]]", "nodone"),
        ("[[done]]", "done"),
        ("[[crlf]]", "crlf"),
        ("[[comments]]", "comments"),
        ("[[tail]]", "tail"),
        ("[[inband]]", "inband"),
        ("[[failed]]", "failed"),
    ],
)
def test_each_flag_sets_itself_and_no_other(text, flag):
    script = parse(text)

    assert {name for name in Script.__slots__ if getattr(script, name) is True} == {flag}


def test_a_reply_keeps_its_spaces_and_lines():
    assert parse("x [[reply: a\n b ]] y").reply == " a\n b "


def test_an_empty_reply_is_a_reply():
    assert parse("[[reply:]]").reply == ""


@given(st.text())
def test_any_text_passes_through_reply64(text):
    encoded = base64.b64encode(text.encode()).decode()

    assert parse(f"say [[reply64:{encoded}]] please").reply == text


@given(st.lists(st.sampled_from(["[[", "]]", "call:f", "reply:", "reply64:", "http:", "len", "{", "}", " ", "4"])))
def test_no_text_makes_the_parser_fail_otherwise_than_by_its_own_error(parts):
    text = "".join(parts)
    with contextlib.suppress(BadDirective):
        assert len(parse(text).prompt) <= len(text)


def test_call_arguments_are_kept_as_they_are_written():
    script = parse('[[call:get_weather { "city": "Paris",  "days": [[1], [2]] } ]]')

    assert script.calls == (ScriptedCall("get_weather", '{ "city": "Paris",  "days": [[1], [2]] }'),)
    assert script.prompt == ""


def test_several_calls_are_kept_in_order():
    script = parse('a [[call:one {"x":1}]] b [[call:two]] c')

    assert script.calls == (ScriptedCall("one", '{"x":1}'), ScriptedCall("two", "{}"))
    assert script.prompt == "a  b  c"


def test_http_and_http1_are_told_apart():
    assert (parse("[[http:429]]").http, parse("[[http:429]]").http_once) == (429, None)
    assert (parse("[[http1:503]]").http, parse("[[http1:503]]").http_once) == (None, 503)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("[[http:abc]]", "400 to 599"),
        ("[[http:200]]", "400 to 599"),
        ("[[http1:]]", "400 to 599"),
        ("[[http]]", "needs something"),
        ("[[reply]]", "needs something"),
        ("[[reply:no end", "no closing"),
        ("[[reply64:***]]", "base64"),
        ("[[reply64:/w==]]", "UTF-8"),
        ("[[think:hard]]", "nothing after"),
        ("[[call]]", "tool's name"),
        ("[[call:]]", "tool's name"),
        ("[[call:f {]]", "not JSON"),
        ("[[call:f [1]]]", "JSON object"),
        ("[[call:f {} x]]", "no closing"),
        ("[[call:f {}", "no closing"),
        ("[[err:418]]", "no such error; known are"),
        ("[[cut:x]]", "number of bytes"),
        ("[[cut:-1]]", "number of bytes"),
        ("[[bytes:0]]", "number of bytes"),
        ("[[silence:soon]]", "number of seconds"),
        ("[[pause]]", "needs something"),
    ],
)
def test_a_malformed_directive_is_refused_with_its_reason(text, reason):
    with pytest.raises(BadDirective, match=reason):
        parse(text)


def test_numbers_and_names_are_read():
    script = parse("[[cut:12]][[bytes:3]][[silence:1.5]][[pause:2]][[err:429_weekly]] rest")

    assert (script.cut, script.bytes, script.silence, script.pause) == (12, 3, 1.5, 2.0)
    assert (script.error, script.prompt) == ("429_weekly", "rest")
