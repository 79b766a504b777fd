import json

import msgspec
import pytest

from passenger_trio.simulator import directives
from passenger_trio.simulator.answers import LONG_WORDS, answer, cut
from passenger_trio.simulator.conversation import ConversationReader
from passenger_trio.simulator.refusals import Refused


def tool(name, **properties):
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


WEATHER = tool("get_weather", unit={"enum": ["celsius"]}, city={"type": "string"})
TIME = tool("getLocalTime", zone={"type": "string"})
PING = {"type": "function", "function": {"name": "ping"}}


def say(prompt, *, after=(), **fields):
    messages = [{"role": "user", "content": prompt}, *after]
    conversation = ConversationReader().read(msgspec.json.encode({"messages": messages, **fields}))
    return answer(conversation, directives.parse(conversation.prompt()), "GPT-4o")


def calls(said):
    return [(call.name, json.loads(call.arguments)) for call in said.calls]


def test_an_answer_is_about_its_prompt():
    assert "sea otters" in say("Tell me about sea otters").text


def test_the_same_prompt_gets_the_same_answer_and_another_gets_another():
    assert say("one") == say("one")
    assert say("one").text != say("two").text


def test_the_pieces_of_a_text_are_the_text():
    text = "  a  b\n\nc " + "d" * 100 + "\t"

    assert "".join(cut(text)) == text


def test_a_picture_is_counted_and_needs_no_text():
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}

    assert "2 pictures" in say([picture, picture]).text


def test_the_prompt_of_content_parts_is_their_text():
    assert say([{"type": "text", "text": "[[reply:parts]]"}]).text == "parts"


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_a_token_limit_cuts_at_words(field):
    said = say("[[reply:one two three four]]", **{field: 2})

    assert (said.text, said.finish, said.completion_tokens()) == ("one two", "length", 2)


def test_a_token_limit_that_is_not_reached_changes_nothing():
    assert say("[[reply:one two]]", max_tokens=2).finish == "stop"


@pytest.mark.parametrize("stop", [" three", ["nowhere", " three", "four"]])
def test_a_stop_text_ends_the_answer_before_itself(stop):
    said = say("[[reply:one two three four]]", stop=stop)

    assert (said.text, said.finish) == ("one two", "stop")


def test_len_and_reply_and_think_combine():
    said = say("[[think]][[len]][[reply:cut off]]")

    assert (said.text, said.finish) == ("cut off", "length")
    assert said.reasoning


def test_the_words_of_a_long_answer_are_numbered():
    said = say("[[long]]")

    assert said.text.split() == [f"word{number:03}" for number in range(1, LONG_WORDS + 1)]
    assert said.slow


def test_a_tool_is_called_when_its_name_is_in_the_prompt():
    said = say("What is the weather in Paris?", tools=[WEATHER, TIME])

    assert calls(said) == [("get_weather", {"unit": "celsius", "city": "Paris"})]
    assert (said.text, said.finish) == (None, "tool_calls")


def test_a_verb_that_is_in_every_tool_name_calls_nothing():
    assert calls(say("get me a coffee", tools=[WEATHER, TIME])) == []


def test_two_tools_are_called_together():
    names = [name for name, _ in calls(say("the time and the weather in Rome", tools=[WEATHER, TIME]))]

    assert names == ["get_weather", "getLocalTime"]


def test_two_capitalised_things_joined_by_and_make_two_calls():
    said = say("How is the weather in New York and San Francisco today?", tools=[WEATHER])

    assert [arguments["city"] for _, arguments in calls(said)] == ["New York", "San Francisco"]


def test_without_parallel_tool_calls_there_is_one():
    said = say("weather in Paris and Rome", tools=[WEATHER], parallel_tool_calls=False)

    assert [arguments["city"] for _, arguments in calls(said)] == ["Paris"]


def test_tool_choice_none_gets_text():
    said = say("weather in Paris", tools=[WEATHER], tool_choice="none")

    assert calls(said) == []
    assert said.text


def test_tool_choice_required_calls_the_first_tool_when_none_matches():
    assert [name for name, _ in calls(say("hello", tools=[PING, WEATHER], tool_choice="required"))] == ["ping"]


def test_a_named_tool_is_called():
    choice = {"type": "function", "function": {"name": "get_weather"}}

    assert [name for name, _ in calls(say("hello", tools=[PING, WEATHER], tool_choice=choice))] == ["get_weather"]


def test_a_tool_without_parameters_gets_an_empty_object():
    assert calls(say("ping", tools=[PING])) == [("ping", {})]


def test_a_scripted_call_needs_no_tools():
    said = say('[[call:a {"x":1}]][[call:b]]')

    assert calls(said) == [("a", {"x": 1}), ("b", {})]


@pytest.mark.parametrize(
    "tools, names", [([WEATHER, TIME, PING], ["get_weather", "getLocalTime"]), ([PING], ["ping"] * 2)]
)
def test_two_calls_two_of_the_offered_tools(tools, names):
    assert [name for name, _ in calls(say("[[two]]", tools=tools))] == names


def test_two_without_tools_is_refused():
    with pytest.raises(directives.BadDirective, match="offers none"):
        say("[[two]]")


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "unknown"}}, "tools": [PING]},
        {"tool_choice": "required", "tools": [{"function": {"name": "f", "parameters": False}}]},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": []}}}},
    ],
)
def test_what_cannot_be_followed_is_refused(fields):
    with pytest.raises(Refused) as refused:
        say("hello", **fields)

    assert refused.value.refusal.status == 400


def test_tool_results_are_quoted_and_call_nothing_again():
    past = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    after = (
        {"role": "assistant", "content": None, "tool_calls": [past]},
        {"role": "tool", "tool_call_id": "call_1", "content": "18C sunny"},
        {"role": "tool", "tool_call_id": "call_2", "content": "ignored"},
    )

    said = say("[[call:get_weather]] weather", after=after, tools=[WEATHER])

    assert calls(said) == []
    assert said.text == "The tool get_weather answered: 18C sunny\nA tool answered: ignored"


def test_a_structured_answer_is_json_of_its_schema():
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema, "strict": True}}

    assert json.loads(say("Paris", response_format=form).text) == {"city": "Paris"}


def test_a_json_object_is_a_json_object():
    assert "Paris" in json.loads(say("Paris", response_format={"type": "json_object"}).text)["answer"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"messages":[]}', b'{"messages":"hi"}', b'{"messages":[{"content":"x"}]}', b'"\xff"'],
)
def test_what_is_no_chat_request_is_refused(body):
    with pytest.raises(Refused) as refused:
        ConversationReader().read(body)

    assert refused.value.refusal.status == 400
    assert b'"code":"invalid_request_body"' in refused.value.refusal.body
