"""Copilot's catalogue as Anthropic lists models (API reference, "Models"; the types of Anthropic's package).

What Copilot's list does not tell is not claimed: no date of birth (Anthropic writes the epoch then), no tools of
Anthropic's own, no batches.
"""

import re
from collections.abc import Sequence
from typing import Final

from passenger_trio.errors import BadRequest
from passenger_trio.wire import envelope
from passenger_trio.wire.models import Model, Supports

UNKNOWN_DATE: Final = "1970-01-01T00:00:00Z"
DEFAULT_LIMIT: Final = 20
MOST: Final = 1000

Support = dict[str, bool]


def anthropic_list(
    models: Sequence[Model], *, after_id: str | None = None, before_id: str | None = None, limit: str | None = None
) -> bytes:
    """``GET /v1/models`` for a caller of Anthropic's dialect; the rest is its query, as it came.

    Raises :class:`~passenger_trio.errors.BadRequest` for a limit that is no number from 1 to 1000, and for the id of no
    model.
    """
    most = _limit(limit)
    if before_id:
        before = list(models)[: _place(models, before_id, "before_id")]
        page, more = before[-most:], len(before) > most
    else:
        after = list(models)[_place(models, after_id, "after_id") + 1 if after_id else 0 :]
        page, more = after[:most], len(after) > most
    return envelope.encode(
        {
            "data": [anthropic_entry(model) for model in page],
            "has_more": more,
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
        }
    )


def anthropic_model(model: Model) -> bytes:
    """``GET /v1/models/{id}`` for a caller of Anthropic's dialect."""
    return envelope.encode(anthropic_entry(model))


def anthropic_entry(model: Model) -> dict[str, object]:
    """One entry of Anthropic's list."""
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name or model.id,
        "created_at": UNKNOWN_DATE,
        "lifecycle": "active",
        "line": None,
        "deprecated_at": None,
        "retires_at": None,
        "max_input_tokens": model.limits.max_prompt_tokens,
        "max_tokens": model.limits.max_output_tokens,
        "capabilities": _capabilities(model.supports),
    }


def _capabilities(supports: Supports) -> dict[str, object]:
    """Every key is always there. Thinking that is asked for with a budget is given as an effort where there is none."""
    efforts = supports.reasoning_effort or ()
    budget = bool(supports.max_thinking_budget or efforts)
    adaptive = bool(supports.adaptive_thinking or efforts)
    return {
        "batch": _support(False),
        "citations": _support(False),
        "code_execution": _support(False),
        "context_management": _support(False),
        "effort": {
            "supported": bool(efforts),
            **{effort: _support(effort in efforts) for effort in ("low", "medium", "high", "xhigh", "max")},
        },
        "image_input": _support(supports.vision),
        "pdf_input": _support(False),
        "server_tools": {"supported": False, "web_search": _support(False), "code_execution": _support(False)},
        "structured_outputs": _support(supports.structured_outputs),
        "thinking": {
            "supported": budget or adaptive,
            "types": {
                "adaptive": _support(adaptive),
                "enabled": _support(budget),
                "disabled": _support(True),
                "between_tools": _support(False),
            },
        },
    }


def _support(supported: bool) -> Support:
    return {"supported": supported}


def _limit(limit: str | None) -> int:
    if limit is None:
        return DEFAULT_LIMIT
    if re.fullmatch(r"[1-9][0-9]{0,3}", limit) is None or int(limit) > MOST:
        raise BadRequest(f"`limit` must be a number from 1 to {MOST}.", param="limit", code="invalid_value")
    return int(limit)


def _place(models: Sequence[Model], model_id: str, field: str) -> int:
    for place, model in enumerate(models):
        if model.id == model_id:
            return place
    raise BadRequest(f"`{field}` is the id of no model.", param=field, code="invalid_value")
