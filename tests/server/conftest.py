"""A running house for the tests that want nothing special of it."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from house import House, open_house

from passenger_trio.simulator import Simulator


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    """The house with its default configuration, and a quick simulator."""
    async with open_house(Simulator(word_delay=0.001), tmp_path) as opened:
        yield opened
