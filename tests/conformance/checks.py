"""Checks that hold for a real Copilot as for the simulated one; each takes the server's address and a model's id.

``test_checks.py`` runs them against the simulator, ``live.py`` against Copilot with the user's own login. They cost a
few dozen tokens each.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import ollama
from openai import AsyncOpenAI

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
HELLO: list[Any] = [{"role": "user", "content": "Say hello in one word."}]
ASK_WEATHER: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]


def openai_client(url: str) -> AsyncOpenAI:
    """The real client, without retries."""
    return AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)


@asynccontextmanager
async def closing(client: ollama.AsyncClient) -> AsyncGenerator[ollama.AsyncClient]:
    """The real client, closed afterwards."""
    try:
        yield client
    finally:
        await client.close()


async def the_model_is_listed(url: str, model: str) -> None:
    async with openai_client(url) as client:
        assert model in [entry.id async for entry in client.models.list()]


async def openai_gets_a_whole_answer(url: str, model: str) -> None:
    async with openai_client(url) as client:
        answer = await client.chat.completions.create(model=model, messages=HELLO)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


async def openai_gets_a_stream_with_usage_at_its_end(url: str, model: str) -> None:
    async with openai_client(url) as client:
        stream = await client.chat.completions.create(
            model=model, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert len({c.id for c in chunks}) == 1
    assert chunks[-1].usage is not None


async def openai_gets_a_tool_call(url: str, model: str) -> None:
    tools: Any = [WEATHER]
    async with openai_client(url) as client:
        answer = await client.chat.completions.create(
            model=model, messages=ASK_WEATHER, tools=tools, tool_choice="required"
        )
    calls = answer.choices[0].message.tool_calls
    assert calls
    assert calls[0].type == "function"
    assert "Paris" in calls[0].function.arguments
    assert answer.choices[0].finish_reason == "tool_calls"


async def ollama_gets_a_whole_answer(url: str, model: str) -> None:
    async with closing(ollama.AsyncClient(host=url)) as client:
        answer = await client.chat(model=model, messages=HELLO)
    assert answer.message.content
    assert answer.done_reason == "stop"
    assert answer.eval_count


async def ollama_gets_a_stream(url: str, model: str) -> None:
    async with closing(ollama.AsyncClient(host=url)) as client:
        lines = [line async for line in await client.chat(model=f"{model}:latest", messages=HELLO, stream=True)]
    assert "".join(line.message.content or "" for line in lines)
    assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True]


CHECKS: tuple[Callable[[str, str], Awaitable[None]], ...] = (
    the_model_is_listed,
    openai_gets_a_whole_answer,
    openai_gets_a_stream_with_usage_at_its_end,
    openai_gets_a_tool_call,
    ollama_gets_a_whole_answer,
    ollama_gets_a_stream,
)
