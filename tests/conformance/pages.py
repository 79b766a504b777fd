"""Pages that a whole run writes: which cells of a table there are, and what became of each."""

import importlib
import os
from pathlib import Path

import pytest


class PageWriter:
    """Notes what becomes of each cell, and writes the page if every one was played.

    A cell says its place, its words apart by blanks, as the property ``name``. ``grid`` is the module with the table's
    ``places()``, the ``word(place)`` for what a place holds, that for one which ``FAILS``, and the ``page(before,
    outcomes)``; it is imported in the end, when its asserts have been rewritten.
    """

    def __init__(self, name: str, grid: str, target: Path) -> None:
        self._name = name
        self._grid = grid
        self._target = target
        self._held: dict[str, bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """All of a cell's phases must pass."""
        for name, value in report.user_properties:
            if name == self._name:
                self._held[str(value)] = report.passed and self._held.get(str(value), True)

    def pytest_sessionfinish(self) -> None:
        """Nothing is written by a run of some of the cells only."""
        grid = importlib.import_module(self._grid)
        held = {grid.Place(*words.split()): held for words, held in self._held.items()}
        if held.keys() == set(grid.places()):
            outcomes = {place: grid.word(place) if good else grid.FAILS for place, good in held.items()}
            before = self._target.read_text(encoding="utf-8") if self._target.exists() else ""
            self._target.write_text(grid.page(before, outcomes), encoding="utf-8")


def register(config: pytest.Config, variable: str, name: str, grid: str) -> None:
    """Have the page written whose file the environment's ``variable`` names.

    By the process that gets all reports, that is: a worker of xdist has its own alone.
    """
    target = os.environ.get(variable)
    if target and not hasattr(config, "workerinput"):
        config.pluginmanager.register(PageWriter(name, grid, Path(target)))
