"""A Messages client on a model of ``/v1/messages``: Anthropic's own dialect on both sides.

The endpoint is strict: "Extra inputs are not permitted" for a field it does not know (recorded). What it takes stands
in tables here; the conversation is looked through in :mod:`.messages_blocks`.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final

import msgspec

from passenger_trio.translate.backs.effort import nearest_effort
from passenger_trio.translate.backs.fields import read
from passenger_trio.translate.diagonals.messages_blocks import Blocks, mark_plainly
from passenger_trio.translate.diagonals.passed import Passed, without
from passenger_trio.translate.fronts import messages_input
from passenger_trio.wire import envelope, messages as wire
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.models import Model

_CONTEXT_MANAGEMENT: Final = "context-management-2025-06-27"
_ADVANCED_TOOLS: Final = "advanced-tool-use-2025-11-20"

FIELDS: Final = frozenset(
    {
        *("model", "messages", "system", "max_tokens", "stream", "stop_sequences", "temperature", "top_p", "top_k"),
        *("thinking", "output_config", "tools", "tool_choice"),
    }
)
"""Fields that pass, some of them adapted."""

DROPPED_FIELDS: Final[Mapping[str, str]] = {
    "metadata": "says who asks, for the vendor's statistics; whether Copilot takes it is not known",
    "context_management": "passes with its beta (`context-management-2025-06-27`), and is refused without it",
    "service_tier": "the subscription decides",
    "inference_geo": "refused (recorded); Copilot decides where it computes",
    "cache_control": "Copilot takes marks on blocks alone",
    "speed": "Copilot has one",
    "user_profile_id": "as metadata",
    "fallbacks": "Copilot serves the model that was asked for, or none",
}
"""Fields that are left out and named in ``X-Passenger-Dropped``, as is every other that the endpoint does not know."""

_TOOL_FIELDS: Final = frozenset({"name", "description", "input_schema", "cache_control", "type"})
_ADVANCED_FIELDS: Final = frozenset({"defer_loading", "input_examples", "allowed_callers"})
_THINKING_FIELDS: Final = frozenset({"type", "budget_tokens"})
_OUTPUT_FIELDS: Final = frozenset({"effort", "format"})
_LEAST_BUDGET: Final = 1024
_UNSTREAMED_MAX_TOKENS: Final = 16000
"""Claude's ``max_non_streaming_output_tokens`` in every recorded list that has one."""

_decode_count: Final = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=1)]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode


class _Thinking(msgspec.Struct):
    type: str
    budget_tokens: int | None = None


_decode_thinking: Final = msgspec.json.Decoder(_Thinking).decode


def request(asked: Envelope, model: Model, *, betas: Collection[str] = ()) -> Passed:
    """What to send for ``asked``, the client's request, to ``model``. ``betas`` are those that Copilot takes.

    Raises :class:`~passenger_trio.errors.BadRequest` that names the field which cannot be served.
    """
    lost: dict[str, None] = {}
    body = {name: value for name, value in asked.items() if value != envelope.NULL}
    _output_format(body)
    fields = FIELDS | {"context_management"} if _CONTEXT_MANAGEMENT in betas else FIELDS
    without(body, fields, "", lost)
    body["model"] = envelope.raw(model.id)
    blocks = Blocks(lost)
    if "system" in body:
        blocks.add_system(body.pop("system"))
    turns = blocks.turns(body["messages"])
    agent = messages_input.is_agents_turn(body["messages"])
    body["messages"] = envelope.raw(turns)
    if blocks.system:
        body["system"] = envelope.raw(blocks.system)
    if "tools" in body:
        _tools(body, lost, advanced=_ADVANCED_TOOLS in betas)
    stream = body.get("stream") == msgspec.Raw(b"true")
    _max_tokens(body, model, lost, stream=stream)
    _think(body, model, lost)
    headers = [("anthropic-version", wire.VERSION)]
    if betas:
        headers.append(("anthropic-beta", ",".join(betas)))
    return Passed(envelope.encode(body), tuple(headers), tuple(lost), agent, blocks.pictures)


def _tools(body: Envelope, lost: dict[str, None], *, advanced: bool) -> None:
    """Tools of the client's own by the fields that are taken; those that Anthropic runs are Copilot's to judge."""
    tools = read(envelope.decode_list, body["tools"], "tools")
    if not tools:
        del body["tools"]
        body.pop("tool_choice", None)
        return
    fields = _TOOL_FIELDS | _ADVANCED_FIELDS if advanced else _TOOL_FIELDS
    for tool in tools:
        if "input_schema" not in tool:
            continue  # web_search_20250305 and its kind
        without(tool, fields, "tools.", lost)
        mark_plainly(tool, lost)
        try:
            schema = envelope.decode(tool["input_schema"])
        except envelope.UNREADABLE:
            continue  # Copilot's own error says it better
        if schema.pop("$schema", None) is not None:
            lost["tools.input_schema.$schema"] = None
        tool["input_schema"] = envelope.raw({**schema, "type": envelope.raw("object")})
    body["tools"] = envelope.raw(tools)


def _max_tokens(body: Envelope, model: Model, lost: dict[str, None], *, stream: bool) -> None:
    """``max_tokens`` within what ``/models`` says; whoever leaves it out gets all there is."""
    caps = [model.limits.max_output_tokens, None if stream else model.limits.max_non_streaming_output_tokens]
    most = min((cap for cap in caps if cap is not None), default=None)
    if "max_tokens" not in body:
        default = most or _UNSTREAMED_MAX_TOKENS
        body["max_tokens"] = envelope.raw(default if stream else min(default, _UNSTREAMED_MAX_TOKENS))
        return
    wanted = read(_decode_count, body["max_tokens"], "max_tokens")
    if most is not None and wanted > most:
        body["max_tokens"] = envelope.raw(most)
        lost[f"max_tokens={wanted}"] = None


def _think(body: Envelope, model: Model, lost: dict[str, None]) -> None:
    """Thinking of the kind and the size that the model has; clients send either kind, and budgets of -1 and more than
    all tokens (recorded of opencode). With it, no sampling (Anthropic).
    """
    supports = model.supports
    known = model.capabilities.supports is not None
    if "output_config" in body:
        _output_config(body, supports.reasoning_effort if known else None, lost, known=known)
    if "thinking" not in body:
        return
    whole = read(envelope.decode, body["thinking"], "thinking")
    without(whole, _THINKING_FIELDS, "thinking.", lost)
    thinking = read(_decode_thinking, body["thinking"], "thinking")
    if thinking.type == "disabled" or not known:
        body["thinking"] = envelope.raw(whole)
    elif not supports.adaptive_thinking and not supports.max_thinking_budget:
        del body["thinking"]
        lost["thinking"] = None
        return
    elif supports.adaptive_thinking and (thinking.type == "adaptive" or not supports.max_thinking_budget):
        if thinking.budget_tokens is not None:
            lost["thinking.budget_tokens"] = None
        _name_odd(thinking, lost)
        body["thinking"] = envelope.raw({"type": "adaptive"})
    else:
        _name_odd(thinking, lost)
        body["thinking"] = envelope.raw({"type": "enabled", "budget_tokens": _budget(thinking, body, model, lost)})
    if thinking.type != "disabled":
        _without_sampling(body, lost)


def _name_odd(thinking: _Thinking, lost: dict[str, None]) -> None:
    """A way of thinking that no model of Copilot's lists (``between_tools``, a beta) becomes one that it does."""
    if thinking.type not in {"adaptive", "enabled"}:
        lost[f"thinking.type={thinking.type}"] = None


def _budget(thinking: _Thinking, body: Envelope, model: Model, lost: dict[str, None]) -> int:
    supports = model.supports
    least = supports.min_thinking_budget or _LEAST_BUDGET
    tokens: int = _decode_count(body["max_tokens"])
    most = max(least, min(supports.max_thinking_budget or least, tokens - 1))
    wanted = thinking.budget_tokens
    if wanted is None or wanted < 0:
        return most
    budget = min(max(wanted, least), most)
    if budget != wanted:
        lost[f"thinking.budget_tokens={wanted}"] = None
    return budget


def _without_sampling(body: Envelope, lost: dict[str, None]) -> None:
    for name in ("temperature", "top_k"):
        if name in body and bytes(body.pop(name)) not in {b"1", b"1.0"}:  # 1 is what there is anyway
            lost[name] = None


def _output_format(body: Envelope) -> None:
    """The form of the answer by the name that it had in a beta, where today's is not there as well."""
    if "output_format" not in body:
        return
    form = body.pop("output_format")
    config = read(envelope.decode, body["output_config"], "output_config") if "output_config" in body else {}
    if envelope.is_absent(config, "format"):
        body["output_config"] = envelope.raw({**config, "format": form})


def _output_config(body: Envelope, allowed: list[str] | None, lost: dict[str, None], *, known: bool) -> None:
    config = read(envelope.decode, body["output_config"], "output_config")
    without(config, _OUTPUT_FIELDS, "output_config.", lost)
    if known and not envelope.is_absent(config, "effort"):
        asked = read(_decode_text, config["effort"], "output_config.effort")
        if not allowed:
            del config["effort"]
            lost["output_config.effort"] = None
        elif (effort := nearest_effort(asked, allowed)) != asked:
            config["effort"] = envelope.raw(effort)
            lost[f"output_config.effort={asked}"] = None
    kept: dict[str, Any] = {name: value for name, value in config.items() if value != envelope.NULL}
    if kept:
        body["output_config"] = envelope.raw(kept)
    else:
        del body["output_config"]
