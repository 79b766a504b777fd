"""Answers of ``/responses`` on their way to a Responses client: as they came, but for their ids.

Copilot gives another id for the same thing in every event (recorded), and clients take that for another thing. The
first id of the response, and of each item by its ``output_index``, holds for the whole stream.

What OpenAI's answers always have and Copilot's do not (recorded) is filled in: ``store`` in a whole answer, which is
false in Copilot's streams, and ``cache_write_tokens`` in a usage, without which strict readers refuse all of it.
"""

from typing import Final

import msgspec

from passenger_trio.errors import PassengerError, UpstreamBroke
from passenger_trio.translate.backs import chat as chat_back
from passenger_trio.translate.backs.responses_answer import counted, refuse_error
from passenger_trio.translate.fronts import responses_fault
from passenger_trio.wire import chat, envelope, responses, sse
from passenger_trio.wire.envelope import Envelope

_ENDS: Final = frozenset({"response.completed", "response.incomplete"})
_OWN: Final = (b"response.", b"error")
"""How the names of the dialect's events begin."""

_FALSE: Final = msgspec.Raw(b"false")
_NONE: Final = msgspec.Raw(b"0")


class _Event(msgspec.Struct):
    type: str = ""
    sequence_number: int | None = None
    output_index: int | None = None
    error: msgspec.Raw = envelope.NULL


class _Typed(msgspec.Struct):
    type: str = ""


_decode_event: Final = msgspec.json.Decoder(_Event).decode
_decode_typed: Final = msgspec.json.Decoder(_Typed).decode


def reply(body: bytes) -> tuple[bytes, chat.Usage | None]:
    """A whole answer and its usage. Raises :class:`~passenger_trio.errors.UpstreamBroke` when it is none, and
    :class:`~passenger_trio.errors.UpstreamRefused` when it is an error.
    """
    try:
        response = responses.decode_response(body)
    except envelope.UNREADABLE as error:
        raise UpstreamBroke(f"Copilot's answer is no response: {error}") from None
    refuse_error(response, body)
    if response.output is None and response.error != envelope.NULL:
        raise chat_back.broke(response.error)
    if response.output is None or response.status is None:
        raise UpstreamBroke("Copilot's answer is no response.")
    whole = {"store": _FALSE, **envelope.decode(body)}
    _complete_usage(whole)
    return envelope.encode(whole), _usage(response.usage)


def _complete_usage(response: Envelope) -> None:
    """Say that nothing was written to a cache, where it is said what was read from one and nothing else."""
    if envelope.is_absent(response, "usage"):
        return
    usage = envelope.decode(response["usage"])
    if envelope.is_absent(usage, "input_tokens_details"):
        return
    details = {"cache_write_tokens": _NONE, **envelope.decode(usage["input_tokens_details"])}
    usage["input_tokens_details"] = envelope.raw(details)
    response["usage"] = envelope.raw(usage)


def _usage(usage: responses.Usage | None) -> chat.Usage | None:
    return msgspec.convert(counted(usage), chat.Usage) if usage is not None else None


class Stream:
    """A streamed answer, event by event. Every method may raise :class:`~passenger_trio.errors.UpstreamBroke`."""

    content_type = "text/event-stream"

    def __init__(self) -> None:
        self._id: msgspec.Raw | None = None
        self._items: dict[int, tuple[str, msgspec.Raw]] = {}
        self._sequence = -1
        self._response: Envelope = {}
        self.usage: chat.Usage | None = None
        """The tokens, once they are known."""
        self.done = False
        """Whether the answer has been completed; nothing that follows counts."""

    @property
    def finished(self) -> bool:
        """Whether nothing of the answer can be missing any more."""
        return self.done

    def event(self, event: sse.Event) -> bytes:
        """The bytes for one event."""
        name, data = event
        if self.done or not data or data == sse.DONE:
            return b""
        try:
            if b"\n" in data:
                data = msgspec.json.format(data, indent=-1)  # several lines of data, which the client's one cannot hold
            body = envelope.decode(data)
            view = _decode_event(data)
            kind = view.type or name.decode(errors="replace")
            if view.error != envelope.NULL or kind == "error":
                raise chat_back.broke(view.error if view.error != envelope.NULL else msgspec.Raw(data))
            self._pin(body, view)
        except envelope.UNREADABLE as error:
            if name and not name.startswith(_OWN):
                return b""  # said beside the answer, in a form that no client of the dialect could read
            raise UpstreamBroke(f"Copilot sent an event that is no response event: {error}") from None
        if kind == "response.failed":
            raise chat_back.broke(self._response.get("error", msgspec.Raw(b"{}")))
        if view.sequence_number is not None:
            self._sequence = view.sequence_number
        if kind in _ENDS:
            self.done = True
        return sse.event(envelope.encode(body), kind.encode())

    def end(self) -> bytes:
        """Nothing: the last event has said all. Raises when there was none."""
        if not self.done:
            raise UpstreamBroke("Copilot ended the stream in the middle of the answer (no response.completed).")
        return b""

    def fault(self, error: PassengerError) -> bytes:
        """A broken answer's last events, after which nothing follows."""
        return responses_fault.events(error, self._response, self._sequence + 1)

    def _pin(self, body: Envelope, view: _Event) -> None:
        if not envelope.is_absent(body, "response"):
            self._pin_response(body)
        if view.output_index is None:
            return
        if not envelope.is_absent(body, "item"):
            item = envelope.decode(body["item"])
            self._pin_item(view.output_index, item)
            body["item"] = envelope.raw(item)
        elif "item_id" in body:
            _, body["item_id"] = self._items.setdefault(view.output_index, ("", body["item_id"]))

    def _pin_response(self, body: Envelope) -> None:
        response = envelope.decode(body["response"])
        if self._id is None:
            self._id = response.get("id", envelope.raw(""))
        response["id"] = self._id
        if not envelope.is_absent(response, "output"):
            items = envelope.decode_list(response["output"])
            for at, item in enumerate(items):
                self._pin_item(at, item)
            response["output"] = envelope.raw(items)
        if not envelope.is_absent(response, "usage"):
            self.usage = _usage(msgspec.json.decode(response["usage"], type=responses.Usage))
            _complete_usage(response)
        body["response"] = envelope.raw(response)
        self._response = response

    def _pin_item(self, at: int, item: Envelope) -> None:
        """The first id at that place; an item of another type there has been moved, and keeps its own."""
        if "id" not in item:
            return
        view = _decode_typed(envelope.raw(item))
        kind, pinned = self._items.setdefault(at, (view.type, item["id"]))
        if kind in {"", view.type}:
            item["id"] = pinned
