"""Houses whose tokens a script gives, houses that share their files, a wall clock that tests set, and what a GitHub in
trouble answers.
"""

import functools
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from faults.upstream import TOKEN_PATH, Front, Script, Wire, close, open_upstream, raw, reset, stall, token, whole

from passenger_trio.config import Config, load
from passenger_trio.copilot.store import TokenStore
from passenger_trio.copilot.tokens import TokenKeeper
from passenger_trio.secret import Secret
from passenger_trio.server import run

LOGIN = "ghu_" + "l1Fe" * 9


class Clock:
    """The wall clock of every keeper that is made from now on: the true one and ``ahead`` seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        monkeypatch.setitem(TokenKeeper.__init__.__kwdefaults__, "now", lambda: time.time() + self.ahead)


def giving(*, life: float = 1800, skew: float = 0, date: str | None = "", **fields: Any) -> Script:
    """A token from a clock that goes ``skew`` seconds before ours, some of its fields changed (``None``: left out).

    ``date`` is the answer's ``Date``: none, or another one; as it should be where it is empty.
    """

    async def script(wire: Wire) -> None:
        answer = token(wire.upstream, life)
        answer |= {"expires_at": int(answer["expires_at"] + skew), **fields}
        body = json.dumps({name: value for name, value in answer.items() if value is not None}).encode()
        said = formatdate(time.time() + skew, usegmt=True) if date == "" else date
        await wire.answer(body, 200, **({} if said is None else {"Date": said}))

    return script


def configured(origin: str, directory: Path, **flags: Any) -> Config:
    """The configuration of a house with its upstream at ``origin`` and its files in ``directory``."""
    return load(
        environ={},
        flags={
            "github.copilot_token_url": origin + TOKEN_PATH,
            "copilot.api_base_url": origin,
            "tokens.access_token_path": str(directory / "access_token.json"),
            "tokens.copilot_token_path": str(directory / "token.json"),
            **{name.replace("__", "."): value for name, value in flags.items()},
        },
    ).config


@asynccontextmanager
async def serving(config: Config) -> AsyncGenerator[httpx.AsyncClient]:
    """A house, and a client of it."""
    sock = run.listen("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        url = await nursery.start(functools.partial(run.serve, config, sock, handle_signals=False))
        async with httpx.AsyncClient(base_url=url, timeout=15) as http:
            yield http
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_scripted(directory: Path, *scripts: Script, **flags: Any) -> AsyncGenerator[Front]:
    """A house that is logged in, and whose tokens the ``scripts`` give from the first one on."""
    with trio.fail_after(30):
        async with open_upstream() as upstream:
            upstream.play(TOKEN_PATH, *scripts)
            config = configured(upstream.origin, directory, **flags)
            await TokenStore.of(config).save_access(Secret(LOGIN))
            async with serving(config) as http:
                yield Front(str(http.base_url), http, upstream, config, directory)


# GitHub in trouble

LIMITED = b'{"message":"API rate limit exceeded for user ID 1.","documentation_url":"","status":"403"}'
TROUBLES: dict[str, Script] = {
    "reset": raw(b"", reset),
    "closed": raw(b"", close),
    "half-a-body": raw(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{", close),
    "no-http": raw(b"\x16\x03\x01\x02\x00nonsense\r\n\r\n", close),
    "500": whole(b"<html>Unicorn!</html>", 500, "text/html"),
    "502": whole(b"", 502),
    "403-limited": whole(LIMITED, 403, retry_after="1"),
    "403-abuse": whole(b'{"message":"You have triggered an abuse detection mechanism."}', 403, retry_after="1"),
    "403-limited-page": whole(b"<html>Whoa there!</html>", 403, "text/html", x_ratelimit_remaining="0"),
    "403-of-a-proxy": whole(b"<html>Forbidden by policy</html>", 403, "text/html"),
    "404-of-a-portal": whole(b"<html>No such page</html>", 404, "text/html"),
    "429": whole(b"{}", 429),
    "html-with-200": whole(b"<!DOCTYPE html><title>Log in to the hotel</title>", 200, "text/html"),
    "json-of-another-kind": whole(b'{"data": []}'),
    "a-redirect": whole(b"", 302, location="http://portal.invalid/"),
    "a-token-for-headers": giving(token="tid=1\r\nX-Evil: 1"),
    "an-end-that-is-none": giving(expires_at=1e300),
    "over-already": giving(life=-100, refresh_in=0),
    "endless": raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", stall),
}
