"""OpenAI's embeddings route, and the way to Copilot's that all of them share."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from quart import Blueprint, Response

from passenger_trio.copilot import protocol, vocabulary
from passenger_trio.server.exchange import Exchange
from passenger_trio.server.requests import PassengerRequest, current, json_response, read_body
from passenger_trio.translate.backs import embeddings as back
from passenger_trio.translate.fronts import embeddings as front, inputs
from passenger_trio.wire.embeddings import Batch
from passenger_trio.wire.models import Model


class Answer(Protocol):
    """What puts an answer together from batches."""

    def add(self, batch: Batch) -> None: ...
    @property
    def usage(self) -> msgspec.Raw | None: ...


async def embed(
    exchange: Exchange, request: PassengerRequest, model: Model, parts: Sequence[back.Request], answer: Answer
) -> int:
    """Send ``parts`` to Copilot, one after the other, and put what comes back into ``answer``.

    Returns when the first was sent, in nanoseconds of :func:`time.perf_counter_ns`; 0 if there is none. Raises what
    :func:`back.reply <passenger_trio.translate.backs.embeddings.reply>`, ``answer.add`` and :meth:`Exchange.send`
    raise. Cancelled, it sends no more.
    """
    sent = 0
    for part in parts:
        headers = protocol.call_headers(
            initiator=protocol.initiator(agent=False, claimed=request.headers.get("X-Initiator")),
            vision=False,
            request_id=request.record.request_id,
            intent=back.INTENT,
        )
        reply = await exchange.send(model, back.PATH, headers, part.body, request.exit_stack, record=request.record)
        sent = sent or request.record.sent
        answer.add(back.reply(await reply.whole(), part.inputs))
        request.record.usage = inputs.counted(answer.usage)
    return sent


def routes(exchange: Exchange) -> Blueprint:
    """The route, with and without ``/v1``."""
    pages = Blueprint("embeddings", __name__)

    @pages.post("/v1/embeddings")
    @pages.post("/embeddings")
    async def embeddings() -> Response:
        request = current()
        asked = front.read(await read_body(request))
        model = await exchange.model(asked.model)
        request.record.model = model.id
        decode = None
        if inputs.has_tokens(asked.inputs):
            decode = await vocabulary.decoder(model, "input", otherwise=vocabulary.EMBEDDING)
        answer = front.Answer(asked)
        parts = back.requests(model, asked.texts(decode), asked.dimensions)
        await embed(exchange, request, model, parts, answer)
        return json_response(answer.end(), dropped=asked.dropped)

    return pages
