"""An answer as Copilot writes it on ``/chat/completions`` for models of the Claude family.

Key sets, key order and the order of events are those of recorded answers (protocol: chat). On purpose: every delta of
text names its role, and text is cut inside words; a call's first fragment has no arguments, all calls of a stream have
index 0, and a call without arguments has none at all; a whole answer has a choice for its text and others for its
calls. Of whole answers there are two recorded forms: the older one has no ``index``, a choice for each call and an id
without a prefix, the newer one has index 0 on each choice, one choice for all calls, and a ``copilot_usage``.
"""

from typing import Final

import msgspec

from passenger_trio.simulator import billing
from passenger_trio.simulator.answers import Answer
from passenger_trio.simulator.directives import ScriptedCall
from passenger_trio.simulator.stamp import CHAT_NOISE, DONE, Stamp, Stream, ragged

_OLDER: Final = frozenset({"claude-sonnet-4", "claude-haiku-4.5"})
_OPAQUE_BYTES: Final = 186
_encode: Final = msgspec.json.Encoder().encode


def whole(answer: Answer, stamp: Stamp) -> bytes:
    """The body of an answer that is not streamed."""
    older = stamp.model in _OLDER
    message: dict[str, object] = {}
    if answer.text is not None:
        message["content"] = answer.text
    if answer.reasoning:
        message["reasoning_opaque"] = _opaque(stamp)
        message["reasoning_text"] = "".join(answer.reasoning)
    messages = [{**message, "role": "assistant"}] if message or not answer.calls else []
    calls = [_call(call, index, stamp) for index, call in enumerate(answer.calls)]
    groups = [[call] for call in calls] if older else [calls] if calls else []
    messages += [{"role": "assistant", "tool_calls": group} for group in groups]
    index = {} if older else {"index": 0}
    body: dict[str, object] = {
        "choices": [{"finish_reason": answer.finish, **index, "message": message} for message in messages],
        **({} if older else {"copilot_usage": _copilot_usage(answer)}),
        "created": stamp.created,
        "id": stamp.uuid() if older else _id(stamp),
        "model": stamp.model,
        "usage": _usage(answer, details=not older),
    }
    return _encode(body)


def stream(answer: Answer, stamp: Stamp) -> Stream:
    """The events of a streamed answer."""
    reasoned = bool(answer.reasoning)
    answer_id = _id(stamp) if reasoned else stamp.uuid()
    tail = b'}}],"created":%d,"id":"%b","model":%b}\n\n' % (stamp.created, answer_id.encode(), _encode(stamp.model))
    thoughts = [b'"reasoning_text":%b' % _encode(piece) for piece in answer.reasoning]
    if reasoned:
        thoughts[0] = b'"role":"assistant",' + thoughts[0]
        thoughts.append(b'"reasoning_opaque":%b' % _encode(_opaque(stamp)))
    body: list[bytes] = []
    body += [_event(b'"content":null,' + thought, tail) for thought in thoughts]
    body += [
        _event(b'"content":%b,"role":"assistant"' % _encode(piece), tail) for piece in ragged("".join(answer.pieces))
    ]
    if answer.text == "" and not answer.calls:
        body.append(_event(b'"content":"","role":"assistant"', tail))
    for number, call in enumerate(answer.calls):
        role = b'"role":"assistant",' if not body else b""
        for fragment in _fragments(call, number, stamp):
            body.append(_event(b'"content":null,%b"tool_calls":[%b]' % (role, _encode(fragment)), tail))
            role = b""
    finish = {
        "choices": [{"finish_reason": answer.finish, "index": 0, "delta": {"content": None}}],
        "created": stamp.created,
        "id": answer_id,
        "usage": _usage(answer, details=reasoned),
        "model": stamp.model,
        **({"copilot_usage": _copilot_usage(answer)} if reasoned else {}),
    }
    return Stream(body, [b"data: " + _encode(finish) + b"\n\n", DONE], noise=CHAT_NOISE)


def _event(delta: bytes, tail: bytes) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{' + delta + tail


def _fragments(call: ScriptedCall, number: int, stamp: Stamp) -> list[dict[str, object]]:
    head: dict[str, object] = {
        "function": {"name": call.name},
        "id": _call_id(number, stamp),
        "index": 0,
        "type": "function",
    }
    pieces = ["", *ragged(_arguments(call))]
    return [head, *({"function": {"arguments": piece}, "index": 0, "type": "function"} for piece in pieces)]


def _call(call: ScriptedCall, number: int, stamp: Stamp) -> dict[str, object]:
    function = {"arguments": _arguments(call), "name": call.name}
    return {"function": function, "id": _call_id(number, stamp), "type": "function"}


def _arguments(call: ScriptedCall) -> str:
    return "" if call.arguments.replace(" ", "") == "{}" else call.arguments


def _call_id(number: int, stamp: Stamp) -> str:
    if stamp.model in _OLDER:
        return f"tooluse_{stamp.letters(f'call{number}', 22)}"
    return f"toolu_bdrk_01{stamp.letters(f'call{number}', 22)}"


def _id(stamp: Stamp) -> str:
    return f"msg_bdrk_01{stamp.letters('message', 22)}"


def _opaque(stamp: Stamp) -> str:
    return stamp.blob("reasoning", _OPAQUE_BYTES)


def _tokens_out(answer: Answer) -> int:
    return answer.completion_tokens() + len(answer.reasoning)


def _usage(answer: Answer, *, details: bool) -> dict[str, object]:
    completion = _tokens_out(answer)
    return {
        "completion_tokens": completion,
        "prompt_tokens": answer.prompt_tokens,
        **({"prompt_tokens_details": {"cached_tokens": 0}} if details else {}),
        "total_tokens": answer.prompt_tokens + completion,
    }


def _copilot_usage(answer: Answer) -> dict[str, object]:
    return billing.copilot_usage(billing.CLAUDE, tokens_in=answer.prompt_tokens, tokens_out=_tokens_out(answer))
