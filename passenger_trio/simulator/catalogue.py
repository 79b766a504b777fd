"""The models the simulated subscription has.

The list is a recorded one (protocol: models, API version 2025-05-01), shortened; it has its oddities on purpose: an
id that is listed twice, a disabled policy, a model behind ``/responses`` only, models that are not for chat.
"""

from pathlib import Path
from typing import Final

import msgspec

from passenger_trio.simulator.refusals import MODEL_NOT_SUPPORTED, Refused, unsupported_api


class _Policy(msgspec.Struct):
    state: str = "enabled"


class _Capabilities(msgspec.Struct):
    type: str


class Model(msgspec.Struct, frozen=True):
    """The part of a ``/models`` entry that decides how a chat with it is answered.

    ``version`` is what answers bear as their ``model``.
    """

    id: str
    name: str
    version: str
    capabilities: _Capabilities
    supported_endpoints: tuple[str, ...] = ("/chat/completions",)
    policy: _Policy | None = None
    is_chat_fallback: bool = False


class _List(msgspec.Struct):
    data: list[Model]


_DATA: Final = Path(__file__).with_name("models.json")


class Catalogue:
    """The body of ``GET /models``, and who may chat."""

    def __init__(self) -> None:
        self.body = msgspec.json.format(_DATA.read_bytes(), indent=-1)
        models = msgspec.json.decode(self.body, type=_List).data
        self._models = {model.id: model for model in models}
        self._fallback = next(model for model in models if model.is_chat_fallback)

    def chat_model(self, model_id: str | None) -> Model:
        """The model of that id; without one the server chooses (protocol: auto mode).

        Raises :class:`Refused` for an id that is unknown, switched off by policy, or not for ``/chat/completions``.
        """
        if model_id is None:
            return self._fallback
        model = self._models.get(model_id)
        if model is None or (model.policy is not None and model.policy.state != "enabled"):
            raise Refused(MODEL_NOT_SUPPORTED)
        if model.capabilities.type != "chat" or "/chat/completions" not in model.supported_endpoints:
            raise Refused(unsupported_api(model_id))
        return model
