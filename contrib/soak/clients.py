"""Clients of every dialect, in raw HTTP, each of which can say of every answer what became of it."""

import json
import random
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Literal

import h11
import trio

Verdict = Literal["complete", "told", "refused", "left", "door-closed", "UNACCOUNTED"]
"""What became of an answer: whole and well; ended by its dialect's error; an error status; cut by the client's own
leaving; not taken, by a server that was just stopping. Anything else must not be.
"""

PATIENCE: Final = 180.0
"""Seconds after which an answer hangs."""

LIES: Final = ("[[midfail]]", "[[cut:2500]]", "[[nofinish]]", "[[tail]]", "[[inband]]")
"""With ``[[long]]`` no stream that one of these spoils may end well."""

TRUTHS: Final = ("", "", "", "[[bytes:211]]", "[[crlf]]", "[[comments]]", "[[nodone]]", "[[pause:1]]", "[[http:429]]")


@dataclass(frozen=True)
class Dialect:
    """A route, what is asked there, and how its streams end well and badly."""

    path: str
    models: tuple[str, ...]
    body: Callable[[str], dict[str, Any]]
    good: re.Pattern[bytes]
    bad: re.Pattern[bytes]
    streams_within: bool = False  # it is asked for in a stream, even if the client wants it whole


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


_CHATS: Final = ("gpt-4o", "gpt-4.1", "claude-sonnet-4.5", "gpt-5.3-codex", "claude-opus-4.7", "gpt-5-mini")
_DONE: Final = re.compile(rb"^data: \[DONE\]\n\n\Z", re.MULTILINE)
_ERROR: Final = re.compile(rb'^data: \{"error"', re.MULTILINE)
_LINE: Final = re.compile(rb'^\{"error":', re.MULTILINE)
_DONE_LINE: Final = re.compile(rb'"done":true[^\n]*\n\Z')

DIALECTS: Final = (
    Dialect("/v1/chat/completions", _CHATS, said, _DONE, _ERROR),
    Dialect("/v1/completions", ("gpt-4o", "gpt-4.1"), lambda text: {"prompt": text}, _DONE, _ERROR),
    Dialect(
        "/v1/responses",
        _CHATS,
        lambda text: {"input": text},
        re.compile(rb"^event: response\.completed\n", re.MULTILINE),
        re.compile(rb"^event: (response\.failed|error)\n", re.MULTILINE),
    ),
    Dialect(
        "/v1/messages",
        _CHATS,
        lambda text: {**said(text), "max_tokens": 4096},
        re.compile(rb"^event: message_stop\n", re.MULTILINE),
        re.compile(rb"^event: error\n", re.MULTILINE),
    ),
    Dialect("/api/chat", _CHATS, said, _DONE_LINE, _LINE, streams_within=True),
    Dialect("/api/generate", _CHATS, lambda text: {"prompt": text}, _DONE_LINE, _LINE, streams_within=True),
)
BEHIND: Final = (b"\r\n", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", bytes(9000))
EMBEDDINGS: Final = ("/v1/embeddings", "/api/embed")


@dataclass(frozen=True)
class Question:
    """What is asked, how the client behaves, and what must not come of it."""

    path: str
    body: dict[str, Any]
    stream: bool
    dialect: Dialect | None
    spoilt: bool = False
    long: bool = False
    leaves_after: float | None = None
    slow: bool = False
    behind: bytes = b""
    """What is sent behind the request, where nothing should be."""


def question(dice: random.Random) -> Question:
    """Any question of any client."""
    if dice.random() < 0.08:
        body: dict[str, Any] = {"model": "text-embedding-3-small", "input": ["a", "b"]}
        return Question(dice.choice(EMBEDDINGS), body, stream=False, dialect=None)
    dialect = dice.choice(DIALECTS)
    stream = dice.random() < 0.7
    long = dice.random() < 0.5
    spoilt = long and dice.random() < 0.3
    directive = dice.choice(LIES if spoilt else TRUTHS)
    text = f"{'[[long]]' if long else '[[reply:so it is]]'}{directive} number {dice.randrange(1 << 30)}"
    body = {"model": dice.choice(dialect.models), **dialect.body(text), "stream": stream}
    return Question(
        dialect.path,
        body,
        stream=stream,
        dialect=dialect,
        spoilt=spoilt and (stream or dialect.streams_within),
        long=long,
        leaves_after=dice.uniform(0, 2.0) if dice.random() < 0.2 else None,
        slow=dice.random() < 0.1,
        behind=dice.choice(BEHIND) if dice.random() < 0.1 else b"",
    )


async def ask(port: int, asked: Question) -> tuple[Verdict, str]:
    """Ask, and say what became of it, with the reason where it must not be."""
    with trio.move_on_after(PATIENCE if asked.leaves_after is None else asked.leaves_after) as patience:
        return await _ask(port, asked)
    if asked.leaves_after is not None and patience.cancelled_caught:
        return "left", ""
    return "UNACCOUNTED", f"no end after {PATIENCE} s of {asked}"


async def _ask(port: int, asked: Question) -> tuple[Verdict, str]:
    status, content, broken = 0, b"", ""
    try:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
    except OSError:
        return "door-closed", ""
    async with stream:
        try:
            async with aclosing(exchange(stream, asked)) as pieces:
                async for code, piece in pieces:
                    status, content = code, content + piece
        except (trio.BrokenResourceError, h11.RemoteProtocolError) as error:
            broken = f"{type(error).__name__}: {error}"
    if broken and not status:
        return "door-closed", broken
    return judge(asked, status, content, broken)


async def exchange(stream: trio.SocketStream, asked: Question) -> AsyncGenerator[tuple[int, bytes], None]:
    """The status and the pieces of the answer. Raises where it is not whole."""
    parser = h11.Connection(h11.CLIENT)
    content = json.dumps(asked.body).encode()
    headers = [("Host", "localhost"), ("Content-Length", str(len(content))), ("Connection", "close")]
    head = parser.send(h11.Request(method="POST", target=asked.path, headers=headers))
    await stream.send_all((head or b"") + (parser.send(h11.Data(data=content)) or b"") + asked.behind)
    parser.send(h11.EndOfMessage())
    status = 0
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            if asked.slow:
                await trio.sleep(0.05)
            parser.receive_data(await stream.receive_some(2048 if asked.slow else 65536))
        elif isinstance(event, h11.Response):
            status = event.status_code
            yield status, b""
        elif isinstance(event, h11.Data):
            yield status, bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return


def judge(asked: Question, status: int, content: bytes, broken: str) -> tuple[Verdict, str]:
    """What became of an answer of which at least the status has come."""
    if broken:
        return "UNACCOUNTED", f"{asked.path} {status} cut: {broken}; ... {content[-200:]!r}"
    if status >= 400:
        return _refusal(asked, status, content)
    if not asked.stream or asked.dialect is None:
        return _whole(asked, content)
    good = asked.dialect.good.search(content) is not None
    bad = asked.dialect.bad.search(content) is not None
    if good == bad:
        return "UNACCOUNTED", f"{asked.path} {'both ends' if good else 'no end'}: ... {content[-300:]!r}"
    if good and (asked.spoilt or (asked.long and b"word300" not in content)):
        return "UNACCOUNTED", f"{asked.path} {asked.body} a good-looking half: ... {content[-300:]!r}"
    return ("complete" if good else "told"), ""


def _refusal(asked: Question, status: int, content: bytes) -> tuple[Verdict, str]:
    try:
        error = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        return "UNACCOUNTED", f"{asked.path} {status} is no error of its dialect: {content[:300]!r}"
    if status == 500 and "mistake" in str(error):
        return "UNACCOUNTED", f"{asked.path} {status}: {error}"
    return "refused", ""


def _whole(asked: Question, content: bytes) -> tuple[Verdict, str]:
    try:
        answer = json.loads(content)
    except ValueError:
        return "UNACCOUNTED", f"{asked.path} is no JSON: {content[-300:]!r}"
    if "error" in answer and answer["error"] is not None:
        return "UNACCOUNTED", f"{asked.path} 200 with an error: {content[:300]!r}"
    if asked.spoilt or (asked.long and b"word300" not in content):
        return "UNACCOUNTED", f"{asked.path} {asked.body} a good-looking half: ... {content[-300:]!r}"
    return "complete", ""
