"""Copilot's catalogue as each client dialect lists it.

Copilot's entries have neither ``created`` nor a digest (recorded). What clients insist on is made from what is there:
a fixed date, and the hash of the id, so that a model looks the same on every machine and every day.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from passenger_trio.wire import envelope
from passenger_trio.wire.models import Model
from passenger_trio.wire.ollama import Details, Tag, Tags

CREATED: Final = 1_700_000_000
MODIFIED_AT: Final = "2023-11-14T22:13:20Z"
NOMINAL_SIZE: Final = 1024
"""Bytes: real remote models on Ollama are a few hundred; 0 and null break clients."""


def openai_entry(model: Model) -> dict[str, object]:
    """One entry of OpenAI's list. One that is switched off says so in Copilot's own words, where clients may look."""
    policy = {"policy": {"state": "disabled"}} if model.is_disabled else {}
    return {
        "id": model.id,
        "object": "model",
        "created": CREATED,
        "owned_by": model.vendor or "github-copilot",
        **policy,
    }


def openai_list(models: Sequence[Model]) -> bytes:
    """``GET /v1/models``."""
    return envelope.encode({"object": "list", "data": [openai_entry(model) for model in models]})


def openai_model(model: Model) -> bytes:
    """``GET /v1/models/{id}``."""
    return envelope.encode(openai_entry(model))


def ollama_capabilities(model: Model) -> list[str]:
    """Ollama's names for what a model can do. Clients hide models without ``completion`` and ``tools``."""
    if model.capabilities.type == "embeddings":
        return ["embedding"]
    supports = model.supports
    thinking = bool(supports.reasoning_effort or supports.adaptive_thinking or supports.max_thinking_budget)
    named = {"tools": supports.tool_calls, "vision": supports.vision, "thinking": thinking}
    return ["completion", *(name for name, able in named.items() if able)]


def ollama_tag(model: Model) -> Tag:
    """One entry of Ollama's list, under its id with the tag ``latest``."""
    family = model.capabilities.family or model.id
    name = f"{model.id}:latest"
    return Tag(
        name=name,
        model=name,
        modified_at=MODIFIED_AT,
        size=NOMINAL_SIZE,
        digest=hashlib.sha256(model.id.encode()).hexdigest(),
        details=Details(family=family, families=[family], parameter_size="unknown", quantization_level="unknown"),
        capabilities=ollama_capabilities(model),
    )


def ollama_tags(models: Sequence[Model]) -> bytes:
    """``GET /api/tags``, without the models that are switched off or on no endpoint: Ollama has no word for that."""
    usable = [model for model in models if model.endpoints and not model.is_disabled]
    return envelope.encode(Tags(models=[ollama_tag(model) for model in usable]))
