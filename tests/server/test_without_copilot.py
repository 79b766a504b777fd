"""A start without Copilot: the door opens, what is known is told, and chats hear why not."""

import functools
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import trio
from house import House, open_house

from passenger_trio.config import Config
from passenger_trio.copilot.known import KnownList
from passenger_trio.copilot.store import TokenStore
from passenger_trio.copilot.tokens import FIRST_PATIENCE
from passenger_trio.secret import Secret
from passenger_trio.server import run
from passenger_trio.simulator import Simulator, serve as serve_simulator

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}]}
DISCOVERY = [
    ("HEAD", "/", None), ("GET", "/", None), ("GET", "/api/version", None), ("GET", "/api/tags", None),
    ("GET", "/api/ps", None), ("POST", "/api/show", {"model": "gpt-4.1:latest"}), ("GET", "/v1/models", None),
    ("GET", "/v1/models/gpt-4.1", None),
]  # fmt: skip
CHATS = [
    ("/api/chat", CHAT), ("/api/chat", {**CHAT, "stream": False}), ("/v1/api/chat", CHAT),
    ("/api/generate", {"model": "gpt-4.1", "prompt": "Hi"}),
    ("/v1/chat/completions", CHAT), ("/v1/chat/completions", {**CHAT, "stream": True}),
    ("/v1/messages", {**CHAT, "max_tokens": 5}), ("/v1/responses", {"model": "gpt-4.1", "input": "Hi"}),
]  # fmt: skip


def words(path: str, answer: httpx.Response) -> str:
    """What an error says, which must be in the dialect of the path."""
    error = answer.json()["error"]
    if path.startswith(("/api", "/v1/api")):
        assert answer.json().keys() == {"error"}
        assert isinstance(error, str)
        return error
    assert isinstance(error["type"], str)
    return str(error["message"])


async def discovered(http: httpx.AsyncClient) -> dict[str, Any]:
    """What the routes that need no Copilot answer, each with 200."""
    found: dict[str, Any] = {}
    for method, path, body in DISCOVERY:
        answer = await http.request(method, path, json=body)
        assert answer.status_code == 200, (path, answer.text)
        found[f"{method} {path}"] = answer.json() if "json" in answer.headers["content-type"] else answer.text
    return found


@asynccontextmanager
async def lone_house(config: Config) -> AsyncGenerator[httpx.AsyncClient]:
    """The house with nothing behind it."""
    sock = run.listen("127.0.0.1", 0)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            url = await nursery.start(functools.partial(run.serve, config, sock, handle_signals=False))
            async with httpx.AsyncClient(base_url=url, timeout=15) as http:
                yield http
            nursery.cancel_scope.cancel()


async def live(tmp_path: Path) -> tuple[House, dict[str, Any]]:
    """A run with Copilot there, which is over; and what was told in it."""
    async with open_house(Simulator(), tmp_path) as house:
        await house.http.get("/v1/models")  # the first list is waited for
        return house, await discovered(house.http)


async def test_a_start_without_copilot_tells_what_was_known_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house, before = await live(tmp_path)
    TokenStore.of(house.config).copilot_path.unlink()
    caplog.clear()

    async with lone_house(house.config) as http:
        after = await discovered(http)

    assert after == before
    assert len(after["GET /api/tags"]["models"]) > 5
    said = [
        record.getMessage() for record in caplog.records if "serving without a Copilot token" in record.getMessage()
    ]
    assert len(said) == 1
    assert "127.0.0.1 cannot be reached" in said[0]


@pytest.mark.parametrize("path, body", CHATS, ids=[f"{path}-{len(json.dumps(body))}" for path, body in CHATS])
async def test_a_chat_without_a_token_is_a_503_that_says_when_to_come_again(
    tmp_path: Path, path: str, body: dict[str, object]
) -> None:
    house, _ = await live(tmp_path)
    TokenStore.of(house.config).copilot_path.unlink()

    async with lone_house(house.config) as http:
        answer = await http.post(path, json=body)

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "The Copilot token cannot be renewed right now: 127.0.0.1 cannot be reached" in words(path, answer)


@pytest.mark.parametrize("path, body", CHATS[:1] + CHATS[4:5], ids=["ollama", "openai"])
async def test_a_chat_with_a_token_that_is_still_good_hears_that_copilot_cannot_be_reached(
    tmp_path: Path, path: str, body: dict[str, object]
) -> None:
    house, before = await live(tmp_path)

    async with lone_house(house.config) as http:
        answer = await http.post(path, json=body)
        after = await discovered(http)

    assert after["GET /api/tags"] == before["GET /api/tags"]
    assert answer.status_code == 502
    assert "127.0.0.1 cannot be reached" in words(path, answer)


async def test_a_first_start_without_copilot_knows_no_models_and_says_why(tmp_path: Path) -> None:
    house, _ = await live(tmp_path)
    TokenStore.of(house.config).copilot_path.unlink()
    KnownList.of(house.config, TokenStore.of(house.config).read_access).path.unlink()

    async with lone_house(house.config) as http:
        root, version = await http.get("/"), await http.get("/api/version")
        tags, chat = await http.get("/api/tags"), await http.post("/api/chat", json=CHAT)
        load, unload = [await http.post("/api/chat", json={"model": "gpt-4.1", "keep_alive": stay}) for stay in (9, 0)]
        embed = await http.post("/api/embed", json={"model": "text-embedding-3-small", "input": []})
        odd = await http.post("/api/generate", json={"model": "no name", "prompt": "Hi"})
        running = await http.get("/api/ps")

    assert (root.status_code, version.status_code) == (200, 200)
    for answer in (tags, chat, load, unload, embed):
        assert answer.status_code == 503
        assert "cannot be reached" in words("/api", answer)
    assert (odd.status_code, words("/api", odd)) == (400, "invalid model name")
    assert running.json() == {"models": []}


async def test_a_github_that_swallows_what_it_is_sent_keeps_a_known_list_waiting_for_two_seconds(
    tmp_path: Path,
) -> None:
    house, before = await live(tmp_path)
    TokenStore.of(house.config).copilot_path.unlink()
    port = urlsplit(house.config.github.copilot_token_url).port
    assert port is not None

    with run.listen("127.0.0.1", port):  # it takes connections, and nobody reads them
        began = trio.current_time()
        async with lone_house(house.config) as http:
            assert trio.current_time() - began < FIRST_PATIENCE / 2
            assert (await http.get("/api/tags")).json() == before["GET /api/tags"]


async def test_another_accounts_models_are_told_to_nobody(tmp_path: Path) -> None:
    house, _ = await live(tmp_path)
    TokenStore.of(house.config).copilot_path.unlink()
    await TokenStore.of(house.config).save_access(Secret("ghu_of_somebody_else"))

    async with lone_house(house.config) as http:
        assert (await http.get("/api/tags")).status_code == 503


async def test_copilot_is_found_again_without_a_new_start(tmp_path: Path) -> None:
    house, before = await live(tmp_path)
    TokenStore.of(house.config).copilot_path.unlink()
    there = httpx.URL(house.config.github.copilot_token_url)

    async with lone_house(house.config) as http, trio.open_nursery() as nursery:
        away = await http.post("/v1/chat/completions", json=CHAT)
        upstream = run.listen("127.0.0.1", there.port or 0)
        await nursery.start(serve_simulator, house.simulator, upstream)
        answer = away
        while answer.status_code == 503:  # each says when to come again
            await trio.sleep(int(answer.headers["retry-after"]))
            answer = await http.post("/v1/chat/completions", json=CHAT)
        nursery.cancel_scope.cancel()

    assert away.status_code == 503
    assert answer.status_code == 200
    assert before["GET /v1/models"]["data"]
