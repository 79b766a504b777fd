"""Lists of models: Copilot's own, and the other shapes that ``copilot_models_url`` may point at.

Source: recorded Copilot lists (2026-01 to 2026-06); GitHub's catalogue is a bare array with ``publisher``; models.dev
is an object of providers, each with an object of models. Every field but ``id`` may be missing on the wire.
"""

from typing import Final

import msgspec


class Policy(msgspec.Struct):
    """Whether the account has accepted the model's terms.

    ``state`` is an open set: ``enabled``, ``disabled``, ``pending``, ``requires_consent``, ``unconfigured`` have been
    seen. ``terms`` may be empty.
    """

    state: str = "enabled"
    terms: str | None = None


class Vision(msgspec.Struct):
    """Limits on pictures."""

    max_prompt_images: int | None = None
    max_prompt_image_size: int | None = None
    supported_media_types: list[str] | None = None


class Limits(msgspec.Struct):
    """Token limits; the enforced input limit is ``max_prompt_tokens``."""

    max_context_window_tokens: int | None = None
    max_prompt_tokens: int | None = None
    max_output_tokens: int | None = None
    max_non_streaming_output_tokens: int | None = None
    max_inputs: int | None = None
    vision: Vision | None = None


class Supports(msgspec.Struct):
    """What a model can do; absent means no."""

    streaming: bool = False
    tool_calls: bool = False
    parallel_tool_calls: bool = False
    vision: bool = False
    structured_outputs: bool = False
    dimensions: bool = False
    reasoning_effort: list[str] | None = None
    adaptive_thinking: bool = False
    min_thinking_budget: int | None = None
    max_thinking_budget: int | None = None


class Capabilities(msgspec.Struct):
    """``type`` is ``chat``, ``embeddings`` or ``completion``."""

    type: str = "chat"
    family: str = ""
    tokenizer: str | None = None
    limits: Limits | None = None
    supports: Supports | None = None


class Prices(msgspec.Struct):
    """What a batch of tokens costs, in nano-AIU; ``context_max`` is the longest prompt for which it holds."""

    input_price: float | None = None
    output_price: float | None = None
    cache_price: float | None = None
    cache_write_price: float | None = None
    context_max: int | None = None


class TokenPrices(msgspec.Struct):
    """Prices for ``batch_size`` tokens; ``long_context`` is for prompts over ``default.context_max``."""

    batch_size: int = 1_000_000
    default: Prices | None = None
    long_context: Prices | None = None


class Billing(msgspec.Struct):
    """Absent with older API versions on token-billed accounts; newer ones (from 2026-06-01) have ``token_prices``."""

    is_premium: bool | None = None
    multiplier: float | None = None
    token_prices: TokenPrices | None = None


class Model(msgspec.Struct):
    """One model of the account. ``supported_endpoints`` absent means chat completions only."""

    id: str
    name: str = ""
    vendor: str = ""
    version: str = ""
    preview: bool = False
    model_picker_enabled: bool = False
    policy: Policy | None = None
    billing: Billing | None = None
    supported_endpoints: list[str] | None = None
    capabilities: Capabilities = msgspec.field(default_factory=Capabilities)
    request_headers: dict[str, str] | None = None

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where the model answers, as paths under the API base."""
        if self.supported_endpoints:
            return tuple(self.supported_endpoints)
        return {"embeddings": ("/embeddings",), "completion": ()}.get(self.capabilities.type, ("/chat/completions",))

    @property
    def is_enabled(self) -> bool:
        """Whether the account may use it as far as terms go: no policy is no obstacle."""
        return self.policy is None or self.policy.state == "enabled"

    @property
    def is_disabled(self) -> bool:
        """Whether it is switched off for the account. Other states (``pending``, ``unconfigured``) are not that."""
        return self.policy is not None and self.policy.state == "disabled"

    @property
    def limits(self) -> Limits:
        """The limits, each of which may be unknown."""
        return self.capabilities.limits or Limits()

    @property
    def supports(self) -> Supports:
        """What it can do."""
        return self.capabilities.supports or Supports()


class ModelList(msgspec.Struct):
    """``{"data": [...]}``: Copilot's list, and OpenAI's. Entries stay raw, so that one odd entry costs only itself."""

    data: list[msgspec.Raw]


class CatalogueEntry(msgspec.Struct):
    """One entry of GitHub's catalogue (a bare array)."""

    id: str
    name: str = ""
    publisher: str = ""


class OpenAIEntry(msgspec.Struct):
    """One entry of an OpenAI list, where ``owned_by`` stands for the vendor."""

    id: str
    owned_by: str = ""


class DevLimit(msgspec.Struct):
    """Limits as models.dev has them."""

    context: int | None = None
    output: int | None = None


class DevModalities(msgspec.Struct):
    """Modalities as models.dev has them."""

    input: list[str] = []


class DevModel(msgspec.Struct):
    """One model of models.dev."""

    id: str
    name: str = ""
    family: str = ""
    tool_call: bool = False
    limit: DevLimit | None = None
    modalities: DevModalities | None = None


class DevProvider(msgspec.Struct):
    """One provider of models.dev."""

    models: dict[str, DevModel] = {}


decode_model: Final = msgspec.json.Decoder(Model).decode
