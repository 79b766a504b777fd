"""Errors before and after the first byte, in the dialect of the path they happened on."""

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import House, open_house

from passenger_trio.errors import PassengerError, UpstreamRefused
from passenger_trio.server import faults
from passenger_trio.simulator import Fault, Simulator

CHATS = ["/v1/chat/completions", "/chat/completions", "/api/chat", "/v1/api/chat"]
UPSTREAM = "/chat/completions"


def ask(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4.1", "messages": [{"role": "user", "content": text}], **more}


def words(answer: httpx.Response) -> str:
    """The message of an error, whose body must have the shape of its path's dialect."""
    charset = "; charset=utf-8" if faults.is_ollama(answer.url.path) else ""
    assert answer.headers["content-type"] == f"application/json{charset}"
    body = answer.json()
    assert body.keys() == {"error"}
    error = body["error"]
    if faults.is_ollama(answer.url.path):
        assert isinstance(error, str)
        return error
    assert {"message", "type", "param", "code"} <= error.keys() <= {"message", "type", "param", "code", "upstream"}
    assert isinstance(error["message"], str)
    assert isinstance(error["type"], str)
    return str(error["message"])


def test_paths_belong_to_ollama_by_whole_segments() -> None:
    assert all(map(faults.is_ollama, ("/api", "/api/", "/api/chat", "/v1/api/chat", "/v1/api", "/api/no/such")))
    assert not any(map(faults.is_ollama, ("/", "/v1/chat/completions", "/apiary", "/v1/apiary", "/health", "/v1")))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", CHATS)
async def test_a_refusal_keeps_its_status_words_ids_and_the_time_to_wait(house: House, path: str, stream: bool) -> None:
    answer = await house.http.post(path, json=ask("[[http:429]]", stream=stream))

    assert answer.status_code == 429
    assert words(answer) == "rate limit exceeded"
    assert answer.headers["retry-after"] == "37"
    assert answer.headers["x-ratelimit-exceeded"] == "rate_limited"
    assert answer.headers["x-github-request-id"].count(":") == 4
    assert answer.headers["x-request-id"]
    if not faults.is_ollama(path):
        assert answer.json()["error"]["type"] == "rate_limit_error"
        assert answer.json()["error"]["code"] == "rate_limited"
    assert house.simulator.counts["chat"] == 1


OPENAIS = {402: 429, 421: 502, 422: 400, 424: 502, 466: 502, 499: 502}
"""Statuses that OpenAI's packages know, for those that they do not."""


@pytest.mark.parametrize(
    "status, text",
    [
        (400, "invalid request body"),
        (402, "You have no quota"),
        (403, "not authorized to use this Copilot feature"),
        (404, "model not found"),
        (413, "failed to parse request"),
        (421, "Misdirected Request"),
        (422, "content management policy"),
        (424, "failed dependency"),
        (466, "API version is no longer supported"),
        (499, "HTTP 499"),
        (500, "Internal server error"),
        (502, "web page instead of an answer"),
        (503, "upstream connect error"),
        (504, "stream timeout"),
        (529, "simulated status 529"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
async def test_every_status_of_copilots_is_handed_on_with_its_words(
    house: House, path: str, status: int, text: str
) -> None:
    answer = await house.http.post(path, json=ask(f"[[http:{status}]]", stream=True))

    assert answer.status_code == (status if faults.is_ollama(path) else OPENAIS.get(status, status))
    assert text in words(answer)
    assert "<" not in words(answer)
    assert answer.headers["x-github-request-id"]
    # nothing that may have been answered is asked twice; a wrong host has answered nothing
    assert house.simulator.counts["chat"] == (2 if status == 421 else 1)


@pytest.mark.parametrize("path", CHATS)
async def test_an_unknown_model_is_a_404_that_names_it(house: House, path: str) -> None:
    answer = await house.http.post(path, json={**ask("Hi"), "model": "gpt-99"})

    assert answer.status_code == 404
    assert "gpt-99" in words(answer)


async def test_an_answer_that_breaks_ends_as_an_error_for_openai(house: House) -> None:
    answer = await house.http.post("/v1/chat/completions", json=ask("[[midfail]] one two three four", stream=True))

    assert answer.status_code == 200
    *before, last = answer.text.removesuffix("\n\n").split("\n\n")
    assert before
    assert all('"choices"' in event for event in before)
    error = json.loads(last.removeprefix("data: "))["error"]
    assert "broke" in error["message"]
    assert error["type"] == "server_error"
    assert "[DONE]" not in answer.text
    assert '"finish_reason":"stop"' not in answer.text


@pytest.mark.parametrize("path", ["/api/chat", "/v1/api/chat"])
async def test_an_answer_that_breaks_ends_as_an_error_for_ollama(house: House, path: str) -> None:
    answer = await house.http.post(path, json=ask("[[midfail]] one two three four", stream=True))

    assert answer.status_code == 200
    *before, last = [json.loads(line) for line in answer.text.splitlines()]
    assert before
    assert not any("error" in line or line["done"] for line in before)
    assert last.keys() == {"error"}
    assert "broke" in last["error"]


@pytest.mark.parametrize("path", CHATS)
async def test_a_whole_answer_that_breaks_is_a_502(house: House, path: str) -> None:
    answer = await house.http.post(path, json=ask("[[midfail]] one two", stream=False))

    assert answer.status_code == 502
    assert "broke" in words(answer)


@pytest.mark.parametrize("path", CHATS)
async def test_an_answer_that_makes_no_sense_is_a_502(house: House, path: str) -> None:
    house.simulator.faults += [Fault(path=UPSTREAM, status=200, body=b"Hello?", times=2)]

    whole = await house.http.post(path, json=ask("Hi", stream=False))
    streamed = await house.http.post(path, json=ask("Hi", stream=True))

    assert (whole.status_code, streamed.status_code) == (502, 502)
    assert "Copilot" in words(whole)
    assert "Copilot" in words(streamed)


@pytest.mark.parametrize("path", CHATS)
async def test_upstream_that_stays_silent_is_a_504(tmp_path: Path, path: str) -> None:
    simulator = Simulator()
    async with open_house(simulator, tmp_path, copilot__first_byte_timeout=0.2) as house:
        simulator.faults.append(Fault(path=UPSTREAM, status=200, delay=20))
        answer = await house.http.post(path, json=ask("Hi"))

    assert answer.status_code == 504
    assert "silent" in words(answer)
    assert simulator.counts["chat"] == 1


@pytest.mark.parametrize("path", CHATS)
async def test_upstream_that_is_not_there_is_a_502(tmp_path: Path, path: str) -> None:
    async with open_house(Simulator(), tmp_path, copilot__api_base_url="http://127.0.0.1:9") as house:
        answer = await house.http.post(path, json=ask("Hi"))

    assert answer.status_code == 502
    assert "127.0.0.1 cannot be reached" in words(answer)


@pytest.mark.parametrize("path", ["/v1", "/v1/nowhere", "/v1/responses/x", "/v1/apiary"])
async def test_a_path_that_does_not_exist_is_a_404(house: House, path: str) -> None:
    answer = await house.http.get(path)

    assert answer.status_code == 404
    assert path in words(answer)


@pytest.mark.parametrize("path", ["/nowhere", "/chat", "/responses/x", "/api/nowhere", "/v1/api/nowhere"])
async def test_a_path_that_does_not_exist_outside_of_v1_is_told_as_ollama_does(house: House, path: str) -> None:
    answer = await house.http.get(path)

    assert (answer.status_code, answer.text) == (404, "404 page not found")
    assert answer.headers["content-type"] == "text/plain"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "/v1/models", "/models"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_method_that_does_not_exist_is_a_405(house: House, path: str, method: str) -> None:
    answer = await house.http.request(method, path)

    assert answer.status_code == 405
    assert method in words(answer)
    assert {"POST", "GET"} & set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize("path", ["/api/chat", "/v1/api/chat", "/api/tags", "/health"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_method_that_does_not_exist_outside_of_v1_is_told_as_ollama_does(
    house: House, path: str, method: str
) -> None:
    answer = await house.http.request(method, path)

    assert (answer.status_code, answer.text) == (405, "405 method not allowed")
    assert answer.headers["content-type"] == "text/plain"
    assert {"POST", "GET"} & set(answer.headers["allow"].split(", "))


DEEP = b"[" * 100_000 + b"]" * 100_000
BAD_BODIES = {
    "nothing": b"",
    "not JSON": b"{model: gpt}",
    "cut": b'{"model": "gpt-4.1", "messages": [{"role": "us',
    "a list": b"[]",
    "null": b"null",
    "no model": b'{"messages": [{"role": "user", "content": "Hi"}]}',
    "model empty": b'{"model": "", "messages": [{"role": "user", "content": "Hi"}]}',
    "model a number": b'{"model": 1, "messages": [{"role": "user", "content": "Hi"}]}',
    "messages a string": b'{"model": "gpt-4.1", "messages": "Hi"}',
    "message a string": b'{"model": "gpt-4.1", "messages": ["Hi"]}',
    "no role": b'{"model": "gpt-4.1", "messages": [{"content": "Hi"}]}',
    "content a number": b'{"model": "gpt-4.1", "messages": [{"role": "user", "content": 1}]}',
    "stream a string": b'{"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}], "stream": "yes"}',
    "not UTF-8": b'{"model": "gpt-4.1", "messages": [{"role": "user", "content": "\xff"}]}',
    "a model not in UTF-8": b'{"model": "\xff", "messages": [{"role": "user", "content": "Hi"}]}',
    "nested too deep": b'{"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}], "x": %b}' % DEEP,
}


@pytest.mark.parametrize("body", BAD_BODIES)
@pytest.mark.parametrize("path", CHATS)
async def test_a_body_that_cannot_be_read_is_a_400(house: House, path: str, body: str) -> None:
    answer = await house.http.post(path, content=BAD_BODIES[body])

    assert answer.status_code == 400
    assert words(answer)
    assert house.simulator.counts["chat"] == 0


@pytest.mark.parametrize("field, body", [("model", {"messages": []}), ("messages", {"model": "m"})])
async def test_openai_is_told_which_field_is_missing(house: House, field: str, body: dict[str, Any]) -> None:
    error = (await house.http.post("/v1/chat/completions", json=body)).json()["error"]

    assert error["param"] == field
    assert field in error["message"]


OLLAMA_BAD: dict[str, dict[str, Any]] = {
    "format unknown": {"format": "yaml"},
    "think unknown": {"think": "a lot"},
    "logprobs too many": {"logprobs": True, "top_logprobs": 21},
    "option a string": {"options": {"temperature": "hot"}},
    "option too large for a number": {"options": {"temperature": "HUGE"}},
    "stop a number": {"options": {"stop": 1}},
    "result without a call": {"messages": [{"role": "tool", "content": "18C"}]},
    "parts that are none, with a picture": {"messages": [{"role": "user", "content": [1], "images": ["aGk="]}]},
}


@pytest.mark.parametrize("case", OLLAMA_BAD)
@pytest.mark.parametrize("path", ["/api/chat", "/v1/api/chat"])
async def test_what_ollamas_dialect_cannot_say_is_a_400(house: House, path: str, case: str) -> None:
    body = json.dumps({**ask("Hi"), **OLLAMA_BAD[case]}).replace('"HUGE"', "1e999")

    answer = await house.http.post(path, content=body.encode())

    assert answer.status_code == 400
    assert words(answer)
    assert house.simulator.counts["chat"] == 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", CHATS)
async def test_a_dead_token_is_renewed_and_the_call_sent_once_more(house: House, path: str, stream: bool) -> None:
    await house.http.get("/v1/models")  # the list is here, and will not be what finds the token dead
    before = house.simulator.counts["token"]
    house.simulator.kill_tokens()

    answer = await house.http.post(path, json=ask("[[reply:Hello]]", stream=stream))

    assert answer.status_code == 200
    assert "Hello" in answer.text
    assert house.simulator.counts["chat"] == 2
    assert house.simulator.counts["token"] == before + 1
    bodies = [seen.body for seen in house.simulator.requests if seen.path == UPSTREAM]
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("path", CHATS)
async def test_a_401_that_a_fresh_token_does_not_mend_is_handed_on(house: House, path: str) -> None:
    answer = await house.http.post(path, json=ask("[[http:401]]"))

    assert answer.status_code == 401
    assert words(answer).startswith(
        "IDE token expired: unauthorized: token expired. Copilot takes no token of this login."
    )
    assert house.simulator.counts["chat"] == 2


@pytest.mark.parametrize("path", [*CHATS, "/v1/models/gpt-4.1"])
async def test_a_revoked_login_is_a_401_with_the_remedy(house: House, path: str) -> None:
    await house.http.get("/v1/models")
    house.simulator.kill_tokens()
    house.simulator.revoke(house.login)

    if path in CHATS:
        answers = [await house.http.post(path, json=ask("Hi")) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [401, 401]
        assert all("passenger-trio login" in words(answer) for answer in answers)
        assert house.simulator.counts["chat"] == 1
    else:
        assert (await house.http.get(path)).status_code == 200  # the list is at hand, whoever is logged in


async def test_a_token_that_cannot_be_had_right_now_is_a_503_with_a_time_to_wait(house: House) -> None:
    house.simulator.kill_tokens()
    house.simulator.faults.append(Fault(path="/copilot_internal/v2/token", status=500, times=20))

    answer = await house.http.post("/v1/chat/completions", json=ask("Hi"))

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "token_unavailable"
    assert int(answer.headers["retry-after"]) >= 1


def test_a_bug_is_told_as_a_500_that_shows_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        ours = faults.as_ours(ZeroDivisionError("inner workings"), "/api/chat", "POST")

    assert type(ours) is PassengerError
    assert ours.status == 500
    assert "inner workings" not in ours.message
    assert "ZeroDivisionError: inner workings" in caplog.text


def test_our_own_errors_stay_what_they_are() -> None:
    error = UpstreamRefused(418, "short and stout")

    assert faults.as_ours(error, "/", "GET") is error
