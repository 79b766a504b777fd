"""The ``input`` of a Responses request as the hub's messages.

What a model did in one turn comes as several items (reasoning, messages, calls); the hub has one message for them.
Nothing is stored here, so ids and states of items say nothing, and what refers to a stored item is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fields import read
from passenger_trio.translate.fronts.responses_tools import Tools, unsaid
from passenger_trio.translate.fronts.seal import unseal
from passenger_trio.wire import envelope, responses_client as wire
from passenger_trio.wire.envelope import Envelope

DROPPED_ITEMS: Final[Mapping[str, str]] = dict.fromkeys(
    (
        *("web_search_call", "file_search_call", "image_generation_call", "code_interpreter_call"),
        *("mcp_call", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response"),
    ),
    "a tool that OpenAI's server ran in an earlier turn; what the model made of it is in its message",
)
"""Items that have no place in the hub, and why a client can live without them."""

_OWN_TOOLS: Final = "a tool that only OpenAI's own models are taught; leave its items out, or use such a model"
_COMPACTED: Final = "only OpenAI's server can read what it has compacted; send the items themselves"
REFUSED_ITEMS: Final[Mapping[str, str]] = {
    "item_reference": "nothing is stored here; send the item itself",
    **dict.fromkeys(("compaction", "context_compaction", "compaction_trigger"), _COMPACTED),
    "configuration_update": "settings are those of the request; send them as its fields",
    **dict.fromkeys(
        (
            *("computer_call", "computer_call_output", "local_shell_call", "local_shell_call_output", "shell_call"),
            *("shell_call_output", "apply_patch_call", "apply_patch_call_output", "program", "program_output"),
        ),
        _OWN_TOOLS,
    ),
}
"""Items that a client which sends them would miss, and what to do instead."""

DROPPED_REASONING: Final = "input.reasoning"
"""Reasoning that another model has encrypted, or another server: of no use to this one."""

_ITEM_READ: Final = frozenset(
    {
        *("type", "role", "content", "summary", "encrypted_content", "call_id", "name", "namespace", "arguments"),
        *("input", "output", "execution", "tools"),
        *("id", "status"),  # of a stored item, and nothing is stored
    }
)
_PART_READ: Final = frozenset(
    {
        *wire.Part.__struct_fields__,
        *("annotations", "logprobs"),  # what a server said about a text, sent back with it
    }
)
_TEXTS: Final = frozenset({"input_text", "output_text", "text"})


class Converted(NamedTuple):
    """The messages, and the names of what was left behind."""

    messages: list[dict[str, object]]
    dropped: tuple[str, ...]


def convert(view: wire.Request, model: str, tools: Tools) -> Converted:
    """The conversation. ``model`` is the id that reasoning must be for; tools among the input are added to ``tools``.

    Raises :class:`~passenger_trio.errors.BadRequest` for what has no place here.
    """
    conversation = _Conversation(model, tools)
    if view.instructions:
        conversation.messages.append({"role": "system", "content": view.instructions})
    if isinstance(view.input, str):
        conversation.messages.append({"role": "user", "content": view.input})
    else:
        items = [_Placed(_kind(raw, f"input[{at}]"), raw, f"input[{at}]") for at, raw in enumerate(view.input or ())]
        for item in items:  # first, for a call may come before its tool is offered again
            conversation.offer(item)
        for item in items:
            conversation.add(item)
    conversation.end_turn()
    if not conversation.messages:
        raise BadRequest("`input` is empty: send at least one message.", param="input", code="empty_array")
    return Converted(conversation.messages, tuple(conversation.lost))


class _Placed(NamedTuple):
    """An item, its type, and where in the request it stands."""

    kind: str
    raw: msgspec.Raw
    where: str


def _kind(raw: msgspec.Raw, where: str) -> str:
    """The type of an item. Many clients leave out that of a message, and OpenAI allows it for a reference."""
    head = read(wire.decode_head, raw, where)
    if head.type is not None:
        return head.type
    if head.role is not None:
        return "message"
    if head.id is not None:
        return "item_reference"
    raise BadRequest(f"`{where}.type` is missing from the request.", param=f"{where}.type", code="invalid_value")


@dataclass(slots=True)
class _Turn:
    """What the model did in one turn, as far as it has been read."""

    texts: list[str] = field(default_factory=list[str])
    refusals: list[str] = field(default_factory=list[str])
    calls: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    summaries: list[str] = field(default_factory=list[str])
    opaque: list[str] = field(default_factory=list[str])

    def message(self) -> dict[str, object] | None:
        """The turn as one message; none when nothing is left of it."""
        if not (self.texts or self.refusals or self.calls or self.summaries or self.opaque):
            return None
        texts = [text for text in self.texts if text]
        content: object = [{"type": "text", "text": text} for text in texts]
        if len(texts) < 2:
            content = texts[0] if texts else ("" if self.texts else None)
        message: dict[str, object] = {"role": "assistant", "content": content}
        if self.refusals:
            message["refusal"] = "".join(self.refusals)
        if self.summaries:
            message["reasoning_content"] = "\n\n".join(self.summaries)
        if self.opaque:
            message["reasoning_opaque"] = "".join(self.opaque)
        if self.calls:
            message["tool_calls"] = self.calls
        return message


class _Conversation:
    """What has been written so far, and the turn that is being read."""

    def __init__(self, model: str, tools: Tools) -> None:
        self.messages: list[dict[str, object]] = []
        self.lost: dict[str, None] = {}
        self._model = model
        self._tools = tools
        self._found: dict[str, list[str]] = {}
        self._turn = _Turn()

    def end_turn(self) -> None:
        message = self._turn.message()
        if message is not None:
            self.messages.append(message)
        self._turn = _Turn()

    def offer(self, item: _Placed) -> None:
        """Put the tools in ``item`` on offer, if there are any."""
        if item.kind == "additional_tools":
            more = read(wire.decode_additional_tools, item.raw, item.where).tools
            self._tools.offer(more or (), f"{item.where}.tools")
        elif item.kind == "tool_search_output":
            found = read(wire.decode_search_output, item.raw, item.where).tools
            self._found[item.where] = self._tools.offer(found or (), f"{item.where}.tools")

    def add(self, item: _Placed) -> None:
        kind, raw, where = item
        if kind in DROPPED_ITEMS:
            self._lose([f"input.{kind}"])
            return
        match kind:
            case "message":
                self._message(raw, where)
            case "reasoning":
                self._reasoning(read(wire.decode_reasoning, raw, where))
            case "function_call" | "custom_tool_call":
                self._call(read(wire.decode_tool_call, raw, where), kind)
            case "function_call_output" | "custom_tool_call_output":
                output = read(wire.decode_tool_output, raw, where)
                self._result(output.call_id, self._output(raw, output.output, f"{where}.output"))
            case "tool_search_call":
                self._search(read(wire.decode_search_call, raw, where))
            case "tool_search_output":
                self._search_result(read(wire.decode_search_output, raw, where), where)
            case "additional_tools":
                pass  # on offer already
            case _:
                remedy = REFUSED_ITEMS.get(kind, "leave it out, or use a model that Copilot serves on /responses")
                raise unsaid(f"{where}.type", f"an item of type `{kind}`", remedy)
        whole = envelope.decode(raw)
        self._lose(f"input.{name}" for name in whole if name not in _ITEM_READ and whole[name] != envelope.NULL)

    def _lose(self, names: Iterable[str]) -> None:
        self.lost.update(dict.fromkeys(names))

    # Words

    def _message(self, raw: msgspec.Raw, where: str) -> None:
        message = read(wire.decode_message, raw, where)
        match message.role:
            case "assistant":
                self._said(raw, message.content, f"{where}.content")
            case "system" | "developer" | "user":
                self.end_turn()
                content = self._parts(raw, "content", message.content, f"{where}.content")
                self.messages.append({"role": message.role, "content": content})
            case role:
                raise BadRequest(
                    f"`{where}.role` is `{role}`, which is none of system, developer, user and assistant.",
                    param=f"{where}.role",
                    code="invalid_value",
                )

    def _said(self, raw: msgspec.Raw, content: wire.Content, where: str) -> None:
        """What the model said: texts and refusals, in a message of OpenAI's or in a client's shorter form of one."""
        if not isinstance(content, list):
            self._turn.texts.append(content or "")
            return
        for at, part in enumerate(self._views(raw, "content", content)):
            if part.type in _TEXTS:
                self._turn.texts.append(part.text or "")
            elif part.type == "refusal":
                self._turn.refusals.append(part.refusal or "")
            else:
                raise unsaid(f"{where}[{at}]", f"`{part.type}` in a message of the model's", "leave it out")

    def _views(self, raw: msgspec.Raw, name: str, parts: Sequence[wire.Part]) -> Sequence[wire.Part]:
        """``parts``, which are the field ``name`` of ``raw``, once the names of what is not read have been noted."""
        for whole in envelope.decode_list(envelope.decode(raw)[name]):
            self._lose(f"input.content.{key}" for key in whole if key not in _PART_READ and whole[key] != envelope.NULL)
        return parts

    def _parts(self, raw: msgspec.Raw, name: str, content: wire.Content, where: str) -> str | list[dict[str, object]]:
        """What anyone but the model says; a single text as the string that every vendor takes."""
        if not isinstance(content, list):
            return content or ""
        parts = [self._part(part, f"{where}[{at}]") for at, part in enumerate(self._views(raw, name, content))]
        if len(parts) == 1 and parts[0]["type"] == "text":
            return str(parts[0]["text"])
        return parts or ""

    def _part(self, part: wire.Part, where: str) -> dict[str, object]:
        if part.type in _TEXTS:
            return {"type": "text", "text": part.text or ""}
        if part.type == "input_image":
            return {"type": "image_url", "image_url": self._picture(part, where)}
        if part.type == "input_file":
            if not _is_text(part.file_data):
                raise unsaid(where, "a file that is elsewhere", "send the file itself, as `file_data`")
            if part.detail not in {None, "auto"}:
                self._lose(["input.content.detail"])
            return {"type": "file", "file": _present(filename=part.filename, file_data=part.file_data)}
        if part.type == "input_audio":
            return {"type": "input_audio", "input_audio": part.input_audio}
        raise unsaid(where, f"a part of type `{part.type}`", "leave it out")

    def _picture(self, part: wire.Part, where: str) -> dict[str, object]:
        if not _is_text(part.image_url):
            raise unsaid(where, "a picture that is elsewhere", "send the picture itself, as a data: URL in `image_url`")
        if part.detail == "original":  # the hub's finest is the one below it
            self._lose(["input.content.detail=original"])
            return {"url": part.image_url, "detail": "high"}
        return {"url": part.image_url} if part.detail is None else {"url": part.image_url, "detail": part.detail}

    # Thoughts and calls

    def _reasoning(self, item: wire.Reasoning) -> None:
        """Thoughts in words and in the model's own form, both or neither: its words alone are another model's.

        ``content`` is what open models think aloud, which no model here takes back.
        """
        if item.content:
            self._lose([f"{DROPPED_REASONING}.content"])
        if item.encrypted_content:
            opaque = unseal(item.encrypted_content, self._model)
            if opaque is None:
                self._lose([DROPPED_REASONING])
                return
            self._turn.opaque.append(opaque)
        self._turn.summaries += [part.text for part in item.summary or () if part.text]

    def _call(self, call: wire.ToolCall, kind: str) -> None:
        arguments = call.arguments or "{}"
        if kind == "custom_tool_call":
            arguments = envelope.encode({"input": call.input or ""}).decode()
        self._called(call.call_id, self._tools.name_of(call.name, call.namespace), arguments)

    def _called(self, call_id: str, name: str, arguments: str) -> None:
        function = {"name": name, "arguments": arguments}
        self._turn.calls.append({"id": call_id, "type": "function", "function": function})

    def _result(self, call_id: str, content: object) -> None:
        self.end_turn()
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": content})

    def _output(self, raw: msgspec.Raw, output: wire.Content, where: str) -> object:
        """A tool's result; texts as one string, as the back for ``/responses`` writes them."""
        content = self._parts(raw, "output", output, where)
        if isinstance(content, list) and all(part["type"] == "text" for part in content):
            return "".join(str(part["text"]) for part in content)
        return content

    def _search(self, search: wire.SearchCall) -> None:
        """A search for tools. One that OpenAI's server made is over, and its finds are on offer."""
        if search.execution == "server" or search.call_id is None:
            self._lose(["input.tool_search_call"])
            return
        arguments = bytes(search.arguments).decode()
        if arguments.startswith('"'):
            arguments = str(envelope.value(search.arguments))  # the text of a call that was cut off
        self._called(search.call_id, self._tools.search_name(), "{}" if arguments == "null" else arguments)

    def _search_result(self, output: wire.SearchOutput, where: str) -> None:
        """What was found, by the names under which it is on offer now."""
        if output.execution == "server" or output.call_id is None:
            self._lose(["input.tool_search_output"])
            return
        self._result(output.call_id, envelope.encode({"tools": self._found[where]}).decode())


def _is_text(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:1]) == b'"'


def _present(**fields: msgspec.Raw) -> Envelope:
    return {name: value for name, value in fields.items() if value != envelope.NULL}
