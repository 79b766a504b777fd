"""Ollama's routes, and the same under /v1 with OpenAI's names at the top level."""

import json
import re
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
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
NUMBERS = (
    *("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"),
    *("prompt_eval_count", "eval_count"),
)


def ask(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4.1", "messages": [{"role": "user", "content": text}], **more}


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    """The lines of a stream: one object each, no blank ones, the last one ended like the others."""
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text[:-1].split("\n")]


def sent(house: House) -> dict[str, Any]:
    """The last chat that Copilot got."""
    return json.loads(
        next(seen for seen in reversed(house.simulator.requests) if seen.path == "/chat/completions").body
    )


def check_end(line: dict[str, Any], reason: str = "stop") -> None:
    assert line["done"] is True
    assert line["done_reason"] == reason
    for name in NUMBERS:
        assert type(line[name]) is int, name
        assert line[name] > 0, name
    assert line["total_duration"] >= line["eval_duration"]
    assert line["total_duration"] >= line["prompt_eval_duration"]


@pytest.mark.parametrize("more", [{}, {"stream": True}, {"stream": None}], ids=str)
async def test_a_chat_streams_unless_told_not_to(house: House, more: dict[str, Any]) -> None:
    *before, last = lines(await house.http.post("/api/chat", json=ask("[[reply:One two three]]", **more)))

    assert [line["message"] for line in before] == [
        {"role": "assistant", "content": text} for text in ("One", " two", " three")
    ]
    assert all(line["done"] is False for line in before)
    assert last["message"] == {"role": "assistant", "content": ""}
    check_end(last)
    assert last["eval_count"] == 3
    for line in (*before, last):
        assert line["model"] == "gpt-4.1"
        assert TIME.fullmatch(line["created_at"])
        assert "error" not in line
        assert "type" not in line


async def test_a_chat_without_a_stream_is_one_object(house: House) -> None:
    answer = await house.http.post("/api/chat", json=ask("[[reply:One two]]", stream=False))

    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    body = answer.json()
    assert body["model"] == "gpt-4.1"
    assert body["message"] == {"role": "assistant", "content": "One two"}
    assert TIME.fullmatch(body["created_at"])
    check_end(body)


@pytest.mark.parametrize("more", [{}, {"stream": False}, {"stream": None}], ids=str)
async def test_under_v1_a_chat_does_not_stream_unless_told_to(house: House, more: dict[str, Any]) -> None:
    whole = await house.http.post("/v1/api/chat", json=ask("[[reply:One]]", **more))
    streamed = await house.http.post("/v1/api/chat", json=ask("[[reply:One]]", stream=True))

    assert whole.json()["message"]["content"] == "One"
    check_end(whole.json())
    assert lines(streamed)[0]["message"]["content"] == "One"


@pytest.mark.parametrize("path", ["/api/chat", "/v1/api/chat"])
async def test_openai_names_at_the_top_level_are_taken(house: House, path: str) -> None:
    knobs = {"temperature": 0.25, "max_tokens": 7, "tool_choice": "auto", "top_p": 0.5}

    answer = await house.http.post(path, json=ask("Hi", tools=[WEATHER], **knobs))

    assert answer.status_code == 200
    assert knobs.items() <= sent(house).items()
    assert "x-passenger-dropped" not in answer.headers


async def test_names_that_mean_nothing_to_anybody_are_left_out_and_that_is_said(house: House) -> None:
    answer = await house.http.post("/api/chat", json=ask("Hi", store=True, made_up=1, keep_alive="5m"))

    assert answer.status_code == 200
    assert set(answer.headers["x-passenger-dropped"].split(", ")) == {"store", "made_up"}
    assert sent(house).keys() == {"model", "messages", "stream"}


@pytest.mark.parametrize("stream", [False, True])
async def test_options_are_passed_on_where_there_is_a_place_and_named_where_there_is_none(
    house: House, stream: bool
) -> None:
    options = {"temperature": 0.1, "num_predict": 9, "stop": ["END"], "seed": 3, "num_ctx": 8192, "top_k": 40}

    answer = await house.http.post("/api/chat", json=ask("Hi", options=options, stream=stream))

    got = sent(house)
    assert (got["temperature"], got["max_tokens"], got["stop"], got["seed"]) == (0.1, 9, ["END"], 3)
    assert answer.headers["x-passenger-dropped"] == "options.num_ctx, options.top_k"


async def test_an_answer_that_was_cut_says_so(house: House) -> None:
    body = (await house.http.post("/api/chat", json=ask("[[reply:a b c d]]", options={"num_predict": 2}))).text

    check_end(json.loads(body.splitlines()[-1]), reason="length")


LENIENT: dict[str, dict[str, Any]] = {
    "empty lists": {"tools": [], "options": {}},
    "null options": {"options": {"temperature": None, "stop": None, "num_ctx": None, "made_up": 1}},
    "images empty": {"messages": [{"role": "user", "content": "Hi", "images": []}]},
    "format empty": {"format": ""},
    "format null": {"format": None},
    "think true": {"think": True, "model": "claude-sonnet-4.5"},
    "think false": {"think": False},
    "think a level": {"think": "low", "model": "claude-sonnet-4.5"},
    "keep alive": {"keep_alive": 0},
    "stray openai names": {"temperature": 1, "max_output_tokens": 5, "tool_choice": "auto"},
    "logprobs off": {"logprobs": False},
    "role in capitals": {"messages": [{"role": "User", "content": "Hi"}]},
    "content absent": {"messages": [{"role": "assistant"}, {"role": "user", "content": "Hi"}]},
    "content parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
    "thinking sent back": {
        "messages": [{"role": "assistant", "content": "a", "thinking": "hm"}, {"role": "user", "content": "Hi"}]
    },
    "a tag": {"model": "gpt-4.1:latest"},
    "another case": {"model": "GPT-4.1"},
}


@pytest.mark.parametrize("case", LENIENT)
@pytest.mark.parametrize("path", ["/api/chat", "/v1/api/chat"])
async def test_a_request_of_a_real_client_is_answered(house: House, path: str, case: str) -> None:
    request = {**ask("Hi"), **LENIENT[case]}

    whole = await house.http.post(path, json={**request, "stream": False})
    streamed = await house.http.post(path, json={**request, "stream": True})

    assert (whole.status_code, streamed.status_code) == (200, 200), (whole.text, streamed.text)
    check_end(whole.json())
    check_end(lines(streamed)[-1])
    assert whole.json()["model"] == request["model"]  # the client's own word, not ours
    assert sent(house)["model"] == request["model"].lower().removesuffix(":latest")


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Type": "application/octet-stream"}, {"Content-Type": "application/x-www-form-urlencoded"}]
)
async def test_no_content_type_is_needed(house: House, headers: dict[str, str]) -> None:
    answer = await house.http.post("/api/chat", content=json.dumps(ask("Hi")).encode(), headers=headers)

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/api/chat", "/v1/api/chat"])
@pytest.mark.parametrize("messages", [{}, {"messages": []}, {"messages": None}], ids=str)
@pytest.mark.parametrize("keep, reason", [({}, "load"), ({"keep_alive": "5m"}, "load"), ({"keep_alive": 0}, "unload")])
async def test_a_chat_without_messages_is_answered_without_copilot(
    house: House, path: str, messages: dict[str, Any], keep: dict[str, Any], reason: str
) -> None:
    answer = await house.http.post(path, json={"model": "gpt-4.1", **messages, **keep})

    body = answer.json()
    assert body["done"] is True
    assert body["done_reason"] == reason
    assert body["message"] == {"role": "assistant", "content": ""}
    assert "total_duration" not in body
    assert house.simulator.counts["chat"] == 0


async def test_tool_calls_stream_whole_one_to_a_line(house: House) -> None:
    *before, last = lines(
        await house.http.post("/api/chat", json=ask("What is the weather in Paris and Rome", tools=[WEATHER]))
    )

    assert [line["message"]["content"] for line in before] == ["", ""]
    calls = [call for line in before for call in line["message"]["tool_calls"]]
    assert [call["function"] for call in calls] == [
        {"index": 0, "name": "get_weather", "arguments": {"city": "Paris"}},
        {"index": 1, "name": "get_weather", "arguments": {"city": "Rome"}},
    ]
    assert len({call["id"] for call in calls}) == 2
    check_end(last)
    assert "tool_calls" not in last["message"]


async def test_tool_calls_of_a_whole_answer_are_in_one_message(house: House) -> None:
    request = ask("What is the weather in Paris and Rome", tools=[WEATHER], stream=False)

    body = (await house.http.post("/api/chat", json=request)).json()

    assert body["message"]["content"] == ""
    assert [call["function"]["arguments"] for call in body["message"]["tool_calls"]] == [
        {"city": "Paris"},
        {"city": "Rome"},
    ]
    check_end(body)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_without_arguments_has_an_empty_object(house: House, stream: bool) -> None:
    answer = await house.http.post("/api/chat", json=ask("[[call:ping]]", stream=stream))

    message = (lines(answer)[0] if stream else answer.json())["message"]
    assert message["tool_calls"][0]["function"]["arguments"] == {}


RESULTS: dict[str, list[dict[str, Any]]] = {
    "only content": [{"content": "sun"}, {"content": "rain"}],
    "by name": [{"content": "rain", "tool_name": "get_rain"}, {"content": "sun", "tool_name": "get_sun"}],
    "by id": [{"content": "rain", "tool_call_id": "b"}, {"content": "sun", "tool_call_id": "a"}],
}


@pytest.mark.parametrize("results", RESULTS)
@pytest.mark.parametrize("with_ids", [True, False])
@pytest.mark.parametrize("as_text", [True, False])
async def test_tool_results_find_their_calls(house: House, results: str, with_ids: bool, as_text: bool) -> None:
    if results == "by id" and not with_ids:
        results = "only content"  # nobody knows an id that was never given
    arguments = '{"day":1}' if as_text else {"day": 1}
    calls = [
        {**({"id": call_id} if with_ids else {}), "function": {"name": name, "arguments": arguments}}
        for call_id, name in (("a", "get_sun"), ("b", "get_rain"))
    ]
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": calls},
        *({"role": "tool", **result} for result in RESULTS[results]),
    ]

    answer = await house.http.post("/api/chat", json={"model": "gpt-4.1", "messages": messages, "stream": False})

    text = answer.json()["message"]["content"]
    assert sorted(text.split("\n")) == ["The tool get_rain answered: rain", "The tool get_sun answered: sun"]
    made = [call["function"]["arguments"] for call in sent(house)["messages"][1]["tool_calls"]]
    assert [json.loads(text) for text in made] == [{"day": 1}] * 2


@pytest.mark.parametrize("image", [PIXEL, f"data:image/png;base64,{PIXEL}"], ids=["base64", "data URL"])
async def test_pictures_arrive(house: House, image: str) -> None:
    messages = [{"role": "user", "content": "Look", "images": [image]}]

    answer = await house.http.post("/api/chat", json={"model": "gpt-4.1", "messages": messages, "stream": False})

    assert "You sent 1 picture." in answer.json()["message"]["content"]
    assert sent(house)["messages"][0]["content"][1]["image_url"]["url"] == f"data:image/png;base64,{PIXEL}"


@pytest.mark.parametrize("stream", [False, True])
async def test_thinking_has_its_own_field_and_can_be_switched_off(house: House, stream: bool) -> None:
    async def messages(**more: Any) -> list[dict[str, Any]]:
        request = {**ask("[[think]][[reply:Done]]", stream=stream, **more), "model": "claude-sonnet-4.5"}
        answer = await house.http.post("/api/chat", json=request)
        return [line["message"] for line in (lines(answer) if stream else [answer.json()])]

    for more in ({}, {"think": True}, {"think": "high"}):
        thinking = await messages(**more)
        assert "without a model" in "".join(message.get("thinking", "") for message in thinking)
        assert "".join(message["content"] for message in thinking) == "Done"
    silent = await messages(think=False)
    assert not any("thinking" in message for message in silent)
    assert "".join(message["content"] for message in silent) == "Done"


@pytest.mark.parametrize(
    "form", ["json", {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}]
)
async def test_a_format_is_kept_to(house: House, form: Any) -> None:
    answer = await house.http.post("/api/chat", json=ask("Hi", format=form, stream=False))

    value = json.loads(answer.json()["message"]["content"])
    assert isinstance(value["answer"], str) if form == "json" else isinstance(value["n"], int)


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_tags_have_what_clients_insist_on(house: House, prefix: str) -> None:
    answer = await house.http.get(f"{prefix}/api/tags")

    models = answer.json()["models"]
    assert {"gpt-4.1:latest", "claude-sonnet-4.5:latest"} <= {model["name"] for model in models}
    assert len({model["digest"] for model in models}) == len(models)
    for model in models:
        assert model["model"] == model["name"]
        assert re.fullmatch("[0-9a-f]{64}", model["digest"])
        assert model["size"] > 0
        assert re.match(r"20\d\d-\d\d-\d\dT", model["modified_at"])
        assert model["capabilities"]
        details = model["details"]
        assert all(details[name] for name in ("format", "family", "parameter_size", "quantization_level"))
        assert details["families"] == [details["family"]]
        assert details["parent_model"] == ""
        assert "expires_at" not in model


async def test_a_listed_name_can_be_used_and_comes_back_as_it_was_written(house: House) -> None:
    names = {model["name"] for model in (await house.http.get("/api/tags")).json()["models"]}
    name = "claude-sonnet-4.5:latest"

    answer = await house.http.post("/api/chat", json={**ask("Hi", stream=False), "model": name})

    assert name in names
    assert answer.json()["model"] == name
    assert sent(house)["model"] == "claude-sonnet-4.5"


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_the_version_is_a_plain_number_that_clients_accept(house: House, prefix: str) -> None:
    body = (await house.http.get(f"{prefix}/api/version")).json()

    assert body.keys() == {"version"}
    assert tuple(int(part) for part in body["version"].split(".")) >= (0, 13, 4)


@pytest.mark.parametrize("path", ["/api/tags", "/api/version"])
async def test_a_head_request_is_answered_without_a_body(house: House, path: str) -> None:
    answer = await house.http.head(path)

    assert answer.status_code == 200
    assert answer.content == b""
