"""What every client of Ollama's is asked to do, and what it has heard: the same words in Python and in Node."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, NamedTuple, TypeAlias

import trio

Verb: TypeAlias = Literal["list", "show", "chat", "tools", "generate", "embed", "load", "unload", "leave"]
"""What a client does. In ``tools`` it asks, runs what is called and asks again; ``generate`` is a
prompt without a conversation, in ``leave`` it goes at the first text."""

VERBS: Final[Sequence[Verb]] = ("list", "show", "chat", "tools", "generate", "embed", "load", "unload", "leave")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One thing to do. ``picture`` is base64, ``texts`` are those to embed, ``tool`` is a function in JSON.

    ``think`` has the client ask for reasoning, ``format`` is ``json`` or a schema.
    """

    url: str
    model: str
    prompt: str = ""
    stream: bool = False
    think: bool = False
    format: Literal["json"] | Mapping[str, Any] | None = None
    picture: str | None = None
    tool: Mapping[str, Any] | None = None
    texts: Sequence[str] = ()


class Called(NamedTuple):
    """A call of a tool, as the client heard it."""

    name: str
    arguments: dict[str, Any]


@dataclass(slots=True)
class Heard:
    """What the client's own objects say, as far as it has come.

    ``pieces`` counts the parts in which text came, ``usage`` are the tokens read and written, ``finish`` is the word
    for why the answer is over. ``error`` is the text of what the client raised, ``status`` the HTTP status it knows.
    """

    text: str = ""
    thinking: str = ""
    pieces: int = 0
    calls: list[Called] = field(default_factory=list[Called])
    usage: tuple[int, int] | None = None
    finish: str | None = None
    names: list[str] = field(default_factory=list[str])
    capabilities: list[str] = field(default_factory=list[str])
    context: int | None = None
    vectors: list[list[float]] = field(default_factory=list[list[float]])
    error: str | None = None
    status: int | None = None


class Session(ABC):
    """A client that runs."""

    @abstractmethod
    async def do(self, verb: Verb, job: Job) -> Heard:
        """Do it, and tell what was heard. What the client raises is part of that."""


class Client(ABC):
    """A client package that speaks to Ollama. ``verbs`` are those that it can."""

    name: ClassVar[str]
    verbs: ClassVar[frozenset[Verb]] = frozenset(VERBS)

    @abstractmethod
    def run(self) -> AbstractAsyncContextManager[Session]:
        """Start it; it ends with the context."""


class PythonClient(Client, Session):
    """A package for Python: a method for each verb, called in a thread, as it would be in another program.

    A method writes down what it hears in ``heard``, and raises what the package raises.
    """

    @asynccontextmanager
    async def run(self) -> AsyncGenerator[Session]:
        yield self

    async def do(self, verb: Verb, job: Job) -> Heard:
        heard = Heard()

        def call() -> None:
            try:
                getattr(self, verb)(job, heard)
            except Exception as error:  # noqa: BLE001 - each package has its own, and some have any
                heard.error = str(error)
                heard.status = getattr(error, "status_code", None)

        await trio.to_thread.run_sync(call, abandon_on_cancel=True)
        return heard


def sunny(arguments: Mapping[str, Any]) -> str:
    """What the tool answers."""
    return f"sunny in {arguments['city']}"
