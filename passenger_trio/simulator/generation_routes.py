"""The three routes that generate: ``/chat/completions``, ``/responses`` and ``/v1/messages``."""

from dataclasses import dataclass

from quart import Response, request
from quart_trio import QuartTrio

from passenger_trio.simulator import chat_rules, directives, quart_seam, recorded_errors
from passenger_trio.simulator.admission import admit, admit_pictures
from passenger_trio.simulator.answers import answer
from passenger_trio.simulator.catalogue import Model
from passenger_trio.simulator.conversation import Conversation, ConversationReader
from passenger_trio.simulator.delivery import deliver
from passenger_trio.simulator.directives import BadDirective, Script
from passenger_trio.simulator.forms import ChatForm, Form
from passenger_trio.simulator.messages_form import MessagesForm
from passenger_trio.simulator.messages_request import MessagesReader
from passenger_trio.simulator.recorded_errors import ERRORS
from passenger_trio.simulator.refusals import Refused
from passenger_trio.simulator.responses_form import ResponsesForm
from passenger_trio.simulator.responses_request import ResponsesReader
from passenger_trio.simulator.world import Simulator

_USUAL_LIMIT = 128_000


@dataclass(frozen=True, slots=True)
class _Turn:
    """A request that was let through, in terms that all three routes share."""

    conversation: Conversation
    model: Model
    form: Form
    version: str
    thinking: bool


class GenerationRoutes:
    """Copilot's answers."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._chats = ConversationReader()
        self._responses = ResponsesReader()
        self._messages = MessagesReader()

    def register(self, app: QuartTrio) -> None:
        """Add the routes to ``app``."""
        app.add_url_rule("/chat/completions", view_func=self.chat, methods=["POST"])
        app.add_url_rule("/responses", view_func=self.responses, methods=["POST"])
        app.add_url_rule("/v1/messages", view_func=self.messages, methods=["POST"])

    async def chat(self) -> Response:
        """Answer a conversation in OpenAI's older form, or what Copilot makes of it."""
        self._begin()
        conversation = self._chats.read(await quart_seam.body())
        model = self._simulator.catalogue.model(conversation.model, "/chat/completions")
        if self._simulator.strict:
            chat_rules.check_chat(conversation, model)
        asked = conversation.reasoning_effort is not None or conversation.thinking_budget is not None
        thinking = asked and model.family != "gpt"
        return await self._say(_Turn(conversation, model, ChatForm(model.family), model.version, thinking))

    async def responses(self) -> Response:
        """Answer a conversation in OpenAI's newer form."""
        self._begin()
        wanted = self._responses.read(await quart_seam.body())
        model = self._simulator.catalogue.model(wanted.model, "/responses")
        if self._simulator.strict:
            wanted.check(model)
        form = ResponsesForm(wanted, model)
        return await self._say(_Turn(wanted.conversation(), model, form, model.version, wanted.reasons()))

    async def messages(self) -> Response:
        """Answer a conversation in Anthropic's form."""
        self._begin()
        wanted = self._messages.read(await quart_seam.body())
        model = self._simulator.catalogue.model(wanted.model, "/v1/messages")
        if self._simulator.strict:
            wanted.check(model, request.headers.get("anthropic-beta"))
        form = MessagesForm()
        return await self._say(_Turn(wanted.conversation(), model, form, form.dated(model), wanted.thinks()))

    def _begin(self) -> None:
        self._simulator.note_initiator(request.headers.get("X-Initiator"))
        admit(self._simulator)

    async def _say(self, turn: _Turn) -> Response:
        simulator, conversation = self._simulator, turn.conversation
        if conversation.shows_pictures():
            admit_pictures(simulator)
        try:
            script = directives.parse(conversation.prompt())
            self._refuse_as_told(turn, script)
            said = answer(conversation, script, turn.model.name, thinking=turn.thinking)
        except BadDirective as error:
            raise Refused(turn.form.invalid(f"simulator: {error}")) from None
        stamp = simulator.stamp(turn.version)
        response = await deliver(simulator, said, script, turn.form, stamp, streamed=bool(conversation.stream))
        response.headers.update(simulator.quota_headers())
        return response

    def _refuse_as_told(self, turn: _Turn, script: Script) -> None:
        if script.error is not None:
            raise Refused(ERRORS[script.error])
        if script.http is not None:
            raise Refused(recorded_errors.for_status(script.http))
        if script.http_once is not None and self._simulator.refuses_first(turn.conversation.identity()):
            raise Refused(recorded_errors.for_status(script.http_once))
        limit = turn.model.capabilities.limits.max_prompt_tokens or _USUAL_LIMIT
        words = turn.conversation.word_count()
        if words > limit or script.overflow:
            raise Refused(turn.form.too_long(max(words, limit + 1), limit))
