"""What the log tells of an error: never, unless at debug, what may repeat a piece of a prompt or of an answer."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from faults.upstream import (
    CHAT,
    CHAT_EVENTS,
    MESSAGES,
    MESSAGES_EVENTS,
    RESPONSES,
    RESPONSES_EVENTS,
    Front,
    Script,
    open_front,
    stream,
    until,
    whole,
)

from passenger_trio.cli.logs import MaskingFormatter
from passenger_trio.errors import (
    BadRequest,
    ContextTooLong,
    Forbidden,
    KeyRefused,
    NotFound,
    PassengerError,
    UpstreamBroke,
    UpstreamFailed,
    UpstreamRefused,
)

SECRET = "my secret words"
QUOTED = f"content rejected: '{SECRET}' is not allowed"
REFUSAL = json.dumps({"error": {"message": QUOTED, "code": "invalid_request_body"}}).encode()
BROKEN = b"data: " + json.dumps({"error": {"message": QUOTED, "code": "server_error"}}).encode() + b"\n\n"
BROKEN_RESPONSE = json.dumps({"type": "error", "message": QUOTED, "code": "server_error"}).encode()
BROKEN_MESSAGE = json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": QUOTED}}).encode()

ASKED: dict[str, tuple[str, dict[str, Any], Script]] = {
    "/v1/chat/completions": ("/chat/completions", CHAT, stream(CHAT_EVENTS[0], BROKEN)),
    "/v1/responses": (
        "/responses",
        RESPONSES,
        stream(*RESPONSES_EVENTS[:3], b"event: error\ndata: " + BROKEN_RESPONSE + b"\n\n"),
    ),
    "/v1/messages": (
        "/v1/messages",
        MESSAGES,
        stream(*MESSAGES_EVENTS[:3], b"event: error\ndata: " + BROKEN_MESSAGE + b"\n\n"),
    ),
    "/api/chat": ("/chat/completions", CHAT, stream(CHAT_EVENTS[0], BROKEN)),
}


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Level and text of all that was logged by us, as it is written."""
    wrote = MaskingFormatter("%(message)s")
    return [(record.levelname, wrote.format(record)) for record in caplog.records if "passenger" in record.name]


async def logged(caplog: pytest.LogCaptureFixture, front: Front, path: str, body: dict[str, Any]) -> tuple[str, str]:
    """What the client was told, and the line of the log on it."""
    caplog.clear()
    told = (await front.http.post(path, json=body)).text
    await until(lambda: any(f"POST {path}" in text for _, text in lines(caplog)))
    [line] = [text for level, text in lines(caplog) if level == "INFO" and f"POST {path}" in text]
    return told, line


@pytest.mark.parametrize("path", ASKED)
async def test_the_words_of_a_refusal_are_the_clients_and_the_log_has_its_kind_status_and_code(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.INFO, logger="passenger_trio")
    endpoint, body, _ = ASKED[path]
    async with open_front(tmp_path) as front:
        front.upstream.play(endpoint, whole(REFUSAL, 400))
        told, line = await logged(caplog, front, path, body)

    assert SECRET in told
    assert line.endswith("error='UpstreamRefused 400 invalid_request_body'")
    assert SECRET not in caplog.text


@pytest.mark.parametrize("path", ASKED)
async def test_the_words_of_an_error_within_an_answer_are_not_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.INFO, logger="passenger_trio")
    endpoint, body, script = ASKED[path]
    async with open_front(tmp_path) as front:
        front.upstream.play(endpoint, script)
        told, line = await logged(caplog, front, path, {**body, "stream": True})

    assert SECRET in told
    assert "error='UpstreamFailed 502 " in line
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "path, wrong",
    [
        ("/v1/responses", {**CHAT, "input": [{"role": SECRET, "content": "hi"}]}),
        ("/v1/messages", {**CHAT, "max_tokens": 9, "messages": [{"role": SECRET, "content": "hi"}]}),
        ("/api/chat", {**CHAT, "format": SECRET}),
    ],
)
async def test_what_our_own_refusal_repeats_is_not_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str, wrong: dict[str, Any]
) -> None:
    caplog.set_level(logging.INFO, logger="passenger_trio")
    async with open_front(tmp_path) as front:
        told, line = await logged(caplog, front, path, wrong)

    assert SECRET in told
    assert " error='BadRequest 400" in line
    assert SECRET not in caplog.text


async def test_at_debug_the_words_are_told_with_the_id_of_the_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="passenger_trio")
    async with open_front(tmp_path) as front:
        front.upstream.play("/chat/completions", whole(REFUSAL, 400))
        _, line = await logged(caplog, front, "/v1/chat/completions", CHAT)

    [(level, words)] = [(level, text) for level, text in lines(caplog) if SECRET in text]
    assert level == "DEBUG"
    request_id = next(word for word in line.split() if word.startswith("id="))
    assert words.startswith(f"{request_id} ")


def refused(**fields: Any) -> UpstreamRefused:
    return UpstreamRefused(400, QUOTED, **fields)


@pytest.mark.parametrize(
    "error, gist",
    [
        (refused(), "UpstreamRefused 400"),
        (refused(code="bad", kind="worse"), "UpstreamRefused 400 bad"),
        (refused(kind="worse"), "UpstreamRefused 400 worse"),
        (refused(code=SECRET, param=SECRET), "UpstreamRefused 400"),
        (refused(code="bad", remedy="Do this."), "UpstreamRefused 400 bad - Do this."),
        (ContextTooLong(413, QUOTED, code="long"), "ContextTooLong 413 long"),
        (UpstreamFailed(QUOTED), "UpstreamFailed 502"),
        (UpstreamFailed(QUOTED, code="server_error"), "UpstreamFailed 502 server_error"),
        (UpstreamFailed(QUOTED, code=SECRET), "UpstreamFailed 502"),
        (BadRequest(QUOTED, code="invalid_value", param="messages"), "BadRequest 400 invalid_value messages"),
        (KeyRefused(QUOTED), "KeyRefused 401"),
    ],
)
def test_what_may_repeat_a_prompt_is_told_by_its_kind(error: PassengerError, gist: str) -> None:
    assert error.gist == gist


@pytest.mark.parametrize("kind", [UpstreamBroke, NotFound, Forbidden, PassengerError])
def test_what_repeats_none_is_told_in_its_own_words(kind: type[PassengerError]) -> None:
    assert kind("It broke.", code="broken").gist == "It broke."
