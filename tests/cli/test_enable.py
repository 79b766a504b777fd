"""``passenger-trio models enable``, as somebody runs it."""

import os
import signal
from collections.abc import Iterator
from functools import partial

import pytest
import trio
from program import PATIENCE, Ended, World, command, environment

from passenger_trio.copilot import protocol
from passenger_trio.simulator import Fault

QUESTION = "Accept them, and switch it on for this account? [y/N] "
OPUS = "claude-opus-4.6"


def states(world: World) -> dict[str, str]:
    """The policies in the list as Copilot has it."""
    entries = world.simulator.catalogue._entries
    return {entry["id"]: entry["policy"]["state"] for entry in entries if "policy" in entry}


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal: where one types, and where the program reads."""
    ours, its = os.openpty()
    yield ours, its
    os.close(ours)
    os.close(its)


async def run_at(terminal: tuple[int, int], world: World, typed: bytes, *words: str) -> Ended:
    """Run the program at a terminal on which ``typed`` has been typed."""
    os.write(terminal[0], typed)
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            command("models", "enable", *words, "--config", "config.toml"),
            stdin=terminal[1],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env=environment(),
            cwd=world.directory,
        )
    ended = Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
    world.said += [ended.out, ended.err]
    return ended


@pytest.mark.parametrize("typed", [b"y\n", b"Yes\n"])
async def test_whoever_accepts_the_terms_can_use_the_model(
    world: World, terminal: tuple[int, int], typed: bytes
) -> None:
    world.log_in()

    done = await run_at(terminal, world, typed, "anthropic/claude-opus-4-6")

    assert (done.code, done.err) == (0, "")
    assert "claude-opus-4.6 (Claude Opus 4.6, Anthropic) is not switched on for this account. Its terms:\n" in done.out
    assert "\nEnable access to the latest Claude Opus 4.6 model." in done.out
    assert QUESTION in done.out
    assert "claude-opus-4.6 is switched on." in done.out
    assert states(world)[OPUS] == "enabled"
    assert states(world)["gpt-5.5"] == "disabled"


@pytest.mark.parametrize("typed", [b"n\n", b"\n", b"no\n", b"\x04"])
async def test_without_a_yes_nothing_is_changed(world: World, terminal: tuple[int, int], typed: bytes) -> None:
    world.log_in()

    done = await run_at(terminal, world, typed, OPUS)

    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("Nothing is changed.\n")
    assert world.simulator.counts["policy"] == 0


async def see(terminal: tuple[int, int], words: str) -> str:
    """Read what stands on the terminal until ``words`` are in it."""
    seen = ""
    with trio.fail_after(PATIENCE):
        while words not in seen:
            await trio.lowlevel.wait_readable(terminal[0])
            seen += os.read(terminal[0], 4096).decode()
    return seen


async def test_ctrl_c_at_the_question_changes_nothing(
    world: World, terminal: tuple[int, int], nursery: trio.Nursery
) -> None:
    """A Ctrl-C that comes before the program waits for the answer is raised after that, so there is an answer, which
    must not count.
    """
    world.log_in()
    words = command("models", "enable", OPUS, "--config", "config.toml")
    its = terminal[1]
    starting = partial(
        trio.run_process, words, stdin=its, stdout=its, stderr=its, check=False, env=environment(), cwd=world.directory
    )
    asking: trio.Process = await nursery.start(starting)
    world.said.append(await see(terminal, QUESTION))

    asking.send_signal(signal.SIGINT)
    os.write(terminal[0], b"y\n")

    world.said.append(await see(terminal, "passenger-trio: Stopped."))  # the echo of the answer may follow at once
    with trio.fail_after(PATIENCE):
        assert await asking.wait() == 130
    assert world.simulator.counts["policy"] == 0


async def test_ctrl_c_changes_nothing_either_where_the_question_is_read_through_a_pipe(
    world: World, terminal: tuple[int, int], nursery: trio.Nursery
) -> None:
    world.log_in()
    words = command("models", "enable", OPUS, "--config", "config.toml")
    reading, writing = os.pipe()
    try:
        starting = partial(
            trio.run_process,
            words,
            stdin=terminal[1],
            stdout=writing,
            stderr=writing,
            check=False,
            env=environment(),
            cwd=world.directory,
        )
        asking: trio.Process = await nursery.start(starting)
        world.said.append(await see((reading, writing), QUESTION))

        asking.send_signal(signal.SIGINT)
        os.write(terminal[0], b"y\n")

        world.said.append(await see((reading, writing), "passenger-trio: Stopped.\n"))
        with trio.fail_after(PATIENCE):
            assert await asking.wait() == 130
    finally:
        os.close(reading)
        os.close(writing)
    assert world.simulator.counts["policy"] == 0


async def test_without_a_terminal_nothing_is_accepted_but_with_yes(world: World) -> None:
    world.log_in()

    done = await world.run("models", "enable", OPUS)

    assert done.code == 2
    assert "Enable access to the latest Claude Opus 4.6 model." in done.out
    assert done.err == (
        "passenger-trio: Nobody is there to accept the terms: there is no terminal. Give --yes if you accept them.\n"
    )
    assert world.simulator.counts["policy"] == 0

    done = await world.run("models", "enable", "-y", OPUS)

    assert (done.code, done.err) == (0, "")
    assert "Enable access" in done.out
    assert QUESTION not in done.out
    assert states(world)[OPUS] == "enabled"


async def test_terms_that_are_empty_are_githubs_own(world: World) -> None:
    world.log_in()
    world.simulator.catalogue.set_policy("mai-code-1-flash-picker", "disabled")

    done = await world.run("models", "enable", "mai-code-1-flash-picker", "--yes")

    assert done.code == 0
    assert f"GitHub's terms: {protocol.TERMS_URL}" in done.out


@pytest.mark.parametrize(
    "name, words",
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4.5 is switched on already.\n"),
        ("gpt-4o", "gpt-4o has no terms to accept; it can be used as it is.\n"),
    ],
)
async def test_where_there_is_nothing_to_accept_it_is_said(world: World, name: str, words: str) -> None:
    world.log_in()

    done = await world.run("models", "enable", name)

    assert (done.code, done.out, done.err) == (0, words, "")
    assert world.simulator.counts["policy"] == 0


async def test_a_name_of_ones_own_is_known_here_too(world: World) -> None:
    world.configure(world.origin, '[models.aliases]\n"big" = "claude-opus-4.6"\n')
    world.log_in()

    done = await world.run("models", "enable", "big", "--yes")

    assert done.code == 0
    assert states(world)[OPUS] == "enabled"


async def test_an_unknown_name_is_answered_with_the_nearest(world: World) -> None:
    world.log_in()

    done = await world.run("models", "enable", "claude-opus-4.66", "--yes")

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("passenger-trio: There is no model `claude-opus-4.66`. Did you mean `claude-opus-4.7`, ")


async def test_what_an_organisation_forbids_is_said_in_copilots_words(world: World) -> None:
    world.log_in()
    world.simulator.policy_locked = True

    done = await world.run("models", "enable", OPUS, "--yes")

    assert done.code == 1
    assert done.err == (
        "passenger-trio: Copilot does not let this account switch claude-opus-4.6 on: this model requires an "
        "enterprise or organization policy to be enabled. In an organisation its administrator decides; see "
        "https://github.com/settings/copilot/features.\n"
    )


async def test_other_trouble_is_told_as_it_is(world: World) -> None:
    world.log_in()
    world.simulator.faults.append(Fault(path=f"/models/{OPUS}/policy", status=500))

    done = await world.run("models", "enable", OPUS, "--yes")

    assert done.code == 1
    assert "organisation" not in done.err


async def test_a_model_that_stays_switched_off_is_no_success(world: World) -> None:
    world.log_in()
    world.simulator.faults.append(Fault(path=f"/models/{OPUS}/policy", status=200, body=b"{}"))

    done = await world.run("models", "enable", OPUS, "--yes")

    assert done.code == 1
    assert "Copilot has taken it, but still lists claude-opus-4.6 as disabled." in done.err
