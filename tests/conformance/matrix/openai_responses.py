"""The package ``openai`` and its Responses."""

import base64
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import openai
from conformance.matrix.front import Answered, Asked, Called, Ending, Front, Heard, Result, Said, Told, Turn


class OpenAiResponses(Front):
    """``client.responses.create``, and ``client.responses.stream``, which holds every event against those before it.

    Nothing is stored: the whole conversation goes with every request.
    """

    name = "openai_responses"
    bad_request = openai.BadRequestError
    rate_limited = openai.RateLimitError
    broken = openai.APIError
    endings: ClassVar[Mapping[Ending, str]] = {
        "said": "completed",
        "called": "completed",
        "cut": "max_output_tokens",
        "stopped": "completed",
    }
    native = "/responses"

    def blocking(self, url: str, asked: Asked, heard: Heard) -> None:
        with openai.OpenAI(**_settings(url)) as client:
            if not asked.stream:
                _read(client.responses.create(**_request(asked)), heard)
                heard.ended = True
                return
            with client.responses.stream(**_request(asked)) as events:
                for event in events:
                    _hear(event, heard)
                    if asked.leaves and heard.text:
                        return
            heard.ended = heard.finish is not None

    async def concurrent(self, url: str, asked: Asked, heard: Heard) -> None:
        async with openai.AsyncOpenAI(**_settings(url)) as client:
            if not asked.stream:
                _read(await client.responses.create(**_request(asked)), heard)
                heard.ended = True
                return
            async with client.responses.stream(**_request(asked)) as events:
                async for event in events:
                    _hear(event, heard)
                    if asked.leaves and heard.text:
                        return
            heard.ended = heard.finish is not None

    def told(self, error: Exception) -> Told:
        assert isinstance(error, openai.APIError)
        if not isinstance(error, openai.APIStatusError):
            return Told(error.message)
        return Told(error.message, error.status_code, error.param, error.response.headers.get("retry-after"))


def _settings(url: str) -> dict[str, Any]:
    return {"base_url": f"{url}/v1", "api_key": "any", "max_retries": 0, "timeout": 10}


def _request(asked: Asked) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": asked.model,
        "input": [item for turn in asked.turns for item in _items(turn)],
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    if instructions := [turn.text for turn in asked.turns if isinstance(turn, Said) and turn.role == "system"]:
        request["instructions"] = "\n".join(instructions)
    if asked.tools:
        request["tools"] = [{"type": "function", **tool._asdict(), "strict": False} for tool in asked.tools]
    if asked.schema is not None:
        request["text"] = {"format": {"type": "json_schema", "name": "verdict", "schema": asked.schema, "strict": True}}
    if asked.stops:
        request["stop"] = list(asked.stops)
    if asked.most is not None:
        request["max_output_tokens"] = asked.most
    if asked.effort is not None:
        request["reasoning"] = {"effort": asked.effort, "summary": "auto"}
    return request


def _items(turn: Turn) -> list[Any]:
    """A turn as items of the input; what the model answered whole goes back as the package's own objects."""
    if isinstance(turn, Result):
        return [{"type": "function_call_output", "call_id": turn.call.id, "output": turn.text}]
    if isinstance(turn, Answered):
        if turn.whole:
            return list(turn.heard.message)
        said = [{"role": "assistant", "content": turn.heard.text}] if turn.heard.text else []
        return said + [
            {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": json.dumps(call.arguments)}
            for call in turn.heard.calls
        ]
    if turn.role == "system":
        return []
    if turn.picture is None:
        return [{"role": "user", "content": turn.text}]
    url = "data:image/png;base64," + base64.b64encode(turn.picture).decode()
    parts = [
        {"type": "input_text", "text": turn.text},
        {"type": "input_image", "image_url": url, "detail": "auto"},
    ]
    return [{"role": "user", "content": parts}]


def _hear(event: Any, heard: Heard) -> None:
    """An event. What has come in pieces must be what the last event holds."""
    if event.type == "response.output_text.delta":
        heard.text += event.delta
        heard.pieces += 1
    elif event.type == "response.reasoning_summary_text.delta":
        heard.reasoning += event.delta
    elif event.type in {"response.completed", "response.incomplete"}:
        pieced = (heard.text, heard.reasoning)
        _read(event.response, heard)
        assert pieced == (heard.text, heard.reasoning)


def _read(response: Any, heard: Heard) -> None:
    """A whole response."""
    assert response.error is None
    heard.message = response.output
    heard.text = response.output_text
    thoughts = [item for item in response.output if item.type == "reasoning"]
    heard.reasoning = "".join(part.text for item in thoughts for part in item.summary)
    heard.signed = [item.encrypted_content for item in thoughts if item.encrypted_content]
    heard.calls = [
        Called(item.call_id, item.name, json.loads(item.arguments))
        for item in response.output
        if item.type == "function_call"
    ]
    heard.usage = (response.usage.input_tokens, response.usage.output_tokens)
    heard.cached = response.usage.input_tokens_details.cached_tokens
    heard.finish = response.status
    if response.status == "incomplete":
        heard.finish = response.incomplete_details.reason
