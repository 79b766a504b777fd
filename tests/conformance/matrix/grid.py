"""The matrix as a page, and where a cell is something else than ``yes``."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from conformance.matrix.cells import CELLS
from conformance.matrix.endpoints import ENDPOINTS

FRONTS: Final[Mapping[str, str]] = {
    "openai_chat": "`openai`, chat completions",
    "ollama": "`ollama`, chat",
}
"""The fronts by their names, and what people call them."""


class Place(NamedTuple):
    """A cell's place: the names of its front, its endpoint and its row."""

    front: str
    endpoint: str
    row: str


class Refused(NamedTuple):
    """A 400: the field it names, and words of its message that say why."""

    field: str
    why: str

    @property
    def word(self) -> str:
        """What stands in the cell."""
        return f"400: `{self.field}`"


class Otherwise(NamedTuple):
    """An answer that is as it should be, and not what the row's name promises."""

    word: str
    why: str


YES: Final = "yes"
FAILS: Final = "FAILS"

_UNSIGNED: Final = Otherwise(
    "nothing", "GPT's reasoning comes without a signature here: nothing can go back, nothing does"
)
_NO_STOPS: Final = Refused("stop", "the endpoint has no stop sequences")
_NO_SCHEMA: Final = Refused("response_format", "does not take a schema to hold the answer to")

EXCEPTIONS: Final[Mapping[Place, Refused | Otherwise]] = {
    Place(front, endpoint, row): exception
    for front in ("openai_chat", "ollama")
    for endpoint, row, exception in (
        ("chat", "reasoning_returned", _UNSIGNED),
        ("chat", "reasoning_recalled", _UNSIGNED),
        ("responses", "stop", _NO_STOPS),
        ("messages", "json_schema", _NO_SCHEMA),
    )
}
"""The cells that are something else than ``yes``."""

Outcomes: TypeAlias = Mapping[Place, str]
"""What stands in each cell."""


def places() -> list[Place]:
    """Every cell, in the order of the tests."""
    return [Place(front, endpoint.name, row) for front in FRONTS for endpoint in ENDPOINTS for row in CELLS]


def word(place: Place) -> str:
    """What stands in a cell whose test has passed."""
    exception = EXCEPTIONS.get(place)
    return YES if exception is None else exception.word


def page(outcomes: Outcomes) -> str:
    """The page, the same for the same outcomes. There must be one for each place."""
    notes: dict[str, int] = {}
    tables = [line for front in FRONTS for line in _table(front, outcomes, notes)]
    models = [f"`{endpoint.name}` is `{endpoint.model}` on `{endpoint.path}`" for endpoint in ENDPOINTS]
    return "\n".join(
        [
            "# What works on which endpoint",
            "",
            "Written by `nox -s conformance`, not by hand: each cell is a test of a client's own package against the",
            "house, with the simulator in Copilot's place. It holds what the package makes of the answer and what",
            "reached Copilot, whole and streamed, with the package's synchronous client and its asynchronous one.",
            "`tests/conformance/matrix/` has the tests.",
            "",
            "The columns are the endpoints on which Copilot serves models, and on `/chat/completions` the families",
            "whose answers have a form of their own:",
            "",
            *(f"- {model}" for model in models),
            *tables,
            "",
            *(f"{number}. {note}." for note, number in notes.items()),
            "",
        ]
    )


def _table(front: str, outcomes: Outcomes, notes: dict[str, int]) -> Iterator[str]:
    yield from ("", f"## {FRONTS[front]}", "")
    yield "| | " + " | ".join(f"`{endpoint.name}`" for endpoint in ENDPOINTS) + " |"
    yield "| --- |" + " --- |" * len(ENDPOINTS)
    for row, cell in CELLS.items():
        found = [_noted(Place(front, endpoint.name, row), outcomes, notes) for endpoint in ENDPOINTS]
        yield f"| {cell.title} | " + " | ".join(found) + " |"


def _noted(place: Place, outcomes: Outcomes, notes: dict[str, int]) -> str:
    """A cell's word, with the number of its note."""
    outcome, exception = outcomes[place], EXCEPTIONS.get(place)
    if exception is None or outcome != exception.word:
        return outcome
    where = next(endpoint.path for endpoint in ENDPOINTS if endpoint.name == place.endpoint)
    number = notes.setdefault(f"`{where}`: {exception.why}", len(notes) + 1)
    return f"{outcome} ({number})"
