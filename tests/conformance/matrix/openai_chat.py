"""The package ``openai`` and its chat completions."""

import base64
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import openai
from conformance.matrix.front import Answered, Asked, Called, Ending, Front, Heard, Result, Told, Turn
from openai.lib.streaming.chat import ChatCompletionStreamState


class OpenAiChat(Front):
    """``client.chat.completions.create``; streams are put together by the package's own accumulator."""

    name = "openai_chat"
    bad_request = openai.BadRequestError
    rate_limited = openai.RateLimitError
    broken = openai.APIError
    endings: ClassVar[Mapping[Ending, str]] = {
        "said": "stop",
        "called": "tool_calls",
        "cut": "length",
        "stopped": "stop",
    }

    def blocking(self, url: str, asked: Asked, heard: Heard) -> None:
        with openai.OpenAI(**_settings(url)) as client:
            answer = client.chat.completions.create(**_request(asked))
            if not asked.stream:
                _read(answer, heard)
                return
            listener = _Listener(heard)
            with answer:
                for chunk in answer:
                    listener.hear(chunk)
                    if asked.leaves and heard.text:
                        return
            heard.ended = True

    async def concurrent(self, url: str, asked: Asked, heard: Heard) -> None:
        async with openai.AsyncOpenAI(**_settings(url)) as client:
            answer = await client.chat.completions.create(**_request(asked))
            if not asked.stream:
                _read(answer, heard)
                return
            listener = _Listener(heard)
            async with answer:
                async for chunk in answer:
                    listener.hear(chunk)
                    if asked.leaves and heard.text:
                        return
            heard.ended = True

    def told(self, error: Exception) -> Told:
        assert isinstance(error, openai.APIError)
        if not isinstance(error, openai.APIStatusError):
            return Told(error.message)
        return Told(error.message, error.status_code, error.param, error.response.headers.get("retry-after"))


def _settings(url: str) -> dict[str, Any]:
    return {"base_url": f"{url}/v1", "api_key": "any", "max_retries": 0, "timeout": 10}


def _request(asked: Asked) -> dict[str, Any]:
    request: dict[str, Any] = {"model": asked.model, "messages": [_message(turn) for turn in asked.turns]}
    if asked.stream:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    if asked.tools:
        request["tools"] = [{"type": "function", "function": tool._asdict()} for tool in asked.tools]
    if asked.schema is not None:
        form = {"name": "verdict", "schema": asked.schema, "strict": True}
        request["response_format"] = {"type": "json_schema", "json_schema": form}
    if asked.stops:
        request["stop"] = list(asked.stops)
    if asked.most is not None:
        request["max_tokens"] = asked.most
    if asked.effort is not None:
        request["reasoning_effort"] = asked.effort
    return request


def _message(turn: Turn) -> dict[str, Any]:
    if isinstance(turn, Result):
        return {"role": "tool", "tool_call_id": turn.call.id, "content": turn.text}
    if isinstance(turn, Answered):
        if turn.whole:
            return turn.heard.message.model_dump()
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in turn.heard.calls
        ]
        return {"role": "assistant", "content": turn.heard.text or None, "tool_calls": calls}
    if turn.picture is None:
        return {"role": turn.role, "content": turn.text}
    url = "data:image/png;base64," + base64.b64encode(turn.picture).decode()
    return {
        "role": turn.role,
        "content": [{"type": "text", "text": turn.text}, {"type": "image_url", "image_url": {"url": url}}],
    }


def _read(answer: Any, heard: Heard) -> None:
    """A whole answer, or what the accumulator has made of a stream."""
    [choice] = answer.choices
    heard.message = choice.message
    heard.text = choice.message.content or ""
    heard.reasoning = (choice.message.model_extra or {}).get("reasoning_content", "")
    heard.finish = choice.finish_reason
    if answer.usage is not None:
        heard.usage = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        heard.cached = answer.usage.prompt_tokens_details.cached_tokens if answer.usage.prompt_tokens_details else None
    if choice.finish_reason is not None:
        assert choice.message.role == "assistant"
        heard.calls = [
            Called(call.id, call.function.name, json.loads(call.function.arguments))
            for call in choice.message.tool_calls or ()
        ]
        heard.ended = True


class _Listener:
    """Reads a stream with the package's accumulator, which is stricter than its iterator."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()

    def hear(self, chunk: Any) -> None:
        self._state.handle_chunk(chunk)
        _read(self._state.current_completion_snapshot, self._heard)
        self._heard.ended = False  # the iterator's end is the stream's
        self._heard.pieces += any(choice.delta.content for choice in chunk.choices)
