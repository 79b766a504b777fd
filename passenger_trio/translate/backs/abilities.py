"""What ``/models`` says that a model cannot do, held against a call: once, whichever endpoint the model is on.

What the list leaves out of ``supports`` is not there (protocol 5.1); o1-mini's ``supports`` are ``{}`` (recorded,
zed-industries/zed#20362). Of a model that has no ``supports`` or is not listed nothing is known: it is asked.
"""

import re
from typing import Final

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.wire import envelope
from passenger_trio.wire.chat import Call
from passenger_trio.wire.models import Model

_OFFERS: Final = {"tools": "tool_choice", "functions": "function_call"}
"""What offers tools, and what chooses among them: OpenAI's names of today, and those of old."""

_NO_TOOLS: Final = frozenset({"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"})
_NO_STREAM: Final = frozenset({"stream", "stream_options"})
_NONE: Final = msgspec.Raw(b'"none"')

_O1: Final = re.compile("o1(?![0-9])")

_decode_list: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def within(call: Call, model: Model) -> Call:
    """``call`` as far as ``model`` can follow it.

    A stream is not asked for where there is none, as by the official client. Tools that are not to be called are left
    out for a model without them, and named in ``dropped``. Raises :class:`~passenger_trio.errors.BadRequest` for other
    tools, and for pictures that a model does not see.
    """
    if model.capabilities.supports is None:
        return call
    if not model.supports.vision and model.limits.vision is None:
        _refuse_pictures(call, model)
    if not model.supports.tool_calls:
        call = _without_tools(call, model)
    if call.stream and not model.supports.streaming:
        kept = {name: value for name, value in call.envelope.items() if name not in _NO_STREAM}
        view = msgspec.structs.replace(call.request, stream=None, stream_options=None)
        call = call._replace(envelope=kept, request=view)
    return call


def thinks_unasked(model: Model) -> bool:
    """Whether the model thinks about every answer though the list says nothing of it: the o1 family, by the beginning
    of the id. OpenAI's documentation has them reason before they answer; Copilot's older lists state neither efforts
    nor a budget of theirs.
    """
    return _O1.match(model.id) is not None


def _refuse_pictures(call: Call, model: Model) -> None:
    for message in call.request.messages:
        if isinstance(message.content, list) and any(part.type == "image_url" for part in message.content):
            raise BadRequest(
                f"`{model.id}` does not support image input: leave the pictures out, or use another model.",
                param="messages",
                code="unsupported_image_input",
            )


def _without_tools(call: Call, model: Model) -> Call:
    """Ollama's clients look for "does not support tools", its own words, and ask again without."""
    offered = [offer for offer in _OFFERS if not _is_empty(call.envelope.get(offer, envelope.NULL))]
    for offer in offered:
        if call.envelope.get(_OFFERS[offer]) != _NONE:
            raise BadRequest(
                f"`{model.id}` does not support tools: leave `{offer}` out, or use another model.",
                param=offer,
                code="unsupported_parameter",
            )
    if not offered:
        return call
    lost = [name for name, value in call.envelope.items() if name in _NO_TOOLS and value != envelope.NULL]
    kept = {name: value for name, value in call.envelope.items() if name not in _NO_TOOLS}
    return call._replace(envelope=kept, dropped=(*call.dropped, *lost))


def _is_empty(tools: msgspec.Raw) -> bool:
    try:
        return tools == envelope.NULL or not _decode_list(tools)
    except envelope.UNREADABLE:
        return False
