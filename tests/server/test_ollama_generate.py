"""``/api/generate``: a prompt, what came before it in ``context``, and the gap between a prompt and a suffix."""

import json
import re
from typing import Any

import httpx
import pytest
from house import House

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
NUMBERS = {
    *("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"),
    *("prompt_eval_count", "eval_count"),
}
KEYS = {"model", "created_at", "response", "done", "context"}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def ask(prompt: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4.1", "prompt": prompt, **more}


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text[:-1].split("\n")]


def sent(house: House) -> dict[str, Any]:
    """The last chat that Copilot got."""
    body: dict[str, Any] = json.loads(house.simulator.requests[-1].body)
    return body


@pytest.mark.parametrize("path", ["/api/generate", "/v1/api/generate"])
@pytest.mark.parametrize("more", [{}, {"stream": None}, {"stream": True, "system": "", "format": ""}], ids=str)
async def test_a_prompt_is_answered_in_lines(house: House, path: str, more: dict[str, Any]) -> None:
    *before, last = lines(await house.http.post(path, json=ask("[[reply:One two]]", **more)))

    assert [line["response"] for line in before] == ["One", " two"]
    assert all(line.keys() == KEYS and line["context"] == [] and line["done"] is False for line in before)
    assert last.keys() == KEYS | NUMBERS | {"done_reason"}
    assert (last["response"], last["done"], last["done_reason"]) == ("", True, "stop")
    assert all(type(last[name]) is int and last[name] > 0 for name in NUMBERS)
    assert all(type(number) is int for number in last["context"])
    assert all(TIME.fullmatch(line["created_at"]) and line["model"] == "gpt-4.1" for line in (*before, last))


async def test_without_a_stream_it_is_one_object(house: House) -> None:
    answer = await house.http.post("/api/generate", json=ask("[[reply:One two]]", stream=False))

    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    body = answer.json()
    assert body.keys() == KEYS | NUMBERS | {"done_reason"}
    assert (body["response"], body["done"]) == ("One two", True)
    assert sent(house)["messages"] == [{"role": "user", "content": "[[reply:One two]]"}]


@pytest.mark.parametrize("stream", [False, True])
async def test_the_context_of_an_answer_carries_the_conversation_on(house: House, stream: bool) -> None:
    async def say(prompt: str, **more: Any) -> Any:
        answer = await house.http.post("/api/generate", json=ask(prompt, stream=stream, **more))
        return (lines(answer)[-1] if stream else answer.json())["context"]

    context = await say("[[reply:Hello Ann]]", system="Be brief.")
    context = await say("[[reply:Ann]]", context=context)
    await say("Thanks", context=context)

    assert sent(house)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "[[reply:Hello Ann]]"},
        {"role": "assistant", "content": "Hello Ann"},
        {"role": "user", "content": "[[reply:Ann]]"},
        {"role": "assistant", "content": "Ann"},
        {"role": "user", "content": "Thanks"},
    ]


async def test_somebody_elses_context_is_left_out_and_named(house: House) -> None:
    answer = await house.http.post("/api/generate", json=ask("Hi", context=[1, 2, 3], stream=False))

    assert answer.status_code == 200
    assert answer.headers["x-passenger-dropped"] == "context"


@pytest.mark.parametrize("stream", [False, True])
async def test_the_answer_to_a_raw_prompt_has_no_context(house: House, stream: bool) -> None:
    answer = await house.http.post("/api/generate", json=ask("[[reply:One]]", raw=True, stream=stream))

    assert answer.status_code == 200
    assert "context" not in answer.text


@pytest.mark.parametrize("stream", [False, True])
async def test_thoughts_have_a_field_of_their_own(house: House, stream: bool) -> None:
    async def said(**more: Any) -> list[dict[str, Any]]:
        request = {**ask("[[think]][[reply:Done]]", stream=stream, **more), "model": "claude-sonnet-4.5"}
        answer = await house.http.post("/api/generate", json=request)
        return lines(answer) if stream else [answer.json()]

    told, silent = await said(), await said(think=False)
    assert "without a model" in "".join(line.get("thinking", "") for line in told)
    assert "".join(line["response"] for line in told) == "Done" == "".join(line["response"] for line in silent)
    assert not any("thinking" in line for line in silent)


async def test_a_gap_is_filled_by_a_model_that_can(house: House) -> None:
    (*_, last) = lines(await house.http.post("/api/generate", json=ask("def f(", suffix="):\n  pass")))
    refused = await house.http.post(
        "/api/generate", json={"model": "gpt-5.3-codex", "prompt": "def f(", "suffix": "):\n  pass"}
    )

    assert last["done"] is True
    assert refused.status_code == 400
    assert refused.json() == {"error": "registry.ollama.ai/library/gpt-5.3-codex:latest does not support insert"}


async def test_a_picture_goes_with_the_prompt(house: House) -> None:
    answer = await house.http.post("/api/generate", json=ask("Look", images=[PIXEL], stream=False))

    assert "You sent 1 picture." in answer.json()["response"]


@pytest.mark.parametrize("path", ["/api/generate", "/v1/api/generate"])
@pytest.mark.parametrize("prompt", [{}, {"prompt": ""}, {"prompt": None}], ids=str)
@pytest.mark.parametrize(
    "keep, reason",
    [({}, "load"), ({"keep_alive": -1}, "load"), ({"keep_alive": 0}, "unload"), ({"keep_alive": "0s"}, "unload")],
)
async def test_without_a_prompt_the_model_is_loaded_or_unloaded(
    house: House, path: str, prompt: dict[str, Any], keep: dict[str, Any], reason: str
) -> None:
    answer = await house.http.post(path, json={"model": "gpt-4.1", **prompt, **keep})

    body = answer.json()
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert body.keys() == {"model", "created_at", "response", "done", "done_reason"}
    assert (body["response"], body["done"], body["done_reason"]) == ("", True, reason)
    assert house.simulator.counts["chat"] == 0


@pytest.mark.parametrize(
    "path, says",
    [("/api/chat", {"messages": [{"role": "user", "content": "Hi"}]}), ("/api/generate", {"prompt": "Hi"})],
)
async def test_a_model_is_listed_while_it_is_in_use(house: House, path: str, says: dict[str, Any]) -> None:
    async def listed() -> list[str]:
        return [model["name"] for model in (await house.http.get("/api/ps")).json()["models"]]

    async def post(**fields: Any) -> None:
        assert (await house.http.post(path, json={"model": "gpt-4.1", **fields})).status_code == 200

    assert await listed() == []
    await post(**says)
    assert await listed() == ["gpt-4.1:latest"]
    await post(keep_alive=0)
    assert await listed() == []
    await post()
    assert await listed() == ["gpt-4.1:latest"]
    await post(**says, keep_alive=0)
    assert await listed() == []


@pytest.mark.parametrize("model", ["text-embedding-3-small", "text-embedding-3-small:latest"])
@pytest.mark.parametrize("says", [{}, {"prompt": "Hi", "messages": [{"role": "user", "content": "Hi"}]}])
async def test_a_model_for_embeddings_is_refused_in_ollamas_words(
    house: House, model: str, says: dict[str, Any]
) -> None:
    for kind in ("chat", "generate"):
        answer = await house.http.post(f"/api/{kind}", json={"model": model, **says})

        assert answer.status_code == 400
        assert answer.json() == {"error": f'"{model}" does not support {kind}'}


@pytest.mark.parametrize("body", [{}, {"model": ""}, {"model": None, "prompt": "Hi"}], ids=str)
async def test_a_prompt_for_no_model_finds_none(house: House, body: dict[str, Any]) -> None:
    answer = await house.http.post("/api/generate", json=body)

    assert (answer.status_code, answer.json()) == (404, {"error": "model '' not found"})
