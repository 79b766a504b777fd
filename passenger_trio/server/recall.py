"""Reasoning for the models that want it back, kept for the clients that do not return it.

Gemini 3 refuses a history of tool calls without the thought signatures they came with, Claude thinks on only from its
own signed blocks, GPT answers better from its encrypted items (protocol 6.2, 7.1, 7.2). The hub has all of these in an
assistant message's ``reasoning_opaque``, which Ollama's clients have no place for and most of OpenAI's do not know.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from passenger_trio.server.fingerprint import Made, Message, ToolCall, Walk, made
from passenger_trio.wire import envelope
from passenger_trio.wire.chat import Call, HubChunk, RequestMessage

MAX_ENTRIES: Final = 4096
MAX_BYTES: Final = 32 << 20
"""What is kept at most; the reasoning of an answer is a few kilobytes."""

_ENTRY_BYTES: Final = 256
"""What an entry takes beside its texts, about."""

_OFFERS: Final = ("tools", "functions")


class _Delta(msgspec.Struct):
    tool_calls: list[ToolCall] | None = None
    reasoning_content: str | None = None
    reasoning_opaque: str | None = None


class _Choice(msgspec.Struct):
    index: int
    delta: _Delta


class _Chunk(msgspec.Struct):
    choices: list[_Choice]


class _Reasoning(NamedTuple):
    """The reasoning of an answer as an envelope holds it, and what it takes."""

    opaque: msgspec.Raw
    content: msgspec.Raw | None
    size: int


_Name = tuple[str, bytes]
"""The model, and the fingerprint of an answer of it."""


class Recall:
    """The reasoning of the last answers that called tools, in memory alone; what was not asked for longest goes first.

    Of conversations there are only digests. Not safe across threads.
    """

    def __init__(self, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._kept: OrderedDict[_Name, _Reasoning] = OrderedDict()
        self._of_model: Counter[str] = Counter()
        self.size = 0
        """Bytes that are taken, about."""

    def __len__(self) -> int:
        return len(self._kept)

    def fill(self, model: str, call: Call) -> Call:
        """``call`` with the reasoning that the calls in it came with, where it is known and the client left it out.

        The very same call where there is nothing to add.
        """
        if not self._of_model[model] or not _may_lack(call):
            return call
        found: dict[int, _Reasoning] = {}
        walk = Walk(model)
        for position, message in enumerate(_messages(call)):
            calls = message.calls()
            if calls and message.reasoning_opaque == envelope.NULL:
                reasoning = self._find((model, walk.fingerprint(calls)))
                if reasoning is not None:
                    found[position] = reasoning
            walk.go(message, calls)
        return _filled(call, found) if found else call

    def listen(self, model: str, call: Call) -> "Listener | None":
        """Who hears the answer to ``call``; nobody where no tools are offered."""
        offered = any(not envelope.is_absent(call.envelope, name) for name in _OFFERS)
        return Listener(self, model, call) if offered else None

    def keep(self, model: str, call: Call, answers: Iterable["Answer"]) -> None:
        """Remember the reasoning of good answers to ``call``, by all calls of each, and by the first alone for clients
        that return calls one by one. An answer without reasoning makes forget an older one that was like it.
        """
        telling = [answer for answer in answers if answer.calls and (answer.opaque or self._of_model[model])]
        if not telling:
            return
        walk = Walk(model)
        for message in _messages(call):
            walk.go(message, message.calls())
        for answer in telling:
            calls = answer.made()
            for name in {(model, walk.fingerprint(calls)), (model, walk.fingerprint(calls[:1]))}:
                self._forget(name)
                if answer.opaque:
                    self._put(name, answer.reasoning())

    def _find(self, name: _Name) -> _Reasoning | None:
        reasoning = self._kept.get(name)
        if reasoning is not None:
            self._kept.move_to_end(name)
        return reasoning

    def _put(self, name: _Name, reasoning: _Reasoning) -> None:
        self._kept[name] = reasoning
        self._of_model[name[0]] += 1
        self.size += reasoning.size
        while len(self._kept) > self._max_entries or self.size > self._max_bytes:
            self._forget(next(iter(self._kept)))

    def _forget(self, name: _Name) -> None:
        reasoning = self._kept.pop(name, None)
        if reasoning is not None:
            self._of_model[name[0]] -= 1
            self.size -= reasoning.size


class Listener:
    """Hears one answer chunk by chunk, and has its reasoning kept when it is told that all of it was good."""

    def __init__(self, recall: Recall, model: str, call: Call) -> None:
        self._recall = recall
        self._model = model
        self._call = call
        self._heard: list[bytes] = []
        self._called = False

    def hear(self, chunk: HubChunk) -> None:
        """Put the chunk aside if it says anything of calls or reasoning."""
        for choice in chunk.view.choices or ():
            delta = choice.delta
            if delta is not None and (delta.tool_calls or delta.reasoning_content or delta.reasoning_opaque):
                self._called = self._called or bool(delta.tool_calls)
                self._heard.append(chunk.data)
                return

    def end(self) -> None:
        """The answer was good to its end."""
        if not self._called:
            return
        answers: dict[int, Answer] = {}
        for choice in self._choices():
            answers.setdefault(choice.index, Answer()).add(choice.delta)
        self._recall.keep(self._model, self._call, answers.values())

    def _choices(self) -> list[_Choice]:
        try:
            return [choice for data in self._heard for choice in _decode_chunk(data).choices]
        except envelope.UNREADABLE:
            return []  # a kind of call that nobody knows yet, which fronts hand on


class Answer:
    """What one choice of an answer says of calls and reasoning."""

    def __init__(self) -> None:
        self.calls: dict[int, list[ToolCall]] = {}
        self.opaque = ""
        self._content: list[str] = []

    def add(self, delta: _Delta) -> None:
        """The next piece. Of several signatures the last one counts (official client)."""
        self.opaque = delta.reasoning_opaque or self.opaque
        self._content.append(delta.reasoning_content or "")
        for call in delta.tool_calls or ():
            self.calls.setdefault(call.index or 0, []).append(call)

    def made(self) -> list[Made]:
        """Its calls."""
        return [made(self.calls[index]) for index in sorted(self.calls)]

    def reasoning(self) -> _Reasoning:
        """Its reasoning."""
        content = "".join(self._content)
        size = _ENTRY_BYTES + len(self.opaque) + len(content)
        return _Reasoning(envelope.raw(self.opaque), envelope.raw(content) if content else None, size)


def _may_lack(call: Call) -> bool:
    """Whether calls in ``call`` may be without their reasoning; those of the old ``functions`` are not in the view."""
    return any(_lacks(message) for message in call.request.messages) or "functions" in call.envelope


def _lacks(message: RequestMessage) -> bool:
    return bool(message.tool_calls) and bytes(message.reasoning_opaque) in {b"", b"null"}


def _messages(call: Call) -> Sequence[Message]:
    """The messages; none where they cannot be read, which the back will say."""
    try:
        return _decode_messages(call.envelope["messages"])
    except envelope.UNREADABLE:
        return ()


def _filled(call: Call, found: dict[int, _Reasoning]) -> Call:
    whole = _decode_raws(call.envelope["messages"])
    views = list(call.request.messages)
    for position, reasoning in found.items():
        message = envelope.decode(whole[position])
        message["reasoning_opaque"] = reasoning.opaque
        if reasoning.content is not None and envelope.is_absent(message, "reasoning_content"):
            message["reasoning_content"] = reasoning.content
        whole[position] = envelope.raw(message)
        views[position] = msgspec.structs.replace(
            views[position],
            reasoning_opaque=message["reasoning_opaque"],
            reasoning_content=message.get("reasoning_content", msgspec.Raw()),
        )
    return call._replace(
        envelope={**call.envelope, "messages": envelope.raw(whole)},
        request=msgspec.structs.replace(call.request, messages=views),
    )


_decode_chunk: Final = msgspec.json.Decoder(_Chunk).decode
_decode_messages: Final = msgspec.json.Decoder(list[Message]).decode
_decode_raws: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
