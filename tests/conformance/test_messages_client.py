"""Anthropic's own package against the house: on models that speak its dialect and on all others."""

import functools
import json
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import messages_rows as rows
import pytest
import trio
from house import House
from server.client_shapes import GENERATING

anthropic = pytest.importorskip("anthropic")
pydantic = pytest.importorskip("pydantic")

from anthropic import types  # noqa: E402
from anthropic.types import beta  # noqa: E402

# Like OpenAI's, the package leaves its generators to the garbage collector; its HTTP client is httpx2 as well.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator '(anthropic|httpx2|httpcore2)[.]:ResourceWarning")

T = TypeVar("T")
MODELS = {
    "as it is": "claude-opus-4.7",
    "as it is, of the older kind": "claude-sonnet-4.5",
    "gpt on chat": "gpt-4.1",
    "gemini on chat": "gemini-3-pro-preview",
    "gpt on responses": "gpt-5.3-codex",
}
NATIVE = {MODELS["as it is"], MODELS["as it is, of the older kind"]}
UNFORMED = MODELS["as it is, of the older kind"]
"""The list does not say of it that it keeps to a schema."""

EACH = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [
    {"name": "get_weather", "description": "Of a city", "input_schema": CITY},
    {"name": "ping", "input_schema": {"type": "object", "properties": {}}},
]
ANSWERS = {
    "text": "[[reply:One two three]]",
    "nothing": "[[reply:]]",
    "a call": "What is the weather in Rome",
    "calls at once": "What is the weather in Paris and Rome",
    "a call without arguments": "[[call:ping]]",
    "reasoning": "[[think]][[reply:One two]]",
    "reasoning and calls": '[[think]][[call:get_weather {"city": "Rome"}]][[call:ping]]',
    "text and calls": '[[reply:Let me see]][[call:get_weather {"city": "Rome"}]]',
    "cut off": "[[len]][[reply:One two]]",
    "a refusal": "[[filter]]",
    "in pieces": '[[bytes:31]][[reply:né 漢字 🎉]][[call:get_weather {"city": "Nîmes"}]]',
}
EVENTS = [pydantic.TypeAdapter(types.RawMessageStreamEvent), pydantic.TypeAdapter(beta.BetaRawMessageStreamEvent)]


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def asked(model: str, text: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 4096, "messages": user(text), **more}


def client_of(house: House, **more: Any) -> Any:
    options = {"api_key": "any", "max_retries": 0, "timeout": 10, **more}
    return anthropic.AsyncAnthropic(base_url=house.url, **options)


async def in_thread(call: Callable[[], T]) -> T:
    """The synchronous client blocks, and the house runs in this thread."""
    return await trio.to_thread.run_sync(call, abandon_on_cancel=True)


def unknown_in(model: Any) -> list[str]:
    """The fields, anywhere in ``model``, that the package does not know."""
    found = list(model.model_extra or ())
    for name in type(model).model_fields:
        value = getattr(model, name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, pydantic.BaseModel):
                found += unknown_in(item)
    return found


@EACH
async def test_every_event_has_the_packages_types_and_anthropics_order(house: House, model: str) -> None:
    for name, prompt in ANSWERS.items():
        told = await house.http.post("/v1/messages", json=asked(model, prompt, tools=TOOLS, stream=True))
        events = rows.parse(told.text)

        assert rows.faults(rows.STREAM, events) == [], name
        for event in rows.silent(events):  # the package passes over pings before it reads them
            read = [adapter.validate_json(json.dumps(event), strict=True) for adapter in EVENTS]
            assert model in NATIVE or [unknown_in(one) for one in read] == [[], []], name


@EACH
async def test_the_package_adds_up_a_stream_to_the_whole_answer(house: House, model: str) -> None:
    async with client_of(house) as client:
        for name, prompt in ANSWERS.items():
            request = asked(model, prompt, tools=TOOLS)
            whole = await client.messages.create(**request)
            async with client.messages.stream(**request) as stream:
                kinds = [event.type async for event in stream]
                streamed = await stream.get_final_message()

            types.Message.model_validate_json(whole.to_json(), strict=True)
            assert (kinds[0], kinds[-1]) == ("message_start", "message_stop"), name
            one, other = (rows.comparable(message.to_dict(mode="json")) for message in (whole, streamed))
            assert one == other, name


@EACH
async def test_the_turn_after_the_calls(house: House, model: str) -> None:
    said = user(f"[[think]]{ANSWERS['calls at once']}")
    async with client_of(house) as client:
        async with client.messages.stream(model=model, max_tokens=4096, messages=said, tools=TOOLS) as stream:
            first = await stream.get_final_message()
        calls = [block for block in first.content if block.type == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"sunny in {call.input['city']}"}
            for call in calls
        ]
        said += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
        last = await client.messages.create(model=model, max_tokens=4096, messages=said, tools=TOOLS)

    assert first.stop_reason == "tool_use"
    assert [call.input for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]
    assert rows.hear(last.to_dict(mode="json")).text.count("The tool get_weather answered: sunny in") == 2
    assert house.simulator.last_initiator == "agent"


@EACH
async def test_the_stream_helper_tells_text_and_input(house: House, model: str) -> None:
    async with (
        client_of(house) as client,
        client.messages.stream(**asked(model, ANSWERS["text and calls"], tools=TOOLS)) as stream,
    ):
        events = [event async for event in stream]

    assert "".join(event.text for event in events if event.type == "text") == "Let me see"
    assert [event.snapshot for event in events if event.type == "input_json"][-1] == {"city": "Rome"}


@EACH
async def test_a_stream_synchronously(house: House, model: str) -> None:
    def talk() -> tuple[str, Any]:
        with (
            anthropic.Anthropic(base_url=house.url, api_key="any", max_retries=0, timeout=10) as client,
            client.messages.stream(**asked(model, ANSWERS["text"])) as stream,
        ):
            return "".join(stream.text_stream), stream.get_final_message()

    text, message = await in_thread(talk)

    assert text == "One two three"
    assert message.stop_reason == "end_turn"


class Verdict(pydantic.BaseModel):
    """What is asked for where the answer must have a form."""

    title: str
    stars: int
    mood: Literal["good", "bad"]


@pytest.mark.parametrize("model", [pytest.param(name, id=kind) for kind, name in MODELS.items() if name != UNFORMED])
async def test_an_answer_parsed_into_a_model(house: House, model: str) -> None:
    async with client_of(house) as client:
        message = await client.messages.parse(**asked(model, "Rate this"), output_format=Verdict)

    assert isinstance(message.parsed_output, Verdict)


async def test_a_form_that_the_model_does_not_keep_to_is_refused_in_copilots_words(house: House) -> None:
    async with client_of(house) as client:
        with pytest.raises(anthropic.BadRequestError, match=r"output_config\.format"):
            await client.messages.parse(**asked(UNFORMED, "Rate this"), output_format=Verdict)


# Tools that the package runs


@anthropic.beta_tool
def get_weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: Its name.
    """
    return f"sunny in {city}"


@anthropic.beta_async_tool
async def get_mail(person: str) -> str:
    """The mail of somebody.

    Args:
        person: Who.
    """
    return f"none for {person}"


def whole_histories(house: House) -> bool:
    """Whether Copilot was asked twice, about the prompt, and about the prompt, the call and its result."""
    bodies = [json.loads(seen.body) for seen in house.simulator.requests if seen.path in GENERATING]
    lengths = [len(body.get("messages", body.get("input"))) for body in bodies]
    reasoned = sum(item.get("type") == "reasoning" for item in bodies[-1].get("input", ()))
    return lengths == [1, 3 + reasoned]


@pytest.mark.parametrize("stream", [False, True])
@EACH
async def test_the_tool_runner_goes_on_with_the_whole_history(house: House, model: str, stream: bool) -> None:
    prompt = f"[[call:get_weather {json.dumps({'city': 'Rome'})}]]"

    def talk() -> Any:
        with anthropic.Anthropic(base_url=house.url, api_key="any", max_retries=0, timeout=10) as client:
            runner = client.beta.messages.tool_runner(**asked(model, prompt), tools=[get_weather], stream=stream)
            return runner.until_done()

    message = await in_thread(talk)

    assert message.content[-1].text == "The tool get_weather answered: sunny in Rome"
    assert message.stop_reason == "end_turn"
    assert whole_histories(house)
    assert house.simulator.last_initiator == "agent"


@EACH
async def test_the_asynchronous_tool_runner_goes_on_with_the_whole_history(house: House, model: str) -> None:
    prompt = f"[[call:get_mail {json.dumps({'person': 'Ann'})}]]"
    async with client_of(house) as client:
        runner = client.beta.messages.tool_runner(**asked(model, prompt), tools=[get_mail])
        message = await runner.until_done()

    assert message.content[-1].text == "The tool get_mail answered: none for Ann"
    assert whole_histories(house)


async def test_a_thread_is_refused_as_the_package_understands_it(house: House) -> None:
    async with client_of(house) as client:
        with pytest.raises(anthropic.BadRequestError) as caught:
            await client.beta.messages.create(**asked(MODELS["gpt on chat"], "Hi"), thread={"type": "create"})

    assert caught.value.body["error"]["details"]["error_code"] == "thread_unsupported_request"
    assert caught.value.request_id or caught.value.body["request_id"]


# What else the package asks


@EACH
async def test_tokens_are_counted(house: House, model: str) -> None:
    async with client_of(house) as client:
        bare = await client.messages.count_tokens(model=model, messages=user("How many words are there?"))
        more = await client.messages.count_tokens(
            model=model, messages=user("How many words are there?"), tools=TOOLS, system="Be brief."
        )
        tried = await client.beta.messages.count_tokens(model=model, messages=user("How many words are there?"))

    assert 3 < bare.input_tokens == tried.input_tokens < 30
    assert more.input_tokens > bare.input_tokens


async def test_models(house: House) -> None:
    async with client_of(house) as client:
        listed = [model async for model in client.models.list(limit=5)]
        found = await client.models.retrieve(MODELS["as it is"])
        tried = [model.id async for model in client.beta.models.list()]

    assert len(listed) > 5, "there is no second page"
    assert found in listed
    assert [model.id for model in listed] == tried
    assert set(MODELS.values()) <= set(tried)
    for model in listed:
        types.ModelInfo.model_validate_json(model.to_json(), strict=True)


REFUSALS = {
    400: (anthropic.BadRequestError, "invalid_request_error"),
    401: (anthropic.AuthenticationError, "authentication_error"),
    403: (anthropic.PermissionDeniedError, "permission_error"),
    404: (anthropic.NotFoundError, "not_found_error"),
    429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"),
    503: (anthropic.ServiceUnavailableError, "overloaded_error"),
}


@pytest.mark.parametrize("stream", [False, True])
@EACH
async def test_refusals_before_the_first_byte(house: House, model: str, stream: bool) -> None:
    for status, (error, kind) in REFUSALS.items():
        async with client_of(house) as client:
            with pytest.raises(error) as caught:
                await client.messages.create(**asked(model, f"[[http:{status}]]"), stream=stream)

        assert caught.value.status_code == status
        assert caught.value.body["type"] == "error"
        assert caught.value.body["error"]["type"] == caught.value.type == kind
        assert caught.value.body["error"]["message"]


@EACH
async def test_refusals_of_our_own(house: House, model: str) -> None:
    async with client_of(house) as client:
        with pytest.raises(anthropic.NotFoundError) as unknown:
            await client.messages.create(**asked("gpt-99", "Hi"))
        with pytest.raises(anthropic.BadRequestError, match="prompt is too long: ") as long:
            await client.messages.create(**asked(model, "[[overflow]]"))
        with pytest.raises(anthropic.BadRequestError) as empty:
            await client.messages.create(model=model, max_tokens=9, messages=[])

    assert [error.value.type for error in (unknown, long, empty)] == [
        "not_found_error",
        "invalid_request_error",
        "invalid_request_error",
    ]


async def test_a_model_that_does_not_exist_is_none_of_the_list(house: House) -> None:
    async with client_of(house) as client:
        with pytest.raises(anthropic.NotFoundError) as caught:
            await client.models.retrieve("gpt-99")

    assert caught.value.body["error"]["type"] == "not_found_error"
    assert caught.value.body["type"] == "error"


@pytest.mark.parametrize("break_", ["[[midfail]]", "[[inband]]", "[[nofinish]]", "[[failed]]", "[[cut:1000]]"])
@EACH
async def test_an_answer_that_breaks_is_an_error_and_no_end(house: House, model: str, break_: str) -> None:
    kinds: list[str] = []

    async def talk() -> None:
        request = asked(model, f"{break_} one two three four five")
        async with client_of(house) as client, client.messages.stream(**request) as stream:
            async for event in stream:
                kinds.append(event.type)

    with pytest.raises(anthropic.APIStatusError) as caught:
        await talk()

    assert caught.value.body["error"]["message"]
    assert "message_stop" not in kinds


@EACH
async def test_leaving_a_stream_frees_copilot(house: House, model: str) -> None:
    async with client_of(house) as client:
        async with client.messages.stream(**asked(model, "[[long]]")) as stream:
            async for _ in stream:
                break
        with trio.fail_after(5):
            while house.simulator.open_streams:
                await trio.sleep(0.01)

    assert house.simulator.cancelled_streams == 1


@pytest.mark.parametrize("key", [{"api_key": "sk-ant-x"}, {"api_key": None, "auth_token": "x"}])
async def test_any_key_in_either_header_will_do(house: House, key: dict[str, Any]) -> None:
    async with client_of(house, **key) as client:
        message = await client.messages.create(**asked(MODELS["gpt on chat"], ANSWERS["text"]))

    assert message.content[0].text == "One two three"


@functools.cache
def everything() -> dict[str, Any]:
    """All that a request may say and some endpoint can live with."""
    return {
        "cache_control": {"type": "ephemeral"},
        "metadata": {"user_id": "ann"},
        "service_tier": "auto",
        "system": [{"type": "text", "text": "Be short", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "thinking": {"type": "adaptive"},
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "tools": [*TOOLS, {"type": "web_search_20250305", "name": "web_search"}],
        "extra_body": {"temperature": 1, "top_k": 5, "made_up": {"a": None}},
        "extra_query": {"beta": "true"},
    }


@EACH
async def test_everything_a_client_can_say_is_accepted_or_named(house: House, model: str) -> None:
    async with client_of(house, default_headers={"X-Title": "Test"}) as client:
        answer = await client.messages.with_raw_response.create(**asked(model, "[[reply:Yes]]"), **everything())

    message = await answer.parse()
    assert message.content[-1].text == "Yes"
    assert {"metadata", "service_tier", "made_up"} <= set(answer.headers["x-passenger-dropped"].split(", "))
