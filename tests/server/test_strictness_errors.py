"""What real clients are strict about in errors, in broken streams and in the list of models."""

import json
from typing import Any

import httpx
import pytest
from house import House
from server.client_shapes import CHAT, COLUMNS, user

from passenger_trio.simulator.recorded_errors import ERRORS

WORDS = "[[reply:One two three four five six seven eight]]"
CALLS = '[[call:get_weather {"city": "Rome"}]]'
BREAKS = [
    *("[[midfail]]", "[[inband]]", "[[tail]]", "[[nofinish]]", "[[failed]]", "[[cut:900]]"),
    *(f"[[midfail]]{CALLS}", "[[inband]][[think]]", "[[cut:700]][[bytes:31]]", "[[inband]][[crlf]]"),
]
ROUTES = {
    "chat": (CHAT, {"messages": user("Hi")}),
    "chat, streamed": (CHAT, {"messages": user("Hi"), "stream": True}),
    "chat without v1": ("/chat/completions", {"messages": user("Hi")}),
    "completions": ("/v1/completions", {"prompt": "Hi"}),
    "completions, streamed": ("/v1/completions", {"prompt": "Hi", "stream": True}),
    "embeddings": ("/v1/embeddings", {"input": "Hi"}),
}


def is_error(body: Any) -> bool:
    """Whether it is ``{"error": {message, type, param, code}}``, each key there and each value of its type."""
    if not isinstance(body, dict) or not isinstance(body.get("error"), dict):
        return False
    error = body["error"]
    return (
        body.keys() == {"error"}
        and error.keys() >= {"message", "type", "param", "code"}
        and all(isinstance(error[name], str) and error[name] for name in ("message", "type"))
        and all(error[name] is None or (isinstance(error[name], str) and error[name]) for name in ("param", "code"))
    )


def fault_of(answer: httpx.Response) -> str:
    """What is wrong with an error before the first byte; nothing if nothing is."""
    if answer.status_code < 400:
        return f"{answer.status_code} is no error"
    if answer.headers["content-type"] != "application/json":
        return answer.headers["content-type"]
    return "" if is_error(answer.json()) else answer.text


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"error": "text"},
        {"error": {"message": "a", "type": "b", "param": None}},
        {"error": {"message": "", "type": "b", "param": None, "code": None}},
        {"error": {"message": "a", "type": None, "param": None, "code": None}},
        {"error": {"message": "a", "type": "b", "param": "", "code": None}},
        {"error": {"message": "a", "type": "b", "param": None, "code": 7}},
        {"error": {"message": "a", "type": "b", "param": None, "code": None}, "type": "error"},
    ],
    ids=str,
)
def test_what_is_no_error_of_openais_is_noticed(body: Any) -> None:
    assert not is_error(body)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("column", COLUMNS)
async def test_every_refusal_of_copilots_is_an_error_object_before_the_first_byte(
    house: House, column: str, stream: bool
) -> None:
    found: dict[str, str] = {}
    for name in ERRORS:
        body = {"model": COLUMNS[column].model, "messages": user(f"[[err:{name}]]"), "stream": stream}
        found[name] = fault_of(await house.http.post(CHAT, json=body))

    assert len(found) > 40
    assert {name: fault for name, fault in found.items() if fault} == {}


@pytest.mark.parametrize("route", ROUTES)
async def test_a_model_that_does_not_exist_is_a_404(house: House, route: str) -> None:
    path, fields = ROUTES[route]

    answer = await house.http.post(path, json={"model": "gpt-99-none", **fields})

    assert answer.status_code == 404, answer.text
    assert fault_of(answer) == ""
    assert answer.json()["error"]["code"] == "model_not_found"
    assert answer.json()["error"]["param"] == "model"
    assert "gpt-99-none" in answer.json()["error"]["message"]


@pytest.mark.parametrize("prefix", ["/v1", ""])
async def test_asking_for_a_model_that_does_not_exist_is_a_404(house: House, prefix: str) -> None:
    answer = await house.http.get(f"{prefix}/models/gpt-99-none")

    assert answer.status_code == 404
    assert fault_of(answer) == ""
    assert answer.json()["error"]["code"] == "model_not_found"


BAD_BODIES = {
    "nothing": b"",
    "no JSON": b"model=gpt-4.1",
    "no object": b'["gpt-4.1"]',
    "no UTF-8": b'{"model":"gpt-4.1","messages":[{"role":"user","content":"\xff"}]}',
    "no model": b'{"messages":[{"role":"user","content":"Hi"}]}',
    "model null": b'{"model":null,"messages":[{"role":"user","content":"Hi"}]}',
    "model a number": b'{"model":4.1,"messages":[{"role":"user","content":"Hi"}]}',
    "no messages": b'{"model":"gpt-4.1"}',
    "messages a text": b'{"model":"gpt-4.1","messages":"Hi"}',
    "messages empty": b'{"model":"gpt-4.1","messages":[]}',
    "a message a text": b'{"model":"gpt-4.1","messages":["Hi"]}',
    "a message without role": b'{"model":"gpt-4.1","messages":[{"content":"Hi"}]}',
    "stream a text": b'{"model":"gpt-4.1","stream":"yes","messages":[{"role":"user","content":"Hi"}]}',
}


@pytest.mark.parametrize("path", [CHAT, "/v1/completions", "/v1/embeddings"])
async def test_a_body_that_cannot_be_read_is_a_400_in_openais_shape(house: House, path: str) -> None:
    for name, body in BAD_BODIES.items():
        answer = await house.http.post(path, content=body)

        assert answer.status_code == 400, name
        assert fault_of(answer) == "", name
        assert answer.json()["error"]["type"] == "invalid_request_error", name


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", CHAT, 405), ("PUT", "/v1/embeddings", 405), ("POST", "/v1/models", 405), ("GET", "/v1/no/such", 404)],
)
async def test_a_wrong_path_or_method_is_an_error_object(house: House, method: str, path: str, status: int) -> None:
    answer = await house.http.request(method, path)

    assert answer.status_code == status
    assert fault_of(answer) == ""


@pytest.mark.parametrize("break_", BREAKS)
@pytest.mark.parametrize("column", COLUMNS)
async def test_a_stream_that_breaks_ends_with_an_error_object_and_nothing_else(
    house: House, column: str, break_: str
) -> None:
    body = {
        "model": COLUMNS[column].model,
        "messages": user(f"{break_}{WORDS}"),
        "stream": True,
        "stream_options": {"include_usage": True},
    }

    answer = await house.http.post(CHAT, json=body)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    blocks = answer.text.split("\n\n")
    assert blocks.pop() == ""
    *before, last = [json.loads(block.removeprefix("data: ")) for block in blocks]
    assert is_error(last), last
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in before)
    assert not any(choice.get("finish_reason") for chunk in before for choice in chunk["choices"])
    assert not any(chunk.get("usage") for chunk in before)


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_whole_answer_that_breaks_is_a_502(house: House, column: str) -> None:
    for break_ in ("[[midfail]]", "[[cut:100]]"):
        body = {"model": COLUMNS[column].model, "messages": user(f"{break_}{WORDS}")}

        answer = await house.http.post(CHAT, json=body)

        assert answer.status_code == 502, break_
        assert fault_of(answer) == "", break_


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_stream_of_old_completions_that_breaks_ends_with_an_error_object(house: House, column: str) -> None:
    for break_ in ("[[midfail]]", "[[inband]]", "[[nofinish]]"):
        body = {"model": COLUMNS[column].model, "prompt": [f"{break_}{WORDS}", "Hi"], "stream": True}

        answer = await house.http.post("/v1/completions", json=body)

        *_, last = [block for block in answer.text.split("\n\n") if block]
        assert is_error(json.loads(last.removeprefix("data: "))), break_
        assert "[DONE]" not in answer.text, break_


@pytest.mark.parametrize("prefix", ["/v1", ""])
async def test_models_have_all_that_clients_read(house: House, prefix: str) -> None:
    body = (await house.http.get(f"{prefix}/models")).json()

    assert body["object"] == "list"
    for model in body["data"]:
        assert isinstance(model["id"], str)
        assert model["id"]
        assert model["object"] == "model"
        assert type(model["created"]) is int
        assert isinstance(model["owned_by"], str)
        assert model["owned_by"]
        assert (await house.http.get(f"{prefix}/models/{model['id']}")).json() == model
    ids = [model["id"] for model in body["data"]]
    assert len(set(ids)) == len(ids) > 10
    assert {column.model for column in COLUMNS.values()} <= set(ids)
