"""Every row of an answer's table is carried out: the field is where the row says, and it comes from there."""

import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from docs_mapping import answers, pages, upstream
from docs_mapping.pages import Cell, Row
from docs_mapping.proofs import places
from docs_mapping.requests import bare, steps
from docs_mapping.tables import is_diagonal
from docs_mapping.upstream import Body

from passenger_trio.errors import UpstreamBroke

DIALECTS = ("chat", "responses", "messages", "ollama", "completions", "embeddings")


def cells(section: str, dialects: tuple[str, ...]) -> Iterator[object]:
    for dialect in dialects:
        for row in pages.table(dialect, section):
            for endpoint, cell in row.cells.items():
                yield pytest.param(dialect, endpoint, row, cell, id=f"{dialect} {endpoint} {row.path}")


def found(value: Any, path: str) -> list[Any]:
    """Everything at a path, but for nulls."""
    here = [value]
    for step in steps(path):
        inside = [entry[step.name] for entry in here if isinstance(entry, dict) and step.name in entry]
        last = step.path == path and step.tag is None
        spread = [[inner] if last or not isinstance(inner, list) else inner for inner in inside]
        here = [entry for entry in itertools.chain(*spread) if step.tag is None or _tagged(entry, step.tag)]
    return [entry for entry in here if entry is not None]


def _tagged(entry: Any, tag: str) -> bool:
    return isinstance(entry, dict) and tag in {entry.get("type"), entry.get("role")}


def planted(whole: Body, path: str) -> Body:
    """An answer with something at a path, where it has nothing there."""
    made = copy.deepcopy(whole)
    node: Any = made
    way = steps(path)
    for step in way[:-1]:
        node = _enter(node, step.name, step.tag)
    last = way[-1]
    if last.tag is not None:
        _enter(node, last.name, last.tag)
    elif node.get(last.name) is None:
        node[last.name] = _OBJECTS.get(last.name, f"some {last.name}")
    return made


_ARRAYS = {"choices", "tool_calls", "output", "content", "summary", "data"}
_OBJECTS = {"incomplete_details": {"reason": "max_output_tokens"}}
_CUSTOM_CALL = {"id": "call_custom", "type": "custom", "custom": {"name": "patch", "input": "a patch"}}


def _enter(node: Any, name: str, tag: str | None) -> Any:
    if node.get(name) is None or isinstance(node[name], str):
        node[name] = [] if name in _ARRAYS else {} if tag is None else {"type": tag}
    inner = node[name]
    if not isinstance(inner, list):
        return inner
    fitting = [entry for entry in inner if tag is None or _tagged(entry, tag)]
    if not fitting:
        fitting = [{} if tag is None else dict(_CUSTOM_CALL) if tag == "custom" else {"type": tag}]
        inner += fitting
    return fitting[0]


def changed(value: Any, keys: list[str]) -> Any:
    """A copy in which nothing is at these keys, or something else where there must be something."""
    if isinstance(value, list):
        return [changed(entry, keys) for entry in value]
    if not isinstance(value, dict) or keys[0] not in value:
        return value
    rest = {name: inner for name, inner in value.items() if name != keys[0]}
    if len(keys) > 1:
        return {**rest, keys[0]: changed(value[keys[0]], keys[1:])}
    return {**rest, keys[0]: upstream.OTHERWISE[keys[0]]} if keys[0] in upstream.OTHERWISE else rest


@pytest.mark.parametrize("dialect, endpoint, row, cell", list(cells("Answer", DIALECTS)))
def test_a_field_of_an_answer_comes_from_where_its_row_says(dialect: str, endpoint: str, row: Row, cell: Cell) -> None:
    sample = upstream.WHOLE[endpoint]
    if cell.word == "as it came":
        sample = planted(sample, row.path)
    there = found(answers.whole(dialect, endpoint, sample), row.path)
    given = dict.fromkeys(places(sample))

    match cell.word:
        case "never":
            assert there == []
        case "empty":
            assert there == [[]]
        case "echoed":
            assert there
            assert all(value in found(answers.ECHOED, row.path) for value in there)
        case "made here":
            assert there
        case "as it came" | "carried":
            assert any((bare(row.path), json.dumps(value, sort_keys=True)) in given for value in there)
        case "renamed":
            assert any((cell.place, json.dumps(value, sort_keys=True)) in given for value in there)
        case _:
            assert cell.word == "adapted"
            assert there
            assert there != _without_its_source(dialect, endpoint, row, cell)


def _without_its_source(dialect: str, endpoint: str, row: Row, cell: Cell) -> list[Any] | None:
    """What the field is in an answer that differs where it comes from; none when that is no answer."""
    sample = upstream.WHOLE[endpoint]
    other = changed(sample, cell.place.split("."))
    assert other != sample, f"{cell.place} is not in the sample"
    try:
        return found(answers.whole(dialect, endpoint, other), row.path)
    except UpstreamBroke:
        return None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_has_no_field_without_a_row(dialect: str) -> None:
    rows = pages.table(dialect, "Answer")
    for endpoint, sample in upstream.WHOLE.items():
        if endpoint not in rows[0].cells or is_diagonal(dialect, endpoint):
            continue
        made = answers.whole(dialect, endpoint, sample)

        assert {path for path, _ in places(made) if not _is_told(rows, path)} == set()


def _is_told(rows: tuple[Row, ...], path: str) -> bool:
    """Whether a row speaks of the field, or the last one there is of what holds it; tags are not seen in a body."""
    known = {bare(row.path) for row in rows}
    keys = path.split(".")
    holders = [holder for count in range(len(keys), 0, -1) if (holder := ".".join(keys[:count])) in known]
    if not holders or keys[-1] in {"type", "role"}:
        return bool(holders)
    return holders[0] == path or not any(other.startswith(f"{holders[0]}.") for other in known)


@pytest.mark.parametrize("dialect, endpoint, row, cell", list(cells("Stream", ("chat",))))
def test_a_chunk_has_the_fields_that_its_row_says(dialect: str, endpoint: str, row: Row, cell: Cell) -> None:
    events = upstream.STREAMED[endpoint]
    if cell.word == "as it came" and not any(found(event, row.path) for event in events):
        events = [planted(events[0], row.path), *events[1:]]
    told = [value for event in answers.streamed(dialect, endpoint, events) for value in found(event, row.path)]
    given = [value for event in events for value in found(event, row.path)]

    assert cell.word in {"as it came", "sent", "never"}
    assert bool(told) == (cell.word != "never")
    if cell.word == "as it came":
        assert any(value in given for value in told)


@pytest.mark.parametrize("dialect", ["ollama", "completions"])
@pytest.mark.parametrize("endpoint", [*upstream.STREAMED])
def test_a_stream_has_the_fields_of_a_whole_answer(dialect: str, endpoint: str) -> None:
    whole = answers.whole(dialect, endpoint, upstream.WHOLE[endpoint])
    pieces = answers.streamed(dialect, endpoint, upstream.STREAMED[endpoint])
    streamed = {path for piece in pieces for path, _ in places(piece)}
    told_once = {"prompt_filter_results", "service_tier"}  # of a whole answer, or of its first chunk

    assert {path for path, _ in places(whole) if path.partition(".")[0] not in told_once} - streamed == set()


CUT: dict[str, Body] = {
    "/chat/completions": {
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "w"}, "finish_reason": "length"}]
    },
    "/v1/messages": {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 1}},
}


def kinds(dialect: str, endpoint: str) -> set[str]:
    """The types of the events of a good stream, of one that is cut off, and of one that breaks."""
    events = list(upstream.STREAMED[endpoint])
    told = answers.streamed(dialect, endpoint, events)
    if endpoint in CUT and dialect == "responses":
        told += answers.streamed(dialect, endpoint, [*events[:2], CUT[endpoint]])
    told += answers.broken(dialect, endpoint, events[:3])
    return {kind for event in told for kind in (event["type"], _kind_of_delta(event))}


def _kind_of_delta(event: Body) -> str:
    delta = event.get("delta")
    return f"{event['type']}[{delta.get('type')}]" if isinstance(delta, dict) else event["type"]


@pytest.mark.parametrize("dialect, endpoint, row, cell", list(cells("Stream", ("responses", "messages"))))
def test_an_event_is_sent_or_never_sent_as_its_row_says(dialect: str, endpoint: str, row: Row, cell: Cell) -> None:
    told = kinds(dialect, endpoint)

    match cell.word:
        case "as it came":
            kind, _, tag = row.path.rstrip("]").partition("[")
            event = {"type": kind, "index": 0, "delta": {"type": tag}} if tag else {"type": kind}
            assert row.path in told or row.path in {*map(_kind_of_delta, answers.passed(dialect, event))}
        case word:
            assert word in {"sent", "never"}
            assert (row.path in told) == (word == "sent")
