"""The whole house under everything at once, for minutes; ends with 1 if an answer is unaccounted for or anything leaks.

    nox -s soak                     30 minutes, and 10,000 departures
    nox -s soak -- 5                5 minutes
    nox -s soak -- 5 --departures 1000 --seed 7

Clients of all dialects ask the real program in a process of its own, whole and streamed; some leave, some read slowly.
Behind it are the simulator, with tokens that live for 20 seconds, and a wire between them that resets and stalls.
Something goes wrong every few seconds, and the program is restarted three times by SIGTERM while it is busy.
"""

import argparse
import logging
import math
import random
import re
import signal
import socket
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import linear_regression

import msgspec
import trio
from clients import BEHIND, DIALECTS, PATIENCE, Question, Verdict, ask, question, said
from house import Counts, House

from passenger_trio.server import run
from passenger_trio.simulator import Simulator, serve as serve_simulator
from passenger_trio.simulator.records import Fault

WORKERS = 24
GRACE = 2.0
TOKENS = re.compile(rb"gh[a-z]_[A-Za-z0-9]{30,}|tid=[0-9a-f]{32}")
CALLS = ("/chat/completions", "/responses", "/v1/messages", "/embeddings")
SPOILT = ("/copilot_internal/v2/token", "/models", *CALLS)
FAULTS = ("status", "drop", "late", "html", "reset", "stall", "dead token", "421", "hangup")
CONFIG = """
[github]
copilot_token_url = "{origin}/copilot_internal/v2/token"
[copilot]
api_base_url = "{wire}"
[tokens]
access_token_path = "{directory}/access_token.json"
copilot_token_path = "{directory}/token.json"
[server]
port = {port}
graceful_timeout = {grace}
log_level = "debug"
max_concurrent = 64
"""


class Wire:
    """What is between the program and Copilot: it hands bytes on, until it is told to reset or to stall."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._flowing = trio.Event()
        self._flowing.set()
        self._open: set[trio.SocketStream] = set()

    async def handle(self, client: trio.SocketStream) -> None:
        try:
            async with client, await trio.open_tcp_stream("127.0.0.1", self._port) as upstream:
                self._open |= {client, upstream}
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._pump, client, upstream, nursery.cancel_scope)
                    nursery.start_soon(self._pump, upstream, client, nursery.cancel_scope)
                self._open -= {client, upstream}
        except* OSError:
            pass

    async def _pump(self, source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope) -> None:
        try:
            async for data in source:
                await self._flowing.wait()
                await sink.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()

    def reset(self) -> None:
        """An RST on every connection."""
        streams, self._open = self._open, set()
        for stream in streams:
            if stream.socket.fileno() != -1:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                stream.socket.close()

    async def stall(self, seconds: float) -> None:
        self._flowing = trio.Event()
        await trio.sleep(seconds)
        self._flowing.set()


class Soak:
    """One run, and what it has seen."""

    def __init__(self, house: House, simulator: Simulator, wire: Wire, dice: random.Random) -> None:
        self.house = house
        self.verdicts: Counter[tuple[str, Verdict]] = Counter()
        self.faults: Counter[str] = Counter()
        self.findings: list[str] = []
        self.samples: list[tuple[int, Counts]] = []
        self._simulator = simulator
        self._wire = wire
        self._dice = dice
        self._running = trio.Event()
        self._running.set()
        self._busy = 0
        self._over = False
        self._door_opened = math.inf  # when the last restart was over; without an end, while one is going on

    async def worker(self) -> None:
        while not self._over:
            await self._running.wait()
            asked = question(self._dice)
            began = time.monotonic()
            self._busy += 1
            verdict, why = await ask(self.house.port, asked)
            self._busy -= 1
            if verdict == "door-closed":
                if began > self._door_opened:
                    verdict, why = "UNACCOUNTED", f"{asked.path} door closed at no restart: {why}"
                await trio.sleep(0.2)
            self.account(asked, verdict, why)
            await trio.sleep(self._dice.uniform(0, 0.2))

    def account(self, asked: Question, verdict: Verdict, why: str) -> None:
        self.verdicts[asked.path, verdict] += 1
        if verdict == "UNACCOUNTED":
            self.found(why)

    def found(self, what: str) -> None:
        self.findings.append(what)
        print("FINDING", what, flush=True)

    async def chaos(self) -> None:
        """Something goes wrong every few seconds."""
        while not self._over:
            await trio.sleep(self._dice.uniform(1.0, 4.0))
            path = self._dice.choice(SPOILT)
            kind = self._dice.choice(
                ("status", "drop", "late", "html", "reset", "stall", "dead token", "421", "hangup")
            )
            self.faults[kind] += 1
            times = self._dice.randrange(1, 5)
            if kind == "status":
                status = self._dice.choice((403, 408, 413, 429, 500, 502, 503))
                self._simulator.faults.append(Fault(path=path, status=status, body=b"no", times=times))
            elif kind == "drop":
                self._simulator.faults.append(
                    Fault(path=path, status=200, body=b'data: {"id":', drop=True, content_type="text/event-stream")
                )
            elif kind == "late":
                self._simulator.faults.append(Fault(path=path, status=None, delay=2.0, times=times))
            elif kind == "html":
                page = b"<!doctype html><title>Unicorn!</title>"
                self._simulator.faults.append(Fault(path=path, status=200, body=page, content_type="text/html"))
            elif kind == "reset":
                self._wire.reset()
            elif kind == "stall":
                await self._wire.stall(1.5)
            elif kind == "dead token":
                self._simulator.kill_tokens()
            elif kind == "421":
                self._simulator.misdirected = True
            elif kind == "hangup" and self.house.process is not None and self._door_opened < math.inf:
                self.house.process.send_signal(signal.SIGHUP)

    async def quiet(self) -> Counts:
        """Let everybody come to an end, count, and go on."""
        self._running = trio.Event()
        began = time.monotonic()
        told = False
        while self._busy and time.monotonic() - began < PATIENCE + 20:
            await trio.sleep(0.05)
            if not told and time.monotonic() - began > 20:
                told = True
                counts = await self.house.counts()
                print("\n".join([f"{self._busy} are not over after 20 s: {self.told(counts)}", *self.house.places]))
        if self._busy:
            self.found(f"{self._busy} answers have not come to an end")
        counts = await self.house.settled()
        if self.samples and self.samples[-1][0] == self.house.lives and counts.tasks > self.samples[-1][1].tasks:
            print("\n".join(["more tasks than before:", *self.house.places]), flush=True)
        self.samples.append((self.house.lives, counts))
        print(f"life {self.house.lives}: {self.told(counts)}", flush=True)
        self._running.set()
        return counts

    @staticmethod
    def told(counts: Counts) -> str:
        return (
            f"tasks {counts.tasks}, sockets of clients {counts.clients}, to upstream {counts.upstream}, other files "
            f"{counts.files}, RSS {counts.rss_kib} KiB"
        )

    async def restart(self) -> None:
        """SIGTERM while it is busy."""
        self._door_opened = math.inf
        code, took = await self.house.stop()
        print(f"SIGTERM: exit {code} after {took:.1f} s", flush=True)
        if code != 0 or took > GRACE + 8:
            self.found(f"SIGTERM: exit {code} after {took:.1f} s")
        await self.house.start()
        self._door_opened = time.monotonic()

    async def soak(self, minutes: float) -> None:
        """The mixed part: four lives of the program, each with a few counts."""
        seconds = minutes * 60
        self._door_opened = time.monotonic()
        async with trio.open_nursery() as nursery:
            for _ in range(WORKERS):
                nursery.start_soon(self.worker)
            nursery.start_soon(self.chaos)
            for life in range(4):
                for _ in range(3):
                    await trio.sleep(max(seconds / 12, 2))
                    await self.quiet()
                if life < 3:
                    await trio.sleep(1)  # it is busy again
                    await self.restart()
            self._over = True
        self._simulator.faults.clear()

    async def departures(self, count: int) -> None:
        """Clients that ask for a stream and leave at any moment, fifty at a time."""

        async def leaver(tickets: Iterator[int]) -> None:
            for ticket in tickets:
                dialect = DIALECTS[ticket % len(DIALECTS)]
                body = {"model": dialect.models[0], **dialect.body(f"[[long]] {ticket}"), "stream": True}
                leaves_after = self._dice.uniform(0, 0.25)
                behind = BEHIND[0] if ticket % 3 == 0 else b""
                asked = Question(
                    dialect.path, body, stream=True, dialect=dialect, leaves_after=leaves_after, behind=behind
                )
                self.account(asked, *await ask(self.house.port, asked))

        async def crowd(tickets: Iterator[int]) -> Counts:
            async with trio.open_nursery() as nursery:
                for _ in range(50):
                    nursery.start_soon(leaver, tickets)
            return await self.house.settled()

        some = min(100, count)
        first = await crowd(iter(range(some)))
        began = time.monotonic()
        last = await crowd(iter(range(some, count)))
        print(f"departures, after {some}: {self.told(first)}")
        print(f"departures, after {count} ({time.monotonic() - began:.0f} s): {self.told(last)}")
        print(f"the simulator saw {self._simulator.open_streams} streams that are still open")
        self.compare("departures", first, last)
        if self._simulator.open_streams:
            self.found(f"{self._simulator.open_streams} streams are still open at the simulator")

    def compare(self, where: str, first: Counts, last: Counts) -> None:
        """No leak from ``first`` to ``last``, which were both counted in the quiet."""
        for name in ("tasks", "clients", "files"):
            if getattr(last, name) > getattr(first, name):
                self.found(f"{where}: {name} went from {getattr(first, name)} to {getattr(last, name)}")
        if last.upstream > 64:
            self.found(f"{where}: {last.upstream} sockets to upstream, where the pool keeps 32 for each origin")
        if last.rss_kib - first.rss_kib > 40 * 1024:
            self.found(f"{where}: RSS went from {first.rss_kib} to {last.rss_kib} KiB")

    def leaks(self) -> None:
        """Compare the counts within each life, and look for tokens and tracebacks in the log."""
        for life in sorted({life for life, _ in self.samples}):
            counts = [found for of, found in self.samples if of == life]
            self.compare(f"life {life}", counts[0], counts[-1])
            slope, _ = linear_regression([one.at / 60 for one in counts], [one.rss_kib for one in counts])
            print(f"life {life}: RSS slope {slope:+.0f} KiB a minute")
        log = self.house.log.read_bytes()
        issued = [token.encode() for token in (*self._simulator._github_tokens, *self._simulator._copilot_tokens)]  # noqa: SLF001
        tokens = len(TOKENS.findall(log)) + sum(token in log for token in issued)
        print(f"log: {len(log)} bytes, {len(issued)} tokens were issued, {tokens} are in it")
        if tokens:
            self.found(f"{tokens} tokens in the log")
        for words in (b"Traceback", b"internal error", b"ResourceWarning", b"RuntimeWarning"):
            if words in log:
                at = log.index(words)
                self.found(
                    f"{words.decode()} in the log ({log.count(words)}): {log[max(at - 300, 0) : at + 3000].decode()}"
                )

    def report(self) -> None:
        """The table of what became of every answer."""
        kinds: tuple[Verdict, ...] = ("complete", "told", "refused", "left", "door-closed", "UNACCOUNTED")
        print(f"\n{'':24}" + "".join(f"{kind:>13}" for kind in kinds))
        for path in sorted({path for path, _ in self.verdicts}):
            print(f"{path:24}" + "".join(f"{self.verdicts[path, kind]:13}" for kind in kinds))
        totals = [sum(count for (_, of), count in self.verdicts.items() if of == kind) for kind in kinds]
        print(f"{'all':24}" + "".join(f"{total:13}" for total in totals))
        print(f"faults: {dict(self.faults)}; Copilot calls by status: {dict(self._simulator.chat_statuses)}")
        print(f"\n{len(self.findings)} findings")


async def main(minutes: float, departures: int, seed: int) -> int:
    dice = random.Random(seed)
    print(f"{minutes:g} minutes, {departures} departures, seed {seed}", flush=True)
    simulator = Simulator(token_life=20.0, word_delay=0.004)
    upstream, between, front = run.listen("127.0.0.1", 0), run.listen("127.0.0.1", 0), run.listen("127.0.0.1", 0)
    origin, through = run.origin_of(upstream), run.origin_of(between)
    port = front.getsockname()[1]
    front.close()
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        place = Path(directory)
        login = simulator.log_in()
        (place / "access_token.json").touch(mode=0o600)
        saved = {"access_token": login, "token_type": "bearer", "scope": ""}
        (place / "access_token.json").write_bytes(msgspec.json.encode(saved))
        (place / "config.toml").write_text(
            CONFIG.format(origin=origin, wire=through, directory=directory, port=port, grace=GRACE)
        )
        wire = Wire(upstream.getsockname()[1])
        house = House(place, port)
        soak = Soak(house, simulator, wire, dice)
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(serve_simulator, simulator, upstream))
            listener = trio.SocketListener(trio.socket.from_stdlib_socket(between))
            nursery.start_soon(trio.serve_listeners, wire.handle, [listener])
            await house.start()
            await ask(
                port, Question("/v1/chat/completions", {"model": "gpt-4o", **said("hi")}, stream=False, dialect=None)
            )
            if minutes:
                await soak.soak(minutes)
            if departures:
                await soak.departures(departures)
            code, took = await house.stop()
            if code != 0:
                soak.found(f"the last SIGTERM: exit {code} after {took:.1f} s")
            soak.leaks()
            nursery.cancel_scope.cancel()
        soak.report()
        if soak.findings:
            kept = Path(tempfile.mkdtemp(prefix="soak-log-")) / "log.txt"
            kept.write_bytes(house.log.read_bytes())
            print(f"the log is kept as {kept}")
    return 1 if soak.findings else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("minutes", type=float, nargs="?", default=30.0)
    parser.add_argument("--departures", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    words = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what the simulator says of connections that the wire resets
    sys.exit(trio.run(main, words.minutes, words.departures, words.seed))
