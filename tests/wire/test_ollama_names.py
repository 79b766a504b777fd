"""Ollama's names of models: which are any, and how they are shown."""

import pytest
from hypothesis import given, strategies as st

from passenger_trio.wire.ollama_names import displayed, is_valid


@pytest.mark.parametrize(
    "name, valid",
    [
        ("gpt-4.1", True),
        ("gpt-4.1:latest", True),
        ("_x", True),
        ("library/gpt-4.1:7b", True),
        ("registry.ollama.ai/library/gpt-4.1:latest", True),
        ("localhost:5000/me/model", True),
        ("m" * 80 + ":" + "t" * 80, True),
        ("h" * 350 + "/n/m", True),
        ("", False),
        (":latest", False),
        ("gpt-4.1:", False),
        ("-gpt", False),
        (".gpt", False),
        ("gpt 4", False),
        ("gpt\n", False),
        ("m" * 81, False),
        ("m:" + "t" * 81, False),
        ("h" * 351 + "/n/m", False),
        ("na.me/model", False),  # a namespace has no dots
        ("/model", False),
        ("a/b/c/d", False),
        ("model:a:b", False),
        ("model@20250929", False),
        ("modèle", False),
        ("../../etc/passwd", False),
    ],
)
def test_a_name_has_parts_of_certain_letters_and_lengths(name: str, valid: bool) -> None:
    assert is_valid(name) is valid


@pytest.mark.parametrize(
    "name, shown",
    [
        ("gpt-4.1", "gpt-4.1:latest"),
        ("GPT-4.1:latest", "GPT-4.1:latest"),
        ("gpt-4.1:7b", "gpt-4.1:7b"),
        ("library/gpt-4.1", "gpt-4.1:latest"),
        ("Registry.Ollama.ai/Library/gpt-4.1", "gpt-4.1:latest"),
        ("me/model", "me/model:latest"),
        ("registry.ollama.ai/me/model", "me/model:latest"),
        ("localhost:5000/me/model", "localhost:5000/me/model:latest"),
    ],
)
def test_a_name_is_shown_with_its_tag_and_without_what_is_usual(name: str, shown: str) -> None:
    assert displayed(name) == shown


@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}(:[a-z0-9]{1,5})?", fullmatch=True))
def test_what_is_shown_is_a_name_and_shown_as_it_is(name: str) -> None:
    assert is_valid(displayed(name))
    assert displayed(displayed(name)) == displayed(name)
