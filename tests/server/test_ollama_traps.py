"""The traps of Ollama's answers, where other servers break real clients: none of them is here, on no endpoint."""

import base64
import json
from typing import Any

import httpx
import pytest
from house import House

MODELS = ("gpt-4.1", "gpt-5.3-codex", "claude-opus-4.7", "o1")
"""On ``/chat/completions``, ``/responses``, ``/v1/messages``, and one that does not stream."""

KEYS = {"model", "created_at", "message", "done"}
NUMBERS = {
    *("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"),
    *("prompt_eval_count", "eval_count"),
}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALLS = "What is the weather in Paris and Rome"


def ask(text: str, model: str = "gpt-4.1", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


async def lines(house: House, text: str, model: str = "gpt-4.1", **more: Any) -> list[dict[str, Any]]:
    """The lines of a streamed chat, each of which is JSON as it stands."""
    answer = await house.http.post("/api/chat", json=ask(text, model, **more))
    assert answer.status_code == 200, answer.text
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.content[:-1].split(b"\n")]


async def whole(house: House, text: str, model: str = "gpt-4.1", **more: Any) -> dict[str, Any]:
    answer = await house.http.post("/api/chat", json=ask(text, model, stream=False, **more))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def calls(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [call for line in said for call in line["message"].get("tool_calls", ())]


@pytest.mark.parametrize("model", MODELS)
async def test_trap_1_arguments_are_an_object_and_not_its_text(house: House, model: str) -> None:
    streamed = calls(await lines(house, CALLS, model, tools=[TOOL]))
    together = calls([await whole(house, CALLS, model, tools=[TOOL])])

    for found in (streamed, together):
        assert [call["function"]["arguments"] for call in found] == [{"city": "Paris"}, {"city": "Rome"}]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("text", ["Hi", "[[reply:]]", CALLS, "[[len]]"])
async def test_trap_2_a_good_answer_ends_with_one_line_that_says_so(house: House, model: str, text: str) -> None:
    *before, last = await lines(house, text, model, tools=[TOOL])

    assert not any(line["done"] for line in before)
    assert last["done"] is True
    assert last["message"] == {"role": "assistant", "content": ""}
    assert last.keys() == KEYS | NUMBERS | {"done_reason"}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True])
async def test_trap_2_an_answer_that_was_filtered_has_no_such_line(house: House, model: str, stream: bool) -> None:
    answer = await house.http.post("/api/chat", json=ask("[[filter]]", model, stream=stream))

    *before, last = [json.loads(line) for line in answer.content.splitlines()]
    assert last == {"error": "Copilot's content filter stopped the answer."}
    assert not any(line["done"] for line in before)
    assert answer.status_code == (200 if before else 400)


@pytest.mark.parametrize("model", MODELS[:-1])
@pytest.mark.parametrize("text", ["[[midfail]] one two three", "[[inband]] one two"])
async def test_trap_9_an_answer_that_breaks_has_an_error_line_and_no_end(house: House, model: str, text: str) -> None:
    *before, last = await lines(house, text, model)

    assert last.keys() == {"error"}
    assert isinstance(last["error"], str)
    assert last["error"]
    assert not any(line["done"] for line in before)


@pytest.mark.parametrize("text", ["[[midfail]] one two three", "[[inband]] one two"])
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_trap_9_a_whole_answer_that_breaks_is_an_error_with_a_status(house: House, path: str, text: str) -> None:
    request = ask(text, stream=False) if path == "/api/chat" else {"model": "gpt-4.1", "prompt": text, "stream": False}
    answer = await house.http.post(path, json=request)

    assert answer.status_code == 502
    assert answer.json().keys() == {"error"}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


async def test_trap_13_no_line_is_longer_than_128_kib(house: House) -> None:
    text = "\U0001f600x\u2028" * 100_000
    prompt = f"[[reply64:{base64.b64encode(text.encode()).decode()}]]"

    answer = await house.http.post("/api/chat", json=ask(prompt, "o1"))  # does not stream: it says all at once

    assert max(map(len, answer.content.split(b"\n"))) < 128 << 10
    told = [json.loads(line) for line in answer.content[:-1].split(b"\n")]
    assert "".join(line["message"]["content"] for line in told) == text


@pytest.mark.parametrize("model", MODELS)
async def test_trap_14_calls_have_an_id_and_an_index_one_to_a_line(house: House, model: str) -> None:
    said = await lines(house, CALLS, model, tools=[TOOL])
    together = calls([await whole(house, CALLS, model, tools=[TOOL])])

    assert [len(line["message"]["tool_calls"]) for line in said if "tool_calls" in line["message"]] == [1, 1]
    for found in (calls(said), together):
        assert [call.keys() for call in found] == [{"id", "function"}] * 2
        assert len({call["id"] for call in found}) == 2
        assert all(call["id"] for call in found)
        assert [call["function"]["index"] for call in found] == [0, 1]


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
@pytest.mark.parametrize("more", [{}, {"stream": None}, {"stream": True}], ids=str)
async def test_trap_15_the_default_is_a_stream_of_lines_and_not_of_events(
    house: House, path: str, more: dict[str, Any]
) -> None:
    answer = await house.http.post(path, json={**ask("Hi"), "prompt": "Hi", **more})

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.content.startswith(b"{")
    assert b"data:" not in answer.content
    assert b"[DONE]" not in answer.content


@pytest.mark.parametrize("model", MODELS)
async def test_trap_16_the_content_beside_calls_is_an_empty_text(house: House, model: str) -> None:
    said = await lines(house, CALLS, model, tools=[TOOL])
    together = await whole(house, CALLS, model, tools=[TOOL])

    assert all(isinstance(line["message"]["content"], str) for line in (*said, together))
    assert {line["message"]["content"] for line in said if "tool_calls" in line["message"]} == {""}


WRONG: dict[str, tuple[int, dict[str, Any]]] = {
    "no model": (400, {"messages": []}),
    "an unknown model": (404, ask("Hi", "nobody")),
    "an embedding model": (400, ask("Hi", "text-embedding-3-small")),
    "no thinking": (400, ask("Hi", think=True)),
    "upstream's 400": (400, ask("[[http:400]]")),
    "upstream's 429": (429, ask("[[http:429]]")),
    "upstream's 502": (502, ask("[[http:502]]")),
    "too long": (400, ask("[[overflow]]")),
    "broken at once": (502, ask("[[cut:0]]")),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("stream", [False, True])
async def test_trap_17_an_error_is_a_text(house: House, wrong: str, stream: bool) -> None:
    status, request = WRONG[wrong]
    answer = await house.http.post("/api/chat", json={**request, "stream": stream})

    assert answer.status_code == status
    assert answer.json().keys() == {"error"}
    assert isinstance(answer.json()["error"], str)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("text", ["[[comments]] Hi", "[[pause:0.2]] Hi", "[[crlf]] Hi", "[[reply:a\n\n\u2028b]]"])
async def test_trap_19_there_is_no_blank_line(house: House, model: str, text: str) -> None:
    answer = await house.http.post("/api/chat", json=ask(text, model))

    found = answer.text.splitlines()  # at Unicode's line ends as well
    assert all(found)
    assert all(isinstance(json.loads(line), dict) for line in found)


@pytest.mark.parametrize("model", MODELS)
async def test_trap_20_calls_end_with_stop_and_nothing_that_is_said_with_load(house: House, model: str) -> None:
    reasons = {
        text: [(await lines(house, text, model, tools=[TOOL]))[-1], await whole(house, text, model, tools=[TOOL])]
        for text in ("Hi", CALLS, "[[reply:]]")
    }

    assert {line["done_reason"] for found in reasons.values() for line in found} == {"stop"}


@pytest.mark.parametrize("model", MODELS)
async def test_traps_21_and_25_no_line_has_an_error_or_a_type(house: House, model: str) -> None:
    said = await lines(house, CALLS, model, tools=[TOOL])
    together = await whole(house, CALLS, model, tools=[TOOL])

    assert {frozenset(line) for line in said[:-1]} == {frozenset(KEYS)}
    assert together.keys() == KEYS | NUMBERS | {"done_reason"}


@pytest.mark.parametrize("model", ["claude-sonnet-4.5", *MODELS[:-1]])
@pytest.mark.parametrize("think", [None, False])
async def test_trap_23_thoughts_have_their_own_field_or_none(house: House, model: str, think: bool | None) -> None:
    text = "[[think]][[reply:Done]]"
    said = [line["message"] for line in await lines(house, text, model, think=think)]
    together = (await whole(house, text, model, think=think))["message"]

    assert {name for message in (*said, together) for name in message} <= {"role", "content", "thinking"}
    assert "".join(message["content"] for message in said) == together["content"] == "Done"
    thoughts = "".join(message.get("thinking", "") for message in said)
    assert thoughts == together.get("thinking", "")
    assert bool(thoughts) is (think is None)
    order = ["thinking" in message for message in said]
    assert order == sorted(order, reverse=True)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True])
async def test_traps_24_and_29_numbers_are_whole_and_counted_to_the_end(house: House, model: str, stream: bool) -> None:
    text = "[[reply:One two three]]"
    last = (await lines(house, text, model))[-1] if stream else await whole(house, text, model)

    for name in NUMBERS:
        assert type(last[name]) is int, name
        assert last[name] > 0, name
    parts = last["load_duration"] + last["prompt_eval_duration"] + last["eval_duration"]
    assert last["total_duration"] == parts
    assert last["eval_count"] >= 3  # thoughts count as well


@pytest.mark.parametrize("model", MODELS[:-1])
async def test_trap_26_what_the_network_cuts_is_put_together(house: House, model: str) -> None:
    text = "h\u00e9 \U0001f680 \u65e5\u672c"
    said = await lines(house, f"[[bytes:3]][[reply:{text}]]", model)

    assert "".join(line["message"]["content"] for line in said) == text
    assert said[-1]["done"] is True


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_trap_27_a_refusal_has_its_status_also_where_a_stream_was_asked_for(
    house: House, path: str, status: int
) -> None:
    text = f"[[http:{status}]]"
    streamed = await house.http.post(path, json={**ask(text), "prompt": text})
    direct = await house.http.post("/v1/chat/completions", json=ask(text))

    assert streamed.status_code == direct.status_code
    assert isinstance(streamed.json()["error"], str)


async def test_trap_27_a_failure_before_the_first_word_has_a_status_as_well(house: House) -> None:
    early = await house.http.post("/api/chat", json=ask("[[cut:10]] Hi"))

    assert early.status_code == 502
    assert early.json().keys() == {"error"}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("text", ["Hi", CALLS, "[[think]] Hi"])
async def test_a_stream_says_the_same_as_a_whole_answer(house: House, model: str, text: str) -> None:
    said = await lines(house, text, model, tools=[TOOL])
    together = await whole(house, text, model, tools=[TOOL])

    told = [line["message"] for line in said]
    message = together["message"]
    assert message["content"] == "".join(piece["content"] for piece in told)
    assert message.get("thinking", "") == "".join(piece.get("thinking", "") for piece in told)
    assert [call["function"] for call in message.get("tool_calls", ())] == [call["function"] for call in calls(said)]
    for name in ("model", "done_reason", "prompt_eval_count", "eval_count"):
        assert together[name] == said[-1][name], name


async def test_the_text_of_a_refusal_that_python_reads_is_upstreams(house: House) -> None:
    answer: httpx.Response = await house.http.post("/api/chat", json=ask("[[http:429]]"))

    assert "rate limit" in answer.json()["error"]
