"""The checks that can be run live hold against the simulator."""

from collections.abc import Awaitable, Callable

import pytest
from conformance.checks import CHECKS
from house import House


# the clients stop reading at [DONE] and leave their generators to the garbage collector
@pytest.mark.filterwarnings("ignore:Async generator '(openai|httpx2|httpcore2|httpx|httpcore|ollama):ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_a_check_holds(house: House, check: Callable[[str, str], Awaitable[None]]) -> None:
    await check(house.url, "gpt-4.1")
