"""The hub's answer as a Responses client's events, and as a whole."""

import json
from typing import Any

import pytest
from responses_client import (
    MODEL,
    NOW,
    TOKEN,
    ask,
    begins,
    delta,
    goes_on,
    hear,
    hub_call,
    hub_chunk,
    hub_reply,
    listen,
    parse,
    stream,
    usage,
    whole,
)  # fmt: skip

from passenger_trio.errors import UpstreamBroke
from passenger_trio.translate.fronts import responses as front
from passenger_trio.translate.fronts.seal import seal

SCHEMA = {"type": "object", "properties": {}}
F = {"type": "function", "name": "f", "parameters": SCHEMA, "strict": False}
PATCH = {"type": "custom", "name": "apply", "description": "patches"}
FILES = {"type": "namespace", "name": "files", "description": "Files.", "tools": [F, PATCH]}
SEARCH = {"type": "tool_search", "execution": "client", "description": "finds", "parameters": SCHEMA}
TOOLS = ask(tools=[F, PATCH, FILES, SEARCH])


def test_a_text_is_told_in_the_vendors_order() -> None:
    heard = listen(delta(role="assistant", content=""), delta(content="a"), delta(content="b"), delta("stop"), usage())

    assert heard.kinds == [
        *("created", "in_progress", "output_item.added", "content_part.added", "output_text.delta"),
        *("output_text.delta", "output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    text = {"type": "output_text", "annotations": [], "logprobs": [], "text": "ab"}
    message = {"id": f"msg_{TOKEN}_0", "type": "message", "status": "completed", "content": [text], "role": "assistant"}
    assert heard.output == [message]
    assert all(event["logprobs"] == [] for event in heard.events if "output_text" in event["type"])


def test_the_first_chunk_brings_the_first_events() -> None:
    to_client = stream()

    kinds = [event["type"] for event in parse(to_client.event(delta(role="assistant", content="")))]
    assert kinds == ["response.created", "response.in_progress"]
    assert to_client.event(delta(content="")) == b""
    assert to_client.content_type == "text/event-stream"


def test_ids_are_made_of_one_that_is_asked_for_once() -> None:
    ids = iter(["chatcmpl-abc"])
    to_client = front.Stream(ask(), front.Tools(), model=MODEL, now=NOW, new_id=lambda: next(ids))
    heard = hear(to_client.event(delta(reasoning_content="hm")) + to_client.event(delta(content="a")) + to_client.end())

    assert heard.response["id"] == "resp_abc"
    assert [item["id"] for item in heard.output] == ["rs_abc_0", "msg_abc_1"]


def test_a_response_has_all_that_the_vendors_have() -> None:
    response = listen(delta("stop", content="a")).response

    assert {**response, "output": []} == {
        "id": f"resp_{TOKEN}",
        "object": "response",
        "created_at": NOW,
        "status": "completed",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "model": "claude",
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": {},
    }


def test_a_response_repeats_what_was_asked() -> None:
    asked = {
        "instructions": "be brief",
        "max_output_tokens": 99,
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low", "summary": "auto"},
        "temperature": 0.5,
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "tool_choice": {"type": "function", "name": "f"},
        "tools": [F, {"type": "web_search", "external_web_access": True}],
        "top_p": 0.9,
        "user": "u",
        "metadata": {"a": "b"},
    }
    response = listen(delta("stop", content="a"), asked=ask(**asked, store=True, truncation="auto")).response

    assert {name: response[name] for name in asked} == asked
    assert (response["store"], response["truncation"]) == (False, "disabled")


def test_an_indented_request_makes_no_line_of_an_event() -> None:
    body = json.dumps({"model": "m", "input": "x", "tools": [F], "text": {"verbosity": "low"}, "metadata": {"a": "b"}})
    asked = front.read(json.dumps(json.loads(body), indent=2).replace("\n", "\r\n").encode())

    assert listen(delta("stop", content="a"), asked=asked).response["tools"] == [F]


def test_thoughts_are_told_before_words() -> None:
    heard = listen(
        delta(role="assistant", reasoning_content="h"),
        delta(reasoning_content="m"),
        delta(reasoning_opaque="s1"),
        delta(reasoning_opaque="s2"),
        delta(content="a"),
        delta("stop"),
    )

    assert heard.kinds[2:9] == [
        *("output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"),
        *("reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done"),
        "output_item.done",
    ]
    assert heard.output[0] == {
        "id": f"rs_{TOKEN}_0",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": seal("s1s2", MODEL),
    }
    assert heard.of("output_item.added")[0]["item"]["encrypted_content"] is None


def test_thoughts_that_come_at_the_end_have_an_item_of_their_own() -> None:
    heard = listen(
        delta(reasoning_content="hm"),
        delta(content="a"),
        begins(0, "f", "{}"),
        delta(reasoning_opaque="s"),
        delta("stop"),
    )

    assert [item["type"] for item in heard.output] == ["reasoning", "message", "function_call", "reasoning"]
    assert heard.output[0]["encrypted_content"] is None
    assert heard.output[3]["summary"] == []
    assert heard.output[3]["encrypted_content"] == seal("s", MODEL)


def test_thoughts_that_come_with_a_call_come_before_it() -> None:
    fragment = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    heard = listen(delta(reasoning_opaque="s", tool_calls=[fragment]), delta("tool_calls"))

    assert [item["type"] for item in heard.output] == ["reasoning", "function_call"]


def test_words_after_a_call_are_a_message_of_their_own() -> None:
    heard = listen(delta(content="a"), begins(0, "f", "{}"), delta(content="b"), delta("tool_calls"))

    assert [item["type"] for item in heard.output] == ["message", "function_call", "message"]


def test_a_refusal_is_a_part_of_its_own() -> None:
    heard = listen(delta(content="Well."), delta(refusal="I "), delta(refusal="won't."), delta("stop"))

    assert [part["type"] for part in heard.output[0]["content"]] == ["output_text", "refusal"]
    assert heard.output[0]["content"][1] == {"type": "refusal", "refusal": "I won't."}
    assert [event["content_index"] for event in heard.of("refusal.delta")] == [1, 1]
    assert heard.of("refusal.done")[0]["refusal"] == "I won't."


# Calls


def test_the_arguments_of_a_function_are_told_as_they_come() -> None:
    heard = listen(begins(0, "f", call_id="c"), goes_on(0, '{"a"'), goes_on(0, ":1}"), delta("tool_calls"), asked=TOOLS)

    assert [event["delta"] for event in heard.of("function_call_arguments.delta")] == ['{"a"', ":1}"]
    assert heard.output == [
        {
            "id": f"fc_{TOKEN}_0",
            "type": "function_call",
            "status": "completed",
            "call_id": "c",
            "name": "f",
            "arguments": '{"a":1}',
        }
    ]


def test_calls_one_after_the_other_are_items_one_after_the_other() -> None:
    heard = listen(begins(0, "f", "{}"), begins(1, "f", '{"a":1}'), delta("tool_calls"), asked=TOOLS)

    assert heard.kinds[2:10] == ["output_item.added", *CALL, "output_item.added", *CALL]


CALL = ["function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]


def test_calls_side_by_side_stay_open_side_by_side() -> None:
    heard = listen(
        begins(0, "f"), begins(1, "f", "{"), goes_on(0, "{}"), goes_on(1, "}"), delta(content="a"), asked=TOOLS
    )

    assert [event["output_index"] for event in heard.of("output_item.added")] == [0, 1, 2]
    assert [event["output_index"] for event in heard.of("output_item.done")] == [0, 1, 2]
    assert [item["arguments"] for item in heard.output[:2]] == ["{}", "{}"]


def test_a_call_in_the_middle_of_words_may_go_on_after_them() -> None:
    heard = listen(begins(0, "f", "{"), delta(content="a"), goes_on(0, "}"), delta(content="b"), delta("tool_calls"))

    assert heard.output[0]["arguments"] == "{}"
    assert heard.output[1]["content"][0]["text"] == "ab"


def test_white_space_after_the_end_of_a_call_is_nothing() -> None:
    heard = listen(begins(0, "f", "{}"), begins(1, "f", "{}"), goes_on(0, "\n"), goes_on(0, ""), delta("tool_calls"))

    assert [item["arguments"] for item in heard.output] == ["{}", "{}"]


def test_a_call_that_goes_on_after_its_end_breaks_the_answer_and_loses_nothing() -> None:
    to_client = stream()
    written = to_client.event(begins(0, "f", "{}")) + to_client.event(begins(1, "f", "{}"))
    odd = {"index": 0, "function": {"arguments": '{"b":1}'}}
    with pytest.raises(UpstreamBroke) as broken:
        to_client.event(delta(content="said", tool_calls=[odd]))
    heard = hear(written + to_client.fault(broken.value))

    assert heard.of("output_text.delta")[0]["delta"] == "said"
    assert heard.response["status"] == "failed"


def test_a_call_in_a_namespace_comes_back_to_it() -> None:
    heard = listen(begins(0, "files__f", "{}"), delta("tool_calls"), asked=TOOLS)

    assert (heard.output[0]["namespace"], heard.output[0]["name"]) == ("files", "f")


def test_a_call_of_a_tool_that_nobody_offered_is_a_functions() -> None:
    heard = listen(begins(0, "files__g", "{}"), delta("tool_calls"), asked=TOOLS)

    assert heard.output[0]["type"] == "function_call"
    assert heard.output[0]["name"] == "files__g"


@pytest.mark.parametrize("name, namespace", [("apply", {}), ("files__apply", {"namespace": "files"})])
def test_a_call_of_a_custom_tool_has_its_text(name: str, namespace: dict[str, str]) -> None:
    arguments = json.dumps({"input": 'a "b"\n\u2028'})
    heard = listen(begins(0, name, call_id="c"), goes_on(0, arguments), delta("tool_calls"), asked=TOOLS)

    assert heard.kinds[2:6] == [
        *("output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done"),
    ]
    assert heard.output == [
        {
            "id": f"ctc_{TOKEN}_0",
            "type": "custom_tool_call",
            "status": "completed",
            "call_id": "c",
            "name": "apply",
            **namespace,
            "input": 'a "b"\n\u2028',
        }
    ]


@pytest.mark.parametrize("arguments", ['{"patch":"a"}', '{"input":5}', "*** Begin", '"a"', ""])
def test_what_is_no_text_of_a_custom_tool_is_handed_on_whole(arguments: str) -> None:
    heard = listen(begins(0, "apply", arguments), delta("tool_calls"), asked=TOOLS)

    assert heard.output[0]["input"] == arguments


def test_a_search_for_tools_comes_back_as_one() -> None:
    heard = listen(begins(0, "tool_search", call_id="c"), goes_on(0, '{"query":\n "x"}'), delta("stop"), asked=TOOLS)

    assert heard.kinds[2:4] == ["output_item.added", "output_item.done"]
    assert heard.of("output_item.added")[0]["item"]["arguments"] == {}
    assert heard.output == [
        {
            "id": f"tsc_{TOKEN}_0",
            "type": "tool_search_call",
            "status": "completed",
            "call_id": "c",
            "execution": "client",
            "arguments": {"query": "x"},
        }
    ]


# The end


@pytest.mark.parametrize(
    "finish, reason", [("length", "max_output_tokens"), ("content_filter", "content_filter"), ("stop", None)]
)
def test_an_answer_that_was_cut_off_says_so(finish: str, reason: str | None) -> None:
    heard = listen(delta(reasoning_content="hm"), delta(content="a"), delta(finish))
    status = "completed" if reason is None else "incomplete"

    assert heard.kinds[-1] == heard.response["status"] == heard.output[1]["status"] == status
    assert heard.response["incomplete_details"] == (None if reason is None else {"reason": reason})
    assert "status" not in heard.output[0]


def test_only_what_was_cut_off_is_incomplete() -> None:
    heard = listen(begins(0, "f", "{"), begins(1, "f", "{}"), delta("length"), asked=TOOLS)

    assert [item["status"] for item in heard.output] == ["incomplete", "completed"]
    assert heard.output[0]["arguments"] == "{"


def test_a_cut_search_has_what_there_is() -> None:
    heard = listen(begins(0, "tool_search", '{"qu'), delta("length"), asked=TOOLS)

    assert (heard.output[0]["status"], heard.output[0]["arguments"]) == ("incomplete", '{"qu')


def test_thoughts_that_were_cut_off_are_incomplete() -> None:
    assert listen(delta(reasoning_content="hm"), delta("length")).output[0]["status"] == "incomplete"
    assert "status" not in listen(delta(reasoning_opaque="s"), delta("length")).output[0]


def test_an_answer_may_be_empty() -> None:
    heard = listen()

    assert heard.kinds == ["created", "in_progress", "completed"]
    assert heard.output == []


@pytest.mark.parametrize(
    "odd",
    [
        {"completion_tokens": None},
        {"completion_tokens_details": "none"},
        {"completion_tokens_details": {"reasoning_tokens": "many"}},
        {"prompt_tokens_details": {"cache_write_tokens": 1.5}},
        {"reasoning_tokens": []},
        {"total_tokens": 7.5},
    ],
)
def test_no_answer_fails_for_its_count(odd: dict[str, Any]) -> None:
    found = listen(delta("stop", content="a"), usage(**odd)).response

    assert found["status"] == "completed"
    assert all(isinstance(found["usage"][key], int) for key in ("input_tokens", "output_tokens", "total_tokens"))


def test_items_are_done_when_the_answer_is_finished_not_when_its_usage_comes() -> None:
    to_client = stream()
    to_client.event(delta(content="a"))

    assert parse_kinds(to_client.event(delta("stop")))[-1] == "response.output_item.done"
    assert to_client.event(usage()) == b""


def parse_kinds(data: bytes) -> list[str]:
    return [line.removeprefix(b"event: ").decode() for line in data.split(b"\n") if line.startswith(b"event: ")]


USAGES = [
    ({}, {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}, (0, 0, 0)),
    ({"prompt_tokens_details": {"cached_tokens": 3}}, {"input_tokens": 7}, (3, 0, 0)),
    ({"prompt_tokens_details": {"cache_write_tokens": 2, "cached_tokens": None}}, {}, (0, 2, 0)),
    ({"completion_tokens_details": {"reasoning_tokens": 4}}, {"output_tokens": 5}, (0, 0, 4)),
    ({"reasoning_tokens": 4}, {"output_tokens": 5}, (0, 0, 4)),
    ({"reasoning_tokens": 9, "total_tokens": 21}, {"output_tokens": 14, "total_tokens": 21}, (0, 0, 9)),
    ({"total_tokens": 0}, {"total_tokens": 12}, (0, 0, 0)),
]


@pytest.mark.parametrize("counted, expected, details", USAGES)
def test_tokens_are_counted_in_the_vendors_way(counted: Any, expected: Any, details: tuple[int, int, int]) -> None:
    found = listen(delta("stop", content="a"), usage(**counted)).response["usage"]
    whole_reply = hub_reply(content="a", counted=json.loads(usage(**counted).data)["usage"])

    assert {name: found[name] for name in expected} == expected
    assert found["input_tokens_details"] == {"cached_tokens": details[0], "cache_write_tokens": details[1]}
    assert found["output_tokens_details"] == {"reasoning_tokens": details[2]}
    assert whole(whole_reply)["usage"] == found


# Whole answers


def test_a_whole_answer_is_what_its_stream_tells() -> None:
    message = {
        "content": "a",
        "refusal": "b",
        "reasoning_content": "hm",
        "reasoning_opaque": "s",
        "tool_calls": [hub_call("c1", "files__f", '{"a":1}'), hub_call("c2", "apply", '{"input":"p"}')],
    }
    heard = listen(
        delta(reasoning_content="h"),
        delta(reasoning_content="m", reasoning_opaque="s"),
        delta(content="a", refusal="b"),
        begins(0, "files__f", call_id="c1"),
        goes_on(0, '{"a":1}'),
        begins(1, "apply", '{"input":"p"}', "c2"),
        delta("tool_calls"),
        usage(),
        asked=TOOLS,
    )
    counted = json.loads(usage().data)["usage"]

    assert whole(hub_reply("tool_calls", counted, **message), TOOLS) == heard.response


def test_a_whole_answer_may_be_empty_or_cut_off() -> None:
    assert whole(hub_reply())["output"] == []
    cut = whole(hub_reply("length", content="a"))
    assert (cut["status"], cut["output"][0]["status"]) == ("incomplete", "incomplete")
    assert cut["usage"] is None


def test_a_chunk_without_a_delta_says_nothing() -> None:
    heard = listen(hub_chunk(choices=[{"index": 0, "finish_reason": "stop"}]), hub_chunk(choices=None))

    assert heard.output == []
