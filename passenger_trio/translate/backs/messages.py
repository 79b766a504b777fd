"""Copilot's ``/v1/messages``, Anthropic's own dialect: for the models that answer nowhere else.

The request is written anew (:mod:`.messages_input` the conversation, :mod:`.messages_fields` the rest); the answer
comes back as the hub's. Thinking makes the round trip in the assistant's ``reasoning_opaque``: the JSON of the list of
its blocks, signatures and all, which a client returns as it came.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from passenger_trio.errors import UpstreamBroke, UpstreamFailed, UpstreamRefused
from passenger_trio.translate.backs import messages_fields, messages_input, pictures
from passenger_trio.translate.backs.hub_stream import HubStream, is_text, made_call_id
from passenger_trio.wire import chat, envelope, messages as wire, sse
from passenger_trio.wire.chat import Call, HubChunk, HubReply, Written
from passenger_trio.wire.models import Model

PATH: Final = "/v1/messages"

_HEADERS: Final = (("anthropic-version", wire.VERSION),)
_THINKING_HEADERS: Final = (*_HEADERS, ("anthropic-beta", wire.INTERLEAVED_THINKING))
_EVENTS: Final = frozenset(
    {
        *(b"message_start", b"content_block_start", b"content_block_delta", b"content_block_stop"),
        *(b"message_delta", b"message_stop", b"error", b"message"),
    }
)
_FINISH: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_READ_TOKENS: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_CUT: Final = frozenset({"length", "content_filter"})
"""Finish reasons after which a call without arguments may be one whose arguments never came."""


def request(call: Call, model: Model) -> Written:
    """What to send for ``call`` to ``model``. Raises :class:`~passenger_trio.errors.BadRequest` that names the field
    which this endpoint has no words for and the client would miss.
    """
    fields = {name: value for name, value in call.envelope.items() if value != envelope.NULL}
    dropped = messages_fields.without_place(fields)
    pictures.check(call.request.messages, model)
    conversation = messages_input.convert(fields["messages"])
    body: dict[str, Any] = {"model": model.id, "messages": conversation.turns}
    if conversation.system:
        body["system"] = conversation.system
    if call.stream:
        body["stream"] = True
    dropped += messages_fields.write_tools(fields, body, one=call.uses_functions)
    dropped += messages_fields.write_max_tokens(fields, body, model, stream=call.stream)
    dropped += messages_fields.write_thinking(fields, body, model, unthought=conversation.answers_unthought_calls)
    dropped += messages_fields.write_form(fields, body, model)
    dropped += messages_fields.write_sampling(fields, body)
    headers = _THINKING_HEADERS if messages_fields.thinks_between_calls(body) else _HEADERS
    return Written(envelope.encode(body), (*dropped, *conversation.dropped), headers)


def broke(error: msgspec.Raw) -> UpstreamFailed:
    """An ``error`` in a stream, Anthropic's (``type``, ``message``) or Copilot's (``code``, ``message``), as ours."""
    words, code = _words(error)
    return UpstreamFailed(f"Copilot broke off: {words or 'no reason given'}", code=code)


def _words(error: msgspec.Raw) -> tuple[str | None, str | None]:
    """Its words, else its code or its type; and these."""
    try:
        body = chat.decode_error(error)
    except envelope.UNREADABLE:
        return bytes(error)[:300].decode(errors="replace"), None
    code = str(body.code or body.type or "") or None
    return body.message or code, code


def whole(body: bytes) -> wire.Answer:
    """An answer that has come whole. Raises :class:`~passenger_trio.errors.UpstreamBroke` when it is none, or cut off,
    and :class:`~passenger_trio.errors.UpstreamRefused` when it is an error, with or without ``error`` around it: its
    HTTP status says 200, so we say what it is, 502.
    """
    try:
        answer = wire.decode_answer(body)
    except envelope.UNREADABLE:
        answer = wire.Answer()
    if answer.error != envelope.NULL or (answer.content is None and is_text(answer.message)):
        words, code = _words(msgspec.Raw(body) if answer.error == envelope.NULL else answer.error)
        raise UpstreamRefused(502, words or "Copilot answered with an error and gave no reason.", code=code)
    if answer.content is None:
        raise UpstreamBroke("Copilot's answer is no message of Anthropic's.")
    if answer.stop_reason is None:
        raise UpstreamBroke("Copilot's answer is cut off: it has no stop_reason.")
    return answer


def _finish_reason(stop_reason: str, *, calls: bool) -> str:
    """The hub's word for why the model stopped; the vendor's are an open set."""
    reason = _FINISH.get(stop_reason, "stop")
    return "tool_calls" if calls and reason == "stop" else reason


def counted(usage: wire.Usage) -> dict[str, object]:
    """The hub counts what was read from a cache and written to one into the prompt, Anthropic beside it."""
    cached = usage.cache_read_input_tokens or 0
    prompt = (usage.input_tokens or 0) + (usage.cache_creation_input_tokens or 0) + cached
    completion = usage.output_tokens or 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def cumulated(known: wire.Usage | None, usage: wire.Usage | None) -> wire.Usage | None:
    """What is known of the usage after another event. Numbers are cumulative: what was read is the larger one, for
    either event may lack it; of what was written the first event only knows the beginning.
    """
    if usage is None:
        return known
    known = known or wire.Usage()
    for name in _READ_TOKENS:
        setattr(known, name, max(getattr(known, name) or 0, getattr(usage, name) or 0))
    if usage.output_tokens is not None:
        known.output_tokens = usage.output_tokens
    return known


def _thought(block: wire.Block) -> wire.Thought | None:
    """A block of thinking; none when it has no signature (cut off), for then it cannot come back."""
    if block.type == "redacted_thinking":
        return wire.RedactedThinking(block.data or "")
    return wire.Thinking(block.thinking or "", block.signature) if block.signature else None


def _opaque(blocks: Iterable[wire.Block]) -> str:
    """``reasoning_opaque``; empty when there is nothing to bring back."""
    thoughts = [thought for thought in map(_thought, blocks) if thought is not None]
    return envelope.encode(thoughts).decode() if thoughts else ""


def reply(body: bytes, call: Call, model: str, *, created: int, new_id: Callable[[], str]) -> HubReply:  # noqa: ARG001
    """A whole answer as the hub has it. Raises what :func:`whole` raises."""
    answer = whole(body)
    content, finish = answer.content or [], answer.stop_reason or ""
    texts = [block.text for block in content if block.type == "text" and block.text]
    thinking = "".join(block.thinking for block in content if block.type == "thinking" and block.thinking)
    calls = [_call(block, new_id) for block in content if block.type == "tool_use"]
    message: dict[str, object] = {"role": "assistant", "content": "".join(texts)}
    if calls and not texts:
        message["content"] = None
    if thinking:
        message["reasoning_content"] = thinking
    if opaque := _opaque(block for block in content if block.type in {"thinking", "redacted_thinking"}):
        message["reasoning_opaque"] = opaque
    if calls:
        message["tool_calls"] = calls
    hub: dict[str, object] = {
        "id": answer.id or new_id(),
        "object": chat.COMPLETION_OBJECT,
        "created": created,
        "model": answer.model or model,
        "choices": [{"index": 0, "message": message, "finish_reason": _finish_reason(finish, calls=bool(calls))}],
    }
    if answer.usage is not None:
        hub["usage"] = counted(answer.usage)
    if answer.copilot_usage != envelope.NULL:
        hub["copilot_usage"] = answer.copilot_usage
    data = envelope.encode(hub)
    return HubReply(data, chat.decode_completion(data))


def _call(block: wire.Block, new_id: Callable[[], str]) -> dict[str, object]:
    return {
        "id": block.id or made_call_id(new_id),
        "type": "function",
        "function": {"name": block.name or "", "arguments": _arguments(block).decode()},
    }


def _arguments(block: wire.Block) -> bytes:
    """A call's ``input`` as it came."""
    return b"{}" if block.input == envelope.NULL else bytes(block.input)


@dataclass(slots=True)
class _StreamedCall:
    index: int
    start: wire.Block
    has_arguments: bool = False


@dataclass(slots=True)
class _StreamedThought:
    start: wire.Block
    text: list[str] = field(default_factory=list[str])
    signature: list[str] = field(default_factory=list[str])

    def whole(self) -> wire.Block:
        """The block as a whole answer would have it."""
        self.start.thinking = (self.start.thinking or "") + "".join(self.text)
        self.start.signature = (self.start.signature or "") + "".join(self.signature)
        return self.start


class Stream(HubStream):
    """Copilot's stream of a message, event by event, as clean hub chunks.

    Every method may raise :class:`~passenger_trio.errors.UpstreamBroke`; what was returned before that is good.
    """

    def __init__(self, model: str, *, created: int, new_id: Callable[[], str], choices: int = 1) -> None:
        super().__init__(model, created=created, new_id=new_id, choices=choices)
        self._calls: dict[int, _StreamedCall] = {}
        self._thoughts: dict[int, _StreamedThought] = {}
        self._usage: wire.Usage | None = None
        self._copilot_usage = envelope.NULL
        self._finished = False

    @property
    def finished(self) -> bool:
        """Whether the reason why the model stopped is known: nothing of the answer can be missing any more."""
        return self._finished

    def event(self, event: sse.Event) -> list[HubChunk]:
        """The chunks this event amounts to."""
        name, data = event
        if self.done or not data or (name and name not in _EVENTS):
            return []  # after the end; "ping", "copilot_annotations" and whatever else is said beside the answer
        if data == sse.DONE:
            self.done = True
            return []
        try:
            if b"\n" in data:
                data = msgspec.json.format(data, indent=-1)  # several lines of data, which fronts could not frame
            view = wire.decode_event(data)
        except envelope.UNREADABLE as error:
            if self._finished:
                return []  # cut off after the stop_reason: nothing of the answer is missing
            raise UpstreamBroke(f"Copilot sent an event that is none of Anthropic's: {error}") from None
        if view.error != envelope.NULL:
            raise broke(view.error)
        if isinstance(view.message, str):
            raise broke(msgspec.Raw(data))  # Copilot's other form of an error: bare, without an "error" around it
        if view.copilot_usage != envelope.NULL:
            self._copilot_usage = view.copilot_usage
        match view.type or name.decode():
            case "message_start":
                return self._start(view.message or wire.Answer())
            case "content_block_start":
                return self._block(view.index, view.content_block or wire.Block())
            case "content_block_delta":
                return self._delta(view.index, view.delta or wire.Delta())
            case "message_delta":
                self._usage = cumulated(self._usage, view.usage)
                return self._finish((view.delta or wire.Delta()).stop_reason)
            case "message_stop":
                self.done = True
            case "error":
                raise broke(msgspec.Raw(data))
            case _:
                pass  # content_block_stop; what is not Anthropic's yet
        return []

    def end(self) -> list[HubChunk]:
        """The last chunk, that of usage, once upstream has nothing more to say.

        Raises when the answer is not whole: without a stop_reason nobody knows what is missing, ``message_stop`` or
        not.
        """
        if not self._head:
            raise UpstreamBroke("Copilot ended the stream without an answer.")
        if not self._finished:
            raise UpstreamBroke("Copilot ended the stream in the middle of the answer (no stop_reason).")
        return self._last(None if self._usage is None else counted(self._usage))

    def _start(self, message: wire.Answer) -> list[HubChunk]:
        self._usage = cumulated(self._usage, message.usage)
        if self._head:
            return []
        self._id = message.id or ""
        self._model = message.model or self._model
        return [self._say({"content": ""})]

    def _block(self, index: int, block: wire.Block) -> list[HubChunk]:
        match block.type:
            case "text":
                return [self._say({"content": block.text})] if block.text else []
            case "thinking" | "redacted_thinking":
                self._thoughts[index] = _StreamedThought(block)
                return [self._say({"reasoning_content": block.thinking})] if block.thinking else []
            case "tool_use":
                call = self._calls[index] = _StreamedCall(len(self._calls), block)
                function = {"name": block.name or "", "arguments": ""}
                first = {"id": block.id or made_call_id(self._new_id), "type": "function", "function": function}
                return [self._say({"tool_calls": [{"index": call.index, **first}]})]
            case _:
                return []  # a tool that the server runs itself; nobody here asks for one

    def _delta(self, index: int, delta: wire.Delta) -> list[HubChunk]:
        match delta.type:
            case "text_delta" if delta.text:
                return [self._say({"content": delta.text})]
            case "input_json_delta" if delta.partial_json and index in self._calls:
                call = self._calls[index]
                call.has_arguments = True
                return [self._say({"tool_calls": [_fragment(call, delta.partial_json)]})]
            case "thinking_delta" if delta.thinking:
                self._thinking(index).text.append(delta.thinking)
                return [self._say({"reasoning_content": delta.thinking})]
            case "signature_delta" if delta.signature:
                self._thinking(index).signature.append(delta.signature)
                return []
            case _:
                return []  # an empty one; citations

    def _thinking(self, index: int) -> _StreamedThought:
        return self._thoughts.setdefault(index, _StreamedThought(wire.Block("thinking")))

    def _finish(self, stop_reason: str | None) -> list[HubChunk]:
        """What must come before the finish, and the finish; once."""
        if stop_reason is None or self._finished:
            return []
        self._finished = True
        reason = _finish_reason(stop_reason, calls=bool(self._calls))
        chunks: list[HubChunk] = []
        bare = [call for call in self._calls.values() if not call.has_arguments]
        if bare and reason not in _CUT:
            fragments = [_fragment(call, _arguments(call.start).decode()) for call in bare]
            chunks.append(self._say({"tool_calls": fragments}))
        if opaque := _opaque(thought.whole() for thought in self._thoughts.values()):
            chunks.append(self._say({"reasoning_opaque": opaque}))
        extra = {} if self._copilot_usage == envelope.NULL else {"copilot_usage": self._copilot_usage}
        return [*chunks, self._say({}, reason, **extra)]


def _fragment(call: _StreamedCall, arguments: str) -> dict[str, object]:
    return {"index": call.index, "function": {"arguments": arguments}}
