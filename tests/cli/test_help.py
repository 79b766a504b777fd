"""The pages of ``--help``, as they are printed on a terminal of 80 columns.

After a change that is meant, ``UPDATE_SNAPSHOTS=1 python -m pytest tests/cli/test_help.py`` writes them anew; read the
difference.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from program import command, environment

from passenger_trio.cli.app import build_cli
from passenger_trio.cli.outcome import MEANINGS

PAGES = Path(__file__).parent / "help"
GUIDE = Path(__file__).parents[2] / "docs" / "cli.md"
VERBS = [
    *("", "serve", "login", "logout", "refresh-token", "status", "models", "models enable", "simulator"),
    *("keys", "keys add", "keys list", "keys revoke"),
]


def page_of(verb: str) -> str:
    words = command(*verb.split(), "--help")
    done = subprocess.run(words, env=environment(), capture_output=True, encoding="utf-8", check=True)  # noqa: S603
    assert not done.stderr
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def snapshot_of(verb: str) -> Path:
    return PAGES / f"{verb.replace(' ', '-') or 'passenger-trio'}.txt"


@pytest.mark.parametrize("verb", VERBS)
def test_a_page_is_the_one_that_was_approved(verb: str) -> None:
    snapshot = snapshot_of(verb)
    page = page_of(verb)
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        snapshot.write_text(page)

    assert page == snapshot.read_text()


def test_every_verb_has_a_page_here() -> None:
    cli = build_cli()
    verbs = {name for name in cli if not name.startswith("-")}
    beneath = {f"{verb} {name}" for verb in verbs for name in cli[verb] if not name.startswith("-")}

    assert verbs | beneath == {*VERBS} - {""}


def test_no_page_is_wider_than_a_terminal() -> None:
    wide = [line for page in PAGES.glob("*.txt") for line in page.read_text().splitlines() if len(line) > 80]

    assert wide == []


@pytest.mark.parametrize("verb", VERBS)
def test_help_waits_for_no_library_that_it_does_not_need(verb: str) -> None:
    code = (
        "import sys; from passenger_trio.cli import main\n"
        f"try: main({[*verb.split(), '--help']})\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], env=environment(), capture_output=True, encoding="utf-8", check=True
    )

    heavy = {"trio", "anyio", "httpx", "quart", "hypercorn", "asyncio", "logging", "ssl"}
    assert heavy & set(done.stderr.split()) == set()


def test_the_guide_has_every_exit_code_with_its_meaning() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \|", GUIDE.read_text(), re.MULTILINE))

    assert rows == {str(int(code)): meaning for code, meaning in MEANINGS.items()}


@pytest.mark.parametrize("verb", VERBS[1:])
def test_the_guide_has_every_verb_and_option(verb: str) -> None:
    guide = GUIDE.read_text()
    options = set(re.findall(r"(--[a-z-]+)", snapshot_of(verb).read_text()))

    assert f"`passenger-trio {verb}" in guide
    assert {option for option in options if f"`{option}" not in guide} == set()
