"""A Messages client on a model of ``/v1/messages``: Anthropic's own dialect on both sides.

The endpoint is strict: "Extra inputs are not permitted" for a field it does not know (recorded). What it takes stands
in tables here; the conversation is looked through in :mod:`.messages_blocks`.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final

import msgspec

from passenger_trio.translate.backs.effort import (
    PLAIN_EFFORTS,
    UNNAMED_EFFORT,
    bounded_budget,
    nearest_effort,
    thinking_budget,
)
from passenger_trio.translate.backs.pictures import refuse_too_many
from passenger_trio.translate.diagonals.messages_blocks import Blocks, mark_plainly
from passenger_trio.translate.diagonals.passed import Passed, without
from passenger_trio.translate.fields import read
from passenger_trio.translate.fronts import messages_input
from passenger_trio.translate.limits import max_tokens
from passenger_trio.wire import envelope, messages as wire
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.models import Model, Supports

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
_FORCING: Final = frozenset({"any", "tool"})

_decode_count: Final = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=1)]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode


class _Thinking(msgspec.Struct):
    type: str
    budget_tokens: int | None = None


class _Typed(msgspec.Struct):
    type: str = ""


_decode_thinking: Final = msgspec.json.Decoder(_Thinking).decode
_decode_typed: Final = msgspec.json.Decoder(_Typed).decode


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
    refuse_too_many(blocks.pictures, "messages")
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
    return Passed(envelope.encode(body), tuple(headers), tuple(lost), agent, blocks.pictures > 0)


def _tools(body: Envelope, lost: dict[str, None], *, advanced: bool) -> None:
    """Tools of the client's own by the fields that are taken; those that Anthropic runs are Copilot's to judge."""
    tools = read(envelope.decode_list, body["tools"], "tools")
    if not tools:
        del body["tools"]
        if "tool_choice" in body:
            choice = read(_decode_typed, body.pop("tool_choice"), "tool_choice")
            if choice.type in _FORCING:
                lost["tool_choice"] = None  # nothing to choose from
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
    wanted = read(_decode_count, body["max_tokens"], "max_tokens") if "max_tokens" in body else None
    given = max_tokens(wanted, model, stream=stream)
    body["max_tokens"] = envelope.raw(given)
    if wanted not in {None, given}:
        lost[f"max_tokens={wanted}"] = None


def _think(body: Envelope, model: Model, lost: dict[str, None]) -> None:
    """Thinking of the kind and the size that the model has; clients send either kind, and budgets of -1 and more than
    all tokens (recorded of opencode). With it, no sampling (Anthropic).
    """
    supports = model.supports
    known = model.capabilities.supports is not None
    effort = None
    if "output_config" in body:
        effort = _output_config(body, supports.reasoning_effort if known else None, lost, known=known)
    if "thinking" not in body:
        return
    whole = read(envelope.decode, body["thinking"], "thinking")
    without(whole, _THINKING_FIELDS, "thinking.", lost)
    thinking = read(_decode_thinking, body["thinking"], "thinking")
    if thinking.type == "disabled" or not known:
        body["thinking"] = envelope.raw(whole)
    elif supports.adaptive_thinking and (thinking.type == "adaptive" or not supports.max_thinking_budget):
        if thinking.budget_tokens is not None:
            lost["thinking.budget_tokens"] = None
        _name_odd(thinking, lost)
        body["thinking"] = envelope.raw({"type": "adaptive"})
    elif (budget := _budget(thinking, effort, body, supports, lost)) is None:
        del body["thinking"]
        lost["thinking"] = None
        return
    else:
        _name_odd(thinking, lost)
        body["thinking"] = envelope.raw({"type": "enabled", "budget_tokens": budget})
    if thinking.type != "disabled":
        _without_sampling(body, lost)


def _name_odd(thinking: _Thinking, lost: dict[str, None]) -> None:
    """A way of thinking that no model of Copilot's lists (``between_tools``, a beta) becomes one that it does."""
    if thinking.type not in {"adaptive", "enabled"}:
        lost[f"thinking.type={thinking.type}"] = None


def _budget(
    thinking: _Thinking, effort: str | None, body: Envelope, supports: Supports, lost: dict[str, None]
) -> int | None:
    """The budget that was asked for, or the one for the ``effort``, which is not lost then. None for a model without
    budgets, and where ``max_tokens`` have no room for the least of them.
    """
    tokens: int = _decode_count(body["max_tokens"])
    wanted = thinking.budget_tokens
    if wanted is not None and wanted > 0:
        budget = bounded_budget(wanted, supports, tokens)
        if budget not in {None, wanted}:
            lost[f"thinking.budget_tokens={wanted}"] = None
        return budget
    plain = PLAIN_EFFORTS.get(effort or "", UNNAMED_EFFORT)
    budget = thinking_budget(plain, supports, tokens)
    if budget is not None and effort in PLAIN_EFFORTS and "output_config.effort" in lost:
        del lost["output_config.effort"]
        if effort != plain:
            lost[f"output_config.effort={effort}"] = None
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


def _output_config(body: Envelope, allowed: list[str] | None, lost: dict[str, None], *, known: bool) -> str | None:
    """The form of the answer, and an effort that the model lists. Returns the effort that was asked for."""
    asked = None
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
    return asked
