"""The fields that Ollama's requests have in common: read as leniently as Ollama reads them, and in the hub's words.

Source: Ollama's own server, which is written in Go. Its decoder takes the names of fields in any case and a null for a
field that is not there; its errors are matched by clients, so they are told in its words.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeVar, cast

import msgspec

from passenger_trio.errors import BadRequest
from passenger_trio.wire import envelope
from passenger_trio.wire.envelope import Envelope

T = TypeVar("T")

OPTIONS: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "num_predict": "max_tokens",
    "stop": "stop",
}
"""``options`` with a place in the hub, and that place."""

DROPPED_OPTIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "num_ctx",
            "num_batch",
            "num_gpu",
            "main_gpu",
            "use_mmap",
            "num_thread",
            "draft_num_predict",
            "num_keep",
        ),
        "about the machine that runs a model; nearly every client sends num_ctx",
    ),
    **dict.fromkeys(
        ("top_k", "min_p", "typical_p", "repeat_last_n", "repeat_penalty"),
        "sampling that Copilot's models do not offer; clients send their defaults",
    ),
    **dict.fromkeys(
        (
            *(
                "numa",
                "low_vram",
                "f16_kv",
                "logits_all",
                "vocab_only",
                "use_mlock",
                "embedding_only",
                "tfs_z",
            ),
            *("mirostat", "mirostat_eta", "mirostat_tau", "penalize_newline", "num_gqa"),
        ),
        "ignored by Ollama itself",
    ),
}
"""``options`` without one, and why a client can live without it. Each one sent is named in ``X-Passenger-Dropped``."""

TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("num_keep", "seed", "num_predict", "top_k", "repeat_last_n", "num_ctx", "num_batch"), "integer"),
    **dict.fromkeys(("num_gpu", "main_gpu", "num_thread", "draft_num_predict"), "integer"),
    **dict.fromkeys(("top_p", "min_p", "typical_p", "temperature", "repeat_penalty"), "float32"),
    **dict.fromkeys(("presence_penalty", "frequency_penalty"), "float32"),
    "use_mmap": "boolean",
    "stop": "array",
}
"""What Ollama calls the type that an option must be of; of the others it looks at none."""

THINK_LEVELS: Final = ("low", "medium", "high", "max")

_TRUE: Final = msgspec.Raw(b"true")
_LONGEST: Final = 1e15
"""Seconds; what is longer is for ever."""

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_MICRO: Final = str.maketrans({"\N{MICRO SIGN}": "u", "\N{GREEK SMALL LETTER MU}": "u"})
_NUMBER: Final = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_DURATION: Final = re.compile(f"([-+]?)({_NUMBER}|(?:{_NUMBER}(?:ns|us|ms|s|m|h))+)")
_PIECE: Final = re.compile(f"({_NUMBER})([a-z]*)")


def read(
    decode: Callable[[bytes | msgspec.Raw], T], data: bytes | msgspec.Raw, known: Collection[str], where: str = ""
) -> tuple[T, Envelope]:
    """The object in ``data``, and those of its fields that are not among the ``known``, without nulls.

    Raises :class:`~passenger_trio.errors.BadRequest`; ``where`` says there where the object stands.
    """
    try:
        data, whole = envelope.decode_sent(data)
        others: Envelope = {}
        if not all(name in known and value != envelope.NULL for name, value in whole.items()):
            fields: Envelope = {}
            for name, value in whole.items():
                own = name.lower()
                if value != envelope.NULL:
                    (fields if own in known else others)[own if own in known else name] = value
            data = envelope.encode(fields)
        return decode(data), others
    except envelope.UNREADABLE as error:
        raise unreadable(error, where) from None


def unreadable(error: Exception, where: str = "") -> BadRequest:
    """The error for what is not written as it must be."""
    said, _, path = str(error).partition(" - at `$")
    place = (f".{where}" if where else "") + path.rstrip("`")
    said += f" - at `${place}`" if place else ""
    return BadRequest(f"the request cannot be read: {said}", param=where or None)


def add_options(hub: Envelope, options: Mapping[str, msgspec.Raw]) -> list[str]:
    """Put ``options`` into the hub's request; the names of those that have no place there."""
    dropped: list[str] = []
    for name, raw in options.items():
        if raw == envelope.NULL:
            continue
        value = envelope.value(raw)
        _check_option(name, value)
        if name not in OPTIONS:
            dropped.append(f"options.{name}")
        elif not _asks_for_nothing(name, value):
            hub[OPTIONS[name]] = envelope.raw(int(value)) if _is_whole(name, value) else raw
    return dropped


def _check_option(name: str, value: object) -> None:
    """Raise in Ollama's words for an option of another type; ``stop`` may be one text as well."""
    wanted = TYPES.get(name)
    match wanted:
        case None:
            fits = True
        case "boolean":
            fits = isinstance(value, bool)
        case "array":
            fits = isinstance(value, str | list)
        case _:
            fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits:
        raise BadRequest(f'option "{name}" must be of type {wanted}', param=f"options.{name}")
    if wanted == "array" and not all(isinstance(entry, str) for entry in cast("list[object] | str", value)):
        raise BadRequest(f'option "{name}" must be of an array of strings', param=f"options.{name}")


def _asks_for_nothing(name: str, value: Any) -> bool:
    """No stops; as many tokens as the model likes (-1, -2); any seed (-1)."""
    if name == "stop":
        return value in ("", [])
    return (name == "num_predict" and value < 1) or (name == "seed" and value < 0)


def _is_whole(name: str, value: object) -> bool:
    """Whether it is to be a whole number and is spelt with a point, as clients do that know one type of number."""
    return TYPES[name] == "integer" and isinstance(value, float)


def add_format(hub: Envelope, form: msgspec.Raw) -> None:
    """``"json"`` or a schema. Older LangChain sends ``""``, which asks for nothing."""
    text = bytes(form)
    if text in {b"", b"null", b'""'}:
        return
    if text == b'"json"':
        hub["response_format"] = msgspec.Raw(b'{"type":"json_object"}')
    elif text.startswith(b"{"):
        hub["response_format"] = envelope.raw(
            {"type": "json_schema", "json_schema": {"name": "response", "schema": form}}
        )
    else:
        quoted = envelope.encode(text.decode(errors="replace")).decode()
        raise BadRequest(
            f'invalid format: {quoted}; expected "json" or a valid JSON Schema object',
            param="format",
        )


def add_thinking(hub: Envelope, think: bool | str | None) -> None:
    """Levels become ``reasoning_effort``, and true the one in the middle, since most models think only when they are
    asked to. False is met on the way back.
    """
    if isinstance(think, str):
        if think not in THINK_LEVELS:
            raise BadRequest(
                f'invalid think value: "{think}" (must be "high", "medium", "low", "max", true, or false)',
                param="think",
            )
        hub["reasoning_effort"] = envelope.raw(think)
    elif think:
        hub.setdefault("reasoning_effort", envelope.raw("medium"))


def add_logprobs(hub: Envelope, wanted: bool, top: int) -> list[str]:
    """Put the wish for logprobs into the hub's request; what is left out of it."""
    if not 0 <= top <= 20:
        raise BadRequest("top_logprobs must be between 0 and 20", param="top_logprobs")
    if wanted:
        hub["logprobs"] = _TRUE
        if top:
            hub["top_logprobs"] = envelope.raw(top)
    return ["top_logprobs"] if top and not wanted else []


def seconds(keep_alive: msgspec.Raw) -> float | None:
    """How long a model is to be kept, in seconds and negative for ever; none where it is not said.

    A number is in seconds, and so is one in a text, which Ollama refuses; other texts are Go's durations.
    """
    text = bytes(keep_alive)
    if text in {b"", b"null"}:
        return None
    value = envelope.value(keep_alive)
    if isinstance(value, str):
        return _duration(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest("keep_alive must be a number of seconds, or a duration such as `5m`", param="keep_alive")
    return float(max(-_LONGEST, min(value, _LONGEST)))


def _duration(text: str) -> float:
    match = _DURATION.fullmatch(text.translate(_MICRO))
    if match is None:
        quoted = envelope.encode(text).decode()
        raise BadRequest(f"time: invalid duration {quoted}", param="keep_alive")
    pieces = _PIECE.findall(match[2])
    total = sum(float(number) * _UNITS[unit] for number, unit in pieces)
    return -total if match[1] == "-" else total
