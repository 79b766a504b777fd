"""The list of models: its shapes, its freshness, and the names it is asked for."""

import json
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing
from fakes import FakeCopilot, FakeFetch, FakeTokens, Script, answer

from passenger_trio.config import Copilot
from passenger_trio.copilot.catalogue import FRESH_FOR, RETRY_AFTER, Catalogue, parse
from passenger_trio.copilot.client import Answer, CopilotClient
from passenger_trio.errors import PassengerError, UpstreamBroke, UpstreamRefused

SAMPLES = Path(__file__).parent.parent / "samples" / "copilot"
LIST = (SAMPLES / "models_list.json").read_bytes()


def catalogue_of(
    copilot: FakeCopilot, fetch: FakeFetch | None = None, *, models_url: str = ""
) -> tuple[Catalogue, httpx.AsyncClient]:
    http = httpx.AsyncClient(transport=copilot)
    tokens = FakeTokens()
    client = CopilotClient(http, tokens, Copilot())
    return Catalogue(client, tokens, fetch or FakeFetch(answer(500)), models_url=models_url), http


@pytest.mark.parametrize(
    "name", ["models_list.json", "models_list_old_api_version.json", "models_list_token_prices.json"]
)
def test_recorded_lists_are_read_whole_and_without_twins(name: str) -> None:
    body = (SAMPLES / name).read_bytes()
    ids = [entry["id"] for entry in json.loads(body)["data"]]
    found = parse(body)

    assert [model.id for model in found] == list(dict.fromkeys(ids))


def test_a_recorded_entry_keeps_what_is_read_of_it() -> None:
    found = {model.id: model for model in parse(LIST)}

    assert found["gpt-4.1"].vendor == "Azure OpenAI"
    assert found["gpt-4.1"].endpoints == ("/chat/completions",)
    assert found["gpt-4.1"].limits.max_prompt_tokens == 128000
    assert found["gpt-4.1"].supports.tool_calls
    assert found["text-embedding-3-small"].endpoints == ("/embeddings",)
    assert "/v1/messages" in found["claude-sonnet-4.5"].endpoints


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"object":"list","data":[{"id":"a","object":"model","owned_by":"me"}]}', [("a", "me")]),
        (b' [{"id":"openai/gpt-4.1","name":"G","publisher":"OpenAI"}]', [("gpt-4.1", "OpenAI")]),
        (
            b'{"x":{"models":{}},"github-copilot":{"models":{"m":{"id":"m","limit":{"context":5}}}}}',
            [("m", "github-copilot")],
        ),
        (b'{"data":[{"id":"a"},{"id":7},{"id":"a"},{"id":"b"}]}', [("a", ""), ("b", "")]),
    ],
)
def test_the_other_shapes_are_read(body: bytes, expected: list[tuple[str, str]]) -> None:
    assert [(model.id, model.vendor) for model in parse(body)] == expected


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"models":[]}', b'{"data":7}', b"[7]"])
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    with pytest.raises(UpstreamBroke, match="list of models"):
        parse(body)


async def test_names_are_found_in_any_case_and_with_ollamas_additions(nursery: trio.Nursery) -> None:
    catalogue, http = catalogue_of(FakeCopilot(Script(200, [LIST])))
    async with http:
        await nursery.start(catalogue.keep_fresh)
        for name in (
            "gpt-4.1",
            "GPT-4.1",
            "gpt-4.1:latest",
            "library/gpt-4.1",
            "registry.ollama.ai/library/gpt-4.1:LATEST",
        ):
            found = await catalogue.find(name)
            assert found is not None, name
            assert found.id == "gpt-4.1"
        assert await catalogue.find("gpt-4.1:7b") is None
        assert await catalogue.find("nope") is None
        nursery.cancel_scope.cancel()


async def test_the_list_is_fetched_again_every_ten_minutes_and_reading_it_costs_nothing(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    copilot = FakeCopilot(Script(200, [LIST]))
    catalogue, http = catalogue_of(copilot)
    async with http:
        await nursery.start(catalogue.keep_fresh)
        for _ in range(100):
            await catalogue.models()
            await trio.sleep(60)
        assert len(copilot.requests) == 6000 // FRESH_FOR
        nursery.cancel_scope.cancel()


async def test_the_old_list_stays_while_fetching_fails(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    copilot = FakeCopilot(Script(200, [LIST]), Script(500, [b"oops"]))
    catalogue, http = catalogue_of(copilot)
    async with http:
        await nursery.start(catalogue.keep_fresh)
        before = await catalogue.models()
        await trio.sleep(FRESH_FOR + 3 * RETRY_AFTER + 1)

        assert await catalogue.models() == before
        assert len(copilot.requests) == 1 + 4
        assert "could not be fetched" in caplog.text
        nursery.cancel_scope.cancel()


async def test_without_any_list_yet_whoever_asks_causes_another_try(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    copilot = FakeCopilot(Script(503, [b"no"]), Script(503, [b"still no"]), Script(200, [LIST]))
    catalogue, http = catalogue_of(copilot)
    async with http:
        await nursery.start(catalogue.keep_fresh)
        with pytest.raises(PassengerError, match="no"):
            await catalogue.models()
        assert len(await catalogue.models()) > 10
        assert trio.current_time() == 0, "it waited for the next try instead"
        nursery.cancel_scope.cancel()


async def test_a_foreign_list_is_asked_without_the_token(nursery: trio.Nursery) -> None:
    copilot = FakeCopilot(Script(200, [LIST]))
    fetch = FakeFetch(Answer(200, {}, b'{"github-copilot":{"models":{"m":{"id":"m"}}}}'))
    catalogue, http = catalogue_of(copilot, fetch, models_url="https://models.dev/api.json")
    async with http:
        assert [model.id for model in await catalogue.load()] == ["m"]

    assert fetch.asked == [("GET", "https://models.dev/api.json", [("Accept", "application/json")], None)]
    assert copilot.requests == []


async def test_a_foreign_list_that_fails_is_told_as_such() -> None:
    catalogue, http = catalogue_of(FakeCopilot(Script()), FakeFetch(answer(404)), models_url="https://models.dev/x")
    async with http:
        with pytest.raises(UpstreamRefused, match="HTTP 404"):
            await catalogue.load()


async def test_another_path_on_copilots_own_host_gets_the_token() -> None:
    copilot = FakeCopilot(Script(200, [LIST]))
    catalogue, http = catalogue_of(copilot, models_url="https://api.example.com/other/models")
    async with http:
        await catalogue.load()

    assert str(copilot.requests[0].url) == "https://api.example.com/other/models"
    assert copilot.requests[0].headers["authorization"] == "Bearer tid=1"


async def test_a_host_that_only_begins_like_copilots_does_not_get_the_token() -> None:
    copilot, fetch = FakeCopilot(Script(200, [LIST])), FakeFetch(Answer(200, {}, LIST))
    catalogue, http = catalogue_of(copilot, fetch, models_url="https://api.example.com.evil.org/models")
    async with http:
        await catalogue.load()

    assert copilot.requests == []
    assert len(fetch.asked) == 1
