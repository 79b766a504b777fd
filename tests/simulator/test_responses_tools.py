"""Tools of ``/responses`` beyond functions: namespaces, a search for tools, and tools among the input."""

import json

import pytest
import trio
from simulator.shapes import events

COUNT = {"type": "function", "name": "count_otters", "parameters": {"type": "object", "properties": {}}}
PATCH = {"type": "custom", "name": "apply_patch"}
POND = {"type": "namespace", "name": "pond", "description": "A pond", "tools": [COUNT, PATCH]}
SEARCH = {
    "type": "tool_search",
    "execution": "client",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
}
USER = {"role": "user", "content": "hello"}
CALL = {"type": "function_call", "call_id": "c1", "name": "count_otters", "namespace": "pond", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "17"}
FOUND = {"type": "tool_search_output", "call_id": "c1", "execution": "client", "status": "completed", "tools": [POND]}


async def respond(line, prompt, **fields):
    with trio.fail_after(10):
        return await line.post("/responses", {"model": "gpt-5.3-codex", "input": prompt, **fields})


async def called(line, prompt, **fields):
    answer = await respond(line, prompt, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()["output"][0]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_function_in_a_namespace_is_called_by_both_names(line, stream):
    answer = await respond(line, '[[call:pond__count_otters {"deep": true}]]', tools=[POND], stream=stream)

    item = events(answer.content)[-1]["response"]["output"][0] if stream else answer.json()["output"][0]
    assert (item["type"], item["namespace"], item["name"]) == ("function_call", "pond", "count_otters")
    assert item["arguments"] == '{"deep": true}'


async def test_a_custom_tool_in_a_namespace_is_given_a_text(line):
    item = await called(line, '[[call:pond__apply_patch {"input": "x"}]]', tools=[POND])

    assert (item["type"], item["namespace"], item["name"]) == ("custom_tool_call", "pond", "apply_patch")
    assert item["input"] == "x"


async def test_tools_outside_of_namespaces_are_called_without_one(line):
    item = await called(line, "[[call:count_otters]]", tools=[COUNT, POND])

    assert item["name"] == "count_otters"
    assert "namespace" not in item


async def test_a_clients_search_for_tools_is_a_call_of_its_own_type(line):
    answer = await respond(line, '[[call:tool_search {"query": "otters"}]]', tools=[SEARCH], stream=True)

    sent = events(answer.content)
    begun, ended = (event["item"] for event in sent if event["type"].startswith("response.output_item."))
    assert (begun["type"], begun["arguments"], begun["status"]) == ("tool_search_call", {}, "in_progress")
    assert (ended["execution"], ended["arguments"], ended["status"]) == ("client", {"query": "otters"}, "completed")
    assert begun["call_id"] == ended["call_id"]
    assert not [event for event in sent if "arguments" in event["type"]]


async def test_copilots_own_search_for_tools_is_never_called(line):
    item = await called(line, "search for a tool", tools=[{"type": "tool_search"}])

    assert item["type"] == "message"


@pytest.mark.parametrize("kind", ["additional_tools", "tool_search_output"])
async def test_tools_among_the_input_are_on_offer(line, kind):
    offer = {**FOUND, "type": kind, "role": "developer"}
    item = await called(line, [offer, {"role": "user", "content": "count the otters"}])

    assert (item["type"], item["namespace"], item["name"]) == ("function_call", "pond", "count_otters")


async def test_results_of_namespaces_and_searches_are_quoted(line):
    search = {"type": "tool_search_call", "call_id": "c1", "execution": "client", "arguments": {"query": "otters"}}
    counted = await respond(line, [USER, CALL, RESULT], tools=[POND])
    found = await respond(line, [USER, search, FOUND], tools=[SEARCH])

    texts = [answer.json()["output"][0]["content"][0]["text"] for answer in (counted, found)]
    assert texts == [
        "The tool pond__count_otters answered: 17",
        "The tool tool_search answered: found pond__count_otters, pond__apply_patch",
    ]


@pytest.mark.parametrize(
    "prompt, tools, words",
    [
        ("hello", [COUNT, {"type": "namespace", "name": "pond"}], "Missing required parameter: 'tools[1].tools'."),
        ("hello", [{**POND, "tools": [{**COUNT, "name": "a b"}]}], "invalid tool name: 'a b'"),
        ([USER, {**CALL, "namespace": None}, RESULT], [POND], "Missing namespace for function_call 'count_otters'."),
        ([{"type": "additional_tools", "tools": [{"name": "no type"}]}, USER], [], "invalid request body"),
    ],
)
async def test_what_copilot_misses_in_them_is_refused(line, prompt, tools, words):
    answer = await respond(line, prompt, tools=tools)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request_body")
    assert words in answer.json()["error"]["message"]


async def test_a_past_call_needs_no_namespace_where_it_had_none(line):
    bare = {name: value for name, value in CALL.items() if name != "namespace"}
    answer = await respond(line, [USER, bare, RESULT], tools=[COUNT, POND])

    assert answer.status_code == 200, answer.text
    assert json.loads(answer.content)["output"][0]["content"][0]["text"] == "The tool count_otters answered: 17"
