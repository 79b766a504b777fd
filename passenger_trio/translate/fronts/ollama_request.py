"""Ollama's native requests as hub calls. Clients' shapes are read leniently: Ollama's own, and those of OpenAI's.

``/api/chat`` is Ollama's own; ``/v1/api/chat`` is passenger-rs's, which streams only when asked. Both take OpenAI's
names at the top level as well.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeVar

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate import ollama_models
from passenger_trio.translate.fronts import ollama_fields
from passenger_trio.translate.fronts.ollama_context import Turn
from passenger_trio.translate.fronts.ollama_messages import hub_messages
from passenger_trio.wire import chat, envelope, ollama
from passenger_trio.wire.chat import Call
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.models import Model

T = TypeVar("T")

FIELDS: Final = frozenset(ollama.ChatRequest.__struct_fields__)
"""Request fields that are read."""

DROPPED_FIELDS: Final[Mapping[str, str]] = {
    "truncate": "Copilot refuses a prompt that is too long instead of cutting it",
    "shift": "as truncate",
    "_debug_render_only": "there is no prompt template to show",
}
"""Request fields without a place in the hub, and why a client can live without them."""

OPENAI_FIELDS: Final = frozenset(
    {
        *("frequency_penalty", "logit_bias", "max_completion_tokens", "max_tokens", "metadata"),
        *("parallel_tool_calls", "presence_penalty", "reasoning_effort", "response_format", "seed"),
        *("service_tier", "stop", "temperature", "tool_choice", "top_p", "user", "verbosity"),
    }
)
"""OpenAI's top-level names that a chat takes as they are; what Ollama's own say comes first."""

NAMES: Final[Mapping[str, str]] = {
    "response_format": "format",
    "reasoning_effort": "think",
    **{place: f"options.{option}" for option, place in ollama_fields.OPTIONS.items()},
}
"""What Ollama calls the hub's fields."""

_OF_TOOLS: Final = ("tool_choice", "parallel_tool_calls")
_FUNCTION: Final = msgspec.Raw(b'"function"')
_NONE: Final = msgspec.Raw(b'"none"')
_TRUE: Final = msgspec.Raw(b"true")


Ability = Literal["thinking", "insert"]


class Asked(NamedTuple):
    """A request of ``/api/chat`` or ``/api/generate`` as far as it can be read without knowing the model.

    ``name`` is the model's name in the client's own words, which every answer echoes; ``stream`` says whether the
    client wants lines; ``think`` whether it is shown what was thought; ``keep_alive`` is in seconds, negative for ever.
    ``idle`` asks to load the model, or with a ``keep_alive`` of 0 to unload it. ``raw`` (generate alone) wants no
    context in the answer; ``turns`` are what that context is to carry, but for the answer.

    ``messages`` and ``fields`` are the hub's, ``dropped`` and ``names`` as those of a call.
    ``wants`` are the abilities that the model must have.
    """

    kind: Literal["chat", "generate"]
    name: str
    stream: bool
    think: bool
    keep_alive: float | None
    idle: bool
    messages: Sequence[Envelope]
    fields: Envelope
    dropped: tuple[str, ...] = ()
    names: Mapping[str, str] = MappingProxyType({})
    wants: Sequence[Ability] = ()
    raw: bool = False
    turns: tuple[Turn, ...] = ()

    @property
    def unloads(self) -> bool:
        """Whether the model is asked to go."""
        return self.idle and self.keep_alive == 0


def read_chat(body: bytes, *, openai_shaped: bool = False) -> Asked:
    """What ``/api/chat`` is asked for; ``openai_shaped`` is passenger-rs's variant.

    Raises :class:`~passenger_trio.errors.BadRequest` that names what cannot be said.
    """
    view, others = read_body(ollama.decode_chat, body, FIELDS)
    name = view.model or view.name
    if not name:
        raise BadRequest("model is required", param="model")
    hub = {field: value for field, value in others.items() if field in OPENAI_FIELDS}
    dropped = [field for field in others if field not in hub]
    try:
        dropped += _add_tools(hub, view.tools or ())
        dropped += add_shared(hub, view)
        messages, lost = hub_messages(view.messages or ())
        return Asked(
            kind="chat",
            name=name,
            stream=not openai_shaped if view.stream is None else view.stream,
            think=view.think is not False,
            keep_alive=ollama_fields.seconds(view.keep_alive),
            idle=not view.messages,
            messages=messages,
            fields=hub,
            dropped=(*dropped, *lost),
            names={field: own for field, own in NAMES.items() if field not in others},
            wants=("thinking",) if view.think else (),
        )
    except envelope.UNREADABLE as error:  # inside what is taken over raw: options, tools, parts of messages
        raise ollama_fields.unreadable(error) from None


def read_body(decode: Callable[[bytes | msgspec.Raw], T], body: bytes, known: Collection[str]) -> tuple[T, Envelope]:
    """A request, and what it has besides the ``known`` fields. Raises :class:`~passenger_trio.errors.BadRequest`."""
    if not body:
        raise BadRequest("missing request body")
    return ollama_fields.read(decode, body, known)


def add_shared(hub: Envelope, view: ollama.Asking) -> list[str]:
    """Put what a chat and a generation have in common into the hub's request; the names of what has no place there."""
    dropped = ollama_fields.add_options(hub, view.options or {})
    ollama_fields.add_format(hub, view.format)
    ollama_fields.add_thinking(hub, view.think)
    return dropped + ollama_fields.add_logprobs(hub, view.logprobs, view.top_logprobs)


def _add_tools(hub: Envelope, tools: Sequence[msgspec.Raw]) -> list[str]:
    """Put the tools into the hub's request. Without any, which clients write as an empty list, there is no choice."""
    if not tools:
        return [name for name in _OF_TOOLS if hub.pop(name, None) is not None]
    written: list[object] = []
    for raw in tools:
        tool = envelope.decode(raw)
        written.append({**tool, "type": _FUNCTION} if envelope.is_absent(tool, "type") else raw)
    hub["tools"] = envelope.raw(written)
    return []


def to_call(asked: Asked, model: Model) -> Call:
    """The request as a hub call to ``model``. It always streams: a whole answer is put together here.

    Raises :class:`~passenger_trio.errors.BadRequest` in Ollama's words for what the model cannot do. Of a model of
    which nothing is known nothing is refused.
    """
    if model.capabilities.supports is not None:
        _refuse(asked, model)
    body = {
        "model": envelope.raw(asked.name),
        "messages": envelope.raw(asked.messages),
        "stream": _TRUE,
        **asked.fields,
    }
    try:
        return Call(asked.name, body, chat.decode_request(envelope.encode(body)), asked.dropped, asked.names)
    except envelope.UNREADABLE as error:  # parts of messages, which are taken over raw
        raise ollama_fields.unreadable(error) from None


def _refuse(asked: Asked, model: Model) -> None:
    """Refuse what the model cannot do, in the sentences by which clients know it, and ask again without."""
    full = f"registry.ollama.ai/library/{model.id}:latest"
    if "tools" in asked.fields and asked.fields.get("tool_choice") != _NONE and not model.supports.tool_calls:
        raise BadRequest(f"{full} does not support tools", code="unsupported_parameter", param="tools")
    if "insert" in asked.wants and not ollama_models.can_insert(model):
        raise BadRequest(f"{full} does not support insert", code="unsupported_parameter", param="suffix")
    if "thinking" in asked.wants and not ollama_models.can_think(model):
        raise BadRequest(f'"{asked.name}" does not support thinking', code="unsupported_parameter", param="think")
