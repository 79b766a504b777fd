"""Copilot's catalogue as OpenAI lists models.

Copilot's entries have no ``created`` (recorded), which clients insist on: the date is fixed, so that a model looks the
same on every machine and every day.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from passenger_trio.wire import envelope
from passenger_trio.wire.models import Model
from passenger_trio.wire.ollama_names import DEFAULT_TAG

CREATED: Final = 1_700_000_000


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


def openai_list(models: Sequence[Model], copies: Iterable[tuple[str, str]] = ()) -> bytes:
    """``GET /v1/models``. ``copies`` are names that clients gave to models, as Ollama lists them, and the models' ids;
    they come last, without the tag that is the usual one.
    """
    by_id = {model.id: model for model in models}
    taken = {model_id.lower() for model_id in by_id}  # a model may have come later than a copy of that name
    entries = [openai_entry(model) for model in models]
    for listed, of in copies:
        name = listed.removesuffix(f":{DEFAULT_TAG}")
        if of in by_id and name.lower() not in taken:
            entries.append({**openai_entry(by_id[of]), "id": name})
    return envelope.encode({"object": "list", "data": entries})


def openai_model(model: Model) -> bytes:
    """``GET /v1/models/{id}``."""
    return envelope.encode(openai_entry(model))
