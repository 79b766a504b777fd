"""A hub call as Copilot's ``/chat/completions`` takes it: the client's own bytes, but for what Copilot refuses.

Each difference stands in a table or a function that names the fact which proves it.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import pictures
from passenger_trio.translate.backs.effort import nearest_effort
from passenger_trio.translate.backs.tools import give_properties
from passenger_trio.wire import envelope
from passenger_trio.wire.chat import Call, RequestMessage, Written
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.models import Model

DROPPED_FIELDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
        "refused as a model that is not supported; Copilot keeps its prompt cache by itself",
    ),
    "service_tier": "the subscription decides; Copilot refuses the field",
    "store": "nothing is ever stored",
    **dict.fromkeys(
        ("metadata", "safety_identifier"),
        "labels for the caller's own account at OpenAI; Copilot knows the caller by the token",
    ),
}
"""Request fields that Copilot refuses (it may blame the model for them) and a client can live without."""

REFUSED_FIELDS: Final[Mapping[str, str]] = {
    "audio": "Copilot's models answer in text; leave it out",
    "web_search_options": "Copilot does not search here; leave it out, or offer a tool that searches",
}
"""Request fields that Copilot refuses and a client would miss, and what to do instead."""

_decode_tokens: Final = msgspec.json.Decoder(int).decode
_decode_text: Final = msgspec.json.Decoder(str).decode


def request(call: Call, model: Model) -> Written:
    """What to send for ``call`` to ``model``.

    Everything the client wrote is passed on but for what Copilot does not take. Raises
    :class:`~passenger_trio.errors.BadRequest` that names the field.
    """
    # an explicit null means "not given" to OpenAI; other vendors behind Copilot's route check types
    body = {key: value for key, value in call.envelope.items() if value != envelope.NULL}
    for name, remedy in REFUSED_FIELDS.items():
        if name in body:
            raise BadRequest(f"`{name}` cannot be served: {remedy}.", param=name, code="unsupported_parameter")
    dropped = [name for name in body if name in DROPPED_FIELDS]
    for name in dropped:
        del body[name]
    body["model"] = envelope.raw(model.id)
    pictures.check(call.request.messages, model)
    dropped += _adapt_messages(body, call.request.messages)
    _adapt_tools(body)
    _adapt_limit(body, call, model, dropped)
    _adapt_effort(body, model, dropped)
    return Written(envelope.encode(body), tuple(dropped))


def _adapt_messages(body: Envelope, messages: list[RequestMessage]) -> list[str]:
    """``developer`` becomes ``system``, a missing text an empty one, and reasoning comes back as it went out.

    Returns the names of what is left behind.

    Copilot's own client knows system, user, assistant and tool (official client); OpenAI defines ``developer`` as the
    newer name of ``system``. An assistant's ``content`` may be null beside tool calls (recorded), nobody else's.
    ``reasoning_content`` is the hub's name; Copilot's is ``reasoning_text``, with ``reasoning_opaque`` beside it.
    """
    odd = [
        position
        for position, message in enumerate(messages)
        if message.role == "developer"
        or (message.content is None and not message.tool_calls)
        or bytes(message.reasoning_content)
        or bytes(message.reasoning_opaque)
    ]
    if not odd:
        return []
    lost: dict[str, None] = {}
    written = envelope.decode_list(body["messages"])
    for position in odd:
        message, view = written[position], messages[position]
        if view.role == "developer":
            message["role"] = envelope.raw("system")
        if envelope.is_absent(message, "content") and not view.tool_calls:
            message["content"] = envelope.raw("")
        lost |= dict.fromkeys(_return_reasoning(message))
    body["messages"] = envelope.raw(written)
    return list(lost)


_SAYS_NOTHING: Final = {b"null", b'""'}


def _return_reasoning(message: Envelope) -> list[str]:
    """Only with its signature is reasoning taken back; another endpoint's, which is a list of items, means nothing.

    Returns the names of what is left behind.
    """
    text = message.pop("reasoning_content", envelope.NULL)
    opaque = bytes(message.get("reasoning_opaque", envelope.NULL))
    if opaque.startswith(b'"') and opaque != b'""' and not opaque.startswith(b'"['):
        if text != envelope.NULL and envelope.is_absent(message, "reasoning_text"):
            message["reasoning_text"] = text
        return []
    message.pop("reasoning_opaque", None)
    lost = {"messages.reasoning_opaque": opaque, "messages.reasoning_content": bytes(text)}
    return [name for name, value in lost.items() if value not in _SAYS_NOTHING]


def _adapt_tools(body: Envelope) -> None:
    """No empty list, which clients do send, and an object schema with ``properties`` for every function."""
    for name, dependents, adapt in _OFFERS:
        if name not in body:
            continue
        try:
            offered = envelope.decode_list(body[name])
        except envelope.UNREADABLE:
            continue  # not a list of objects: Copilot's own error says it better
        changed = [adapt(tool) for tool in offered]
        if not offered:
            for emptied in (name, *dependents):
                body.pop(emptied, None)
        elif any(changed):
            body[name] = envelope.raw(offered)


def _give_properties(tool: Envelope) -> bool:
    if "function" not in tool:
        return False
    try:
        function = envelope.decode(tool["function"])
    except envelope.UNREADABLE:
        return False
    if not give_properties(function):
        return False
    tool["function"] = envelope.raw(function)
    return True


_OFFERS: Final = (
    ("tools", ("tool_choice", "parallel_tool_calls"), _give_properties),
    ("functions", ("function_call",), give_properties),
)
"""What offers tools, in the newer and in the older form: what goes with it, and what completes an entry."""


def _adapt_limit(body: Envelope, call: Call, model: Model, dropped: list[str]) -> None:
    """``max_completion_tokens`` is ``max_tokens`` here (official client), and no more than ``/models`` allows."""
    name = "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"
    if name != "max_tokens":
        body["max_tokens"] = body.pop(name)
    limits = (model.limits.max_output_tokens, None if call.stream else model.limits.max_non_streaming_output_tokens)
    most = min((limit for limit in limits if limit is not None), default=None)
    if "max_tokens" not in body or most is None:
        return
    try:
        asked = _decode_tokens(body["max_tokens"])
    except envelope.UNREADABLE:
        return  # Copilot's own error says it better
    if asked > most:
        body["max_tokens"] = envelope.raw(most)
        dropped.append(f"{name}={asked}")


def _adapt_effort(body: Envelope, model: Model, dropped: list[str]) -> None:
    """An effort that the model does not list is refused, and clients send one to every model."""
    if "reasoning_effort" not in body or model.capabilities.supports is None:
        return
    allowed = model.supports.reasoning_effort
    if not allowed:
        del body["reasoning_effort"]
        dropped.append("reasoning_effort")
        return
    try:
        asked = _decode_text(body["reasoning_effort"])
    except envelope.UNREADABLE:
        return  # Copilot's own error says it better
    effort = nearest_effort(asked, allowed)
    if effort != asked:
        body["reasoning_effort"] = envelope.raw(effort)
        dropped.append(f"reasoning_effort={asked}")
