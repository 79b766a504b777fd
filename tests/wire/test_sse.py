"""Framing of server-sent events."""

import pytest
from hypothesis import given, strategies as st

from passenger_trio.errors import UpstreamBroke
from passenger_trio.wire import sse
from passenger_trio.wire.sse import Event, Splitter, event

CASES = {
    "one event": (b"data: {}\n\n", [Event(b"", b"{}")]),
    "crlf": (b"data: a\r\n\r\ndata: b\r\n\r\n", [Event(b"", b"a"), Event(b"", b"b")]),
    "lone cr": (b"data: a\r\rdata: b\r\r", [Event(b"", b"a"), Event(b"", b"b")]),
    "mixed line ends": (b"data: a\r\ndata: b\n\r\ndata: c\r\n\n", [Event(b"", b"a\nb"), Event(b"", b"c")]),
    "no space behind the colon": (b"data:a\n\n", [Event(b"", b"a")]),
    "only the first space belongs to the colon": (b"data:  a \n\n", [Event(b"", b" a ")]),
    "comments": (b": keep-alive\n\n:\ndata: a\n: in between\ndata: b\n\n", [Event(b"", b"a\nb")]),
    "id and retry": (b"id: 1\nretry: 10\ndata: a\n\n", [Event(b"", b"a")]),
    "a field nobody knows": (b"datum: x\ndata: a\n\n", [Event(b"", b"a")]),
    "a name": (b"event: error\ndata: a\n\ndata: b\n\n", [Event(b"error", b"a"), Event(b"", b"b")]),
    "a name without data is no event": (b"event: ping\n\ndata: a\n\n", [Event(b"", b"a")]),
    "blank lines": (b"\n\n\ndata: a\n\n\n\n", [Event(b"", b"a")]),
    "empty data": (b"data:\n\n", [Event(b"", b"")]),
    "line separators of Unicode are text": (
        "data: a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\n\n".encode(),
        [Event(b"", "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg".encode())],
    ),
    "no blank line at the end": (b"data: a\n\ndata: [DONE]\n", [Event(b"", b"a"), Event(b"", b"[DONE]")]),
    "no line end at the end": (b"data: a\n\ndata: [DONE]", [Event(b"", b"a"), Event(b"", b"[DONE]")]),
    "a line cut in its name": (b"data: a\n\ndat", [Event(b"", b"a")]),
    "a bare JSON line": (b'data: a\n\n{"error":{}}', [Event(b"", b"a"), Event(b"", b'{"error":{}}')]),
    "nothing": (b"", []),
}


def split(*pieces: bytes) -> list[Event]:
    splitter = Splitter()
    return [*(event for piece in pieces for event in splitter.feed(piece)), *splitter.end()]


@pytest.mark.parametrize("data, expected", CASES.values(), ids=CASES)
def test_bytes_become_these_events(data: bytes, expected: list[Event]) -> None:
    assert split(data) == expected


@pytest.mark.parametrize("data, expected", CASES.values(), ids=CASES)
def test_bytes_one_at_a_time_become_the_same_events(data: bytes, expected: list[Event]) -> None:
    assert split(*(data[at : at + 1] for at in range(len(data)))) == expected


@given(
    st.lists(
        st.sampled_from([b"\r", b"\n", b"data:", b"data: ", b"event: e", b":", b"{", "é\u2028".encode(), b"x", b""])
    ),
    st.data(),
)
def test_a_cut_makes_no_difference(tokens: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(tokens)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))

    pieces = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    assert split(*pieces) == split(whole)


def test_an_event_is_out_as_soon_as_its_blank_line_is_in() -> None:
    splitter = Splitter()

    assert splitter.feed(b"data: a\r\n\r") == [Event(b"", b"a")]
    assert splitter.feed(b"\ndata: b\n\ndata: c") == [Event(b"", b"b")]
    assert splitter.feed(b"\n") == []
    assert splitter.feed(b"\n") == [Event(b"", b"c")]
    assert splitter.end() == []


def test_the_end_is_reported_once() -> None:
    splitter = Splitter()
    splitter.feed(b"data: a")

    assert splitter.end() == [Event(b"", b"a")]
    assert splitter.end() == []


@pytest.mark.parametrize("name, written", [(b"", b"data: {}\n\n"), (b"error", b"event: error\ndata: {}\n\n")])
def test_an_event_is_written_as_it_is_read(name: bytes, written: bytes) -> None:
    assert event(b"{}", name) == written
    assert split(written) == [Event(name, b"{}")]


@pytest.mark.parametrize(
    "piece", [b"x" * 65536, b"data: " + b"x" * 65529 + b"\n", b"data: x\r\n"], ids=["line", "lines", "short lines"]
)
def test_an_event_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch, piece: bytes) -> None:
    monkeypatch.setattr(sse, "LONGEST_EVENT", 20 * len(piece))
    splitter = Splitter()
    for _ in range(20):
        assert splitter.feed(piece) == []

    with pytest.raises(UpstreamBroke, match="does not end"):
        splitter.feed(piece)
    assert splitter.end() == []


def test_what_has_an_end_may_go_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LONGEST_EVENT", 100)
    splitter = Splitter()
    for _ in range(100):
        assert splitter.feed(b": comment\n") == []
        assert splitter.feed(b"data: a\n") == []
        assert splitter.feed(b"data: ") == []
        assert splitter.feed(b"b\n\n") == [Event(b"", b"a\nb")]


def test_a_long_event_in_many_pieces_is_whole() -> None:
    splitter = Splitter()
    assert splitter.feed(b"data: x") == []
    for _ in range(99):
        assert splitter.feed(b"y" * 1000) == []

    assert splitter.feed(b"\n\n") == [Event(b"", b"x" + b"y" * 99_000)]
