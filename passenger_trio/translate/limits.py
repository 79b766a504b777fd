"""How long an answer of Claude's may be: ``max_tokens``, which Anthropic demands."""

from typing import Final

from passenger_trio.wire.models import Model

_DEFAULT: Final = 16000
"""For a model of which nothing is known; and, where the answer does not stream, Claude's
``max_non_streaming_output_tokens`` in every recorded list that has one."""


def max_tokens(asked: int | None, model: Model, *, stream: bool) -> int:
    """What to ask for: within what ``/models`` says; whoever leaves it out gets all there is."""
    limits = model.limits
    caps = [limits.max_output_tokens, None if stream else limits.max_non_streaming_output_tokens]
    most = min((cap for cap in caps if cap is not None), default=None)
    if asked is not None:
        return asked if most is None else min(asked, most)
    default = most or _DEFAULT
    return default if stream else min(default, _DEFAULT)
