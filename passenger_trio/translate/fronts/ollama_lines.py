"""How Ollama writes an answer: the lines of a chat and those of ``/api/generate``."""

import datetime
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from passenger_trio.wire import envelope
from passenger_trio.wire.chat import Usage
from passenger_trio.wire.ollama import AnswerMessage, AnswerToolCall, GenerateLine, Line


class Moments(NamedTuple):
    """When things happened, in nanoseconds of a clock that never goes back: the request arrived, it was sent to
    Copilot, the first event of the answer came, the last one.
    """

    arrived: int
    sent: int
    first: int
    ended: int


class Said(NamedTuple):
    """A piece of an answer, or all of it. ``logprobs`` are encoded :class:`~passenger_trio.wire.ollama.Logprob`."""

    thinking: str = ""
    text: str = ""
    calls: Sequence[AnswerToolCall] = ()
    logprobs: Sequence[msgspec.Raw] = ()


class End(NamedTuple):
    """How an answer ended: upstream's finish reason, what it has counted, and when things happened."""

    reason: str | None
    usage: Usage | None
    when: Moments


class Form(Protocol):
    """How a route's answers are written."""

    def line(self, at: str, said: Said, end: End | None = None) -> bytes:
        """``said`` as a JSON object made ``at`` that time; with an ``end`` it is the last one."""
        ...


class ChatForm:
    """The lines of ``/api/chat``. ``model`` is echoed as the client wrote it."""

    def __init__(self, model: str) -> None:
        self._model = model

    def line(self, at: str, said: Said, end: End | None = None) -> bytes:
        message = AnswerMessage("assistant", said.text)
        if said.thinking:
            message.thinking = said.thinking
        if said.calls:
            message.tool_calls = list(said.calls)
        line = Line(self._model, at, message, done=end is not None)
        if said.logprobs:
            line.logprobs = list(said.logprobs)
        if end is not None:
            _finish(line, end)
        return envelope.encode(line)


class GenerateForm:
    """The lines of ``/api/generate``. ``context`` makes of the answer's text what the client sends with its next
    prompt; there is none after a raw prompt.

    A line before the last one has an empty ``context``: ollama-ai-provider-v2 skips lines without (its schema, 3.6.0).
    """

    def __init__(self, model: str, context: Callable[[str], list[int]] | None) -> None:
        self._model = model
        self._context = context
        self._texts: list[str] = []

    def line(self, at: str, said: Said, end: End | None = None) -> bytes:
        self._texts.append(said.text)
        line = GenerateLine(self._model, at, said.text, done=end is not None)
        if said.thinking:
            line.thinking = said.thinking
        if said.calls:
            line.tool_calls = list(said.calls)
        if said.logprobs:
            line.logprobs = list(said.logprobs)
        if self._context is not None:
            line.context = [] if end is None else self._context("".join(self._texts))
        if end is not None:
            _finish(line, end)
        return envelope.encode(line)


def _finish(line: Line | GenerateLine, end: End) -> None:
    """Ollama knows ``stop`` (tool calls as well) and ``length``. Durations are never 0: clients divide by them."""
    when = end.when
    line.done_reason = "length" if end.reason == "length" else "stop"
    line.load_duration = max(1, when.sent - when.arrived)
    line.prompt_eval_duration = max(1, when.first - when.sent)
    line.eval_duration = max(1, when.ended - when.first)
    line.total_duration = line.load_duration + line.prompt_eval_duration + line.eval_duration
    if end.usage is not None:
        line.prompt_eval_count = end.usage.prompt_tokens
        line.eval_count = end.usage.completion_tokens


def idle(model: str, now_ns: int, *, generate: bool, unload: bool) -> bytes:
    """The answer to a request that says nothing, which asks to load the model or to unload it."""
    reason = "unload" if unload else "load"
    at = timestamp(now_ns)
    line: Line | GenerateLine
    if generate:
        line = GenerateLine(model, at, "", done=True)
    else:
        line = Line(model, at, AnswerMessage("assistant", ""), done=True)
    line.done_reason = reason
    return envelope.encode(line)


def timestamp(now_ns: int) -> str:
    """RFC 3339 in UTC with nanoseconds."""
    seconds, rest = divmod(now_ns, 1_000_000_000)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
