"""What the simulated model says: always the same to the same request, and about its prompt."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from passenger_trio.simulator import toolcalls
from passenger_trio.simulator.conversation import Conversation
from passenger_trio.simulator.directives import Script, ScriptedCall
from passenger_trio.simulator.refusals import Refused, invalid_body
from passenger_trio.simulator.schema import Unsatisfiable, example

LONG_WORDS: Final = 300
_QUOTED_WORDS: Final = 60
_QUOTED_RESULT: Final = 2000  # characters
_PIECE: Final = re.compile(r"\s*\S{1,24}|\s+")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, before it has any form on the wire.

    The pieces are the tokens: joined they are the text, and each is one event of a stream. ``text`` None means an
    answer without text, which an empty text is not. ``finish`` is one of ``stop``, ``length``, ``tool_calls`` and
    ``content_filter``; ``stopped_by`` is the stop sequence that ended it. ``explained`` says that its reasoning
    is to be shown, ``slow`` and ``broken`` how it is to be sent.
    """

    text: str | None
    pieces: Sequence[str]
    finish: str
    prompt_tokens: int
    calls: Sequence[ScriptedCall] = ()
    reasoning: Sequence[str] = field(default_factory=tuple[str, ...])
    slow: bool = False
    broken: bool = False
    stopped_by: str | None = None
    explained: bool = False

    def completion_tokens(self) -> int:
        """The pieces of the text and of the calls' names and arguments."""
        return len(self.pieces) + sum(1 + len(cut(call.arguments)) for call in self.calls)


def cut(text: str) -> list[str]:
    """``text`` in pieces: a word each, with the space before it; long words in several."""
    return _PIECE.findall(text)


def answer(conversation: Conversation, script: Script, model: str, *, thinking: bool = False) -> Answer:
    """The answer of ``model`` to ``conversation``, whose last user message reads as ``script``.

    ``thinking`` is whether the request asked for reasoning. Raises :class:`~.directives.BadDirective`, and
    :class:`Refused` for a schema that nothing satisfies.
    """
    calls = toolcalls.choose(conversation, script)
    text = script.reply if calls else _text(conversation, script, model)
    pieces: list[str] = []
    finish = "tool_calls" if calls and not script.stop else "stop"
    stopped_by: str | None = None
    if script.filter:
        calls, text, finish = (), "", "content_filter"
    if text is not None:
        place, stopped_by = _stop(text, conversation.stops())
        text = text[:place]
        pieces = cut(text)
        limit = conversation.token_limit()
        if limit is not None and len(pieces) > limit:
            pieces, finish, stopped_by = pieces[:limit], "length", None
            text = "".join(pieces)
    return Answer(
        text=text,
        pieces=pieces,
        finish="length" if script.length else finish,
        prompt_tokens=conversation.word_count(),
        calls=calls,
        reasoning=cut(_reasoning(script.prompt)) if script.think or thinking else (),
        slow=script.long,
        broken=script.midfail,
        stopped_by=stopped_by,
        explained=script.think,
    )


def _stop(text: str, stops: Sequence[str]) -> tuple[int, str | None]:
    """Where the first of the stops is, and which one it is."""
    found = [(place, stop) for stop in stops if (place := text.find(stop)) >= 0]
    return min(found, default=(len(text), None), key=lambda pair: pair[0])


def _text(conversation: Conversation, script: Script, model: str) -> str:
    if script.reply is not None:
        return script.reply
    if script.long:
        return " ".join(f"word{number:03}" for number in range(1, LONG_WORDS + 1))
    if results := conversation.results():
        return "\n".join(_quote_result(*result) for result in results)
    form = conversation.response_format
    if form is not None and form.type == "json_object":
        return _json({"answer": _prose(conversation, script, model)})
    if form is not None and form.type == "json_schema" and form.json_schema is not None:
        try:
            return _json(example(form.json_schema.schema, script.prompt))
        except Unsatisfiable as error:
            raise Refused(invalid_body(f"simulator: the schema of response_format: {error}")) from None
    return _prose(conversation, script, model)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _quote_result(name: str, result: str) -> str:
    return f"{f'The tool {name}' if name else 'A tool'} answered: {result[:_QUOTED_RESULT]}"


def _prose(conversation: Conversation, script: Script, model: str) -> str:
    words = script.prompt.split()
    sentences = [f"This is a simulated {model}; no model was asked."]
    if words:
        quoted = " ".join(words[:_QUOTED_WORDS]) + (" ..." if len(words) > _QUOTED_WORDS else "")
        sentences.append(f'You wrote {_count(len(words), "word")}: "{quoted}"')
    if pictures := conversation.pictures():
        sentences.append(f"You sent {_count(pictures, 'picture')}.")
    return " ".join(sentences)


def _reasoning(prompt: str) -> str:
    return f"The prompt has {_count(len(prompt.split()), 'word')}. I shall answer it without a model."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
