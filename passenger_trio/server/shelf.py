"""What Ollama's clients take for the models on this machine: Copilot's, and which of them were used lately."""

import time
from collections.abc import Callable
from typing import Final

from passenger_trio.copilot import names
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.errors import BadRequest, NotFound, PassengerError
from passenger_trio.translate.ollama_models import InUse, listed_as
from passenger_trio.wire.models import Model
from passenger_trio.wire.ollama_names import is_valid

KEEP_ALIVE: Final = 300.0
"""Seconds that Ollama keeps a model in memory after its last use, where a request does not say."""

FOREVER: Final = 9_223_372_036.0
"""Seconds that "for ever" is with Ollama: the longest duration that Go knows, 292 years."""

MOST_IN_USE: Final = 1000
"""Models that are remembered; more than any account has."""

NOT_FOUND: Final = "model '{}' not found"
"""Ollama's words for most routes; they are matched by clients."""

INVALID_NAME: Final = "invalid model name"
"""Ollama's words as well."""


class Shelf:
    """Finds models in Ollama's words, and remembers which were used. ``now`` gives unix seconds."""

    def __init__(self, catalogue: Catalogue, now: Callable[[], float] = time.time) -> None:
        self.catalogue = catalogue
        self._now = now
        self._used: dict[str, InUse] = {}

    async def find(self, name: str, *, missing: str = NOT_FOUND, asks: bool = True) -> Model:
        """The model that a client means by ``name``, to be asked something if ``asks``; raises as :meth:`listed`.

        Where there is no list to look in and Copilot is to be asked, a model of which nothing is known but the name is
        returned: Copilot will say what it thinks of it. Where it is not, nobody would, and why there is none is raised.
        """
        try:
            model = await self.catalogue.find(name)
        except PassengerError:
            meant = self.catalogue.names.meant(name)
            if not is_valid(meant):
                raise _invalid() from None
            if not asks:
                raise
            return Model(id=meant)
        return _found(name, model, missing)

    async def listed(self, name: str, *, missing: str = NOT_FOUND) -> Model:
        """The model that a client means by ``name``, to be told of.

        Raises :class:`~passenger_trio.errors.NotFound` in Ollama's words (``missing``, with a place for the name) for
        one that no list shows either, :class:`~passenger_trio.errors.BadRequest` where no model could be called that,
        :class:`~passenger_trio.errors.ModelDisabled` for one that is switched off, and why there is no list.
        """
        model = await self.catalogue.find(name)
        return _found(name, model if model is not None and model.endpoints else None, missing)

    def use(self, name: str, model: Model, keep_alive: float | None = None) -> None:
        """Note that ``model`` is used now, as ``name``, and stays for ``keep_alive`` seconds: negative for ever, 0 not
        at all. One that no list has is in none of Ollama's either.
        """
        if not self.catalogue.names.has(model.id):
            return
        stays = KEEP_ALIVE if keep_alive is None else keep_alive
        self._used.pop(model.id, None)
        if stays == 0:
            return
        stays = FOREVER if stays < 0 else min(stays, FOREVER)
        self._used[model.id] = InUse(name, model, self._now() + stays)
        while len(self._used) > MOST_IN_USE:
            del self._used[next(iter(self._used))]

    def in_use(self) -> list[InUse]:
        """The models that stay, by the names that they are listed as now, the latest first."""
        now = self._now()
        self._used = {model_id: used for model_id, used in self._used.items() if used.until > now}
        return [used._replace(name=self.listed_as(used.name, used.model)) for used in self._used.values()][::-1]

    def listed_as(self, name: str, model: Model) -> str:
        """What ``model`` is listed as for a client that calls it ``name``: a copy by the copy's name."""
        copies = self.catalogue.copies
        return (copies.listed_as(name) if copies.model_id(name) == model.id else None) or listed_as(model)


def _invalid() -> BadRequest:
    return BadRequest(INVALID_NAME, param="model")


def _found(name: str, model: Model | None, missing: str) -> Model:
    if model is None:
        if not is_valid(name):
            raise _invalid()
        raise NotFound(missing.format(name), code="model_not_found", param="model")
    if model.is_disabled:
        raise names.disabled(model)
    return model
