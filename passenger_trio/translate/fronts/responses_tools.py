"""The tools of a Responses client as functions of the hub, and the way back for their calls.

Chat completions know functions alone (custom tools exist at OpenAI, not with other vendors). So a custom tool becomes a
function of one text, a tool inside a namespace a function with a longer name, and a search for tools that the client
does itself a function as well; which is which is remembered for the answer.

Sources: OpenAI's reference, "Responses"; what Codex sends (measured, 0.169): ``function``, ``custom``, ``namespace``,
``tool_search`` and ``web_search``.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fields import read
from passenger_trio.translate.fronts.tool_names import Own, ToolNames
from passenger_trio.wire import envelope, responses_client as wire
from passenger_trio.wire.envelope import Envelope

LEFT_OUT: Final[Mapping[str, str]] = {
    "web_search": "agents offer it with every request, and Copilot does not search here",
    "image_generation": "agents offer it with every request, and Copilot draws nothing",
    "tool_search": "left out where OpenAI's server would do it: every tool is offered to begin with",
}
"""Hosted tools that a client can live without, by the beginning of their type (there are dated ones), and why. Each one
is named in ``X-Passenger-Dropped``.
"""

REFUSED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("code_interpreter", "file_search", "mcp", "programmatic_tool_calling"),
        "it runs on OpenAI's servers, which are not asked; offer a function that does it",
    ),
    **dict.fromkeys(
        (
            *("computer", "computer_use", "computer_use_preview"),
            *("local_shell", "shell", "apply_patch"),
        ),
        "only OpenAI's own models are taught it; offer it as a `function` or a `custom` tool",
    ),
}
"""Tools that a client which offers them would miss, and what to do instead."""

_READ: Final = frozenset({"type", "name", "description", "parameters", "strict", "format", "tools", "execution"})
_SEARCH: Final = "tool_search"
_THE_SEARCH: Final = Own("", _SEARCH)
"""What the search for tools is called among the tools: what no tool of a client's can be."""


class Origin(NamedTuple):
    """The tool behind a function: what it is to the client, its name there and its namespace."""

    kind: Literal["function", "custom", "tool_search"]
    name: str
    namespace: str | None = None


class Tools:
    """The tools on offer. ``functions`` are the hub's, by name; ``dropped`` names what was left out."""

    def __init__(self) -> None:
        self.functions: dict[str, Envelope] = {}
        self.dropped: dict[str, None] = {}
        self._names = ToolNames()
        self._origins: dict[str, Origin] = {}

    def origin(self, function: str) -> Origin:
        """The tool behind ``function``; a name that nobody offered stays what the model made of it."""
        return self._origins.get(function, Origin("function", function))

    def name_of(self, name: str, namespace: str | None = None) -> str:
        """The function behind a tool of the client's; one that was called once gets a name though it is not on offer.

        For the names to be the right ones, all that is on offer must have been taken before.
        """
        own = Own(name, namespace or "")
        if self._names.known(own) is None and namespace == name:
            own = Own(name)  # how OpenAI names a function that was found by a search and is in no namespace
        function = self._names.give(own)
        self._origins.setdefault(function, Origin("function", name, own.namespace or None))
        return function

    def search_name(self) -> str:
        """The function behind the search for tools."""
        return self._names.known(_THE_SEARCH) or _SEARCH

    def offer(self, tools: Iterable[msgspec.Raw], where: str) -> list[str]:
        """Take ``tools``, and give their functions' names. What is on offer already stays as it is.

        Raises :class:`~passenger_trio.errors.BadRequest` that names the tool which cannot be served.
        """
        return [name for at, tool in enumerate(tools) for name in self._offer(tool, f"{where}[{at}]")]

    def _offer(self, raw: msgspec.Raw, where: str, namespace: str | None = None, about: str = "") -> list[str]:
        tool = read(wire.decode_tool, raw, where)
        whole = envelope.decode(raw)
        kind = tool.type or ""
        if kind in REFUSED:
            raise unsaid(f"{where}.type", f"a tool of type `{kind}`", REFUSED[kind])
        if kind.startswith(tuple(LEFT_OUT)) and not (kind == _SEARCH and tool.execution == "client"):
            self._lose(f"tools.{kind}")
            return []
        if kind not in {"function", "custom", "namespace", _SEARCH} or (namespace and kind in {"namespace", _SEARCH}):
            raise unsaid(f"{where}.type", f"a tool of type `{kind}`", "offer it as a `function`")
        for name in whole:
            if name not in _READ and whole[name] != envelope.NULL:
                self._lose(f"tools.{name}")
        if kind == _SEARCH:
            return [self._add(Origin("tool_search", _SEARCH), _THE_SEARCH, _given(whole, "description", "parameters"))]
        if not tool.name:
            raise BadRequest(
                f"`{where}.name` is missing from the request.",
                param=f"{where}.name",
                code="missing_required_parameter",
            )
        if kind == "namespace":
            return self._namespace(tool.name, tool, where)
        function = _given(whole, "description", "parameters", "strict")
        if kind == "custom":
            function = {**_given(whole, "description"), "parameters": _one_text(tool, where)}
        if about:
            function["description"] = envelope.raw("\n\n".join(filter(None, (tool.description, about))))
        origin = Origin("custom" if kind == "custom" else "function", tool.name, namespace)
        return [self._add(origin, Own(tool.name, namespace or ""), function)]

    def _namespace(self, name: str, tool: wire.Tool, where: str) -> list[str]:
        """Each tool of a namespace. What is said about the namespace is said once, with its first tool."""
        about = f"About all tools of `{name}`: {tool.description}" if tool.description else ""
        found: list[str] = []
        for at, nested in enumerate(tool.tools or ()):
            found += self._offer(nested, f"{where}.tools[{at}]", name, "" if found else about)
        return found

    def _add(self, origin: Origin, own: Own, function: Envelope) -> str:
        name = self._names.give(own)
        if name not in self._origins:
            self._origins[name] = origin
            self.functions[name] = {"name": envelope.raw(name), **function}
        return name

    def _lose(self, name: str) -> None:
        self.dropped[name] = None

    # The choice

    def fields(self, choice: msgspec.Raw, *, parallel: bool | None) -> dict[str, object]:
        """``tools``, ``tool_choice`` and ``parallel_tool_calls`` as the hub has them; none where there are no tools."""
        chosen = None if choice == envelope.NULL else read(wire.decode_tool_choice, choice, "tool_choice")
        allowed, said = self._choose(chosen)
        if not allowed:
            if said == "required":
                self._lose("tool_choice")
            return {}
        fields: dict[str, object] = {
            "tools": [{"type": "function", "function": self.functions[name]} for name in allowed]
        }
        if said is not None:
            fields["tool_choice"] = said
        if parallel is not None:
            fields["parallel_tool_calls"] = parallel
        return fields

    def _choose(self, choice: str | wire.ToolChoice | None) -> tuple[list[str], object]:
        """The functions to offer, and the hub's ``tool_choice``."""
        everything = list(self.functions)
        if choice is None:
            return everything, None
        if isinstance(choice, str):
            return everything, _known(choice)
        if choice.type == "allowed_tools":
            # the rest is not offered at all: no vendor but OpenAI knows a list of allowed tools
            allowed = {name for entry in choice.tools or () for name in self._meant(entry)}
            return [name for name in everything if name in allowed], _known(choice.mode or "auto")
        meant = self._meant(choice)
        if len(meant) != 1:
            raise unsaid("tool_choice", f"a choice of type `{choice.type}`", "choose a function, or leave it open")
        return everything, {"type": "function", "function": {"name": meant[0]}}

    def _meant(self, choice: wire.ToolChoice) -> list[str]:
        """The functions behind an entry of a choice; none for a hosted tool, which is not there."""
        if choice.type == _SEARCH:
            return [name for name in self.functions if self._origins[name].kind == _SEARCH]
        if choice.type == "namespace":
            return [name for name in self.functions if self._origins[name].namespace == choice.name]
        if choice.type not in {"function", "custom"}:
            return []
        known = [self._names.known(Own(choice.name or "", choice.namespace or ""))]
        known += [name for name in self.functions if self._origins[name].name == choice.name]
        for name in known:
            if name in self.functions:
                return [name]
        raise BadRequest(
            f"`tool_choice` names `{choice.name}`, which is not among `tools`.",
            param="tool_choice",
            code="invalid_value",
        )


def unsaid(where: str, what: str, remedy: str) -> BadRequest:
    """The error for what the hub cannot say and the client would miss."""
    return BadRequest(
        f"`{where}` cannot be served: Copilot does not answer for this model on /responses, and elsewhere there is no "
        f"place for {what}: {remedy}.",
        param=where,
        code="unsupported_parameter",
    )


def _known(choice: str) -> str:
    if choice in {"auto", "none", "required"}:
        return choice
    raise BadRequest(
        f"`tool_choice` is `{choice}`, which is none of auto, none, required and a tool.",
        param="tool_choice",
        code="invalid_value",
    )


def _given(whole: Envelope, *names: str) -> Envelope:
    return {name: whole[name] for name in names if not envelope.is_absent(whole, name)}


def _one_text(tool: wire.Tool, where: str) -> msgspec.Raw:
    """The schema of a custom tool: its whole input is one text, whose grammar can only be told to the model."""
    form = wire.ToolFormat()
    if tool.format != envelope.NULL:
        form = read(wire.decode_tool_format, tool.format, f"{where}.format")
    said = "The whole input of the tool, as plain text."
    if form.definition:
        said = f"{said[:-1]} that matches this {form.syntax or 'formal'} grammar:\n\n{form.definition}"
    text = {"type": "string", "description": said}
    schema = {"type": "object", "properties": {"input": text}, "required": ["input"], "additionalProperties": False}
    return envelope.raw(schema)
