"""Ollama's routes, and the same under ``/v1`` for clients of passenger-rs."""

import time
from typing import Final

from quart import Blueprint, Response

from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.errors import BadRequest, NotFound, PassengerError
from passenger_trio.server.exchange import Exchange
from passenger_trio.server.requests import current, json_response, read_body, stream_response
from passenger_trio.translate import models
from passenger_trio.translate.fronts import ollama
from passenger_trio.wire import envelope

VERSION: Final = "0.32.15"
"""The Ollama release whose interface is offered. Clients demand a plain, recent number: VS Code 0.6.4, Codex 0.13.4."""

JSON: Final = "application/json; charset=utf-8"


def routes(exchange: Exchange, catalogue: Catalogue) -> Blueprint:
    """The routes."""
    pages = Blueprint("ollama", __name__)

    async def check(name: str) -> None:
        """Refuse, in Ollama's own words, a model that there is not or that does not chat."""
        try:
            model = await catalogue.find(name)
        except PassengerError:
            return  # no list to look in; Copilot will say what it thinks of the name
        if model is None:
            raise NotFound(f"model '{name}' not found", code="model_not_found", param="model")
        if model.capabilities.type == "embeddings":
            raise BadRequest(f'"{name}" does not support chat', code="unsupported_model", param="model")

    async def answer(*, openai_shaped: bool) -> Response:
        started = time.time_ns()
        request = current()
        asked, whole = ollama.read(await read_body(request))
        await check(asked.model)
        if (idle := ollama.idle_answer(asked, started)) is not None:
            return json_response(idle, content_type=JSON)
        call = ollama.to_call(asked, whole, openai_shaped=openai_shaped)
        opened = await exchange.open(call, request.exit_stack, request.record, request.headers.get("X-Initiator"))
        think = asked.think is not False
        if call.stream:
            front = ollama.Stream(call.model, clock=time.time_ns, started=started, think=think)
            body = exchange.stream(opened, front, request.record)
            return stream_response(body, front, dropped=opened.dropped)
        first = time.time_ns()
        hub = await exchange.whole(opened, request.record)
        when = ollama.Moments(started, first, time.time_ns())
        written = ollama.from_hub(hub, call.model, when, think=think)
        return json_response(written, content_type=JSON, dropped=opened.dropped)

    @pages.post("/api/chat")
    async def chat() -> Response:
        return await answer(openai_shaped=False)

    @pages.post("/v1/api/chat")
    async def chat_openai_shaped() -> Response:
        return await answer(openai_shaped=True)

    @pages.get("/api/tags")
    @pages.get("/v1/api/tags")
    async def tags() -> Response:
        return json_response(models.ollama_tags(await catalogue.models()), content_type=JSON)

    @pages.get("/api/version")
    @pages.get("/v1/api/version")
    async def version() -> Response:
        return json_response(envelope.encode({"version": VERSION}), content_type=JSON)

    return pages
