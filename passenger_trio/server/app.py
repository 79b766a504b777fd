"""The application: routes, limits, guard, fault handler, and the exit stack that each request owns."""

import logging
import time
from typing import Final

import trio
from hypercorn.typing import ASGISendCallable, ASGISendEvent
from quart import Response, has_request_context, websocket
from quart.wrappers import Request
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection

from passenger_trio.config import Server
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.errors import NotFound, UpstreamRefused
from passenger_trio.server import (
    anthropic,
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
from passenger_trio.server.exchange import Exchange
from passenger_trio.server.guard import OPEN_PATHS, Guard
from passenger_trio.server.requests import PassengerRequest, add_ids, current
from passenger_trio.server.shelf import Shelf

logger: Final = logging.getLogger("passenger_trio.server")

FAREWELL: Final = 5.0
"""Seconds that the end of an answer may take when nobody wants it any more."""


LONGEST_WORD: Final = 200
"""Characters of a client's own that the log tells at most."""


class _Connection(TrioASGIHTTPConnection):
    """Runs a request inside its own exit stack, from before the handler to after the last byte of the answer.

    A reply opened by the handler is therefore closed wherever the client leaves, also between the handler's return and
    the first byte. Afterwards the request gets its line in the log.
    """

    async def handle_request(  # type: ignore[override] # Quart-Trio's own signature differs from Quart's
        self, nursery: trio.Nursery, request: Request, send: ASGISendCallable
    ) -> None:
        started = time.perf_counter()
        status, complete = 0, False

        async def watched(message: ASGISendEvent) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                complete = not message["more_body"]  # said before it is sent: sending the last part cancels us
            if not complete:
                await send(message)
                return
            # cancelled by its own last part, Hypercorn would neither close nor reuse a connection whose client has
            # not sent all of its request (refused early), and the next request on it would hang
            with trio.move_on_after(FAREWELL, shield=True):
                await send(message)

        if not isinstance(request, PassengerRequest):
            raise TypeError("the app's request_class makes another kind of request")
        try:
            async with request.exit_stack:
                await super().handle_request(nursery, request, watched)
        finally:
            _log(request, status, complete=complete, seconds=time.perf_counter() - started)


def _log(request: PassengerRequest, status: int, *, complete: bool, seconds: float) -> None:
    level = logging.DEBUG if request.path in OPEN_PATHS else logging.INFO
    if not logger.isEnabledFor(level):
        return
    record = request.record
    words = [request.method, _in_a_line(request.path), str(status or "-"), f"{seconds:.3f}s"]
    if record.model:
        words.append(f"model={_in_a_line(record.model)}")
    if record.usage is not None:
        words.append(f"in={record.usage.prompt_tokens} out={record.usage.completion_tokens}")
    if record.dropped:
        words.append(f"dropped={_in_a_line(record.dropped.replace(', ', ','))}")
    if not complete:
        words.append("client-left")
    if record.model:
        words.append(f"id={record.request_id} github-id={record.upstream_id or '-'}")
    if record.error:
        words.append(f"error={record.error!r}")
    logger.log(level, "%s", " ".join(words))


def _in_a_line(text: str) -> str:
    """``text``, which a client may have written, as one short word of a line of the log."""
    text = text if len(text) <= LONGEST_WORD else f"{text[:LONGEST_WORD]}..."
    return text if text.isprintable() and " " not in text else repr(text)


class PassengerApp(QuartTrio):
    """Quart-Trio with our request and connection."""

    asgi_http_class = _Connection
    request_class = PassengerRequest


def build_app(config: Server, exchange: Exchange, catalogue: Catalogue) -> QuartTrio:
    """The application, ready to be served."""
    app = PassengerApp("passenger_trio", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = config.max_body_mib << 20
    app.config["BODY_TIMEOUT"] = config.body_timeout
    app.config["RESPONSE_TIMEOUT"] = None  # upstream's silence is bounded by its read timeout instead
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.url_map.strict_slashes = False
    shelf = Shelf(catalogue)
    guard = Guard(config)
    app.before_request(guard.check)
    app.after_request(guard.allow_origin)
    app.after_request(add_ids)
    for pages in (
        openai.routes(exchange, catalogue),
        completions.routes(exchange),
        embeddings.routes(exchange),
        responses.routes(exchange),
        anthropic.routes(exchange),
        ops.routes(),
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
            return faults.response(NotFound("There are no websockets here.", code="not_found"), websocket.path)
        here = current()
        ours = faults.as_ours(error, here.path, here.method)
        here.record.error = ours.message
        if (pathless := faults.of_no_route(ours, here.path)) is not None:
            return pathless
        if isinstance(ours, UpstreamRefused):
            here.record.error = ours.told
            here.record.upstream_id = ours.headers.get("x-github-request-id", "")
        anthropic = "anthropic-version" in here.headers
        return faults.response(ours, here.path, here.record.request_id, anthropic=anthropic)

    return app
