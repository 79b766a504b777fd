"""The second line of defence for secrets: a token that got into a text all the same is masked on its way out.

The first is :class:`~passenger_trio.secret.Secret`, which keeps it from getting there.
"""

import re
from typing import Final

from passenger_trio.secret import MASK

_TOKENS: Final = re.compile(
    r"""
      gh[a-z]_[A-Za-z0-9]{8,}        # GitHub: ghu_, gho_, ghp_, ghs_, ghr_
    | github_pat_[A-Za-z0-9_]{8,}    # GitHub: fine-grained
    | pt-[A-Za-z0-9_-]{43}           # ours: a key of a client's
    | tid=[^;\s]*;[^\s"'<>\\]*       # Copilot: fields, a colon, a MAC
    """,
    re.VERBOSE,
)


def masked(text: str) -> str:
    """``text`` with every GitHub and Copilot token and every key of ours in it replaced by the mask."""
    return _TOKENS.sub(MASK, text)
