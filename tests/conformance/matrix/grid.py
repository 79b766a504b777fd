"""The matrix as a page, and where a cell is something else than ``yes``."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from conformance.matrix.cells import CELLS
from conformance.matrix.endpoints import ENDPOINTS

FRONTS: Final[Mapping[str, str]] = {
    "openai_chat": "`openai`, chat completions",
    "ollama": "`ollama`, chat",
    "openai_responses": "`openai`, Responses",
    "anthropic": "`anthropic`, Messages",
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


class Unsaid(NamedTuple):
    """A wish for which the package has no parameter: what it would be called, and why there is none."""

    parameter: str
    why: str

    @property
    def word(self) -> str:
        """What stands in the cell."""
        return "not in the dialect"


class Otherwise(NamedTuple):
    """An answer that is as it should be, and not what the row's name promises."""

    word: str
    why: str


YES: Final = "yes"
FAILS: Final = "FAILS"

_UNSIGNED: Final = Otherwise(
    "nothing", "GPT's reasoning comes without a signature here: nothing can go back, nothing does"
)
_PASSED: Final = Otherwise(
    "nothing", "the body passes as the client wrote it: reasoning that it left out is not filled in"
)
_UNPROVEN: Final = Otherwise(
    "yes", "as `output_config.format`, where the list names `structured_outputs`; that Copilot takes it is not recorded"
)
_END_TURN: Final = Otherwise("yes, as `end_turn`", "an answer does not tell of the stop sequence that it met")
_NO_SUCH: Final = Unsaid("stop", "OpenAI's Responses have no stop sequences")

_NO_STOPS: Final = "the endpoint has no stop sequences"

Exceptional: TypeAlias = Refused | Unsaid | Otherwise

EXCEPTIONS: Final[Mapping[Place, Exceptional]] = {
    **{
        Place(front, "chat", row): _UNSIGNED for front in FRONTS for row in ("reasoning_returned", "reasoning_recalled")
    },
    Place("openai_chat", "responses", "stop"): Refused("stop", _NO_STOPS),
    Place("ollama", "responses", "stop"): Refused("options.stop", _NO_STOPS),
    Place("openai_responses", "responses", "reasoning_recalled"): _PASSED,
    **{Place("openai_responses", endpoint.name, "stop"): _NO_SUCH for endpoint in ENDPOINTS},
    Place("anthropic", "responses", "stop"): Refused("stop_sequences", _NO_STOPS),
    **{Place(front, "messages", "json_schema"): _UNPROVEN for front in FRONTS},
    Place("anthropic", "messages", "reasoning_recalled"): _PASSED,
    **{Place("anthropic", endpoint, "stop"): _END_TURN for endpoint in ("chat", "chat.claude", "chat.gemini")},
}
"""The cells that are something else than ``yes``."""

UNPLACED: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("anthropic", "chat.claude"): frozenset({"claude-sonnet-4.5"}),
}
"""Fronts and endpoints that meet only where Copilot's list names no endpoints for some models: such ones chat alone."""

Outcomes: TypeAlias = Mapping[Place, str]
"""What stands in each cell."""


def places() -> list[Place]:
    """Every cell, in the order of the tests."""
    return [Place(front, endpoint.name, row) for front in FRONTS for endpoint in ENDPOINTS for row in CELLS]


def word(place: Place) -> str:
    """What stands in a cell whose test has passed."""
    exception = EXCEPTIONS.get(place)
    return YES if exception is None else exception.word


def page(_before: str, outcomes: Outcomes) -> str:
    """The page, the same for the same outcomes, whatever it was before. There must be one for each place."""
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
            "",
            "A model that is on several of them is asked in the client's own dialect, else on the first of",
            "`/chat/completions`, `/responses` and `/v1/messages`. So a Messages client meets `chat.claude` only where",
            "Copilot's list names no endpoints for that model, as it does for models that are on `/chat/completions`",
            "alone: such a list is what its column was played with.",
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
    note = exception.why
    if not isinstance(exception, Unsaid):  # it is the endpoint's matter
        where = next(endpoint.path for endpoint in ENDPOINTS if endpoint.name == place.endpoint)
        note = f"`{where}`: {note}"
    number = notes.setdefault(note, len(notes) + 1)
    return f"{outcome} ({number})"
