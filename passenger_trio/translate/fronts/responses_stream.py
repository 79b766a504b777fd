"""The hub's answer as a Responses client gets it, whole or as events.

Order and fields of the events are OpenAI's (reference, "Responses", "Streaming events"): a response is created, its
items follow one another, and at the end the whole response is told once more. There is no ``[DONE]``.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from passenger_trio.errors import PassengerError, UpstreamBroke
from passenger_trio.translate.fronts import chat as chat_front, responses_fault
from passenger_trio.translate.fronts.responses_items import CALLS, Body, Call, Item, Message, Reasoning, one_line
from passenger_trio.translate.fronts.responses_tools import Tools
from passenger_trio.wire import chat, envelope
from passenger_trio.wire.chat import HubChunk, HubReply, PromptDetails, Usage
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.responses_client import Asked

_CUT: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""The hub's reasons for an answer that is not whole, in the words of Responses."""

_ECHOED: Final = frozenset(
    {
        *("instructions", "max_output_tokens", "parallel_tool_calls", "temperature", "tool_choice", "tools"),
        *("top_p", "user", "metadata"),
    }
)
"""Fields of a request that its answer repeats as they came."""


class _InputDetails(msgspec.Struct):
    cache_write_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Details(msgspec.Struct):
    """What the hub's usage has besides: OpenAI counts the tokens of reasoning in the details, Copilot beside them."""

    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    reasoning_tokens: int | None = None


class _Counted(msgspec.Struct):
    usage: _Details | None = None


_Item = TypeVar("_Item", bound=Item)
_decode_counted: Final = msgspec.json.Decoder(_Counted).decode


class Stream:
    """A streamed answer. Each method returns the bytes to send now.

    ``model`` is the id of the model that answers, for which its reasoning is sealed; ``now`` is in unix seconds;
    ``new_id`` is asked once, and every id is made of what it gives.
    """

    content_type = chat_front.STREAM_TYPE

    def __init__(self, asked: Asked, tools: Tools, *, model: str, now: int, new_id: Callable[[], str]) -> None:
        self._tools = tools
        self._model = model
        self._token = new_id().removeprefix("chatcmpl-")
        self._head = _head(asked, f"resp_{self._token}", now)
        self._events: list[bytes] = []
        self._number = 0
        self._begun = False
        self._items: list[Item] = []
        self._calls: dict[int, Call] = {}
        self._finish: str | None = None
        self._usage: Body | None = None

    def event(self, chunk: HubChunk) -> bytes:
        """The events of one chunk. Raises :class:`~passenger_trio.errors.UpstreamBroke` for a call that goes on after
        its end; what was returned before that is good.
        """
        self._begin()
        if chunk.view.usage is not None:
            self._usage = _usage(chunk.view.usage, chunk.data)
        for choice in chunk.view.choices or ():
            self._take(choice.delta or chat.Delta(), choice.finish_reason)
        return self._flush()

    def end(self) -> bytes:
        """The end of a good answer."""
        self._begin()
        response = self._whole()
        self._emit(f"response.{response['status']}", {"response": response})
        return self._flush()

    def fault(self, error: PassengerError) -> bytes:
        """The end of a broken answer. No item that is not done is told of as if it were."""
        self._begin()
        return self._flush() + responses_fault.events(error, self._response("failed"), self._number)

    def reply(self, reply: HubReply) -> bytes:
        """A whole answer, for which nobody needs the events."""
        choice = (reply.view.choices or [chat.Choice()])[0]
        message = choice.message or chat.Message()
        calls = [msgspec.structs.replace(call, index=at) for at, call in enumerate(message.tool_calls or ())]
        delta = chat.Delta(
            content=message.content,
            refusal=message.refusal,
            tool_calls=calls,
            reasoning_content=message.reasoning_content,
            reasoning_opaque=message.reasoning_opaque,
        )
        self._take(delta, choice.finish_reason)
        if reply.view.usage is not None:
            self._usage = _usage(reply.view.usage, reply.data)
        return envelope.encode(self._whole())

    # Events

    def _emit(self, event: str, fields: Body) -> None:
        self._events.append(responses_fault.write(event, self._number, fields))
        self._number += 1

    def _flush(self) -> bytes:
        written = b"".join(self._events)
        self._events.clear()
        return written

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._emit("response.created", {"response": self._response("in_progress")})
            self._emit("response.in_progress", {"response": self._response("in_progress")})

    # Items

    def _take(self, delta: chat.Delta, finish: str | None) -> None:
        """What a delta brings, in the order in which a model makes it: thoughts, words, calls."""
        if delta.reasoning_content:
            self._reasoning().think(delta.reasoning_content)
        if delta.reasoning_opaque:
            self._reasoning().keep(delta.reasoning_opaque)
        if delta.content:
            self._message().say("output_text", delta.content)
        if delta.refusal:
            self._message().say("refusal", delta.refusal)
        for fragment in delta.tool_calls or ():
            self._call(fragment)
        if finish is not None:
            self._finish = finish
            self._close_all()

    def _reasoning(self) -> Reasoning:
        """The reasoning item that is being written, else a new one."""
        for item in self._open():
            if isinstance(item, Reasoning):
                return item
        return self._add(Reasoning(self._next(), self._token, self._emit, self._model))

    def _message(self) -> Message:
        for item in self._open():
            if isinstance(item, Message):
                return item
        return self._add(Message(self._next(), self._token, self._emit))

    def _call(self, fragment: chat.ToolCall) -> None:
        index, function = fragment.index or 0, fragment.function or chat.Function()
        call = self._calls.get(index)
        if call is None:
            origin = self._tools.origin(function.name or "")
            made = CALLS[origin.kind](self._next(), self._token, self._emit, fragment.id or "", origin)
            call = self._calls[index] = self._add(made)
        if not function.arguments:
            return
        if call.is_open:
            call.grow(function.arguments)
        elif function.arguments.strip():
            raise UpstreamBroke("Copilot went on with the arguments of a call after their end.")

    def _open(self) -> list[Item]:
        return [item for item in self._items if item.is_open]

    def _next(self) -> int:
        return len(self._items)

    def _add(self, item: _Item) -> _Item:
        """A new item, before which the others are closed: all but a call whose arguments are not whole yet.

        Some models write the arguments of several calls side by side.
        """
        for other in self._open():
            if other.is_whole:
                other.close("completed")
        self._items.append(item)
        item.add()
        return item

    def _close_all(self) -> None:
        """Close what is open. Where the answer was cut off, so were its last words and every call that is not whole."""
        for item in self._open():
            cut = self._finish in _CUT and not (isinstance(item, Call) and item.is_whole)
            item.close("incomplete" if cut else "completed")

    # The response

    def _whole(self) -> Body:
        """The response at its end."""
        self._close_all()
        reason = _CUT.get(self._finish or "")
        if reason is None:
            return self._response("completed")
        return self._response("incomplete", incomplete_details={"reason": reason})

    def _response(self, status: str, **fields: object) -> Body:
        output = [item.body() for item in self._items if not item.is_open]
        return {**self._head, "status": status, "output": output, "usage": self._usage, **fields}


def from_hub(reply: HubReply, asked: Asked, tools: Tools, *, model: str, now: int, new_id: Callable[[], str]) -> bytes:
    """A whole answer. The arguments are those of :class:`Stream`."""
    return Stream(asked, tools, model=model, now=now, new_id=new_id).reply(reply)


def _head(asked: Asked, response_id: str, now: int) -> Body:
    """The response before there is anything in it: what OpenAI's always have, and what was asked, as it was."""
    view = asked.view
    given = _lines({name: value for name, value in asked.envelope.items() if name in _ECHOED})
    reasoning = _lines(view.reasoning)
    return {
        "id": response_id,
        "object": "response",
        "created_at": now,
        "status": "in_progress",
        "background": False,
        "completed_at": None,  # no clock is asked at the end
        "error": None,
        "incomplete_details": None,
        "instructions": given.get("instructions"),
        "max_output_tokens": given.get("max_output_tokens"),
        "max_tool_calls": None,
        "model": view.model,
        "output": [],
        "parallel_tool_calls": given.get("parallel_tool_calls", True),
        "previous_response_id": None,
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "store": False,
        "temperature": given.get("temperature"),
        "text": {"format": {"type": "text"}, **_lines(view.text)},
        "tool_choice": given.get("tool_choice", "auto"),
        "tools": given.get("tools", []),
        "top_p": given.get("top_p"),
        "truncation": "disabled",
        "usage": None,
        "user": given.get("user"),
        "metadata": given.get("metadata", {}),
    }


def _lines(whole: Envelope | None) -> Envelope:
    return {name: one_line(value) for name, value in (whole or {}).items() if value != envelope.NULL}


def _usage(counted: Usage, data: bytes) -> Body:
    """The usage in a chunk or reply of the hub's. The tokens of reasoning are a part of the output here.

    Gemini counts them into the total alone (recorded). No answer fails for its count.
    """
    try:
        more = _decode_counted(data).usage or _Details()
    except msgspec.ValidationError:
        more = _Details()
    read = counted.prompt_tokens_details or PromptDetails()
    stored = more.prompt_tokens_details or _InputDetails()
    written = more.completion_tokens_details or _OutputDetails()
    output = max(counted.completion_tokens, counted.total_tokens - counted.prompt_tokens)
    return {
        "input_tokens": counted.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": read.cached_tokens or 0,
            "cache_write_tokens": stored.cache_write_tokens or 0,
        },
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": written.reasoning_tokens or more.reasoning_tokens or 0},
        "total_tokens": counted.prompt_tokens + output,
    }
