import json
import logging

import httpx
import pytest
import trio

from passenger_trio.simulator import Fault


def texts(body):
    """The text of a streamed answer."""
    lines = [line.removeprefix("data: ") for line in body.split("\n") if line]
    assert lines.pop() == "[DONE]"
    deltas = [choice["delta"] for line in lines for choice in json.loads(line)["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


async def test_the_models_begin_with_the_recorded_list(line, sample):
    with trio.fail_after(10):
        answer = await line.client.get("/models", headers=await line.bearer())

    recorded = json.loads(sample("models_list.json"))
    listed = answer.json()
    assert listed["data"][: len(recorded["data"])] == recorded["data"]
    assert listed.keys() == recorded.keys()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_gets_its_reply_whole_and_streamed(line, stream):
    with trio.fail_after(10):
        answer = await line.ask("[[reply:Grüße, 世界 \u2028 🦦]]", stream=stream)

    text = texts(answer.text) if stream else answer.json()["choices"][0]["message"]["content"]
    assert text == "Grüße, 世界 \u2028 🦦"
    assert answer.headers["content-type"] == ("text/event-stream" if stream else "application/json; charset=utf-8")


async def test_a_request_id_is_echoed_and_otherwise_made(line):
    with trio.fail_after(10):
        echoed = await line.client.get("/_ping", headers={"X-Request-Id": "mine"})
        made = await line.client.get("/_ping")

    assert echoed.headers["x-request-id"] == "mine"
    assert len(made.headers["x-request-id"]) == 36
    assert made.headers["x-github-request-id"] != echoed.headers["x-github-request-id"]


@pytest.mark.parametrize("path", ["/models", "/chat/completions"])
async def test_a_dead_token_is_told_from_an_unknown_one(line, path):
    method = "GET" if path == "/models" else "POST"
    with trio.fail_after(10):
        headers = await line.bearer()
        line.simulator.kill_tokens()
        dead = await line.client.request(method, path, headers=headers)
        unknown = await line.client.request(method, path, headers={"Authorization": "Bearer made up"})
        none = await line.client.request(method, path)

    assert (dead.status_code, dead.text) == (401, "IDE token expired: unauthorized: token expired\n")
    assert (unknown.status_code, unknown.text) == (401, "unauthorized: token expired\n")
    assert none.status_code == 401
    assert dead.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "model, code",
    [
        ("no-such-model", "model_not_supported"),
        ("claude-opus-4.6", "model_not_supported"),
        ("gpt-5.3-codex", "unsupported_api_for_model"),
        ("text-embedding-3-small", "unsupported_api_for_model"),
        ("gpt-41-copilot", "unsupported_api_for_model"),
    ],
)
async def test_a_model_that_cannot_chat_is_refused_in_plain_text(line, model, code):
    with trio.fail_after(10):
        answer = await line.ask("hello", model=model)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert json.loads(answer.text)["error"]["code"] == code


async def test_a_request_without_a_model_is_answered_by_the_fallback(line):
    with trio.fail_after(10):
        answer = await line.ask("hello", model=None)

    assert answer.json()["model"] == "gpt-4.1-2025-04-14"


@pytest.mark.parametrize("content", [b"not json", b"{}", b'{"model":"gpt-4o"}', b'{"messages":[],"model":"gpt-4o"}'])
async def test_what_is_no_chat_request_gets_400(line, content):
    with trio.fail_after(10):
        answer = await line.client.post("/chat/completions", content=content, headers=await line.bearer())

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request_body")


async def test_a_malformed_directive_gets_400_and_its_reason(line):
    with trio.fail_after(10):
        answer = await line.ask("[[http:abc]]")

    assert answer.status_code == 400
    assert "[[http:abc]]" in answer.json()["error"]["message"]


async def test_a_status_can_be_asked_for(line):
    with trio.fail_after(10):
        answer = await line.ask("[[http:429]]")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "37")


async def test_a_status_can_be_asked_for_once(line):
    with trio.fail_after(10):
        answers = [await line.ask("[[http1:503]][[reply:now]]") for _ in range(2)]
        other = await line.ask("[[http1:503]][[reply:other]]")

    assert [answer.status_code for answer in answers] == [503, 200]
    assert other.status_code == 503


async def test_the_words_of_a_long_stream_come_one_by_one_and_none_is_lost(line):
    with trio.fail_after(30):
        answer = await line.ask("[[long]]", stream=True)

    assert texts(answer.text).split() == [f"word{number:03}" for number in range(1, 301)]
    assert answer.text.count("\n\n") == 300 + 4


async def test_a_long_answer_takes_as_long_whole_as_it_would_streamed(line):
    started = trio.current_time()
    with trio.fail_after(30):
        answer = await line.ask("[[long]]")

    assert len(answer.json()["choices"][0]["message"]["content"].split()) == 300
    assert trio.current_time() - started >= 300 * line.simulator.word_delay


@pytest.mark.parametrize("stream", [False, True])
async def test_a_broken_answer_has_a_beginning_and_no_end(line, stream, caplog, capfd):
    received = bytearray()

    async def drain(answer):
        async for chunk in answer.aiter_raw():
            received.extend(chunk)

    with trio.fail_after(10), caplog.at_level(logging.DEBUG):
        body = {
            "model": "gpt-4o",
            "stream": stream,
            "messages": [{"role": "user", "content": "[[midfail]] one two three four five"}],
        }
        async with line.client.stream("POST", "/chat/completions", json=body, headers=await line.bearer()) as answer:
            with pytest.raises(httpx.RemoteProtocolError):
                await drain(answer)

    assert answer.status_code == 200
    assert b"simulated" in received
    assert b"finish_reason" not in received or not stream
    assert b"[DONE]" not in received
    assert line.simulator.open_streams == 0
    assert line.simulator.cancelled_streams == 0
    assert [record for record in caplog.records if record.exc_info] == []
    assert capfd.readouterr() == ("", "")


async def test_the_connection_can_be_dropped_on_any_path(line):
    line.simulator.faults.append(Fault(path="/models", drop=True))
    with trio.fail_after(10):
        with pytest.raises(httpx.RemoteProtocolError):
            await line.client.get("/models", headers=await line.bearer())
        answer = await line.client.get("/models", headers=await line.bearer())

    assert answer.status_code == 200


async def test_a_fault_can_be_nothing_but_a_delay(line):
    line.simulator.faults.append(Fault(path="/models", status=None, delay=0.05))
    headers = await line.bearer()
    started = trio.current_time()
    with trio.fail_after(10):
        answer = await line.client.get("/models", headers=headers)

    assert answer.status_code == 200
    assert trio.current_time() - started >= 0.05


async def test_a_client_that_leaves_is_noticed(line):
    line.simulator.word_delay = 0.01
    body = json.dumps({"stream": True, "messages": [{"role": "user", "content": "[[long]]"}]}).encode()
    head = [
        "POST /chat/completions HTTP/1.1",
        "Host: x",
        *(f"{name}: {value}" for name, value in (await line.bearer()).items()),
        f"Content-Length: {len(body)}",
    ]
    received = b""
    with trio.fail_after(10):
        async with await trio.open_tcp_stream(*line.address()) as stream:
            await stream.send_all("\r\n".join([*head, "\r\n"]).encode() + body)
            while b"word002" not in received:
                received += await stream.receive_some()
            open_streams = line.simulator.open_streams
        while line.simulator.open_streams:
            await trio.lowlevel.checkpoint()

    assert open_streams == 1
    assert line.simulator.cancelled_streams == 1


async def test_a_stream_that_is_read_to_its_end_is_not_a_cancelled_one(line):
    with trio.fail_after(10):
        await line.ask("hello", stream=True)

    assert (line.simulator.open_streams, line.simulator.cancelled_streams) == (0, 0)


async def test_many_requests_share_one_connection(line):
    with trio.fail_after(10):
        headers = await line.bearer()
        body = {"messages": [{"role": "user", "content": "hello"}], "stream": True}
        async with httpx.AsyncClient(base_url=line.origin, limits=httpx.Limits(max_connections=1)) as client:
            for _ in range(5):
                await client.post("/chat/completions", json=body, headers=headers)
            pool = client._transport._pool
            assert len(pool.connections) == 1


async def test_requests_are_remembered_without_their_credentials(line):
    with trio.fail_after(10):
        headers = await line.bearer()
        await line.client.post("/chat/completions", content=b"{}", headers={**headers, "X-Initiator": "agent"})

    seen = line.simulator.requests[-1]
    assert (seen.method, seen.path, seen.body) == ("POST", "/chat/completions", b"{}")
    assert seen.headers["authorization"] == "Bearer [secret]"
    assert seen.headers["x-initiator"] == "agent"
    assert headers["Authorization"].removeprefix("Bearer ") not in repr(line.simulator.requests)


async def test_the_counters_can_be_read_over_http(line):
    with trio.fail_after(10):
        await line.client.post("/chat/completions", headers={**await line.bearer(), "X-Initiator": "user"}, content=b"")
        await line.ask("hello")
        report = (await line.client.get("/_simulator")).json()

    assert report["counts"] == {"token": 2, "chat": 2}
    assert report["chats_by_status"] == {"400": 1, "200": 1}
    assert report["last_initiator"] is None
    assert report["open_streams"] == 0


@pytest.mark.parametrize("method, path", [("GET", "/nowhere"), ("GET", "/chat/completions"), ("GET", "/v1/models")])
async def test_a_route_that_does_not_exist_gets_a_plain_404(line, method, path):
    with trio.fail_after(10):
        answer = await line.client.request(method, path)

    assert (answer.status_code, answer.text) == (404, "404 page not found\n")


async def test_a_body_beyond_the_limit_gets_413(line):
    with trio.fail_after(10):
        async with await trio.open_tcp_stream(*line.address()) as stream:
            head = f"POST /chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {65 * 1024**2}\r\n\r\n"
            await stream.send_all(head.encode())
            answer = await stream.receive_some()

    assert answer.startswith(b"HTTP/1.1 413 ")
