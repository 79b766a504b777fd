"""What Ollama's answers tell of time and of tokens, and what becomes of an answer that nobody waits for any more."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from house import House, open_house

from passenger_trio.simulator import Fault, Simulator

SECOND = 1_000_000_000


async def end(house: House, text: str, *, stream: bool, model: str = "gpt-4.1") -> dict[str, Any]:
    """The last line of an answer, or all of a whole one."""
    request = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
    answer = await house.http.post("/api/chat", json=request)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = json.loads(answer.text.splitlines()[-1])
    return found


@pytest.mark.parametrize("stream", [False, True])
async def test_the_time_to_the_first_event_is_that_of_the_prompt(house: House, stream: bool) -> None:
    last = await end(house, "[[silence:0.4]] Hi", stream=stream)

    assert last["prompt_eval_duration"] >= 0.4 * SECOND
    assert last["eval_duration"] < last["prompt_eval_duration"]
    assert last["load_duration"] < last["prompt_eval_duration"]


@pytest.mark.parametrize("stream", [False, True])
async def test_the_time_from_the_first_event_to_the_last_is_that_of_the_answer(house: House, stream: bool) -> None:
    last = await end(house, "[[long]]", stream=stream)  # 300 words, a millisecond before each

    assert last["eval_duration"] >= 0.25 * SECOND
    assert last["load_duration"] < last["eval_duration"]


@pytest.mark.parametrize("stream", [False, True])
async def test_the_times_are_no_longer_than_the_client_has_waited(house: House, stream: bool) -> None:
    begun = trio.current_time()
    last = await end(house, "[[pause:0.1]][[silence:0.1]] Hi", stream=stream)
    waited = trio.current_time() - begun

    parts = [last[f"{part}_duration"] for part in ("load", "prompt_eval", "eval")]
    assert sum(parts) == last["total_duration"] <= waited * SECOND
    assert all(part > 1 for part in parts), "a time was not measured"


def with_logprobs(*words: str) -> bytes:
    tokens = [
        {
            "token": word,
            "logprob": -0.5,
            "bytes": list(word.encode()),
            "top_logprobs": [{"token": word, "logprob": -0.5, "bytes": None}],
        }
        for word in words
    ]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "".join(words)},
        "logprobs": {"content": tokens},
        "finish_reason": "stop",
    }
    return json.dumps({"id": "c", "created": 1, "model": "gpt-4.1", "choices": [choice]}).encode()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "path, says",
    [("/api/chat", {"messages": [{"role": "user", "content": "Hi"}]}), ("/api/generate", {"prompt": "Hi"})],
)
async def test_logprobs_are_told_where_copilot_gives_them(
    house: House, path: str, says: dict[str, Any], stream: bool
) -> None:
    body = with_logprobs("H\u00e9", " you")
    house.simulator.faults.append(
        Fault(path="/chat/completions", status=200, body=body, content_type="application/json")
    )
    request = {"model": "gpt-4.1", "logprobs": True, "top_logprobs": 1, "stream": stream, **says}

    answer = await house.http.post(path, json=request)

    asked = json.loads(house.simulator.requests[-1].body)
    assert (asked["logprobs"], asked["top_logprobs"]) == (True, 1)
    assert [entry for line in answer.text.splitlines() for entry in json.loads(line).get("logprobs", ())] == [
        {
            "token": word,
            "logprob": -0.5,
            "bytes": list(word.encode()),
            "top_logprobs": [{"token": word, "logprob": -0.5, "bytes": list(word.encode())}],
        }
        for word in ("H\u00e9", " you")
    ]


@pytest.mark.parametrize("model", ["gpt-5.3-codex", "claude-opus-4.7"])
async def test_logprobs_of_a_model_that_gives_none_are_refused(house: House, model: str) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    answer = await house.http.post("/api/chat", json={"model": model, "messages": messages, "logprobs": True})

    assert answer.status_code == 400
    assert "logprobs" in answer.json()["error"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "path, says",
    [("/api/chat", {"messages": [{"role": "user", "content": "[[long]]"}]}), ("/api/generate", {"prompt": "[[long]]"})],
)
async def test_leaving_in_the_middle_closes_the_upstream_reply_at_once(
    tmp_path: Path, path: str, says: dict[str, Any], stream: bool
) -> None:
    simulator = Simulator(word_delay=0.05)
    async with open_house(simulator, tmp_path) as house:
        with trio.move_on_after(1) as impatient:
            await house.http.post(path, json={"model": "gpt-4.1", "stream": stream, **says})
        assert impatient.cancelled_caught
        with trio.fail_after(5):
            while not simulator.cancelled_streams:
                await trio.sleep(0.005)

        assert simulator.open_streams == 0
        assert simulator.counts["chat"] == 1
