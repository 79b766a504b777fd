"""Anthropic's routes. Its list of models is at the same path as OpenAI's, in ``openai.py``."""

import anyio.to_thread
from quart import Blueprint, Response

from passenger_trio.copilot import vocabulary
from passenger_trio.errors import UpstreamBroke
from passenger_trio.server.exchange import Exchange, speaks
from passenger_trio.server.relay import relay
from passenger_trio.server.requests import PassengerRequest, current, json_response, read_body, stream_response
from passenger_trio.translate.backs import messages as back
from passenger_trio.translate.diagonals import messages as diagonal, messages_answer as native
from passenger_trio.translate.fronts import messages as front, messages_fields, tokens
from passenger_trio.wire import envelope
from passenger_trio.wire.messages import known_betas
from passenger_trio.wire.models import Model


def routes(exchange: Exchange) -> Blueprint:
    """The routes."""
    pages = Blueprint("anthropic", __name__)

    @pages.post("/v1/messages")
    async def create_message() -> Response:
        request = current()
        asked = front.read(await read_body(request))
        model = await exchange.model(asked.model)
        if speaks(model, back.PATH, stream=asked.stream):
            return await as_it_is(asked, model, request)
        return await translated(asked, model, request)

    async def as_it_is(asked: front.Asked, model: Model, request: PassengerRequest) -> Response:
        record = request.record
        messages_fields.refuse(asked.envelope)
        passed = diagonal.request(asked.envelope, model, betas=known_betas(request.headers.get("anthropic-beta", "")))
        reply = await exchange.forward(
            passed,
            model,
            back.PATH,
            request.exit_stack,
            record=record,
            initiator=request.headers.get("X-Initiator"),
        )
        if not asked.stream:
            body, record.usage = native.reply(await reply.whole())
            return json_response(body, dropped=passed.dropped)
        if not reply.is_stream:
            raise UpstreamBroke("Copilot answered a call for a stream with a whole answer; ask without `stream`.")
        answer = native.Stream(record.request_id)
        return stream_response(relay(reply, answer, record), answer, dropped=passed.dropped)

    async def translated(asked: front.Asked, model: Model, request: PassengerRequest) -> Response:
        record = request.record
        call = front.to_call(asked, model.id)
        initiator = request.headers.get("X-Initiator")
        opened = await exchange.open(call, request.exit_stack, record, initiator, model)
        if asked.stream:
            to_client = front.Stream(asked, model=model.id, new_id=exchange.new_id, request_id=record.request_id)
            return stream_response(exchange.stream(opened, to_client, record), to_client, dropped=opened.dropped)
        answer = await exchange.whole(opened, record)
        body = front.from_hub(answer, asked, model=model.id, new_id=exchange.new_id)
        return json_response(body, dropped=opened.dropped)

    @pages.post("/v1/messages/count_tokens")
    async def count_tokens() -> Response:
        """An estimate: Copilot counts nowhere, and its list names but the vocabulary of OpenAI's for every model."""
        request = current()
        asked = front.read(await read_body(request))
        model = await exchange.model(asked.model)
        request.record.model = model.id
        count = await vocabulary.counter(model)
        counted = await anyio.to_thread.run_sync(tokens.count, asked.envelope, count, abandon_on_cancel=True)
        return json_response(tokens.answer(counted))

    @pages.get("/api/hello")
    async def hello() -> Response:
        """Where Claude Code looks whether a server is there."""
        return json_response(envelope.encode({"message": "hello"}))

    return pages
