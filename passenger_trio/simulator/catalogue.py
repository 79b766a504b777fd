"""The models the simulated subscription has.

The first of the list are recorded ones (protocol: models, API version 2025-05-01), shortened, with their oddities: an
id that is listed twice, a disabled policy, a model behind ``/responses`` only, models that are not for chat. The rest
are made after the protocol's table of models; ``o1`` and ``o1-mini``, which do not stream, after older lists (the
``supports`` of the latter are recorded: zed-industries/zed#20362). One is the simulator's own: ``claude-opus-4.7`` is
on ``/v1/messages`` alone, so that there is a model for each endpoint that has no other.
"""

from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from passenger_trio.simulator import refusals
from passenger_trio.simulator.refusals import JSON, MODEL_NOT_SUPPORTED, Refused

Endpoint = Literal["/chat/completions", "/responses", "/v1/messages", "/embeddings"]
Family = Literal["gpt", "claude", "gemini"]

_USUAL_INPUTS: Final = 512


class Policy(msgspec.Struct, frozen=True):
    """Whether the account has the model switched on."""

    state: str = "enabled"


class Vision(msgspec.Struct, frozen=True):
    """What pictures a prompt may have."""

    max_prompt_images: int | None = None


class Limits(msgspec.Struct, frozen=True):
    """Numbers of tokens, and of an embedding's inputs."""

    max_prompt_tokens: int | None = None
    max_output_tokens: int | None = None
    max_inputs: int = _USUAL_INPUTS
    vision: Vision | None = None


class Supports(msgspec.Struct, frozen=True):
    """What the model can do; what is not listed it cannot."""

    streaming: bool = False
    tool_calls: bool = False
    reasoning_effort: tuple[str, ...] = ()
    dimensions: bool = False
    structured_outputs: bool = False
    adaptive_thinking: bool = False
    min_thinking_budget: int = 0
    max_thinking_budget: int | None = None


class Capabilities(msgspec.Struct, frozen=True):
    """The kind of model, and its limits."""

    type: str
    limits: Limits = Limits()
    supports: Supports = Supports()


class Model(msgspec.Struct, frozen=True):
    """The part of a ``/models`` entry that decides how a request for it is answered.

    ``version`` is what answers bear as their ``model``.
    """

    id: str
    name: str
    version: str
    vendor: str
    capabilities: Capabilities
    supported_endpoints: tuple[str, ...] = ("/chat/completions",)
    policy: Policy | None = None
    is_chat_fallback: bool = False

    @property
    def family(self) -> Family:
        """Whose form its answers have on ``/chat/completions``."""
        return "claude" if self.vendor == "Anthropic" else "gemini" if self.vendor == "Google" else "gpt"

    def serves(self, endpoint: Endpoint) -> bool:
        """Whether it is behind ``endpoint``."""
        kind = self.capabilities.type
        return kind == "embeddings" if endpoint == "/embeddings" else kind == "chat" and self._lists(endpoint)

    def _lists(self, endpoint: Endpoint) -> bool:
        return endpoint in self.supported_endpoints


_DATA: Final = Path(__file__).with_name("models.json")


class Catalogue:
    """The body of ``GET /models``, and who may be asked what."""

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = msgspec.json.decode(_DATA.read_bytes())["data"]
        self._read()

    def _read(self) -> None:
        models = msgspec.convert(self._entries, list[Model])
        self._models = {model.id: model for model in models}
        self._fallback = next(model for model in models if model.is_chat_fallback)
        self.body = msgspec.json.encode({"data": self._entries, "object": "list"})

    def body_for(self, api_version: str | None, *, token_billing: bool) -> bytes:
        """The list as that API version has it (protocol: API-version gating).

        An account that is billed by tokens sees a nag and no billing in the old version; from 2026-06-01 on there are
        prices.
        """
        if api_version == "2025-04-01" and token_billing:
            entries = [_without_billing(entry) for entry in self._entries]
        elif api_version is not None and api_version >= "2026-06-01":
            entries = [_with_prices(entry) for entry in self._entries]
        else:
            return self.body
        return msgspec.json.encode({"data": entries, "object": "list"})

    def model(self, model_id: str | None, endpoint: Endpoint) -> Model:
        """The model of that id; without one the server chooses, for chats (protocol: auto mode).

        Raises :class:`Refused` for an id that is unknown, switched off by policy, or not for ``endpoint``.
        """
        if model_id is None and endpoint == "/chat/completions":
            return self._fallback
        model = self._models.get(model_id or "")
        if model is None or (model.policy is not None and model.policy.state != "enabled"):
            raise Refused(MODEL_NOT_SUPPORTED)
        if not model.serves(endpoint):
            raise Refused(refusals.unsupported_api(model.id, endpoint))
        return model

    def set_policy(self, model_id: str, state: str) -> None:
        """Switch a model on or off. Raises :class:`Refused` for an unknown one; a model without policy stays so."""
        if model_id not in self._models:
            raise Refused(refusals.Refusal(404, refusals.error_body("model not found", "not_found"), JSON))
        for entry in self._entries:
            if entry["id"] == model_id and "policy" in entry:
                entry["policy"]["state"] = state
        self._read()


_NAG: Final = (
    "Your billing plan has changed to usage-based billing and model multipliers no longer apply. "
    "Please update your client to the latest version to see the new billing information."
)
_PRICES: Final = {
    "Anthropic": (300_000_000_000, 1_500_000_000_000, 30_000_000_000, 375_000_000_000),
    "OpenAI": (175_000_000_000, 1_400_000_000_000, 17_500_000_000, 0),
}


def _without_billing(entry: dict[str, Any]) -> dict[str, Any]:
    hidden = {"billing", "is_chat_default", "is_chat_fallback"}
    return {key: value for key, value in entry.items() if key not in hidden} | {"warning_message": _NAG}


def _with_prices(entry: dict[str, Any]) -> dict[str, Any]:
    price_in, price_out, cached, written = _PRICES.get(entry["vendor"], (0, 0, 0, 0))
    prices = {
        "cache_price": cached,
        "cache_write_price": written,
        "context_max": entry["capabilities"].get("limits", {}).get("max_prompt_tokens", 0),
        "input_price": price_in,
        "output_price": price_out,
    }
    token_prices = {"batch_size": 1_000_000, "default": prices}
    return entry | {
        "billing": entry["billing"] | {"token_prices": token_prices},
        "model_picker_price_category": "medium",
        "warning_messages": [],
        "info_messages": [],
    }
