"""Ollama's embeddings: ``/api/embed`` and the older ``/api/embeddings``."""

import time

from quart import Blueprint, Response

from passenger_trio.copilot import vocabulary
from passenger_trio.errors import BadRequest
from passenger_trio.server.embeddings import embed
from passenger_trio.server.exchange import Exchange
from passenger_trio.server.requests import current, json_response, read_body
from passenger_trio.server.shelf import Shelf
from passenger_trio.translate.backs import embeddings as back
from passenger_trio.translate.fronts import ollama_embed as front
from passenger_trio.translate.fronts.ollama import JSON_TYPE


def routes(exchange: Exchange, shelf: Shelf) -> Blueprint:
    """The routes."""
    pages = Blueprint("ollama_embed", __name__)

    async def fetch(asked: front.Asked, answer: front.Answer) -> int:
        """Fill ``answer``. Returns when Copilot was asked, in nanoseconds of :func:`time.perf_counter_ns`, or would
        have been: nobody asks about no texts.
        """
        request = current()
        model = await shelf.find(asked.name, missing=front.NOT_FOUND, asks=bool(asked.texts))
        request.record.model = model.id
        if not back.may_embed(model):
            raise BadRequest(front.NO_EMBEDDER, code="unsupported_model", param="model")
        texts = front.fitting(asked, await vocabulary.shortened(model, asked.texts, front.longest(model)))
        sent = await embed(exchange, request, model, back.requests(model, texts, asked.dimensions), answer)
        shelf.use(asked.name, model, asked.keep_alive)
        return sent or time.perf_counter_ns()

    @pages.post("/api/embed")
    async def rows() -> Response:
        arrived = time.perf_counter_ns()
        asked = front.read_embed(await read_body(current()))
        answer = front.Answer()
        sent = await fetch(asked, answer)
        written = answer.embed(asked, total=time.perf_counter_ns() - arrived, load=sent - arrived)
        return json_response(written, content_type=JSON_TYPE, dropped=asked.dropped)

    @pages.post("/api/embeddings")
    async def row() -> Response:
        asked = front.read_embeddings(await read_body(current()))
        answer = front.Answer()
        await fetch(asked, answer)
        return json_response(answer.embeddings(), content_type=JSON_TYPE, dropped=asked.dropped)

    return pages
