"""Views of the lists of models."""

from pathlib import Path

import msgspec
import pytest

from passenger_trio.wire.models import Limits, Model, ModelList, Supports, decode_model

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


@pytest.mark.parametrize(
    "rest, enabled, disabled",
    [
        (b"", True, False),
        (b',"policy":null', True, False),
        (b',"policy":{}', True, False),
        (b',"policy":{"state":"enabled"}', True, False),
        (b',"policy":{"state":"disabled","terms":""}', False, True),
        (b',"policy":{"state":"unconfigured"}', False, False),
    ],
)
def test_a_policy_switches_a_model_on_or_off_or_neither(rest: bytes, enabled: bool, disabled: bool) -> None:
    model = decode_model(b'{"id":"m"' + rest + b"}")

    assert (model.is_enabled, model.is_disabled) == (enabled, disabled)


def test_prices_and_kinds_of_pictures_are_read_where_they_are_stated() -> None:
    priced, *_ = _recorded("models_list_token_prices.json")
    seeing = next(model for model in _recorded("models_list.json") if model.id == "gpt-4.1")

    assert priced.billing is not None
    assert priced.billing.token_prices is not None
    assert priced.billing.token_prices.batch_size == 1_000_000
    assert priced.billing.token_prices.default is not None
    assert priced.billing.token_prices.default.output_price == 1_500_000_000_000
    assert priced.billing.token_prices.default.context_max == 168_000
    assert seeing.limits.vision is not None
    assert "image/png" in (seeing.limits.vision.supported_media_types or ())


def _recorded(name: str) -> list[Model]:
    return [decode_model(entry) for entry in msgspec.json.decode((SAMPLES / name).read_bytes(), type=ModelList).data]


def test_limits_and_abilities_are_read() -> None:
    model = decode_model(
        b'{"id":"m","capabilities":{"limits":{"max_prompt_tokens":9},"supports":{"tool_calls":true,"new":1}}}'
    )

    assert model.limits.max_prompt_tokens == 9
    assert model.supports.tool_calls
    assert not model.supports.vision
