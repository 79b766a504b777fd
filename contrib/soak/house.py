"""The program in a process of its own, started, stopped, counted and measured from outside."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, NamedTuple

import trio

PAGE_KIB: Final = os.sysconf("SC_PAGE_SIZE") // 1024
TCP_TABLE: Final = re.compile(r"^\s*\d+: \w+:(\w{4}) \w+:\w{4} \w\w \S+ \S+ \S+ +\d+ +\d+ +(\d+)", re.MULTILINE)


class Counts(NamedTuple):
    """What the program has at a moment. ``clients`` and ``upstream`` are TCP sockets, ``files`` all other descriptors.

    Sockets that were reset are in no table any more; only upstream's are kept then, until the pool looks at them.
    """

    at: float
    tasks: int
    clients: int
    upstream: int
    files: int
    rss_kib: int


@dataclass
class House:
    """One program after the other, on one port, with one log. ``places`` is where its tasks were when last counted."""

    directory: Path
    port: int
    process: trio.Process | None = None
    lives: int = 0
    places: Sequence[str] = ()

    @property
    def log(self) -> Path:
        return self.directory / "log.txt"

    @property
    def counts_path(self) -> Path:
        return self.directory / "counts.json"

    async def start(self) -> None:
        """Start the program and wait until it answers."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PASSENGER_TRIO_")},
            "SOAK_COUNTS": str(self.counts_path),
            "HOME": str(self.directory),
            "XDG_CONFIG_HOME": str(self.directory / "config"),
            "XDG_CACHE_HOME": str(self.directory / "cache"),
        }
        command = [sys.executable, "-W", "default", str(Path(__file__).with_name("served.py")), "serve", "--config"]
        with self.log.open("ab") as log:
            self.process = await self._open([*command, str(self.directory / "config.toml")], log, environment)
        with trio.fail_after(20):
            while not await self._answers():
                assert self.process.poll() is None, "the program has ended at once"
                await trio.sleep(0.05)
        self.lives += 1

    async def _open(self, command: list[str], log: IO[bytes], environment: dict[str, str]) -> trio.Process:
        return await trio.lowlevel.open_process(command, stdout=log, stderr=log, env=environment)

    async def _answers(self) -> bool:
        try:
            async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
                await stream.send_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return (await stream.receive_some(100)).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    async def stop(self) -> tuple[int, float]:
        """SIGTERM. Returns the exit code and the seconds that it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        with trio.move_on_after(30) as patience:
            code = await self.process.wait()
        if patience.cancelled_caught:
            self.process.kill()
            code = await self.process.wait()
        return code, time.monotonic() - began

    async def counts(self) -> Counts:
        """What it has now."""
        assert self.process is not None
        self.counts_path.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        with trio.fail_after(10):
            while not self.counts_path.exists():
                await trio.sleep(0.01)
        process = Path("/proc") / str(self.process.pid)
        table = {
            int(inode): int(port, 16)
            for name in ("tcp", "tcp6")
            for port, inode in TCP_TABLE.findall((process / "net" / name).read_text())
        }
        unix = {line.split()[6] for line in (process / "net" / "unix").read_text().splitlines()[1:]}
        files = clients = upstream = locks = 0
        for entry in list((process / "fd").iterdir()):
            try:
                target = str(entry.readlink())
            except OSError:
                continue
            if target.endswith(".lock"):
                locks += 1
                continue
            inode = target.removeprefix("socket:[").removesuffix("]")
            if not target.startswith("socket:[") or inode in unix:
                files += 1
            elif table.get(int(inode)) == self.port:
                clients += 1  # the listening one too
            else:
                upstream += 1
        rss = int((process / "statm").read_text().split()[1]) * PAGE_KIB
        told = json.loads(self.counts_path.read_text())
        self.places = told["places"]
        files += max(0, locks - 1)  # one is held for as long as a token is being fetched
        return Counts(time.monotonic(), told["tasks"], clients, upstream, files, rss)

    async def settled(self, seconds: float = 15.0) -> Counts:
        """What it has once the counts of tasks and clients have not changed for a second."""
        last = await self.counts()
        since = time.monotonic()
        deadline = since + seconds
        while time.monotonic() - since < 1.0 and time.monotonic() < deadline:
            await trio.sleep(0.2)
            now = await self.counts()
            if (now.tasks, now.clients) != (last.tasks, last.clients):
                since = time.monotonic()
            last = now
        return last
