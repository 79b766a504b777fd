"""The tools that a request of ``/responses`` offers: functions, custom ones, namespaces of both, a search for more.

Facts: Copilot refuses a namespace without ``tools`` (MadSkittles/Router-Maestro#45), and a past call without the
``namespace`` that it was made in (github/copilot-cli#4519). The items are those of OpenAI's reference.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from passenger_trio.simulator.refusals import Refused, invalid_body
from passenger_trio.simulator.schema_merge import is_list, is_object

FREE_TEXT: Final = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
"""What a custom tool takes, in terms of a function: one text."""

SEARCH: Final = "tool_search"


class ResponsesTool(msgspec.Struct):
    """One entry of ``tools``. Those that are not named in this module are Copilot's own, and never called."""

    type: str
    name: str = ""
    parameters: dict[str, Any] | bool | None = None
    execution: str | None = None
    tools: list["ResponsesTool"] | None = None


class Offered(NamedTuple):
    """A tool that may be called. ``kind`` is the type of the item that calls it, ``name`` its own in ``namespace``."""

    kind: Literal["function_call", "custom_tool_call", "tool_search_call"]
    name: str
    namespace: str | None = None
    parameters: dict[str, Any] | bool | None = None


def joined(namespace: str | None, name: str) -> str:
    """The name by which the simulator knows a tool: one in a namespace has both names."""
    return f"{namespace}__{name}" if namespace else name


def offered(tools: Iterable[ResponsesTool], namespace: str | None = None) -> dict[str, Offered]:
    """The tools that may be called, by the names that :func:`joined` gives."""
    found: dict[str, Offered] = {}
    for tool in tools:
        if tool.type == "function":
            found[joined(namespace, tool.name)] = Offered("function_call", tool.name, namespace, tool.parameters)
        elif tool.type == "custom":
            found[joined(namespace, tool.name)] = Offered("custom_tool_call", tool.name, namespace, FREE_TEXT)
        elif tool.type == "namespace":
            found |= offered(tool.tools or (), tool.name)
        elif tool.type == SEARCH and tool.execution == "client":
            found[SEARCH] = Offered("tool_search_call", SEARCH, None, tool.parameters)
    return found


def check_namespaces(tools: Sequence[ResponsesTool]) -> None:
    """Raises :class:`Refused` for a namespace without tools."""
    for index, tool in enumerate(tools):
        if tool.type == "namespace" and tool.tools is None:
            raise Refused(invalid_body(f"Missing required parameter: 'tools[{index}].tools'."))


def check_choice(choice: object, tools: Iterable[ResponsesTool], offered: Iterable[Offered]) -> None:
    """Raises :class:`Refused` for a choice of a tool that is not among those on offer (OpenAI)."""
    if not is_object(choice):
        return
    named = {(tool.kind, tool.name) for tool in offered}
    types = {tool.type for tool in tools} - {"function", "custom"}
    chosen = choice.get("tools") if choice.get("type") == "allowed_tools" else [choice]
    for entry in filter(is_object, chosen if is_list(chosen) else ()):
        kind, name = str(entry.get("type")), str(entry.get("name", ""))
        if kind not in types and (f"{kind}_call".replace("custom", "custom_tool"), name) not in named:
            raise Refused(invalid_body(f"Tool choice '{name or kind}' not found in 'tools' parameter."))


def check_past_call(name: str, namespace: str | None, tools: Iterable[Offered]) -> None:
    """Raises :class:`Refused` for a function of a namespace that is said to have been called outside of it."""
    places = {tool.namespace for tool in tools if tool.name == name}
    if namespace is None and places and None not in places:
        raise Refused(
            invalid_body(
                f"Missing namespace for function_call '{name}'. It does not exist in the default namespace. "
                "Round-trip the model's function_call item with its namespace field included."
            )
        )
