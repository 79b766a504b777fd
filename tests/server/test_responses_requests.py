"""What holds for any request of a Responses client: headers, paths, streams, size, leaving, and who is said to ask."""

import json
from typing import Any

import httpx
import pytest
import responses_rows as rows
import trio
from house import House
from server.client_shapes import assert_dropped, calls_upstream
from server.front_shapes import COLUMNS, INPUT_PICTURE, RESPONSES, reached
from server.test_client_requests import CLAIMS, HEADERS, post_bare

PATH = RESPONSES.path
EACH = pytest.mark.parametrize("column", COLUMNS)
SAID = {"role": "assistant", "content": "Ho"}
USER = {"role": "user", "content": "Hi"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": '{"city":"Rome"}'}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "18C"}


def body_for(column: str, **fields: Any) -> bytes:
    return json.dumps(RESPONSES.body(column, **fields)).encode()


def text_of(answer: httpx.Response, *, stream: bool = False) -> str:
    assert answer.status_code == 200, answer.text
    return RESPONSES.hear(answer, stream=stream).text


@EACH
async def test_a_body_is_read_whatever_the_headers_say(house: House, column: str) -> None:
    for name, headers in HEADERS.items():
        answer = await post_bare(house, PATH, headers, body_for(column))
        streamed = await post_bare(house, PATH, headers, body_for(column, stream=True))

        assert '"Hi"' in text_of(answer), name
        assert '"Hi"' in text_of(streamed, stream=True), name
        assert answer.headers["content-type"] == "application/json", name
        assert streamed.headers["content-type"].startswith("text/event-stream"), name


@EACH
async def test_the_path_is_found_with_and_without_v1_and_with_any_query(house: House, column: str) -> None:
    for path in (PATH, "/responses", f"{PATH}?beta=true", f"{PATH}/"):
        assert '"Hi"' in text_of(await house.http.post(path, content=body_for(column))), path
        assert reached(house).seen.path == RESPONSES.columns[column].path, path


@EACH
async def test_an_answer_is_whole_unless_a_stream_is_asked_for(house: House, column: str) -> None:
    for fields in ({}, {"stream": False}, {"stream": None}, {"stream_options": {"include_obfuscation": False}}):
        answer = await house.http.post(PATH, content=body_for(column, **fields))

        assert answer.json()["object"] == "response", fields
        assert not reached(house).body.get("stream"), fields


@pytest.mark.parametrize("stored", [{}, {"store": None}, {"store": True}, {"store": False}])
@EACH
async def test_nothing_is_stored_and_every_answer_says_so(house: House, column: str, stored: dict[str, Any]) -> None:
    whole = await house.http.post(PATH, content=body_for(column, **stored))
    streamed = await house.http.post(PATH, content=body_for(column, stream=True, **stored))

    assert whole.json()["store"] is False
    assert {event["response"]["store"] for event in rows.parse(streamed.text) if "response" in event} == {False}
    assert reached(house).body.get("store", False) is False
    assert_dropped(whole, None)


@EACH
async def test_an_answer_is_told_to_the_end_without_a_done(house: House, column: str) -> None:
    answer = await house.http.post(PATH, content=body_for(column, input="[[done]] Hi", stream=True))

    assert "[DONE]" not in answer.text
    assert rows.parse(answer.text)[-1]["type"] == "response.completed"


async def test_a_model_that_does_not_stream_answers_a_stream_all_the_same(house: House) -> None:
    answer = await house.http.post(PATH, content=body_for("chat", model="o1", stream=True))

    assert '"Hi"' in text_of(answer, stream=True)
    assert not reached(house).body.get("stream")


@pytest.mark.parametrize("stream", [False, True])
@EACH
async def test_a_body_of_an_agents_size_arrives_whole(house: House, column: str, stream: bool) -> None:
    names = [f"tool_{number:02}" for number in range(20)]
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    tools = [{"type": "function", "name": name, "description": "d" * 5000, "parameters": schema} for name in names]
    body = body_for(column, stream=stream, tools=tools, instructions="s" * 30_000)
    assert len(body) > 125_000

    answer = await house.http.post(PATH, content=body)

    assert '"Hi"' in text_of(answer, stream=stream)
    assert list(reached(house).tools) == names
    assert reached(house).system == ["s" * 30_000]
    assert reached(house).seen.body.count(b"d" * 5000) == 20


@EACH
async def test_a_client_that_closes_its_connection_stops_the_work_upstream(house: House, column: str) -> None:
    body = body_for(column, stream=True, input="[[long]]")
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


DEVELOPER = {"role": "developer", "content": "Be brief"}
TURNS: dict[str, tuple[Any, str]] = {
    "a text": ("Hi", "user"),
    "first turn": ([USER], "user"),
    "first turn, after a developer's word": ([DEVELOPER, USER], "user"),
    "second turn": ([USER, SAID, USER], "user"),
    "user after a result": ([USER, CALL, RESULT, USER], "user"),
    "result last": ([USER, CALL, RESULT], "agent"),
    "two results last": ([USER, CALL, {**CALL, "call_id": "c2"}, RESULT, {**RESULT, "call_id": "c2"}], "agent"),
    "assistant last": ([USER, SAID], "agent"),
    "a developer's word after a result": ([USER, CALL, RESULT, DEVELOPER], "agent"),
    "a developer's word after the user": ([USER, DEVELOPER], "user"),
}


@EACH
async def test_copilot_is_told_whether_a_person_or_an_agent_asks(house: House, column: str) -> None:
    told: dict[str, str] = {}
    for name, (said, _) in TURNS.items():
        answer = await house.http.post(PATH, content=body_for(column, input=said))
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


SHOWN = {"role": "user", "content": [{"type": "input_text", "text": "Look"}, INPUT_PICTURE]}
PICTURES: dict[str, tuple[Any, int]] = {
    "none": ([USER], 0),
    "text that looks like one": (INPUT_PICTURE["image_url"], 0),
    "in the last turn": ([SHOWN], 1),
    "in an earlier turn": ([SHOWN, SAID, USER], 1),
    "in a result": ([USER, CALL, {**RESULT, "output": [{"type": "input_text", "text": "18C"}, INPUT_PICTURE]}], 1),
}


@EACH
async def test_copilot_is_told_of_pictures_exactly_when_there_are_some(house: House, column: str) -> None:
    for name, (said, count) in PICTURES.items():
        answer = await house.http.post(PATH, content=body_for(column, input=said))

        assert answer.status_code == 200, f"{name}: {answer.text}"
        assert len(reached(house).pictures) == count, name
        assert reached(house).seen.headers.get("copilot-vision-request") == ("true" if count else None), name


UNMADE: dict[str, tuple[dict[str, Any], str, str]] = {
    "previous_response_id": ({"previous_response_id": "resp_1"}, "previous_response_id", "previous_response_not_found"),
    "conversation": ({"conversation": "conv_1"}, "conversation", "unsupported_parameter"),
    "conversation object": ({"conversation": {"id": "conv_1"}}, "conversation", "unsupported_parameter"),
    "prompt": ({"prompt": {"id": "pmpt_1"}}, "prompt", "unsupported_parameter"),
    "background": ({"background": True}, "background", "unsupported_parameter"),
    "no input": ({"input": None}, "input", "missing_required_parameter"),
}


@pytest.mark.parametrize("stream", [False, True])
@EACH
async def test_what_cannot_be_done_and_would_be_missed_is_a_400_that_names_it(
    house: House, column: str, stream: bool
) -> None:
    for name, (fields, param, code) in UNMADE.items():
        answer = await house.http.post(PATH, content=body_for(column, stream=stream, **fields))

        assert answer.status_code == 400, name
        error = answer.json()["error"]
        assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code), name
        assert f"`{param}`" in error["message"], name
    assert calls_upstream(house) == 0


@EACH
async def test_what_asks_for_nothing_is_no_reason_to_refuse(house: House, column: str) -> None:
    asks_nothing = dict.fromkeys(("previous_response_id", "conversation", "prompt", "background"))
    answer = await house.http.post(PATH, content=body_for(column, **{**asks_nothing, "background": False}))

    assert '"Hi"' in text_of(answer)
    assert answer.json()["previous_response_id"] is None
    assert_dropped(answer, None)


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "OpenAI-Beta": "responses_websockets=2026-02-06",
}


@pytest.mark.parametrize("path", [PATH, "/responses"])
async def test_a_websocket_is_a_plain_404_and_codex_goes_on_with_post(house: House, path: str) -> None:
    for _ in range(3):  # as often as Codex tries
        async with httpx.AsyncClient(base_url=house.url) as client:
            assert (await client.get(path, headers=UPGRADE)).status_code == 404

    assert '"Hi"' in text_of(await house.http.post(path, content=body_for("responses")))
