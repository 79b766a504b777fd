"""An answer as Copilot writes it on ``/v1/messages``: Anthropic's form, with marks of Bedrock and Copilot.

Key sets, key order and the order of events are those of recorded answers (protocol: native Anthropic). On purpose: the
model is a dated one, ids name Bedrock, ``context_management`` is there unasked, ``copilot_usage`` is on the event that
finishes a stream.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from passenger_trio.simulator import billing, refusals
from passenger_trio.simulator.answers import Answer
from passenger_trio.simulator.catalogue import Model
from passenger_trio.simulator.refusals import Refusal
from passenger_trio.simulator.stamp import Stamp, Stream, ragged

_DATED: Final[Mapping[str, str]] = {
    "claude-sonnet-4": "claude-sonnet-4-20250514",
    "claude-sonnet-4.5": "claude-sonnet-4-5-20250929",
    "claude-haiku-4.5": "claude-haiku-4-5-20251001",
}
_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_SIGNATURE_BYTES: Final = 123
_encode: Final = msgspec.json.Encoder().encode


class MessagesForm:
    """The form of ``/v1/messages``."""

    @staticmethod
    def dated(model: Model) -> str:
        """The name that answers of ``model`` bear."""
        return _DATED.get(model.id, model.id.replace(".", "-"))

    def too_long(self, tokens: int, limit: int) -> Refusal:
        """The prompt does not fit."""
        return refusals.messages_too_long(tokens, limit)

    def invalid(self, message: str) -> Refusal:
        """The request cannot be followed."""
        return refusals.anthropic(message)

    def whole(self, answer: Answer, stamp: Stamp) -> bytes:
        """The body of an answer that is not streamed."""
        return _encode(
            {
                "content": list(_blocks(answer, stamp)),
                "context_management": {"applied_edits": []},
                "id": _id(stamp),
                "model": stamp.model,
                "role": "assistant",
                **_stop(answer),
                "type": "message",
                "usage": _usage(answer),
            }
        )

    def stream(self, answer: Answer, stamp: Stamp) -> Stream:
        """The events of a streamed answer."""
        body = [_event("message_start", message=_beginning(answer, stamp))]
        for index, block in enumerate(_blocks(answer, stamp)):
            body += _block_events(index, block, answer)
            if index == 0:
                body.insert(2, _event("ping"))
        delta = _event(
            "message_delta",
            context_management={"applied_edits": []},
            copilot_usage=billing.copilot_usage(
                billing.CLAUDE, tokens_in=answer.prompt_tokens, tokens_out=_tokens_out(answer)
            ),
            delta=_stop(answer),
            usage=_usage(answer),
        )
        return Stream(body, [delta, _event("message_stop")], error=_overloaded, noise=(_event("ping"),))


def _overloaded(_events: int) -> bytes:
    return _event("error", error={"type": "overloaded_error", "message": "Overloaded"})


def _blocks(answer: Answer, stamp: Stamp) -> Iterator[dict[str, object]]:
    if answer.reasoning:
        signature = stamp.blob("signature", _SIGNATURE_BYTES)
        yield {"signature": signature, "thinking": "".join(answer.reasoning), "type": "thinking"}
    if answer.text:
        yield {"text": answer.text, "type": "text"}
    for index, call in enumerate(answer.calls):
        tool_id = f"toolu_bdrk_01{stamp.letters(f'call{index}', 22)}"
        yield {"id": tool_id, "input": msgspec.Raw(call.arguments.encode()), "name": call.name, "type": "tool_use"}


def _block_events(index: int, block: dict[str, object], answer: Answer) -> Iterator[bytes]:
    empty: dict[str, object]
    match block:
        case {"type": "thinking", "signature": signature}:
            empty = {"signature": "", "thinking": ""}
            deltas = [{"thinking": piece, "type": "thinking_delta"} for piece in answer.reasoning]
            deltas.append({"signature": str(signature), "type": "signature_delta"})
        case {"type": "text"}:
            empty = {"text": ""}
            deltas = [{"text": piece, "type": "text_delta"} for piece in answer.pieces]
        case _:
            empty = {"input": {}}
            raw = block["input"]
            arguments = bytes(raw).decode() if isinstance(raw, msgspec.Raw) else ""
            pieces = ["", *(ragged(arguments) if arguments != "{}" else ())]
            deltas = [{"partial_json": piece, "type": "input_json_delta"} for piece in pieces]
    yield _event("content_block_start", index=index, content_block={**block, **empty})
    for delta in deltas:
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _event(name: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode({"type": name, **fields}))


def _beginning(answer: Answer, stamp: Stamp) -> dict[str, object]:
    usage = {
        "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "input_tokens": answer.prompt_tokens,
        "output_tokens": 1,
    }
    return {
        "content": [],
        "id": _id(stamp),
        "model": stamp.model,
        "role": "assistant",
        "stop_reason": None,
        "stop_sequence": None,
        "type": "message",
        "usage": usage,
    }


def _stop(answer: Answer) -> dict[str, object]:
    if answer.stopped_by is not None and answer.finish == "stop":
        return {"stop_reason": "stop_sequence", "stop_sequence": answer.stopped_by}
    return {"stop_reason": _REASONS[answer.finish], "stop_sequence": None}


def _usage(answer: Answer) -> dict[str, object]:
    return {
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "input_tokens": answer.prompt_tokens,
        "output_tokens": _tokens_out(answer),
    }


def _id(stamp: Stamp) -> str:
    return f"msg_bdrk_01{stamp.letters('message', 22)}"


def _tokens_out(answer: Answer) -> int:
    return answer.completion_tokens() + len(answer.reasoning)
