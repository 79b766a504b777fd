"""Every recorded whole answer of every endpoint, through both fronts: what OpenAI's clients insist on is there, and
nothing is lost.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from passenger_trio.errors import BadRequest, UpstreamBroke
from passenger_trio.translate.backs import (
    chat as back_chat,
    messages as back_messages,
    responses as back_responses,
    whole as back_whole,
)
from passenger_trio.translate.fronts import chat, ollama
from passenger_trio.translate.fronts.ollama_lines import ChatForm
from passenger_trio.wire.chat import HubReply

DIRECTORY = Path(__file__).parents[1] / "samples" / "copilot"
NAMES = sorted(path.name for path in DIRECTORY.glob("*_nonstream*.json"))
ON_CHAT = [name for name in NAMES if name.startswith("chat_")]
BACKS = {"chat": back_chat, "responses": back_responses, "messages": back_messages}
BODY = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'


class Expected(NamedTuple):
    """What is in a recording."""

    content: str | None
    finish: str
    usage: tuple[int, int]
    calls: tuple[tuple[str, str, Any], ...] = ()
    reasoning: str | None = None


EXPECTED = {
    "chat_nonstream_claude_split.json": Expected(
        "I'll check the current weather for both cities.",
        "tool_calls",
        (900, 141),
        (
            ("tooluse_6YjXOt2zrNTMD1qI3XmCP0", "weather", {"location": "London, UK", "units": "celsius"}),
            ("tooluse_t3AdsO9zpT1rYyq0RKDzhx", "weather", {"location": "Paris, FR", "units": "celsius"}),
        ),
    ),
    "chat_nonstream_claude_split_new.json": Expected(
        "Let me look at the file first.",
        "tool_calls",
        (1204, 88),
        (
            ("toolu_bdrk_01bRnfzkfvhfJ6SXNJCh9rpb", "read_file", {"path": "README.md"}),
            ("toolu_bdrk_01pG9LOLYOqJAKX7JDv17ly6", "read_file", {"path": "setup.py"}),
        ),
    ),
    "chat_nonstream_content_filter.json": Expected("", "content_filter", (12, 0)),
    "chat_nonstream_length.json": Expected("Once upon a", "length", (12, 3)),
    "chat_nonstream_reasoning_gemini.json": Expected(
        "The answer is 42.", "stop", (21, 8), reasoning="**Working it out**\n\nMultiplying six by seven."
    ),
    "chat_nonstream_structured_output.json": Expected('{"city":"Paris","population":2102650}', "stop", (96, 14)),
    "chat_nonstream_text.json": Expected("Hello! How can I help you today?", "stop", (17, 9)),
    "chat_nonstream_text_gpt41.json": Expected("Hello, World!", "stop", (17, 4)),
    "chat_nonstream_tools_gpt.json": Expected(
        None,
        "tool_calls",
        (84, 46),
        (
            ("call_iJ1cLOoua11RirZoUIYap0BJ", "get_weather", {"location": "San Francisco"}),
            ("call_idC295MzMWz0GkJyAtxLRC5t", "get_weather", {"location": "New York"}),
        ),
    ),
    "messages_nonstream.json": Expected("Hello there friend.", "stop", (16, 7)),
    "messages_nonstream_tool.json": Expected(
        "I'll check the current weather in Tokyo for you.",
        "tool_calls",
        (1080, 65),
        (("toolu_bdrk_01LdWgHq8vFe3HRG92GwYQFz", "get_weather", {"location": "Tokyo"}),),
    ),
    "responses_nonstream.json": Expected(
        "Refactoring improves internal structure without changing external behaviour.", "stop", (30, 23)
    ),
    "responses_nonstream_incomplete.json": Expected("Refactoring improves", "length", (30, 16)),
    "responses_nonstream_tool.json": Expected(
        None,
        "tool_calls",
        (148, 65),
        (("call_15FGqDAbCcngYlGRvaQrMFLh", "get_weather", {"city": "Tokyo, Japan"}),),
    ),
}


def cleaned(body: bytes, name: str) -> HubReply:
    back = BACKS[name.partition("_")[0]]
    return back.reply(body, chat.to_call(BODY), "asked-model", created=1_750_000_000, new_id=lambda: "chatcmpl-made")


def recorded(name: str) -> bytes:
    return (DIRECTORY / name).read_bytes()


def test_every_recording_has_its_row() -> None:
    assert sorted(EXPECTED) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_openai_client_finds_everything_in_one_choice(name: str) -> None:
    expected = EXPECTED[name]

    answer = json.loads(chat.from_hub(cleaned(recorded(name), name)))

    assert answer["object"] == "chat.completion"
    assert type(answer["created"]) is int
    assert answer["id"]
    assert answer["model"]
    (choice,) = answer["choices"]
    assert choice["index"] == 0
    assert choice["finish_reason"] == expected.finish
    message = choice["message"]
    assert message["role"] == "assistant"
    assert message["content"] == expected.content
    assert message.get("reasoning_content") == expected.reasoning
    assert "padding" not in message
    assert all(call["type"] == "function" for call in message.get("tool_calls", ()))
    heard = [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls", ())
    ]
    assert heard == list(expected.calls)


@pytest.mark.parametrize("name", ON_CHAT)
def test_nothing_else_of_an_answer_changes(name: str) -> None:
    before, after = json.loads(recorded(name)), json.loads(cleaned(recorded(name), name).data)

    for key in before.keys() - {"choices"}:
        assert after[key] == before[key], key
    assert after.keys() - before.keys() <= {"object", "created"}
    (choice,) = after["choices"]
    for known in before["choices"]:
        for key in known.keys() - {"message"}:
            assert choice[key] == known[key], key
        for key in known["message"].keys() - {"padding", "tool_calls"}:
            assert choice["message"][key] == known["message"][key], key
        for call in known["message"].get("tool_calls", ()):
            assert call in choice["message"]["tool_calls"]


@pytest.mark.parametrize("name", NAMES)
def test_an_ollama_client_finds_everything_in_one_line(name: str) -> None:
    expected = EXPECTED[name]

    ticks = iter((100_000_300, 300_000_300))
    times = ollama.Times(lambda: 1_750_000_000_300_000_000, lambda: next(ticks), 0, 300)
    front = ollama.Whole(ChatForm("asked:latest"), times)
    assert {front.event(chunk) for chunk in back_whole.chunks(cleaned(recorded(name), name))} == {b""}
    if expected.finish == "content_filter":
        with pytest.raises(BadRequest, match="content filter"):
            front.end()
        return
    data = front.end()
    line = json.loads(data)

    assert b"\n" not in data
    assert line["model"] == "asked:latest"
    assert line["created_at"] == "2025-06-15T15:06:40.300000000Z"
    assert line["done"] is True
    assert line["done_reason"] == ("length" if expected.finish == "length" else "stop")
    assert (line["prompt_eval_count"], line["eval_count"]) == expected.usage
    assert (line["total_duration"], line["prompt_eval_duration"], line["eval_duration"]) == (
        3 * 10**8 + 300,
        10**8,
        2 * 10**8,
    )
    assert line["load_duration"] == 300
    message = line["message"]
    assert message["content"] == (expected.content or "")
    assert message.get("thinking") == expected.reasoning
    heard = [
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls", ())
    ]
    assert heard == list(expected.calls)
    assert [call["function"]["index"] for call in message.get("tool_calls", ())] == list(range(len(expected.calls)))


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_that_is_cut_off_is_no_answer(name: str) -> None:
    whole = recorded(name).rstrip()

    for stop in range(0, len(whole), 11):
        with pytest.raises(UpstreamBroke):
            cleaned(whole[:stop], name)
