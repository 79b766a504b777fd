"""GitHub and Copilot on one socket, byte by byte as a test says: they may reset, stall, split and lie.

    from faults.upstream import CHAT, open_front, reset, stream

    async with open_front(tmp_path) as front:
        front.upstream.play("/chat/completions", stream(b"data: ...", then=reset))
        answer = await front.http.post("/v1/chat/completions", json=CHAT)

A script is ``async def script(wire: Wire) -> None``: it is called once a request has come whole, may write what it
likes, and ends by leaving the connection open for the next request, by closing it, by :func:`reset` or by
:func:`stall`. Paths that nobody has written a script for answer as they should: the token, the list of models, and
short whole or streamed answers in Copilot's three dialects.
"""

import functools
import json
import socket
import struct
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import h11
import httpx
import trio

from passenger_trio.config import Config, load
from passenger_trio.copilot.store import TokenStore
from passenger_trio.secret import Secret
from passenger_trio.server import run

EVENTS: Final = "text/event-stream"
JSON: Final = "application/json"
LOGIN: Final = "ghu_" + "a1B2" * 9
TOKEN_PATH: Final = "/copilot_internal/v2/token"

CHAT_MODEL, RESPONSES_MODEL, MESSAGES_MODEL = "gpt-4o", "gpt-5.3-codex", "claude-sonnet-4.5"
"""What the list has: one that only chats, one that only speaks Responses, one that only speaks Messages."""

SAYS_HI: Final = [{"role": "user", "content": "hi"}]
CHAT: Final[dict[str, Any]] = {"model": CHAT_MODEL, "messages": SAYS_HI}
RESPONSES: Final[dict[str, Any]] = {"model": RESPONSES_MODEL, "input": "hi"}
MESSAGES: Final[dict[str, Any]] = {"model": MESSAGES_MODEL, "max_tokens": 64, "messages": SAYS_HI}


def listed(name: str, *paths: str) -> dict[str, Any]:
    """An entry of the list of models."""
    return {
        "id": name,
        "name": name,
        "object": "model",
        "vendor": "Azure OpenAI",
        "version": name,
        "model_picker_enabled": True,
        "supported_endpoints": list(paths),
        "capabilities": {
            "family": name,
            "object": "model_capabilities",
            "tokenizer": "o200k_base",
            "type": "chat",
            "limits": {"max_context_window_tokens": 128000, "max_output_tokens": 16384, "max_prompt_tokens": 128000},
            "supports": {"streaming": True, "tool_calls": True, "parallel_tool_calls": True, "vision": True},
        },
    }


MODELS: Final = [
    listed(CHAT_MODEL, "/chat/completions"),
    listed(RESPONSES_MODEL, "/responses"),
    listed(MESSAGES_MODEL, "/v1/messages"),
]


class Request(NamedTuple):
    """A request as it came; ``connection`` counts from 1, header names are lower-case, ``at`` is the monotonic time."""

    connection: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Wire:
    """One connection, in the hands of a script."""

    upstream: "Upstream"
    stream: trio.SocketStream
    number: int
    request: Request
    sent: int = 0
    closed: bool = False

    async def send(self, data: bytes) -> None:
        """Raises :class:`trio.BrokenResourceError` when the other side has gone."""
        await self.stream.send_all(data)
        self.sent += len(data)
        self.upstream.bytes_sent += len(data)

    async def head(self, status: int = 200, **headers: str) -> None:
        """A status line and headers; ``content_type`` for ``content-type``."""
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items()), "", ""]
        await self.send("\r\n".join(lines).encode())

    async def events(self, **headers: str) -> None:
        """The head of an event stream in chunks."""
        await self.head(200, content_type=EVENTS, transfer_encoding="chunked", **headers)

    async def chunk(self, data: bytes) -> None:
        """A chunk; ``b""`` is the last one."""
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def answer(self, body: bytes, status: int = 200, content_type: str = JSON, **headers: str) -> None:
        """A whole answer with its length."""
        await self.head(status, content_type=content_type, content_length=str(len(body)), **headers)
        await self.send(body)

    async def close(self) -> None:
        """Say goodbye politely."""
        self.closed = True
        await self.stream.aclose()

    async def reset(self) -> None:
        """Say goodbye with an RST."""
        self.closed = True
        await self.slam(self.stream)

    @staticmethod
    async def slam(stream: trio.SocketStream) -> None:
        """End a connection with an RST."""
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()

    async def stall(self) -> None:
        """Not a byte more, until the other side has gone."""
        with_end = True
        while with_end:
            try:
                with_end = bool(await self.stream.receive_some(4096))
            except trio.BrokenResourceError:
                with_end = False
        self.upstream.left.append(time.monotonic())
        await self.close()


Script = Callable[[Wire], Awaitable[None]]
Greeting = Callable[[trio.SocketStream, int], Awaitable[bool]]
"""What happens to a connection before its first request: whether it goes on to be served."""


class Upstream:
    """The scripted side. ``requests`` are all that came, ``opened`` and ``open`` count connections.

    ``left`` has the monotonic times at which a stalling script saw the other side go.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.origin = run.origin_of(sock)
        self.port: int = sock.getsockname()[1]
        self.requests: list[Request] = []
        self.left: list[float] = []
        self.opened = 0
        self.open = 0
        self.bytes_sent = 0
        self.broken = 0
        self.token_life = 1800
        self.models = MODELS
        self.greeting: Greeting | None = None
        self.ignores_goodbyes = False
        self._sock = sock
        self._scripts: dict[str, list[Script]] = {}

    def play(self, path: str, *scripts: Script) -> None:
        """Answer ``path`` with each script in turn, and with the last one from then on; none: as it should be."""
        self._scripts[path] = list(scripts)

    def asked(self, path: str) -> list[Request]:
        """The requests for ``path``."""
        return [request for request in self.requests if request.path == path]

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled."""
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._sock))
        task_status.started()
        await trio.serve_listeners(self._connection, [listener])

    async def _connection(self, stream: trio.SocketStream) -> None:
        self.opened += 1
        number = self.opened
        self.open += 1
        try:
            async with stream:
                if self.greeting is not None and not await self.greeting(stream, number):
                    return
                await self._requests(stream, number)
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
            pass  # the other side has gone, which is its right
        finally:
            self.open -= 1

    async def _requests(self, stream: trio.SocketStream, number: int) -> None:
        # h11 reads requests; what is answered is the script's own affair
        parser = h11.Connection(h11.SERVER)
        head: h11.Request | None = None
        body = b""
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                data = await stream.receive_some(65536)
                if not data and head is None:
                    if self.ignores_goodbyes:
                        await trio.sleep_forever()
                    return
                parser.receive_data(data)
            elif isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                headers = {name.decode(): value.decode() for name, value in head.headers}
                path = head.target.decode()
                request = Request(number, head.method.decode(), path, headers, body, time.monotonic())
                self.requests.append(request)
                wire = Wire(self, stream, number, request)
                await self._script(path)(wire)
                if wire.closed:
                    return
                parser, head = h11.Connection(h11.SERVER), None
            else:
                return

    def _script(self, path: str) -> Script:
        scripts = self._scripts.get(path)
        if not scripts:
            return well
        return scripts.pop(0) if len(scripts) > 1 else scripts[0]


# ---- what Copilot says when all is well


def chat_chunk(text: str | None = None, *, finish: str | None = None) -> bytes:
    """An event of a chat stream."""
    delta = {} if text is None else {"content": text, "role": "assistant"}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk: dict[str, Any] = {"id": "c1", "created": 1, "model": CHAT_MODEL, "choices": [choice]}
    if finish is not None:
        chunk["usage"] = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def named(name: str, **fields: Any) -> bytes:
    """An event of a Responses or Messages stream."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


CHAT_WHOLE: Final = json.dumps(
    {
        "id": "c1",
        "created": 1,
        "model": CHAT_MODEL,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello."}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
).encode()
CHAT_EVENTS: Final = [chat_chunk("Hel"), chat_chunk("lo."), chat_chunk(finish="stop"), b"data: [DONE]\n\n"]

_TEXT: Final[dict[str, Any]] = {"type": "output_text", "text": "Hello.", "annotations": []}
_ITEM: Final[dict[str, Any]] = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [_TEXT],
}
_RESPONSE: Final[dict[str, Any]] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": RESPONSES_MODEL,
    "status": "completed",
    "output": [_ITEM],
    "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
}
_BEGUN: Final[dict[str, Any]] = {**_RESPONSE, "status": "in_progress", "output": []}
_PLACE: Final[dict[str, Any]] = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
RESPONSES_WHOLE: Final = json.dumps(_RESPONSE).encode()
RESPONSES_EVENTS: Final = [
    named("response.created", sequence_number=0, response=_BEGUN),
    named("response.output_item.added", sequence_number=1, output_index=0, item={**_ITEM, "content": []}),
    named("response.content_part.added", sequence_number=2, part={**_TEXT, "text": ""}, **_PLACE),
    named("response.output_text.delta", sequence_number=3, delta="Hel", **_PLACE),
    named("response.output_text.delta", sequence_number=4, delta="lo.", **_PLACE),
    named("response.output_text.done", sequence_number=5, text="Hello.", **_PLACE),
    named("response.content_part.done", sequence_number=6, part=_TEXT, **_PLACE),
    named("response.output_item.done", sequence_number=7, output_index=0, item=_ITEM),
    named("response.completed", sequence_number=8, response=_RESPONSE),
]

_MESSAGE: Final[dict[str, Any]] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": MESSAGES_MODEL,
    "content": [{"type": "text", "text": "Hello."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
MESSAGES_WHOLE: Final = json.dumps(_MESSAGE).encode()
MESSAGES_EVENTS: Final = [
    named("message_start", message={**_MESSAGE, "content": [], "stop_reason": None}),
    named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    named("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hel"}),
    named("content_block_delta", index=0, delta={"type": "text_delta", "text": "lo."}),
    named("content_block_stop", index=0),
    named("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 2}),
    named("message_stop"),
]


class Speech(NamedTuple):
    """What an endpoint of Copilot's answers: whole, and as events."""

    whole: bytes
    events: list[bytes]


SPEECHES: Final = {
    "/chat/completions": Speech(CHAT_WHOLE, CHAT_EVENTS),
    "/responses": Speech(RESPONSES_WHOLE, RESPONSES_EVENTS),
    "/v1/messages": Speech(MESSAGES_WHOLE, MESSAGES_EVENTS),
}


async def well(wire: Wire) -> None:
    """Answer as one should."""
    path = wire.request.path
    if path == TOKEN_PATH:
        await wire.answer(json.dumps(token(wire.upstream)).encode())
    elif path.startswith("/models"):
        await wire.answer(json.dumps({"object": "list", "data": wire.upstream.models}).encode())
    elif (speech := SPEECHES.get(path)) is None:
        await wire.answer(b'{"message": "Not Found"}', 404)
    elif not wire.request.json().get("stream"):
        await wire.answer(speech.whole)
    else:
        await stream(*speech.events)(wire)


def token(upstream: Upstream, life: float | None = None) -> dict[str, Any]:
    """The answer of the token exchange; ``life`` in seconds."""
    life = upstream.token_life if life is None else life
    expires = int(time.time() + life)
    return {
        "token": f"tid={len(upstream.requests):032x};exp={expires};sku=monthly_subscriber;chat=1",
        "expires_at": expires,
        "refresh_in": int(life) - 300 if life > 600 else int(life / 2),
        "endpoints": {"api": upstream.origin},
        "chat_enabled": True,
        "sku": "monthly_subscriber",
    }


# ---- scripts


class Ending(Protocol):
    """How a script ends."""

    async def __call__(self, wire: Wire, /) -> None: ...


async def ended(wire: Wire) -> None:
    """The last chunk; the connection stays."""
    await wire.chunk(b"")


async def stall(wire: Wire) -> None:
    """Silence, until the other side goes."""
    await wire.stall()


async def reset(wire: Wire) -> None:
    """An RST."""
    await wire.reset()


async def close(wire: Wire) -> None:
    """A FIN."""
    await wire.close()


def stream(*pieces: bytes, pause: float = 0.0, then: Ending = ended, **headers: str) -> Script:
    """An event stream, each piece a chunk of its own, ``pause`` seconds before each, and then an end."""

    async def script(wire: Wire) -> None:
        await wire.events(**headers)
        for piece in pieces:
            await trio.sleep(pause)
            await wire.chunk(piece)
        await then(wire)

    return script


def whole(body: bytes, status: int = 200, content_type: str = JSON, **headers: str) -> Script:
    """A whole answer."""

    async def script(wire: Wire) -> None:
        await wire.answer(body, status, content_type, **headers)

    return script


def raw(data: bytes, then: Ending = close) -> Script:
    """Any bytes at all, and then an end."""

    async def script(wire: Wire) -> None:
        await wire.send(data)
        await then(wire)

    return script


# ---- the house before it


@dataclass
class Front:
    """A running house: its origin, a client of it, and the scripted upstream behind it."""

    url: str
    http: httpx.AsyncClient
    upstream: Upstream
    config: Config
    directory: Path
    cancel: trio.CancelScope = field(default_factory=trio.CancelScope)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


async def until(true: Callable[[], bool], seconds: float = 5.0) -> float:
    """Wait until ``true()``; returns the seconds it took, and fails after ``seconds``."""
    began = trio.current_time()
    with trio.fail_after(seconds):
        while not true():
            await trio.sleep(0.002)
    return trio.current_time() - began


@asynccontextmanager
async def open_upstream() -> AsyncGenerator[Upstream]:
    """The scripted upstream alone: for the program in a process of its own."""
    sock = run.listen("127.0.0.1", 0)
    upstream = Upstream(sock)
    async with trio.open_nursery() as nursery:
        await nursery.start(upstream.serve)
        yield upstream
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_front(directory: Path, *, patience: float = 30, **flags: Any) -> AsyncGenerator[Front]:
    """A house that is logged in, with a scripted upstream. ``flags`` are ``section__key=value``."""
    with trio.fail_after(patience):
        async with open_upstream() as upstream:
            config = load(
                environ={},
                flags={
                    "github.device_code_url": f"{upstream.origin}/login/device/code",
                    "github.oauth_token_url": f"{upstream.origin}/login/oauth/access_token",
                    "github.copilot_token_url": upstream.origin + TOKEN_PATH,
                    "copilot.api_base_url": upstream.origin,
                    "tokens.access_token_path": str(directory / "access_token.json"),
                    "tokens.copilot_token_path": str(directory / "token.json"),
                    "server.port": 0,
                    **{name.replace("__", "."): value for name, value in flags.items()},
                },
            ).config
            await TokenStore.of(config).save_access(Secret(LOGIN))
            sock = run.listen("127.0.0.1", 0)
            async with trio.open_nursery() as nursery:
                url = await nursery.start(functools.partial(run.serve, config, sock, handle_signals=False))
                async with httpx.AsyncClient(base_url=url, timeout=15) as http:
                    yield Front(url, http, upstream, config, directory, nursery.cancel_scope)
                nursery.cancel_scope.cancel()
