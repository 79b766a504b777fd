"""The rows of the matrix: each is one thing that clients rely on, and a function that holds one front and one endpoint
to it.

A cell asserts what the package's own objects say and what has reached Copilot. It knows neither which package it is nor
which endpoint: that a front or an endpoint cannot do a thing stands in ``grid.py``.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pytest
import trio
from conformance.matrix.front import Answered, Ending, Heard, Result, Said, Tool
from conformance.matrix.stage import Stage, Way, busy_connections

Play: TypeAlias = Callable[[Stage], Awaitable[None]]

WHOLE: Final = (Way(stream=False, blocking=True), Way(stream=False, blocking=False))
STREAMED: Final = (Way(stream=True, blocking=True), Way(stream=True, blocking=False))
BOTH: Final = (Way(stream=False, blocking=True), Way(stream=True, blocking=False))


@dataclass(frozen=True, slots=True)
class Cell:
    """A row: its words for people, the ways in which it is played, and the play."""

    title: str
    ways: Sequence[Way]
    play: Play


CELLS: Final[dict[str, Cell]] = {}
"""The rows in their order, by the names that the tests bear."""


def cell(title: str, ways: Sequence[Way] = BOTH) -> Callable[[Play], Play]:
    """Make a function a row."""

    def add(play: Play) -> Play:
        CELLS[play.__name__] = Cell(title, ways, play)
        return play

    return add


WORDS: Final = "Grüße, “Welt”:\n\t你好\u2028\N{SLIGHTLY SMILING FACE} \\ {} end"
"""Letters that are cut in half where bytes are counted, a line separator that is none, and what JSON escapes."""

PIXEL: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
CITY: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "The city's name"}},
    "required": ["city"],
}
WEATHER: Final = Tool("get_weather", "The weather of a city.", CITY)
VERDICT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"mood": {"type": "string", "enum": ["good", "bad"]}, "stars": {"type": "integer"}},
    "required": ["mood", "stars"],
    "additionalProperties": False,
}
CACHED: Final = 16
"""The tokens of a prompt that came from a cache; no recorded prompt has less of them."""

TWENTY: Final = " ".join(f"word{number}" for number in range(20))


def check_end(stage: Stage, heard: Heard, ending: Ending = "said") -> None:
    assert heard.finish == stage.front.endings[ending]


@cell("a whole answer", WHOLE)
async def text(stage: Stage) -> None:
    prompt = f"[[reply:{WORDS}]] Say it."
    heard = await stage.ask(Said(prompt))

    assert heard.text == WORDS
    check_end(stage, heard)
    sent = stage.sent()
    assert (sent.model, sent.stream, sent.users()) == (stage.endpoint.model, stage.streams, [prompt])
    assert stage.seen().headers["x-initiator"] == "user"


@cell("a stream", STREAMED)
async def stream(stage: Stage) -> None:
    prompt = f"[[reply:{WORDS}]] Say it."
    heard = await stage.ask(Said(prompt))

    assert heard.text == WORDS
    assert heard.pieces > 1
    check_end(stage, heard)
    sent = stage.sent()
    assert (sent.model, sent.stream, sent.users()) == (stage.endpoint.model, True, [prompt])
    assert stage.seen().headers["x-initiator"] == "user"


@cell("a system message")
async def system(stage: Stage) -> None:
    heard = await stage.ask(Said("Be brief.", "system"), Said("Tell me about otters"))

    assert '"Tell me about otters"' in heard.text
    sent = stage.sent()
    assert (sent.system(), sent.users()) == (["Be brief."], ["Tell me about otters"])


@cell("one tool")
async def one_tool(stage: Stage) -> None:
    heard = await stage.ask(Said("What is the weather in Paris"), tools=[WEATHER])

    assert [(call.name, call.arguments) for call in heard.calls] == [("get_weather", {"city": "Paris"})]
    check_end(stage, heard, "called")
    [tool] = stage.sent().tools()
    assert (tool.name, tool.description) == (WEATHER.name, WEATHER.description)
    assert {key: tool.schema[key] for key in CITY} == CITY


@cell("parallel tools")
async def parallel_tools(stage: Stage) -> None:
    heard = await stage.ask(Said("What is the weather in Paris and Rome"), tools=[WEATHER])

    assert [(call.name, call.arguments["city"]) for call in heard.calls] == [
        ("get_weather", "Paris"),
        ("get_weather", "Rome"),
    ]
    check_end(stage, heard, "called")
    assert [tool.name for tool in stage.sent().tools()] == ["get_weather"]


@cell("tool results in the next turn")
async def tool_results(stage: Stage) -> None:
    question = Said("What is the weather in Paris and Rome")
    asked = await stage.ask(question, tools=[WEATHER])
    results = [Result(call, f"sunny in {call.arguments['city']}") for call in asked.calls]
    heard = await stage.ask(question, Answered(asked), *results, tools=[WEATHER])

    assert heard.text == ("The tool get_weather answered: sunny in Paris\nThe tool get_weather answered: sunny in Rome")
    check_end(stage, heard)
    sent = stage.sent()
    calls = sent.calls()
    assert [(call.name, call.arguments["city"]) for call in calls] == [
        ("get_weather", "Paris"),
        ("get_weather", "Rome"),
    ]
    assert len({call.id for call in calls}) == 2
    assert sent.results() == [(calls[0].id, "sunny in Paris"), (calls[1].id, "sunny in Rome")]
    assert stage.seen().headers["x-initiator"] == "agent"


@cell("a picture")
async def picture(stage: Stage) -> None:
    heard = await stage.ask(Said("What is it", picture=PIXEL))

    assert "You sent 1 picture." in heard.text
    sent = stage.sent()
    assert sent.pictures() == ["data:image/png;base64," + base64.b64encode(PIXEL).decode()]
    assert sent.users() == ["What is it"]
    assert stage.seen().headers["copilot-vision-request"] == "true"


@cell("JSON schema")
async def json_schema(stage: Stage) -> None:
    heard = await stage.ask(Said("Rate this"), schema=VERDICT)

    verdict = json.loads(heard.text)
    assert verdict.keys() == {"mood", "stars"}
    assert verdict["mood"] in {"good", "bad"}
    assert isinstance(verdict["stars"], int)
    assert stage.sent().schema() == VERDICT


@cell("reasoning is heard")
async def reasoning(stage: Stage) -> None:
    thoughtless = stage.endpoint.name in stage.front.thoughtless
    if thoughtless:
        with pytest.raises(stage.front.bad_request, match="does not support thinking"):
            await stage.ask(Said("Why"), effort="high")
    question = Said("[[think]][[reply:Blue.]] Why is the sky blue")
    heard = await stage.ask(question, effort=None if thoughtless else "high")

    assert heard.reasoning == "The prompt has 5 words. I shall answer it without a model."
    assert heard.text == "Blue."
    check_end(stage, heard)
    assert stage.sent().effort() == (None if thoughtless else stage.endpoint.effort)


async def _reason_and_return(stage: Stage, *, whole: bool) -> None:
    question = Said("[[think]] What is the weather in Paris")
    asked = await stage.ask(question, tools=[WEATHER])
    signed = stage.witness.signed[-1]
    assert asked.reasoning
    [call] = asked.calls
    if stage.front.native is not None and stage.endpoint.signs:
        check_held(stage, asked.signed, signed)
    if whole and stage.front.carries_reasoning:
        question = Said(f"{question.text}, please")  # another conversation to the house, which knows nothing of it
    heard = await stage.ask(question, Answered(asked, whole), Result(call, "sunny"), tools=[WEATHER])

    assert heard.text == "The tool get_weather answered: sunny"
    thoughts = stage.sent().thoughts()
    if not stage.endpoint.signs or (stage.is_native and not whole):
        assert thoughts == []
        return
    [thought] = thoughts
    assert thought.signed in signed
    assert thought.text == asked.reasoning


def check_held(stage: Stage, held: Sequence[str], signed: Sequence[str]) -> None:
    """What the client holds is Copilot's own where it goes back as it is, else marked with the model it is for."""
    if stage.is_native:
        assert len(held) == 1
        assert held[0] in signed
    else:
        assert all(f";{stage.endpoint.model};" in piece for piece in held)
        assert any(own in piece for piece in held for own in signed)


@cell("reasoning comes back in the client's message")
async def reasoning_returned(stage: Stage) -> None:
    await _reason_and_return(stage, whole=True)


@cell("reasoning comes back although the client left it out")
async def reasoning_recalled(stage: Stage) -> None:
    await _reason_and_return(stage, whole=False)


@cell("a stop sequence")
async def stop(stage: Stage) -> None:
    heard = await stage.ask(Said("[[reply:before END after]]"), stops=["END"])

    assert heard.text.rstrip() == "before"
    check_end(stage, heard, "stopped" if stage.endpoint.tells_stop else "said")
    assert stage.sent().stops() == ["END"]


@cell("length")
async def length(stage: Stage) -> None:
    heard = await stage.ask(Said(f"[[reply:{TWENTY}]]"), most=16)

    assert heard.text == TWENTY.rpartition(" word16")[0]
    check_end(stage, heard, "cut")
    assert stage.sent().limit() == 16


@cell("usage")
async def usage(stage: Stage) -> None:
    heard = await stage.ask(Said("[[reply:one two three]] if you please"))

    thought = len(heard.reasoning.split())
    assert heard.usage == (6, 3 + thought)
    assert stage.sent().stream == stage.streams

    recorded = stage.endpoint.streamed if stage.streams else stage.endpoint.whole
    stage.replay(recorded.cached(CACHED))
    heard = await stage.ask(Said("Hello"))

    assert heard.usage is not None
    assert heard.usage[0] == recorded.read
    assert heard.cached == (CACHED if stage.front.tells_cached else None)
    assert stage.sent().users() == ["Hello"]


@cell("refused before the first byte")
async def refused(stage: Stage) -> None:
    heard = Heard()
    with pytest.raises(stage.front.rate_limited, match="rate limit exceeded") as caught:
        await stage.listen(heard, Said("[[http:429]]"))

    told = stage.front.told(caught.value)
    assert told.status == 429
    assert told.retry_after == ("37" if stage.front.tells_retry_after else None)
    assert heard == Heard()
    assert len(stage.generated()) == 1


BREAKS: Final = {
    "midfail": "broke",  # the connection
    "inband": "Copilot broke off",  # an error inside the stream
    "tail": "Copilot broke off",  # the same as bare JSON
    "nofinish": "in the middle of the answer",  # a good end of the connection, and none of the answer
}
"""Directives that break a stream, and what the client is to be told."""


@cell("broken after it", STREAMED)
async def broken(stage: Stage) -> None:
    for directive, why in BREAKS.items():
        heard = Heard()
        with pytest.raises(stage.front.broken) as caught:
            await stage.listen(heard, Said(f"[[{directive}]] {TWENTY}"))

        told = stage.front.told(caught.value)
        assert why in told.text
        assert told.status is None  # that was 200
        assert "simulated" in heard.text
        assert not heard.ended
        assert heard.finish is None
    assert len(stage.generated()) == len(BREAKS)


@cell("the client leaves", STREAMED)
async def leaves(stage: Stage) -> None:
    heard = Heard()
    await stage.listen(heard, Said("[[long]]"), leaves=True)

    assert heard.text
    assert not heard.ended
    with trio.fail_after(1):
        while stage.witness.open_streams or busy_connections():
            await trio.sleep(0.01)
    assert stage.left() == 1
    assert stage.sent().stream
