"""The Messages front against Anthropic's own package: fields, blocks, tools, events, and how a stream adds up."""

import json
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given, settings, strategies as st
from messages_front import MODEL, USER, asked, counted, delta, fragment, hub, message, play, reply, said, sealed

from passenger_trio.errors import PassengerError, UpstreamRefused
from passenger_trio.translate.fronts import messages as front, messages_fields, messages_input, tokens
from passenger_trio.wire.chat import HubChunk

anthropic = pytest.importorskip("anthropic")
pydantic = pytest.importorskip("pydantic")

from anthropic import types  # noqa: E402
from anthropic.lib.streaming._messages import accumulate_event  # noqa: E402
from anthropic.types import beta, message_create_params  # noqa: E402
from anthropic.types.beta import message_create_params as beta_params  # noqa: E402
from typing_extensions import get_type_hints, is_typeddict  # noqa: E402

EVENTS = [pydantic.TypeAdapter(types.RawMessageStreamEvent), pydantic.TypeAdapter(beta.BetaRawMessageStreamEvent)]
OLDER_FIELDS = {"temperature", "top_p", "top_k", "output_format"}


def test_every_request_field_of_the_package_stands_in_a_table() -> None:
    fields = {
        name
        for params in (message_create_params, beta_params)
        for kind in (params.MessageCreateParamsStreaming, params.MessageCreateParamsNonStreaming)
        for name in get_type_hints(kind)
    }

    assert front.READ | front.DROPPED_FIELDS.keys() | front.REFUSED_FIELDS.keys() == fields | OLDER_FIELDS


def members(kind: Any) -> Iterator[Any]:
    """The objects that a union of parameters is made of."""
    if get_origin(kind) is not None:
        for part in get_args(kind):
            yield from members(part)
    elif is_typeddict(kind):
        yield kind


def tags(kind: Any) -> set[str]:
    return {
        value
        for member in members(kind)
        for value in get_args(get_type_hints(member)["type"])
        if isinstance(value, str)
    }


def test_every_block_of_the_package_stands_in_a_table() -> None:
    kinds = [
        types.ContentBlockParam,
        beta.BetaContentBlockParam,
        get_type_hints(beta.BetaSystemMessageParam)["content"],
        get_type_hints(beta.BetaToolResultBlockParam)["content"],
    ]
    tables = (messages_input.BLOCKS, messages_input.DROPPED_BLOCKS, messages_input.REFUSED_BLOCKS)

    assert set().union(*tables) == set().union(*map(tags, kinds))


def test_every_tool_of_the_package_stands_in_a_table() -> None:
    kinds = tags(types.ToolUnionParam) | tags(beta.BetaToolUnionParam)
    known = (*messages_fields.DROPPED_TOOLS, *messages_fields.REFUSED_TOOLS)

    assert {kind for kind in kinds if not kind.startswith(known)} == set()
    assert {start for start in known if not any(kind.startswith(start) for kind in kinds)} == set()


def check_known(model: Any) -> None:
    """No field that the package does not know, anywhere in ``model``."""
    assert not model.model_extra
    for name in type(model).model_fields:
        value = getattr(model, name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, pydantic.BaseModel):
                check_known(item)


def check(event: dict[str, Any]) -> Any:
    """The event as the package has it, in both of its forms."""
    found = [adapter.validate_json(json.dumps(event), strict=True) for adapter in EVENTS]
    for model in found:
        check_known(model)
    return found[0]


def added_up(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that the package's own reader makes of a stream."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        if event["type"] != "ping":  # passed over before they are read
            snapshot = accumulate_event(event=check(event), current_snapshot=snapshot, json_bufs=buffers)
    return {name: value for name, value in snapshot.to_dict().items() if name != "stop_details"}


WORDS = st.text(min_size=1, max_size=8)
OBJECTS = st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=5) | st.none(), max_size=3)
CALL_IDS = ["call_1", "toolu_a-b", "call a/+=", "ü"]


@st.composite
def cut(draw: st.DrawFn, text: str) -> list[str]:
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=3)))
    return [text[start:stop] for start, stop in zip([0, *places], [*places, len(text)], strict=True)]


@st.composite
def orderly(draw: st.DrawFn) -> tuple[list[HubChunk], dict[str, Any], str, dict[str, Any]]:
    """A stream in the order in which a whole answer is told, and that answer: message, finish, usage."""
    answer: dict[str, Any] = {"role": "assistant"}
    chunks = [delta(role="assistant", content="")]
    for name, strategy in (("reasoning_content", st.text()), ("reasoning_opaque", st.text()), ("content", st.text())):
        answer[name] = draw(strategy | st.none())
        if name == "reasoning_opaque":
            chunks += [delta(**{name: answer[name]})]
        else:
            chunks += [delta(**{name: piece}) for piece in draw(cut(answer[name] or ""))]
    answer["tool_calls"] = []
    for at, call_id in enumerate(draw(st.lists(st.sampled_from(CALL_IDS), unique=True))):
        arguments = json.dumps(draw(OBJECTS), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
        function = {"name": draw(WORDS), "arguments": arguments}
        answer["tool_calls"].append({"id": call_id, "type": "function", "function": function})
        first, *rest = draw(cut(arguments))
        chunks.append(delta(tool_calls=[fragment(at, first, id=call_id, name=function["name"])]))
        chunks += [delta(tool_calls=[fragment(at, piece)]) for piece in rest]
    finish = "tool_calls" if answer["tool_calls"] else draw(st.sampled_from(["stop", "length", "content_filter"]))
    usage = draw(st.none() | st.builds(counted, st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)))
    return [*chunks, delta(finish=finish), hub(choices=[], usage=usage)], answer, finish, {"usage": usage}


@given(orderly())
@settings(max_examples=150, deadline=None)
def test_a_stream_adds_up_to_the_whole_answer(case: Any) -> None:
    chunks, answer, finish, more = case
    body = front.from_hub(reply(answer, finish, **more), asked(), model=MODEL, new_id=lambda: "chatcmpl-made")
    whole = types.Message.model_validate_json(body, strict=True)
    check_known(whole)

    assert added_up(play(chunks)) == json.loads(body)


@st.composite
def disorderly(draw: st.DrawFn) -> tuple[list[HubChunk], list[tuple[str, Any]], list[str]]:
    """Any chunks that the hub allows: what is said in order, and calls whose fragments come in between."""
    pieces: list[tuple[str, Any]] = draw(
        st.lists(
            st.tuples(st.sampled_from(["content", "refusal", "reasoning_content", "reasoning_opaque"]), WORDS),
            max_size=8,
        )
    )
    arguments = [json.dumps(found) for found in draw(st.lists(OBJECTS, max_size=4))]
    left = [draw(cut(text)) for text in arguments]
    begun = 0
    deltas: list[dict[str, Any]] = []
    said = iter(pieces)
    while True:
        open_calls = [at for at in range(begun) if left[at]]
        choices = [*open_calls, *([begun] if begun < len(left) else []), -1]
        at = draw(st.sampled_from(choices))
        if at < 0:
            name, text = next(said, ("", ""))
            if not name and not open_calls and begun == len(left):
                break
            deltas += [{name: text}] if name else []
        elif at == begun:
            deltas.append({"tool_calls": [fragment(at, left[at].pop(0), id=f"call_{at}", name=f"f{at}")]})
            begun += 1
        else:
            deltas.append({"tool_calls": [fragment(at, left[at].pop(0))]})
    for at in range(len(deltas) - 2, -1, -1):  # some at once: a chunk may hold a bit of everything
        both = {**deltas[at], **deltas[at + 1]}
        alone = len(both) == len(deltas[at]) + len(deltas[at + 1]) and not {"content", "refusal"} <= both.keys()
        if alone and draw(st.booleans()):
            deltas[at : at + 2] = [both]
    finish = delta(finish="tool_calls" if arguments else "stop")
    return [*[delta(**found) for found in deltas], finish], pieces, arguments


def joined(pieces: list[tuple[str, str]], *names: str) -> str:
    return "".join(text for name, text in pieces if name in names)


@given(disorderly())
@settings(max_examples=300, deadline=None)
def test_whatever_order_the_hub_has_the_events_are_in_anthropics_and_no_word_is_lost(case: Any) -> None:
    chunks, pieces, arguments = case

    events = play(chunks)

    content = message(json.loads(json.dumps(events)))["content"]
    assert added_up(events)["content"] == content
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


TEXT = [{"type": "text", "text": "x"}]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 429, 500, 503, 504, 529])
def test_an_error_is_one_of_the_packages(status: int) -> None:
    error: PassengerError = UpstreamRefused(status, "no")

    _, body = front.fault(error, "req-1")

    check_known(types.BetaErrorResponse.model_validate_json(body, strict=True))


def test_a_count_is_the_packages() -> None:
    assert types.MessageTokensCount.model_validate_json(tokens.answer(5), strict=True).input_tokens == 5
