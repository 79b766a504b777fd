"""Every row of a request's table is carried out: its field is sent, and what becomes of it is what the row says."""

import json
from collections.abc import Iterator

import pytest
from docs_mapping import pages, proofs
from docs_mapping.pages import Row
from docs_mapping.roads import MODELS, ROADS
from docs_mapping.samples import CONDITIONS, asked, example

from passenger_trio.wire.models import Model


def cells() -> Iterator[object]:
    for dialect, place in pages.REQUESTS.items():
        for row in pages.table(*place):
            for endpoint in row.cells:
                yield pytest.param(dialect, endpoint, row, id=f"{dialect} {endpoint} {row.label}")


@pytest.mark.parametrize("dialect, endpoint, row", list(cells()))
def test_a_field_becomes_what_its_row_says(dialect: str, endpoint: str, row: Row) -> None:
    word, place = row.cells[endpoint]
    condition = CONDITIONS[row.condition]
    road = ROADS[dialect][endpoint]
    request = asked(dialect, endpoint, row.path, row.value, row.condition)

    found = proofs.became(road, request, MODELS[condition.model])

    proofs.check(example(row.path), word, place, request.value, found)


@pytest.mark.parametrize("dialect", pages.REQUESTS)
def test_what_is_not_said_upstream_has_its_reason(dialect: str) -> None:
    silent = {"refused", "dropped", "met", "moot"}
    bare = {
        (row.label, endpoint)
        for row in pages.table(*pages.REQUESTS[dialect])
        for endpoint, cell in row.cells.items()
        if cell.word in silent and not row.reason(endpoint)
    }

    assert bare == set()


@pytest.mark.parametrize("dialect", pages.REQUESTS)
def test_no_field_has_two_rows(dialect: str) -> None:
    labels = [row.label for row in pages.table(*pages.REQUESTS[dialect])]

    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("dialect", pages.REQUESTS)
def test_the_model_is_the_one_that_the_house_has_chosen(dialect: str) -> None:
    for endpoint, road in ROADS[dialect].items():
        request = asked(dialect, endpoint, "model", "by-another-name").given

        assert (
            road(json.dumps(request).encode(), Model("the-id", capabilities=MODELS[""].capabilities)).body["model"]
            == "the-id"
        )
