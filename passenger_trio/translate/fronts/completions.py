"""OpenAI's old text completions, on chat: each prompt becomes a conversation of one message from the user.

Source: OpenAI's reference, "Completions". A chat model answers a prompt where the old models went on writing it.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from passenger_trio.errors import BadRequest, PassengerError
from passenger_trio.translate.fronts import chat, inputs, openai_errors
from passenger_trio.translate.fronts.inputs import Decode, Input
from passenger_trio.wire import completions, envelope, sse
from passenger_trio.wire.chat import Call, Delta, HubChunk, HubReply, Message, Request, RequestMessage
from passenger_trio.wire.envelope import Envelope

TAKEN: Final = frozenset({"prompt", "suffix", "echo", "best_of", "logprobs"})
"""The fields that chat does not have, or not with this meaning; all others are passed on as they came."""

DROPPED: Final[Mapping[str, str]] = {
    "messages": "the prompt takes their place",
    "tools": "a text cannot hold a call",
    "tool_choice": "goes with tools",
    "functions": "a text cannot hold a call",
    "function_call": "goes with functions",
}
"""Chat's fields that this form has no place for, each with the reason. OpenAI's old form does not define them."""


class Asked(NamedTuple):
    """What a client asks for: the view of it, the prompts, what is passed on, and the names of what is left out."""

    view: completions.Request
    prompts: list[Input]
    envelope: Envelope
    dropped: tuple[str, ...]


def read(body: bytes) -> Asked:
    """The request. Raises :class:`~passenger_trio.errors.BadRequest` that names the field which cannot be served."""
    whole, view = inputs.read(body, completions.decode_request, ("model", "prompt"))
    if view.suffix:
        raise _refused("suffix", "a chat model cannot fill in a middle")
    if view.best_of not in {None, view.n or 1}:
        raise _refused("best_of", "nobody tells which answer is the most likely one; ask for several with `n`")
    if view.logprobs:
        raise _refused("logprobs", "chat has them in another form; ask /v1/chat/completions for them")
    dropped = [key for key in whole if key in DROPPED and not envelope.is_absent(whole, key)]
    if view.logprobs is not None and view.logprobs is not False:
        dropped.append("logprobs")  # 0 is the least that can be asked for: it adds nothing to the text
    kept = {key: value for key, value in whole.items() if key not in TAKEN and key not in DROPPED}
    return Asked(view, inputs.split(view.prompt, "prompt"), kept, tuple(dropped))


def _refused(field: str, why: str) -> BadRequest:
    return BadRequest(f"`{field}` cannot be served: {why}.", param=field, code="unsupported_parameter")


def to_calls(asked: Asked, decode: Decode | None) -> list[Call]:
    """A hub call for each prompt, in order; ``decode`` is needed for token ids. Raises for an id that means nothing."""
    return [_call(asked, prompt) for prompt in inputs.texts(asked.prompts, decode, "prompt")]


def _call(asked: Asked, prompt: str) -> Call:
    view = asked.view
    said = [RequestMessage("user", prompt)]
    request = Request(view.model, said, stream=view.stream, stream_options=view.stream_options, n=view.n)
    messages = envelope.raw([{"role": "user", "content": prompt}])
    return Call(view.model, {**asked.envelope, "messages": messages}, request, asked.dropped)


class _Joint:
    """What whole and streamed answers to several prompts have in common: whose turn it is, and what all have cost."""

    def __init__(self, asked: Asked, calls: Sequence[Call]) -> None:
        self._per_prompt = asked.view.n or 1
        self._prompts = [str(call.request.messages[0].content) if asked.view.echo else "" for call in calls]
        self._done: int = 0
        self._usages: list[msgspec.Raw] = []

    @property
    def usage(self) -> msgspec.Raw | None:
        """What the prompts up to here have cost together."""
        return inputs.add_usage(self._usages)

    def _index(self, within: int | None) -> int:
        return self._done * self._per_prompt + (within or 0)

    def _count(self, body: Envelope) -> None:
        if not envelope.is_absent(body, "usage"):
            self._usages.append(body["usage"])


class Answer(_Joint):
    """A whole answer, put together from the hub's to each prompt. Reasoning has no place in it."""

    def __init__(self, asked: Asked, calls: Sequence[Call]) -> None:
        super().__init__(asked, calls)
        self._choices: list[msgspec.Raw] = []
        self._body: Envelope = {}

    def add(self, reply: HubReply) -> None:
        """The answer to the next prompt."""
        for choice in reply.view.choices or ():
            text = self._prompts[self._done] + _text(choice.message)
            self._choices.append(_choice(self._index(choice.index), text, choice.finish_reason))
        body = envelope.decode(reply.data)
        self._count(body)
        self._body = {**body, **self._body}
        self._done += 1

    def end(self) -> bytes:
        """All of it."""
        body = {**self._body, "object": _OBJECT, "choices": envelope.raw(self._choices)}
        if (usage := self.usage) is not None:
            body["usage"] = usage
        return envelope.encode(body)


class Stream(_Joint):
    """A streamed answer to one prompt after the other, with one id. Each method returns the bytes to send now."""

    content_type = chat.STREAM_TYPE

    def __init__(self, asked: Asked, calls: Sequence[Call]) -> None:
        super().__init__(asked, calls)
        options = asked.view.stream_options
        self._include_usage = options is not None and bool(options.include_usage)
        self._begun: set[int] = set()
        self._head: Envelope = {}

    def event(self, chunk: HubChunk) -> bytes:
        """One chunk; of those that bring neither text nor an end, none. Usage waits for the end of all prompts."""
        if not chunk.view.choices:
            self._count(envelope.decode(chunk.data))
            return b""
        choices: list[msgspec.Raw] = []
        for choice in chunk.view.choices:
            index = self._index(choice.index)
            text = _text(choice.delta)
            if index not in self._begun:
                self._begun.add(index)
                text = self._prompts[self._done] + text
            if text or choice.finish_reason:
                choices.append(_choice(index, text, choice.finish_reason))
        if not choices:
            return b""
        body = envelope.decode(chunk.data)
        self._head = self._head or {key: body[key] for key in ("id", "object", "created", "model") if key in body}
        body = {**body, **self._head, "object": _OBJECT, "choices": envelope.raw(choices)}
        return sse.event(envelope.encode(body))

    def end(self) -> bytes:
        """The end of a prompt's good answer; after the last one that of the stream."""
        self._done += 1
        if self._done < len(self._prompts):
            return b""
        usage = self.usage
        if usage is None or not self._include_usage:
            return sse.event(sse.DONE)
        last = {**self._head, "object": _OBJECT, "choices": envelope.raw([]), "usage": usage}
        return sse.event(envelope.encode(last)) + sse.event(sse.DONE)

    def fault(self, error: PassengerError) -> bytes:
        """A broken answer's last event. No ``[DONE]`` follows, nor another prompt's answer."""
        return sse.event(openai_errors.error_body(error, "prompt"))


def fault(error: PassengerError) -> tuple[int, bytes]:
    """Status and body of an error before the first byte."""
    return openai_errors.fault(error, "prompt")


_OBJECT: Final = envelope.raw(completions.OBJECT)


def _text(said: Message | Delta | None) -> str:
    return "" if said is None else (said.content or said.refusal or "")


def _choice(index: int, text: str, finish_reason: str | None) -> msgspec.Raw:
    return envelope.raw({"text": text, "index": index, "logprobs": None, "finish_reason": finish_reason})
