"""Ollama's own port, for clients whose address cannot be set; and who is there already."""

import errno
import re
import socket
import time
from typing import Final

from passenger_trio.errors import PortUnavailable
from passenger_trio.server.run import listen

HOST: Final = "127.0.0.1"
OLLAMA_PORT: Final = 11434
"""Where Ollama listens unless it is told otherwise, and where its clients look."""

WITHOUT: Final = "leave --ollama out (--no-ollama where [server] has ollama = true)"
"""How to serve all the same."""

LIMIT: Final = 1.0
"""Seconds that all the asking who holds the port may take."""

_ENOUGH: Final = 8192  # bytes of an answer; what is looked for is short
_EVERYWHERE: Final = frozenset({HOST, "0.0.0.0", "::"})  # noqa: S104 - compared, not bound
_VERSION: Final = re.compile(rb'"version"\s*:\s*"([0-9A-Za-z.+-]{1,40})"')


def listen_beside(sock: socket.socket, port: int | None = None) -> socket.socket | None:
    """A socket that listens on Ollama's port, beside ``sock``; ``None`` where that one has it already.

    ``port`` is another one for tests. Raises :class:`~passenger_trio.errors.PortUnavailable`, which says who holds it.
    """
    port = OLLAMA_PORT if port is None else port
    address = sock.getsockname()
    if address[1] == port and address[0] in _EVERYWHERE:
        return None
    try:
        return listen(HOST, port)
    except PortUnavailable as error:
        raise PortUnavailable(_why(port, error.__cause__)) from error


def _why(port: int, cause: BaseException | None) -> str:
    where = f"Ollama's port {port} on {HOST}"
    if isinstance(cause, OSError) and cause.errno != errno.EADDRINUSE:
        return f"{where} cannot be used: {cause.strerror}. To serve without it, {WITHOUT}."
    holder, remedy = _holder(port)
    return f"{where} is held by {holder}. {remedy}, or {WITHOUT}."


def _holder(port: int) -> tuple[str, str]:
    """Who listens on the port, and how to stop it."""
    deadline = time.monotonic() + LIMIT
    if b"Ollama is running" not in _ask(port, "/", deadline):
        return "another program, which is no Ollama", "Stop it"
    health = _ask(port, "/health", deadline)
    if health.startswith(b"HTTP/1.1 200") and health.endswith(b"\r\n\r\nOK"):  # where Ollama has nothing
        return "another passenger-trio", "Stop that one"
    found = _VERSION.search(_ask(port, "/api/version", deadline))
    version = f", version {found[1].decode()}" if found is not None else ""
    return f"a real Ollama{version}", "Stop it (`systemctl stop ollama`, or quit its app)"


def _ask(port: int, path: str, deadline: float) -> bytes:
    """The beginning of what is answered on ``path``, as far as it comes before ``deadline``."""
    question = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n"
    answer = b""
    try:
        with socket.create_connection((HOST, port), timeout=_left(deadline)) as connection:
            connection.sendall(question.encode())
            while len(answer) < _ENOUGH:
                connection.settimeout(_left(deadline))
                if not (data := connection.recv(_ENOUGH)):
                    break
                answer += data
    except OSError:
        pass  # what has come is all there is
    return answer


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)
