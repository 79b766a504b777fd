"""The same conversation said as chat, as Responses and as Messages reaches each endpoint with the same meaning.

What a dialect and an endpoint cannot carry between them stands in the tables of ``docs/mapping``; it is named in
``X-Passenger-Dropped``, and changes nothing else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from conversations import (
    MEDIA,
    NAMES,
    OBJECTS,
    TEXTS,
    Said,
    for_chat,
    for_messages,
    for_responses,
    said_in_hub,
    said_on_chat,
    said_on_messages,
    said_on_responses,
)
from docs_mapping import pages, proofs, samples
from docs_mapping.roads import MODELS
from hypothesis import given, settings, strategies as st
from server.front_shapes import Reached

from passenger_trio.translate import words
from passenger_trio.translate.backs import chat as chat_back, messages as messages_back, responses as responses_back
from passenger_trio.translate.diagonals import messages as messages_diagonal, responses as responses_diagonal
from passenger_trio.translate.fronts import chat, messages, responses
from passenger_trio.wire.models import Model

Body = dict[str, Any]
Item = tuple[str, ...]
REAL = Model(id="real")


@dataclass(frozen=True)
class Turn:
    """What somebody says: texts and pictures; of an assistant also calls ``(id, name, arguments)``, and what comes of
    them, ``(id, items)`` in any order.
    """

    who: str
    items: list[Item]
    calls: list[tuple[str, str, Body]] = field(default_factory=list[tuple[str, str, Body]])
    results: list[tuple[str, list[Item]]] = field(default_factory=list[tuple[str, list[Item]]])
    short: bool = False
    """Whether to say it in the shorter of the forms that a dialect has."""


TEXT = TEXTS.map(lambda text: ("text", text))
WORDS = st.text("ab é🚀", min_size=1).filter(lambda text: not text.isspace()).map(lambda text: ("text", text))
PICTURE = st.builds(lambda media, data: ("picture", media, data.hex()), MEDIA, st.binary(min_size=1, max_size=6))
RESULT = st.lists(WORDS, max_size=1).flatmap(lambda said: st.lists(PICTURE, max_size=2).map(lambda seen: said + seen))


@st.composite
def assistants(draw: st.DrawFn) -> Turn:
    ids = [f"call_{one.hex}" for one in draw(st.lists(st.uuids(), max_size=3, unique=True))]
    calls = [(one, draw(NAMES), draw(OBJECTS)) for one in ids]
    results = [(one, draw(RESULT)) for one in draw(st.permutations(ids))]
    said = draw(st.lists(WORDS, min_size=0 if calls else 1, max_size=2))
    return Turn("assistant", said, calls, results, draw(st.booleans()))


PEOPLE = st.builds(
    lambda who, said, short: Turn(who, said, short=short),
    st.just("user"),
    st.lists(TEXT | PICTURE, max_size=3),
    st.booleans(),
) | st.builds(
    lambda said, short: Turn("system", said, short=short), st.lists(TEXT, min_size=1, max_size=2), st.booleans()
)
FIRST = st.builds(lambda said: Turn("user", [said]), WORDS)
CONVERSATIONS = st.tuples(st.lists(PEOPLE, max_size=2), FIRST, st.lists(PEOPLE | assistants(), max_size=5)).map(
    lambda parts: [*parts[0], parts[1], *parts[2]]
)


def one_text(turn: Turn) -> str | None:
    """The only thing that is said, if that is a text which may stand for itself."""
    alone = turn.short and len(turn.items) == 1 and turn.items[0][0] == "text"
    return turn.items[0][1] if alone else None


# Three ways to say it


def as_chat(turns: list[Turn]) -> Body:
    said: list[Body] = []
    for turn in turns:
        content = [_chat_part(item) for item in turn.items]
        message: Body = {"role": turn.who, "content": content if (text := one_text(turn)) is None else text}
        if turn.calls:
            message["content"] = message["content"] or None
            message["tool_calls"] = [
                {"id": one, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
                for one, name, arguments in turn.calls
            ]
        said.append(message)
        for one, items in turn.results:
            said.append({"role": "tool", "tool_call_id": one, "content": [_chat_part(item) for item in items]})
    return {"messages": said}


def _chat_part(item: Item) -> Body:
    if item[0] == "text":
        return {"type": "text", "text": item[1]}
    return {"type": "image_url", "image_url": {"url": f"data:image/{item[1]};base64,{item[2]}"}}


def as_responses(turns: list[Turn]) -> Body:
    body: Body = {"input": []}
    if (text := one_text(turns[0])) and turns[0].who == "system":
        body["instructions"], turns = text, turns[1:]
    for turn in turns:
        kind = "output_text" if turn.who == "assistant" else "input_text"
        content = [_responses_part(item, kind) for item in turn.items]
        typed = {} if turn.short else {"type": "message"}
        if content or not turn.calls:
            text = one_text(turn)
            body["input"].append({**typed, "role": turn.who, "content": content if text is None else text})
        for one, name, arguments in turn.calls:
            call = {"type": "function_call", "call_id": one, "name": name, "arguments": json.dumps(arguments)}
            body["input"].append({**call, "id": f"fc_{one}", "status": "completed"})
        for one, items in turn.results:
            output: Any = [_responses_part(item, "input_text") for item in items]
            if turn.short and [item[0] for item in items] == ["text"]:
                output = items[0][1]
            body["input"].append({"type": "function_call_output", "call_id": one, "output": output})
    return body


def _responses_part(item: Item, kind: str) -> Body:
    if item[0] == "text":
        return {"type": kind, "text": item[1]}
    return {"type": "input_image", "image_url": f"data:image/{item[1]};base64,{item[2]}"}


def as_messages(turns: list[Turn]) -> Body:
    body: Body = {"max_tokens": 100, "messages": []}
    if turns[0].who == "system":
        text = one_text(turns[0])
        body["system"] = [_block(item) for item in turns[0].items] if text is None else text
        turns = turns[1:]
    said = body["messages"]
    for turn in turns:
        blocks = [_block(item) for item in turn.items]
        blocks += [{"type": "tool_use", "id": one, "name": name, "input": given} for one, name, given in turn.calls]
        text = one_text(turn)
        said.append({"role": turn.who, "content": blocks if text is None or turn.calls else text})
        results = [_result(one, items, short=turn.short) for one, items in turn.results]
        if results:
            said.append({"role": "user", "content": results})
    return body


def _result(one: str, items: list[Item], *, short: bool) -> Body:
    result: Body = {"type": "tool_result", "tool_use_id": one}
    if short and [item[0] for item in items] == ["text"]:
        return {**result, "content": items[0][1]}
    return {**result, "content": [_block(item) for item in items]} if items or not short else result


def _block(item: Item) -> Body:
    if item[0] == "text":
        return {"type": "text", "text": item[1]}
    return {"type": "image", "source": {"type": "base64", "media_type": f"image/{item[1]}", "data": item[2]}}


SAY = {"chat": as_chat, "responses": as_responses, "messages": as_messages}
BACKS: Mapping[str, Any] = {"chat": chat_back, "responses": responses_back, "messages": messages_back}
PAIRS = pytest.mark.parametrize(("dialect", "endpoint"), [(dialect, endpoint) for dialect in SAY for endpoint in BACKS])


class Sent(NamedTuple):
    """What goes out, and the names of what does not."""

    body: Body
    dropped: tuple[str, ...]


def send(dialect: str, endpoint: str, asked: Body, model: Model = REAL) -> Sent:
    """What a request in a dialect becomes on an endpoint."""
    data = json.dumps({"model": "asked", **asked}).encode()
    if dialect == endpoint == "responses":
        written: Any = responses_diagonal.request(responses.read(data).envelope, model)
    elif dialect == endpoint == "messages":
        written = messages_diagonal.request(messages.read(data).envelope, model)
    else:
        match dialect:
            case "chat":
                call = chat.to_call(data)
            case "responses":
                call, _ = responses.to_call(responses.read(data), model.id)
            case _:
                call = messages.to_call(messages.read(data), model)[0]
        back = BACKS[endpoint].request(call, model)
        lost = (words.renamed(name, call.names) for name in back.dropped)
        return Sent(json.loads(back.body), (*call.dropped, *lost))
    return Sent(json.loads(written.body), written.dropped)


# What is said


def said_on(endpoint: str, body: Body) -> Said:
    """What a request says, each result as one text where it is text."""
    if endpoint == "chat":
        return for_responses(said_on_chat(body))
    if endpoint == "messages":
        turns = [{**turn, "content": [_spelt_out(block) for block in turn["content"]]} for turn in body["messages"]]
        return for_responses(said_on_messages({**body, "messages": turns}))
    items: list[Body] = []
    for item in body["input"]:  # a client of this dialect may leave out types, and write a text for its only part
        message = {"type": "message", **item}
        if isinstance(message.get("content"), str):
            kind = "output_text" if message["role"] == "assistant" else "input_text"
            message["content"] = [{"type": kind, "text": message["content"]}]
        items.append(message)
    instructions: Said = [("system", "text", body["instructions"])] if body.get("instructions") else []
    return [*instructions, *for_responses(said_on_responses({"input": items}))]


def _spelt_out(block: Body) -> Body:
    """A block whose content is blocks, where a client of this dialect may write a text."""
    if not isinstance(block.get("content"), str):
        return block
    return {**block, "content": [{"type": "text", "text": block["content"]}]}


def meant(turns: list[Turn], endpoint: str) -> Said:
    """What the conversation says there."""
    said = said_in_hub(as_chat(turns)["messages"])
    return for_responses({"chat": for_chat, "responses": for_responses, "messages": for_messages}[endpoint](said))


def begun(dialect: str, endpoint: str, body: Body) -> set[str]:
    """What is named where a turn of the user's has been added after the last one, which was the model's."""
    if endpoint != "messages" or body["messages"][-1]["content"] != [{"type": "text", "text": "Please continue."}]:
        return set()
    return {"input[assistant]=last" if dialect == "responses" else "messages[assistant]=last"}


@PAIRS
@given(turns=CONVERSATIONS)
@settings(deadline=None)
def test_a_conversation_means_the_same_in_whichever_dialect_it_is_said(
    dialect: str, endpoint: str, turns: list[Turn]
) -> None:
    sent = send(dialect, endpoint, SAY[dialect](turns))

    assert said_on(endpoint, sent.body) == meant(turns, endpoint)
    assert sent.body["model"] == "real"
    assert set(sent.dropped) == begun(dialect, endpoint, sent.body)


# What is asked for


class Wishes(NamedTuple):
    """What is asked for beside the conversation."""

    tools: dict[str, Body]
    choice: str | None
    parallel: bool | None
    limit: int | None
    temperature: float | None


SCHEMAS = st.dictionaries(
    st.text("abc", min_size=1, max_size=2), st.sampled_from(["string", "integer"]), max_size=2
).map(lambda names: {"type": "object", "properties": {name: {"type": kind} for name, kind in names.items()}})


@st.composite
def wishes(draw: st.DrawFn) -> Wishes:
    tools = draw(st.dictionaries(NAMES, SCHEMAS, max_size=3))
    choice = draw(st.sampled_from([None, "auto", "none", "required", *tools])) if tools else None
    parallel = draw(st.sampled_from([None, False])) if choice not in {None, "none"} else None
    return Wishes(tools, choice, parallel, draw(st.integers(16, 999)), draw(st.sampled_from([None, 0, 0.5, 1])))


def asked_of_chat(asked: Wishes) -> Body:
    body: Body = {"max_completion_tokens": asked.limit, "temperature": asked.temperature}
    body["tools"] = [
        {"type": "function", "function": {"name": name, "description": "d", "parameters": schema}}
        for name, schema in asked.tools.items()
    ] or None
    named = {"type": "function", "function": {"name": asked.choice}}
    body["tool_choice"] = named if asked.choice in asked.tools else asked.choice
    return {**body, "parallel_tool_calls": asked.parallel}


def asked_of_responses(asked: Wishes) -> Body:
    body: Body = {"max_output_tokens": asked.limit, "temperature": asked.temperature}
    body["tools"] = [
        {"type": "function", "name": name, "description": "d", "parameters": schema, "strict": False}
        for name, schema in asked.tools.items()
    ]
    named = {"type": "function", "name": asked.choice}
    body["tool_choice"] = named if asked.choice in asked.tools else asked.choice
    return {**body, "parallel_tool_calls": asked.parallel}


def asked_of_messages(asked: Wishes) -> Body:
    body: Body = {"max_tokens": asked.limit, "temperature": asked.temperature}
    body["tools"] = [{"name": name, "description": "d", "input_schema": schema} for name, schema in asked.tools.items()]
    if asked.choice is not None:
        kind = {"required": "any", "auto": "auto", "none": "none"}.get(asked.choice, "tool")
        body["tool_choice"] = {"type": kind, "name": asked.choice} if kind == "tool" else {"type": kind}
        if asked.parallel is False:
            body["tool_choice"]["disable_parallel_tool_use"] = True
    return body


ASK = {"chat": asked_of_chat, "responses": asked_of_responses, "messages": asked_of_messages}


def read_wishes(endpoint: str, body: Body) -> Wishes:
    path = {"chat": "/chat/completions", "responses": "/responses", "messages": "/v1/messages"}[endpoint]
    reached = Reached(SimpleNamespace(path=path, body=json.dumps(body).encode()))  # type: ignore[arg-type] # all it reads
    return Wishes(reached.tools, reached.choice, reached.parallel, reached.limit, body.get("temperature"))


@PAIRS
@given(asked=wishes())
@settings(deadline=None)
def test_tools_and_limits_mean_the_same_in_whichever_dialect_they_are_asked_for(
    dialect: str, endpoint: str, asked: Wishes
) -> None:
    conversation = SAY[dialect]([Turn("user", [("text", "Hi")])])

    sent = send(dialect, endpoint, {**conversation, **ASK[dialect](asked)})

    assert read_wishes(endpoint, sent.body) == asked
    assert sent.dropped == ()
    tools = [tool.get("function", tool) for tool in sent.body.get("tools", [])]
    assert [tool["description"] for tool in tools] == ["d"] * len(asked.tools)


# What cannot be carried

ABLE = MODELS[""]
"""The model of which the pages speak, where they name no other."""

PATHS = {"chat": "/chat/completions", "responses": "/responses", "messages": "/v1/messages"}


def lost_between(dialect: str, endpoint: str) -> dict[str, str]:
    """The fields that the dialect's page says are left out on the way to an endpoint, whatever their value, and what
    is named for each.
    """
    rows = pages.table(*pages.REQUESTS[dialect])
    cells = {row.path: row.cells[PATHS[endpoint]] for row in rows if row.is_general and row.path.isidentifier()}
    return {path: cell.place or path for path, cell in cells.items() if cell.word == "dropped"}


@PAIRS
@given(turns=CONVERSATIONS, data=st.data())
@settings(max_examples=25, deadline=None)
def test_what_a_pair_cannot_carry_is_named_and_changes_nothing_else(
    dialect: str, endpoint: str, turns: list[Turn], data: st.DataObject
) -> None:
    names = lost_between(dialect, endpoint)
    lost = data.draw(st.sets(st.sampled_from(sorted(names))))
    besides = {name: samples.asked(dialect, PATHS[endpoint], name).value for name in lost}
    asked = SAY[dialect](turns)

    sent = send(dialect, endpoint, {**asked, **besides}, ABLE)

    assert sent.body == send(dialect, endpoint, asked, ABLE).body
    assert {name for name in lost if not proofs.names(names[name], sent.dropped)} == set()
    besides_these = {told for told in sent.dropped if not any(proofs.names(names[name], (told,)) for name in lost)}
    assert besides_these == begun(dialect, endpoint, sent.body)


@PAIRS
def test_every_pair_has_something_that_it_cannot_carry(dialect: str, endpoint: str) -> None:
    assert len(lost_between(dialect, endpoint)) > 2
