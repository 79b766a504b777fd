"""Anthropic's conversation as the hub's: ``system`` becomes a message, results of tools become messages of their own.

Every type of block that Anthropic's package knows stands in one of three tables: read, left out, refused. What is left
out, blocks and fields of blocks, is named.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fields import read
from passenger_trio.translate.fronts import seal
from passenger_trio.translate.fronts.tool_names import Own, ToolNames
from passenger_trio.wire import envelope, messages_client as client
from passenger_trio.wire.messages_client import Block, Source

Part = dict[str, Any]
Lost = dict[str, None]
"""The names of what is left out, each once and in order."""

BLOCKS: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"text"}),
    "image": frozenset({"source"}),
    "document": frozenset({"source", "title", "context"}),
    "search_result": frozenset({"source", "title", "content"}),
    "compaction": frozenset({"content"}),
    "tool_use": frozenset({"id", "name", "input"}),
    "tool_result": frozenset({"tool_use_id", "content", "is_error"}),
    "tool_reference": frozenset({"tool_name"}),
    "thinking": frozenset({"thinking", "signature"}),
    "redacted_thinking": frozenset({"data"}),
}
"""The blocks that are read, and which fields of theirs; others are named ``type.field`` when a client sends them."""

DROPPED_BLOCKS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            *("server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "advisor_tool_result"),
            *("code_execution_tool_result", "bash_code_execution_tool_result", "tool_search_tool_result"),
            "text_editor_code_execution_tool_result",
        ),
        "of a tool that ran at Anthropic, in an encrypted form at that; what the model made of it stays",
    ),
    **dict.fromkeys(
        ("mcp_tool_use", "mcp_tool_result", "mcp_tool_listing"),
        "of a server that Anthropic asked; what the model made of it stays",
    ),
    **dict.fromkeys(
        ("tool_addition", "tool_removal"),
        "says which of the request's tools are offered from here on; all of them are, and from the beginning",
    ),
    "fallback": "marks where another model took over; Anthropic does not show it to the model either",
}
"""Blocks without a place in the hub, and why a client can live without them; named ``messages.type``."""

REFUSED_BLOCKS: Final[Mapping[str, str]] = {
    "container_upload": "a file in a container at Anthropic; send its text, or the file itself as a document",
    "browser_state": "of a browser that Anthropic's models alone are taught to use; describe it in a text",
}
"""Blocks that a client which sends them would miss, and what to do instead."""

_TAKES: Final[Mapping[str, frozenset[str]]] = {
    "system": frozenset({"text"}),
    "user": frozenset({"text", "image", "document", "search_result", "compaction", "tool_result"}),
    "assistant": frozenset({"text", "compaction", "tool_use", "thinking", "redacted_thinking"}),
    "tool_result": frozenset({"text", "image", "document", "search_result", "tool_reference"}),
    "search_result": frozenset({"text"}),
}
"""What may stand where."""

_MESSAGE_FIELDS: Final = frozenset({"role", "content", "clear_at"})
BILLING: Final = "system.x-anthropic-billing-header"
"""The name of Claude Code's note to the accounts, which is left out."""

_BILLING: Final = "x-anthropic-billing-header:"

_AGENTS_WORDS: Final = re.compile(
    r"\s*(?:<[a-z]|\[Request interrupted|Tool loaded\.|Base directory for this skill: |ARGUMENTS: |Skill arguments: )"
)
"""How texts begin that agents put beside results: tags (``<system-reminder>``; Cline's ``<environment_details>``), and
what Claude Code says."""

_ERROR: Final = "Error: "
"""What ``is_error`` becomes: the hub's messages of tools have no field for it, and the model must know."""


def convert_system(raw: msgspec.Raw, lost: Lost) -> list[Part]:
    """The ``system`` of a request, a text or blocks, as a message of the hub; none when it is empty."""
    conversation = _Conversation("", lost, ToolNames())
    conversation.add_system(read(client.decode_content, raw, "system"))
    return conversation.messages


def convert(raw: msgspec.Raw, model: str, lost: Lost, names: ToolNames) -> list[Part]:
    """The ``messages`` of a request as the hub has them.

    ``model`` is the one that is asked: thinking goes back to the model that it came from and to no other. ``names`` are
    those of the tools on offer; a tool that was called once gets one though it is not. Raises
    :class:`~passenger_trio.errors.BadRequest` that names what cannot be said.
    """
    found = read(client.decode_messages, raw, "messages")
    if not found:
        raise BadRequest("`messages` is empty: send at least one message.", param="messages", code="empty_array")
    views = [read(client.decode_message, message, f"messages[{at}]") for at, message in enumerate(found)]
    last_user = max((at for at, message in enumerate(views) if message.role == "user"), default=0)
    conversation = _Conversation(model, lost, names)
    for at, (message, whole) in enumerate(zip(views, found, strict=True)):
        name_rest(whole, _MESSAGE_FIELDS, "messages", lost)
        if message.clear_at == "next_user_message" and at < last_user:
            continue  # its turn is over: Anthropic does not show it any more
        conversation.add(message, f"messages[{at}]")
    return conversation.messages


def is_billing(text: str | None) -> bool:
    """Whether the first block of a system prompt is Claude Code's note to the accounts. It changes with nearly every
    run, and the prompt cache would be lost with it (recorded).
    """
    return (text or "").startswith(_BILLING)


def is_agents_turn(raw: msgspec.Raw) -> bool:
    """Whether the agent goes on by itself with these ``messages``, which have been read before.

    The last message is the assistant's, or the user's with the result of a tool in it and nothing that was typed.
    System messages are nobody's turn.

    Claude Code puts into one message what follows the result of a call: its own reminders (what is typed while the
    agent works is in one of them), ``Tool loaded.``, the text of a skill; and, where somebody has stopped the call or
    comes back to a session that was killed in its middle, the next prompt (measured, 2.1.330). A text that is not known
    for the agent's own is the person's: to bill a person's turn as the agent's is what accounts are warned for.
    """
    for whole in reversed(client.decode_messages(raw)):
        turn = client.decode_turn(whole)
        if turn.role != "system":
            blocks = turn.content if isinstance(turn.content, list) else ()
            results = any(block.type == "tool_result" for block in blocks)
            typed = any(block.type == "text" and not _is_agents(block.text or "") for block in blocks)
            return turn.role == "assistant" or (results and not typed)
    return False


def _is_agents(text: str) -> bool:
    return not text.strip() or _AGENTS_WORDS.match(text) is not None


def name_rest(whole: msgspec.Raw, known: frozenset[str], of: str, lost: Lost) -> None:
    """Name the fields that nobody reads; the marks for the prompt cache, which may be anywhere, once."""
    for name, value in envelope.decode(whole).items():
        if name not in known and value != envelope.NULL:
            lost[name if name == "cache_control" else f"{of}.{name}"] = None


class _Conversation:
    """What has been written so far, for a ``model`` that has an id."""

    def __init__(self, model: str, lost: Lost, names: ToolNames) -> None:
        self.messages: list[Part] = []
        self._names = names
        self._model = model
        self._lost = lost

    def add_system(self, content: str | list[msgspec.Raw] | None) -> None:
        """The request's own system prompt, without Claude Code's note to the accounts."""
        blocks = self._blocks(content, "system", "system")
        if isinstance(content, list) and blocks and is_billing(blocks[0][0].text):
            del blocks[0]
            self._lost[BILLING] = None
        self._say("system", [part for block, where in blocks for part in self._parts(block, where)])

    def add(self, message: client.Message, where: str) -> None:
        """A message, as one or more of the hub's, or as none when nothing of it is left."""
        if message.role not in {"system", "user", "assistant"}:
            raise BadRequest(
                f"`{where}.role` is `{message.role}`, which is none of user, assistant and system.",
                param=f"{where}.role",
            )
        blocks = self._blocks(message.content, message.role, f"{where}.content")
        if message.role == "assistant":
            self._assistant(blocks)
            return
        said: list[Part] = []
        for block, place in blocks:
            if block.type == "tool_result":
                self.messages.append(self._result(block, place))  # before anything the user says beside it
            else:
                said += self._parts(block, place)
        self._say(message.role, said)

    def _say(self, role: str, parts: Sequence[Part]) -> None:
        if parts:
            self.messages.append({"role": role, "content": _content(parts)})

    def _blocks(self, content: str | list[msgspec.Raw] | None, role: str, where: str) -> list[tuple[Block, str]]:
        """The blocks that are read, each with its place. A text stands for one block of it."""
        if isinstance(content, str):
            return [(Block("text", text=content), where)]
        blocks: list[tuple[Block, str]] = []
        for at, whole in enumerate(content or ()):
            place = f"{where}[{at}]"
            block = read(client.decode_block, whole, place)
            kind = block.type
            if kind in _TAKES[role]:
                name_rest(whole, BLOCKS[kind] | {"type"}, kind, self._lost)
                blocks.append((block, place))
            elif self._can_be_missed(block, role):
                self._lost[f"messages.{kind}"] = None
            else:
                remedy = REFUSED_BLOCKS.get(kind) or f"{role} takes {', '.join(sorted(_TAKES[role]))}"
                raise _refused(place, f"a block of type `{kind}`", remedy)
        return blocks

    @staticmethod
    def _can_be_missed(block: Block, role: str) -> bool:
        if block.type == "tool_addition" and block.tool != envelope.NULL:
            # one that brings the tool itself is another matter: the model would not know of it
            return read(client.decode_typed, block.tool, "tool").type != "tool_definition"
        unheard_of = block.type not in BLOCKS and block.type not in REFUSED_BLOCKS
        return block.type in DROPPED_BLOCKS or (role == "assistant" and unheard_of)

    def _parts(self, block: Block, where: str) -> list[Part]:
        """What a block that is neither a call, a result nor thinking says."""
        match block.type:
            case "text":
                return [_text(_needed(block.text, f"{where}.text"))]
            case "image":
                return [_picture(_source(block.source, where), where)]
            case "document":
                return self._document(block, where)
            case "search_result":
                origin = _text(f"{block.title or ''}\n{_string(block.source)}\n")
                return [origin, *self._inner(block.content, "search_result", where)]
            case "tool_reference":  # what a search for tools has found; they are all offered from the beginning
                return [_text(f"{self._name(block.tool_name, f'{where}.tool_name')}\n")]
            case _:  # compaction: the words of the messages in whose place it stands; null when that failed
                return [_text(summary)] if (summary := _string(block.content)) else []

    def _inner(self, content: msgspec.Raw, role: str, where: str) -> list[Part]:
        """The parts of the blocks, or the text, inside a block."""
        place = f"{where}.content"
        blocks = self._blocks(read(client.decode_content, content, place), role, place)
        return [part for block, at in blocks for part in self._parts(block, at)]

    def _document(self, block: Block, where: str) -> list[Part]:
        source = _source(block.source, where)
        data = f"{where}.source.data"
        if source.type == "base64":
            media = source.media_type or "application/pdf"
            name = block.title or "document.pdf"
            url = f"data:{media};base64,{_needed(source.data, data)}"
            return [*_heading(block.context), {"type": "file", "file": {"filename": name, "file_data": url}}]
        heading = _heading(block.title, block.context)
        if source.type == "text":
            return [*heading, _text(_needed(source.data, data))]
        if source.type == "content":
            return [*heading, *self._inner(source.content, "tool_result", f"{where}.source")]
        raise _refused(where, f"a document by `{source.type}`", "send the document itself, as base64 or as text")

    def _result(self, block: Block, where: str) -> Part:
        """A tool's result as a message. One that brings nothing says so with an empty text."""
        call_id = _needed(block.tool_use_id, f"{where}.tool_use_id")
        parts = self._inner(block.content, "tool_result", where) or [_text("")]
        if block.is_error:
            if parts[0]["type"] == "text":
                parts[0]["text"] = _ERROR + parts[0]["text"]
            else:
                parts.insert(0, _text(_ERROR))
        return {"role": "tool", "tool_call_id": call_id, "content": _content(parts)}

    def _assistant(self, blocks: Sequence[tuple[Block, str]]) -> None:
        said: list[Part] = []
        calls: list[Part] = []
        thoughts: list[str] = []
        opaque: list[str] = []
        for block, where in blocks:
            match block.type:
                case "tool_use":
                    calls.append(self._call(block, where))
                case "thinking":
                    if (fragment := self._unseal(block.signature, "thinking")) is not None:
                        thoughts.append(block.thinking or "")
                        opaque.append(fragment)
                case "redacted_thinking":
                    opaque.append(self._unseal(block.data, "redacted_thinking") or "")
                case _:
                    said += self._parts(block, where)
        message: Part = {"role": "assistant", "content": _content(said) if said else None}
        if returned := "".join(opaque):
            message["content"] = message["content"] if said or calls else ""
            if any(thoughts):
                message["reasoning_content"] = "".join(thoughts)
            message["reasoning_opaque"] = returned
        elif any(thoughts):
            self._lost["messages.thinking"] = None  # no endpoint takes it back without what signs it
        if calls:
            message["tool_calls"] = calls
        if said or calls or returned:
            self.messages.append(message)

    def _name(self, name: str | None, where: str) -> str:
        return self._names.give(Own(_needed(name, where)))

    def _call(self, block: Block, where: str) -> Part:
        arguments = "{}" if block.input == envelope.NULL else bytes(block.input).decode()
        if not arguments.startswith("{"):
            raise BadRequest(f"`{where}.input` is not an object.", param=f"{where}.input", code="invalid_value")
        function = {"name": self._name(block.name, f"{where}.name"), "arguments": arguments}
        return {"id": _needed(block.id, f"{where}.id"), "type": "function", "function": function}

    def _unseal(self, text: str | None, kind: str) -> str | None:
        """What was given out as the model's own; another's, or a vendor's, is of no use to it."""
        found = seal.unseal(text or "", self._model)
        if found is None:
            self._lost[f"messages.{kind}"] = None
        return found


def _content(parts: Sequence[Part]) -> str | Sequence[Part]:
    """A single text as such, which every model takes; else the parts."""
    return str(parts[0]["text"]) if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _text(text: str) -> Part:
    return {"type": "text", "text": text}


def _heading(*lines: str | None) -> list[Part]:
    """What is known of a document, before it."""
    known = [f"{line}\n" for line in lines if line]
    return [_text("".join(known))] if known else []


def _picture(source: Source, where: str) -> Part:
    if source.type == "base64":
        data = _needed(source.data, f"{where}.source.data")
        url = f"data:{_needed(source.media_type, f'{where}.source.media_type')};base64,{data}"
    elif source.type == "url":
        url = _needed(source.url, f"{where}.source.url")
    else:
        raise _refused(where, f"a picture by `{source.type}`", "send the picture itself, as base64")
    return {"type": "image_url", "image_url": {"url": url}}


def _source(raw: msgspec.Raw, where: str) -> Source:
    return read(client.decode_source, raw, f"{where}.source")


def _string(raw: msgspec.Raw) -> str:
    """The text of a raw string; of anything else, none."""
    return msgspec.json.decode(raw, type=str) if bytes(memoryview(raw)[:1]) == b'"' else ""


def _needed(value: str | None, where: str) -> str:
    if value is None:
        raise BadRequest(f"`{where}` is missing from the request.", param=where, code="missing_required_parameter")
    return value


def _refused(where: str, what: str, remedy: str) -> BadRequest:
    return BadRequest(
        f"`{where}` is {what}, which cannot be served for this model: {remedy}.",
        param=where,
        code="unsupported_parameter",
    )
