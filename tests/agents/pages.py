"""What the pages in ``docs/clients`` tell a user to type; it is run as it stands there."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODEX = ROOT / "docs/clients/codex.md"
CLAUDE = ROOT / "docs/clients/claude-code.md"
ADDRESS = "http://127.0.0.1:8081"


def block(page: Path, language: str, holding: str) -> str:
    """The first block of ``language`` with ``holding`` in it."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return next(text for text in found if holding in text)


def codex_config(origin: str) -> str:
    """``config.toml``, with the server at ``origin``."""
    text = block(CODEX, "toml", "[model_providers.")
    tomllib.loads(text)
    return text.replace(ADDRESS, origin)


def claude_environment(origin: str) -> str:
    """The lines that set the environment, with the server at ``origin``."""
    return block(CLAUDE, "sh", "export ANTHROPIC_BASE_URL").replace(ADDRESS, origin)


def left_out(page: Path) -> frozenset[str]:
    """The names that ``page`` says ``X-Passenger-Dropped`` may have, without what follows an equals sign."""
    table = page.read_text().partition("## What is left out")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return frozenset(name for cell in cells for name in re.findall(r"`([^`]+)`", cell))
