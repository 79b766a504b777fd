"""The house of the matrix's cells, and the page that a whole run of them writes.

``MATRIX_PAGE`` names the file; ``nox -s conformance`` sets it. Nothing is written without it, nor by a run of some of
the cells only.
"""

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from house import House, open_house

for module in (
    *("cells", "endpoints", "stage"),
    *("openai_chat", "ollama_chat", "openai_responses", "anthropic_messages"),
):
    pytest.register_assert_rewrite(f"conformance.matrix.{module}")  # before it is imported

from conformance.matrix import grid  # noqa: E402
from conformance.matrix.grid import Place  # noqa: E402
from conformance.matrix.stage import Witness  # noqa: E402

OUTCOMES = pytest.StashKey[dict[Place, str]]()


@pytest.fixture
def witness(request: pytest.FixtureRequest) -> Witness:
    """The simulator behind the house; its parameter, if it has one, are the models without endpoints in its list."""
    return Witness(getattr(request, "param", ()))


@pytest.fixture
async def house(tmp_path: Path, witness: Witness) -> AsyncGenerator[House]:
    """The house with its default configuration."""
    async with open_house(witness, tmp_path) as opened:
        yield opened


def pytest_configure(config: pytest.Config) -> None:
    config.stash[OUTCOMES] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    """Note what became of a cell: all of its phases must pass."""
    report = yield
    outcomes = item.config.stash[OUTCOMES]
    for name, value in item.user_properties:
        if name == "place":
            place = Place(*str(value).split())
            held = report.passed and outcomes.get(place) != grid.FAILS
            outcomes[place] = grid.word(place) if held else grid.FAILS
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page if it is wanted and every cell has been played."""
    outcomes = session.config.stash[OUTCOMES]
    target = os.environ.get("MATRIX_PAGE")
    if target and outcomes.keys() == set(grid.places()):
        Path(target).write_text(grid.page(outcomes), encoding="utf-8")
