"""Copilot's refusals as clients without a package of their own see them: headers, bodies, and what is asked twice."""

import json
import re
from typing import Any

import httpx
import pytest
from house import House

from passenger_trio.simulator import Fault

MODELS = {"/chat/completions": "gpt-4.1", "/responses": "gpt-5.3-codex", "/v1/messages": "claude-opus-4.7"}
FACES = ["/v1/chat/completions", "/api/chat"]
CHAT = "/chat/completions"
NO_MODEL = b'{"error":{"message":"The requested model is not supported.","code":"model_not_supported"}}\n'


async def ask(house: House, path: str, text: str, *, model: str = "gpt-4.1", **more: Any) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": False, **more}
    return await house.http.post(path, json=body)


def said(answer: httpx.Response) -> str:
    error = answer.json()["error"]
    return str(error if isinstance(error, str) else error["message"])


@pytest.mark.parametrize(
    "name, wait, retry",
    [
        ("402_quota_exceeded", "2026-07-01T00:00:00Z", "false"),
        ("402_spend_limit", None, "false"),
        ("429_quota_plain", "1209600", "false"),
        ("429_rate_limited", "37", None),
        ("429_user_global", "7200", "false"),
        ("429_weekly", "166000", "false"),
        ("429_model_overloaded", None, None),
        ("421_misdirected", None, "false"),
        ("424_agent_dependency", None, None),
        ("466_client_too_old", None, "false"),
        ("499", None, None),
        ("500", None, None),
        ("503", None, None),
    ],
)
@pytest.mark.parametrize("path", FACES)
async def test_clients_are_told_when_to_come_back_and_whether(
    house: House, path: str, name: str, wait: str | None, retry: str | None
) -> None:
    for stream in (False, True):
        answer = await ask(house, path, f"[[err:{name}]]", stream=stream)

        assert answer.headers.get("retry-after") == wait
        assert answer.headers.get("x-should-retry") == retry
        assert answer.headers["x-request-id"]
        assert answer.headers["x-github-request-id"].count(":") == 4


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("endpoint", MODELS)
async def test_too_long_a_prompt_is_told_in_each_dialects_own_form_on_every_endpoint(
    house: House, endpoint: str, stream: bool
) -> None:
    openai = await ask(house, FACES[0], "[[overflow]] Hi", model=MODELS[endpoint], stream=stream)
    ollama = await ask(house, FACES[1], "[[overflow]] Hi", model=MODELS[endpoint], stream=stream)

    error = openai.json()["error"]
    assert house.simulator.requests[-1].path == endpoint
    assert (openai.status_code, ollama.status_code) == (400, 400)
    assert (error["type"], error["code"]) == ("invalid_request_error", "context_length_exceeded")
    assert error["param"] == "messages"
    assert "This model's maximum context length is" in error["message"]
    assert "prompt is too long" in said(ollama)
    if endpoint != "/responses":  # there Copilot tells no numbers
        assert re.search(r"length is \d+ tokens\. However, your messages resulted in \d+ tokens", error["message"])
        assert re.search(r"\d tokens > \d+ maximum", said(ollama))


@pytest.mark.parametrize("path", FACES)
async def test_a_prompt_that_is_really_too_long_for_responses_is_told_so(house: House, path: str) -> None:
    answer = await ask(house, path, "word " * 280_000, model=MODELS["/responses"])

    assert answer.status_code == 400
    assert "maximum context length" in said(answer) or "prompt is too long" in said(answer)
    assert "exceeds the context window" in said(answer)


async def test_too_long_a_prompt_of_a_completion_is_the_prompts_fault(house: House) -> None:
    for path in ("/v1/completions", "/completions"):
        answer = await house.http.post(path, json={"model": "gpt-4.1", "prompt": "[[overflow]]"})

        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (400, "context_length_exceeded", "prompt")


async def test_too_long_an_input_of_an_embedding_is_the_inputs_fault(house: House) -> None:
    body = b'{"error":{"message":"maximum context length is 8192 tokens, but you requested 9000 tokens"}}'
    house.simulator.faults.append(Fault(path="/embeddings", status=400, body=body, times=2))
    for path in ("/v1/embeddings", "/embeddings"):
        answer = await house.http.post(path, json={"model": "text-embedding-3-small", "input": "Hi"})

        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (400, "context_length_exceeded", "input")


async def test_an_embedding_that_is_refused_has_the_errors_of_a_chat(house: House) -> None:
    quota = {"retry-after": "2026-07-01T00:00:00Z"}
    body = b'{"error":{"message":"You have no quota","code":"quota_exceeded"}}\n'
    house.simulator.faults.append(Fault(path="/embeddings", status=402, body=body, headers=quota))
    embedding = await house.http.post("/v1/embeddings", json={"model": "text-embedding-3-small", "input": "Hi"})
    chat = await ask(house, FACES[0], "[[err:402_quota_exceeded]]")

    assert embedding.status_code == 429
    assert embedding.json() == chat.json()
    for name in ("retry-after", "x-should-retry"):
        assert embedding.headers[name] == chat.headers[name]


async def test_what_copilot_said_is_beside_what_openais_packages_are_told(house: House) -> None:
    changed = (await ask(house, FACES[0], "[[err:402_quota_exceeded]]")).json()["error"]
    same = (await ask(house, FACES[0], "[[err:429_rate_limited]]")).json()["error"]

    assert changed["upstream"] == {"status": 402, "code": "quota_exceeded"}
    assert "upstream" not in same


async def test_a_refusal_in_the_middle_of_a_stream_is_told_as_one_before_it(house: House) -> None:
    body = {"model": "gpt-4.1", "prompt": ["[[reply:one]]", "[[err:402_quota_exceeded]]"], "stream": True}
    streamed = await house.http.post("/v1/completions", json=body)
    at_once = await house.http.post("/v1/completions", json={**body, "prompt": "[[err:402_quota_exceeded]]"})

    *before, last = streamed.text.removesuffix("\n\n").split("\n\n")
    assert streamed.status_code == 200
    assert '"text":"one"' in "".join(before)
    assert json.loads(last.removeprefix("data: ")) == at_once.json()
    assert "[DONE]" not in streamed.text


@pytest.mark.parametrize("endpoint", MODELS)
@pytest.mark.parametrize("path", FACES)
async def test_an_error_inside_a_stream_has_the_dialects_shape_and_no_good_end(
    house: House, endpoint: str, path: str
) -> None:
    answer = await ask(house, path, "[[inband]] one two three", model=MODELS[endpoint], stream=True)

    last = [line for line in answer.text.splitlines() if line][-1].removeprefix("data: ")
    error = json.loads(last)["error"]
    assert answer.status_code == 200
    assert "[DONE]" not in answer.text
    assert '"done":true' not in answer.text
    if path == FACES[0]:
        assert error.keys() == {"message", "type", "param", "code"}
        assert error["type"] == "server_error"
        error = error["message"]
    assert "Copilot broke off" in error


@pytest.mark.parametrize("path", FACES)
async def test_a_call_to_the_wrong_host_is_asked_again_with_a_new_token(house: House, path: str) -> None:
    await house.http.get("/v1/models")
    before = house.simulator.counts["token"]
    house.simulator.misdirected = True

    answer = await ask(house, path, "[[reply:Hello]]")

    assert answer.status_code == 200
    assert "Hello" in answer.text
    assert (house.simulator.counts["chat"], house.simulator.counts["token"]) == (2, before + 1)


@pytest.mark.parametrize("path", FACES)
async def test_a_listed_model_that_a_stale_token_hides_is_asked_for_again(house: House, path: str) -> None:
    await house.http.get("/v1/models")
    before = house.simulator.counts["token"]
    house.simulator.faults.append(Fault(path=CHAT, status=400, body=NO_MODEL))

    answer = await ask(house, path, "[[reply:Hello]]")

    assert answer.status_code == 200
    assert "Hello" in answer.text
    assert (house.simulator.counts["chat"], house.simulator.counts["token"]) == (2, before + 1)


async def test_a_listed_model_that_stays_refused_costs_one_exchange(house: House) -> None:
    await house.http.get("/v1/models")
    before = house.simulator.counts["token"]
    house.simulator.faults.append(Fault(path=CHAT, status=400, body=NO_MODEL, times=9))

    answers = [await ask(house, FACES[0], "Hi") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [400] * 3
    assert {answer.json()["error"]["code"] for answer in answers} == {"model_not_supported"}
    assert {answer.json()["error"]["param"] for answer in answers} == {"model"}
    assert (house.simulator.counts["chat"], house.simulator.counts["token"]) == (4, before + 1)


async def test_an_unknown_model_costs_no_exchange(house: House) -> None:
    await house.http.get("/v1/models")
    before = house.simulator.counts["token"]

    answer = await ask(house, FACES[0], "Hi", model="gpt-99")

    assert answer.status_code == 404
    assert "The requested model is not supported." in said(answer)
    assert (house.simulator.counts["chat"], house.simulator.counts["token"]) == (1, before)


@pytest.mark.parametrize(
    "name, remedy",
    [
        ("400_missing_editor_version", "`editor_version`"),
        ("401_token_expired", "`passenger-trio login`"),
        ("421_misdirected", "`api_base_url`"),
        ("466_client_too_old", "`api_version`"),
    ],
)
@pytest.mark.parametrize("path", FACES)
async def test_what_a_person_can_mend_is_said(house: House, path: str, name: str, remedy: str) -> None:
    assert remedy in said(await ask(house, path, f"[[err:{name}]]"))
