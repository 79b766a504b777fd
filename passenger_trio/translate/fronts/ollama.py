"""Ollama's native answers: NDJSON lines, tool arguments as objects, counts and durations at the end."""

import itertools
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec

from passenger_trio.errors import BadRequest, ContextTooLong, PassengerError, UpstreamBroke, UpstreamRefused
from passenger_trio.translate.fronts import ollama_logprobs
from passenger_trio.translate.fronts.ollama_lines import End, Form, Moments, Said, timestamp
from passenger_trio.wire import chat, envelope, ollama
from passenger_trio.wire.chat import HubChunk
from passenger_trio.wire.ollama import AnswerToolCall

JSON_TYPE: Final = "application/json; charset=utf-8"
STREAM_TYPE: Final = "application/x-ndjson"

LONGEST_TEXT: Final = 8 << 10
"""Characters of text in a line at most. JSON takes six bytes for one at worst, and clients on aiohttp refuse lines over
128 KiB.
"""

LONGEST_LOGPROBS: Final = 64 << 10
"""Bytes of logprobs in a line at most, unless one alone has more."""

FILTERED: Final = "Copilot's content filter stopped the answer."
"""Ollama has no word for such an end, and as a good one the answer would pass for whole."""

_FILTER: Final = "content_filter"
_CUT: Final = frozenset({"length", _FILTER})
"""Finish reasons after which the arguments of a call may lack their end."""


class Times(NamedTuple):
    """How an answer is timed: ``clock`` gives unix nanoseconds, ``ticks`` those of a clock that never goes back, by
    which the request ``arrived`` and was ``sent`` to Copilot.
    """

    clock: Callable[[], int]
    ticks: Callable[[], int]
    arrived: int
    sent: int


class _Answer:
    """What streamed and whole answers have in common.

    Tool calls are told when they are whole. ``think`` false keeps the reasoning back; ``logprobs`` is whether they were
    asked for.
    """

    def __init__(self, form: Form, times: Times, *, think: bool = True, logprobs: bool = False) -> None:
        self._form = form
        self._times = times
        self._think = think
        self._logprobs = logprobs
        self._first: int | None = None
        self._begun = False
        self._usage: chat.Usage | None = None
        self._reason: str | None = None
        self._calls: dict[int, tuple[str, str, list[str]]] = {}
        self.error: PassengerError | None = None
        """The fault of an answer of which nothing has been told yet: it can have a status of its own."""

    def fault(self, error: PassengerError) -> bytes:
        """A broken answer's last line. No ``done`` line follows."""
        if not self._begun:
            self.error = error
        return ollama.line(error_body(error))

    def _hear(self, chunk: HubChunk) -> Iterator[Said]:
        if chunk.view.usage is not None:
            self._usage = chunk.view.usage
        for choice in chunk.view.choices or ():
            if choice.index != 0:
                continue
            if self._first is None:
                self._first = self._times.ticks()
            delta = choice.delta or chat.Delta()
            if delta.reasoning_content and self._think:
                yield Said(thinking=delta.reasoning_content)
            text = (delta.content or "") + (delta.refusal or "")
            logprobs = ollama_logprobs.of_chunk(chunk.data) if self._logprobs else ()
            if text or logprobs:
                yield Said(text=text, logprobs=logprobs)
            for fragment in delta.tool_calls or ():
                self._collect(fragment)
            if choice.finish_reason is not None:
                self._reason = choice.finish_reason
                yield from self._flush()

    def _collect(self, fragment: chat.ToolCall) -> None:
        function = fragment.function or chat.Function()
        call = self._calls.setdefault(fragment.index or 0, (fragment.id or "", function.name or "", []))
        if function.arguments:
            call[2].append(function.arguments)

    def _flush(self) -> Iterator[Said]:
        """The calls; without those that the end has cut off, of which ``done_reason`` or the fault tells."""
        calls, self._calls = self._calls, {}
        for index, (call_id, name, pieces) in sorted(calls.items()):
            arguments = "".join(pieces)
            if (line := _line_of(arguments)) is not None:
                yield Said(calls=[AnswerToolCall(call_id, ollama.AnswerFunction(index, name, line))])
            elif self._reason not in _CUT:
                raise UpstreamBroke(
                    f"The model called `{name}` with arguments that are no JSON object ({len(arguments)} characters)."
                )

    def _ending(self) -> End:
        """Raises :class:`~passenger_trio.errors.BadRequest` for an answer that was filtered."""
        if self._reason == _FILTER:
            raise BadRequest(FILTERED, code=_FILTER)
        now = self._times.ticks()
        first = now if self._first is None else self._first
        return End(self._reason, self._usage, Moments(self._times.arrived, self._times.sent, first, now))


class Stream(_Answer):
    """A streamed answer: each piece of it is a line, and no line is too long for anybody.

    Lines that were made before a fault are held, and told before it.
    """

    content_type = STREAM_TYPE

    def __init__(self, form: Form, times: Times, *, think: bool = True, logprobs: bool = False) -> None:
        super().__init__(form, times, think=think, logprobs=logprobs)
        self._held: list[bytes] = []

    def event(self, chunk: HubChunk) -> bytes:
        """The lines of one chunk."""
        self._hold(self._hear(chunk))
        return self._released()

    def end(self) -> bytes:
        """The final line of a good answer, after the calls that no finish has sent."""
        self._hold(self._flush())
        ending = self._ending()
        self._held.append(ollama.line(self._form.line(timestamp(self._times.clock()), Said(), ending)))
        return self._released()

    def fault(self, error: PassengerError) -> bytes:
        """What was said before the fault, and the fault as the last line."""
        return self._released() + super().fault(error)

    def _hold(self, said: Iterator[Said]) -> None:
        for whole in said:
            at = timestamp(self._times.clock())
            for piece in _pieces(whole):
                self._held.append(ollama.line(self._form.line(at, piece)))

    def _released(self) -> bytes:
        held, self._held = self._held, []
        self._begun = self._begun or bool(held)
        return b"".join(held)


class Whole(_Answer):
    """A whole answer, put together from a stream: it is all in :meth:`end`."""

    content_type = JSON_TYPE

    def __init__(self, form: Form, times: Times, *, think: bool = True, logprobs: bool = False) -> None:
        super().__init__(form, times, think=think, logprobs=logprobs)
        self._said: list[Said] = []

    def event(self, chunk: HubChunk) -> bytes:
        """Nothing yet."""
        self._said += self._hear(chunk)
        return b""

    def end(self) -> bytes:
        """The whole answer."""
        self._said += self._flush()
        said = Said(
            "".join(piece.thinking for piece in self._said),
            "".join(piece.text for piece in self._said),
            [call for piece in self._said for call in piece.calls],
            [logprob for piece in self._said for logprob in piece.logprobs],
        )
        return self._form.line(timestamp(self._times.clock()), said, self._ending())


def _pieces(said: Said) -> Iterator[Said]:
    """``said`` in pieces that each have room in a line; it is thoughts, or text with its logprobs, or a call."""
    if len(said.thinking) <= LONGEST_TEXT >= len(said.text) and len(said.logprobs) <= 1:
        yield said
        return
    for thinking in _cut(said.thinking):
        yield Said(thinking=thinking)
    parts = ollama_logprobs.parted(said.logprobs, LONGEST_LOGPROBS)
    for text, logprobs in itertools.zip_longest(_cut(said.text), parts):
        yield Said(text=text or "", logprobs=logprobs or ())


def _cut(text: str) -> Iterator[str]:
    return (text[at : at + LONGEST_TEXT] for at in range(0, len(text), LONGEST_TEXT))


def _line_of(arguments: str) -> msgspec.Raw | None:
    """The object that a model's arguments are, in one line, for models indent; ``None`` where they are none."""
    try:
        envelope.decode(arguments.encode())
        return msgspec.Raw(msgspec.json.format(arguments.encode(), indent=-1))
    except envelope.UNREADABLE:
        return None


def fault(error: PassengerError) -> tuple[int, bytes]:
    """Status and body of an error before the first byte. A refusal of Copilot's has its own status, whichever it is."""
    return error.status, error_body(error)


def error_body(error: PassengerError) -> bytes:
    """``{"error": "text"}``: always a string, since clients print it."""
    if isinstance(error, ContextTooLong):
        return envelope.encode({"error": _too_long(error)})
    return envelope.encode({"error": error.told if isinstance(error, UpstreamRefused) else error.message})


def _too_long(error: ContextTooLong) -> str:
    """Anthropic's sentence, which agents know as well as OpenAI's, and Copilot's words unless they are the same."""
    said = "the prompt is too long"
    if error.limit is not None:
        takes = f"the model takes {error.limit} tokens"
        said += f": {takes if error.tokens is None else f'{error.tokens} tokens > {error.limit} maximum'}"
    return said if said.removeprefix("the ") in error.message else f"{said} ({error.told})"
