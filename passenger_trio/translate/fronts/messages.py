"""Anthropic's Messages, for models that Copilot serves elsewhere: the client's dialect, through the hub.

The conversation is read in :mod:`.messages_input`, the other fields in :mod:`.messages_fields`; streams are written in
:mod:`.messages_stream`, and what they share with whole answers, errors too, stands in :mod:`.messages_answer`. Where
the model speaks this dialect itself, only :func:`read` and :func:`fault` are needed.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fronts import inputs, messages_answer as answers, messages_fields, messages_input, seal
from passenger_trio.translate.fronts.messages_answer import fault
from passenger_trio.translate.fronts.messages_fields import DROPPED_FIELDS, READ, REFUSED_FIELDS, ThreadUnsupported
from passenger_trio.translate.fronts.messages_input import Lost
from passenger_trio.translate.fronts.messages_stream import Stream
from passenger_trio.translate.fronts.tool_names import ToolNames
from passenger_trio.wire import chat, envelope, messages_client as client
from passenger_trio.wire.chat import Call, HubReply
from passenger_trio.wire.messages_client import Asked
from passenger_trio.wire.models import Model

__all__ = [
    "DROPPED_FIELDS",
    "READ",
    "REFUSED_FIELDS",
    "Asked",
    "Stream",
    "ThreadUnsupported",
    "fault",
    "from_hub",
    "read",
    "to_call",
]

_NEEDED: Final = ("model", "messages")
"""Anthropic demands ``max_tokens`` as well; nobody loses when it is not there."""

NAMES: Final[Mapping[str, str]] = {
    "stop": "stop_sequences",
    "response_format": "output_config.format",
    "reasoning_effort": "thinking",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "messages": "messages",
}
"""What Anthropic calls the hub's fields."""

Part = dict[str, object]


def read(body: bytes) -> Asked:
    """The request. Raises :class:`~passenger_trio.errors.BadRequest` that names the field which cannot be read."""
    return Asked(*inputs.read(body, client.decode_request, _NEEDED))


def to_call(asked: Asked, model: Model) -> tuple[Call, ToolNames]:
    """The request as a hub call for ``model``, and what the client's tools are called there.

    Raises :class:`~passenger_trio.errors.BadRequest` that names what cannot be said.
    """
    try:
        return _convert(asked, model)
    except envelope.UNREADABLE as error:  # inside what is taken over raw: arguments, schemas
        raise BadRequest(f"The request cannot be read: {error}") from None


def _convert(asked: Asked, model: Model) -> tuple[Call, ToolNames]:
    fields = {name: value for name, value in asked.envelope.items() if value != envelope.NULL}
    messages_fields.refuse(fields)
    names = ToolNames()
    others: dict[str, object] = {}
    left: Lost = {}
    messages_fields.write(fields, others, left, model=model, names=names)  # first: these are the tools on offer
    lost: Lost = {}
    messages = messages_input.convert_system(fields["system"], lost) if "system" in fields else []
    messages += messages_input.convert(fields["messages"], model.id, lost, names)
    hub: dict[str, object] = {"model": asked.model, "messages": messages, "stream": asked.stream, **others}
    data = envelope.encode(hub)
    agent = messages_input.is_agents_turn(fields["messages"])
    call = Call(asked.model, envelope.decode(data), chat.decode_request(data), (*(lost | left),), NAMES, agent)
    return call, names


def from_hub(reply: HubReply, asked: Asked, names: ToolNames, *, model: str, new_id: Callable[[], str]) -> bytes:
    """A whole answer of ``model``, which knows the client's tools by ``names``.

    Raises :class:`~passenger_trio.errors.UpstreamBroke` when a call in it is broken.
    """
    choice = (reply.view.choices or [chat.Choice()])[0]
    message = choice.message or chat.Message()
    calls = [_call(call, at, names, choice.finish_reason) for at, call in enumerate(message.tool_calls or ())]
    content = [*_thinking(message, model), *_text(message), *calls]
    finish = choice.finish_reason or "stop"
    return envelope.encode(
        answers.message(new_id(), asked.model, content=content, finish=finish, counted=reply.view.usage)
    )


def _thinking(message: chat.Message, model: str) -> list[Part]:
    """What the model thought, and what it wants back of that, marked as its own."""
    opaque = seal.seal(message.reasoning_opaque or "", model)
    if message.reasoning_content:
        return [{"type": "thinking", "thinking": message.reasoning_content, "signature": opaque}]
    return [{"type": "redacted_thinking", "data": opaque}] if message.reasoning_opaque else []


def _text(message: chat.Message) -> list[Part]:
    text = (message.content or "") + (message.refusal or "")
    return [{"type": "text", "text": text}] if text else []


def _call(call: chat.ToolCall, at: int, names: ToolNames, finish: str | None) -> Part:
    """A call. One that was cut off keeps its name alone: the stop reason says that the rest is missing."""
    function = call.function or chat.Function()
    name, arguments = names.own(function.name or ""), function.arguments or ""
    if not answers.is_object(arguments):
        if arguments and finish not in answers.CUT:
            raise answers.no_object(name, arguments)
        arguments = "{}"
    return {
        "type": "tool_use",
        "id": answers.tool_id(call.id or f"call_{at}"),
        "name": name,
        "input": msgspec.Raw(arguments.encode()),
    }
