"""The account's models: fetched in the background, kept when a fetch fails, and found by the names clients use."""

import logging
import math
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final
from urllib.parse import quote

import msgspec
import trio
from msgspec import structs

from passenger_trio.copilot import protocol
from passenger_trio.copilot.client import CopilotClient, Fetch, is_own_host
from passenger_trio.copilot.known import KnownList
from passenger_trio.copilot.names import Copies, Names, shown
from passenger_trio.copilot.tokens import Tokens
from passenger_trio.errors import PassengerError, UpstreamBroke, UpstreamRefused, UpstreamTimeout
from passenger_trio.wire import envelope, models
from passenger_trio.wire.models import Capabilities, Limits, Model, Supports

logger: Final = logging.getLogger("passenger_trio.copilot")

FRESH_FOR: Final = 600.0
"""Seconds for which a list is good; the official client keeps it as long."""

RETRY_AFTER: Final = 30.0
"""Seconds to the next try after a failed one."""

LOAD_LIMIT: Final = 30.0
"""Seconds that a fetch may take; a list is not thought about, as an answer is."""

ASK_AGAIN_AFTER: Final = 60.0
"""Seconds at least between two fetches for the sake of a name: whoever asks for what there is not is no burden."""

LOOK_AGAIN_AFTER: Final = 5.0
"""The same for a model that is switched off: whoever has just switched it on comes back at once."""

PATIENCE: Final = 10.0
"""Seconds that whoever asks waits for the first list; after that there is none."""

IMPATIENCE: Final = 2.0
"""The same where there is a list, or the last fetch has failed: time enough for one that does not. Ollama's clients
give up after 3.
"""

INTENT: Final = "model-access"


def parse(body: bytes) -> list[Model]:
    """The models of a list in any of its four shapes; an entry that cannot be read costs only itself.

    Shapes: Copilot's and OpenAI's ``{"data": [...]}``, GitHub's catalogue (a bare array), models.dev (providers by
    name, of which ``github-copilot`` counts). Ids are unique in the result though not on the wire. Raises
    :class:`~passenger_trio.errors.UpstreamBroke`.
    """
    text = body.lstrip()
    try:
        if text.startswith(b"["):
            found = [
                Model(id=entry.id.rpartition("/")[2], name=entry.name, vendor=entry.publisher)
                for entry in msgspec.json.decode(text, type=list[models.CatalogueEntry])
            ]
        else:
            outer = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
            if "data" in outer:
                found = _entries(msgspec.json.decode(outer["data"], type=list[msgspec.Raw]))
            elif "github-copilot" in outer:
                provider = msgspec.json.decode(outer["github-copilot"], type=models.DevProvider)
                found = [_of_models_dev(entry) for entry in provider.models.values()]
            else:
                raise UpstreamBroke("The list of models has none of the known shapes; check github.copilot_models_url.")
    except envelope.UNREADABLE as error:
        raise UpstreamBroke(f"The list of models cannot be read: {error}") from None
    unique: dict[str, Model] = {}
    for model in found:
        twin = unique.get(model.id)
        unique[model.id] = model if twin is None else _united(twin, model)
    return list(unique.values())


def _united(first: Model, second: Model) -> Model:
    """Two entries of one id as one: the first, with what it lacks of the second, and the endpoints of both.

    An entry without endpoints says that it has the usual one, and one without a policy that it needs none.
    """
    endpoints = first.supported_endpoints
    if endpoints and second.supported_endpoints:
        endpoints = list(dict.fromkeys([*endpoints, *second.supported_endpoints]))
    ours, theirs = first.capabilities, second.capabilities
    return structs.replace(
        first,
        name=first.name or second.name,
        vendor=first.vendor or second.vendor,
        version=first.version or second.version,
        billing=first.billing or second.billing,
        supported_endpoints=endpoints,
        capabilities=structs.replace(
            ours,
            family=ours.family or theirs.family,
            tokenizer=ours.tokenizer or theirs.tokenizer,
            limits=ours.limits or theirs.limits,
            supports=ours.supports or theirs.supports,
        ),
        request_headers=first.request_headers or second.request_headers,
    )


def _entries(raw: list[msgspec.Raw]) -> list[Model]:
    found: list[Model] = []
    for entry in raw:
        try:
            model = models.decode_model(entry)
            if not model.vendor:
                model.vendor = msgspec.json.decode(entry, type=models.OpenAIEntry).owned_by
        except envelope.UNREADABLE as error:
            logger.warning("a listed model cannot be read and is left out: %s", error)
            continue
        found.append(model)
    return found


def _of_models_dev(entry: models.DevModel) -> Model:
    limit = entry.limit or models.DevLimit()
    modalities = entry.modalities or models.DevModalities()
    return Model(
        id=entry.id,
        name=entry.name,
        vendor="github-copilot",
        capabilities=Capabilities(
            family=entry.family,
            limits=Limits(max_context_window_tokens=limit.context, max_output_tokens=limit.output),
            supports=Supports(streaming=True, tool_calls=entry.tool_call, vision="image" in modalities.input),
        ),
    )


class Catalogue:
    """The models, and the task that keeps them fresh. Reading waits for a fetch only where there is no list at all, or
    where a new one may have what the old one lacks.

    ``models_url`` empty means the account's own list; another URL is asked without the token, unless it is on the
    Copilot API's own host. ``aliases`` are the user's own names for models. ``names`` is of the latest list, and
    ``copies`` are clients' own names for models. ``known`` is the list of an earlier run, which serves until one has
    been fetched if :meth:`remember` is called first, and where each one is kept.
    """

    def __init__(
        self,
        client: CopilotClient,
        tokens: Tokens,
        fetch: Fetch,
        *,
        models_url: str = "",
        aliases: Mapping[str, str] | None = None,
        known: KnownList | None = None,
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._fetch = fetch
        self._models_url = models_url
        self._aliases = aliases
        self._known = known
        self._models: Sequence[Model] = ()
        self.copies: Final = Copies()
        self.names: Names = Names(aliases=aliases, copies=self.copies)
        self._loaded = False
        self._failure: PassengerError | None = None
        self._fetching = False
        self._wanted = trio.Event()
        self._fetched = trio.Event()
        self._asked_again = -math.inf

    async def keep_fresh(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run for ever: fetch, wait, fetch. A failed fetch leaves the old list in place. ``started()`` at once."""
        task_status.started()
        while True:
            self._wanted = trio.Event()
            pause = FRESH_FOR
            self._fetching = True
            try:
                self._take(await self.load())
                self._failure = None
            except PassengerError as error:
                self._failure = error
                pause = RETRY_AFTER
                logger.warning("the list of models could not be fetched: %s", error.message)
            self._fetching = False
            fetched, self._fetched = self._fetched, trio.Event()
            fetched.set()
            if self._known is not None and self._failure is None:
                await self._known.keep(self._models)  # only now: nobody waits for the disk
            with trio.move_on_after(pause):
                await self._wanted.wait()

    @property
    def count(self) -> int:
        """How many models are on the list at hand."""
        return len(self._models)

    @property
    def failure(self) -> PassengerError | None:
        """Why the last fetch failed, if it did."""
        return self._failure

    async def remember(self) -> bool:
        """Take the list of an earlier run, to begin with. Returns whether there is one."""
        if self._known is not None and (found := await self._known.read()):
            self._take(found)
        return self._loaded

    async def models(self) -> list[Model]:
        """The models that are shown, in Copilot's order. Raises why there is no list yet, if none has ever come."""
        await self._ready()
        return shown(self._models)

    async def find(self, name: str) -> Model | None:
        """The model a client means by ``name``, or ``None``; see :class:`Names`. Raises as :meth:`models`.

        For a name that is unknown, or of a model that is switched off, the list is fetched anew and looked at again:
        but once in :data:`ASK_AGAIN_AFTER` or :data:`LOOK_AGAIN_AFTER` seconds, and once for all who ask meanwhile. A
        fetch that fails, or takes longer than :data:`IMPATIENCE`, is nobody's error: the old list counts.
        """
        await self._ready()
        model = self.names.find(name)
        pause = ASK_AGAIN_AFTER if model is None else LOOK_AGAIN_AFTER
        if (model is None or model.is_disabled) and self._may_ask_again(pause):
            with trio.move_on_after(IMPATIENCE):
                await self._fetch_now()
            model = self.names.find(name)
        return model

    async def _ready(self) -> None:
        """Wait for the first list. After a fetch that failed another is made now, not in half a minute."""
        if self._loaded:
            return
        with trio.move_on_after(PATIENCE if self._failure is None else IMPATIENCE):
            if self._failure is None:
                await self._fetched.wait()
            if not self._loaded:
                await self._fetch_now()
        if not self._loaded:
            raise self._failure or UpstreamTimeout("Copilot's list of models is slow in coming; ask again.")

    async def _fetch_now(self) -> None:
        """Have the keeper fetch, and wait for it; a fetch that is under way will do. Cancelling this stops no fetch."""
        if not self._fetching:
            self._wanted.set()
        await self._fetched.wait()

    def _may_ask_again(self, pause: float) -> bool:
        """Whether the list may be fetched anew for the sake of a name: it is being fetched, or was not lately."""
        if self._fetching or self._wanted.is_set():
            return True
        now = trio.current_time()
        if now - self._asked_again < pause:
            return False
        self._asked_again = now
        return True

    def _take(self, found: Sequence[Model]) -> None:
        self._models = found
        self.names = Names(found, self._aliases, self.copies)
        self._loaded = True

    def rename(self, aliases: Mapping[str, str]) -> None:
        """Take other names of the user's own in place of those there were."""
        self._aliases = aliases
        self.names = Names(self._models, aliases, self.copies)

    async def load(self) -> list[Model]:
        """Fetch the list now and return it; what :meth:`models` knows stays as it is. Raises the upstream errors."""
        with trio.move_on_after(LOAD_LIMIT):
            return await self._load()
        raise UpstreamTimeout(f"The list of models did not come within {LOAD_LIMIT:.0f} seconds.")

    async def _load(self) -> list[Model]:
        url, path = self._models_url, protocol.MODELS
        if url:
            base = (await self._tokens.current()).api_base
            if url.startswith(base) and is_own_host(url, base):
                path = url.removeprefix(base)
            else:
                answer = await self._fetch("GET", url, [("Accept", "application/json")])
                if answer.status != 200:
                    raise UpstreamRefused(502, f"{url} answered with HTTP {answer.status} instead of a list of models.")
                return parse(answer.body)
        async with AsyncExitStack() as stack:
            headers = [("Accept", "application/json"), ("OpenAI-Intent", INTENT)]
            reply = await self._client.send("GET", path, headers, None, stack)
            return parse(await reply.whole())

    async def accept(self, model: Model) -> None:
        """Accept the terms of ``model`` for the account, which a person must have asked for.

        Raises :class:`~passenger_trio.errors.UpstreamRefused` where the account may not (an organisation's
        administrator decides), and the other upstream errors.
        """
        async with AsyncExitStack() as stack:
            headers = protocol.call_headers(initiator="user", vision=False, request_id=str(uuid.uuid4()), intent=INTENT)
            path = f"{protocol.MODELS}/{quote(model.id, safe='')}/policy"
            reply = await self._client.send("POST", path, headers, b'{"state":"enabled"}', stack)
            await reply.whole()
