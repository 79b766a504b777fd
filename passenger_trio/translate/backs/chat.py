"""Copilot's ``/chat/completions``: the diagonal. The request passes but for a few keys (``chat_request.py``),
and the answer is cleaned here.

Each quirk is undone here, once, and names the fact that proves it. An event that has none of them costs one decoding
of a view and no copy beyond the one that adds ``object``.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from passenger_trio.errors import UpstreamBroke, UpstreamFailed, UpstreamRefused
from passenger_trio.translate.backs import chat_calls
from passenger_trio.translate.backs.chat_request import DROPPED_FIELDS, REFUSED_FIELDS, request
from passenger_trio.translate.backs.hub_stream import HubStream, is_text
from passenger_trio.wire import chat, envelope, sse
from passenger_trio.wire.chat import Call, HubChunk, HubReply
from passenger_trio.wire.envelope import Envelope

__all__ = ["DROPPED_FIELDS", "PATH", "REFUSED_FIELDS", "Stream", "broke", "refused", "reply", "request"]

_OBJECT_MEMBER: Final = b'"object":"chat.completion.chunk",'
_HEAD: Final = ("object", "id", "created", "model")

PATH: Final = "/chat/completions"


def broke(error: msgspec.Raw) -> UpstreamFailed:
    """The in-band ``error`` of a stream as ours: Copilot's words and code."""
    words, code = _words(error)
    return UpstreamFailed(f"Copilot broke off: {words or 'no reason given'}", code=code)


def refused(error: msgspec.Raw) -> UpstreamRefused:
    """An ``error`` in the place of a whole answer as ours. Its HTTP status says 200, so we say what it is: 502."""
    words, code = _words(error)
    return UpstreamRefused(502, words or "Copilot answered with an error and gave no reason.", code=code)


def _words(error: msgspec.Raw) -> tuple[str | None, str | None]:
    """Copilot's words, else its code; and the code."""
    try:
        body = chat.decode_error(error)
    except envelope.UNREADABLE:
        return bytes(error)[:300].decode(errors="replace"), None
    code = None if body.code in {None, ""} else str(body.code)
    return body.message or code, code


class Stream(HubStream):
    """Copilot's chat stream, event by event, as clean hub chunks (see :class:`~passenger_trio.wire.chat.HubChunk`).

    Claude may put its text into one choice and its calls into another, each with a finish of its own (protocol, "Claude
    split choices"). So where one answer was asked for, every choice is part of it. A finish that tells of calls before
    there are any, and every finish of choices that are known to be split, is kept until upstream has nothing more to
    say: only then is it known that no call follows.

    Every method may raise :class:`~passenger_trio.errors.UpstreamBroke`; what was returned before that is good.
    """

    def __init__(self, model: str, *, created: int, new_id: Callable[[], str], choices: int = 1) -> None:
        super().__init__(model, created=created, new_id=new_id, choices=choices)
        self._usage: msgspec.Raw | None = None
        self._choices: dict[int, chat_calls.ChoiceState] = {}
        self._beside_finish: dict[str, object] = {}

    @property
    def finished(self) -> bool:
        """Whether every choice asked for is finished: nothing of the answer can be missing any more."""
        return len(self._choices) >= self._choices_asked and all(state.finished for state in self._choices.values())

    def event(self, event: sse.Event) -> list[HubChunk]:
        """The chunks this event amounts to: none for side notes, one as a rule, more for split choices."""
        name, data = event
        if self.done or not data:
            return []  # nothing counts after [DONE], wherever a read happened to be cut
        if name and name not in {b"message", b"error"}:
            return []  # "event: copilot_errors" and its like speak to Copilot's own editors
        if data == sse.DONE:
            self.done = True
            return []
        try:
            if b"\n" in data:
                data = msgspec.json.format(data, indent=-1)  # several lines of data, which fronts could not frame
            view = chat.decode_chunk(data)
        except envelope.UNREADABLE as error:
            if self.finished:
                return []  # cut off after the finish: nothing of the answer is missing
            raise UpstreamBroke(f"Copilot sent an event that is no chat completion chunk: {error}") from None
        if isinstance(view.error, msgspec.Raw) and view.error != envelope.NULL:
            raise broke(view.error)
        if name == b"error" or (view.choices is None and is_text(view.message)):
            raise broke(msgspec.Raw(data))
        if view.usage is not None:
            self._usage = envelope.decode(data)["usage"]
        if not view.choices:
            return []  # the prompt-filter event; references and confirmations, whose choices are null
        if not self._id:
            self._id = view.id or self._new_id()
        if self._is_plain(view):
            if view.object is msgspec.UNSET:
                data = envelope.prepend(data, _OBJECT_MEMBER)
                view.object = chat.CHUNK_OBJECT
            return [HubChunk(data, view)]
        said = [HubChunk(clean, chat.decode_chunk(clean)) for clean in self._clean(data, view, view.choices)]
        return said + self._finish({index: state for index, state in self._choices.items() if state.due})

    def end(self) -> list[HubChunk]:
        """What has been kept, and the chunk of usage, once upstream has nothing more to say.

        Raises when the answer is not whole: without a finish reason nobody knows what is missing, ``[DONE]`` or not.
        """
        if not self._choices:
            raise UpstreamBroke("Copilot ended the stream without an answer.")
        if any(state.finish is None for state in self._choices.values()):
            raise UpstreamBroke("Copilot ended the stream in the middle of the answer (no finish_reason).")
        if not self.done and not self.finished:  # with [DONE] it is Copilot that gives less
            got, asked = len(self._choices), self._choices_asked
            if got < asked:
                raise UpstreamBroke(f"Copilot ended the stream after {got} of {asked} choices.")
            raise UpstreamBroke("Copilot ended the stream before all parts of the answer were finished.")
        return [*self._finish(self._choices), *self._last(self._usage)]

    def _finish(self, states: dict[int, chat_calls.ChoiceState]) -> list[HubChunk]:
        """The finishes of these choices, after what their calls lack."""
        lacking = [choice for index, state in states.items() for choice in chat_calls.lacking(state, index)]
        chunks = [self._chunk(lacking)] if lacking else []
        unsaid = [(index, state) for index, state in states.items() if state.kept or state.reason != state.told]
        if unsaid:
            beside, self._beside_finish = self._beside_finish, {}
            chunks.append(self._chunk([chat_calls.ending(state, index) for index, state in unsaid], **beside))
        return chunks

    def _is_plain(self, view: chat.Chunk) -> bool:
        """Whether nothing but a missing ``object`` sets this event apart from OpenAI's: nearly all of them."""
        if view.id != self._id or not view.created or not view.model or view.usage is not None:
            return False
        if view.object is not msgspec.UNSET and view.object != chat.CHUNK_OBJECT:
            return False
        choices = view.choices or ()
        if len(choices) > self._choices_asked:
            return False
        for choice in choices:
            delta = choice.delta
            state = None if choice.index is None else self._choices.get(choice.index)
            if (
                state is None
                or choice.index not in state.open
                or choice.finish_reason is not None
                or delta is None
                or delta.role is not None
                or delta.tool_calls
                or delta.reasoning_text
                or delta.cot_summary
                or delta.thinking
                or delta.signature
                or delta.padding is not msgspec.UNSET
            ):
                return False
        return True

    def _clean(self, data: bytes, view: chat.Chunk, views: list[chat.ChunkChoice]) -> list[bytes]:
        body = envelope.decode(data)
        body.pop("usage", None)
        body["object"] = envelope.raw(chat.CHUNK_OBJECT)
        body["id"] = envelope.raw(self._id)
        self._created = view.created or self._created
        self._model = view.model or self._model
        body["created"] = envelope.raw(self._created)
        body["model"] = envelope.raw(self._model)
        said: list[Envelope] = []
        finishes = False
        for position, (choice, choice_view) in enumerate(
            zip(envelope.decode_list(body["choices"]), views, strict=True)
        ):
            number = choice_view.index if choice_view.index is not None else position
            index = number if self._choices_asked > 1 else 0
            state = self._choices.get(index)
            if state is None:
                state = self._choices[index] = chat_calls.ChoiceState(self._new_id)
            state.split = state.split or len(views) > self._choices_asked
            finishes = finishes or choice_view.finish_reason is not None
            said += chat_calls.clean_choice(state, index, choice, choice_view, number)
        head = {key: body[key] for key in _HEAD}
        if finishes:  # what belongs to the end of the answer (copilot_usage and the like) stays with its last chunk
            self._beside_finish.update({key: value for key, value in body.items() if key not in {*_HEAD, "choices"}})
            body = head
        if not said:
            return []
        *early, last = [said] if self._choices_asked > 1 else [[choice] for choice in said]
        return [
            *(envelope.encode({**head, "choices": choices}) for choices in early),
            envelope.encode({**body, "choices": last}),
        ]


def reply(body: bytes, call: Call, model: str, *, created: int, new_id: Callable[[], str]) -> HubReply:
    """A whole answer, cleaned. Raises :class:`~passenger_trio.errors.UpstreamBroke` when it is none, and
    :class:`~passenger_trio.errors.UpstreamRefused` when it is an error, with or without ``error`` around it.
    """
    try:
        answer = envelope.decode(body)
        if not envelope.is_absent(answer, "error"):
            raise refused(answer["error"])
        if envelope.is_absent(answer, "choices") and is_text(answer.get("message", envelope.NULL)):
            raise refused(msgspec.Raw(body))
        choices = envelope.decode_list(answer["choices"])
        views = msgspec.json.decode(answer["choices"], type=list[chat.Choice])
    except (*envelope.UNREADABLE, KeyError):
        raise UpstreamBroke("Copilot's answer is no chat completion.") from None
    if not choices:
        raise UpstreamBroke("Copilot's answer is empty: it has no choices.")
    if len(choices) > 1 and (call.request.n or 1) == 1:
        choices = [chat_calls.merge(choices, views)]
    answer["choices"] = envelope.raw(
        [chat_calls.clean_whole(choice, position, new_id) for position, choice in enumerate(choices)]
    )
    answer["object"] = envelope.raw(chat.COMPLETION_OBJECT)
    if envelope.is_absent(answer, "created"):
        answer["created"] = envelope.raw(created)
    if envelope.is_absent(answer, "model"):
        answer["model"] = envelope.raw(model)
    if envelope.is_absent(answer, "id") or bytes(answer["id"]) == b'""':
        answer["id"] = envelope.raw(new_id())
    data = envelope.encode(answer)
    try:
        return HubReply(data, chat.decode_completion(data))
    except envelope.UNREADABLE as error:
        raise UpstreamBroke(f"Copilot's answer is no chat completion: {error}") from None
