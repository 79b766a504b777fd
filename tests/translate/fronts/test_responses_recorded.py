"""Every recorded stream of chat and of Messages as a Responses client hears it, however the network cuts it."""

from pathlib import Path

import pytest
from responses_client import MODEL, ask, hear, parse, stream

from passenger_trio.errors import UpstreamBroke
from passenger_trio.translate.backs import chat as chat_back, messages as messages_back
from passenger_trio.translate.fronts.seal import unseal
from passenger_trio.wire import sse
from passenger_trio.wire.chat import Delta, HubChunk

SAMPLES = Path(__file__).parents[2] / "samples" / "copilot"
NAMES = [path.name for kind in ("chat", "messages") for path in sorted(SAMPLES.glob(f"{kind}_stream*.sse"))]


def chunks_of(name: str, pieces: list[bytes]) -> tuple[list[HubChunk], UpstreamBroke | None]:
    """What the hub has of a recording that arrives in ``pieces``, and how it broke."""
    back = (messages_back if name.startswith("messages") else chat_back).Stream("m", created=1, new_id=lambda: "x")
    splitter, found = sse.Splitter(), list[HubChunk]()
    try:
        for events in [*map(splitter.feed, pieces), splitter.end()]:
            for event in events:
                found += back.event(event)
        found += back.end()
    except UpstreamBroke as error:
        return found, error
    return found, None


def told(name: str, pieces: list[bytes]) -> bytes:
    found, error = chunks_of(name, pieces)
    to_client = stream(ask(stream=True))
    written = [to_client.event(chunk) for chunk in found]
    return b"".join([*written, to_client.fault(error) if error else to_client.end()])


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_told_with_all_that_is_in_it(name: str) -> None:
    whole = (SAMPLES / name).read_bytes()
    found, error = chunks_of(name, [whole])
    deltas = [choice.delta or Delta() for chunk in found for choice in chunk.view.choices or ()]
    heard = hear(told(name, [whole]))
    items = [(item["type"], item) for item in heard.output]

    assert (heard.error is None) == (error is None)
    said = "".join(event["delta"] for event in heard.of("output_text.delta"))
    assert said == "".join(delta.content or "" for delta in deltas)
    thought = "".join(event["delta"] for event in heard.of("reasoning_summary_text.delta"))
    assert thought == "".join(delta.reasoning_content or "" for delta in deltas)
    sealed = [unseal(item["encrypted_content"], MODEL) for kind, item in items if item.get("encrypted_content")]
    assert "".join(map(str, sealed)) == "".join(delta.reasoning_opaque or "" for delta in deltas)
    arguments = "".join(event["delta"] for event in heard.of("function_call_arguments.delta"))
    fragments = [call.function for delta in deltas for call in delta.tool_calls or () if call.function]
    assert arguments == "".join(function.arguments or "" for function in fragments)
    assert [event["item"]["name"] for event in heard.of("output_item.added") if "name" in event["item"]] == [
        function.name for function in fragments if function.name
    ]
    assert (heard.response["usage"] is None) == all(chunk.view.usage is None for chunk in found)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_byte_by_byte_is_told_as_in_one_piece(name: str) -> None:
    whole = (SAMPLES / name).read_bytes()
    one_by_one = [whole[at : at + 1] for at in range(len(whole))]

    assert parse(told(name, one_by_one)) == parse(told(name, [whole]))
