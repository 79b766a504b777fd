"""Ollama's own package against the house, whose pydantic models are the strictest readers of its lines."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
from house import House, open_house

from passenger_trio.simulator import Simulator

ollama = pytest.importorskip("ollama")
pydantic = pytest.importorskip("pydantic")

T = TypeVar("T")
MODEL = "gpt-4.1"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
QUESTION = "What is the weather in Paris and Rome"


def get_weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: The city's name

    Returns:
        str: The weather
    """
    return f"sunny in {city}"


class Verdict(pydantic.BaseModel):
    """What is asked for where the answer must have a form."""

    title: str
    stars: int


def user(text: str, **more: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text, **more}]


async def in_thread(call: Callable[[], T]) -> T:
    """The synchronous client blocks, and the house runs in this thread.

    So does asyncio, where the client may leave its generators unfinished without trio telling of it.
    """
    return await trio.to_thread.run_sync(call, abandon_on_cancel=True)


def client_of(house: House, **more: Any) -> Any:
    return ollama.AsyncClient(host=house.url, timeout=10, **more)


def sync_client(house: House) -> Any:
    return ollama.Client(host=house.url, timeout=10)


def check_end(answer: Any, reason: str = "stop") -> None:
    assert answer.done
    assert answer.done_reason == reason
    assert answer.total_duration >= answer.eval_duration > 0
    assert answer.prompt_eval_duration > 0
    assert answer.load_duration > 0
    assert answer.prompt_eval_count > 0
    assert answer.eval_count > 0


async def freed(house: House) -> None:
    """Wait until Copilot has no answer of ours in flight any more."""
    with trio.fail_after(10):
        while house.simulator.open_streams:
            await trio.sleep(0.01)


def sent(house: House) -> dict[str, Any]:
    """The last chat that Copilot got."""
    return json.loads(
        next(seen for seen in reversed(house.simulator.requests) if seen.path == "/chat/completions").body
    )


async def test_a_whole_answer(house: House) -> None:
    async with client_of(house) as client:
        answer = await client.chat(MODEL, user("[[reply:Hello there]]"))

    assert answer.message.content == "Hello there"
    assert answer.message.role == "assistant"
    assert answer.model == MODEL
    check_end(answer)


async def test_a_whole_answer_synchronously(house: House) -> None:
    with sync_client(house) as client:
        answer = await in_thread(lambda: client.chat(MODEL, user("[[reply:Hello there]]")))

    assert answer.message.content == "Hello there"
    check_end(answer)


async def test_a_stream(house: House) -> None:
    async with client_of(house) as client:
        parts = [part async for part in await client.chat(MODEL, user("[[reply:One two three]]"), stream=True)]

    assert [part.message.content for part in parts] == ["One", " two", " three", ""]
    assert not any(part.done for part in parts[:-1])
    check_end(parts[-1])


async def test_a_stream_synchronously(house: House) -> None:
    with sync_client(house) as client:
        parts = await in_thread(lambda: list(client.chat(MODEL, user("[[reply:One two]]"), stream=True)))

    assert "".join(part.message.content for part in parts) == "One two"
    check_end(parts[-1])


@pytest.mark.parametrize("stream", [False, True])
async def test_a_python_function_as_a_tool_and_the_turn_after_it(house: House, stream: bool) -> None:
    messages: list[Any] = user(QUESTION)
    async with client_of(house) as client:
        if stream:
            parts = [part async for part in await client.chat(MODEL, messages, tools=[get_weather], stream=True)]
            calls = [call for part in parts for call in part.message.tool_calls or ()]
            said = ollama.Message(role="assistant", tool_calls=calls)
            check_end(parts[-1])
        else:
            answer = await client.chat(MODEL, messages, tools=[get_weather])
            said, calls = answer.message, answer.message.tool_calls
            check_end(answer)
        results = [
            {"role": "tool", "tool_name": call.function.name, "content": get_weather(**call.function.arguments)}
            for call in calls
        ]
        last = await client.chat(MODEL, [*messages, said, *results], tools=[get_weather])

    assert [call.function.arguments for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]
    assert last.message.content == (
        "The tool get_weather answered: sunny in Paris\nThe tool get_weather answered: sunny in Rome"
    )
    assert house.simulator.last_initiator == "agent"
    asked = sent(house)["messages"]
    assert [call["id"] for call in asked[1]["tool_calls"]] == [message["tool_call_id"] for message in asked[2:]]


async def test_a_python_function_as_a_tool_synchronously(house: House) -> None:
    with sync_client(house) as client:
        answer = await in_thread(lambda: client.chat(MODEL, user("the weather in Oslo"), tools=[get_weather]))

    [call] = answer.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", {"city": "Oslo"})
    assert answer.message.content == ""


async def test_a_format(house: House) -> None:
    async with client_of(house) as client:
        schema = await client.chat(MODEL, user("Rate this"), format=Verdict.model_json_schema())
        plain = await client.chat(MODEL, user("Rate this"), format="json")
        none = await client.chat(MODEL, user("[[reply:text]]"), format="")

    assert isinstance(Verdict.model_validate_json(schema.message.content), Verdict)
    assert isinstance(json.loads(plain.message.content), dict)
    assert none.message.content == "text"


@pytest.mark.parametrize("sync", [False, True])
async def test_the_list_of_models(house: House, sync: bool) -> None:
    if sync:
        with sync_client(house) as client:
            listed = await in_thread(client.list)
    else:
        async with client_of(house) as client:
            listed = await client.list()

    by_name = {model.model: model for model in listed.models}
    model = by_name["gpt-4.1:latest"]
    assert model.modified_at.year >= 2023
    assert model.size > 0
    assert model.details.family
    assert len({model.digest for model in listed.models}) == len(listed.models)


async def test_a_host_that_ends_in_v1(house: House) -> None:
    async with ollama.AsyncClient(host=f"{house.url}/v1", timeout=10) as client:
        names = {model.model for model in (await client.list()).models}
        parts = [part async for part in await client.chat(MODEL, user("[[reply:One]]"), stream=True)]

    assert "gpt-4.1:latest" in names
    assert parts[0].message.content == "One"
    check_end(parts[-1])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("think, shown", [(True, True), ("low", True), (None, True), (False, False)])
async def test_thinking(house: House, stream: bool, think: Any, shown: bool) -> None:
    async with client_of(house) as client:
        answer = await client.chat("claude-sonnet-4.5", user("[[think]][[reply:Done]]"), think=think, stream=stream)
        parts = [part async for part in answer] if stream else [answer]

    thinking = "".join(part.message.thinking or "" for part in parts)
    assert ("without a model" in thinking) is shown
    assert "".join(part.message.content for part in parts) == "Done"


async def test_options(house: House) -> None:
    options = ollama.Options(temperature=0.5, num_predict=2, num_ctx=8192, stop=["END"], seed=1)
    async with client_of(house) as client:
        answer = await client.chat(MODEL, user("[[reply:a b c]]"), options=options, keep_alive="5m")

    check_end(answer, reason="length")
    assert answer.message.content == "a b"
    got = sent(house)
    assert (got["temperature"], got["max_tokens"], got["stop"], got["seed"]) == (0.5, 2, ["END"], 1)
    assert "num_ctx" not in got


@pytest.mark.parametrize("name", ["gpt-4.1:latest", "GPT-4.1", "library/gpt-4.1:latest"])
async def test_names_as_ollama_writes_them(house: House, name: str) -> None:
    async with client_of(house) as client:
        answer = await client.chat(name, user("Hi"))

    assert answer.model == name
    assert sent(house)["model"] == MODEL


@pytest.mark.parametrize("stream", [False, True])
async def test_pictures(house: House, tmp_path: Path, stream: bool) -> None:
    file = tmp_path / "pixel.png"
    file.write_bytes(PIXEL)
    async with client_of(house) as client:
        answer = await client.chat("claude-sonnet-4.5", user("Look", images=[file, PIXEL]), stream=stream)
        parts = [part async for part in answer] if stream else [answer]

    assert "You sent 2 pictures." in "".join(part.message.content for part in parts)
    urls = [part["image_url"]["url"] for part in sent(house)["messages"][0]["content"] if "image_url" in part]
    assert urls == ["data:image/png;base64," + base64.b64encode(PIXEL).decode()] * 2


async def test_loading_and_unloading(house: House) -> None:
    async with client_of(house) as client:
        loaded = await client.chat(MODEL)
        unloaded = await client.chat(MODEL, keep_alive=0)

    assert (loaded.done, loaded.done_reason) == (True, "load")
    assert (unloaded.done, unloaded.done_reason) == (True, "unload")
    assert house.simulator.counts["chat"] == 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "status, words",
    [(400, "invalid request body"), (404, "model not found"), (429, "rate limit exceeded"), (502, "web page")],
)
async def test_refusals_before_the_first_byte(house: House, status: int, words: str, stream: bool) -> None:
    async def talk() -> None:
        async with client_of(house) as client:
            answer = await client.chat(MODEL, user(f"[[http:{status}]]"), stream=stream)
            if stream:
                await anext(answer)

    with pytest.raises(ollama.ResponseError, match=words) as caught:
        await talk()

    assert caught.value.status_code == status


async def test_refusals_of_our_own(house: House) -> None:
    async with client_of(house) as client:
        with pytest.raises(ollama.ResponseError, match="tool result") as lost:
            await client.chat(MODEL, [{"role": "tool", "content": "18C"}])
        with pytest.raises(ollama.ResponseError, match=r"^model 'nobody' not found") as missing:
            await client.chat("nobody", user("Hi"))
        with pytest.raises(ollama.ResponseError, match=r'^"gpt-4.1" does not support thinking') as silent:
            await client.generate(MODEL, "Hi", think=True)

    assert (lost.value.status_code, missing.value.status_code, silent.value.status_code) == (400, 404, 400)


async def test_a_key_in_the_clients_headers(tmp_path: Path) -> None:
    async with open_house(Simulator(), tmp_path, server__api_key="right") as house:
        async with client_of(house) as client:
            with pytest.raises(ollama.ResponseError) as caught:
                await client.list()
        async with client_of(house, headers={"Authorization": "Bearer right"}) as client:
            assert (await client.list()).models

    assert caught.value.status_code == 401


async def test_an_answer_that_breaks_is_an_error_and_no_end(house: House) -> None:
    parts: list[Any] = []

    def talk() -> None:
        with sync_client(house) as client:
            parts.extend(client.chat(MODEL, user("[[midfail]] one two three four five"), stream=True))

    with pytest.raises(ollama.ResponseError, match="broke"):
        await in_thread(talk)

    assert "".join(part.message.content for part in parts).startswith("This is a simulated")
    assert not any(part.done for part in parts)


async def test_an_answer_that_breaks_is_an_error_in_asyncio_as_well(house: House) -> None:
    async def talk() -> None:
        async with client_of(house) as client:
            async for _ in await client.chat(MODEL, user("[[midfail]] one two three"), stream=True):
                pass

    with pytest.raises(ollama.ResponseError, match="broke"):
        await in_thread(lambda: asyncio.run(talk()))


async def test_leaving_a_stream_frees_copilot(house: House) -> None:
    async def talk() -> int:
        async with client_of(house) as client:
            stream = await client.chat(MODEL, user("[[long]]"), stream=True)
            await anext(stream)
            seen = house.simulator.open_streams
            await stream.aclose()
        return seen

    assert await in_thread(lambda: asyncio.run(talk())) == 1
    await freed(house)

    assert house.simulator.cancelled_streams == 1


async def test_leaving_a_stream_synchronously_frees_copilot(house: House) -> None:
    def talk() -> None:
        with sync_client(house) as client:
            stream = client.chat(MODEL, user("[[long]]"), stream=True)
            next(stream)
            stream.close()

    await in_thread(talk)
    await freed(house)

    assert house.simulator.cancelled_streams == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_a_generation_and_the_one_after_it(house: House, stream: bool) -> None:
    async with client_of(house) as client:

        async def say(prompt: str, **more: Any) -> list[Any]:
            answer = await client.generate(MODEL, prompt, stream=stream, **more)
            return [part async for part in answer] if stream else [answer]

        first = await say("[[reply:Hello Ann]]", system="Be brief.")
        second = await say("[[reply:Ann it is]]", context=first[-1].context)

    for parts, text in ((first, "Hello Ann"), (second, "Ann it is")):
        assert "".join(part.response for part in parts) == text
        assert not any(part.done for part in parts[:-1])
        check_end(parts[-1])
    said = [message["content"] for message in sent(house)["messages"]]
    assert said == ["Be brief.", "[[reply:Hello Ann]]", "Hello Ann", "[[reply:Ann it is]]"]


async def test_a_generation_synchronously(house: House) -> None:
    with sync_client(house) as client:
        parts = await in_thread(lambda: list(client.generate(MODEL, "[[reply:One two]]", stream=True)))

    assert "".join(part.response for part in parts) == "One two"
    check_end(parts[-1])


async def test_loading_and_unloading_without_a_prompt(house: House) -> None:
    async with client_of(house) as client:
        loaded = await client.generate(MODEL, "")
        running = [model.model for model in (await client.ps()).models]
        unloaded = await client.generate(MODEL, "", keep_alive=0)
        left = (await client.ps()).models

    assert (loaded.done, loaded.done_reason, loaded.response) == (True, "load", "")
    assert (unloaded.done, unloaded.done_reason, unloaded.response) == (True, "unload", "")
    assert (running, list(left)) == (["gpt-4.1:latest"], [])
    assert house.simulator.counts["chat"] == 0


@pytest.mark.parametrize("kind", ["chat", "generate"])
async def test_a_whole_answer_that_breaks_is_an_error_with_a_status(house: House, kind: str) -> None:
    text = "[[midfail]] one two three four five"
    async with client_of(house) as client:
        with pytest.raises(ollama.ResponseError, match="broke") as caught:
            await (client.chat(MODEL, user(text)) if kind == "chat" else client.generate(MODEL, text))

    assert caught.value.status_code == 502
