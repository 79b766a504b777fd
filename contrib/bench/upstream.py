"""The simulator as the bench's upstream: saves a login into a directory, prints it, and serves."""

import sys
from pathlib import Path

import trio

from passenger_trio.copilot.store import TokenStore
from passenger_trio.secret import Secret
from passenger_trio.server.run import listen
from passenger_trio.simulator import Simulator, serve


async def main(directory: Path, port: int) -> None:
    simulator = Simulator()
    login = simulator.log_in()
    await TokenStore(directory / "access_token.json", directory / "token.json").save_access(Secret(login))
    print(login, flush=True)  # a simulated one: it opens nothing but this process
    await serve(simulator, listen("127.0.0.1", port))


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]))
