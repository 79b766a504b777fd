"""The columns of the matrix: Copilot's endpoints, and the same questions to what reaches each of them."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

SAMPLES: Final = Path(__file__).parents[2] / "samples/copilot"


class SentTool(NamedTuple):
    """A function as it is offered to the model."""

    name: str
    description: str
    schema: dict[str, Any]


class SentCall(NamedTuple):
    """A call of the conversation's history."""

    id: str
    name: str
    arguments: dict[str, Any]


class Thought(NamedTuple):
    """Reasoning that comes back: what only Copilot can read, and its words."""

    signed: str
    text: str


class Body(ABC):
    """A request as it reached Copilot."""

    def __init__(self, body: bytes) -> None:
        self.fields: dict[str, Any] = json.loads(body)

    @property
    def model(self) -> str:
        """The model's id."""
        return str(self.fields["model"])

    @property
    def stream(self) -> bool:
        """Whether a stream is wanted."""
        return bool(self.fields.get("stream"))

    @abstractmethod
    def system(self) -> list[str]:
        """What the model was told before the conversation."""

    @abstractmethod
    def users(self) -> list[str]:
        """What the user said, message by message."""

    @abstractmethod
    def pictures(self) -> list[str]:
        """The user's pictures as data URLs."""

    @abstractmethod
    def tools(self) -> list[SentTool]:
        """What the model may call."""

    @abstractmethod
    def calls(self) -> list[SentCall]:
        """What the model has called."""

    @abstractmethod
    def results(self) -> list[tuple[str, str]]:
        """The results of calls: the call's id, and the text."""

    @abstractmethod
    def thoughts(self) -> list[Thought]:
        """The reasoning of the model's earlier turns. Fails for some in a form that the endpoint does not take."""

    @abstractmethod
    def schema(self) -> dict[str, Any] | None:
        """What the answer has to look like."""

    @abstractmethod
    def stops(self) -> list[str]:
        """The stop sequences."""

    @abstractmethod
    def effort(self) -> str | None:
        """How hard the model is to think."""

    @abstractmethod
    def limit(self) -> int | None:
        """The most tokens that the answer may have."""


def _texts(content: str | list[dict[str, Any]] | None) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    else:
        yield from (part["text"] for part in content or () if "text" in part)


class ChatBody(Body):
    """A request to ``/chat/completions``."""

    def _of(self, role: str) -> Iterator[dict[str, Any]]:
        return (message for message in self.fields["messages"] if message["role"] == role)

    def system(self) -> list[str]:
        return [text for message in self._of("system") for text in _texts(message["content"])]

    def users(self) -> list[str]:
        return ["".join(_texts(message["content"])) for message in self._of("user")]

    def pictures(self) -> list[str]:
        parts = [
            part for message in self._of("user") if isinstance(message["content"], list) for part in message["content"]
        ]
        return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]

    def tools(self) -> list[SentTool]:
        functions = [tool["function"] for tool in self.fields.get("tools", ()) if tool["type"] == "function"]
        return [SentTool(function["name"], function["description"], function["parameters"]) for function in functions]

    def calls(self) -> list[SentCall]:
        calls = [call for message in self._of("assistant") for call in message.get("tool_calls", ())]
        return [SentCall(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in calls]

    def results(self) -> list[tuple[str, str]]:
        return [(message["tool_call_id"], "".join(_texts(message["content"]))) for message in self._of("tool")]

    def thoughts(self) -> list[Thought]:
        assert not any("reasoning_content" in message for message in self._of("assistant"))
        return [
            Thought(message["reasoning_opaque"], message.get("reasoning_text", ""))
            for message in self._of("assistant")
            if "reasoning_opaque" in message
        ]

    def schema(self) -> dict[str, Any] | None:
        form = self.fields.get("response_format")
        return None if form is None else form["json_schema"]["schema"]

    def stops(self) -> list[str]:
        return list(self.fields.get("stop", ()))

    def effort(self) -> str | None:
        return self.fields.get("reasoning_effort")

    def limit(self) -> int | None:
        return self.fields.get("max_tokens")


class ResponsesBody(Body):
    """A request to ``/responses``."""

    def _items(self, kind: str, role: str | None = None) -> list[dict[str, Any]]:
        return [
            item
            for item in self.fields["input"]
            if item.get("type", "message") == kind and role in {None, item.get("role")}
        ]

    def system(self) -> list[str]:
        texts = [text for item in self._items("message", "system") for text in _texts(item["content"])]
        return [*_texts(self.fields.get("instructions")), *texts]

    def users(self) -> list[str]:
        return ["".join(_texts(item["content"])) for item in self._items("message", "user")]

    def pictures(self) -> list[str]:
        parts = [
            part
            for item in self._items("message", "user")
            if isinstance(item["content"], list)
            for part in item["content"]
        ]
        return [part["image_url"] for part in parts if part["type"] == "input_image"]

    def tools(self) -> list[SentTool]:
        return [
            SentTool(tool["name"], tool["description"], tool["parameters"])
            for tool in self.fields.get("tools", ())
            if tool["type"] == "function"
        ]

    def calls(self) -> list[SentCall]:
        calls = self._items("function_call")
        return [SentCall(call["call_id"], call["name"], json.loads(call["arguments"])) for call in calls]

    def results(self) -> list[tuple[str, str]]:
        return [(item["call_id"], item["output"]) for item in self._items("function_call_output")]

    def thoughts(self) -> list[Thought]:
        return [
            Thought(item["encrypted_content"], "".join(part["text"] for part in item["summary"]))
            for item in self._items("reasoning")
        ]

    def schema(self) -> dict[str, Any] | None:
        form = self.fields.get("text", {}).get("format")
        return None if form is None else form["schema"]

    def stops(self) -> list[str]:
        return []  # the endpoint has none

    def effort(self) -> str | None:
        return self.fields["reasoning"].get("effort")

    def limit(self) -> int | None:
        return self.fields.get("max_output_tokens")


class MessagesBody(Body):
    """A request to ``/v1/messages``."""

    def _blocks(self, role: str, kind: str) -> list[dict[str, Any]]:
        turns = [turn["content"] for turn in self.fields["messages"] if turn["role"] == role]
        return [block for content in turns for block in content if block["type"] == kind]

    def system(self) -> list[str]:
        return list(_texts(self.fields.get("system")))

    def users(self) -> list[str]:
        return [block["text"] for block in self._blocks("user", "text")]

    def pictures(self) -> list[str]:
        sources = [block["source"] for block in self._blocks("user", "image")]
        return [f"data:{source['media_type']};{source['type']},{source['data']}" for source in sources]

    def tools(self) -> list[SentTool]:
        tools = self.fields.get("tools", ())
        return [SentTool(tool["name"], tool["description"], tool["input_schema"]) for tool in tools]

    def calls(self) -> list[SentCall]:
        return [SentCall(c["id"], c["name"], c["input"]) for c in self._blocks("assistant", "tool_use")]

    def results(self) -> list[tuple[str, str]]:
        results = self._blocks("user", "tool_result")
        return [(result["tool_use_id"], "".join(_texts(result["content"]))) for result in results]

    def thoughts(self) -> list[Thought]:
        return [Thought(b["signature"], b["thinking"]) for b in self._blocks("assistant", "thinking")]

    def schema(self) -> dict[str, Any] | None:
        form = self.fields.get("output_config", {}).get("format")
        return None if form is None else form["schema"]

    def stops(self) -> list[str]:
        return list(self.fields.get("stop_sequences", ()))

    def effort(self) -> str | None:
        return self.fields.get("output_config", {}).get("effort")

    def limit(self) -> int | None:
        return self.fields.get("max_tokens")


class Recorded(NamedTuple):
    """A recorded answer, by the name of its file, and the tokens of its prompt when 16 of them came from a cache."""

    name: str
    read: int

    def cached(self, tokens: int) -> bytes:
        """The answer as it is when ``tokens`` came from a cache: recorded was none that did."""
        answer = (SAMPLES / self.name).read_bytes()
        *_, told = re.finditer(rb'"(?:cached_tokens|cache_read_input_tokens)": ?(0)', answer)
        return answer[: told.start(1)] + b"%d" % tokens + answer[told.end(1) :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One column: a model, and where it answers.

    ``effort`` is what has to reach it when ``high`` is asked for: None if the model lists no efforts. ``signs`` is
    whether its reasoning comes with something that only Copilot can read, without which it cannot return;
    ``tells_stop`` whether an answer that ended with a stop sequence says so. ``whole`` and ``streamed`` are answers
    of its form.
    """

    name: str
    path: str
    model: str
    body: type[Body]
    whole: Recorded
    streamed: Recorded
    effort: str | None = None
    signs: bool = True
    tells_stop: bool = False


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        name="chat",
        path="/chat/completions",
        model="gpt-4.1",
        body=ChatBody,
        whole=Recorded("chat_nonstream_text_gpt41.json", 17),
        streamed=Recorded("chat_stream_text.sse", 17),
        signs=False,
    ),
    Endpoint(
        name="chat.claude",
        path="/chat/completions",
        model="claude-sonnet-4.5",
        body=ChatBody,
        whole=Recorded("chat_nonstream_claude_split_new.json", 1204),
        streamed=Recorded("chat_stream_reasoning_claude.sse", 18),
    ),
    Endpoint(
        name="chat.gemini",
        path="/chat/completions",
        model="gemini-3-pro-preview",
        body=ChatBody,
        whole=Recorded("chat_nonstream_reasoning_gemini.json", 21),
        streamed=Recorded("chat_stream_reasoning_gemini.sse", 6009),
        effort="high",
    ),
    Endpoint(
        name="responses",
        path="/responses",
        model="gpt-5.3-codex",
        body=ResponsesBody,
        whole=Recorded("responses_nonstream.json", 30),
        streamed=Recorded("responses_stream.sse", 73),
        effort="high",
    ),
    Endpoint(
        name="messages",
        path="/v1/messages",
        model="claude-opus-4.7",
        body=MessagesBody,
        whole=Recorded("messages_nonstream.json", 32),  # 16 of them are counted beside the cache
        streamed=Recorded("messages_stream.sse", 32),
        effort="high",
        tells_stop=True,
    ),
)
"""Each endpoint, and on ``/chat/completions`` each family of models: their answers have other forms there."""
