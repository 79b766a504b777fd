"""One choice of Copilot's chat answers, cleaned: roles, reasoning, and above all tool calls.

Facts (protocol, recorded unless said otherwise): GPT numbers parallel calls 0, 1, ...; Claude may use index 0 for all
of them, a new ``id`` being a new call, leaves ``arguments`` out of the first fragment and gives none at all for a call
without arguments; Gemini sends a whole call in the chunk that carries the finish reason; some models finish with
``stop`` although they called. Whole answers of Claude put text and calls into separate choices, and GPT's carry
``padding``.

Claude repeats the role on every delta. What is said twice is left out, for the openai package's own accumulator strings
texts together, whatever they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from passenger_trio.errors import UpstreamBroke
from passenger_trio.translate.backs.hub_stream import made_call_id
from passenger_trio.wire import chat, envelope
from passenger_trio.wire.envelope import Envelope

_ENDED_WITH_ERROR: Final = "Copilot broke off: the model ended with an error."
_CUT: Final = frozenset({"length", "content_filter"})
"""Finish reasons after which a call without arguments may be one whose arguments never came."""


@dataclass(slots=True)
class ChoiceState:
    """What a stream has said of one choice so far; ``ids`` are its tool calls in order."""

    new_id: Callable[[], str]
    finished: bool = False
    role_sent: bool = False
    ids: list[str] = field(default_factory=list[str])
    by_upstream_index: dict[int, int] = field(default_factory=dict[int, int])
    with_arguments: set[int] = field(default_factory=set[int])


def clean_choice(state: ChoiceState, index: int, choice: Envelope, view: chat.ChunkChoice) -> list[Envelope]:
    """The choice as one clean one, or as two when it brings calls and the finish at once."""
    delta = envelope.decode(choice["delta"]) if not envelope.is_absent(choice, "delta") else {}
    seen = view.delta or chat.Delta()
    delta.pop("padding", None)
    delta.pop("role", None)
    if not state.role_sent:
        delta = {"role": envelope.raw(seen.role or "assistant"), **delta}
        state.role_sent = True
    reasoning = seen.reasoning_text or seen.cot_summary
    if reasoning and not seen.reasoning_content:
        delta["reasoning_content"] = envelope.raw(reasoning)
    calls: list[Envelope] = []
    if seen.tool_calls:
        fragments = envelope.decode_list(delta["tool_calls"])
        calls = [_clean_fragment(state, *pair) for pair in zip(fragments, seen.tool_calls, strict=True)]
    finish = view.finish_reason
    if finish == "error":
        raise UpstreamBroke(_ENDED_WITH_ERROR)
    if finish is not None and state.finished:
        choice["finish_reason"] = envelope.NULL
        finish = None  # once is enough
    if finish is not None:
        state.finished = True
        if finish not in _CUT:
            calls += [_fragment(at, "{}") for at in range(len(state.ids)) if at not in state.with_arguments]
    choice["index"] = envelope.raw(index)
    if calls:
        delta["tool_calls"] = envelope.raw(calls)
    choice["delta"] = envelope.raw(delta)
    if finish is None:
        return [choice]
    if state.ids and finish == "stop":
        choice["finish_reason"] = envelope.raw("tool_calls")
    if not calls:
        return [choice]
    return [
        {"index": choice["index"], "delta": choice["delta"], "finish_reason": envelope.NULL},
        {**choice, "delta": envelope.raw({})},
    ]


def _fragment(index: int, arguments: str) -> Envelope:
    return {"index": envelope.raw(index), "function": envelope.raw({"arguments": arguments})}


def _clean_fragment(state: ChoiceState, fragment: Envelope, view: chat.ToolCall) -> Envelope:
    at = _place(state, view)
    function = envelope.decode(fragment["function"]) if not envelope.is_absent(fragment, "function") else {}
    if at == len(state.ids):
        call_id = view.id or made_call_id(state.new_id)
        state.ids.append(call_id)
        fragment["id"] = envelope.raw(call_id)
        fragment["type"] = envelope.raw(view.type or "function")
    else:
        fragment.pop("id", None)
        fragment.pop("type", None)
    if view.index is not None:
        state.by_upstream_index[view.index] = at
    if envelope.is_absent(function, "arguments"):
        function["arguments"] = envelope.raw("")
    elif view.function is not None and view.function.arguments:
        state.with_arguments.add(at)
    fragment["index"] = envelope.raw(at)
    fragment["function"] = envelope.raw(function)
    return fragment


def _place(state: ChoiceState, view: chat.ToolCall) -> int:
    """Which call a fragment belongs to; the number of calls so far means a new one."""
    new = len(state.ids)
    if view.id:
        return state.ids.index(view.id) if view.id in state.ids else new
    named = view.function is not None and bool(view.function.name)
    if view.index is not None and view.index in state.by_upstream_index:
        return state.by_upstream_index[view.index]
    if named or not state.ids or view.index is not None:
        return new
    return new - 1


def merge(choices: Sequence[Envelope], views: Sequence[chat.Choice]) -> Envelope:
    """Claude's split choices as one: texts joined, calls in order, the last finish reason."""
    merged: Envelope = dict(choices[0])
    message: Envelope = {}
    texts: list[str] = []
    calls: list[object] = []
    for choice, view in zip(choices, views, strict=True):
        if not envelope.is_absent(choice, "finish_reason"):
            merged["finish_reason"] = choice["finish_reason"]
        if envelope.is_absent(choice, "message"):
            continue
        part = envelope.decode(choice["message"])
        if view.message is not None and view.message.content:
            texts.append(view.message.content)
        if not envelope.is_absent(part, "tool_calls"):
            calls += envelope.decode_list(part["tool_calls"])
        message = {**part, **message}
    message["content"] = envelope.raw("".join(texts) if texts else None)
    if calls:
        message["tool_calls"] = envelope.raw(calls)
    merged["message"] = envelope.raw(message)
    return merged


def clean_whole(choice: Envelope, position: int, new_id: Callable[[], str]) -> Envelope:
    """A choice of a whole answer with everything that OpenAI's clients are strict about."""
    finish = envelope.value(choice.get("finish_reason", envelope.NULL))
    if finish == "error":
        raise UpstreamBroke(_ENDED_WITH_ERROR)
    message = envelope.decode(choice["message"]) if not envelope.is_absent(choice, "message") else {}
    message.pop("padding", None)
    message.setdefault("role", envelope.raw("assistant"))
    message.setdefault("content", envelope.NULL)
    if envelope.is_absent(message, "reasoning_content"):
        for name in ("reasoning_text", "cot_summary"):
            if not envelope.is_absent(message, name):
                message["reasoning_content"] = message[name]
    if not envelope.is_absent(message, "tool_calls"):
        calls = envelope.decode_list(message["tool_calls"])
        cut = finish in _CUT
        message["tool_calls"] = envelope.raw([_clean_call(call, new_id, cut=cut) for call in calls])
        if calls and finish in {"stop", None}:
            choice["finish_reason"] = envelope.raw("tool_calls")
    if envelope.is_absent(choice, "finish_reason"):
        raise UpstreamBroke("Copilot's answer is cut off: it has no finish_reason.")
    choice["message"] = envelope.raw(message)
    return {"index": envelope.raw(position), **{k: v for k, v in choice.items() if k != "index"}}


def _clean_call(call: Envelope, new_id: Callable[[], str], *, cut: bool) -> Envelope:
    function = envelope.decode(call["function"]) if not envelope.is_absent(call, "function") else {}
    if envelope.is_absent(function, "arguments") or bytes(function["arguments"]) == b'""':
        function["arguments"] = envelope.raw("" if cut else "{}")
    call["function"] = envelope.raw(function)
    call["type"] = call.get("type", envelope.raw("function"))
    if envelope.is_absent(call, "id") or bytes(call["id"]) == b'""':
        call["id"] = envelope.raw(made_call_id(new_id))
    return call
