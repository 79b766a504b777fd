"""What the house costs beside a bare relay on the same ground: CPU a request and CPU an event, measured in one run.

Linux only (it reads /proc). The simulator is the upstream of both, in a process of its own; each contender serves the
same load in turn, several times, and the least of its rounds counts. It prints, and never fails for being slow.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import trio

HERE = Path(__file__).parent
CLIENTS, ROUNDS, WHOLE, STREAMED, WORDS = 16, 3, 480, 96, 200
PORTS = {"simulator": 18190, "bare relay": 18191, "passenger-trio": 18192}
TICK = os.sysconf("SC_CLK_TCK")
PROMPT = f"[[reply:{' '.join(['lorem'] * WORDS)}]]"


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def exchange(login: str) -> str:
    """A Copilot token of the simulator's, for the bare relay."""
    url = f"http://127.0.0.1:{PORTS['simulator']}/copilot_internal/v2/token"
    ask = urllib.request.Request(url, headers={"Authorization": f"token {login}"})
    with urllib.request.urlopen(ask, timeout=10) as answer:
        return json.load(answer)["token"]


async def reachable(port: int) -> None:
    with trio.fail_after(30):
        while True:
            try:
                await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
            except OSError:
                await trio.sleep(0.1)
            else:
                return


async def client(port: int, jobs: trio.MemoryReceiveChannel[None], body: bytes) -> None:
    """One connection that asks again and again."""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    end: tuple[bytes, ...] = (b"0\r\n\r\n",) if b'"stream": true' in body else (b"}", b"0\r\n\r\n")
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        async for _ in jobs:
            await stream.send_all(head + body)
            data = b""
            while not data.endswith(end):
                more = await stream.receive_some()
                if not more:
                    raise SystemExit(f"port {port} hung up: {data[:300]!r}")
                data = data[-8:] + more if data else more


async def load(port: int, count: int, *, streamed: bool) -> None:
    messages = [{"role": "user", "content": PROMPT}]
    body = json.dumps({"model": "gpt-4o", "stream": streamed, "messages": messages}).encode()
    send, receive = trio.open_memory_channel[None](0)
    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            for _ in range(CLIENTS):
                nursery.start_soon(client, port, receive.clone(), body)
            async with send:
                for _ in range(count):
                    await send.send(None)


async def measure(name: str, pid: int) -> tuple[float, float]:
    """Milliseconds of CPU for a whole answer and microseconds for a streamed event, the least of all rounds."""
    rounds: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        start = cpu(pid)
        await load(PORTS[name], WHOLE, streamed=False)
        middle = cpu(pid)
        await load(PORTS[name], STREAMED, streamed=True)
        rounds.append(((middle - start) / WHOLE * 1e3, (cpu(pid) - middle) / (STREAMED * (WORDS + 3)) * 1e6))
    return min(whole for whole, _ in rounds), min(event for _, event in rounds)


async def main() -> None:
    origin = f"http://127.0.0.1:{PORTS['simulator']}"
    with tempfile.TemporaryDirectory() as directory:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        login = (HERE / "upstream.py", directory)
        upstream = subprocess.Popen([sys.executable, *map(str, login), str(PORTS["simulator"])], stdout=subprocess.PIPE)
        processes = [upstream]
        try:
            assert upstream.stdout is not None
            token = upstream.stdout.readline().decode().strip()
            await reachable(PORTS["simulator"])
            settings = {
                "PASSENGER_TRIO_GITHUB__COPILOT_TOKEN_URL": f"{origin}/copilot_internal/v2/token",
                "PASSENGER_TRIO_TOKENS__ACCESS_TOKEN_PATH": f"{directory}/access_token.json",
                "PASSENGER_TRIO_TOKENS__COPILOT_TOKEN_PATH": f"{directory}/token.json",
                "PASSENGER_TRIO_SERVER__PORT": str(PORTS["passenger-trio"]),
            }
            relay = [sys.executable, str(HERE / "bare_relay.py"), origin, str(PORTS["bare relay"]), exchange(token)]
            house = [sys.executable, "-m", "passenger_trio", "serve"]
            pids: dict[str, int] = {}
            for name, command in (("bare relay", relay), ("passenger-trio", house)):
                processes.append(subprocess.Popen(command, env={**os.environ, **settings}, **quiet))
                pids[name] = processes[-1].pid
                await reachable(PORTS[name])
            figures = {name: await measure(name, pid) for name, pid in pids.items()}
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(30)
    print(f"{'':16}{'ms CPU a whole answer':>24}{'us CPU an event':>20}")
    for name, (whole, event) in figures.items():
        print(f"{name:16}{whole:24.2f}{event:20.1f}")
    bare, own = figures["bare relay"], figures["passenger-trio"]
    print(f"{'ratio':16}{own[0] / bare[0]:24.2f}{own[1] / bare[1]:20.2f}")


if __name__ == "__main__":
    trio.run(main)
