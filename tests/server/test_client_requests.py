"""What holds for any request of any client: headers, keys, paths, streams, size, leaving, and who is said to ask."""

import json
from typing import Any

import httpx
import pytest
import trio
from house import House
from server.client_shapes import (
    CALL,
    CHAT,
    COLUMNS,
    PICTURE,
    RESULT,
    USER,
    Column,
    chunks,
    heard_streamed,
    heard_whole,
    reached,
    tool,
    user,
)

SHOWN = {"role": "user", "content": [{"type": "text", "text": "Look"}, PICTURE]}
SAID = {"role": "assistant", "content": "Ho"}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}

HEADERS: dict[str, list[tuple[str, str]]] = {
    "none": [],
    "octet-stream": [("Content-Type", "application/octet-stream")],
    "form-urlencoded": [("Content-Type", "application/x-www-form-urlencoded")],
    "json with a charset": [("Content-Type", "application/json; charset=utf-8")],
    "Bearer ollama": [("Authorization", "Bearer ollama")],
    "Bearer DUMMY_KEY": [("Authorization", "Bearer DUMMY_KEY")],
    "Bearer api-key-not-set": [("Authorization", "Bearer api-key-not-set")],
    "Bearer of nothing": [("Authorization", "Bearer")],
    "x-api-key": [("x-api-key", "x")],
    "encodings": [("Accept-Encoding", "gzip, deflate, br, zstd")],
    "zstd": [("Accept-Encoding", "zstd")],
    "event stream alone": [("Accept", "text/event-stream")],
    "of openai's packages": [
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
        ("User-Agent", "OpenAI/Python 3.54.0"),
        ("X-Stainless-Lang", "python"),
        ("X-Stainless-Retry-Count", "0"),
        ("X-Stainless-Raw-Response", "true"),
        ("OpenAI-Organization", "org"),
    ],
}
"""Beside ``Host`` and ``Content-Length`` these are all that is sent."""


async def post_bare(house: House, path: str, headers: list[tuple[str, str]], body: bytes) -> httpx.Response:
    """A POST with these headers and no other that a client library would add."""
    request = httpx.Request("POST", f"{house.url}{path}", content=body)
    request.headers = httpx.Headers(
        [("Host", request.url.netloc.decode()), ("Content-Length", str(len(body))), *headers]
    )
    return await house.http.send(request)


def body_for(column: Column, **fields: Any) -> bytes:
    return json.dumps({"model": column.model, "messages": [USER], **fields}).encode()


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_body_is_read_whatever_the_headers_say(house: House, column: str) -> None:
    for name, headers in HEADERS.items():
        answer = await post_bare(house, CHAT, headers, body_for(COLUMNS[column]))
        streamed = await post_bare(house, CHAT, headers, body_for(COLUMNS[column], stream=True))

        assert '"Hi"' in heard_whole(answer).text, name
        assert '"Hi"' in heard_streamed(streamed).text, name
        assert "content-encoding" not in answer.headers, name
        assert answer.headers["content-type"] == "application/json", name


@pytest.mark.parametrize("column", COLUMNS)
async def test_the_path_is_found_with_and_without_v1_and_with_any_query(house: House, column: str) -> None:
    for path in (CHAT, "/chat/completions", f"{CHAT}?beta=true", f"{CHAT}/"):
        answer = await house.http.post(path, content=body_for(COLUMNS[column]))

        assert '"Hi"' in heard_whole(answer).text, path
        assert reached(house).seen.path == COLUMNS[column].path, path


@pytest.mark.parametrize("column", COLUMNS)
async def test_an_answer_is_whole_unless_a_stream_is_asked_for(house: House, column: str) -> None:
    unasked: list[dict[str, Any]] = [{"stream": False}, {"stream": None}, {"stream_options": {"include_usage": True}}]
    for fields in ({}, *unasked):
        answer = await house.http.post(CHAT, content=body_for(COLUMNS[column], **fields))

        assert answer.json()["object"] == "chat.completion", fields
        assert heard_whole(answer).usage is not None, fields
        assert not reached(house).body.get("stream"), fields


USAGES: list[tuple[dict[str, Any], bool]] = [
    ({}, False),
    ({"stream_options": None}, False),
    ({"stream_options": {}}, False),
    ({"stream_options": {"include_usage": False}}, False),
    ({"stream_options": {"include_usage": True}}, True),
    ({"stream_options": {"include_usage": True, "include_obfuscation": False}}, True),
]


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_stream_has_the_usage_that_was_asked_for(house: House, column: str) -> None:
    for options, usage in USAGES:
        answer = await house.http.post(CHAT, content=body_for(COLUMNS[column], stream=True, **options))

        *before, last = chunks(answer)
        assert not any(chunk.get("usage") or chunk["choices"] == [] for chunk in before), options
        assert (bool(last.get("usage")), last["choices"] == []) == (usage, usage), options
        assert reached(house).body["stream"] is True, options


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("column", COLUMNS)
async def test_a_body_of_an_agents_size_arrives_whole(house: House, column: str, stream: bool) -> None:
    names = [f"tool_{number:02}" for number in range(20)]
    tools = [
        tool(name, description="d" * 5000, parameters={"type": "object", "properties": {"a": {"type": "string"}}})
        for name in names
    ]
    body = body_for(
        COLUMNS[column], stream=stream, tools=tools, messages=[{"role": "system", "content": "s" * 30_000}, USER]
    )
    assert len(body) > 125_000

    answer = await house.http.post(CHAT, content=body)

    assert '"Hi"' in (heard_streamed if stream else heard_whole)(answer).text
    assert list(reached(house).tools) == names
    assert reached(house).system == ["s" * 30_000]
    assert reached(house).seen.body.count(b"d" * 5000) == 20


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_client_that_closes_its_connection_stops_the_work_upstream(house: House, column: str) -> None:
    body = body_for(COLUMNS[column], stream=True, messages=user("[[long]]"))
    house.simulator.word_delay = 0.02  # the whole answer takes 6 seconds
    url = httpx.URL(house.url)
    connection = await trio.open_tcp_stream(url.host, url.port or 80)
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    await connection.send_all(head.encode() + body)
    seen = b""
    while b"word002" not in seen:
        seen += await connection.receive_some()
    assert house.simulator.open_streams == 1

    await connection.aclose()
    with trio.fail_after(1):
        while house.simulator.open_streams:
            await trio.sleep(0.005)

    assert house.simulator.cancelled_streams == 1
    assert '"Hi"' in heard_whole(await house.http.post(CHAT, content=body_for(COLUMNS[column]))).text


TURNS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "first turn": ([USER], "user"),
    "first turn, after a system message": ([{"role": "system", "content": "Be brief"}, USER], "user"),
    "second turn": ([USER, SAID, USER], "user"),
    "user after a result": ([USER, CALLED, RESULT, USER], "user"),
    "system last": ([USER, {"role": "system", "content": "Be brief"}], "user"),
    "result last": ([USER, CALLED, RESULT], "agent"),
    "result last, in a second turn": ([USER, SAID, USER, CALLED, RESULT], "agent"),
    "assistant last": ([USER, SAID], "agent"),
}

CLAIMS: dict[str, str | None] = {
    "agent": "agent",
    "user": "user",
    "AGENT": "agent",
    "User": "user",
    "robot": None,
    "user, agent": None,
    "": None,
}
"""The client's own ``X-Initiator``, and what it comes to; None is as if it had said nothing."""


@pytest.mark.parametrize("column", COLUMNS)
async def test_copilot_is_told_whether_a_person_or_an_agent_asks(house: House, column: str) -> None:
    told: dict[str, str] = {}
    for name, (messages, _) in TURNS.items():
        answer = await house.http.post(CHAT, content=body_for(COLUMNS[column], messages=messages))
        assert answer.status_code == 200, f"{name}: {answer.text}"
        told[name] = reached(house).seen.headers["x-initiator"]

    assert told == {name: expected for name, (_, expected) in TURNS.items()}


@pytest.mark.parametrize("turns", ["first turn", "result last"])
@pytest.mark.parametrize("column", COLUMNS)
async def test_a_clients_own_word_on_who_asks_counts_if_it_is_one_of_the_two(
    house: House, column: str, turns: str
) -> None:
    messages, by_itself = TURNS[turns]
    body = body_for(COLUMNS[column], messages=messages)
    told: dict[str, str] = {}
    for claim in CLAIMS:
        await house.http.post(CHAT, content=body, headers={"X-Initiator": claim})
        told[claim] = reached(house).seen.headers["x-initiator"]

    assert told == {claim: meant or by_itself for claim, meant in CLAIMS.items()}


PICTURES: dict[str, tuple[list[dict[str, Any]], int]] = {
    "none": ([USER], 0),
    "text that looks like one": (user(PICTURE["image_url"]["url"]), 0),
    "text parts alone": ([{"role": "user", "content": [{"type": "text", "text": "image_url"}]}], 0),
    "in the last turn": ([SHOWN], 1),
    "in an earlier turn": ([SHOWN, SAID, USER], 1),
    "in a result": ([USER, CALLED, {**RESULT, "content": [{"type": "text", "text": "18C"}, PICTURE]}], 1),
    "in an earlier result": ([USER, CALLED, {**RESULT, "content": [PICTURE]}, SAID, USER], 1),
}


@pytest.mark.parametrize("column", COLUMNS)
async def test_copilot_is_told_of_pictures_exactly_when_there_are_some(house: House, column: str) -> None:
    for name, (messages, count) in PICTURES.items():
        answer = await house.http.post(CHAT, content=body_for(COLUMNS[column], messages=messages))

        assert answer.status_code == 200, f"{name}: {answer.text}"
        assert len(reached(house).pictures) == count, name
        assert reached(house).seen.headers.get("copilot-vision-request") == ("true" if count else None), name
