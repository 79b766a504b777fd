"""Ollama's chat and generate."""

import time
from collections.abc import AsyncGenerator

from quart import Blueprint, Response

from passenger_trio.errors import BadRequest
from passenger_trio.server.exchange import Exchange
from passenger_trio.server.requests import current, json_response, read_body, stream_response
from passenger_trio.server.shelf import Shelf
from passenger_trio.translate.fronts import ollama, ollama_lines
from passenger_trio.translate.fronts.ollama_context import Turn, pack
from passenger_trio.translate.fronts.ollama_generate import read_generate
from passenger_trio.translate.fronts.ollama_lines import ChatForm, Form, GenerateForm
from passenger_trio.translate.fronts.ollama_request import Asked, read_chat, to_call
from passenger_trio.wire import envelope


def routes(exchange: Exchange, shelf: Shelf) -> Blueprint:
    """The routes."""
    pages = Blueprint("ollama", __name__)

    async def answer(asked: Asked, arrived: int) -> Response:
        """Whole answers are put together here from a stream, so that they are timed as streamed ones are."""
        request = current()
        model = await shelf.find(asked.name, asks=not asked.idle)
        if model.capabilities.type in {"embeddings", "completion"}:
            said = f'"{asked.name}" does not support {asked.kind}'
            raise BadRequest(said, code="unsupported_model", param="model")
        if asked.idle:
            shelf.use(asked.name, model, asked.keep_alive)
            loaded = ollama_lines.idle(
                asked.name, time.time_ns(), generate=asked.kind == "generate", unload=asked.unloads
            )
            return json_response(loaded, content_type=ollama.JSON_TYPE)
        call = to_call(asked, model)
        opened = await exchange.open(
            call, request.exit_stack, request.record, request.headers.get("X-Initiator"), model
        )
        shelf.use(asked.name, model, asked.keep_alive)
        times = ollama.Times(time.time_ns, time.perf_counter_ns, arrived, request.record.sent)
        logprobs = not envelope.is_absent(call.envelope, "logprobs")
        front = (ollama.Stream if asked.stream else ollama.Whole)(
            _form(asked), times, think=asked.think, logprobs=logprobs
        )
        body = exchange.stream(opened, front, request.record)
        request.exit_stack.push_async_callback(body.aclose)
        first = await anext(body)
        if front.error is not None:  # nothing of an answer has been told: an error can still have its status
            raise front.error
        if asked.stream:
            return stream_response(_resumed(first, body), front, dropped=opened.dropped)
        async for _ in body:
            pass  # it frees its connection; all that it says is in the first write
        return json_response(first, content_type=front.content_type, dropped=opened.dropped)

    @pages.post("/api/chat")
    async def chat() -> Response:
        arrived = time.perf_counter_ns()
        request = current()
        passenger_rs = request.path.startswith("/v1/")  # whose bodies are OpenAI's
        return await answer(read_chat(await read_body(request), openai_shaped=passenger_rs), arrived)

    @pages.post("/api/generate")
    async def generate() -> Response:
        arrived = time.perf_counter_ns()
        return await answer(read_generate(await read_body(current())), arrived)

    return pages


def _form(asked: Asked) -> Form:
    if asked.kind == "chat":
        return ChatForm(asked.name)
    if asked.raw:
        return GenerateForm(asked.name, None)
    return GenerateForm(asked.name, lambda text: pack([*asked.turns, Turn("assistant", text)]))


async def _resumed(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """A stream whose first write has been waited for."""
    yield first
    async for piece in rest:
        yield piece
