"""What comes of an upstream that breaks off, talks nonsense or does not end: a true error or a true answer."""

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest
from faults.dialects import CROSSED, DIALECTS, Dialect, label
from faults.upstream import (
    EVENTS,
    SPEECHES,
    Ending,
    Script,
    Wire,
    close,
    ended,
    open_front,
    raw,
    reset,
    stream,
    whole,
)

from passenger_trio.wire import sse

EVERY = (*DIALECTS, *CROSSED)
every = pytest.mark.parametrize("dialect", EVERY, ids=label)
HTML = b"<!DOCTYPE html><html><body><h1>Sign in to your network</h1></body></html>"
EURO = "€".encode()


async def streamed(directory: Path, dialect: Dialect, script: Script) -> tuple[int, str, str]:
    """The status, the text and the words of the error, before the first byte or in band, of a streamed answer."""
    async with open_front(directory) as front:
        front.upstream.play(dialect.upstream, script)
        answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))
        assert len(front.upstream.asked(dialect.upstream)) == 1, "sent twice"
        text = answer.content.decode()
        told = dialect.broken(text) if answer.status_code == 200 else dialect.wrong(answer)
        return answer.status_code, text, told


async def answered(directory: Path, dialect: Dialect, script: Script) -> tuple[int, str]:
    """The status and the text of a whole answer."""
    async with open_front(directory) as front:
        front.upstream.play(dialect.upstream, script)
        answer = await front.http.post(dialect.path, json=dialect.ask(stream=False))
        assert len(front.upstream.asked(dialect.upstream)) == 1, "sent twice"
        return answer.status_code, answer.text if answer.status_code == 200 else dialect.wrong(answer)


@every
@pytest.mark.parametrize("ending", [ended, close, reset], ids=["ended", "closed", "reset"])
async def test_a_stream_that_breaks_off_at_any_event_never_ends_well(
    tmp_path: Path, dialect: Dialect, ending: Ending
) -> None:
    events = SPEECHES[dialect.upstream].events
    # nothing is missing once there is a reason for the end: chat's [DONE] and message_stop say nothing new
    last = len(events) - (1 if dialect.upstream == "/responses" else 2)
    async with open_front(tmp_path) as front:
        for count in range(last):
            front.upstream.play(dialect.upstream, stream(*events[:count], then=ending))
            answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))
            told = dialect.broken(answer.text) if answer.status_code == 200 else dialect.wrong(answer)

            assert told, f"silent after {count} events"
            assert not dialect.is_good(answer.text)
        assert len(front.upstream.asked(dialect.upstream)) == last


@every
@pytest.mark.parametrize("ending", [close, reset], ids=["closed", "reset"])
async def test_a_finished_stream_is_not_spoilt_by_how_the_connection_ends(
    tmp_path: Path, dialect: Dialect, ending: Ending
) -> None:
    status, text, told = await streamed(tmp_path, dialect, stream(*SPEECHES[dialect.upstream].events, then=ending))

    assert (status, told) == (200, "")
    assert dialect.is_good(text)


@every
@pytest.mark.parametrize("then", [close, reset], ids=["closed", "reset"])
async def test_a_whole_answer_that_breaks_off_is_a_502(tmp_path: Path, dialect: Dialect, then: Ending) -> None:
    body = SPEECHES[dialect.upstream].whole
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    status, told = await answered(tmp_path, dialect, raw(head + body[:-9], then=then))

    assert status == 502
    assert "broke" in told


@every
async def test_a_whole_answer_without_length_that_is_cut_is_a_502(tmp_path: Path, dialect: Dialect) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
    status, told = await answered(tmp_path, dialect, raw(head + SPEECHES[dialect.upstream].whole[:-9]))

    assert status == 502
    assert "Copilot" in told


@every
async def test_no_answer_at_all_is_a_502(tmp_path: Path, dialect: Dialect) -> None:
    for script in (close, reset, raw(b"HTTP/1.1 200"), raw(b"\x16\x03\x01\x02\x00 no HTTP at all\r\n\r\n")):
        status, told = await answered(tmp_path, dialect, script)

        assert status == 502
        assert told


@every
async def test_a_page_instead_of_an_answer_is_a_502(tmp_path: Path, dialect: Dialect) -> None:
    page = whole(HTML, content_type="text/html")

    assert (await answered(tmp_path, dialect, page))[0] == 502
    assert (await streamed(tmp_path, dialect, page))[0] == 502


@every
async def test_a_page_that_calls_itself_an_event_stream_is_an_error(tmp_path: Path, dialect: Dialect) -> None:
    _, text, told = await streamed(tmp_path, dialect, whole(HTML, content_type=EVENTS))

    assert told
    assert not dialect.is_good(text)


@every
async def test_half_a_character_is_an_error(tmp_path: Path, dialect: Dialect) -> None:
    events = SPEECHES[dialect.upstream].events
    torn = [event.replace(b"Hel", b"Hel" + EURO[:2]) for event in events]
    status, text, told = await streamed(tmp_path, dialect, stream(*torn))

    assert told
    assert status != 200 or not dialect.is_good(text)
    body = SPEECHES[dialect.upstream].whole.replace(b"Hello.", b"Hello." + EURO[:2])
    assert (await answered(tmp_path, dialect, whole(body)))[0] == 502


@every
async def test_a_character_cut_in_two_by_the_network_is_whole_again(tmp_path: Path, dialect: Dialect) -> None:
    text = b"".join(SPEECHES[dialect.upstream].events).replace(b"Hel", b"Hel" + EURO)
    at = text.index(EURO) + 1
    status, told, _ = await streamed(tmp_path, dialect, stream(text[:at], text[at:], pause=0.02))

    assert status == 200
    assert "Hel€" in told or "Hel\\u20ac" in told
    assert dialect.is_good(told)


@every
async def test_gzip_that_nobody_asked_for_is_read(tmp_path: Path, dialect: Dialect) -> None:
    speech = SPEECHES[dialect.upstream]
    packed = gzip.compress(b"".join(speech.events))
    status, text, told = await streamed(
        tmp_path, dialect, stream(packed[:20], packed[20:], pause=0.01, content_encoding="gzip")
    )

    assert (status, told) == (200, "")
    assert dialect.is_good(text)
    status, text = await answered(tmp_path, dialect, whole(gzip.compress(speech.whole), content_encoding="gzip"))
    assert status == 200
    assert "Hello." in text


@every
async def test_gzip_that_is_none_or_is_cut_is_an_error(tmp_path: Path, dialect: Dialect) -> None:
    speech = SPEECHES[dialect.upstream]
    cut = gzip.compress(b"".join(speech.events))[:-40]
    for script in (stream(b"no gzip", content_encoding="gzip"), stream(cut, content_encoding="gzip")):
        _, text, told = await streamed(tmp_path, dialect, script)

        assert told
        assert not dialect.is_good(text)
    half = gzip.compress(speech.whole)[:-30]
    for body in (b"no gzip", half):
        assert (await answered(tmp_path, dialect, whole(body, content_encoding="gzip")))[0] == 502


@every
@pytest.mark.parametrize("tail", [b'{"error": {"message": "late"}}\n', b"\x00\xff junk", b"data: {\n\n"])
async def test_what_follows_a_good_end_is_not_told(tmp_path: Path, dialect: Dialect, tail: bytes) -> None:
    status, text, told = await streamed(tmp_path, dialect, stream(*SPEECHES[dialect.upstream].events, tail, pause=0.01))

    assert (status, told) == (200, "")
    assert dialect.is_good(text)
    assert "late" not in text


@every
async def test_a_bare_error_in_the_middle_is_told(tmp_path: Path, dialect: Dialect) -> None:
    begun = SPEECHES[dialect.upstream].events[:1]
    error = json.dumps({"error": {"message": "out of luck", "code": "internal"}}).encode() + b"\n"
    status, text, told = await streamed(tmp_path, dialect, stream(*begun, error))

    assert "out of luck" in told
    assert status != 200 or not dialect.is_good(text)


@every
async def test_more_than_one_answer_in_a_whole_one_is_a_502(tmp_path: Path, dialect: Dialect) -> None:
    status, told = await answered(tmp_path, dialect, whole(SPEECHES[dialect.upstream].whole + b'{"error": "late"}'))

    assert status == 502
    assert told


@every
async def test_a_line_without_an_end_is_cut_off(
    tmp_path: Path, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "LONGEST_EVENT", 1 << 20)
    taken = 0

    async def endless(wire: Wire) -> None:
        nonlocal taken
        await wire.events()
        await wire.chunk(b"data: ")
        while taken < 64 << 20:
            await wire.chunk(b"x" * 65536)
            taken += 65536
        await wire.chunk(b"")

    _, text, told = await streamed(tmp_path, dialect, endless)

    assert "does not end" in told
    assert not dialect.is_good(text)
    assert taken < 32 << 20


async def test_a_long_line_is_joined_but_once() -> None:
    splitter = sse.Splitter()
    tracemalloc.start()
    for _ in range(256):
        splitter.feed(b"x" * 65536)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 20 << 20
