"""What holds for any request of a Messages client: headers, keys, paths, streams, size, leaving, and who asks.

Besides: what else such a client asks for, and the 400 that makes Anthropic's packages send the whole history.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import messages_rows as rows
import pytest
import trio
from house import House, open_house
from server.client_shapes import assert_dropped, calls_upstream, user
from server.front_shapes import COLUMNS, IMAGE, MESSAGES, is_anthropics_error, reached
from server.test_client_requests import CLAIMS, HEADERS, post_bare

from passenger_trio.simulator import Simulator

PATH = MESSAGES.path
EACH = pytest.mark.parametrize("column", COLUMNS)
SAID = {"role": "assistant", "content": "Ho"}
USER = {"role": "user", "content": "Hi"}
CALLED = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "18C"}
RESULTS = {"role": "user", "content": [RESULT]}
REMINDER = {"type": "text", "text": "<system-reminder>Mind the list of tasks.</system-reminder>"}
LOADED = {"type": "text", "text": "Tool loaded."}
TYPED = {"type": "text", "text": "Hi"}
SYSTEM = {"role": "system", "content": "Be brief."}

ANTHROPICS: dict[str, list[tuple[str, str]]] = {
    **HEADERS,
    "version 2023-06-01": [("anthropic-version", "2023-06-01")],
    "version 2026-10-21": [("anthropic-version", "2026-10-21"), ("Authorization", "Bearer sk-ant-x")],
    "x-api-key": [("x-api-key", "sk-ant-x"), ("anthropic-version", "2023-06-01")],
    "both keys": [("x-api-key", ""), ("Authorization", "Bearer x"), ("anthropic-version", "2026-10-21")],
    "of Claude Code": [
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14,effort-2025-11-24,oauth-2025-04-20"),
        ("anthropic-dangerous-direct-browser-access", "true"),
        ("x-app", "cli"),
        ("x-claude-code-session-id", "0199"),
        ("User-Agent", "claude-cli/2.1.330 (external, sdk-cli)"),
        ("X-Stainless-Helper-Method", "stream"),
    ],
}


def body_for(column: str, **fields: Any) -> bytes:
    return json.dumps(MESSAGES.body(column, **fields)).encode()


def text_of(answer: httpx.Response, *, stream: bool = False) -> str:
    assert answer.status_code == 200, answer.text
    return MESSAGES.hear(answer, stream=stream).text


@EACH
async def test_a_body_is_read_whatever_the_headers_say(house: House, column: str) -> None:
    for name, headers in ANTHROPICS.items():
        answer = await post_bare(house, PATH, headers, body_for(column))
        streamed = await post_bare(house, PATH, headers, body_for(column, stream=True))

        assert '"Hi"' in text_of(answer), name
        assert '"Hi"' in text_of(streamed, stream=True), name
        assert answer.headers["content-type"] == "application/json", name
        assert streamed.headers["content-type"].startswith("text/event-stream"), name
        assert_dropped(answer, None)


@EACH
async def test_the_path_is_found_with_any_query(house: House, column: str) -> None:
    for path in (PATH, f"{PATH}?beta=true", f"{PATH}/"):
        assert '"Hi"' in text_of(await house.http.post(path, content=body_for(column))), path
        assert reached(house).seen.path == MESSAGES.columns[column].path, path


@EACH
async def test_an_answer_is_whole_unless_a_stream_is_asked_for(house: House, column: str) -> None:
    for fields in ({}, {"stream": False}, {"stream": None}):
        answer = await house.http.post(PATH, content=body_for(column, **fields))

        assert answer.json()["type"] == "message", fields
        assert not reached(house).body.get("stream"), fields


@EACH
async def test_an_answer_is_told_to_the_end_without_a_done(house: House, column: str) -> None:
    answer = await house.http.post(PATH, content=body_for(column, messages=user("[[done]] Hi"), stream=True))

    assert "[DONE]" not in answer.text
    assert rows.parse(answer.text)[-1] == {"type": "message_stop"}
    assert rows.of(rows.parse(answer.text), "ping")


async def test_a_model_that_does_not_stream_answers_a_stream_all_the_same(house: House) -> None:
    answer = await house.http.post(PATH, content=body_for("chat", model="o1", stream=True))

    assert '"Hi"' in text_of(answer, stream=True)
    assert not reached(house).body.get("stream")


async def test_copilot_gets_its_own_version_and_the_betas_that_it_takes(house: House) -> None:
    known = "interleaved-thinking-2025-05-14,context-management-2025-06-27,advanced-tool-use-2025-11-20"
    given = {
        "anthropic-version": "2026-10-21",
        "anthropic-beta": f"claude-code-20250219, {known},fine-grained-tool-streaming-2025-05-14,never-heard-of",
    }
    for path in (PATH, f"{PATH}?beta=true"):
        await house.http.post(path, content=body_for("messages"), headers=given)
        sent = reached(house).seen.headers

        assert sent["anthropic-version"] == "2023-06-01"
        assert sent["anthropic-beta"] == known
        assert "x-api-key" not in sent
    await house.http.post(PATH, content=body_for("messages"))
    assert "anthropic-beta" not in reached(house).seen.headers


@pytest.mark.parametrize("column", ["chat", "responses"])
async def test_elsewhere_nothing_of_anthropics_headers_arrives(house: House, column: str) -> None:
    given = {"anthropic-version": "2026-10-21", "anthropic-beta": "interleaved-thinking-2025-05-14"}
    await house.http.post(PATH, content=body_for(column), headers=given)

    assert not {name for name in reached(house).seen.headers if name.startswith("anthropic")}


async def test_the_houses_own_key_may_come_either_way(tmp_path: Path) -> None:
    async with open_house(Simulator(word_delay=0.001), tmp_path, server__api_key="secret-key-of-the-house") as house:
        told: dict[str, int] = {}
        answers: list[httpx.Response] = []
        for name, headers in {
            "bearer": {"Authorization": "Bearer secret-key-of-the-house"},
            "x-api-key": {"x-api-key": "secret-key-of-the-house"},
            "another": {"x-api-key": "sk-ant-x"},
            "none": {},
        }.items():
            answers.append(await house.http.post(PATH, content=body_for("messages"), headers=headers))
            told[name] = answers[-1].status_code

        assert told == {"bearer": 200, "x-api-key": 200, "another": 401, "none": 401}
        assert is_anthropics_error(answers[-1].json(), "authentication_error")


@pytest.mark.parametrize("stream", [False, True])
@EACH
async def test_a_body_of_an_agents_size_arrives_whole(house: House, column: str, stream: bool) -> None:
    names = [f"tool_{number:02}" for number in range(20)]
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    tools = [{"name": name, "description": "d" * 5000, "input_schema": schema} for name in names]
    body = body_for(column, stream=stream, tools=tools, system="s" * 30_000)
    assert len(body) > 125_000

    answer = await house.http.post(PATH, content=body)

    assert '"Hi"' in text_of(answer, stream=stream)
    assert list(reached(house).tools) == names
    assert reached(house).system == ["s" * 30_000]
    assert reached(house).seen.body.count(b"d" * 5000) == 20


@EACH
async def test_a_client_that_closes_its_connection_stops_the_work_upstream(house: House, column: str) -> None:
    body = body_for(column, stream=True, messages=user("[[long]]"))
    house.simulator.word_delay = 0.02  # the whole answer takes 6 seconds
    url = httpx.URL(house.url)
    connection = await trio.open_tcp_stream(url.host, url.port or 80)
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
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
    assert '"Hi"' in text_of(await house.http.post(PATH, content=body_for(column)))


TURNS: dict[str, tuple[list[Any], str]] = {
    "first turn": ([USER], "user"),
    "second turn": ([USER, SAID, USER], "user"),
    "result last": ([USER, CALLED, RESULTS], "agent"),
    "a reminder beside a result": ([USER, CALLED, {"role": "user", "content": [RESULT, REMINDER]}], "agent"),
    "a reminder before a result": ([USER, CALLED, {"role": "user", "content": [REMINDER, RESULT]}], "agent"),
    "a found tool": ([USER, CALLED, {"role": "user", "content": [RESULT, LOADED]}], "agent"),
    "a reminder beside the user's own words": ([USER, SAID, {"role": "user", "content": [REMINDER, TYPED]}], "user"),
    "a system message after a result": ([USER, CALLED, RESULTS, SYSTEM], "agent"),
    "a system message after the user": ([USER, SYSTEM], "user"),
    "nothing but system messages": ([SYSTEM], "user"),
    "user after a result": ([USER, CALLED, RESULTS, SAID, USER], "user"),
    "assistant last": ([USER, SAID], "agent"),
}


@EACH
async def test_copilot_is_told_whether_a_person_or_an_agent_asks(house: House, column: str) -> None:
    told: dict[str, str] = {}
    for name, (messages, _) in TURNS.items():
        answer = await house.http.post(PATH, content=body_for(column, messages=messages))
        assert answer.status_code == 200, f"{name}: {answer.text}"
        told[name] = reached(house).seen.headers["x-initiator"]

    assert told == {name: expected for name, (_, expected) in TURNS.items()}


@EACH
async def test_a_clients_own_word_on_who_asks_counts_if_it_is_one_of_the_two(house: House, column: str) -> None:
    told: dict[str, str] = {}
    for claim in CLAIMS:
        await house.http.post(PATH, content=body_for(column), headers={"X-Initiator": claim})
        told[claim] = reached(house).seen.headers["x-initiator"]

    assert told == {claim: meant or "user" for claim, meant in CLAIMS.items()}


SHOWN = {"role": "user", "content": [{"type": "text", "text": "Look"}, IMAGE]}
PICTURES: dict[str, tuple[list[Any], int]] = {
    "none": ([USER], 0),
    "in the last turn": ([SHOWN], 1),
    "in an earlier turn": ([SHOWN, SAID, USER], 1),
    "in a result": ([USER, CALLED, {"role": "user", "content": [{**RESULT, "content": [IMAGE]}]}], 1),
}


@EACH
async def test_copilot_is_told_of_pictures_exactly_when_there_are_some(house: House, column: str) -> None:
    for name, (messages, count) in PICTURES.items():
        answer = await house.http.post(PATH, content=body_for(column, messages=messages))

        assert answer.status_code == 200, f"{name}: {answer.text}"
        assert len(reached(house).pictures) == count, name
        assert reached(house).seen.headers.get("copilot-vision-request") == ("true" if count else None), name


# Threads

BETA = {"anthropic-beta": "message-threads-2026-08-12", "anthropic-version": "2026-10-21"}
THREADS: dict[str, dict[str, Any]] = {
    "create": {"thread": {"type": "create"}},
    "continue": {"thread": {"type": "continue", "previous_message_id": "msg_1"}, "messages": [RESULTS]},
}


@pytest.mark.parametrize("stream", [False, True])
@EACH
async def test_a_thread_is_refused_in_the_words_that_make_the_packages_send_the_whole_history(
    house: House, column: str, stream: bool
) -> None:
    for name, fields in THREADS.items():
        body = body_for(column, stream=stream, **fields)
        answer = await house.http.post(f"{PATH}?beta=true", content=body, headers=BETA)

        assert answer.status_code == 400, name
        told = answer.json()
        assert is_anthropics_error(told, "invalid_request_error"), name
        assert told["error"]["details"] == {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}, name
        assert told["request_id"] == answer.headers["x-request-id"], name
    assert calls_upstream(house) == 0


@EACH
async def test_no_thread_is_no_reason_to_refuse(house: House, column: str) -> None:
    answer = await house.http.post(PATH, content=body_for(column, thread=None), headers=BETA)

    assert '"Hi"' in text_of(answer)
    assert_dropped(answer, None)


REFUSED = {
    "mcp_servers": [{"type": "url", "name": "a", "url": "https://a.example"}],
    "container": "container_1",
    "compaction": {"type": "enabled"},
}


@EACH
async def test_what_cannot_be_served_and_would_be_missed_is_a_400_that_names_it(house: House, column: str) -> None:
    for name, value in REFUSED.items():
        answer = await house.http.post(PATH, content=body_for(column, **{name: value}))

        assert answer.status_code == 400, name
        assert is_anthropics_error(answer.json(), "invalid_request_error"), name
        assert f"`{name}`" in answer.json()["error"]["message"], name
    assert calls_upstream(house) == 0


# What else is asked for


@pytest.mark.parametrize("path", ["/", "/api/hello"])
async def test_claude_code_finds_that_a_server_is_there(house: House, path: str) -> None:
    for headers in ({}, {"anthropic-version": "2023-06-01", "x-api-key": "x"}):
        answer = await house.http.head(path, headers=headers)

        assert answer.status_code == 200
        assert answer.text == ""
        assert (await house.http.get(path, headers=headers)).status_code == 200


@pytest.mark.parametrize("query", ["", "?beta=true"])
@EACH
async def test_tokens_are_counted_without_asking_copilot(house: House, column: str, query: str) -> None:
    model = MESSAGES.columns[column].model
    counts: list[int] = []
    for more in ({}, {"system": "Be brief."}, {"tools": [{"name": "f", "input_schema": {"type": "object"}}]}):
        body = {"model": model, "messages": user("How many words are there here?"), **more}
        answer = await house.http.post(f"{PATH}/count_tokens{query}", json=body, headers=MESSAGES.headers)

        assert answer.status_code == 200, answer.text
        assert answer.json().keys() == {"input_tokens"}
        counts.append(answer.json()["input_tokens"])
    assert 5 < counts[0] < 30
    assert min(counts[1:]) > counts[0]
    assert calls_upstream(house) == 0


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"model": "gpt-4.1"}, {"model": "", "messages": user("Hi")}])
async def test_what_cannot_be_counted_is_a_400_in_anthropics_shape(house: House, body: dict[str, Any]) -> None:
    answer = await house.http.post(f"{PATH}/count_tokens", json=body)

    assert answer.status_code == 400
    assert is_anthropics_error(answer.json(), "invalid_request_error")


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
async def test_models_are_listed_in_anthropics_shape_to_who_names_a_version(house: House, version: str) -> None:
    headers = {"anthropic-version": version}
    found = (await house.http.get("/v1/models", headers=headers, params={"limit": "1000"})).json()

    ids = [model["id"] for model in found["data"]]
    assert (found["first_id"], found["last_id"], found["has_more"]) == (ids[0], ids[-1], False)
    assert {column.model for column in MESSAGES.columns.values()} <= set(ids)
    for model in found["data"]:
        assert (model["type"], type(model["display_name"]), type(model["created_at"])) == ("model", str, str)
        assert (await house.http.get(f"/v1/models/{model['id']}", headers=headers)).json() == model
    pages: list[str] = []
    after: dict[str, str] = {}
    more = True
    while more:
        page = (await house.http.get("/v1/models", headers=headers, params={"limit": "7", **after})).json()
        pages += [model["id"] for model in page["data"]]
        after, more = {"after_id": page["last_id"]}, page["has_more"]
    assert pages == ids
    assert "object" not in found
    assert (await house.http.get("/v1/models")).json()["object"] == "list"
