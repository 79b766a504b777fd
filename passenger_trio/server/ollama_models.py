"""Ollama's routes about models: which there are and what they can do, from memory and without a word to Copilot."""

from typing import Final

from quart import Blueprint, Response

from passenger_trio.errors import BadRequest
from passenger_trio.server.requests import current, json_response, read_body
from passenger_trio.server.shelf import Shelf
from passenger_trio.translate import ollama_models
from passenger_trio.translate.fronts.ollama import JSON_TYPE
from passenger_trio.wire import envelope

VERSION: Final = "0.32.15"
"""The Ollama release whose interface is offered. Clients demand a plain, recent number: VS Code 0.6.4, Codex 0.13.4."""

VSCODE: Final = "GitHubCopilotChat/"
"""How the User-Agent of VS Code's chat begins. It shows ``general.basename``; Ollama tells it the name it asked for,
which its user has seen before.
"""

CLOUD: Final = {"cloud": {"disabled": True, "source": "config"}}
"""Ollama's own cloud is not to be had here."""

ME: Final = {
    "id": "00000000-0000-0000-0000-000000000000",
    "email": "local@localhost",
    "name": "local",
    "plan": "github-copilot",
}
"""Who is signed in at ollama.com: nobody has to be."""


def routes(shelf: Shelf) -> Blueprint:
    """The routes."""
    pages = Blueprint("ollama_models", __name__)

    @pages.get("/api/tags")
    async def tags() -> Response:
        models = await shelf.catalogue.models()
        return json_response(ollama_models.tags(models, shelf.catalogue.copies.all()), content_type=JSON_TYPE)

    @pages.post("/api/show")
    async def show() -> Response:
        request = current()
        name = ollama_models.read(await read_body(request)).model
        if not name:
            raise BadRequest("model is required", param="model")
        model = await shelf.listed(name)
        basename = name if request.headers.get("User-Agent", "").startswith(VSCODE) else None
        return json_response(
            ollama_models.card(model, shelf.listed_as(name, model), basename=basename), content_type=JSON_TYPE
        )

    @pages.get("/api/ps")
    async def running() -> Response:
        return json_response(ollama_models.running(shelf.in_use()), content_type=JSON_TYPE)

    @pages.get("/api/version")
    async def version() -> Response:
        return json_response(envelope.encode({"version": VERSION}), content_type=JSON_TYPE)

    @pages.get("/api/status")
    async def status() -> Response:
        return json_response(envelope.encode(CLOUD), content_type=JSON_TYPE)

    @pages.post("/api/me")
    async def me() -> Response:
        return json_response(envelope.encode(ME), content_type=JSON_TYPE)

    @pages.get("/api/experimental/model-recommendations")
    async def recommendations() -> Response:
        return json_response(envelope.encode({"recommendations": []}), content_type=JSON_TYPE)

    return pages
