"""Ollama's native chat: NDJSON lines, tool arguments as objects, counts and durations at the end.

``/api/chat`` is Ollama's own; ``/v1/api/chat`` is passenger-rs's, which reads OpenAI's names at the top level as well
and streams only when asked.
"""

import datetime
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, cast

import msgspec

from passenger_trio.errors import BadRequest, ContextTooLong, PassengerError, UpstreamBroke, UpstreamRefused
from passenger_trio.translate.fronts.ollama_messages import hub_messages
from passenger_trio.wire import chat, envelope, ollama
from passenger_trio.wire.chat import Call, HubChunk, HubReply
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.ollama import AnswerMessage, AnswerToolCall, Line

STREAM_TYPE: Final = "application/x-ndjson"

OPTIONS: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "num_predict": "max_tokens",
    "stop": "stop",
}
"""``options`` with a place in the hub, and that place."""

DROPPED_OPTIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "num_ctx",
            "num_batch",
            "num_gpu",
            "main_gpu",
            "use_mmap",
            "num_thread",
            "draft_num_predict",
            "num_keep",
        ),
        "about the machine that runs a model; nearly every client sends num_ctx",
    ),
    **dict.fromkeys(
        ("top_k", "min_p", "typical_p", "repeat_last_n", "repeat_penalty"),
        "sampling that Copilot's models do not offer; clients send their defaults",
    ),
    **dict.fromkeys(
        (
            *(
                "numa",
                "low_vram",
                "f16_kv",
                "logits_all",
                "vocab_only",
                "use_mlock",
                "embedding_only",
                "tfs_z",
            ),
            *("mirostat", "mirostat_eta", "mirostat_tau", "penalize_newline", "num_gqa"),
        ),
        "ignored by Ollama itself",
    ),
}
"""``options`` without one, and why a client can live without it. Each one sent is named in ``X-Passenger-Dropped``."""

FIELDS: Final = frozenset({"model", "messages", "stream", "format", "think", "keep_alive", "tools", "options"})
"""Request fields that are read."""

DROPPED_FIELDS: Final[Mapping[str, str]] = {
    "keep_alive": "there is no model to keep in memory; with 0 and no messages it is answered",
    "truncate": "Copilot refuses a prompt that is too long instead of cutting it",
    "shift": "as truncate",
    "_debug_render_only": "there is no prompt template to show",
    "top_logprobs": "says how many of the logprobs are wanted",
}
"""Request fields without a place in the hub, and why a client can live without them."""

REFUSED_FIELDS: Final[Mapping[str, str]] = {
    "logprobs": "Copilot gives none in Ollama's form; leave it out, or use /v1/chat/completions",
}
"""Request fields that a client which sends them would miss, and what to do instead."""

OPENAI_FIELDS: Final = frozenset(
    {
        *("frequency_penalty", "logit_bias", "max_completion_tokens", "max_tokens", "metadata"),
        *("parallel_tool_calls", "presence_penalty", "reasoning_effort", "response_format", "seed"),
        *("service_tier", "stop", "temperature", "tool_choice", "top_p", "user", "verbosity"),
    }
)
"""OpenAI's top-level names that ``/v1/api/chat`` takes as they are."""

NAMES: Final[Mapping[str, str]] = {
    "response_format": "format",
    "reasoning_effort": "think",
    **{place: f"options.{option}" for option, place in OPTIONS.items()},
}
"""What Ollama calls the hub's fields."""

_THINK_LEVELS: Final = {"low": "low", "medium": "medium", "high": "high", "max": "high"}


def read(body: bytes) -> tuple[ollama.Request, Envelope]:
    """The request and its envelope. Raises :class:`~passenger_trio.errors.BadRequest`."""
    if not body:
        raise BadRequest("missing request body")
    try:
        request, whole = ollama.decode_request(body), envelope.decode(body)
    except envelope.UNREADABLE as error:
        raise BadRequest(f"the request cannot be read: {error}") from None
    if not request.model:
        raise BadRequest("model is required", param="model")
    return request, whole


def idle_answer(request: ollama.Request, now_ns: int) -> bytes | None:
    """The answer to a request without messages, which asks to load the model or (``keep_alive: 0``) to unload it."""
    if request.messages:
        return None
    # 0 is also spelt 0.0 (Ollama's own Python client), "0", "0s" and "0m"
    unload = set(re.findall(rb"[0-9]", bytes(request.keep_alive))) == {b"0"}
    line = Line(request.model, timestamp(now_ns), AnswerMessage("assistant", ""), done=True)
    line.done_reason = "unload" if unload else "load"
    return envelope.encode(line)


def to_call(request: ollama.Request, whole: Envelope, *, openai_shaped: bool = False) -> Call:
    """The request as a hub call; ``openai_shaped`` is passenger-rs's variant.

    Raises :class:`~passenger_trio.errors.BadRequest` that names what cannot be said.
    """
    try:
        return _convert(request, whole, openai_shaped=openai_shaped)
    except envelope.UNREADABLE as error:  # inside what was taken over raw: parts of messages, options
        raise BadRequest(f"the request cannot be read: {error}") from None


def _convert(request: ollama.Request, whole: Envelope, *, openai_shaped: bool) -> Call:
    hub: Envelope = {}
    dropped: list[str] = []
    for name, value in whole.items():
        if name in FIELDS or value == envelope.NULL:
            continue
        if name in REFUSED_FIELDS and value != _FALSE:
            raise BadRequest(f"`{name}` cannot be served: {REFUSED_FIELDS[name]}.", param=name)
        if openai_shaped and name in OPENAI_FIELDS:
            hub[name] = value
        else:
            dropped.append(name)
    if bytes(request.keep_alive) not in {b"", b"null"}:
        dropped.append("keep_alive")
    for name, value in (request.options or {}).items():
        if value == envelope.NULL:
            continue
        if name in OPTIONS:
            _option(hub, name, value)
        else:
            dropped.append(f"options.{name}")
    _format(hub, request.format)
    dropped += _think(hub, request.think)
    messages, lost = hub_messages(request.messages or [])
    if request.tools:
        hub["tools"] = envelope.raw(request.tools)
    stream = request.stream if request.stream is not None else not openai_shaped
    body = {
        "model": envelope.raw(request.model),
        "messages": envelope.raw(messages),
        "stream": envelope.raw(stream),
        **hub,
    }
    names = {name: own for name, own in NAMES.items() if name not in whole}
    return Call(request.model, body, chat.decode_request(envelope.encode(body)), (*dropped, *lost), names)


_FALSE: Final = msgspec.Raw(b"false")


def _option(hub: Envelope, name: str, raw: msgspec.Raw) -> None:
    value = envelope.value(raw)
    if name == "stop":
        if not isinstance(value, str) and not (
            isinstance(value, list) and all(isinstance(entry, str) for entry in cast("list[object]", value))
        ):
            raise BadRequest('option "stop" must be of type array', param="options.stop")
        if value:
            hub["stop"] = raw
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f'option "{name}" must be of type number', param=f"options.{name}")
    if name == "num_predict" and value <= 0:
        return  # -1 and -2: as much as the model likes
    if name == "seed" and value < 0:
        return  # -1: any
    hub[OPTIONS[name]] = raw


def _format(hub: Envelope, form: msgspec.Raw) -> None:
    """``"json"`` or a schema. Older LangChain sends ``""``, which asks for nothing."""
    text = bytes(form)
    if text in {b"", b"null", b'""'}:
        return
    if text == b'"json"':
        hub["response_format"] = msgspec.Raw(b'{"type":"json_object"}')
    elif text.startswith(b"{"):
        hub["response_format"] = envelope.raw(
            {"type": "json_schema", "json_schema": {"name": "response", "schema": form}}
        )
    else:
        raise BadRequest(
            f'invalid format: {text.decode(errors="replace")}; expected "json" or a valid JSON Schema object',
            param="format",
        )


def _think(hub: Envelope, think: bool | str | None) -> list[str]:
    """Levels become ``reasoning_effort``, and true the one in the middle, since most models think only when they are
    asked to. False is met on the way back.
    """
    if isinstance(think, str):
        if think not in _THINK_LEVELS:
            raise BadRequest(
                f'invalid think value: "{think}" (must be "high", "medium", "low", "max", true, or false)',
                param="think",
            )
        hub["reasoning_effort"] = envelope.raw(_THINK_LEVELS[think])
        return ["think=max"] if think == "max" else []
    if think:
        hub.setdefault("reasoning_effort", envelope.raw("medium"))
    return []


def timestamp(now_ns: int) -> str:
    """RFC 3339 in UTC with nanoseconds."""
    seconds, rest = divmod(now_ns, 1_000_000_000)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


class Stream:
    """A streamed answer. ``model`` is echoed as the client wrote it, ``clock`` gives unix nanoseconds,
    ``started`` is the moment of the request.

    Tool calls are sent when they are whole, one to a line. ``think`` false keeps the reasoning back.
    """

    content_type = STREAM_TYPE

    def __init__(self, model: str, *, clock: Callable[[], int], started: int, think: bool = True) -> None:
        self._model = model
        self._clock = clock
        self._think = think
        self._started = started
        self._first: int | None = None
        self._usage: chat.Usage | None = None
        self._reason: str | None = None
        self._calls: dict[int, tuple[str, str, list[str]]] = {}

    def event(self, chunk: HubChunk) -> bytes:
        """The lines of one chunk."""
        if chunk.view.usage is not None:
            self._usage = chunk.view.usage
        lines: list[bytes] = []
        for choice in chunk.view.choices or ():
            if choice.index != 0:
                continue
            now = self._clock()
            if self._first is None:
                self._first = now
            delta = choice.delta or chat.Delta()
            if delta.reasoning_content and self._think:
                lines.append(self._line(now, AnswerMessage("assistant", "", thinking=delta.reasoning_content)))
            text = delta.content or delta.refusal
            if text:
                lines.append(self._line(now, AnswerMessage("assistant", text)))
            for fragment in delta.tool_calls or ():
                self._collect(fragment)
            if choice.finish_reason is not None:
                lines += self._flush(now)
                self._reason = choice.finish_reason
        return b"".join(lines)

    def end(self) -> bytes:
        """The final line of a good answer, after the calls that no finish has sent."""
        now = self._clock()
        calls = self._flush(now)
        line = Line(self._model, timestamp(now), AnswerMessage("assistant", ""), done=True)
        _finish(line, self._reason, self._usage, Moments(self._started, self._first or now, now))
        return b"".join([*calls, ollama.line(envelope.encode(line))])

    def fault(self, error: PassengerError) -> bytes:
        """A broken answer's last line. No ``done`` line follows."""
        return ollama.line(error_body(error))

    def _line(self, now: int, message: AnswerMessage) -> bytes:
        return ollama.line(envelope.encode(Line(self._model, timestamp(now), message, done=False)))

    def _collect(self, fragment: chat.ToolCall) -> None:
        function = fragment.function or chat.Function()
        call = self._calls.setdefault(fragment.index or 0, (fragment.id or "", function.name or "", []))
        if function.arguments:
            call[2].append(function.arguments)

    def _flush(self, now: int) -> list[bytes]:
        lines: list[bytes] = []
        for index, (call_id, name, pieces) in sorted(self._calls.items()):
            call = _answer_call(index, call_id, name, "".join(pieces))
            lines.append(self._line(now, AnswerMessage("assistant", "", tool_calls=[call])))
        self._calls.clear()
        return lines


class Moments(NamedTuple):
    """When things happened, in unix nanoseconds: the request, the first byte of its answer, the last."""

    started: int
    first: int
    ended: int


def from_hub(reply: HubReply, model: str, when: Moments, *, think: bool = True) -> bytes:
    """A whole answer."""
    choice = (reply.view.choices or [chat.Choice()])[0]
    message = choice.message or chat.Message()
    answer = AnswerMessage("assistant", message.content or message.refusal or "")
    if message.reasoning_content and think:
        answer.thinking = message.reasoning_content
    if message.tool_calls:
        answer.tool_calls = [
            _answer_call(at, call.id or "", function.name or "", function.arguments or "")
            for at, call in enumerate(message.tool_calls)
            for function in [call.function or chat.Function()]
        ]
    line = Line(model, timestamp(when.ended), answer, done=True)
    _finish(line, choice.finish_reason, reply.view.usage, when)
    return envelope.encode(line)


def _answer_call(index: int, call_id: str, name: str, arguments: str) -> AnswerToolCall:
    """Raises :class:`~passenger_trio.errors.UpstreamBroke` when the model's arguments are no object (cut, say)."""
    try:
        envelope.decode(arguments.encode())
        line = msgspec.json.format(arguments.encode(), indent=-1)  # models indent, and a line must stay a line
    except envelope.UNREADABLE:
        raise UpstreamBroke(
            f"The model called `{name}` with arguments that are no JSON object: {arguments[:200]}"
        ) from None
    return AnswerToolCall(call_id, ollama.AnswerFunction(index, name, msgspec.Raw(line)))


def _finish(line: Line, reason: str | None, usage: chat.Usage | None, when: Moments) -> None:
    """Ollama knows ``stop`` (tool calls as well) and ``length``. Durations are never 0: clients divide by them."""
    line.done_reason = "length" if reason == "length" else "stop"
    line.total_duration = max(1, when.ended - when.started)
    line.load_duration = 1
    line.prompt_eval_duration = max(1, when.first - when.started)
    line.eval_duration = max(1, when.ended - when.first)
    if usage is not None:
        line.prompt_eval_count = usage.prompt_tokens
        line.eval_count = usage.completion_tokens


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
