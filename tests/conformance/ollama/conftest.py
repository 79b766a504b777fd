"""The surroundings of Ollama's clients."""

import os
from pathlib import Path

import pytest

for module in ("ollama.client", "ollama.steps", "ollama.python_ollama", "matrix.endpoints"):
    pytest.register_assert_rewrite(f"conformance.{module}")  # before it is imported
for name, value in {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # litellm looks for prices when it is imported
    "LITELLM_TELEMETRY": "False",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "AI_SDK_LOG_WARNINGS": "false",
}.items():
    os.environ.setdefault(name, value)

OTHERS_WARNINGS = (
    "ignore:Items? '.+' on TypedDict class '.+' (is|are) using the .ReadOnly. qualifier:UserWarning",  # litellm's types
    "ignore:unclosed <socket:ResourceWarning",  # langchain-ollama and llm-ollama leave theirs to the collector
)
"""Warnings of the packages' own, about which the house can do nothing."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for warning in OTHERS_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))
