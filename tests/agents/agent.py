"""An agent at work: a shell script in an empty home and an empty directory, with no way to anybody but this machine."""

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import trio

PATIENCE = 90.0
_NOWHERE = "http://127.0.0.1:9"
"""Nothing listens there; who asks for the network is sent to it."""


@dataclass(frozen=True)
class Ended:
    """How it ended: its exit code (none when its time was up), what it printed, and what it said beside that."""

    code: int | None
    out: str
    err: str


@dataclass(frozen=True)
class Place:
    """Where an agent lives and works, and where its program is."""

    home: Path
    work: Path
    programs: Path

    def environment(self) -> dict[str, str]:
        """Only what is said here: no key and no wish of whoever runs this."""
        return {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
        }

    async def run(self, script: str) -> Ended:
        """Run ``script`` to its end, or to that of our patience; nothing that it started is left."""
        process = await trio.lowlevel.open_process(
            ["bash", "-e", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(),
            cwd=self.work,
            start_new_session=True,
        )
        said: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
        try:
            with trio.move_on_after(PATIENCE):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_keep, process.stdout, said["out"])
                    nursery.start_soon(_keep, process.stderr, said["err"])
                    await process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        return Ended(process.returncode, said["out"].decode(), said["err"].decode())


async def _keep(stream: trio.abc.ReceiveStream | None, kept: bytearray) -> None:
    assert stream is not None
    async for data in stream:
        kept += data
