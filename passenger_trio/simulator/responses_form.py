"""An answer as Copilot writes it on ``/responses``.

Key sets, key order and the order of events are those of recorded answers (protocol: Responses). On purpose: every id
is another one in every event, and so is ``encrypted_content``; only ``call_id`` and the indexes stay. There is no
``[DONE]``, ``copilot_usage`` stands beside the response, ``output_text`` is null, and ``store`` is false whatever was
asked.
"""

from typing import Any, Final

import msgspec

from passenger_trio.simulator import billing, refusals
from passenger_trio.simulator.answers import Answer
from passenger_trio.simulator.catalogue import Model
from passenger_trio.simulator.directives import ScriptedCall
from passenger_trio.simulator.refusals import Refusal
from passenger_trio.simulator.responses_events import Events
from passenger_trio.simulator.responses_request import ResponsesRequest, TextSettings
from passenger_trio.simulator.responses_tools import Offered
from passenger_trio.simulator.stamp import Stamp, Stream

_ID_BYTES: Final = 300
_ENCRYPTED_BYTES: Final = 336
_FAILED: Final = {"code": "server_error", "message": "An error occurred while processing your request."}
_encode: Final = msgspec.json.Encoder(order="sorted").encode


class ResponsesForm:
    """The form of the answer to one request, which it echoes."""

    def __init__(self, request: ResponsesRequest, model: Model) -> None:
        self._request = request
        self._model = model
        self._offered = request.offered()

    def too_long(self, tokens: int, limit: int) -> Refusal:  # noqa: ARG002 - it tells no numbers
        """The prompt does not fit."""
        return refusals.responses_too_long()

    def invalid(self, message: str) -> Refusal:
        """The request cannot be followed."""
        return refusals.invalid_body(message)

    def whole(self, answer: Answer, stamp: Stamp) -> bytes:
        """The body of an answer that is not streamed."""
        response = self._echo(stamp, "whole") | self._outcome(answer)
        response |= {
            "copilot_usage": _copilot_usage(answer),
            "output": self._items(answer, stamp, "whole"),
            "output_text": None,
            "usage": _usage(answer),
        }
        return _encode(response)

    def stream(self, answer: Answer, stamp: Stamp) -> Stream:
        """The events of a streamed answer."""
        events = Events(stamp)
        begun: dict[str, object] = {"completed_at": None, "incomplete_details": None, "output": [], "usage": None}
        for name in ("created", "in_progress"):
            response = self._streamed(stamp, name) | begun | {"status": "in_progress"}
            events.add(f"response.{name}", response=response)
        failed = self._streamed(stamp, "failed") | begun | {"error": _FAILED, "status": "failed"}
        beginning = [*events.sent, events.made("response.failed", response=failed)]
        added, done = self._items(answer, stamp, "added"), self._items(answer, stamp, "done")
        for index, (first, last) in enumerate(zip(added, done, strict=True)):
            events.item(index, first, last, answer)
        body = events.sent
        response = self._streamed(stamp, "completed") | self._outcome(answer)
        response |= {
            "completed_at": stamp.created + 2,
            "output": self._items(answer, stamp, "completed"),
            "usage": _usage(answer),
        }
        name = "response.incomplete" if response["status"] == "incomplete" else "response.completed"
        ending = [events.made(name, copilot_usage=_copilot_usage(answer), response=response)]
        return Stream(body, ending, error=_broken, failed=beginning)

    def _outcome(self, answer: Answer) -> dict[str, object]:
        reason = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(answer.finish)
        if reason is None:
            return {"incomplete_details": None, "status": "completed"}
        return {"incomplete_details": {"reason": reason}, "status": "incomplete"}

    def _items(self, answer: Answer, stamp: Stamp, moment: str) -> list[dict[str, Any]]:
        """The output, as it is at ``moment``; what begins is empty, and has other ids than what ends."""
        items: list[dict[str, Any]] = []
        begins = moment == "added"
        status = "in_progress" if begins else self._outcome(answer)["status"]
        if answer.reasoning:
            summary = [{"text": "".join(answer.reasoning), "type": "summary_text"}] if self._tells(answer) else []
            items.append(
                {
                    "content": [],
                    "encrypted_content": stamp.blob(f"{moment}/encrypted", 261 if begins else _ENCRYPTED_BYTES),
                    "summary": [] if begins else summary,
                    "type": "reasoning",
                }
            )
        if answer.text is not None:
            text: dict[str, object] = {"annotations": [], "logprobs": [], "text": answer.text, "type": "output_text"}
            items.append(
                {
                    "content": [] if begins else [text],
                    "phase": "commentary" if answer.calls else "final_answer",
                    "role": "assistant",
                    "status": status,
                    "type": "message",
                }
            )
        for index, call in enumerate(answer.calls):
            items.append(self._call(call, stamp.call_id(index), begins=begins))
        for index, item in enumerate(items):
            item["id"] = stamp.blob(f"{moment}/item{index}", _ID_BYTES)
        return items

    def _call(self, call: ScriptedCall, call_id: str, *, begins: bool) -> dict[str, Any]:
        item: dict[str, Any] = {"call_id": call_id, "status": "in_progress" if begins else "completed"}
        tool = self._offered.get(call.name, Offered("function_call", call.name))
        item["type"] = tool.kind
        if tool.kind == "tool_search_call":
            arguments = "{}" if begins else call.arguments
            return item | {"arguments": msgspec.json.decode(arguments), "execution": "client"}
        item["name"] = tool.name
        if tool.namespace is not None:
            item["namespace"] = tool.namespace
        if tool.kind == "custom_tool_call":
            return item | {"input": "" if begins else _text_of(call)}
        return item | {"arguments": "" if begins else call.arguments}

    def _tells(self, answer: Answer) -> bool:
        """A summary is told to who asks for it, and where a directive made the model think."""
        reasoning = self._request.reasoning
        asked = reasoning is not None and reasoning.summary is not None
        return asked or answer.explained

    def _echo(self, stamp: Stamp, moment: str) -> dict[str, object]:
        """What a response says about its request, and who it is."""
        request = self._request
        raw: dict[str, Any] = request.raw
        tools: list[dict[str, Any]] = raw.get("tools") or []
        settings = request.text or TextSettings()
        form: object = raw["text"]["format"] if settings.format is not None else {"type": "text"}
        reasoning = request.reasoning
        effort = reasoning.effort if reasoning is not None else None
        usual = "medium" if self._model.capabilities.supports.reasoning_effort else None
        return {
            "created_at": stamp.created,
            "id": stamp.blob(f"{moment}/response", _ID_BYTES),
            "instructions": request.instructions,
            "max_output_tokens": request.max_output_tokens,
            "model": stamp.model,
            "object": "response",
            "parallel_tool_calls": request.parallel_tool_calls is not False,
            "previous_response_id": None,
            "prompt_cache_retention": "24h",
            "reasoning": {
                "context": "current_turn",
                "effort": effort or usual,
                "summary": reasoning.summary if reasoning is not None else None,
            },
            "safety_identifier": "84d85cdfbc9011880ff101b8026c7b9fa3acac6f9e82819f6fab0eeec21ca899",
            "service_tier": "default",
            "temperature": 1 if request.temperature is None else request.temperature,
            "text": {
                "format": form,
                "verbosity": settings.verbosity or "medium",
            },
            "tool_choice": raw.get("tool_choice") or "auto",
            "tools": [_echoed(tool) for tool in tools],
            "top_p": 0.98 if request.top_p is None else request.top_p,
            "truncation": raw.get("truncation") or "disabled",
        }

    def _streamed(self, stamp: Stamp, moment: str) -> dict[str, object]:
        """The same in a stream, where there is more of it."""
        metadata: object = self._request.raw.get("metadata") or {}
        return self._echo(stamp, moment) | {
            "background": False,
            "error": None,
            "frequency_penalty": 0,
            "max_tool_calls": None,
            "metadata": metadata,
            "moderation": None,
            "presence_penalty": 0,
            "store": False,
            "top_logprobs": 0,
            "user": None,
        }


def _broken(events: int) -> bytes:
    message = "The server had an error processing your request."
    event = {"code": "server_error", "message": message, "param": None, "sequence_number": events, "type": "error"}
    return b"event: error\ndata: " + _encode(event) + b"\n\n"


def _echoed(tool: dict[str, Any]) -> dict[str, Any]:
    return {"strict": True, **tool} if tool.get("type") == "function" else tool


def _text_of(call: ScriptedCall) -> str:
    """What a custom tool is given: the ``input`` of the arguments, or else all of them."""
    arguments = msgspec.json.decode(call.arguments)
    text = arguments.get("input")
    return text if isinstance(text, str) else call.arguments


def _tokens_out(answer: Answer) -> int:
    return answer.completion_tokens() + len(answer.reasoning)


def _usage(answer: Answer) -> dict[str, object]:
    tokens_out = _tokens_out(answer)
    return {
        "input_tokens": answer.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": tokens_out,
        "output_tokens_details": {"reasoning_tokens": len(answer.reasoning)},
        "total_tokens": answer.prompt_tokens + tokens_out,
    }


def _copilot_usage(answer: Answer) -> dict[str, object]:
    return billing.copilot_usage(billing.CODEX, tokens_in=answer.prompt_tokens, tokens_out=_tokens_out(answer))
