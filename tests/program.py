"""The real program in a process of its own, with a simulated GitHub behind it."""

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec
import trio

import passenger_trio
from passenger_trio.simulator import Simulator

PATIENCE = 30


@dataclass(frozen=True)
class Ended:
    """How a run of the program ended."""

    code: int
    out: str
    err: str

    def json(self) -> object:
        """What it printed, which must be JSON and nothing else."""
        return msgspec.json.decode(self.out)


def environment() -> dict[str, str]:
    """This process's environment, with the package to be found and no wishes of a terminal."""
    package = str(Path(passenger_trio.__file__).parents[1])
    kept = {name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "JOURNAL_STREAM"}}
    return {**kept, "PYTHONPATH": package, "PYTHONUTF8": "1", "COLUMNS": "80", "NO_COLOR": "1"}


def command(*words: str) -> list[str]:
    """The program, with warnings as errors."""
    return [sys.executable, "-W", "error", "-m", "passenger_trio", *words]


@dataclass
class World:
    """A simulated GitHub, a configuration file that points at it, and all that the program has said."""

    simulator: Simulator
    origin: str
    directory: Path
    said: list[str] = field(default_factory=list[str])
    issued: set[str] = field(default_factory=set[str])

    @property
    def access_path(self) -> Path:
        return self.directory / "tokens" / "access_token.json"

    @property
    def copilot_path(self) -> Path:
        return self.directory / "tokens" / "token.json"

    def configure(self, origin: str, more: str = "") -> None:
        (self.directory / "config.toml").write_text(
            f'[github]\ndevice_code_url = "{origin}/login/device/code"\n'
            f'oauth_token_url = "{origin}/login/oauth/access_token"\n'
            f'copilot_token_url = "{origin}/copilot_internal/v2/token"\n'
            f'[copilot]\napi_base_url = "{origin}"\n'
            f'[tokens]\naccess_token_path = "{self.access_path}"\ncopilot_token_path = "{self.copilot_path}"\n{more}'
        )

    def log_in(self) -> str:
        """A saved login, as ``login`` leaves it. Returns the token."""
        token = self.simulator.log_in()
        self.issued.add(token)
        self.access_path.parent.mkdir(mode=0o700, exist_ok=True)
        self.access_path.touch(mode=0o600)
        self.access_path.write_bytes(msgspec.json.encode({"access_token": token, "token_type": "bearer", "scope": ""}))
        return token

    async def run(self, *words: str, configured: bool = True) -> Ended:
        """Run the program to its end."""
        with trio.fail_after(PATIENCE):
            done = await trio.run_process(
                command(*words, *self._config(configured=configured)),
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env=environment(),
                cwd=self.directory,
            )
        ended = Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
        self.said += [ended.out, ended.err]
        return ended

    async def start(self, nursery: trio.Nursery, *words: str) -> "Running":
        """Run the program for as long as ``nursery`` lasts, or until it ends."""
        starting = partial(
            trio.run_process,
            command(*words, *self._config(configured="simulator" not in words)),
            stdout=-1,
            stderr=-1,
            check=False,
            env=environment(),
            cwd=self.directory,
        )
        return Running(await nursery.start(starting), self.said)

    @staticmethod
    def _config(*, configured: bool) -> Sequence[str]:
        return ("--config", "config.toml") if configured else ()

    def leaks(self) -> list[str]:
        """The outputs in which a token stands that the simulator has issued."""
        issued = {*self.issued, *self.simulator._github_tokens, *self.simulator._copilot_tokens}
        return [text for text in self.said if any(token in text for token in issued)]


class Running:
    """A program that runs. What it says is kept with all that was said."""

    def __init__(self, process: trio.Process, said: list[str]) -> None:
        self.process = process
        self._said = said

    async def hear(self, words: str, *, err: bool = False) -> str:
        """Read its stdout, or its stderr, until ``words`` are in it or it ends; returns what was read."""
        stream = self.process.stderr if err else self.process.stdout
        assert stream is not None
        heard = ""
        with trio.fail_after(PATIENCE):
            while words not in heard and (data := await stream.receive_some()):
                heard += data.decode()
        self._said.append(heard)
        return heard

    async def end(self, number: signal.Signals) -> Ended:
        """Send a signal, and wait for the end; the outputs are what had not been heard before."""
        self.process.send_signal(number)
        out, err = await self.hear("\0"), await self.hear("\0", err=True)
        with trio.fail_after(PATIENCE):
            return Ended(await self.process.wait(), out, err)
