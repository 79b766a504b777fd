"""The way of an answer through the house without a socket: from an endpoint of Copilot's to a client's dialect."""

import itertools
import json
from collections.abc import Iterable
from typing import Any, Final, Protocol

from docs_mapping.roads import CHAT, MESSAGES, RESPONSES
from docs_mapping.upstream import Body

from passenger_trio.errors import UpstreamBroke
from passenger_trio.translate.backs import (
    chat as chat_back,
    embeddings as embeddings_back,
    messages as messages_back,
    responses as responses_back,
    whole as whole_back,
)
from passenger_trio.translate.diagonals import messages_answer, responses_answer
from passenger_trio.translate.fronts import (
    chat as chat_front,
    completions as completions_front,
    embeddings as embeddings_front,
    messages as messages_front,
    ollama as ollama_front,
    responses as responses_front,
)
from passenger_trio.translate.fronts.ollama_lines import ChatForm
from passenger_trio.translate.fronts.tool_names import ToolNames
from passenger_trio.wire import sse
from passenger_trio.wire.chat import Call, HubReply
from passenger_trio.wire.embeddings import Batch

MADE_AT: Final = 1_780_000_000
_BACKS: Final[dict[str, Any]] = {CHAT: chat_back, RESPONSES: responses_back, MESSAGES: messages_back}
_MODEL: Final = "the-model"
_CUSTOM: Final[Body] = {"type": "custom", "name": "patch"}


def _new_id() -> str:
    return "chatcmpl-made"


def _call() -> Call:
    asked = {"model": "asked", "messages": [{"role": "user", "content": "x"}]}
    return chat_front.to_call(json.dumps(asked).encode())


ECHOED: Final[Body] = {
    "instructions": "be brief",
    "max_output_tokens": 4321,
    "metadata": {"k": "v"},
    "parallel_tool_calls": False,
    "reasoning": {"effort": "low", "summary": "detailed"},
    "temperature": 0.5,
    "text": {"format": {"type": "text"}, "verbosity": "low"},
    "tool_choice": "required",
    "tools": [_CUSTOM],
    "top_p": 0.25,
    "user": "me",
}
"""What a client of Responses has asked for; the answer repeats it."""


def _asked(*, stream: bool = False) -> bytes:
    return json.dumps({"model": "asked", "input": "x", "stream": stream, **ECHOED}).encode()


def _told() -> bytes:
    return json.dumps({"model": "asked", "messages": [{"role": "user", "content": "x"}], "max_tokens": 9}).encode()


_PROMPT: Final = b'{"model":"asked","prompt":"x","stream_options":{"include_usage":true}}'


def _hub(endpoint: str, body: bytes) -> HubReply:
    reply: HubReply = _BACKS[endpoint].reply(body, _call(), _MODEL, created=MADE_AT, new_id=_new_id)
    return reply


def hub(endpoint: str, upstream: Body) -> HubReply:
    """A whole answer as the hub has it."""
    return _hub(endpoint, json.dumps(upstream).encode())


def batch(upstream: Body) -> Batch:
    """The answer to one text of an embeddings request."""
    return embeddings_back.reply(json.dumps(upstream).encode(), 1)


def whole(dialect: str, endpoint: str, upstream: Body, *, think: bool = True) -> Body:
    """A whole answer as a client gets it. Raises what the house raises."""
    body = json.dumps(_without_custom(dialect, upstream)).encode()
    if (dialect, endpoint) == ("responses", RESPONSES):
        return _parsed(responses_answer.reply(body)[0])
    if (dialect, endpoint) == ("messages", MESSAGES):
        return _parsed(messages_answer.reply(body)[0])
    if dialect == "embeddings":
        answer = embeddings_front.Answer(embeddings_front.read(b'{"model":"asked","input":"x"}'))
        answer.add(batch(upstream))
        return _parsed(answer.end())
    hub = _hub(endpoint, body)
    match dialect:
        case "chat":
            return _parsed(chat_front.from_hub(hub))
        case "responses":
            asked = responses_front.read(_asked())
            _, tools = responses_front.to_call(asked, _MODEL)
            made = responses_front.from_hub(hub, asked, tools, model=_MODEL, now=MADE_AT, new_id=_new_id)
        case "messages":
            made = messages_front.from_hub(hub, messages_front.read(_told()), ToolNames(), model=_MODEL, new_id=_new_id)
        case "ollama":
            front = ollama_front.Whole(ChatForm("asked:latest"), _times(), think=think, logprobs=True)
            for chunk in whole_back.chunks(hub):
                front.event(chunk)
            made = front.end()
        case _:
            prompt = completions_front.read(_PROMPT)
            answer = completions_front.Answer(prompt, completions_front.to_calls(prompt, None))
            answer.add(hub)
            made = answer.end()
    return _parsed(made)


def _times() -> ollama_front.Times:
    ticks = itertools.count(MADE_AT + 1)
    return ollama_front.Times(lambda: MADE_AT, lambda: next(ticks), MADE_AT - 1, MADE_AT)


def _without_custom(dialect: str, value: Any) -> Any:
    """Custom tools are called for those alone who can offer them."""
    if isinstance(value, dict):
        return {name: _without_custom(dialect, inner) for name, inner in value.items()}
    if isinstance(value, list):
        kept = [entry for entry in value if dialect in {"chat", "responses"} or not _is_custom(entry)]
        return [_without_custom(dialect, entry) for entry in kept]
    return value


def _is_custom(entry: Any) -> bool:
    item = entry.get("item", entry) if isinstance(entry, dict) else {}
    kind = str(item.get("type", ""))
    return kind == "custom_tool_call" or kind.startswith("response.custom_tool_call")


def _parsed(data: bytes) -> Body:
    found: Body = json.loads(data)
    return found


class _Front(Protocol):
    def event(self, chunk: Any) -> bytes: ...
    def end(self) -> bytes: ...


def _front(dialect: str) -> _Front:
    match dialect:
        case "chat":
            return chat_front.Stream(include_usage=True)
        case "responses":
            asked = responses_front.read(_asked(stream=True))
            _, tools = responses_front.to_call(asked, _MODEL)
            return responses_front.Stream(asked, tools, model=_MODEL, now=MADE_AT, new_id=_new_id)
        case "messages":
            return messages_front.Stream(messages_front.read(_told()), ToolNames(), model=_MODEL, new_id=_new_id)
        case "ollama":
            return ollama_front.Stream(ChatForm("asked:latest"), _times(), logprobs=True)
        case _:
            prompt = completions_front.read(_PROMPT)
            return completions_front.Stream(prompt, completions_front.to_calls(prompt, None))


def _said(dialect: str, upstream: Iterable[Body]) -> list[sse.Event]:
    said = _without_custom(dialect, list(upstream))
    return [sse.Event(event.get("type", "").encode(), json.dumps(event).encode()) for event in said]


def _native(dialect: str, endpoint: str) -> Any:
    """The stream of an endpoint that speaks the dialect itself; none where it does not."""
    if (dialect, endpoint) == ("responses", RESPONSES):
        return responses_answer.Stream()
    if (dialect, endpoint) == ("messages", MESSAGES):
        return messages_answer.Stream()
    return None


def streamed(dialect: str, endpoint: str, upstream: Iterable[Body]) -> list[Body]:
    """The events of a streamed answer as a client gets them; their type is in each."""
    events, native = _said(dialect, upstream), _native(dialect, endpoint)
    if native is not None:
        return _events(b"".join([*map(native.event, events), native.end()]))
    back = _BACKS[endpoint].Stream(_MODEL, created=MADE_AT, new_id=_new_id)
    front = _front(dialect)
    pieces = [front.event(chunk) for event in events for chunk in back.event(event)]
    pieces += [front.event(chunk) for chunk in back.end()]
    data = b"".join([*pieces, front.end()])
    return [json.loads(line) for line in data.splitlines()] if dialect == "ollama" else _events(data)


def broken(dialect: str, endpoint: str, upstream: Iterable[Body]) -> list[Body]:
    """The events of an answer that breaks off after these."""
    events = _said(dialect, upstream)
    answer: Any = _native(dialect, endpoint) or _front(dialect)
    error = UpstreamBroke("It broke.")
    if _native(dialect, endpoint) is not None:
        return _events(b"".join([*map(answer.event, events), answer.fault(error)]))
    back = _BACKS[endpoint].Stream(_MODEL, created=MADE_AT, new_id=_new_id)
    pieces = [answer.event(chunk) for event in events for chunk in back.event(event)]
    return _events(b"".join([*pieces, answer.fault(error)]))


def passed(dialect: str, event: Body) -> list[Body]:
    """What becomes of an event, whatever it is, where Copilot speaks the dialect itself."""
    native = _native(dialect, RESPONSES if dialect == "responses" else MESSAGES)
    return _events(b"".join(map(native.event, _said(dialect, [event]))))


def _events(data: bytes) -> list[Body]:
    splitter = sse.Splitter()
    found = [*splitter.feed(data), *splitter.end()]
    return [json.loads(event.data) for event in found if event.data != sse.DONE]
