import json
import time

import httpx
import pytest
import trio

from passenger_trio.simulator import chaos
from passenger_trio.simulator.directives import Script, parse
from passenger_trio.simulator.stamp import DONE, Stream

EVENTS = [b'data: {"n":%d}\n\n' % number for number in range(6)]
STREAM = Stream(EVENTS, [b'data: {"finish":true}\n\n', DONE], noise=(b"event: noise\ndata: []\n\n",))


def sent(directives, stream=STREAM):
    script = parse(directives)
    return b"".join(chaos.plan(stream, script, broken=script.midfail).chunks)


WHOLE = b"".join([*EVENTS, *STREAM.ending])


def test_without_directives_a_stream_is_what_it_is():
    plan = chaos.plan(STREAM, Script(), broken=False)

    assert (b"".join(plan.chunks), plan.paced, plan.breaks) == (WHOLE, 6, False)


def test_a_stream_can_lack_its_finish():
    assert sent("[[nofinish]]") == b"".join(EVENTS)


def test_a_stream_can_lack_its_done():
    assert sent("[[nodone]]") == WHOLE.removesuffix(DONE)


def test_a_stream_can_have_a_done_that_it_never_has():
    assert sent("[[done]]", Stream(EVENTS, [b"data: {}\n\n"])).endswith(b"data: {}\n\n" + DONE)
    assert sent("[[done]]") == WHOLE


def test_lines_can_end_with_crlf_and_have_no_space():
    assert sent("[[crlf]]") == WHOLE.replace(b"\n", b"\r\n").replace(b"data: ", b"data:")


def test_comments_and_noise_can_come_between():
    data = sent("[[comments]]")

    assert data.startswith(b": keep-alive\n\nevent: noise\n")
    assert data.count(b": keep-alive") == 7
    assert data.replace(b": keep-alive\n\n", b"").replace(b"event: noise\ndata: []\n\n", b"") == WHOLE


def test_a_stream_can_end_with_raw_json():
    data = sent("[[tail]]")

    assert json.loads(data.split(b"\n\n")[-1])["error"]["code"] == "internal_error"
    assert data.startswith(b"".join(EVENTS[:3]))


def test_a_stream_can_end_with_an_error_event(sample):
    assert sent("[[inband]]").endswith(sample("chat_stream_error_midstream.sse").split(b"\n\n")[-2] + b"\n\n")
    assert sent("[[failed]]") == sent("[[inband]]")


@pytest.mark.parametrize("size", [0, 1, 20, 10_000])
def test_a_stream_can_be_cut_after_any_byte(size):
    plan = chaos.plan(STREAM, parse(f"[[cut:{size}]]"), broken=False)

    assert b"".join(plan.chunks) == WHOLE[:size]
    assert plan.breaks


def test_a_stream_can_come_in_pieces_of_any_size():
    plan = chaos.plan(STREAM, parse("[[bytes:7]]"), broken=False)

    assert b"".join(plan.chunks) == WHOLE
    assert {len(chunk) for chunk in plan.chunks[:-1]} == {7}


async def test_a_cut_stream_breaks_off_after_as_many_bytes(line):
    received = bytearray()
    body = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "[[cut:500]] hello"}]}

    async def drain(answer):
        async for chunk in answer.aiter_raw():
            received.extend(chunk)

    with trio.fail_after(10):
        async with line.client.stream("POST", "/chat/completions", json=body, headers=await line.bearer()) as answer:
            with pytest.raises(httpx.RemoteProtocolError):
                await drain(answer)

    assert len(received) == 500
    assert (line.simulator.open_streams, line.simulator.cancelled_streams) == (0, 0)


async def test_a_whole_answer_can_be_cut_too(line):
    with trio.fail_after(10), pytest.raises(httpx.RemoteProtocolError):
        await line.ask("[[cut:10]]")


@pytest.mark.parametrize("directive", ["[[silence:0.05]]", "[[pause:0.05]]"])
async def test_an_answer_can_be_a_long_time_coming(line, directive):
    headers = await line.bearer()
    body = {"stream": True, "messages": [{"role": "user", "content": directive}]}
    started = time.monotonic()
    with trio.fail_after(10):
        answer = await line.client.post("/chat/completions", json=body, headers=headers)

    assert answer.content.endswith(DONE)
    assert time.monotonic() - started >= 0.05


@pytest.mark.parametrize("model, path", [("claude-opus-4.7", "/v1/messages"), ("gpt-5.4", "/responses")])
@pytest.mark.parametrize("directive", ["[[midfail]]", "[[cut:700]]"])
async def test_streams_of_the_other_endpoints_break_too(line, model, path, directive):
    said = {"messages": [{"role": "user", "content": directive}], "max_tokens": 100}
    body = {"model": model, "stream": True, **(said if path == "/v1/messages" else {"input": directive})}
    with trio.fail_after(10), pytest.raises(httpx.RemoteProtocolError):
        await line.post(path, body)


@pytest.mark.parametrize("directive", ["nofinish", "tail"])
async def test_a_stream_that_goes_wrong_still_ends_cleanly(line, directive):
    with trio.fail_after(10):
        answer = await line.ask(f"[[{directive}]] hello", stream=True)

    assert b"[DONE]" not in answer.content
    assert b"finish_reason" not in answer.content
    assert (line.simulator.open_streams, line.simulator.cancelled_streams) == (0, 0)
