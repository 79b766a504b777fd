"""The routes of Copilot's API host that generate nothing: models and their policies, embeddings, counters."""

import msgspec
from quart import Response, request
from quart_trio import QuartTrio

from passenger_trio.simulator import embeddings, quart_seam
from passenger_trio.simulator.admission import admit, api_version
from passenger_trio.simulator.refusals import BAD_REQUEST, JSON_UTF8, POLICY_LOCKED, TEXT, Refused, invalid_body
from passenger_trio.simulator.world import Simulator


class CopilotRoutes:
    """Copilot's side of the simulator, but for the answers."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def register(self, app: QuartTrio) -> None:
        """Add the routes to ``app``."""
        app.add_url_rule("/_ping", view_func=self.ping, methods=["GET"])
        app.add_url_rule("/_simulator", view_func=self.report, methods=["GET"])
        app.add_url_rule("/models", view_func=self.models, methods=["GET"])
        app.add_url_rule("/models/<model_id>/policy", view_func=self.policy, methods=["POST"])
        app.add_url_rule("/embeddings", view_func=self.embeddings, methods=["POST"])

    async def ping(self) -> Response:
        """Alive."""
        return Response("OK\n", content_type=TEXT)

    async def report(self) -> Response:
        """The simulator's counters, for people's own tests. Copilot has no such route."""
        return quart_seam.json_answer(self._simulator.report())

    async def models(self) -> Response:
        """The models of the account."""
        admit(self._simulator)
        return Response(self._simulator.models(api_version()), content_type=JSON_UTF8)

    async def policy(self, model_id: str) -> Response:
        """Switch a model on or off, as a person does who accepts its terms."""
        admit(self._simulator)
        if self._simulator.policy_locked:
            raise Refused(POLICY_LOCKED)
        try:
            state = msgspec.json.decode(await request.get_data(), type=_State).state
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Refused(invalid_body()) from None
        if state not in {"enabled", "disabled"}:
            raise Refused(invalid_body())
        self._simulator.catalogue.set_policy(model_id, state)
        return quart_seam.json_answer({"state": state})

    async def embeddings(self) -> Response:
        """Vectors for texts."""
        admit(self._simulator)
        try:
            wanted = embeddings.read(await quart_seam.body())
            model = self._simulator.catalogue.model(wanted.model, "/embeddings")
            body = embeddings.answer(wanted, model)
        except embeddings.Malformed:
            raise Refused(BAD_REQUEST) from None
        return Response(body, content_type=JSON_UTF8)


class _State(msgspec.Struct):
    state: str
