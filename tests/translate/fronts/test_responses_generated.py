"""Random answers as Responses: well-formed events, the whole answer at their end, and a way back to the hub."""

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings, strategies as st
from responses_client import (
    MODEL,
    ask,
    begins,
    delta,
    goes_on,
    hub_body,
    hub_call,
    hub_reply,
    listen,
    usage,
    whole,
)

from passenger_trio.errors import UpstreamBroke
from passenger_trio.wire.chat import HubChunk

F = {"type": "function", "name": "f", "parameters": {}}
PATCH = {"type": "custom", "name": "apply"}
FILES = {"type": "namespace", "name": "files", "tools": [F, PATCH]}
SEARCH = {"type": "tool_search", "execution": "client", "parameters": {}}
TOOLS = [F, PATCH, FILES, SEARCH]
ASKED = ask(tools=TOOLS)

TEXTS = st.text(min_size=1, max_size=8) | st.sampled_from(["a\u2028b", "\x85", "🚀", "\r\n\r\n", "data: [DONE]", "{}"])
OBJECTS = st.dictionaries(TEXTS, TEXTS | st.integers() | st.lists(st.none() | st.booleans(), max_size=2), max_size=3)


@st.composite
def arguments(draw: st.DrawFn, name: str) -> str:
    """What a model writes for a tool of that name."""
    given_to = {"input": draw(TEXTS)} if name.endswith("apply") else draw(OBJECTS)
    return json.dumps(given_to, indent=draw(st.sampled_from([None, 1])), ensure_ascii=draw(st.booleans()))


NAMES = st.sampled_from(["f", "apply", "files__f", "files__apply", "tool_search", "unheard"])


def cut(draw: st.DrawFn, text: str) -> list[str]:
    at = sorted(draw(st.sets(st.integers(0, len(text)), max_size=3)))
    return [text[start:stop] for start, stop in zip([0, *at], [*at, len(text)], strict=True)]


@dataclass
class Said:
    """What a model has said in the hub's order, and the chunks of it."""

    reasoning: str = ""
    opaque: str = ""
    text: str = ""
    refusal: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    chunks: list[HubChunk] = field(default_factory=list)
    finish: str = "stop"

    def message(self) -> dict[str, Any]:
        """The same as the message of a whole answer."""
        given_names = {
            "reasoning_content": self.reasoning,
            "reasoning_opaque": self.opaque,
            "content": self.text,
            "refusal": self.refusal,
            "tool_calls": [hub_call(*call) for call in self.calls],
        }
        return {name: value for name, value in given_names.items() if value}


@st.composite
def answers(draw: st.DrawFn) -> Said:
    """An answer in the order in which models make them: thoughts, words, calls one after the other."""
    said = Said()
    said.reasoning, said.opaque = draw(st.text(max_size=9)), draw(st.sampled_from(["", "s1=", '[{"a": 1}]']))
    said.text, said.refusal = draw(st.text(max_size=9)), draw(st.sampled_from(["", "I won't."]))
    for name in ("reasoning_content", "reasoning_opaque", "content", "refusal"):
        pieces = cut(draw, said.message().get(name, ""))
        said.chunks += [delta(**{name: piece}) for piece in pieces]
    for at, name in enumerate(draw(st.lists(NAMES, max_size=3))):
        text = draw(arguments(name))
        said.calls.append((f"call_{at}", name, text))
        said.chunks.append(begins(at, name))
        said.chunks += [goes_on(at, piece) for piece in cut(draw, text)]
    said.finish = draw(st.sampled_from(["tool_calls" if said.calls else "stop", "length"]))
    said.chunks.append(delta(said.finish))
    return said


@given(said=answers())
@settings(max_examples=150, deadline=None)
def test_a_stream_tells_what_the_whole_answer_has(said: Said) -> None:
    heard = listen(*said.chunks, usage(), asked=ASKED)

    assert heard.response == whole(hub_reply(said.finish, json.loads(usage().data)["usage"], **said.message()), ASKED)


@given(said=answers())
@settings(max_examples=150, deadline=None)
def test_an_answer_that_is_sent_back_is_what_the_model_said(said: Said) -> None:
    output = listen(*said.chunks, asked=ASKED).output
    user = {"role": "user", "content": "go on"}
    _, *found = hub_body(ask(user, *output, tools=TOOLS))["messages"]

    if not said.message():
        assert found == []
        return
    (message,) = found
    assert (message["content"] or "") == said.text
    assert message.get("refusal", "") == said.refusal
    assert message.get("reasoning_content", "") == said.reasoning
    assert message.get("reasoning_opaque", "") == said.opaque
    calls = [
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls", ())
    ]
    assert [call[:2] for call in calls] == [call[:2] for call in said.calls]
    assert [json.loads(call[2]) for call in calls] == [json.loads(call[2]) for call in said.calls]


@given(said=answers())
@settings(max_examples=60, deadline=None)
def test_no_other_model_gets_the_reasoning_back(said: Said) -> None:
    output = listen(*said.chunks, asked=ASKED).output
    body = hub_body(ask({"role": "user", "content": "x"}, *output), model="gpt-5")

    assert "reasoning_opaque" not in json.dumps(body)
    assert MODEL not in json.dumps(body)


@st.composite
def any_chunks(draw: st.DrawFn) -> tuple[list[HubChunk], str]:
    """Whatever a hub may send: pieces of all kinds in any order, the fragments of calls mixed; and all of the text."""
    rows: list[list[HubChunk]] = []
    for at in range(draw(st.integers(0, 3))):
        name = draw(NAMES)
        rows.append([begins(at, name), *(goes_on(at, piece) for piece in cut(draw, draw(arguments(name))))])
    turns = draw(st.permutations([at for at, row in enumerate(rows) for _ in row]))
    waiting = [iter(row) for row in rows]
    chunks = [next(waiting[at]) for at in turns]
    text = ""
    for _ in range(draw(st.integers(0, 5))):
        name = draw(st.sampled_from(["content", "refusal", "reasoning_content", "reasoning_opaque"]))
        piece = draw(TEXTS)
        chunks.insert(draw(st.integers(0, len(chunks))), delta(**{name: piece}))
    for chunk in chunks:
        for choice in chunk.view.choices or ():
            text += (choice.delta.content or "") if choice.delta else ""
    chunks.append(delta(draw(st.sampled_from(["stop", "tool_calls", "length", "content_filter"]))))
    return chunks, text


@given(made=any_chunks(), ends_well=st.booleans())
@settings(max_examples=200, deadline=None)
def test_events_are_well_formed_in_whatever_order_a_model_speaks(
    made: tuple[list[HubChunk], str], ends_well: bool
) -> None:
    chunks, text = made

    heard = listen(*chunks, asked=ASKED, error=None if ends_well else UpstreamBroke("It broke."))

    parts = [part for item in heard.output if item["type"] == "message" for part in item["content"]]
    assert "".join(part["text"] for part in parts if part["type"] == "output_text") == text
    assert (heard.error is None) == ends_well
