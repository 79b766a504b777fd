"""The table of models."""

from pathlib import Path

import msgspec
import pytest

from passenger_trio.cli.models import HOW_TO_ENABLE, as_table, row_of
from passenger_trio.copilot.catalogue import parse
from passenger_trio.wire.models import Model, decode_model

SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"

CODEX = b"""{"id": "codex", "name": "Codex", "vendor": "OpenAI", "policy": {"state": "disabled"},
 "billing": {"multiplier": 0.33}, "supported_endpoints": ["/responses", "ws:/responses", "/v1/messages"],
 "capabilities": {"limits": {"max_context_window_tokens": 400000, "max_prompt_tokens": 272000,
  "max_output_tokens": 128000}, "supports": {"tool_calls": true, "vision": true, "reasoning_effort": ["low"]}}}"""


def test_a_row_has_what_the_catalogue_says_in_full() -> None:
    assert msgspec.to_builtins(row_of(decode_model(CODEX))) == {
        "id": "codex",
        "name": "Codex",
        "vendor": "OpenAI",
        "endpoints": ["/responses", "ws:/responses", "/v1/messages"],
        "context": 400000,
        "prompt": 272000,
        "output": 128000,
        "capabilities": ["tools", "vision", "thinking"],
        "multiplier": 0.33,
        "token_prices": None,
        "policy": "disabled",
    }


def test_the_table_says_it_shortly_and_marks_what_is_unknown() -> None:
    lines = as_table([row_of(decode_model(CODEX)), row_of(decode_model(b'{"id": "bare"}'))]).splitlines()

    assert lines[0].split() == ["id", "vendor", "endpoints", "ctx", "in", "out", "can", "cost", "policy"]
    assert lines[1].split() == [
        "codex", "OpenAI", "responses,messages", "400k", "272k", "128k", "tools,vision,thinking", "0.33x", "disabled",
    ]  # fmt: skip
    assert lines[2].split() == ["bare", "-", "chat", "-", "-", "-", "-", "-", "-"]


def test_how_to_switch_a_model_on_stands_below_a_table_in_which_one_is_off() -> None:
    off, on = row_of(decode_model(CODEX)), row_of(decode_model(CODEX.replace(b"disabled", b"enabled")))

    assert as_table([on, off]).endswith(f"\n\n{HOW_TO_ENABLE}")
    assert HOW_TO_ENABLE not in as_table([on])


@pytest.mark.parametrize("width", [80, 120])
def test_a_table_that_is_wider_than_the_terminal_takes_two_lines_a_model(width: int) -> None:
    recorded = parse((SAMPLES / "models_list.json").read_bytes())
    rows = [row_of(model) for model in recorded if not model.is_disabled]

    lines = as_table(rows, width).splitlines()

    assert max(map(len, lines)) <= width
    assert len(lines) == (1 + len(rows)) * (2 if width == 80 else 1)
    if width == 80:
        assert lines[0].split() == ["id", "vendor", "cost", "policy"]
        assert lines[1] == "    endpoints  ctx/in/out  can"
        assert lines[2].split() == ["claude-sonnet-4.5", "Anthropic", "1x", "enabled"]
        assert lines[3] == "    chat,messages  200k/168k/32k  tools,vision,thinking"


@pytest.mark.parametrize(
    "model_id, cost, prices",
    [
        ("gpt-5.3-codex", "175/1400", {"input": 175, "output": 1400, "cache": 17.5, "cache_write": 0}),
        ("gpt-4.1", "0/0", {"input": 0, "output": 0, "cache": 0, "cache_write": 0}),
    ],
)
def test_prices_of_tokens_are_told_for_a_million_of_them(model_id: str, cost: str, prices: dict[str, float]) -> None:
    priced = parse((SAMPLES / "models_list_token_prices.json").read_bytes())
    row = next(row_of(model) for model in priced if model.id == model_id)

    assert msgspec.to_builtins(row)["token_prices"] == prices
    assert as_table([row]).splitlines()[1].split()[-2] == cost


@pytest.mark.parametrize(
    "billing, cost",
    [
        (
            {"token_prices": {"batch_size": 1000, "default": {"input_price": 180_000, "output_price": 1.4e6}}},
            "0.18/1.4",
        ),
        ({"multiplier": 1, "token_prices": {"default": {"input_price": 5}}}, "1x"),
        ({"multiplier": 1, "token_prices": {}}, "1x"),
        ({"multiplier": 1, "token_prices": {"batch_size": 0, "default": {"input_price": 5, "output_price": 5}}}, "1x"),
        ({"is_premium": False}, "-"),
    ],
)
def test_a_price_is_told_only_if_it_is_known(billing: dict[str, object], cost: str) -> None:
    row = row_of(msgspec.convert({"id": "m", "billing": billing}, Model))

    assert as_table([row]).splitlines()[1].split()[-2] == cost


def test_an_account_without_models_is_told_so() -> None:
    assert as_table([]) == "This account has no models."
