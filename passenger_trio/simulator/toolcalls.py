"""Which of the offered tools a prompt calls, and with what.

This stands in for a model's judgement: a tool is called when a word of its name is in the prompt, so that "what is the
weather in Paris and Rome" calls ``get_weather`` twice.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from passenger_trio.simulator.conversation import Conversation, Function, NamedChoice, parameters_of
from passenger_trio.simulator.directives import BadDirective, Script, ScriptedCall
from passenger_trio.simulator.refusals import Refused, invalid_body
from passenger_trio.simulator.schema import Unsatisfiable, example
from passenger_trio.simulator.schema_merge import is_object

_NAME: Final = r"[A-Z][\w'-]*(?: [A-Z][\w'-]*)*"
_PAIR: Final = re.compile(rf"({_NAME}) and ({_NAME})")
_SUBJECT: Final = re.compile(rf"(?<=[\w,:;] ){_NAME}")  # capitalised, and not because a sentence begins
_EVERYWHERE: Final = frozenset({"get", "set", "the", "and", "for"})  # in too many names and prompts to tell anything


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A function to be called; ``subject`` is what its first free string is about, if anything."""

    function: Function
    subject: str | None = None


def choose(conversation: Conversation, script: Script) -> tuple[ScriptedCall, ...]:
    """The calls to make, perhaps none; at most one where ``parallel_tool_calls`` is false.

    Raises :class:`BadDirective`, or :class:`Refused` for a ``tool_choice`` or a schema that cannot be followed.
    """
    if conversation.results():
        return ()
    calls = script.calls or tuple(_call(wanted, script.prompt) for wanted in _wanted(conversation, script))
    return calls[:1] if conversation.parallel_tool_calls is False else calls


def _wanted(conversation: Conversation, script: Script) -> Sequence[_Wanted]:
    functions = [tool.function for tool in conversation.tools or ()]
    choice = conversation.tool_choice
    if script.two:
        if not functions:
            raise BadDirective("[[two]] calls the offered tools, and this request offers none")
        return [_Wanted(function) for function in (functions[:2] if len(functions) > 1 else functions * 2)]
    if choice == "none" or script.reply is not None or script.long:
        return []
    if isinstance(choice, NamedChoice):
        named = [function for function in functions if function.name == choice.function.name]
        if not named:
            raise Refused(invalid_body(f"tool_choice names {choice.function.name!r}, which is not in tools"))
        return _one_or_two(named[0], script.prompt)
    last = conversation.messages[-1]
    matching = [function for function in functions if last.role == "user" and _is_about(function, script.prompt)]
    if choice == "required" and not matching:
        if not functions:
            raise Refused(invalid_body("tool_choice is required, and there are no tools"))
        matching = functions[:1]
    if len(matching) == 1:
        return _one_or_two(matching[0], script.prompt)
    return [_Wanted(function, _subject(script.prompt)) for function in matching]


def _one_or_two(function: Function, prompt: str) -> Sequence[_Wanted]:
    pair = _PAIR.search(prompt)
    if pair and _with_subject(function, _arguments(function, prompt), pair[1]) is not None:
        return [_Wanted(function, pair[1]), _Wanted(function, pair[2])]
    return [_Wanted(function, _subject(prompt))]


def _subject(prompt: str) -> str | None:
    found = _SUBJECT.search(prompt)
    return found[0] if found else None


def _is_about(function: Function, prompt: str) -> bool:
    words = {word.lower() for word in re.findall(r"[^\W_]+", prompt)}
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", function.name)
    parts = [part.lower() for part in re.findall(r"[^\W_]{3,}", spaced)]
    return any(part not in _EVERYWHERE and (part in words or part + "s" in words) for part in parts)


def _call(wanted: _Wanted, prompt: str) -> ScriptedCall:
    arguments = _arguments(wanted.function, prompt)
    if wanted.subject is not None:
        arguments = _with_subject(wanted.function, arguments, wanted.subject) or arguments
    return ScriptedCall(wanted.function.name, msgspec.json.encode(arguments).decode())


def _arguments(function: Function, prompt: str) -> dict[str, object]:
    try:
        made = example(parameters_of(function), prompt)
    except Unsatisfiable as error:
        raise Refused(invalid_body(f"simulator: the parameters of {function.name!r}: {error}")) from None
    # A function's arguments are an object, whatever its schema says.
    return {str(name): value for name, value in made.items()} if is_object(made) else {}


def _with_subject(function: Function, arguments: dict[str, object], subject: str) -> dict[str, object] | None:
    """``arguments`` with ``subject`` as the first string that is free to hold it, or None if there is none."""
    about = _arguments(function, subject)
    free = next((name for name in arguments if about.get(name) == subject), None)
    return None if free is None else {**arguments, free: subject}
