"""Old text completions as real clients were recorded to ask for them, on a model of each of Copilot's endpoints."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from house import House
from server.client_shapes import COLUMNS, Reached, assert_dropped, assert_refused, calls_upstream, reached

from passenger_trio.simulator.records import SeenRequest

PATH = "/v1/completions"
ONCE = "[[reply:upon a time]] Once"
THIRTY = " ".join(f"word{number}" for number in range(30))


@dataclass(frozen=True)
class Ask:
    """A request but for its model; the texts heard; what is left out and what is refused by name, by column."""

    fields: dict[str, Any]
    texts: tuple[str, ...] = ("upon a time",)
    finish: str = "stop"
    reached: dict[str, Any] = field(default_factory=dict[str, Any])
    dropped: dict[str, str] = field(default_factory=dict[str, str])
    refused: dict[str, str] = field(default_factory=dict[str, str])


ASKS = {
    "a text": Ask({"prompt": ONCE}, reached={"said": [("user", [ONCE])]}),
    "a list of one": Ask({"prompt": [ONCE]}),
    "a list": Ask({"prompt": [ONCE, "[[reply:there was]] Once"]}, ("upon a time", "there was")),
    "token ids": Ask({"prompt": [24912, 2375]}, ('You wrote 2 words: "hello world"',)),
    "lists of token ids": Ask(
        {"prompt": [[24912, 2375], [24912]]}, ('You wrote 2 words: "hello world"', 'You wrote 1 word: "hello"')
    ),
    "langchain": Ask(
        {
            "prompt": [ONCE],
            "frequency_penalty": 0,
            "logprobs": None,
            "max_tokens": 256,
            "n": 1,
            "presence_penalty": 0,
            "seed": None,
            "temperature": 0.7,
            "top_p": 1,
        },
        reached={"limit": 256},
        dropped={
            "responses": "frequency_penalty, presence_penalty, temperature, top_p",
            "messages": "frequency_penalty, presence_penalty, top_p",
        },
    ),
    "litellm": Ask({"prompt": ONCE, "suffix": None, "stream": None, "user": None, "best_of": None}),
    "logit_bias empty": Ask({"prompt": ONCE, "logit_bias": {}}),
    "logprobs 0": Ask({"prompt": ONCE, "logprobs": 0}, dropped={"any": "logprobs"}),
    "suffix empty": Ask({"prompt": ONCE, "suffix": ""}),
    "echo": Ask({"prompt": ONCE, "echo": True}, (f"{ONCE}upon a time",)),
    "echo false": Ask({"prompt": ONCE, "echo": False}),
    "max_tokens": Ask(
        {"prompt": f"[[reply:{THIRTY}]]", "max_tokens": 20}, (THIRTY[: THIRTY.index(" word20")],), "length"
    ),
    "stop": Ask(
        {"prompt": f"[[reply:{THIRTY}]]", "stop": [" word3"]}, ("word0 word1 word2",), refused={"responses": "stop"}
    ),
    "stop null": Ask({"prompt": ONCE, "stop": None}),
    "best_of 1": Ask({"prompt": ONCE, "best_of": 1, "n": 1}),
    "user": Ask({"prompt": ONCE, "user": "ann"}, dropped={"responses": "user", "messages": "user"}),
    "seed": Ask({"prompt": ONCE, "seed": 7}, dropped={"responses": "seed", "messages": "seed"}),
}


def heard(answer: httpx.Response) -> list[tuple[str, str | None]]:
    """The text and the end of each choice, whole or streamed."""
    assert answer.status_code == 200, answer.text
    bodies = [answer.json()] if answer.headers["content-type"] == "application/json" else streamed(answer)
    found: dict[int, tuple[str, str | None]] = {}
    for body in bodies:
        assert body["object"] == "text_completion"
        for choice in body["choices"]:
            assert choice["logprobs"] is None
            text, finish = found.get(choice["index"], ("", None))
            assert finish is None, "more came after the finish"
            found[choice["index"]] = (text + choice["text"], choice["finish_reason"])
    return [found[index] for index in range(len(found))]


def streamed(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.headers["content-type"].startswith("text/event-stream")
    *events, last = [block.removeprefix("data: ") for block in answer.text.split("\n\n") if block]
    assert last == "[DONE]"
    return [json.loads(event) for event in events]


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("column", COLUMNS)
async def test_prompts_are_answered_on_each_endpoint(house: House, column: str, ask: str) -> None:
    case, to = ASKS[ask], COLUMNS[column]
    for stream in (False, True):
        answer = await house.http.post(PATH, json={"model": to.model, **case.fields, "stream": stream})
        if (param := to.of(case.refused)) is not None:
            assert_refused(answer, param)
            assert calls_upstream(house) == 0
            continue
        said = heard(answer)
        assert len(said) == len(case.texts)
        assert all(wanted in text for wanted, (text, _) in zip(case.texts, said, strict=True)), said
        assert {finish for _, finish in said} == {case.finish}
        assert_dropped(answer, to.of(case.dropped))
        for name, value in case.reached.items():
            assert getattr(reached(house), name) == value
        assert reached(house).seen.path == to.path


@pytest.mark.parametrize("column", COLUMNS)
async def test_several_prompts_are_several_calls_in_their_order(house: House, column: str) -> None:
    prompts = ["[[reply:one]]A", "[[reply:two]]B", "[[reply:three]]C"]

    answer = await house.http.post(PATH, json={"model": COLUMNS[column].model, "prompt": prompts})

    assert heard(answer) == [("one", "stop"), ("two", "stop"), ("three", "stop")]
    calls: list[SeenRequest] = [seen for seen in house.simulator.requests if seen.path == COLUMNS[column].path]
    assert [Reached(seen).said for seen in calls] == [[("user", [prompt])] for prompt in prompts]
    assert answer.json()["usage"]["prompt_tokens"] == 3
    assert {seen.headers["x-initiator"] for seen in calls} == {"user"}


@pytest.mark.parametrize("usage", [False, True])
@pytest.mark.parametrize("column", COLUMNS)
async def test_a_stream_has_the_usage_that_was_asked_for(house: House, column: str, usage: bool) -> None:
    fields: dict[str, Any] = {"stream_options": {"include_usage": True}} if usage else {}

    answer = await house.http.post(
        PATH, json={"model": COLUMNS[column].model, "prompt": [ONCE, ONCE], "stream": True, **fields}
    )

    found = streamed(answer)
    assert [bool(body.get("usage")) for body in found] == [False] * (len(found) - 1) + [usage]
    assert len({body["id"] for body in found}) == 1


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"suffix": "the end"}, "suffix"),
    ({"logprobs": 3}, "logprobs"),
    ({"best_of": 3}, "best_of"),
    ({"prompt": None}, "prompt"),
    ({"prompt": []}, "prompt"),
    ({"prompt": {"a": 1}}, "prompt"),
    ({"prompt": ["a", 1]}, "prompt"),
]


@pytest.mark.parametrize("column", COLUMNS)
async def test_what_cannot_be_completed_is_a_400_that_names_the_field(house: House, column: str) -> None:
    for fields, param in REFUSED:
        answer = await house.http.post(PATH, json={"model": COLUMNS[column].model, "prompt": ONCE, **fields})
        assert answer.status_code == 400, fields
        assert_refused(answer, param)

    assert calls_upstream(house) == 0


@pytest.mark.parametrize("column", COLUMNS)
async def test_two_answers_are_asked_of_the_endpoint_that_gives_them(house: House, column: str) -> None:
    """The simulator gives one whatever ``n`` is; what counts is that Copilot is asked."""
    answer = await house.http.post(PATH, json={"model": COLUMNS[column].model, "prompt": ONCE, "n": 2})

    if column == "chat":
        assert reached(house).body["n"] == 2
    else:
        assert_refused(answer, "n")
        assert calls_upstream(house) == 0


@pytest.mark.parametrize("path", [PATH, "/completions", f"{PATH}?beta=true"])
async def test_the_route_is_found_and_the_body_read_whatever_the_headers_say(house: House, path: str) -> None:
    content = json.dumps({"model": "gpt-4.1", "prompt": ONCE}).encode()
    for headers in ({}, {"Content-Type": "application/octet-stream"}, {"Authorization": "Bearer x"}):
        answer = await house.http.post(path, content=content, headers=headers)

        assert heard(answer) == [("upon a time", "stop")], headers
