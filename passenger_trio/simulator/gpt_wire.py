"""An answer as Copilot writes it for models of the GPT family.

Key sets, key order and the order of events are those of recorded answers (protocol: chat, whole and streamed, recorded
2026; reasoning: the ``cot_summary`` recording). The deviations from OpenAI's own API are on purpose: no ``object``, no
``created`` on a whole answer, ``padding`` beside the content, no ``content`` key beside tool calls, a first event with
no choices and an empty id, usage on the finish event. A stream with reasoning has other oddities: an empty ``model``,
a null ``usage`` on every event, and a ``cot_id`` that comes after the finish.
"""

import zlib
from collections.abc import Iterator
from typing import Final

import msgspec

from passenger_trio.simulator import billing
from passenger_trio.simulator.answers import Answer
from passenger_trio.simulator.stamp import CHAT_NOISE, DONE, Stamp, Stream

_SAFE: Final = {
    "hate": {"filtered": False, "severity": "safe"},
    "self_harm": {"filtered": False, "severity": "safe"},
    "sexual": {"filtered": False, "severity": "safe"},
    "violence": {"filtered": False, "severity": "safe"},
}
_PROMPT_FILTER: Final = [{"content_filter_results": _SAFE, "prompt_index": 0}]
_FINGERPRINT: Final = "fp_ee1d74bde0"
_PADDING: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_ARGUMENT_PIECE: Final = 12  # characters in one event
_encode: Final = msgspec.json.Encoder().encode


def whole(answer: Answer, stamp: Stamp) -> bytes:
    """The body of an answer that is not streamed."""
    message: dict[str, object] = {}
    if answer.text is not None:
        message["content"] = answer.text
    if answer.reasoning:
        message["cot_id"] = _cot_id(stamp)
        message["cot_summary"] = "".join(answer.reasoning)
    message["padding"] = _PADDING[: 1 + zlib.crc32((answer.text or "").encode()) % len(_PADDING)]
    message["role"] = "assistant"
    if answer.calls:
        message["tool_calls"] = [
            {
                "function": {"arguments": call.arguments, "name": call.name},
                "id": stamp.call_id(index),
                "type": "function",
            }
            for index, call in enumerate(answer.calls)
        ]
    choice = {
        "content_filter_results": _filter_results(answer),
        "finish_reason": answer.finish,
        "index": 0,
        "message": message,
    }
    return _encode(
        {
            "choices": [choice],
            "copilot_usage": _copilot_usage(answer),
            "id": stamp.chat_id(),
            "model": stamp.model,
            "prompt_filter_results": _PROMPT_FILTER,
            "service_tier": "default",
            "system_fingerprint": _FINGERPRINT,
            "usage": _usage(answer),
        }
    )


def stream(answer: Answer, stamp: Stamp) -> Stream:
    """The events of a streamed answer; one for each piece of its text."""
    return _reasoned(answer, stamp) if answer.reasoning else _plain(answer, stamp)


def _plain(answer: Answer, stamp: Stamp) -> Stream:
    origin: dict[str, object] = {
        "created": stamp.created,
        "id": stamp.chat_id(),
        "model": stamp.model,
        "system_fingerprint": _FINGERPRINT,
    }
    first = {
        "choices": [],
        "created": 0,
        "id": "",
        "model": stamp.model,
        "prompt_filter_results": _PROMPT_FILTER,
    }
    body = [b"data: " + _encode(first) + b"\n\n", *_deltas(answer, stamp, _tail(origin), _encode(_SAFE))]
    finish = _finish(answer, {"copilot_usage": _copilot_usage(answer), **origin, "usage": _usage(answer)})
    return Stream(body, [finish, DONE], noise=CHAT_NOISE)


def _reasoned(answer: Answer, stamp: Stamp) -> Stream:
    origin: dict[str, object] = {
        "created": stamp.created,
        "id": stamp.chat_id(),
        "model": "",
        "object": "chat.completion.chunk",
        "system_fingerprint": _FINGERPRINT,
    }
    named, nameless = _tail({**origin, "usage": None}), _tail({**origin, "id": "", "usage": None})
    last = len(answer.reasoning) - 1  # the recorded id appears with the last piece of the reasoning
    body = [
        _event(b"{}", b'{"cot_summary":%b}' % _encode(piece), named if index == last else nameless)
        for index, piece in enumerate(answer.reasoning)
    ]
    body += _deltas(answer, stamp, named, b"{}")
    cot_id = _event(b"{}", _encode({"cot_id": _cot_id(stamp)}), nameless)
    return Stream(body, [_finish(answer, {**origin, "usage": _usage(answer)}), cot_id, DONE], noise=CHAT_NOISE)


def _deltas(answer: Answer, stamp: Stamp, tail: bytes, filtered: bytes) -> Iterator[bytes]:
    """The role, the text and the calls. The first piece of text comes without filter results, as recorded."""
    role = b'{"content":null,"role":"assistant"}' if answer.text is None else b'{"content":"","role":"assistant"}'
    yield _event(b"{}", role, tail)
    results = b"{}"
    for piece in answer.pieces:
        yield _event(results, b'{"content":%b}' % _encode(piece), tail)
        results = filtered
    for index, call in enumerate(answer.calls):
        head = {
            "function": {"arguments": "", "name": call.name},
            "id": stamp.call_id(index),
            "index": index,
            "type": "function",
        }
        yield _event(b"{}", _encode({"content": None, "tool_calls": [head]}), tail)
        for start in range(0, len(call.arguments), _ARGUMENT_PIECE):
            part = call.arguments[start : start + _ARGUMENT_PIECE]
            fragment = {"function": {"arguments": part}, "index": index}
            yield _event(b"{}", _encode({"content": None, "tool_calls": [fragment]}), tail)


def _tail(fields: dict[str, object]) -> bytes:
    """What ends every event of one answer; encoded once."""
    return b',"index":0}],' + _encode(fields)[1:] + b"\n\n"


def _event(filter_results: bytes, delta: bytes, tail: bytes) -> bytes:
    return b'data: {"choices":[{"content_filter_results":%b,"delta":%b%b' % (filter_results, delta, tail)


def _finish(answer: Answer, fields: dict[str, object]) -> bytes:
    choice = {
        "content_filter_results": {},
        "delta": {"content": None},
        "finish_reason": answer.finish,
        "index": 0,
    }
    return b"data: " + _encode({"choices": [choice], **fields}) + b"\n\n"


def _usage(answer: Answer) -> dict[str, object]:
    completion = answer.completion_tokens()
    return {
        "completion_tokens": completion,
        "completion_tokens_details": {"accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
        "prompt_tokens": answer.prompt_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "reasoning_tokens": len(answer.reasoning),
        "total_tokens": answer.prompt_tokens + completion,
    }


def _copilot_usage(answer: Answer) -> dict[str, object]:
    return billing.copilot_usage(billing.FREE, tokens_in=answer.prompt_tokens, tokens_out=answer.completion_tokens())


def _filter_results(answer: Answer) -> dict[str, object]:
    if answer.finish == "content_filter":
        return {**_SAFE, "violence": {"filtered": True, "severity": "medium"}}
    return {} if answer.text is None else {**_SAFE}


def _cot_id(stamp: Stamp) -> str:
    return f"cot_{stamp.nonce[:8]}-{stamp.nonce[8:12]}-{stamp.nonce[12:16]}-{stamp.nonce[16:20]}-{stamp.nonce[17:29]}"
