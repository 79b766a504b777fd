"""The routes of github.com and api.github.com: device login, token exchange, account."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode

import msgspec
from quart import Response, request
from quart_trio import QuartTrio

from passenger_trio.simulator import quart_seam
from passenger_trio.simulator.account import TOKEN_ANSWERS
from passenger_trio.simulator.refusals import BAD_CREDENTIALS, HTML, JSON_UTF8, Refusal, Refused
from passenger_trio.simulator.world import Simulator

_FORM: Final = "application/x-www-form-urlencoded; charset=utf-8"
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Simulated GitHub</title></head>
<body>
<h1>This is not GitHub</h1>
<p>passenger-trio's simulator shows this page in place of GitHub's. Nothing has to be typed here:
the login goes on by itself. You can close this page.</p>
</body>
</html>
"""


class GitHubRoutes:
    """GitHub's side of the simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def register(self, app: QuartTrio) -> None:
        """Add the routes to ``app``."""
        app.add_url_rule("/login/device", view_func=self.page, methods=["GET"])
        app.add_url_rule("/login/device/code", view_func=self.device_code, methods=["POST"])
        app.add_url_rule("/login/oauth/access_token", view_func=self.poll, methods=["POST"])
        app.add_url_rule("/copilot_internal/v2/token", view_func=self.token, methods=["GET"])
        app.add_url_rule("/copilot_internal/user", view_func=self.copilot_user, methods=["GET"])
        app.add_url_rule("/user", view_func=self.user, methods=["GET"])

    async def page(self) -> Response:
        """What a person sees who opens the address of a simulated login."""
        return Response(_PAGE, content_type=HTML)

    async def device_code(self) -> Response:
        """Begin a device login."""
        return _oauth(self._simulator.device_code(quart_seam.own_origin()))

    async def poll(self) -> Response:
        """Ask how the login went. Errors come with status 200, as GitHub has it."""
        return _oauth(self._simulator.poll(_form(await quart_seam.body())))

    async def token(self) -> Response:
        """Exchange the GitHub token for a Copilot token."""
        self._authorize()
        if refused := TOKEN_ANSWERS.get(self._simulator.token_answer or ""):
            status, body = refused
            raise Refused(Refusal(status, msgspec.json.encode(body), JSON_UTF8))
        return quart_seam.json_answer(self._simulator.exchange(quart_seam.own_origin()))

    async def copilot_user(self) -> Response:
        """The account's plan and quota."""
        self._authorize()
        return quart_seam.json_answer(self._simulator.copilot_user(quart_seam.own_origin()))

    async def user(self) -> Response:
        """Who the token belongs to."""
        self._authorize()
        return quart_seam.json_answer(self._simulator.identity(quart_seam.own_origin()))

    def _authorize(self) -> None:
        scheme, token = quart_seam.credentials()
        if scheme not in {"token", "bearer"} or not self._simulator.knows(token):
            raise Refused(BAD_CREDENTIALS)


def _oauth(answer: Mapping[str, object]) -> Response:
    """JSON for whoever asks for it; the default of GitHub's OAuth routes is a form (protocol: device flow)."""
    if "application/json" in request.headers.get("Accept", ""):
        return quart_seam.json_answer(answer)
    return Response(urlencode(sorted(answer.items())), content_type=_FORM)


def _form(body: bytes) -> dict[str, str]:
    """The fields of a JSON or form body; a body that is neither has none."""
    try:
        return msgspec.json.decode(body, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return dict(parse_qsl(body.decode(errors="replace")))
