"""The package ``litellm``, with both of its prefixes: ``ollama/`` asks ``/api/generate``, ``ollama_chat/`` chats."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import litellm
from conformance.ollama.client import VERBS, Called, Heard, Job, PythonClient, Verb, sunny


class _Litellm(PythonClient):
    prefix: ClassVar[str]
    nothing: ClassVar[list[Any]]
    """Messages that make a request without a prompt."""

    def _ask(self, job: Job, heard: Heard, messages: Sequence[Any]) -> list[Any]:
        """The calls of the answer. Those of a stream all have the index 0, and only their ids tell them apart."""
        request: dict[str, Any] = {"stream_options": {"include_usage": True}} if job.stream else {}
        if job.think:
            request["reasoning_effort"] = "high"
        if job.format == "json":
            request["response_format"] = {"type": "json_object"}
        elif job.format is not None:
            schema = {"name": "answer", "schema": job.format}
            request["response_format"] = {"type": "json_schema", "json_schema": schema}
        if job.tool is not None:
            request["tools"] = [{"type": "function", "function": job.tool}]
        answer: Any = litellm.completion(
            model=self.prefix + job.model,
            api_base=job.url,
            messages=[*messages],
            stream=job.stream,
            num_retries=0,
            timeout=10,
            **request,
        )
        calls: list[Any] = []
        if job.stream:
            parts = []
            for part in answer:
                _note(part.choices[0].delta, heard)
                calls += part.choices[0].delta.tool_calls or ()
                parts.append(part)
            answer = litellm.stream_chunk_builder([part for part in parts if not part.choices[0].delta.tool_calls])
        else:
            _note(answer.choices[0].message, heard)
            calls += answer.choices[0].message.tool_calls or ()
        [choice] = answer.choices
        heard.calls += [Called(call.function.name, json.loads(call.function.arguments)) for call in calls]
        heard.finish = choice.finish_reason
        heard.usage = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        return calls

    def list(self, job: Job, heard: Heard) -> None:
        names = litellm.get_valid_models(check_provider_endpoint=True, custom_llm_provider="ollama", api_base=job.url)
        heard.names = [name.removeprefix("ollama/") for name in names]

    def show(self, job: Job, heard: Heard) -> None:
        card = litellm.OllamaConfig().get_model_info(job.model, api_base=job.url)
        assert card is not None
        heard.context = card["max_input_tokens"]
        heard.capabilities = ["tools"] if card["supports_function_calling"] else []

    def chat(self, job: Job, heard: Heard) -> None:
        self._ask(job, heard, _question(job))

    def tools(self, job: Job, heard: Heard) -> None:
        calls = self._ask(job, heard, _question(job))
        made = [{"id": call.id, "type": "function", "function": call.function.model_dump()} for call in calls]
        message = {"role": "assistant", "content": heard.text, "tool_calls": made}
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": sunny(json.loads(call.function.arguments))}
            for call in calls
        ]
        self._ask(job, heard, [*_question(job), message, *results])

    def embed(self, job: Job, heard: Heard) -> None:
        answer = litellm.embedding(model=f"ollama/{job.model}", api_base=job.url, input=[*job.texts])
        heard.vectors = [entry["embedding"] for entry in answer.data]

    def load(self, job: Job, heard: Heard) -> None:
        self._touch(job)

    def unload(self, job: Job, heard: Heard) -> None:
        self._touch(job, keep_alive=0)

    def _touch(self, job: Job, **more: Any) -> None:
        litellm.completion(model=self.prefix + job.model, api_base=job.url, messages=self.nothing, timeout=10, **more)

    def leave(self, job: Job, heard: Heard) -> None:
        answer: Any = litellm.completion(
            model=self.prefix + job.model, api_base=job.url, messages=_question(job), stream=True, timeout=10
        )
        for part in answer:
            _note(part.choices[0].delta, heard)
            if heard.text:
                return


class Litellm(_Litellm):
    name = "litellm-ollama"
    prefix = "ollama/"
    nothing: ClassVar[list[Any]] = [{"role": "user", "content": ""}]
    verbs: ClassVar[frozenset[Verb]] = frozenset(VERBS) - {"tools", "unload"}

    def generate(self, job: Job, heard: Heard) -> None:
        answer: Any = litellm.text_completion(
            model=self.prefix + job.model, api_base=job.url, prompt=job.prompt, stream=True, timeout=10
        )
        for part in answer:
            heard.text += part.choices[0].text or ""
            heard.pieces += bool(part.choices[0].text)


class LitellmChat(_Litellm):
    name = "litellm-ollama_chat"
    verbs: ClassVar[frozenset[Verb]] = frozenset(VERBS) - {"generate"}
    prefix = "ollama_chat/"
    nothing: ClassVar[list[Any]] = []


def _question(job: Job) -> list[Any]:
    if job.picture is None:
        return [{"role": "user", "content": job.prompt}]
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{job.picture}"}}
    return [{"role": "user", "content": [{"type": "text", "text": job.prompt}, picture]}]


def _note(message: Any, heard: Heard) -> None:
    heard.text += message.content or ""
    heard.thinking += getattr(message, "reasoning_content", None) or ""
    heard.pieces += bool(message.content)
