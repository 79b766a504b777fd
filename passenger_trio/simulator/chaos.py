"""Streams that go wrong: what directives do to the events of an answer (protocol: transport; simulator checklist)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from passenger_trio.simulator.directives import Script
from passenger_trio.simulator.stamp import DONE, Stream

_COMMENT: Final = b": keep-alive\n\n"
_RAW_ERROR: Final = b'{"error":{"message":"stream closed","code":"internal_error"}}'


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent: the chunks, how many of them are the answer's middle, and whether the connection breaks then."""

    chunks: Sequence[bytes]
    paced: int
    breaks: bool = False


def plan(stream: Stream, script: Script, *, broken: bool) -> Plan:
    """``stream`` as ``script`` wants it to be sent."""
    body, ending = stream.body, stream.ending
    if broken:
        half = first_half(body)
        return Plan(half, len(half), breaks=True)
    if script.failed and stream.failed:
        body, ending = list(stream.failed), []
    elif script.tail:
        body, ending = [*first_half(body), _RAW_ERROR], []
    elif script.inband or script.failed:
        half = first_half(body)
        body, ending = [*half, stream.error(len(half))], []
    elif script.nofinish:
        ending = []
    elif script.nodone:
        ending = [event for event in ending if event != DONE]
    elif script.done and ending[-1] != DONE:
        ending = [*ending, DONE]
    if script.comments:
        body = [_COMMENT, *stream.noise, *(part for event in body for part in (event, _COMMENT))]
    chunks = [*body, *ending]
    if script.crlf:
        chunks = [_bare(chunk) for chunk in chunks]
    paced = len(body)
    if script.bytes is not None:
        chunks = _in_pieces(b"".join(chunks), script.bytes)
        paced = len(chunks)
    if script.cut is not None:
        return Plan(_beginning(chunks, script.cut), paced, breaks=True)
    return Plan(chunks, paced)


def first_half(events: Sequence[bytes]) -> list[bytes]:
    """What is sent before a break: at least the beginning of an answer, and never its end."""
    return list(events[: max(3, len(events) // 2)])


def _bare(event: bytes) -> bytes:
    """An event with CRLF, and without the space that most servers write after the field's name."""
    lines = [
        line.replace(b"data: ", b"data:", 1) if line.startswith(b"data: ") else line for line in event.split(b"\n")
    ]
    return b"\r\n".join(lines)


def _in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def _beginning(chunks: Sequence[bytes], size: int) -> list[bytes]:
    kept: list[bytes] = []
    for chunk in chunks:
        if size <= 0:
            break
        kept.append(chunk[:size])
        size -= len(chunk)
    return kept
