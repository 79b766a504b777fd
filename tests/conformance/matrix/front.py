"""What every client package is asked, and how its answer is read: the same words for all of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

Ending: TypeAlias = Literal["said", "called", "cut", "stopped"]
"""Why an answer is over: all was said, tools were called, the tokens ran out, or a stop sequence was met."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the user or of the system; ``picture`` is the bytes of a PNG."""

    text: str
    role: Literal["user", "system"] = "user"
    picture: bytes | None = None


class Called(NamedTuple):
    """A call that the client heard; ``id`` is empty where the package has none."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(slots=True)
class Heard:
    """An answer by what the package says of it, as far as it has come.

    ``pieces`` counts the parts in which the text came, ``finish`` is the dialect's own word, ``usage`` the tokens read
    and written, ``cached`` how many of those read came from a cache, ``signed`` what only the model can read of the
    reasoning, ``message`` the package's own object, ``ended`` whether it came to a good end.
    """

    text: str = ""
    reasoning: str = ""
    calls: list[Called] = field(default_factory=list[Called])
    finish: str | None = None
    usage: tuple[int, int] | None = None
    cached: int | None = None
    signed: list[str] = field(default_factory=list[str])
    message: Any = None
    pieces: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that goes back as part of the conversation.

    ``whole`` is the message as the package gave it; without it the client has written it anew from its text and calls.
    """

    heard: Heard
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool answered to a call."""

    call: Called
    text: str


Turn: TypeAlias = Said | Answered | Result


class Tool(NamedTuple):
    """A function that the model may call."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request. ``most`` is a number of tokens; with ``leaves`` the client closes the stream at the first text."""

    model: str
    turns: Sequence[Turn]
    stream: bool
    tools: Sequence[Tool] = ()
    schema: Mapping[str, Any] | None = None
    stops: Sequence[str] = ()
    most: int | None = None
    effort: str | None = None
    leaves: bool = False


class Told(NamedTuple):
    """What an error of the package tells; what it does not is None."""

    text: str
    status: int | None = None
    field: str | None = None
    retry_after: str | None = None


class Front(ABC):
    """A client package that speaks one of the house's dialects. Its clients try nothing twice.

    Both ways of asking write down what they hear as they hear it, so that a broken answer can be looked at. They raise
    the package's own errors: ``bad_request`` for a 400, ``rate_limited`` for a 429, ``broken`` in a stream that breaks.
    ``endings`` are the dialect's words for why an answer is over; ``tells_retry_after`` is whether errors have headers,
    ``tells_cached`` whether usage has the tokens that came from a cache, ``carries_reasoning`` whether messages have a
    place for what only the model can read of its reasoning. ``native`` is the endpoint that speaks the
    dialect itself, where what the client writes passes as it is. ``always_streams`` is whether the house asks Copilot
    for a stream whichever way the client wants its answer. ``thoughtless`` names the endpoints whose models the client
    may not ask for an effort, since Copilot's list does not say that they think.
    """

    name: ClassVar[str]
    bad_request: ClassVar[type[Exception]]
    rate_limited: ClassVar[type[Exception]]
    broken: ClassVar[type[Exception]]
    endings: ClassVar[Mapping[Ending, str]]
    tells_retry_after: ClassVar[bool] = True
    tells_cached: ClassVar[bool] = True
    carries_reasoning: ClassVar[bool] = True
    native: ClassVar[str | None] = None
    always_streams: ClassVar[bool] = False
    thoughtless: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def blocking(self, url: str, asked: Asked, heard: Heard) -> None:
        """Ask with the package's synchronous client."""

    @abstractmethod
    async def concurrent(self, url: str, asked: Asked, heard: Heard) -> None:
        """Ask with its asynchronous one, in asyncio."""

    @abstractmethod
    def told(self, error: Exception) -> Told:
        """What an error says."""
