"""What clients of the two newer dialects send, as cases of a table, and how a case is checked on each endpoint."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import messages_rows
import responses_rows
from heard import Body, Heard
from house import House
from server.client_shapes import (
    ABSENT,
    GENERATING,
    PIXEL,
    Case,
    Column,
    Each,
    Reached as ReachedByChat,
    assert_dropped,
    assert_refused,
    calls_upstream,
    user,
)

_ANYTHING = object()
ROME = ("function", "get_weather", {"city": "Rome"})
PARIS = ("function", "get_weather", {"city": "Paris"})
CALLED = {"calls": [ROME], "finish": "tool_calls"}
INPUT_PICTURE = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}


class Reached(ReachedByChat):
    """A request as Copilot got it. What passes from a client that speaks the endpoint's own dialect may have any of the
    shorter forms that the dialect allows.
    """

    def _responses(self) -> None:
        asked = self.body["input"]
        items = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
        items = [{"type": "message", **item} for item in items]
        tools = self.body.get("tools", [])
        self.body = {**self.body, "input": items, "tools": [tool for tool in tools if "name" in tool]}
        choice = self.body.get("tool_choice")
        if isinstance(choice, dict) and "name" not in choice:
            self.body["tool_choice"] = choice.get("mode", choice["type"])
        super()._responses()
        self.system = [text for text in [self.body.get("instructions") or "", *self.system] if text]
        self.body = json.loads(self.seen.body)

    def _messages(self) -> None:
        tools = self.body.get("tools", [])
        self.body = {**self.body, "tools": [tool for tool in tools if "input_schema" in tool]}
        super()._messages()
        self.body = json.loads(self.seen.body)


def reached(house: House) -> Reached:
    """The last call for an answer that Copilot got."""
    return Reached(next(seen for seen in reversed(house.simulator.requests) if seen.path in GENERATING))


def heard_of_responses(answer: httpx.Response, *, stream: bool) -> Heard:
    """What is said in an answer that has no fault."""
    if not stream:
        assert responses_rows.faults(responses_rows.WHOLE, answer.json()) == []
        return responses_rows.hear(answer.json())
    events = responses_rows.parse(answer.text)
    assert responses_rows.faults(responses_rows.STREAM, events) == []
    return responses_rows.hear(responses_rows.last(events))


def heard_of_messages(answer: httpx.Response, *, stream: bool) -> Heard:
    """What is said in an answer that has no fault."""
    if not stream:
        assert messages_rows.faults(messages_rows.WHOLE, answer.json()) == []
        return messages_rows.hear(answer.json())
    events = messages_rows.parse(answer.text)
    assert messages_rows.faults(messages_rows.STREAM, events) == []
    return messages_rows.hear(messages_rows.added_up(events))


def is_anthropics_error(body: Any, kind: str) -> bool:
    """Whether it is ``{"type": "error", "error": {type, message}, "request_id"}``, and of that kind."""
    return (
        isinstance(body, dict)
        and body.keys() == {"type", "error", "request_id"}
        and body["type"] == "error"
        and body["error"].get("type") == kind
        and body["error"].keys() <= {"type", "message", "details"}
        and all(isinstance(text, str) and bool(text) for text in (body["error"].get("message"), body["request_id"]))
    )


def assert_refused_by_anthropic(answer: httpx.Response, param: str) -> None:
    """A 400 in Anthropic's shape, whose words name the field."""
    assert answer.status_code == 400, answer.text
    assert is_anthropics_error(answer.json(), "invalid_request_error"), answer.text
    assert f"`{param}" in answer.json()["error"]["message"], answer.text


@dataclass(frozen=True)
class Front:
    """A route of a newer dialect. ``base`` is the least request; ``columns`` are models, each with its names."""

    path: str
    base: Body
    columns: Mapping[str, Column]
    hear: Callable[..., Heard]
    refused: Callable[[httpx.Response, str], None]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def body(self, column: str, **fields: Any) -> Body:
        return {"model": self.columns[column].model, **self.base, **fields}


RESPONSES = Front(
    "/v1/responses",
    {"input": "Hi"},
    {
        "chat": Column("gpt-4.1", "/chat/completions", ("chat", "hub")),
        "responses": Column("gpt-5.3-codex", "/responses", ("responses",)),
        "messages": Column("claude-opus-4.7", "/v1/messages", ("messages", "hub")),
    },
    heard_of_responses,
    assert_refused,
)
MESSAGES = Front(
    "/v1/messages",
    {"max_tokens": 4096, "messages": user("Hi")},
    {
        "chat": Column("gpt-4.1", "/chat/completions", ("chat", "hub")),
        "responses": Column("gpt-5.3-codex", "/responses", ("responses", "hub")),
        "messages": Column("claude-opus-4.7", "/v1/messages", ("messages",)),
    },
    heard_of_messages,
    assert_refused_by_anthropic,
    {"anthropic-version": "2023-06-01"},
)
COLUMNS = ("chat", "responses", "messages")


def _expected(wanted: Mapping[str, Any], column: Column) -> list[tuple[str, Any]]:
    each = [(name, column.of(value, _ANYTHING) if isinstance(value, Each) else value) for name, value in wanted.items()]
    return [(name, value) for name, value in each if value is not _ANYTHING]


def at(whole: Any, path: str) -> Any:
    """What stands at a path of keys and places; nothing where it ends before."""
    for key in path.split("."):
        try:
            whole = whole[int(key)] if isinstance(whole, list) else whole[key]
        except (KeyError, IndexError):
            return ABSENT
    return whole


async def check(
    house: House, front: Front, name: str, case: Case, streams: Sequence[bool] = (False, True), **headers: str
) -> None:
    """Send a case whole and streamed, and compare what became of it with what was expected.

    As with the cases for chat, but that ``sent`` are paths.
    """
    column = front.columns[name]
    for stream in streams:
        before = calls_upstream(house)
        body = front.body(name, **case.fields, stream=stream)
        answer = await house.http.post(front.path, json=body, headers={**front.headers, **headers})
        if (param := column.of(case.refused)) is not None:
            front.refused(answer, param)
            assert calls_upstream(house) == before, "what cannot be said was sent all the same"
            continue
        assert answer.status_code == 200, answer.text
        got = reached(house)
        assert got.seen.path == column.path, got.seen.path
        for what, value in _expected(case.reached, column):
            found = getattr(got, what)
            assert found == value, f"{what} that reached Copilot is {found!r} and not {value!r}"
        for path, value in column.of(case.sent, {}).items():
            found = at(got.body, path)
            assert found == value, f"{path} that Copilot got is {found!r} and not {value!r}"
        assert_dropped(answer, column.of(case.dropped))
        heard = front.hear(answer, stream=stream)
        for what, value in _expected({"finish": "stop", **case.heard}, column):
            found = getattr(heard, what)
            as_it_should = value in found if what == "text" else found == value
            assert as_it_should, f"{what} that was heard is {found!r} and not {value!r}"


async def failures(house: House, front: Front, column: str, cases: Mapping[str, Case], **headers: str) -> Body:
    """What is wrong with each of the cases for which something is."""
    found: Body = {}
    for name, case in cases.items():
        try:
            await check(house, front, column, case, **headers)
        except AssertionError as error:
            found[name] = str(error)
    return found
