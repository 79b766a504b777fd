"""Bytes to the other side and back. Here, and nowhere else, httpx's errors become ours."""

import logging
import time
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Final, NamedTuple, Protocol

import httpx
import trio

from passenger_trio.config import Copilot
from passenger_trio.copilot import protocol
from passenger_trio.copilot.tokens import CopilotToken, Tokens
from passenger_trio.errors import PassengerError, UpstreamBroke, UpstreamTimeout, UpstreamUnreachable
from passenger_trio.secret import Secret

logger: Final = logging.getLogger("passenger_trio.copilot")

Http = httpx.AsyncClient
Transport = httpx.AsyncBaseTransport
"""The seam for fakes: what carries requests, under the pool and TLS."""

ERROR_BODY_LIMIT: Final = 1 << 20
"""Bytes of an error's body that are read; GitHub's HTML page is 54 kB."""


def open_http(config: Copilot, *, transport: Transport | None = None) -> httpx.AsyncClient:
    """The one client of the process; close it. Proxies come from the environment, but never for this machine.

    Redirects are not followed: a token goes to the host it is meant for. ``read_timeout`` bounds upstream's silence,
    which a thinking model may fill with minutes; there is no limit on a whole answer.
    """
    timeout = httpx.Timeout(
        connect=config.connect_timeout, read=config.read_timeout, write=config.read_timeout, pool=config.connect_timeout
    )
    # idle connections are given up early: one that died with a VPN or a network change looks alive until it is used
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=30.0)
    direct = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")} if transport is None else {}
    return httpx.AsyncClient(timeout=timeout, limits=limits, transport=transport, mounts=direct)


@contextmanager
def our_errors(host: str) -> Generator[None]:
    """Every failure of httpx as one of ours; ``host`` is named in the message."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        raise UpstreamUnreachable(
            f"{host} cannot be reached ({_reason(error)}). Check the network, and HTTPS_PROXY if there is a proxy."
        ) from error
    except httpx.TimeoutException as error:
        raise UpstreamTimeout(f"{host} stayed silent for too long ({type(error).__name__}).") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise UpstreamBroke(f"The connection to {host} broke ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


class Answer(NamedTuple):
    """A whole answer, whatever its status; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetch(Protocol):
    """A small exchange of whole bodies, which is all that GitHub's side needs."""

    async def __call__(
        self, method: str, url: str, headers: protocol.Headers, content: bytes | None = None
    ) -> Answer: ...


def fetcher(http: httpx.AsyncClient, *, read_timeout: float = 30.0) -> Fetch:
    """A :class:`Fetch` on ``http``. It raises the upstream errors of :mod:`passenger_trio.errors`."""

    async def fetch(method: str, url: str, headers: protocol.Headers, content: bytes | None = None) -> Answer:
        with our_errors(httpx.URL(url).host):
            timeout = httpx.Timeout(http.timeout.connect, read=read_timeout)
            response = await http.request(method, url, headers=headers, content=content, timeout=timeout)
        return Answer(response.status_code, dict(response.headers), response.content)

    return fetch


class Reply:
    """An answer of Copilot's that has begun with a good status. Whoever opened it closes it: :meth:`aclose`.

    ``sent`` is when the request began its way, in nanoseconds of :func:`time.perf_counter_ns`.
    """

    def __init__(self, response: httpx.Response, sent: int) -> None:
        self.sent = sent
        self._response = response
        self._host = response.request.url.host
        self._chunks = self._iterate(response)
        self._ended = False
        self.headers: Mapping[str, str] = dict(response.headers)

    @staticmethod
    def _iterate(response: httpx.Response) -> AsyncIterator[bytes]:
        if response.headers.get("content-encoding", "identity") != "identity":
            return response.aiter_bytes()  # somebody in between insists on compressing
        if not isinstance(response.stream, httpx.AsyncByteStream):  # only a synchronous client makes another
            raise TypeError("the response is not asynchronous")
        return aiter(response.stream)

    @property
    def is_stream(self) -> bool:
        """Whether it is an event stream, as its Content-Type has it."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    async def read(self) -> bytes:
        """The next bytes as they came from the socket, ``b""`` at the end. Raises the upstream errors."""
        if self._ended:
            return b""
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            self._ended = True
            await self._response.aclose()
            return b""
        except httpx.HTTPError:
            self._ended = True
            with our_errors(self._host):
                raise

    async def drain(self, seconds: float = 1.0) -> None:
        """Read what is left for up to ``seconds``, so that the connection can serve again instead of being thrown away.

        Nothing that comes now matters any more, nor does a failure to come.
        """
        with suppress(PassengerError), trio.move_on_after(seconds):
            while await self.read():
                pass

    async def whole(self, limit: int | None = None) -> bytes:
        """All the bytes there are; up to about ``limit``, if one is given."""
        pieces: list[bytes] = []
        size = 0
        while data := await self.read():
            pieces.append(data)
            size += len(data)
            if limit is not None and size > limit:
                break
        return b"".join(pieces)

    async def aclose(self) -> None:
        """Give the connection back if the answer was read to its end, close it if not. Safe to call when cancelled."""
        await self._response.aclose()
        if not self._ended:
            self._ended = True
            # the stream is a chain of async generators; reading on, past what had been buffered, ends them all, where
            # dropping them leaves them to the garbage collector and trio's warning
            with suppress(httpx.HTTPError, httpx.StreamError):
                while await anext(self._chunks, None) is not None:
                    pass


class CopilotClient:
    """Sends calls to the Copilot API with the account's token."""

    def __init__(self, http: httpx.AsyncClient, tokens: Tokens, config: Copilot) -> None:
        self._http = http
        self._tokens = tokens
        self._identity = protocol.identity_headers(config)
        self._extensions = {"timeout": http.timeout.as_dict()}
        self._prepared: tuple[CopilotToken | None, protocol.Headers] = (None, [])
        self._beyond_doubt: Secret | None = None

    def _headers(self, token: CopilotToken) -> protocol.Headers:
        """The headers that change with the token alone, built once for each."""
        if self._prepared[0] is not token:
            bearer = ("Authorization", f"Bearer {token.secret.reveal()}")
            self._prepared = (token, [bearer, *self._identity, ("Accept-Encoding", "identity")])
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
        token = await self._tokens.current()
        answer = await self._ask(self._request(token, method, path, headers, content), stack)
        if not isinstance(answer, Reply) and (fresh := await self._renewed(token, answer, listed=listed)) is not None:
            answer = await self._ask(self._request(fresh, method, path, headers, content), stack)
        if isinstance(answer, Reply):
            return answer
        status, told, body = answer
        raise protocol.decipher(status, told, body, sent=content or b"", prompt_limit=prompt_limit)

    async def _ask(self, request: httpx.Request, stack: AsyncExitStack) -> Reply | Answer:
        """The reply, which ``stack`` closes, or all of a refusal."""
        sent = time.perf_counter_ns()
        with our_errors(request.url.host):
            response = await self._http.send(request, stream=True)
        reply = Reply(response, sent)
        stack.push_async_callback(reply.aclose)
        if response.status_code < 300:
            return reply
        body = await reply.whole(ERROR_BODY_LIMIT)
        await reply.aclose()
        return Answer(response.status_code, reply.headers, body)

    async def _renewed(self, token: CopilotToken, refused: Answer, *, listed: bool) -> CopilotToken | None:
        """A newer token than ``token``, if that may mend the refusal. Raises as ``tokens.current()``."""
        if protocol.is_token_trouble(refused.status, refused.body):
            return await self._tokens.current() if self._tokens.doubt(token) else None
        if not listed or not protocol.refuses_model(refused.status, refused.body):
            return None
        # a token that was fetched for this very reason is not stale: Copilot means what it says
        if token.secret == self._beyond_doubt or not self._tokens.doubt(token):
            return None
        try:
            fresh = await self._tokens.current()
        except PassengerError:
            return None  # nobody knows better than the refusal that is here
        self._beyond_doubt = fresh.secret
        return fresh

    def _request(
        self, token: CopilotToken, method: str, path: str, headers: protocol.Headers, content: bytes | None
    ) -> httpx.Request:
        url = httpx.URL(token.api_base + path)
        framing = [("Host", url.netloc.decode())]
        if content is not None:
            framing.append(("Content-Length", str(len(content))))
        return httpx.Request(
            method,
            url,
            headers=[*framing, *self._headers(token), *headers],
            stream=_Body(content or b""),
            extensions=self._extensions,
        )


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
