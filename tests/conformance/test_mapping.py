"""The pages of ``docs/mapping`` against the vendors' own packages: a field that a vendor adds has no row, and fails.

What the pages say of a field is carried out in ``tests/docs_mapping``; here it is carried out for all the fields inside
that one as well, which have no rows of their own as long as they share its fate.
"""

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

import pytest
from anthropic import types as anthropic
from anthropic.types import beta, message_create_params as messages
from anthropic.types.beta import message_create_params as beta_messages
from conformance.field_lists import Field, least, members, tags, value, walk
from docs_mapping import pages, proofs
from docs_mapping.pages import NOT_IN_PACKAGE, Row
from docs_mapping.requests import bare, pair
from docs_mapping.roads import MODELS, ROADS
from docs_mapping.samples import of
from ollama import _types as ollama
from openai import types as openai
from openai.types import chat, completion_create_params as completions, responses
from openai.types.chat import completion_create_params as chat_completions
from openai.types.responses import response_create_params as response_params

REQUESTS: dict[str, tuple[Any, ...]] = {
    "chat": (
        chat_completions.CompletionCreateParamsNonStreaming,
        chat_completions.CompletionCreateParamsStreaming,
    ),
    "responses": (
        response_params.ResponseCreateParamsNonStreaming,
        response_params.ResponseCreateParamsStreaming,
    ),
    "messages": (
        messages.MessageCreateParamsNonStreaming,
        messages.MessageCreateParamsStreaming,
        beta_messages.MessageCreateParamsNonStreaming,
        beta_messages.MessageCreateParamsStreaming,
    ),
    "ollama": (ollama.ChatRequest,),
    "completions": (
        completions.CompletionCreateParamsNonStreaming,
        completions.CompletionCreateParamsStreaming,
    ),
    "embeddings": (openai.EmbeddingCreateParams,),
}
ANSWERS: dict[str, tuple[Any, ...]] = {
    "chat": (chat.ChatCompletion,),
    "responses": (responses.Response,),
    "messages": (anthropic.Message, beta.BetaMessage),
    "ollama": (ollama.ChatResponse,),
    "completions": (openai.Completion,),
    "embeddings": (openai.CreateEmbeddingResponse,),
}
SPREAD = {"carried", "as it came", "echoed", "empty", "never", "renamed"}
"""Words of an answer's field that are true of everything inside it."""


NOT_WRITTEN = ("messages.images.value", "message.images.value")
"""Of a class that the package writes as a text."""

ALSO_OFFERED = ("input[additional_tools].tools[", "input[tool_search_output].tools[")
"""Where the same tools may stand as in ``tools``."""


@cache
def known(kinds: tuple[Any, ...]) -> dict[str, Field]:
    """The fields of all of these, by their paths."""
    found = {field.path: field for kind in kinds for field in walk(kind)}
    return {path: field for path, field in found.items() if path not in NOT_WRITTEN}


def fields(kinds: tuple[Any, ...]) -> dict[str, Field]:
    """The same but for what only says which of several objects one is, and for what is told of elsewhere."""
    return {
        path: field
        for path, field in known(kinds).items()
        if not path.endswith((".type", ".role")) and not path.startswith(ALSO_OFFERED)
    }


def _above(path: str) -> str:
    """The path of what holds a field; empty for one of the request's own."""
    return path[: path.rindex("[")] if path.endswith("]") else path.rpartition(".")[0]


def is_said(rows: tuple[Row, ...], path: str, column: str) -> bool:
    """Whether everything that holds the field is said anew: of what passes, and of what is left out, all is."""
    while path := _above(path):
        row = pages.row_of(rows, path)
        if row is not None and row.cells[column].word not in {"adapted", "renamed", "carried"}:
            return False
    return True


@pytest.mark.parametrize("dialect", REQUESTS)
def test_every_field_and_every_kind_of_message_block_item_and_tool_has_a_row(dialect: str) -> None:
    rows = pages.table(*pages.REQUESTS[dialect])
    missing = {
        path
        for path in fields(REQUESTS[dialect])
        if ("." not in path or (path.endswith("]") and path.count(".") == 1))
        and any(is_said(rows, path, column) for column in rows[0].cells)
        and pages.row_of(rows, path) is None
    }

    assert missing == set()


@pytest.mark.parametrize("dialect", REQUESTS)
def test_every_row_of_a_request_names_a_field_of_the_package_or_says_that_it_is_none(dialect: str) -> None:
    assert strange(pages.table(*pages.REQUESTS[dialect]), known(REQUESTS[dialect])) == set()


def strange(rows: tuple[Row, ...], paths: Collection[str]) -> set[str]:
    """The rows whose fields the package does not have, and those that wrongly say so."""
    return {row.label for row in rows if row.note.startswith(NOT_IN_PACKAGE) == _is_among(row.path, paths)}


def _is_among(path: str, paths: Collection[str]) -> bool:
    """Whether the package has the field; Ollama's does not tell messages by their roles."""
    untold = bare(path)
    head = untold.partition(".")[0]
    if untold in paths and not any(other.startswith(f"{head}[") for other in paths):
        return True
    return any(pages.matches(path, other) for other in paths)


def inner(dialect: str) -> Iterator[Field]:
    """The fields that have no row of their own, in what is told of by another."""
    rows = pages.table(*pages.REQUESTS[dialect])
    for path, field in fields(REQUESTS[dialect]).items():
        if pages.row_of(rows, path) is None:
            yield field


@pytest.mark.parametrize("dialect, endpoint", [(dialect, column) for dialect in REQUESTS for column in ROADS[dialect]])
def test_a_field_without_a_row_shares_the_fate_of_what_holds_it(dialect: str, endpoint: str) -> None:
    rows = pages.table(*pages.REQUESTS[dialect])
    samples = of(dialect, endpoint)

    def make(path: str, holder: bool) -> Any:
        hint = known(REQUESTS[dialect])[path].hint
        objects = list(members(hint)) if holder else []
        return least(objects[0]) if objects else value(hint, path.rpartition(".")[2])

    strayed: dict[str, tuple[str, str]] = {}
    for field in inner(dialect):
        row = pages.nearest(rows, field.path)
        if row is None or not is_said(rows, field.path, endpoint):
            continue
        asked = pair(samples, field.path, make=make)
        found = proofs.became(ROADS[dialect][endpoint], asked, MODELS[""])
        if found.fate not in {"sent", "needed"}:
            strayed[field.path] = (row.label, found.fate)

    assert strayed == {}


@pytest.mark.parametrize("dialect", ANSWERS)
def test_every_field_of_an_answer_has_a_row_or_shares_that_of_what_holds_it(dialect: str) -> None:
    rows = pages.table(dialect, "Answer")
    missing = {
        path
        for path in fields(ANSWERS[dialect])
        if pages.row_of(rows, path) is None and not _goes_along(pages.nearest(rows, path))
    }

    assert missing == set()


def _goes_along(row: Row | None) -> bool:
    """Whether what a row says of an object is true of everything in it."""
    return row is not None and all(cell.word in SPREAD for cell in row.cells.values())


@pytest.mark.parametrize("dialect", ANSWERS)
def test_every_row_of_an_answer_names_a_field_of_the_package_or_says_that_it_is_none(dialect: str) -> None:
    assert strange(pages.table(dialect, "Answer"), known(ANSWERS[dialect])) == set()


def test_every_field_of_a_chunk_has_a_row_or_shares_that_of_what_holds_it() -> None:
    rows = pages.table("chat", "Stream")
    paths = {path.replace("tool_calls[function]", "tool_calls") for path in known((chat.ChatCompletionChunk,))}
    missing = {
        path
        for path in paths
        if "[" not in path and pages.row_of(rows, path) is None and not _is_one(pages.nearest(rows, path))
    }

    assert missing == set()
    assert strange(rows, paths) == set()


def _is_one(row: Row | None) -> bool:
    """Whether everything inside has the fate of the whole: it passes, or there is none of it."""
    return row is not None and (row.path == "usage" or {cell.word for cell in row.cells.values()} <= SPREAD)


def test_the_events_of_openais_package_are_those_of_the_page() -> None:
    package = {tag for kind in members(responses.ResponseStreamEvent) for tag in tags(kind)}

    assert {row.path for row in pages.table("responses", "Stream")} == package


def test_the_events_of_anthropics_package_are_those_of_the_page() -> None:
    package: set[str] = set()
    for union in (anthropic.RawMessageStreamEvent, beta.BetaRawMessageStreamEvent):
        for kind in members(union):
            (name,) = tags(kind)
            deltas = {tag for field in walk(kind) if field.path.startswith("delta[") for tag in [field.path[6:-1]]}
            package |= {name} | {f"{name}[{delta}]" for delta in deltas if "]" not in delta}
    rows = pages.table("messages", "Stream")

    assert {row.path for row in rows if not row.note.startswith(NOT_IN_PACKAGE)} == package
