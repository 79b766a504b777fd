"""Ollama's chat as clients send it: the request as a whole, and what the model makes of it."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import chat_request
from passenger_trio.translate.fronts import ollama_fields, ollama_request
from passenger_trio.translate.fronts.ollama_request import Asked, read_chat, to_call
from passenger_trio.wire.chat import Call
from passenger_trio.wire.models import Capabilities, Model, Supports

USER = {"role": "user", "content": "x"}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]

# the request of /api/chat as Ollama defines it
VENDOR_FIELDS = {
    "model", "messages", "stream", "format", "think", "keep_alive", "tools", "options", "truncate", "shift",
    "logprobs", "top_logprobs", "_debug_render_only",
}  # fmt: skip

ABLE = Model(
    "able", capabilities=Capabilities(supports=Supports(streaming=True, tool_calls=True, reasoning_effort=["low"]))
)
UNABLE = Model("unable", capabilities=Capabilities(supports=Supports()))
UNKNOWN = Model("unknown")


def asked(openai_shaped: bool = False, **fields: Any) -> Asked:
    body = {"model": "m:latest", "messages": [USER], **fields}
    return read_chat(json.dumps(body).encode(), openai_shaped=openai_shaped)


def call(openai_shaped: bool = False, **fields: Any) -> Call:
    return to_call(asked(openai_shaped, **fields), ABLE)


def sent(openai_shaped: bool = False, **fields: Any) -> dict[str, Any]:
    """What reaches the hub beyond model, messages and stream."""
    envelope = call(openai_shaped, **fields).envelope
    return {
        name: json.loads(bytes(raw)) for name, raw in envelope.items() if name not in {"model", "messages", "stream"}
    }


def test_every_field_of_the_vendor_is_read_or_dropped() -> None:
    assert (ollama_request.FIELDS - {"name"}) | ollama_request.DROPPED_FIELDS.keys() == VENDOR_FIELDS
    assert not ollama_request.DROPPED_FIELDS.keys() & ollama_request.FIELDS


@pytest.mark.parametrize(
    "body, param, part",
    [
        (b"", None, "missing request body"),
        (b"{", None, "cannot be read"),
        (b"[]", None, "cannot be read"),
        (b"{}", "model", "model is required"),
        (b'{"model":""}', "model", "model is required"),
        (b'{"model":null,"name":null}', "model", "model is required"),
        (b'{"model":"m","messages":[{}]}', "messages[0]", "field `role` - at `$.messages[0]`"),
        (b'{"model":"m","messages":[{"role":"user"},{"role":5}]}', "messages[1]", "at `$.messages[1].role`"),
        (b'{"model":"m","messages":[5]}', "messages[0]", "at `$.messages[0]`"),
        (b'{"model":"m","stream":"yes"}', None, "at `$.stream`"),
        (b'{"model":"m","\xff":1}', None, "cannot be read"),
        (b'{"model":"m","tools":["f"]}', None, "cannot be read"),
        (b'{"model":"m","options":{"stop":["\xff"]}}', None, "cannot be read"),
        (b'{"model":"m","keep_alive":1e999}', None, "cannot be read"),
    ],
)
def test_a_wrong_request_is_refused(body: bytes, param: str | None, part: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_chat(body)

    assert caught.value.param == param
    assert part in caught.value.message


@pytest.mark.parametrize(
    "message",
    [
        b'{"role":"user","content":["x"]}',
        b'{"role":"user","content":["x"],"images":["iVBORw0KGgo="]}',
        b'{"role":"user","content":[{"type":5}]}',
        b'{"role":"user","content":"\xff"}',
        b'{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"a":"\xff"}}}]}',
        b'{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"\xff"}}]}',
    ],
)
def test_what_is_wrong_inside_a_message_is_refused_too(message: bytes) -> None:
    with pytest.raises(BadRequest, match="cannot be read"):
        to_call(read_chat(b'{"model":"m","messages":[' + message + b"]}"), ABLE)


@pytest.mark.parametrize("fields, stream", [({}, True), ({"stream": None}, True), ({"stream": False}, False)])
def test_a_stream_is_the_default(fields: dict[str, Any], stream: bool) -> None:
    """Trap 15: clients that leave the field out read lines."""
    assert asked(**fields).stream is stream


@pytest.mark.parametrize("fields", [{}, {"stream": True}, {"stream": False}])
@pytest.mark.parametrize("openai_shaped", [True, False])
def test_copilot_is_always_asked_for_a_stream(openai_shaped: bool, fields: dict[str, Any]) -> None:
    made = call(openai_shaped, **fields)

    assert made.stream
    assert bytes(made.envelope["stream"]) == b"true"


@pytest.mark.parametrize("fields, stream", [({}, False), ({"stream": None}, False), ({"stream": True}, True)])
def test_passenger_rss_variant_streams_only_when_asked(fields: dict[str, Any], stream: bool) -> None:
    assert asked(openai_shaped=True, **fields).stream is stream


def test_the_model_keeps_the_name_that_the_client_has_for_it() -> None:
    made = call(model="Library/M:latest")

    assert made.model == made.request.model == "Library/M:latest"
    assert json.loads(bytes(made.envelope["messages"])) == [USER]


@pytest.mark.parametrize(
    "fields, name",
    [({"model": None, "name": "n"}, "n"), ({"model": "", "name": "n"}, "n"), ({"model": "m", "name": "n"}, "m")],
)
def test_name_is_another_name_of_the_model(fields: dict[str, Any], name: str) -> None:
    assert asked(**fields).name == name
    assert asked(**fields).dropped == ()


def test_field_names_are_read_in_any_case() -> None:
    """As Go's decoder does; those of the options alone are read as they are."""
    made = read_chat(
        b'{"Model":"m","MESSAGES":[{"ROLE":"user","Content":"x"}],"Stream":false,"Options":{"seed":1,"TEMPERATURE":2},'
        b'"KEEP_ALIVE":"5m","Think":"low"}'
    )

    assert (made.name, made.stream, made.keep_alive, made.idle) == ("m", False, 300.0, False)
    assert {name: bytes(value) for name, value in made.fields.items()} == {"seed": b"1", "reasoning_effort": b'"low"'}
    assert made.dropped == ("options.TEMPERATURE",)


def test_a_null_is_a_field_that_is_not_there() -> None:
    nulls = dict.fromkeys(sorted(VENDOR_FIELDS - {"model", "messages"} | {"name", "unheard_of", "tool_choice"}))

    assert asked(**nulls) == asked()


@pytest.mark.parametrize(
    "fields, dropped",
    [
        ({"truncate": True, "shift": False}, ("truncate", "shift")),
        ({"top_logprobs": 3, "logprobs": False}, ("top_logprobs",)),
        ({"logprobs": False, "top_logprobs": 0}, ()),
        ({"keep_alive": 0, "name": "m", "stream": True}, ()),
        ({"max_output_tokens": 3, "tool_choice": "auto"}, ("max_output_tokens", "tool_choice")),
        ({"something_new": {}, "nothing": None}, ("something_new",)),
        ({"messages": [{**USER, "thinking": "hm", "new": 1}]}, ("messages.new", "messages.thinking")),
        ({"options": {"num_ctx": 8192, "unheard_of": 1}}, ("options.num_ctx", "options.unheard_of")),
    ],
)
def test_a_field_without_a_place_is_named(fields: dict[str, Any], dropped: tuple[str, ...]) -> None:
    assert call(**fields).dropped == dropped
    assert sent(**fields) == {}


def test_options_that_copilot_does_not_know_do_not_reach_it() -> None:
    """Trap 30: num_ctx, mirostat and their like are a 400 upstream."""
    options = dict.fromkeys(ollama_fields.DROPPED_OPTIONS.keys() - {"use_mmap"}, 1) | {"use_mmap": True}

    assert sent(options=options) == {}
    assert sorted(call(options=options).dropped) == sorted(f"options.{name}" for name in options)


def test_older_langchains_empty_format_asks_for_nothing() -> None:
    """Trap 22."""
    assert sent(format="") == {}
    assert asked(format="").dropped == ()


def test_arguments_are_taken_as_an_object_and_as_text() -> None:
    """Trap 1, as far as requests go."""
    for arguments in ({"b": [1], "a": 2}, '{"b":[1],"a":2}'):
        said = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}
        (message,) = json.loads(bytes(call(messages=[said]).envelope["messages"]))

        text = message["tool_calls"][0]["function"]["arguments"]
        assert isinstance(text, str)
        assert list(json.loads(text).items()) == [("b", [1]), ("a", 2)]


@pytest.mark.parametrize("parameters", [{}, None, {"type": "object"}, {"required": []}])
def test_a_tool_without_parameters_gets_an_empty_object_of_them(parameters: Any) -> None:
    function = {"name": "f"} | ({} if parameters is None else {"parameters": parameters})
    body = json.loads(chat_request.request(call(tools=[{"function": function}]), ABLE).body)

    (tool,) = body["tools"]
    assert tool["type"] == "function"
    made = tool["function"]["parameters"]
    assert (made["type"], made["properties"]) == ("object", {})


def test_a_list_of_types_in_a_tools_schema_stays_one() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]

    assert json.loads(chat_request.request(call(tools=tools), ABLE).body)["tools"] == tools


def test_tools_pass_as_they_are() -> None:
    assert sent(tools=TOOLS) == {"tools": TOOLS}
    assert sent(tools=[{**TOOLS[0], "type": None}, {"function": {"name": "g"}}])["tools"] == [
        TOOLS[0],
        {"type": "function", "function": {"name": "g"}},
    ]
    assert sent(tools=None) == {}


def test_no_tools_is_an_empty_list_to_the_python_client() -> None:
    assert sent(tools=[], options={}) == {}
    assert to_call(asked(tools=[], options={}), UNABLE).dropped == ()


@pytest.mark.parametrize("tools", [None, []])
def test_without_tools_nothing_can_be_chosen_among_them(tools: Any) -> None:
    made = call(tools=tools, tool_choice="required", parallel_tool_calls=False)

    assert made.dropped == ("tool_choice", "parallel_tool_calls")
    assert sent(tools=tools, tool_choice="required") == {}


@pytest.mark.parametrize("openai_shaped", [True, False])
def test_openais_names_are_taken_as_well(openai_shaped: bool) -> None:
    fields = {
        "temperature": 0.5,
        "max_tokens": 3,
        "tool_choice": "auto",
        "tools": TOOLS,
        "response_format": {"type": "json_object"},
        "top_k": 3,
    }

    assert sent(openai_shaped, **fields, options={"seed": 1}) == {
        "temperature": 0.5,
        "max_tokens": 3,
        "tool_choice": "auto",
        "tools": TOOLS,
        "response_format": {"type": "json_object"},
        "seed": 1,
    }
    assert call(openai_shaped, **fields).dropped == ("top_k",)


def test_what_ollamas_fields_say_comes_before_openais() -> None:
    fields = {"temperature": 1, "response_format": {"type": "text"}, "reasoning_effort": "high"}
    own = {"options": {"temperature": 0}, "format": "json", "think": "low"}

    assert sent(**fields, **own) == {
        "temperature": 0,
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
    }


def test_an_effort_by_openais_name_is_more_exact_than_a_think_that_is_true() -> None:
    assert sent(think=True, reasoning_effort="low")["reasoning_effort"] == "low"


def test_errors_name_the_fields_that_the_client_wrote() -> None:
    assert asked(options={"num_predict": 5}).names["max_tokens"] == "options.num_predict"
    assert "max_tokens" not in asked(max_tokens=5).names


@pytest.mark.parametrize("keep_alive", [0, 0.0, "0", "0s", "0m", "0h0m", -0.0, "-0s"])
@pytest.mark.parametrize("fields", [{}, {"messages": []}, {"messages": None}])
def test_no_messages_and_no_time_to_live_unload_a_model(keep_alive: Any, fields: dict[str, Any]) -> None:
    made = read_chat(json.dumps({"model": "m", "keep_alive": keep_alive, **fields}).encode())

    assert (made.idle, made.unloads, made.name) == (True, True, "m")


@pytest.mark.parametrize(
    "fields", [{}, {"keep_alive": None}, {"keep_alive": "5m"}, {"keep_alive": 10}, {"keep_alive": -1}]
)
def test_no_messages_load_a_model(fields: dict[str, Any]) -> None:
    made = read_chat(json.dumps({"model": "m", **fields}).encode())

    assert (made.idle, made.unloads) == (True, False)


def test_a_conversation_is_no_request_to_load() -> None:
    assert not asked(keep_alive=0).idle
    assert not asked(keep_alive=0).unloads


def refusal(model: Model, **fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        to_call(asked(**fields), model)
    return caught.value


def test_tools_are_refused_for_a_model_without_them_in_ollamas_words() -> None:
    error = refusal(UNABLE, tools=TOOLS)

    assert error.message == "registry.ollama.ai/library/unable:latest does not support tools"
    assert (error.status, error.param) == (400, "tools")
    assert refusal(UNABLE, tools=TOOLS, tool_choice="auto").message == error.message


def test_tools_that_are_not_to_be_called_are_not_refused() -> None:
    assert "tools" in to_call(asked(tools=TOOLS, tool_choice="none"), UNABLE).envelope


@pytest.mark.parametrize("think", [True, "low", "max"])
def test_thinking_is_refused_for_a_model_without_it_in_ollamas_words(think: Any) -> None:
    error = refusal(UNABLE, think=think)

    assert error.message == '"m:latest" does not support thinking'
    assert (error.status, error.param) == (400, "think")


@pytest.mark.parametrize("fields", [{}, {"think": False}, {"think": None}, {"reasoning_effort": "low"}])
def test_thinking_that_is_not_asked_for_is_not_refused(fields: dict[str, Any]) -> None:
    assert to_call(asked(**fields), UNABLE).model == "m:latest"


@pytest.mark.parametrize("fields", [{"tools": TOOLS}, {"think": True}])
def test_a_model_of_which_nothing_is_known_is_refused_nothing(fields: dict[str, Any]) -> None:
    assert to_call(asked(**fields), UNKNOWN).model == "m:latest"


@pytest.mark.parametrize("think, shown", [(None, True), (True, True), ("low", True), (False, False)])
def test_thinking_is_shown_unless_it_is_not_wanted(think: Any, shown: bool) -> None:
    assert asked(think=think).think is shown
