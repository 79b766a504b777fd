"""The application as a whole: its routes, its mistakes, its log, and what must be in none of its words."""

import json
import logging
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import trio
from house import House, open_house
from quart_trio import QuartTrio

from passenger_trio.config import Server
from passenger_trio.copilot.catalogue import Catalogue
from passenger_trio.copilot.client import CopilotClient
from passenger_trio.server.app import build_app
from passenger_trio.server.exchange import Exchange
from passenger_trio.simulator import Fault, Simulator

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "a private prompt"}]}


class BrokenCatalogue:
    """A bug of ours, wherever models are asked for."""

    async def models(self) -> list[Any]:
        raise ZeroDivisionError("inner workings")

    async def find(self, name: str) -> None:
        raise ZeroDivisionError("inner workings")


@pytest.fixture
def broken() -> QuartTrio:
    catalogue = cast("Catalogue", BrokenCatalogue())
    return build_app(Server(), Exchange(cast("CopilotClient", None), catalogue), catalogue)


OLLAMA = {
    "GET /api/tags",
    "GET /api/ps",
    "GET /api/version",
    "GET /api/status",
    "GET /api/experimental/model-recommendations",
    "POST /api/chat",
    "POST /api/generate",
    "POST /api/embed",
    "POST /api/embeddings",
    "POST /api/show",
    "POST /api/pull",
    "POST /api/push",
    "POST /api/copy",
    "POST /api/create",
    "POST /api/me",
    "POST /api/signout",
    "POST /api/blobs/<digest>",
    "POST /api/experimental/web_search",
    "POST /api/experimental/web_fetch",
    "DELETE /api/delete",
    "DELETE /api/user/keys/<path:key>",
}
"""All of which are below ``/v1`` as well."""


def test_there_are_these_routes_and_no_others(broken: QuartTrio) -> None:
    routes = {f"{method} {rule.rule}" for rule in broken.url_map.iter_rules() for method in rule.methods or ()}

    assert {route for route in routes if not route.startswith(("HEAD ", "OPTIONS "))} == {
        "GET /",
        "GET /health",
        "GET /health/ready",
        "GET /models",
        "GET /models/<path:name>",
        "GET /v1/models",
        "GET /v1/models/<path:name>",
        "POST /chat/completions",
        "POST /v1/chat/completions",
        "POST /responses",
        "POST /v1/responses",
        "POST /v1/messages",
        "POST /v1/messages/count_tokens",
        "GET /api/hello",
        "POST /completions",
        "POST /v1/completions",
        "POST /embeddings",
        "POST /v1/embeddings",
        *OLLAMA,
        *(route.replace(" /", " /v1/") for route in OLLAMA),
    }


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/v1/models"),
        ("GET", "/v1/models/gpt-4.1"),
        ("GET", "/api/tags"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/api/chat"),
        ("POST", "/v1/api/chat"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_bug_is_a_500_in_the_dialect_and_its_traceback_is_in_the_log_alone(
    broken: QuartTrio, caplog: pytest.LogCaptureFixture, method: str, path: str, stream: bool
) -> None:
    body = json.dumps({**CHAT, "stream": stream}) if method == "POST" else None

    answer = await broken.test_client().open(path, method=method, data=body)

    assert answer.status_code == 500
    text = (await answer.get_data()).decode()
    for inner in ("inner workings", "ZeroDivision", "Traceback", "raise ", ".py"):
        assert inner not in text
    error = json.loads(text)["error"]
    assert "its log has the details" in (error if "/api/" in path else error["message"])
    assert "Traceback" in caplog.text
    assert "ZeroDivisionError: inner workings" in caplog.text
    assert f"{method} {path}" in caplog.text
    assert "a private prompt" not in caplog.text


@asynccontextmanager
async def logged(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> AsyncGenerator[list[str]]:
    """The messages of the server's logger, filled in at the end."""
    said: list[str] = []
    caplog.set_level(level, logger="passenger_trio")
    caplog.clear()
    yield said
    said += [record.getMessage() for record in caplog.records if record.name == "passenger_trio.server"]


async def over(house: House, caplog: pytest.LogCaptureFixture, path: str) -> None:
    """Wait for the line of the log on a request, which may come a moment after its answer."""
    with trio.fail_after(10):
        while not any(f" {path} " in record.getMessage() for record in caplog.records):
            await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
async def test_a_request_leaves_one_line_in_the_log_that_tells_all_about_it(
    house: House, caplog: pytest.LogCaptureFixture, path: str, stream: bool
) -> None:
    async with logged(caplog) as said:
        answer = await house.http.post(path, json={**CHAT, "model": "GPT-4.1:latest", "stream": stream})
        await over(house, caplog, path)

    [line] = said
    request_id, github_id = (re.escape(answer.headers[name]) for name in ("x-request-id", "x-github-request-id"))
    shape = rf"POST {path} 200 \d\.\d{{3}}s model=gpt-4\.1 in=\d+ out=\d+ id={request_id} github-id={github_id}"
    assert re.fullmatch(shape, line), line


async def test_the_line_names_what_was_left_out_as_the_header_does(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async with logged(caplog) as said:
        asked = {**CHAT, "metadata": {"a": "b"}, "service_tier": "flex", "unheard of": 1}
        answer = await house.http.post("/v1/responses", json={"input": "Hi", **asked, "messages": None})
        await over(house, caplog, "/v1/responses")

    [line] = said
    names = answer.headers["x-passenger-dropped"].split(", ")
    assert "metadata" in names
    assert f" dropped={','.join(names)} " in line


async def test_the_line_of_a_refused_request_says_why(house: House, caplog: pytest.LogCaptureFixture) -> None:
    async with logged(caplog) as said:
        messages = [{"role": "user", "content": "[[http:429]]"}]
        answer = await house.http.post("/v1/chat/completions", json={**CHAT, "messages": messages})
        await over(house, caplog, "/v1/chat/completions")

    [line] = said
    assert " 429 " in line
    assert f"github-id={answer.headers['x-github-request-id']}" in line
    assert line.endswith(f"error='UpstreamRefused 429 {answer.json()['error']['code']}'")


async def test_the_line_of_a_broken_stream_says_so(house: House, caplog: pytest.LogCaptureFixture) -> None:
    async with logged(caplog) as said:
        messages = [{"role": "user", "content": "[[midfail]] one two three"}]
        await house.http.post("/api/chat", json={**CHAT, "messages": messages})
        await over(house, caplog, "/api/chat")

    [line] = said
    assert " 200 " in line
    assert "error='The connection to 127.0.0.1 broke" in line


@pytest.mark.parametrize("path", ["/", "/health"])
async def test_monitors_do_not_fill_the_log(house: House, caplog: pytest.LogCaptureFixture, path: str) -> None:
    async with logged(caplog) as said:
        await house.http.get(path)
        await house.http.get("/api/version")
        await over(house, caplog, "/api/version")

    [line] = said
    assert line.startswith("GET /api/version 200 ")


@pytest.mark.parametrize("path", ["/v1/responses", "/", "/v1/chat/completions"])
async def test_a_websocket_is_refused_in_words_and_without_a_traceback(
    house: House, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    host, port = house.url.removeprefix("http://").split(":")
    async with await trio.open_tcp_stream(host, int(port)) as wire:
        asked = (
            *(f"GET {path} HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket"),
            *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""),
        )
        await wire.send_all("\r\n".join(asked).encode())
        said = await wire.receive_some()

    status = int(said.split()[1])
    assert 400 <= status < 500  # Codex takes it for "no websockets here" and goes on with POST
    assert path != "/v1/responses" or status == 404
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def secrets_of(house: House, directory: Path) -> set[str]:
    """Every token there is, and the parts of the Copilot token that would open anything."""
    token = json.loads((directory / "token.json").read_text())["token"]
    login = json.loads((directory / "access_token.json").read_text())["access_token"]
    assert login == house.login
    return {login, token, token.rpartition(":")[2], token.partition(";")[0]}


def text_of(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.headers!r} {answer.text}"


async def test_no_answer_and_no_line_of_the_log_has_a_token_in_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    async with open_house(Simulator(), tmp_path, server__log_level="debug") as house:
        secrets = secrets_of(house, tmp_path)
        paths = ("/", "/health", "/v1/models", "/v1/models/gpt-4.1", "/api/tags", "/api/version", "/nowhere")
        said += [text_of(await house.http.get(path)) for path in paths]
        for path in ("/v1/chat/completions", "/api/chat"):
            for prompt in ("Hi", "[[midfail]] one two", "[[http:401]]", "[[http:403]]", "[[http:500]]", "[[think]]"):
                for stream in (False, True):
                    messages = [{"role": "user", "content": prompt}]
                    answer = await house.http.post(path, json={**CHAT, "messages": messages, "stream": stream})
                    said.append(text_of(answer))
        secrets |= secrets_of(house, tmp_path)
        house.simulator.faults.append(Fault(path="/copilot_internal/v2/token", status=500, times=2))
        house.simulator.kill_tokens()
        said.append(text_of(await house.http.post("/v1/chat/completions", json=CHAT)))
        house.simulator.revoke(house.login)
        said.append(text_of(await house.http.post("/api/chat", json=CHAT)))

    assert len(secrets) >= 7  # the login, and at least two Copilot tokens with their parts
    assert len(said) == 33
    for secret in secrets:
        assert secret not in caplog.text
        assert not [answer for answer in said if secret in answer]
    assert any(record.name == "passenger_trio.copilot" for record in caplog.records)


async def test_no_prompt_and_no_answer_is_in_the_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="passenger_trio")

    for path in ("/v1/chat/completions", "/api/chat"):
        await house.http.post(path, json=CHAT)
        await over(house, caplog, path)

    assert "private" not in caplog.text


async def test_a_client_writes_no_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="passenger_trio.server")
    async with open_house(Simulator(), tmp_path) as house:
        body = {"model": "x\n2026-01-01 INFO forged", "messages": [{"role": "user", "content": "Hi"}]}
        await house.http.post("/v1/chat/completions", json=body)
        await house.http.get("/v1/models/" + "y" * 5000)

    lines = [record.getMessage() for record in caplog.records]
    assert not any("\n" in line for line in lines)
    assert any("model='x\\n2026-01-01 INFO forged'" in line for line in lines)
    assert not any(" /v1/models/" + "y" * 300 in line for line in lines)


async def test_the_names_of_what_is_left_out_fit_into_any_clients_headers(tmp_path: Path) -> None:
    async with open_house(Simulator(), tmp_path) as house:
        body = {"model": "claude-opus-4.7", "messages": [{"role": "user", "content": "Hi"}]}
        answer = await house.http.post("/v1/chat/completions", json=body | {f"odd_{at}": 1 for at in range(3000)})

    assert answer.status_code == 200
    assert len(answer.headers["x-passenger-dropped"]) < 4100
    assert answer.headers["x-passenger-dropped"].endswith(", ...")
