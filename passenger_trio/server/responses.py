"""OpenAI's newer route."""

from quart import Blueprint, Response

from passenger_trio.server.exchange import Exchange, speaks
from passenger_trio.server.requests import PassengerRequest, current, json_response, read_body, stream_response
from passenger_trio.translate.backs import responses as back
from passenger_trio.translate.diagonals import responses as diagonal, responses_answer as native
from passenger_trio.translate.fronts import responses as front
from passenger_trio.wire.models import Model


def routes(exchange: Exchange) -> Blueprint:
    """The route, with and without ``/v1``."""
    pages = Blueprint("responses", __name__)

    @pages.post("/v1/responses")
    @pages.post("/responses")
    async def create_response() -> Response:
        request = current()
        asked = front.read(await read_body(request))
        model = await exchange.model(asked.model)
        if speaks(model, back.PATH, stream=asked.stream):
            passed = diagonal.request(asked.envelope, model)
            stream = native.Stream() if asked.stream else None
            return await exchange.as_it_is(passed, model, back.PATH, request, native=native, stream=stream)
        return await translated(asked, model, request)

    async def translated(asked: front.Asked, model: Model, request: PassengerRequest) -> Response:
        record = request.record
        call, tools = front.to_call(asked, model.id)
        initiator = request.headers.get("X-Initiator")
        opened = await exchange.open(call, request.exit_stack, record, initiator, model)
        now = int(exchange.now())
        if asked.stream:
            to_client = front.Stream(asked, tools, model=model.id, now=now, new_id=exchange.new_id)
            return stream_response(exchange.stream(opened, to_client, record), to_client, dropped=opened.dropped)
        answer = await exchange.whole(opened, record)
        body = front.from_hub(answer, asked, tools, model=model.id, now=now, new_id=exchange.new_id)
        return json_response(body, dropped=opened.dropped)

    return pages
