"""Where the two halves of the house meet: a hub call goes to Copilot, and the one loop brings the answer back."""

import logging
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from passenger_trio.copilot import protocol
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.client import CopilotClient, Reply
from passenger_trio.errors import BadRequest, PassengerError, UpstreamBroke
from passenger_trio.translate.backs import chat as chat_back, messages as messages_back, responses as responses_back
from passenger_trio.wire import sse
from passenger_trio.wire.chat import Call, HubChunk, HubReply, Usage, Written
from passenger_trio.wire.models import Model

logger: Final = logging.getLogger("passenger_trio.server")


class Front(Protocol):
    """A client dialect's stream, as :mod:`passenger_trio.translate.fronts` has it."""

    content_type: str

    def event(self, chunk: HubChunk) -> bytes: ...
    def end(self) -> bytes: ...
    def fault(self, error: PassengerError) -> bytes: ...


class Back(Protocol):
    """An upstream dialect's stream, as :mod:`passenger_trio.translate.backs` has it."""

    done: bool

    @property
    def finished(self) -> bool: ...
    def event(self, event: sse.Event) -> list[HubChunk]: ...
    def end(self) -> list[HubChunk]: ...


@dataclass(slots=True)
class Record:
    """What the log's one line on a request tells; filled in on the way."""

    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    model: str = ""
    upstream_id: str = ""
    usage: Usage | None = None
    error: str = ""


class BackModule(Protocol):
    """A module of :mod:`passenger_trio.translate.backs`."""

    @property
    def PATH(self) -> str: ...  # noqa: N802 - a constant there
    def request(self, call: Call, model: Model) -> Written: ...
    def reply(self, body: bytes, call: Call, model: str, *, created: int, new_id: Callable[[], str]) -> HubReply: ...
    @property
    def Stream(self) -> "MakeBack": ...  # noqa: N802 - a class there


class MakeBack(Protocol):
    """A back's ``Stream``, as it is called."""

    def __call__(self, model: str, *, created: int, new_id: Callable[[], str]) -> Back: ...


BACKS: Final[tuple[BackModule, ...]] = (chat_back, responses_back, messages_back)
"""In the order of preference for a client that speaks the hub's dialect or one that is translated to it."""


def back_for(model: Model) -> BackModule:
    """The back for the endpoint on which ``model`` answers. Raises :class:`~passenger_trio.errors.BadRequest`."""
    for back in BACKS:
        if back.PATH in model.endpoints:
            return back
    raise BadRequest(
        f"The model `{model.id}` does not chat: Copilot serves it on {', '.join(model.endpoints) or 'no endpoint'}.",
        code="unsupported_model",
        param="model",
    )


class Opened(NamedTuple):
    """An answer that has begun: who gives it, and how it is to be read."""

    reply: Reply
    model: Model
    back: BackModule
    call: Call
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """Sends calls and returns answers. ``now`` gives unix seconds, ``new_id`` an id for an answer that has none."""

    client: CopilotClient
    catalogue: Catalogue
    now: Callable[[], float] = time.time
    new_id: Callable[[], str] = lambda: f"chatcmpl-{uuid.uuid4().hex}"

    async def open(self, call: Call, stack: AsyncExitStack, record: Record, initiator: str | None) -> Opened:
        """Send ``call`` and wait for the headers of the reply.

        ``stack`` closes the reply, ``initiator`` is the client's own ``X-Initiator``. Raises what
        :func:`back_for`, the back's ``request`` and :meth:`CopilotClient.send` raise.
        """
        model = await self.model(call.model)
        record.model = model.id
        back = back_for(model)
        written = back.request(call, model)
        headers = protocol.call_headers(
            initiator=protocol.initiator(call.request.messages, initiator),
            vision=protocol.has_picture(call.request.messages),
            request_id=record.request_id,
        )
        headers += [*written.headers, *(model.request_headers or {}).items()]
        reply = await self.client.send("POST", back.PATH, headers, written.body, stack)
        record.upstream_id = reply.headers.get("x-github-request-id", "")
        return Opened(reply, model, back, call, (*call.dropped, *written.dropped))

    async def model(self, name: str) -> Model:
        """The model meant by ``name``; an unknown one is passed on: Copilot knows more than it lists."""
        try:
            model = await self.catalogue.find(name)
        except PassengerError:
            model = None  # no list to look in; Copilot will say what it thinks of the name
        return model or Model(id=name.removesuffix(":latest"))

    async def whole(self, opened: Opened, record: Record) -> HubReply:
        """The answer to a call that does not stream."""
        body = await opened.reply.whole()
        answer = opened.back.reply(body, opened.call, opened.model.id, created=int(self.now()), new_id=self.new_id)
        record.usage = answer.view.usage
        return answer

    def stream(self, opened: Opened, front: Front, record: Record) -> AsyncGenerator[bytes]:
        """The answer to a call that streams, as bytes for the client."""
        if not opened.reply.is_stream:
            raise UpstreamBroke(
                f"Copilot answered a streaming call with {opened.reply.headers.get('content-type', 'no type')} instead "
                "of a stream; ask without `stream`."
            )
        back = opened.back.Stream(opened.model.id, created=int(self.now()), new_id=self.new_id)
        return relay(opened.reply, back, front, record)


async def relay(reply: Reply, back: Back, front: Front, record: Record) -> AsyncGenerator[bytes]:
    """The one loop: what one read brings from upstream goes to the client in one write, and no event waits for another.

    It ends with the front's good end or with its fault, never with both and never with neither. Cancelling it, at any
    point, leaves closing to the request's exit stack. Upstream is read to its end after a good answer, so that its
    connection serves again.
    """
    splitter = sse.Splitter()
    ended = False
    while not ended:
        pieces: list[bytes] = []
        try:
            data = await _read(reply, back)
            for event in splitter.feed(data) if data else splitter.end():
                for chunk in back.event(event):
                    pieces.append(front.event(chunk))  # noqa: PERF401 - what came before a fault is kept
            if back.done or not data:
                for chunk in back.end():
                    record.usage = chunk.view.usage
                    pieces.append(front.event(chunk))
                pieces.append(front.end())
                ended = True
        except PassengerError as error:
            record.error = error.message
            pieces.append(front.fault(error))
            ended = True
        except Exception:
            logger.exception("internal error in the middle of an answer")
            record.error = "internal error"
            pieces.append(front.fault(PassengerError("passenger-trio has made a mistake.", code="internal_error")))
            ended = True
        if written := b"".join(pieces):
            yield written
    if not record.error:
        await reply.drain()


async def _read(reply: Reply, back: Back) -> bytes:
    """The next bytes. A finished answer is not spoilt by a connection that breaks instead of saying goodbye."""
    try:
        return await reply.read()
    except PassengerError:
        if back.finished:
            return b""
        raise
