"""A whole answer as the chunks of a stream, for a client that wants a stream of a model that gives none.

A model without ``supports.streaming`` is asked for whole answers, and Copilot may answer whole unasked.
"""

from typing import Final

import msgspec

from passenger_trio.wire import chat, envelope, sse
from passenger_trio.wire.chat import HubChunk, HubReply
from passenger_trio.wire.envelope import Envelope

_CHUNK: Final = envelope.raw(chat.CHUNK_OBJECT)
_ASSISTANT: Final = envelope.raw("assistant")


def chunks(reply: HubReply) -> list[HubChunk]:
    """``reply`` as clean hub chunks (see :class:`~passenger_trio.wire.chat.HubChunk`), one choice after the other.

    Of each choice there are: the role, with the reasoning and whatever else a message has; the text; the calls; the
    finish. ``logprobs`` go with the text, other fields of a choice with its finish, fields beside ``choices`` with the
    last finish, and ``usage`` stands in a chunk of its own.
    """
    answer = envelope.decode(reply.data)
    choices = envelope.decode_list(answer.pop("choices"))
    usage = answer.pop("usage", envelope.NULL)
    head = {name: answer.pop(name) for name in ("id", "object", "created", "model")}
    head["object"] = _CHUNK
    written = [{**head, "choices": envelope.raw([piece])} for choice in choices for piece in _pieces(choice)]
    written[-1] |= answer
    if usage != envelope.NULL:
        written.append({**head, "choices": envelope.raw([]), "usage": usage})
    return [HubChunk(data, chat.decode_chunk(data)) for data in map(envelope.encode, written)]


def _pieces(choice: Envelope) -> list[Envelope]:
    message = envelope.decode(choice.pop("message"))
    index, finish = choice.pop("index"), choice.pop("finish_reason")
    text, calls = message.pop("content", envelope.NULL), message.pop("tool_calls", envelope.NULL)
    pieces = [_piece(index, {"role": _ASSISTANT, **message})]
    if text != envelope.NULL:
        pieces.append(_piece(index, {"content": text}))
        if "logprobs" in choice:
            pieces[-1]["logprobs"] = choice.pop("logprobs")
    if calls != envelope.NULL:
        numbered = [{**call, "index": envelope.raw(at)} for at, call in enumerate(envelope.decode_list(calls))]
        pieces.append(_piece(index, {"tool_calls": envelope.raw(numbered)}))
    pieces.append({**_piece(index, {}), **choice, "finish_reason": finish})
    return pieces


def _piece(index: msgspec.Raw, delta: Envelope) -> Envelope:
    return {"index": index, "delta": envelope.raw(delta), "finish_reason": envelope.NULL}


class Stream:
    """A whole answer in the place of a back's stream: its events have all come, and its chunks are there at the end."""

    done = True
    finished = True

    def __init__(self, reply: HubReply) -> None:
        self._chunks = chunks(reply)

    def event(self, event: sse.Event) -> list[HubChunk]:  # noqa: ARG002 - the signature of every back
        """Nothing: whatever comes now is not part of the answer."""
        return []

    def end(self) -> list[HubChunk]:
        """All of the answer."""
        return self._chunks
