"""A hub call as Copilot's ``/chat/completions`` takes it: the client's own bytes, but for what Copilot refuses.

Each difference stands in a table or a function that names the fact which proves it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import pictures
from passenger_trio.translate.backs.effort import PLAIN_EFFORTS, nearest_effort, thinking_budget
from passenger_trio.translate.backs.tools import give_properties, is_forced
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

_TAKES_NO_SYSTEM: Final = re.compile("o1")
"""Models for which the official client makes ``system`` a user's message: the o1 family, by the beginning of the id."""

_TAKES_NO_SAMPLING: Final = re.compile("gpt-5|o[0-9]")
"""Models that may refuse a ``temperature`` other than 1: GPT-5 and the o-series (official client), by the beginning of
the id. OpenAI has ``top_p`` in the same rule."""

_SAMPLING: Final = ("temperature", "top_p")

_decode_tokens: Final = msgspec.json.Decoder(int).decode
_decode_text: Final = msgspec.json.Decoder(str).decode
_decode_number: Final = msgspec.json.Decoder(float).decode


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
    dropped += _adapt_messages(body, call.request.messages, model)
    _adapt_tools(body, dropped)
    _adapt_limit(body, call, model, dropped)
    _adapt_effort(body, call, model, dropped)
    if _TAKES_NO_SAMPLING.match(model.id):
        _leave_out_sampling(body, dropped)
    return Written(envelope.encode(body), tuple(dropped))


def _adapt_messages(body: Envelope, messages: list[RequestMessage], model: Model) -> list[str]:
    """``developer`` becomes ``system``, a missing text an empty one, and reasoning comes back as it went out; for o1
    both ``developer`` and ``system`` are the user.

    Returns the names of what is left behind.

    Copilot's own client knows system, user, assistant and tool (official client); OpenAI defines ``developer`` as the
    newer name of ``system``. An assistant's ``content`` may be null beside tool calls (recorded), nobody else's.
    ``reasoning_content`` is the hub's name; Copilot's is ``reasoning_text``, with ``reasoning_opaque`` beside it.
    """
    system = "user" if _TAKES_NO_SYSTEM.match(model.id) else "system"
    odd = [
        position
        for position, message in enumerate(messages)
        if _role(message.role, system) != message.role
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
        message["role"] = envelope.raw(_role(view.role, system))
        if envelope.is_absent(message, "content") and not view.tool_calls:
            message["content"] = envelope.raw("")
        lost |= dict.fromkeys(_return_reasoning(message))
    body["messages"] = envelope.raw(written)
    return list(lost)


def _role(role: str, system: str) -> str:
    return system if role in {"system", "developer"} else role


_SAYS_NOTHING: Final = {b"null", b'""'}


def _return_reasoning(message: Envelope) -> list[str]:
    """Only with its signature is reasoning taken back; another endpoint's, which is a list of items, means nothing.

    Returns the names of what is left behind.
    """
    text = message.pop("reasoning_content", envelope.NULL)
    opaque = bytes(message.get("reasoning_opaque", envelope.NULL))
    if _is_signature(opaque):
        if text != envelope.NULL and envelope.is_absent(message, "reasoning_text"):
            message["reasoning_text"] = text
        return []
    message.pop("reasoning_opaque", None)
    lost = {"messages.reasoning_opaque": opaque, "messages.reasoning_content": bytes(text)}
    return [name for name, value in lost.items() if value not in _SAYS_NOTHING]


def _is_signature(opaque: bytes) -> bool:
    return opaque.startswith(b'"') and opaque != b'""' and not opaque.startswith(b'"[')


def _adapt_tools(body: Envelope, dropped: list[str]) -> None:
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
            choice = dependents[0]
            if choice in body and is_forced(body[choice]):
                dropped.append(choice)
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
"""What offers tools, in the newer and in the older form: what goes with it, the choice first, and what completes an
entry."""


def _adapt_limit(body: Envelope, call: Call, model: Model, dropped: list[str]) -> None:
    """``max_completion_tokens`` is ``max_tokens`` here (official client), and no more than ``/models`` allows."""
    name = "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"
    if name != "max_tokens":
        body["max_tokens"] = body.pop(name)
    most = _most_tokens(call, model)
    if "max_tokens" not in body or most is None:
        return
    try:
        asked = _decode_tokens(body["max_tokens"])
    except envelope.UNREADABLE:
        return  # Copilot's own error says it better
    if asked > most:
        body["max_tokens"] = envelope.raw(most)
        dropped.append(f"{name}={asked}")


def _most_tokens(call: Call, model: Model) -> int | None:
    limits = (model.limits.max_output_tokens, None if call.stream else model.limits.max_non_streaming_output_tokens)
    return min((limit for limit in limits if limit is not None), default=None)


def _adapt_effort(body: Envelope, call: Call, model: Model, dropped: list[str]) -> None:
    """An effort that the model does not list is refused, and clients send one to every model."""
    if "reasoning_effort" not in body or model.capabilities.supports is None:
        return
    allowed = model.supports.reasoning_effort
    if not allowed:
        _adapt_budget(body, call, model, dropped)
        return
    try:
        asked = _decode_text(body["reasoning_effort"])
    except envelope.UNREADABLE:
        return  # Copilot's own error says it better
    effort = nearest_effort(asked, allowed)
    if effort != asked:
        body["reasoning_effort"] = envelope.raw(effort)
        dropped.append(f"reasoning_effort={asked}")


def _adapt_budget(body: Envelope, call: Call, model: Model, dropped: list[str]) -> None:
    """The effort as ``thinking_budget``, for models that list one and no efforts: Claude, Gemini (official client).

    For Claude what Anthropic says of thinking holds here too: not with a call that is forced, not in the middle of
    calls that came back without their thinking, and without ``temperature`` and ``top_p``.
    """
    effort = body.pop("reasoning_effort")
    try:
        asked = _decode_text(effort)
    except envelope.UNREADABLE:
        asked = ""
    if asked == "none":
        return
    claude = model.vendor == "Anthropic"
    plain = PLAIN_EFFORTS.get(asked)
    budget = None
    if plain is not None and "thinking_budget" not in body and not (claude and _bars_thinking(body, call)):
        try:
            most = _decode_tokens(body["max_tokens"]) if "max_tokens" in body else _most_tokens(call, model)
        except envelope.UNREADABLE:
            most = None
        budget = thinking_budget(plain, model.supports, most)
    if budget is None:
        dropped.append("reasoning_effort")
        return
    body["thinking_budget"] = envelope.raw(budget)
    if plain != asked:
        dropped.append(f"reasoning_effort={asked}")
    if claude:
        _leave_out_sampling(body, dropped)


def _bars_thinking(body: Envelope, call: Call) -> bool:
    """Whether Anthropic would refuse to think: see :func:`_adapt_budget`."""
    if "tool_choice" in body and is_forced(body["tool_choice"]):
        return True
    return _answers_unsigned_calls(call.request.messages)


def _answers_unsigned_calls(messages: Sequence[RequestMessage]) -> bool:
    """Whether the model is to go on from results of calls that came back without the signature of their thinking."""
    has_results = False
    for message in reversed(messages):
        if message.role == "assistant":
            return has_results and not _is_signature(bytes(message.reasoning_opaque))
        has_results = has_results or message.role in {"tool", "function"}
    return False


def _leave_out_sampling(body: Envelope, dropped: list[str]) -> None:
    """Without ``temperature`` and ``top_p``, unless they are what they are anyway: 1."""
    for name in _SAMPLING:
        try:
            if name in body and _decode_number(body[name]) != 1:
                del body[name]
                dropped.append(name)
        except envelope.UNREADABLE:
            continue  # Copilot's own error says it better
