"""Every client of Ollama's through every step: one test a cell, and no cell is left out."""

import gc
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio
from conformance.ollama.client import Client
from conformance.ollama.grid import CLIENTS, EXCEPTIONS, Cannot, Lacks, Place, places
from conformance.ollama.node_client import MODULES, JsAi, JsLangchain, JsOllama, NodeClient
from conformance.ollama.python_langchain import Langchain
from conformance.ollama.python_litellm import Litellm, LitellmChat
from conformance.ollama.python_llm import Llm
from conformance.ollama.python_ollama import AsyncOllama, Ollama
from conformance.ollama.steps import STEPS, Stage
from house import House

PACKAGES: dict[str, Client] = {
    client.name: client
    for client in (
        Ollama(),
        AsyncOllama(),
        Langchain(),
        Litellm(),
        LitellmChat(),
        Llm(),
        JsOllama(),
        JsLangchain(),
        JsAi(),
    )
}


def test_every_client_of_the_page_has_its_package() -> None:
    assert list(PACKAGES) == list(CLIENTS)


def test_every_exception_is_that_of_a_cell() -> None:
    assert EXCEPTIONS.keys() <= set(places())


def marked(place: Place) -> Any:
    """The packages from npm are tried only where somebody says that they are there, as nox does."""
    wanted = isinstance(PACKAGES[place.client], NodeClient) and MODULES not in os.environ
    return pytest.param(place, id="-".join(place), marks=[pytest.mark.skip(f"no {MODULES}")] if wanted else [])


@pytest.mark.parametrize("place", [marked(place) for place in places()])
async def test_a_step_is_done(house: House, place: Place, record_property: Callable[[str, object], None]) -> None:
    record_property("ollama_place", " ".join(place))
    step, client, exception = STEPS[place.step], PACKAGES[place.client], EXCEPTIONS.get(place)
    if isinstance(exception, Cannot):
        assert step.verb not in client.verbs
        return
    assert step.verb in client.verbs
    lacks = exception.what if isinstance(exception, Lacks) else frozenset[str]()
    with trio.fail_after(60):
        async with client.run() as session:
            await step.play(Stage(session, house, lacks))


@pytest.fixture(scope="module", autouse=True)
def nothing_left_to_collect() -> Iterator[None]:
    """What the packages leave to the garbage collector is collected here, where the warnings about it are expected."""
    yield
    gc.collect()
