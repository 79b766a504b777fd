"""Conversations as real clients of Messages were recorded to send them, on a model of each of Copilot's endpoints."""

from typing import Any

import messages_rows as rows
import pytest
from house import House
from server.client_shapes import PIXEL, Case, Each, assert_dropped
from server.front_shapes import COLUMNS, IMAGE, MESSAGES, failures, reached

USER = {"role": "user", "content": "Hi"}
QUOTED = {"text": '"Hi"'}
HOUR = {"type": "ephemeral", "ttl": "1h"}
MARKED = {"hub": "cache_control", "messages": "cache_control.ttl"}
"""A mark for the prompt cache that lives for an hour: of no meaning elsewhere, and too long for Copilot."""

CALL = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Rome"}}
CALLED = [("toolu_1", "get_weather", {"city": "Rome"})]
ANSWERED = {"text": "The tool get_weather answered: 18C"}
BILLING = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.a9c; cc_entrypoint=sdk-cli;"}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def said(*messages: Any, **expected: Any) -> Case:
    return Case({"messages": list(messages)}, **expected)


def system(content: Any, **expected: Any) -> Case:
    return Case({"system": content}, **{"heard": QUOTED, **expected})


def result(content: Any = ..., **more: Any) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": "toolu_1", **more}
    return block if content is ... else {**block, "content": content}


def after_call(*blocks: Any, **expected: Any) -> Case:
    """A call, and what is said in the message after it."""
    return said(USER, {"role": "assistant", "content": [CALL]}, {"role": "user", "content": list(blocks)}, **expected)


WORDS: dict[str, Case] = {
    "a text": said(USER, heard=QUOTED, reached={"said": [("user", ["Hi"])], "system": []}),
    "a block": said({"role": "user", "content": [text("Hi")]}, heard=QUOTED, reached={"said": [("user", ["Hi"])]}),
    "several blocks": said(
        {"role": "user", "content": [text("<reminder>"), text("Hi")]},
        heard={"text": 'Hi"'},
        reached={"said": [("user", ["<reminder>", "Hi"])]},
    ),
    "users in a row": said(
        {"role": "user", "content": "One"}, USER, heard={"text": 'Hi"'}, reached={"said": [("user", ["One", "Hi"])]}
    ),
    "what the model said": said(
        USER,
        {"role": "assistant", "content": [text("Ho"), text("Ha")]},
        {"role": "user", "content": [text("Hi")]},
        heard=QUOTED,
        reached={"said": [("user", ["Hi"]), ("assistant", ["Ho", "Ha"]), ("user", ["Hi"])]},
    ),
    "what the packages send back": said(
        USER,
        {"role": "assistant", "content": [text("Ho", citations=None)], "id": None},
        USER,
        heard=QUOTED,
        reached={"said": [("user", ["Hi"]), ("assistant", ["Ho"]), ("user", ["Hi"])]},
    ),
    "the beginning of an answer": said(
        USER,
        {"role": "assistant", "content": "Ho"},
        reached={
            "said": Each(
                hub=[("user", ["Hi"]), ("assistant", ["Ho"])],
                messages=[("user", ["Hi"]), ("assistant", ["Ho"]), ("user", ["Please continue."])],
            )
        },
        dropped={"messages": "messages[assistant]=last"},
    ),
    "empty texts": said(
        {"role": "user", "content": [text(""), text("Hi"), text("")]},
        heard=QUOTED,
        reached={"said": [("user", ["Hi"])]},
    ),
    "marks for the prompt cache": said(
        {"role": "user", "content": [text("Hi", cache_control={"type": "ephemeral"})]},
        heard=QUOTED,
        sent={"messages": {"messages.0.content.0.cache_control": {"type": "ephemeral"}}},
        dropped={"hub": "cache_control"},
    ),
    "marks that live for an hour": said(
        {"role": "user", "content": [text("Hi", cache_control=HOUR)]},
        heard=QUOTED,
        sent={"messages": {"messages.0.content.0.cache_control": {"type": "ephemeral"}}},
        dropped=MARKED,
    ),
    "a mark of nothing": said({"role": "user", "content": [text("Hi", cache_control=None)]}, heard=QUOTED),
    "other scripts": said(
        {"role": "user", "content": "né 漢字 🎉 \u2028"}, reached={"said": [("user", ["né 漢字 🎉 \u2028"])]}
    ),
}
SYSTEM: dict[str, Case] = {
    "a text": system("Be brief.", reached={"system": ["Be brief."]}),
    "blocks": system([text("Be brief."), text("Be kind.")], reached={"system": ["Be brief.", "Be kind."]}),
    "blocks with marks": system(
        [text("Be brief.", cache_control=HOUR)], reached={"system": ["Be brief."]}, dropped=MARKED
    ),
    "nothing": system("", reached={"system": []}),
    "null": system(None, reached={"system": []}),
    "Claude Code's": system(
        [BILLING, text("You are Claude Code.", cache_control={"type": "ephemeral"})],
        reached={"system": ["You are Claude Code."]},
        dropped={
            "hub": "system.x-anthropic-billing-header, cache_control",
            "messages": "system.x-anthropic-billing-header",
        },
    ),
    "before the first message": Case(
        {"system": "One.", "messages": [{"role": "system", "content": "Two."}, USER]},
        heard=QUOTED,
        reached={"system": ["One.", "Two."]},
    ),
    "among the messages": said(
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "Ho"},
        {"role": "system", "content": [text("Be brief.")]},
        USER,
        heard={"text": 'Hi"'},
        reached={
            "system": Each(hub=["Be brief."], messages=[]),
            "said": Each(
                messages=[("user", ["First"]), ("assistant", ["Ho"]), ("user", ["Be brief.", "Hi"])],
            ),
        },
    ),
    "last": said(
        USER,
        {"role": "system", "content": "Be brief."},
        reached={"system": Each(hub=["Be brief."]), "said": Each(messages=[("user", ["Hi", "Be brief."])])},
    ),
}
PICTURES: dict[str, Case] = {
    "a picture": said(
        {"role": "user", "content": [text("Look"), IMAGE]},
        heard={"text": "1 picture"},
        reached={"pictures": [PIXEL], "said": [("user", ["Look"])]},
    ),
    "a picture with a mark": said(
        {"role": "user", "content": [text("Look"), {**IMAGE, "cache_control": HOUR}]},
        heard={"text": "1 picture"},
        dropped=MARKED,
    ),
    "a picture that a tool returned": after_call(
        result([text("18C"), IMAGE]),
        heard=ANSWERED,
        reached={"pictures": [PIXEL], "results": [("toolu_1", "18C")]},
    ),
    "a picture in a file of Anthropic's": said(
        {"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "file_1"}}]},
        refused={"any": "messages[0].content[0]"},
    ),
    "a picture at an address": said(
        {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}]},
        refused={"messages": "messages[0].content[0]"},
        heard=QUOTED,
    ),
}
TURNS: dict[str, Case] = {
    "a call and its result": after_call(
        result("18C"), heard=ANSWERED, reached={"calls": CALLED, "results": [("toolu_1", "18C")]}
    ),
    "a result as blocks": after_call(
        result([text("18"), text("C")]), heard={"text": "18"}, reached={"results": [("toolu_1", "18C")]}
    ),
    "a result of nothing": after_call(result(), reached={"results": [("toolu_1", "")]}),
    "a result of no blocks": after_call(result([]), reached={"results": [("toolu_1", "")]}),
    "a result with a mark": after_call(result("18C", cache_control=HOUR), heard=ANSWERED, dropped=MARKED),
    "a failure": after_call(
        result("no such city", is_error=True),
        heard={"text": "no such city"},
        reached={"results": Each(hub=[("toolu_1", "Error: no such city")], messages=[("toolu_1", "no such city")])},
        sent={"messages": {"messages.2.content.0.is_error": True}},
    ),
    "no failure": after_call(result("18C", is_error=False), heard=ANSWERED, reached={"results": [("toolu_1", "18C")]}),
    "text after a result": after_call(
        result("18C"),
        text("And now?"),
        reached={"results": [("toolu_1", "18C")], "said": [("user", ["Hi", "And now?"])]},
        heard={"text": "And now?"},
    ),
    "text beside a call": said(
        USER,
        {"role": "assistant", "content": [text("Let me see."), CALL]},
        {"role": "user", "content": [result("18C")]},
        heard=ANSWERED,
        reached={"calls": CALLED, "said": [("user", ["Hi"]), ("assistant", ["Let me see."])]},
    ),
    "calls at once, answered in another order": said(
        USER,
        {"role": "assistant", "content": [CALL, {**CALL, "id": "toolu_2", "input": {}}]},
        {"role": "user", "content": [{**result("no"), "tool_use_id": "toolu_2"}, result("18C")]},
        heard={"text": "answered: 18C"},
        reached={
            "calls": [*CALLED, ("toolu_2", "get_weather", {})],
            "results": [("toolu_2", "no"), ("toolu_1", "18C")],
        },
    ),
    "a call as the packages send it back": said(
        USER,
        {"role": "assistant", "content": [{**CALL, "caller": {"type": "direct"}}]},
        {"role": "user", "content": [result("18C")]},
        heard=ANSWERED,
        reached={"calls": CALLED},
        dropped={"any": "tool_use.caller"},
    ),
    "thinking of Claude's": said(
        USER,
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm", "signature": "c2ln"}, CALL]},
        {"role": "user", "content": [result("18C")]},
        heard=ANSWERED,
        reached={"calls": CALLED},
        sent={"messages": {"messages.1.content.0": {"type": "thinking", "thinking": "Hm", "signature": "c2ln"}}},
        dropped={"hub": "messages.thinking"},
    ),
    "thinking of Claude's, redacted": said(
        USER,
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "ZGF0YQ=="}, text("Ho")]},
        USER,
        heard=QUOTED,
        sent={"messages": {"messages.1.content.0": {"type": "redacted_thinking", "data": "ZGF0YQ=="}}},
        dropped={"hub": "messages.redacted_thinking"},
    ),
    "thinking without a signature": said(
        USER,
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm", "signature": ""}, text("Ho")]},
        USER,
        heard=QUOTED,
        dropped={"any": "messages.thinking"},
    ),
    "a search that Anthropic ran": said(
        USER,
        {
            "role": "assistant",
            "content": [
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
                text("Ho"),
            ],
        },
        USER,
        heard=QUOTED,
        reached={"said": [("user", ["Hi"]), ("assistant", ["Ho"]), ("user", ["Hi"])]},
        dropped={"hub": "messages.server_tool_use, messages.web_search_tool_result"},
    ),
}


def table_for(column: str, table: dict[str, Case]) -> dict[str, Case]:
    """Those that have something to say on this column: what one endpoint alone refuses is another's to judge."""
    return {
        name: case
        for name, case in table.items()
        if not case.refused or MESSAGES.columns[column].of(case.refused) is not None
    }


@pytest.mark.parametrize("column", COLUMNS)
async def test_words_arrive_in_whatever_form_they_are_said(house: House, column: str) -> None:
    assert await failures(house, MESSAGES, column, WORDS) == {}


@pytest.mark.parametrize("column", COLUMNS)
async def test_the_systems_words_arrive_wherever_they_stand(house: House, column: str) -> None:
    assert await failures(house, MESSAGES, column, SYSTEM) == {}


@pytest.mark.parametrize("column", COLUMNS)
async def test_pictures_arrive_or_are_refused_by_name(house: House, column: str) -> None:
    assert await failures(house, MESSAGES, column, table_for(column, PICTURES)) == {}


@pytest.mark.parametrize("column", COLUMNS)
async def test_what_the_model_did_before_is_sent_back_and_arrives(house: House, column: str) -> None:
    assert await failures(house, MESSAGES, column, TURNS) == {}


@pytest.mark.parametrize("column", COLUMNS)
async def test_thinking_that_was_given_to_the_client_comes_back_to_its_model(house: House, column: str) -> None:
    tools = [{"name": "get_weather", "input_schema": {"type": "object", "properties": {}}}]
    prompt = [{"role": "user", "content": '[[think]] [[call:get_weather {"city": "Rome"}]]'}]
    for stream in (False, True):
        asked = MESSAGES.body(column, messages=prompt, tools=tools)
        answer = await house.http.post(MESSAGES.path, json={**asked, "stream": stream})
        heard = MESSAGES.hear(answer, stream=stream)
        content = (rows.added_up(rows.parse(answer.text)) if stream else answer.json())["content"]
        [call] = [block for block in content if block["type"] == "tool_use"]
        assert heard.reasoning

        results = [{"role": "user", "content": [{**result("18C"), "tool_use_id": call["id"]}]}]
        said_back = [*prompt, {"role": "assistant", "content": content}, *results]
        again = await house.http.post(MESSAGES.path, json={**asked, "messages": said_back})

        assert again.status_code == 200, again.text
        body = reached(house).body
        if column == "messages":
            assert_dropped(again, None)
            assert body["messages"][1]["content"][0]["signature"] == heard.thinking[0]
        elif column == "responses":
            assert_dropped(again, None)
            [returned] = [item["encrypted_content"] for item in body["input"] if item["type"] == "reasoning"]
            assert returned in heard.thinking[-1]
        else:
            assert_dropped(again, "messages.thinking")  # gpt-4.1 has nothing that it wants back


async def test_what_one_model_thought_is_not_told_to_another(house: House) -> None:
    prompt = [{"role": "user", "content": '[[think]] [[call:get_weather {"city": "Rome"}]]'}]
    for column, others in (("responses", ("chat", "messages")), ("messages", ("chat", "responses"))):
        answer = await house.http.post(MESSAGES.path, json=MESSAGES.body(column, messages=prompt, stream=True))
        content = rows.added_up(rows.parse(answer.text))["content"]
        [call] = [block for block in content if block["type"] == "tool_use"]
        secrets = [one.rpartition(";")[2][:40] for one in MESSAGES.hear(answer, stream=True).thinking]
        assert len(max(secrets)) == 40
        for other in others:
            results = {"role": "user", "content": [{**result("18C"), "tool_use_id": call["id"]}]}
            follow = [*prompt, {"role": "assistant", "content": content}, results]
            again = await house.http.post(MESSAGES.path, json=MESSAGES.body(other, messages=follow))

            assert again.status_code == 200, again.text
            assert "thinking" in again.headers["x-passenger-dropped"]
            sent = reached(house).seen.body
            assert not [secret for secret in secrets if secret and secret.encode() in sent]
