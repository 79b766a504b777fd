"""Broken answers as a Responses client hears of them."""

import json

import pytest
from responses_client import Heard, begins, delta, listen

from passenger_trio.errors import BadRequest, PassengerError, UpstreamBroke, UpstreamRefused
from passenger_trio.translate.fronts import responses as front, responses_fault
from passenger_trio.wire.chat import HubChunk


def failure(error: PassengerError, *chunks: HubChunk) -> Heard:
    return listen(*chunks, error=error)


def test_a_broken_answer_ends_with_a_failure_and_an_error() -> None:
    heard = failure(UpstreamBroke("It broke.", code="boom"), delta(content="a"), begins(0, "f", "{"))

    assert heard.kinds[-2:] == ["failed", "error"]
    assert heard.response["error"] == {"code": "boom", "message": "It broke."}
    assert [item["type"] for item in heard.output] == ["message"], "an item that is not done is not there"
    assert heard.error == {
        "type": "error",
        "sequence_number": len(heard.events) - 1,
        "code": "boom",
        "message": "It broke.",
        "param": None,
        "error": {"message": "It broke.", "type": "server_error", "param": None, "code": "boom"},
    }


def test_an_answer_that_broke_before_it_began_is_created_first() -> None:
    assert failure(UpstreamBroke("It broke.")).kinds == ["created", "in_progress", "failed", "error"]


@pytest.mark.parametrize(
    "error, code",
    [
        (UpstreamBroke("x"), "server_error"),
        (UpstreamRefused(429, "x", code="insufficient_quota"), "insufficient_quota"),
        (UpstreamRefused(429, "x"), "rate_limit_exceeded"),
        (UpstreamRefused(400, "x", code="context_length_exceeded", param="input"), "context_length_exceeded"),
        (BadRequest("x"), "invalid_prompt"),
    ],
)
def test_a_failure_has_the_code_by_which_agents_know_it(error: PassengerError, code: str) -> None:
    heard = failure(error, delta(content="a"))

    assert heard.response["error"]["code"] == code
    assert heard.error is not None
    assert heard.error["param"] == error.param


def test_where_no_response_was_created_none_has_failed() -> None:
    (event,) = [json.loads(line[6:]) for line in responses_fault.events(UpstreamBroke("x"), {}, 4).split(b"\n")[1:2]]

    assert (event["type"], event["sequence_number"]) == ("error", 4)


def test_an_error_before_the_first_byte_is_the_same_as_on_other_routes() -> None:
    status, body = front.fault(BadRequest("no", param="input", code="c"))

    assert status == 400
    assert json.loads(body)["error"].items() >= {"message": "no", "param": "input", "code": "c"}.items()
