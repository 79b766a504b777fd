"""The pages against the code."""

import re
import tomllib
from pathlib import Path
from typing import cast

import pytest

from passenger_trio.config import Server
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.client import CopilotClient
from passenger_trio.server.app import build_app
from passenger_trio.server.exchange import BACKS, Exchange

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

    assert page == grid.page(page, {place: grid.word(place) for place in grid.places()}), (
        "`nox -s conformance` writes it"
    )


def test_the_matrix_has_four_dialects_and_every_endpoint_that_chats_are_sent_to() -> None:
    page = (ROOT / "docs/matrix.md").read_text()

    assert len(re.findall(r"^## ", page, re.MULTILINE)) == 4
    assert set(re.findall(r"^- `[^`]+` is `[^`]+` on `([^`]+)`$", page, re.MULTILINE)) == {back.PATH for back in BACKS}


@pytest.mark.parametrize(
    "name, package", [("codex.md", "@openai/codex"), ("claude-code.md", "@anthropic-ai/claude-code")]
)
def test_the_page_of_an_agent_names_the_version_that_it_is_held_against(name: str, package: str) -> None:
    [version] = re.findall(rf'"{package}@([0-9.]+)"', (ROOT / "noxfile.py").read_text())
    [named] = re.findall(r"Held against [A-Za-z ]+ ([0-9.]+) by", (ROOT / "docs/clients" / name).read_text())

    assert named == version


def test_the_pages_of_agents_have_what_the_run_of_them_takes_from_there() -> None:
    from agents import pages  # noqa: PLC0415 - as above

    provider = tomllib.loads(pages.codex_config("http://there"))["model_providers"]["passenger-trio"]
    exported = dict(re.findall(r"^export (\w+)=(\S+)$", pages.claude_environment("http://there"), re.MULTILINE))
    assert (provider["base_url"], provider["wire_api"]) == ("http://there/v1", "responses")
    assert exported["ANTHROPIC_BASE_URL"] == "http://there"
    assert "client_metadata" in pages.left_out(pages.CODEX)
    assert "metadata" in pages.left_out(pages.CLAUDE)


def test_every_test_that_is_named_for_a_promise_is_there() -> None:
    named = set(re.findall(r"`((?:tests/)?[\w/]*test_\w+\.py|test_\w+)`", (ROOT / "docs/reliability.md").read_text()))
    code = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    functions = set(re.findall(r"^(?:async )?def (test_\w+)", code, re.MULTILINE))
    files = {name for name in named if (ROOT / name).is_file() or (ROOT / "tests/faults" / name).is_file()}

    assert len(named) > 60
    assert named - functions - files == set()
