"""The other fields of a request on their way to ``/v1/messages``: what each becomes, what is dropped or refused."""

import json
from typing import Any

import pytest

from passenger_trio.errors import BadRequest
from passenger_trio.translate.backs import messages as back, messages_fields as tables
from passenger_trio.translate.fronts.chat import to_call
from passenger_trio.wire.chat import Written
from passenger_trio.wire.models import Capabilities, Limits, Model, Supports

PLAIN = Model(id="claude-plain", supported_endpoints=["/v1/messages"])
HISTORY: list[dict[str, Any]] = [{"role": "user", "content": "x"}]

OPENAI_FIELDS = frozenset(
    {
        *("audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs"),
        *("max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model", "moderation", "n"),
        *("parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options"),
        *("prompt_cache_retention", "reasoning_effort", "response_format", "safety_identifier", "seed"),
        *("service_tier", "stop", "store", "stream", "stream_options", "temperature", "tool_choice", "tools"),
        *("top_logprobs", "top_p", "user", "verbosity", "web_search_options"),
    }
)
"""Of ``CompletionCreateParams`` in the openai package, 3.54."""


def model(*, adaptive: bool = False, budget: int | None = None, least: int | None = None, **limits: int) -> Model:
    supports = Supports(adaptive_thinking=adaptive, min_thinking_budget=least, max_thinking_budget=budget)
    return Model(id="claude", capabilities=Capabilities(limits=Limits(**limits), supports=supports))


ADAPTIVE = model(adaptive=True, budget=32000)
BUDGETED = model(budget=11024, max_output_tokens=64000)


def write(to: Model = PLAIN, **fields: Any) -> Written:
    body = {"model": "asked", "messages": HISTORY, **fields}
    return back.request(to_call(json.dumps(body).encode()), to)


def sent(to: Model = PLAIN, **fields: Any) -> dict[str, Any]:
    return json.loads(write(to, **fields).body)


def refused(**fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        write(**fields)
    return caught.value


def function(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


# the tables


def test_every_field_of_openais_has_exactly_one_place() -> None:
    places = [tables.READ, frozenset(tables.DROPPED_FIELDS), frozenset(tables.REFUSED_FIELDS)]

    assert frozenset().union(*places) == OPENAI_FIELDS
    assert sum(len(place) for place in places) == len(OPENAI_FIELDS)


def test_the_least_request_is_the_model_the_messages_and_a_limit() -> None:
    written = write()

    assert json.loads(written.body) == {
        "model": "claude-plain",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
        "max_tokens": 16000,
    }
    assert written.dropped == ()
    assert written.headers == (("anthropic-version", "2023-06-01"),)


@pytest.mark.parametrize("name", [*tables.DROPPED_FIELDS, "a_field_of_tomorrow"])
def test_a_field_without_a_place_is_dropped_by_name(name: str) -> None:
    written = write(**{name: 0})

    assert written.dropped == (name,)
    assert written.body == write().body


@pytest.mark.parametrize("name", sorted(OPENAI_FIELDS - {"model", "messages"}))
def test_an_explicit_null_is_the_same_as_nothing(name: str) -> None:
    assert write(**{name: None}) == write()


REFUSED_VALUES: dict[str, list[Any]] = {
    "n": [2, 0],
    "logprobs": [True],
    "logit_bias": [{"50256": -100}],
    "modalities": [["text", "audio"], ["audio"]],
    "audio": [{"voice": "alloy", "format": "wav"}],
    "web_search_options": [{}],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in REFUSED_VALUES.items() for value in values]
)
def test_what_a_client_would_miss_is_refused_by_name(name: str, value: Any) -> None:
    error = refused(**{name: value})

    assert (error.status, error.param) == (400, name)
    assert error.message.startswith(f"`{name}` cannot be served: Copilot answers for this model on /v1/messages alone")
    assert tables.REFUSED_FIELDS[name][0] in error.message


def test_every_refused_field_has_a_value_that_proves_it() -> None:
    assert set(REFUSED_VALUES) == set(tables.REFUSED_FIELDS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 1),
        ("logprobs", False),
        ("logit_bias", {}),
        ("modalities", ["text"]),
    ],
)
def test_a_refused_field_that_asks_for_nothing_is_passed_over(name: str, value: Any) -> None:
    assert write(**{name: value}) == write()


# the form of the answer

FORMED = Model(id="claude", capabilities=Capabilities(supports=Supports(structured_outputs=True)))
ANYTHING = {"type": "json_object"}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def by_schema(**fields: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, **fields}}


def test_a_schema_is_what_the_answer_is_held_to() -> None:
    written = write(FORMED, response_format=by_schema(strict=True))

    assert json.loads(written.body)["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert written.dropped == ()


def test_a_schema_stands_beside_the_effort() -> None:
    able = Supports(structured_outputs=True, adaptive_thinking=True, reasoning_effort=["low", "high"])
    to = Model(id="claude", capabilities=Capabilities(supports=able))

    assert sent(to, response_format=by_schema(), reasoning_effort="low")["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": SCHEMA},
    }


def test_what_is_said_about_a_schema_is_dropped_by_name() -> None:
    form = {**by_schema(description="A plan", later=1), "more": 2, "none": None}

    assert write(FORMED, response_format=form).dropped == (
        "response_format.more",
        "response_format.json_schema.description",
        "response_format.json_schema.later",
    )


@pytest.mark.parametrize("to", [PLAIN, FORMED])
def test_a_text_is_what_comes_anyway(to: Model) -> None:
    assert write(to, response_format={"type": "text"}) == write(to)


@pytest.mark.parametrize(
    ("to", "form", "param", "part"),
    [
        (PLAIN, by_schema(), "response_format", "does not take a schema to hold the answer to. Use a tool"),
        (ADAPTIVE, by_schema(), "response_format", "does not take a schema to hold the answer to. Use a tool"),
        (PLAIN, ANYTHING, "response_format", "does not take a schema to hold the answer to. Use a tool"),
        (FORMED, ANYTHING, "response_format", "a form of the answer other than a schema. Send the schema"),
        (FORMED, {"type": "xml"}, "response_format", "a form of the answer other than a schema"),
        (FORMED, by_schema(schema=None), "response_format.json_schema.schema", "is not there"),
        (FORMED, {"type": "json_schema"}, "response_format.json_schema", "is wrong"),
        (FORMED, "json", "response_format", "is wrong"),
    ],
)
def test_a_form_that_cannot_be_had_is_refused_by_name(to: Model, form: Any, param: str, part: str) -> None:
    with pytest.raises(BadRequest) as caught:
        write(to, response_format=form)

    assert (caught.value.status, caught.value.param) == (400, param)
    assert part in caught.value.message


# streaming


def test_a_stream_is_asked_for_and_its_options_are_the_fronts() -> None:
    written = write(stream=True, stream_options={"include_usage": True})

    assert json.loads(written.body)["stream"] is True
    assert written.dropped == ()
    assert "stream" not in sent(stream=False)


# limits


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(
    ("wanted", "stream", "got"),
    [(50, False, 50), (50, True, 50), (20000, False, 8000), (20000, True, 20000), (99999, True, 32000)],
)
def test_the_limit_asked_for_is_kept_within_the_models(name: str, wanted: int, stream: bool, got: int) -> None:
    limited = model(max_output_tokens=32000, max_non_streaming_output_tokens=8000)
    written = write(limited, stream=stream, **{name: wanted})

    assert json.loads(written.body)["max_tokens"] == got
    assert written.dropped == (() if got == wanted else (f"{name}={wanted}",))


def test_a_limit_is_not_cut_where_the_model_states_none() -> None:
    assert sent(max_tokens=123456)["max_tokens"] == 123456


def test_the_newer_name_of_the_limit_wins() -> None:
    assert sent(max_tokens=5, max_completion_tokens=6)["max_tokens"] == 6


@pytest.mark.parametrize(
    ("limits", "stream", "got"),
    [
        ({}, True, 16000),
        ({}, False, 16000),
        ({"max_output_tokens": 64000}, True, 64000),
        ({"max_output_tokens": 64000}, False, 16000),
        ({"max_output_tokens": 4096}, False, 4096),
        ({"max_output_tokens": 64000, "max_non_streaming_output_tokens": 8000}, False, 8000),
    ],
)
def test_without_a_limit_it_is_the_models(limits: dict[str, int], stream: bool, got: int) -> None:
    assert sent(model(**limits), stream=stream)["max_tokens"] == got


@pytest.mark.parametrize("wanted", [0, -1, "many", 1.5])
def test_a_limit_that_is_no_count_is_refused(wanted: Any) -> None:
    assert refused(max_completion_tokens=wanted).param == "max_completion_tokens"


# thinking


@pytest.mark.parametrize(
    ("wanted", "effort", "dropped"),
    [
        ("minimal", "low", ("reasoning_effort=minimal",)),
        ("low", "low", ()),
        ("medium", "medium", ()),
        ("high", "high", ()),
        ("xhigh", "high", ("reasoning_effort=xhigh",)),
        ("max", "high", ("reasoning_effort=max",)),
    ],
)
def test_effort_is_adaptive_thinking_where_the_model_has_it(wanted: str, effort: str, dropped: tuple[str, ...]) -> None:
    written = write(ADAPTIVE, reasoning_effort=wanted)
    body = json.loads(written.body)

    assert (body["thinking"], body["output_config"]) == ({"type": "adaptive"}, {"effort": effort})
    assert written.dropped == dropped


def test_an_effort_that_the_model_lists_is_taken_at_its_word() -> None:
    to = model(adaptive=True)
    to.supports.reasoning_effort = ["low", "high", "xhigh", "utmost"]

    assert [sent(to, reasoning_effort=wanted)["output_config"]["effort"] for wanted in ("xhigh", "max", "utmost")] == [
        "xhigh",
        "high",
        "utmost",
    ]
    with pytest.raises(BadRequest):
        write(ADAPTIVE, reasoning_effort="utmost")


@pytest.mark.parametrize(
    ("wanted", "budget", "dropped"),
    [
        ("minimal", 2024, ("reasoning_effort=minimal",)),
        ("low", 2024, ()),
        ("medium", 5024, ()),
        ("high", 11024, ()),
        ("xhigh", 11024, ("reasoning_effort=xhigh",)),
    ],
)
def test_effort_is_a_budget_where_the_model_has_one(wanted: str, budget: int, dropped: tuple[str, ...]) -> None:
    written = write(BUDGETED, reasoning_effort=wanted, stream=True)
    body = json.loads(written.body)

    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert "output_config" not in body
    assert written.dropped == dropped


@pytest.mark.parametrize(("limit", "budget"), [(8000, 4000), (1500, 1024), (1025, 1024)])
def test_a_budget_leaves_room_for_the_answer(limit: int, budget: int) -> None:
    assert sent(BUDGETED, reasoning_effort="high", max_tokens=limit)["thinking"]["budget_tokens"] == budget


def test_a_budget_is_never_less_than_the_models_least() -> None:
    body = sent(model(budget=8000, least=4000), reasoning_effort="minimal", max_tokens=5000)

    assert body["thinking"]["budget_tokens"] == 4000


@pytest.mark.parametrize(
    ("to", "fields"),
    [
        (PLAIN, {}),
        (BUDGETED, {"max_tokens": 1024}),
        (ADAPTIVE, {"tools": [function()], "tool_choice": "required"}),
        (BUDGETED, {"tools": [function()], "tool_choice": function("f")}),
    ],
)
def test_effort_that_cannot_be_had_is_dropped_by_name(to: Model, fields: dict[str, Any]) -> None:
    written = write(to, reasoning_effort="high", temperature=0.5, **fields)
    body = json.loads(written.body)

    assert "thinking" not in body
    assert "output_config" not in body
    assert body["temperature"] == 0.5
    assert written.dropped == ("reasoning_effort",)


def test_a_forced_choice_stays_forced() -> None:
    body = sent(BUDGETED, reasoning_effort="high", tools=[function()], tool_choice="required")

    assert body["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_a_free_choice_leaves_thinking_on(choice: str) -> None:
    assert "thinking" in sent(ADAPTIVE, reasoning_effort="low", tools=[function()], tool_choice=choice)


def test_no_effort_is_no_thinking() -> None:
    assert write(ADAPTIVE, reasoning_effort="none") == write(ADAPTIVE)
    assert write(BUDGETED, reasoning_effort="none") == write(BUDGETED)


@pytest.mark.parametrize("wanted", ["much", "", 3])
def test_an_effort_that_nobody_knows_is_refused(wanted: Any) -> None:
    assert refused(reasoning_effort=wanted).param == "reasoning_effort"


@pytest.mark.parametrize(
    ("to", "fields", "later", "thinks"),
    [
        (BUDGETED, {}, [], False),
        (BUDGETED, {}, [{"role": "user", "content": "And?"}], False),
        (BUDGETED, {"reasoning_content": "Hm.", "reasoning_opaque": "c2ln"}, [], True),
        (BUDGETED, {"reasoning_opaque": '[{"type":"redacted_thinking","data":"x"}]'}, [], True),
        (BUDGETED, {}, [{"role": "assistant", "content": "42."}, {"role": "user", "content": "And?"}], True),
        (ADAPTIVE, {}, [], True),
    ],
)
def test_calls_whose_thinking_is_not_there_are_answered_without_thinking(
    to: Model, fields: dict[str, Any], later: list[dict[str, Any]], thinks: bool
) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        *HISTORY,
        {"role": "assistant", "content": None, "tool_calls": [call], **fields},
        {"role": "tool", "tool_call_id": "a", "content": "42"},
        *later,
    ]
    written = write(to, messages=history, reasoning_effort="high")

    assert ("thinking" in json.loads(written.body)) == thinks
    assert ("reasoning_effort" in written.dropped) == (not thinks)


# sampling


@pytest.mark.parametrize(
    ("fields", "got", "dropped"),
    [
        ({"temperature": 0}, {"temperature": 0}, ()),
        ({"temperature": 0.7}, {"temperature": 0.7}, ()),
        ({"temperature": 1}, {"temperature": 1}, ()),
        ({"temperature": 1.7}, {"temperature": 1}, ("temperature=1.7",)),
        ({"top_p": 0.9}, {"top_p": 0.9}, ()),
        ({"temperature": 0.7, "top_p": 1}, {"temperature": 0.7}, ("top_p",)),
        ({"temperature": 0.7, "top_p": 0.9}, {"temperature": 0.7}, ("top_p",)),
        ({"temperature": 1, "top_p": 0.9}, {"top_p": 0.9}, ("temperature",)),
    ],
)
def test_of_temperature_and_top_p_one_is_sent(
    fields: dict[str, Any], got: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    written = write(**fields)

    assert {key: value for key, value in json.loads(written.body).items() if key in {"temperature", "top_p"}} == got
    assert written.dropped == dropped


@pytest.mark.parametrize("to", [ADAPTIVE, BUDGETED])
def test_thinking_takes_neither_temperature_nor_top_p(to: Model) -> None:
    written = write(to, reasoning_effort="low", temperature=0.2, top_p=0.9)

    assert not {"temperature", "top_p"} & set(json.loads(written.body))
    assert written.dropped == ("temperature", "top_p")


@pytest.mark.parametrize(
    ("name", "value"), [("temperature", 2.1), ("temperature", "hot"), ("top_p", 1.1), ("top_p", -1)]
)
def test_sampling_out_of_range_is_refused(name: str, value: Any) -> None:
    assert refused(**{name: value}).param == name


@pytest.mark.parametrize(
    ("stop", "sequences", "dropped"),
    [
        ("END", ["END"], ()),
        (["A", "B"], ["A", "B"], ()),
        ([" x"], [" x"], ()),
        ("", None, ()),
        ([], None, ()),
        (["\n\n", "END", ""], ["END"], ("stop",)),
        ("\n", None, ("stop",)),
    ],
)
def test_stop_is_a_list_of_sequences_that_are_not_blank(
    stop: Any, sequences: list[str] | None, dropped: tuple[str, ...]
) -> None:
    written = write(stop=stop)

    assert json.loads(written.body).get("stop_sequences") == sequences
    assert written.dropped == dropped


@pytest.mark.parametrize(("stop", "param"), [(7, "stop"), ([7], "stop[0]")])
def test_a_stop_that_is_no_text_is_refused(stop: Any, param: str) -> None:
    assert refused(stop=stop).param == param
