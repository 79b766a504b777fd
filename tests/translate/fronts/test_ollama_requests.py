"""Ollama's chat as clients send it."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fronts import ollama
from passenger_trio.wire.chat import Call

NOW = 1_750_000_000_123_456_789
USER = {"role": "user", "content": "x"}

# the request of /api/chat and the options as Ollama defines them, with those it ignores from old clients
VENDOR_FIELDS = {
    "model", "messages", "stream", "format", "think", "keep_alive", "tools", "options", "truncate", "shift",
    "logprobs", "top_logprobs", "_debug_render_only",
}  # fmt: skip
VENDOR_OPTIONS = {
    "num_keep", "seed", "num_predict", "top_k", "top_p", "min_p", "typical_p", "repeat_last_n", "temperature",
    "repeat_penalty", "presence_penalty", "frequency_penalty", "stop",
    "num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict",
    "numa", "low_vram", "f16_kv", "logits_all", "vocab_only", "use_mlock", "embedding_only", "tfs_z", "mirostat",
    "mirostat_eta", "mirostat_tau", "penalize_newline", "num_gqa",
}  # fmt: skip


def call(openai_shaped: bool = False, **fields: Any) -> Call:
    body = {"model": "m:latest", "messages": [USER], **fields}
    return ollama.to_call(*ollama.read(json.dumps(body).encode()), openai_shaped=openai_shaped)


def sent(openai_shaped: bool = False, **fields: Any) -> dict[str, Any]:
    """What reaches the hub beyond model, messages and stream."""
    envelope = call(openai_shaped, **fields).envelope
    return {
        name: json.loads(bytes(raw)) for name, raw in envelope.items() if name not in {"model", "messages", "stream"}
    }


def test_every_field_of_the_vendor_is_read_dropped_or_refused() -> None:
    tables = ollama.FIELDS | ollama.DROPPED_FIELDS.keys() | ollama.REFUSED_FIELDS.keys()

    assert tables == VENDOR_FIELDS
    assert not ollama.REFUSED_FIELDS.keys() & (ollama.FIELDS | ollama.DROPPED_FIELDS.keys())


def test_every_option_of_the_vendor_is_mapped_or_dropped() -> None:
    assert ollama.OPTIONS.keys() | ollama.DROPPED_OPTIONS.keys() == VENDOR_OPTIONS
    assert not ollama.OPTIONS.keys() & ollama.DROPPED_OPTIONS.keys()


@pytest.mark.parametrize(
    "body, param, part",
    [
        (b"", None, "missing request body"),
        (b"{", None, "cannot be read"),
        (b"[]", None, "cannot be read"),
        (b"{}", "model", "model is required"),
        (b'{"model":""}', "model", "model is required"),
        (b'{"model":"m","messages":[{}]}', None, "`role` - at `$.messages[0]`"),
        (b'{"model":"m","stream":"yes"}', None, "at `$.stream`"),
        (b'{"model":"m","\xff":1}', None, "cannot be read"),
    ],
)
def test_a_wrong_request_is_refused(body: bytes, param: str | None, part: str) -> None:
    with pytest.raises(BadRequest) as caught:
        ollama.read(body)

    assert caught.value.param == param
    assert part in caught.value.message


@pytest.mark.parametrize(
    "message",
    [
        b'{"role":"user","content":["x"]}',
        b'{"role":"user","content":["x"],"images":["iVBOR"]}',
        b'{"role":"user","content":[{"type":5}]}',
        b'{"role":"user","content":"\xff"}',
        b'{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"a":"\xff"}}}]}',
    ],
)
def test_what_is_wrong_inside_a_message_is_refused_too(message: bytes) -> None:
    request, whole = ollama.read(b'{"model":"m","messages":[' + message + b"]}")

    with pytest.raises(BadRequest, match="cannot be read"):
        ollama.to_call(request, whole)


@pytest.mark.parametrize("fields, stream", [({}, True), ({"stream": None}, True), ({"stream": False}, False)])
def test_a_stream_is_the_default(fields: dict[str, Any], stream: bool) -> None:
    made = call(**fields)

    assert made.stream is stream
    assert json.loads(bytes(made.envelope["stream"])) is stream
    assert made.model == "m:latest"
    assert json.loads(bytes(made.envelope["messages"])) == [USER]


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"temperature": 0, "top_p": 0.9, "seed": 7}, {"temperature": 0, "top_p": 0.9, "seed": 7}),
        ({"presence_penalty": 1, "frequency_penalty": -1}, {"presence_penalty": 1, "frequency_penalty": -1}),
        ({"num_predict": 12}, {"max_tokens": 12}),
        ({"num_predict": -1, "seed": -1}, {}),
        ({"num_predict": 0, "seed": 0}, {"seed": 0}),
        ({"stop": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"stop": "a"}, {"stop": "a"}),
        ({"stop": []}, {}),
        (dict.fromkeys(sorted(VENDOR_OPTIONS)), {}),
        ({}, {}),
        (None, {}),
    ],
)
def test_options_find_their_place(options: Any, expected: dict[str, Any]) -> None:
    made = call(options=options)

    assert sent(options=options) == expected
    assert made.dropped == ()


def test_a_number_keeps_its_spelling() -> None:
    request, whole = ollama.read(b'{"model":"m","messages":[{"role":"user"}],"options":{"temperature":1e-1}}')

    assert bytes(ollama.to_call(request, whole).envelope["temperature"]) == b"1e-1"


@pytest.mark.parametrize("option", [*sorted(ollama.DROPPED_OPTIONS), "something_new"])
def test_an_option_without_a_place_is_named(option: str) -> None:
    made = call(options={option: 1, "seed": 7})

    assert made.dropped == (f"options.{option}",)
    assert option not in made.envelope


@pytest.mark.parametrize(
    "option, value",
    [
        ("temperature", "hot"),
        ("temperature", True),
        ("num_predict", [1]),
        ("seed", {}),
        ("stop", 5),
        ("stop", ["a", 5]),
    ],
)
def test_an_option_of_the_wrong_type_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        call(options={option: value})

    assert caught.value.param == f"options.{option}"
    assert f'"{option}"' in caught.value.message


@pytest.mark.parametrize(
    "fields, dropped",
    [
        ({"keep_alive": "5m"}, ("keep_alive",)),
        ({"keep_alive": 0}, ("keep_alive",)),
        ({"keep_alive": None}, ()),
        ({"truncate": True, "shift": False}, ("truncate", "shift")),
        ({"top_logprobs": 3, "logprobs": False}, ("top_logprobs", "logprobs")),
        ({"temperature": 1, "max_output_tokens": 3, "tool_choice": "auto"},
         ("temperature", "max_output_tokens", "tool_choice")),
        ({"something_new": {}, "nothing": None}, ("something_new",)),
        ({"think": "max"}, ("think=max",)),
        ({"messages": [{**USER, "thinking": "hm"}]}, ("messages.thinking",)),
    ],
)  # fmt: skip
def test_a_field_without_a_place_is_named(fields: dict[str, Any], dropped: tuple[str, ...]) -> None:
    assert call(**fields).dropped == dropped
    assert sent(**fields) == ({"reasoning_effort": "high"} if "think" in fields else {})


@pytest.mark.parametrize("field", sorted(ollama.REFUSED_FIELDS))
def test_a_field_the_client_would_miss_is_refused_by_name(field: str) -> None:
    with pytest.raises(BadRequest, match=field) as caught:
        call(**{field: True})

    assert caught.value.param == field


@pytest.mark.parametrize(
    "form, expected",
    [
        (None, None),
        ("", None),
        ("json", {"type": "json_object"}),
        (
            {"type": "object", "properties": {}},
            {"type": "json_schema",
             "json_schema": {"name": "response", "schema": {"type": "object", "properties": {}}}},
        ),
    ],
)  # fmt: skip
def test_a_format_becomes_a_response_format(form: Any, expected: Any) -> None:
    assert sent(format=form).get("response_format") == expected


@pytest.mark.parametrize("form", ["xml", 5, [], True])
def test_another_format_is_refused(form: Any) -> None:
    with pytest.raises(BadRequest, match="invalid format") as caught:
        call(format=form)

    assert caught.value.param == "format"


@pytest.mark.parametrize(
    "think, effort",
    [
        (None, None),
        (True, "medium"),
        (False, None),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
        ("max", "high"),
    ],
)
def test_a_level_of_thinking_becomes_an_effort(think: Any, effort: str | None) -> None:
    assert sent(think=think).get("reasoning_effort") == effort


def test_an_effort_by_openais_name_is_more_exact_than_a_think_that_is_true() -> None:
    fields = {"think": True, "reasoning_effort": "low"}

    assert sent(openai_shaped=True, **fields)["reasoning_effort"] == "low"


def test_another_level_of_thinking_is_refused() -> None:
    with pytest.raises(BadRequest, match='invalid think value: "much"') as caught:
        call(think="much")

    assert caught.value.param == "think"


def test_tools_pass_as_they_are() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]

    assert sent(tools=tools) == {"tools": tools}
    assert sent(tools=[]) == {}
    assert sent(tools=None) == {}


@pytest.mark.parametrize("fields, stream", [({}, False), ({"stream": None}, False), ({"stream": True}, True)])
def test_passenger_rss_variant_streams_only_when_asked(fields: dict[str, Any], stream: bool) -> None:
    assert call(openai_shaped=True, **fields).stream is stream


def test_passenger_rss_variant_takes_openais_names_as_well() -> None:
    fields = {"temperature": 0.5, "max_tokens": 3, "tool_choice": "auto", "response_format": None, "top_k": 3}

    assert sent(openai_shaped=True, **fields, options={"seed": 1}) == {
        "temperature": 0.5,
        "max_tokens": 3,
        "tool_choice": "auto",
        "seed": 1,
    }
    assert call(openai_shaped=True, **fields).dropped == ("top_k",)


@pytest.mark.parametrize("keep_alive", [0, 0.0, "0", "0s", "0m", "0h0m", -0.0])
@pytest.mark.parametrize("fields", [{}, {"messages": []}, {"messages": None}])
def test_no_messages_and_no_time_to_live_unload_a_model(keep_alive: Any, fields: dict[str, Any]) -> None:
    request, _ = ollama.read(json.dumps({"model": "m", "keep_alive": keep_alive, **fields}).encode())

    assert json.loads(ollama.idle_answer(request, NOW) or b"") == {
        "model": "m",
        "created_at": "2025-06-15T15:06:40.123456789Z",
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "unload",
    }


@pytest.mark.parametrize(
    "fields", [{}, {"keep_alive": None}, {"keep_alive": "5m"}, {"keep_alive": 10}, {"keep_alive": -1}]
)
def test_no_messages_load_a_model(fields: dict[str, Any]) -> None:
    request, _ = ollama.read(json.dumps({"model": "m", **fields}).encode())

    assert json.loads(ollama.idle_answer(request, NOW) or b"")["done_reason"] == "load"


def test_a_conversation_is_no_request_to_load() -> None:
    request, _ = ollama.read(json.dumps({"model": "m", "messages": [USER], "keep_alive": 0}).encode())

    assert ollama.idle_answer(request, NOW) is None
