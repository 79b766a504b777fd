"""Anthropic's shapes as we read them, against the recordings."""

from pathlib import Path

import msgspec
import pytest

from passenger_trio.wire import envelope, messages as wire, sse

SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"


def events(name: str) -> list[wire.Event]:
    splitter = sse.Splitter()
    found = splitter.feed((SAMPLES / name).read_bytes()) + splitter.end()
    return [wire.decode_event(event.data) for event in found]


def test_a_recorded_answer_is_read_with_its_call_and_its_tokens() -> None:
    answer = wire.decode_answer((SAMPLES / "messages_nonstream_tool.json").read_bytes())

    assert (answer.id, answer.model) == ("msg_bdrk_01p7ZHbDHEcIxXcHqXQ5ucJQ", "claude-sonnet-4-20250514")
    assert answer.stop_reason == "tool_use"
    assert answer.usage == wire.Usage(1080, 0, 0, 65)
    assert answer.content is not None
    text, call = answer.content
    assert text == wire.Block("text", text="I'll check the current weather in Tokyo for you.")
    assert (call.type, call.id, call.name) == ("tool_use", "toolu_bdrk_01LdWgHq8vFe3HRG92GwYQFz", "get_weather")
    assert envelope.value(call.input) == {"location": "Tokyo"}


def test_a_recorded_stream_is_read_event_by_event() -> None:
    read = events("messages_stream.sse")

    assert [event.type for event in read] == [
        "message_start",
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "ping", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_delta"),
        *("content_block_stop", "message_delta", "message_stop"),
    ]
    assert [event.index for event in read if event.type == "content_block_start"] == [0, 1, 2]
    assert [event.delta.text for event in read if event.delta and event.delta.type == "text_delta"] == [
        "Hello",
        " there.",
    ]
    assert read[-2].delta is not None
    assert read[-2].delta.stop_reason == "tool_use"
    assert read[-2].usage == wire.Usage(16, 0, 0, 23)
    assert envelope.value(read[-2].copilot_usage)["total_nano_aiu"] == 39300000


def test_a_recorded_error_event_is_read_as_an_error() -> None:
    assert envelope.value(events("messages_stream_error.sse")[-1].error) == {
        "type": "overloaded_error",
        "message": "Overloaded",
    }


@pytest.mark.parametrize("name", ["err_400_messages_extra_inputs.json", "err_400_context_length_messages.json"])
def test_an_error_body_is_no_answer(name: str) -> None:
    answer = wire.decode_answer((SAMPLES / name).read_bytes())

    assert answer.content is None
    assert answer.error != envelope.NULL


def test_thinking_is_told_apart_by_its_type_and_written_as_it_was() -> None:
    text = '[{"type":"thinking","thinking":"Hm.","signature":"c2ln"},{"type":"redacted_thinking","data":"ZGF0"}]'

    thoughts = wire.decode_thoughts.decode(text)

    assert thoughts == [wire.Thinking("Hm.", "c2ln"), wire.RedactedThinking("ZGF0")]
    assert envelope.encode(thoughts).decode() == text


@pytest.mark.parametrize(
    "text",
    [
        '[{"type":"thinking","thinking":"unsigned"}]',
        '[{"type":"reasoning","encrypted_content":"x"}]',
        '{"type":"redacted_thinking","data":"x"}',
    ],
)
def test_what_is_no_list_of_signed_thinking_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        wire.decode_thoughts.decode(text)


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ("", ()),
        (" , ,", ()),
        ("interleaved-thinking-2025-05-14", ("interleaved-thinking-2025-05-14",)),
        (
            "claude-code-20250219,context-management-2025-06-27 , interleaved-thinking-2025-05-14,oauth-2025-04-20",
            ("context-management-2025-06-27", "interleaved-thinking-2025-05-14"),
        ),
        (
            "advanced-tool-use-2025-11-20,advanced-tool-use-2025-11-20,Advanced-Tool-Use-2025-11-20",
            ("advanced-tool-use-2025-11-20",),
        ),
    ],
)
def test_of_a_list_of_betas_those_that_copilot_takes_are_left(header: str, known: tuple[str, ...]) -> None:
    assert wire.known_betas(header) == known


def test_every_beta_in_the_table_is_known() -> None:
    assert wire.known_betas(",".join(wire.BETAS)) == wire.BETAS
