"""What broke one client of Ollama's or another when a server did it. This one never does, on any endpoint of Copilot's.

The tests look at the bytes. Each is a fault with which real clients were tried; its docstring says what became of them.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import House

from passenger_trio.simulator import Fault

MODELS = {"/chat/completions": "gpt-4.1", "/responses": "gpt-5.3-codex", "/v1/messages": "claude-opus-4.7"}
"""A model for each of Copilot's endpoints."""

THINKERS = {**MODELS, "/chat/completions": "gemini-3-pro-preview"}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SAMPLES = Path(__file__).parents[1] / "samples/copilot"
RECORDED = {
    "/chat/completions": "chat_stream_text.sse",
    "/responses": "responses_stream.sse",
    "/v1/messages": "messages_stream.sse",
}
PROMPTS = {
    "text": {"content": "[[reply:One two three]]"},
    "blank lines": {"content": "[[reply:One\n\n\ntwo\n]]"},
    "nothing": {"content": "[[reply64:]]"},
    "one call": {"content": "the weather in Paris"},
    "two calls": {"content": "the weather in Paris and Rome"},
    "text and a call": {"content": '[[reply:Let me see.]][[call:get_weather {"city": "Oslo"}]]'},
    "a call without arguments": {"content": "[[call:get_weather]]"},
    "cut": {"content": "[[len]][[reply:cut off he]]"},
    "comments": {"content": "[[comments]][[reply:One two three]]"},
    "few bytes at a time": {"content": "[[bytes:5]][[reply:Grüße, 你好]]"},
}
"""Answers that end well."""

CALLING = ("one call", "two calls", "text and a call", "a call without arguments")
ROUTES = ("/api/chat", "/api/generate")
BREAKS = ("midfail", "inband", "tail", "nofinish")
LONGEST_LINE = 128 * 1024
COUNTS = ("prompt_eval_count", "eval_count")
DURATIONS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")

pytestmark = pytest.mark.parametrize("endpoint", MODELS)


def chat(model: str, prompt: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", **prompt}], "tools": [TOOL], **more}


def asked(route: str, prompt: str) -> dict[str, Any]:
    """The prompt as the route takes it."""
    return {"prompt": prompt} if route == "/api/generate" else {"messages": [{"role": "user", "content": prompt}]}


async def streamed(house: House, endpoint: str, kind: str, **more: Any) -> list[bytes]:
    """The lines of an answer that ends well, with their newlines, as they came."""
    answer = await house.http.post("/api/chat", json=chat(MODELS[endpoint], PROMPTS[kind], **more))
    assert answer.status_code == 200
    return answer.content.splitlines(keepends=True)


async def read(house: House, endpoint: str, kind: str, **more: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in await streamed(house, endpoint, kind, **more)]


async def test_no_line_is_blank_and_each_is_one_object(house: House, endpoint: str) -> None:
    """ollama, langchain-ollama and Zed fail at a blank line."""
    for kind in PROMPTS:
        for line in await streamed(house, endpoint, kind):
            assert line.startswith(b"{"), kind
            assert line.endswith(b"}\n"), kind
            assert isinstance(json.loads(line), dict)


async def test_the_last_line_and_no_other_is_done(house: House, endpoint: str) -> None:
    """Without one ollama (npm) raises; others take half an answer for a whole one."""
    for kind in PROMPTS:
        lines = await read(house, endpoint, kind)

        assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True], kind


@pytest.mark.parametrize("route", ROUTES)
async def test_a_broken_stream_ends_with_a_text_and_without_an_end(house: House, endpoint: str, route: str) -> None:
    """The clients raise the text of such a line. What ends like a good answer, they take for one."""
    for directive in BREAKS:
        prompt = f"[[{directive}]] one two three four five six seven eight nine ten"
        answer = await house.http.post(route, json={"model": MODELS[endpoint], **asked(route, prompt)})

        *before, last = [json.loads(line) for line in answer.content.splitlines()]
        assert answer.status_code == 200
        assert before
        assert last.keys() == {"error"}, directive
        assert isinstance(last["error"], str)
        assert last["error"]
        for line in before:
            assert line["done"] is False
            assert "error" not in line
            assert "done_reason" not in line


@pytest.mark.parametrize("stream", [True, False])
async def test_no_good_line_has_an_error(house: House, endpoint: str, stream: bool) -> None:
    """A null is enough for ollama (npm) to raise."""
    for kind in PROMPTS:
        for line in await streamed(house, endpoint, kind, stream=stream):
            assert b'"error"' not in line, kind


@pytest.mark.parametrize("stream", [True, False])
async def test_every_line_has_a_message_with_a_text(house: House, endpoint: str, stream: bool) -> None:
    """ollama and litellm fail at a done line without a message; the AI SDK loses calls beside a null or no content."""
    for kind in PROMPTS:
        for line in await read(house, endpoint, kind, stream=stream):
            assert line["message"]["role"] == "assistant", kind
            assert isinstance(line["message"]["content"], str), kind


@pytest.mark.parametrize("stream", [True, False])
async def test_arguments_are_an_object(house: House, endpoint: str, stream: bool) -> None:
    """ollama and langchain-ollama fail at a string, and the AI SDK loses the call."""
    for kind in CALLING:
        lines = await read(house, endpoint, kind, stream=stream)

        calls = [call for line in lines for call in line["message"].get("tool_calls", ())]
        assert calls, kind
        for call in calls:
            assert isinstance(call["function"]["arguments"], dict), kind


async def test_each_call_has_a_line_before_the_last(house: House, endpoint: str) -> None:
    """Calls in the done line are heard by all; of several in one line, Zed once heard the first alone."""
    for kind in CALLING:
        *before, last = await read(house, endpoint, kind)

        assert "tool_calls" not in last["message"], kind
        calling = [line["message"]["tool_calls"] for line in before if "tool_calls" in line["message"]]
        assert [len(calls) for calls in calling] == [1] * (2 if kind == "two calls" else 1), kind
        assert [calls[0]["function"]["index"] for calls in calling] == list(range(len(calling)))
        assert len({calls[0]["id"] for calls in calling}) == len(calling)


@pytest.mark.parametrize("stream", [True, False])
async def test_the_reason_is_stop_or_length(house: House, endpoint: str, stream: bool) -> None:
    """Zed knows no `tool_calls`; after a `load` langchain-ollama raises, and its sister for npm has nothing."""
    for kind in PROMPTS:
        *before, last = await read(house, endpoint, kind, stream=stream)

        assert last["done_reason"] == ("length" if kind == "cut" else "stop"), kind
        assert not any("done_reason" in line for line in before), kind


@pytest.mark.parametrize("stream", [True, False])
async def test_counts_and_durations_are_whole_numbers_at_the_end(house: House, endpoint: str, stream: bool) -> None:
    """Without them langchain-ollama knows no usage; ollama fails at a fraction, and interfaces divide by them."""
    for kind in PROMPTS:
        *before, last = await read(house, endpoint, kind, stream=stream)

        for name in (*COUNTS, *DURATIONS):
            assert type(last[name]) is int, (kind, name)
            assert last[name] > 0 or (kind, name) == ("nothing", "eval_count"), (kind, name)
            assert not any(name in line for line in before), (kind, name)


async def test_a_stream_is_not_framed_as_events(house: House, endpoint: str) -> None:
    """ollama fails at `data:` in Python and in npm."""
    answer = await house.http.post("/api/chat", json=chat(MODELS[endpoint], PROMPTS["text"]))

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert b"data:" not in answer.content
    assert b"event:" not in answer.content
    assert b"[DONE]" not in answer.content


def check_error(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    body = answer.json()
    assert body.keys() == {"error"}
    assert isinstance(body["error"], str)
    assert body["error"]
    return str(body["error"])


@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_of_copilots_is_a_text(house: House, endpoint: str, stream: bool) -> None:
    """An object becomes `[object Object]` in npm's ollama, and a dict's text in Python's."""
    for status in (400, 403, 404, 413, 422, 429, 500, 502, 503):
        body = chat(MODELS[endpoint], {"content": f"[[http:{status}]]"}, stream=stream)

        check_error(await house.http.post("/api/chat", json=body), status)


async def test_an_unknown_model_is_a_404_with_a_text(house: House, endpoint: str) -> None:
    """Clients show the text, or download the model when they read `not found`."""
    name = f"not-{MODELS[endpoint]}"
    body = {"model": name, "prompt": "Hi", "input": "Hi", "messages": [{"role": "user", "content": "Hi"}]}
    for route in (*ROUTES, "/api/show", "/api/embed"):
        error = check_error(await house.http.post(route, json=body), 404)

        assert "not found" in error, route
        assert name in error, route


def longer(endpoint: str, words: str) -> bytes:
    """A recorded stream in which the first piece of text is ``words``."""
    lines = (SAMPLES / RECORDED[endpoint]).read_text().splitlines(keepends=True)
    for number, line in enumerate(lines):
        if not line.startswith("data: {"):
            continue
        event = json.loads(line.removeprefix("data: "))
        if event.get("type") == "response.output_text.delta":
            event["delta"] = words
        elif event.get("delta", {}).get("text"):
            event["delta"]["text"] = words
        elif event.get("choices") and event["choices"][0]["delta"].get("content"):
            event["choices"][0]["delta"]["content"] = words
        else:
            continue
        lines[number] = f"data: {json.dumps(event)}\n"
        break
    return "".join(lines).encode()


@pytest.mark.parametrize("route", ROUTES)
async def test_no_line_of_text_is_too_long(house: House, endpoint: str, route: str) -> None:
    """Open WebUI reads no line of more than 128 KiB."""
    for words in ("é" * 150_000, "\x01" * 50_000, '"\\' * 80_000):
        stream = longer(endpoint, words)
        assert max(map(len, stream.splitlines())) > LONGEST_LINE
        house.simulator.faults.append(Fault(path=endpoint, status=200, body=stream, content_type="text/event-stream"))
        answer = await house.http.post(route, json={"model": MODELS[endpoint], **asked(route, "Go on")})

        lines = answer.content.splitlines(keepends=True)
        assert max(map(len, lines)) < LONGEST_LINE
        heard = [json.loads(line) for line in lines]
        texts = [line["response"] if route == "/api/generate" else line["message"]["content"] for line in heard]
        assert words in "".join(texts)
        assert heard[-1]["done"] is True


async def test_thoughts_come_before_the_text_and_beside_an_empty_one(house: House, endpoint: str) -> None:
    """Thoughts in the content, or after it, are shown as part of the answer."""
    body = chat(THINKERS[endpoint], {"content": "[[think]][[reply:Blue.]]"}, think="high")
    answer = await house.http.post("/api/chat", json=body)

    messages = [json.loads(line)["message"] for line in answer.content.splitlines()]
    thinking = [index for index, message in enumerate(messages) if "thinking" in message]
    saying = [index for index, message in enumerate(messages) if message["content"]]
    assert thinking
    assert max(thinking) < min(saying)
    assert all(messages[index]["content"] == "" for index in thinking)
    assert "".join(message["content"] for message in messages) == "Blue."


async def test_every_line_of_generate_has_a_text_and_a_context(house: House, endpoint: str) -> None:
    """The AI SDK skips lines without a context, which Ollama sends on the last line alone."""
    answer = await house.http.post("/api/generate", json={"model": MODELS[endpoint], "prompt": "[[reply:One two]]"})

    *before, last = [json.loads(line) for line in answer.content.splitlines()]
    assert "".join(line["response"] for line in (*before, last)) == "One two"
    assert last["response"] == ""
    assert all(line["context"] == [] for line in before)
    assert last["context"]
    assert all(type(number) is int for number in last["context"])
