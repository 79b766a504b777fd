"""The models of Ollama's own package read every answer of every route that they are for, without bending a type."""

import json
from typing import Any

import pytest
from house import House
from ollama_schema import SCHEMAS
from ollama_tour import GPT, ROUTES, talk, visit

types: Any = pytest.importorskip("ollama._types")

READERS: dict[str, Any] = {
    **dict.fromkeys([name for name in SCHEMAS if name.startswith("chat ")], types.ChatResponse),
    **dict.fromkeys([name for name in SCHEMAS if name.startswith("generate ")], types.GenerateResponse),
    "embed": types.EmbedResponse,
    "embeddings": types.EmbeddingsResponse,
    "tags": types.ListResponse,
    "show": types.ShowResponse,
    "ps": types.ProcessResponse,
    "pull line": types.ProgressResponse,
    "pull end": types.ProgressResponse,
}
UNREAD = frozenset({"version", "status", "me", "recommendations", "error"})
"""What the package has no models for; errors it takes as they are."""


def test_what_the_package_reads_is_all_that_it_has_models_for() -> None:
    assert READERS.keys() | UNREAD == SCHEMAS.keys()
    assert not READERS.keys() & UNREAD


@pytest.mark.parametrize(
    "rule", [rule for rule, visits in ROUTES.items() if any(made.last in READERS for made in visits)]
)
async def test_every_answer_is_read_as_it_stands(house: House, rule: str) -> None:
    for made in ROUTES[rule]:
        for heard in await visit(house, rule, made):
            if (reader := READERS.get(heard.schema)) is not None:
                reader.model_validate_json(heard.text, strict=True)


async def test_the_models_in_use_are_read_as_they_stand(house: House) -> None:
    for forever in (-1, "5m"):
        await house.http.post("/api/chat", json=talk("Hi", keep_alive=forever))
        found = types.ProcessResponse.model_validate_json((await house.http.get("/api/ps")).content, strict=True)
        assert [model.name for model in found.models] == [f"{GPT}:latest"]


async def test_an_error_is_a_text_to_the_package(house: House) -> None:
    for rule, visits in ROUTES.items():
        for made in visits:
            if made.last == "error" and made.spoilt is None:
                heard = (await visit(house, rule, made))[-1]
                assert types.ResponseError(heard.text, made.status).error == json.loads(heard.text)["error"]
