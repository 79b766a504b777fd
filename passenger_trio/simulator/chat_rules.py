"""What Copilot refuses on ``/chat/completions`` (protocol: request fields; parameters that need care; errors).

The rules for tools and for what ``/models`` lists hold for the other endpoints too.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from passenger_trio.simulator.catalogue import Model
from passenger_trio.simulator.conversation import Conversation, Function, Part
from passenger_trio.simulator.refusals import MODEL_NOT_SUPPORTED, NO_STREAMING, NO_TOOLS, Refused, invalid_body
from passenger_trio.simulator.schema_merge import is_object

_MOST_TOOLS: Final = 128
_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TAKES_NO_SAMPLING: Final = re.compile("gpt-5|o[0-9]")
_NOT_HERE: Final = frozenset({"file", "input_audio", "document"})


def check_chat(conversation: Conversation, model: Model) -> None:
    """Raises :class:`Refused` for what the endpoint or the model does not take."""
    blamed = (conversation.service_tier, conversation.prompt_cache_key, conversation.store, conversation.metadata)
    if any(field is not msgspec.UNSET and field is not None for field in blamed):
        # The field is at fault, and the error says it is the model.
        raise Refused(MODEL_NOT_SUPPORTED)
    if conversation.max_completion_tokens is not None:
        raise Refused(invalid_body())
    _check_abilities(conversation, model)
    if model.id.startswith("o1"):
        _check_roles(conversation)
    if _TAKES_NO_SAMPLING.match(model.id):
        _check_sampling(conversation)
    functions = [tool.function for tool in conversation.tools or ()]
    check_tools([function.name for function in functions])
    if model.family != "gpt":
        _check_parameters(functions)
    _check_parts(conversation.parts())
    check_limits(model, effort=conversation.reasoning_effort, tokens_out=conversation.max_tokens)
    budget, supports = conversation.thinking_budget, model.capabilities.supports
    if budget is not None and (
        supports.max_thinking_budget is None
        or not supports.min_thinking_budget <= budget <= supports.max_thinking_budget
    ):
        raise Refused(invalid_body(f"thinking_budget {budget} is out of range"))
    if model.id.startswith("gemini-3"):
        _check_thought_signatures(conversation)


def check_tools(names: list[str]) -> None:
    """At most 128 tools, with names of letters, digits, ``_`` and ``-``."""
    if len(names) > _MOST_TOOLS:
        raise Refused(invalid_body(f"{len(names)} tools are more than {_MOST_TOOLS}"))
    for name in names:
        if not _TOOL_NAME.fullmatch(name):
            raise Refused(invalid_body(f"invalid tool name: {name!r}"))


def check_limits(model: Model, *, effort: str | None, tokens_out: int | None) -> None:
    """The effort is one the model lists, and the answer not longer than it can be."""
    if effort is not None and effort not in model.capabilities.supports.reasoning_effort:
        raise Refused(invalid_body(f"reasoning effort {effort!r} is not supported by model {model.id}"))
    most = model.capabilities.limits.max_output_tokens
    if tokens_out is not None and most is not None and tokens_out > most:
        raise Refused(invalid_body(f"max_tokens {tokens_out} is more than the limit of {most}"))


def _check_abilities(conversation: Conversation, model: Model) -> None:
    supports = model.capabilities.supports
    if conversation.stream and not supports.streaming:
        raise Refused(NO_STREAMING)
    if conversation.tools and not supports.tool_calls:
        raise Refused(NO_TOOLS)


def _check_sampling(conversation: Conversation) -> None:
    """GPT-5 and the o-series may refuse a ``temperature`` other than 1 (protocol 6.2); ``top_p`` goes with it."""
    for name, value in (("temperature", conversation.temperature), ("top_p", conversation.top_p)):
        if value not in {None, 1}:
            raise Refused(invalid_body(f"{name} does not support {value} with this model"))


def _check_roles(conversation: Conversation) -> None:
    """The official client makes ``system`` a user's message for the o1 family (protocol 6.1)."""
    for at, message in enumerate(conversation.messages):
        if message.role in {"system", "developer"}:
            raise Refused(invalid_body(f"messages[{at}].role does not support {message.role!r} with this model"))


def _check_parameters(functions: list[Function]) -> None:
    for function in functions:
        if not is_object(function.parameters) or "properties" not in function.parameters:
            raise Refused(invalid_body(f"the parameters of tool {function.name!r} have no properties"))


def _check_parts(parts: Iterable[Part]) -> None:
    for part in parts:
        if part.type in _NOT_HERE:
            raise Refused(invalid_body(f"content type {part.type!r} is not supported"))
        if part.type == "image_url":
            url = part.image_url.get("url") if is_object(part.image_url) else None
            if not isinstance(url, str) or not url.startswith("data:image/"):
                raise Refused(invalid_body("external image URLs are not supported"))


def _check_thought_signatures(conversation: Conversation) -> None:
    """Copilot says "invalid request body" and no more (zed-industries/zed#43024)."""
    for message in conversation.messages:
        if message.role == "assistant" and message.tool_calls and not message.reasoning_opaque:
            raise Refused(invalid_body("tool calls in the history need their reasoning_opaque"))
