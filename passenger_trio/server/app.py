"""The application: routes, limits, guard, fault handler, and the exit stack that each request owns."""

import logging
import time
from collections.abc import Callable
from typing import Final, cast

import trio
from hypercorn.typing import ASGISendCallable
from quart import Response, has_request_context, websocket
from quart.wrappers import Request
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection

from passenger_trio.config import Server
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.halting import Halt
from passenger_trio.copilot.tokens import Health
from passenger_trio.errors import Forbidden, NotFound, UpstreamRefused
from passenger_trio.server import (
    anthropic,
    bodies,
    completions,
    embeddings,
    faults,
    ollama,
    ollama_admin,
    ollama_embed,
    ollama_models,
    openai,
    ops,
    responses,
)
from passenger_trio.server.admission import Admission
from passenger_trio.server.exchange import Exchange
from passenger_trio.server.guard import OPEN_PATHS, Guard, GuardedRequest
from passenger_trio.server.pulse import Pulse
from passenger_trio.server.requests import add_ids, current
from passenger_trio.server.shelf import Shelf

logger: Final = logging.getLogger("passenger_trio.server")

LONGEST_WORD: Final = 200
"""Characters of a client's own that the log tells at most."""

LONGEST_ERROR: Final = 600
"""Characters of an error that the log tells at most; at the level debug it may repeat what the client wrote, and
Copilot's words."""


class _Connection(TrioASGIHTTPConnection):
    """Runs a request inside its own exit stack, from before the handler to after the last byte of the answer.

    A reply opened by the handler is therefore closed wherever the client leaves, also between the handler's return and
    the first byte. Afterwards the request gets its line in the log.
    """

    async def handle_request(  # type: ignore[override] # Quart-Trio's own signature differs from Quart's
        self, nursery: trio.Nursery, request: Request, send: ASGISendCallable
    ) -> None:
        started = time.perf_counter()
        if not isinstance(request, GuardedRequest):
            raise TypeError("the app's request_class makes another kind of request")
        keepalive, patience = cast("PassengerApp", self.app).patience
        pulse = Pulse(request, send, keepalive=keepalive, patience=patience)
        nursery.start_soon(pulse.watch, nursery)
        try:
            async with request.exit_stack:
                await super().handle_request(nursery, request, pulse.send)
        finally:
            _log(request, pulse.status, complete=pulse.complete, seconds=time.perf_counter() - started)


def _log(request: GuardedRequest, status: int, *, complete: bool, seconds: float) -> None:
    level = logging.DEBUG if request.path in OPEN_PATHS else logging.INFO
    if not logger.isEnabledFor(level):
        return
    record = request.record
    words = [request.method, _in_a_line(request.path), str(status or "-"), f"{seconds:.3f}s"]
    if record.model:
        words.append(f"model={_in_a_line(record.model)}")
    if request.key_name:
        words.append(f"key={request.key_name}")
    if record.usage is not None:
        words.append(f"in={record.usage.prompt_tokens} out={record.usage.completion_tokens}")
    if record.dropped:
        words.append(f"dropped={_in_a_line(record.dropped.replace(', ', ','))}")
    if not complete:
        words.append("client-left")
    if record.model or record.words:
        words.append(f"id={record.request_id} github-id={record.upstream_id or '-'}")
    if record.error:
        words.append(f"error={_shortened(record.error, LONGEST_ERROR)!r}")
    logger.log(level, "%s", " ".join(words))
    if record.words:
        logger.debug("id=%s was told %r", record.request_id, _shortened(record.words, LONGEST_ERROR))


def _in_a_line(text: str) -> str:
    """``text``, which a client may have written, as one short word of a line of the log."""
    text = _shortened(text, LONGEST_WORD)
    return text if text.isprintable() and " " not in text else repr(text)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


class PassengerApp(QuartTrio):
    """Quart-Trio with our request and connection, and with limits and a guard that can be changed while it serves."""

    asgi_http_class = _Connection
    request_class = GuardedRequest

    def __init__(self, config: Server, halt: Halt | None = None) -> None:
        super().__init__("passenger_trio", static_folder=None)
        self.admission = Admission(config, halt)
        self.settle(config)
        self.before_request(self._check)
        self.before_websocket(self._check_websocket)
        self.after_request(self._allow_origin)

    def settle(self, config: Server) -> None:
        """Serve as ``config`` says from the next request on; those that wait for their turn are looked at again."""
        self.config["MAX_CONTENT_LENGTH"] = config.max_body_mib << 20
        self.config["BODY_TIMEOUT"] = config.body_timeout
        self.patience = config.keepalive, config.write_timeout
        self.guard = Guard(config)
        self.admission.settle(config)

    async def _check(self) -> Response | None:
        answer = await self.guard.check()
        if answer is None:
            await self.admission.check()
            await bodies.unpack()
        return answer

    async def _check_websocket(self) -> None:
        await self.guard.check_websocket()

    async def _allow_origin(self, response: Response) -> Response:
        return await self.guard.allow_origin(response)


def build_app(
    config: Server,
    exchange: Exchange,
    catalogue: Catalogue,
    halt: Halt | None = None,
    *,
    health: Callable[[], Health] = lambda: Health(None, None),
) -> PassengerApp:
    """The application, ready to be served. Who waits for a turn heeds ``halt``; ``health`` says how the token is."""
    app = PassengerApp(config, halt)
    app.config["RESPONSE_TIMEOUT"] = None  # upstream's silence is bounded by its read timeout instead
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.url_map.strict_slashes = False
    shelf = Shelf(catalogue)
    app.after_request(add_ids)
    for pages in (
        openai.routes(exchange, catalogue),
        completions.routes(exchange),
        embeddings.routes(exchange),
        responses.routes(exchange),
        anthropic.routes(exchange),
        ops.routes(catalogue, health),
    ):
        app.register_blueprint(pages)
    for pages in (
        ollama.routes(exchange, shelf),
        ollama_embed.routes(exchange, shelf),
        ollama_models.routes(shelf),
        ollama_admin.routes(shelf),
    ):
        app.register_blueprint(pages)
        app.register_blueprint(pages, name=f"v1_{pages.name}", url_prefix="/v1")  # for bases that end in it

    @app.errorhandler(Exception)
    async def fault(error: Exception) -> Response:  # pyright: ignore[reportUnusedFunction] - registered
        if not has_request_context():  # a websocket: where there is none, Codex goes on with POST
            if isinstance(error, Forbidden):
                return faults.response(error, websocket.path)
            return faults.response(NotFound("There are no websockets here.", code="not_found"), websocket.path)
        here = current()
        ours = faults.as_ours(error, here.path, here.method)
        here.record.failed(ours)
        if (pathless := faults.of_no_route(ours, here.path)) is not None:
            return pathless
        if isinstance(ours, UpstreamRefused):
            here.record.upstream_id = ours.headers.get("x-github-request-id", "")
        anthropic = "anthropic-version" in here.headers
        return faults.response(ours, here.path, here.record.request_id, anthropic=anthropic)

    return app
