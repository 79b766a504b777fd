"""OpenAI's route of old, for text completions."""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial

from quart import Blueprint, Response

from passenger_trio.copilot import vocabulary
from passenger_trio.errors import PassengerError
from passenger_trio.server.exchange import Exchange, Opened
from passenger_trio.server.relay import Record
from passenger_trio.server.requests import current, json_response, read_body, stream_response
from passenger_trio.translate.fronts import completions as front, inputs
from passenger_trio.wire.chat import Call

Open = Callable[[Call], Awaitable[Opened]]


def routes(exchange: Exchange) -> Blueprint:
    """The route, with and without ``/v1``."""
    pages = Blueprint("completions", __name__)

    async def stream(
        part: AsyncGenerator[bytes], others: Sequence[Call], start: Open, to_client: front.Stream, record: Record
    ) -> AsyncGenerator[bytes]:
        """The answer to the first prompt, ``part``, then to each of the others. One that breaks is the last."""
        waiting = deque(others)
        while True:
            try:
                async for data in part:
                    yield data
            finally:
                await part.aclose()  # which waits for nothing
            record.usage = inputs.counted(to_client.usage)
            if record.error or not waiting:
                return
            try:
                part = exchange.stream(await start(waiting.popleft()), to_client, record)
            except PassengerError as error:
                record.failed(error)
                yield to_client.fault(error)
                return

    @pages.post("/v1/completions")
    @pages.post("/completions")
    async def completions() -> Response:
        request = current()
        record = request.record
        asked = front.read(await read_body(request))
        decode = None
        if inputs.has_tokens(asked.prompts):
            decode = await vocabulary.decoder(await exchange.model(asked.view.model), "prompt")
        first, *others = calls = front.to_calls(asked, decode)
        start = partial(
            exchange.open, stack=request.exit_stack, record=record, initiator=request.headers.get("X-Initiator")
        )
        opened = await start(first)
        if asked.view.stream:
            to_client = front.Stream(asked, calls)
            part = exchange.stream(opened, to_client, record)
            body = stream(part, others, start, to_client, record)
            return stream_response(body, to_client, dropped=opened.dropped)
        answer = front.Answer(asked, calls)
        answer.add(await exchange.whole(opened, record))
        for call in others:
            answer.add(await exchange.whole(await start(call), record))
        record.usage = inputs.counted(answer.usage)
        return json_response(answer.end(), dropped=opened.dropped)

    return pages
