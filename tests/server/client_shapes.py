"""What clients send, as cases of a table, and how a case is checked: what was heard, and what had reached Copilot."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from house import House

from passenger_trio.simulator.records import SeenRequest

CHAT = "/v1/chat/completions"
GENERATING = ("/chat/completions", "/responses", "/v1/messages")
USER = {"role": "user", "content": "Hi"}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NO_PARAMETERS = {"type": "object", "properties": {}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Rome"}'}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "18C"}
ABSENT = object()
"""What must not be there."""
_ANYTHING = object()


def tool(name: str = "get_weather", **function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **function}}


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


@dataclass(frozen=True)
class Column:
    """A model, and the endpoint on which Copilot serves it. ``names`` are what expectations call it, beside ``any``."""

    model: str
    path: str
    names: tuple[str, ...]

    def of(self, expected: Mapping[str, Any], default: Any = None) -> Any:
        """What is expected of this column."""
        return next((expected[name] for name in (*self.names, "any") if name in expected), default)


COLUMNS = {
    "chat": Column("gpt-4.1", "/chat/completions", ("chat",)),
    "responses": Column("gpt-5.3-codex", "/responses", ("responses",)),
    "messages": Column("claude-opus-4.7", "/v1/messages", ("messages",)),
}
FAMILIES = {
    "claude": Column("claude-sonnet-4.5", "/chat/completions", ("claude", "chat")),
    "gemini": Column("gemini-2.5-pro", "/chat/completions", ("gemini", "chat")),
    "gemini-3": Column("gemini-3-pro-preview", "/chat/completions", ("gemini-3", "chat")),
    "o3-mini": Column("o3-mini", "/chat/completions", ("o3-mini", "chat")),
    "gpt-5-mini": Column("gpt-5-mini", "/chat/completions", ("gpt-5-mini", "chat")),
    "gpt-4o": Column("gpt-4o", "/chat/completions", ("gpt-4o", "chat")),
}
ALL = {**COLUMNS, **FAMILIES}


class Each(dict[str, Any]):
    """An expectation for each column by name; where there is none for a column, nothing is expected of it."""


@dataclass
class Heard:
    """An answer, whole or streamed, by what it says. ``legacy`` is a call in the old form."""

    text: str
    calls: list[tuple[str, Any]]
    legacy: tuple[str, Any] | None
    finish: str
    usage: dict[str, Any] | None
    reasoning: str

    @property
    def called(self) -> list[str]:
        """The names of the tools that were called."""
        return [name for name, _ in self.calls]


def _read_call(call: Mapping[str, Any]) -> tuple[str, Any]:
    if "custom" in call:
        return call["custom"]["name"], call["custom"]["input"]
    return call["function"]["name"], json.loads(call["function"]["arguments"])


def heard_whole(answer: httpx.Response) -> Heard:
    body = answer.json()
    [choice] = body["choices"]
    message = choice["message"]
    old = message.get("function_call")
    return Heard(
        message["content"] or "",
        [_read_call(call) for call in message.get("tool_calls") or ()],
        None if old is None else (old["name"], json.loads(old["arguments"])),
        choice["finish_reason"],
        body.get("usage"),
        message.get("reasoning_content") or "",
    )


def chunks(answer: httpx.Response) -> list[dict[str, Any]]:
    """The chunks of a stream that ends as it should."""
    blocks = answer.text.split("\n\n")
    assert blocks[-2:] == ["data: [DONE]", ""], blocks[-2:]
    return [json.loads(block.removeprefix("data: ")) for block in blocks[:-2]]


def heard_streamed(answer: httpx.Response) -> Heard:
    found = chunks(answer)
    choices = [choice for chunk in found for choice in chunk["choices"]]
    assert {choice["index"] for choice in choices} == {0}, choices
    deltas = [choice["delta"] for choice in choices]
    calls: dict[int, dict[str, Any]] = {}
    old: list[Mapping[str, str]] = []
    for delta in deltas:
        for fragment in delta.get("tool_calls") or ():
            kind = "custom" if "custom" in fragment else "function"
            call = calls.setdefault(fragment["index"], {kind: dict.fromkeys(("name", "arguments", "input"), "")})
            for name, piece in fragment[kind].items():
                call[kind][name] += piece
        if delta.get("function_call"):
            old.append(delta["function_call"])
    [finish] = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    legacy = "".join(piece.get("name", "") for piece in old), "".join(piece.get("arguments", "") for piece in old)
    return Heard(
        "".join(delta.get("content") or "" for delta in deltas),
        [_read_call(call) for call in calls.values()],
        (legacy[0], json.loads(legacy[1])) if old else None,
        finish,
        next((chunk["usage"] for chunk in found if chunk.get("usage")), None),
        "".join(delta.get("reasoning_content") or "" for delta in deltas),
    )


@dataclass
class Reached:
    """A request as Copilot got it, in words that are the same for its three endpoints.

    ``said`` are the texts of user and assistant, turn by turn; empty ones say nothing. ``calls`` are (id, name,
    arguments), ``results`` (id, text), ``pictures`` their base64. ``choice`` is auto, none, required or a tool's name.
    """

    seen: SeenRequest
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    roles: list[str] = field(default_factory=list[str])
    system: list[str] = field(default_factory=list[str])
    said: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])
    calls: list[tuple[Any, str, Any]] = field(default_factory=list[tuple[Any, str, Any]])
    results: list[tuple[Any, str]] = field(default_factory=list[tuple[Any, str]])
    pictures: list[str] = field(default_factory=list[str])
    tools: dict[str, Any] = field(default_factory=dict[str, Any])
    choice: str | None = None
    parallel: bool | None = None
    limit: int | None = None
    stop: list[str] | None = None
    effort: str | None = None
    form: str | None = None
    schema: Any = None

    def __post_init__(self) -> None:
        self.body = json.loads(self.seen.body)
        read = {"/chat/completions": self._chat, "/responses": self._responses, "/v1/messages": self._messages}
        read[self.seen.path]()

    def _say(self, role: str, content: Any) -> None:
        self.roles.append(role)
        texts = [text for text in self._texts(content) if text]
        if role in {"system", "developer"}:
            self.system += texts
        elif texts and self.said and self.said[-1][0] == role:
            self.said[-1][1].extend(texts)
        elif texts:
            self.said.append((role, texts))

    def _texts(self, content: Any) -> list[str]:
        if content is None or isinstance(content, str):
            return [content or ""]
        for part in content:
            if part["type"] == "image_url":
                self.pictures.append(part["image_url"]["url"].partition(",")[2])
            elif part["type"] == "input_image":
                self.pictures.append(part["image_url"].partition(",")[2])
            elif part["type"] == "image":
                self.pictures.append(part["source"]["data"])
        return [part["text"] for part in content if "text" in part]

    def _result(self, call_id: Any, content: Any) -> None:
        self.roles.append("tool")
        self.results.append((call_id, "".join(self._texts(content))))

    def _chat(self) -> None:
        body = self.body
        for message in body["messages"]:
            if message["role"] in {"tool", "function"}:
                self._result(message.get("tool_call_id"), message["content"])
                continue
            self._say(message["role"], message.get("content"))
            old = [{"function": message["function_call"]}] if message.get("function_call") else []
            for call in [*(message.get("tool_calls") or ()), *old]:
                self.calls.append((call.get("id"), *_read_call(call)))
        for entry in body.get("tools", ()):
            inner = entry[entry["type"]]
            self.tools[inner["name"]] = inner.get("parameters", inner.get("format"))
        for function in body.get("functions", ()):
            self.tools[function["name"]] = function["parameters"]
        choice = body.get("tool_choice", body.get("function_call"))
        if isinstance(choice, dict):
            choice = choice.get("function", choice)["name"]
        self.choice, self.parallel = choice, body.get("parallel_tool_calls")
        self.limit, self.effort = body.get("max_tokens"), body.get("reasoning_effort")
        stop = body.get("stop")
        self.stop = [stop] if isinstance(stop, str) else stop
        self.form = body.get("response_format", {}).get("type")
        self.schema = body.get("response_format", {}).get("json_schema", {}).get("schema")

    def _responses(self) -> None:
        body = self.body
        for item in body["input"]:
            if item["type"] == "message":
                self._say(item["role"], item["content"])
            elif item["type"] == "function_call":
                self.calls.append((item["call_id"], item["name"], json.loads(item["arguments"])))
            elif item["type"] == "custom_tool_call":
                self.calls.append((item["call_id"], item["name"], item["input"]))
            elif item["type"].endswith("_output"):
                self._result(item["call_id"], item["output"])
        for entry in body.get("tools", ()):
            self.tools[entry["name"]] = entry.get("parameters", entry.get("format"))
        choice = body.get("tool_choice")
        self.choice = choice["name"] if isinstance(choice, dict) else choice
        self.parallel, self.limit = body.get("parallel_tool_calls"), body.get("max_output_tokens")
        self.effort = body.get("reasoning", {}).get("effort")
        self.form = body.get("text", {}).get("format", {}).get("type")
        self.schema = body.get("text", {}).get("format", {}).get("schema")

    def _messages(self) -> None:
        body = self.body
        self.system += self._texts(body.get("system"))
        for turn in body["messages"]:
            plain = [block for block in turn["content"] if block["type"] in {"text", "image"}]
            for block in turn["content"]:
                if block["type"] == "tool_use":
                    self.calls.append((block["id"], block["name"], block["input"]))
                elif block["type"] == "tool_result":
                    self._result(block["tool_use_id"], block.get("content"))
            if plain:
                self._say(turn["role"], plain)
        for entry in body.get("tools", ()):
            self.tools[entry["name"]] = entry["input_schema"]
        choice = body.get("tool_choice")
        if choice is not None:
            self.choice = {"any": "required", "tool": choice.get("name")}.get(choice["type"], choice["type"])
            if "disable_parallel_tool_use" in choice:
                self.parallel = not choice["disable_parallel_tool_use"]
        self.limit, self.stop = body["max_tokens"], body.get("stop_sequences")
        config = body.get("output_config", {})
        self.effort, form = config.get("effort"), config.get("format", {})
        self.form, self.schema = form.get("type"), form.get("schema")
        self.system = [text for text in self.system if text]


def reached(house: House) -> Reached:
    """The last call for an answer that Copilot got."""
    return Reached(next(seen for seen in reversed(house.simulator.requests) if seen.path in GENERATING))


def calls_upstream(house: House) -> int:
    return sum(seen.path in GENERATING for seen in house.simulator.requests)


@dataclass(frozen=True)
class Case:
    """A feature of requests, and what is expected where it is sent.

    ``fields`` are sent beside the model and, unless they are among them, one message from the user. ``heard`` and
    ``reached`` are attributes of :class:`Heard` and :class:`Reached`, for all columns or (an :class:`Each`) for those
    it names; of a heard ``text`` it is a part. ``sent`` are fields of the body that Copilot got, ``dropped`` what
    ``X-Passenger-Dropped`` names, ``refused`` the field that a 400 names: by column.
    """

    fields: Mapping[str, Any]
    heard: Mapping[str, Any] = field(default_factory=dict[str, Any])
    reached: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sent: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    dropped: Mapping[str, str] = field(default_factory=dict[str, str])
    refused: Mapping[str, str] = field(default_factory=dict[str, str])


def _expected(wanted: Mapping[str, Any], column: Column) -> list[tuple[str, Any]]:
    each = [(name, column.of(value, _ANYTHING) if isinstance(value, Each) else value) for name, value in wanted.items()]
    return [(name, value) for name, value in each if value is not _ANYTHING]


def assert_refused(answer: httpx.Response, param: str) -> None:
    """A 400 in OpenAI's shape that names the field."""
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error", error
    assert (error["param"] or "").startswith(param), error
    assert error["message"], error
    assert error.keys() >= {"message", "type", "param", "code"}, error


def assert_dropped(answer: httpx.Response, names: str | None) -> None:
    """``X-Passenger-Dropped`` names this, in whatever order, and nothing else."""
    header = answer.headers.get("x-passenger-dropped")
    told, expected = (sorted((text or "").split(", ")) for text in (header, names))
    assert told == expected, f"X-Passenger-Dropped is {header!r} and not {names!r}"


async def check(house: House, column: Column, case: Case, streams: Sequence[bool] = (False, True)) -> None:
    """Send a case whole and streamed, and compare what became of it with what was expected."""
    for stream in streams:
        body = {"model": column.model, "messages": [USER], **case.fields, "stream": stream}
        before = calls_upstream(house)
        answer = await house.http.post(CHAT, json=body)
        if (param := column.of(case.refused)) is not None:
            assert_refused(answer, param)
            assert calls_upstream(house) == before, "what cannot be said was sent all the same"
            continue
        assert answer.status_code == 200, answer.text
        got = reached(house)
        assert got.seen.path == column.path, got.seen.path
        for name, value in _expected(case.reached, column):
            found = getattr(got, name)
            assert found == value, f"{name} that reached Copilot is {found!r} and not {value!r}"
        for name, value in column.of(case.sent, {}).items():
            found = got.body.get(name, ABSENT)
            assert found == value, f"the field {name} that Copilot got is {found!r} and not {value!r}"
        assert_dropped(answer, column.of(case.dropped))
        heard = (heard_streamed if stream else heard_whole)(answer)
        for name, value in _expected({"finish": "stop", **case.heard}, column):
            found = getattr(heard, name)
            as_it_should = value in found if name == "text" else found == value
            assert as_it_should, f"{name} that was heard is {found!r} and not {value!r}"


async def failures(house: House, column: Column, cases: Mapping[str, Case]) -> dict[str, str]:
    """What is wrong with each of the cases for which something is."""
    found: dict[str, str] = {}
    for name, case in cases.items():
        try:
            await check(house, column, case)
        except AssertionError as error:
            found[name] = str(error)
    return found
