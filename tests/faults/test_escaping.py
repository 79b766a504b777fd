"""What a client writes stays what it is: in a body, and never part of a URL, a header or another line of the log."""

import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from faults.doors import JSON_ROUTES, Answer, ask, ask_raw
from faults.upstream import CHAT, CHAT_MODEL, MESSAGES, MESSAGES_MODEL, RESPONSES_MODEL, TOKEN_PATH, Front, open_front

from passenger_trio.copilot import protocol

HERE = [("Host", "127.0.0.1")]
PATHS = {TOKEN_PATH, "/models", "/chat/completions", "/responses", "/v1/messages", "/embeddings"}
"""All that a front with these models ever asks upstream for."""

LONG = "m" * (1 << 20)
NAMES = [
    "../../copilot_internal/v2/token",
    "..%2f..%2fcopilot_internal%2fv2%2ftoken",
    "%2e%2e/%2e%2e/models",
    "/models",
    "//evil.example/models",
    "http://evil.example/v1/chat/completions",
    "file:///etc/passwd",
    "gpt-4o?api-version=1#x",
    "gpt-4o\r\nX-Evil: 1",
    "gpt-4o\r\n\r\nGET /models HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "gpt-4o\n2026-01-01 INFO POST /v1/chat/completions 200",
    "gpt-4o\x00",
    "\x1b[2J\x1b]0;title\x07",
    "gpt-4o\u2028\u202egpt-4o",
    "{model}%s%(name)s",
    "\ud7ff\uffff\U0001f600",
    " ",
    LONG,
]
ROADS: list[dict[str, Any]] = [
    {"messages": CHAT["messages"], "max_tokens": 64, "prompt": "x", "input": "x", "stream": False},
    {"source": CHAT_MODEL, "messages": [], "destination": "x", "prompt": "", "input": []},
]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """The lines of our own log, which are checked in the end."""
    caplog.set_level(logging.DEBUG, "passenger_trio")
    yield caplog
    said = [record.getMessage() for record in caplog.get_records("call") if record.name.startswith("passenger_trio")]
    assert [line for line in said if not line.isprintable()] == []
    assert max(map(len, said)) < 2000


def untouched(front: Front) -> None:
    """What came upstream has a path and headers of ours alone, and the token went nowhere else."""
    for request in front.upstream.requests:
        assert request.path in PATHS
        assert request.headers["host"] == front.upstream.origin.removeprefix("http://")
        assert "x-evil" not in request.headers
        assert [value for value in request.headers.values() if len(value) > 300 or not value.isprintable()] == []


def is_plain(answer: Answer) -> bool:
    """Whether an answer is no fault of ours, and has no header that a client has written."""
    return answer.status is not None and answer.status < 500 and "x-evil" not in answer.headers


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:20]))
async def test_the_name_of_a_model_is_a_word_in_a_body_and_nothing_else(tmp_path: Path, lines: Any, name: str) -> None:
    async with open_front(tmp_path) as front:
        for road in ROADS:
            body = json.dumps({**road, "model": name, "name": name, "destination": name}).encode()
            for method, path in JSON_ROUTES:
                answer = await ask(front.port, method, path, HERE, body)
                assert is_plain(answer), (method, path, answer.status)
                assert len(answer.body) < 4000 or len(name) > 4000
        untouched(front)
        sent = [request.json()["model"] for request in front.upstream.requests if request.method == "POST"]
        assert {word for word in sent if word not in name and word != CHAT_MODEL} == set()


@pytest.mark.parametrize("name", NAMES[:-1], ids=lambda name: repr(name[:20]))
async def test_the_name_of_a_model_in_a_path_is_looked_up_and_asked_of_nobody(
    tmp_path: Path, lines: Any, name: str
) -> None:
    async with open_front(tmp_path) as front:
        for path in ("/v1/models/", "/models/", "/api/blobs/"):
            for written in (quote(name, safe=""), quote(name, safe="/%")):
                answer = await ask(front.port, "GET", path + written, HERE)
                assert answer.status in {200, 400, 403, 404, 405, 308}
                assert is_plain(answer)
        untouched(front)
        assert [request for request in front.upstream.requests if request.method == "POST"] == []


@pytest.mark.parametrize(
    "target",
    [
        *("http://evil.example/v1/models", "http://evil.example:80/v1/chat/completions", "//evil.example/v1/models"),
        *("/v1/../copilot_internal/v2/token", "/v1/%2e%2e/copilot_internal/v2/token", "/v1//models", "/v1/models;x=1"),
        *("/v1/models%00", "/v1/models%0d%0aX-Evil:1", "/%ff%fe", "/v1/models?after_id=%0d%0aX-Evil:1&limit=%00"),
        *("*", "/" + "a/" * 4000, "/v1/models/%ff"),
    ],
    ids=lambda target: target[:40],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_no_path_leads_anywhere_else(tmp_path: Path, lines: Any, method: str, target: str) -> None:
    async with open_front(tmp_path) as front:
        answer = await ask(front.port, method, target, [*HERE, ("anthropic-version", "2023-06-01")])

        assert is_plain(answer)
        assert ":1" not in answer.headers.get("location", "")
        untouched(front)
        assert [request for request in front.upstream.requests if request.method == "POST"] == []


CLIENTS_HEADERS = [
    ("X-Initiator", "agent, user"),
    ("X-Initiator", "agent\tX-Evil: 1"),
    ("anthropic-beta", "interleaved-thinking-2025-05-14,evil\tX-Evil: 1, a b c"),
    ("anthropic-beta", "x" * 8000),
    ("anthropic-version", "evil"),
    ("X-Request-Id", "mine\tX-Evil: 1"),
    ("Authorization", "Bearer evil"),
    ("Copilot-Integration-Id", "evil"),
    ("Editor-Version", "evil"),
    ("User-Agent", "evil"),
    ("X-Forwarded-Host", "evil.example"),
    ("Forwarded", "host=evil.example"),
    ("Cookie", "evil=1"),
    ("X-GitHub-Api-Version", "evil"),
    ("Copilot-Vision-Request", "true"),
    ("OpenAI-Intent", "evil"),
]


@pytest.mark.parametrize("header", CLIENTS_HEADERS, ids=lambda header: f"{header[0]}: {header[1][:20]}")
@pytest.mark.parametrize(
    "path, body",
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/messages", MESSAGES),
        ("/v1/messages", {**MESSAGES, "model": RESPONSES_MODEL}),
        ("/v1/responses", {"model": MESSAGES_MODEL, "input": "x"}),
    ],
)
async def test_a_clients_headers_change_none_of_ours_upstream(
    tmp_path: Path, lines: Any, path: str, body: dict[str, Any], header: tuple[str, str]
) -> None:
    async with open_front(tmp_path) as front:
        plain = await ask(front.port, "POST", path, HERE, json.dumps(body).encode())
        with_it = await ask(front.port, "POST", path, [*HERE, header], json.dumps(body).encode())

        assert (plain.status, with_it.status) == (200, 200)
        untouched(front)
        first, second = (request.headers for request in front.upstream.requests if request.method == "POST")
        own = {"x-request-id", "anthropic-beta"}
        assert {k: v for k, v in first.items() if k not in own} == {k: v for k, v in second.items() if k not in own}
        assert set(second.get("anthropic-beta", "").split(",")) <= {"", "interleaved-thinking-2025-05-14"}
        assert "mine" not in second["x-request-id"]


@pytest.mark.parametrize("claimed", ["agent", "AGENT", " user "])
async def test_of_a_claimed_initiator_a_word_that_copilot_knows_is_all_that_is_sent(
    tmp_path: Path, claimed: str
) -> None:
    async with open_front(tmp_path) as front:
        await ask(
            front.port,
            "POST",
            "/v1/chat/completions",
            [*HERE, ("X-Initiator", claimed.strip())],
            b"%s" % json.dumps(CHAT).encode(),
        )

        [request] = front.upstream.asked("/chat/completions")
        assert request.headers["x-initiator"] == protocol.initiator(agent=False, claimed=claimed)


async def test_a_folded_header_is_one_value_and_a_broken_one_is_no_request(tmp_path: Path, lines: Any) -> None:
    body = json.dumps(CHAT)
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {}\r\n\r\n{}"
    async with open_front(tmp_path) as front:
        folded = await ask_raw(front.port, head.format("X-Initiator: user\r\n X-Evil: 1\r\n", len(body), body).encode())
        for broken in ("X-Evil\x00: 1\r\n", "X Evil: 1\r\n", ": 1\r\n", "X-Evil: \x00\r\n", "Host: evil.example\r\n"):
            answer = await ask_raw(front.port, head.format(broken, len(body), body).encode())
            assert answer.status == 400
        smuggled = head.format("Transfer-Encoding: chunked\r\n", len(body), f"{body}\r\n")
        twofold = await ask_raw(front.port, smuggled.encode())

        assert folded.status == 200
        assert twofold.status in {400, None}
        untouched(front)
        assert len(front.upstream.asked("/chat/completions")) == 1


async def test_fields_that_are_left_out_are_named_in_one_header_whatever_they_are_called(
    tmp_path: Path, lines: Any
) -> None:
    odd = {"a\r\nX-Evil: 1": 1, "b\x00": 1, "ключ": 1, "c" * 100_000: 1, **{f"field-{n}": 1 for n in range(2000)}}
    async with open_front(tmp_path) as front:
        answer = await ask(front.port, "POST", "/v1/messages", HERE, json.dumps({**MESSAGES, **odd}).encode())

        assert answer.status == 200
        assert "x-evil" not in answer.headers
        assert len(answer.headers["x-passenger-dropped"]) < 5000
        untouched(front)
