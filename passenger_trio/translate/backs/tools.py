"""Tool definitions, as far as the endpoints agree on them."""

from typing import Final

import msgspec

from passenger_trio.wire import envelope
from passenger_trio.wire.envelope import Envelope

_UNFORCED: Final = {b'"auto"', b'"none"'}


def is_forced(choice: msgspec.Raw) -> bool:
    """Whether a ``tool_choice``, or a ``function_call``, wants a call, and so would be missed without tools."""
    return bytes(choice) not in _UNFORCED


def give_properties(tool: Envelope, key: str = "parameters") -> bool:
    """Make the schema under ``key`` an object with ``properties`` where it is not; whether that changed anything.

    Clients send functions without ``parameters``, or with ``{}``; OpenAI, Claude and Gemini refuse a schema that is not
    an object with properties. What is no schema at all is left alone: Copilot's own error says it better.
    """
    try:
        schema = {} if envelope.is_absent(tool, key) else envelope.decode(tool[key])
    except envelope.UNREADABLE:
        return False
    if "properties" in schema or any(name in schema for name in ("$ref", "anyOf", "oneOf", "allOf")):
        return False
    tool[key] = envelope.raw({**schema, "type": "object", "properties": {}})
    return True
