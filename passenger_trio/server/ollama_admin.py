"""Ollama's routes that change which models there are. Here they are Copilot's: none can be made, sent or deleted, and
one that is pulled is there already. A copy is another name for a model, until the program ends.
"""

from typing import Final

from quart import Blueprint, Response

from passenger_trio.errors import BadRequest, Forbidden, NotPulled
from passenger_trio.server.requests import current, json_response, read_body
from passenger_trio.server.shelf import INVALID_NAME, NOT_FOUND, Shelf
from passenger_trio.translate import ollama_models
from passenger_trio.translate.fronts.ollama import JSON_TYPE, STREAM_TYPE, fault
from passenger_trio.wire import envelope, ollama
from passenger_trio.wire.ollama_names import is_valid

NO_MANIFEST: Final = "pull model manifest: file does not exist"
"""Ollama's words for a model that nobody has."""

QUOTED: Final = 350
"""Characters of a client's own that an error repeats at most."""


def routes(shelf: Shelf) -> Blueprint:
    """The routes."""
    pages = Blueprint("ollama_admin", __name__)

    @pages.post("/api/pull")
    async def pull() -> Response:
        asked = ollama_models.read(await read_body(current()))
        if not is_valid(asked.model):
            raise BadRequest(INVALID_NAME, param="model")
        steps = [ollama.Progress("pulling manifest")]
        failure = None
        try:
            steps = ollama_models.pulled(await shelf.listed(asked.model, missing=NO_MANIFEST))
        except BadRequest as error:
            failure = NotPulled(error.message)
        if not asked.stream:
            if failure is not None:
                raise failure
            return json_response(envelope.encode(steps[-1]), content_type=JSON_TYPE)
        lines = [envelope.encode(step) for step in steps]
        if failure is not None:
            lines.append(fault(failure)[1])
        return json_response(b"".join(map(ollama.line, lines)), content_type=STREAM_TYPE)

    @pages.post("/api/copy")
    async def copy() -> Response:
        asked = ollama_models.read(await read_body(current()))
        for role, name in (("source", asked.source), ("destination", asked.destination)):
            if not is_valid(name):
                raise BadRequest(f"{role} {_quoted(name)} is invalid", param=role)
        model = await shelf.listed(asked.source, missing='model "{}" not found')
        names = shelf.catalogue.names
        taken = names.uncopied(asked.destination)
        if taken is not None and taken.id != model.id:
            raise Forbidden(f"{asked.destination} means {taken.id} here, and cannot be the name of another model")
        if names.with_id(asked.destination) is None:
            shelf.catalogue.copies.make(asked.destination, model.id)
        return _nothing()

    @pages.delete("/api/delete")
    async def delete() -> Response:
        name = ollama_models.read(await read_body(current())).model
        if not is_valid(name):
            raise BadRequest(f"name {_quoted(name)} is invalid", param="model")
        if not shelf.catalogue.copies.forget(name):
            model = await shelf.listed(name, missing=NOT_FOUND)
            raise Forbidden(f"{model.id} is one of Copilot's models, and cannot be deleted from here")
        return _nothing()

    @pages.post("/api/push")
    async def push() -> Response:
        raise Forbidden("the models are Copilot's, and cannot be pushed anywhere")

    @pages.post("/api/create")
    async def create() -> Response:
        raise Forbidden("the models are Copilot's, and none can be created; /api/copy gives one another name")

    @pages.route("/api/blobs/<digest>", methods=["HEAD"])
    async def blob(**_: str) -> Response:
        return _nothing(404)

    @pages.post("/api/blobs/<digest>")
    async def upload(**_: str) -> Response:
        raise Forbidden("the models are Copilot's, and no file of a model can be uploaded")

    @pages.post("/api/signout")
    async def sign_out() -> Response:
        return _nothing()

    @pages.delete("/api/user/keys/<path:key>")
    async def forget_key(**_: str) -> Response:
        raise Forbidden("there are no keys of ollama.com here; `passenger-trio logout` forgets GitHub's login")

    @pages.post("/api/experimental/web_search")
    @pages.post("/api/experimental/web_fetch")
    async def web() -> Response:
        raise Forbidden("the web is not searched and not fetched here; ollama.com does it for Ollama")

    return pages


def _quoted(name: str) -> str:
    return envelope.encode(name[:QUOTED]).decode()


def _nothing(status: int = 200) -> Response:
    """An answer that says all by its status."""
    answer = Response(b"", status)  # without a body Quart would make one that wants asyncio
    del answer.headers["Content-Type"]
    return answer
