import json

import pytest
import trio

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


def tool(name, parameters=...):
    function = {"name": name} if parameters is ... else {"name": name, "parameters": parameters}
    return {"type": "function", "function": function}


def part(kind, **fields):
    return [{"type": kind, **fields}]


OPEN = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    "fields, code",
    [
        ({"service_tier": "auto"}, "model_not_supported"),
        ({"prompt_cache_key": "x"}, "model_not_supported"),
        ({"store": False}, "model_not_supported"),
        ({"metadata": {}}, "model_not_supported"),
        ({"max_completion_tokens": 5}, "invalid_request_body"),
        ({"max_tokens": 4097}, "invalid_request_body"),
        ({"reasoning_effort": "low"}, "invalid_request_body"),
        ({"model": "o4-mini", "reasoning_effort": "xhigh"}, "invalid_request_body"),
        ({"thinking_budget": 2000}, "invalid_request_body"),
        ({"model": "gpt-5-mini", "temperature": 0.2}, "invalid_request_body"),
        ({"model": "o3-mini", "top_p": 0.9}, "invalid_request_body"),
        ({"model": "gemini-2.5-pro", "thinking_budget": 5}, "invalid_request_body"),
        ({"tools": [tool(f"t{n}") for n in range(129)]}, "invalid_request_body"),
        ({"tools": [tool("a b")]}, "invalid_request_body"),
        ({"tools": [tool("x" * 65)]}, "invalid_request_body"),
        ({"model": "claude-sonnet-4.5", "tools": [tool("x")]}, "invalid_request_body"),
        ({"model": "claude-sonnet-4.5", "tools": [tool("x", {"type": "object"})]}, "invalid_request_body"),
        ({"model": "gemini-2.5-pro", "tools": [tool("x", {"type": "object"})]}, "invalid_request_body"),
        ({"prompt": part("image_url", image_url={"url": "https://example.com/a.png"})}, "invalid_request_body"),
        ({"prompt": part("image_url", image_url="x")}, "invalid_request_body"),
        ({"prompt": part("input_audio")}, "invalid_request_body"),
        ({"prompt": part("file")}, "invalid_request_body"),
        ({"model": "claude-opus-4.7"}, "unsupported_api_for_model"),
    ],
)
async def test_what_copilot_refuses_is_refused(line, fields, code):
    with trio.fail_after(10):
        answer = await line.ask(**{"prompt": "hello", **fields})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-github-backend"] == "Kubernetes"


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 4096},
        {"model": "gpt-5-mini", "temperature": 1, "top_p": 1.0},
        {"store": None},
        {"model": "o3-mini", "reasoning_effort": "high"},
        {"tools": [tool(f"t{n}") for n in range(128)]},
        {"tools": [tool("x", {"type": "object"})]},
        {"model": "claude-sonnet-4.5", "tools": [tool("x", OPEN)]},
        {"model": "gemini-2.5-pro", "thinking_budget": 2000},
        {"stream_options": {"include_usage": True}, "n": 1, "temperature": 0.2},
    ],
)
async def test_what_copilot_takes_is_taken(line, fields):
    with trio.fail_after(10):
        answer = await line.ask("hello", **fields)

    assert answer.status_code == 200, answer.text


async def test_a_simulator_that_is_not_strict_takes_more(line):
    line.simulator.strict = False
    with trio.fail_after(10):
        answer = await line.ask("hello", service_tier="auto", max_completion_tokens=500, reasoning_effort="low")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "model, role, status",
    [
        *[("o1", "system", 400), ("o1-mini", "developer", 400), ("o1", "user", 200)],
        *[("o3-mini", "system", 200), ("gpt-4o", "developer", 200)],
    ],
)
async def test_the_o1_family_hears_no_system(line, model, role, status):
    messages = [{"role": role, "content": "be brief"}, {"role": "user", "content": "hi"}]
    with trio.fail_after(10):
        answer = await line.ask("", model=model, messages=messages)

    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("opaque, status", [(None, 400), ("c2lnbmF0dXJl", 200)])
async def test_gemini_3_wants_its_signature_back(line, opaque, status):
    call = {"id": "call_1", "type": "function", "function": {"name": "x", "arguments": "{}"}}
    assistant = {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_opaque": opaque}
    messages = [
        {"role": "user", "content": "hi"},
        assistant,
        {"role": "tool", "tool_call_id": "call_1", "content": "18"},
    ]
    with trio.fail_after(10):
        answer = await line.ask("", model="gemini-3-pro-preview", messages=messages)
        other = await line.ask("", model="gemini-2.5-pro", messages=messages)

    assert (answer.status_code, other.status_code) == (status, 200)


@pytest.mark.parametrize(
    "model, field",
    [("claude-sonnet-4.5", "reasoning_text"), ("gemini-2.5-pro", "reasoning_text"), ("o3-mini", "cot_summary")],
)
async def test_each_family_tells_its_reasoning_in_its_own_field(line, model, field):
    with trio.fail_after(10):
        answer = await line.ask("[[think]] why", model=model)

    assert field in answer.json()["choices"][0]["message"]


async def test_an_effort_makes_gemini_think(line):
    with trio.fail_after(10):
        answer = await line.ask("why", model="gemini-3-pro-preview", reasoning_effort="low")

    assert "reasoning_text" in answer.json()["choices"][0]["message"]


async def test_a_budget_makes_claude_and_gemini_think(line):
    for model in ("claude-sonnet-4.5", "gemini-2.5-pro"):
        with trio.fail_after(10):
            answer = await line.ask("why", model=model, thinking_budget=2000)

        assert "reasoning_text" in answer.json()["choices"][0]["message"], model


async def test_a_prompt_that_is_too_long_is_told_so(line, sample):
    with trio.fail_after(10):
        answer = await line.ask("word " * 12289, model="gpt-4o-mini")
        fits = await line.ask("word " * 12288, model="gpt-4o-mini")
        forced = await line.ask("[[overflow]]")

    recorded = json.loads(sample("err_400_context_length.json"))
    assert answer.json()["error"]["code"] == recorded["error"]["code"]
    assert answer.json()["error"]["message"] == "prompt token count of 12289 exceeds the limit of 12288"
    assert fits.status_code == 200
    assert forced.json()["error"]["message"] == "prompt token count of 64001 exceeds the limit of 64000"


async def test_a_picture_needs_its_header(line, sample):
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": [PICTURE]}]}
    with trio.fail_after(10):
        bare = await line.post("/chat/completions", body)
        told = await line.post("/chat/completions", body, Copilot_Vision_Request="true")
        line.simulator.needs_vision_header = False
        lenient = await line.post("/chat/completions", body)

    assert (bare.status_code, bare.content) == (400, sample("err_400_vision_header.json"))
    assert (told.status_code, lenient.status_code) == (200, 200)


async def test_a_finish_can_be_stop_beside_calls_and_a_content_filter(line):
    with trio.fail_after(10):
        stopped = await line.ask("[[stop]][[call:x]]")
        filtered = await line.ask("[[filter]] hello")

    assert stopped.json()["choices"][0]["finish_reason"] == "stop"
    assert stopped.json()["choices"][0]["message"]["tool_calls"]
    choice = filtered.json()["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", "")
    assert choice["content_filter_results"]["violence"]["filtered"] is True


@pytest.mark.parametrize(
    "model, fields, param",
    [
        ("o1", {"stream": True}, "stream"),
        ("o1-mini", {"stream": True}, "stream"),
        ("o1-mini", {"tools": [tool("x")]}, "tools"),
        ("o1", {"tools": [tool("x")]}, None),
        ("o1", {"stream": False}, None),
        ("o1-mini", {"tools": []}, None),
    ],
)
async def test_a_model_refuses_what_its_list_says_it_cannot_do(line, model, fields, param):
    with trio.fail_after(10):
        answer = await line.ask("hello", model=model, **fields)

    assert answer.status_code == (400 if param else 200), answer.text
    assert answer.json().get("error", {}).get("param") == param
