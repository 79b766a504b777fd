"""Samples of Anthropic's Messages."""

from typing import Any, Final

from docs_mapping.requests import Samples

USER: Final = {"role": "user", "content": [{"type": "text", "text": "hello"}]}
SAID: Final = {"role": "assistant", "content": [{"type": "text", "text": "said"}]}
SCHEMA: Final = {"type": "object", "properties": {"a": {"type": "string"}}}
TOOL: Final = {"name": "look", "input_schema": SCHEMA}
TOOLS: Final[list[Any]] = [TOOL]
BASE64: Final = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
PDF: Final = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQ="}
CALL: Final = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": "b"}}
RESULT: Final = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "found"}]}

MESSAGES: Final = Samples(
    base={"model": "asked", "max_tokens": 1000, "messages": [USER]},
    lists=frozenset({"messages", "content", "system", "tools"}),
    objects={
        "messages[user]": {"role": "user", "content": [{"type": "text", "text": "well"}]},
        "messages[assistant]": {"role": "assistant", "content": [{"type": "text", "text": "said"}]},
        "content[tool_search_tool_result]": {
            "type": "tool_search_tool_result",
            "tool_use_id": "srvtoolu_1",
            "content": {},
        },
        "messages[system]": {"role": "system", "content": [{"type": "text", "text": "be brief"}]},
        "system[text]": {"type": "text", "text": "be brief"},
        "content[text]": {"type": "text", "text": "a text"},
        "content[image]": {"type": "image", "source": BASE64},
        "source[base64]": BASE64,
        "source[url]": {"type": "url", "url": "https://example.org/a.png"},
        "source[file]": {"type": "file", "file_id": "file_1"},
        "content[document]": {
            "type": "document",
            "source": {"type": "text", "data": "words", "media_type": "text/plain"},
        },
        "content[document].source[base64]": PDF,
        "content[document].source[text]": {"type": "text", "data": "words", "media_type": "text/plain"},
        "content[document].source[content]": {"type": "content", "content": [{"type": "text", "text": "words"}]},
        "content[search_result]": {
            "type": "search_result",
            "source": "a.txt",
            "title": "A",
            "content": [{"type": "text", "text": "found"}],
        },
        "content[tool_use]": CALL,
        "content[tool_result]": RESULT,
        "content[tool_reference]": {"type": "tool_reference", "tool_name": "look"},
        "content[compaction]": {"type": "compaction", "content": "what was said"},
        "tools[custom]": TOOL,
        "tool_choice": {"type": "auto"},
        "tool_choice[auto]": {"type": "auto"},
        "tool_choice[any]": {"type": "any"},
        "tool_choice[none]": {"type": "none"},
        "tool_choice[tool]": {"type": "tool", "name": "look"},
        "thinking[enabled]": {"type": "enabled", "budget_tokens": 2048},
        "thinking[adaptive]": {"type": "adaptive"},
        "thinking[disabled]": {"type": "disabled"},
        "thinking[between_tools]": {"type": "between_tools"},
        "output_config": {},
        "output_config.format": {"type": "json_schema", "schema": SCHEMA},
        "output_format": {"type": "json_schema", "schema": SCHEMA},
        "cache_control": {"type": "ephemeral"},
    },
    values={
        "max_tokens": 4321,
        "stop_sequences": ["END"],
        "tool_choice": {"type": "any"},
        "stream": True,
        "system": "be brief",
        "temperature": 0.5,
        "top_k": 7,
        "top_p": 0.25,
        "tools": TOOLS,
        "output_config.effort": "low",
        "input_schema": {"type": "object", "properties": {"b": {}}},
        "thinking[enabled].budget_tokens": 3000,
        "disable_parallel_tool_use": True,
        "is_error": True,
        "tool_choice[tool].name": "look",
        "tool_use.input": {"a": "c"},
        "media_type": "image/jpeg",
        "source[base64].data": "/9j/4AAQ",
        "betas": ["a-beta"],
        "container": {"id": "container_1"},
        "compaction": {"trigger": "auto"},
        "context_management": {"edits": []},
        "diagnostics": {"previous_message_id": None},
        "fallbacks": [{"model": "claude"}],
        "mcp_servers": [{"type": "url", "name": "m", "url": "https://example.org"}],
        "metadata": {"user_id": "me"},
        "thread": {"type": "create"},
        "cache_control": {"type": "ephemeral"},
        "citations": {"enabled": True},
        "messages.output_config": {"effort": "low"},
        "clear_at": "next_user_message",
        "output_config.format": {"type": "json_schema", "schema": SCHEMA},
        "output_format": {"type": "json_schema", "schema": SCHEMA},
        "output_config.task_budget": {"type": "tokens", "total": 9},
        "defer_loading": True,
        "eager_input_streaming": True,
        "allowed_callers": ["direct"],
        "input_examples": [{"a": "b"}],
        "strict": True,
        "caller": {"type": "direct"},
        "transformations": {"oversized_image": "error"},
        "content[compaction].tool_changes": [],
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "content[thinking].thinking": "hm, well",
        "display": "omitted",
        "output_config": {"effort": "low"},
    },
    beside={
        "tool_choice": {"tools": TOOLS},
        "thinking": {"max_tokens": 8000},
    },
    around={
        "messages.content[tool_use]": {"messages": SAID},
        "messages.content[thinking]": {"messages": SAID},
        "messages.content[redacted_thinking]": {"messages": SAID},
        "messages.content[server_tool_use]": {"messages": SAID},
        "messages.clear_at": {"messages": {"role": "system", "content": [{"type": "text", "text": "now"}]}},
    },
)
