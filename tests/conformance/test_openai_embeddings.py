"""OpenAI's own package against the house: embeddings, and the text completions of old."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import openai
import pytest
import trio
from house import open_house
from openai.types import Completion
from openai.types.completion_create_params import CompletionCreateParamsBase
from openai.types.embedding_create_params import EmbeddingCreateParams

from passenger_trio.simulator import Simulator
from passenger_trio.translate.fronts import completions, embeddings

SMALL = "text-embedding-3-small"


@asynccontextmanager
async def client_of(directory: Path, simulator: Simulator | None = None) -> AsyncGenerator[openai.AsyncOpenAI]:
    async with (
        open_house(simulator or Simulator(), directory) as house,
        openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key="any", max_retries=0) as client,
    ):
        yield client


async def in_thread(client: openai.AsyncOpenAI, read: Callable[[openai.OpenAI], list[Completion]]) -> list[Completion]:
    """``read`` with the package's other client: the async one leaves its generators to the garbage collector."""

    def work() -> list[Completion]:
        with openai.OpenAI(base_url=client.base_url, api_key="any", max_retries=0) as blocking:
            return read(blocking)

    return await trio.to_thread.run_sync(work)


def test_every_field_of_openais_embeddings_is_heeded_or_dropped_with_a_reason() -> None:
    assert embeddings.TAKEN | embeddings.DROPPED.keys() == EmbeddingCreateParams.__annotations__.keys()


def test_no_field_of_openais_completions_is_dropped() -> None:
    fields = CompletionCreateParamsBase.__annotations__.keys()

    assert fields >= completions.TAKEN
    assert not fields & completions.DROPPED.keys()


async def test_the_packages_own_base64_gives_the_same_vector_as_floats(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        default = await client.embeddings.create(model=SMALL, input="two words")
        floats = await client.embeddings.create(model=SMALL, input="two words", encoding_format="float")

    assert len(default.data[0].embedding) == 1536
    assert default.data[0].embedding == pytest.approx(floats.data[0].embedding)
    assert (default.object, default.model, default.usage.prompt_tokens) == ("list", SMALL, 2)


async def test_lists_token_ids_and_dimensions_are_embedded(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        texts = await client.embeddings.create(model=SMALL, input=["hello world", "b"], dimensions=8)
        tokens = await client.embeddings.create(model=SMALL, input=[15339, 1917], dimensions=8)
        several = await client.embeddings.create(model=SMALL, input=[[15339, 1917], [65]], dimensions=8)

    assert [item.index for item in texts.data] == [0, 1]
    assert tokens.data[0].embedding == texts.data[0].embedding
    assert several.data[0].embedding == texts.data[0].embedding
    assert several.data[1].embedding == texts.data[1].embedding


async def test_refusals_are_the_packages_own_errors(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        with pytest.raises(openai.BadRequestError, match="empty text") as empty:
            await client.embeddings.create(model=SMALL, input="")
        with pytest.raises(openai.BadRequestError, match=r"`gpt-4\.1` does not embed"):
            await client.embeddings.create(model="gpt-4.1", input="words")

    assert empty.value.param == "input"


async def test_a_completion_is_a_text(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        found = await client.completions.create(model="gpt-4.1", prompt="[[reply:upon a time]]", max_tokens=50)

    assert (found.object, found.choices[0].text, found.choices[0].finish_reason) == (
        "text_completion",
        "upon a time",
        "stop",
    )
    assert found.usage is not None
    assert found.usage.total_tokens > 0


async def test_a_stream_of_completions_is_read_to_its_end(tmp_path: Path) -> None:
    def read(client: openai.OpenAI) -> list[Completion]:
        return list(
            client.completions.create(
                model="gpt-4.1",
                prompt=["[[reply:one two]]", "[[reply:three]]"],
                stream=True,
                stream_options={"include_usage": True},
            )
        )

    async with client_of(tmp_path) as client:
        chunks = await in_thread(client, read)

    texts = ["", ""]
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert texts == ["one two", "three"]
    assert chunks[-1].usage is not None


async def test_a_broken_stream_raises(tmp_path: Path) -> None:
    def read(client: openai.OpenAI) -> list[Completion]:
        return list(client.completions.create(model="gpt-4.1", prompt="[[midfail]] a b c d e f", stream=True))

    async with client_of(tmp_path) as client:
        with pytest.raises(openai.APIError, match="broke"):
            await in_thread(client, read)


async def test_token_ids_reach_the_model_as_text(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        found = await client.completions.create(model="gpt-4.1", prompt=[24912, 2375], echo=True)

    assert found.choices[0].text.startswith("hello world")
