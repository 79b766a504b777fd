"""OpenAI's Responses, for models that Copilot serves on other endpoints: the request as a hub call.

The conversation is read by ``responses_input.py``, the tools by ``responses_tools.py``, the answer is written by
``responses_stream.py``; the other fields are here. What has no place in the hub stands in two tables.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fields import read as read_field
from passenger_trio.translate.fronts import inputs
from passenger_trio.translate.fronts.responses_fault import fault
from passenger_trio.translate.fronts.responses_input import convert
from passenger_trio.translate.fronts.responses_stream import Stream, from_hub
from passenger_trio.translate.fronts.responses_tools import Tools
from passenger_trio.wire import chat, envelope, responses_client as wire
from passenger_trio.wire.chat import Call
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.responses_client import Asked

__all__ = [
    "DROPPED_FIELDS",
    "READ",
    "REFUSED_FIELDS",
    "Asked",
    "Stream",
    "Tools",
    "fault",
    "from_hub",
    "read",
    "to_call",
]

PASSED: Final = (
    *("metadata", "moderation", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
    *("safety_identifier", "service_tier", "temperature", "top_p", "user"),
)
"""Fields that the hub has by the same name and with the same meaning; the back decides about them."""

READ: Final = frozenset(
    {
        *("model", "input", "instructions", "stream", "max_output_tokens", "reasoning", "text", *PASSED),
        *("tools", "tool_choice", "parallel_tool_calls"),
        *("include", "truncation"),  # as far as what happens anyway is asked for
        "store",  # nothing is stored, and the answer says so
    }
)
"""Request fields that are said in the hub, or met by the answer."""

DROPPED_FIELDS: Final[Mapping[str, str]] = {
    "access_programs": "a programme of the caller's own account at OpenAI",
    "background_options": "says how to run in the background, which is refused",
    "client_metadata": "what Codex tells its own server about itself",
    "context_management": "shortens a conversation that grows too long; here a too long one is an error, as ever",
    "image": "how pictures are packed, not what is on them",
    "max_tool_calls": "a limit for tools that run on OpenAI's server, and none does",
    "stream_options": "asks for characters of no meaning, against eavesdroppers",
    "top_logprobs": "says how many of the logprobs are wanted",
}
"""Request fields without a place in the hub, and why a client can live without them."""

NAMES: Final[Mapping[str, str]] = {
    "messages": "input",
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
}
"""What this dialect calls the hub's fields."""

_KEPT_THERE: Final = "nothing is stored here; send the whole conversation in `input`"
REFUSED_FIELDS: Final[Mapping[str, str]] = {
    "previous_response_id": _KEPT_THERE,
    "conversation": _KEPT_THERE,
    "prompt": "templates are stored at OpenAI; send the text itself in `instructions` and `input`",
    "background": "an answer cannot be fetched later; leave it out, and stream",
}
"""Request fields that a client which sends them would miss, and what to do instead."""

_CODES: Final = {"previous_response_id": "previous_response_not_found"}
"""The code of a refusal where clients know one: with this (recorded, Copilot's own) they send the whole history."""

_ENCRYPTED: Final = "reasoning.encrypted_content"
_TEXT_READ: Final = frozenset({"format", "verbosity"})
_REASONING_READ: Final = frozenset({"effort", "summary", "generate_summary"})
_REASONING_MET: Final = {"context": "auto", "mode": "standard"}


def read(body: bytes) -> Asked:
    """The request. Raises :class:`~passenger_trio.errors.BadRequest` that names the field which cannot be served."""
    whole, view = inputs.read(body, wire.decode_request, ("model",))
    for name, remedy in REFUSED_FIELDS.items():
        if not envelope.is_absent(whole, name) and (name != "background" or view.background):
            raise BadRequest(
                f"`{name}` cannot be served: {remedy}.", param=name, code=_CODES.get(name, "unsupported_parameter")
            )
    if view.input is None:
        raise BadRequest("`input` is missing from the request.", param="input", code="missing_required_parameter")
    return Asked(whole, view)


def to_call(asked: Asked, model: str) -> tuple[Call, Tools]:
    """The request as a hub call for ``model``, an id, and what the client's tools are called there.

    Raises :class:`~passenger_trio.errors.BadRequest` that names what cannot be said.
    """
    view = asked.view
    tools = Tools()
    tools.offer(view.tools or (), "tools")
    conversation = convert(view, model, tools)
    dropped = [
        name
        for name in asked.envelope
        if name not in READ and name not in REFUSED_FIELDS and not envelope.is_absent(asked.envelope, name)
    ]
    body: dict[str, object] = {
        "model": view.model,
        "messages": conversation.messages,
        "stream": asked.stream,
        **{name: asked.envelope[name] for name in PASSED if not envelope.is_absent(asked.envelope, name)},
        **_limit(view),
        **_reasoning(_said(view.reasoning), dropped),
        **_text(_said(view.text), dropped),
        **tools.fields(view.tool_choice, parallel=view.parallel_tool_calls),
    }
    dropped += [f"include={name}" for name in view.include or () if name != _ENCRYPTED]
    if view.truncation not in {None, "disabled"}:
        dropped.append(f"truncation={view.truncation}")
    data = envelope.encode(body)
    lost = (*dropped, *tools.dropped, *conversation.dropped)
    return Call(view.model, envelope.decode(data), chat.decode_request(data), lost, NAMES), tools


def _said(whole: Envelope | None) -> Envelope:
    return {name: value for name, value in (whole or {}).items() if value != envelope.NULL}


def _limit(view: wire.Request) -> dict[str, object]:
    return {} if view.max_output_tokens is None else {"max_completion_tokens": view.max_output_tokens}


def _reasoning(asked: Envelope, dropped: list[str]) -> dict[str, object]:
    """How hard to think. A summary is given in any case where the model has one, all that was thought is sent back."""
    for name, value in asked.items():
        if name not in _REASONING_READ and value != envelope.raw(_REASONING_MET.get(name)):
            dropped.append(f"reasoning.{name}")
    return {"reasoning_effort": asked["effort"]} if "effort" in asked else {}


def _text(asked: Envelope, dropped: list[str]) -> dict[str, object]:
    """The form of the answer, whose schema has a place of its own in the hub, and its length."""
    dropped += [f"text.{name}" for name in asked if name not in _TEXT_READ]
    written: dict[str, object] = {}
    if "verbosity" in asked:
        written["verbosity"] = asked["verbosity"]
    if "format" not in asked:
        return written
    form = _said(read_field(envelope.decode, asked["format"], "text.format"))
    kind = form.pop("type", envelope.NULL)
    if kind == _JSON_SCHEMA:
        written["response_format"] = {"type": kind, "json_schema": form}
    elif kind == _JSON_OBJECT:
        written["response_format"] = {"type": kind}
    elif kind != _PLAIN:
        raise BadRequest(
            f"`text.format.type` is {bytes(kind).decode()}, which is none of text, json_object and json_schema.",
            param="text.format.type",
            code="invalid_value",
        )
    return written


_PLAIN: Final = msgspec.Raw(b'"text"')
_JSON_OBJECT: Final = msgspec.Raw(b'"json_object"')
_JSON_SCHEMA: Final = msgspec.Raw(b'"json_schema"')
