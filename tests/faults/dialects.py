"""The four dialects as a client meets them: what is asked, where, and how an answer or an error of each looks."""

import json
from typing import Any, Final, NamedTuple

import httpx
from faults.upstream import CHAT, CHAT_MODEL, MESSAGES, MESSAGES_MODEL, RESPONSES, RESPONSES_MODEL, SAYS_HI


class Dialect(NamedTuple):
    """One way in, and the endpoint of Copilot's that it leads to."""

    name: str
    path: str
    body: dict[str, Any]
    upstream: str

    def ask(self, *, stream: bool) -> dict[str, Any]:
        return self.body | {"stream": stream}

    def wrong(self, answer: httpx.Response) -> str:
        """The words of an error that came instead of an answer, in this dialect's own shape."""
        told = answer.json()["error"]
        if self.name == "ollama":
            return str(told)
        if self.name == "messages":
            assert answer.json()["type"] == "error"
        return str(told["message"])

    def is_good(self, text: str) -> bool:
        """Whether a stream says that it has come to its good end."""
        return {
            "chat": "data: [DONE]" in text,
            "responses": "event: response.completed" in text,
            "messages": "event: message_stop" in text,
            "ollama": '"done":true' in text,
        }[self.name]

    def broken(self, text: str) -> str:
        """The words of the error that a stream has told in band; empty if it has told none."""
        if self.name == "ollama":
            return "".join(json.loads(line).get("error", "") for line in text.splitlines())
        datas = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
        if self.name == "responses":
            failed = [data["response"]["error"]["message"] for data in datas if data["type"] == "response.failed"]
            return "".join([*failed, *(data["message"] for data in datas if data["type"] == "error")])
        return "".join(data["error"]["message"] for data in datas if data.get("error"))


OLLAMA_ON_RESPONSES: Final = {"model": RESPONSES_MODEL, "messages": SAYS_HI}
DIALECTS: Final = (
    Dialect("chat", "/v1/chat/completions", CHAT, "/chat/completions"),
    Dialect("responses", "/v1/responses", RESPONSES, "/responses"),
    Dialect("messages", "/v1/messages", MESSAGES, "/v1/messages"),
    Dialect("ollama", "/api/chat", CHAT, "/chat/completions"),
)
CROSSED: Final = (
    Dialect("chat", "/v1/chat/completions", CHAT | {"model": RESPONSES_MODEL}, "/responses"),
    Dialect("chat", "/v1/chat/completions", CHAT | {"model": MESSAGES_MODEL}, "/v1/messages"),
    Dialect("responses", "/v1/responses", RESPONSES | {"model": CHAT_MODEL}, "/chat/completions"),
    Dialect("responses", "/v1/responses", RESPONSES | {"model": MESSAGES_MODEL}, "/v1/messages"),
    Dialect("messages", "/v1/messages", MESSAGES | {"model": CHAT_MODEL}, "/chat/completions"),
    Dialect("messages", "/v1/messages", MESSAGES | {"model": RESPONSES_MODEL}, "/responses"),
    Dialect("ollama", "/api/chat", OLLAMA_ON_RESPONSES, "/responses"),
    Dialect("ollama", "/api/chat", CHAT | {"model": MESSAGES_MODEL}, "/v1/messages"),
)
"""The ways on which Copilot speaks another dialect than the client."""


def label(dialect: Dialect) -> str:
    """For the names of tests."""
    return f"{dialect.name}-{dialect.upstream.rpartition('/')[2]}"
