"""The package ``ollama`` and its chat."""

import contextlib
from collections.abc import Mapping
from typing import Any, ClassVar

import ollama
from conformance.matrix.front import Answered, Asked, Called, Ending, Front, Heard, Result, Told, Turn


class OllamaChat(Front):
    """``client.chat``. Its errors have a status and a text, its calls no ids."""

    name = "ollama"
    bad_request = rate_limited = broken = ollama.ResponseError
    endings: ClassVar[Mapping[Ending, str]] = {"said": "stop", "called": "stop", "cut": "length", "stopped": "stop"}
    tells_retry_after = False
    tells_cached = False
    carries_reasoning = False
    always_streams = True
    thoughtless = frozenset({"chat"})

    def blocking(self, url: str, asked: Asked, heard: Heard) -> None:
        with ollama.Client(host=url, timeout=10) as client:
            answer = client.chat(**_request(asked))
            if not asked.stream:
                _hear(answer, heard)
                heard.message = answer.message
                return
            with contextlib.closing(answer):
                for line in answer:
                    _hear(line, heard)
                    if asked.leaves and heard.text:
                        return
            _put_together(heard)

    async def concurrent(self, url: str, asked: Asked, heard: Heard) -> None:
        async with ollama.AsyncClient(host=url, timeout=10) as client:
            answer = await client.chat(**_request(asked))
            if not asked.stream:
                _hear(answer, heard)
                heard.message = answer.message
                return
            async with contextlib.aclosing(answer):
                async for line in answer:
                    _hear(line, heard)
                    if asked.leaves and heard.text:
                        return
            _put_together(heard)

    def told(self, error: Exception) -> Told:
        assert isinstance(error, ollama.ResponseError)
        return Told(error.error, None if error.status_code == -1 else error.status_code)


def _request(asked: Asked) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": f"{asked.model}:latest",
        "messages": [_message(turn) for turn in asked.turns],
        "stream": asked.stream,
    }
    options: dict[str, Any] = {}
    if asked.stops:
        options["stop"] = list(asked.stops)
    if asked.most is not None:
        options["num_predict"] = asked.most
    if options:
        request["options"] = options
    if asked.tools:
        request["tools"] = [{"type": "function", "function": tool._asdict()} for tool in asked.tools]
    if asked.schema is not None:
        request["format"] = asked.schema
    if asked.effort is not None:
        request["think"] = asked.effort
    return request


def _message(turn: Turn) -> Any:
    if isinstance(turn, Result):
        return {"role": "tool", "tool_name": turn.call.name, "content": turn.text}
    if isinstance(turn, Answered):
        if turn.whole:
            return turn.heard.message
        calls = [{"function": {"name": call.name, "arguments": call.arguments}} for call in turn.heard.calls]
        return {"role": "assistant", "content": turn.heard.text, "tool_calls": calls}
    if turn.picture is None:
        return {"role": turn.role, "content": turn.text}
    return {"role": turn.role, "content": turn.text, "images": [turn.picture]}


def _hear(line: ollama.ChatResponse, heard: Heard) -> None:
    """A whole answer, or one line of a stream."""
    heard.text += line.message.content or ""
    heard.reasoning += line.message.thinking or ""
    heard.pieces += bool(line.message.content)
    for call in line.message.tool_calls or ():
        heard.calls.append(Called("", call.function.name, dict(call.function.arguments)))
    if line.done:
        heard.finish = line.done_reason
        assert line.prompt_eval_count is not None
        assert line.eval_count is not None
        heard.usage = (line.prompt_eval_count, line.eval_count)
        heard.ended = True


def _put_together(heard: Heard) -> None:
    """The message of a stream, which clients make themselves."""
    calls = [
        ollama.Message.ToolCall(function=ollama.Message.ToolCall.Function(name=call.name, arguments=call.arguments))
        for call in heard.calls
    ]
    heard.message = ollama.Message(
        role="assistant", content=heard.text, thinking=heard.reasoning or None, tool_calls=calls or None
    )
