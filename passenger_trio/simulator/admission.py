"""Whom the API host lets in: host, token, and the headers that it demands."""

from quart import request

from passenger_trio.simulator import quart_seam
from passenger_trio.simulator.recorded_errors import ERRORS
from passenger_trio.simulator.refusals import (
    NO_EDITOR_VERSION,
    NO_VISION_HEADER,
    TOKEN_EXPIRED,
    TOKEN_UNKNOWN,
    Refused,
)
from passenger_trio.simulator.world import Simulator


def admit(simulator: Simulator) -> None:
    """Raises :class:`Refused` for a request that no route of the API host answers."""
    if simulator.is_misdirected():
        raise Refused(ERRORS["421_misdirected"])
    scheme, token = quart_seam.credentials()
    state = simulator.token_state(token) if scheme == "bearer" else "unknown"
    if state != "good":
        raise Refused(TOKEN_EXPIRED if state == "dead" else TOKEN_UNKNOWN)
    if api_version() in simulator.retired_versions:
        raise Refused(ERRORS["466_client_too_old"])
    if simulator.needs_editor_version and "Editor-Version" not in request.headers:
        raise Refused(NO_EDITOR_VERSION)


def admit_pictures(simulator: Simulator) -> None:
    """Raises :class:`Refused` where a request with pictures does not say so in its headers."""
    if simulator.needs_vision_header and request.headers.get("Copilot-Vision-Request", "").lower() != "true":
        raise Refused(NO_VISION_HEADER)


def api_version() -> str | None:
    """The API version that the request names."""
    return request.headers.get("X-GitHub-Api-Version")
