"""Every recorded stream and whole answer of Copilot's, through the hub to a Messages client."""

import json
from pathlib import Path
from typing import Any

import pytest
from messages_front import MODEL, asked, events, message, stream

from passenger_trio.errors import PassengerError
from passenger_trio.translate.backs import chat as chat_back, messages as messages_back, responses as responses_back
from passenger_trio.translate.fronts import messages as front
from passenger_trio.translate.fronts.tool_names import ToolNames
from passenger_trio.wire import sse
from passenger_trio.wire.chat import Call, HubChunk, decode_request

SAMPLES = Path(__file__).parents[2] / "samples" / "copilot"
BACKS: dict[str, Any] = {"chat": chat_back, "responses": responses_back, "messages": messages_back}
STREAMS = sorted(path.name for path in SAMPLES.glob("*_stream*.sse"))
WHOLE = sorted(path.name for path in SAMPLES.glob("*_nonstream*.json"))
BROKEN = {
    "chat_stream_error_midstream.sse",
    "chat_stream_trailing_json_error.sse",
    "chat_stream_truncated.sse",
    "messages_stream_error.sse",
    "responses_stream_error.sse",
    "responses_stream_failed.sse",
    "responses_stream_truncated.sse",
}


def play(name: str, pieces: list[bytes]) -> tuple[bytes, list[HubChunk], bool]:
    """What the client gets, the chunks in between, and whether it ended well."""
    splitter, writer, chunks = sse.Splitter(), stream(), list[HubChunk]()
    back = BACKS[name.partition("_")[0]].Stream("m", created=1, new_id=lambda: "chatcmpl-made")
    out: list[bytes] = []
    try:
        for found in [*map(splitter.feed, pieces), splitter.end()]:
            for event in found:
                for chunk in back.event(event):
                    chunks.append(chunk)
                    out.append(writer.event(chunk))
        for chunk in back.end():
            chunks.append(chunk)
            out.append(writer.event(chunk))
        return b"".join([*out, writer.end()]), chunks, True
    except PassengerError as error:
        return b"".join([*out, writer.fault(error)]), chunks, False


def deltas(chunks: list[HubChunk]) -> list[Any]:
    return [choice.delta for chunk in chunks for choice in chunk.view.choices or () if choice.delta is not None]


@pytest.mark.parametrize("name", sorted(set(STREAMS) - BROKEN))
def test_a_recorded_stream_says_in_anthropics_dialect_what_it_said_in_the_hub(name: str) -> None:
    data, chunks, well = play(name, [(SAMPLES / name).read_bytes()])

    assert well
    found = message(events(data))
    said = deltas(chunks)
    texts = "".join(piece.content or piece.refusal or "" for piece in said)
    assert "".join(block["text"] for block in found["content"] if block["type"] == "text") == texts
    thoughts = "".join(piece.reasoning_content or "" for piece in said)
    assert "".join(block.get("thinking", "") for block in found["content"]) == thoughts
    fragments = [fragment for piece in said for fragment in piece.tool_calls or ()]
    assert [block["name"] for block in found["content"] if block["type"] == "tool_use"] == [
        fragment.function.name for fragment in fragments if fragment.id
    ]
    calls = {fragment.index for fragment in fragments}
    arguments = [
        json.loads("".join(part.function.arguments or "" for part in fragments if part.index == at)) for at in calls
    ]
    assert [block["input"] for block in found["content"] if block["type"] == "tool_use"] == arguments
    assert found["usage"]["output_tokens"] > 0
    assert found["content"]


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_recorded_stream_that_broke_ends_with_an_error(name: str) -> None:
    data, _, well = play(name, [(SAMPLES / name).read_bytes()])

    assert not well
    *before, last = events(data)
    assert last["type"] == "error"
    assert last["error"]["message"]
    assert not {"error", "message_delta", "message_stop"} & {event["type"] for event in before}


@pytest.mark.parametrize("name", STREAMS)
def test_a_recorded_stream_cut_into_bytes_gives_the_same_events(name: str) -> None:
    data = (SAMPLES / name).read_bytes()

    assert play(name, [data[at : at + 1] for at in range(len(data))])[0] == play(name, [data])[0]


REQUEST = b'{"model":"m","messages":[]}'


@pytest.mark.parametrize("name", WHOLE)
def test_a_recorded_whole_answer_becomes_a_message(name: str) -> None:
    back = BACKS[name.partition("_")[0]]
    call = Call("m", {}, decode_request(REQUEST))
    hub = back.reply((SAMPLES / name).read_bytes(), call, "m", created=1, new_id=lambda: "chatcmpl-made")

    found = json.loads(front.from_hub(hub, asked(), ToolNames(), model=MODEL, new_id=lambda: "chatcmpl-made"))

    choice = (hub.view.choices or [])[0]
    assert choice.message is not None
    text = "".join(block["text"] for block in found["content"] if block["type"] == "text")
    assert text == (choice.message.content or choice.message.refusal or "")
    assert len([block for block in found["content"] if block["type"] == "tool_use"]) == len(
        choice.message.tool_calls or ()
    )
    assert found["stop_reason"] in {"end_turn", "tool_use", "max_tokens", "refusal"}
