"""``passenger-trio simulator``, and what ``serve --simulator`` needs to know of it."""

import signal
import socket
import sys

import msgspec
import trio

from passenger_trio.cli.outcome import Exit
from passenger_trio.config import Config
from passenger_trio.server.run import listen, origin_of
from passenger_trio.simulator import Simulator, serve


def run(host: str, port: int) -> int:
    """Serve a simulated GitHub and Copilot until Ctrl-C or SIGTERM.

    What is printed on stdout is a configuration file; what is said to people goes to stderr.
    """
    trio.run(_serve, listen(host, port))
    return Exit.GOOD


async def _serve(sock: socket.socket) -> None:
    origin = origin_of(sock).replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    with trio.CancelScope() as scope:
        soon = trio.lowlevel.current_trio_token().run_sync_soon

        def stop(*_: object) -> None:
            soon(scope.cancel)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)  # a signal receiver's loop would need a nursery
        _introduce(origin)
        await serve(Simulator(interval=1), sock)


def _introduce(origin: str) -> None:
    print(f"A simulated GitHub and Copilot answers on {origin}; its answers are made up.", file=sys.stderr)
    print("These lines in a file, simulated.toml say, point passenger-trio at it:\n", file=sys.stderr, flush=True)
    print(as_toml(origin), flush=True)
    print(
        "\nLog in, which goes on by itself, and serve:\n\n"
        "    passenger-trio login --no-browser --config simulated.toml\n"
        "    passenger-trio serve --config simulated.toml\n\n"
        "Ctrl-C stops the simulator.",
        file=sys.stderr,
        flush=True,
    )


def pointed_at(config: Config, origin: str) -> Config:
    """``config`` with GitHub and Copilot at ``origin``, whatever was configured for them."""
    return msgspec.structs.replace(
        config,
        github=msgspec.structs.replace(
            config.github,
            device_code_url=f"{origin}/login/device/code",
            oauth_token_url=f"{origin}/login/oauth/access_token",
            copilot_token_url=f"{origin}/copilot_internal/v2/token",
            copilot_models_url="",
        ),
        copilot=msgspec.structs.replace(config.copilot, api_base_url=origin),
    )


def as_toml(origin: str) -> str:
    """The configuration that points passenger-trio at ``origin``, with token files that are not the real login's."""
    config = pointed_at(Config(), origin)
    return "\n".join(
        [
            "[github]",
            f'device_code_url = "{config.github.device_code_url}"',
            f'oauth_token_url = "{config.github.oauth_token_url}"',
            f'copilot_token_url = "{config.github.copilot_token_url}"',
            "",
            "[copilot]",
            f'api_base_url = "{config.copilot.api_base_url}"',
            "",
            "[tokens] # in the working directory, so that your real login stays as it is",
            'access_token_path = "simulated-access-token.json"',
            'copilot_token_path = "simulated-token.json"',
        ]
    )
