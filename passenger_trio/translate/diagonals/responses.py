"""A Responses client on a model of ``/responses``: OpenAI's own dialect on both sides.

What has no place upstream stands in a table; ids in the input are left out, for Copilot gives another one for the same
thing in every event (recorded) and looks for none where nothing is stored.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs.effort import nearest_effort
from passenger_trio.translate.backs.pictures import refuse_too_many
from passenger_trio.translate.diagonals.passed import Passed
from passenger_trio.translate.fields import read
from passenger_trio.translate.fronts import seal
from passenger_trio.wire import envelope
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.models import Model

DROPPED_FIELDS: Final[Mapping[str, str]] = {
    "service_tier": "the subscription decides; Copilot refuses the field",
    **dict.fromkeys(
        ("metadata", "user", "safety_identifier", "client_metadata"),
        "labels for the caller's own account at OpenAI; Copilot knows the caller by the token",
    ),
    **dict.fromkeys(
        ("prompt_cache_options", "prompt_cache_retention"),
        "Copilot keeps its own prompt cache for 24 hours (its answers say so)",
    ),
    "stream_options": "asks for less padding in the stream; Copilot's is as it is",
    "moderation": "Copilot filters by its own rules",
}
"""Fields without a place, and why a client can live without them. Each one sent is named in ``X-Passenger-Dropped``."""

DROPPED_TOOLS: Final[Mapping[str, str]] = {
    "web_search": "Copilot does not search; agents offer it with every request",
    "web_search_preview": "as web_search",
    "image_generation": "Copilot paints no pictures; agents offer it with every request",
}
"""Tools that OpenAI runs and Copilot does not, by the beginning of their type."""

_MIN_OUTPUT_TOKENS: Final = 16
"""``Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16`` (OpenAI)."""

_WITHOUT_ID: Final = frozenset(
    {
        *("message", "reasoning", "function_call", "function_call_output"),
        *("custom_tool_call", "custom_tool_call_output"),
    }
)
_NOBODYS_ROLES: Final = frozenset({"system", "developer"})
"""Whose words are no turn: agents remind their models so, and Codex offers tools in an item of the developer's."""


class _Part(msgspec.Struct):
    type: str | None = None


class _Item(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    content: str | list[_Part] | None = None
    output: msgspec.Raw = envelope.NULL
    encrypted_content: str | None = None


class _Tool(msgspec.Struct):
    type: str = ""


class _Choice(_Tool):
    mode: str | None = None
    tools: list[_Tool] = []


_decode_items: Final = msgspec.json.Decoder(list[_Item]).decode
_decode_parts: Final = msgspec.json.Decoder(list[_Part]).decode
_decode_tools: Final = msgspec.json.Decoder(list[_Tool]).decode
_decode_choice: Final = msgspec.json.Decoder(str | _Choice).decode
_decode_tokens: Final = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=1)]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode
_REQUIRED: Final = "required"
_NONE: Final = msgspec.Raw(b'"none"')


def request(asked: Envelope, model: Model) -> Passed:
    """What to send for ``asked``, the client's request, to ``model``.

    Raises :class:`~passenger_trio.errors.BadRequest` that names the field which cannot be read.
    """
    lost: dict[str, None] = {}
    body = {name: value for name, value in asked.items() if value != envelope.NULL}
    for name in [name for name in body if name in DROPPED_FIELDS]:
        del body[name]
        lost[name] = None
    body["model"] = envelope.raw(model.id)
    body["store"] = msgspec.Raw(b"false")
    agent = vision = False
    if bytes(body["input"]).startswith(b"["):
        body["input"], agent, vision = _input(body["input"], lost)
    _tools(body, lost)
    _limit(body, model, lost)
    _effort(body, model, lost)
    return Passed(envelope.encode(body), (), tuple(lost), agent, vision)


def _input(raw: msgspec.Raw, lost: dict[str, None]) -> tuple[msgspec.Raw, bool, bool]:
    """The items as upstream takes them; whether the agent goes on by itself, and whether there is a picture."""
    views = read(_decode_items, raw, "input")
    kept: list[Envelope] = []
    agent = False
    pictures = 0
    for view, item in zip(views, envelope.decode_list(raw), strict=True):
        kind = view.type or "message"
        if kind == "reasoning" and view.encrypted_content is not None and seal.is_sealed(view.encrypted_content):
            lost["input.reasoning"] = None  # another model's, given to the client by us
            continue
        if kind in _WITHOUT_ID:
            item.pop("id", None)
        if view.role not in _NOBODYS_ROLES:
            agent = kind != "message" or view.role == "assistant"
        pictures += _count_pictures(view)
        kept.append(item)
    refuse_too_many(pictures, "input")
    return envelope.raw(kept), agent, pictures > 0


def _count_pictures(view: _Item) -> int:
    parts = view.content if isinstance(view.content, list) else []
    if bytes(view.output).startswith(b"["):
        parts = [*parts, *read(_decode_parts, view.output, "input.output")]
    return sum(part.type == "input_image" for part in parts)


def _tools(body: Envelope, lost: dict[str, None]) -> None:
    forced = "tool_choice" in body and _choose(body, lost)
    if "tools" not in body:
        return
    views = read(_decode_tools, body["tools"], "tools")
    tools = envelope.decode_list(body["tools"])
    kept = [tool for tool, view in zip(tools, views, strict=True) if not _is_dropped(view)]
    lost.update(dict.fromkeys(f"tools.{view.type}" for view in views if _is_dropped(view)))
    if kept:
        if len(kept) < len(tools):
            body["tools"] = envelope.raw(kept)
        return
    del body["tools"]
    body.pop("tool_choice", None)
    if forced:
        lost["tool_choice"] = None  # nothing to choose from


def _is_dropped(tool: _Tool) -> bool:
    return tool.type.startswith(tuple(DROPPED_TOOLS))


def _choose(body: Envelope, lost: dict[str, None]) -> bool:
    """The choice without the tools that are left out: one of a tool that is not offered is refused (OpenAI). Returns
    whether it wants a call.

    Raises :class:`~passenger_trio.errors.BadRequest` for a choice that wants one of those tools called.
    """
    choice: str | _Choice = read(_decode_choice, body["tool_choice"], "tool_choice")
    if isinstance(choice, str):
        return choice == _REQUIRED
    if _is_dropped(choice):
        raise BadRequest(
            f"`tool_choice` chooses a tool of type `{choice.type}`, which Copilot does not have: choose another, or "
            "leave it open.",
            param="tool_choice",
            code="unsupported_parameter",
        )
    if choice.type != "allowed_tools":
        return True
    forced = choice.mode == _REQUIRED
    if not any(map(_is_dropped, choice.tools)):
        return forced
    whole = envelope.decode(body["tool_choice"])
    allowed = zip(choice.tools, envelope.decode_list(whole["tools"]), strict=True)
    kept = [entry for tool, entry in allowed if not _is_dropped(tool)]
    lost.update(dict.fromkeys(f"tool_choice.{tool.type}" for tool in choice.tools if _is_dropped(tool)))
    if kept:
        body["tool_choice"] = envelope.raw({**whole, "tools": envelope.raw(kept)})
    else:
        body["tool_choice"] = _NONE  # nothing of what is offered is allowed
        if forced:
            lost["tool_choice"] = None
    return forced


def _limit(body: Envelope, model: Model, lost: dict[str, None]) -> None:
    if "max_output_tokens" not in body:
        return
    asked = read(_decode_tokens, body["max_output_tokens"], "max_output_tokens")
    least = max(asked, _MIN_OUTPUT_TOKENS)
    most = model.limits.max_output_tokens
    given = min(least, most) if most else least
    if given != asked:
        body["max_output_tokens"] = envelope.raw(given)
        lost[f"max_output_tokens={asked}"] = None


def _effort(body: Envelope, model: Model, lost: dict[str, None]) -> None:
    """An effort that the model does not list is refused, and agents send one to every model."""
    allowed = model.supports.reasoning_effort
    if "reasoning" not in body or model.capabilities.supports is None:
        return
    if not allowed:
        del body["reasoning"]
        lost["reasoning"] = None
        return
    reasoning = read(envelope.decode, body["reasoning"], "reasoning")
    if envelope.is_absent(reasoning, "effort"):
        return
    asked = read(_decode_text, reasoning["effort"], "reasoning.effort")
    effort = nearest_effort(asked, allowed)
    if effort != asked:
        reasoning["effort"] = envelope.raw(effort)
        body["reasoning"] = envelope.raw(reasoning)
        lost[f"reasoning.effort={asked}"] = None
