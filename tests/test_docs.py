"""The pages against the code."""

import re
from pathlib import Path
from typing import cast

import pytest

from passenger_trio.config import Server
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.client import CopilotClient
from passenger_trio.server.app import build_app
from passenger_trio.server.exchange import Exchange

ROOT = Path(__file__).parent.parent
PAGES = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md"))


def test_endpoints_lists_every_route_and_no_other() -> None:
    nothing = cast("Catalogue", None)
    app = build_app(Server(), Exchange(cast("CopilotClient", None), nothing), nothing)
    served = {
        (method, re.sub(r"<(?:\w+:)?\w+>", "{id}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    page = (ROOT / "docs/endpoints.md").read_text()
    listed = set(re.findall(r"^\| `([A-Z]+)` \| `(/[^`]*)` \|", page, re.MULTILINE))

    assert listed == served


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_of_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
    dead = [link for link in links if not (page.parent / link).exists()]

    assert dead == []


def test_the_readme_has_the_command_that_ci_runs() -> None:
    command = "python3 -m venv .venv && .venv/bin/pip install --quiet nox && .venv/bin/nox"

    assert command in (ROOT / "README.md").read_text()
    assert (ROOT / ".ci/run").read_text().rstrip().endswith(command)


def test_the_changelog_has_the_version() -> None:
    from passenger_trio import __version__  # noqa: PLC0415

    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text().replace("[", "").replace("]", "")


def test_the_matrix_has_every_cell_and_each_says_what_its_test_asserts() -> None:
    from conformance.matrix import grid  # noqa: PLC0415 - after pytest has seen to the asserts in its modules

    page = (ROOT / "docs/matrix.md").read_text()

    assert page == grid.page({place: grid.word(place) for place in grid.places()}), "`nox -s conformance` writes it"
