"""The hub's request fields, all but ``messages``, as Anthropic has them.

``/v1/messages`` answers a field that it does not know with 400 ("Extra inputs are not permitted", recorded), so what is
sent is made field by field; what has no place stands in a table here, with the reason.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs.conversation import unread
from passenger_trio.translate.backs.effort import PLAIN_EFFORTS, thinking_budget
from passenger_trio.translate.backs.messages_input import unsaid
from passenger_trio.translate.backs.tools import give_properties
from passenger_trio.translate.fields import read
from passenger_trio.translate.limits import max_tokens
from passenger_trio.wire import envelope
from passenger_trio.wire.envelope import Envelope
from passenger_trio.wire.models import Model

Body = dict[str, Any]
Text = str | None

READ: Final = frozenset(
    {
        *("model", "messages", "stream", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"),
        *("max_tokens", "max_completion_tokens", "stop", "temperature", "top_p", "reasoning_effort", "response_format"),
        "stream_options",  # the front's: a stream of this endpoint always ends with its usage
    }
)
"""Fields with a place in the request, or met on the way back."""

DROPPED_FIELDS: Final[Mapping[str, str]] = {
    "seed": "Anthropic offers none, and OpenAI itself promises nothing by it",
    "frequency_penalty": "sampling that Claude does not offer; clients send their defaults",
    "presence_penalty": "as frequency_penalty",
    "user": "says who asks, for the vendor's statistics; whether Copilot takes Anthropic's `metadata` is not known",
    "safety_identifier": "as user",
    "metadata": "is kept with a stored answer, and none is stored",
    "store": "nothing is stored",
    "service_tier": "Copilot has one",
    "prompt_cache_key": "Anthropic's cache goes by the prompt itself",
    "prompt_cache_options": "as prompt_cache_key",
    "prompt_cache_retention": "as prompt_cache_key; Copilot refuses a time to live",
    "prediction": "makes the same answer come faster",
    "verbosity": "a leaning, which the prompt can state as well",
    "moderation": "Copilot filters as it likes",
    "top_logprobs": "says how many of the logprobs are wanted",
}
"""Fields without a place, and why a client can live without them. Each one sent is named in ``X-Passenger-Dropped``."""

REFUSED_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "n": ("more than one answer", "Ask several times."),
    "logprobs": ("logprobs", "Leave it out."),
    "logit_bias": ("a bias on tokens", "Leave it out."),
    "modalities": ("any modality but text", "Ask for text."),
    "audio": ("sound", "Ask for text."),
    "web_search_options": ("OpenAI's search of the web", "Leave it out, or give the model a tool of your own."),
}
"""Fields that a client which sends them would miss: what it is that cannot be had, and what to do instead."""


_HARMLESS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "n": lambda value: value == 1,
    "logprobs": lambda value: value is False,
    "logit_bias": lambda value: value == {},
    "modalities": lambda value: value == ["text"],
}
"""Values of refused fields that ask for what there is anyway; clients send them by habit."""


class _Function(msgspec.Struct):
    name: str
    description: Text = None
    parameters: msgspec.Raw = envelope.NULL
    strict: bool | None = None


class _Tool(msgspec.Struct):
    type: Text = None
    function: msgspec.Raw = envelope.NULL
    cache_control: msgspec.Raw = envelope.NULL


class _Named(msgspec.Struct):
    name: str


class _Choice(msgspec.Struct):
    type: Text = None
    function: _Named | None = None


class _Form(msgspec.Struct):
    type: str
    json_schema: msgspec.Raw = envelope.NULL


class _Schema(msgspec.Struct):
    schema: msgspec.Raw = envelope.NULL


_NAMED_SCHEMA: Final = frozenset({"schema", "name", "strict"})
"""Of a schema: itself, a label that Anthropic's has no place for, and that the answer keeps to it, which it always does
here.
"""

_TOOL: Final = frozenset({*_Tool.__struct_fields__, "name"})  # beside the function: its name once more

_decode_tools: Final = msgspec.json.Decoder(list[_Tool]).decode
_decode_function: Final = msgspec.json.Decoder(_Function).decode
_decode_functions: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_choice: Final = msgspec.json.Decoder(str | _Choice).decode
_decode_older_choice: Final = msgspec.json.Decoder(str | _Named).decode
_decode_form: Final = msgspec.json.Decoder(_Form).decode
_decode_schema: Final = msgspec.json.Decoder(_Schema).decode
_decode_bool: Final = msgspec.json.Decoder(bool).decode
_decode_count: Final = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=1)]).decode
_decode_stop: Final = msgspec.json.Decoder(str | list[str]).decode
_decode_temperature: Final = msgspec.json.Decoder(Annotated[float, msgspec.Meta(ge=0, le=2)]).decode
_decode_top_p: Final = msgspec.json.Decoder(Annotated[float, msgspec.Meta(ge=0, le=1)]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode


def without_place(fields: Envelope) -> list[str]:
    """The names of the fields that are left behind. Raises for those that a client would miss."""
    dropped: list[str] = []
    for name, value in fields.items():
        if name in READ:
            continue
        if name not in REFUSED_FIELDS:
            dropped.append(name)  # DROPPED_FIELDS, and what nobody has heard of
        elif name not in _HARMLESS or not _HARMLESS[name](envelope.value(value)):
            raise unsaid(name, *REFUSED_FIELDS[name])
    return dropped


def write_tools(fields: Envelope, body: Body, *, one: bool) -> list[str]:
    """``tools`` and ``tool_choice``; the older ``functions`` and ``function_call`` are the same thing.

    Anthropic has the ban on parallel calls inside the choice. ``one`` is whether the client has place for no more than
    one call in an answer.
    """
    lost: dict[str, None] = {}
    tools: list[Envelope] = []
    for at, tool in enumerate(read(_decode_tools, fields["tools"], "tools") if "tools" in fields else ()):
        if tool.type not in {None, "function"} or tool.function == envelope.NULL:
            raise unsaid(f"tools[{at}]", f"a tool of type `{tool.type}`", "Offer it as a function.")
        tools.append(_tool(tool.function, f"tools[{at}].function", "tools", lost))
        if tool.cache_control != envelope.NULL:
            tools[-1]["cache_control"] = envelope.raw({"type": "ephemeral"})
    for given in envelope.decode_list(fields["tools"]) if "tools" in fields else ():
        lost |= unread("tools", given, _TOOL)
    if "functions" in fields:
        functions = read(_decode_functions, fields["functions"], "functions")
        tools += [_tool(function, f"functions[{at}]", "functions", lost) for at, function in enumerate(functions)]
    choice = _tool_choice(fields)
    if not tools:
        named = "tool_choice" if "tool_choice" in fields else "function_call"
        return [named] if choice and choice["type"] in {"any", "tool"} else []
    body["tools"] = tools
    if one or (
        "parallel_tool_calls" in fields and not read(_decode_bool, fields["parallel_tool_calls"], "parallel_tool_calls")
    ):
        choice = choice or {"type": "auto"}
        if choice["type"] != "none":
            choice["disable_parallel_tool_use"] = True
    if choice:
        body["tool_choice"] = choice
    return list(lost)


def _tool(raw: msgspec.Raw, where: str, kind: str, lost: dict[str, None]) -> Envelope:
    function = read(_decode_function, raw, where)
    lost |= unread(kind, envelope.decode(raw), _Function.__struct_fields__)
    tool = {"name": envelope.raw(function.name)}
    if function.description:
        tool["description"] = envelope.raw(function.description)
    if function.parameters != envelope.NULL:
        tool["input_schema"] = function.parameters
    if function.strict:
        lost[f"{kind}.strict"] = None
    give_properties(tool, "input_schema")
    try:
        schema = envelope.decode(tool["input_schema"])
    except envelope.UNREADABLE:
        return tool  # no schema at all: Anthropic's own error says it better
    if schema.pop("$schema", None) is not None:
        lost[f"{kind}.$schema"] = None  # refused (protocol 7.2), and says only which draft the rest is written in
    tool["input_schema"] = envelope.raw({"type": envelope.raw("object"), **schema})
    return tool


def _tool_choice(fields: Envelope) -> Body | None:
    if "tool_choice" not in fields:
        return _older_choice(fields)
    choice = read(_decode_choice, fields["tool_choice"], "tool_choice")
    if isinstance(choice, str):
        return _choice_word(choice, "tool_choice")
    if choice.function is None:
        raise unsaid("tool_choice", f"a choice of type `{choice.type}`", "Name a function, or leave the choice open.")
    return {"type": "tool", "name": choice.function.name}


def _older_choice(fields: Envelope) -> Body | None:
    if "function_call" not in fields:
        return None
    choice = read(_decode_older_choice, fields["function_call"], "function_call")
    return _choice_word(choice, "function_call") if isinstance(choice, str) else {"type": "tool", "name": choice.name}


def _choice_word(word: str, field: str) -> Body:
    if word in {"auto", "none", "required"}:
        return {"type": "any" if word == "required" else word}
    raise BadRequest(f"`{field}` is `{word}`, which is none of auto, none, required and a function.", param=field)


def write_max_tokens(fields: Envelope, body: Body, model: Model, *, stream: bool) -> list[str]:
    """``max_tokens``, which Anthropic demands, within what ``/models`` says of the model."""
    for name in ("max_completion_tokens", "max_tokens"):
        if name in fields:
            wanted = read(_decode_count, fields[name], name)
            body["max_tokens"] = max_tokens(wanted, model, stream=stream)
            return [] if body["max_tokens"] == wanted else [f"{name}={wanted}"]
    body["max_tokens"] = max_tokens(None, model, stream=stream)
    return []


def write_thinking(fields: Envelope, body: Body, model: Model, *, unthought: bool) -> list[str]:
    """``reasoning_effort`` as the kind of thinking that the model has; ``unthought``: see :class:`Converted`.

    Reads ``max_tokens`` and ``tool_choice`` of ``body``: the budget is a part of the first, and Anthropic refuses to
    think about a call that is forced.
    """
    if "reasoning_effort" not in fields:
        return []
    wanted = read(_decode_text, fields["reasoning_effort"], "reasoning_effort")
    if wanted == "none":
        return []
    supports = model.supports
    # what the model itself lists is taken at its word; the rest goes to the nearest of the three that all of them have
    listed = supports.adaptive_thinking and wanted in (supports.reasoning_effort or ())
    effort = wanted if listed else PLAIN_EFFORTS.get(wanted)
    if effort is None:
        raise BadRequest(
            f"`reasoning_effort` is `{wanted}`, which is none of none, {', '.join(PLAIN_EFFORTS)}.",
            param="reasoning_effort",
        )
    dropped = ["reasoning_effort"]
    if body.get("tool_choice", {}).get("type") in {"any", "tool"}:
        return dropped
    if supports.adaptive_thinking:
        body["thinking"] = {"type": "adaptive"}
        body["output_config"] = {"effort": effort}
        return [] if effort == wanted else [f"reasoning_effort={wanted}"]
    budget = None if unthought else thinking_budget(effort, supports, body["max_tokens"])
    if budget is None:
        return dropped
    body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    return [] if effort == wanted else [f"reasoning_effort={wanted}"]


def write_form(fields: Envelope, body: Body, model: Model) -> list[str]:
    """``response_format``: a schema becomes ``output_config.format``, where the list says that the model keeps to one
    (``structured_outputs``). Elsewhere it is refused, and JSON without a schema everywhere: Anthropic has no such form.
    """
    if "response_format" not in fields:
        return []
    form = read(_decode_form, fields["response_format"], "response_format")
    if form.type == "text":
        return []
    if not model.supports.structured_outputs:
        remedy = "Use a tool, or a model that answers on another endpoint."
        raise unsaid("response_format", "a schema to hold the answer to", remedy)
    if form.type != "json_schema":
        raise unsaid("response_format", "a form of the answer other than a schema", "Send the schema of the answer.")
    where = "response_format.json_schema"
    schema = read(_decode_schema, form.json_schema, where).schema
    if schema == envelope.NULL:
        raise unsaid(f"{where}.schema", "an answer by a schema that is not there", "Send the schema of the answer.")
    body.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": schema}
    lost = unread("response_format", envelope.decode(fields["response_format"]), _Form.__struct_fields__)
    return [*lost, *unread(where, envelope.decode(form.json_schema), _NAMED_SCHEMA)]


def thinks_between_calls(body: Body) -> bool:
    """Whether the model is to think after each result as well, as the official client has it wherever it can: models
    with ``adaptive`` thinking do so by themselves, the others when a beta header says so.
    """
    return "tools" in body and body.get("thinking", {}).get("type") == "enabled"


def write_sampling(fields: Envelope, body: Body) -> list[str]:
    """``temperature``, ``top_p`` and ``stop``.

    Thinking takes neither of the first two (Anthropic), and newer Claude models take one of them: "temperature and
    top_p cannot both be specified for this model" (microsoft/copilot-eclipse-feedback#79). 1 is what both are anyway.
    """
    dropped: list[str] = []
    temperature = top_p = None
    if "temperature" in fields:
        temperature = read(_decode_temperature, fields["temperature"], "temperature")
    if "top_p" in fields:
        top_p = read(_decode_top_p, fields["top_p"], "top_p")
    if temperature is not None and ("thinking" in body or (temperature == 1 and top_p is not None)):
        temperature = None
        dropped.append("temperature")
    if top_p is not None and ("thinking" in body or temperature is not None):
        top_p = None
        dropped.append("top_p")
    if temperature is not None:
        body["temperature"] = fields["temperature"] if temperature <= 1 else 1
        if temperature > 1:
            dropped.append(f"temperature={temperature:g}")  # OpenAI's scale ends at 2, Anthropic's at 1
    if top_p is not None:
        body["top_p"] = fields["top_p"]
    if "stop" in fields:
        dropped += _stop(fields["stop"], body)
    return dropped


def _stop(raw: msgspec.Raw, body: Body) -> list[str]:
    """Anthropic refuses sequences of white space alone; an empty one asks for nothing."""
    stop = read(_decode_stop, raw, "stop")
    sequences = [stop] if isinstance(stop, str) else stop
    if kept := [sequence for sequence in sequences if sequence.strip()]:
        body["stop_sequences"] = kept
    return ["stop"] if any(sequence and not sequence.strip() for sequence in sequences) else []
