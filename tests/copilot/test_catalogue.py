"""The list of models: its shapes, its freshness, and the names it is asked for."""

import json
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing
from fakes import FakeCopilot, FakeFetch, FakeTokens, Script, answer

from passenger_trio.config import Copilot
from passenger_trio.copilot.catalogue import (
    ASK_AGAIN_AFTER,
    FRESH_FOR,
    IMPATIENCE,
    LOAD_LIMIT,
    LOOK_AGAIN_AFTER,
    PATIENCE,
    RETRY_AFTER,
    Catalogue,
    parse,
)
from passenger_trio.copilot.client import Answer, CopilotClient
from passenger_trio.copilot.known import KnownList
from passenger_trio.copilot.names import is_internal
from passenger_trio.errors import PassengerError, UpstreamBroke, UpstreamRefused, UpstreamTimeout
from passenger_trio.secret import Secret
from passenger_trio.wire.models import Model

SAMPLES = Path(__file__).parent.parent / "samples" / "copilot"
LIST = (SAMPLES / "models_list.json").read_bytes()
OPUS_ON = LIST.replace(b'"disabled"', b'"enabled"')


def catalogue_of(
    copilot: FakeCopilot,
    fetch: FakeFetch | None = None,
    *,
    models_url: str = "",
    aliases: dict[str, str] | None = None,
    known: KnownList | None = None,
) -> tuple[Catalogue, httpx.AsyncClient]:
    http = httpx.AsyncClient(transport=copilot)
    tokens = FakeTokens()
    client = CopilotClient(http, tokens, Copilot())
    fetch = fetch or FakeFetch(answer(500))
    return Catalogue(client, tokens, fetch, models_url=models_url, aliases=aliases, known=known), http


def listing(*ids: str) -> bytes:
    return json.dumps({"data": [{"id": name} for name in ids]}).encode()


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


def test_entries_of_one_id_are_one_that_lacks_nothing() -> None:
    first = {
        "id": "m",
        "name": "M",
        "supported_endpoints": ["/responses"],
        "capabilities": {"supports": {"vision": True}},
    }
    second = {
        "id": "m",
        "name": "Other",
        "vendor": "V",
        "version": "v",
        "policy": {"state": "disabled"},
        "billing": {"multiplier": 2},
        "supported_endpoints": ["/v1/messages", "/responses"],
        "request_headers": {"X": "y"},
        "capabilities": {"family": "f", "tokenizer": "t", "limits": {"max_prompt_tokens": 5}},
    }

    [model] = parse(json.dumps({"data": [first, second]}).encode())

    assert (model.name, model.vendor, model.version) == ("M", "V", "v")
    assert model.endpoints == ("/responses", "/v1/messages")
    assert model.capabilities.family == "f"
    assert model.capabilities.tokenizer == "t"
    assert model.limits.max_prompt_tokens == 5
    assert model.supports.vision
    assert model.billing is not None
    assert model.billing.multiplier == 2
    assert model.request_headers == {"X": "y"}
    assert model.policy is None, "one entry that needs no terms is enough"


def test_an_entry_without_endpoints_is_for_chat_whatever_its_twin_says() -> None:
    twins = [{"id": "m"}, {"id": "m", "supported_endpoints": ["/responses"]}]

    assert parse(json.dumps({"data": twins}).encode())[0].endpoints == ("/chat/completions",)
    assert parse(json.dumps({"data": twins[::-1]}).encode())[0].endpoints == ("/responses",)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"models":[]}', b'{"data":7}', b"[7]"])
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    with pytest.raises(UpstreamBroke, match="list of models"):
        parse(body)


async def test_names_and_aliases_are_found_in_the_list(nursery: trio.Nursery) -> None:
    catalogue, http = catalogue_of(FakeCopilot(Script(200, [LIST])), aliases={"mine": "gpt-4.1"})
    async with http:
        await nursery.start(catalogue.keep_fresh)
        for name in ("gpt-4.1", "mine", "registry.ollama.ai/library/gpt-4.1:LATEST"):
            found = await catalogue.find(name)
            assert found is not None, name
            assert found.id == "gpt-4.1"
        assert await catalogue.find("nope") is None
        nursery.cancel_scope.cancel()


async def test_internal_helpers_are_in_no_list_but_can_be_asked_for(nursery: trio.Nursery) -> None:
    catalogue, http = catalogue_of(FakeCopilot(Script(200, [listing("a", "exec-agent-a", "copilot-search-b", "b")])))
    async with http:
        await nursery.start(catalogue.keep_fresh)
        assert [model.id for model in await catalogue.models()] == ["a", "b"]
        assert await catalogue.find("exec-agent-a") is not None
        nursery.cancel_scope.cancel()


# A name that the list does not have


async def test_an_unknown_name_is_looked_for_in_a_new_list(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    copilot = FakeCopilot(Script(200, [listing("a")]), Script(200, [listing("a", "b")]))
    catalogue, http = catalogue_of(copilot)
    async with http:
        await nursery.start(catalogue.keep_fresh)
        assert await catalogue.find("a") is not None
        assert len(copilot.requests) == 1
        assert await catalogue.find("B:latest") is not None
        assert len(copilot.requests) == 2
        assert trio.current_time() == 0
        nursery.cancel_scope.cancel()


async def test_unknown_names_cause_no_more_than_a_fetch_a_minute(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    copilot = FakeCopilot(Script(200, [listing("a")]))
    catalogue, http = catalogue_of(copilot)
    async with http:
        await nursery.start(catalogue.keep_fresh)
        for number in range(150):
            assert await catalogue.find(f"unknown-{number}") is None
            await trio.sleep(1)
        assert len(copilot.requests) == 1 + 3
        nursery.cancel_scope.cancel()


async def test_those_who_ask_at_once_share_one_fetch_and_all_hear_of_it(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    copilot = FakeCopilot(Script(200, [listing("a")]), Script(200, [1.75, listing("a", "b")]))
    catalogue, http = catalogue_of(copilot)
    heard: list[bool] = []

    async def ask(after: float) -> None:
        await trio.sleep(after)
        heard.append(await catalogue.find("b") is not None)

    async with http:
        await nursery.start(catalogue.keep_fresh)
        await catalogue.models()
        async with trio.open_nursery() as askers:
            for after in (0, 0, 1, 1.5):
                askers.start_soon(ask, after)
        assert heard == [True] * 4
        assert len(copilot.requests) == 2
        nursery.cancel_scope.cancel()


async def test_whoever_stops_waiting_spoils_nothing_for_the_others(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    copilot = FakeCopilot(Script(200, [listing("a")]), Script(200, [2.0, listing("a", "b")]))
    catalogue, http = catalogue_of(copilot)
    async with http:
        await nursery.start(catalogue.keep_fresh)
        await catalogue.models()
        with trio.move_on_after(1) as first:
            await catalogue.find("b")
        assert first.cancelled_caught
        assert await catalogue.find("b") is not None
        assert len(copilot.requests) == 2
        nursery.cancel_scope.cancel()


async def test_a_new_list_that_cannot_be_had_is_nobodys_error(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    copilot = FakeCopilot(Script(200, [listing("a")]), Script(500, [b"oops"]))
    catalogue, http = catalogue_of(copilot)
    async with http:
        await nursery.start(catalogue.keep_fresh)
        assert await catalogue.find("b") is None
        assert await catalogue.find("a") is not None
        assert "could not be fetched" in caplog.text
        nursery.cancel_scope.cancel()


async def test_nobody_waits_long_for_a_new_list(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    copilot = FakeCopilot(Script(200, [listing("a")]), Script(200, [500.0, listing("a", "b")]))
    catalogue, http = catalogue_of(copilot)
    async with http:
        await nursery.start(catalogue.keep_fresh)
        assert await catalogue.find("b") is None
        assert trio.current_time() == IMPATIENCE
        nursery.cancel_scope.cancel()


async def test_a_list_that_does_not_come_keeps_nobody_waiting(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    copilot = FakeCopilot(*[Script(200, [900.0, listing("a")])] * 3)
    catalogue, http = catalogue_of(copilot)
    async with http:
        await nursery.start(catalogue.keep_fresh)
        with pytest.raises(UpstreamTimeout, match="slow in coming"):
            await catalogue.find("a")
        assert trio.current_time() == PATIENCE
        await trio.sleep(LOAD_LIMIT)
        with pytest.raises(UpstreamTimeout, match="within 30 seconds"):
            await catalogue.models()
        nursery.cancel_scope.cancel()


async def test_a_model_that_was_switched_on_meanwhile_is_seen_when_it_is_asked_for(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    copilot = FakeCopilot(Script(200, [LIST]), Script(200, [LIST]), Script(200, [OPUS_ON]))
    catalogue, http = catalogue_of(copilot)
    async with http:
        await nursery.start(catalogue.keep_fresh)
        for after, disabled in ((0, True), (LOOK_AGAIN_AFTER / 2, True), (LOOK_AGAIN_AFTER / 2, False), (0, False)):
            await trio.sleep(after)
            model = await catalogue.find("claude-opus-4-6")
            assert model is not None
            assert model.is_disabled is disabled
        assert len(copilot.requests) == 3
        nursery.cancel_scope.cancel()


# Terms


async def test_terms_are_accepted_under_the_models_own_id() -> None:
    copilot = FakeCopilot(Script(200, [b'{"state":"enabled"}']))
    catalogue, http = catalogue_of(copilot)
    async with http:
        await catalogue.accept(Model("odd/id"))

    [request] = copilot.requests
    assert (request.method, request.url.raw_path) == ("POST", b"/models/odd%2Fid/policy")
    assert copilot.bodies == [b'{"state":"enabled"}']
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-initiator"] == "user"
    assert request.headers["authorization"] == "Bearer tid=1"


async def test_terms_that_the_account_may_not_accept_are_refused_in_copilots_words() -> None:
    catalogue, http = catalogue_of(FakeCopilot(Script(403, [b"requires an organization policy\n"])))
    async with http:
        with pytest.raises(UpstreamRefused, match="requires an organization policy"):
            await catalogue.accept(Model("m"))


# Copies


async def test_copies_outlive_the_list_they_were_made_from(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    copilot = FakeCopilot(Script(200, [listing("a")]), Script(200, [listing("a", "b")]))
    catalogue, http = catalogue_of(copilot)
    async with http:
        await nursery.start(catalogue.keep_fresh)
        await catalogue.models()
        catalogue.copies.make("mine", "a")
        await trio.sleep(FRESH_FOR + 1)
        assert await catalogue.find("b") is not None
        assert await catalogue.find("mine:latest") is await catalogue.find("a")
        nursery.cancel_scope.cancel()


# Freshness


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


# The list of an earlier run


async def login() -> Secret:
    return Secret("ghu_of_nobody")


async def test_the_list_of_an_earlier_run_serves_while_copilot_is_away_and_nobody_waits(
    nursery: trio.Nursery, tmp_path: Path
) -> None:
    await KnownList(tmp_path / "list", (), login).keep(parse(LIST))
    catalogue, http = catalogue_of(FakeCopilot(Script(503, [b"no"])), known=KnownList(tmp_path / "list", (), login))
    async with http:
        assert await catalogue.remember()
        await nursery.start(catalogue.keep_fresh)

        assert await catalogue.models() == [model for model in parse(LIST) if not is_internal(model.id)]
        assert await catalogue.find("gpt-4.1:latest") is not None
        nursery.cancel_scope.cancel()


async def test_where_there_is_no_list_of_an_earlier_run_none_is_remembered(tmp_path: Path) -> None:
    for known in (None, KnownList(tmp_path / "list", (), login)):
        catalogue, http = catalogue_of(FakeCopilot(Script()), known=known)
        async with http:
            assert not await catalogue.remember()


async def test_a_list_that_is_fetched_takes_the_place_of_the_known_one_and_is_kept(
    nursery: trio.Nursery, tmp_path: Path
) -> None:
    known = KnownList(tmp_path / "list", (), login)
    await known.keep(parse(listing("old")))
    catalogue, http = catalogue_of(FakeCopilot(Script(200, [listing("new")])), known=known)
    async with http:
        assert await catalogue.remember()
        await nursery.start(catalogue.keep_fresh)
        assert await catalogue.find("new") is not None, "it is looked for, since the old list lacks it"
        assert await catalogue.find("old") is None
        nursery.cancel_scope.cancel()

    assert [model.id for model in await known.read()] == ["new"]


async def test_a_list_that_cannot_be_had_leaves_the_known_one_as_it_is(nursery: trio.Nursery, tmp_path: Path) -> None:
    known = KnownList(tmp_path / "list", (), login)
    await known.keep(parse(listing("old")))
    catalogue, http = catalogue_of(FakeCopilot(Script(200, [b"<html>"])), known=known)
    async with http:
        assert await catalogue.remember()
        await nursery.start(catalogue.keep_fresh)
        assert await catalogue.find("new") is None
        assert await catalogue.find("old") is not None
        nursery.cancel_scope.cancel()

    assert [model.id for model in await known.read()] == ["old"]


async def test_while_copilot_does_not_answer_an_unknown_name_is_not_waited_for_long(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    copilot = FakeCopilot(Script(200, [listing("a")]), Script(500, [b"oops"]), Script(200, [500.0, listing("a", "b")]))
    catalogue, http = catalogue_of(copilot)
    async with http:
        await nursery.start(catalogue.keep_fresh)
        assert await catalogue.find("b") is None
        await trio.sleep(ASK_AGAIN_AFTER + RETRY_AFTER / 2)  # between two fetches that fail
        before = trio.current_time()
        assert await catalogue.find("b") is None
        assert trio.current_time() - before == IMPATIENCE
        nursery.cancel_scope.cancel()
