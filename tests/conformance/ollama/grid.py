"""The table of clients and steps, and where a cell is something else than ``yes``. Needs none of the packages."""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from conformance.ollama.steps import STEPS

CLIENTS: Final[Mapping[str, str]] = {
    "ollama": "`ollama`",
    "ollama-async": "`ollama`, async",
    "langchain-ollama": "`langchain-ollama`",
    "litellm-ollama": "`litellm`, `ollama/`",
    "litellm-ollama_chat": "`litellm`, `ollama_chat/`",
    "llm-ollama": "`llm-ollama`",
    "js-ollama": "`ollama` (npm)",
    "js-langchain": "`@langchain/ollama`",
    "js-ai": "`ollama-ai-provider-v2`",
}
"""The clients by their names, and what people call them."""


class Place(NamedTuple):
    """A cell's place: the names of its client and its step."""

    client: str
    step: str


class Cannot(NamedTuple):
    """The client has no way to do it."""

    why: str

    @property
    def word(self) -> str:
        """What stands in the cell."""
        return "no"


class Lacks(NamedTuple):
    """It is done, and the client does not tell all of it: ``what`` are the fields of ``Heard`` that it leaves out."""

    what: frozenset[str]
    word: str
    why: str


YES: Final = "yes"
FAILS: Final = "FAILS"

_NO_LIST: Final = Cannot("it asks for the list only to download a model that is not on it")
_NO_MODELS: Final = Cannot("it has no calls about models")
_NO_CARD: Final = Cannot("it does not look at cards")
_CHATS: Final = Cannot("it chats only")
_LOADED: Final = Lacks(frozenset({"finish"}), "yes", "it calls the end `stop`, as it does any other")
_STATUS_LINE: Final = Lacks(
    frozenset({"words"}), "status only", "it knows errors in OpenAI's form alone; `responseBody` has Ollama's words"
)

EXCEPTIONS: Final[Mapping[Place, Cannot | Lacks]] = {
    Place("langchain-ollama", "card"): _NO_CARD,
    **{
        Place("langchain-ollama", step): Cannot("it takes an answer without text for a fault")
        for step in ("load", "unload")
    },
    **{
        Place("litellm-ollama", step): Cannot("it writes the tools into the prompt, and hears one call at most")
        for step in ("tools", "tools_streamed")
    },
    Place("litellm-ollama", "load"): _LOADED,
    Place("litellm-ollama", "unload"): Cannot("it sends `keep_alive` among the options, where it means nothing"),
    **{Place("litellm-ollama_chat", step): _LOADED for step in ("load", "unload")},
    Place("litellm-ollama_chat", "tools_streamed"): Lacks(
        frozenset(), "yes, by id", "it gives all calls of a stream the index 0, from Ollama as well: their ids differ"
    ),
    **{Place(client, "generate"): _CHATS for client in ("litellm-ollama_chat", "llm-ollama")},
    Place("llm-ollama", "card"): Lacks(frozenset({"context"}), "yes", "it does not ask how much a model reads"),
    Place("llm-ollama", "thinking"): Lacks(frozenset({"thinking"}), "not shown", "it leaves the reasoning out"),
    Place("llm-ollama", "load"): Lacks(frozenset({"finish"}), "yes", "it does not tell why an answer is over"),
    Place("llm-ollama", "unload"): Cannot("it has no `keep_alive`"),
    Place("llm-ollama", "unknown"): Lacks(
        frozenset({"words", "status"}), "yes, its own", "it knows the list, and does not ask for what is not on it"
    ),
    Place("js-langchain", "models"): _NO_LIST,
    Place("js-langchain", "card"): _NO_CARD,
    Place("js-langchain", "leaves"): Lacks(
        frozenset(), "with `client.abort()`", "the end of a loop and an aborted signal leave its connection open"
    ),
    **{Place("js-ai", step): _NO_MODELS for step in ("models", "card", "load", "unload")},
    **{Place("js-ai", step): _STATUS_LINE for step in ("unknown", "refused")},
    Place("js-ai", "broken"): Lacks(
        frozenset({"error"}),
        "cut short",
        "it skips lines it does not know, errors too: the text ends, `finishReason` is `other`",
    ),
}
"""The cells that are something else than ``yes``."""

Outcomes: TypeAlias = Mapping[Place, str]
"""What stands in each cell."""


def places() -> list[Place]:
    """Every cell, in the order of the tests."""
    return [Place(client, name) for client in CLIENTS for name in STEPS]


def word(place: Place) -> str:
    """What stands in a cell whose test has passed."""
    exception = EXCEPTIONS.get(place)
    return YES if exception is None else exception.word


HEADING: Final = "## What each client was seen to do"


def section(outcomes: Outcomes) -> str:
    """The end of the page, from its heading on; the same for the same outcomes. There must be one for each place."""
    notes: dict[str, int] = {}
    rows = [
        f"| {step.title} | " + " | ".join(_noted(Place(client, name), outcomes, notes) for client in CLIENTS) + " |"
        for name, step in STEPS.items()
    ]
    return "\n".join(
        [
            HEADING,
            "",
            "Written by `nox -s conformance`, not by hand: each cell is a test of the client's own package against the",
            "server, with the simulator in Copilot's place. Answers, tools and thinking are tried with a model on each",
            "of Copilot's endpoints. `tests/conformance/ollama/` has the tests.",
            "",
            "| | " + " | ".join(CLIENTS.values()) + " |",
            "| --- |" + " --- |" * len(CLIENTS),
            *rows,
            "",
            *(f"{number}. {note}." for note, number in notes.items()),
            "",
        ]
    )


def page(before: str, outcomes: Outcomes) -> str:
    """The whole page, which was ``before``."""
    return before.partition(HEADING)[0] + section(outcomes)


def _noted(place: Place, outcomes: Outcomes, notes: dict[str, int]) -> str:
    """A cell's word, with the number of its note."""
    outcome, exception = outcomes[place], EXCEPTIONS.get(place)
    if exception is None or outcome != exception.word:
        return outcome
    note = f"{CLIENTS[place.client]}: {exception.why}"
    number = notes.setdefault(note, len(notes) + 1)
    return f"{outcome} ({number})"
