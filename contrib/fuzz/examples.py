"""What nearly right bytes are made of: rich questions for the routes, and the recorded samples."""

from pathlib import Path
from typing import Any, Final

SAMPLES: Final = Path(__file__).parents[2] / "tests" / "samples" / "copilot"

QUESTIONS: Final[dict[str, dict[str, Any]]] = {
    "/v1/chat/completions": {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {}}]},
            {"role": "assistant", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "1"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
        "tool_choice": "auto", "temperature": 0.5, "n": 1, "stop": ["x"], "max_tokens": 5, "stream_options": {},
        "response_format": {"type": "json_object"}, "logprobs": True, "functions": [],
    },
    "/v1/completions": {"model": "gpt-4o", "prompt": ["a", "b"], "suffix": None, "echo": True, "logprobs": 1, "n": 1},
    "/v1/embeddings": {"model": "gpt-4o", "input": ["a", [1, 2]], "encoding_format": "base64", "dimensions": 2},
    "/v1/responses": {
        "model": "gpt-5.3-codex", "instructions": "x", "reasoning": {"effort": "low"},
        "text": {"format": {"type": "text"}},
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "1"},
            {"type": "reasoning", "summary": [], "encrypted_content": "x"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": False}, {"type": "web_search"}],
    },
    "/v1/messages": {
        "model": "claude-sonnet-4.5", "max_tokens": 10, "system": [{"type": "text", "text": "x", "cache_control": {}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "x", "signature": "y"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {}},
            ]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "1"}]},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    },
    "/v1/messages/count_tokens": {"model": "claude-sonnet-4.5", "messages": [{"role": "user", "content": "hi"}]},
    "/api/chat": {
        "model": "gpt-4o", "options": {"num_predict": 4, "stop": ["x"]}, "think": True, "format": {"type": "object"},
        "messages": [
            {"role": "user", "content": "hi", "images": ["AA=="]},
            {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
            {"role": "tool", "tool_name": "f", "content": "1"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "keep_alive": "5m",
    },
    "/api/generate": {"model": "gpt-4o", "prompt": "hi", "suffix": "x", "context": [1, 2], "raw": False, "images": []},
    "/api/embed": {"model": "gpt-4o", "input": ["a"], "truncate": True, "options": {}},
    "/api/show": {"model": "gpt-4o", "verbose": True},
    "/api/pull": {"model": "gpt-4o", "stream": False},
    "/api/copy": {"source": "gpt-4o", "destination": "mine"},
}  # fmt: skip
"""One rich question for each route, of which nearly right ones are made."""

ASKED: Final = {
    "/chat/completions": (
        "gpt-4o",
        ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat", "/v1/completions"),
    ),
    "/responses": ("gpt-5.3-codex", ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/generate")),
    "/v1/messages": ("claude-sonnet-4.5", ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat")),
}
"""For each endpoint of Copilot's: a model that answers there alone, and the routes that lead to it."""


def plain_question(path: str, model: str, *, stream: bool) -> dict[str, Any]:
    """The simplest question."""
    if path == "/v1/responses":
        return {"model": model, "input": "hi", "stream": stream}
    if path in {"/api/generate", "/v1/completions"}:
        return {"model": model, "prompt": "hi", "stream": stream}
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, "stream": stream}


def samples(*patterns: str) -> list[bytes]:
    """The recorded samples whose names fit."""
    return [path.read_bytes() for pattern in patterns for path in sorted(SAMPLES.glob(pattern))]
