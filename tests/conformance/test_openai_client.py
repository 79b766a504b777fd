"""OpenAI's own package against the house: the strictest reader of chat completions there is."""

import functools
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
import trio
from house import House, open_house

from passenger_trio.simulator import Simulator

openai = pytest.importorskip("openai")
pydantic = pytest.importorskip("pydantic")

# The package stops reading at [DONE] and leaves its generators to the garbage collector, which trio tells of. Its HTTP
# client is httpx2, which is not the house's: nothing of ours is hidden.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator '(openai|httpx2|httpcore2)[.]:ResourceWarning")

T = TypeVar("T")
MODEL = "gpt-4.1"
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
QUESTION = "What is the weather in Paris and Rome"


class Verdict(pydantic.BaseModel):
    """What is asked for where the answer must have a form."""

    title: str
    stars: int
    mood: Literal["good", "bad"]
    tags: list[str]


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


async def in_thread(call: Callable[[], T]) -> T:
    """The synchronous client blocks, and the house runs in this thread."""
    return await trio.to_thread.run_sync(call, abandon_on_cancel=True)


@asynccontextmanager
async def client_of(house: House, **more: Any) -> AsyncGenerator[Any]:
    options = {"api_key": "any", "max_retries": 0, "timeout": 10, **more}
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", **options) as client:
        yield client


def sync_client(house: House) -> Any:
    return openai.OpenAI(base_url=f"{house.url}/v1", api_key="any", max_retries=0, timeout=10)


async def freed(house: House) -> None:
    """Wait until Copilot has no answer of ours in flight any more."""
    with trio.fail_after(10):
        while house.simulator.open_streams:
            await trio.sleep(0.01)


async def test_a_whole_answer(house: House) -> None:
    async with client_of(house) as client:
        answer = await client.chat.completions.create(model=MODEL, messages=user("[[reply:Hello there]]"))

    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content == "Hello there"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == 2
    assert answer.model_extra["copilot_usage"]  # what OpenAI does not have, its client hands on
    assert answer._request_id


async def test_a_whole_answer_synchronously(house: House) -> None:
    def talk() -> str:
        with sync_client(house) as client:
            answer = client.chat.completions.create(model=MODEL, messages=user("[[reply:Hello there]]"))
        return answer.choices[0].message.content

    assert await in_thread(talk) == "Hello there"


async def test_a_stream(house: House) -> None:
    async with client_of(house) as client:
        stream = await client.chat.completions.create(
            model=MODEL, messages=user("[[reply:One two three]]"), stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "One two three"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 3


async def test_a_stream_synchronously(house: House) -> None:
    def talk() -> list[str]:
        with sync_client(house) as client:
            stream = client.chat.completions.create(model=MODEL, messages=user("[[reply:One two]]"), stream=True)
            return [chunk.choices[0].delta.content or "" for chunk in stream]

    assert [piece for piece in await in_thread(talk) if piece] == ["One", " two"]


@pytest.mark.parametrize("prompt", ["[[reply:One two three]]", "[[think]][[reply:One two three]]"])
async def test_the_stream_helper(house: House, prompt: str) -> None:
    async with (
        client_of(house) as client,
        client.chat.completions.stream(
            model=MODEL, messages=user(prompt), stream_options={"include_usage": True}
        ) as stream,
    ):
        events = [event async for event in stream]
        answer = await stream.get_final_completion()

    assert "".join(event.delta for event in events if event.type == "content.delta") == "One two three"
    assert [event.content for event in events if event.type == "content.done"] == ["One two three"]
    assert answer.choices[0].message.content == "One two three"
    assert answer.usage.completion_tokens == 3


async def test_the_stream_helper_synchronously_with_tools(house: House) -> None:
    def talk() -> tuple[list[str], Any]:
        with (
            sync_client(house) as client,
            client.chat.completions.stream(model=MODEL, messages=user(QUESTION), tools=[WEATHER]) as stream,
        ):
            return [event.type for event in stream], stream.get_final_completion()

    kinds, answer = await in_thread(talk)
    assert kinds.count("tool_calls.function.arguments.done") == 2
    calls = answer.choices[0].message.tool_calls
    assert [call.function.parsed_arguments for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("helper", ["create", "stream"])
async def test_parallel_tool_calls_and_the_turn_after_them(house: House, helper: str) -> None:
    messages = user(QUESTION)
    async with client_of(house) as client:
        if helper == "create":
            answer = await client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
        else:
            async with client.chat.completions.stream(model=MODEL, messages=messages, tools=[WEATHER]) as stream:
                answer = await stream.get_final_completion()
        said = answer.choices[0].message
        assert answer.choices[0].finish_reason == "tool_calls"
        cities = [json.loads(call.function.arguments)["city"] for call in said.tool_calls]
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": f"sunny in {city}"}
            for call, city in zip(said.tool_calls, cities, strict=True)
        ]
        last = await client.chat.completions.create(
            model=MODEL, messages=[*messages, said.model_dump(), *results], tools=[WEATHER]
        )

    assert cities == ["Paris", "Rome"]
    assert last.choices[0].message.content == (
        "The tool get_weather answered: sunny in Paris\nThe tool get_weather answered: sunny in Rome"
    )
    assert house.simulator.last_initiator == "agent"


async def test_a_call_without_arguments(house: House) -> None:
    async with (
        client_of(house) as client,
        client.chat.completions.stream(model=MODEL, messages=user("[[call:ping]]")) as stream,
    ):
        answer = await stream.get_final_completion()

    assert answer.choices[0].message.tool_calls[0].function.arguments == "{}"


@pytest.mark.parametrize("sync", [False, True])
async def test_an_answer_parsed_into_a_model(house: House, sync: bool) -> None:
    if sync:
        call = functools.partial(
            sync_client(house).chat.completions.parse,
            model=MODEL,
            messages=user("Rate this"),
            response_format=Verdict,
        )
        answer = await in_thread(call)
    else:
        async with client_of(house) as client:
            answer = await client.chat.completions.parse(
                model=MODEL, messages=user("Rate this"), response_format=Verdict
            )

    verdict = answer.choices[0].message.parsed
    assert isinstance(verdict, Verdict)
    assert verdict.mood in {"good", "bad"}


async def test_arguments_parsed_into_a_model(house: House) -> None:
    tool = openai.pydantic_function_tool(Verdict, name="give_verdict")
    async with client_of(house) as client:
        answer = await client.chat.completions.parse(model=MODEL, messages=user("Your verdict"), tools=[tool])

    [call] = answer.choices[0].message.tool_calls
    assert isinstance(call.function.parsed_arguments, Verdict)


async def test_models(house: House) -> None:
    async with client_of(house) as client:
        listed = [model async for model in client.models.list()]
        found = await client.models.retrieve("gpt-4.1:latest")

    assert {model.object for model in listed} == {"model"}
    assert found in listed
    assert found.id == MODEL


async def test_models_synchronously(house: House) -> None:
    def names() -> list[str]:
        with sync_client(house) as client:
            return [model.id for model in client.models.list()]

    assert MODEL in await in_thread(names)


REFUSALS = {
    400: (openai.BadRequestError, "invalid_request_body"),
    401: (openai.AuthenticationError, None),
    403: (openai.PermissionDeniedError, None),
    404: (openai.NotFoundError, "not_found"),
    429: (openai.RateLimitError, "rate_limited"),
    503: (openai.InternalServerError, None),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", REFUSALS)
async def test_refusals_before_the_first_byte(house: House, status: int, stream: bool) -> None:
    error, code = REFUSALS[status]
    async with client_of(house) as client:
        with pytest.raises(error) as caught:
            await client.chat.completions.create(model=MODEL, messages=user(f"[[http:{status}]]"), stream=stream)

    assert caught.value.status_code == status
    assert caught.value.code == code
    assert caught.value.body["message"]
    assert caught.value.request_id
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "37"


async def test_refusals_of_our_own(house: House) -> None:
    async with client_of(house) as client:
        with pytest.raises(openai.NotFoundError) as unknown:
            await client.models.retrieve("gpt-99")
        with pytest.raises(openai.BadRequestError) as empty:
            await client.chat.completions.create(model=MODEL, messages=[])
        with pytest.raises(openai.NotFoundError):
            await client.images.generate(prompt="an otter")

    assert unknown.value.code == "model_not_found"
    assert empty.value.param == "messages"


async def test_a_wrong_key(tmp_path: Path) -> None:
    async with open_house(Simulator(), tmp_path, server__api_key="right") as house:
        async with client_of(house, api_key="wrong") as client:
            with pytest.raises(openai.AuthenticationError) as caught:
                await client.models.list()
        async with client_of(house, api_key="right") as client:
            assert (await client.models.list()).data

    assert caught.value.code == "invalid_api_key"


async def test_a_login_that_is_void(house: House) -> None:
    house.simulator.kill_tokens()
    house.simulator.revoke(house.login)
    async with client_of(house) as client:
        with pytest.raises(openai.AuthenticationError, match="passenger-trio login"):
            await client.chat.completions.create(model=MODEL, messages=user("Hi"))


async def test_a_retry_after_a_passing_refusal_is_the_clients_own(house: House) -> None:
    async with client_of(house, max_retries=1) as client:
        answer = await client.chat.completions.create(model=MODEL, messages=user("[[http1:503]][[reply:Hello]]"))

    assert answer.choices[0].message.content == "Hello"
    assert house.simulator.counts["chat"] == 2


BREAKING = {"model": MODEL, "messages": user("[[midfail]] one two three four five")}


async def test_an_answer_that_breaks_is_an_error_and_no_end(house: House) -> None:
    pieces: list[str] = []

    async def talk() -> None:
        async with client_of(house) as client:
            async for chunk in await client.chat.completions.create(**BREAKING, stream=True):
                pieces.append(chunk.choices[0].delta.content or "")

    with pytest.raises(openai.APIError, match="broke"):
        await talk()

    assert "".join(pieces).startswith("This is a simulated")


async def test_an_answer_that_breaks_is_an_error_of_the_stream_helper(house: House) -> None:
    kinds: list[str] = []

    async def talk() -> None:
        async with client_of(house) as client, client.chat.completions.stream(**BREAKING) as stream:
            async for event in stream:
                kinds.append(event.type)

    with pytest.raises(openai.APIError, match="broke"):
        await talk()

    assert "content.delta" in kinds
    assert "content.done" not in kinds


async def test_closing_a_stream_frees_copilot(house: House) -> None:
    async with client_of(house) as client:
        stream = await client.chat.completions.create(model=MODEL, messages=user("[[long]]"), stream=True)
        await anext(stream)
        assert house.simulator.open_streams == 1
        await stream.close()
        await freed(house)

    assert house.simulator.cancelled_streams == 1


async def test_closing_a_stream_synchronously_frees_copilot(house: House) -> None:
    def talk() -> None:
        with sync_client(house) as client:
            stream = client.chat.completions.create(model=MODEL, messages=user("[[long]]"), stream=True)
            next(iter(stream))
            stream.close()

    await in_thread(talk)
    await freed(house)

    assert house.simulator.cancelled_streams == 1


async def test_leaving_the_stream_helper_frees_copilot(house: House) -> None:
    async with client_of(house) as client:
        async with client.chat.completions.stream(model=MODEL, messages=user("[[long]]")) as stream:
            async for _ in stream:
                break
        await freed(house)

    assert house.simulator.cancelled_streams == 1


async def test_a_client_that_runs_out_of_patience_frees_copilot(house: House) -> None:
    async with client_of(house, timeout=0.3) as client:
        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(model=MODEL, messages=user("[[long]]"))
        assert house.simulator.counts["chat"] == 1


async def test_everything_a_client_can_say_is_accepted(house: House) -> None:
    async with client_of(house, organization="org", project="proj", default_headers={"X-Title": "Test"}) as client:
        answer = await client.chat.completions.create(
            model=MODEL,
            messages=[
                {"role": "developer", "content": "Be short", "name": "dev"},
                {"role": "user", "content": [{"type": "text", "text": "[[reply:Yes]]"}], "name": "ann"},
            ],
            frequency_penalty=0.1,
            logit_bias={},
            max_completion_tokens=50,
            metadata={"a": "b"},
            n=1,
            parallel_tool_calls=True,
            presence_penalty=0.1,
            reasoning_effort="minimal",
            response_format={"type": "text"},
            seed=1,
            service_tier="auto",
            stop=["END"],
            store=False,
            temperature=0,
            tool_choice="auto",
            tools=[WEATHER],
            top_p=1,
            user="ann",
            verbosity="low",
            extra_body={"made_up": {"a": None}},
            extra_query={"beta": "true"},
        )

    assert answer.choices[0].message.content == "Yes"
