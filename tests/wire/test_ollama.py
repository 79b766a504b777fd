"""Views of Ollama's chat, and the lines that are written."""

import msgspec
import pytest

from passenger_trio.wire import envelope, ollama


def test_what_was_not_sent_is_told_from_null() -> None:
    absent = ollama.decode_chat(b"{}")
    null = ollama.decode_chat(b'{"format":null,"keep_alive":null}')

    assert (absent.format, absent.keep_alive) == (ollama.ABSENT, ollama.ABSENT)
    assert (bytes(null.format), bytes(null.keep_alive)) == (b"null", b"null")


def test_a_request_is_read_leniently() -> None:
    request = ollama.decode_chat(b'{"model":"m","new":1,"messages":[{"role":"user","new":1}],"think":"low"}')
    message = ollama.decode_said(b'{"role":"user","content":[{"type":"text"}],"new":1}')

    assert request.messages is not None
    assert bytes(request.messages[0]) == b'{"role":"user","new":1}'
    assert request.think == "low"
    assert bytes(message.content) == b'[{"type":"text"}]'


@pytest.mark.parametrize("data", [b'{"model":1}', b'{"stream":"yes"}', b'{"options":[]}', b'{"logprobs":"yes"}'])
def test_a_wrong_type_is_an_error(data: bytes) -> None:
    for decode in (ollama.decode_chat, ollama.decode_generate):
        with pytest.raises(msgspec.ValidationError):
            decode(data)


@pytest.mark.parametrize("data", [b'{"prompt":1}', b'{"context":["x"]}', b'{"context":[1.5]}', b'{"images":"x"}'])
def test_a_wrong_type_is_an_error_in_a_generation(data: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        ollama.decode_generate(data)


@pytest.mark.parametrize("data", [b'{"messages":"x"}', b'{"messages":[],"tools":{}}'])
def test_a_wrong_type_is_an_error_in_a_chat(data: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        ollama.decode_chat(data)


def test_a_line_has_only_what_it_needs() -> None:
    line = ollama.Line("m", "now", ollama.AnswerMessage("assistant", ""), done=False)

    assert msgspec.json.encode(line) == (
        b'{"model":"m","created_at":"now","message":{"role":"assistant","content":""},"done":false}'
    )


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\u0085"])
def test_a_line_of_a_stream_has_no_line_end_but_its_own(odd: str) -> None:
    written = ollama.line(envelope.encode({"a": f"one{odd}two"}))

    assert written.decode().splitlines(keepends=True) == [written.decode()]
    assert envelope.value(msgspec.Raw(written)) == {"a": f"one{odd}two"}
