"""Ollama's ``/api/generate`` as clients send it."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest, NotFound
from passenger_trio.translate.fronts import ollama_generate, ollama_request
from passenger_trio.translate.fronts.ollama_context import Turn, pack
from passenger_trio.translate.fronts.ollama_generate import INSERT, read_generate
from passenger_trio.translate.fronts.ollama_request import Asked
from passenger_trio.wire.models import Capabilities, Model, Supports

PNG = "iVBORw0KGgo="
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
PLAIN = Model("plain", capabilities=Capabilities(supports=Supports(tool_calls=True)))
THINKER = Model("thinker", capabilities=Capabilities(supports=Supports(reasoning_effort=["low", "high"])))

# the request of /api/generate as Ollama defines it
VENDOR_FIELDS = {
    "model", "prompt", "suffix", "system", "template", "context", "stream", "raw", "format", "keep_alive", "images",
    "options", "think", "truncate", "shift", "_debug_render_only", "logprobs", "top_logprobs", "width", "height",
    "steps",
}  # fmt: skip


def asked(**fields: Any) -> Asked:
    return read_generate(json.dumps({"model": "m", "prompt": "x", **fields}).encode())


def messages(**fields: Any) -> list[tuple[str, Any]]:
    call = ollama_request.to_call(asked(**fields), PLAIN)
    return [(message["role"], message["content"]) for message in json.loads(bytes(call.envelope["messages"]))]


def test_every_field_of_the_vendor_is_read_or_dropped() -> None:
    dropped = ollama_request.DROPPED_FIELDS.keys() | ollama_generate.DROPPED_FIELDS.keys()

    assert (ollama_generate.FIELDS - {"name"}) | dropped == VENDOR_FIELDS
    assert ollama_generate.FIELDS & dropped == {"template", "raw"}


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({}, [("user", "x")]),
        ({"system": "be brief"}, [("system", "be brief"), ("user", "x")]),
        ({"system": "", "suffix": None, "template": "", "raw": False, "context": [], "images": []}, [("user", "x")]),
        ({"images": [PNG]}, [("user", [{"type": "text", "text": "x"}, PICTURE])]),
        ({"prompt": "", "images": [PNG, PNG]}, [("user", [PICTURE, PICTURE])]),
        ({"raw": True, "prompt": "<s>x"}, [("user", "<s>x")]),
    ],
)
def test_a_prompt_is_what_the_user_says(fields: dict[str, Any], expected: list[Any]) -> None:
    assert messages(**fields) == expected


@pytest.mark.parametrize("body", [b'{"prompt":"x"}', b'{"model":"","prompt":"x"}', b'{"model":null}'])
def test_a_request_without_a_model_is_told_that_there_is_none(body: bytes) -> None:
    with pytest.raises(NotFound) as caught:
        read_generate(body)

    assert caught.value.message == "model '' not found"
    assert caught.value.status == 404


def test_name_is_another_name_of_the_model() -> None:
    assert read_generate(b'{"name":"m","prompt":"x"}').name == "m"
    assert asked(name="n").name == "m"


@pytest.mark.parametrize("body, part", [(b"", "missing request body"), (b"{", "cannot be read")])
def test_what_cannot_be_read_is_refused(body: bytes, part: str) -> None:
    with pytest.raises(BadRequest, match=part):
        read_generate(body)


@pytest.mark.parametrize("fields", [{"prompt": 5}, {"context": ["x"]}, {"images": [5]}, {"stream": 1}])
def test_a_wrong_type_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=r"`\$\."):
        asked(**fields)


def test_what_is_wrong_inside_an_option_is_refused_too() -> None:
    with pytest.raises(BadRequest, match="cannot be read"):
        read_generate(b'{"model":"m","prompt":"x","options":{"stop":["\xff"]}}')


@pytest.mark.parametrize(
    "fields, idle, unloads",
    [
        ({}, False, False),
        ({"prompt": ""}, True, False),
        ({"prompt": None}, True, False),
        ({"prompt": "", "keep_alive": 0}, True, True),
        ({"prompt": "", "keep_alive": "0s"}, True, True),
        ({"prompt": "", "keep_alive": "5m"}, True, False),
        ({"prompt": "", "keep_alive": -1}, True, False),
        ({"keep_alive": 0}, False, False),
        ({"prompt": "", "images": [PNG]}, False, False),
        ({"prompt": "", "suffix": "y"}, False, False),
    ],
)
def test_a_request_that_says_nothing_loads_or_unloads(fields: dict[str, Any], idle: bool, unloads: bool) -> None:
    assert (asked(**fields).idle, asked(**fields).unloads) == (idle, unloads)


@pytest.mark.parametrize("fields, stream", [({}, True), ({"stream": None}, True), ({"stream": False}, False)])
def test_a_stream_is_the_default(fields: dict[str, Any], stream: bool) -> None:
    assert asked(**fields).stream is stream
    assert ollama_request.to_call(asked(**fields), PLAIN).stream


@pytest.mark.parametrize("field", [{"template": "{{ .Prompt }}"}, {"system": "be"}, {"context": [1]}])
def test_a_raw_prompt_has_nothing_beside_it(field: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        asked(raw=True, **field)

    assert caught.value.message == "raw mode does not support template, system, or context"


@pytest.mark.parametrize(
    "fields, dropped",
    [
        ({"template": "{{ .Prompt }}"}, ("template",)),
        ({"raw": True}, ("raw",)),
        ({"raw": False, "template": ""}, ()),
        ({"width": 5, "height": 5, "steps": 5}, ("width", "height", "steps")),
        ({"truncate": True, "shift": True, "_debug_render_only": True}, ("truncate", "shift", "_debug_render_only")),
        ({"tools": [], "something_new": 1, "nothing": None}, ("tools", "something_new")),
        ({"temperature": 1}, ("temperature",)),
        ({"options": {"num_ctx": 5, "seed": 1}}, ("options.num_ctx",)),
        ({"keep_alive": "5m"}, ()),
        ({"context": [1, 2, 3]}, ("context",)),
    ],
)
def test_a_field_without_a_place_is_named(fields: dict[str, Any], dropped: tuple[str, ...]) -> None:
    assert asked(**fields).dropped == dropped


def test_what_a_chat_has_as_well_finds_the_same_place() -> None:
    fields = {"options": {"num_predict": 5}, "format": "json", "think": "high", "logprobs": True, "top_logprobs": 2}

    assert {name: json.loads(bytes(value)) for name, value in asked(**fields).fields.items()} == {
        "max_tokens": 5,
        "response_format": {"type": "json_object"},
        "reasoning_effort": "high",
        "logprobs": True,
        "top_logprobs": 2,
    }


def test_an_error_speaks_of_the_prompt() -> None:
    assert asked().names["messages"] == "prompt"
    assert asked().names["response_format"] == "format"


SAID = [Turn("system", "be brief"), Turn("user", "one"), Turn("assistant", "two")]


def test_a_context_is_the_conversation_up_to_here() -> None:
    assert messages(context=pack(SAID)) == [*map(tuple, SAID), ("user", "x")]
    assert asked(context=pack(SAID)).dropped == ()


def test_what_the_system_says_now_takes_the_place_of_what_it_said() -> None:
    assert messages(context=pack(SAID), system="be verbose") == [
        ("system", "be verbose"),
        *map(tuple, SAID[1:]),
        ("user", "x"),
    ]


def test_an_answer_carries_on_from_its_request() -> None:
    first = asked(system="be brief", prompt="one")
    second = asked(context=pack([*first.turns, Turn("assistant", "two")]), prompt="three", images=[PNG])

    assert second.turns == (*SAID, Turn("user", "three"))


def test_a_context_that_was_cut_is_named() -> None:
    long = [Turn("user", "a" * 400_000), Turn("assistant", "b" * 400_000)]

    assert asked(context=pack(long)).dropped == ("context=shortened",)
    assert messages(context=pack(long)) == [("assistant", "b" * 400_000), ("user", "x")]


def test_a_gap_is_shown_with_both_its_sides() -> None:
    said = messages(prompt="def f(", suffix="):\n    pass\n", images=[])

    assert said == [("system", INSERT), ("user", "<before>def f(</before>\n<after>):\n    pass\n</after>")]


def test_a_gap_may_be_at_the_beginning_and_have_pictures() -> None:
    assert messages(prompt="", suffix="y", images=[PNG])[1] == (
        "user",
        [{"type": "text", "text": "<before></before>\n<after>y</after>"}, PICTURE],
    )


def test_a_gap_has_no_conversation_around_it() -> None:
    made = asked(suffix="y", system="be brief", context=pack(SAID))

    assert made.dropped == ("system", "context")
    assert made.turns == ()
    assert len(made.messages) == 2


def test_a_model_that_thinks_about_every_answer_fills_no_gap() -> None:
    with pytest.raises(BadRequest) as caught:
        ollama_request.to_call(asked(suffix="y"), THINKER)

    assert caught.value.message == "registry.ollama.ai/library/thinker:latest does not support insert"
    assert caught.value.param == "suffix"


@pytest.mark.parametrize("think, shown", [(None, True), (True, True), ("low", True), (False, False)])
def test_thinking_is_asked_for_and_shown_as_in_a_chat(think: Any, shown: bool) -> None:
    assert asked(think=think).think is shown
    assert asked(think=think).wants == (("thinking",) if think else ())


def test_field_names_are_read_in_any_case() -> None:
    made = read_generate(b'{"Model":"m","PROMPT":"x","Suffix":"y","Keep_Alive":5}')

    assert (made.name, made.wants, made.keep_alive, made.dropped) == ("m", ("insert",), 5.0, ())
