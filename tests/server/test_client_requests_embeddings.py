"""Embeddings as real clients were recorded to ask for them."""

import base64
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from house import House
from server.client_shapes import assert_dropped, assert_refused

SMALL = "text-embedding-3-small"
WORLD = [15339, 1917]
"""``hello world`` in cl100k."""


@dataclass(frozen=True)
class Ask:
    """A request but for its model, the texts that must reach Copilot, and what is left out by name."""

    fields: dict[str, Any]
    texts: list[str]
    dropped: str | None = None
    base64: bool = False
    size: int = 1536
    headers: dict[str, str] = field(default_factory=dict[str, str])


ASKS = {
    "openai, by default": Ask({"input": "two words", "encoding_format": "base64"}, ["two words"], base64=True),
    "openai, a list": Ask({"input": ["a", "b"], "encoding_format": "base64"}, ["a", "b"], base64=True),
    "openai, floats": Ask({"input": ["a", "b"], "encoding_format": "float"}, ["a", "b"]),
    "openai, dimensions": Ask({"input": "a", "dimensions": 8, "encoding_format": "base64"}, ["a"], base64=True, size=8),
    "openai, a user": Ask({"input": "a", "user": "ann", "encoding_format": "float"}, ["a"], dropped="user"),
    "openai, tokens": Ask({"input": WORLD, "encoding_format": "base64"}, ["hello world"], base64=True),
    "langchain, lists of tokens": Ask(
        {"input": [WORLD, WORLD[:1]], "encoding_format": "base64"}, ["hello world", "hello"], base64=True
    ),
    "langchain, texts": Ask({"input": ["a"], "encoding_format": "base64"}, ["a"], base64=True),
    "langchain.js": Ask({"input": ["a", "b"], "encoding_format": "float"}, ["a", "b"]),
    "litellm": Ask({"input": ["a"], "encoding_format": None, "user": None, "dimensions": None}, ["a"]),
    "open-webui": Ask({"input": ["a", "b"]}, ["a", "b"]),
    "no encoding_format": Ask({"input": "a"}, ["a"]),
    "no Content-Type": Ask({"input": "a"}, ["a"], headers={"Content-Type": ""}),
    "octet-stream": Ask({"input": "a"}, ["a"], headers={"Content-Type": "application/octet-stream"}),
    "any key": Ask({"input": "a"}, ["a"], headers={"Authorization": "Bearer DUMMY_KEY"}),
    "unknown fields": Ask(
        {"input": "a", "input_type": "query", "truncate": "END"}, ["a"], dropped="input_type, truncate"
    ),
    "600 texts": Ask(
        {"input": [f"text {number}" for number in range(600)], "dimensions": 4, "encoding_format": "base64"},
        [f"text {number}" for number in range(600)],
        base64=True,
        size=4,
    ),
    "newlines and other scripts": Ask({"input": ["a\nb", "ünï 漢字"]}, ["a\nb", "ünï 漢字"]),
}


def texts_sent(house: House) -> list[str]:
    bodies = [json.loads(seen.body) for seen in house.simulator.requests if seen.path == "/embeddings"]
    assert all(body.keys() <= {"model", "input", "dimensions"} for body in bodies)  # Copilot knows no others
    return [text for body in bodies for text in body["input"]]


def vectors(answer: httpx.Response, *, packed: bool) -> list[list[float]]:
    found = [item["embedding"] for item in answer.json()["data"]]
    if not packed:
        return found
    raw = [base64.b64decode(text) for text in found]
    return [list(struct.unpack(f"<{len(data) // 4}f", data)) for data in raw]


async def post(house: House, path: str, headers: dict[str, str], **fields: Any) -> httpx.Response:
    content = json.dumps({"model": SMALL, **fields}).encode()
    return await house.http.post(path, content=content, headers=headers)


@pytest.mark.parametrize("ask", ASKS)
async def test_texts_are_embedded_as_clients_ask(house: House, ask: str) -> None:
    case = ASKS[ask]

    answer = await post(house, "/v1/embeddings", case.headers, **case.fields)

    assert answer.status_code == 200, answer.text
    assert_dropped(answer, case.dropped)
    assert texts_sent(house) == case.texts
    body = answer.json()
    assert (body["object"], body["model"]) == ("list", SMALL)
    assert [item["index"] for item in body["data"]] == list(range(len(case.texts)))
    assert {item["object"] for item in body["data"]} == {"embedding"}
    assert body["usage"].keys() >= {"prompt_tokens", "total_tokens"}
    assert {type(item["embedding"]) for item in body["data"]} == {str if case.base64 else list}
    assert {len(vector) for vector in vectors(answer, packed=case.base64)} == {case.size}


async def test_each_text_of_many_has_its_own_vector(house: House) -> None:
    texts = [f"text {number}" for number in range(600)]
    many = await post(house, "/v1/embeddings", {}, input=texts, dimensions=4, encoding_format="base64")
    some = await post(house, "/v1/embeddings", {}, input=texts[510:514], dimensions=4)

    assert vectors(many, packed=True)[510:514] == vectors(some, packed=False)


@pytest.mark.parametrize("model", [SMALL, "text-embedding-3-small-inference", "text-embedding-ada-002"])
async def test_every_listed_model_of_the_kind_embeds_texts_and_tokens(house: House, model: str) -> None:
    answer = await post(house, "/v1/embeddings", {}, model=model, input=[WORLD])

    assert answer.status_code == 200, answer.text
    assert texts_sent(house) == ["hello world"]
    assert answer.json()["model"] == model


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"input": ""}, "input"),
    ({"input": ["a", ""]}, "input"),
    ({"input": []}, "input"),
    ({"input": [[]]}, "input"),
    ({"input": ["a", 1]}, "input"),
    ({"input": None}, "input"),
    ({}, "input"),
    ({"input": {"text": "a"}}, "input"),
    ({"input": "a", "dimensions": "8"}, "dimensions"),
    ({"input": "a", "dimensions": 8, "model": "text-embedding-ada-002"}, "dimensions"),
    ({"input": "a", "model": "claude-opus-4.7"}, "model"),
    ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
    ({"input": "a", "encoding_format": 8}, "encoding_format"),
]


async def test_what_cannot_be_embedded_is_a_400_that_names_the_field(house: House) -> None:
    for fields, param in REFUSED:
        answer = await post(house, "/v1/embeddings", {}, **fields)
        assert answer.status_code == 400, fields
        assert_refused(answer, param)

    assert texts_sent(house) == []


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embeddings", "/v1/embeddings?beta=true"])
async def test_the_route_is_found(house: House, path: str) -> None:
    assert (await post(house, path, {}, input="a")).status_code == 200
    assert texts_sent(house) == ["a"]


@pytest.mark.parametrize(("said", "told"), [(None, "user"), ("agent", "agent"), ("AGENT", "agent"), ("me", "user")])
async def test_copilot_is_told_who_asks(house: House, said: str | None, told: str) -> None:
    await post(house, "/v1/embeddings", {} if said is None else {"X-Initiator": said}, input="a")

    assert next(seen for seen in house.simulator.requests if seen.path == "/embeddings").headers["x-initiator"] == told
