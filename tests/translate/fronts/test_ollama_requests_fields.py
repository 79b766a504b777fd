"""The fields that Ollama's requests have in common: options, formats, thinking, times to live, logprobs."""

import json
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from passenger_trio.errors import BadRequest
from passenger_trio.translate.fronts import ollama_fields
from passenger_trio.wire import envelope
from passenger_trio.wire.envelope import Envelope

# the options as Ollama defines them, with those it ignores from old clients
VENDOR_OPTIONS = {
    "num_keep", "seed", "num_predict", "top_k", "top_p", "min_p", "typical_p", "repeat_last_n", "temperature",
    "repeat_penalty", "presence_penalty", "frequency_penalty", "stop",
    "num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict",
    "numa", "low_vram", "f16_kv", "logits_all", "vocab_only", "use_mlock", "embedding_only", "tfs_z", "mirostat",
    "mirostat_eta", "mirostat_tau", "penalize_newline", "num_gqa",
}  # fmt: skip


def added(**options: Any) -> tuple[dict[str, Any], list[str]]:
    hub: Envelope = {}
    dropped = ollama_fields.add_options(hub, {name: envelope.raw(value) for name, value in options.items()})
    return {name: json.loads(bytes(raw)) for name, raw in hub.items()}, dropped


def test_every_option_of_the_vendor_is_mapped_or_dropped() -> None:
    assert ollama_fields.OPTIONS.keys() | ollama_fields.DROPPED_OPTIONS.keys() == VENDOR_OPTIONS
    assert not ollama_fields.OPTIONS.keys() & ollama_fields.DROPPED_OPTIONS.keys()
    assert ollama_fields.OPTIONS.keys() <= ollama_fields.TYPES.keys() <= VENDOR_OPTIONS


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"temperature": 0, "top_p": 0.9, "seed": 7}, {"temperature": 0, "top_p": 0.9, "seed": 7}),
        ({"presence_penalty": 1, "frequency_penalty": -1}, {"presence_penalty": 1, "frequency_penalty": -1}),
        ({"num_predict": 12}, {"max_tokens": 12}),
        ({"num_predict": 12.0, "seed": 7.9}, {"max_tokens": 12, "seed": 7}),
        ({"num_predict": -1, "seed": -1}, {}),
        ({"num_predict": -2}, {}),
        ({"num_predict": 0, "seed": 0}, {"seed": 0}),
        ({"stop": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"stop": "a"}, {"stop": "a"}),
        ({"stop": []}, {}),
        ({"stop": ""}, {}),
        (dict.fromkeys(sorted(VENDOR_OPTIONS)), {}),
        ({}, {}),
    ],
)
def test_options_find_their_place(options: Any, expected: dict[str, Any]) -> None:
    made, dropped = added(**options)

    assert made == expected
    assert [type(value) for value in made.values()] == [type(value) for value in expected.values()]
    assert dropped == []


def test_a_number_keeps_its_spelling() -> None:
    hub: Envelope = {}
    ollama_fields.add_options(hub, {"temperature": msgspec.Raw(b"1e-1"), "seed": msgspec.Raw(b"12345678901234567890")})

    assert {name: bytes(raw) for name, raw in hub.items()} == {"temperature": b"1e-1", "seed": b"12345678901234567890"}


@pytest.mark.parametrize("option", [*sorted(ollama_fields.DROPPED_OPTIONS), "something_new"])
def test_an_option_without_a_place_is_named(option: str) -> None:
    value = True if option == "use_mmap" else 1

    assert added(**{option: value, "seed": 7}) == ({"seed": 7}, [f"options.{option}"])


@pytest.mark.parametrize(
    "option, value, said",
    [
        ("temperature", "hot", "of type float32"),
        ("temperature", True, "of type float32"),
        ("repeat_penalty", [], "of type float32"),
        ("num_predict", [1], "of type integer"),
        ("num_predict", "5", "of type integer"),
        ("num_ctx", "8192", "of type integer"),
        ("seed", {}, "of type integer"),
        ("seed", False, "of type integer"),
        ("use_mmap", 1, "of type boolean"),
        ("stop", 5, "of type array"),
        ("stop", {"a": 1}, "of type array"),
        ("stop", ["a", 5], "of an array of strings"),
    ],
)
def test_an_option_of_the_wrong_type_is_refused_in_ollamas_words(option: str, value: Any, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        added(**{option: value})

    assert caught.value.message == f'option "{option}" must be {said}'
    assert caught.value.param == f"options.{option}"


@pytest.mark.parametrize("option", ["tfs_z", "mirostat", "numa", "something_new"])
def test_the_type_of_an_option_that_ollama_ignores_is_ignored(option: str) -> None:
    assert added(**{option: {"any": "thing"}}) == ({}, [f"options.{option}"])


def formatted(form: bytes) -> Any:
    hub: Envelope = {}
    ollama_fields.add_format(hub, msgspec.Raw(form))
    return {name: json.loads(bytes(raw)) for name, raw in hub.items()}


@pytest.mark.parametrize("form", [b"", b"null", b'""'])
def test_an_empty_format_asks_for_nothing(form: bytes) -> None:
    assert formatted(form) == {}


def test_a_format_becomes_a_response_format() -> None:
    schema = {"type": "object", "properties": {}}

    assert formatted(b'"json"') == {"response_format": {"type": "json_object"}}
    assert formatted(json.dumps(schema).encode()) == {
        "response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}}
    }


@pytest.mark.parametrize(
    "form, quoted", [(b'"xml"', r'"\"xml\""'), (b"5", '"5"'), (b"[]", '"[]"'), (b"true", '"true"')]
)
def test_another_format_is_refused_in_ollamas_words(form: bytes, quoted: str) -> None:
    with pytest.raises(BadRequest) as caught:
        formatted(form)

    assert caught.value.message == f'invalid format: {quoted}; expected "json" or a valid JSON Schema object'
    assert caught.value.param == "format"


def thought(think: Any, **hub: str) -> Any:
    fields: Envelope = {name: envelope.raw(value) for name, value in hub.items()}
    ollama_fields.add_thinking(fields, think)
    return {name: json.loads(bytes(raw)) for name, raw in fields.items()}.get("reasoning_effort")


@pytest.mark.parametrize(
    "think, effort",
    [
        (None, None),
        (True, "medium"),
        (False, None),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
        ("max", "max"),
    ],
)
def test_a_level_of_thinking_becomes_an_effort(think: Any, effort: str | None) -> None:
    assert thought(think) == effort


def test_an_effort_that_is_there_is_the_middle_for_a_think_that_is_true() -> None:
    assert thought(True, reasoning_effort="low") == "low"


@pytest.mark.parametrize("think", ["much", "", "true", "LOW"])
def test_another_level_of_thinking_is_refused_in_ollamas_words(think: str) -> None:
    with pytest.raises(BadRequest) as caught:
        thought(think)

    assert caught.value.message == (
        f'invalid think value: "{think}" (must be "high", "medium", "low", "max", true, or false)'
    )
    assert caught.value.param == "think"


@pytest.mark.parametrize(
    "wanted, top, expected, dropped",
    [
        (False, 0, {}, []),
        (True, 0, {"logprobs": True}, []),
        (True, 20, {"logprobs": True, "top_logprobs": 20}, []),
        (False, 3, {}, ["top_logprobs"]),
    ],
)
def test_logprobs_are_asked_for_as_the_hub_does(
    wanted: bool, top: int, expected: dict[str, Any], dropped: list[str]
) -> None:
    hub: Envelope = {}

    assert ollama_fields.add_logprobs(hub, wanted, top) == dropped
    assert {name: json.loads(bytes(raw)) for name, raw in hub.items()} == expected


@pytest.mark.parametrize("top", [-1, 21, 10**30])
@pytest.mark.parametrize("wanted", [True, False])
def test_too_many_logprobs_are_refused_in_ollamas_words(top: int, wanted: bool) -> None:
    with pytest.raises(BadRequest) as caught:
        ollama_fields.add_logprobs({}, wanted, top)

    assert caught.value.message == "top_logprobs must be between 0 and 20"


@pytest.mark.parametrize(
    "keep_alive, seconds",
    [
        (None, None),
        (0, 0),
        (300, 300),
        (1.5, 1.5),
        (-1, -1),
        ("5m", 300),
        ("1h30m", 5400),
        ("1h30m1.5s", 5401.5),
        ("-1s", -1),
        ("+2s", 2),
        ("300ms", 0.3),
        ("0.5h", 1800),
        (".5s", 0.5),
        ("1.s", 1),
        ("5us", 5e-6),
        ("5\N{MICRO SIGN}s", 5e-6),
        ("5\N{GREEK SMALL LETTER MU}s", 5e-6),
        ("7ns", 7e-9),
        ("0", 0),
        ("300", 300),
        ("-1", -1),
        ("2.5", 2.5),
    ],
)
def test_a_time_to_live_is_read_in_every_form(keep_alive: Any, seconds: float | None) -> None:
    assert ollama_fields.seconds(envelope.raw(keep_alive)) == (seconds if seconds is None else pytest.approx(seconds))


def test_a_time_to_live_that_is_not_sent_is_none() -> None:
    assert ollama_fields.seconds(msgspec.Raw()) is None


@pytest.mark.parametrize(
    "text", ["abc", "", "5 m", "5x", "1h30", "m", "-", "1.2.3s", "\N{ARABIC-INDIC DIGIT FIVE}m", "1e3s"]
)
def test_rubbish_for_a_time_to_live_is_refused_in_gos_words(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        ollama_fields.seconds(envelope.raw(text))

    assert caught.value.message == f'time: invalid duration "{text}"'
    assert caught.value.param == "keep_alive"


@pytest.mark.parametrize("value", [True, [], {}])
def test_another_kind_of_time_to_live_is_refused(value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        ollama_fields.seconds(envelope.raw(value))

    assert caught.value.param == "keep_alive"


@pytest.mark.parametrize("text", [b"1" + b"0" * 300, b'"1' + b"0" * 5000 + b'h1m"', b"1e300"])
def test_a_time_to_live_without_end_is_long_enough(text: bytes) -> None:
    found = ollama_fields.seconds(msgspec.Raw(text))

    assert found is not None
    assert found > 1e14


def test_a_long_text_for_a_time_to_live_is_read_in_no_time() -> None:
    """A pattern that could read it in many ways would take years."""
    for text in ("1" * 100_000 + "x", "1h" * 50_000 + "x", "1." * 50_000):
        with pytest.raises(BadRequest):
            ollama_fields.seconds(envelope.raw(text))


@hypothesis.given(st.floats(min_value=-1e12, max_value=1e12))
def test_a_number_of_seconds_is_itself(value: float) -> None:
    assert ollama_fields.seconds(envelope.raw(value)) == value
