"""The package ``langchain-ollama``."""

import contextlib
import json
import re
from collections.abc import Generator
from typing import Any, ClassVar

import pytest
from conformance.ollama.client import VERBS, Called, Heard, Job, PythonClient, Verb, sunny
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM


class Langchain(PythonClient):
    """``ChatOllama``, ``OllamaLLM`` and ``OllamaEmbeddings``. Whole answers, too, are asked for as streams."""

    name: ClassVar[str] = "langchain-ollama"
    verbs: ClassVar[frozenset[Verb]] = frozenset(VERBS) - {"show", "load", "unload"}

    def list(self, job: Job, heard: Heard) -> None:
        ChatOllama(base_url=job.url, model=job.model, validate_model_on_init=True)
        with pytest.raises(ValueError, match="not found in Ollama") as caught:
            ChatOllama(base_url=job.url, model="otter-7b", validate_model_on_init=True)
        heard.names = re.findall(r"[^ ,]+:latest", str(caught.value).partition("Available local models: ")[2])

    def chat(self, job: Job, heard: Heard) -> None:
        with _model(job) as model:
            if job.format is None or job.format == "json":
                _ask(model, job, heard, _question(job))
                return
            asked = model.with_structured_output(dict(job.format), method="json_schema")
            heard.text = json.dumps(asked.invoke(_question(job)))

    def tools(self, job: Job, heard: Heard) -> None:
        with _model(job) as model:
            message = _ask(model, job, heard, _question(job))
            results = [
                ToolMessage(sunny(call["args"]), tool_call_id=call["id"], name=call["name"])
                for call in message.tool_calls
            ]
            _ask(model, job, heard, [*_question(job), message, *results])

    def generate(self, job: Job, heard: Heard) -> None:
        model = OllamaLLM(base_url=job.url, model=job.model, client_kwargs={"timeout": 10})
        for part in model.stream(job.prompt):
            heard.text += part
            heard.pieces += bool(part)
        assert model._client is not None
        model._client.close()

    def embed(self, job: Job, heard: Heard) -> None:
        embeddings = OllamaEmbeddings(base_url=job.url, model=job.model)
        heard.vectors = embeddings.embed_documents([*job.texts])
        embeddings._client.close()

    def leave(self, job: Job, heard: Heard) -> None:
        with _model(job) as model, contextlib.closing(model.stream(_question(job))) as answer:
            for part in answer:
                _note(part, heard)
                if heard.text:
                    return


@contextlib.contextmanager
def _model(job: Job) -> Generator[ChatOllama]:
    """The model; its connections, which the package leaves to the garbage collector, are closed afterwards."""
    more: dict[str, Any] = {"reasoning": True} if job.think else {}
    if job.format == "json":
        more["format"] = "json"
    model = ChatOllama(base_url=job.url, model=job.model, client_kwargs={"timeout": 10}, **more)
    yield model
    model._client.close()


def _question(job: Job) -> list[BaseMessage]:
    if job.picture is None:
        return [HumanMessage(job.prompt)]
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{job.picture}"}}
    return [HumanMessage([{"type": "text", "text": job.prompt}, picture])]


def _ask(model: ChatOllama, job: Job, heard: Heard, messages: list[BaseMessage]) -> AIMessage:
    asked: Any = model if job.tool is None else model.bind_tools([{"type": "function", "function": job.tool}])
    if job.stream:
        message: Any = AIMessageChunk("")
        for part in asked.stream(messages):
            _note(part, heard)
            message += part
    else:
        message = asked.invoke(messages)
        _note(message, heard)
    heard.calls += [Called(call["name"], call["args"]) for call in message.tool_calls]
    heard.finish = message.response_metadata["done_reason"]
    heard.usage = (message.usage_metadata["input_tokens"], message.usage_metadata["output_tokens"])
    return message


def _note(message: AIMessage, heard: Heard) -> None:
    heard.text += message.text
    heard.thinking += message.additional_kwargs.get("reasoning_content") or ""
    heard.pieces += bool(message.text)
