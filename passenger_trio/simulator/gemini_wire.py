"""An answer as Copilot writes it on ``/chat/completions`` for models of the Gemini family.

Key sets, key order and the order of events are those of recorded answers (protocol: chat). On purpose: every event has
a usage, of zeros until the last; calls come whole, in the event that finishes the answer, beside the
``reasoning_opaque`` that has to come back with them; the total counts the reasoning, the completion does not.
"""

import base64
from typing import Final

import msgspec

from passenger_trio.simulator.answers import Answer
from passenger_trio.simulator.stamp import CHAT_NOISE, DONE, Stamp, Stream

_OPAQUE_BYTES: Final = 294
_encode: Final = msgspec.json.Encoder().encode


def whole(answer: Answer, stamp: Stamp) -> bytes:
    """The body of an answer that is not streamed."""
    message: dict[str, object] = {}
    if answer.text is not None:
        message["content"] = answer.text
    message |= _opaque(answer, stamp)
    if answer.reasoning:
        message["reasoning_text"] = "".join(answer.reasoning)
    message["role"] = "assistant"
    if answer.calls:
        message["tool_calls"] = _calls(answer, stamp, indexed=False)
    usage = _usage(answer)
    total = usage.pop("total_tokens")
    return _encode(
        {
            "choices": [{"finish_reason": answer.finish, "index": 0, "message": message}],
            "created": stamp.created,
            "id": _id(stamp),
            "model": stamp.model,
            "usage": {**usage, "total_tokens": total},
        }
    )


def stream(answer: Answer, stamp: Stamp) -> Stream:
    """The events of a streamed answer."""
    deltas = [_delta(None, reasoning_text=piece) for piece in answer.reasoning]
    deltas += [_delta(piece) for piece in answer.pieces]
    last = _delta(None)
    if answer.calls:
        last["tool_calls"] = _calls(answer, stamp, indexed=True)
    last |= _opaque(answer, stamp)
    finish = _event({"finish_reason": answer.finish, "index": 0, "delta": last}, stamp, _usage(answer))
    body = [_event({"index": 0, "delta": delta}, stamp, _NOTHING_YET) for delta in deltas]
    return Stream(body, [finish, DONE], noise=CHAT_NOISE)


def _delta(content: str | None, **more: str) -> dict[str, object]:
    return {"content": content, "role": "assistant", **more}


def _event(choice: dict[str, object], stamp: Stamp, usage: dict[str, object]) -> bytes:
    event = {
        "choices": [choice],
        "created": stamp.created,
        "id": _id(stamp),
        "usage": usage,
        "model": stamp.model,
    }
    return b"data: " + _encode(event) + b"\n\n"


def _calls(answer: Answer, stamp: Stamp, *, indexed: bool) -> list[dict[str, object]]:
    return [
        {
            "function": {"arguments": call.arguments, "name": call.name},
            "id": _call_id(index, stamp),
            **({"index": index} if indexed else {}),
            "type": "function",
        }
        for index, call in enumerate(answer.calls)
    ]


def _call_id(index: int, stamp: Stamp) -> str:
    letters = stamp.letters(f"call{index}", 20).encode()
    return "call_" + base64.urlsafe_b64encode(letters).decode().rstrip("=")


def _id(stamp: Stamp) -> str:
    return stamp.letters("answer", 22)


def _opaque(answer: Answer, stamp: Stamp) -> dict[str, object]:
    """The thought's signature; calls have one even where no thought is shown."""
    if not (answer.calls or answer.reasoning):
        return {}
    return {"reasoning_opaque": stamp.blob("reasoning", _OPAQUE_BYTES)}


def _usage(answer: Answer) -> dict[str, object]:
    completion, reasoning = answer.completion_tokens(), len(answer.reasoning)
    return {
        "completion_tokens": completion,
        "prompt_tokens": answer.prompt_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "total_tokens": answer.prompt_tokens + completion + reasoning,
        "reasoning_tokens": reasoning,
    }


_NOTHING_YET: Final[dict[str, object]] = {
    "completion_tokens": 0,
    "prompt_tokens": 0,
    "prompt_tokens_details": {"cached_tokens": 0},
    "total_tokens": 0,
    "reasoning_tokens": 0,
}
