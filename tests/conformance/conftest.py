"""A running house for client libraries: a fixture, and its address for code that runs in a thread."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from house import House, open_house

from passenger_trio.simulator import Simulator


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    """The house with its default configuration; ``[[long]]`` lasts for six seconds."""
    async with open_house(Simulator(), tmp_path) as opened:
        yield opened
