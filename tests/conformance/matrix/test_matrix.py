"""Every client package against every endpoint of Copilot's: one test a cell, and no cell is left out."""

from collections.abc import Callable

import pytest
from conformance.matrix.cells import CELLS
from conformance.matrix.endpoints import ENDPOINTS
from conformance.matrix.front import Front
from conformance.matrix.grid import EXCEPTIONS, FRONTS, Place, Refused, places
from conformance.matrix.ollama_chat import OllamaChat
from conformance.matrix.openai_chat import OpenAiChat
from conformance.matrix.stage import Stage, Witness
from house import House

PACKAGES: dict[str, Front] = {front.name: front for front in (OpenAiChat(), OllamaChat())}
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


def test_every_front_of_the_page_has_its_package() -> None:
    assert list(PACKAGES) == list(FRONTS)


def test_every_exception_is_that_of_a_cell() -> None:
    assert EXCEPTIONS.keys() <= set(places())


@pytest.mark.parametrize("place", places(), ids="-".join)
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
