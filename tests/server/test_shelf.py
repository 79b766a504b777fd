"""The shelf: models by Ollama's rules, and which of them were used lately."""

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from fakes import FakeCopilot, FakeFetch, FakeTokens, Script, answer

from passenger_trio.config import Copilot
from passenger_trio.copilot.catalogue import IMPATIENCE, Catalogue
from passenger_trio.copilot.client import CopilotClient
from passenger_trio.copilot.names import Names
from passenger_trio.errors import BadRequest, ModelDisabled, NotFound, UpstreamRefused
from passenger_trio.server.shelf import FOREVER, KEEP_ALIVE, MOST_IN_USE, Shelf
from passenger_trio.wire.models import Model

LISTED = [
    {"id": "gpt-x"},
    {"id": "off", "policy": {"state": "disabled"}},
    {"id": "old", "capabilities": {"type": "completion"}},
]


class Clock:
    """Unix seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def shelf_with(*ids: str, clock: Clock | None = None) -> Shelf:
    """A shelf with a list of these ids."""
    shelf, _ = shelf_of(FakeCopilot(Script()), clock)
    shelf.catalogue.names = Names([Model(one) for one in ids], copies=shelf.catalogue.copies)
    return shelf


def shelf_of(copilot: FakeCopilot, clock: Clock | None = None) -> tuple[Shelf, httpx.AsyncClient]:
    http = httpx.AsyncClient(transport=copilot)
    tokens = FakeTokens()
    catalogue = Catalogue(
        CopilotClient(http, tokens, Copilot()), tokens, FakeFetch(answer(500)), aliases={"fast": "gpt-x"}
    )
    return Shelf(catalogue, clock or Clock()), http


def lists(*entries: Sequence[dict[str, Any]]) -> FakeCopilot:
    return FakeCopilot(*(Script(200, [json.dumps({"data": found}).encode()]) for found in entries))


@pytest.fixture
async def shelf(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> AsyncGenerator[Shelf]:
    """A shelf with a list, which Copilot still has."""
    made, http = shelf_of(lists(LISTED))
    async with http:
        await nursery.start(made.catalogue.keep_fresh)
        yield made
        nursery.cancel_scope.cancel()


# Finding


@pytest.mark.parametrize("name", ["gpt-x", "GPT-X:latest", "library/gpt-x", "registry.ollama.ai/library/gpt-x", "fast"])
async def test_a_model_is_found_by_every_name_that_ollama_gives_it(shelf: Shelf, name: str) -> None:
    assert (await shelf.find(name)).id == (await shelf.listed(name)).id == "gpt-x"


@pytest.mark.parametrize("name", ["gpt-y", "gpt-x:7b", "me/gpt-x"])
async def test_an_unknown_name_is_told_in_ollamas_words_or_the_routes_own(shelf: Shelf, name: str) -> None:
    for look in (shelf.find, shelf.listed):
        with pytest.raises(NotFound) as usual:
            await look(name)
        with pytest.raises(NotFound) as special:
            await look(name, missing='model "{}" not found, try pulling it first')

        assert usual.value.message == f"model '{name}' not found"
        assert special.value.message == f'model "{name}" not found, try pulling it first'


@pytest.mark.parametrize("name", ["gpt x", "a/b/c/d", "", "x" * 1_000_000])
async def test_what_can_be_no_models_name_is_told_apart_and_not_repeated(shelf: Shelf, name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await shelf.find(name)

    assert (caught.value.status, caught.value.message) == (400, "invalid model name")


async def test_what_is_switched_off_is_told_with_the_remedy(shelf: Shelf) -> None:
    for look in (shelf.find, shelf.listed):
        with pytest.raises(ModelDisabled, match="models enable off"):
            await look("off")


async def test_a_model_on_no_endpoint_can_be_asked_for_but_is_not_told_of(shelf: Shelf) -> None:
    assert (await shelf.find("old")).id == "old"
    with pytest.raises(NotFound):
        await shelf.listed("old")


async def test_without_a_list_copilot_is_asked_but_nothing_is_told(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    shelf, http = shelf_of(FakeCopilot(Script(500, [b"oops"])))
    async with http:
        await nursery.start(shelf.catalogue.keep_fresh)
        assert await shelf.find("library/gpt-z:latest") == Model("gpt-z")
        assert await shelf.find("fast") == Model("gpt-x")
        for name in ("gpt z", "a/b/c/d", ""):
            with pytest.raises(BadRequest, match="invalid model name"):
                await shelf.find(name)
        with pytest.raises(UpstreamRefused):
            await shelf.listed("gpt-z")
        nursery.cancel_scope.cancel()


async def test_without_a_list_what_copilot_is_not_asked_for_is_not_there(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    shelf, http = shelf_of(FakeCopilot(Script(500, [b"oops"])))
    async with http:
        await nursery.start(shelf.catalogue.keep_fresh)
        with pytest.raises(UpstreamRefused):
            await shelf.find("gpt-z", asks=False)
        with pytest.raises(BadRequest, match="invalid model name"):
            await shelf.find("gpt z", asks=False)
        nursery.cancel_scope.cancel()


async def test_an_unknown_name_keeps_nobody_waiting_longer_than_there_is_patience(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    copilot = FakeCopilot(Script(200, [json.dumps({"data": LISTED}).encode()]), Script(200, [900.0, b"{}"]))
    shelf, http = shelf_of(copilot)
    async with http:
        await nursery.start(shelf.catalogue.keep_fresh)
        await shelf.listed("gpt-x")
        before = trio.current_time()
        with pytest.raises(NotFound):
            await shelf.listed("gpt-y")
        assert trio.current_time() - before <= IMPATIENCE
        nursery.cancel_scope.cancel()


async def test_an_unknown_name_is_told_at_once_while_copilot_cannot_be_reached(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    copilot = FakeCopilot(Script(200, [json.dumps({"data": LISTED}).encode()]), httpx.ConnectError("no route"))
    shelf, http = shelf_of(copilot)
    async with http:
        await nursery.start(shelf.catalogue.keep_fresh)
        await shelf.listed("gpt-x")
        before = trio.current_time()
        with pytest.raises(NotFound):
            await shelf.listed("gpt-y")
        assert trio.current_time() - before < 1
        nursery.cancel_scope.cancel()


# Using


@pytest.mark.parametrize(
    "keep_alive, stays",
    [(None, KEEP_ALIVE), (60.5, 60.5), (-1, FOREVER), (-0.001, FOREVER), (1e300, FOREVER), (float("inf"), FOREVER)],
)
def test_what_is_used_stays_as_long_as_is_asked(keep_alive: float | None, stays: float) -> None:
    clock = Clock()
    shelf = shelf_with("gpt-x", clock=clock)

    shelf.use("fast", Model("gpt-x"), keep_alive)

    [used] = shelf.in_use()
    assert (used.name, used.model.id, used.until) == ("gpt-x:latest", "gpt-x", clock.now + stays)
    clock.now += stays - 0.125
    assert shelf.in_use() == [used]
    clock.now += 0.25
    assert shelf.in_use() == []


def test_a_model_that_is_not_to_be_kept_is_gone_at_once() -> None:
    shelf = shelf_with("gpt-x")
    shelf.use("gpt-x", Model("gpt-x"))

    shelf.use("gpt-x", Model("gpt-x"), 0)

    assert shelf.in_use() == []


def test_what_was_used_last_comes_first_and_nothing_comes_twice() -> None:
    shelf = shelf_with("a", "b")
    for name in ("a", "b", "A:latest"):
        shelf.use(name, Model(name[0].lower()))

    assert [used.name for used in shelf.in_use()] == ["a:latest", "b:latest"]


def test_a_copy_is_in_use_by_its_own_name_for_as_long_as_it_is_that_models() -> None:
    shelf = shelf_with("gpt-x", "gpt-y")
    shelf.catalogue.copies.make("Mine", "gpt-x")

    shelf.use("library/mine", Model("gpt-x"))

    assert [used.name for used in shelf.in_use()] == ["Mine:latest"]
    shelf.catalogue.copies.forget("mine")
    assert [used.name for used in shelf.in_use()] == ["gpt-x:latest"]
    shelf.catalogue.copies.make("Mine", "gpt-y")
    assert [used.name for used in shelf.in_use()] == ["gpt-x:latest"]


def test_what_no_list_has_is_never_in_use() -> None:
    shelf = shelf_with("gpt-x")

    shelf.use("gpt-z", Model("gpt-z"))

    assert shelf.in_use() == []


def test_there_is_an_end_to_what_is_remembered() -> None:
    shelf = shelf_with(*(f"m{number}" for number in range(MOST_IN_USE + 5)))

    for number in range(MOST_IN_USE + 5):
        shelf.use(f"m{number}", Model(f"m{number}"), -1)

    used = shelf.in_use()
    assert len(used) == MOST_IN_USE
    assert used[0].name == f"m{MOST_IN_USE + 4}:latest"
