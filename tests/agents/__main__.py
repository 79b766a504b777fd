"""Run every task and print a line for each: ``python -m agents DIRECTORY``, where the agents' programs are.

A word after that chooses the runs with it in their line.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import trio

from agents import pages
from agents.agent import Ended, Place
from agents.ground import Ground, open_ground, open_program
from agents.runs import ROADS, RUNS, Run
from agents.upstream import faults

Task = Callable[[], Awaitable[list[str]]]

BY_THE_PAGE: Mapping[Path, tuple[str, str]] = {
    pages.CODEX: ("gpt-5.3-codex", "claude-sonnet-4.5"),
    pages.CLAUDE: ("claude-sonnet-4.5", "gpt-5.3-codex"),
}
"""For each page the models whose commands it has: one that speaks the agent's dialect, and one that does not."""


@contextmanager
def places(programs: Path) -> Iterator[tuple[Place, Path]]:
    """An empty home and an empty directory for an agent, and another for the server."""
    with tempfile.TemporaryDirectory(prefix="agents-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        for part in ("home", "work", "server"):
            (directory / part).mkdir()
        yield Place(directory / "home", directory / "work", programs), directory / "server"


async def as_the_pages_say(programs: Path, page: Path, model: str) -> list[str]:
    """Do what ``page`` says, word for word, against ``passenger-trio serve --simulator``; what went wrong."""
    with places(programs) as (place, directory):
        async with open_program(directory) as program:
            if page == pages.CODEX:
                (place.home / ".codex").mkdir()
                (place.home / ".codex/config.toml").write_text(pages.codex_config(program.origin))
                script = pages.block(page, "sh", f"codex exec -m {model} ")
            else:
                script = pages.claude_environment(program.origin) + pages.block(
                    page, "sh", f"claude -p --model {model} "
                )
            ended = await place.run(script)
        return [
            *unfinished(ended, "otters"),
            *unmade(place.work, {"note.txt": "otters"}),
            *(f"the server says {line}" for line in program.troubles()),
        ]


async def looked_at(programs: Path, run: Run) -> list[str]:
    """Do a run, and look at it from both sides; what went wrong."""
    with places(programs) as (place, directory):
        async with open_ground(directory) as ground:
            ended = await place.run(run.script(place, ground.origin))
        found = unmade(place.work, run.makes)
        for turn in run.turns:
            found += unfinished(ended, turn.says)
        if ended.out.count("The tool ") < len(run.turns):
            found.append(f"not every turn has an answer: {ended.out}")
        return [*found, *seen(run, ground)]


def unfinished(ended: Ended, says: str) -> list[str]:
    """What is wrong with how an agent ended and with what it printed."""
    told = f"exit code {ended.code}\n--- it printed\n{ended.out}\n--- and said\n{ended.err[-4000:]}"
    if ended.code != 0:
        return [told]
    return [] if says in ended.out else [f"`{says}` is not in the answer; {told}"]


def unmade(work: Path, makes: Mapping[str, str]) -> list[str]:
    """The files that are not there, or not as they should be."""
    there = {path.name: path.read_text().strip() for path in work.iterdir() if path.is_file()}
    return [f"{name} is {there.get(name)!r}, not {text!r}" for name, text in makes.items() if there.get(name) != text]


def seen(run: Run, ground: Ground) -> list[str]:
    """What is wrong with what went over the wire, on either side of the server."""
    page = pages.CODEX if run.agent == "codex" else pages.CLAUDE
    found = [f"the agent was answered {status}" for status in ground.heard.refused()]
    found += [f"Copilot answered {status}" for status in ground.simulator.chat_statuses if status != 200]
    found += [
        f"{name} is left out, and {page.name} does not say so" for name in ground.heard.dropped() - pages.left_out(page)
    ]
    models = [turn.model.removesuffix(":latest") for turn in run.turns]
    wanted = [(ROADS[run.agent, model], model, who) for model in models for who in ("user", "agent")]
    asked = ground.asked()
    came = [(one.path, one.model, one.initiator) for one in asked]
    if came != wanted:
        found.append(f"Copilot was asked {came}, not {wanted}")
    return [*found, *faults(asked)]


async def report(name: str, task: Task, failed: list[str]) -> None:
    """Do ``task`` and print how it went."""
    began = time.monotonic()
    found = await task()
    sys.stdout.write(f"{'FAILED' if found else 'ok':6}  {name}  {time.monotonic() - began:.1f} s\n")
    for fault in found:
        sys.stdout.write("".join(f"        {line}\n" for line in fault.splitlines()))
    sys.stdout.flush()
    if found:
        failed.append(name)


async def main(programs: Path, chosen: str) -> int:
    """Everything that has ``chosen`` in its name. Returns the exit code."""
    if missing := [name for name in ("codex", "claude") if shutil.which(name, path=programs) is None]:
        sys.stderr.write(f"{programs} has no {' and no '.join(missing)}\n")
        return 2
    tasks: list[tuple[str, Task]] = [
        (f"{page.stem}.md, word for word: {model}", partial(as_the_pages_say, programs, page, model))
        for page, models in BY_THE_PAGE.items()
        for model in models
    ]
    tasks += [(run.name, partial(looked_at, programs, run)) for run in RUNS]
    failed: list[str] = []
    for name, task in tasks:
        if chosen in name:
            await report(name, task, failed)
    sys.stdout.write(f"{len(failed)} failed\n" if failed else "all is well\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(trio.run(main, Path(sys.argv[1]).absolute(), " ".join(sys.argv[2:])))
