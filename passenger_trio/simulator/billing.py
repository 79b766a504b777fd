"""What an answer costs, as answers tell it (protocol: AIU billing). Prices are nano-AIU for a million tokens."""

from collections.abc import Mapping
from typing import Final

_BATCH: Final = 1_000_000

FREE: Final[Mapping[str, int]] = {"input": 0, "cache_read": 0, "cache_write": 0, "output": 0}
CLAUDE: Final[Mapping[str, int]] = {
    "input": 300_000_000_000,
    "cache_read": 30_000_000_000,
    "cache_write": 375_000_000_000,
    "output": 1_500_000_000_000,
}
CODEX: Final[Mapping[str, int]] = {"input": 175_000_000_000, "cache_read": 17_500_000_000, "output": 1_400_000_000_000}


def copilot_usage(prices: Mapping[str, int], *, tokens_in: int, tokens_out: int) -> dict[str, object]:
    """The ``copilot_usage`` of an answer; nothing is ever cached here."""
    counts = {"input": tokens_in, "output": tokens_out}
    details = [
        {"batch_size": _BATCH, "cost_per_batch": price, "token_count": counts.get(kind, 0), "token_type": kind}
        for kind, price in prices.items()
    ]
    total = sum(counts.get(kind, 0) * price for kind, price in prices.items()) // _BATCH
    return {"token_details": details, "total_nano_aiu": total}
