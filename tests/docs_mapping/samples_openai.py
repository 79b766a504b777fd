"""Samples of OpenAI's chat completions, text completions and embeddings."""

from typing import Any, Final

from docs_mapping.requests import Samples

PICTURE: Final = "data:image/png;base64,iVBORw0KGgo="
USER: Final = {"role": "user", "content": "hello"}
SCHEMA: Final = {"type": "object", "properties": {"a": {"type": "string"}}}
FUNCTION: Final = {"name": "look", "parameters": SCHEMA}
TOOLS: Final[list[Any]] = [{"type": "function", "function": FUNCTION}]
CUSTOM: Final = {"type": "custom", "custom": {"name": "patch"}}
CALL: Final = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a":"b"}'}}
CACHE: Final = {"type": "ephemeral"}

CHAT: Final = Samples(
    base={"model": "asked", "messages": [USER]},
    lists=frozenset({"messages", "content", "tool_calls", "tools", "functions"}),
    objects={
        "messages[developer]": {"role": "developer", "content": "be brief"},
        "messages[system]": {"role": "system", "content": "be brief"},
        "messages[user]": {"role": "user", "content": "well"},
        "messages[assistant]": {"role": "assistant", "content": "said"},
        "messages[assistant].audio": {"id": "audio_1"},
        "messages[assistant].function_call": {"name": "look", "arguments": '{"a":"b"}'},
        "messages[tool]": {"role": "tool", "tool_call_id": "call_1", "content": "found"},
        "messages[function]": {"role": "function", "name": "look", "content": "found"},
        "content[text]": {"type": "text", "text": "a text"},
        "content[image_url]": {"type": "image_url", "image_url": {"url": PICTURE}},
        "content[input_audio]": {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        "content[file]": {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}},
        "content[refusal]": {"type": "refusal", "refusal": "no, thanks"},
        "tool_calls[function]": CALL,
        "tool_calls[custom]": {"id": "call_1", "type": "custom", "custom": {"name": "patch", "input": "some text"}},
        "tools[function]": {"type": "function", "function": {"name": "look"}},
        "tools[custom]": CUSTOM,
        "custom.format[text]": {"type": "text"},
        "custom.format[grammar]": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}},
        "functions": {"name": "look"},
        "function_call": {"name": "look"},
        "content": [{"type": "text", "text": "a text"}],
        "prompt_cache_options": {},
        "stream_options": {},
        "prompt_cache_breakpoint": {"mode": "explicit"},
        "tool_choice[function]": {"type": "function", "function": {"name": "look"}},
        "tool_choice[custom]": {"type": "custom", "custom": {"name": "patch"}},
        "tool_choice[allowed_tools]": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "look"}}]},
        },
        "response_format[text]": {"type": "text"},
        "response_format[json_object]": {"type": "json_object"},
        "response_format[json_schema]": {"type": "json_schema", "json_schema": {"name": "form", "schema": SCHEMA}},
    },
    values={
        "model": "another",
        "content": "other words",
        "messages[user].name": "ann",
        "refusal": "no, thanks",
        "audio": {"format": "wav", "voice": "ash"},
        "function_call.name": "look2",
        "include_usage": True,
        "include_obfuscation": True,
        "reasoning_text": "hm",
        "name": "look",
        "messages[function].name": "look2",
        "frequency_penalty": 0.25,
        "presence_penalty": 0.75,
        "function_call": "none",
        "messages[assistant].function_call": {"name": "look", "arguments": "{}"},
        "functions": [FUNCTION],
        "logit_bias": {"50256": -100},
        "logprobs": True,
        "max_completion_tokens": 4321,
        "max_tokens": 4321,
        "metadata": {"k": "v"},
        "modalities": ["text", "audio"],
        "moderation": {"model": "omni"},
        "n": 2,
        "parallel_tool_calls": False,
        "prediction": {"type": "content", "content": "soon"},
        "prompt_cache_key": "my-key",
        "prompt_cache_options": {"mode": "implicit"},
        "prompt_cache_retention": "24h",
        "reasoning_effort": "low",
        "response_format": {"type": "json_object"},
        "safety_identifier": "me",
        "seed": 17,
        "service_tier": "flex",
        "stop": ["END"],
        "store": True,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "tool_choice": "required",
        "tools": TOOLS,
        "top_logprobs": 3,
        "top_p": 0.5,
        "user": "me",
        "verbosity": "low",
        "web_search_options": {"search_context_size": "low"},
        "parameters": {"type": "object", "properties": {"b": {}}},
        "schema": {"type": "object", "properties": {"b": {}}},
        "description": "looks at things",
        "strict": True,
        "tool_calls": [CALL],
        "detail": "high",
        "cache_control": CACHE,
        "copilot_cache_control": CACHE,
        "prompt_cache_breakpoint": {"mode": "explicit"},
        "reasoning_content": "hm",
        "reasoning_opaque": "c2lnbmVk",
        "arguments": '{"a":"c"}',
        "tool_choice[function].function.name": "look",
        "tool_choice[custom].custom.name": "patch",
        "audio.id": "audio_1",
    },
    beside={
        "tool_choice": {"tools": TOOLS},
        "tool_choice[custom]": {"tools": [CUSTOM]},
        "parallel_tool_calls": {"tools": TOOLS},
        "function_call": {"functions": [FUNCTION]},
        "top_logprobs": {},
        "stream_options": {"stream": True},
        "messages[tool]": {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}]},
        "messages[function]": {
            "messages": [
                USER,
                {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}},
                {"role": "assistant", "content": None, "function_call": {"name": "look2", "arguments": "{}"}},
                {"role": "assistant", "content": None, "function_call": {"name": "look22", "arguments": "{}"}},
            ]
        },
    },
)

COMPLETIONS: Final = Samples(
    base={"model": "asked", "prompt": "hello"},
    lists=frozenset(),
    objects={"stream_options": {}},
    values={
        **CHAT.values,
        "prompt": "other words",
        "best_of": 5,
        "echo": True,
        "suffix": "the end",
        "logprobs": 3,
        "messages": [USER],
    },
    beside={"stream_options": {"stream": True}},
)

EMBEDDINGS: Final = Samples(
    base={"model": "asked", "input": "hello"},
    lists=frozenset(),
    objects={},
    values={"input": ["other words"], "dimensions": 256, "encoding_format": "base64", "user": "me"},
)
