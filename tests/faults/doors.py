"""Every door of the house, from its own page, and a request as a page's browser may send it."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

import h11
import trio

PAGE: Final = Path(__file__).parents[2] / "docs" / "endpoints.md"

ROUTES: Final = [
    (method, path.replace("{id}", "gpt-4o"))
    for method, path in re.findall(r"^\| `([A-Z]+)` \| `(/[^`]*)` \|", PAGE.read_text(), re.MULTILINE)
]
"""Method and path of every route; ``tests/test_docs.py`` holds the page against the code."""

JSON_ROUTES: Final = [(method, path) for method, path in ROUTES if method not in {"GET", "HEAD"}]


class Answer:
    """What came back: ``status`` is None where the connection was closed without a word."""

    def __init__(self, status: int | None, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


async def ask(port: int, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> Answer:
    """One request on a connection of its own, with these headers and no others; a client of ours would mend some."""
    client = h11.Connection(h11.CLIENT)
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        framing = [("Content-Length", str(len(body)))] if body else []
        data = client.send(h11.Request(method=method, target=path, headers=[*headers, *framing])) or b""
        data += client.send(h11.Data(data=body)) or b"" if body else b""
        with suppress(trio.BrokenResourceError):  # refused before all of it was read
            await stream.send_all(data + (client.send(h11.EndOfMessage()) or b""))
        return await _answer(client, stream)


async def ask_raw(port: int, data: bytes) -> Answer:
    """The same with any bytes at all."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(data)
        return await _answer(client, stream)


async def _answer(client: h11.Connection, stream: trio.SocketStream) -> Answer:
    status: int | None = None
    headers: dict[str, str] = {}
    body = b""
    while True:
        event = client.next_event()
        if event is h11.NEED_DATA:
            try:
                client.receive_data(await stream.receive_some(65536))
            except trio.BrokenResourceError:
                return Answer(status, headers, body)
        elif isinstance(event, h11.Response):
            status = event.status_code
            headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
            return Answer(status, headers, body)
