"""Where the two halves of the house meet: a hub call goes to Copilot, and its answer comes back."""

import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from quart import Response

from passenger_trio.copilot import names, protocol
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.client import CopilotClient, Reply
from passenger_trio.errors import BadRequest, PassengerError, UpstreamBroke, UpstreamRefused
from passenger_trio.server.recall import Recall
from passenger_trio.server.relay import Answer, Back, Front, Record, Translated, relay
from passenger_trio.server.requests import PassengerRequest, json_response, stream_response
from passenger_trio.translate import words
from passenger_trio.translate.backs import (
    abilities,
    chat as chat_back,
    embeddings as embeddings_back,
    messages as messages_back,
    responses as responses_back,
    whole as whole_back,
)
from passenger_trio.translate.diagonals.passed import Passed
from passenger_trio.wire import sse
from passenger_trio.wire.chat import Call, HubReply, Usage, Written
from passenger_trio.wire.models import Model


class BackModule(Protocol):
    """A module of :mod:`passenger_trio.translate.backs`."""

    @property
    def PATH(self) -> str: ...  # noqa: N802 - a constant there
    def request(self, call: Call, model: Model) -> Written: ...
    def reply(self, body: bytes, call: Call, model: str, *, created: int, new_id: Callable[[], str]) -> HubReply: ...
    @property
    def Stream(self) -> "MakeBack": ...  # noqa: N802 - a class there


class Native(Protocol):
    """A module of :mod:`passenger_trio.translate.diagonals` that reads answers."""

    def reply(self, body: bytes) -> tuple[bytes, Usage | None]: ...


class MakeBack(Protocol):
    """A back's ``Stream``, as it is called; ``choices`` is how many answers were asked for."""

    def __call__(self, model: str, *, created: int, new_id: Callable[[], str], choices: int = 1) -> Back: ...


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


def speaks(model: Model, path: str, *, stream: bool) -> bool:
    """Whether ``model`` answers on the endpoint ``path`` itself, and in a stream where one is asked for."""
    silent = stream and model.capabilities.supports is not None and not model.supports.streaming
    return path in model.endpoints and not silent


class Opened(NamedTuple):
    """An answer that has begun: who gives it, and how it is to be read.

    ``unstreamed`` is all of it, where Copilot answered a call for a stream with a whole answer.
    """

    reply: Reply
    model: Model
    back: BackModule
    call: Call
    dropped: tuple[str, ...]
    unstreamed: HubReply | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """Sends calls and returns answers. ``now`` gives unix seconds, ``new_id`` an id for an answer that has none,
    ``recall`` the reasoning that clients do not return.
    """

    client: CopilotClient
    catalogue: Catalogue
    now: Callable[[], float] = time.time
    new_id: Callable[[], str] = lambda: f"chatcmpl-{uuid.uuid4().hex}"
    recall: Recall = field(default_factory=Recall)

    async def open(
        self, call: Call, stack: AsyncExitStack, record: Record, initiator: str | None, model: Model | None = None
    ) -> Opened:
        """Send ``call`` and wait for the headers of the reply, or for all of it where it comes whole unexpectedly.

        ``stack`` closes the reply, ``initiator`` is the client's own ``X-Initiator``, ``model`` the one that is meant
        where the caller has found it already. Raises what :meth:`model`, :func:`back_for`, :func:`abilities.within`,
        the back's ``request`` and ``reply``, and :meth:`send` raise.
        """
        model = model or await self.model(call.model)
        record.model = model.id
        back = back_for(model)
        call = self.recall.fill(model.id, call)
        try:
            sent = abilities.within(call, model)
            written = back.request(sent, model)
        except BadRequest as error:
            words.reword(error, call.names)
            raise
        agent = protocol.is_agents_turn(call.request.messages) if call.agent is None else call.agent
        headers = protocol.call_headers(
            initiator=protocol.initiator(agent=agent, claimed=initiator),
            vision=protocol.has_picture(call.request.messages),
            request_id=record.request_id,
        )
        headers += written.headers
        reply = await self.send(model, back.PATH, headers, written.body, stack, record=record)
        lost = (words.renamed(name, call.names) for name in written.dropped)
        opened = Opened(reply, model, back, call, (*sent.dropped, *lost))
        if call.stream and not reply.is_stream:
            return opened._replace(unstreamed=await self.whole(opened, record))
        return opened

    async def forward(
        self,
        passed: Passed,
        model: Model,
        path: str,
        stack: AsyncExitStack,
        *,
        record: Record,
        initiator: str | None,
    ) -> Reply:
        """Send what passes from a client to a model that speaks its dialect, and wait for the headers of the reply.

        ``stack`` closes the reply, ``initiator`` is the client's own ``X-Initiator``. Raises what :meth:`send` raises.
        """
        record.model = model.id
        headers = protocol.call_headers(
            initiator=protocol.initiator(agent=passed.agent, claimed=initiator),
            vision=passed.vision,
            request_id=record.request_id,
        )
        headers += passed.headers
        return await self.send(model, path, headers, passed.body, stack, record=record)

    async def as_it_is(
        self,
        passed: Passed,
        model: Model,
        path: str,
        request: PassengerRequest,
        *,
        native: Native,
        stream: Answer | None,
        sign_of_life: bytes = sse.COMMENT,
    ) -> Response:
        """The answer of a model to a client that speaks its dialect.

        ``native`` is the module that reads whole answers, ``stream`` what reads the one that was asked for, where it
        was one. Raises what :meth:`forward` and the two raise, and :class:`~passenger_trio.errors.UpstreamBroke` where
        Copilot answers whole: Copilot's dialects are not made here.
        """
        record = request.record
        claimed = request.headers.get("X-Initiator")
        reply = await self.forward(passed, model, path, request.exit_stack, record=record, initiator=claimed)
        if stream is None:
            body, record.usage = native.reply(await reply.whole())
            return json_response(body, dropped=passed.dropped)
        if not reply.is_stream:
            raise UpstreamBroke("Copilot answered a call for a stream with a whole answer; ask without `stream`.")
        return stream_response(relay(reply, stream, record), stream, dropped=passed.dropped, sign_of_life=sign_of_life)

    async def model(self, name: str) -> Model:
        """The model meant by ``name``; an unknown one is passed on: Copilot knows more than it lists.

        Raises :class:`~passenger_trio.errors.ModelDisabled` for one that is switched off for the account.
        """
        try:
            model = await self.catalogue.find(name)
        except PassengerError:
            model = None  # no list to look in; Copilot will say what it thinks of the name
        if model is None:
            return Model(id=self.catalogue.names.meant(name))
        if model.is_disabled:
            raise names.disabled(model)
        return model

    async def send(
        self,
        model: Model,
        path: str,
        headers: protocol.Headers,
        body: bytes,
        stack: AsyncExitStack,
        *,
        record: Record,
    ) -> Reply:
        """Send a call to ``model`` and return the reply once its headers are here; ``stack`` closes it.

        A refusal of the model itself is explained: :class:`~passenger_trio.errors.NotFound` with the nearest names for
        one that is not listed, :class:`~passenger_trio.errors.ModelDisabled` for one whose policy is not enabled.
        Raises what :meth:`CopilotClient.send` raises for everything else.
        """
        listed = self.catalogue.names.has(model.id)
        offered = listed and model.is_enabled and path in model.endpoints
        try:
            reply = await self.client.send(
                "POST",
                path,
                protocol.with_model_headers(headers, model.request_headers),
                body,
                stack,
                listed=offered,
                prompt_limit=model.limits.max_prompt_tokens,
            )
        except UpstreamRefused as error:
            record.upstream_id = error.headers.get("x-github-request-id", "")
            if names.refuses_model(error):
                if not listed:
                    raise self.catalogue.names.unknown(
                        model.id, said=error.message, embeddings=path == embeddings_back.PATH
                    ) from error
                if not model.is_enabled:
                    raise names.disabled(model) from error
            raise
        record.sent = reply.sent
        record.upstream_id = reply.headers.get("x-github-request-id", "")
        return reply

    async def whole(self, opened: Opened, record: Record) -> HubReply:
        """The answer to a call that does not stream."""
        body = await opened.reply.whole()
        answer = opened.back.reply(body, opened.call, opened.model.id, created=int(self.now()), new_id=self.new_id)
        record.usage = answer.view.usage
        if (listener := self.recall.listen(opened.model.id, opened.call)) is not None:
            for chunk in whole_back.chunks(answer):
                listener.hear(chunk)
            listener.end()
        return answer

    def stream(self, opened: Opened, front: Front, record: Record) -> AsyncGenerator[bytes]:
        """The answer to a call that streams, as bytes for the client."""
        if opened.unstreamed is not None:
            return relay(opened.reply, Translated(whole_back.Stream(opened.unstreamed), front), record)
        count = opened.call.request.n or 1
        back = opened.back.Stream(opened.model.id, created=int(self.now()), new_id=self.new_id, choices=count)
        listener = self.recall.listen(opened.model.id, opened.call)
        return relay(opened.reply, Translated(back, front, listener), record)
