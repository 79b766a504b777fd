"""The way of a request through the house without a socket: from a client's dialect to an endpoint of Copilot's."""

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from passenger_trio.errors import BadRequest
from passenger_trio.translate import words
from passenger_trio.translate.backs import (
    abilities,
    chat as chat_back,
    embeddings as embeddings_back,
    messages as messages_back,
    responses as responses_back,
)
from passenger_trio.translate.diagonals import messages as messages_diagonal, responses as responses_diagonal
from passenger_trio.translate.fronts import (
    chat as chat_front,
    completions as completions_front,
    embeddings as embeddings_front,
    messages as messages_front,
    messages_fields,
    ollama_generate,
    ollama_request as ollama_front,
    responses as responses_front,
)
from passenger_trio.wire.chat import Call
from passenger_trio.wire.models import Capabilities, Limits, Model, Supports

CHAT: Final = "/chat/completions"
RESPONSES: Final = "/responses"
MESSAGES: Final = "/v1/messages"
EMBEDDINGS: Final = "/embeddings"
ENDPOINTS: Final = (CHAT, RESPONSES, MESSAGES)

_BACKS: Final[dict[str, Any]] = {CHAT: chat_back, RESPONSES: responses_back, MESSAGES: messages_back}

ABLE: Final = Supports(
    streaming=True,
    tool_calls=True,
    parallel_tool_calls=True,
    vision=True,
    structured_outputs=True,
    dimensions=True,
    reasoning_effort=["low", "medium", "high", "max"],
    adaptive_thinking=True,
)
THOUGHTLESS: Final = Supports(streaming=True, tool_calls=True, vision=True, dimensions=True)
UNTHINKING: Final = Supports(streaming=True, tool_calls=True, reasoning_effort=["none", "low", "high"])
BUDGETED: Final = Supports(streaming=True, tool_calls=True, min_thinking_budget=1024, max_thinking_budget=32_000)


def _model(supports: Supports) -> Model:
    return Model("the-model", capabilities=Capabilities(limits=Limits(max_output_tokens=64_000), supports=supports))


MODELS: Final = {
    "": _model(ABLE),
    "a model that does not think": _model(THOUGHTLESS),
    "a model that thinks by a budget": _model(BUDGETED),
    "a model that need not think": _model(UNTHINKING),
    "a model with vectors of one size": _model(Supports()),
    "a model without structured outputs": _model(THOUGHTLESS),
}
"""By the words that a row of a page has for it. The first can do everything that Copilot's models can."""


class Sent(NamedTuple):
    """What goes out for a request: the body, and the names of what was left out."""

    body: dict[str, Any]
    dropped: tuple[str, ...]


Road = Callable[[bytes, Model], Sent]


def _by_hub(call: Call, endpoint: str, model: Model) -> Sent:
    """As ``server/exchange.py`` does: what is refused or left out is named as the client wrote it."""
    try:
        able = abilities.within(call, model)
        written = _BACKS[endpoint].request(able, model)
    except BadRequest as error:
        words.reword(error, call.names)
        raise
    lost = (words.renamed(name, call.names) for name in written.dropped)
    return Sent(json.loads(written.body), (*able.dropped, *lost))


def _chat(endpoint: str) -> Road:
    return lambda body, model: _by_hub(chat_front.to_call(body), endpoint, model)


def _ollama(endpoint: str, *, openai_shaped: bool = False) -> Road:
    def send(body: bytes, model: Model) -> Sent:
        asked = ollama_front.read_chat(body, openai_shaped=openai_shaped)
        return _by_hub(ollama_front.to_call(asked, model), endpoint, model)

    return send


def _ollama_generate(endpoint: str) -> Road:
    return lambda body, model: _by_hub(
        ollama_front.to_call(ollama_generate.read_generate(body), model), endpoint, model
    )


def _responses(endpoint: str) -> Road:
    def send(body: bytes, model: Model) -> Sent:
        asked = responses_front.read(body)
        if endpoint == RESPONSES:
            passed = responses_diagonal.request(asked.envelope, model)
            return Sent(json.loads(passed.body), passed.dropped)
        return _by_hub(responses_front.to_call(asked, model.id)[0], endpoint, model)

    return send


def _messages(endpoint: str) -> Road:
    def send(body: bytes, model: Model) -> Sent:
        asked = messages_front.read(body)
        if endpoint == MESSAGES:
            messages_fields.refuse(asked.envelope)  # as server/anthropic.py does
            passed = messages_diagonal.request(asked.envelope, model)
            return Sent(json.loads(passed.body), passed.dropped)
        return _by_hub(messages_front.to_call(asked, model)[0], endpoint, model)

    return send


def _completions(endpoint: str) -> Road:
    def send(body: bytes, model: Model) -> Sent:
        asked = completions_front.read(body)
        return _by_hub(completions_front.to_calls(asked, None)[0], endpoint, model)

    return send


def _embeddings(body: bytes, model: Model) -> Sent:
    asked = embeddings_front.read(body)
    chosen = Model(model.id, supported_endpoints=[EMBEDDINGS], capabilities=model.capabilities)
    (request,) = embeddings_back.requests(chosen, asked.texts(None), asked.dimensions)
    return Sent(json.loads(request.body), asked.dropped)


ROADS: Final[dict[str, dict[str, Road]]] = {
    "chat": {endpoint: _chat(endpoint) for endpoint in ENDPOINTS},
    "responses": {endpoint: _responses(endpoint) for endpoint in ENDPOINTS},
    "messages": {endpoint: _messages(endpoint) for endpoint in ENDPOINTS},
    "ollama": {endpoint: _ollama(endpoint) for endpoint in ENDPOINTS},
    "ollama openai": {endpoint: _ollama(endpoint, openai_shaped=True) for endpoint in ENDPOINTS},
    "ollama generate": {endpoint: _ollama_generate(endpoint) for endpoint in ENDPOINTS},
    "completions": {endpoint: _completions(endpoint) for endpoint in ENDPOINTS},
    "embeddings": {EMBEDDINGS: _embeddings},
}
"""By dialect and endpoint."""
