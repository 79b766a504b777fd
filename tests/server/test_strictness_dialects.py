"""What clients of Messages and Responses are strict about in errors: shape, status and words, on each endpoint."""

import json
import re
from typing import Any

import httpx
import pytest
from house import House
from server.client_shapes import user
from server.front_shapes import COLUMNS, MESSAGES, RESPONSES, Front, is_anthropics_error
from server.test_strictness_errors import fault_of

from passenger_trio.simulator.recorded_errors import ERRORS

FRONTS = {"messages": MESSAGES, "responses": RESPONSES}
EACH = pytest.mark.parametrize("column", COLUMNS)
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""Anthropic's word for each status, which its packages and Claude Code go by."""


def asked(front: Front, column: str, prompt: str, **fields: Any) -> dict[str, Any]:
    said = {"input": prompt} if front is RESPONSES else {"messages": user(prompt)}
    return {**front.body(column), **said, **fields}


def fault(front: Front, answer: httpx.Response) -> str:
    """What is wrong with an error before the first byte; nothing if nothing is."""
    if front is RESPONSES:
        return fault_of(answer)
    if answer.headers["content-type"] != "application/json":
        return answer.headers["content-type"]
    body = answer.json()
    kind = _KINDS.get(answer.status_code, body.get("error", {}).get("type"))
    known = is_anthropics_error(body, kind) and body["request_id"] == answer.headers["x-request-id"]
    return "" if known and answer.status_code >= 400 else f"{answer.status_code}: {answer.text}"


@pytest.mark.parametrize("stream", [False, True])
@EACH
@pytest.mark.parametrize("dialect", FRONTS)
async def test_every_refusal_of_copilots_is_an_error_of_the_dialect_before_the_first_byte(
    house: House, dialect: str, column: str, stream: bool
) -> None:
    front, found = FRONTS[dialect], dict[str, str]()
    for name in ERRORS:
        body = asked(front, column, f"[[err:{name}]]", stream=stream)
        found[name] = fault(front, await house.http.post(front.path, json=body))

    assert len(found) > 40
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@EACH
async def test_a_prompt_that_is_too_long_is_told_in_the_words_that_make_claude_code_shorten_it(
    house: House, column: str
) -> None:
    answer = await house.http.post(MESSAGES.path, json=asked(MESSAGES, column, "[[overflow]]"))

    assert answer.status_code == 400
    assert is_anthropics_error(answer.json(), "invalid_request_error")
    words = answer.json()["error"]["message"]
    assert words.startswith("prompt is too long: ")
    if column != "responses":  # there Copilot tells no numbers
        found = re.match(r"prompt is too long: (\d+) tokens > (\d+) maximum", words)
        assert found is not None
        assert int(found[1]) == int(found[2]) + 1


@EACH
async def test_a_prompt_that_is_too_long_is_told_by_the_code_that_makes_codex_shorten_it(
    house: House, column: str
) -> None:
    for stream in (False, True):
        answer = await house.http.post(RESPONSES.path, json=asked(RESPONSES, column, "[[overflow]]", stream=stream))

        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == ("context_length_exceeded", "input")


@EACH
@pytest.mark.parametrize("dialect", FRONTS)
async def test_haste_says_when_to_ask_again_and_a_used_up_quota_that_it_is_of_no_use(
    house: House, dialect: str, column: str
) -> None:
    front = FRONTS[dialect]
    haste = await house.http.post(front.path, json=asked(front, column, "[[http:429]]"))
    quota = await house.http.post(front.path, json=asked(front, column, "[[err:402_quota_exceeded]]"))

    assert (haste.status_code, haste.headers["retry-after"]) == (429, "37")
    assert "x-should-retry" not in haste.headers
    assert (quota.status_code, quota.headers["x-should-retry"]) == (429, "false")
    kinds = [answer.json()["error"]["type"] for answer in (haste, quota)]
    assert kinds == ["rate_limit_error", "rate_limit_error" if front is MESSAGES else "insufficient_quota"]
    assert "quota" in quota.json()["error"]["message"]


@pytest.mark.parametrize("dialect", FRONTS)
async def test_a_model_that_does_not_exist_is_a_404_of_the_dialect(house: House, dialect: str) -> None:
    front = FRONTS[dialect]
    for stream in (False, True):
        body = {**asked(front, "chat", "Hi", stream=stream), "model": "gpt-99-none"}
        answer = await house.http.post(front.path, json=body)

        assert answer.status_code == 404
        assert fault(front, answer) == ""
        assert "gpt-99-none" in answer.json()["error"]["message"]
        if front is RESPONSES:
            assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == ("model_not_found", "model")


@pytest.mark.parametrize("dialect", FRONTS)
async def test_a_model_that_is_switched_off_is_a_403_of_the_dialect(house: House, dialect: str) -> None:
    front = FRONTS[dialect]
    answer = await house.http.post(front.path, json={**asked(front, "chat", "Hi"), "model": "claude-opus-4.6"})

    assert answer.status_code == 403
    assert fault(front, answer) == ""
    assert "claude-opus-4.6" in answer.json()["error"]["message"]


HELLO: dict[str, Any] = {"max_tokens": 9, "messages": user("Hi"), "input": "Hi"}
BAD_BODIES: dict[str, Any] = {
    "no object": ["gpt-4.1"],
    "no model": HELLO,
    "model null": {**HELLO, "model": None},
    "model a number": {**HELLO, "model": 4.1},
    "no conversation": {"model": "gpt-4.1", "max_tokens": 9},
    "a number of messages": {"model": "gpt-4.1", "messages": 7, "input": 7},
    "no messages": {"model": "gpt-4.1", "messages": [], "input": []},
    "a message a text": {"model": "gpt-4.1", "messages": ["Hi"], "input": ["Hi"]},
    "a role nobody has": {"model": "gpt-4.1", "messages": [{"role": "x", "content": "Hi"}], "input": [{"role": "x"}]},
    "stream a text": {**HELLO, "model": "gpt-4.1", "stream": "yes"},
    "stream a number": {**HELLO, "model": "gpt-4.1", "stream": 1},
}
UNREADABLE = {
    "nothing": b"",
    "no JSON": b"model=gpt-4.1",
    "half": b'{"model":"gpt-4.1","max_tokens":9',
    "no UTF-8": b'{"model":"gpt-4.1","max_tokens":9,"messages":[{"role":"user","content":"\xff"}],"input":"\xff"}',
}


@EACH
@pytest.mark.parametrize("dialect", FRONTS)
async def test_a_body_that_cannot_be_read_is_a_400_of_the_dialect(house: House, dialect: str, column: str) -> None:
    front = FRONTS[dialect]
    bodies = {**UNREADABLE, **{name: json.dumps(body).encode() for name, body in BAD_BODIES.items()}}
    if dialect == column == "responses":
        del bodies["a role nobody has"]  # passes as it is: Copilot knows best which roles there are
    for name, body in bodies.items():
        content = body.replace(b"gpt-4.1", front.columns[column].model.encode())
        answer = await house.http.post(front.path, content=content)

        assert answer.status_code == 400, name
        assert fault(front, answer) == "", name
        assert answer.json()["error"]["type"] == "invalid_request_error", name


@EACH
@pytest.mark.parametrize("dialect", FRONTS)
async def test_a_whole_answer_that_breaks_is_a_502_of_the_dialect(house: House, dialect: str, column: str) -> None:
    front = FRONTS[dialect]
    for break_ in ("[[midfail]]", "[[cut:100]]"):
        answer = await house.http.post(front.path, json=asked(front, column, f"{break_}[[reply:One two three]]"))

        assert answer.status_code == 502, break_
        assert fault(front, answer) == "", break_


VERSION = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/messages", 405, "invalid_request_error"),
        ("GET", "/v1/messages/count_tokens", 405, "invalid_request_error"),
        ("GET", "/v1/messages/batches", 404, "not_found_error"),
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ("GET", "/v1/models/gpt-99-none", 404, "not_found_error"),
        ("GET", "/v1/models?limit=0", 400, "invalid_request_error"),
        ("GET", "/v1/models?after_id=gpt-99-none", 400, "invalid_request_error"),
    ],
)
async def test_a_wrong_path_or_model_or_page_is_an_error_of_anthropics_to_who_names_a_version(
    house: House, method: str, path: str, status: int, kind: str
) -> None:
    answer = await house.http.request(method, path, headers=VERSION)

    assert answer.status_code == status
    assert is_anthropics_error(answer.json(), kind), answer.text
