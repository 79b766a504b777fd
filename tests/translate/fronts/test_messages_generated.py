"""Random answers as Messages: in Anthropic's order, no word lost, and a way back to the hub."""

import json
from typing import Any

from hypothesis import given, settings
from messages_front import USER, message, play, said, sealed
from messages_streams import disorderly, joined

TEXT = [{"type": "text", "text": "x"}]


@given(disorderly())
@settings(max_examples=300, deadline=None)
def test_whatever_order_the_hub_has_the_events_are_in_anthropics_and_no_word_is_lost(case: Any) -> None:
    chunks, pieces, arguments = case

    content = message(play(chunks))["content"]

    blocks = [(block["type"], block) for block in content]
    signs = [block.get("signature", block.get("data")) for kind, block in blocks if "thinking" in kind]
    assert "".join(block["text"] for kind, block in blocks if kind == "text") == joined(pieces, "content", "refusal")
    assert "".join(block["thinking"] for kind, block in blocks if kind == "thinking") == joined(
        pieces, "reasoning_content"
    )
    assert all(sign.startswith(sealed("")) for sign in signs)
    given, opaque = "".join(sign.removeprefix(sealed("")) for sign in signs), joined(pieces, "reasoning_opaque")
    if arguments or not joined(pieces, "content", "refusal"):
        assert given == opaque
    else:  # the turn is over, and its last block is no hidden one
        assert opaque.startswith(given)
        assert content[-1]["type"] != "redacted_thinking"
    assert [(block["id"], block["name"]) for kind, block in blocks if kind == "tool_use"] == [
        (f"call_{at}", f"f{at}") for at in range(len(arguments))
    ]
    assert [block["input"] for kind, block in blocks if kind == "tool_use"] == [json.loads(text) for text in arguments]


@given(disorderly())
@settings(max_examples=150, deadline=None)
def test_an_answer_that_is_sent_back_says_the_same_to_the_hub(case: Any) -> None:
    chunks, _, arguments = case
    content = message(play(chunks))["content"]
    results = [{"type": "tool_result", "tool_use_id": f"call_{at}", "content": "r"} for at in range(len(arguments))]

    back = said(USER, {"role": "assistant", "content": content}, {"role": "user", "content": [*results, *TEXT]})

    assert back[-1 - len(results) :] == [
        *({"role": "tool", "tool_call_id": f"call_{at}", "content": "r"} for at in range(len(arguments))),
        USER,
    ]
    turn = back[1] if len(back) > 2 + len(results) else {}
    texts = turn.get("content") or ""
    words = texts if isinstance(texts, str) else "".join(part["text"] for part in texts)
    assert words == "".join(block["text"] for block in content if block["type"] == "text")
    opaque = "".join(
        (block.get("signature") or block.get("data")).removeprefix(sealed(""))
        for block in content
        if "thinking" in block["type"]
    )
    assert turn.get("reasoning_opaque", "") == opaque
    if opaque:
        thoughts = "".join(block.get("thinking", "") for block in content)
        assert turn.get("reasoning_content", "") == thoughts
    assert [json.loads(call["function"]["arguments"]) for call in turn.get("tool_calls", [])] == list(
        map(json.loads, arguments)
    )
