"""Streams of ``/responses``: what the ends of texts, of calls and of the whole answer add to what was streamed."""

from typing import Any

import pytest
from responses_play import (
    ARGUMENTS,
    INPUT,
    SUMMARY,
    added,
    called,
    completed,
    custom,
    delta,
    done,
    item_done,
    listen,
    refusal,
    thought,
    words,
)


@pytest.mark.parametrize("end", [done("output_text", 0, "text", "Hello"), item_done(0, words("Hello"))])
@pytest.mark.parametrize("begin, text", [("Hel", "Hello"), ("Hello", "Hello"), ("Hello!", "Hello!"), ("Bye", "Bye")])
def test_a_text_that_lacks_its_end_is_given_it(begin: str, text: str, end: dict[str, Any]) -> None:
    assert listen(delta("output_text", 0, begin), end, end, completed(words("Hello"))).text == text


@pytest.mark.parametrize("begin", [delta("refusal", 0, "N"), delta(SUMMARY, 1, "On", summary_index=1)])
def test_a_refusal_or_a_summary_that_lacks_its_end_is_given_it(begin: dict[str, Any]) -> None:
    ends = [item_done(0, refusal("No")), item_done(1, thought("One", "One"))]

    heard = listen(delta(SUMMARY, 1, "One"), begin, *ends, completed())

    assert (heard.refusal, heard.reasoning) == ("No", "One\n\nOne")


@pytest.mark.parametrize(
    "item, pieces, end, text",
    [
        (called("call_1"), delta(ARGUMENTS, 0, '{"a"'), done(ARGUMENTS, 0, "arguments", '{"a":1}'), '{"a":1}'),
        (called("call_1"), delta(ARGUMENTS, 0, '{"a"'), item_done(0, called("call_1", '{"a":1}')), '{"a":1}'),
        (called("call_1"), delta(ARGUMENTS, 0, '{"a": 1}'), item_done(0, called("call_1", '{"a":1}')), '{"a": 1}'),
        (called("call_1"), delta(ARGUMENTS, 0, '{"a"'), completed(called("call_1", '{"a":1}')), '{"a":1}'),
        (custom("call_1"), delta(INPUT, 0, "***"), done(INPUT, 0, "input", "*** End"), "*** End"),
    ],
)
def test_a_call_that_lacks_the_end_of_its_arguments_is_given_it(item: Any, pieces: Any, end: Any, text: str) -> None:
    assert [call[3] for call in listen(added(0, item), pieces, end, completed()).calls] == [text]


@pytest.mark.parametrize(
    "kind, status, finish",
    [
        ("completed", "completed", "stop"),
        ("completed", "incomplete", "length"),
        ("incomplete", "incomplete", "length"),
        ("incomplete", "completed", "length"),
        ("incomplete", None, "length"),
    ],
)
def test_an_answer_is_complete_only_if_its_event_and_its_status_say_so(
    kind: str, status: str | None, finish: str
) -> None:
    assert listen({**completed(words("x"), status=status), "type": f"response.{kind}"}).finish == finish


@pytest.mark.parametrize(
    "reason, finish",
    [("max_output_tokens", "length"), ("content_filter", "content_filter"), ("new", "length")],
)
def test_an_incomplete_answer_says_why(reason: str, finish: str) -> None:
    event = {**completed(incomplete_details={"reason": reason}), "type": "response.incomplete"}

    heard = listen(delta("output_text", 0, "cut o"), event)

    assert (heard.text, heard.finish) == ("cut o", finish)


def test_a_completed_answer_adds_the_items_that_were_never_streamed() -> None:
    heard = listen(
        delta(SUMMARY, 0, "One"),
        delta("output_text", 1, "Hel"),
        completed(thought("One"), words("Hel"), thought("Two"), words("l"), words("o")),
    )

    assert (heard.text, heard.reasoning) == ("Hello", "One\n\nTwo")
