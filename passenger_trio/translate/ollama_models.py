"""Copilot's catalogue as Ollama's clients read it: the list, the card of a model, and those that were used lately.

Copilot's entries have no date, no size and no digest (recorded). What clients insist on is made from what is there, so
that a model looks the same on every machine and every day.
"""

import datetime
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs.abilities import thinks_unasked
from passenger_trio.translate.fronts import ollama_fields
from passenger_trio.wire import envelope, ollama
from passenger_trio.wire.models import Model
from passenger_trio.wire.ollama import Card, Details, Progress, Running, RunningModels, Tag, Tags
from passenger_trio.wire.ollama_names import displayed

MODIFIED_AT: Final = "2023-11-14T22:13:20Z"
"""The date of a model that names none."""

NOMINAL_SIZE: Final = 1024
"""Bytes: real remote models on Ollama are a few hundred; 0 and null break clients."""

REMOTE_HOST: Final = "https://api.githubcopilot.com"
"""Where the models are. Clients do not wait for a model to be loaded that is elsewhere."""

UNKNOWN_CONTEXT: Final = 32_768
"""Tokens, where Copilot's list states no limit: what VS Code and Ollama's own extension suppose of such a model."""

EMBEDDER_CONTEXT: Final = 8191
"""Tokens of one text: the list states no limit of those that make embeddings, OpenAI's documentation does."""

_VECTORS: Final[Mapping[str, int]] = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
"""Numbers of an embedding, by family (OpenAI's documentation); the list does not state them."""

UNKNOWN: Final = "unknown"
"""What is not known of a model, where clients insist on a word."""

_DATE: Final = re.compile(r"-(\d{4}-\d\d-\d\d)$")
_COLUMN: Final = 30  # what Ollama pads the name of a parameter to

_PROMPT: Final = "{{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }}"
_TOOLS: Final = "{{ if .Tools }}{{ .Tools }}\n\n{{ end }}"
_SUFFIX: Final = "{{ if .Suffix }}{{ .Prompt }}<fill>{{ .Suffix }}{{ else }}%s{{ end }}"


def is_embedder(model: Model) -> bool:
    """Whether the model makes embeddings, and nothing else."""
    return model.capabilities.type == "embeddings"


def can_think(model: Model) -> bool:
    """Whether it can be asked to think: by efforts, by a budget, or as it sees fit."""
    supports = model.supports
    return bool(supports.reasoning_effort or supports.adaptive_thinking or supports.max_thinking_budget)


def can_insert(model: Model) -> bool:
    """Whether it is fit to fill in the middle: a chat model that does not think, since completions of code are wanted
    at once.
    """
    return model.capabilities.type == "chat" and not can_think(model) and not thinks_unasked(model)


def capabilities(model: Model) -> list[str]:
    """Ollama's names for what a model can do. Clients hide models without ``completion`` and ``tools``."""
    if is_embedder(model):
        return ["embedding"]
    named = {
        "tools": model.supports.tool_calls,
        "insert": can_insert(model),
        "vision": model.supports.vision,
        "thinking": can_think(model),
    }
    return ["completion", *(name for name, able in named.items() if able)]


def context_length(model: Model) -> int:
    """How many tokens a prompt may have. Clients fill what they are told here with prompt, so it is the limit of the
    prompt and not the window, which has the answer in it as well.
    """
    stated = model.limits.max_prompt_tokens or model.limits.max_context_window_tokens
    return stated or (EMBEDDER_CONTEXT if is_embedder(model) else UNKNOWN_CONTEXT)


def family_of(model: Model) -> str:
    """The family, which is Ollama's architecture as well: clients join either with ``.context_length``."""
    return model.capabilities.family or model.id


def embedding_length(model: Model) -> int | None:
    """How many numbers its embeddings have, where it makes some and that is known."""
    return _VECTORS.get(family_of(model)) if is_embedder(model) else None


def modified_at(model: Model) -> str:
    """The date in the model's id or version, if it has one; else :data:`MODIFIED_AT`."""
    for text in (model.id, model.version):
        found = _DATE.search(text)
        if found is None:
            continue
        try:
            return f"{datetime.date.fromisoformat(found[1])}T00:00:00Z"
        except ValueError:
            continue
    return MODIFIED_AT


def listed_as(model: Model) -> str:
    """The name in every list."""
    return displayed(model.id)


def usable(models: Iterable[Model]) -> list[Model]:
    """Without those that are switched off or on no endpoint: Ollama has no word for that."""
    return [model for model in models if model.endpoints and not model.is_disabled]


def tag(model: Model, name: str) -> Tag:
    """One entry of Ollama's list. A copy has the digest of its model, as Ollama's have."""
    details = _details(model)
    details.context_length = context_length(model)
    if (length := embedding_length(model)) is not None:
        details.embedding_length = length
    return Tag(
        name=name,
        model=name,
        modified_at=modified_at(model),
        size=NOMINAL_SIZE,
        digest=digest(model),
        details=details,
        capabilities=capabilities(model),
        remote_model=model.id,
        remote_host=REMOTE_HOST,
    )


def tags(models: Sequence[Model], copies: Iterable[tuple[str, str]] = ()) -> bytes:
    """``GET /api/tags``, the newest first. ``copies`` are names that clients gave to models, and the models' ids."""
    by_id = {model.id: model for model in usable(models)}
    entries = [tag(model, listed_as(model)) for model in by_id.values()]
    taken = {entry.name.lower() for entry in entries}  # a model may have come later than a copy of that name
    entries += [tag(by_id[of], name) for name, of in copies if of in by_id and name.lower() not in taken]
    entries.sort(key=lambda entry: entry.modified_at, reverse=True)
    return envelope.encode(Tags(entries))


def card(model: Model, name: str, *, basename: str | None = None) -> bytes:
    """``POST /api/show`` of a model that is listed as ``name``; ``basename`` is what it is to be called by people, if
    not as Copilot calls it.
    """
    family, length = family_of(model), context_length(model)
    info: dict[str, str | int] = {
        "general.architecture": family,
        "general.basename": basename or model.name or model.id,
        f"{family}.context_length": length,
    }
    if (numbers := embedding_length(model)) is not None:
        info[f"{family}.embedding_length"] = numbers
    template = template_of(model)
    owner = f" of {model.vendor}" if model.vendor else ""
    terms = f"{model.name or model.id}{owner}, served by GitHub Copilot under the terms of your subscription."
    modelfile = (
        f"# What Ollama would be told to make the same model of its own; it runs at {REMOTE_HOST}\n"
        f'FROM {name}\nTEMPLATE """{template}"""\nPARAMETER num_ctx {length}\nLICENSE """{terms}"""\n'
    )
    return envelope.encode(
        Card(
            license=terms,
            modelfile=modelfile,
            parameters=f"{'num_ctx':<{_COLUMN}} {length}",
            template=template,
            details=_details(model),
            model_info=info,
            capabilities=capabilities(model),
            modified_at=modified_at(model),
            remote_model=model.id,
            remote_host=REMOTE_HOST,
        )
    )


class InUse(NamedTuple):
    """A model that was used, the name it is listed as, and until when it stays, in unix seconds."""

    name: str
    model: Model
    until: float


def running(used: Iterable[InUse]) -> bytes:
    """``GET /api/ps``. What is elsewhere takes no memory here; that all of it is said to be in that of a graphics card
    is how Ollama's command line tells "not on this processor".
    """
    entries = [
        Running(
            name=name,
            model=name,
            size=NOMINAL_SIZE,
            digest=digest(model),
            details=_details(model),
            expires_at=f"{datetime.datetime.fromtimestamp(int(until), datetime.UTC):%Y-%m-%dT%H:%M:%S}Z",
            size_vram=NOMINAL_SIZE,
            context_length=context_length(model),
        )
        for name, model, until in used
    ]
    return envelope.encode(RunningModels(entries))


def pulled(model: Model) -> list[Progress]:
    """The steps of ``/api/pull`` for a model that is here, in Ollama's words: all of it has come."""
    layer = digest(model)
    return [
        Progress("pulling manifest"),
        Progress(f"pulling {layer[:12]}", f"sha256:{layer}", NOMINAL_SIZE, NOMINAL_SIZE),
        Progress("verifying sha256 digest"),
        Progress("writing manifest"),
        Progress("success"),
    ]


def digest(model: Model) -> str:
    """64 hex digits that no other model has: ``llm-ollama`` takes models with equal ones for one."""
    return hashlib.sha256(model.id.encode()).hexdigest()


def template_of(model: Model) -> str:
    """What a prompt is made of, in the words that clients look for: LiteLLM finds tools by ``.Tools``, Continue that
    there may be a suffix by ``.Suffix``.
    """
    if is_embedder(model):
        return "{{ .Prompt }}"
    prompt = f"{_TOOLS}{_PROMPT}" if model.supports.tool_calls else _PROMPT
    return _SUFFIX % prompt if can_insert(model) else prompt


def read(body: bytes) -> ollama.ModelRequest:
    """A request about a model, whose fields may be written in any case; null is as good as nothing, and ``name`` as
    ``model``. Raises :class:`~passenger_trio.errors.BadRequest`.
    """
    if not body.strip():
        raise BadRequest("missing request body")
    request, _ = ollama_fields.read(ollama.decode_model_request, body, ollama.ModelRequest.__struct_fields__)
    request.model = request.model or request.name
    return request


def _details(model: Model) -> Details:
    family = family_of(model)
    return Details(family=family, families=[family], parameter_size=UNKNOWN, quantization_level=UNKNOWN)
