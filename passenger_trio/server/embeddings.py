"""OpenAI's embeddings route."""

from quart import Blueprint, Response

from passenger_trio.copilot import protocol, vocabulary
from passenger_trio.server.exchange import Exchange
from passenger_trio.server.requests import current, json_response, read_body
from passenger_trio.translate.backs import embeddings as back
from passenger_trio.translate.fronts import embeddings as front, inputs


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
        for part in back.requests(model, asked.texts(decode), asked.dimensions):
            headers = protocol.call_headers(
                initiator=protocol.initiator(agent=False, claimed=request.headers.get("X-Initiator")),
                vision=False,
                request_id=request.record.request_id,
                intent=back.INTENT,
            )
            reply = await exchange.send(model, back.PATH, headers, part.body, request.exit_stack, record=request.record)
            answer.add(back.reply(await reply.whole(), part.inputs))
            request.record.usage = inputs.counted(answer.usage)
        return json_response(answer.end(), dropped=asked.dropped)

    return pages
