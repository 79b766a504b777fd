"""The pages of ``docs/mapping``, read: their tables, row by row."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from docs_mapping.requests import NOTHING, Step, steps

PAGES: Final = Path(__file__).parents[2] / "docs" / "mapping"
ANYWHERE: Final = "*."
"""How the path of a row begins that speaks of a field wherever it stands."""

NOT_IN_PACKAGE: Final = "Not in the package"
"""How the note of a row begins whose field no package of the vendor's knows."""

REQUESTS: Final = {
    "chat": ("chat", "Request"),
    "responses": ("responses", "Request"),
    "messages": ("messages", "Request"),
    "ollama": ("ollama", "Request"),
    "ollama openai": ("ollama", "OpenAI's names"),
    "ollama generate": ("ollama", "Generate"),
    "completions": ("completions", "Request"),
    "embeddings": ("embeddings", "Request"),
}
"""Where the fields of a request stand, by dialect."""

_FIELD: Final = re.compile(r"`([^`:]+)(?:: ([^`]+))?`(?: \(([^)]+)\))?")
_CELL: Final = re.compile(r"([a-z ]+?)(?: `([^`]+)`)?")
_FOR: Final = re.compile(r"((?:`/[^`]+`(?:, )?)+): (.*)", re.DOTALL)


class Cell(NamedTuple):
    """A word, and the path that goes with it: where a value arrives or comes from, or what is named instead."""

    word: str
    place: str = ""


@dataclass(frozen=True, eq=False)
class Row:
    """A field, the value that is spoken of, the condition, a word for each column, and the note."""

    path: str
    value: Any
    condition: str
    cells: dict[str, Cell]
    note: str
    label: str
    """The field as the page writes it."""

    @property
    def is_general(self) -> bool:
        """Whether it speaks of the field as such: of any value of it, under no condition."""
        return self.value is NOTHING and not self.condition

    def reason(self, column: str) -> str:
        """What the note says of a column: what is headed by its name, else what has no such head."""
        parts = [part for part in self.note.split("<br>") if not part.startswith(NOT_IN_PACKAGE)]
        headed = [found for part in parts if (found := _FOR.fullmatch(part))]
        of_it = [found[2] for found in headed if f"`{column}`" in found[1]]
        return (of_it or [part for part in parts if not _FOR.fullmatch(part)] or [""])[0]


@cache
def table(page: str, section: str) -> tuple[Row, ...]:
    """The rows of the table under a heading. Raises :class:`ValueError` for what is not written as the others are."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n## {section}\n")
    if not found:
        raise ValueError(f"{page}.md has no section {section}")
    lines = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
    head, rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    if set("".join(rule)) - set("- ") or head[-1] != "note":
        raise ValueError(f"{page}.md, {section}: no table with a note in each row")
    columns = [name.strip("`") for name in head[1:-1]]
    return tuple(_row(page, columns, cells) for cells in rows)


def _row(page: str, columns: list[str], cells: list[str]) -> Row:
    field = _FIELD.fullmatch(cells[0])
    words = [_CELL.fullmatch(cell) for cell in cells[1:-1]]
    if field is None or None in words or len(words) != len(columns):
        raise ValueError(f"{page}.md: cannot read the row {cells}")
    found = {name: Cell(word[1], word[2] or "") for name, word in zip(columns, words, strict=True) if word}
    value = NOTHING if field[2] is None else json.loads(field[2])
    return Row(field[1], value, field[3] or "", found, cells[-1], cells[0])


def matches(row: str, path: str) -> bool:
    """Whether the path of a row is that of a field of the package; a name without a tag stands for any tag."""
    pattern, way = steps(row.removeprefix(ANYWHERE)), steps(path)
    if row.startswith(ANYWHERE):
        way = way[-len(pattern) :]
    return len(pattern) == len(way) and all(map(_fits, pattern, way))


def _fits(pattern: Step, step: Step) -> bool:
    return pattern.name == step.name and pattern.tag in {None, step.tag}


def _weight(row: Row) -> tuple[bool, int, int]:
    """Of two rows the one with more names, and of these the one with more tags, is nearer."""
    way = steps(row.path.removeprefix(ANYWHERE))
    return not row.path.startswith(ANYWHERE), len(way), sum(step.tag is not None for step in way)


@cache
def row_of(rows: tuple[Row, ...], path: str) -> Row | None:
    """The row that speaks of a field itself."""
    found = [row for row in rows if row.is_general and matches(row.path, path)]
    return max(found, key=_weight, default=None)


def nearest(rows: tuple[Row, ...], path: str) -> Row | None:
    """The row of a field, else that of the nearest object which holds it: what has no row goes with its holder."""
    while path:
        if found := row_of(rows, path):
            return found
        path = path[: path.rindex("[")] if path.endswith("]") else path.rpartition(".")[0]
    return None
