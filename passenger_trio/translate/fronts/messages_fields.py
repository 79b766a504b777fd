"""Anthropic's request fields, all but ``system`` and ``messages``, as the hub has them.

Every field of Anthropic's package, betas among them, stands in one of the tables; so does every type of tool.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs.effort import UNNAMED_EFFORT
from passenger_trio.translate.fields import read
from passenger_trio.translate.fronts.messages_input import Lost, name_rest
from passenger_trio.translate.fronts.tool_names import Own, ToolNames
from passenger_trio.wire import envelope, messages_client as client
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.models import Model

Body = dict[str, Any]

READ: Final = frozenset(
    {
        *("model", "messages", "system", "stream", "max_tokens", "temperature", "top_p", "stop_sequences"),
        *("tools", "tool_choice", "thinking", "output_config", "output_format"),
    }
)
"""Request fields with a place in the hub, or met on the way back. ``output_format`` was a beta's."""

DROPPED_FIELDS: Final[Mapping[str, str]] = {
    "top_k": "sampling that Copilot's other models do not offer",
    "cache_control": "those models keep a prompt cache by themselves; named once, wherever it stands",
    **dict.fromkeys(
        ("metadata", "user_profile_id", "workspace_id"),
        "says who asks, for an account at Anthropic; Copilot knows the caller by the token",
    ),
    **dict.fromkeys(
        ("service_tier", "speed", "inference_geo", "billing_policy", "fallback_credit_token"),
        "how Anthropic serves and bills; the subscription to Copilot decides",
    ),
    "context_management": "would shorten the conversation at Anthropic; the client can do that itself",
    "fallbacks": "Copilot serves the model that was asked for, or none",
    "diagnostics": "would tell why Anthropic's prompt cache was missed",
    "betas": "switches on what Anthropic is trying out; a header as a rule, and of no meaning here",
}
"""Request fields without a place in the hub, and why a client can live without them."""

REFUSED_FIELDS: Final[Mapping[str, str]] = {
    "thread": "no conversation is kept here; send all of it with every request",
    "mcp_servers": "nobody here calls MCP servers; connect them to the client, and send their tools as its own",
    "container": "there are no containers here; leave it out, and give the model tools of your own",
    "compaction": "Copilot does not summarize conversations; ask the model for a summary in a message",
}
"""Request fields that a client which sends them would miss, and what to do instead."""

_HARMLESS: Final = frozenset({b"null", b"[]", b"{}"})
"""What asks for nothing."""

DROPPED_TOOLS: Final = ("web_search", "web_fetch", "code_execution", "tool_search_tool", "advisor")
"""How the types of tools begin that Anthropic runs itself. Agents offer them to any model and can live without."""

REFUSED_TOOLS: Final = ("bash", "text_editor", "computer", "browser_toolset", "memory", "mcp_toolset")
"""How the types of tools begin whose schemas only Anthropic's models have been taught."""

_TOOL_FIELDS: Final = frozenset({"type", "name", "description", "input_schema", "strict"})
_CHOICE_FIELDS: Final = frozenset({"type", "name", "disable_parallel_tool_use"})
_THINKING_FIELDS: Final = frozenset({"type", "budget_tokens"})
_OUTPUT_FIELDS: Final = frozenset({"effort", "format"})
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}

_EFFORTS: Final = ((4096, "low"), (15_999, "medium"))
"""The most tokens of thinking that an effort stands for; above is ``high``. Claude Code's think, think hard and
ultrathink meant 4000, 10000 and 31999 tokens, and 16000 is what other clients call high."""

_THINKING: Final = frozenset({"enabled", "adaptive", "between_tools", "disabled"})

_View = TypeVar("_View")


class ThreadUnsupported(BadRequest):
    """``thread`` is refused in the words that make Anthropic's SDKs go on with the whole history (verified).

    ``details`` belongs into the answer.
    """

    details: Mapping[str, object] = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}


def refuse(fields: Envelope) -> None:
    """Raise for what cannot be served and would be missed."""
    for name, remedy in REFUSED_FIELDS.items():
        if bytes(fields.get(name, envelope.NULL)) not in _HARMLESS:
            kind = ThreadUnsupported if name == "thread" else BadRequest
            raise kind(f"`{name}` cannot be served: {remedy}.", param=name, code="unsupported_parameter")


def write(fields: Envelope, body: Body, lost: Lost, *, model: Model, names: ToolNames) -> None:
    """Put into ``body`` what ``fields`` ask of ``model``, which is to call the tools by ``names``.

    What has no place is named in ``lost``.
    """
    for name in fields:
        if name not in READ and name not in REFUSED_FIELDS:
            lost[name] = None  # DROPPED_FIELDS, and what nobody has heard of
    for name in ("max_tokens", "temperature", "top_p"):
        if name in fields:
            body[name] = fields[name]
    if "stop_sequences" in fields and read(client.decode_stop, fields["stop_sequences"], "stop_sequences"):
        body["stop"] = fields["stop_sequences"]
    _tools(fields, body, lost, names)
    _thinking(fields, body, lost, model)


def _tools(fields: Envelope, body: Body, lost: Lost, names: ToolNames) -> None:
    tools: list[Body] = []
    elsewhere: set[str] = set()
    for at, raw in enumerate(read(client.decode_tools, fields["tools"], "tools") if "tools" in fields else ()):
        where = f"tools[{at}]"
        tool = read(client.decode_tool, raw, where)
        kind = tool.type or "custom"
        if kind == "custom":
            tools.append(_function(tool, raw, where, lost, names))
        elif kind.startswith(DROPPED_TOOLS):
            elsewhere.add(tool.name or "")
            lost[f"tools.{kind}"] = None
        else:
            raise BadRequest(
                f"`{where}` is a tool of type `{kind}`, whose schema only Claude has been taught: send it as a "
                "custom tool, with a description and an `input_schema`.",
                param=where,
                code="unsupported_parameter",
            )
    if tools:
        body["tools"] = tools
    if "tool_choice" in fields:
        _choose(fields["tool_choice"], body, elsewhere, lost, names)


def _function(tool: client.Tool, raw: msgspec.Raw, where: str, lost: Lost, names: ToolNames) -> Body:
    if not tool.name:
        raise BadRequest(f"`{where}.name` is missing.", param=f"{where}.name", code="missing_required_parameter")
    name_rest(raw, _TOOL_FIELDS, "tools", lost)
    function: Body = {"name": names.give(Own(tool.name))}
    if tool.description:
        function["description"] = tool.description
    if tool.input_schema != envelope.NULL:
        function["parameters"] = tool.input_schema
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choose(raw: msgspec.Raw, body: Body, elsewhere: set[str], lost: Lost, names: ToolNames) -> None:
    """The choice among the tools, and the ban on parallel calls, which stands inside it here."""
    choice = _view(client.decode_tool_choice, raw, "tool_choice", _CHOICE_FIELDS, lost)
    if choice.type != "tool" and choice.type not in _CHOICES:
        raise BadRequest(
            f"`tool_choice.type` is `{choice.type}`, which is none of auto, any, tool and none.",
            param="tool_choice.type",
            code="invalid_value",
        )
    forced = choice.type in {"any", "tool"}
    if elsewhere and forced and ("tools" not in body or choice.name in elsewhere):
        raise BadRequest(
            "`tool_choice` forces a tool that Anthropic runs itself, which cannot be served for this model: leave the "
            "choice open, or give the model a tool of your own.",
            param="tool_choice",
            code="unsupported_parameter",
        )
    if "tools" not in body:
        if forced:
            lost["tool_choice"] = None  # nothing to choose from
        return
    named = {"type": "function", "function": {"name": names.known(Own(choice.name or "")) or choice.name or ""}}
    body["tool_choice"] = _CHOICES.get(choice.type, named)
    if choice.disable_parallel_tool_use:
        body["parallel_tool_calls"] = False


def _thinking(fields: Envelope, body: Body, lost: Lost, model: Model) -> None:
    """``reasoning_effort`` and ``response_format``. An effort that is named says more than a budget does, and less than
    that there is to be no thinking.
    """
    form: client.OutputFormat | None = None
    effort: str | None = None
    if "thinking" in fields:
        thinking = _view(client.decode_thinking, fields["thinking"], "thinking", _THINKING_FIELDS, lost)
        effort = _unnamed_effort(thinking, model, lost)
    if "output_config" in fields:
        config = _view(client.decode_output_config, fields["output_config"], "output_config", _OUTPUT_FIELDS, lost)
        form = config.format
        if effort == "none" and config.effort is not None:
            lost[f"output_config.effort={config.effort}"] = None
        else:
            effort = config.effort or effort
    if "output_format" in fields and form is None:
        form = read(client.decode_output_format, fields["output_format"], "output_format")
    if effort is not None:
        body["reasoning_effort"] = effort
    if form is not None:
        body["response_format"] = _form(form)


def _unnamed_effort(thinking: client.Thinking, model: Model, lost: Lost) -> str | None:
    """The effort that a way of thinking stands for; none where it asks for what the model does anyway.

    Without a budget (-1 is none, from opencode) a model that thinks by one is asked for what it is asked for on the
    diagonal, and any other has its own habit: medium. Only a model that lists ``none`` can be told not to think.
    """
    efforts = model.supports.reasoning_effort or ()
    by_budget = not efforts and bool(model.supports.max_thinking_budget)
    if thinking.type not in _THINKING:
        lost["thinking"] = None
        return None
    if thinking.type == "disabled":
        if "none" in efforts:
            return "none"
        if efforts or (by_budget and model.vendor != "Anthropic"):  # Claude does not think unasked
            lost["thinking.type=disabled"] = None
        return None
    budget = thinking.budget_tokens
    if budget is not None and budget > 0:
        return next((effort for most, effort in _EFFORTS if budget <= most), "high")
    if by_budget:
        return UNNAMED_EFFORT
    return "medium" if thinking.type == "enabled" else None


def _form(form: client.OutputFormat) -> Body:
    """A schema to hold the answer to; not ``strict``, since Anthropic's may have optional properties."""
    if form.type != "json_schema":
        raise BadRequest(
            f"`output_config.format.type` is `{form.type}`; json_schema is what there is.",
            param="output_config.format.type",
            code="invalid_value",
        )
    return {"type": "json_schema", "json_schema": {"name": "response", "schema": form.schema}}


def _view(
    decode: Callable[[msgspec.Raw], _View], raw: msgspec.Raw, name: str, known: frozenset[str], lost: Lost
) -> _View:
    """The view of an object, whose other fields are named."""
    view = read(decode, raw, name)
    name_rest(raw, known, name, lost)
    return view
