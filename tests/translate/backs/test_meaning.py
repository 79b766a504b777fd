"""Any conversation reaches each endpoint with the same meaning, whatever its form there is."""

import json
from typing import Any

import pytest
from conversations import (
    CONVERSATIONS,
    Expected,
    Reader,
    for_chat,
    for_messages,
    for_responses,
    said_in_hub,
    said_on_chat,
    said_on_messages,
    said_on_responses,
)
from hypothesis import given

from passenger_trio.translate.backs import chat, messages, responses
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.models import Model

ENDPOINTS = pytest.mark.parametrize(
    "back, read, expected",
    [
        (chat, said_on_chat, for_chat),
        (responses, said_on_responses, for_responses),
        (messages, said_on_messages, for_messages),
    ],
    ids=["chat", "responses", "messages"],
)


def was_begun(body: dict[str, Any]) -> bool:
    """Whether a turn of the user's has been added after the last one, which was the model's."""
    turns = body["messages"]
    return len(turns) > 1 and turns[-1]["content"] == [{"type": "text", "text": "Please continue."}]


def body_of(conversation: list[dict[str, Any]]) -> bytes:
    return json.dumps({"model": "asked", "messages": conversation}).encode()


@ENDPOINTS
@given(CONVERSATIONS)
def test_any_conversation_means_the_same_upstream(
    back: Any, read: Reader, expected: Expected, conversation: list[dict[str, Any]]
) -> None:
    written = back.request(to_call(body_of(conversation)), Model(id="real"))

    body = json.loads(written.body)
    assert read(body) == expected(said_in_hub(conversation))
    assert body["model"] == "real"
    assert written.dropped == (("messages[assistant]=last",) if back is messages and was_begun(body) else ())


@ENDPOINTS
@given(CONVERSATIONS)
def test_the_same_conversation_gives_the_same_bytes(
    back: Any, read: Reader, expected: Expected, conversation: list[dict[str, Any]]
) -> None:
    call = to_call(body_of(conversation))

    assert back.request(call, Model(id="real")) == back.request(call, Model(id="real"))


@pytest.mark.parametrize(
    "back, name",
    [(chat, "messages"), (responses, "input"), (messages, "messages")],
    ids=["chat", "responses", "messages"],
)
@given(CONVERSATIONS, CONVERSATIONS)
def test_a_conversation_that_goes_on_begins_as_before_so_that_prompt_caches_hold(
    back: Any, name: str, before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    first, second = (
        json.loads(back.request(to_call(body_of(said)), Model(id="real")).body)[name]
        for said in (before, before + after)
    )

    settled = first[:-2]  # on /v1/messages what follows may belong to the last turns
    assert second[: len(settled)] == settled


@given(CONVERSATIONS, CONVERSATIONS)
def test_what_the_system_says_later_leaves_the_beginning_as_it_was(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    spoken = [{"role": "user", "content": "Hi"}]
    bodies = [
        json.loads(messages.request(to_call(body_of(said)), Model(id="real")).body)
        for said in ([*before, *spoken], [*before, *spoken, *after])
    ]

    first, second = (body.get("system") for body in bodies)
    assert first == second
