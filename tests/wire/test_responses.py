"""The views of Responses answers: what they see, and that strange company does them no harm."""

import json
from pathlib import Path

import msgspec
import pytest

from passenger_trio.wire import envelope, responses

SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("responses_nonstream*.json")))
def test_a_recorded_answer_is_read_with_all_its_items(name: str) -> None:
    data = (SAMPLES / name).read_bytes()
    recorded = json.loads(data)

    response = responses.decode_response(data)

    assert response.status == recorded["status"]
    assert response.usage is not None
    assert response.usage.total_tokens == recorded["usage"]["total_tokens"]
    assert json.loads(bytes(response.copilot_usage)) == recorded["copilot_usage"]
    kinds = [item.type for item in responses.read_items(response.output or ())]
    assert kinds == [item["type"] for item in recorded["output"]]


def test_items_of_other_types_are_left_out_whatever_their_fields_are() -> None:
    odd = {"type": "web_search_call", "content": "no list", "arguments": {"q": 1}, "summary": 3}
    known = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}

    items = responses.read_items([raw(odd), raw(known), raw({"content": []})])

    assert [(item.type, item.call_id) for item in items] == [("function_call", "call_1")]


def test_an_item_of_a_known_type_with_a_field_of_another_kind_cannot_be_read() -> None:
    with pytest.raises(envelope.UNREADABLE, match=r"\$\.arguments"):
        responses.read_items([raw({"type": "function_call", "arguments": {}})])


def test_an_event_without_indexes_speaks_of_the_first_item() -> None:
    event = responses.decode_event(b'{"type":"response.output_text.delta","delta":"x"}')

    assert (event.output_index, event.content_index, event.summary_index) == (0, 0, 0)
    assert event.item == envelope.NULL


def test_a_message_has_its_phase_and_the_others_none() -> None:
    recorded = (SAMPLES / "responses_nonstream.json").read_bytes()

    items = responses.read_items(responses.decode_response(recorded).output or ())

    assert [(item.type, item.phase) for item in items] == [("message", "final_answer")]


def test_what_travels_through_the_hub_is_read_as_it_was_written() -> None:
    kept = [responses.Thought("gAAA", [raw({"type": "summary_text", "text": "Hm."})]), responses.Spoken(None, 3)]

    assert responses.decode_kept(envelope.encode(kept).decode()) == kept
