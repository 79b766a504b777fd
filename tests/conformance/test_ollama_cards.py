"""Ollama's own package against the routes about models: its pydantic models read every answer, whole."""

from collections.abc import AsyncGenerator

import httpx
import pytest
import trio
from house import House

ollama = pytest.importorskip("ollama")
pydantic = pytest.importorskip("pydantic")

MODEL = "gpt-4.1"
HI = [{"role": "user", "content": "Hi [[reply:Hello]]"}]


@pytest.fixture
async def client(house: House) -> "AsyncGenerator[ollama.AsyncClient]":
    async with ollama.AsyncClient(host=house.url, timeout=10) as opened:
        yield opened


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_the_list_is_read_to_the_last_field(house: House, prefix: str) -> None:
    async with ollama.AsyncClient(host=f"{house.url}{prefix}", timeout=10) as client:
        listed = await client.list()

    assert len(listed.models) > 10
    for model in listed.models:
        assert model.model.endswith(":latest")
        assert model.modified_at.tzinfo is not None
        assert model.size > 0
        assert len(model.digest) == 64
        assert model.details.families == [model.details.family]


async def test_every_card_is_read_to_the_last_field(client: "ollama.AsyncClient") -> None:
    for model in (await client.list()).models:
        card = await client.show(model.model)

        family = card.details.family
        assert card.modelinfo["general.architecture"] == family
        assert card.modelinfo[f"{family}.context_length"] > 0
        assert card.modified_at == model.modified_at
        assert card.capabilities
        assert card.template
        assert card.license
        assert str(card.modelinfo[f"{family}.context_length"]) in card.parameters


async def test_what_is_in_use_is_read_to_the_last_field(client: "ollama.AsyncClient") -> None:
    assert (await client.ps()).models == []
    await client.chat(MODEL, HI, keep_alive=-1)

    [used] = (await client.ps()).models

    assert used.name == used.model == f"{MODEL}:latest"
    assert used.expires_at.year > 2300
    assert used.size == used.size_vram > 0
    assert used.context_length == 128_000
    assert used.details.family == MODEL


async def test_a_pull_is_read_step_by_step_and_whole(client: "ollama.AsyncClient") -> None:
    steps = [step async for step in await client.pull(MODEL, stream=True)]
    whole = await client.pull(MODEL)

    assert steps[-1].status == whole.status == "success"
    assert steps[1].total == steps[1].completed > 0


async def test_a_pull_of_what_there_is_not_is_an_error_in_the_stream_and_before_it(house: House) -> None:
    steps: list[str] = []

    def pull(*, stream: bool) -> None:
        with ollama.Client(host=house.url, timeout=10) as client:
            # the package leaves its generators open at an error, which only Python's own loop does not mind
            steps.extend(step.status for step in client.pull("gpt-99", stream=stream))

    with pytest.raises(ollama.ResponseError, match="file does not exist") as before:
        await trio.to_thread.run_sync(lambda: pull(stream=False))
    assert (before.value.status_code, steps) == (500, [])
    with pytest.raises(ollama.ResponseError, match="file does not exist"):
        await trio.to_thread.run_sync(lambda: pull(stream=True))
    assert steps == ["pulling manifest"]


async def test_a_copy_is_made_used_and_deleted(client: "ollama.AsyncClient") -> None:
    assert (await client.copy(MODEL, "mine")).status == "success"
    assert (await client.chat("mine", HI)).message.content == "Hello"
    assert (await client.delete("mine")).status == "success"

    with pytest.raises(ollama.ResponseError, match="not found") as gone:
        await client.show("mine")
    assert gone.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match='model "gpt-99" not found'):
        await client.copy("gpt-99", "mine")
    with pytest.raises(ollama.ResponseError, match="cannot be deleted"):
        await client.delete(MODEL)


async def test_what_is_refused_is_read_as_an_error(client: "ollama.AsyncClient") -> None:
    for call in (client.create("mine", from_=MODEL), client.push(MODEL)):
        with pytest.raises(ollama.ResponseError, match="Copilot's") as refused:
            await call
        assert refused.value.status_code == 403


async def test_the_packages_models_read_the_raw_answers_without_anything_left_over(house: House) -> None:
    answers: list[tuple[type[pydantic.BaseModel], httpx.Response]] = [
        (ollama.ListResponse, await house.http.get("/api/tags")),
        (ollama.ShowResponse, await house.http.post("/api/show", json={"model": MODEL})),
        (ollama.ProcessResponse, await house.http.get("/api/ps")),
        (ollama.ProgressResponse, await house.http.post("/api/pull", json={"model": MODEL, "stream": False})),
    ]
    for kind, answer in answers:
        assert kind.model_validate_json(answer.content)
