"""Answers for a client that speaks of functions, as OpenAI's did before there were tools (deprecated in 2023).

Such a client reads ``function_call`` where others read ``tool_calls``: one call, without an id, in an answer that
finishes with ``function_call``. Its request is the backs' matter; here the hub's answer gets the form that it knows. Of
several calls it gets the first, as if the model had made no other: the backs ask for one at a time where the endpoint
can be asked, and a model that wants the others makes them again once it has the first one's result.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from passenger_trio.wire import envelope
from passenger_trio.wire.chat import ChunkChoice, HubChunk, HubReply, ToolCall
from passenger_trio.wire.envelope import Envelope

_CALLS: Final = "tool_calls"
_FINISH: Final = envelope.raw("function_call")
_NOTHING: Final = envelope.raw({})


def older_reply(reply: HubReply) -> bytes:
    """A whole answer in the older form. One that is in it already stays as it is."""
    views = reply.view.choices or ()
    if not any(view.finish_reason == _CALLS or (view.message and view.message.tool_calls) for view in views):
        return reply.data
    answer = envelope.decode(reply.data)
    choices = envelope.decode_list(answer["choices"])
    for choice, view in zip(choices, views, strict=True):
        if view.message is not None and view.message.tool_calls:
            choice["message"] = _called(choice["message"], {0: view.message.tool_calls[0]})
        _finish(choice, view.finish_reason)
    return envelope.encode({**answer, "choices": choices})


def older_chunk(chunk: HubChunk) -> bytes:
    """A chunk in the older form; nothing where it told of another call than the first."""
    views = chunk.view.choices or ()
    if not any(view.finish_reason == _CALLS or _fragments(view) for view in views):
        return chunk.data
    body = envelope.decode(chunk.data)
    choices: list[Envelope] = []
    for choice, view in zip(envelope.decode_list(body["choices"]), views, strict=True):
        if fragments := _fragments(view):
            first = {at: fragment for at, fragment in enumerate(fragments) if fragment.index == 0}
            choice["delta"] = _called(choice["delta"], first)
        _finish(choice, view.finish_reason)
        if view.finish_reason is not None or choice["delta"] != _NOTHING:
            choices.append(choice)
    return envelope.encode({**body, "choices": choices}) if choices else b""


def _fragments(view: ChunkChoice) -> list[ToolCall]:
    return (view.delta.tool_calls if view.delta is not None else None) or []


def _called(holder: msgspec.Raw, first: Mapping[int, ToolCall]) -> msgspec.Raw:
    """The message or delta ``holder`` with a ``function_call`` in the place of its calls; ``first`` are the positions
    among them that belong to the first call, which may have several fragments.
    """
    message = envelope.decode(holder)
    calls = envelope.decode_list(message.pop(_CALLS))
    pieces = [(envelope.decode(calls[at]["function"]), view.function) for at, view in first.items() if view.function]
    if pieces:
        function, _ = pieces[0]
        if len(pieces) > 1:
            function["arguments"] = envelope.raw("".join(view.arguments or "" for _, view in pieces))
        message["function_call"] = envelope.raw(function)
    return envelope.raw(message)


def _finish(choice: Envelope, reason: str | None) -> None:
    if reason == _CALLS:
        choice["finish_reason"] = _FINISH
