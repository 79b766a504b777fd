"""Anthropic's routes. Its list of models is at the same path as OpenAI's, in ``openai.py``."""

import anyio.to_thread
from quart import Blueprint, Response

from passenger_trio.copilot import vocabulary
from passenger_trio.server.exchange import Exchange, speaks
from passenger_trio.server.requests import PassengerRequest, current, json_response, read_body, stream_response
from passenger_trio.translate.backs import messages as back
from passenger_trio.translate.diagonals import messages as diagonal, messages_answer as native
from passenger_trio.translate.fronts import messages as front, messages_fields, tokens
from passenger_trio.wire import envelope
from passenger_trio.wire.messages import PING, known_betas
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
            messages_fields.refuse(asked.envelope)
            betas = known_betas(request.headers.get("anthropic-beta", ""))
            passed = diagonal.request(asked.envelope, model, betas=betas)
            stream = native.Stream(request.record.request_id) if asked.stream else None
            return await exchange.as_it_is(
                passed, model, back.PATH, request, native=native, stream=stream, sign_of_life=PING
            )
        return await translated(asked, model, request)

    async def translated(asked: front.Asked, model: Model, request: PassengerRequest) -> Response:
        record = request.record
        call, names = front.to_call(asked, model)
        initiator = request.headers.get("X-Initiator")
        opened = await exchange.open(call, request.exit_stack, record, initiator, model)
        if asked.stream:
            to_client = front.Stream(asked, names, model=model.id, new_id=exchange.new_id, request_id=record.request_id)
            body = exchange.stream(opened, to_client, record)
            return stream_response(body, to_client, dropped=opened.dropped, sign_of_life=PING)
        answer = await exchange.whole(opened, record)
        message = front.from_hub(answer, asked, names, model=model.id, new_id=exchange.new_id)
        return json_response(message, dropped=opened.dropped)

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
