"""Streams with every quirk that Copilot's models have, in all mixtures: what clients hear is what was said."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings, strategies as st

TEXTS = st.text(max_size=12) | st.sampled_from(["a\u2028b", "\x85", "\u2029", "🚀", "é", "\r\n\r\n", "data: [DONE]"])
NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
ARGUMENTS = st.dictionaries(TEXTS, TEXTS | st.integers() | st.lists(st.none() | st.booleans(), max_size=2), max_size=3)


@dataclass
class Said:
    """What a model said, and the bytes in which Copilot said it."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    finish: str = "stop"
    usage: tuple[int, int] | None = None
    data: bytes = b""


@st.composite
def deltas(draw: st.DrawFn, said: Said) -> list[dict[str, Any]]:
    """The deltas of one choice; text, reasoning and calls are added to ``said``."""
    found: list[dict[str, Any]] = []
    reasoning_name = draw(st.sampled_from(["reasoning_text", "cot_summary", "reasoning_content"]))
    for piece in draw(st.lists(TEXTS, max_size=3)):
        said.reasoning += piece
        found.append({"content": None, reasoning_name: piece})
    for piece in draw(st.lists(TEXTS, max_size=4)):
        said.text += piece
        found.append({"content": piece})
    for _ in range(draw(st.integers(0, 3))):
        said.calls.append((f"call_{len(said.calls)}_x", draw(NAMES), draw(ARGUMENTS)))
    return [*found, *draw(call_deltas(said))]


@st.composite
def call_deltas(draw: st.DrawFn, said: Said) -> list[dict[str, Any]]:
    """The fragments of all calls: numbered (GPT, perhaps interleaved) or all numbered 0 (Claude)."""
    claude = draw(st.booleans())
    rows: list[list[dict[str, Any]]] = []
    for at, (call_id, name, arguments) in enumerate(said.calls):
        index = 0 if claude else at
        text = json.dumps(arguments, indent=draw(st.sampled_from([None, 1])), ensure_ascii=draw(st.booleans()))
        if not arguments and draw(st.booleans()):
            text = ""
        cut = draw(st.integers(0, len(text)))
        first: dict[str, Any] = {"name": name} if claude else {"name": name, "arguments": ""}
        row: list[dict[str, Any]] = [{"function": first, "id": call_id, "index": index, "type": "function"}]
        for piece in (text[:cut], text[cut:]):
            fragment: dict[str, Any] = {"function": {"arguments": piece}, "index": index}
            if draw(st.booleans()):
                fragment["id"] = draw(st.sampled_from([call_id, "", None]))
            row.append(fragment)
        rows.append(row)
    fragments = list(itertools.chain.from_iterable(rows))
    if not claude and draw(st.booleans()):
        turns = draw(st.permutations([at for at, row in enumerate(rows) for _ in row]))
        waiting = {at: iter(row) for at, row in enumerate(rows)}
        order = sorted(set(turns))
        # a call begins before the next one does; what follows may come in any order
        fragments = [next(waiting[at]) for at in order]
        for at in turns:
            fragments += [fragment for fragment in [next(waiting[at], None)] if fragment is not None]
    return [{"content": None, "tool_calls": [fragment]} for fragment in fragments]


@st.composite
def streams(draw: st.DrawFn) -> Said:
    """A whole stream of one choice."""
    said = Said()
    chunks = [{"delta": delta, "index": 0} for delta in draw(deltas(said))]
    said.finish = "tool_calls" if said.calls else draw(st.sampled_from(["stop", "length", "content_filter"]))
    last: dict[str, Any] = {"delta": {"content": None}, "index": 0, "finish_reason": said.finish}
    if said.calls and draw(st.booleans()):
        last["finish_reason"] = "stop"
    if chunks and draw(st.booleans()):  # Gemini: the last delta comes with the finish
        last["delta"] = chunks.pop()["delta"]
    chunks.append(last)
    if said.calls and draw(st.booleans()):
        draw(split(chunks))
    if draw(st.booleans()):
        chunks[0]["delta"]["role"] = "assistant"
    zero = draw(st.sampled_from([None, "null", "zero"]))
    events: list[tuple[bytes, Any]] = []
    for chunk in chunks:
        if draw(st.booleans()):
            chunk["delta"]["padding"] = "abcdefgh"
        if draw(st.booleans()):
            chunk["delta"].setdefault("role", None)
        if draw(st.booleans()):
            chunk.setdefault("finish_reason", None)
        body: dict[str, Any] = {"choices": [chunk]}
        body["id"] = draw(st.sampled_from(["chatcmpl-x", "chatcmpl-x", "", None, "chatcmpl-other"]))
        body["created"] = draw(st.sampled_from([1_780_000_000, 0, None]))
        body["model"] = draw(st.sampled_from(["gpt-4o-2024-11-20", "", None]))
        if draw(st.booleans()):
            body["object"] = draw(st.sampled_from(["chat.completion.chunk", "", None, "chat.completion"]))
        if zero is not None:
            body["usage"] = None if zero == "null" else {"prompt_tokens": 0, "completion_tokens": 0}
        events.append((b"", body))
    said.usage = draw(usage(events))
    if zero == "zero" and said.usage is None:
        said.usage = (0, 0)
    said.data = draw(frames(events))
    return said


@st.composite
def split(draw: st.DrawFn, chunks: list[dict[str, Any]]) -> None:
    """Claude: the calls are a choice of their own, and the text before them has a finish as well."""
    first = next(at for at, chunk in enumerate(chunks) if "tool_calls" in chunk["delta"])
    chunks.insert(first, {"delta": {"content": None}, "index": 0, "finish_reason": "tool_calls"})
    number = draw(st.sampled_from([0, 1]))
    for chunk in chunks[first + 1 :]:
        chunk["index"] = number


@st.composite
def usage(draw: st.DrawFn, events: list[tuple[bytes, Any]]) -> tuple[int, int] | None:
    """Usage on the last event (Copilot), in an event of its own (OpenAI), or not at all."""
    place = draw(st.sampled_from(["last", "own", "none"]))
    counted = (draw(st.integers(1, 9999)), draw(st.integers(1, 9999)))
    block = {"completion_tokens": counted[1], "prompt_tokens": counted[0], "total_tokens": sum(counted)}
    if place == "last":
        events[-1][1]["usage"] = block
    elif place == "own":
        events.append((b"", {"choices": [], "id": "", "usage": block}))
    return None if place == "none" else counted


NOISE = [
    (b"", {"choices": [], "created": 0, "id": "", "model": "m", "prompt_filter_results": []}),
    (b"", {"choices": None, "copilot_references": [{}], "id": None}),
    (b"", {"copilot_confirmation": {}}),
    (b"copilot_errors", [{"type": "agent"}]),
]


@st.composite
def frames(draw: st.DrawFn, events: list[tuple[bytes, Any]]) -> bytes:
    """The events as bytes, with side notes between them, in one of the ways that lines may end."""
    end = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    field_start = draw(st.sampled_from([b"data: ", b"data:"]))
    ascii_only = draw(st.booleans())
    indent = draw(st.sampled_from([None, None, 0]))
    lines: list[bytes] = []
    for name, body in events:
        if draw(st.booleans()):
            lines += draw(st.sampled_from([[b": keep-alive", b""], [b"id: 7", b"retry: 9", b""], [field_start, b""]]))
        for side_name, side in draw(st.lists(st.sampled_from(NOISE), max_size=1)):
            lines += [b"event: " + side_name] if side_name else []
            lines += [field_start + json.dumps(side).encode(), b""]
        lines += [b"event: " + name] if name else []
        text = json.dumps(body, ensure_ascii=ascii_only, indent=indent).encode()
        lines += [*(field_start + line for line in text.split(b"\n")), b""]
    if draw(st.booleans()):
        lines += [field_start + b"[DONE]", b""]
        lines += draw(st.sampled_from([[], [field_start + json.dumps(NOISE[0][1]).encode(), b""], [b'{"error":{}}']]))
    data = b"".join(line + end for line in lines)
    return data.removesuffix(end) if draw(st.booleans()) else data


@given(said=streams(), data=st.data())
@settings(max_examples=120, deadline=None)
def test_a_client_hears_what_the_model_said(
    kind: str, play: Callable[..., bytes], hear: Callable[..., Any], said: Said, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(said.data)), max_size=6)))
    pieces = [said.data[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(said.data)], strict=True)]

    heard = hear(kind, play(kind, *pieces))

    assert heard.first.text == said.text
    assert heard.first.reasoning == said.reasoning
    assert heard.first.calls == said.calls
    if kind == "ollama" and said.finish == "content_filter":  # which is a fault to Ollama's clients
        assert "content filter" in str(heard.error)
        return
    assert heard.error is None
    assert list(heard.choices) == [0]
    assert heard.usage == (None if kind == "chat" else said.usage)
    if kind == "ollama":
        assert heard.first.finish == ("length" if said.finish == "length" else "stop")
    else:
        assert heard.first.finish == said.finish


@given(said=streams(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_stream_cut_short_before_its_finish_ends_in_an_error(
    kind: str, play: Callable[..., bytes], hear: Callable[..., Any], said: Said, data: st.DataObject
) -> None:
    finish = json.dumps(said.finish).encode() if b'"stop"' not in said.data else b'"stop"'
    before = said.data.rindex(finish)
    stop = data.draw(st.integers(0, before))

    heard = hear(kind, play(kind, said.data[:stop]))

    assert heard.error is not None
    assert said.text.startswith(heard.first.text)
