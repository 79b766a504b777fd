"""Sending an answer: at once or word by word, to its end or not."""

from collections.abc import AsyncGenerator

import trio
from quart import Response

from passenger_trio.simulator import chaos
from passenger_trio.simulator.answers import Answer
from passenger_trio.simulator.chaos import Plan
from passenger_trio.simulator.directives import Script
from passenger_trio.simulator.forms import Form
from passenger_trio.simulator.refusals import JSON_UTF8
from passenger_trio.simulator.stamp import Stamp
from passenger_trio.simulator.world import Simulator


class ConnectionDropped(Exception):
    """Raised in an answer's body: Hypercorn closes the connection without the body's proper end."""


async def deliver(
    simulator: Simulator, said: Answer, script: Script, form: Form, stamp: Stamp, *, streamed: bool
) -> Response:
    """``said`` in its ``form``, as the request and its directives want it."""
    if script.silence:
        await trio.sleep(script.silence)
    if streamed:
        plan = chaos.plan(form.stream(said, stamp), script, broken=said.broken)
        delay = simulator.word_delay if said.slow else 0.0
        return Response(_events(simulator, plan, delay, script.pause), content_type="text/event-stream")
    if said.slow:
        await trio.sleep(simulator.word_delay * len(said.pieces))
    body = form.whole(said, stamp)
    if said.broken:
        return broken_answer(200, body, body[: len(body) // 2], JSON_UTF8)
    if script.cut is not None:
        return broken_answer(200, body, body[: script.cut], JSON_UTF8)
    return Response(body, content_type=JSON_UTF8)


async def _events(simulator: Simulator, plan: Plan, delay: float, pause: float) -> AsyncGenerator[bytes, None]:
    """The body of a streamed answer. Cancelled or closed by Quart when the client leaves, which is counted."""
    simulator.open_streams += 1
    left_early = True
    last = len(plan.chunks) - 1
    try:
        for index, chunk in enumerate(plan.chunks):
            if delay and index < plan.paced:
                await trio.sleep(delay)
            if pause and index == 1:
                await trio.sleep(pause)
            if index == last and not plan.breaks:
                left_early = False
            yield chunk
        left_early = False
        if plan.breaks:
            raise ConnectionDropped
    finally:
        simulator.open_streams -= 1
        simulator.cancelled_streams += left_early


def broken_answer(status: int, body: bytes, sent: bytes, content_type: str) -> Response:
    """An answer that promises ``body``, and whose connection closes after ``sent``."""

    async def parts() -> AsyncGenerator[bytes, None]:
        if sent:
            yield sent
        raise ConnectionDropped

    headers = {"Content-Length": str(max(len(body), len(sent) + 1))}
    return Response(parts(), status=status, headers=headers, content_type=content_type)
