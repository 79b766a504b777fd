"""The pages against the tables of the program, word by word and reason by reason."""

import pytest
from docs_mapping import pages, tables
from docs_mapping.pages import Row
from docs_mapping.roads import CHAT, ENDPOINTS, MESSAGES, RESPONSES, ROADS

from passenger_trio.translate.backs import messages_fields as messages_back, responses as responses_back
from passenger_trio.translate.diagonals import messages as messages_diagonal
from passenger_trio.translate.fronts import (
    completions,
    embeddings,
    messages_fields,
    messages_input,
    ollama_fields,
    ollama_generate,
    ollama_request,
    responses,
    responses_tools,
)

COLUMNS = [(dialect, endpoint) for dialect, roads in ROADS.items() for endpoint in roads]
_RESULTS_ONLY = {"messages.content[tool_reference]"}
SILENT = {"dropped", "refused"}


def rows(dialect: str) -> tuple[Row, ...]:
    return tuple(row for row in pages.table(*pages.REQUESTS[dialect]) if row.is_general)


@pytest.mark.parametrize("dialect, endpoint", COLUMNS)
def test_every_entry_of_a_table_has_its_row_with_its_word_and_its_reason(dialect: str, endpoint: str) -> None:
    written = {row.path: (row.cells[endpoint].word, row.reason(endpoint)) for row in rows(dialect)}
    wanted = {path: tuple(entry) for path, entry in tables.entries(dialect, endpoint).items()}
    if dialect == "responses" and endpoint != RESPONSES:
        del wanted["tools[tool_search]"]  # the server's alone: a row under a condition
    if dialect == "completions":
        wanted = {path: entry for path, entry in wanted.items() if path in written}  # the rest are chat's

    assert {path: written.get(path) for path in wanted} == wanted


@pytest.mark.parametrize("dialect, endpoint", COLUMNS)
def test_every_field_that_is_not_served_stands_in_a_table(dialect: str, endpoint: str) -> None:
    unserved = {row.path for row in rows(dialect) if row.cells[endpoint].word in SILENT and row.path.isidentifier()}
    by_rule = {
        "temperature",  # a model that thinks takes no sampling
        "top_p",
        *(("best_of", "logprobs", "suffix") if dialect == "completions" else ()),
        *(("top_logprobs",) if dialect == "ollama" else ()),  # beside `logprobs` alone
        *(("suffix",) if dialect == "ollama generate" else ()),  # by the model
        *(("include", "text", "truncation") if dialect == "responses" else ()),  # by their values
    }
    if (dialect, endpoint) == ("messages", MESSAGES):  # what the endpoint does not know is left out, in a table or not
        known = messages_diagonal.FIELDS
        assert {path for path in unserved if path in known} == set()
        by_rule |= unserved

    assert {path for path in unserved - by_rule if tables.entry(dialect, endpoint, path) is None} == set()


def test_the_tables_reason_for_a_dated_tool_is_that_of_its_kind() -> None:
    dated = [row for row in rows("responses") if row.path.startswith("tools[web_search_")]

    assert len(dated) == 3
    for row in dated:
        for endpoint in ENDPOINTS:
            entry = tables.entry("responses", endpoint, row.path)
            assert entry is not None
            assert (row.cells[endpoint].word, row.reason(endpoint)) == entry


@pytest.mark.parametrize(
    "dialect, endpoint, served",
    [
        ("chat", RESPONSES, responses_back.FIELDS),
        ("chat", MESSAGES, messages_back.READ),
        ("responses", CHAT, responses.READ),
        ("messages", CHAT, messages_fields.READ),
        ("messages", MESSAGES, messages_diagonal.FIELDS),
        ("ollama", CHAT, ollama_request.FIELDS),
        ("ollama", CHAT, {f"options.{name}" for name in ollama_fields.OPTIONS}),
        ("ollama openai", CHAT, ollama_request.OPENAI_FIELDS),
        ("ollama generate", CHAT, ollama_generate.OWN_FIELDS),
        ("completions", CHAT, completions.TAKEN),
        ("embeddings", "/embeddings", embeddings.TAKEN),
        ("messages", CHAT, {f"messages.content[{kind}]" for kind in messages_input.BLOCKS} - _RESULTS_ONLY),
    ],
)
def test_every_field_that_is_read_has_a_row(dialect: str, endpoint: str, served: frozenset[str]) -> None:
    assert served - {row.path for row in rows(dialect)} == set()


@pytest.mark.parametrize("path", ["output_config", "thinking", "tool_choice", "system"])
def test_a_field_that_is_read_is_not_dropped_as_such(path: str) -> None:
    (row,) = [row for row in rows("messages") if row.path == path]

    assert not SILENT & {cell.word for cell in row.cells.values()}


@pytest.mark.parametrize(
    "kinds, word", [(messages_fields.DROPPED_TOOLS, "dropped"), (messages_fields.REFUSED_TOOLS, "refused")]
)
@pytest.mark.parametrize("endpoint", [CHAT, RESPONSES])
def test_tools_of_anthropics_are_what_the_beginning_of_their_type_says(
    endpoint: str, kinds: tuple[str, ...], word: str
) -> None:
    for kind in kinds:
        words = {row.cells[endpoint].word for row in rows("messages") if row.path.startswith(f"tools[{kind}")}

        assert words == {word}, kind


@pytest.mark.parametrize("kind", [*responses_tools.LEFT_OUT, *responses_tools.REFUSED])
def test_every_hosted_tool_of_openais_has_a_row(kind: str) -> None:
    assert [row for row in rows("responses") if row.path == f"tools[{kind}]"]
