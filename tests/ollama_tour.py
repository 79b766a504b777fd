"""A tour of Ollama's routes: what clients ask in every variation that matters, and what the answers are to be.

It is made twice, to hold the answers against schemas of our own and against the models of Ollama's package.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from house import House

from passenger_trio.simulator import Fault

GPT: Final = "gpt-4.1"
MODELS: Final = (GPT, "gpt-5.3-codex", "claude-opus-4.7", "gemini-2.5-pro", "claude-sonnet-4.5", "o1")
"""On each of Copilot's endpoints, of each family on the first, and one that does not stream."""

SMALL: Final = "text-embedding-3-small"
NOBODY: Final = "llama3.2"
PIXEL: Final = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
).decode()
WEATHER: Final = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
FORM: Final = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
BREAKS: Final = "one two three four five six seven eight"

_TOP: Final = [
    {"token": token, "logprob": logprob, "bytes": [*token.encode()]} for token, logprob in (("é", -0.1), ("e", -3))
]
_CHUNKS: Final[tuple[dict[str, Any], ...]] = (
    {
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": "é"},
                "logprobs": {"content": [{**_TOP[0], "top_logprobs": _TOP}]},
            }
        ]
    },
    {
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    },
)
LOGPROBS: Final = Fault(
    path="/chat/completions",
    status=200,
    content_type="text/event-stream",
    body="".join(f"data: {json.dumps({'id': 'a', **chunk})}\n\n" for chunk in _CHUNKS).encode() + b"data: [DONE]\n\n",
)
"""A stream with logprobs, as OpenAI documents them; the simulator makes none of its own."""


@dataclass(frozen=True)
class Visit:
    """A request, and what is to come: the status, and the schemas of the last object and of those before it.

    Without schemas nothing is to come.
    """

    asks: Any
    last: str = ""
    line: str = ""
    status: int = 200
    method: str = "POST"
    spoilt: Fault | None = None
    rest: str = field(default="")
    """What stands in the place of the path's variable."""


def talk(text: str, model: str = GPT, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def write(prompt: str, model: str = GPT, **more: Any) -> dict[str, Any]:
    return {"model": model, "prompt": prompt, **more}


def told(ask: dict[str, Any], kind: str) -> list[Visit]:
    """Streamed and whole."""
    line = "generate line" if kind.startswith("generate") else f"{kind} line"
    return [
        Visit({**ask, "stream": True}, f"{kind} end", line),
        Visit({**ask, "stream": False}, f"{kind} whole"),
    ]


def refused(ask: Any, status: int = 400) -> list[Visit]:
    """Refused, streamed or not."""
    asks = [{**ask, "stream": stream} for stream in (True, False)] if isinstance(ask, dict) else [ask]
    return [Visit(one, "error", status=status) for one in asks]


def broken(ask: dict[str, Any], kind: str) -> list[Visit]:
    """Broken off in a stream, which ends with an error in its place; whole it has a status for it."""
    return [
        Visit({**ask, "stream": True}, "error", f"{kind} line"),
        Visit({**ask, "stream": False}, "error", status=502),
    ]


CHATS: Final = [
    *(visit for model in MODELS for visit in told(talk("Tell me about otters", model), "chat")),
    *(visit for model in MODELS[:3] for visit in told(talk("[[think]] Why is the sky blue?", model), "chat")),
    *(visit for model in MODELS for visit in told(talk("The weather in Paris", model, tools=[WEATHER]), "chat")),
    *(visit for model in MODELS for visit in told(talk("Weather in Paris and Rome", model, tools=[WEATHER]), "chat")),
    *told(talk("[[reply:First a word.]][[call:get_weather {}]]", tools=[WEATHER]), "chat"),
    *told(talk("Why?", "gpt-5-mini", think="high"), "chat"),
    *told(talk("Why?", "gpt-5-mini", think=False), "chat"),
    *told({"model": GPT, "messages": [{"role": "user", "content": "What is it?", "images": [PIXEL]}]}, "chat"),
    *told(talk("Review it", format="json"), "chat"),
    *told(talk("Review it", format=FORM), "chat"),
    *told(talk("[[len]] Go on"), "chat"),
    *told(talk("Go on and on", options={"num_predict": 2, "num_ctx": 8192}), "chat"),
    *refused(talk("[[filter]] Hm")),
    *told(talk("[[reply:]]"), "chat"),
    *told(talk("Hi", "GPT-4.1:latest", keep_alive="10m", tools=[], options={}, format=""), "chat"),
    *(
        Visit(visit.asks, visit.last, visit.line, spoilt=LOGPROBS)
        for visit in told(talk("Hi", logprobs=True, top_logprobs=2), "chat")
    ),
    Visit({"model": GPT}, "chat idle"),
    Visit({"model": GPT, "messages": [], "keep_alive": 0}, "chat idle"),
    *(visit for model in MODELS[:3] for visit in broken(talk(f"[[midfail]] {BREAKS}", model), "chat")),
    *(visit for model in MODELS[:3] for visit in broken(talk(f"[[inband]] {BREAKS}", model), "chat")),
    *(visit for status in (400, 401, 402, 403, 429, 500, 503) for visit in refused(talk(f"[[http:{status}]]"), status)),
    *refused(talk("Hi", NOBODY), 404),
    *refused(talk("Hi", SMALL)),
    *refused(talk("Weather", "o1-mini", tools=[WEATHER])),
    *refused(talk("Hi", think="hard")),
    *refused(talk("Hi", format="xml")),
    *refused({}),
    *refused(None),
]
GENERATIONS: Final = [
    *(visit for model in MODELS for visit in told(write("Tell me about otters", model), "generate")),
    *(visit for model in MODELS[:3] for visit in told(write("[[think]] Why?", model), "generate")),
    *told(write("Why?", "gpt-5-mini", think="high"), "generate"),
    *told(write("What is it?", images=[PIXEL], system="Be short."), "generate"),
    *told(write("Review it", format=FORM), "generate"),
    *told(write("[[len]] Go on"), "generate"),
    *told(write("[[reply:]]"), "generate"),
    *told(write("def add(a, b):", suffix="    return c"), "generate"),
    *told(write("Tell me about otters", raw=True), "generate raw"),
    *(
        Visit(visit.asks, visit.last, visit.line, spoilt=LOGPROBS)
        for visit in told(write("Hi", logprobs=True, top_logprobs=2), "generate")
    ),
    Visit({"model": GPT}, "generate idle"),
    Visit({"model": GPT, "prompt": "", "keep_alive": 0}, "generate idle"),
    *(visit for model in MODELS[:3] for visit in broken(write(f"[[midfail]] {BREAKS}", model), "generate")),
    *(visit for status in (400, 429, 500) for visit in refused(write(f"[[http:{status}]]"), status)),
    *refused(write("Hi", NOBODY), 404),
    *refused(write("Hi", SMALL)),
    *refused({}, 404),
    *refused(write("Hi", raw=True, system="Be short.")),
    *refused(write("Hi", "gpt-5-mini", suffix="!")),
    *refused(None),
]
ROUTES: Final[dict[str, Sequence[Visit]]] = {
    "/api/chat": CHATS,
    "/api/generate": GENERATIONS,
    "/api/embed": [
        Visit({"model": SMALL, "input": "a"}, "embed"),
        Visit({"model": SMALL, "input": ["a", "b"], "dimensions": 8}, "embed"),
        Visit({"model": SMALL, "input": []}, "embed"),
        Visit({"model": SMALL, "input": 1}, "error", status=400),
        Visit({"model": NOBODY, "input": "a"}, "error", status=404),
        Visit({"model": GPT, "input": "a"}, "error", status=400),
        Visit(None, "error", status=400),
        Visit(
            {"model": SMALL, "input": "a"},
            "error",
            status=503,
            spoilt=Fault(path="/embeddings", status=503, body=b"no"),
        ),
    ],
    "/api/embeddings": [
        Visit({"model": SMALL, "prompt": "a"}, "embeddings"),
        Visit({"model": SMALL, "prompt": ""}, "embeddings"),
        Visit({"prompt": "a"}, "error", status=400),
    ],
    "/api/tags": [
        Visit(None, "tags", method="GET"),
        Visit(None, method="HEAD"),
    ],
    "/api/show": [
        *(Visit({"model": model}, "show") for model in (*MODELS, SMALL, f"{GPT}:latest", GPT.upper())),
        Visit({"name": GPT, "verbose": True}, "show"),
        Visit({"model": NOBODY}, "error", status=404),
        Visit({}, "error", status=400),
        Visit(None, "error", status=400),
    ],
    "/api/ps": [
        Visit(None, "ps", method="GET"),
        Visit(None, method="HEAD"),
    ],
    "/api/version": [
        Visit(None, "version", method="GET"),
        Visit(None, method="HEAD"),
    ],
    "/api/status": [Visit(None, "status", method="GET")],
    "/api/me": [Visit(None, "me")],
    "/api/signout": [Visit(None)],
    "/api/user/keys/<path:key>": [Visit(None, "error", status=403, method="DELETE", rest="c3NoLWVk")],
    "/api/experimental/model-recommendations": [Visit(None, "recommendations", method="GET")],
    "/api/experimental/web_search": [Visit({"query": "otters"}, "error", status=403)],
    "/api/experimental/web_fetch": [Visit({"url": "https://example.invalid/"}, "error", status=403)],
    "/api/pull": [
        Visit({"model": GPT}, "pull end", "pull line"),
        Visit({"name": GPT, "stream": False}, "pull end"),
        Visit({"model": NOBODY}, "error", "pull line"),
        Visit({"model": NOBODY, "stream": False}, "error", status=500),
        Visit({"model": "no name"}, "error", status=400),
        Visit(None, "error", status=400),
    ],
    "/api/push": [Visit({"model": GPT}, "error", status=403)],
    "/api/create": [Visit({"model": "mine", "from": GPT}, "error", status=403)],
    "/api/copy": [
        Visit({"source": GPT, "destination": "mine"}),
        Visit({"source": NOBODY, "destination": "mine"}, "error", status=404),
        Visit({"source": "no name", "destination": "mine"}, "error", status=400),
    ],
    "/api/delete": [
        Visit({"model": GPT}, "error", status=403, method="DELETE"),
        Visit({"model": NOBODY}, "error", status=404, method="DELETE"),
        Visit({"model": "no name"}, "error", status=400, method="DELETE"),
    ],
    "/api/blobs/<digest>": [
        Visit(None, status=404, method="HEAD", rest=f"sha256:{'0' * 64}"),
        Visit(None, "error", status=403, rest=f"sha256:{'0' * 64}"),
    ],
}
"""By the route's rule, the visits in their order."""


@dataclass(frozen=True)
class Heard:
    """One object of an answer, and the schema that it is to have."""

    schema: str
    text: str


async def visit(house: House, path: str, made: Visit) -> list[Heard]:
    """Make a visit, and look at what every answer must have: its status, its type, its framing."""
    if made.spoilt is not None:
        house.simulator.faults.append(made.spoilt)
    content = b"" if made.asks is None else json.dumps(made.asks).encode()
    variable = path.partition("<")[2]
    path = path.replace(f"<{variable}", made.rest)
    answer = await house.http.request(made.method, path, content=content)
    assert answer.status_code == made.status, f"{path} {made.asks}: {answer.text}"
    objects = _objects(answer)
    if not made.last:
        assert objects == []
        return []
    assert made.line or len(objects) == 1, f"{path} {made.asks}: {objects}"
    return [*(Heard(made.line, text) for text in objects[:-1]), Heard(made.last, objects[-1])]


def _objects(answer: httpx.Response) -> list[str]:
    """The answer's JSON, line by line where it is a stream."""
    if not answer.content:
        return []
    kind = answer.headers["content-type"]
    if kind == "application/json; charset=utf-8":
        assert "\n" not in answer.text
        return [answer.text]
    assert kind == "application/x-ndjson"
    assert answer.text.endswith("\n")
    return answer.text[:-1].split("\n")
