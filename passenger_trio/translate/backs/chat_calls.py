"""One choice of Copilot's chat answers, cleaned: roles, reasoning, and above all tool calls.

Facts (protocol, recorded unless said otherwise): GPT numbers parallel calls 0, 1, ...; Claude may use index 0 for all
of them, a new ``id`` being a new call, leaves ``arguments`` out of the first fragment and gives none at all for a call
without arguments; Gemini sends a whole call in the chunk that carries the finish reason; some models finish with
``stop`` although they called. Claude's answers may put text and calls into separate choices, and GPT's carry
``padding``. A call of a custom tool has ``custom`` where others have ``function`` (OpenAI), and no arguments.

Claude repeats the role on every delta. What is said twice is left out, for the openai package's own accumulator strings
texts together, whatever they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from passenger_trio.errors import UpstreamBroke
from passenger_trio.translate.backs.hub_stream import made_call_id
from passenger_trio.wire import chat, envelope
from passenger_trio.wire.envelope import Envelope

_ENDED_WITH_ERROR: Final = "Copilot broke off: the model ended with an error."
_CUSTOM: Final = "custom"
_CUT: Final = frozenset({"length", "content_filter"})
"""Finish reasons after which a call without arguments may be one whose arguments never came."""

_REASONING: Final = {
    "reasoning_content": ("reasoning_text", "cot_summary", "thinking"),
    "reasoning_opaque": ("signature",),
}
"""The hub's names of reasoning and of what it is sealed with, and Copilot's names of the same."""


@dataclass(slots=True)
class ChoiceState:
    """What a stream has said of one choice so far; ``ids`` are its tool calls in order.

    ``custom`` are the places of the calls of custom tools among them,
    ``open`` are upstream's numbers of the choices that this one is made of and that have begun and not finished.
    ``finish`` is upstream's last finish reason, ``told`` the one that clients have got, and ``kept`` what came with it
    and has not been sent. ``split`` says that there is, or is to be, more than one choice in this one.
    """

    new_id: Callable[[], str]
    role_sent: bool = False
    open: set[int] = field(default_factory=set[int])
    split: bool = False
    finish: str | None = None
    told: str | None = None
    kept: Envelope = field(default_factory=dict[str, msgspec.Raw])
    ids: list[str] = field(default_factory=list[str])
    by_upstream_index: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])
    with_arguments: set[int] = field(default_factory=set[int])
    custom: set[int] = field(default_factory=set[int])

    @property
    def finished(self) -> bool:
        """Whether nothing can be missing. In a split choice a finish that tells of calls may come before them."""
        return self.finish is not None and not self.open and (bool(self.ids) or self.finish != "tool_calls")

    @property
    def due(self) -> bool:
        """Whether the finish can be told at once: nothing says that something may follow."""
        return self.finished and self.told is None and not self.split

    @property
    def reason(self) -> str | None:
        """The finish reason for clients."""
        return "tool_calls" if self.ids and self.finish == "stop" else self.finish


def clean_choice(
    state: ChoiceState, index: int, choice: Envelope, view: chat.ChunkChoice, number: int
) -> list[Envelope]:
    """What the choice says now, clean; none where it says no more than how it ends, which :func:`ending` tells.

    ``number`` is upstream's, ``index`` the one that clients get.
    """
    state.split = state.split or number != index
    delta = envelope.decode(choice["delta"]) if not envelope.is_absent(choice, "delta") else {}
    seen = view.delta or chat.Delta()
    delta.pop("padding", None)
    delta.pop("role", None)
    if not state.role_sent:
        delta = {"role": envelope.raw(seen.role or "assistant"), **delta}
        state.role_sent = True
    reasoning = seen.reasoning_text or seen.cot_summary or seen.thinking
    if reasoning and not seen.reasoning_content:
        delta["reasoning_content"] = envelope.raw(reasoning)
    if seen.signature and not seen.reasoning_opaque:
        delta["reasoning_opaque"] = delta["signature"]
    if seen.tool_calls:
        fragments = zip(envelope.decode_list(delta["tool_calls"]), seen.tool_calls, strict=True)
        delta["tool_calls"] = envelope.raw([_clean_fragment(state, *pair, number) for pair in fragments])
    choice["index"] = envelope.raw(index)
    choice["delta"] = envelope.raw(delta)
    finish = view.finish_reason
    if finish == "error":
        raise UpstreamBroke(_ENDED_WITH_ERROR)
    if finish is None:
        if state.finish is None or seen.content or seen.refusal or seen.tool_calls:
            state.open.add(number)  # side notes may follow the finish (cot_id), and begin nothing
        return [choice]
    state.open.discard(number)
    state.finish = finish
    state.split = state.split or not state.finished
    del choice["finish_reason"]
    said: list[Envelope] = []
    if not all(_is_empty(delta, name) for name in delta):
        said = [{"index": choice["index"], "delta": choice.pop("delta"), "finish_reason": envelope.NULL}]
        if "logprobs" in choice:
            said[0]["logprobs"] = choice.pop("logprobs")
    state.kept.update(choice)
    return said


def lacking(state: ChoiceState, index: int) -> list[dict[str, object]]:
    """What is to be said before the finish: the arguments of calls that came without any, unless they were cut off."""
    if state.finish in _CUT:
        return []
    empty = {"function": {"arguments": "{}"}}
    whole = state.with_arguments | state.custom
    calls = [{"index": at, **empty} for at in range(len(state.ids)) if at not in whole]
    state.with_arguments.update(range(len(state.ids)))
    return [{"index": index, "delta": {"tool_calls": calls}, "finish_reason": None}] if calls else []


def ending(state: ChoiceState, index: int) -> dict[str, object]:
    """The finish with what upstream sent beside it; without the finish where that has been told."""
    kept, state.kept = state.kept, {}
    finish = state.reason if state.reason != state.told else None
    state.told = state.reason
    return {"index": index, "delta": {}, **kept, "finish_reason": finish}


def _clean_fragment(state: ChoiceState, fragment: Envelope, view: chat.ToolCall, number: int) -> Envelope:
    at = _place(state, view, number)
    if at == len(state.ids):
        call_id = view.id or made_call_id(state.new_id)
        state.ids.append(call_id)
        fragment["id"] = envelope.raw(call_id)
        fragment["type"] = envelope.raw(view.type or "function")
        if view.type == _CUSTOM:
            state.custom.add(at)
    else:
        fragment.pop("id", None)
        fragment.pop("type", None)
    if view.index is not None:
        state.by_upstream_index[number, view.index] = at
    fragment["index"] = envelope.raw(at)
    if at in state.custom:
        return fragment
    function = envelope.decode(fragment["function"]) if not envelope.is_absent(fragment, "function") else {}
    if envelope.is_absent(function, "arguments"):
        function["arguments"] = envelope.raw("")
    elif view.function is not None and view.function.arguments:
        state.with_arguments.add(at)
    fragment["function"] = envelope.raw(function)
    return fragment


def _place(state: ChoiceState, view: chat.ToolCall, number: int) -> int:
    """Which call a fragment belongs to; the number of calls so far means a new one. Each choice counts its own."""
    new = len(state.ids)
    if view.id:
        return state.ids.index(view.id) if view.id in state.ids else new
    named = view.function is not None and bool(view.function.name)
    if view.index is not None and (number, view.index) in state.by_upstream_index:
        return state.by_upstream_index[number, view.index]
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
    for hub_name, names in _REASONING.items():
        said = [message[name] for name in names if not _is_empty(message, name)]
        if said and envelope.is_absent(message, hub_name):
            message[hub_name] = said[0]
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


def _is_empty(body: Envelope, name: str) -> bool:
    return envelope.is_absent(body, name) or bytes(body[name]) == b'""'


def _clean_call(call: Envelope, new_id: Callable[[], str], *, cut: bool) -> Envelope:
    call["type"] = call.get("type", envelope.raw("function"))
    if _is_empty(call, "id"):
        call["id"] = envelope.raw(made_call_id(new_id))
    if envelope.value(call["type"]) == _CUSTOM:
        return call
    function = envelope.decode(call["function"]) if not envelope.is_absent(call, "function") else {}
    if _is_empty(function, "arguments"):
        function["arguments"] = envelope.raw("" if cut else "{}")
    call["function"] = envelope.raw(function)
    return call
