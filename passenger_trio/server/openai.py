"""OpenAI's routes."""

from quart import Blueprint, Response

from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.errors import NotFound
from passenger_trio.server.exchange import Exchange
from passenger_trio.server.requests import current, json_response, read_body, stream_response
from passenger_trio.translate import models
from passenger_trio.translate.fronts import chat


def routes(exchange: Exchange, catalogue: Catalogue) -> Blueprint:
    """The routes, with and without ``/v1``."""
    pages = Blueprint("openai", __name__)

    @pages.post("/v1/chat/completions")
    @pages.post("/chat/completions")
    async def chat_completions() -> Response:
        request = current()
        call = chat.to_call(await read_body(request))
        opened = await exchange.open(call, request.exit_stack, request.record, request.headers.get("X-Initiator"))
        if call.stream:
            front = chat.Stream(include_usage=call.include_usage)
            return stream_response(exchange.stream(opened, front, request.record), front, dropped=opened.dropped)
        answer = await exchange.whole(opened, request.record)
        return json_response(chat.from_hub(answer), dropped=opened.dropped)

    @pages.get("/v1/models")
    @pages.get("/models")
    async def list_models() -> Response:
        return json_response(models.openai_list(await catalogue.models()))

    @pages.get("/v1/models/<path:name>")
    @pages.get("/models/<path:name>")
    async def retrieve_model(name: str) -> Response:
        model = await catalogue.find(name)
        if model is None:
            raise NotFound(
                f"The model `{name}` does not exist or this account has no access to it; GET /v1/models lists them.",
                code="model_not_found",
                param="model",
            )
        return json_response(models.openai_model(model))

    return pages
