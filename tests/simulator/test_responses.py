import json

import pytest
import trio
from simulator.shapes import events, kinds, ordered

FUNCTION = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Edit files"}


async def respond(line, prompt, **fields):
    with trio.fail_after(10):
        body = {"model": "gpt-5.3-codex", "input": prompt, **fields}
        return await line.post("/responses", body)


async def streamed(line, prompt, **fields):
    answer = await respond(line, prompt, stream=True, **fields)
    assert answer.status_code == 200, answer.text
    return events(answer.content)


def texts(answer):
    return [part["text"] for item in answer.json()["output"] if item["type"] == "message" for part in item["content"]]


async def test_a_whole_answer_has_the_keys_of_the_recorded_one(line, sample):
    answer = await respond(line, "[[reply:Refactoring improves]]")

    assert ordered(answer.json()) == ordered(json.loads(sample("responses_nonstream.json")))


async def test_a_whole_call_has_the_keys_of_the_recorded_one(line, sample):
    answer = await respond(
        line,
        "What is the weather in Tokyo",
        tools=[FUNCTION],
        reasoning={"effort": "high"},
        max_output_tokens=4096,
    )

    made, recorded = answer.json(), json.loads(sample("responses_nonstream_tool.json"))
    assert [item["type"] for item in made["output"]] == ["reasoning", "function_call"]
    assert [ordered(item) for item in made["output"]] == [ordered(item) for item in recorded["output"]]
    assert made["reasoning"] == recorded["reasoning"]
    assert made["tools"] == recorded["tools"]
    assert json.loads(made["output"][1]["arguments"]) == {"city": "Tokyo"}


async def test_an_incomplete_answer_has_the_keys_of_the_recorded_one(line, sample):
    answer = await respond(line, "[[reply:one two three]]", max_output_tokens=2)

    made, recorded = answer.json(), json.loads(sample("responses_nonstream_incomplete.json"))
    assert ordered(made) == ordered(recorded)
    assert (made["status"], made["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert made["output"][0]["status"] == "incomplete"
    assert texts(answer) == ["one two"]


async def test_a_stream_has_the_kinds_of_events_of_the_recorded_one_in_their_order(line, sample):
    body = {"model": "gpt-5.3-codex", "input": "[[reply:They meet]]", "stream": True, "reasoning": {"effort": "low"}}
    with trio.fail_after(10):
        answer = await line.post("/responses", body)

    assert kinds(answer.content) == kinds(sample("responses_stream.sse"))
    assert b"[DONE]" not in answer.content
    assert answer.content.startswith(b"event: response.created\ndata: {")
    assert [event["sequence_number"] for event in events(answer.content)] == list(range(len(events(answer.content))))


async def test_a_streamed_call_has_the_kinds_of_events_of_the_recorded_one_in_their_order(line, sample):
    with trio.fail_after(10):
        body = {"model": "gpt-5.3-codex", "input": "weather in Tokyo", "stream": True, "tools": [FUNCTION]}
        answer = await line.post("/responses", body)

    assert kinds(answer.content) == kinds(sample("responses_stream_tool.sse"))


async def test_every_id_is_another_one_in_every_event(line):
    sent = await streamed(line, "[[reply:one two]] [[think]]")

    ids = [event["item_id"] for event in sent if "item_id" in event]
    ids += [event["item"]["id"] for event in sent if "item" in event]
    ids += [event["response"]["id"] for event in sent if "response" in event]
    ids += [item["id"] for item in sent[-1]["response"]["output"]]
    assert len(set(ids)) == len(ids)
    sealed = [
        event["item"].get("encrypted_content") for event in sent if event.get("item", {}).get("type") == "reasoning"
    ]
    sealed.append(sent[-1]["response"]["output"][0]["encrypted_content"])
    assert len(set(sealed)) == 3


async def test_the_ids_of_calls_stay(line):
    sent = await streamed(line, '[[call:get_weather {"city":"Rome"}]][[call:ping]]')

    added = [event["item"] for event in sent if event["type"] == "response.output_item.added"]
    done = [event["item"] for event in sent if event["type"] == "response.output_item.done"]
    assert [item["call_id"] for item in added] == [item["call_id"] for item in done]
    assert [item["call_id"] for item in sent[-1]["response"]["output"]] == [item["call_id"] for item in done]
    assert len({item["call_id"] for item in done}) == 2
    assert [item["arguments"] for item in done] == ['{"city":"Rome"}', "{}"]


async def test_the_deltas_of_a_stream_are_its_text(line):
    sent = await streamed(line, "[[reply:Grüße an 世界]]")

    deltas = "".join(event["delta"] for event in sent if event["type"] == "response.output_text.delta")
    done = next(event["text"] for event in sent if event["type"] == "response.output_text.done")
    assert deltas == done == "Grüße an 世界"
    assert {bool(event["obfuscation"]) for event in sent if "delta" in event} == {True}
    assert sent[-1]["copilot_usage"]["total_nano_aiu"] > 0


@pytest.mark.parametrize("asked", [{"prompt": "[[think]] why"}, {"prompt": "why", "reasoning": {"summary": "auto"}}])
async def test_a_summary_is_told_to_who_asks(line, asked):
    sent = await streamed(line, asked.pop("prompt"), **asked)

    named = [event["type"] for event in sent]
    assert named.index("response.reasoning_summary_part.added") < named.index("response.reasoning_summary_text.delta")
    summary = sent[-1]["response"]["output"][0]["summary"][0]["text"]
    deltas = [event["delta"] for event in sent if event["type"] == "response.reasoning_summary_text.delta"]
    assert "".join(deltas) == summary


async def test_a_truncated_stream_ends_as_incomplete(line):
    sent = await streamed(line, "[[len]] hello")

    assert sent[-1]["type"] == "response.incomplete"
    assert sent[-1]["response"]["status"] == "incomplete"


async def test_a_custom_tool_is_given_a_text(line):
    sent = await streamed(line, '[[call:apply_patch {"input": "*** Begin Patch"}]]', tools=[PATCH])

    item = sent[-1]["response"]["output"][0]
    assert (item["type"], item["input"], item["name"]) == ("custom_tool_call", "*** Begin Patch", "apply_patch")
    deltas = [event["delta"] for event in sent if event["type"] == "response.custom_tool_call_input.delta"]
    assert "".join(deltas) == "*** Begin Patch"


async def test_a_custom_tool_is_called_for_its_name(line):
    answer = await respond(line, "apply the patch", tools=[PATCH])

    assert answer.json()["output"][0]["type"] == "custom_tool_call"
    assert "patch" in answer.json()["output"][0]["input"]


async def test_two_calls_come_at_once_unless_they_may_not(line):
    both = await respond(line, "weather in Paris and Rome", tools=[FUNCTION])
    one = await respond(line, "weather in Paris and Rome", tools=[FUNCTION], parallel_tool_calls=False)

    assert [json.loads(item["arguments"])["city"] for item in both.json()["output"]] == ["Paris", "Rome"]
    assert len(one.json()["output"]) == 1


@pytest.mark.parametrize(
    "choice, called",
    [
        ("none", []),
        ("required", ["get_weather"]),
        ({"type": "function", "name": "get_weather"}, ["get_weather"]),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "apply_patch"}]},
            ["apply_patch"],
        ),
    ],
)
async def test_the_choice_of_tools_is_obeyed(line, choice, called):
    answer = await respond(line, "hello", tools=[FUNCTION, PATCH], tool_choice=choice)

    assert [item["name"] for item in answer.json()["output"] if "name" in item] == called


async def test_results_of_calls_are_quoted(line):
    history = [
        {"role": "user", "content": [{"type": "input_text", "text": "weather in Paris"}]},
        {"type": "reasoning", "summary": [], "encrypted_content": "abc"},
        {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "apply_patch", "input": "x"},
        {"type": "function_call_output", "call_id": "call_1", "output": "18C sunny"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "done"}]},
    ]
    answer = await respond(line, history, tools=[FUNCTION])

    assert texts(answer) == ["The tool get_weather answered: 18C sunny\nThe tool apply_patch answered: done"]


async def test_a_schema_is_satisfied(line):
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 5}}, "required": ["n"]}
    answer = await respond(
        line, "give me json", text={"format": {"type": "json_schema", "name": "x", "schema": schema, "strict": True}}
    )

    assert json.loads(texts(answer)[0])["n"] >= 5
    assert answer.json()["text"]["format"]["name"] == "x"


async def test_a_stream_can_fail_as_recorded(line, sample):
    with trio.fail_after(10):
        body = {"model": "gpt-5.3-codex", "input": "[[failed]]", "stream": True}
        answer = await line.post("/responses", body)

    assert kinds(answer.content) == kinds(sample("responses_stream_failed.sse"))
    assert events(answer.content)[-1]["type"] == "response.failed"


async def test_a_stream_can_end_with_an_error_as_recorded(line, sample):
    sent = await streamed(line, "[[inband]] hello")

    recorded = events(sample("responses_stream_error.sse"))
    assert ordered(sent[-1]) == ordered(recorded[-1])
    assert [event["sequence_number"] for event in sent] == list(range(len(sent)))


@pytest.mark.parametrize(
    "fields, code",
    [
        ({"previous_response_id": "resp_1"}, "previous_response_not_found"),
        ({"reasoning": {"effort": "extreme"}}, "invalid_request_body"),
        ({"max_output_tokens": 128001}, "invalid_request_body"),
        ({"tools": [{"type": "function", "name": "a b"}]}, "invalid_request_body"),
        ({"tools": [{"type": "function", "name": f"t{n}"} for n in range(129)]}, "invalid_request_body"),
        ({"prompt": []}, "invalid_request_body"),
        ({"prompt": 5}, "invalid_request_body"),
        ({"prompt": [{"type": "item_reference", "id": "x"}]}, "invalid_request_body"),
        ({"tool_choice": 5}, "invalid_request_body"),
        ({"tool_choice": {"type": "web_search"}, "tools": [FUNCTION]}, "invalid_request_body"),
        ({"tool_choice": {"type": "custom", "name": "get_weather"}, "tools": [FUNCTION]}, "invalid_request_body"),
        ({"tool_choice": {"type": "function", "name": "odd"}, "tools": [FUNCTION]}, "invalid_request_body"),
        (
            {"tool_choice": {"type": "allowed_tools", "tools": [{"type": "image_generation"}]}, "tools": [FUNCTION]},
            "invalid_request_body",
        ),
        ({"model": "gpt-4o"}, "unsupported_api_for_model"),
        ({"model": "gpt-5.5"}, "model_not_supported"),
        ({"model": None}, "model_not_supported"),
        ({"prompt": "[[overflow]]"}, "invalid_request_body"),
        ({"prompt": "[[http:abc]]"}, "invalid_request_body"),
    ],
)
async def test_what_copilot_refuses_is_refused(line, fields, code):
    answer = await respond(line, **{"prompt": "hello", **fields})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


async def test_the_refusal_of_a_previous_response_is_the_recorded_one(line, sample):
    answer = await respond(line, "hello", previous_response_id="x")

    assert answer.content == sample("err_400_previous_response_not_found.json")


async def test_a_picture_needs_its_header_and_no_address_elsewhere(line, sample):
    def asked(url):
        parts = [{"type": "input_image", "image_url": url}, {"type": "input_text", "text": "what is this"}]
        return {"model": "gpt-5.3-codex", "input": [{"role": "user", "content": parts}]}

    with trio.fail_after(10):
        bare = await line.post("/responses", asked("data:image/png;base64,AA=="))
        told = await line.post("/responses", asked("data:image/png;base64,AA=="), Copilot_Vision_Request="true")
        elsewhere = await line.post("/responses", asked("https://example.com/a.png"), Copilot_Vision_Request="true")

    assert bare.content == sample("err_400_vision_header.json")
    assert "You sent 1 picture" in texts(told)[0]
    assert elsewhere.status_code == 400


async def test_what_is_no_json_is_refused(line):
    with trio.fail_after(10):
        answer = await line.client.post("/responses", content=b"{", headers=await line.bearer())

    assert "not valid JSON" in answer.json()["error"]["message"]


async def test_what_was_asked_is_echoed_and_store_is_not(line):
    sent = await streamed(line, "hi", store=True, instructions="Be brief", temperature=0.5, metadata={"a": "b"})

    response = sent[-1]["response"]
    assert (response["store"], response["instructions"], response["temperature"]) == (False, "Be brief", 0.5)
    assert response["metadata"] == {"a": "b"}


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": [{"role": "user", "content": [{"type": ["odd"]}, "odd", 5]}]},
        {"tools": [FUNCTION], "tool_choice": {"type": "allowed_tools", "tools": ["odd"]}},
        {"tools": [FUNCTION], "tool_choice": {"type": "allowed_tools", "tools": "odd"}},
        {"tools": [FUNCTION, {"type": "mcp"}], "tool_choice": {"type": "mcp"}},
        {"prompt": [{"role": "user", "content": "x"}, {"type": "web_search_call", "id": "x"}]},
    ],
)
async def test_what_nobody_sends_is_answered_all_the_same(line, fields):
    answer = await respond(line, **{"prompt": "hello", **fields})

    assert answer.status_code == 200


async def test_a_simulator_that_is_not_strict_takes_more(line):
    line.simulator.strict = False
    answer = await respond(line, "hello", previous_response_id="x", reasoning={"effort": "extreme"})

    assert answer.status_code == 200
