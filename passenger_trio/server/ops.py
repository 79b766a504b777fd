"""Routes for people and monitors."""

from collections.abc import Callable
from typing import Final

import msgspec
from quart import Blueprint, Response

from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.tokens import Health
from passenger_trio.errors import (
    AccountRefused,
    NotLoggedIn,
    PassengerError,
    StoreError,
    UpstreamBroke,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)

READY: Final = "/health/ready"

_PROBLEMS: Final[tuple[tuple[type[PassengerError], str, str], ...]] = (
    (NotLoggedIn, "not_logged_in", "Nobody is logged in, or GitHub does not honour the login: `passenger-trio login`."),
    (AccountRefused, "account_refused", "GitHub gives this account no Copilot; the log has its reason."),
    (StoreError, "token_files", "The token files cannot be used; the log says why."),
    (UpstreamUnreachable, "unreachable", "The other side cannot be reached. It is tried again."),
    (UpstreamTimeout, "timeout", "The other side does not answer in time. It is tried again."),
    (UpstreamRefused, "refused", "The other side refuses for now; the log has its reason. It is tried again."),
    (UpstreamBroke, "nonsense", "The other side's answer cannot be used. It is asked again."),
)
"""What is told of a failure: a word for programs and a sentence for people, and nothing that GitHub has said, since no
key is asked for here and its words may name the account."""

_OTHER: Final = ("trouble", "The log says what is wrong.")


class TokenState(msgspec.Struct):
    """The Copilot token. ``problem`` is of the last attempt to renew it, which a token in hand may outlive."""

    good: bool
    seconds_left: int | None
    problem: str | None
    hint: str | None


class ListState(msgspec.Struct):
    """The list of models: how many are on it, and why the last attempt to fetch it failed."""

    good: bool
    count: int
    problem: str | None
    hint: str | None


class Readiness(msgspec.Struct):
    """What ``/health/ready`` answers; monitors rely on the names."""

    ready: bool
    token: TokenState
    models: ListState


def readiness(health: Health, count: int, failure: PassengerError | None) -> Readiness:
    """Whether a chat can be served now, and what is wrong if not."""
    left = health.seconds_left
    token = TokenState(left is not None, None if left is None else int(left), *_words(health.failure))
    models = ListState(count > 0, count, *_words(failure))
    return Readiness(token.good and models.good, token, models)


def _words(failure: PassengerError | None) -> tuple[str, str] | tuple[None, None]:
    if failure is None:
        return None, None
    return next(((word, hint) for kind, word, hint in _PROBLEMS if isinstance(failure, kind)), _OTHER)


def routes(catalogue: Catalogue, health: Callable[[], Health]) -> Blueprint:
    """``/`` answers as Ollama does, whose clients look there whether a server is up; ``/health`` is for monitors, and
    ``/health/ready`` for those who want to know whether Copilot can be used. None of them asks anybody.
    """
    pages = Blueprint("ops", __name__)

    @pages.get("/")
    async def root() -> Response:
        return Response("Ollama is running", content_type="text/plain; charset=utf-8")

    @pages.get("/health")
    async def alive() -> Response:
        return Response("OK", content_type="text/plain; charset=utf-8")

    @pages.get(READY)
    async def ready() -> Response:
        told = readiness(health(), catalogue.count, catalogue.failure)
        status = 200 if told.ready else 503
        return Response(msgspec.json.encode(told), status, content_type="application/json")

    return pages
