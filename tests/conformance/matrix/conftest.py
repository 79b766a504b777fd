"""The house of the matrix's cells."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from house import House, open_house

for module in (
    *("cells", "endpoints", "stage"),
    *("openai_chat", "ollama_chat", "openai_responses", "anthropic_messages"),
):
    pytest.register_assert_rewrite(f"conformance.matrix.{module}")  # before it is imported

from conformance.matrix.stage import Witness  # noqa: E402


@pytest.fixture
def witness(request: pytest.FixtureRequest) -> Witness:
    """The simulator behind the house; its parameter, if it has one, are the models without endpoints in its list."""
    return Witness(getattr(request, "param", ()))


@pytest.fixture
async def house(tmp_path: Path, witness: Witness) -> AsyncGenerator[House]:
    """The house with its default configuration."""
    async with open_house(witness, tmp_path) as opened:
        yield opened
