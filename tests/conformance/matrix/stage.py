"""Where a cell is played: a front, an endpoint, the house between them, and all that Copilot saw and signed."""

import asyncio
import gc
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

import httpcore
import trio
from conformance.matrix.endpoints import Body, Endpoint
from conformance.matrix.front import Asked, Front, Heard, Turn
from house import House

from passenger_trio.simulator import Simulator
from passenger_trio.simulator.records import Fault, SeenRequest
from passenger_trio.simulator.stamp import Stamp

_GENERATING: Final = frozenset({"/chat/completions", "/responses", "/v1/messages"})


@dataclass(frozen=True, kw_only=True)
class _NotedStamp(Stamp):
    """A stamp that writes down what it makes."""

    signed: list[str]

    def blob(self, label: str, size: int) -> str:
        made = super().blob(label, size)
        self.signed.append(made)
        return made


class Witness(Simulator):
    """The simulator, which remembers what only Copilot can read: ``signed`` has a list for each of its answers.

    Its list names no endpoints for the models in ``unplaced``, which Copilot has for models that chat alone.
    """

    def __init__(self, unplaced: Collection[str] = ()) -> None:
        super().__init__()
        self.signed: list[list[str]] = []
        self._unplaced = unplaced

    def models(self, api_version: str | None) -> bytes:
        listed = json.loads(super().models(api_version))
        for entry in listed["data"]:
            if entry["id"] in self._unplaced:
                del entry["supported_endpoints"]
        return json.dumps(listed).encode()

    def stamp(self, model: str) -> Stamp:
        made = super().stamp(model)
        self.signed.append([])
        return _NotedStamp(model=made.model, created=made.created, nonce=made.nonce, signed=self.signed[-1])


@dataclass(frozen=True, slots=True)
class Way:
    """How the package is used: for a stream or a whole answer, with its synchronous client or the other."""

    stream: bool
    blocking: bool


class Stage:
    """One cell's surroundings, in one of its ways. The clients live in a thread, as they would in another program.

    What Copilot had seen before is not told of.
    """

    def __init__(self, house: House, witness: Witness, front: Front, endpoint: Endpoint, way: Way) -> None:
        self.witness = witness
        self.front = front
        self.endpoint = endpoint
        self.way = way
        self._house = house
        self._before = len(witness.requests)
        self._cancelled_before = witness.cancelled_streams

    async def ask(self, *turns: Turn, **wishes: Any) -> Heard:
        """An answer that comes to its good end; ``wishes`` are those of :class:`~conformance.matrix.front.Asked`."""
        heard = Heard()
        await self.listen(heard, *turns, **wishes)
        assert heard.ended
        return heard

    async def listen(self, heard: Heard, *turns: Turn, **wishes: Any) -> None:
        """Ask, and note in ``heard`` what comes. Raises what the package raises."""
        asked = Asked(model=self.endpoint.model, turns=turns, stream=self.way.stream, **wishes)
        url = self._house.url
        call: Callable[[], None]
        if self.way.blocking:

            def call() -> None:
                self.front.blocking(url, asked, heard)
        else:

            def call() -> None:
                asyncio.run(self.front.concurrent(url, asked, heard))

        await trio.to_thread.run_sync(call, abandon_on_cancel=True)

    def replay(self, body: bytes) -> None:
        """Have Copilot answer the next request with ``body``."""
        kind = "text/event-stream" if self.streams else "application/json"
        self.witness.faults.append(Fault(path=self.endpoint.path, status=200, body=body, content_type=kind))

    @property
    def streams(self) -> bool:
        """Whether Copilot is asked for a stream."""
        return self.way.stream or self.front.always_streams

    @property
    def is_native(self) -> bool:
        """Whether the endpoint speaks the package's own dialect, and the body passes."""
        return self.front.native == self.endpoint.path

    def generated(self) -> list[SeenRequest]:
        """The requests for answers that have reached Copilot."""
        return [seen for seen in list(self.witness.requests)[self._before :] if seen.path in _GENERATING]

    def seen(self) -> SeenRequest:
        """The last of them, which must have come to the right place."""
        last = self.generated()[-1]
        assert last.path == self.endpoint.path
        return last

    def sent(self) -> Body:
        """Its body."""
        return self.endpoint.body(self.seen().body)

    def left(self) -> int:
        """The streams of Copilot's that were left before their end."""
        return self.witness.cancelled_streams - self._cancelled_before


def busy_connections() -> int:
    """How many connections of this process's asynchronous pools, the house's among them, are in somebody's hands."""
    pools = [thing for thing in gc.get_objects() if type(thing) is httpcore.AsyncConnectionPool]
    return sum(not c.is_idle() and not c.is_closed() for pool in pools for c in pool.connections)
