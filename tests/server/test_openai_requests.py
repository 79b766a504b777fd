"""Everything that real clients were recorded to send to chat completions; each of it is answered."""

import json
from typing import Any

import pytest
from house import House

USER = {"role": "user", "content": "Hi"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Rome"}'}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "18C"}


def tool(**function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "get_weather", **function}}


def conversation(assistant: dict[str, Any], result: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"messages": [USER, {"role": "assistant", **assistant}, result or RESULT]}


CASES: dict[str, dict[str, Any]] = {
    "developer role": {"messages": [{"role": "developer", "content": "Be short"}, USER]},
    "developer role with parts": {
        "messages": [{"role": "developer", "content": [{"type": "text", "text": "Be short"}]}, USER]
    },
    "system not first": {"messages": [USER, {"role": "system", "content": "Be short"}, USER]},
    "several system messages": {"messages": [{"role": "system", "content": c} for c in "ab"] + [USER]},
    "consecutive user messages": {"messages": [USER, USER, USER]},
    "assistant last": {"messages": [USER, {"role": "assistant", "content": "Once upon"}]},
    "content as parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
    "content null": {"messages": [USER, {"role": "assistant", "content": None}, USER]},
    "content absent": {"messages": [USER, {"role": "assistant"}, USER]},
    "content an empty string": {"messages": [USER, {"role": "assistant", "content": ""}, USER]},
    "user content null": {"messages": [{"role": "user", "content": None}]},
    "tool calls, content null": conversation({"content": None, "tool_calls": [CALL]}),
    "tool calls, content absent": conversation({"tool_calls": [CALL]}),
    "tool calls, content empty": conversation({"content": "", "tool_calls": [CALL]}),
    "tool calls, content parts": conversation({"content": [{"type": "text", "text": "a"}], "tool_calls": [CALL]}),
    "tool calls with index": conversation({"content": None, "tool_calls": [{**CALL, "index": 0}]}),
    "tool content as parts": conversation(
        {"content": None, "tool_calls": [CALL]}, {**RESULT, "content": [{"type": "text", "text": "18C"}]}
    ),
    "tool result with a name": conversation({"content": None, "tool_calls": [CALL]}, {**RESULT, "name": "w"}),
    "tool calls null": {"messages": [USER, {"role": "assistant", "content": "a", "tool_calls": None}, USER]},
    "echoed junk": {
        "messages": [
            {**USER, "name": "ann", "__copilotMessageSource": "user"},
            {
                "role": "assistant",
                "content": "a",
                "refusal": None,
                "annotations": [],
                "audio": None,
                "provider_specific_fields": {"x": None},
                "reasoning_content": "hm",
                "function_call": None,
            },
            USER,
        ]
    },
    "tools null": {"tools": None, "tool_choice": None},
    "tools empty": {"tools": []},
    "tools empty with a choice": {"tools": [], "tool_choice": "auto"},
    "tool without parameters": {"tools": [tool()]},
    "tool with empty parameters": {"tools": [tool(parameters={})]},
    "tool with null parameters": {"tools": [tool(parameters=None)]},
    "tool without properties": {"tools": [tool(parameters={"type": "object"})]},
    "tool strict": {"tools": [tool(strict=True, parameters={"type": "object", "properties": {}})]},
    "tool strict null": {"tools": [tool(strict=None)]},
    "tool with a name beside": {"tools": [{**tool(), "name": "get_weather"}]},
    "tool schema with everything": {
        "tools": [
            tool(
                parameters={
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    "type": "object",
                    "$defs": {"City": {"type": "string", "format": "city", "default": "Rome"}},
                    "properties": {
                        "city": {"$ref": "#/$defs/City"},
                        "unit": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                        "days": {"type": ["integer", "null"]},
                    },
                }
            )
        ]
    },
    "tool choice auto": {"tools": [tool()], "tool_choice": "auto"},
    "tool choice none": {"tools": [tool()], "tool_choice": "none"},
    "tool choice required": {"tools": [tool()], "tool_choice": "required"},
    "tool choice forced": {
        "tools": [tool()],
        "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    },
    "parallel tool calls": {"tools": [tool()], "parallel_tool_calls": False},
    "legacy functions": {"functions": [{"name": "f", "parameters": {}}], "function_call": "auto"},
    "max_tokens": {"max_tokens": 5},
    "max_completion_tokens": {"max_completion_tokens": 5},
    "nulls": dict.fromkeys(
        ("temperature", "top_p", "max_tokens", "stop", "n", "stream_options", "response_format", "user", "seed")
    ),
    "knobs": {
        "temperature": 0.5,
        "top_p": 1,
        "seed": 7,
        "n": 1,
        "user": "ann",
        "logprobs": False,
        "logit_bias": {},
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "service_tier": "auto",
        "metadata": {"a": "b"},
        "store": False,
        "verbosity": "low",
        "reasoning_effort": "medium",
    },
    "stop list": {"stop": ["END", "STOP"]},
    "stop string": {"stop": "END"},
    "json object": {"response_format": {"type": "json_object"}},
    "json schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "strict": True,
                "schema": {
                    "type": "object",
                    "$defs": {"A": {"type": "string"}},
                    "properties": {"a": {"$ref": "#/$defs/A"}},
                    "required": ["a"],
                    "additionalProperties": False,
                },
            },
        }
    },
    "picture with a format": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "format": "image/png"}}
                ],
            }
        ]
    },
    "stream options without a stream": {"stream_options": {"include_usage": True}},
}


@pytest.mark.parametrize("case", CASES)
async def test_a_request_is_answered_whole_and_streamed(house: House, case: str) -> None:
    request = {"model": "gpt-4.1", "messages": [USER], **CASES[case]}

    whole = await house.http.post("/v1/chat/completions", json=request)
    streamed = await house.http.post("/v1/chat/completions", json={**request, "stream": True})

    assert (whole.status_code, streamed.status_code) == (200, 200), (whole.text, streamed.text)
    assert whole.json()["choices"][0]["finish_reason"] in {"stop", "length", "tool_calls"}
    assert streamed.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("stream", [None, False])
async def test_a_stream_is_not_sent_unasked(house: House, stream: bool | None) -> None:
    answer = await house.http.post(
        "/v1/chat/completions", json={"model": "gpt-4.1", "messages": [USER], "stream": stream}
    )

    assert answer.json()["object"] == "chat.completion"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "application/json; charset=utf-8"},
        {"Content-Type": "application/octet-stream"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "text/plain"},
        {"Authorization": "Bearer ollama"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "DUMMY_KEY"},
        {"x-api-key": "api-key-not-set"},
        {"Accept-Encoding": "gzip, deflate, zstd, br"},
        {"Accept": "text/event-stream"},
        {"User-Agent": ""},
    ],
    ids=str,
)
async def test_headers_do_not_matter(house: House, headers: dict[str, str]) -> None:
    body = json.dumps({"model": "gpt-4.1", "messages": [USER]}).encode()

    answer = await house.http.post("/v1/chat/completions", content=body, headers=headers)

    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers
    assert '"Hi"' in answer.json()["choices"][0]["message"]["content"]


async def test_what_other_vendors_would_refuse_is_put_right(house: House) -> None:
    request = {
        "model": "gpt-4.1",
        "messages": [{"role": "developer", "content": "a"}, {"role": "assistant", "content": None}, USER],
        "tools": [tool(), {**tool(parameters={"type": "object"}), "x": 1}],
        "temperature": None,
    }

    await house.http.post("/v1/chat/completions", json=request)

    got = json.loads(next(s for s in reversed(house.simulator.requests) if s.path == "/chat/completions").body)
    assert [message["role"] for message in got["messages"]] == ["system", "assistant", "user"]
    assert got["messages"][1]["content"] == ""
    assert "temperature" not in got
    assert [entry["function"]["parameters"] for entry in got["tools"]] == [{"type": "object", "properties": {}}] * 2
    assert got["tools"][1]["x"] == 1
