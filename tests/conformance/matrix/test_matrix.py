"""Every client package against every endpoint of Copilot's: one test a cell, and no cell is left out."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from conformance.matrix.anthropic_messages import AnthropicMessages
from conformance.matrix.cells import CELLS
from conformance.matrix.endpoints import ENDPOINTS
from conformance.matrix.front import Front, Said
from conformance.matrix.grid import EXCEPTIONS, FRONTS, UNPLACED, Place, Refused, Unsaid, places
from conformance.matrix.ollama_chat import OllamaChat
from conformance.matrix.openai_chat import OpenAiChat
from conformance.matrix.openai_responses import OpenAiResponses
from conformance.matrix.stage import Stage, Way, Witness
from house import House

PACKAGES: dict[str, Front] = {
    front.name: front for front in (OpenAiChat(), OllamaChat(), OpenAiResponses(), AnthropicMessages())
}
PLACES = places()
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


def test_every_front_of_the_page_has_its_package() -> None:
    assert list(PACKAGES) == list(FRONTS)


def test_every_exception_is_that_of_a_cell() -> None:
    assert EXCEPTIONS.keys() <= set(places())


@pytest.mark.parametrize(
    "place, witness",
    [(place, UNPLACED.get((place.front, place.endpoint), ())) for place in PLACES],
    ids=["-".join(place) for place in PLACES],
    indirect=["witness"],
)
async def test_a_cell_holds(
    house: House, witness: Witness, place: Place, record_property: Callable[[str, object], None]
) -> None:
    record_property("place", " ".join(place))
    cell, front, exception = CELLS[place.row], PACKAGES[place.front], EXCEPTIONS.get(place)
    for way in cell.ways:
        stage = Stage(house, witness, front, BY_NAME[place.endpoint], way)
        if isinstance(exception, Refused):
            with pytest.raises(front.bad_request) as caught:
                await cell.play(stage)
            check_refused(stage, exception, caught.value)
        elif isinstance(exception, Unsaid):
            with pytest.raises(TypeError, match=f"'{exception.parameter}'"):
                await cell.play(stage)
            assert stage.generated() == []
        else:
            await cell.play(stage)


def check_refused(stage: Stage, refused: Refused, error: Exception) -> None:
    """The 400 says which field it is and why, in the client's own form; Copilot has not been asked."""
    told = stage.front.told(error)
    assert told.status == 400
    assert told.field in {refused.field, None}
    assert f"`{refused.field}`" in told.text
    assert refused.why in told.text
    assert stage.generated() == []


@pytest.mark.parametrize(
    "front, model, path",
    [
        ("openai_chat", "claude-sonnet-4.5", "/chat/completions"),
        ("openai_chat", "gpt-5-mini", "/chat/completions"),
        ("ollama", "claude-sonnet-4.5", "/chat/completions"),
        ("ollama", "gpt-5-mini", "/chat/completions"),
        ("openai_responses", "claude-sonnet-4.5", "/chat/completions"),
        ("openai_responses", "gpt-5-mini", "/responses"),
        ("anthropic", "claude-sonnet-4.5", "/v1/messages"),
        ("anthropic", "gpt-5-mini", "/chat/completions"),
    ],
)
async def test_a_model_on_two_endpoints_is_asked_in_the_clients_dialect_else_in_chats(
    house: House, witness: Witness, front: str, model: str, path: str
) -> None:
    endpoint = next(endpoint for endpoint in ENDPOINTS if endpoint.path == path)
    stage = Stage(house, witness, PACKAGES[front], replace(endpoint, model=model), Way(stream=True, blocking=False))

    heard = await stage.ask(Said("[[reply:Here.]]"))

    assert heard.text == "Here."
    assert stage.sent().model == model
