"""What ``/responses`` answers, whole and streamed, as the hub has it.

Facts (protocol, recorded unless said otherwise): ids change with every event, and so does ``encrypted_content``, of
which the last counts; a stream ends with ``response.completed`` and no ``[DONE]``; ``copilot_usage`` stands beside
``response``. What was never streamed is taken from the ``.done`` events and at last from ``response.completed``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import msgspec

from passenger_trio.errors import UpstreamBroke
from passenger_trio.translate.backs import chat as chat_back
from passenger_trio.translate.backs.hub_stream import HubStream, is_text, made_call_id
from passenger_trio.wire import chat, envelope, responses, sse
from passenger_trio.wire.chat import Call, HubChunk, HubReply
from passenger_trio.wire.responses import CALLS, Event, Item, Kept, Response

_Field = Literal["content", "refusal", "reasoning_content"]
_SUMMARY_BREAK: Final = "\n\n"


def reply(body: bytes, call: Call, model: str, *, created: int, new_id: Callable[[], str]) -> HubReply:  # noqa: ARG001 - the signature of every back
    """A whole answer. Raises :class:`~passenger_trio.errors.UpstreamBroke` when it is none, or none that is whole, and
    what :func:`refuse_error` raises.
    """
    try:
        response = responses.decode_response(body)
        items = responses.read_items(response.output or ())
    except envelope.UNREADABLE as error:
        raise UpstreamBroke(f"Copilot's answer is no response: {error}") from None
    refuse_error(response, body)
    _refuse_unfinished(response)
    calls = [item for item in items if item.type in CALLS]
    finish = _finish(response, calls)
    answer: dict[str, object] = {
        "id": new_id(),
        "object": chat.COMPLETION_OBJECT,
        "created": int(response.created_at or created),
        "model": response.model or model,
        "choices": [{"index": 0, "message": _message(items, finish, new_id), "finish_reason": finish}],
    }
    if response.usage is not None:
        answer["usage"] = counted(response.usage)
    if response.copilot_usage != envelope.NULL:
        answer["copilot_usage"] = response.copilot_usage
    data = envelope.encode(answer)
    return HubReply(data, chat.decode_completion(data))


def refuse_error(response: Response, body: bytes) -> None:
    """Raise :class:`~passenger_trio.errors.UpstreamRefused` for what is an error and no response, with or without
    ``error`` around it.
    """
    if response.output is not None or response.status is not None:
        return
    if response.error != envelope.NULL:
        raise chat_back.refused(response.error)
    if is_text(response.message):
        raise chat_back.refused(msgspec.Raw(body))


def _refuse_unfinished(response: Response) -> None:
    if response.error != envelope.NULL or response.status == "failed":
        raise _failure(response)
    if response.status not in {"completed", "incomplete"}:
        raise UpstreamBroke(f"Copilot's answer is not finished (status: {response.status}).")


def _failure(response: Response) -> UpstreamBroke:
    return chat_back.broke(msgspec.Raw(b"{}") if response.error == envelope.NULL else response.error)


def _message(items: Sequence[Item], finish: chat.FinishReason, new_id: Callable[[], str]) -> dict[str, object]:
    said = [piece for item in items for piece in _pieces(item)]
    texts = [text for field, _, text in said if field == "content"]
    refusals = [text for field, _, text in said if field == "refusal"]
    reasoning = [text for field, _, text in said if field == "reasoning_content"]
    calls = [_whole_call(item, finish, new_id) for item in items if item.type in CALLS]
    message: dict[str, object] = {
        "role": "assistant",
        "content": None if not texts and (calls or refusals) else "".join(texts),
    }
    if refusals:
        message["refusal"] = "".join(refusals)
    if reasoning:
        message["reasoning_content"] = _SUMMARY_BREAK.join(reasoning)
    if opaque := _opaque(items):
        message["reasoning_opaque"] = opaque
    if calls:
        message["tool_calls"] = calls
    return message


def _pieces(item: Item) -> list[tuple[_Field, int, str]]:
    """What an item says in words: the hub's field, the number of the part, and the words."""
    pieces: list[tuple[_Field, int, str]] = []
    if item.type == "reasoning":
        return [("reasoning_content", at, part.text) for at, part in enumerate(item.summary or ()) if part.text]
    for at, part in enumerate(item.content or ()):
        if part.type == "output_text" and part.text:
            pieces.append(("content", at, part.text))
        elif part.type == "refusal" and part.refusal:
            pieces.append(("refusal", at, part.refusal))
    return pieces


def _opaque(items: Sequence[Item]) -> str:
    """What the hub has no place for, as the string ``reasoning_opaque``, from which ``responses_input.py`` makes it
    again: the reasoning, and where messages have phases, these.
    """
    phased = any(item.phase for item in items)
    kept = [entry for item in items if (entry := _entry(item, phased=phased)) is not None]
    return envelope.encode(kept).decode() if kept else ""


def _entry(item: Item, *, phased: bool) -> Kept | None:
    if item.type == "reasoning" and item.encrypted_content:
        parts = [{"type": part.type or "summary_text", "text": part.text} for part in item.summary or ()]
        return responses.Thought(item.encrypted_content, [envelope.raw(part) for part in parts])
    if item.type == "message" and phased:
        length = sum(len(text) for field, _, text in _pieces(item) if field == "content")
        return responses.Spoken(item.phase, length) if length else None
    return None


def _whole_call(item: Item, finish: chat.FinishReason, new_id: Callable[[], str]) -> dict[str, object]:
    call_id = item.call_id or made_call_id(new_id)
    call = {"id": call_id, **_call_body(item.type, item.name or "", item.input or "")}
    if item.type == "function_call":
        arguments = item.arguments or ("{}" if finish == "tool_calls" else "")
        call["function"] = {"name": item.name or "", "arguments": arguments}
    return call


def _call_body(kind: str | None, name: str, text: str) -> dict[str, object]:
    if kind == "custom_tool_call":
        return {"type": "custom", "custom": {"name": name, "input": text}}
    return {"type": "function", "function": {"name": name, "arguments": text}}


def _finish(response: Response, calls: Sequence[object]) -> chat.FinishReason:
    if response.status == "incomplete":
        details = response.incomplete_details or responses.IncompleteDetails()
        return "content_filter" if details.reason == "content_filter" else "length"
    return "tool_calls" if calls else "stop"


def counted(usage: responses.Usage) -> dict[str, object]:
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    counted: dict[str, object] = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": usage.total_tokens or read + written,
    }
    if usage.input_tokens_details is not None:
        counted["prompt_tokens_details"] = {"cached_tokens": usage.input_tokens_details.cached_tokens or 0}
    if usage.output_tokens_details is not None:
        counted["completion_tokens_details"] = {"reasoning_tokens": usage.output_tokens_details.reasoning_tokens or 0}
    return counted


@dataclass(slots=True)
class _OpenCall:
    """A call that has begun: its number among the calls, upstream's id of it if there is one, and the pieces of its
    arguments that have been sent.
    """

    at: int
    call_id: str | None
    custom: bool
    sent: list[str]


def _rest(whole: str | None, sent: Sequence[str]) -> str:
    """What of a whole text is missing in the pieces sent; nothing where it is another one."""
    begun = "".join(sent)
    return whole[len(begun) :] if whole is not None and whole.startswith(begun) else ""


class Stream(HubStream):
    """Copilot's Responses stream as clean hub chunks (see :class:`~passenger_trio.wire.chat.HubChunk`).

    Upstream's ids change all the time, so the id is made here. Every method may raise
    :class:`~passenger_trio.errors.UpstreamBroke`; what was returned before that is good.
    """

    def __init__(self, model: str, *, created: int, new_id: Callable[[], str], choices: int = 1) -> None:
        super().__init__(model, created=created, new_id=new_id, choices=choices)
        self._out: list[HubChunk] = []
        self._sent: dict[tuple[_Field, int, int], list[str]] = {}
        self._calls: dict[int, _OpenCall] = {}
        self._done_items: dict[int, Item] = {}
        self._usage: responses.Usage | None = None

    @property
    def finished(self) -> bool:
        """Whether the answer has been completed: nothing of it can be missing any more."""
        return self.done

    def event(self, event: sse.Event) -> list[HubChunk]:
        """The chunks this event amounts to: none as a rule for what only repeats, one for each new piece."""
        name, data = event
        if self.done or not data or data == sse.DONE:
            return []
        named = "" if name == b"message" else name.decode(errors="replace")
        try:
            if b"\n" in data:
                data = msgspec.json.format(data, indent=-1)  # what is copied from it must stay one line for fronts
            view = responses.decode_event(data)
        except envelope.UNREADABLE as error:
            if self._is_foreign(data, named):
                return []
            raise UpstreamBroke(f"Copilot sent an event that is no response event: {error}") from None
        kind = view.type = view.type or named
        if kind == "error" or (not kind and (view.error != envelope.NULL or is_text(view.message))):
            raise chat_back.broke(view.error if view.error != envelope.NULL else msgspec.Raw(data))
        reader = self._readers.get(kind)
        if reader is None:
            return []
        self._out = []
        try:
            reader(self, view)
        except envelope.UNREADABLE as error:
            raise UpstreamBroke(f"Copilot sent an item that cannot be read: {error}") from None
        return self._out

    def end(self) -> list[HubChunk]:
        """The last chunk, that of usage. Raises when nobody knows what is missing: the answer was never completed."""
        if not self.done:
            raise UpstreamBroke("Copilot ended the stream in the middle of the answer (no response.completed).")
        return self._last(None if self._usage is None else counted(self._usage))

    @classmethod
    def _is_foreign(cls, data: bytes, named: str) -> bool:
        """Whether ``data`` is an event of a type that is not read, whose fields may be of any kind."""
        try:
            kind = responses.decode_kind(data).type or named
        except envelope.UNREADABLE:
            kind = named
        return bool(kind) and kind != "error" and kind not in cls._readers

    def _emit(self, delta: dict[str, object], finish: str | None = None, **beside: object) -> None:
        self._out.append(self._say(delta, finish, **beside))

    def _note(self, view: Event) -> None:
        response = view.response or Response()
        self._model = response.model or self._model
        self._created = int(response.created_at or self._created)

    # Words

    def _speak(self, field: _Field, index: int, part: int, text: str | None) -> None:
        """A piece of text or reasoning. Summaries are told apart by a blank line, as in a whole answer."""
        if not text:
            return
        sent = self._sent.get((field, index, part))
        if sent is None:
            begins = field == "reasoning_content" and any(known[0] == field for known in self._sent)
            self._sent[field, index, part] = [text]
            self._emit({field: _SUMMARY_BREAK + text if begins else text})
            return
        sent.append(text)
        self._emit({field: text})

    def _speak_rest(self, field: _Field, index: int, part: int, text: str | None) -> None:
        """The whole text of a part, of which all, some or none may have been streamed."""
        self._speak(field, index, part, _rest(text, self._sent.get((field, index, part), ())))

    def _text_delta(self, view: Event) -> None:
        self._speak("content", view.output_index, view.content_index, view.delta)

    def _text_done(self, view: Event) -> None:
        self._speak_rest("content", view.output_index, view.content_index, view.text)

    def _refusal_delta(self, view: Event) -> None:
        self._speak("refusal", view.output_index, view.content_index, view.delta)

    def _refusal_done(self, view: Event) -> None:
        self._speak_rest("refusal", view.output_index, view.content_index, view.refusal)

    def _summary_delta(self, view: Event) -> None:
        self._speak("reasoning_content", view.output_index, view.summary_index, view.delta)

    def _summary_done(self, view: Event) -> None:
        self._speak_rest("reasoning_content", view.output_index, view.summary_index, view.text)

    # Calls

    def _begin(self, index: int, item: Item) -> _OpenCall:
        """The call at ``index``, whose first fragment is sent unless it has been."""
        if index not in self._calls:
            call = self._calls[index] = _OpenCall(len(self._calls), item.call_id, item.type == "custom_tool_call", [])
            first = {"index": call.at, "id": item.call_id or made_call_id(self._new_id)}
            self._emit({"tool_calls": [{**first, **_call_body(item.type, item.name or "", "")}]})
        return self._calls[index]

    def _arguments(self, call: _OpenCall, text: str | None) -> None:
        if text:
            call.sent.append(text)
            piece = {"custom": {"input": text}} if call.custom else {"function": {"arguments": text}}
            self._emit({"tool_calls": [{"index": call.at, **piece}]})

    def _arguments_delta(self, view: Event) -> None:
        call = self._calls.get(view.output_index)
        if call is not None:  # one that never began is sent whole when its item is done
            self._arguments(call, view.delta)

    def _arguments_done(self, view: Event) -> None:
        call = self._calls.get(view.output_index)
        if call is not None:
            self._arguments(call, _rest(view.arguments or view.input, call.sent))

    # Items and the end

    def _item_added(self, view: Event) -> None:
        for item in responses.read_items([view.item]):
            if item.type in CALLS:
                self._begin(view.output_index, item)

    def _item_done(self, view: Event) -> None:
        for item in responses.read_items([view.item]):
            self._finish_item(view.output_index, item)

    def _finish_item(self, index: int, item: Item) -> None:
        self._done_items[index] = item
        if item.type in CALLS:
            call = self._begin(index, item)
            self._arguments(call, _rest(item.arguments or item.input, call.sent))
        for field, part, text in _pieces(item):
            self._speak_rest(field, index, part, text)

    def _completed(self, view: Event) -> None:
        response = view.response or Response()
        if view.response is not None and response.status is None:
            response.status = "completed"
        _refuse_unfinished(response)
        if view.type == "response.incomplete":
            response.status = "incomplete"
        if not self._head:
            self._note(view)
        items = responses.read_items(response.output or ())
        self._send_unstreamed(items)
        finish = _finish(response, list(self._calls))
        if finish == "tool_calls":
            for call in self._calls.values():
                if not call.sent and not call.custom:
                    self._arguments(call, "{}")
        if opaque := _opaque(items) or _opaque([item for _, item in sorted(self._done_items.items())]):
            self._emit({"reasoning_opaque": opaque})
        beside = {} if view.copilot_usage == envelope.NULL else {"copilot_usage": view.copilot_usage}
        self._emit({}, finish, **beside)
        self._usage = response.usage
        self.done = True

    def _send_unstreamed(self, items: Sequence[Item]) -> None:
        """What the completed answer holds and the stream did not.

        Calls are known by their ``call_id``, words and calls without one by their order: items may have been left out
        of ``output``, and then its positions are not those of the stream.
        """
        words = {index for field, index, _ in self._sent if field != "reasoning_content"}
        known = {"message": len(words), "reasoning": len({index for _, index, _ in self._sent} - words)}
        places = {call.call_id: index for index, call in self._calls.items() if call.call_id}
        nameless = iter([index for index, call in self._calls.items() if not call.call_id])
        for at, item in enumerate(items):
            kind = item.type or ""
            if kind in CALLS:
                place = places.get(item.call_id) if item.call_id else next(nameless, None)
                self._finish_item(-1 - at if place is None else place, item)
            elif _pieces(item):
                if known[kind]:
                    known[kind] -= 1
                else:
                    self._finish_item(-1 - at, item)

    def _failed(self, view: Event) -> None:
        raise _failure(view.response or Response())

    _readers: ClassVar[dict[str, Callable[["Stream", Event], None]]] = {
        "response.created": _note,
        "response.in_progress": _note,
        "response.output_text.delta": _text_delta,
        "response.output_text.done": _text_done,
        "response.refusal.delta": _refusal_delta,
        "response.refusal.done": _refusal_done,
        "response.reasoning_summary_text.delta": _summary_delta,
        "response.reasoning_summary_text.done": _summary_done,
        "response.function_call_arguments.delta": _arguments_delta,
        "response.function_call_arguments.done": _arguments_done,
        "response.custom_tool_call_input.delta": _arguments_delta,
        "response.custom_tool_call_input.done": _arguments_done,
        "response.output_item.added": _item_added,
        "response.output_item.done": _item_done,
        "response.completed": _completed,
        "response.incomplete": _completed,
        "response.failed": _failed,
    }
