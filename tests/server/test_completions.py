"""The old text route, whole and streamed, on models that only chat."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from house import House, open_house

from passenger_trio.simulator import Fault, Simulator
from passenger_trio.simulator.records import SeenRequest


def chats(simulator: Simulator) -> list[SeenRequest]:
    return [request for request in simulator.requests if request.path == "/chat/completions"]


async def complete(house: House, path: str = "/v1/completions", **fields: object) -> httpx.Response:
    return await house.http.post(path, json={"model": "gpt-4.1", **fields})


def events(answer: httpx.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def text_of(found: list[Any], index: int = 0) -> str:
    choices = [choice for event in found if "choices" in event for choice in event["choices"]]
    return "".join(choice["text"] for choice in choices if choice["index"] == index)


@pytest.mark.parametrize("path", ["/v1/completions", "/completions"])
async def test_a_prompt_is_answered_with_a_text(tmp_path: Path, path: str) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        answer = await complete(house, path, prompt="[[reply:upon a time]] Once", temperature=0)

    assert answer.status_code == 200
    found = answer.json()
    assert found["object"] == "text_completion"
    assert found["choices"] == [{"text": "upon a time", "index": 0, "logprobs": None, "finish_reason": "stop"}]
    assert found["usage"]["total_tokens"] == found["usage"]["prompt_tokens"] + found["usage"]["completion_tokens"]
    sent = json.loads(chats(simulator)[0].body)
    assert sent["messages"] == [{"role": "user", "content": "[[reply:upon a time]] Once"}]
    assert sent["temperature"] == 0
    assert "prompt" not in sent
    assert "max_tokens" not in sent


async def test_each_prompt_has_its_own_choice_in_order(tmp_path: Path) -> None:
    async with open_house(Simulator(), tmp_path) as house:
        found = (await complete(house, prompt=["[[reply:one]]A", "[[reply:two]]B"], echo=True)).json()

    assert [(choice["index"], choice["text"]) for choice in found["choices"]] == [
        (0, "[[reply:one]]Aone"),
        (1, "[[reply:two]]Btwo"),
    ]


async def test_token_ids_reach_the_model_as_text(tmp_path: Path) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        answer = await complete(house, prompt=[[24912, 2375], [24912]])

    assert answer.status_code == 200
    prompts = [json.loads(request.body)["messages"][0]["content"] for request in chats(simulator)]
    assert prompts == ["hello world", "hello"]


async def test_a_stream_brings_texts_and_done(tmp_path: Path) -> None:
    async with open_house(Simulator(), tmp_path) as house:
        answer = await complete(house, prompt="[[reply:upon a time]] Once", stream=True)

    found = events(answer)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert found[-1] == "[DONE]"
    assert {event["object"] for event in found[:-1]} == {"text_completion"}
    assert text_of(found[:-1]) == "upon a time"
    assert [choice["finish_reason"] for event in found[:-1] for choice in event["choices"]][-1] == "stop"
    assert all(event["choices"] for event in found[:-1])


async def test_prompts_are_streamed_one_after_the_other(tmp_path: Path) -> None:
    prompts = ["[[reply:one]]A", "[[reply:two]]B", "[[reply:three]]C"]
    async with open_house(Simulator(), tmp_path) as house:
        answer = await complete(house, prompt=prompts, stream=True, stream_options={"include_usage": True})

    found = events(answer)
    assert [text_of(found[:-1], index) for index in range(3)] == ["one", "two", "three"]
    assert len({event["id"] for event in found[:-1]}) == 1
    assert [event for event in found if event == "[DONE]"] == ["[DONE]"]
    assert found[-2]["choices"] == []
    assert found[-2]["usage"]["prompt_tokens"] >= 3


async def test_a_later_prompt_that_cannot_begin_ends_the_stream_with_its_error(tmp_path: Path) -> None:
    prompts = ["[[reply:one]]A", "[[http:429]]B", "[[reply:three]]C"]
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        answer = await complete(house, prompt=prompts, stream=True)

    found = events(answer)
    assert text_of(found) == "one"
    assert found[-1]["error"]["message"]
    assert "[DONE]" not in found
    assert len(chats(simulator)) == 2


async def test_a_prompt_that_breaks_off_ends_the_stream_with_its_error(tmp_path: Path) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        answer = await complete(house, prompt=["[[midfail]] Tell me a story", "[[reply:two]]B"], stream=True)

    found = events(answer)
    assert "error" in found[-1]
    assert "[DONE]" not in found
    assert len(chats(simulator)) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_before_the_first_byte_keeps_its_status(tmp_path: Path, stream: bool) -> None:
    simulator = Simulator()
    simulator.faults.append(Fault(path="/chat/completions", status=503, body=b"busy"))
    async with open_house(simulator, tmp_path) as house:
        answer = await complete(house, prompt="Once", stream=stream)

    assert answer.status_code == 503
    assert answer.json()["error"]["message"] == "busy"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"suffix": "the end"}, "suffix"),
        ({"best_of": 2}, "best_of"),
        ({"logprobs": 1}, "logprobs"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [1], "model": "no-such-model"}, "prompt"),
        ({"model": "text-embedding-3-small"}, "model"),
    ],
)
async def test_what_cannot_be_served_is_named_and_not_sent(
    tmp_path: Path, fields: dict[str, object], param: str
) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        answer = await complete(house, **{"prompt": "Once", **fields})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert chats(simulator) == []


async def test_what_has_no_place_is_dropped_by_name(tmp_path: Path) -> None:
    async with open_house(Simulator(), tmp_path) as house:
        answer = await complete(house, prompt="Once", tools=[], logprobs=0)

    assert answer.status_code == 200
    assert answer.headers["x-passenger-dropped"] == "tools, logprobs"


async def test_leaving_in_the_middle_closes_the_upstream_reply_and_asks_no_further_prompt(tmp_path: Path) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path) as house:
        body = b'{"model":"gpt-4.1","stream":true,"prompt":["[[long]]","[[reply:two]]"]}'
        url = httpx.URL(house.url)
        connection = await trio.open_tcp_stream(url.host, url.port or 80)
        head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        await connection.send_all(head.encode() + body)
        seen = b""
        while b"word002" not in seen:
            seen += await connection.receive_some()
        assert simulator.open_streams == 1

        await connection.aclose()
        with trio.fail_after(1):  # the whole answer would take 6 seconds
            while simulator.open_streams:
                await trio.sleep(0.005)

        assert simulator.cancelled_streams == 1
        assert len(chats(simulator)) == 1
