"""OpenAI's routes."""

from quart import Blueprint, Response

from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.server.exchange import Exchange
from passenger_trio.server.requests import current, json_response, read_body, stream_response
from passenger_trio.translate import anthropic_models, models
from passenger_trio.translate.fronts import chat


def _is_anthropic() -> bool:
    """Whether the caller speaks Anthropic's dialect, whose list is at the same path."""
    return "anthropic-version" in current().headers


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
            front = chat.stream(call)
            return stream_response(exchange.stream(opened, front, request.record), front, dropped=opened.dropped)
        answer = await exchange.whole(opened, request.record)
        return json_response(chat.from_hub(answer, call), dropped=opened.dropped)

    @pages.get("/v1/models")
    @pages.get("/models")
    async def list_models() -> Response:
        shown = await catalogue.models()
        if _is_anthropic():
            query = current().args
            page = anthropic_models.anthropic_list(
                [model for model in shown if not model.is_disabled],
                after_id=query.get("after_id"),
                before_id=query.get("before_id"),
                limit=query.get("limit"),
            )
            return json_response(page)
        return json_response(models.openai_list(shown, catalogue.copies.all()))

    @pages.get("/v1/models/<path:name>")
    @pages.get("/models/<path:name>")
    async def retrieve_model(name: str) -> Response:
        model = await catalogue.find(name)
        if model is None:
            raise catalogue.names.unknown(name)
        return json_response((anthropic_models.anthropic_model if _is_anthropic() else models.openai_model)(model))

    return pages
