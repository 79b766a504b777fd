"""Copilot's ``/responses``, where many GPT-5 models answer and nowhere else: the hub's call as OpenAI's newer dialect.

The conversation is written by ``responses_input.py``, the answer read by ``responses_answer.py``; the fields of the
request are here. What the endpoint has no place for stands in two tables.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import pictures
from passenger_trio.translate.backs.conversation import unread
from passenger_trio.translate.backs.effort import nearest_effort
from passenger_trio.translate.backs.responses_answer import Stream, reply
from passenger_trio.translate.backs.responses_input import convert
from passenger_trio.translate.backs.tools import give_properties, is_forced
from passenger_trio.translate.fields import read
from passenger_trio.wire import envelope
from passenger_trio.wire.chat import Call, Written
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.models import Model

__all__ = ["DROPPED_FIELDS", "FIELDS", "PATH", "REFUSED_FIELDS", "Stream", "reply", "request"]

PATH: Final = "/responses"

_PASSED: Final = ("parallel_tool_calls", "prompt_cache_key")
_SAMPLING: Final = ("temperature", "top_p")

FIELDS: Final = frozenset(
    {
        *("model", "messages", "stream", *_PASSED, *_SAMPLING),
        *("max_tokens", "max_completion_tokens", "reasoning_effort", "response_format", "verbosity"),
        *("tools", "tool_choice", "functions", "function_call"),
        "stream_options",  # the front's: usage comes either way
    }
)
"""Request fields that are said, here or by the front."""

DROPPED_FIELDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("seed", "presence_penalty", "frequency_penalty"),
        "sampling that the endpoint does not offer; clients send their defaults, and a seed never was a promise",
    ),
    **dict.fromkeys(
        ("metadata", "user", "safety_identifier"),
        "labels for the caller's own account at OpenAI; Copilot knows the caller by the token",
    ),
    "store": "nothing is ever stored, as with the official client",
    "service_tier": "the subscription decides",
    "prediction": "makes an answer come sooner, not otherwise",
    **dict.fromkeys(
        ("prompt_cache_options", "prompt_cache_retention"),
        "Copilot keeps its own prompt cache for 24 hours (its answers say so)",
    ),
    "top_logprobs": "says how many of the logprobs are wanted",
}
"""Request fields without a place on the endpoint, and why a client can live without them."""

_OTHER_MODEL: Final = "leave it out, or use a model that answers on /chat/completions"

REFUSED_FIELDS: Final[Mapping[str, str]] = {
    "stop": f"the endpoint has no stop sequences; {_OTHER_MODEL}",
    "n": "the endpoint gives one answer; ask several times",
    "logprobs": f"reasoning models give none; {_OTHER_MODEL}",
    "logit_bias": f"the endpoint has none; {_OTHER_MODEL}",
    "audio": "the model answers in text; leave it out",
    "modalities": 'the model answers in text; leave it out, or send ["text"]',
    "web_search_options": f"Copilot's endpoint does not search; {_OTHER_MODEL}, or offer a tool that searches",
    "moderation": "Copilot filters by its own rules and gives no scores; leave it out",
}
"""Request fields that a client which sends them would miss, and what to do instead."""

_HARMLESS: Final[Mapping[str, Sequence[object]]] = {
    "stop": ([], ""),
    "n": (1,),
    "logprobs": (False,),
    "logit_bias": ({},),
    "modalities": (["text"], []),
}
"""Values of refused fields that ask for what happens anyway."""

_MIN_OUTPUT_TOKENS: Final = 16
"""``Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16`` (OpenAI). Clients that try out
whether a model answers ask for 1."""

_decode_text: Final = msgspec.json.Decoder(str).decode
_decode_tokens: Final = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=1)]).decode
_FALSE: Final = msgspec.Raw(b"false")
_FUNCTION: Final = ("name", "description", "parameters", "strict")
_CUSTOM: Final = ("name", "description", "format")
_TOOL: Final = ("type", "function", "custom", "name")  # beside the function: its name once more


class _AllowedTools(msgspec.Struct):
    mode: str
    tools: list[msgspec.Raw]


class _Choice(msgspec.Struct):
    type: str
    function: msgspec.Raw = envelope.NULL
    custom: msgspec.Raw = envelope.NULL
    allowed_tools: _AllowedTools | None = None


class _Named(msgspec.Struct):
    name: str


_decode_choice: Final = msgspec.json.Decoder(_Choice).decode
_decode_name: Final = msgspec.json.Decoder(_Named).decode


def request(call: Call, model: Model) -> Written:
    """What to send for ``call`` to ``model``.

    Raises :class:`~passenger_trio.errors.BadRequest` that names the field which cannot be said.
    """
    fields = {name: value for name, value in call.envelope.items() if value != envelope.NULL}
    _refuse(fields, model)
    pictures.check(call.request.messages, model)
    dropped = [name for name in fields if name not in FIELDS and name not in REFUSED_FIELDS]
    conversation = convert(fields["messages"])
    body: dict[str, object] = {
        "model": model.id,
        "input": conversation.items,
        "stream": call.stream,
        "store": False,
        "truncation": "disabled",
        "include": ["reasoning.encrypted_content"],
        **{name: fields[name] for name in _PASSED if name in fields},
        **_tools(fields, dropped, one=call.uses_functions),
        **_limit(fields, model, dropped),
        **_thought(fields, model, dropped),
        **_form(fields),
    }
    return Written(envelope.encode(body), (*dropped, *conversation.dropped))


def _refuse(fields: Envelope, model: Model) -> None:
    for name, remedy in REFUSED_FIELDS.items():
        if name in fields and read(envelope.value, fields[name], name) not in _HARMLESS.get(name, ()):
            raise BadRequest(
                f"`{name}` cannot be served for `{model.id}`, which Copilot serves on {PATH}: {remedy}.",
                param=name,
                code="unsupported_parameter",
            )


def _limit(fields: Envelope, model: Model, dropped: list[str]) -> dict[str, object]:
    """The most that the answer may have, within what the endpoint and the model take."""
    for name in ("max_completion_tokens", "max_tokens"):
        if name in fields:
            asked = read(_decode_tokens, fields[name], name)
            taken = max(asked, _MIN_OUTPUT_TOKENS)
            taken = min(taken, model.limits.max_output_tokens or taken)
            if taken != asked:
                dropped.append(f"{name}={asked}")
            return {"max_output_tokens": taken}
    return {}


def _thought(fields: Envelope, model: Model, dropped: list[str]) -> dict[str, object]:
    """How hard to think, and how freely to choose words: a model takes one of the two."""
    allowed = model.supports.reasoning_effort
    if not allowed:
        if "reasoning_effort" in fields:
            dropped.append("reasoning_effort")
        return {name: fields[name] for name in _SAMPLING if name in fields}
    dropped += [name for name in _SAMPLING if name in fields]
    if "reasoning_effort" not in fields:
        return {"reasoning": {"summary": "auto"}}
    asked = read(_decode_text, fields["reasoning_effort"], "reasoning_effort")
    effort = nearest_effort(asked, allowed)
    if effort != asked:
        dropped.append(f"reasoning_effort={asked}")
    return {"reasoning": {"effort": effort, "summary": "auto"}}


def _form(fields: Envelope) -> dict[str, object]:
    """``text``: the form of the answer, whose schema lies flat here, and its length."""
    text: dict[str, object] = {}
    if "response_format" in fields:
        form = read(envelope.decode, fields["response_format"], "response_format")
        if not envelope.is_absent(form, "json_schema"):
            schema = read(envelope.decode, form["json_schema"], "response_format.json_schema")
            form = {"type": envelope.raw("json_schema"), **_given(schema, *schema)}
        text["format"] = form
    if "verbosity" in fields:
        text["verbosity"] = fields["verbosity"]
    return {"text": text} if text else {}


def _tools(fields: Envelope, dropped: list[str], *, one: bool) -> dict[str, object]:
    """Tools and the choice among them; the older ``functions`` and ``function_call`` are the same thing.

    ``one`` is whether the client has place for no more than one call in an answer.
    """
    lost: dict[str, None] = {}
    tools: list[Envelope] = []
    if "tools" in fields:
        given = read(envelope.decode_list, fields["tools"], "tools")
        tools += [_tool(tool, f"tools[{at}]", lost) for at, tool in enumerate(given)]
    if "functions" in fields:
        functions = read(envelope.decode_list, fields["functions"], "functions")
        tools += [_function(function, "functions", lost) for function in functions]
    dropped += lost
    if not tools:
        choices = ("tool_choice", "function_call")
        dropped += [name for name in choices if name in fields and is_forced(fields[name])]  # nothing to choose from
        return {}
    written: dict[str, object] = {"tools": tools}
    if one:
        written["parallel_tool_calls"] = False
    if "tool_choice" in fields:
        written["tool_choice"] = _choice(fields["tool_choice"])
    elif "function_call" in fields:
        choice = fields["function_call"]
        written["tool_choice"] = choice if _is_text(choice) else _named("function", choice, "function_call")
    return written


def _tool(tool: Envelope, where: str, lost: dict[str, None]) -> Envelope:
    lost |= unread("tools", tool, _TOOL)
    if not envelope.is_absent(tool, "function"):
        return _function(read(envelope.decode, tool["function"], f"{where}.function"), "tools", lost)
    if not envelope.is_absent(tool, "custom"):
        custom = read(envelope.decode, tool["custom"], f"{where}.custom")
        lost |= unread("tools", custom, _CUSTOM)
        written = {"type": envelope.raw("custom"), **_given(custom, "name", "description")}
        if not envelope.is_absent(custom, "format"):
            form = read(envelope.decode, custom["format"], f"{where}.custom.format")
            if not envelope.is_absent(form, "grammar"):
                grammar = read(envelope.decode, form["grammar"], f"{where}.custom.format.grammar")
                form = {"type": envelope.raw("grammar"), **grammar}
            written["format"] = envelope.raw(form)
        return written
    raise BadRequest(f"`{where}` has neither `function` nor `custom`, and no other tools are served.", param=where)


def _function(function: Envelope, kind: str, lost: dict[str, None]) -> Envelope:
    """A function. ``strict`` is said in any case: left out it means true here, and false in the hub."""
    lost |= unread(kind, function, _FUNCTION)
    written = {"type": envelope.raw("function"), "strict": _FALSE, **_given(function, *_FUNCTION)}
    give_properties(written)
    return written


def _given(whole: Envelope, *names: str) -> Envelope:
    return {name: whole[name] for name in names if not envelope.is_absent(whole, name)}


def _choice(choice: msgspec.Raw) -> object:
    """A choice as it lies flat here: ``{"type": "function", "function": {"name": ...}}`` loses its inner object."""
    if _is_text(choice):
        return choice
    view = read(_decode_choice, choice, "tool_choice")
    if view.type in {"function", "custom"}:
        inner = next((inner for inner in (view.function, view.custom) if inner != envelope.NULL), choice)
        return _named(view.type, inner, "tool_choice")
    if view.type == "allowed_tools" and view.allowed_tools is not None:
        tools = [_choice(tool) for tool in view.allowed_tools.tools]
        return {"type": view.type, "mode": view.allowed_tools.mode, "tools": tools}
    raise BadRequest("`tool_choice` chooses in a way that is not served.", param="tool_choice")


def _named(kind: str, holder: msgspec.Raw, where: str) -> dict[str, str]:
    return {"type": kind, "name": read(_decode_name, holder, where).name}


def _is_text(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:1]) == b'"'
