"""What the agents are given to do. The simulator does what the prompt's double brackets say (``docs/simulator.md``)."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agents import pages
from agents.agent import Place

Agent = Literal["codex", "claude"]

POND = Path(__file__).with_name("pond.py")
WRITE = "printf otters > otter.txt; cat otter.txt"
PATCH = "*** Begin Patch\n*** Add File: otter.txt\n+otters\n*** End Patch\n"
SCRIPT = f"text((await tools.exec_command({{cmd: {json.dumps(WRITE)}}})).output)"

ROADS: Mapping[tuple[Agent, str], str] = {
    ("codex", "gpt-5.3-codex"): "/responses",
    ("codex", "claude-sonnet-4.5"): "/chat/completions",
    ("codex", "claude-opus-4.7"): "/v1/messages",
    ("codex", "gemini-3-pro-preview"): "/chat/completions",
    ("codex", "gpt-4.1"): "/chat/completions",
    ("claude", "claude-sonnet-4.5"): "/v1/messages",
    ("claude", "claude-opus-4.7"): "/v1/messages",
    ("claude", "gpt-5.3-codex"): "/responses",
    ("claude", "gpt-4.1"): "/chat/completions",
    ("claude", "gemini-3-pro-preview"): "/chat/completions",
}
"""Where the requests of an agent for a model must arrive."""


@dataclass(frozen=True)
class Turn:
    """One prompt to one model; ``says`` must be in what is printed in the end."""

    model: str
    prompt: str
    says: str = "otters"


@dataclass(frozen=True)
class Run:
    """A session of an agent. ``makes`` are the files that must be there afterwards, with what is in them.

    ``like`` is the model of Codex's own whose tools it is to offer, ``pond`` whether there is an MCP server,
    ``oss`` whether Codex takes the server for an Ollama.
    """

    agent: Agent
    what: str
    turns: Sequence[Turn]
    makes: Mapping[str, str] = field(default_factory=lambda: {"otter.txt": "otters"})
    like: str = ""
    pond: bool = False
    oss: bool = False

    @property
    def name(self) -> str:
        """What is printed of it."""
        return f"{self.agent:6}  {self.what}: {' > '.join(turn.model for turn in self.turns)}"

    def script(self, place: Place, origin: str) -> str:
        """The commands, for a server at ``origin``; what they read is written into ``place``."""
        return _SCRIPTS[self.agent](self, place, origin)


def call(tool: str, **arguments: Any) -> str:
    """The words that make the simulator call ``tool`` after some thinking."""
    return f"Go on. [[think]][[call:{tool} {json.dumps(arguments)}]]"


def _codex(run: Run, place: Place, origin: str) -> str:
    directory = place.home / ".codex"
    directory.mkdir()
    lines: list[str] = []
    if run.like:
        catalogue = pages.block(pages.CODEX, "sh", "codex debug models")
        lines.append(catalogue.replace("gpt-5.5", run.like))
    top = 'model_catalog_json = "copilot.json"\n' if run.like else ""
    server = f'[mcp_servers.pond]\ncommand = "{sys.executable}"\nargs = ["{POND}"]\n' if run.pond else ""
    if not run.oss:
        (directory / "config.toml").write_text(top + pages.codex_config(origin) + server)
    for at, turn in enumerate(run.turns):
        words = ["codex", "exec", *(["resume", "--last"] if at else []), "--skip-git-repo-check"]
        words += ["--dangerously-bypass-approvals-and-sandbox", "-m", turn.model]
        if run.oss:
            lines.append(f"export CODEX_OSS_BASE_URL={origin}/v1")
            words += ["--oss", "--local-provider", "ollama"]
        lines.append(shlex.join([*words, turn.prompt]))
    return "\n".join(lines)


def _claude(run: Run, place: Place, origin: str) -> str:
    servers = {"mcpServers": {"pond": {"command": sys.executable, "args": [str(POND)]}}}
    lines = [pages.claude_environment(origin)]
    for at, turn in enumerate(run.turns):
        words = ["claude", "-p", *(["-c"] if at else []), "--model", turn.model]
        words += ["--permission-mode", "acceptEdits", "--allowedTools", "Bash,Write,ToolSearch,mcp__pond__count_otters"]
        if run.pond:
            words += ["--strict-mcp-config", "--mcp-config", json.dumps(servers)]
        lines.append(shlex.join([*words, "--", turn.prompt]))
    return "\n".join(lines)


_SCRIPTS: Mapping[Agent, Callable[[Run, Place, str], str]] = {"codex": _codex, "claude": _claude}

_CODEX = call("exec_command", cmd=WRITE)
_CLAUDE = call("Bash", command=WRITE, description="Write a file")
_READ = call("exec_command", cmd="cat otter.txt")
_AGAIN = call("Bash", command="cat otter.txt", description="Read a file")
_COUNT = call("mcp__pond__count_otters", pond="Big Lake")
_BOTH = f"{_CLAUDE}[[call:Write {json.dumps({'file_path': 'note.txt', 'content': 'noted'})}]]"

RUNS: Sequence[Run] = (
    *(
        Run("codex", "a command", [Turn(model, _CODEX)])
        for model in ("gpt-5.3-codex", "claude-sonnet-4.5", "claude-opus-4.7", "gemini-3-pro-preview", "gpt-4.1")
    ),
    *(
        Run("codex", what, [Turn(model, prompt, says)], like=like)
        for model in ("gpt-5.3-codex", "claude-sonnet-4.5")
        for what, prompt, says, like in (
            ("a patch, by a custom tool", call("apply_patch", input=PATCH), "A otter.txt", "gpt-5.5"),
            (
                "a script, by a custom tool in a namespace",
                call("functions__exec", input=SCRIPT),
                "otters",
                "gpt-6-astra",
            ),
        )
    ),
    *(
        Run("codex", "a tool of an MCP server", [Turn(model, _COUNT, "17 otters in Big Lake")], {}, pond=True)
        for model in ("gpt-5.3-codex", "claude-sonnet-4.5", "claude-opus-4.7")
    ),
    *(
        Run("codex", "a session goes on", [Turn(first, _CODEX), Turn(second, _READ)])
        for first, second in (
            ("claude-opus-4.7", "claude-opus-4.7"),
            ("claude-sonnet-4.5", "gpt-5.3-codex"),
            ("gpt-5.3-codex", "claude-sonnet-4.5"),
        )
    ),
    Run("codex", "as with Ollama", [Turn("claude-sonnet-4.5:latest", _CODEX)], oss=True),
    *(
        Run("claude", "a command", [Turn(model, _CLAUDE)])
        for model in ("claude-sonnet-4.5", "claude-opus-4.7", "gpt-5.3-codex", "gpt-4.1", "gemini-3-pro-preview")
    ),
    *(
        Run("claude", "two calls at once", [Turn(model, _BOTH)], {"otter.txt": "otters", "note.txt": "noted"})
        for model in ("claude-sonnet-4.5", "gpt-5.3-codex")
    ),
    *(
        Run("claude", "a tool of an MCP server", [Turn(model, _COUNT, "17 otters in Big Lake")], {}, pond=True)
        for model in ("claude-sonnet-4.5", "gpt-5.3-codex")
    ),
    *(
        Run("claude", "a session goes on", [Turn(first, _CLAUDE), Turn(second, _AGAIN)])
        for first, second in (
            ("gpt-5.3-codex", "gpt-5.3-codex"),
            ("claude-sonnet-4.5", "gpt-5.3-codex"),
            ("gpt-5.3-codex", "claude-sonnet-4.5"),
        )
    ),
)
