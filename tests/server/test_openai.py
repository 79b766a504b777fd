"""OpenAI's routes: what clients send is taken, what Copilot says is cleaned, and nothing else is touched."""

import json
from typing import Any

import httpx
import pytest
from house import House

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def ask(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4.1", "messages": [{"role": "user", "content": text}], **more}


def events(answer: httpx.Response) -> list[str]:
    """The data of each event; anything that is no event fails."""
    blocks = answer.text.split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
    return [block.removeprefix("data: ") for block in blocks]


def chunks(answer: httpx.Response) -> list[dict[str, Any]]:
    """The chunks of a stream that ends as it should."""
    *data, last = events(answer)
    assert last == "[DONE]"
    return [json.loads(event) for event in data]


def sent(house: House) -> bytes:
    """The body of the last chat that Copilot got."""
    return next(seen for seen in reversed(house.simulator.requests) if seen.path == "/chat/completions").body


def seen_headers(house: House) -> dict[str, str]:
    return dict(next(seen for seen in reversed(house.simulator.requests) if seen.path == "/chat/completions").headers)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "/v1/chat/completions?beta=true"])
async def test_a_whole_answer_is_a_chat_completion_of_openai(house: House, path: str) -> None:
    answer = await house.http.post(path, json=ask("[[reply:Hello there]]"))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["object"] == "chat.completion"
    assert body["id"].startswith("chatcmpl-")
    assert body["created"] > 1_700_000_000
    assert body["model"].startswith("gpt-4.1")
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    [choice] = body["choices"]
    assert choice["index"] == 0
    assert choice["finish_reason"] == "stop"
    assert choice["message"] == {"content": "Hello there", "role": "assistant"}  # no padding among them


async def test_what_copilot_adds_to_an_answer_reaches_the_client(house: House) -> None:
    whole = (await house.http.post("/v1/chat/completions", json=ask("Hi"))).json()
    stream = chunks(await house.http.post("/v1/chat/completions", json=ask("Hi", stream=True)))

    assert whole["copilot_usage"]["token_details"]
    assert whole["prompt_filter_results"][0]["prompt_index"] == 0
    assert whole["choices"][0]["content_filter_results"]["hate"]["severity"] == "safe"
    assert any("copilot_usage" in chunk for chunk in stream)
    assert all(chunk["system_fingerprint"] for chunk in stream)


@pytest.mark.parametrize("stream", [False, True])
async def test_what_we_do_not_know_in_a_request_reaches_copilot_byte_for_byte(house: House, stream: bool) -> None:
    odd = b'"frobnicate":{"z":[1.10,null,{"a":"\\u00e9\xc3\xa9"}],"a":1e2},"temperature":0.70'
    body = b'{"model":"gpt-4.1","messages":[{"role":"user","content":"Hi","x_mark":1.0}],%b,"stream":%b}'

    answer = await house.http.post("/v1/chat/completions", content=body % (odd, b"true" if stream else b"false"))

    assert answer.status_code == 200
    assert odd in sent(house)
    assert b'{"role":"user","content":"Hi","x_mark":1.0}' in sent(house)


async def test_a_stream_has_all_that_helpers_insist_on_in_every_chunk(house: House) -> None:
    answer = await house.http.post("/v1/chat/completions", json=ask("[[reply:One two three]]", stream=True))

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    stream = chunks(answer)
    assert {chunk["object"] for chunk in stream} == {"chat.completion.chunk"}
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in stream}) == 1
    assert stream[0]["id"].startswith("chatcmpl-")
    choices = [choice for chunk in stream for choice in chunk["choices"]]
    assert len(choices) == len(stream)  # the first event of Copilot's, without choices, is not among them
    assert {choice["index"] for choice in choices} == {0}
    assert choices[0]["delta"]["role"] == "assistant"
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == "One two three"
    assert not any("padding" in choice["delta"] for choice in choices)
    assert [choice["finish_reason"] for choice in choices if choice.get("finish_reason")] == ["stop"]
    assert choices[-1]["finish_reason"] == "stop"


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_usage": None}, "absent"])
async def test_usage_is_not_streamed_to_a_client_that_did_not_ask(house: House, options: Any) -> None:
    more = {} if options == "absent" else {"stream_options": options}

    stream = chunks(await house.http.post("/v1/chat/completions", json=ask("Hi", stream=True, **more)))

    assert not any(chunk.get("usage") for chunk in stream)
    assert all(chunk["choices"] for chunk in stream)


async def test_usage_asked_for_comes_once_in_a_last_chunk_of_its_own(house: House) -> None:
    request = ask("Hi [[reply:one two]]", stream=True, stream_options={"include_usage": True})

    *before, last = chunks(await house.http.post("/v1/chat/completions", json=request))

    assert last["choices"] == []
    assert last["object"] == "chat.completion.chunk"
    assert last["id"] == before[0]["id"]
    assert last["usage"]["completion_tokens"] == 2
    assert last["usage"]["prompt_tokens"] > 0
    assert not any(chunk.get("usage") for chunk in before)


async def test_reasoning_comes_under_the_name_clients_know(house: House) -> None:
    stream = chunks(await house.http.post("/v1/chat/completions", json=ask("[[think]] Why?", stream=True)))

    deltas = [choice["delta"] for chunk in stream for choice in chunk["choices"]]
    assert "without a model" in "".join(delta.get("reasoning_content") or "" for delta in deltas)
    assert {chunk["id"] for chunk in stream} == {stream[0]["id"]}
    assert all(chunk["model"] for chunk in stream)


async def test_parallel_tool_calls_come_whole_with_ids_and_types(house: House) -> None:
    body = (
        await house.http.post(
            "/v1/chat/completions", json=ask("What is the weather in Paris and Rome", tools=[WEATHER])
        )
    ).json()

    [choice] = body["choices"]
    assert choice["finish_reason"] == "tool_calls"
    calls = choice["message"]["tool_calls"]
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]
    assert {call["type"] for call in calls} == {"function"}
    assert len({call["id"] for call in calls}) == 2
    assert "padding" not in choice["message"]


async def test_parallel_tool_calls_stream_in_fragments_that_say_which_call_they_are_of(house: House) -> None:
    request = ask("What is the weather in Paris and Rome", tools=[WEATHER], stream=True)

    stream = chunks(await house.http.post("/v1/chat/completions", json=request))

    choices = [choice for chunk in stream for choice in chunk["choices"]]
    fragments = [part for choice in choices for part in choice["delta"].get("tool_calls") or ()]
    for index, city in enumerate(("Paris", "Rome")):
        first, *rest = [part for part in fragments if part["index"] == index]
        assert first["id"]
        assert first["type"] == "function"
        assert first["function"]["name"] == "get_weather"
        arguments = "".join(part["function"].get("arguments", "") for part in (first, *rest))
        assert json.loads(arguments) == {"city": city}
    assert [choice["finish_reason"] for choice in choices if choice.get("finish_reason")] == ["tool_calls"]


@pytest.mark.parametrize("stream", [False, True])
async def test_tool_results_are_answered(house: House, stream: bool) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
    messages = [
        {"role": "user", "content": "weather in Paris"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "18C sunny"},
    ]
    request = {"model": "gpt-4.1", "messages": messages, "tools": [WEATHER], "stream": stream}

    answer = await house.http.post("/v1/chat/completions", json=request)

    if stream:
        text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks(answer))
    else:
        text = answer.json()["choices"][0]["message"]["content"]
    assert text == "The tool get_weather answered: 18C sunny"
    assert house.simulator.last_initiator == "agent"


@pytest.mark.parametrize("claimed, expected", [(None, "user"), ("agent", "agent"), ("User", "user"), ("me", "user")])
async def test_the_clients_own_word_on_who_asks_counts(house: House, claimed: str | None, expected: str) -> None:
    headers = {} if claimed is None else {"X-Initiator": claimed}

    await house.http.post("/v1/chat/completions", json=ask("Hi"), headers=headers)

    assert house.simulator.last_initiator == expected


async def test_a_picture_is_announced_and_arrives(house: House) -> None:
    url = f"data:image/png;base64,{PIXEL}"
    parts = [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": url, "detail": "low"}}]
    request = {"model": "gpt-4.1", "messages": [{"role": "user", "content": parts}]}

    body = (await house.http.post("/v1/chat/completions", json=request)).json()

    assert "You sent 1 picture." in body["choices"][0]["message"]["content"]
    assert seen_headers(house)["copilot-vision-request"] == "true"
    assert json.loads(sent(house))["messages"] == request["messages"]


async def test_the_clients_own_headers_stay_here(house: House) -> None:
    mine = {"X-Api-Key": "mine", "User-Agent": "Client/1", "Cookie": "a=b", "X-Stainless-Lang": "python"}

    await house.http.post("/v1/chat/completions", json=ask("Hi"), headers={"Authorization": "Bearer mine", **mine})

    headers = seen_headers(house)
    assert not {"x-api-key", "cookie", "x-stainless-lang"} & set(headers)
    assert headers["user-agent"].startswith("GitHubCopilotChat/")
    assert "mine" not in str(headers)


@pytest.mark.parametrize("name", ["GPT-4.1", "gpt-4.1:latest", "library/gpt-4.1", "gpt-4.1"])
async def test_a_models_name_is_understood_as_clients_write_it(house: House, name: str) -> None:
    answer = await house.http.post("/v1/chat/completions", json={**ask("Hi"), "model": name})

    assert answer.status_code == 200
    assert json.loads(sent(house))["model"] == "gpt-4.1"


@pytest.mark.parametrize("prefix", ["/v1", ""])
async def test_models_are_listed_as_openai_lists_them(house: House, prefix: str) -> None:
    body = (await house.http.get(f"{prefix}/models")).json()

    assert body["object"] == "list"
    ids = [model["id"] for model in body["data"]]
    assert {"gpt-4.1", "claude-sonnet-4.5"} <= set(ids)
    assert len(ids) == len(set(ids))
    for model in body["data"]:
        assert model["object"] == "model"
        assert isinstance(model["created"], int)
        assert model["owned_by"]


@pytest.mark.parametrize("prefix", ["/v1", ""])
@pytest.mark.parametrize("name", ["gpt-4.1", "GPT-4.1", "gpt-4.1:latest", "gpt-4.1%3Alatest"])
async def test_a_model_is_found_by_the_names_clients_use(house: House, prefix: str, name: str) -> None:
    answer = await house.http.get(f"{prefix}/models/{name}")

    assert answer.status_code == 200
    assert answer.json()["id"] == "gpt-4.1"
    assert answer.json()["object"] == "model"


@pytest.mark.parametrize("name", ["gpt-99", "gpt-4.1:7b", "some/thing", "%ff"])
async def test_a_model_that_does_not_exist_is_a_404_of_openai(house: House, name: str) -> None:
    answer = await house.http.get(f"/v1/models/{name}")

    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["code"] == "model_not_found"
    assert error["param"] == "model"
    assert error["type"] == "invalid_request_error"
