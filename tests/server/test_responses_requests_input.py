"""Input items as real clients of Responses were recorded to send them, on a model of each of Copilot's endpoints."""

from typing import Any

import pytest
import responses_rows as rows
from house import House
from server.client_shapes import PIXEL, Case, Each, assert_dropped
from server.front_shapes import COLUMNS, INPUT_PICTURE, RESPONSES, ROME, check, failures, reached

USER = {"role": "user", "content": "Hi"}
ASK = {"role": "user", "content": "What is the weather in Rome?"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": '{"city":"Rome"}'}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "18C"}
CUSTOM = {"type": "custom_tool_call", "call_id": "call_2", "name": "apply_patch", "input": "*** Begin"}
PATCHED = {"type": "custom_tool_call_output", "call_id": "call_2", "output": "Done"}
REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Hm"}],
    "content": None,
    "encrypted_content": "b2YgT3BlbkFJ",
}
QUOTED = {"text": '"Hi"'}
LOST_REASONING = {"chat": "input.reasoning", "messages": "input.reasoning"}
"""What OpenAI's model has encrypted is of no use to another."""


def part(text: str, kind: str = "input_text", **more: Any) -> dict[str, Any]:
    return {"type": kind, "text": text, **more}


def items(*given: Any, **expected: Any) -> Case:
    return Case({"input": list(given)}, **expected)


TWO_TEXTS = items(
    {"role": "user", "content": [part("One"), part("Hi")]},
    reached={"said": [("user", ["One", "Hi"])]},
    heard={"text": '"One Hi"'},
)
WORDS: dict[str, Case] = {
    "a text": Case({"input": "Hi"}, heard=QUOTED, reached={"said": [("user", ["Hi"])], "system": []}),
    "an item without a type": items(USER, heard=QUOTED, reached={"said": [("user", ["Hi"])]}),
    "an item with a type": items({"type": "message", **USER}, heard=QUOTED, reached={"said": [("user", ["Hi"])]}),
    "an item with id and status": items({**USER, "id": "msg_1", "status": "completed"}, heard=QUOTED),
    "parts": TWO_TEXTS,
    "instructions": Case({"instructions": "Be brief."}, heard=QUOTED, reached={"system": ["Be brief."]}),
    "instructions, system and developer": Case(
        {
            "instructions": "One.",
            "input": [
                {"role": "system", "content": "Two."},
                {"role": "developer", "content": [part("Three.")]},
                USER,
            ],
        },
        heard=QUOTED,
        reached={"system": ["One.", "Two.", "Three."], "said": [("user", ["Hi"])]},
    ),
    "a developer's word after the user's": items(
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "Ho"},
        {"type": "message", "role": "developer", "content": [part("Be brief.")]},
        USER,
        reached={
            "system": Each(any=["Be brief."], messages=[]),  # where it stands it can only be the user's there
            "said": Each(messages=[("user", ["First"]), ("assistant", ["Ho"]), ("user", ["Be brief.", "Hi"])]),
        },
        heard={"text": 'Hi"'},
    ),
    "users in a row": items(
        {"role": "user", "content": "One"}, USER, reached={"said": [("user", ["One", "Hi"])]}, heard={"text": 'Hi"'}
    ),
    "what the model said": items(
        USER,
        {"role": "assistant", "content": [part("Ho", "output_text", annotations=[], logprobs=[])]},
        {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": "Ha"},
        USER,
        reached={"said": [("user", ["Hi"]), ("assistant", ["Ho", "Ha"]), ("user", ["Hi"])]},
        heard=QUOTED,
    ),
    "a refusal of the model's": items(
        USER,
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "I won't."}]},
        USER,
        heard=QUOTED,
    ),
    "the model last": items(
        USER,
        {"role": "assistant", "content": "Ho"},
        reached={
            "said": Each(
                chat=[("user", ["Hi"]), ("assistant", ["Ho"])],
                responses=[("user", ["Hi"]), ("assistant", ["Ho"])],
                messages=[("user", ["Hi"]), ("assistant", ["Ho"]), ("user", ["Please continue."])],
            )
        },
        dropped={"messages": "input[assistant]=last"},
    ),
    "an empty text among others": items({"role": "user", "content": [part(""), part("Hi")]}, heard=QUOTED),
    "other scripts": items(
        {"role": "user", "content": "né 漢字 🎉 \u2028"}, reached={"said": [("user", ["né 漢字 🎉 \u2028"])]}
    ),
}
PICTURES: dict[str, Case] = {
    "a picture": items(
        {"role": "user", "content": [part("Look"), INPUT_PICTURE]},
        heard={"text": "1 picture"},
        reached={"pictures": [PIXEL], "said": [("user", ["Look"])]},
    ),
    "a picture, detail auto": items(
        {"role": "user", "content": [part("Look"), {**INPUT_PICTURE, "detail": "auto"}]},
        heard={"text": "1 picture"},
    ),
    "a picture, detail low": items(
        {"role": "user", "content": [part("Look"), {**INPUT_PICTURE, "detail": "low"}]},
        heard={"text": "1 picture"},
        dropped={"messages": "input.content.image_url.detail"},
    ),
    "a picture, file_id null": items(
        {"role": "user", "content": [part("Look"), {**INPUT_PICTURE, "file_id": None}]},
        heard={"text": "1 picture"},
    ),
    "a picture that a tool returned": items(
        ASK,
        CALL,
        {**RESULT, "output": [part("18C"), INPUT_PICTURE]},
        reached={"pictures": [PIXEL], "results": [("call_1", "18C")]},
        heard={"text": "answered: 18C"},
    ),
    "a picture in a file of OpenAI's": items(
        {"role": "user", "content": [{"type": "input_image", "file_id": "file_1"}]},
        refused={"hub": "input[0].content[0]"},
    ),
    "a file of OpenAI's": items(
        {"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]},
        refused={"hub": "input[0].content[0]"},
    ),
}
TURNS: dict[str, Case] = {
    "a call and its result": items(
        ASK,
        CALL,
        RESULT,
        reached={"calls": [("call_1", *ROME[1:])], "results": [("call_1", "18C")]},
        heard={"text": "The tool get_weather answered: 18C"},
    ),
    "a call with id and status": items(
        ASK,
        {**CALL, "id": "fc_1", "status": "completed"},
        {**RESULT, "id": "fco_1", "status": "completed"},
        reached={"calls": [("call_1", *ROME[1:])], "results": [("call_1", "18C")]},
        sent={"responses": {"input.1": {**CALL, "status": "completed"}}},
        heard={"text": "answered: 18C"},
    ),
    "a result as parts": items(
        ASK,
        CALL,
        {**RESULT, "output": [part("18"), part("C")]},
        reached={"results": [("call_1", "18C")]},
        heard={"text": Each(hub="answered: 18C", responses="answered: 18")},
    ),
    "an empty result": items(ASK, CALL, {**RESULT, "output": ""}, reached={"results": [("call_1", "")]}),
    "text beside a call": items(
        ASK,
        {"role": "assistant", "content": [part("Let me see.", "output_text")]},
        CALL,
        RESULT,
        reached={
            "said": [("user", [ASK["content"]]), ("assistant", ["Let me see."])],
            "calls": [("call_1", *ROME[1:])],
        },
        heard={"text": "answered: 18C"},
    ),
    "calls at once, answered in another order": items(
        ASK,
        CALL,
        {**CALL, "call_id": "call_9", "arguments": "{}"},
        {**RESULT, "call_id": "call_9", "output": "no"},
        RESULT,
        reached={
            "calls": [("call_1", *ROME[1:]), ("call_9", "get_weather", {})],
            "results": [("call_9", "no"), ("call_1", "18C")],
        },
        heard={"text": "answered: 18C"},
    ),
    "reasoning before a call": items(
        ASK,
        REASONING,
        CALL,
        RESULT,
        reached={"calls": [("call_1", *ROME[1:])]},
        sent={"responses": {"input.1": {key: REASONING[key] for key in REASONING if key != "id"}}},
        dropped=LOST_REASONING,
        heard={"text": "answered: 18C"},
    ),
    "reasoning without words, content null": items(
        ASK,
        {**REASONING, "summary": [], "content": None, "encrypted_content": None},
        {"role": "assistant", "content": "Ho"},
        USER,
        heard=QUOTED,
    ),
    "reasoning with words alone": items(
        ASK,
        {"type": "reasoning", "summary": REASONING["summary"]},
        {"role": "assistant", "content": "Ho"},
        USER,
        dropped={"hub": "input.reasoning_content"},
        heard=QUOTED,
    ),
    "a custom call and its result": items(
        ASK,
        CUSTOM,
        PATCHED,
        reached={
            "calls": Each(
                hub=[("call_2", "apply_patch", {"input": "*** Begin"})],
                responses=[("call_2", "apply_patch", "*** Begin")],
            ),
            "results": [("call_2", "Done")],
        },
        heard={"text": "The tool apply_patch answered: Done"},
    ),
    "a custom result as parts": items(
        ASK,
        CUSTOM,
        {**PATCHED, "output": [part("Done")]},
        reached={"results": [("call_2", "Done")]},
        heard={"text": "answered: Done"},
    ),
    "a search that OpenAI ran": items(
        ASK,
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}},
        {"role": "assistant", "content": "Ho"},
        USER,
        dropped={"hub": "input.web_search_call"},
        heard=QUOTED,
    ),
    "a reference to what is stored": items(
        {"type": "item_reference", "id": "msg_1"}, USER, refused={"hub": "input[0].type"}
    ),
    "a reference without a type": items({"id": "msg_1"}, USER, refused={"hub": "input[0].type"}),
    "a compacted conversation": items(
        {"type": "compaction", "encrypted_content": "x"}, USER, refused={"hub": "input[0].type"}
    ),
}
HUB = ("chat", "messages")


def cases(table: dict[str, Case], column: str) -> dict[str, Case]:
    """Those of a table that have something to say on this column: what only the hub refuses is Copilot's to judge."""
    return {name: case for name, case in table.items() if not case.refused or column in HUB}


@pytest.mark.parametrize("column", COLUMNS)
async def test_words_arrive_in_whatever_form_they_are_said(house: House, column: str) -> None:
    assert await failures(house, RESPONSES, column, cases(WORDS, column)) == {}


@pytest.mark.parametrize("column", COLUMNS)
async def test_pictures_arrive_or_are_refused_by_name(house: House, column: str) -> None:
    assert await failures(house, RESPONSES, column, cases(PICTURES, column)) == {}


@pytest.mark.parametrize("column", COLUMNS)
async def test_what_the_model_did_before_is_sent_back_and_arrives(house: House, column: str) -> None:
    assert await failures(house, RESPONSES, column, cases(TURNS, column)) == {}


async def test_on_their_own_endpoint_items_pass_but_for_their_ids(house: House) -> None:
    given = [
        {**USER, "id": "msg_1"},
        REASONING,
        {**CALL, "id": "fc_1", "namespace": "mcp"},
        {**RESULT, "id": "fco_1", "status": "completed"},
        {**CUSTOM, "id": "ctc_1"},
        {**PATCHED, "id": "ctco_1"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "never_heard_of", "id": "x", "deep": [{"a": 1.50}]},
    ]

    answer = await house.http.post(RESPONSES.path, json=RESPONSES.body("responses", input=given))

    assert answer.status_code == 200, answer.text
    kept = [
        {key: item[key] for key in item if key != "id" or item["type"] in {"web_search_call", "never_heard_of"}}
        for item in ({"type": "message", **item} for item in given)
    ]
    assert [{"type": "message", **item} for item in reached(house).body["input"]] == kept


@pytest.mark.parametrize("column", COLUMNS)
async def test_reasoning_that_was_given_to_the_client_comes_back_to_its_model(house: House, column: str) -> None:
    for stream in (False, True):
        prompt = '[[think]] [[call:get_weather {"city": "Rome"}]]'
        tool = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
        asked = RESPONSES.body(column, input=prompt, tools=[tool], include=["reasoning.encrypted_content"])
        answer = await house.http.post(RESPONSES.path, json={**asked, "stream": stream})
        heard = RESPONSES.hear(answer, stream=stream)
        items_said = (rows.last(rows.parse(answer.text)) if stream else answer.json())["output"]
        [call] = [item for item in items_said if item["type"] == "function_call"]
        assert heard.calls == [ROME]

        follow = [{"role": "user", "content": prompt}, *items_said, {**RESULT, "call_id": call["call_id"]}]
        again = await house.http.post(RESPONSES.path, json={**asked, "input": follow})

        assert again.status_code == 200, again.text
        assert_dropped(again, "input.reasoning_content" if column == "chat" else None)
        body = reached(house).body
        if column == "responses":
            returned = [item for item in body["input"] if item.get("type") == "reasoning"]
            assert [item["encrypted_content"] for item in returned] == heard.thinking
        elif column == "messages":
            first = body["messages"][1]["content"][0]
            assert first["type"] == "thinking"
            assert first["signature"] in heard.thinking[-1]
        else:
            assert heard.thinking == [], "gpt-4.1 does not reason in a form that comes back"


@pytest.mark.parametrize("column", COLUMNS)
async def test_an_input_of_nothing_is_refused_by_name(house: House, column: str) -> None:
    refused = Case({"input": []}, refused={"hub": "input"})
    if column in HUB:
        await check(house, RESPONSES, column, refused)
        return
    answer = await house.http.post(RESPONSES.path, json=RESPONSES.body(column, input=[]))

    assert answer.status_code == 400, "what Copilot itself thinks of it"
