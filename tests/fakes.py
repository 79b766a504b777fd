"""Stand-ins at the lowest seam: a transport that plays scripts, and a fetch that answers from a list."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import httpx
import msgspec
import trio

from passenger_trio.copilot.client import Answer
from passenger_trio.copilot.protocol import Headers
from passenger_trio.copilot.tokens import CopilotToken
from passenger_trio.secret import Secret


@dataclass
class Script:
    """One answer: status, headers, chunks; an exception among the chunks is raised there, a number is a pause."""

    status: int = 200
    chunks: Sequence[bytes | Exception | float] = (b"{}",)
    headers: dict[str, str] = field(default_factory=dict)


class _Body(httpx.AsyncByteStream):
    def __init__(self, chunks: Sequence[bytes | Exception | float], closed: Callable[[], None]) -> None:
        self._chunks = chunks
        self._closed = closed
        self._is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if self._is_closed:
                raise httpx.ReadError("the stream is closed")
            if isinstance(chunk, Exception):
                raise chunk
            if isinstance(chunk, float):
                await trio.sleep(chunk)
            else:
                await trio.lowlevel.checkpoint()
                yield chunk

    async def aclose(self) -> None:
        self._is_closed = True
        self._closed()


class FakeCopilot(httpx.AsyncBaseTransport):
    """Plays ``scripts`` in order, the last one again and again; an exception is raised instead of an answer."""

    def __init__(self, *scripts: Script | Exception) -> None:
        self.scripts = list(scripts)
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []
        self.closed = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        self.bodies.append(b"".join([part async for part in request.stream]))
        self.requests.append(request)
        await trio.lowlevel.checkpoint()
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        if isinstance(script, Exception):
            raise script
        return httpx.Response(script.status, headers=script.headers, stream=_Body(script.chunks, self._close))

    def _close(self) -> None:
        self.closed += 1


class FakeTokens:
    """Tokens ``tid=1``, ``tid=2``, ...: a doubted one is replaced, as long as ``fresh`` says that there are more."""

    def __init__(self, api: str = "https://api.example.com", fresh: int = 9) -> None:
        self.api = api
        self.fresh = fresh
        self.number = 1
        self.doubted: list[str] = []
        self._token = self._make()

    def _make(self) -> CopilotToken:
        return CopilotToken(Secret(f"tid={self.number}"), float("inf"), self.api)

    async def current(self) -> CopilotToken:
        await trio.lowlevel.checkpoint()
        return self._token

    async def another(self, token: CopilotToken) -> CopilotToken | None:
        return await self.current() if self.doubt(token) else None

    def doubt(self, token: CopilotToken) -> bool:
        self.doubted.append(token.secret.reveal())
        if not self.fresh:
            return False
        self.fresh -= 1
        self.number += 1
        self._token = self._make()
        return True


class FakeFetch:
    """Answers from a list, the last one again and again; an exception is raised instead."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Headers, bytes | None]] = []
        self.times: list[float] = []

    async def __call__(self, method: str, url: str, headers: Headers, content: bytes | None = None) -> Answer:
        await trio.lowlevel.checkpoint()
        self.asked.append((method, url, headers, content))
        self.times.append(trio.current_time())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def answer(status: int = 200, headers: dict[str, str] | None = None, /, **body: object) -> Answer:
    """An answer whose body is a JSON object."""
    return Answer(status, headers or {}, msgspec.json.encode(body))
