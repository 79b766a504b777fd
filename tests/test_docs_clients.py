"""The page of Ollama's clients against their tests. The packages themselves are not needed."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/clients/ollama.md"


def test_the_table_of_ollamas_clients_says_what_their_tests_assert() -> None:
    from conformance.ollama import grid  # noqa: PLC0415 - after pytest has seen to the asserts in its modules

    page = PAGE.read_text()
    words = {place: grid.word(place) for place in grid.places()}

    assert page == grid.page(page, words), "`nox -s conformance` writes it"


def test_the_table_has_every_client_that_npm_and_pip_install() -> None:
    from conformance.ollama import grid  # noqa: PLC0415 - as above

    installed = re.findall(r'"((?:@langchain/)?ollama(?:-ai-provider-v2)?)@[0-9.]+"', (ROOT / "noxfile.py").read_text())
    group = re.search(r"^ollama-clients = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)
    assert group is not None
    installed += re.findall(r'"([a-z-]*(?:ollama|litellm)) >=', group[1])

    assert {"ollama", "@langchain/ollama", "ollama-ai-provider-v2", "langchain-ollama", "litellm", "llm-ollama"} == {
        *installed
    }
    named = " ".join(grid.CLIENTS.values())
    assert [name for name in installed if f"`{name}`" not in named] == []
