"""What Copilot refuses on ``/v1/messages``, in Anthropic's words (protocol: native Anthropic).

The endpoint is strict: a field that it does not know is refused, wherever it stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from passenger_trio.simulator.catalogue import Model, Supports
from passenger_trio.simulator.messages_blocks import check_blocks, check_text, count_cache_controls, extra
from passenger_trio.simulator.refusals import Refused, anthropic
from passenger_trio.simulator.schema_merge import is_list, is_object

_CONTEXT: Final = "context-management-2025-06-27"
_TOOLS: Final = "advanced-tool-use-2025-11-20"
_BETAS: Final = frozenset({"interleaved-thinking-2025-05-14", _CONTEXT, _TOOLS})
_FIELDS: Final = frozenset(
    {
        "model",
        "max_tokens",
        "messages",
        "system",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "thinking",
        "output_config",
        "tools",
        "tool_choice",
        "metadata",
    }
)
_TOOL_FIELDS: Final = frozenset({"name", "description", "input_schema", "cache_control", "type"})
_ADVANCED: Final = frozenset({"defer_loading", "input_examples", "allowed_callers"})
_WRONG_TAG: Final = "Input tag '{}' found using 'type' does not match any of the expected tags"
_EMPTY: Final = "all messages must have non-empty content except for the optional final assistant message"
_MOST_CACHED: Final = 4
_PREFILL: Final = (
    "This model does not support assistant message prefill. The conversation must end with a user message."
)
_SYSTEM: Final = (
    'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, '
    'not "system" as an input message role.'
)


def check_present(raw: Mapping[str, Any]) -> None:
    """Raises :class:`Refused` where something is missing that every request has."""
    for field in ("model", "messages", "max_tokens"):
        if raw.get(field) is None:
            raise Refused(anthropic(f"{field}: Field required"))


def check_shape(raw: Mapping[str, Any], betas: frozenset[str]) -> None:
    """Raises :class:`Refused` for unknown fields, and for a conversation that is none. ``betas`` are the header's."""
    for beta in sorted(betas - _BETAS):
        raise Refused(
            anthropic(
                f"Unexpected value(s) `{beta}` for the `anthropic-beta` header. Please consult our documentation at "
                "docs.anthropic.com or try again without the header."
            )
        )
    extra(raw, _FIELDS | {"context_management"} if _CONTEXT in betas else _FIELDS, "")
    for index, tool in enumerate(raw.get("tools") or ()):
        _check_tool(tool, f"tools.{index}", _TOOL_FIELDS | _ADVANCED if _TOOLS in betas else _TOOL_FIELDS)
    system = raw.get("system")
    if is_list(system):
        check_blocks(system, "system", only_text=True)
    _check_messages(raw["messages"], finding=_TOOLS in betas)
    cached = count_cache_controls([raw.get("tools"), system, raw["messages"]])
    if cached > _MOST_CACHED:
        raise Refused(
            anthropic(f"A maximum of {_MOST_CACHED} blocks with cache_control may be provided. Found {cached}.")
        )


def _check_tool(tool: Mapping[str, Any], path: str, fields: frozenset[str]) -> None:
    kind = tool.get("type") or "custom"
    if kind.startswith("web_search_"):
        return
    if kind != "custom":
        raise Refused(anthropic(f"{path}: {_WRONG_TAG.format(kind)}"))
    extra(tool, fields, f"{path}.custom.")
    schema = tool.get("input_schema")
    if not is_object(schema):
        raise Refused(anthropic(f"{path}.custom.input_schema: Field required"))
    if "$schema" in schema:
        raise Refused(anthropic(f"{path}.custom.input_schema.$schema: Extra inputs are not permitted"))
    if schema.get("type") != "object":
        raise Refused(anthropic(f"{path}.custom.input_schema.type: Input should be 'object'"))


def _check_messages(messages: Sequence[Mapping[str, Any]], *, finding: bool) -> None:
    """``finding`` is whether results may name found tools: the official client's do, with the beta for it."""
    if not messages:
        raise Refused(anthropic("messages: at least one message is required"))
    for index, message in enumerate(messages):
        path = f"messages.{index}"
        extra(message, frozenset({"role", "content"}), f"{path}.")
        role, content = message["role"], message["content"]
        if role == "system":
            raise Refused(anthropic(_SYSTEM))
        if role not in {"user", "assistant"}:
            raise Refused(anthropic(f"{path}.role: Input should be 'user' or 'assistant'"))
        if not content:
            raise Refused(anthropic(f"{path}: {_EMPTY}"))
        if is_list(content):
            check_blocks(content, f"{path}.content", finding=finding)
        else:
            check_text(content)
    if messages[-1]["role"] == "assistant":
        raise Refused(anthropic(_PREFILL))
    _check_results(messages)


def _check_results(messages: Sequence[Mapping[str, Any]]) -> None:
    """Every call has its result in the next message, and every result its call in the one before."""
    called: list[str] = []
    for index, message in enumerate(messages):
        blocks = [block for block in (message["content"] if is_list(message["content"]) else ()) if is_object(block)]
        results = [str(block.get("tool_use_id")) for block in blocks if block.get("type") == "tool_result"]
        if missing := [call for call in called if call not in results]:
            raise Refused(
                anthropic(
                    f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                    f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the "
                    "next message."
                )
            )
        if stray := [result for result in results if result not in called]:
            raise Refused(
                anthropic(
                    f"messages.{index}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {stray[0]}. "
                    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
            )
        called = [str(block.get("id")) for block in blocks if block.get("type") == "tool_use"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a request asks of its model. ``forced`` is whether a tool has to be called, ``formed`` whether the answer
    has to keep to a schema.
    """

    tokens: int
    effort: str | None
    thinking: str | None
    budget: int | None
    temperature: float | None
    forced: bool
    formed: bool


def check_limits(wishes: Wishes, model: Model) -> None:
    """Raises :class:`Refused` for more tokens, and for other thinking, than ``model`` is capable of."""
    most = model.capabilities.limits.max_output_tokens
    if wishes.tokens < 1:
        raise Refused(anthropic("max_tokens: Input should be greater than or equal to 1"))
    if most is not None and wishes.tokens > most:
        limit = f"which is the maximum allowed number of output tokens for {model.id}"
        raise Refused(anthropic(f"max_tokens: {wishes.tokens} > {most}, {limit}"))
    if wishes.effort is not None and wishes.effort not in model.capabilities.supports.reasoning_effort:
        raise Refused(anthropic(f"output_config.effort: {wishes.effort!r} is not supported by this model"))
    if wishes.formed and not model.capabilities.supports.structured_outputs:
        raise Refused(anthropic("output_config.format: structured outputs are not supported on this model"))
    if wishes.thinking in {None, "disabled"}:
        return
    _check_thinking(wishes, model.capabilities.supports)
    if wishes.temperature not in {None, 1}:
        raise Refused(anthropic("`temperature` may only be set to 1 when thinking is enabled"))
    if wishes.forced:
        raise Refused(anthropic("Thinking may not be enabled when tool_choice forces tool use."))


def _check_thinking(wishes: Wishes, supports: Supports) -> None:
    kind, budget = wishes.thinking, wishes.budget
    if kind == "adaptive":
        if not supports.adaptive_thinking:
            raise Refused(anthropic("adaptive thinking is not supported on this model"))
    elif kind != "enabled":
        raise Refused(anthropic(f"thinking: {_WRONG_TAG.format(kind)}"))
    elif budget is None:
        raise Refused(anthropic("thinking.enabled.budget_tokens: Field required"))
    elif budget < supports.min_thinking_budget or budget > (supports.max_thinking_budget or budget):
        raise Refused(anthropic(f"thinking.enabled.budget_tokens: {budget} is out of range"))
    elif budget >= wishes.tokens:
        raise Refused(anthropic("`max_tokens` must be greater than `thinking.budget_tokens`"))
