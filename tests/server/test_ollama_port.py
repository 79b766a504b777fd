"""Ollama's own port: who holds it is told, and how to have it. Never the real one, which may be in use."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trio
from house import open_house

from passenger_trio.cli import serve
from passenger_trio.config import load
from passenger_trio.errors import NotLoggedIn, PortUnavailable
from passenger_trio.server import ollama_port, run
from passenger_trio.server.ollama_port import LIMIT, OLLAMA_PORT, listen_beside
from passenger_trio.simulator import Simulator

ROOT = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 17\r\n\r\nOllama is running"
ANSWERS = {
    b"/": ROOT,
    b"/health": b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\n404 page not found",
    b"/api/version": b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"version":"0.32.15"}',
}


@contextmanager
def program(answers: dict[bytes, bytes]) -> Iterator[int]:
    """A program that answers so, a connection at a time; gives its port."""
    with run.listen("127.0.0.1", 0) as sock:

        def answer() -> None:
            while True:
                try:
                    connection, _ = sock.accept()
                except OSError:  # it is over
                    return
                with connection, suppress(ConnectionError):  # who has heard enough hangs up
                    path = connection.recv(4096).split(b" ")[1]
                    connection.sendall(answers.get(path, b"HTTP/1.1 404 Not Found\r\n\r\n"))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield sock.getsockname()[1]
        sock.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def refusal(port: int) -> str:
    with run.listen("127.0.0.1", 0) as sock, pytest.raises(PortUnavailable) as caught:
        listen_beside(sock, port)
    assert caught.value.message.startswith(f"Ollama's port {port} on 127.0.0.1 is held by ")
    assert caught.value.message.endswith("or leave --ollama out (--no-ollama where [server] has ollama = true).")
    return caught.value.message


def free_port() -> int:
    with run.listen("127.0.0.1", 0) as sock:
        return int(sock.getsockname()[1])


def test_the_port_is_the_one_that_ollamas_clients_know() -> None:
    assert OLLAMA_PORT == 11434


def test_a_free_port_is_taken() -> None:
    port = free_port()
    with run.listen("127.0.0.1", 0) as sock, listen_beside(sock, port) as ollama:  # type: ignore[union-attr]
        assert ollama.getsockname() == ("127.0.0.1", port)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_a_server_that_is_on_that_port_already_needs_no_other(host: str) -> None:
    with run.listen(host, 0) as sock:
        assert listen_beside(sock, sock.getsockname()[1]) is None


def test_a_server_on_that_port_of_another_address_does() -> None:
    with run.listen("::1", 0) as sock, listen_beside(sock, sock.getsockname()[1]) as ollama:  # type: ignore[union-attr]
        assert run.origin_of(ollama) == f"http://127.0.0.1:{sock.getsockname()[1]}"


def test_a_real_ollama_is_named_with_its_version_and_how_to_stop_it() -> None:
    with program(ANSWERS) as port:
        words = refusal(port)

    assert "a real Ollama, version 0.32.15." in words
    assert "`systemctl stop ollama`" in words


@pytest.mark.parametrize(
    "version", [b"", b"HTTP/1.1 200 OK\r\n\r\n[]", b'HTTP/1.1 200 OK\r\n\r\n{"version":"\x1b[31m0.1"}']
)
def test_a_real_ollama_without_a_version_is_one_all_the_same(version: bytes) -> None:
    with program({**ANSWERS, b"/api/version": version}) as port:
        assert "a real Ollama." in refusal(port)


@pytest.mark.parametrize("root", [b"", b"HTTP/1.1 200 OK\r\n\r\nhello", b"SSH-2.0-OpenSSH\r\n"])
def test_another_program_is_not_taken_for_ollama(root: bytes) -> None:
    with program({**ANSWERS, b"/": root}) as port:
        words = refusal(port)

    assert "another program, which is no Ollama." in words
    assert "systemctl" not in words


def test_a_program_that_says_nothing_is_not_waited_for_long() -> None:
    with run.listen("127.0.0.1", 0) as silent:
        began = time.monotonic()
        assert "another program" in refusal(silent.getsockname()[1])

    assert time.monotonic() - began < LIMIT + 5  # and not for ever


def test_a_program_that_never_stops_talking_is_not_listened_to_for_long() -> None:
    with program({b"/": b"x" * 1_000_000}) as port:
        assert "another program" in refusal(port)


@pytest.mark.parametrize("key", ["", "one-long-secret"])
async def test_another_passenger_trio_is_known_as_one(tmp_path: Path, key: str) -> None:
    async with open_house(Simulator(), tmp_path, server__api_key=key) as house:
        port = int(house.url.rpartition(":")[2])
        words = await trio.to_thread.run_sync(refusal, port)

    assert "another passenger-trio. Stop that one" in words


def test_a_port_that_cannot_be_had_though_nobody_holds_it_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_port, "HOST", "192.0.2.1")  # no address of this machine

    with run.listen("127.0.0.1", 0) as sock, pytest.raises(PortUnavailable) as caught:
        listen_beside(sock, 0)

    assert "cannot be used: " in caught.value.message
    assert "leave --ollama out (--no-ollama where [server] has ollama = true)" in caught.value.message


def config_with(directory: Path, **server: object) -> dict[str, object]:
    return {
        "tokens.access_token_path": str(directory / "access_token.json"),
        "tokens.copilot_token_path": str(directory / "token.json"),
        **{f"server.{key}": value for key, value in server.items()},
    }


@pytest.mark.parametrize("simulated", [False, True])
def test_serve_takes_ollamas_port_only_if_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simulated: bool
) -> None:
    without = load(environ={}, flags=config_with(tmp_path, port=0)).config
    asked = load(environ={}, flags=config_with(tmp_path, port=0, ollama=True)).config
    with program(ANSWERS) as port:
        monkeypatch.setattr(ollama_port, "OLLAMA_PORT", port)
        with pytest.raises(PortUnavailable, match="a real Ollama"):
            serve.run(asked, simulated=simulated)
        if not simulated:
            with pytest.RaisesGroup(NotLoggedIn):  # it has come past the ports
                serve.run(without, simulated=False)
