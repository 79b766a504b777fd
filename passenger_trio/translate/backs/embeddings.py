"""Copilot's ``/embeddings``: arrays of strings go there, their vectors come back.

It takes ``input`` (an array of strings), ``model`` and ``dimensions`` (recorded requests); a bare string, token ids and
``encoding_format`` are answered with ``Bad Request`` and not a word more (several reports).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from passenger_trio.errors import BadRequest, UpstreamBroke
from passenger_trio.wire import embeddings, envelope
from passenger_trio.wire.embeddings import Batch
from passenger_trio.wire.models import Capabilities, Model

PATH: Final = "/embeddings"
INTENT: Final = "copilot-panel"
"""The ``OpenAI-Intent`` of the official client on this route."""

MAX_INPUTS: Final = 512
"""Inputs of one request, where the list of models says nothing: it says 512 wherever it says something (recorded)."""


class Request(NamedTuple):
    """One request of the several that a call may take: its body, and how many vectors must come back."""

    body: bytes
    inputs: int


def requests(model: Model, texts: Sequence[str], dimensions: int | None = None) -> list[Request]:
    """What to send for ``texts``, one after the other: as many inputs in each as ``model`` takes.

    Raises :class:`~passenger_trio.errors.BadRequest` for a model that is known not to embed, or not in these
    ``dimensions``. Of a model that is not listed, or of which the list says no more than the name, nothing is known.
    """
    _refuse_others(model)
    if dimensions is not None and model.capabilities.supports is not None and not model.supports.dimensions:
        raise BadRequest(
            f"The model `{model.id}` has vectors of one size only: leave `dimensions` out.",
            param="dimensions",
            code="unsupported_parameter",
        )
    extra = {} if dimensions is None else {"dimensions": dimensions}
    size = max(model.limits.max_inputs or MAX_INPUTS, 1)
    batches = [texts[start : start + size] for start in range(0, len(texts), size)]
    return [Request(envelope.encode({"model": model.id, "input": batch, **extra}), len(batch)) for batch in batches]


def may_embed(model: Model) -> bool:
    """Whether the model makes embeddings, or nothing is known of it but the name."""
    return PATH in model.endpoints or (model.supported_endpoints is None and model.capabilities == Capabilities())


def _refuse_others(model: Model) -> None:
    if may_embed(model):
        return
    raise BadRequest(
        f"The model `{model.id}` does not embed: Copilot serves it on {', '.join(model.endpoints) or 'no endpoint'}.",
        param="model",
        code="unsupported_model",
    )


def reply(body: bytes, inputs: int) -> Batch:
    """The answer to a request of ``inputs`` texts. Raises :class:`~passenger_trio.errors.UpstreamBroke`.

    Items are put in the order of their ``index`` if all have one; vectors that cannot be told to belong to one input
    each would be worse than none.
    """
    try:
        rest = envelope.decode(body)
        view = embeddings.decode_answer(body)
        items = envelope.decode_list(rest.pop("data"))
    except (*envelope.UNREADABLE, KeyError):
        raise UpstreamBroke("Copilot's answer holds no embeddings.") from None
    if len(items) != inputs:
        raise UpstreamBroke(f"Copilot answered {inputs} inputs with {len(items)} embeddings.")
    order = {item.index: position for position, item in enumerate(view.data)}
    if all(position in order for position in range(inputs)):
        items = [items[order[position]] for position in range(inputs)]
    elif set(order) != {None}:
        raise UpstreamBroke("Copilot's embeddings do not say which input each belongs to.")
    return Batch(items, rest, view.usage)
