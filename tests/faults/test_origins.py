"""Whose page it is: Host, Origin and Sec-Fetch-Site on every door, and what an allowed page is told."""

import json
from pathlib import Path

import pytest
from faults.doors import JSON_ROUTES, ROUTES, ask
from faults.upstream import CHAT, Front, open_front

SPOKEN = ["/chat/completions", "/responses", "/v1/messages", "/embeddings"]
STRANGERS = [
    [("Host", "evil.example")],
    [("Host", "evil.example:8081")],
    [("Host", "127.0.0.1"), ("Origin", "https://evil.example")],
    [("Host", "127.0.0.1"), ("Origin", "null")],
    [("Host", "127.0.0.1"), ("Origin", "")],
    [("Host", "127.0.0.1"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")],
    [("Host", "evil.example"), ("Origin", "http://evil.example"), ("Sec-Fetch-Site", "same-origin")],
]
NOWHERE = [("GET", "/nowhere"), ("POST", "/v1/nowhere"), ("PATCH", "/api/nowhere"), ("PUT", "/v1/chat/completions")]
EVERYWHERE = [*ROUTES, *NOWHERE, *(("HEAD", path) for method, path in ROUTES if method == "GET")]
HANDSHAKE = [
    *[("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]
FORMS = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain;charset=UTF-8"]


def spent(front: Front) -> int:
    """How many calls Copilot has got."""
    return sum(len(front.upstream.asked(path)) for path in SPOKEN)


def said(body: bytes) -> str:
    """The words of a refusal, in whichever dialect."""
    error = json.loads(body)["error"]
    return error if isinstance(error, str) else error["message"]


@pytest.mark.parametrize("headers", STRANGERS, ids=str)
async def test_no_door_is_open_to_a_stranger(tmp_path: Path, headers: list[tuple[str, str]]) -> None:
    body = json.dumps(CHAT).encode()
    async with open_front(tmp_path) as front:
        for method, path in EVERYWHERE:
            answer = await ask(front.port, method, path, headers, b"" if method in {"GET", "HEAD"} else body)
            assert answer.status == 403, (method, path)
            assert not [name for name in answer.headers if name.startswith("access-control-")]
            assert method == "HEAD" or "allowed_" in said(answer.body)
        assert spent(front) == 0


@pytest.mark.parametrize("headers", STRANGERS, ids=str)
async def test_no_preflight_is_granted_to_a_stranger(tmp_path: Path, headers: list[tuple[str, str]]) -> None:
    asked = [*headers, ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "content-type")]
    async with open_front(tmp_path) as front:
        for _, path in EVERYWHERE:
            answer = await ask(front.port, "OPTIONS", path, asked)
            assert answer.status == 403, path
            assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_what_a_page_has_fetched_without_saying_who_it_is_is_refused_but_at_the_root(tmp_path: Path) -> None:
    headers = [("Host", "127.0.0.1"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")]
    async with open_front(tmp_path) as front:
        statuses = {}
        for method, path in EVERYWHERE:
            statuses[method, path] = (await ask(front.port, method, path, headers)).status
        assert {place for place, status in statuses.items() if status != 403} == {("GET", "/"), ("HEAD", "/")}
        assert spent(front) == 0


@pytest.mark.parametrize("site", ["none", "same-origin", "same-site"])
async def test_what_a_person_types_or_a_page_of_this_machine_fetches_is_answered(tmp_path: Path, site: str) -> None:
    async with open_front(tmp_path) as front:
        answer = await ask(front.port, "GET", "/v1/models", [("Host", "localhost"), ("Sec-Fetch-Site", site)])

    assert answer.status == 200


@pytest.mark.parametrize("path", ["/v1/responses", "/api/chat", "/nowhere"])
async def test_a_strangers_websocket_is_refused_and_ours_is_not_there(tmp_path: Path, path: str) -> None:
    async with open_front(tmp_path) as front:
        strange = [await ask(front.port, "GET", path, [*headers, *HANDSHAKE]) for headers in STRANGERS]
        ours = await ask(front.port, "GET", path, [("Host", "127.0.0.1"), *HANDSHAKE])
        page = await ask(front.port, "GET", path, [("Host", "127.0.0.1"), ("Origin", "app://a"), *HANDSHAKE])

    assert [answer.status for answer in strange] == [403] * len(STRANGERS)
    assert (ours.status, page.status) == (404, 404)


@pytest.mark.parametrize("kind", FORMS)
async def test_a_form_of_a_page_is_read_nowhere(tmp_path: Path, kind: str) -> None:
    body = json.dumps(CHAT).encode()
    pages = [
        [("Host", "127.0.0.1"), ("Origin", "http://localhost:3000")],
        [("Host", "127.0.0.1"), ("Sec-Fetch-Site", "same-site")],
        [("Host", "127.0.0.1"), ("Origin", "http://localhost:3000"), ("Sec-Fetch-Site", "same-site")],
    ]
    async with open_front(tmp_path) as front:
        for method, path in JSON_ROUTES:
            for headers in pages:
                answer = await ask(front.port, method, path, [*headers, ("Content-Type", kind)], body)
                assert answer.status == 415, (method, path)
                assert "application/json" in said(answer.body)
        assert spent(front) == 0


@pytest.mark.parametrize("kind", [*FORMS, "application/json", "application/octet-stream", None])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat", "/v1/api/chat"])
async def test_a_client_that_is_no_page_may_call_its_json_what_it_likes(
    tmp_path: Path, path: str, kind: str | None
) -> None:
    headers = [("Host", "127.0.0.1"), *([("Content-Type", kind)] if kind else [])]
    async with open_front(tmp_path) as front:
        answer = await ask(front.port, "POST", path, headers, json.dumps(CHAT | {"stream": False}).encode())

    assert answer.status == 200


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", None])
async def test_a_page_that_is_allowed_and_says_json_is_answered(tmp_path: Path, kind: str | None) -> None:
    headers = [("Host", "127.0.0.1"), ("Origin", "http://localhost:3000"), ("Sec-Fetch-Site", "same-site")]
    headers += [("Content-Type", kind)] if kind else []
    async with open_front(tmp_path) as front:
        answer = await ask(front.port, "POST", "/v1/chat/completions", headers, json.dumps(CHAT).encode())

    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"


async def test_every_answer_says_that_it_depends_on_the_origin(tmp_path: Path) -> None:
    body = json.dumps(CHAT).encode()
    senders = [[], [("Origin", "http://localhost:3000")], [("Origin", "https://evil.example")]]
    async with open_front(tmp_path) as front:
        for method, path in EVERYWHERE:
            for headers in senders:
                content = b"" if method in {"GET", "HEAD"} else body
                answer = await ask(front.port, method, path, [("Host", "127.0.0.1"), *headers], content)
                assert answer.headers["vary"] == "Origin", (method, path, headers)


async def test_a_page_is_allowed_by_its_whole_origin_and_no_other_gets_in_by_it(tmp_path: Path) -> None:
    async with open_front(tmp_path, server__allowed_origins=["https://chat.example"]) as front:

        async def status(origin: str) -> tuple[int | None, str | None]:
            headers = [("Host", "127.0.0.1"), ("Origin", origin), ("Access-Control-Request-Method", "POST")]
            answer = await ask(front.port, "OPTIONS", "/v1/messages", headers)
            return answer.status, answer.headers.get("access-control-allow-origin")

        assert await status("https://chat.example") == (204, "https://chat.example")
        for other in (
            "http://chat.example",
            "https://chat.example:444",
            "https://a.chat.example",
            "https://chat.exampl",
        ):
            assert await status(other) == (403, None)
