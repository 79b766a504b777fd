"""While Copilot is silent in the middle of a stream its client hears something, in the form that it passes over."""

from pathlib import Path

import anthropic
import openai
import pytest
import trio
from faults.dialects import CROSSED, DIALECTS, Dialect, label
from faults.upstream import CHAT, MESSAGES, RESPONSES, SPEECHES, Front, Script, Wire, open_front, stream

COMMENT = ": keepalive\n\n"
PING = 'event: ping\ndata: {"type": "ping"}\n\n'
SIGNS = {"chat": COMMENT, "responses": COMMENT, "messages": PING}
EVERY = (*DIALECTS, *CROSSED)
SPEAKING = [dialect for dialect in EVERY if dialect.name != "ollama"]


def silent(path: str, seconds: float, before: int = 2) -> Script:
    """A good stream with a silence in it."""

    async def script(wire: Wire) -> None:
        await wire.events()
        for number, event in enumerate(SPEECHES[path].events):
            if number == before:
                await trio.sleep(seconds)
            await wire.chunk(event)
        await wire.chunk(b"")

    return script


async def text_of(front: Front, dialect: Dialect) -> str:
    return (await front.http.post(dialect.path, json=dialect.ask(stream=True))).text


@pytest.mark.parametrize("dialect", SPEAKING, ids=label)
async def test_silence_is_filled_with_signs_of_life_between_events(tmp_path: Path, dialect: Dialect) -> None:
    async with open_front(tmp_path, server__keepalive=0.1) as front:
        front.upstream.play(dialect.upstream, stream(*SPEECHES[dialect.upstream].events))
        plain = await text_of(front, dialect)
        front.upstream.play(dialect.upstream, silent(dialect.upstream, 0.55))
        text = await text_of(front, dialect)

    sign = SIGNS[dialect.name]
    assert 4 <= text.count(sign) <= 6
    assert all(block.startswith((":", "event: ", "data: ")) for block in text.split("\n\n") if block.strip())
    assert text.replace(sign, "").count("data: ") == plain.count("data: ")
    assert dialect.is_good(text)


@pytest.mark.parametrize("dialect", [dialect for dialect in EVERY if dialect.name == "ollama"], ids=label)
async def test_ollama_has_no_sign_of_life(tmp_path: Path, dialect: Dialect) -> None:
    async with open_front(tmp_path, server__keepalive=0.1) as front:
        front.upstream.play(dialect.upstream, silent(dialect.upstream, 0.4))
        text = await text_of(front, dialect)

    assert all(line.startswith('{"model":') for line in text.splitlines())
    assert dialect.is_good(text)


@pytest.mark.parametrize("dialect", SPEAKING, ids=label)
async def test_a_stream_that_talks_has_none(tmp_path: Path, dialect: Dialect) -> None:
    events = SPEECHES[dialect.upstream].events
    async with open_front(tmp_path, server__keepalive=0.4) as front:
        front.upstream.play(dialect.upstream, stream(*events, pause=0.08))
        text = await text_of(front, dialect)

    assert SIGNS[dialect.name] not in text
    assert dialect.is_good(text)


async def test_it_can_be_switched_off(tmp_path: Path) -> None:
    dialect = DIALECTS[0]
    async with open_front(tmp_path, server__keepalive=0) as front:
        front.upstream.play(dialect.upstream, silent(dialect.upstream, 0.3))
        text = await text_of(front, dialect)

    assert COMMENT not in text
    assert dialect.is_good(text)


@pytest.mark.parametrize("dialect", SPEAKING, ids=label)
async def test_a_whole_answer_has_none(tmp_path: Path, dialect: Dialect) -> None:
    async def slow(wire: Wire) -> None:
        await trio.sleep(0.4)
        await wire.answer(SPEECHES[dialect.upstream].whole)

    async with open_front(tmp_path, server__keepalive=0.1) as front:
        front.upstream.play(dialect.upstream, slow)
        answer = await front.http.post(dialect.path, json=dialect.ask(stream=False))

    assert answer.json()
    assert "Hello." in answer.text


@pytest.mark.filterwarnings("ignore:Async generator '(openai|anthropic|httpx2|httpcore2)[.]:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_vendors_own_clients_pass_over_it(tmp_path: Path) -> None:
    async with open_front(tmp_path, server__keepalive=0.1) as front:
        for path in ("/chat/completions", "/responses", "/v1/messages"):
            front.upstream.play(path, silent(path, 0.4))
        async with openai.AsyncOpenAI(base_url=f"{front.url}/v1", api_key="none") as client:
            chat = await client.chat.completions.create(**CHAT, stream=True)
            said = "".join([chunk.choices[0].delta.content or "" async for chunk in chat if chunk.choices])
            events = [event.type async for event in await client.responses.create(**RESPONSES, stream=True)]
        async with (
            anthropic.AsyncAnthropic(base_url=front.url, api_key="none") as claude,
            claude.messages.stream(**MESSAGES) as message,
        ):
            final = await message.get_final_message()

    assert said == "Hello."
    assert events[-1] == "response.completed"
    assert final.content[0].model_dump()["text"] == "Hello."
