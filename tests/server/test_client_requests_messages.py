"""Conversations as real clients were recorded to send them, to a model of each of Copilot's endpoints."""

from typing import Any

import pytest
from house import House
from server.client_shapes import (
    ALL,
    CALL,
    COLUMNS,
    PICTURE,
    PIXEL,
    RESULT,
    USER,
    Case,
    Column,
    Each,
    check,
    failures,
    user,
)

HISTORY = {"calls": [("call_1", "get_weather", {"city": "Rome"})], "results": [("call_1", "18C")]}


def text(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": each} for each in texts]


def turn(said: dict[str, Any] | None = None, result: dict[str, Any] | None = None, **more: Any) -> Case:
    """A tool was called and has answered; ``said`` is beside the call, ``result`` beside the tool's answer."""
    assistant = {"role": "assistant", "tool_calls": [CALL], **(said or {})}
    return Case(
        {"messages": [USER, assistant, {**RESULT, **(result or {})}]},
        heard={"text": "The tool get_weather answered: 18C"},
        reached={**HISTORY, "said": [("user", ["Hi"])], **more.pop("reached", {})},
        **more,
    )


def junk(**members: Any) -> dict[str, Any]:
    """A conversation whose assistant's message has members that are not for us."""
    return {"messages": [USER, {"role": "assistant", "content": "Ho", **members}, *user("And")]}


def shown(**members: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{**PICTURE, "image_url": {**PICTURE["image_url"], **members}}]}]}


TALK = {"said": [("user", ["Hi"]), ("assistant", ["Ho"]), ("user", ["And"])]}

CONVERSATIONS: dict[str, Case] = {
    "one message": Case({}, heard={"text": '"Hi"'}, reached={"said": [("user", ["Hi"])], "system": []}),
    "developer": Case(
        {"messages": [{"role": "developer", "content": "Be brief"}, USER]},
        heard={"text": '"Hi"'},
        reached={"system": ["Be brief"], "said": [("user", ["Hi"])], "roles": Each(chat=["system", "user"])},
    ),
    "developer with parts": Case(
        {"messages": [{"role": "developer", "content": text("Be brief", "Be kind")}, USER]},
        reached={"system": ["Be brief", "Be kind"], "said": [("user", ["Hi"])]},
    ),
    "system with parts": Case(
        {"messages": [{"role": "system", "content": text("Be brief")}, USER]}, reached={"system": ["Be brief"]}
    ),
    "system not first": Case(
        {"messages": [USER, {"role": "system", "content": "Be brief"}, *user("And")]},
        heard={"text": 'And"'},
        reached={
            "system": Each(chat=["Be brief"], responses=["Be brief"], messages=[]),
            "said": Each(
                chat=[("user", ["Hi", "And"])],
                responses=[("user", ["Hi", "And"])],
                messages=[("user", ["Hi", "Be brief", "And"])],  # in its place, so that the beginning stays as it was
            ),
            "roles": Each(chat=["user", "system", "user"], responses=["user", "system", "user"], messages=["user"]),
        },
    ),
    "system last": Case(
        {"messages": [USER, {"role": "system", "content": "Be brief"}]},
        heard={"text": Each(chat='"Hi"', responses='"Hi"', messages="Be brief")},
        reached={
            "system": Each(chat=["Be brief"], responses=["Be brief"], messages=[]),
            "said": Each(
                chat=[("user", ["Hi"])], responses=[("user", ["Hi"])], messages=[("user", ["Hi", "Be brief"])]
            ),
        },
    ),
    "several systems": Case(
        {"messages": [*({"role": "system", "content": word} for word in ("One", "Two")), USER]},
        reached={"system": ["One", "Two"], "said": [("user", ["Hi"])]},
    ),
    "users in a row": Case(
        {"messages": [USER, *user("You"), *user("There")]},
        heard={"text": 'There"'},
        reached={"said": [("user", ["Hi", "You", "There"])]},
    ),
    "assistant last": Case(
        {"messages": [USER, {"role": "assistant", "content": "Once upon"}]},
        reached={
            "said": Each(
                chat=[("user", ["Hi"]), ("assistant", ["Once upon"])],
                responses=[("user", ["Hi"]), ("assistant", ["Once upon"])],
                messages=[("user", ["Hi"]), ("assistant", ["Once upon"]), ("user", ["Please continue."])],
            )
        },
        dropped={"messages": "messages[assistant]=last"},
    ),
    "user with text parts": Case(
        {"messages": [{"role": "user", "content": text("One", "Two")}]}, reached={"said": [("user", ["One", "Two"])]}
    ),
    "assistant with parts": Case(
        {"messages": [USER, {"role": "assistant", "content": text("Ho", "Hum")}, *user("And")]},
        reached={"said": [("user", ["Hi"]), ("assistant", ["Ho", "Hum"]), ("user", ["And"])]},
    ),
    "call, content null": turn({"content": None}),
    "call, content missing": turn(),
    "call, content empty": turn({"content": ""}),
    "call, content an empty list": turn({"content": []}),
    "call, content parts": turn(
        {"content": text("Let me see")}, reached={"said": [("user", ["Hi"]), ("assistant", ["Let me see"])]}
    ),
    "call, content a text": turn(
        {"content": "Let me see"}, reached={"said": [("user", ["Hi"]), ("assistant", ["Let me see"])]}
    ),
    "tool content as parts": turn(result={"content": text("18C")}),
    "calls in parallel": Case(
        {
            "messages": [
                USER,
                {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
                RESULT,
                {**RESULT, "tool_call_id": "call_2", "content": "19C"},
            ]
        },
        heard={"text": "The tool get_weather answered: 18C\nThe tool get_weather answered: 19C"},
        reached={
            "calls": [(name, "get_weather", {"city": "Rome"}) for name in ("call_1", "call_2")],
            "results": [("call_1", "18C"), ("call_2", "19C")],
        },
    ),
    "user after a result": Case(
        {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT, *user("And")]},
        heard={"text": '"And"'},
        reached={**HISTORY, "said": [("user", ["Hi", "And"])]},
    ),
    "refusal null": Case(junk(refusal=None), reached=TALK),
    "function_call and audio null": Case(junk(function_call=None, audio=None, tool_calls=None), reached=TALK),
    "a mark for the prompt cache": Case(
        {"messages": [{"role": "user", "content": [{**text("Hi")[0], "cache_control": {"type": "ephemeral"}}]}]},
        heard={"text": '"Hi"'},
        reached={"said": [("user", ["Hi"])]},
        dropped={"responses": "messages.content.cache_control"},
    ),
    "extra_content in a call": turn(
        {"content": None, "tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": "S"}}}]},
        dropped=Each(responses="messages.tool_calls.extra_content", messages="messages.tool_calls.extra_content"),
    ),
    "annotations": Case(
        junk(annotations=[]),
        reached=TALK,
        dropped=Each(responses="messages.annotations", messages="messages.annotations"),
    ),
    "provider_specific_fields": Case(
        junk(provider_specific_fields={"refusal": None}),
        reached=TALK,
        dropped=Each(responses="messages.provider_specific_fields", messages="messages.provider_specific_fields"),
    ),
    "__copilotMessageSource": Case(
        {"messages": [{**USER, "__copilotMessageSource": "user"}]},
        reached={"said": [("user", ["Hi"])]},
        dropped=Each(responses="messages.__copilotMessageSource", messages="messages.__copilotMessageSource"),
    ),
    "reasoning_content": Case(
        junk(reasoning_content="Hm"),
        reached=TALK,
        dropped={"any": "messages.reasoning_content"},  # no signature, no use
    ),
    "name of a user": Case(
        {"messages": [{**USER, "name": "ann"}]},
        reached={"said": [("user", ["Hi"])]},
        dropped=Each(responses="messages.name", messages="messages.name"),
    ),
    "name of a tool": turn(
        result={"name": "get_weather"}, dropped=Each(responses="messages.name", messages="messages.name")
    ),
    "index in a call": turn({"content": None, "tool_calls": [{**CALL, "index": 0}]}),
    "arguments with spaces": turn(
        {"tool_calls": [{**CALL, "function": {"name": "get_weather", "arguments": '{ "city" : "Rome" }'}}]}
    ),
    "a call without arguments": turn(
        {"tool_calls": [{**CALL, "function": {"name": "get_weather", "arguments": "{}"}}]},
        reached={"calls": [("call_1", "get_weather", {})]},
    ),
    "a picture": Case(
        {"messages": [{"role": "user", "content": [*text("Look"), PICTURE]}]},
        heard={"text": "You sent 1 picture."},
        reached={"said": [("user", ["Look"])], "pictures": [PIXEL]},
    ),
    "a picture, detail low": Case(
        shown(detail="low"),
        heard={"text": "You sent 1 picture."},
        reached={"pictures": [PIXEL]},
        dropped=Each(messages="messages.content.image_url.detail"),
    ),
    "a picture, detail auto": Case(
        shown(detail="auto"),
        heard={"text": "You sent 1 picture."},
        reached={"pictures": [PIXEL]},
    ),
    "a picture, with its format": Case(
        shown(format="image/png"),
        heard={"text": "You sent 1 picture."},
        reached={"pictures": [PIXEL]},
    ),
    "a picture in a result": turn(result={"content": [*text("18C"), PICTURE]}, reached={"pictures": [PIXEL]}),
    "a picture at an address": Case(
        shown(url="https://example.com/a.png"),
        refused={"any": "messages[0]"},
    ),
}


FOR_FAMILIES = (
    *("one message", "developer", "system not first", "several systems", "users in a row", "assistant last"),
    *("assistant with parts", "call, content null", "call, content missing", "call, content empty"),
    *("call, content parts", "tool content as parts", "calls in parallel", "user after a result", "name of a tool"),
    *("index in a call", "reasoning_content", "a picture", "a picture, detail low", "a picture in a result"),
)
"""Those by which Copilot's vendors on one endpoint differ, or may."""


@pytest.mark.parametrize("case", CONVERSATIONS)
@pytest.mark.parametrize("column", COLUMNS)
async def test_a_conversation_means_on_each_endpoint_what_the_client_meant(
    house: House, column: str, case: str
) -> None:
    await check(house, COLUMNS[column], CONVERSATIONS[case])


@pytest.mark.parametrize("column", ["claude", "gemini"])
async def test_a_conversation_means_to_each_vendor_on_chat_what_the_client_meant(house: House, column: str) -> None:
    assert await failures(house, ALL[column], {case: CONVERSATIONS[case] for case in FOR_FAMILIES}) == {}


async def test_a_call_that_gemini_has_signed_goes_back_with_its_signature(house: House) -> None:
    """Gemini 3 refuses it without (protocol: parameters that need care)."""
    signed = turn({"content": None, "reasoning_opaque": "c2lnbmVk"})

    await check(house, ALL["gemini-3"], signed)


@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.parametrize("model", ["o1", "o1-mini"])
async def test_to_o1_the_system_speaks_as_the_user(house: House, model: str, role: str) -> None:
    fields = {"messages": [{"role": role, "content": "Be brief"}, USER]}
    case = Case(fields, heard={"text": '"Hi"'}, reached={"roles": ["user", "user"], "system": []})

    await check(house, Column(model, "/chat/completions", ("chat",)), case)


async def test_a_picture_for_a_model_that_cannot_see_is_refused(house: House) -> None:
    await check(house, ALL["o3-mini"], Case(CONVERSATIONS["a picture"].fields, refused={"chat": "messages"}))
