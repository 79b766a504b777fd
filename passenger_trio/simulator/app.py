"""The simulator as a Quart app: what holds for every route."""

from email.utils import formatdate
from typing import Final
from uuid import uuid4

import trio
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from passenger_trio.secret import MASK
from passenger_trio.simulator import fakes, quart_seam, recorded_errors, refusals
from passenger_trio.simulator.copilot_routes import CopilotRoutes
from passenger_trio.simulator.delivery import broken_answer
from passenger_trio.simulator.generation_routes import GenerationRoutes
from passenger_trio.simulator.github_routes import GitHubRoutes
from passenger_trio.simulator.records import Fault, SeenRequest
from passenger_trio.simulator.refusals import Refusal, Refused
from passenger_trio.simulator.world import Simulator

_MAX_BODY: Final = 64 * 1024 * 1024
_COUNTED: Final = {
    "/login/device/code": "device_code",
    "/login/oauth/access_token": "poll",
    "/copilot_internal/v2/token": "token",
    "/copilot_internal/user": "user",
    "/user": "user",
    "/models": "models",
    "/chat/completions": "chat",
    "/responses": "responses",
    "/v1/messages": "messages",
    "/embeddings": "embeddings",
}
_GENERATING: Final = frozenset({"/chat/completions", "/responses", "/v1/messages"})
_BACKEND: Final = {
    "X-GitHub-Backend": "Kubernetes",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


def build_app(simulator: Simulator) -> QuartTrio:
    """The app that answers for ``simulator``. Several apps may share one simulator."""
    app = QuartTrio("passenger_trio.simulator", static_folder=None)
    # A stream lives as long as it likes, and prompts carry pictures.
    app.config["RESPONSE_TIMEOUT"] = None
    app.config["BODY_TIMEOUT"] = None
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
    GitHubRoutes(simulator).register(app)
    CopilotRoutes(simulator).register(app)
    GenerationRoutes(simulator).register(app)
    frame = _Frame(simulator)
    app.before_request(frame.before)
    app.after_request(frame.after)
    app.register_error_handler(Refused, frame.refused)
    app.register_error_handler(HTTPException, frame.no_such_route)
    return app


class _Frame:
    """What happens before and after every handler."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def before(self) -> Response | None:
        """Count and remember the request; spoil it, if it was to be spoiled."""
        path = request.path
        if name := "policy" if path.startswith("/models/") else _COUNTED.get(path):
            self._simulator.counts[name] += 1
        body = await quart_seam.body()
        headers = {name.lower(): value for name, value in request.headers.items()}
        headers.pop("remote-addr", None)  # Quart's own addition
        if "authorization" in headers:
            scheme = headers["authorization"].partition(" ")[0]
            headers["authorization"] = f"{scheme} {MASK}"
        self._simulator.note(SeenRequest(method=request.method, path=path, headers=headers, body=body))
        fault = self._simulator.take_fault(path)
        return None if fault is None else await _spoiled(fault)

    async def after(self, response: Response) -> Response:
        """Add what all answers of GitHub and Copilot bear (protocol: errors, general form)."""
        headers = response.headers
        headers["Date"] = formatdate(self._simulator.now(), usegmt=True)
        headers["X-Request-Id"] = request.headers.get("X-Request-Id") or str(uuid4())
        headers["X-GitHub-Request-Id"] = fakes.request_id()
        if request.path in _GENERATING:
            if response.status_code >= 400:
                headers.update(_BACKEND)
            self._simulator.chat_statuses[response.status_code] += 1
        return response

    async def refused(self, error: Refused) -> Response:
        """A handler refused."""
        return _answer(error.refusal)

    async def no_such_route(self, error: HTTPException) -> Response:
        """Quart refused: no such path, no such method, too large a body."""
        status = error.code or 500
        return _answer(refusals.NOT_FOUND if status in {404, 405} else recorded_errors.for_status(status))


def _answer(refusal: Refusal) -> Response:
    headers = dict(refusal.headers)
    return Response(refusal.body, refusal.status, headers, content_type=refusal.content_type)


async def _spoiled(fault: Fault) -> Response | None:
    if fault.delay:
        await trio.sleep(fault.delay)
    if fault.drop:
        response = broken_answer(fault.status or 200, fault.body, fault.body, fault.content_type)
        response.headers.update(dict(fault.headers))
        return response
    if fault.status is None:
        return None
    return Response(fault.body, fault.status, dict(fault.headers), content_type=fault.content_type)
