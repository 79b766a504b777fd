"""Views of OpenAI's chat completions."""

import msgspec
import pytest

from passenger_trio.wire import chat, envelope


def call(options: bytes = b"") -> chat.Call:
    body = b'{"model":"m","messages":[{"role":"user"}]' + options + b"}"
    return chat.Call("m", envelope.decode(body), chat.decode_request(body))


@pytest.mark.parametrize(
    "options, stream, include_usage",
    [
        (b"", False, False),
        (b',"stream":null,"stream_options":null', False, False),
        (b',"stream":false,"stream_options":{}', False, False),
        (b',"stream":true,"stream_options":{"include_usage":false}', True, False),
        (b',"stream":true,"stream_options":{"include_usage":null}', True, False),
        (b',"stream":true,"stream_options":{"include_usage":true,"x":1}', True, True),
    ],
)
def test_a_call_tells_whether_it_streams_and_wants_usage(options: bytes, stream: bool, include_usage: bool) -> None:
    assert call(options).stream is stream
    assert call(options).include_usage is include_usage


@pytest.mark.parametrize(
    "offers, older",
    [
        (b"", False),
        (b',"functions":null', False),
        (b',"functions":[{"name":"f"}]', True),
        (b',"functions":[]', True),
        (b',"functions":[{"name":"f"}],"tools":null', True),
        (b',"functions":[{"name":"f"}],"tools":[ \n]', True),
        (b',"functions":[{"name":"f"}],"tools":[{}]', False),
        (b',"tools":[{}]', False),
    ],
)
def test_a_call_tells_whether_its_client_speaks_of_functions(offers: bytes, older: bool) -> None:
    assert call(offers).uses_functions is older


def test_a_view_of_an_empty_chunk_is_empty() -> None:
    assert chat.decode_chunk(b"{}") == chat.Chunk()
    assert chat.decode_chunk(b'{"choices":null,"usage":null,"id":null}') == chat.Chunk()
    assert chat.decode_completion(b"{}") == chat.Completion()


def test_a_view_does_not_mind_what_it_does_not_know() -> None:
    chunk = chat.decode_chunk(b'{"new":1,"choices":[{"new":1,"delta":{"new":[1],"content":"a"}}],"usage":{"new":{}}}')

    assert chunk.choices == [chat.ChunkChoice(delta=chat.Delta(content="a"))]
    assert chunk.usage == chat.Usage()


def test_a_count_is_a_whole_number_whatever_it_was() -> None:
    usage = chat.decode_chunk(
        b'{"usage":{"prompt_tokens":null,"completion_tokens":2.0,"total_tokens":9.7,'
        b'"prompt_tokens_details":{"cached_tokens":3.0}}}'
    ).usage

    assert usage == chat.Usage(0, 2, 9, chat.PromptDetails(3))
    assert [type(number) for number in (usage.completion_tokens, usage.total_tokens)] == [int, int]
    assert chat.decode_chunk(b'{"usage":{"prompt_tokens_details":{"cached_tokens":null}}}').usage == chat.Usage(
        prompt_tokens_details=chat.PromptDetails()
    )


@pytest.mark.parametrize("data", [b"[]", b'{"choices":{}}', b'{"choices":[{"delta":{"content":1}}]}'])
def test_a_view_minds_what_it_knows(data: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        chat.decode_chunk(data)


@pytest.mark.parametrize("code, expected", [(b"400", 400), (b'"x"', "x"), (b"null", None)])
def test_the_code_of_an_error_may_be_a_number(code: bytes, expected: object) -> None:
    assert chat.decode_error(b'{"code":' + code + b"}").code == expected
