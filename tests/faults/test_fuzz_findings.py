"""What `nox -s fuzz` has found, so that it stays found."""

from pathlib import Path

import pytest
from faults.upstream import CHAT_MODEL, MESSAGES_MODEL, RESPONSES_MODEL, open_front, whole

SAYS = b'"messages":[{"role":"user","content":"hi","\x80":1}]'


@pytest.mark.parametrize("stream", [b"true", b"false"])
@pytest.mark.parametrize(
    "path, asked",
    [
        ("/v1/chat/completions", SAYS),
        ("/v1/completions", b'"prompt":"hi","stream_options":{"\x80":1}'),
        ("/v1/responses", b'"input":[{"role":"user","content":"hi","\x80":1}]'),
        ("/v1/messages", b'"max_tokens":9,' + SAYS),
        ("/api/chat", SAYS),
        ("/api/generate", b'"prompt":"hi","options":{"\x80":1}'),
        ("/v1/embeddings", b'"input":"hi","\x80":1'),
        ("/api/embed", b'"input":"hi","options":{"\x80":1}'),
    ],
)
@pytest.mark.parametrize("model", [CHAT_MODEL, RESPONSES_MODEL, MESSAGES_MODEL])
async def test_bytes_that_are_no_text_deep_in_a_body_are_never_our_mistake(
    tmp_path: Path, path: str, asked: bytes, stream: bytes, model: str
) -> None:
    async with open_front(tmp_path) as front:
        for endpoint in ("/chat/completions", "/responses", "/v1/messages", "/embeddings"):
            front.upstream.play(endpoint, whole(b'{"error":{"message":"no"}}', 400))
        body = b'{"model":"%s","stream":%s,%s}' % (model.encode(), stream, asked)
        answer = await front.http.post(path, content=body)

    assert answer.status_code < 500, answer.text
    assert "mistake" not in answer.text
