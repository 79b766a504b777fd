"""A streamed answer in Anthropic's dialect: blocks that follow one another, where the hub has deltas of all kinds.

Facts: a block is closed before the next one begins, and its number rises by one ("Streaming messages"); clients want a
``usage`` in the first event, a ``text`` in a text's start and a signature on thinking (measured by breaking answers).
What an answer says stands in its last block: ``claude -p`` prints that one alone, and nothing where it is no text
(measured, 2.1.330).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from passenger_trio.errors import PassengerError
from passenger_trio.translate.fronts import messages_answer as answers, seal
from passenger_trio.translate.fronts.tool_names import ToolNames
from passenger_trio.wire import chat, envelope, sse
from passenger_trio.wire.chat import HubChunk
from passenger_trio.wire.messages_client import Asked

STREAM_TYPE: Final = "text/event-stream"

_Kind = Literal["thinking", "opaque", "text", "call"]


class _Piece(NamedTuple):
    """A piece of an answer; of a call, ``at`` is its number."""

    kind: _Kind
    text: str
    at: int = -1


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    arguments: list[str] = field(default_factory=list[str])
    closed: bool = False

    def is_whole(self) -> bool:
        """Whether nothing but white space can follow."""
        return answers.is_object("".join(self.arguments))


def _event(name: str, **fields: object) -> bytes:
    return sse.event(envelope.encode({"type": name, **fields}), name.encode())


_PING: Final = _event("ping")


class Stream:
    """A streamed answer. Each method returns the bytes to send now.

    ``names`` are those by which the model knows the client's tools, ``model`` is the id of the one that answers,
    ``new_id`` makes an id, ``request_id`` goes into an error. Methods may raise
    :class:`~passenger_trio.errors.UpstreamBroke`; what they returned before that is good.

    A call that is not yet whole keeps what comes after it waiting: its own pieces may still be on their way. What a
    model wants back of its thinking and tells after its words is given out before the next block; where none follows,
    the turn is over, and it is left out: what it is for is to go on with the tools' results.
    """

    content_type = STREAM_TYPE

    def __init__(
        self, asked: Asked, names: ToolNames, *, model: str, new_id: Callable[[], str], request_id: str = ""
    ) -> None:
        self._asked = asked
        self._names = names
        self._model = model
        self._new_id = new_id
        self._request_id = request_id
        self._started = False
        self._usage: chat.Usage | None = None
        self._finish: str | None = None
        self._calls: dict[int, _Call] = {}
        self._waiting: list[_Piece] = []
        self._unplaced: list[str] = []
        self._open: _Piece | None = None
        self._index = -1
        self._said = False
        self._out: list[bytes] = []

    def event(self, chunk: HubChunk) -> bytes:
        """The events of one chunk."""
        self._start()
        if chunk.view.usage is not None:
            self._usage = chunk.view.usage
        for choice in chunk.view.choices or ():
            if not choice.index:
                self._choice(choice.delta or chat.Delta(), choice.finish_reason)
        return self._taken()

    def end(self) -> bytes:
        """The end of a good answer, with what it cost: the hub tells that last."""
        self._start()
        self._complete("stop")
        delta = {"stop_reason": answers.stop_reason(self._finish or ""), "stop_sequence": None}
        self._out.append(_event("message_delta", delta=delta, usage=answers.usage(self._usage)))
        self._out.append(_event("message_stop"))
        return self._taken()

    def fault(self, error: PassengerError) -> bytes:
        """A broken answer's last event. No ``message_stop`` follows."""
        return sse.event(answers.error_body(error, self._request_id), b"error")

    def _taken(self) -> bytes:
        out, self._out = self._out, []
        return b"".join(out)

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        message = answers.message(self._new_id(), self._asked.model, counted=None)
        self._out += [_event("message_start", message=message), _PING]

    def _choice(self, delta: chat.Delta, finish: str | None) -> None:
        """What one delta says, in the order in which a model would have made it."""
        if delta.reasoning_content:
            self._put(_Piece("thinking", delta.reasoning_content))
        if delta.reasoning_opaque:
            self._put(_Piece("opaque", delta.reasoning_opaque))
        for text in (delta.content, delta.refusal):
            if text:
                self._put(_Piece("text", text))
        for fragment in delta.tool_calls or ():
            function = fragment.function or chat.Function()
            at = fragment.index or 0
            if at not in self._calls:
                name = self._names.own(function.name or "")
                self._calls[at] = _Call(answers.tool_id(fragment.id or f"call_{at}"), name)
            self._put(_Piece("call", function.arguments or "", at))
        if finish is not None:
            self._complete(finish)

    def _complete(self, finish: str) -> None:
        """Nothing more is on its way: what has waited is sent, and the last block closed."""
        self._finish = self._finish or finish
        self._release()
        self._close()
        if self._calls or not self._said:
            self._place()

    def _put(self, piece: _Piece) -> None:
        if self._must_wait(piece):
            self._waiting.append(piece)
            return
        if piece.kind == "opaque":
            self._sign(piece.text)
        elif piece.kind == "call":
            self._call(piece)
        else:
            self._say(piece)
        if self._waiting and not self._must_wait(self._waiting[0]):
            self._release()

    def _must_wait(self, piece: _Piece) -> bool:
        """Whether another call is open of which more is to come."""
        opened = self._open
        if opened is None or opened.kind != "call" or opened.at == piece.at or self._finish is not None:
            return False
        return not self._calls[opened.at].is_whole()

    def _release(self) -> None:
        """Put what has waited, the pieces of each call together where its first one stands."""
        waiting, self._waiting = self._waiting, []
        first: dict[int, int] = {}
        for place, piece in enumerate(waiting):
            first.setdefault(piece.at, place)
        order = sorted(range(len(waiting)), key=lambda place: first[at] if (at := waiting[place].at) >= 0 else place)
        for place in order:
            self._put(waiting[place])

    def _say(self, piece: _Piece) -> None:
        """A piece of text or thinking, in its own block or in the one that is open."""
        if self._open is None or self._open.kind != piece.kind:
            signature = {"signature": ""} if piece.kind == "thinking" else {}
            self._begin(piece, {"type": piece.kind, piece.kind: "", **signature})
        self._said = self._said or piece.kind == "text"
        self._delta(f"{piece.kind}_delta", piece.kind, piece.text)

    def _sign(self, opaque: str) -> None:
        """What a model wants back of its thinking: the signature of the block that is open, else a block of its own."""
        sealed = seal.seal(opaque, self._model)
        if self._open is not None and self._open.kind == "thinking":
            self._delta("signature_delta", "signature", sealed)
            self._stop()
        else:
            self._unplaced.append(sealed)

    def _place(self) -> None:
        """The blocks of their own; none is open."""
        unplaced, self._unplaced = self._unplaced, []
        for sealed in unplaced:
            self._start_block(_Piece("opaque", ""), {"type": "redacted_thinking", "data": sealed})
            self._stop()

    def _call(self, piece: _Piece) -> None:
        call = self._calls[piece.at]
        if call.closed:
            if piece.text.strip():
                raise answers.no_object(call.name, "".join((*call.arguments, piece.text)))
            return
        if self._open is None or self._open.at != piece.at:
            self._begin(piece, {"type": "tool_use", "id": call.id, "name": call.name, "input": {}})
        if piece.text:
            call.arguments.append(piece.text)
            self._delta("input_json_delta", "partial_json", piece.text)

    def _begin(self, piece: _Piece, block: dict[str, object]) -> None:
        self._close()
        self._place()
        self._start_block(piece, block)

    def _start_block(self, piece: _Piece, block: dict[str, object]) -> None:
        self._index += 1
        self._open = piece
        self._out.append(_event("content_block_start", index=self._index, content_block=block))

    def _delta(self, kind: str, name: str, text: str) -> None:
        self._out.append(_event("content_block_delta", index=self._index, delta={"type": kind, name: text}))

    def _close(self) -> None:
        """End the block that is open, if one is, with what it still lacks."""
        if self._open is None:
            return
        if self._open.kind == "thinking":
            self._delta("signature_delta", "signature", seal.seal("", self._model))
        elif self._open.kind == "call":
            self._end_call(self._calls[self._open.at])
        self._stop()

    def _end_call(self, call: _Call) -> None:
        """Arguments are a whole object, but for those that the answer's own end has cut off."""
        call.closed = True
        if self._finish in answers.CUT:
            return
        if not call.arguments:
            self._delta("input_json_delta", "partial_json", "{}")
        elif not call.is_whole():
            raise answers.no_object(call.name, "".join(call.arguments))

    def _stop(self) -> None:
        self._open = None
        self._out.append(_event("content_block_stop", index=self._index))
