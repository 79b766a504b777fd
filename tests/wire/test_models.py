"""Views of the lists of models."""

from pathlib import Path

import msgspec
import pytest

from passenger_trio.wire.models import Limits, ModelList, Supports, decode_model

SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("models_list*.json")), ids=lambda path: path.stem)
def test_every_entry_of_every_recorded_list_is_read(path: Path) -> None:
    entries = msgspec.json.decode(path.read_bytes(), type=ModelList).data

    models = [decode_model(entry) for entry in entries]

    assert len(models) > 2
    assert all(model.id and model.endpoints is not None for model in models)


@pytest.mark.parametrize(
    "rest, endpoints",
    [
        (b"", ("/chat/completions",)),
        (b',"supported_endpoints":null', ("/chat/completions",)),
        (b',"supported_endpoints":[]', ("/chat/completions",)),
        (b',"supported_endpoints":["/responses"]', ("/responses",)),
        (b',"capabilities":{"type":"embeddings"}', ("/embeddings",)),
        (b',"capabilities":{"type":"completion"}', ()),
        (b',"capabilities":{"type":"something new"}', ("/chat/completions",)),
    ],
)
def test_a_model_answers_there(rest: bytes, endpoints: tuple[str, ...]) -> None:
    assert decode_model(b'{"id":"m"' + rest + b"}").endpoints == endpoints


def test_a_model_that_is_only_an_id_can_do_nothing_and_has_no_limits() -> None:
    model = decode_model(b'{"id":"m","new":{}}')

    assert model.limits == Limits()
    assert model.supports == Supports()


def test_limits_and_abilities_are_read() -> None:
    model = decode_model(
        b'{"id":"m","capabilities":{"limits":{"max_prompt_tokens":9},"supports":{"tool_calls":true,"new":1}}}'
    )

    assert model.limits.max_prompt_tokens == 9
    assert model.supports.tool_calls
    assert not model.supports.vision
