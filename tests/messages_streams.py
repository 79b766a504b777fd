"""Random streams of the hub for the Messages front: in the order of a whole answer, and in any that the hub allows."""

import json
from typing import Any

from hypothesis import strategies as st
from messages_front import counted, delta, fragment, hub

from passenger_trio.wire.chat import HubChunk

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
