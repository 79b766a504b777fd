"""The package ``anthropic`` and its Messages."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import anthropic
from conformance.matrix.front import Answered, Asked, Called, Ending, Front, Heard, Result, Said, Told, Turn

_MOST: Final = 4096
"""The dialect wants a number of tokens with every request."""


class AnthropicMessages(Front):
    """``client.messages.create``, and ``client.messages.stream``, which puts the message together from the events.

    An error inside a stream is one with a status, which is that of the stream's beginning and says nothing of it.
    """

    name = "anthropic"
    bad_request = anthropic.BadRequestError
    rate_limited = anthropic.RateLimitError
    broken = anthropic.APIStatusError
    endings: ClassVar[Mapping[Ending, str]] = {
        "said": "end_turn",
        "called": "tool_use",
        "cut": "max_tokens",
        "stopped": "stop_sequence",
    }
    native = "/v1/messages"

    def blocking(self, url: str, asked: Asked, heard: Heard) -> None:
        with anthropic.Anthropic(**_settings(url)) as client:
            if not asked.stream:
                _read(client.messages.create(**_request(asked)), heard)
                heard.ended = True
                return
            with client.messages.stream(**_request(asked)) as events:
                for event in events:
                    _hear(event, heard)
                    if asked.leaves and heard.text:
                        return
            heard.ended = heard.finish is not None

    async def concurrent(self, url: str, asked: Asked, heard: Heard) -> None:
        async with anthropic.AsyncAnthropic(**_settings(url)) as client:
            if not asked.stream:
                _read(await client.messages.create(**_request(asked)), heard)
                heard.ended = True
                return
            async with client.messages.stream(**_request(asked)) as events:
                async for event in events:
                    _hear(event, heard)
                    if asked.leaves and heard.text:
                        return
            heard.ended = heard.finish is not None

    def told(self, error: Exception) -> Told:
        assert isinstance(error, anthropic.APIStatusError)
        assert error.api_message is not None
        if error.status_code == 200:
            return Told(error.api_message)
        return Told(error.api_message, error.status_code, None, error.response.headers.get("retry-after"))


def _settings(url: str) -> dict[str, Any]:
    return {"base_url": url, "api_key": "any", "max_retries": 0, "timeout": 10}


def _request(asked: Asked) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": asked.model,
        "messages": _messages(asked.turns),
        "max_tokens": _MOST if asked.most is None else asked.most,
    }
    config: dict[str, Any] = {}
    if system := [turn.text for turn in asked.turns if isinstance(turn, Said) and turn.role == "system"]:
        request["system"] = "\n".join(system)
    if asked.tools:
        request["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in asked.tools
        ]
    if asked.schema is not None:
        config["format"] = {"type": "json_schema", "schema": asked.schema}
    if asked.stops:
        request["stop_sequences"] = list(asked.stops)
    if asked.effort is not None:
        request["thinking"] = {"type": "adaptive"}
        config["effort"] = asked.effort
    if config:
        request["output_config"] = config
    return request


def _messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The conversation. All results of an answer's calls stand in one message, as the API demands."""
    messages: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for turn in turns:
        if isinstance(turn, Result):
            if not results:
                messages.append({"role": "user", "content": results})
            results.append({"type": "tool_result", "tool_use_id": turn.call.id, "content": turn.text})
            continue
        results = []
        if isinstance(turn, Answered):
            messages.append({"role": "assistant", "content": _answer(turn)})
        elif turn.role == "user":
            messages.append({"role": "user", "content": _content(turn)})
    return messages


def _answer(turn: Answered) -> list[Any]:
    """What the model answered: whole, the package's own objects."""
    if turn.whole:
        return list(turn.heard.message)
    said = [{"type": "text", "text": turn.heard.text}] if turn.heard.text else []
    return said + [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in turn.heard.calls
    ]


def _content(turn: Said) -> Any:
    if turn.picture is None:
        return turn.text
    data = base64.b64encode(turn.picture).decode()
    source = {"type": "base64", "media_type": "image/png", "data": data}
    return [{"type": "text", "text": turn.text}, {"type": "image", "source": source}]


def _hear(event: Any, heard: Heard) -> None:
    """An event. What has come in pieces must be what the package has made of it."""
    if event.type == "text":
        heard.text += event.text
        heard.pieces += 1
    elif event.type == "thinking":
        heard.reasoning += event.thinking
    elif event.type == "message_stop":
        pieced = (heard.text, heard.reasoning)
        _read(event.message, heard)
        assert pieced == (heard.text, heard.reasoning)


def _read(message: Any, heard: Heard) -> None:
    """A whole message. Tokens from a cache are counted beside the others."""
    assert (message.type, message.role) == ("message", "assistant")
    heard.message = message.content
    heard.text = "".join(block.text for block in message.content if block.type == "text")
    heard.reasoning = "".join(block.thinking for block in message.content if block.type == "thinking")
    heard.signed = [block.signature for block in message.content if block.type == "thinking"]
    heard.signed += [block.data for block in message.content if block.type == "redacted_thinking"]
    heard.calls = [Called(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"]
    usage = message.usage
    heard.cached = usage.cache_read_input_tokens
    heard.usage = (usage.input_tokens + usage.cache_read_input_tokens, usage.output_tokens)
    heard.finish = message.stop_reason
