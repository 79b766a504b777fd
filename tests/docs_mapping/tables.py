"""The tables of the program, by the words and the paths of the pages."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from docs_mapping.roads import CHAT, EMBEDDINGS, ENDPOINTS, MESSAGES, RESPONSES

from passenger_trio.translate.backs import chat_request, messages_fields as messages_back, responses as responses_back
from passenger_trio.translate.diagonals import messages as messages_diagonal, responses as responses_diagonal
from passenger_trio.translate.fronts import (
    completions,
    embeddings,
    messages,
    messages_fields,
    messages_input,
    ollama_fields,
    ollama_generate,
    ollama_request,
    responses,
    responses_input,
    responses_tools,
)


class Entry(NamedTuple):
    """What a table says of a field, and why."""

    word: str
    reason: str


Table = dict[str, Entry]


def _dropped(reasons: Mapping[str, str], form: str = "{}") -> Table:
    return {form.format(name): Entry("dropped", _resolved(reason, reasons)) for name, reason in reasons.items()}


def _refused(reasons: Mapping[str, str], form: str = "{}") -> Table:
    return {form.format(name): Entry("refused", _resolved(reason, reasons)) for name, reason in reasons.items()}


def _resolved(reason: str, reasons: Mapping[str, str]) -> str:
    """A reason in full, where the program says "as" another field's: a reader of the page has one row before him."""
    head, semicolon, more = reason.partition("; ")
    same = reasons.get(head.removeprefix("as ")) if head.startswith("as ") else None
    return reason if same is None else f"{same}{semicolon}{more}"


BACKS: Final[dict[str, Table]] = {
    CHAT: _dropped(chat_request.DROPPED_FIELDS) | _refused(chat_request.REFUSED_FIELDS),
    RESPONSES: _dropped(responses_back.DROPPED_FIELDS) | _refused(responses_back.REFUSED_FIELDS),
    MESSAGES: _dropped(messages_back.DROPPED_FIELDS)
    | {
        name: Entry("refused", f"the endpoint does not take {what}. {remedy}".rstrip("."))
        for name, (what, remedy) in messages_back.REFUSED_FIELDS.items()
    },
}
"""Of a field of the hub's, on each endpoint."""

_RESPONSES: Final = (
    _dropped(responses.DROPPED_FIELDS)
    | _refused(responses.REFUSED_FIELDS)
    | _dropped(responses_input.DROPPED_ITEMS, "input[{}]")
    | _refused(responses_input.REFUSED_ITEMS, "input[{}]")
    | _dropped(responses_tools.LEFT_OUT, "tools[{}]")
    | _refused(responses_tools.REFUSED, "tools[{}]")
)
_BLOCKS: Final = _dropped(messages_input.DROPPED_BLOCKS, "messages.content[{}]") | _refused(
    messages_input.REFUSED_BLOCKS, "messages.content[{}]"
)
_BLOCKS["messages.content[tool_result].content[browser_state]"] = _BLOCKS.pop("messages.content[browser_state]")
_MESSAGES: Final = _dropped(messages_fields.DROPPED_FIELDS) | _refused(messages_fields.REFUSED_FIELDS) | _BLOCKS
_OLLAMA: Final = _dropped(ollama_request.DROPPED_FIELDS) | _dropped(ollama_fields.DROPPED_OPTIONS, "options.{}")

FRONTS: Final[dict[str, dict[str, Table]]] = {
    "chat": dict.fromkeys(ENDPOINTS, Table()),
    "responses": {
        CHAT: _RESPONSES,
        MESSAGES: _RESPONSES,
        RESPONSES: _refused(responses.REFUSED_FIELDS)
        | _dropped(responses_diagonal.DROPPED_FIELDS)
        | _dropped(responses_diagonal.DROPPED_TOOLS, "tools[{}]"),
    },
    "messages": {
        CHAT: _MESSAGES,
        RESPONSES: _MESSAGES,
        MESSAGES: _refused(messages_fields.REFUSED_FIELDS) | _dropped(messages_diagonal.DROPPED_FIELDS),
    },
    "ollama": dict.fromkeys(ENDPOINTS, _OLLAMA),
    "ollama openai": dict.fromkeys(ENDPOINTS, Table()),
    "ollama generate": dict.fromkeys(ENDPOINTS, _dropped(ollama_generate.DROPPED_FIELDS)),
    "completions": dict.fromkeys(ENDPOINTS, _dropped(completions.DROPPED)),
    "embeddings": {EMBEDDINGS: _dropped(embeddings.DROPPED)},
}
"""Of a client's field on its way to an endpoint, before a back sees anything of it."""

HUB: Final[dict[str, dict[str, str]]] = {
    "chat": {},
    "responses": {name: name for name in responses.PASSED} | {own: hub for hub, own in responses.NAMES.items()},
    "messages": {own: hub for hub, own in messages.NAMES.items()},
    "ollama": {"logprobs": "logprobs"} | {own: hub for hub, own in ollama_request.NAMES.items()},
    "ollama openai": {name: name for name in ollama_request.OPENAI_FIELDS},
    "ollama generate": {},
    "completions": {name: name for table in BACKS.values() for name in table},
    "embeddings": {},
}
"""What a client's field is called in the hub, where that may decide about it."""


def entries(dialect: str, endpoint: str) -> Table:
    """What the tables say of the fields of a dialect on an endpoint."""
    if dialect == "chat":
        return BACKS[endpoint]
    found = dict(FRONTS[dialect][endpoint])
    if not is_diagonal(dialect, endpoint) and endpoint in BACKS:
        for name, hub in HUB[dialect].items():
            if hub in BACKS[endpoint]:
                found.setdefault(name, BACKS[endpoint][hub])
    return found


def is_diagonal(dialect: str, endpoint: str) -> bool:
    """Whether an endpoint speaks the dialect itself."""
    return endpoint == {"chat": CHAT, "responses": RESPONSES, "messages": MESSAGES}.get(dialect)


def entry(dialect: str, endpoint: str, path: str) -> Entry | None:
    """What the tables say of a field; of some tools only the beginning of their type stands there."""
    table = entries(dialect, endpoint)
    if path in table:
        return table[path]
    starts = (known for known in _by_beginning(table) if path.startswith(known.rstrip("]")))
    return next((table[known] for known in starts), None)


def _by_beginning(table: Table) -> Iterator[str]:
    beginnings = {*responses_tools.LEFT_OUT, *responses_diagonal.DROPPED_TOOLS}
    return (path for path in table if path.startswith("tools[") and path[6:-1] in beginnings)
