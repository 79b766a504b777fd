"""OpenAI's own package against the house, in its newer dialect: on a model of ``/responses`` and on all others."""

import functools
import json
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import pytest
import responses_rows as rows
import trio
from house import House

openai = pytest.importorskip("openai")
pydantic = pytest.importorskip("pydantic")

from openai.types import responses  # noqa: E402

# As in test_openai_client.py: the package leaves its generators to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator '(openai|httpx2|httpcore2)[.]:ResourceWarning")

T = TypeVar("T")
MODELS = {
    "as it is": "gpt-5.3-codex",
    "gpt on chat": "gpt-4.1",
    "claude on chat": "claude-sonnet-4.5",
    "gemini on chat": "gemini-3-pro-preview",
    "claude on messages": "claude-opus-4.7",
}
EACH = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
ABLE = pytest.mark.parametrize("model", [MODELS["as it is"], MODELS["gpt on chat"]])
"""Those that hold their answers to a schema here."""

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {"type": "function", "name": "get_weather", "description": "Of a city", "parameters": CITY, "strict": True}
PING = {"type": "function", "name": "ping", "parameters": {"type": "object", "properties": {}}, "strict": False}
PATCH = {"type": "custom", "name": "apply_patch", "format": {"type": "text"}}
TOOLS: Any = [WEATHER, PING, PATCH]
ANSWERS = {
    "text": "[[reply:One two three]]",
    "nothing": "[[reply:]]",
    "a call": "What is the weather in Rome",
    "calls at once": "What is the weather in Paris and Rome",
    "a call without arguments": "[[call:ping]]",
    "a call of a custom tool": '[[call:apply_patch {"input": "*** Begin\\n+é"}]]',
    "reasoning": "[[think]][[reply:One two]]",
    "reasoning and calls": '[[think]][[call:get_weather {"city": "Rome"}]][[call:ping]]',
    "text and calls": '[[reply:Let me see]][[call:get_weather {"city": "Rome"}]]',
    "cut off": "[[len]][[reply:One two]]",
    "filtered": "[[filter]]",
    "in pieces": '[[bytes:31]][[reply:né 漢字 🎉]][[call:get_weather {"city": "Nîmes"}]]',
}


class Verdict(pydantic.BaseModel):
    """What is asked for where the answer must have a form."""

    title: str
    stars: int
    mood: Literal["good", "bad"]


def client_of(house: House, **more: Any) -> Any:
    options = {"api_key": "any", "max_retries": 0, "timeout": 10, **more}
    return openai.AsyncOpenAI(base_url=f"{house.url}/v1", **options)


async def in_thread(call: Callable[[], T]) -> T:
    """The synchronous client blocks, and the house runs in this thread."""
    return await trio.to_thread.run_sync(call, abandon_on_cancel=True)


@functools.cache
def kinds() -> dict[str, Any]:
    """The package's events by their type. In the package itself a field that is missing is no error."""
    (union, *_) = responses.ResponseStreamEvent.__args__
    return {kind.model_fields["type"].annotation.__args__[0]: kind for kind in union.__args__}


def written(model: Any) -> Any:
    """``model`` as JSON, as far as it was set."""
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


@EACH
async def test_every_event_has_the_packages_types_and_openais_order(house: House, model: str) -> None:
    for name, prompt in ANSWERS.items():
        body = {"model": model, "input": prompt, "tools": TOOLS, "stream": True}
        events = rows.parse((await house.http.post("/v1/responses", json=body)).text)

        assert rows.faults(rows.STREAM, events) == [], name
        for event in events:
            read = kinds()[event["type"]].model_validate(event)
            if model != MODELS["as it is"]:
                assert written(read) == event, "there is something of ours that is unknown to the package"


@EACH
async def test_the_package_adds_up_a_stream_to_the_whole_answer(house: House, model: str) -> None:
    async with client_of(house) as client:
        for name, prompt in ANSWERS.items():
            asked = {"model": model, "input": prompt, "tools": TOOLS}
            whole = await client.responses.create(**asked)
            async with client.responses.stream(**asked) as stream:
                types = [event.type async for event in stream]
                streamed = None if whole.status == "incomplete" else await stream.get_final_response()
            told = [event async for event in await client.responses.create(**asked, stream=True)]

            responses.Response.model_validate(whole.to_dict(mode="json"))
            assert types[0] == "response.created", name
            said = [rows.comparable(plain(written(one))) for one in (whole, told[-1].response, streamed) if one]
            common = functools.reduce(lambda names, one: names & one.keys(), said, said[0].keys())
            assert common == said[0].keys() or model == MODELS["as it is"], name
            assert [one for one in said if any(one[key] != said[0][key] for key in common)] == [], name
            assert whole.output_text == told[-1].response.output_text, name


def plain(value: Any) -> Any:
    """Without what the package's helper adds of its own."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items() if name not in {"parsed", "parsed_arguments"}}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


@EACH
async def test_the_turn_after_the_calls(house: House, model: str) -> None:
    said: list[Any] = [{"role": "user", "content": f"[[think]]{ANSWERS['calls at once']}"}]
    async with client_of(house) as client:
        first = await client.responses.create(model=model, input=said, tools=TOOLS)
        calls = [item for item in first.output if item.type == "function_call"]
        said += [item.model_dump(mode="json") for item in first.output]
        said += [
            {
                "type": "function_call_output",
                "call_id": call.call_id,
                "output": f"sunny in {json.loads(call.arguments)}",
            }
            for call in calls
        ]
        last = await client.responses.create(model=model, input=said, tools=TOOLS)

    assert [json.loads(call.arguments)["city"] for call in calls] == ["Paris", "Rome"]
    assert last.output_text.count("The tool get_weather answered: sunny in") == 2
    assert house.simulator.last_initiator == "agent"


@EACH
async def test_the_stream_helper_tells_text_and_arguments(house: House, model: str) -> None:
    async with (
        client_of(house) as client,
        client.responses.stream(model=model, input=ANSWERS["text and calls"], tools=TOOLS) as stream,
    ):
        events = [event async for event in stream]
        answer = await stream.get_final_response()

    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "Let me see"
    [call] = [item for item in answer.output if item.type == "function_call"]
    assert call.parsed_arguments == {"city": "Rome"}
    assert answer.output_text == "Let me see"


@EACH
async def test_a_stream_synchronously(house: House, model: str) -> None:
    def talk() -> tuple[str, Any]:
        with (
            openai.OpenAI(base_url=f"{house.url}/v1", api_key="any", max_retries=0, timeout=10) as client,
            client.responses.stream(model=model, input=ANSWERS["text"]) as stream,
        ):
            pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
            return "".join(pieces), stream.get_final_response()

    text, answer = await in_thread(talk)

    assert text == answer.output_text == "One two three"
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


@pytest.mark.parametrize("helper", ["parse", "stream"])
@ABLE
async def test_an_answer_parsed_into_a_model(house: House, model: str, helper: str) -> None:
    asked = {"model": model, "input": "Rate this", "text_format": Verdict}
    async with client_of(house) as client:
        if helper == "parse":
            answer = await client.responses.parse(**asked)
        else:
            async with client.responses.stream(**asked) as stream:
                answer = await stream.get_final_response()

    assert isinstance(answer.output_parsed, Verdict)


@EACH
async def test_arguments_parsed_into_a_model(house: House, model: str) -> None:
    tool = openai.pydantic_function_tool(Verdict, name="give_verdict")
    async with client_of(house) as client:
        answer = await client.responses.parse(model=model, input="Your verdict", tools=[tool])

    [call] = [item for item in answer.output if item.type == "function_call"]
    assert isinstance(call.parsed_arguments, Verdict)


@EACH
async def test_a_custom_tool_is_called_with_its_text(house: House, model: str) -> None:
    async with client_of(house) as client:
        answer = await client.responses.create(model=model, input=ANSWERS["a call of a custom tool"], tools=[PATCH])

    [call] = [item for item in answer.output if item.type == "custom_tool_call"]
    assert (call.name, call.input) == ("apply_patch", "*** Begin\n+é")


REFUSALS = {
    400: (openai.BadRequestError, "invalid_request_body"),
    401: (openai.AuthenticationError, None),
    403: (openai.PermissionDeniedError, None),
    404: (openai.NotFoundError, "not_found"),
    429: (openai.RateLimitError, "rate_limited"),
    503: (openai.InternalServerError, None),
}


@pytest.mark.parametrize("stream", [False, True])
@EACH
async def test_refusals_before_the_first_byte(house: House, model: str, stream: bool) -> None:
    for status, (error, code) in REFUSALS.items():
        async with client_of(house) as client:
            with pytest.raises(error) as caught:
                await client.responses.create(model=model, input=f"[[http:{status}]]", stream=stream)

        assert caught.value.status_code == status
        assert caught.value.code == code
        assert caught.value.body["message"]
        assert caught.value.request_id


@EACH
async def test_refusals_of_our_own(house: House, model: str) -> None:
    async with client_of(house) as client:
        with pytest.raises(openai.BadRequestError) as kept:
            await client.responses.create(model=model, input="Hi", previous_response_id="resp_1")
        with pytest.raises(openai.BadRequestError) as later:
            await client.responses.create(model=model, input="Hi", background=True)
        with pytest.raises(openai.NotFoundError) as unknown:
            await client.responses.create(model="gpt-99", input="Hi")
        with pytest.raises(openai.BadRequestError) as long:
            await client.responses.create(model=model, input="[[overflow]]")
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve("resp_1")

    assert [(error.value.param, error.value.code) for error in (kept, later, unknown, long)] == [
        ("previous_response_id", "previous_response_not_found"),
        ("background", "unsupported_parameter"),
        ("model", "model_not_found"),
        ("input", "context_length_exceeded"),
    ]


@pytest.mark.parametrize("break_", ["[[midfail]]", "[[inband]]", "[[nofinish]]", "[[failed]]"])
@EACH
async def test_an_answer_that_breaks_is_an_error_and_no_end(house: House, model: str, break_: str) -> None:
    types: list[str] = []

    async def talk() -> None:
        async with client_of(house) as client:
            stream = await client.responses.create(model=model, input=f"{break_} one two three four five", stream=True)
            async for event in stream:
                types.append(event.type)

    with pytest.raises(openai.APIError) as caught:
        await talk()

    assert caught.value.message
    assert types[-1] == "response.failed"
    assert not {"response.completed", "response.incomplete"} & set(types)


@EACH
async def test_closing_a_stream_frees_copilot(house: House, model: str) -> None:
    async with client_of(house) as client:
        stream = await client.responses.create(model=model, input="[[long]]", stream=True)
        await anext(stream)
        assert house.simulator.open_streams == 1
        await stream.close()
        with trio.fail_after(5):
            while house.simulator.open_streams:
                await trio.sleep(0.01)

    assert house.simulator.cancelled_streams == 1


@EACH
async def test_everything_a_client_can_say_is_accepted_or_named(house: House, model: str) -> None:
    async with client_of(house, organization="org", project="proj", default_headers={"X-Title": "Test"}) as client:
        answer = await client.responses.with_raw_response.create(
            model=model,
            input=[{"role": "developer", "content": "Be short"}, {"role": "user", "content": "[[reply:Yes]]"}],
            instructions="You help.",
            include=["reasoning.encrypted_content"],
            max_output_tokens=500,
            metadata={"a": "b"},
            parallel_tool_calls=True,
            prompt_cache_key="k",
            reasoning={"effort": "minimal", "summary": "auto"},
            safety_identifier="ann",
            service_tier="auto",
            store=True,
            temperature=0.5,
            text={"format": {"type": "text"}, "verbosity": "low"},
            tool_choice="auto",
            tools=TOOLS,
            top_p=1,
            truncation="auto",
            extra_body={"made_up": {"a": None}},
            extra_query={"beta": "true"},
        )

    assert answer.parse().output_text == "Yes"
    assert {"metadata", "safety_identifier", "service_tier"} <= set(answer.headers["x-passenger-dropped"].split(", "))
