import json

import pytest
import trio
from simulator.shapes import events, kinds, ordered

WEATHER = {
    "name": "get_weather",
    "description": "Get weather",
    "input_schema": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}


async def send(line, prompt, *, headers=None, **fields):
    with trio.fail_after(10):
        messages = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
        body = {"model": "claude-sonnet-4.5", "max_tokens": 1000, "messages": messages, **fields}
        body = {name: value for name, value in body.items() if value is not ...}
        return await line.post("/v1/messages", body, **(headers or {}))


def text(answer):
    return "".join(block.get("text", "") for block in answer.json()["content"])


async def test_a_whole_answer_has_the_keys_of_the_recorded_one(line, sample):
    answer = await send(line, "[[reply:Hello there friend.]]", model="claude-sonnet-4")

    recorded = json.loads(sample("messages_nonstream.json"))
    assert ordered(answer.json()) == ordered(recorded)
    assert answer.json()["model"] == recorded["model"]
    assert answer.json()["id"].startswith("msg_bdrk_01")
    assert len(answer.json()["id"]) == len(recorded["id"])


async def test_a_whole_call_has_the_keys_of_the_recorded_one(line, sample):
    answer = await send(line, '[[reply:I look]][[call:get_weather {"location": "Tokyo"}]]', tools=[WEATHER])

    made, recorded = answer.json(), json.loads(sample("messages_nonstream_tool.json"))
    assert [ordered(block) for block in made["content"]] == [
        '{"text": "Ellipsis", "type": "Ellipsis"}',
        '{"id": "Ellipsis", "input": {"location": "Ellipsis"}, "name": "Ellipsis", "type": "Ellipsis"}',
    ]
    assert [ordered(block) for block in made["content"]] == [ordered(block) for block in recorded["content"]]
    assert made["stop_reason"] == "tool_use"
    assert len(made["content"][1]["id"]) == len(recorded["content"][1]["id"])


async def test_a_stream_has_the_kinds_of_events_of_the_recorded_one(line, sample):
    answer = await send(
        line,
        '[[reply:Hello there.]][[call:get_weather {"location": "Tokyo"}]]',
        stream=True,
        thinking={"type": "enabled", "budget_tokens": 2000},
        max_tokens=4000,
    )

    made, recorded = kinds(answer.content), kinds(sample("messages_stream.sse"))
    assert sorted(made) == sorted(recorded)
    assert made[0] == recorded[0]
    assert made[-2:] == recorded[-2:]
    assert answer.content.startswith(b"event: message_start\ndata: {")
    assert events(answer.content)[0]["message"]["model"] == "claude-sonnet-4-5-20250929"
    assert b"[DONE]" not in answer.content


async def test_the_deltas_of_a_stream_make_the_blocks(line):
    answer = await send(line, '[[think]][[reply:one two]][[call:a {"x": [1, 2]}]][[call:b]]', stream=True)
    sent = events(answer.content)

    blocks = [event["content_block"]["type"] for event in sent if event["type"] == "content_block_start"]
    assert blocks == ["thinking", "text", "tool_use", "tool_use"]

    def joined(index, key):
        deltas = [event["delta"] for event in sent if event.get("index") == index and "delta" in event]
        return "".join(delta.get(key, "") for delta in deltas)

    assert joined(0, "thinking")
    assert joined(0, "signature")
    assert joined(1, "text") == "one two"
    assert json.loads(joined(2, "partial_json")) == {"x": [1, 2]}
    assert joined(3, "partial_json") == ""
    assert sent[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    "thinking, model",
    [
        ({"type": "enabled", "budget_tokens": 1024}, "claude-sonnet-4.5"),
        ({"type": "adaptive"}, "claude-opus-4.7"),
    ],
)
async def test_thinking_is_asked_for(line, thinking, model):
    answer = await send(line, "why", model=model, thinking=thinking, max_tokens=2000)

    assert list(answer.json()["content"][0]) == ["signature", "thinking", "type"]


async def test_without_it_there_is_none(line):
    answer = await send(line, "why", thinking={"type": "disabled"})

    assert [block["type"] for block in answer.json()["content"]] == ["text"]


@pytest.mark.parametrize(
    "prompt, fields, reason, sequence",
    [
        ("[[reply:one two]]", {}, "end_turn", None),
        ("[[reply:one two]]", {"max_tokens": 1}, "max_tokens", None),
        ("[[reply:one two]]", {"stop_sequences": ["two"]}, "stop_sequence", "two"),
        ("[[call:x]]", {}, "tool_use", None),
        ("[[filter]]", {}, "refusal", None),
        ("[[len]]", {}, "max_tokens", None),
    ],
)
async def test_an_answer_says_why_it_ended(line, prompt, fields, reason, sequence):
    answer = await send(line, prompt, **fields)

    assert (answer.json()["stop_reason"], answer.json()["stop_sequence"]) == (reason, sequence)


async def test_results_of_calls_are_quoted(line):
    messages = [
        {"role": "user", "content": "weather in Paris"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}},
                {"type": "tool_use", "id": "t2", "name": "get_time", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "18C"},
                {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "text", "text": "noon"}]},
            ],
        },
    ]
    answer = await send(line, messages, tools=[WEATHER])

    assert text(answer) == "The tool get_weather answered: 18C\nThe tool get_time answered: noon"


async def test_parallel_calls_and_their_ban(line):
    both = await send(line, "weather in Paris and Rome", tools=[WEATHER])
    choice = {"type": "any", "disable_parallel_tool_use": True}
    one = await send(line, "weather in Paris and Rome", tools=[WEATHER], tool_choice=choice)

    assert [block["input"] for block in both.json()["content"]] == [{"location": "Paris"}, {"location": "Rome"}]
    assert len(one.json()["content"]) == 1


async def test_a_tool_can_be_named(line):
    answer = await send(line, "hello", tools=[WEATHER], tool_choice={"type": "tool", "name": "get_weather"})

    assert answer.json()["content"][0]["name"] == "get_weather"


async def test_a_schema_is_satisfied(line):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = {"format": {"type": "json_schema", "schema": schema}}
    answer = await send(line, "json", model="claude-opus-4.7", output_config=form)

    assert isinstance(json.loads(text(answer))["n"], int)


async def test_pictures_are_counted_and_need_their_header(line, sample):
    bare = await send(line, [{"role": "user", "content": [PICTURE]}])
    told = await send(line, [{"role": "user", "content": [PICTURE]}], headers={"Copilot_Vision_Request": "true"})

    assert bare.content == sample("err_400_vision_header.json")
    assert "You sent 1 picture" in text(told)


async def test_a_stream_can_end_with_an_error_as_recorded(line, sample):
    answer = await send(line, "[[inband]] hello", stream=True)

    assert events(answer.content)[-1] == events(sample("messages_stream_error.sse"))[-1]
    assert b"message_stop" not in answer.content


def user(*blocks):
    return [{"role": "user", "content": list(blocks)}]


def worded(text="hello", **more):
    return {"type": "text", "text": text, **more}


EPHEMERAL = {"type": "ephemeral"}
CALLED = [
    {"role": "user", "content": "x"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
]


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"context_management": {}}, "context_management: Extra inputs are not permitted"),
        ({"inference_geo": "eu"}, "inference_geo: Extra inputs are not permitted"),
        ({"service_tier": "auto"}, "service_tier: Extra inputs are not permitted"),
        ({"max_tokens": ...}, "max_tokens: Field required"),
        ({"model": ...}, "model: Field required"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 32001}, "max_tokens: 32001 > 32000"),
        ({"tools": [{**WEATHER, "defer_loading": True}]}, "tools.0.custom.defer_loading: Extra inputs"),
        ({"tools": [{**WEATHER, "eager_input_streaming": True}]}, "eager_input_streaming: Extra inputs"),
        ({"tools": [{"name": "x", "input_schema": {"type": "object", "$schema": "x"}}]}, "$schema: Extra inputs"),
        ({"tools": [{"name": "x", "input_schema": {}}]}, "input_schema.type"),
        ({"tools": [{"name": "x"}]}, "input_schema: Field required"),
        ({"tools": [{"name": "x", "type": "bash_20250124"}]}, "bash_20250124"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "user", "content": "x", "name": "me"}]}, "messages.0.name: Extra inputs"),
        ({"messages": [{"role": "system", "content": "x"}]}, 'Unexpected role "system"'),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": ""}]}, "non-empty content"),
        ({"messages": [{"role": "user", "content": "  "}]}, "non-whitespace"),
        ({"messages": user(worded(""))}, "text content blocks must be non-empty"),
        ({"messages": user(worded(id="x"))}, "messages.0.content.0.text.id: Extra inputs"),
        ({"messages": user({"type": "audio"})}, "audio"),
        ({"messages": user(worded(), {"type": "image", "source": {"type": "url", "url": "http://x"}})}, "base64"),
        ({"messages": user({**PICTURE, "source": {"type": "base64", "media_type": "image/tiff", "data": ""}})}, "tiff"),
        ({"messages": [*user(worded()), {"role": "assistant", "content": "Sure"}]}, "assistant message prefill"),
        ({"system": [worded("")]}, "system: text content blocks must be non-empty"),
        ({"system": [worded(cache_control={**EPHEMERAL, "ttl": "1h"})]}, "cache_control.ephemeral.ttl: Extra inputs"),
        ({"messages": user(worded(cache_control={**EPHEMERAL, "scope": "x"}))}, "ephemeral.scope: Extra inputs"),
        ({"messages": user(worded(cache_control={"type": "forever"}))}, "ephemeral"),
        ({"messages": user(*[worded(cache_control=EPHEMERAL)] * 5)}, "A maximum of 4 blocks"),
        ({"messages": [*CALLED, {"role": "user", "content": "and?"}]}, "`tool_use` ids were found without"),
        ({"messages": user({"type": "tool_result", "tool_use_id": "t9", "content": "x"})}, "unexpected `tool_use_id`"),
        ({"thinking": {"type": "enabled"}}, "budget_tokens: Field required"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "out of range"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "`max_tokens` must be greater"),
        ({"thinking": {"type": "adaptive"}}, "adaptive thinking is not supported"),
        ({"thinking": {"type": "much"}}, "much"),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000, "temperature": 0.5},
            "`temperature` may only be set to 1",
        ),
        (
            {
                "thinking": {"type": "enabled", "budget_tokens": 1024},
                "max_tokens": 2000,
                "tools": [WEATHER],
                "tool_choice": {"type": "any"},
            },
            "forces tool use",
        ),
        ({"output_config": {"effort": "high"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {}}}}, "output_config.format"),
        ({"messages": "hello"}, "invalid request body"),
        ({"messages": user(worded("[[http:abc]]"))}, "[[http:abc]]"),
    ],
)
async def test_what_the_endpoint_does_not_know_is_refused_in_anthropics_form(line, fields, words):
    answer = await send(line, "hello", **fields)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert words in answer.json()["error"]["message"]


async def test_the_refusal_of_a_field_is_the_recorded_one(line, sample):
    answer = await send(line, "hello", context_management={"edits": []})

    assert answer.content == sample("err_400_messages_extra_inputs.json")


async def test_betas_allow_their_fields_and_unknown_ones_are_refused(line):
    allowed = await send(
        line,
        "hello",
        context_management={},
        tools=[{**WEATHER, "defer_loading": True}],
        headers={"anthropic_beta": "context-management-2025-06-27, advanced-tool-use-2025-11-20"},
    )
    unknown = await send(line, "hello", headers={"anthropic_beta": "output-128k-2025-02-19"})

    assert allowed.status_code == 200, allowed.text
    assert unknown.status_code == 400
    assert "output-128k-2025-02-19" in unknown.json()["error"]["message"]


@pytest.mark.parametrize("beta", ["advanced-tool-use-2025-11-20", "interleaved-thinking-2025-05-14"])
async def test_tools_that_were_found_may_stand_in_a_result_with_the_beta_for_it_alone(line, beta):
    call = {"type": "tool_use", "id": "t1", "name": "ToolSearch", "input": {}}
    result = {
        "type": "tool_result",
        "tool_use_id": "t1",
        "content": [{"type": "tool_reference", "tool_name": "WebFetch"}],
    }
    history = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    answer = await send(line, history, headers={"anthropic_beta": beta})

    if beta.startswith("advanced"):
        assert answer.json()["content"][0]["text"] == "The tool ToolSearch answered: WebFetch"
    else:
        assert "messages.2.content.0.tool_result.content.0: Input tag 'tool_reference'" in answer.text


async def test_a_request_as_the_official_client_sends_it_is_answered(line):
    answer = await send(
        line,
        [{"role": "user", "content": [worded(cache_control=EPHEMERAL)]}],
        max_tokens=32000,
        stream=True,
        system=[worded("You are a coding agent.", cache_control=EPHEMERAL)],
        thinking={"type": "enabled", "budget_tokens": 16000},
        tools=[WEATHER, {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}],
        metadata={"user_id": "x"},
    )

    assert answer.status_code == 200, answer.text


async def test_a_prompt_that_is_too_long_is_told_so_in_anthropics_words(line):
    answer = await send(line, "[[overflow]] hello")

    assert answer.json()["error"]["message"] == "prompt is too long: 168001 tokens > 168000 maximum"


async def test_models_of_other_endpoints_are_refused(line):
    for model, code in [("gpt-4o", "unsupported_api_for_model"), ("nobody", "model_not_supported")]:
        assert (await send(line, "hello", model=model)).json()["error"]["code"] == code


async def test_what_is_no_json_is_refused(line):
    with trio.fail_after(10):
        answer = await line.client.post("/v1/messages", content=b"{", headers=await line.bearer())

    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_a_simulator_that_is_not_strict_takes_it(line):
    line.simulator.strict = False
    answer = await send(line, "hello", service_tier="auto", thinking={"type": "much"})

    assert answer.status_code == 200
