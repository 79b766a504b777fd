"""The rows of the table: each is one thing that Ollama's clients do, and what must come of it.

A step asserts what the client says it heard, and what has reached Copilot. It knows neither which client it is nor how
that is driven: what a client cannot do or tell stands in ``grid.py``.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import trio
from conformance.matrix.cells import CITY, PIXEL, TWENTY, VERDICT, WORDS
from conformance.matrix.endpoints import ENDPOINTS, Body, Endpoint
from conformance.matrix.stage import busy_connections
from conformance.ollama.client import Heard, Job, Session, Verb
from house import House

THREE: Final[Sequence[Endpoint]] = [one for one in ENDPOINTS if one.name in {"chat", "responses", "messages"}]
"""A model for each of Copilot's endpoints."""

THINKING: Final[Sequence[Endpoint]] = [one for one in ENDPOINTS if one.effort is not None]
"""The same for models that can be told to think."""

CHAT: Final = THREE[0]
EMBEDDING: Final = "text-embedding-3-small"
WEATHER: Final[dict[str, Any]] = {"name": "get_weather", "description": "The weather of a city.", "parameters": CITY}
QUESTION: Final = "What is the weather in Paris and Rome"
THOUGHT: Final = "I shall answer it without a model."


@dataclass(frozen=True, slots=True)
class Stage:
    """A client that runs, and the house it speaks to. ``lacks`` is what the client does not tell of an answer."""

    session: Session
    house: House
    lacks: frozenset[str]

    async def do(self, verb: Verb, endpoint: Endpoint | str, prompt: str = "", **more: Any) -> Heard:
        """What was heard; the model goes by the name that Ollama gives it."""
        model = endpoint if isinstance(endpoint, str) else endpoint.model
        return await self.session.do(verb, Job(url=self.house.url, model=f"{model}:latest", prompt=prompt, **more))

    async def ask(self, verb: Verb, endpoint: Endpoint | str, prompt: str = "", **more: Any) -> Heard:
        """The same for what must succeed."""
        heard = await self.do(verb, endpoint, prompt, **more)
        assert heard.error is None
        return heard

    def sent(self, endpoint: Endpoint) -> Body:
        """The last request for an answer that reached Copilot, which must have come to the right place."""
        seen = self.house.simulator.requests[-1]
        assert seen.path == endpoint.path
        return endpoint.body(seen.body)

    def asked(self) -> int:
        """How often Copilot was asked for an answer."""
        return sum(self.house.simulator.counts[name] for name in ("chat", "responses", "messages", "embeddings"))


Play: TypeAlias = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Step:
    """A row: its words for people, what the client has to do, and the play."""

    title: str
    verb: Verb
    play: Play


STEPS: Final[dict[str, Step]] = {}
"""The rows in their order, by the names that the tests bear."""


def step(title: str, verb: Verb = "chat") -> Callable[[Play], Play]:
    """Make a function a row."""

    def add(play: Play) -> Play:
        STEPS[play.__name__] = Step(title, verb, play)
        return play

    return add


def check_usage(stage: Stage, heard: Heard) -> None:
    if "usage" not in stage.lacks:
        assert heard.usage is not None
        assert min(heard.usage) > 0


@step("the models are listed", "list")
async def models(stage: Stage) -> None:
    heard = await stage.ask("list", CHAT)

    listed = (await stage.house.http.get("/api/tags")).json()["models"]
    assert {model["name"] for model in listed} <= {*heard.names, *(f"{name}:latest" for name in heard.names)}
    assert {f"{one.model}:latest" for one in ENDPOINTS} <= {model["name"] for model in listed}
    assert stage.asked() == 0


@step("a model's card", "show")
async def card(stage: Stage) -> None:
    heard = await stage.ask("show", CHAT)

    told = (await stage.house.http.post("/api/show", json={"model": CHAT.model})).json()
    assert "tools" in heard.capabilities
    assert set(heard.capabilities) <= set(told["capabilities"])
    if "context" not in stage.lacks:
        assert heard.context == told["model_info"][f"{told['details']['family']}.context_length"]
    assert stage.asked() == 0


@step("a whole answer")
async def whole(stage: Stage) -> None:
    for endpoint in THREE:
        heard = await stage.ask("chat", endpoint, f"[[reply:{WORDS}]] Say it.")

        assert heard.text == WORDS
        check_usage(stage, heard)
        sent = stage.sent(endpoint)
        assert sent.model == endpoint.model
        assert "Say it." in sent.users()[0]


@step("a stream")
async def stream(stage: Stage) -> None:
    for endpoint in THREE:
        heard = await stage.ask("chat", endpoint, f"[[reply:{WORDS}]] Say it.", stream=True)

        assert heard.text == WORDS
        assert heard.pieces > 1
        check_usage(stage, heard)
        sent = stage.sent(endpoint)
        assert (sent.model, sent.stream) == (endpoint.model, True)


async def _tools(stage: Stage, *, streamed: bool) -> None:
    for endpoint in THREE:
        heard = await stage.ask("tools", endpoint, QUESTION, tool=WEATHER, stream=streamed)

        assert [(call.name, call.arguments["city"]) for call in heard.calls] == [
            ("get_weather", "Paris"),
            ("get_weather", "Rome"),
        ]
        assert heard.text == (
            "The tool get_weather answered: sunny in Paris\nThe tool get_weather answered: sunny in Rome"
        )
        sent = stage.sent(endpoint)
        assert [tool.name for tool in sent.tools()] == ["get_weather"]
        calls = sent.calls()
        assert [call.arguments["city"] for call in calls] == ["Paris", "Rome"]
        assert len({call.id for call in calls}) == 2
        assert sent.results() == [(calls[0].id, "sunny in Paris"), (calls[1].id, "sunny in Rome")]


@step("two tools at once and their results, whole", "tools")
async def tools(stage: Stage) -> None:
    await _tools(stage, streamed=False)


@step("two tools at once and their results, streamed", "tools")
async def tools_streamed(stage: Stage) -> None:
    await _tools(stage, streamed=True)


@step("thinking")
async def thinking(stage: Stage) -> None:
    for endpoint in THINKING:
        for streamed in (False, True):
            prompt = "[[think]][[reply:Blue.]] Why is the sky blue"
            heard = await stage.ask("chat", endpoint, prompt, think=True, stream=streamed)

            assert heard.text == "Blue."
            if "thinking" not in stage.lacks:
                assert THOUGHT in heard.thinking


@step("`format`: `json`")
async def json_object(stage: Stage) -> None:
    heard = await stage.ask("chat", CHAT, "Rate this", format="json")

    assert isinstance(json.loads(heard.text), dict)
    assert stage.sent(CHAT).fields["response_format"] == {"type": "json_object"}


@step("`format`: a schema")
async def json_schema(stage: Stage) -> None:
    heard = await stage.ask("chat", CHAT, "Rate this", format=VERDICT)

    verdict = json.loads(heard.text)
    assert verdict["mood"] in {"good", "bad"}
    assert isinstance(verdict["stars"], int)
    schema = stage.sent(CHAT).schema()
    assert schema is not None
    assert {key: schema[key] for key in VERDICT} == VERDICT


@step("a picture")
async def picture(stage: Stage) -> None:
    encoded = base64.b64encode(PIXEL).decode()
    heard = await stage.ask("chat", CHAT, "What is it", picture=encoded)

    assert "You sent 1 picture." in heard.text
    assert stage.sent(CHAT).pictures() == [f"data:image/png;base64,{encoded}"]


@step("a completion, streamed", "generate")
async def generate(stage: Stage) -> None:
    heard = await stage.ask("generate", CHAT, f"[[reply:{WORDS}]] Say it.")

    assert heard.text == WORDS
    assert heard.pieces > 1
    assert "Say it." in stage.sent(CHAT).users()[0]


@step("embeddings", "embed")
async def embeddings(stage: Stage) -> None:
    heard = await stage.ask("embed", EMBEDDING, texts=["an otter swims", "otters swim", "stocks fell"])

    near, far = (sum(a * b for a, b in zip(heard.vectors[0], other, strict=True)) for other in (heard.vectors[1:]))
    assert near > far
    for vector in heard.vectors:
        assert abs(sum(number * number for number in vector) - 1) < 1e-3


@step("a model is loaded", "load")
async def load(stage: Stage) -> None:
    heard = await stage.ask("load", CHAT)

    if "finish" not in stage.lacks:
        assert heard.finish == "load"
    running = (await stage.house.http.get("/api/ps")).json()["models"]
    assert [model["name"] for model in running] == [f"{CHAT.model}:latest"]
    assert stage.asked() == 0


@step("a model is unloaded", "unload")
async def unload(stage: Stage) -> None:
    await stage.ask("load", CHAT)
    heard = await stage.ask("unload", CHAT)

    if "finish" not in stage.lacks:
        assert heard.finish == "unload"
    assert (await stage.house.http.get("/api/ps")).json()["models"] == []
    assert stage.asked() == 0


@step("a model that is not there")
async def unknown(stage: Stage) -> None:
    heard = await stage.do("chat", "otter-7b", "Hello")

    assert heard.error is not None
    if "words" not in stage.lacks:
        assert "model 'otter-7b:latest' not found" in heard.error
    if "status" not in stage.lacks:
        assert heard.status == 404
    assert heard.text == ""
    assert stage.asked() == 0


@step("an error before the first byte")
async def refused(stage: Stage) -> None:
    for streamed in (False, True):
        heard = await stage.do("chat", CHAT, "[[http:429]]", stream=streamed)

        assert heard.error is not None
        if "words" not in stage.lacks:
            assert "rate limit exceeded" in heard.error
        if "status" not in stage.lacks:
            assert heard.status == 429
        assert heard.text == ""


BREAKS: Final = {
    "midfail": "broke",  # the connection
    "inband": "Copilot broke off",  # an error inside the stream
    "nofinish": "in the middle of the answer",  # a good end of the connection, and none of the answer
}
"""Directives that break a stream, and what the client is to be told."""


@step("an error in the stream")
async def broken(stage: Stage) -> None:
    for directive, why in BREAKS.items():
        heard = await stage.do("chat", CHAT, f"[[{directive}]] {TWENTY}", stream=True)

        assert "simulated" in heard.text
        if "error" in stage.lacks:
            assert heard.error is None
            assert heard.finish == "other"  # and not "stop"
        else:
            assert heard.error is not None
            assert why in heard.error


@step("the client leaves", "leave")
async def leaves(stage: Stage) -> None:
    heard = await stage.ask("leave", CHAT, "[[long]]", stream=True)

    assert heard.text
    with trio.fail_after(5):
        while stage.house.simulator.open_streams or busy_connections():
            await trio.sleep(0.01)
    assert stage.house.simulator.cancelled_streams == 1
    assert stage.sent(CHAT).stream
