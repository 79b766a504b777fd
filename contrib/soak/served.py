"""The program itself, which writes down what tasks it has when SIGUSR1 asks. No route could tell."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import trio

from passenger_trio.cli import main

COUNTS = Path(os.environ["SOAK_COUNTS"])


def tell(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal.signal wants it
    """Write it beside and rename, so that nobody reads half of it."""
    root = trio.lowlevel.current_root_task()
    told = [] if root is None else [*places(root)]
    beside = COUNTS.with_suffix(".part")
    beside.write_text(json.dumps({"tasks": trio.lowlevel.current_statistics().tasks_living, "places": told}))
    beside.replace(COUNTS)


def places(task: trio.lowlevel.Task) -> Iterator[str]:
    """Each task's name and the frames where it waits, the innermost last."""
    frames = [f"{Path(frame.f_code.co_filename).name}:{line}" for frame, line in task.iter_await_frames()]
    yield f"{task.name} at {' '.join(frames)}"
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from places(child)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, tell)
    main()
