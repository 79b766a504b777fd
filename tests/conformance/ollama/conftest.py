"""The surroundings of Ollama's clients, and the table that a whole run of them writes into their page.

``OLLAMA_PAGE`` names the page; ``nox -s conformance`` sets it. Nothing is written without it, nor by a run of some of
the cells only.
"""

import os
from pathlib import Path

import pytest

for module in ("ollama.client", "ollama.steps", "ollama.python_ollama", "matrix.endpoints"):
    pytest.register_assert_rewrite(f"conformance.{module}")  # before it is imported
for name, value in {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # litellm looks for prices when it is imported
    "LITELLM_TELEMETRY": "False",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "AI_SDK_LOG_WARNINGS": "false",
}.items():
    os.environ.setdefault(name, value)

from conformance.ollama import grid  # noqa: E402
from conformance.ollama.grid import Place  # noqa: E402

OTHERS_WARNINGS = (
    "ignore:Items? '.+' on TypedDict class '.+' (is|are) using the .ReadOnly. qualifier:UserWarning",  # litellm's types
    "ignore:unclosed <socket:ResourceWarning",  # langchain-ollama and llm-ollama leave theirs to the collector
)
"""Warnings of the packages' own, about which the house can do nothing."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for warning in OTHERS_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


OUTCOMES = pytest.StashKey[dict[Place, str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[OUTCOMES] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    """Note what became of a cell: all of its phases must pass."""
    report = yield
    outcomes = item.config.stash[OUTCOMES]
    for name, value in item.user_properties:
        if name == "ollama_place":
            place = Place(*str(value).split())
            held = report.passed and outcomes.get(place) != grid.FAILS
            outcomes[place] = grid.word(place) if held else grid.FAILS
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table if it is wanted and every cell has been played."""
    outcomes = session.config.stash[OUTCOMES]
    target = os.environ.get("OLLAMA_PAGE")
    if target and outcomes.keys() == set(grid.places()):
        path = Path(target)
        path.write_text(grid.page(path.read_text(encoding="utf-8"), outcomes), encoding="utf-8")
