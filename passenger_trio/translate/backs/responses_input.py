"""A conversation of the hub as the ``input`` items of ``/responses``, in the same order."""

import functools
import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import conversation
from passenger_trio.translate.backs.conversation import Function, Message, Part, ToolCall
from passenger_trio.translate.fields import read
from passenger_trio.wire import envelope, responses
from passenger_trio.wire.responses import Kept

Item = dict[str, object]

_MAX_CALL_ID: Final = 64
"""Longer ones are refused: ``Invalid 'input[5].call_id': string too long. Expected a string with maximum length 64``.
A conversation that another model began may have some."""


class Converted(NamedTuple):
    """The items, and the names of what was left behind."""

    items: list[Item]
    dropped: tuple[str, ...]


_unsaid: Final = functools.partial(conversation.unsaid, "/responses")


def convert(messages: msgspec.Raw) -> Converted:
    """The ``messages`` of a request. Raises :class:`~passenger_trio.errors.BadRequest` for what has no place here."""
    written = _Conversation()
    for position, message in enumerate(conversation.read_messages(messages)):
        written.add(message, f"messages[{position}]")
    lost = (*written.lost, *conversation.left_behind(messages, marks=False))
    return Converted(written.items, tuple(dict.fromkeys(lost)))


class _Conversation:
    """What has been written so far, and the calls that later results belong to."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.lost: list[str] = []
        self._calls = conversation.Calls()
        self._custom: set[str] = set()

    def add(self, message: Message, where: str) -> None:
        if message.cache_control != envelope.NULL or message.copilot_cache_control != envelope.NULL:
            self.lost.append("messages.cache_control")  # the endpoint keeps a prompt cache by itself
        if message.audio != envelope.NULL:
            raise _unsaid(f"{where}.audio", "sound", "Send its words as text.")
        match message.role:
            case "system" | "developer" | "user":
                content = _parts(message.content, where)
                self.items.append({"type": "message", "role": message.role, "content": content})
            case "assistant":
                self._assistant(message, where)
            case "tool" | "function":
                call_id = _short(self._calls.answered(message, where))
                # the endpoint looks for a custom tool's result under its own type and for no other
                kind = "custom_tool_call_output" if call_id in self._custom else "function_call_output"
                self.items.append({"type": kind, "call_id": call_id, "output": _output(message.content, where)})
            case _:
                raise conversation.unknown_role(message, where)

    def _assistant(self, message: Message, where: str) -> None:
        """What was thought and said, then the calls."""
        calls = [self._call(call, f"{where}.tool_calls[{at}]") for at, call in enumerate(message.tool_calls or ())]
        if message.function_call is not None:
            calls.append(_function_call(self._calls.begin(message.function_call), message.function_call))
        said = _said(message, where)
        if calls:
            said = [part for part in said if part != _said_text("")]  # clients write "" beside calls, and mean nothing
        elif not said:
            said = [_said_text("")]
        self.items += _as_made(self._kept(message), said)
        self.items += calls

    def _kept(self, message: Message) -> list[Kept]:
        """What :mod:`~passenger_trio.translate.backs.responses_answer` has put into ``reasoning_opaque``.

        What other vendors' models call by that name is signed by them and of no use here, and neither is reasoning
        without its signature.
        """
        opaque = conversation.string(message.reasoning_opaque)
        kept: list[Kept] = []
        if opaque:
            try:
                kept = responses.decode_kept(opaque)
            except envelope.UNREADABLE:
                self.lost.append("messages.reasoning_opaque")
        told = conversation.string(message.reasoning_content) or conversation.string(message.reasoning_text)
        if told and not any(isinstance(entry, responses.Thought) for entry in kept):
            self.lost.append("messages.reasoning_content")
        return kept

    def _call(self, call: ToolCall, where: str) -> Item:
        call_id = _short(call.id) if call.id else self._calls.new_id()
        if call.custom is not None:
            self._custom.add(call_id)
            return {
                "type": "custom_tool_call",
                "call_id": call_id,
                "name": call.custom.name,
                "input": call.custom.input,
            }
        if call.function is None:
            raise BadRequest(f"`{where}` is a call without a `function`.", param=where)
        return _function_call(call_id, call.function)


def _short(call_id: str) -> str:
    if len(call_id) <= _MAX_CALL_ID:
        return call_id
    return "call_" + hashlib.sha256(call_id.encode()).hexdigest()[:48]


def _function_call(call_id: str, function: Function) -> Item:
    arguments = function.arguments
    if bytes(arguments) in {b"null", b'""'}:
        arguments = envelope.raw("{}")
    elif not bytes(arguments).startswith(b'"'):
        arguments = envelope.raw(bytes(arguments).decode())  # an object, from clients of Ollama's
    return {"type": "function_call", "call_id": call_id, "name": function.name, "arguments": arguments}


def _as_made(kept: Sequence[Kept], said: Sequence[Item]) -> list[Item]:
    """Reasoning and words in the order in which the model made them, and each message of it with its phase.

    The words of several messages are one text in the hub, and told apart by their lengths. Where these do not add up
    the client has changed the words: then they come after the reasoning, with the phase that all of them had.
    """
    spoken = [entry for entry in kept if isinstance(entry, responses.Spoken)]
    text = "".join(str(part.get("text", "")) for part in said)
    if spoken and len(text) == sum(entry.length for entry in spoken) and all("text" in part for part in said):
        return list(_parted(kept, text))
    phases = {entry.phase for entry in spoken}
    items = [_reasoning(entry) for entry in kept if isinstance(entry, responses.Thought)]
    return [*items, _message(said, phases.pop() if len(phases) == 1 else None)] if said else items


def _parted(kept: Sequence[Kept], text: str) -> Iterator[Item]:
    at = 0
    for entry in kept:
        if isinstance(entry, responses.Thought):
            yield _reasoning(entry)
        else:
            yield _message([_said_text(text[at : at + entry.length])], entry.phase)
            at += entry.length


def _reasoning(thought: responses.Thought) -> Item:
    return {"type": "reasoning", "encrypted_content": thought.encrypted_content, "summary": thought.summary}


def _message(said: Sequence[Item], phase: str | None) -> Item:
    item: Item = {"type": "message", "role": "assistant", "content": said}
    return item if phase is None else {**item, "phase": phase}


def _said_text(text: str) -> Item:
    return {"type": "output_text", "text": text}


def _said(message: Message, where: str) -> list[Item]:
    """What an assistant said: texts and refusals."""
    said: list[Item] = []
    if isinstance(message.content, str):
        said.append(_said_text(message.content))
    else:
        for at, part in enumerate(message.content or ()):
            if part.type == "text":
                said.append(_said_text(part.text or ""))
            elif part.type == "refusal":
                said.append({"type": "refusal", "refusal": part.refusal or ""})
            else:
                raise _unsaid(f"{where}.content[{at}]", f"`{part.type}` in an assistant's message")
    if message.refusal:
        said.append({"type": "refusal", "refusal": message.refusal})
    return said


def _parts(content: str | list[Part] | None, where: str) -> list[Item]:
    """What anyone but the assistant says."""
    if isinstance(content, str):
        return [_text(content)]
    return [_part(part, f"{where}.content[{at}]") for at, part in enumerate(content or ())] or [_text("")]


def _text(text: str) -> Item:
    return {"type": "input_text", "text": text}


def _part(part: Part, where: str) -> Item:
    if part.type == "text":
        return _text(part.text or "")
    if part.type == "image_url" and part.image_url is not None:
        # "auto" is OpenAI's default, and what the official client writes
        if isinstance(part.image_url, str):
            return {"type": "input_image", "image_url": part.image_url, "detail": "auto"}
        return {"type": "input_image", "image_url": part.image_url.url, "detail": part.image_url.detail or "auto"}
    if part.type == "file" and part.file != envelope.NULL:
        file = read(envelope.decode, part.file, f"{where}.file")
        return {"type": "input_file", **{key: value for key, value in file.items() if value != envelope.NULL}}
    if part.type == "input_audio":
        raise _unsaid(where, "sound", "Send its words as text.")
    raise _unsaid(where, f"a part of type `{part.type}`")


def _output(content: str | list[Part] | None, where: str) -> str | list[Item]:
    """A tool's result: text as one string, which every model takes; parts only where there are pictures or files."""
    if isinstance(content, str):
        return content
    parts = _parts(content, where)
    texts = [str(part["text"]) for part in parts if part["type"] == "input_text"]
    return "".join(texts) if len(texts) == len(parts) else parts
