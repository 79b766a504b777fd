"""A running house for client libraries, and the pages that whole runs of them write.

``MATRIX_PAGE`` and ``OLLAMA_PAGE`` name the files; ``nox -s conformance`` sets them. Nothing is written without.
"""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from conformance import pages
from house import House, open_house

from passenger_trio.simulator import Simulator


def pytest_configure(config: pytest.Config) -> None:
    pages.register(config, "MATRIX_PAGE", "place", "conformance.matrix.grid")
    pages.register(config, "OLLAMA_PAGE", "ollama_place", "conformance.ollama.grid")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    """The house with its default configuration; ``[[long]]`` lasts for six seconds."""
    async with open_house(Simulator(), tmp_path) as opened:
        yield opened
