"""A Messages client's request on its way to `/v1/messages`: what is edited, and that all else stays."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import chat as chat_back, messages as messages_back
from passenger_trio.translate.diagonals import messages as diagonal
from passenger_trio.translate.diagonals.passed import Passed
from passenger_trio.translate.fronts import messages as front, seal
from passenger_trio.wire import envelope, messages as wire
from passenger_trio.wire.models import Capabilities, Limits, Model, Supports

ADAPTIVE = Supports(adaptive_thinking=True, reasoning_effort=["low", "medium", "high"])
BUDGETED = Supports(min_thinking_budget=1024, max_thinking_budget=32000)
HELLO = [{"role": "user", "content": "Hello"}]


def model(supports: Supports | None = None, **limits: int) -> Model:
    return Model("claude-x", capabilities=Capabilities(limits=Limits(**limits), supports=supports))


def send(body: dict[str, Any], to: Model | None = None, **more: Any) -> tuple[dict[str, Any], Passed]:
    asked = envelope.decode(json.dumps({"model": "any", "max_tokens": 100, "messages": HELLO, **body}).encode())
    passed = diagonal.request(asked, to or model(), **more)
    return json.loads(passed.body), passed


def user(*blocks: Any) -> list[Any]:
    return [{"role": "user", "content": list(blocks)}]


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def test_a_plain_request_passes_but_for_its_model() -> None:
    body = {"messages": HELLO, "stream": True, "stop_sequences": ["END"], "temperature": 0.5, "top_p": 0.9, "top_k": 5}
    sent, passed = send(body)

    assert sent == {
        **body,
        "messages": [{"role": "user", "content": [text("Hello")]}],
        "model": "claude-x",
        "max_tokens": 100,
    }
    assert passed.headers == (("anthropic-version", "2023-06-01"),)
    assert passed.dropped == ()
    assert (passed.agent, passed.vision) == (False, False)


@pytest.mark.parametrize("name", [*diagonal.DROPPED_FIELDS, "never_heard_of"])
def test_a_field_without_a_place_is_left_out_and_named(name: str) -> None:
    sent, passed = send({name: {"type": "x"}})

    assert name not in sent
    assert passed.dropped == (name,)


def test_an_explicit_null_means_not_given() -> None:
    sent, passed = send({"metadata": None, "temperature": None})

    assert "temperature" not in sent
    assert passed.dropped == ()


def test_context_management_passes_with_its_beta() -> None:
    betas = wire.known_betas("context-management-2025-06-27, unknown-2030-01-01,context-management-2025-06-27")
    sent, passed = send({"context_management": {"edits": []}}, betas=betas)

    assert betas == ("context-management-2025-06-27",)
    assert sent["context_management"] == {"edits": []}
    assert ("anthropic-beta", "context-management-2025-06-27") in passed.headers


@pytest.mark.parametrize("system", ["Be brief.", [text("Be brief.")]])
def test_the_system_prompt_is_blocks(system: Any) -> None:
    sent, _ = send({"system": system})

    assert sent["system"] == [text("Be brief.")]


def test_an_empty_system_prompt_is_left_out() -> None:
    assert "system" not in send({"system": " "})[0]


def test_the_billing_header_that_spoils_the_prompt_cache_is_left_out() -> None:
    sent, passed = send({"system": [text("x-anthropic-billing-header: cc_version=2.1.330.a9c;"), text("You are.")]})

    assert sent["system"] == [text("You are.")]
    assert passed.dropped == ("system.x-anthropic-billing-header",)


def test_system_messages_before_all_others_join_the_system_prompt_and_later_ones_stay_in_place() -> None:
    messages = [
        {"role": "system", "content": "Early."},
        *HELLO,
        {"role": "system", "content": [text("Late.")]},
    ]
    sent, _ = send({"system": "First.", "messages": messages})

    assert sent["system"] == [text("First."), text("Early.")]
    assert sent["messages"] == [
        {"role": "user", "content": [text("Hello")]},
        {"role": "user", "content": [text("Late.")]},
    ]


@pytest.mark.parametrize("end", [[], [{"role": "assistant", "content": "So"}], [{"role": "user", "content": ""}]])
def test_the_user_speaks_last(end: list[Any]) -> None:
    sent, passed = send({"messages": [{"role": "assistant", "content": "Hi"}, *end]})

    assert sent["messages"][-1] == {"role": "user", "content": [text("Please continue.")]}
    assert passed.dropped == ("messages[assistant]=last",)


def test_a_conversation_of_nothing_is_no_answer_begun() -> None:
    sent, passed = send({"messages": [{"role": "user", "content": ""}]})

    assert sent["messages"] == [{"role": "user", "content": [text("Please continue.")]}]
    assert passed.dropped == ()


def test_what_is_null_is_as_what_is_not_there() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm", "signature": None}, {"type": "text", "text": None}, text("Hi")]
    redacted = {"type": "redacted_thinking", "data": None}
    sent, passed = send(
        {
            "system": None,
            "messages": [
                *HELLO,
                {"role": "assistant", "content": None},
                {"role": "assistant", "content": [*blocks, redacted]},
                *HELLO,
            ],
        }
    )

    hello = {"role": "user", "content": [text("Hello")]}
    assert sent["messages"] == [hello, {"role": "assistant", "content": [text("Hi")]}, hello]
    assert passed.dropped == ("messages.thinking", "messages.redacted_thinking")


def test_a_system_prompt_that_is_one_text_stays_whole() -> None:
    words = "x-anthropic-billing-header: what is that?"

    assert send({"system": words})[0]["system"] == [text(words)]


def test_empty_texts_and_fields_of_the_clients_own_are_left_out() -> None:
    blocks = [
        text(""),
        text("  \n"),
        text("Hi", tag=1),
        {"type": "tool_use", "id": "a", "name": "f", "input": {}, "caller": {}},
    ]
    sent, passed = send({"messages": [{"role": "assistant", "content": blocks, "id": "msg_1"}, *HELLO]})

    assert sent["messages"][0] == {
        "role": "assistant",
        "content": [text("Hi"), {"type": "tool_use", "id": "a", "name": "f", "input": {}}],
    }
    assert passed.dropped == ("messages.id", "text.tag", "tool_use.caller")


def test_blocks_of_tools_that_the_server_runs_pass_as_they_are() -> None:
    block = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"any": "thing"}]}
    sent, passed = send({"messages": [{"role": "assistant", "content": [block]}, *HELLO]})

    assert sent["messages"][0]["content"] == [block]
    assert passed.dropped == ()


@pytest.mark.parametrize(
    ("mark", "dropped"), [({"type": "ephemeral", "ttl": "1h", "scope": "global"}, 2), ({"type": "ephemeral"}, 0)]
)
def test_marks_for_the_prompt_cache_are_plain(mark: dict[str, str], dropped: int) -> None:
    tool = {"name": "f", "input_schema": {"type": "object"}, "cache_control": mark}
    sent, passed = send({"messages": user(text("Hi", cache_control=mark)), "tools": [tool]})

    assert sent["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert sent["tools"][0]["cache_control"] == {"type": "ephemeral"}
    assert passed.dropped == ("cache_control.ttl", "cache_control.scope")[:dropped]


def test_a_mark_that_is_null_is_no_mark() -> None:
    assert send({"messages": user(text("Hi", cache_control=None))})[0]["messages"][0]["content"] == [text("Hi")]


def test_thinking_passes_with_its_signature_and_not_with_one_of_ours() -> None:
    sealed = seal.seal("opaque", "gpt-5")
    blocks = [
        {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
        {"type": "thinking", "thinking": "Hm", "signature": sealed},
        {"type": "thinking", "thinking": "Hm", "signature": ""},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        {"type": "redacted_thinking", "data": sealed},
        text("Hi"),
    ]
    sent, passed = send({"messages": [{"role": "assistant", "content": blocks}, *HELLO]})

    assert sent["messages"][0]["content"] == [blocks[0], blocks[3], blocks[5]]
    assert passed.dropped == ("messages.thinking", "messages.redacted_thinking")


def test_a_picture_is_told_of_wherever_it_is() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": [text("See"), picture]}

    assert send({"messages": user(picture)})[1].vision
    sent, passed = send({"messages": user(result)})
    assert passed.vision
    assert passed.agent
    assert sent["messages"][0]["content"] == [result]


def test_a_picture_at_an_address_is_refused() -> None:
    with pytest.raises(BadRequest) as refused:
        send({"messages": user({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}})})

    assert refused.value.param == "messages[0].content[0]"


@pytest.mark.parametrize(
    ("last", "agent"),
    [
        ({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "ok"}]}, True),
        ({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}, text("Tool loaded.")]}, True),
        ({"role": "user", "content": [text("<system-reminder>"), {"type": "tool_result", "tool_use_id": "a"}]}, True),
        ({"role": "assistant", "content": "So"}, True),
        ({"role": "user", "content": "Hello"}, False),
        ({"role": "user", "content": [text("Hello"), text("<system-reminder>")]}, False),
        ({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}, text("No, do this.")]}, False),
    ],
)
def test_the_last_turn_tells_whose_it_is(last: dict[str, Any], agent: bool) -> None:
    reminder = {"role": "system", "content": "Be brief.", "clear_at": 5}

    assert send({"messages": [*HELLO, last]})[1].agent is agent
    assert send({"messages": [*HELLO, last, reminder]})[1].agent is agent


def test_tools_have_the_fields_that_are_taken() -> None:
    schema = {"$schema": "x", "properties": {"a": {}}}
    tool = {"name": "f", "description": "d", "input_schema": schema, "type": "custom", "eager_input_streaming": True}
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    odd = {"name": "g", "input_schema": 7}
    sent, passed = send({"tools": [{**tool, "defer_loading": True}, search, odd]})

    assert sent["tools"] == [
        {
            "name": "f",
            "description": "d",
            "input_schema": {"properties": {"a": {}}, "type": "object"},
            "type": "custom",
        },
        search,
        odd,
    ]
    assert passed.dropped == ("tools.eager_input_streaming", "tools.defer_loading", "tools.input_schema.$schema")


def test_deferred_tools_pass_with_their_beta() -> None:
    tool = {"name": "f", "input_schema": {"type": "object"}, "defer_loading": True}

    assert send({"tools": [tool]}, betas=wire.BETAS)[0]["tools"] == [tool]


@pytest.mark.parametrize(
    ("choice", "dropped"),
    [
        ({"type": "auto"}, ()),
        ({"type": "none"}, ()),
        ({"type": "any"}, ("tool_choice",)),
        ({"type": "tool", "name": "f"}, ("tool_choice",)),
    ],
)
def test_an_empty_list_of_tools_is_left_out_with_the_choice_among_them(
    choice: dict[str, str], dropped: tuple[str, ...]
) -> None:
    sent, passed = send({"tools": [], "tool_choice": choice})

    assert not {"tools", "tool_choice"} & set(sent)
    assert passed.dropped == dropped
    assert send({"tools": []})[1].dropped == ()


@pytest.mark.parametrize(
    ("body", "given", "dropped"),
    [
        ({"max_tokens": 100}, 100, ()),
        ({"max_tokens": 70000, "stream": True}, 64000, ("max_tokens=70000",)),
        ({"max_tokens": 64000}, 16000, ("max_tokens=64000",)),
        ({"max_tokens": None, "stream": True}, 64000, ()),
        ({"max_tokens": None}, 16000, ()),
    ],
)
def test_no_more_tokens_are_asked_for_than_the_model_gives(
    body: dict[str, Any], given: int, dropped: tuple[str, ...]
) -> None:
    sent, passed = send(body, model(max_output_tokens=64000, max_non_streaming_output_tokens=16000))

    assert sent["max_tokens"] == given
    assert passed.dropped == dropped


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_nobody_limits_are_limited_by_what_anthropic_demands(stream: bool) -> None:
    assert send({"max_tokens": None, "stream": stream})[0]["max_tokens"] == 16000


@pytest.mark.parametrize(
    ("thinking", "supports", "sent", "dropped"),
    [
        ({"type": "enabled", "budget_tokens": 2048}, BUDGETED, {"type": "enabled", "budget_tokens": 2048}, ()),
        ({"type": "enabled", "budget_tokens": -1}, BUDGETED, {"type": "enabled", "budget_tokens": 4000}, ()),
        ({"type": "enabled", "budget_tokens": 0}, BUDGETED, {"type": "enabled", "budget_tokens": 4000}, ()),
        ({"type": "enabled"}, BUDGETED, {"type": "enabled", "budget_tokens": 4000}, ()),
        ({"type": "adaptive"}, BUDGETED, {"type": "enabled", "budget_tokens": 4000}, ()),
        (
            {"type": "enabled", "budget_tokens": 9},
            BUDGETED,
            {"type": "enabled", "budget_tokens": 1024},
            ("thinking.budget_tokens=9",),
        ),
        (
            {"type": "enabled", "budget_tokens": 9000},
            BUDGETED,
            {"type": "enabled", "budget_tokens": 7999},
            ("thinking.budget_tokens=9000",),
        ),
        ({"type": "enabled", "budget_tokens": 2048}, ADAPTIVE, {"type": "adaptive"}, ("thinking.budget_tokens",)),
        ({"type": "enabled"}, ADAPTIVE, {"type": "adaptive"}, ()),
        ({"type": "between_tools"}, ADAPTIVE, {"type": "adaptive"}, ("thinking.type=between_tools",)),
        (
            {"type": "between_tools"},
            BUDGETED,
            {"type": "enabled", "budget_tokens": 4000},
            ("thinking.type=between_tools",),
        ),
        ({"type": "between_tools"}, None, {"type": "between_tools"}, ()),
        ({"type": "adaptive", "display": "omitted"}, ADAPTIVE, {"type": "adaptive"}, ("thinking.display",)),
        ({"type": "disabled"}, ADAPTIVE, {"type": "disabled"}, ()),
        ({"type": "adaptive"}, Supports(), None, ("thinking",)),
        ({"type": "enabled", "budget_tokens": 1}, None, {"type": "enabled", "budget_tokens": 1}, ()),
    ],
)
def test_thinking_is_of_the_kind_and_size_that_the_model_has(
    thinking: dict[str, Any], supports: Supports | None, sent: dict[str, Any] | None, dropped: tuple[str, ...]
) -> None:
    body, passed = send({"max_tokens": 8000, "thinking": thinking}, model(supports))

    assert body.get("thinking") == sent
    assert passed.dropped == dropped


@pytest.mark.parametrize("thinking", [{"type": "adaptive"}, {"type": "enabled", "budget_tokens": 2048}])
def test_where_there_is_no_room_for_a_budget_the_model_does_not_think(thinking: dict[str, Any]) -> None:
    sent, passed = send({"max_tokens": 1024, "thinking": thinking, "temperature": 0.5}, model(BUDGETED))

    assert "thinking" not in sent
    assert sent["temperature"] == 0.5
    assert passed.dropped == ("thinking",)


@pytest.mark.parametrize(
    ("effort", "budget", "dropped"),
    [
        ("low", 4121, ()),
        ("medium", 13414, ()),
        ("high", 32000, ()),
        ("max", 32000, ("output_config.effort=max",)),
        ("odd", 32000, ("output_config.effort",)),
    ],
)
def test_a_budget_that_the_client_leaves_open_is_the_one_for_the_effort(
    effort: str, budget: int, dropped: tuple[str, ...]
) -> None:
    asked = {"max_tokens": 64000, "thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}
    sent, passed = send(asked, model(BUDGETED))

    assert sent["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert "output_config" not in sent
    assert passed.dropped == dropped


@pytest.mark.parametrize("thinking", [{"type": "adaptive"}, {"type": "between_tools"}, {"type": "enabled"}])
@pytest.mark.parametrize("config", [{}, {"effort": "low"}, {"effort": "max"}])
@pytest.mark.parametrize("tokens", [1500, 8000, 60000])
def test_the_budget_is_the_same_by_way_of_the_hub(thinking: Any, config: Any, tokens: int) -> None:
    fields = {"max_tokens": tokens, "thinking": thinking, "output_config": config}
    to = model(BUDGETED)
    hub, _ = front.to_call(front.read(json.dumps({"model": "any", "messages": HELLO, **fields}).encode()), to)

    budget = send(fields, to)[0]["thinking"]["budget_tokens"]
    assert json.loads(chat_back.request(hub, to).body)["thinking_budget"] == budget
    assert json.loads(messages_back.request(hub, to).body)["thinking"]["budget_tokens"] == budget


def test_thinking_takes_no_sampling() -> None:
    thinking = {"type": "adaptive"}
    sent, passed = send({"thinking": thinking, "temperature": 0.2, "top_k": 4}, model(ADAPTIVE))
    usual, told = send({"thinking": thinking, "temperature": 1.0}, model(ADAPTIVE))

    assert not {"temperature", "top_k"} & set(sent)
    assert passed.dropped == ("temperature", "top_k")
    assert "temperature" not in usual
    assert told.dropped == ()


@pytest.mark.parametrize(
    ("config", "supports", "sent", "dropped"),
    [
        ({"effort": "high"}, ADAPTIVE, {"effort": "high"}, ()),
        ({"effort": "max"}, ADAPTIVE, {"effort": "high"}, ("output_config.effort=max",)),
        ({"effort": "high"}, BUDGETED, None, ("output_config.effort",)),
        ({"effort": "high"}, None, {"effort": "high"}, ()),
        ({"effort": None, "format": {"type": "json_schema"}}, ADAPTIVE, {"format": {"type": "json_schema"}}, ()),
        ({"task_budget": 1}, None, None, ("output_config.task_budget",)),
    ],
)
def test_the_effort_is_one_that_the_model_lists(
    config: dict[str, Any], supports: Supports | None, sent: dict[str, Any] | None, dropped: tuple[str, ...]
) -> None:
    body, passed = send({"output_config": config}, model(supports))

    assert body.get("output_config") == sent
    assert passed.dropped == dropped


def test_what_cannot_be_read_is_refused_by_name() -> None:
    with pytest.raises(BadRequest) as refused:
        send({"messages": [{"role": "user", "content": 7}]})

    assert refused.value.param == "messages[0].content"
