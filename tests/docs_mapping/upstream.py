"""What Copilot's endpoints answer, whole and as a stream: one answer each with as much in it as there can be."""

import json
from typing import Any, Final

from docs_mapping.roads import CHAT, EMBEDDINGS, MESSAGES, RESPONSES

Body = dict[str, Any]

_TOKEN: Final = {"token": "w", "logprob": -0.5, "bytes": [119]}
_LOGPROBS: Final = {"content": [{**_TOKEN, "top_logprobs": [_TOKEN]}], "refusal": None}
_FILTER: Final = {"hate": {"filtered": False, "severity": "safe"}}
_COPILOT: Final = {"token_details": [], "total_nano_aiu": 12345}

_CHAT: Final[Body] = {
    "id": "chatcmpl-up",
    "created": 1_750_000_123,
    "model": "gpt-up",
    "service_tier": "default",
    "system_fingerprint": "fp_up",
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _FILTER}],
    "copilot_usage": _COPILOT,
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "content_filter_results": _FILTER,
            "logprobs": _LOGPROBS,
            "message": {
                "role": "assistant",
                "content": "some words",
                "refusal": "but not these",
                "annotations": [{"type": "url_citation", "url_citation": {"url": "https://example.org"}}],
                "reasoning_text": "some thoughts",
                "reasoning_opaque": "c2lnbmVk",
                "tool_calls": [
                    {"id": "call_up", "type": "function", "function": {"name": "look", "arguments": '{"a":"b"}'}},
                    {"id": "call_2", "type": "function", "function": {"name": "patch", "arguments": '{"input":"p"}'}},
                ],
                "padding": "abc",
            },
        }
    ],
    "usage": {
        "prompt_tokens": 1001,
        "completion_tokens": 202,
        "total_tokens": 1203,
        "prompt_tokens_details": {"cached_tokens": 303},
        "completion_tokens_details": {"reasoning_tokens": 44, "accepted_prediction_tokens": 5},
    },
}

_ITEMS: Final[list[Body]] = [
    {
        "type": "reasoning",
        "id": "rs_up",
        "summary": [{"type": "summary_text", "text": "some thoughts"}],
        "encrypted_content": "gAAAA",
    },
    {
        "type": "message",
        "id": "msg_up",
        "role": "assistant",
        "status": "completed",
        "phase": "final_answer",
        "content": [
            {
                "type": "output_text",
                "text": "some words",
                "annotations": [{"type": "url_citation", "url": "https://example.org"}],
                "logprobs": [{"token": "w", "logprob": -0.5}],
            },
            {"type": "refusal", "refusal": "but not these"},
        ],
    },
    {
        "type": "function_call",
        "id": "fc_up",
        "status": "completed",
        "call_id": "call_up",
        "name": "look",
        "arguments": '{"a":"b"}',
    },
    {
        "type": "custom_tool_call",
        "id": "ctc_up",
        "status": "completed",
        "call_id": "call_custom",
        "name": "patch",
        "input": "a patch",
    },
    {"type": "web_search_call", "id": "ws_up", "status": "completed", "action": {"type": "search", "query": "q"}},
]

_RESPONSES: Final[Body] = {
    "id": "resp_up",
    "object": "response",
    "created_at": 1_750_000_123,
    "completed_at": 1_750_000_124,
    "status": "completed",
    "model": "gpt-up",
    "service_tier": "default",
    "output": _ITEMS,
    "usage": {
        "input_tokens": 1001,
        "input_tokens_details": {"cached_tokens": 303},
        "output_tokens": 202,
        "output_tokens_details": {"reasoning_tokens": 44},
        "total_tokens": 1203,
    },
    "copilot_usage": _COPILOT,
}

_BLOCKS: Final[list[Body]] = [
    {"type": "thinking", "thinking": "some thoughts", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "ZGF0YQ=="},
    {
        "type": "text",
        "text": "some words",
        "citations": [{"type": "char_location", "cited_text": "w", "document_index": 0}],
    },
    {"type": "tool_use", "id": "call_up", "name": "look", "input": {"a": "b"}},
    {"type": "tool_use", "id": "call_2", "name": "patch", "input": {"input": "p"}},
    {"type": "server_tool_use", "id": "srvtoolu_up", "name": "web_search", "input": {"query": "q"}},
]

_MESSAGES: Final[Body] = {
    "id": "msg_up",
    "type": "message",
    "role": "assistant",
    "model": "claude-up",
    "content": _BLOCKS,
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "stop_details": {"type": "other"},
    "usage": {
        "input_tokens": 698,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 303,
        "output_tokens": 202,
        "service_tier": "standard",
    },
    "copilot_usage": _COPILOT,
}

WHOLE: Final[dict[str, Body]] = {
    CHAT: _CHAT,
    RESPONSES: _RESPONSES,
    MESSAGES: _MESSAGES,
    EMBEDDINGS: {
        "data": [{"embedding": [0.5, 0.25], "index": 0}],
        "usage": {"prompt_tokens": 1001, "total_tokens": 1001},
    },
}
"""By endpoint."""


def _chat_events() -> list[Body]:
    head = {name: _CHAT[name] for name in ("id", "created", "model", "system_fingerprint", "service_tier")}
    (choice,) = _CHAT["choices"]
    message = dict(choice["message"])
    calls = [{**call, "index": at} for at, call in enumerate(message.pop("tool_calls"))]
    pieces = [{"role": "assistant"}, *({name: value} for name, value in message.items() if name != "role")]
    pieces.append({"tool_calls": calls})
    deltas = [{**head, "choices": [{"index": 0, "delta": piece, "finish_reason": None}]} for piece in pieces]
    deltas[2]["choices"][0]["logprobs"] = _LOGPROBS
    last = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}], "usage": _CHAT["usage"]}
    return [*deltas, {**last, "copilot_usage": _COPILOT}]


_GROWTH: Final[dict[str, tuple[tuple[str, Body], ...]]] = {
    "reasoning": (
        ("response.reasoning_summary_part.added", {"summary_index": 0, "part": {"type": "summary_text", "text": ""}}),
        ("response.reasoning_summary_text.delta", {"summary_index": 0, "delta": "some thoughts"}),
        ("response.reasoning_summary_text.done", {"summary_index": 0, "text": "some thoughts"}),
        (
            "response.reasoning_summary_part.done",
            {"summary_index": 0, "part": {"type": "summary_text", "text": "some thoughts"}},
        ),
    ),
    "message": (
        ("response.content_part.added", {"content_index": 0, "part": {"type": "output_text", "text": ""}}),
        ("response.output_text.delta", {"content_index": 0, "delta": "some words", "logprobs": []}),
        (
            "response.output_text.annotation.added",
            {"content_index": 0, "annotation_index": 0, "annotation": {"type": "url_citation"}},
        ),
        ("response.output_text.done", {"content_index": 0, "text": "some words", "logprobs": []}),
        ("response.content_part.done", {"content_index": 0, "part": {"type": "output_text", "text": "some words"}}),
        ("response.content_part.added", {"content_index": 1, "part": {"type": "refusal", "refusal": ""}}),
        ("response.refusal.delta", {"content_index": 1, "delta": "but not these"}),
        ("response.refusal.done", {"content_index": 1, "refusal": "but not these"}),
        ("response.content_part.done", {"content_index": 1, "part": {"type": "refusal", "refusal": "but not these"}}),
    ),
    "function_call": (
        ("response.function_call_arguments.delta", {"delta": '{"a":"b"}'}),
        ("response.function_call_arguments.done", {"arguments": '{"a":"b"}', "name": "look"}),
    ),
    "custom_tool_call": (
        ("response.custom_tool_call_input.delta", {"delta": "a patch"}),
        ("response.custom_tool_call_input.done", {"input": "a patch"}),
    ),
    "web_search_call": (
        ("response.web_search_call.in_progress", {}),
        ("response.web_search_call.searching", {}),
        ("response.web_search_call.completed", {}),
    ),
}
_EMPTY: Final[Body] = {"content": [], "summary": [], "arguments": "", "input": ""}


def _responses_events() -> list[Body]:
    begun = {**_RESPONSES, "status": "in_progress", "output": [], "usage": None, "completed_at": None}
    events: list[Body] = [{"type": f"response.{word}", "response": begun} for word in ("created", "in_progress")]
    for at, item in enumerate(_ITEMS):
        empty = {**item, **{name: value for name, value in _EMPTY.items() if name in item}}
        place = {"output_index": at}
        events.append({"type": "response.output_item.added", **place, "item": empty})
        events += [{"type": kind, **place, "item_id": item["id"], **more} for kind, more in _GROWTH[item["type"]]]
        events.append({"type": "response.output_item.done", **place, "item": item})
    whole = {name: value for name, value in _RESPONSES.items() if name != "copilot_usage"}
    events.append({"type": "response.completed", "response": whole, "copilot_usage": _COPILOT})
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


_PIECES: Final[dict[str, tuple[Body, ...]]] = {
    "thinking": (
        {"type": "thinking_delta", "thinking": "some thoughts"},
        {"type": "signature_delta", "signature": "c2ln"},
    ),
    "text": (
        {"type": "text_delta", "text": "some words"},
        {"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "w"}},
    ),
}
_BARE: Final[Body] = {"thinking": "", "signature": "", "text": "", "input": {}, "citations": []}


def _messages_events() -> list[Body]:
    usage = {**_MESSAGES["usage"], "output_tokens": 1}
    head = {**_MESSAGES, "content": [], "stop_reason": None, "usage": usage}
    del head["copilot_usage"]
    events: list[Body] = [{"type": "message_start", "message": head}, {"type": "ping"}]
    for at, block in enumerate(_BLOCKS):
        bare = {**block, **{name: value for name, value in _BARE.items() if name in block}}
        events.append({"type": "content_block_start", "index": at, "content_block": bare})
        pieces = _PIECES.get(block["type"], ())
        if "input" in block:
            pieces = ({"type": "input_json_delta", "partial_json": json.dumps(block["input"])},)
        events += [{"type": "content_block_delta", "index": at, "delta": piece} for piece in pieces]
        events.append({"type": "content_block_stop", "index": at})
    delta = {"stop_reason": "tool_use", "stop_sequence": None}
    events.append(
        {
            "type": "message_delta",
            "delta": delta,
            "usage": {"output_tokens": 202, "input_tokens": 698, "cache_read_input_tokens": 303},
            "copilot_usage": _COPILOT,
        }
    )
    return [*events, {"type": "message_stop"}]


STREAMED: Final[dict[str, list[Body]]] = {
    CHAT: _chat_events(),
    RESPONSES: _responses_events(),
    MESSAGES: _messages_events(),
}
"""The same answers as streams. An event of OpenAI's older dialect has no type."""

OTHERWISE: Final[Body] = {"finish_reason": "length", "stop_reason": "max_tokens"}
"""Another value of what an answer cannot be without."""
