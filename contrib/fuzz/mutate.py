"""Bytes that are nearly right: samples with pieces taken out, put in, doubled and changed, JSON with other values."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from hypothesis import strategies as st

WORDS: Final = (
    b"", b"\0", b"\r", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b" ", b"\t", b":", b",", b'"', b"\\", b"{", b"}",
    b"[", b"]", b"data:", b"data: ", b"event: error\n", b": \n", b"data: [DONE]\n\n", b"null", b"true", b"-1",
    b"1e999", b"NaN", b"-0", b"99999999999999999999999", b"0.1", b'""', b"{}", b"[]", b"[null]", b"\\u0000",
    b"\\ud800", b"\\udc00x", b"\xff", b"\xc3", b"\xf0\x9f\x98", b"\xf0\x9f\x98\x80", b"\xef\xbb\xbf",
    b"\xe2\x80\xa8", b"\xc2\x85", b"[" * 2000, b'{"a":' * 2000, b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"HTTP/1.1 ", b"../",
)  # fmt: skip

VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1 << 63, 1 << 200, 0.5, 1e308, "", "a", "\0", "\ud800", "x" * 5000, "[[two]]",
    "data:image/png;base64,AA==", [], [None], [[]], {}, {"": None}, {"type": "text"}, {"type": "text", "text": None},
    [{"type": "image_url"}], {"type": "function"}, "auto", "none", "user", "assistant", "tool", "system", "stop",
    "tool_use", "text",
)  # fmt: skip

Change = tuple[int, int, int, int]


def changes() -> st.SearchStrategy[list[Change]]:
    """What is to be done where: a kind, a place, a length, and which word or value."""
    number = st.integers(0, 1 << 16)
    return st.lists(st.tuples(st.integers(0, 6), number, st.integers(0, 64), number), min_size=0, max_size=6)


def mutated(samples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """A sample, more or less."""
    return st.builds(change, st.sampled_from(samples), changes())


def change(data: bytes, todo: Sequence[Change]) -> bytes:
    """``data`` with all of ``todo`` done, one after the other."""
    for kind, where, length, which in todo:
        at = where % (len(data) + 1)
        word = WORDS[which % len(WORDS)]
        if kind == 0:
            data = data[:at] + data[at + length :]
        elif kind == 1:
            data = data[:at] + word + data[at:]
        elif kind == 2:
            data = data[:at] + word + data[at + len(word) :]
        elif kind == 3:
            data = data[: at + length] + data[at : at + length] + data[at + length :]
        elif kind == 4:
            data = data[:at]
        elif kind == 5:
            data = data[:at] + bytes([which % 256]) + data[at + 1 :]
        else:
            data = with_value(data, where, VALUES[which % len(VALUES)])
    return data


def with_value(data: bytes, where: int, value: object) -> bytes:
    """``data``, if it is JSON, with one of its values replaced."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        inside = waiting.pop()
        keys: Sequence[Any] = [*inside] if isinstance(inside, dict) else ()
        if isinstance(inside, list):
            keys = range(len(inside))
        for key in keys:
            places.append((inside, key))
            waiting.append(inside[key])
    if not places:
        return json.dumps(value).encode()
    inside, key = places[where % len(places)]
    inside[key] = value
    return json.dumps(document).encode()


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """``data`` cut at ``cuts``."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]
