"""The table of models."""

import msgspec

from passenger_trio.cli.models import as_table, row_of
from passenger_trio.wire.models import decode_model

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
        "policy": "disabled",
    }


def test_the_table_says_it_shortly_and_marks_what_is_unknown() -> None:
    lines = as_table([row_of(decode_model(CODEX)), row_of(decode_model(b'{"id": "bare"}'))]).splitlines()

    assert lines[0].split() == [
        "id", "name", "vendor", "endpoints", "context", "prompt", "output", "can", "cost", "policy",
    ]  # fmt: skip
    assert lines[1].split() == [
        "codex", "Codex", "OpenAI", "responses,messages", "400k", "272k", "128k", "tools,vision,thinking", "0.33x",
        "disabled",
    ]  # fmt: skip
    assert lines[2].split() == ["bare", "-", "-", "chat", "-", "-", "-", "-", "-", "-"]


def test_an_account_without_models_is_told_so() -> None:
    assert as_table([]) == "This account has no models."
