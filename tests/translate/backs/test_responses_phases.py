"""The phases of a model's messages (``commentary``, ``final_answer``), for which the hub has no place: out and back."""

import json
from typing import Any

import pytest
from responses_play import CALL, called, completed, delta, item_done, listen, thought, words

from passenger_trio.translate.backs import responses as back
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.models import Model


def message(*output: Any) -> dict[str, Any]:
    """The hub's message for an answer of these items."""
    body = json.dumps({"status": "completed", "output": output}).encode()
    answer = back.reply(body, CALL, "asked-model", created=123, new_id=lambda: "chatcmpl-new")
    return json.loads(answer.data)["choices"][0]["message"]


def phased(phase: str | None, *texts: str) -> dict[str, Any]:
    return {**words(*texts), "phase": phase}


def test_the_phases_of_messages_are_kept_with_how_far_they_go() -> None:
    said = message(
        thought(secret="one"), phased("commentary", "Let me ", "see."), called("c"), words("x"), phased("final_answer")
    )

    assert json.loads(said["reasoning_opaque"]) == [
        {"type": "reasoning", "encrypted_content": "one", "summary": []},
        {"type": "message", "phase": "commentary", "length": 11},
        {"type": "message", "phase": None, "length": 1},
    ]
    assert "reasoning_opaque" not in message(phased(None, "x"))


def returned(said: dict[str, Any]) -> list[dict[str, Any]]:
    """What comes back when a client returns ``said``."""
    call = to_call(json.dumps({"model": "asked", "messages": [said]}).encode())
    return json.loads(back.request(call, Model(id="gpt-5.3-codex")).body)["input"]


def spoken(text: str, **phase: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text}]
    return {"type": "message", "role": "assistant", "content": content, **phase}


def test_messages_come_back_as_they_were_made_each_with_its_phase() -> None:
    said = message(
        thought(secret="one"),
        phased("commentary", "Let me see. 🚀"),
        thought(secret="two"),
        phased(None, "So."),
        phased("final_answer", "It is 42."),
    )
    assert said["content"] == "Let me see. 🚀So.It is 42."

    assert returned(said) == [
        {"type": "reasoning", "encrypted_content": "one", "summary": []},
        spoken("Let me see. 🚀", phase="commentary"),
        {"type": "reasoning", "encrypted_content": "two", "summary": []},
        spoken("So."),
        spoken("It is 42.", phase="final_answer"),
    ]


def test_a_phase_stays_with_words_that_the_client_has_changed_where_there_was_but_one() -> None:
    one = message(phased("commentary", "Let me "), thought(secret="s"), phased("commentary", "see."), called("c"))
    two = message(phased("commentary", "Let me "), phased("final_answer", "see."))

    assert returned({**one, "content": "Let me"})[:2] == [
        {"type": "reasoning", "encrypted_content": "s", "summary": []},
        spoken("Let me", phase="commentary"),
    ]
    assert returned({**two, "content": "Let me"}) == [spoken("Let me")]
    assert [item["type"] for item in returned({**one, "content": None})] == ["reasoning", "function_call"]


def test_a_refusal_beside_the_words_has_their_phase() -> None:
    said = message({**words("x"), "phase": "final_answer"})
    refused = {"type": "refusal", "refusal": "no"}

    [item] = returned({**said, "refusal": "no"})

    assert item == {**spoken("x", phase="final_answer"), "content": [{"type": "output_text", "text": "x"}, refused]}


@pytest.mark.parametrize("ends", [[], ["output"]])
def test_the_phases_of_streamed_messages_are_kept(ends: list[str]) -> None:
    first, second = {**words("Let me see."), "phase": "commentary"}, {**words("42"), "phase": "final_answer"}
    heard = listen(
        delta("output_text", 1, "Let me see."),
        item_done(1, first),
        item_done(0, thought(secret="s")),
        delta("output_text", 2, "42"),
        item_done(2, second),
        completed(*([thought(secret="s"), first, second] if ends else [])),
    )

    assert heard.opaque == [
        {"type": "reasoning", "encrypted_content": "s", "summary": []},
        {"type": "message", "phase": "commentary", "length": 11},
        {"type": "message", "phase": "final_answer", "length": 2},
    ]
