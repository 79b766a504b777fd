"""The routes of Copilot's API host: models and chat."""

from collections.abc import AsyncGenerator, Sequence

import trio
from quart import Response, request
from quart_trio import QuartTrio

from passenger_trio.simulator import directives, gpt_wire, quart_seam, refusals
from passenger_trio.simulator.answers import Answer, answer
from passenger_trio.simulator.conversation import Conversation, ConversationReader
from passenger_trio.simulator.directives import BadDirective, Script
from passenger_trio.simulator.refusals import JSON_UTF8, TEXT, TOKEN_EXPIRED, TOKEN_UNKNOWN, Refused
from passenger_trio.simulator.world import Simulator


class ConnectionDropped(Exception):
    """Raised in an answer's body: Hypercorn closes the connection without the body's proper end."""


class CopilotRoutes:
    """Copilot's side of the simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._reader = ConversationReader()

    def register(self, app: QuartTrio) -> None:
        """Add the routes to ``app``."""
        app.add_url_rule("/_ping", view_func=self.ping, methods=["GET"])
        app.add_url_rule("/_simulator", view_func=self.report, methods=["GET"])
        app.add_url_rule("/models", view_func=self.models, methods=["GET"])
        app.add_url_rule("/chat/completions", view_func=self.chat, methods=["POST"])

    async def ping(self) -> Response:
        """Alive."""
        return Response("OK\n", content_type=TEXT)

    async def report(self) -> Response:
        """The simulator's counters, for people's own tests. Copilot has no such route."""
        return quart_seam.json_answer(self._simulator.report())

    async def models(self) -> Response:
        """The models of the account."""
        self._authorize()
        return Response(self._simulator.catalogue.body, content_type=JSON_UTF8)

    async def chat(self) -> Response:
        """Answer a conversation, whole or streamed."""
        self._simulator.last_initiator = request.headers.get("X-Initiator")
        self._authorize()
        conversation = self._reader.read(await quart_seam.body())
        model = self._simulator.catalogue.chat_model(conversation.model)
        try:
            script = directives.parse(conversation.prompt())
            self._refuse_as_told(conversation, script)
            said = answer(conversation, script, model.name)
        except BadDirective as error:
            raise Refused(refusals.invalid_body(f"simulator: {error}")) from None
        stamp = self._simulator.stamp(model.version)
        if conversation.stream:
            return Response(self._events(said, gpt_wire.stream(said, stamp)), content_type="text/event-stream")
        if said.slow:
            await trio.sleep(self._simulator.word_delay * len(said.pieces))
        body = gpt_wire.whole(said, stamp)
        if said.broken:
            return broken_answer(200, body, body[: len(body) // 2], JSON_UTF8)
        return Response(body, content_type=JSON_UTF8)

    def _authorize(self) -> None:
        scheme, token = quart_seam.credentials()
        state = self._simulator.token_state(token) if scheme == "bearer" else "unknown"
        if state != "good":
            raise Refused(TOKEN_EXPIRED if state == "dead" else TOKEN_UNKNOWN)

    def _refuse_as_told(self, conversation: Conversation, script: Script) -> None:
        if script.http is not None:
            raise Refused(refusals.for_status(script.http))
        if script.http_once is not None and self._simulator.refuses_first(conversation.identity()):
            raise Refused(refusals.for_status(script.http_once))

    async def _events(self, said: Answer, stream: gpt_wire.Stream) -> AsyncGenerator[bytes, None]:
        """The body of a streamed answer. Cancelled or closed by Quart when the client leaves, which is counted."""
        simulator = self._simulator
        delay = simulator.word_delay if said.slow else 0.0
        simulator.open_streams += 1
        left_early = True
        try:
            for event in _first_half(stream.body) if said.broken else stream.body:
                if delay:
                    await trio.sleep(delay)
                yield event
            if said.broken:
                left_early = False
                raise ConnectionDropped
            for event in stream.ending[:-1]:
                yield event
            left_early = False
            yield stream.ending[-1]
        finally:
            simulator.open_streams -= 1
            simulator.cancelled_streams += left_early


def _first_half(events: Sequence[bytes]) -> Sequence[bytes]:
    """What is sent before a break: at least the beginning of an answer, and never its end."""
    return events[: max(3, len(events) // 2)]


def broken_answer(status: int, body: bytes, sent: bytes, content_type: str) -> Response:
    """An answer that promises ``body``, and whose connection closes after ``sent``."""

    async def parts() -> AsyncGenerator[bytes, None]:
        if sent:
            yield sent
        raise ConnectionDropped

    headers = {"Content-Length": str(max(len(body), len(sent) + 1))}
    return Response(parts(), status=status, headers=headers, content_type=content_type)
