"""What the answers of all backs have in common: the ids that are made here, and the chunks that are."""

from collections.abc import Callable

import msgspec

from passenger_trio.wire import chat, envelope
from passenger_trio.wire.chat import HubChunk


def made_call_id(new_id: Callable[[], str]) -> str:
    """An id for a call that upstream gave none. It is not used again: clients tell the calls of all turns by it."""
    return f"call_{new_id().rpartition('-')[2]}"


def is_text(value: msgspec.Raw) -> bool:
    """Whether a raw value is a string: an event that is nothing but ``message`` and ``code`` is an error itself."""
    return bytes(value).startswith(b'"')


class HubStream:
    """The beginning of every back's ``Stream``.

    ``model`` and ``created`` (unix seconds) stand in where upstream names none, and ``new_id`` gives the ids that it
    does not. ``choices`` is how many answers were asked for.
    """

    def __init__(self, model: str, *, created: int, new_id: Callable[[], str], choices: int = 1) -> None:
        self._model = model
        self._created = created
        self._new_id = new_id
        self._choices_asked = choices
        self._id = ""
        self._head = b""
        self.done = False
        """Whether upstream has said that nothing follows."""

    def _say(self, delta: dict[str, object], finish: str | None = None, **beside: object) -> HubChunk:
        """A chunk of an answer's one choice, with its role when it is the first."""
        if not self._head:
            delta = {"role": "assistant", **delta}
        return self._chunk([{"index": 0, "delta": delta, "finish_reason": finish}], **beside)

    def _chunk(self, choices: list[dict[str, object]], **beside: object) -> HubChunk:
        """A chunk made here. What it begins with is settled by the first one."""
        if not self._head:
            head = {
                "id": self._id or self._new_id(),
                "object": chat.CHUNK_OBJECT,
                "created": self._created,
                "model": self._model,
            }
            self._head = envelope.encode(head)[:-1] + b","
        data = self._head + envelope.encode({"choices": choices, **beside})[1:]
        return HubChunk(data, chat.decode_chunk(data))

    def _last(self, usage: object | None) -> list[HubChunk]:
        """What a stream ends with: the chunk of usage, where upstream has counted."""
        return [] if usage is None else [self._chunk([], usage=usage)]
