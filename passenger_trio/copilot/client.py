"""Bytes to the other side and back. Here, and nowhere else, httpx's errors become ours."""

import logging
import math
import os
import re
import time
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Final, NamedTuple, Protocol

import httpx
import trio

from passenger_trio.config import Copilot
from passenger_trio.copilot import limits, protocol
from passenger_trio.copilot.tokens import CopilotToken, Tokens
from passenger_trio.copilot.unpacking import Unpacked
from passenger_trio.errors import ConfigError, PassengerError, UpstreamBroke, UpstreamTimeout, UpstreamUnreachable
from passenger_trio.secret import Secret

logger: Final = logging.getLogger("passenger_trio.copilot")

Http = httpx.AsyncClient
Transport = httpx.AsyncBaseTransport
"""The seam for fakes: what carries requests, under the pool and TLS."""

ERROR_BODY_LIMIT: Final = 1 << 20
"""Bytes of an error's body that are read; GitHub's HTML page is 54 kB."""

LONGEST_ANSWER: Final = 256 << 20
"""Bytes of a whole answer; 2048 embeddings of 3072 numbers are about 130 MB."""

LONGEST_FETCHED: Final = 16 << 20
"""Bytes of a whole answer of GitHub's, or of whoever else has a list of models."""

REFUSAL_PATIENCE: Final = 3.0
"""Seconds that the body of a refusal may take: what counts is its status, which is here."""

SECOND_THOUGHT: Final = 5.0
"""Seconds that a refused model waits for a new token, with which it may not be refused."""

MOST_IDLE: Final = 32
"""Idle connections that are kept."""

_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")

_QUOTE: Final = re.compile(r""":? (?:bytearray\()?b['"].*""", re.DOTALL)
"""What h11 quotes of a line that is none, to the end."""


def open_http(config: Copilot, *, transport: Transport | None = None) -> httpx.AsyncClient:
    """The one client of the process; close it. Proxies come from the environment, but never for this machine.

    Redirects are not followed: a token goes to the host it is meant for. What Copilot is asked has limits of its own,
    see :mod:`passenger_trio.copilot.limits`. Raises :class:`~passenger_trio.errors.ConfigError` for a proxy or
    certificates in the environment that cannot be used.
    """
    timeout = httpx.Timeout(
        connect=config.connect_timeout, read=config.read_timeout, write=config.read_timeout, pool=config.connect_timeout
    )
    # idle connections are given up early: one that died with a VPN or a network change looks alive until it is used
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=MOST_IDLE, keepalive_expiry=30.0)
    direct = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")} if transport is None else {}
    # not a word of what is raised here: it quotes the proxy, which may have a password
    try:
        return httpx.AsyncClient(timeout=timeout, limits=limits, transport=transport, mounts=direct)
    except OSError:
        raise ConfigError(
            f"{_set(_CERTIFICATES)} in the environment names a file that cannot be used, or that has no certificates "
            "in PEM. Mend it, or take the variable out."
        ) from None
    except (ImportError, ValueError, httpx.InvalidURL):
        raise ConfigError(
            f"{_set(_PROXIES)} in the environment cannot be used. A proxy is http://HOST:PORT, or socks5://HOST:PORT "
            "where `httpx[socks]` is installed beside passenger-trio; NO_PROXY is a list of hosts without ports."
        ) from None


def _set(names: Sequence[str]) -> str:
    """Those of the variables that are set, also in small letters; never what they say."""
    return " or ".join([name for name in sorted(os.environ) if name.upper() in names and os.environ[name]] or names)


@contextmanager
def our_errors(host: str) -> Generator[None]:
    """Every failure of httpx as one of ours; ``host`` is named in the message, and no header is quoted."""
    try:
        yield
    except (httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError) as error:
        raise UpstreamBroke(
            f"Nothing was sent to {host}: its address, or a header that is meant for it, is none ({_kind(error)})."
        ) from None  # it quotes what was to be sent, and that may be a token
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        raise UpstreamUnreachable(
            f"{host} cannot be reached ({_reason(error)}). Check the network, and HTTPS_PROXY if there is a proxy."
        ) from error
    except httpx.TimeoutException as error:
        raise UpstreamTimeout(f"{host} stayed silent for too long ({type(error).__name__}).") from error
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise UpstreamBroke(f"The connection to {host} broke ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    return _QUOTE.sub("", str(error)) or _kind(error)


def _kind(error: Exception) -> str:
    return type(error).__name__


def sendable(headers: protocol.Headers) -> protocol.Headers:
    """``headers``, if they are some (RFC 9110 section 5.5, ASCII only): httpx quotes one that is none, also a token."""
    for name, value in headers:
        if not protocol.FIELD_VALUE.fullmatch(value):
            raise UpstreamBroke(
                f"Nothing was sent: the header {name} would have a line break, a space at its end, or a character that "
                "is not ASCII."
            )
    return headers


class Answer(NamedTuple):
    """A whole answer, whatever its status; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"  # an exchange's body is a token


class Fetch(Protocol):
    """A small exchange of whole bodies, which is all that GitHub's side needs."""

    async def __call__(
        self, method: str, url: str, headers: protocol.Headers, content: bytes | None = None
    ) -> Answer: ...


def fetcher(http: httpx.AsyncClient, *, read_timeout: float = 30.0) -> Fetch:
    """A :class:`Fetch` on ``http``. It raises the upstream errors of :mod:`passenger_trio.errors`."""

    async def fetch(method: str, url: str, headers: protocol.Headers, content: bytes | None = None) -> Answer:
        with our_errors(url):
            there = httpx.URL(url)
        with our_errors(there.host):
            timeout = httpx.Timeout(http.timeout.connect, read=read_timeout)
            request = http.build_request(
                method,
                there,
                headers=sendable([*headers, ("Accept-Encoding", "identity")]),
                content=content,
                timeout=timeout,
                extensions={"trace": limits.notice_death},
            )
            request.stream = _Body(content or b"")
            sent = time.perf_counter_ns()
            response = await http.send(request, stream=True)
        reply = Reply(response, sent)
        try:
            body = await (reply.everything(LONGEST_FETCHED) if response.is_success else reply.refusal())
        finally:
            await reply.aclose()
        return Answer(response.status_code, reply.headers, body)

    return fetch


class Reply:
    """An answer of Copilot's that has begun with a good status. Whoever opened it closes it: :meth:`aclose`.

    ``sent`` is when the request began its way, in nanoseconds of :func:`time.perf_counter_ns`; ``due`` is when the
    first byte has to be here, ``ends`` when the last one has, on Trio's clock. Without ``bounds`` httpx's own limits
    are all there are.
    """

    def __init__(
        self,
        response: httpx.Response,
        sent: int,
        bounds: limits.Limits | None = None,
        *,
        due: float = math.inf,
        ends: float = math.inf,
    ) -> None:
        self.sent = sent
        self._response = response
        self._host = response.request.url.host
        self._chunks = self._iterate(response)
        self._ended = False
        self._bounds = bounds
        self._due = due
        self._ends = ends
        self.headers: Mapping[str, str] = dict(response.headers)

    @staticmethod
    def _iterate(response: httpx.Response) -> AsyncIterator[bytes]:
        if not isinstance(response.stream, httpx.AsyncByteStream):  # only a synchronous client makes another
            raise TypeError("the response is not asynchronous")
        chunks = aiter(response.stream)
        packing = response.headers.get("content-encoding", "identity")
        return chunks if packing == "identity" else Unpacked(chunks, packing)

    @property
    def is_stream(self) -> bool:
        """Whether it is an event stream, as its Content-Type has it."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    async def read(self) -> bytes:
        """The next bytes as they came from the socket, ``b""`` at the end. Raises the upstream errors."""
        if self._ended:
            return b""
        try:
            return await self._next()
        except StopAsyncIteration:
            self._ended = True
            await self._response.aclose()
            return b""
        except httpx.HTTPError as error:
            self._ended = True
            if isinstance(error, httpx.ReadTimeout) and self._bounds is not None:
                raise self._silent(self._bounds) from None
            with our_errors(self._host):
                raise

    async def _next(self) -> bytes:
        """The next bytes; a scope of our own bounds the waiting only where httpx's limit on every read is too long."""
        bounds = self._bounds
        if bounds is None or (
            self._due == math.inf and self._ends == math.inf and bounds.silence == bounds.longest_read
        ):
            return await anext(self._chunks)
        due = self._due if self._due < math.inf else trio.current_time() + bounds.silence
        with trio.CancelScope(deadline=min(due, self._ends)) as scope:
            data = await anext(self._chunks)
            self._due = math.inf
            return data
        self._ended = True
        if not scope.cancelled_caught:
            raise AssertionError("only a deadline leads here")
        raise limits.too_long(self._host, bounds) if trio.current_time() >= self._ends else self._silent(bounds)

    def _silent(self, bounds: limits.Limits) -> UpstreamTimeout:
        if self._due < math.inf:
            return limits.silent(self._host, "before the first byte", bounds.first_byte, "first_byte_timeout")
        return limits.silent(self._host, "in the middle of its answer", bounds.silence, "read_timeout")

    async def drain(self, seconds: float = 1.0) -> None:
        """Read what is left for up to ``seconds``, so that the connection can serve again instead of being thrown away.

        Nothing that comes now matters any more, nor does a failure to come.
        """
        with suppress(PassengerError), trio.move_on_after(seconds):
            while await self.read():
                pass

    async def whole(self) -> bytes:
        """All the bytes there are, if they are text and no more than any answer has. Raises the upstream errors."""
        body = await self.everything(LONGEST_ANSWER)
        if not body.isascii():
            check_text(body)
        return body

    async def everything(self, limit: int) -> bytes:
        """All the bytes there are, if they are no more than ``limit``. Raises the upstream errors."""
        pieces: list[bytes] = []
        if await self._collect(pieces, limit) > limit:
            raise UpstreamBroke(f"The answer of {self._host} does not end: it has more than {limit >> 20} MiB.")
        return b"".join(pieces)

    async def refusal(self) -> bytes:
        """What comes of a refusal's body, if any: its status is told whatever becomes of the rest."""
        pieces: list[bytes] = []
        with suppress(PassengerError), trio.move_on_after(REFUSAL_PATIENCE):
            await self._collect(pieces, ERROR_BODY_LIMIT)
        return b"".join(pieces)

    async def _collect(self, pieces: list[bytes], limit: int) -> int:
        """Read to the end, or hardly more than ``limit`` bytes; returns how many there are."""
        size = 0
        while size <= limit and (data := await self.read()):
            pieces.append(data)
            size += len(data)
        return size

    async def aclose(self) -> None:
        """Give the connection back if the answer was read to its end, close it if not. Safe to call when cancelled."""
        await self._response.aclose()
        if not self._ended:
            self._ended = True
            # the stream is a chain of async generators; reading on, past what had been buffered, ends them all, where
            # dropping them leaves them to the garbage collector and trio's warning
            with suppress(httpx.HTTPError, httpx.StreamError, PassengerError):
                while await anext(self._chunks, None) is not None:
                    pass


def check_text(data: bytes) -> None:
    """Raise :class:`~passenger_trio.errors.UpstreamBroke` for what is no UTF-8: half a character and the like."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise UpstreamBroke(f"Copilot's answer is no text: it has bytes that are not UTF-8 ({error.reason}).") from None


class CopilotClient:
    """Sends calls to the Copilot API with the account's token."""

    def __init__(self, http: httpx.AsyncClient, tokens: Tokens, config: Copilot) -> None:
        self._http = http
        self._tokens = tokens
        self._identity = protocol.identity_headers(config)
        self._limits = limits.Limits(config)
        self._prepared: tuple[CopilotToken | None, protocol.Headers] = (None, [])
        self._beyond_doubt: Secret | None = None

    def _headers(self, token: CopilotToken) -> protocol.Headers:
        """The headers that change with the token alone, built once for each."""
        if self._prepared[0] is not token:
            bearer = ("Authorization", f"Bearer {token.secret.reveal()}")
            self._prepared = (token, sendable([bearer, *self._identity, ("Accept-Encoding", "identity")]))
        return self._prepared[1]

    async def send(
        self,
        method: str,
        path: str,
        headers: protocol.Headers,
        content: bytes | None,
        stack: AsyncExitStack,
        *,
        listed: bool = False,
        prompt_limit: int | None = None,
    ) -> Reply:
        """Send and return the reply once its headers are here, with a status below 300.

        ``stack`` closes the reply. A refusal that may come of a stale token is answered by renewing it and sending once
        more, to the new token's own host: no byte of an answer had come, and no model can have run. ``listed`` says
        that the account's list has the model, enabled and on this endpoint, so that its being refused is such a
        refusal. ``prompt_limit`` is how many tokens the model takes, if that is known.

        Raises :class:`~passenger_trio.errors.UpstreamRefused` for any other status, and what ``tokens.current()``
        raises.
        """
        ends = trio.current_time() + self._limits.total
        token = await self._tokens.current()
        answer = await self._ask(self._request(token, method, path, headers, content), stack, ends)
        if not isinstance(answer, Reply) and (fresh := await self._renewed(token, answer, listed=listed)) is not None:
            answer = await self._ask(self._request(fresh, method, path, headers, content), stack, ends)
        if isinstance(answer, Reply):
            return answer
        status, told, body = answer
        raise protocol.decipher(status, told, body, sent=content or b"", prompt_limit=prompt_limit)

    async def _ask(self, request: httpx.Request, stack: AsyncExitStack, ends: float) -> Reply | Answer:
        """The reply, which ``stack`` closes, or all of a refusal.

        A request that an old connection refused to take is sent on another one: it never left. When a network has gone
        all that were idle may have died, and each try uses one up.
        """
        sent = time.perf_counter_ns()
        host = request.url.host
        died = 0
        while True:
            way = limits.Way(self._limits, host, ends)
            try:
                response = await self._send(request, way)
            except UpstreamBroke:
                died += 1
                if not way.never_left or died > MOST_IDLE:
                    raise
                logger.info("an idle connection to %s had died; the request goes over another one", host)
            else:
                break
        reply = Reply(response, sent, self._limits, due=way.first_byte_due, ends=ends)
        stack.push_async_callback(reply.aclose)
        if response.status_code < 300:
            return reply
        body = await reply.refusal()
        await reply.aclose()
        return Answer(response.status_code, reply.headers, body)

    async def _send(self, request: httpx.Request, way: limits.Way) -> httpx.Response:
        request.extensions = {"timeout": self._limits.extension, "trace": way.trace}
        with our_errors(request.url.host), way.watched():
            try:
                return await self._http.send(request, stream=True)
            except httpx.WriteTimeout:
                raise limits.deaf(request.url.host, self._limits) from None
        raise AssertionError("watched() raises where it has caught a cancellation")  # for the type checkers

    async def _renewed(self, token: CopilotToken, refused: Answer, *, listed: bool) -> CopilotToken | None:
        """A newer token than ``token``, if that may mend the refusal. Raises as ``tokens.current()``."""
        if protocol.is_token_trouble(refused.status, refused.body):
            return await self._tokens.current() if self._tokens.doubt(token) else None
        if not listed or not protocol.refuses_model(refused.status, refused.body):
            return None
        if token.secret == self._beyond_doubt:
            return None  # it was fetched for this very reason, and is not stale: Copilot means what it says
        fresh = None
        # where it takes long or fails, nobody knows better than the refusal that is here; the renewal goes on
        with suppress(PassengerError), trio.move_on_after(SECOND_THOUGHT):
            fresh = await self._tokens.another(token)
        if fresh is not None:
            self._beyond_doubt = fresh.secret
        return fresh

    def _request(
        self, token: CopilotToken, method: str, path: str, headers: protocol.Headers, content: bytes | None
    ) -> httpx.Request:
        with our_errors(token.api_base):
            url = httpx.URL(token.api_base + path)
            framing = [("Host", url.netloc.decode())]
            if content is not None:
                framing.append(("Content-Length", str(len(content))))
            told = httpx.Headers([*framing, *self._headers(token), *headers])
        return httpx.Request(method, url, headers=told, stream=_Body(content or b""))


class _Body(httpx.AsyncByteStream):
    """A request's body. httpx's own is an async generator, which a cancelled send leaves to the garbage collector."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Once(self._content)


class _Once(AsyncIterator[bytes]):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __anext__(self) -> bytes:
        content, self._content = self._content, b""
        if not content:
            raise StopAsyncIteration
        return content


def is_own_host(url: str, base: str) -> bool:
    """Whether ``url`` is on the Copilot API's own host and scheme: nobody else gets the token."""
    there, own = httpx.URL(url), httpx.URL(base)
    return (there.scheme, there.host, there.port) == (own.scheme, own.host, own.port)
