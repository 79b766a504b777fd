"""The words in double brackets by which a prompt steers its own answer: ``[[reply:hello]]``, ``[[http:429]]``, ...

Only the names below are directives; any other double bracket is text like any other. ``docs/simulator.md`` lists
them for people.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Final

from passenger_trio.simulator.recorded_errors import ERRORS


class BadDirective(ValueError):
    """A directive that cannot be followed; the text says which, and why."""


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """A tool call to be made as written: ``arguments`` is the JSON text of an object."""

    name: str
    arguments: str


@dataclass(slots=True)
class Script:
    """What one text asks for. ``prompt`` is the text without its directives; the rest is told in ``docs/simulator.md``.

    ``cut`` and ``bytes`` are numbers of bytes, ``silence`` and ``pause`` seconds.
    """

    prompt: str = ""
    reply: str | None = None
    calls: tuple[ScriptedCall, ...] = ()
    two: bool = False
    think: bool = False
    long: bool = False
    length: bool = False
    midfail: bool = False
    http: int | None = None
    http_once: int | None = None
    error: str | None = None
    overflow: bool = False
    filter: bool = False
    stop: bool = False
    cut: int | None = None
    bytes: int | None = None
    silence: float = 0.0
    pause: float = 0.0
    nofinish: bool = False
    nodone: bool = False
    done: bool = False
    crlf: bool = False
    comments: bool = False
    tail: bool = False
    inband: bool = False
    failed: bool = False


_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_FLAGS: Final = {
    name: name
    for name in (
        "two",
        "think",
        "long",
        "midfail",
        "overflow",
        "filter",
        "stop",
        "nofinish",
        "nodone",
        "done",
        "crlf",
        "comments",
        "tail",
        "inband",
        "failed",
    )
} | {"len": "length"}
_ARGUED: Final = ("reply64", "reply", "call", "http1", "http", "err", "cut", "bytes", "silence", "pause")
_OPENING: Final = re.compile(rf"\[\[({'|'.join([*_FLAGS, *_ARGUED])})(?=:|\]\])")


def parse(text: str) -> Script:
    """Read the directives of ``text``. Where one is given twice the last counts; calls add up.

    Raises :class:`BadDirective`.
    """
    script = Script()
    rest: list[str] = []
    position = 0
    while opening := _OPENING.search(text, position):
        rest.append(text[position : opening.start()])
        position = _follow(script, opening[1], text, opening.end())
    rest.append(text[position:])
    script.prompt = "".join(rest).strip()
    return script


def _follow(script: Script, name: str, text: str, position: int) -> int:
    """Note one directive in ``script``; its arguments begin at ``position``. Returns where the text goes on."""
    if name == "call":
        call, end = _call(text, position)
        script.calls += (call,)
        return end
    end = text.find("]]", position)
    if end < 0:
        raise BadDirective(f"[[{name}: has no closing ]]")
    argument = text[position + 1 : end] if text[position] == ":" else None
    if flag := _FLAGS.get(name):
        if argument is not None:
            raise BadDirective(f"[[{name}]] takes nothing after its name")
        setattr(script, flag, True)
    elif argument is None:
        raise BadDirective(f"[[{name}]] needs something after a colon, as in [[{name}:...]]")
    elif name == "reply":
        script.reply = argument
    elif name == "reply64":
        script.reply = _from_base64(argument)
    elif name == "http":
        script.http = _status(name, argument)
    elif name == "http1":
        script.http_once = _status(name, argument)
    elif name == "err":
        script.error = _error(argument)
    elif name in {"cut", "bytes"}:
        setattr(script, name, _count(name, argument))
    else:
        setattr(script, name, _seconds(name, argument))
    return end + 2


def _call(text: str, position: int) -> tuple[ScriptedCall, int]:
    # The JSON may itself hold "]]", so that its end is found by reading it.
    name = _TOOL_NAME.match(text, position + 1) if text[position] == ":" else None
    if name is None:
        raise BadDirective("[[call]] needs a tool's name, as in [[call:get_weather {...}]]")
    start = _skip_space(text, name.end())
    if text.startswith("]]", start):
        return ScriptedCall(name[0], "{}"), start + 2
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise BadDirective(f"[[call:{name[0]} ...]]: the arguments are not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadDirective(f"[[call:{name[0]} ...]]: the arguments must be a JSON object")
    closing = _skip_space(text, end)
    if not text.startswith("]]", closing):
        raise BadDirective(f"[[call:{name[0]} ...]] has no closing ]] after the arguments")
    return ScriptedCall(name[0], text[start:end]), closing + 2


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _from_base64(argument: str) -> str:
    try:
        return base64.b64decode("".join(argument.split()), validate=True).decode()
    except (binascii.Error, ValueError) as error:  # UnicodeDecodeError is a ValueError
        raise BadDirective(f"[[reply64:...]]: not UTF-8 text in base64: {error}") from None


def _status(name: str, argument: str) -> int:
    if not re.fullmatch(r"[45][0-9][0-9]", argument):
        raise BadDirective(f"[[{name}:{argument}]]: a status is a number from 400 to 599")
    return int(argument)


def _error(argument: str) -> str:
    if argument not in ERRORS:
        raise BadDirective(f"[[err:{argument}]]: no such error; known are {', '.join(ERRORS)}")
    return argument


def _count(name: str, argument: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", argument) or (name == "bytes" and int(argument) == 0):
        raise BadDirective(f"[[{name}:{argument}]]: needs a number of bytes")
    return int(argument)


def _seconds(name: str, argument: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", argument):
        raise BadDirective(f"[[{name}:{argument}]]: needs a number of seconds, as in [[{name}:1.5]]")
    return float(argument)
