"""The account's models: fetched in the background, kept when a fetch fails, and found by the names clients use."""

import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import MappingProxyType
from typing import Final

import msgspec
import trio

from passenger_trio.copilot import protocol
from passenger_trio.copilot.client import CopilotClient, Fetch, is_own_host
from passenger_trio.copilot.tokens import Tokens
from passenger_trio.errors import PassengerError, UpstreamBroke, UpstreamRefused
from passenger_trio.wire import envelope, models
from passenger_trio.wire.models import Capabilities, Limits, Model, Supports

logger: Final = logging.getLogger("passenger_trio.copilot")

FRESH_FOR: Final = 600.0
"""Seconds for which a list is good; the official client keeps it as long."""

RETRY_AFTER: Final = 30.0
"""Seconds to the next try after a failed one."""


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
        unique.setdefault(model.id, model)
    return list(unique.values())


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
    """The models, and the task that keeps them fresh. Reading never waits for a refresh, only for the very first list.

    ``models_url`` empty means the account's own list; another URL is asked without the token, unless it is on the
    Copilot API's own host.
    """

    def __init__(self, client: CopilotClient, tokens: Tokens, fetch: Fetch, *, models_url: str = "") -> None:
        self._client = client
        self._tokens = tokens
        self._fetch = fetch
        self._models_url = models_url
        self._models: Mapping[str, Model] = MappingProxyType({})
        self._by_lower: Mapping[str, Model] = MappingProxyType({})
        self._failure: PassengerError | None = None
        self._first = trio.Event()
        self._wanted = trio.Event()
        self._loaded = False

    async def keep_fresh(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run for ever: fetch, wait, fetch. A failed fetch leaves the old list in place."""
        task_status.started()
        while True:
            self._wanted = trio.Event()
            pause = FRESH_FOR
            try:
                self._take(await self.load())
            except PassengerError as error:
                self._failure = error
                pause = RETRY_AFTER
                logger.warning("the list of models could not be fetched: %s", error.message)
            self._first.set()
            with trio.move_on_after(pause):
                await self._wanted.wait()

    async def models(self) -> list[Model]:
        """All models, in Copilot's order. Raises why there is no list yet, if none has ever come."""
        await self._ready()
        return list(self._models.values())

    async def find(self, name: str) -> Model | None:
        """The model a client means by ``name``, or ``None``: the exact id, else in any case, with or without
        ``:latest`` and ``library/`` (Ollama's clients add them). Raises as :meth:`models`.
        """
        await self._ready()
        if (exact := self._models.get(name)) is not None:
            return exact
        lower = name.lower().removeprefix("registry.ollama.ai/").removeprefix("library/").removesuffix(":latest")
        return self._by_lower.get(lower)

    async def _ready(self) -> None:
        await self._first.wait()
        if not self._loaded:
            failure, first = self._failure, self._first
            if first.is_set() and not self._wanted.is_set():
                # the first fetch failed: try again now instead of in half a minute, for whoever asks
                self._first = trio.Event()
                self._wanted.set()
            await self._first.wait()
            if not self._loaded:
                raise failure or UpstreamBroke("There is no list of models yet.")

    def _take(self, found: list[Model]) -> None:
        self._models = MappingProxyType({model.id: model for model in found})
        self._by_lower = MappingProxyType({model.id.lower(): model for model in reversed(found)})
        self._loaded = True
        self._failure = None

    async def load(self) -> list[Model]:
        """Fetch the list now and return it; what :meth:`models` knows stays as it is. Raises the upstream errors."""
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
            headers = [("Accept", "application/json"), ("OpenAI-Intent", "model-access")]
            reply = await self._client.send("GET", path, headers, None, stack)
            return parse(await reply.whole())
