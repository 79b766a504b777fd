"""Samples of Ollama's chat."""

from typing import Any, Final

from docs_mapping.requests import Samples

from passenger_trio.translate.fronts.ollama_context import Turn, pack
from passenger_trio.translate.fronts.ollama_fields import TYPES

USER: Final = {"role": "user", "content": "hello"}
SCHEMA: Final = {"type": "object", "properties": {"a": {"type": "string"}}}
TOOLS: Final[list[Any]] = [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}]
CALL: Final = {"function": {"name": "look", "arguments": {"a": "b"}}}
SECOND: Final = {"id": "call_7", "function": {"name": "look2", "arguments": {}}}
CALLED: Final = {"role": "assistant", "content": "", "tool_calls": [CALL, SECOND]}

OLLAMA: Final = Samples(
    base={"model": "asked:latest", "messages": [USER]},
    lists=frozenset({"messages", "tool_calls", "tools"}),
    objects={
        "messages[tool]": {"role": "tool", "content": "found"},
        "messages[assistant]": {"role": "assistant", "content": "said"},
        "tool_calls": CALL,
        "options": {},
        "messages[user]": {"role": "user", "content": "well"},
    },
    values={
        "content": "other words",
        "messages.role": "system",
        "tools": TOOLS,
        "messages.tool_calls": [CALL],
        "tool_calls.id": "call_7",
        "tools.type": "function",
        "messages.thinking": "hm",
        "messages.images": ["iVBORw0KGgo="],
        "messages[tool].tool_name": "look2",
        "messages[tool].tool_call_id": "call_7",
        "messages.name": "ann",
        "format": SCHEMA,
        "keep_alive": "5m",
        "think": "low",
        "logprobs": True,
        "top_logprobs": 3,
        "options": {"num_predict": 4321},
        **{f"options.{name}": kind == "boolean" or 7 for name, kind in TYPES.items()},
        "options.stop": ["END"],
        "options.seed": 17,
        "options.num_predict": 4321,
        "options.top_p": 0.25,
        "options.temperature": 0.5,
        "options.presence_penalty": 0.75,
        "options.frequency_penalty": 0.125,
        "stream": False,
        "arguments": {"a": "c"},
        "parameters": SCHEMA,
        "description": "looks at things",
        "truncate": True,
        "shift": True,
        "_debug_render_only": True,
    },
    beside={"messages[tool]": {"messages": [USER, CALLED]}, "tools.": {"tools": TOOLS}},
    around={"messages.tool_calls": {"messages": {"role": "assistant", "content": "said"}}},
)

GENERATE: Final = Samples(
    base={"model": "asked:latest", "prompt": "hello"},
    lists=frozenset(),
    objects={},
    values={
        "prompt": "other words",
        "context": pack([Turn("user", "said before"), Turn("assistant", "answered")]),
        "raw": True,
        "images": ["iVBORw0KGgo="],
        "width": 1024,
        "height": 1024,
        "steps": 20,
    },
)
