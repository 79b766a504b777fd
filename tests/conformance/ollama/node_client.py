"""The packages from npm: each is driven by a program of ``node/``, which takes jobs and tells what was heard."""

import dataclasses
import functools
import json
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Final

import trio
from conformance.ollama.client import VERBS, Called, Client, Heard, Job, Session, Verb

PROGRAMS: Final = Path(__file__).parent / "node"
MODULES: Final = "OLLAMA_NODE_MODULES"
"""The environment variable with the folder of the packages; ``nox -s conformance`` sets it."""


class NodeClient(Client):
    """A program, with the packages beside it, where Node looks for them."""

    program: ClassVar[str]

    @asynccontextmanager
    async def run(self) -> AsyncGenerator[Session]:
        modules = Path(os.environ[MODULES])
        assert (modules / "ollama").is_dir(), f"no packages in {modules}"
        with _beside(modules) as program_folder:
            command = ["node", str(program_folder / self.program)]
            start = functools.partial(
                trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()
            )
            async with trio.open_nursery() as nursery:
                process: trio.Process = await nursery.start(start)
                yield _Program(process)
                assert process.stdin is not None
                await process.stdin.aclose()  # upon which the program ends, and well, or run_process raises


class _Program(Session):
    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._unread = b""

    async def do(self, verb: Verb, job: Job) -> Heard:
        line = {"verb": verb, **dataclasses.asdict(job)}
        await self._stdin.send_all(json.dumps(line).encode() + b"\n")
        while b"\n" not in self._unread:
            read = await self._stdout.receive_some()
            assert read, "the program ended before it told what it heard"
            self._unread += read
        told, _, self._unread = self._unread.partition(b"\n")
        fields: dict[str, Any] = json.loads(told)
        calls = [Called(*call) for call in fields.pop("calls")]
        usage = fields.pop("usage", None)
        return Heard(**fields, calls=calls, usage=None if usage is None else (usage[0], usage[1]))


class JsOllama(NodeClient):
    name = "js-ollama"
    program = "ollama.mjs"


class JsLangchain(NodeClient):
    name = "js-langchain"
    program = "langchain.mjs"
    verbs: ClassVar[frozenset[Verb]] = frozenset(VERBS) - {"list", "show"}


class JsAi(NodeClient):
    name = "js-ai"
    program = "ai.mjs"
    verbs: ClassVar[frozenset[Verb]] = frozenset(VERBS) - {"list", "show", "load", "unload"}


@contextmanager
def _beside(modules: Path) -> Iterator[Path]:
    """The programs in a folder of their own, with the packages where Node looks for them."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "node_modules").symlink_to(modules.resolve())
        for program in PROGRAMS.iterdir():
            shutil.copy(program, folder)
        yield folder


def _environment() -> dict[str, str]:
    """That of this process without what would have Node listen to other programs or to the network."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("NODE_", "LANGSMITH_"))}
