"""OpenAI's chat as clients send and read it."""

import json

import pytest

from passenger_trio.errors import BadRequest, UpstreamBroke
from passenger_trio.translate.fronts import chat
from passenger_trio.wire.chat import HubChunk, HubReply, decode_chunk, decode_completion

ASK = b'"messages":[{"role":"user","content":"x"}]'


@pytest.mark.parametrize(
    "body, param, part",
    [
        (b"", None, "no body"),
        (b"[]", None, "not a JSON object"),
        (b"{", None, "not a JSON object"),
        (b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}', None, "not UTF-8"),
        (b'{"\xff":1}', None, "not a JSON object"),
        (b"{" + ASK + b"}", "model", "`model` is missing"),
        (b'{"model":null,' + ASK + b"}", "model", "`model` is missing"),
        (b'{"model":"",' + ASK + b"}", "model", "length >= 1"),
        (b'{"model":5,' + ASK + b"}", "model", "Expected `str`, got `int`"),
        (b'{"model":"m"}', "messages", "`messages` is missing"),
        (b'{"model":"m","messages":null}', "messages", "`messages` is missing"),
        (b'{"model":"m","messages":"x"}', "messages", "Expected `array`, got `str`"),
        (b'{"model":"m","messages":[]}', "messages", "at least one message"),
        (b'{"model":"m","messages":[{"content":"x"}]}', "messages[0]", "`role`"),
        (b'{"model":"m","messages":[{"role":"user","content":5}]}', "messages[0].content", "got `int`"),
        (b'{"model":"m","messages":[{"role":"user","content":["x"]}]}', "messages[0].content[0]", "got `str`"),
        (b'{"model":"m","stream":"yes",' + ASK + b"}", "stream", "Expected `bool | null`"),
        (b'{"model":"m","n":"2",' + ASK + b"}", "n", "Expected `int | null`"),
        (b'{"model":"m","stream_options":[],' + ASK + b"}", "stream_options", "Expected `object | null`"),
    ],
)
def test_a_wrong_request_is_refused_with_the_name_of_the_field(body: bytes, param: str | None, part: str) -> None:
    with pytest.raises(BadRequest) as caught:
        chat.to_call(body)

    assert caught.value.status == 400
    assert caught.value.param == param
    assert (caught.value.code is not None) == (param is not None)
    assert part in caught.value.message
    assert param is None or f"`{param}`" in caught.value.message


def test_a_call_carries_the_whole_request() -> None:
    body = b'{"model":"m","stream":true,"unknown":1e5,' + ASK + b',"stream_options":{"include_usage":true}}'

    call = chat.to_call(body)

    assert call.model == "m"
    assert call.stream
    assert call.include_usage
    assert call.dropped == ()
    assert bytes(call.envelope["unknown"]) == b"1e5"
    assert list(call.envelope) == ["model", "stream", "unknown", "messages", "stream_options"]


@pytest.mark.parametrize(
    "message",
    [
        b'{"role":"assistant","content":null,"tool_calls":[{"id":"c","index":0}],"refusal":null,"annotations":[]}',
        b'{"role":"assistant","tool_calls":[{"id":"c"}],"provider_specific_fields":{}}',
        b'{"role":"assistant","content":"","tool_calls":null}',
        b'{"role":"tool","content":[{"type":"text","text":"x"}],"tool_call_id":"c","name":"f"}',
        b'{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:","format":"png"}}]}',
        b'{"role":"developer","content":"x"}',
        b'{"role":"something new"}',
    ],
)
def test_the_messages_of_real_clients_are_accepted(message: bytes) -> None:
    call = chat.to_call(b'{"model":"m","messages":[' + message + b"]}")

    assert bytes(call.envelope["messages"]) == b"[" + message + b"]"


def hub(data: bytes) -> HubChunk:
    return HubChunk(data, decode_chunk(data))


@pytest.mark.parametrize("include_usage", [False, True])
def test_usage_is_for_those_who_asked(include_usage: bool) -> None:
    stream = chat.Stream(include_usage=include_usage)
    usage = b'{"choices":[],"usage":{"prompt_tokens":1}}'

    assert stream.event(hub(b'{"choices":[{"index":0}]}')) == b'data: {"choices":[{"index":0}]}\n\n'
    assert stream.event(hub(usage)) == (b"data: " + usage + b"\n\n" if include_usage else b"")
    assert stream.end() == b"data: [DONE]\n\n"
    assert stream.content_type == "text/event-stream"


def test_a_broken_stream_ends_with_an_error_event_and_nothing_else() -> None:
    last = chat.Stream(include_usage=False).fault(UpstreamBroke("it broke", code="internal_error"))

    assert last.startswith(b"data: ")
    assert last.endswith(b"\n\n")
    assert last.count(b"\n") == 2
    assert json.loads(last.removeprefix(b"data: ")) == {
        "error": {"message": "it broke", "type": "server_error", "param": None, "code": "internal_error"}
    }


def test_a_whole_answer_is_the_hubs_own() -> None:
    data = b'{"choices":[]}'

    assert chat.from_hub(HubReply(data, decode_completion(data))) is data
