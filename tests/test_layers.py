"""Who may import whom, and what may stand where: the only place that says so. The reasons are in docs/design.md."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import passenger_trio

PACKAGE = Path(passenger_trio.__file__).parent
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
HOUSE = {
    "errors": set(),
    "secret": set(),
    "private": set(),
    "wire": {"errors", "secret"},
    "config": {"errors", "secret"},
    "translate": {"errors", "secret", "wire"},
    "copilot": {"errors", "secret", "private", "wire", "config"},
    "server": {"errors", "secret", "private", "wire", "config", "translate", "copilot"},
    "simulator": {"errors", "secret"},
    "cli": {"errors", "secret", "wire", "config", "translate", "copilot", "server", "simulator"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""Per layer the layers it may import, besides itself."""

FENCED = {
    "httpx": ("copilot/",),
    "httpcore": ("copilot/",),
    "quart": ("server/", "simulator/"),
    "quart_trio": ("server/", "simulator/"),
    "werkzeug": ("server/", "simulator/"),
    "hypercorn": ("server/", "simulator/"),
    "cyclopts": ("cli/",),
}
"""Per library the places that may import it."""

PURE = ("wire/", "translate/", "errors.py", "secret.py", "copilot/life.py", "copilot/protocol.py")
PURE_LIBRARIES = {
    "msgspec", "passenger_trio", "base64", "struct",
    "bisect", "collections", "contextlib", "dataclasses", "email", "enum", "functools", "hashlib", "itertools", "re",
    "types", "typing", "urllib", "zlib",
}  # fmt: skip
"""What a pure module may import: nothing of it does I/O, reads a clock or rolls dice. ``email`` and ``urllib`` are
narrowed to one function each below; ``datetime`` is for translate's formatting alone."""


def tree(file: str) -> ast.Module:
    return ast.parse((PACKAGE / file).read_bytes())


def imported(file: str) -> Iterator[str]:
    """The dotted name of every import of a file, wherever it stands; of ``from a import b`` it is ``a.b``."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(file: str) -> str:
    return file.partition("/")[0].removesuffix(".py")


@pytest.mark.parametrize("file", FILES)
def test_imports_run_one_way(file: str) -> None:
    allowed = HOUSE[layer(file)] | {layer(file), "__version__"}

    assert {name.split(".")[1] for name in imported(file) if name.startswith("passenger_trio.")} <= allowed


@pytest.mark.parametrize("file", FILES)
def test_a_library_stays_behind_its_fence(file: str) -> None:
    for name in imported(file):
        assert file.startswith(FENCED.get(name.partition(".")[0], "")), f"{name} in {file}"


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith(PURE)])
def test_the_pure_stay_pure(file: str) -> None:
    allowed = PURE_LIBRARIES | ({"datetime"} if file.startswith("translate/") else set())
    names = set(imported(file))

    assert {name.partition(".")[0] for name in names} <= allowed
    assert {name for name in names if name.startswith(("email", "urllib"))} <= {
        "email.utils.parsedate_to_datetime",
        "urllib.parse.urlsplit",
    }
    nodes = list(ast.walk(tree(file)))
    assert not [node for node in nodes if isinstance(node, ast.AsyncFunctionDef | ast.Await)]
    called = {getattr(node.func, "id", "") for node in nodes if isinstance(node, ast.Call)}
    assert not called & {"open", "input", "exec", "eval", "__import__"}


@pytest.mark.parametrize("file", [file for file in FILES if not file.startswith("cli/")])
def test_only_the_command_line_prints(file: str) -> None:
    assert not [node for node in ast.walk(tree(file)) if isinstance(node, ast.Name) and node.id == "print"]


def test_there_is_one_nursery_and_it_is_where_the_server_runs() -> None:
    opened = [
        file
        for file in FILES
        for node in ast.walk(tree(file))
        if getattr(node, "attr", getattr(node, "id", getattr(node, "name", None))) == "open_nursery"
    ]

    assert opened == ["server/run.py"]


@pytest.mark.parametrize("file", FILES)
def test_a_file_holds_one_idea_and_is_named_after_it(file: str) -> None:
    assert len((PACKAGE / file).read_bytes().splitlines()) <= 450
    assert Path(file).stem not in {"utils", "util", "helpers", "helper", "common", "misc"}
