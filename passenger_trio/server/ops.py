"""Routes for people and monitors."""

from quart import Blueprint, Response


def routes() -> Blueprint:
    """``/`` answers as Ollama does, whose clients look there whether a server is up; ``/health`` is for monitors."""
    pages = Blueprint("ops", __name__)

    @pages.get("/")
    async def root() -> Response:
        return Response("Ollama is running", content_type="text/plain; charset=utf-8")

    @pages.get("/health")
    async def health() -> Response:
        return Response("OK", content_type="text/plain; charset=utf-8")

    return pages
