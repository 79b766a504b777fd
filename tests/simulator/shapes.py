"""Comparing answers with recorded ones by their keys."""

import json


def shape(value):
    """The keys of ``value`` at all depths, in their order; of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return ...


def ordered(value):
    return json.dumps(shape(value), default=str)


def events(data):
    """The parsed ``data:`` lines of a stream, without its [DONE]."""
    lines = [line.removeprefix(b"data: ") for line in data.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


def kinds(data):
    """The kinds of events in a stream, each once, in the order of their first."""
    found = [ordered(event) for event in events(data)]
    return [kind for index, kind in enumerate(found) if kind not in found[:index]]


def whole_stream(stream):
    return b"".join([*stream.body, *stream.ending])
