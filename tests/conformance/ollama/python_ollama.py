"""The package ``ollama``, with its synchronous client and with the other one in asyncio."""

import asyncio
import base64
import contextlib
from typing import Any, ClassVar

import ollama
from conformance.ollama.client import Called, Heard, Job, PythonClient, sunny


class _Ollama(PythonClient):
    """What both clients share: requests, and what is heard of an answer."""

    @staticmethod
    def question(job: Job) -> list[Any]:
        message: dict[str, Any] = {"role": "user", "content": job.prompt}
        if job.picture is not None:
            message["images"] = [base64.b64decode(job.picture)]
        return [message]

    @staticmethod
    def request(job: Job, messages: list[Any]) -> dict[str, Any]:
        request: dict[str, Any] = {"model": job.model, "messages": messages, "stream": job.stream}
        if job.think:
            request["think"] = "high"
        if job.format is not None:
            request["format"] = job.format
        if job.tool is not None:
            request["tools"] = [{"type": "function", "function": job.tool}]
        return request

    @staticmethod
    def hear(part: ollama.ChatResponse, heard: Heard) -> None:
        heard.text += part.message.content or ""
        heard.thinking += part.message.thinking or ""
        heard.pieces += bool(part.message.content)
        for call in part.message.tool_calls or ():
            heard.calls.append(Called(call.function.name, dict(call.function.arguments)))
        if part.done:
            assert part.prompt_eval_count is not None
            assert part.eval_count is not None
            heard.finish = part.done_reason
            heard.usage = (part.prompt_eval_count, part.eval_count)

    @staticmethod
    def hear_generated(part: ollama.GenerateResponse, heard: Heard) -> None:
        heard.text += part.response
        heard.pieces += bool(part.response)
        if part.done:
            assert part.prompt_eval_count is not None
            assert part.eval_count is not None
            assert part.context
            heard.usage = (part.prompt_eval_count, part.eval_count)

    @staticmethod
    def put_together(parts: list[ollama.ChatResponse]) -> ollama.Message:
        """The message of a stream, which programs make themselves."""
        calls = [call for part in parts for call in part.message.tool_calls or ()]
        text = "".join(part.message.content or "" for part in parts)
        return ollama.Message(role="assistant", content=text, tool_calls=calls or None)

    @staticmethod
    def results(message: ollama.Message) -> list[Any]:
        return [
            {"role": "tool", "tool_name": call.function.name, "content": sunny(call.function.arguments)}
            for call in message.tool_calls or ()
        ]

    @staticmethod
    def note_card(card: ollama.ShowResponse, heard: Heard) -> None:
        assert card.modelinfo is not None
        heard.capabilities = list(card.capabilities or ())
        heard.context = card.modelinfo[f"{card.modelinfo['general.architecture']}.context_length"]


class Ollama(_Ollama):
    name: ClassVar[str] = "ollama"

    def _ask(self, job: Job, heard: Heard, messages: list[Any]) -> ollama.Message:
        with ollama.Client(host=job.url, timeout=10) as client:
            answer = client.chat(**self.request(job, messages))
            if not job.stream:
                self.hear(answer, heard)
                return answer.message
            parts: list[ollama.ChatResponse] = []
            with contextlib.closing(answer):
                for part in answer:
                    self.hear(part, heard)
                    parts.append(part)
            return self.put_together(parts)

    def list(self, job: Job, heard: Heard) -> None:
        with ollama.Client(host=job.url, timeout=10) as client:
            heard.names = [str(model.model) for model in client.list().models]

    def show(self, job: Job, heard: Heard) -> None:
        with ollama.Client(host=job.url, timeout=10) as client:
            self.note_card(client.show(job.model), heard)

    def chat(self, job: Job, heard: Heard) -> None:
        self._ask(job, heard, self.question(job))

    def tools(self, job: Job, heard: Heard) -> None:
        message = self._ask(job, heard, self.question(job))
        self._ask(job, heard, [*self.question(job), message, *self.results(message)])

    def generate(self, job: Job, heard: Heard) -> None:
        with ollama.Client(host=job.url, timeout=10) as client:
            for part in client.generate(job.model, job.prompt, stream=True):
                self.hear_generated(part, heard)

    def embed(self, job: Job, heard: Heard) -> None:
        with ollama.Client(host=job.url, timeout=10) as client:
            heard.vectors = [[*vector] for vector in client.embed(job.model, list(job.texts)).embeddings]

    def load(self, job: Job, heard: Heard) -> None:
        with ollama.Client(host=job.url, timeout=10) as client:
            heard.finish = client.generate(job.model).done_reason

    def unload(self, job: Job, heard: Heard) -> None:
        with ollama.Client(host=job.url, timeout=10) as client:
            heard.finish = client.generate(job.model, keep_alive=0).done_reason

    def leave(self, job: Job, heard: Heard) -> None:
        with (
            ollama.Client(host=job.url, timeout=10) as client,
            contextlib.closing(client.chat(job.model, self.question(job), stream=True)) as answer,
        ):
            for part in answer:
                self.hear(part, heard)
                if heard.text:
                    return


class AsyncOllama(_Ollama):
    name: ClassVar[str] = "ollama-async"

    async def _ask(self, job: Job, heard: Heard, messages: list[Any]) -> ollama.Message:
        async with ollama.AsyncClient(host=job.url, timeout=10) as client:
            answer = await client.chat(**self.request(job, messages))
            if not job.stream:
                self.hear(answer, heard)
                return answer.message
            parts: list[ollama.ChatResponse] = []
            async with contextlib.aclosing(answer):
                async for part in answer:
                    self.hear(part, heard)
                    parts.append(part)
            return self.put_together(parts)

    def list(self, job: Job, heard: Heard) -> None:
        async def call() -> None:
            async with ollama.AsyncClient(host=job.url, timeout=10) as client:
                heard.names = [str(model.model) for model in (await client.list()).models]

        asyncio.run(call())

    def show(self, job: Job, heard: Heard) -> None:
        async def call() -> None:
            async with ollama.AsyncClient(host=job.url, timeout=10) as client:
                self.note_card(await client.show(job.model), heard)

        asyncio.run(call())

    def chat(self, job: Job, heard: Heard) -> None:
        asyncio.run(self._ask(job, heard, self.question(job)))

    def tools(self, job: Job, heard: Heard) -> None:
        async def call() -> None:
            message = await self._ask(job, heard, self.question(job))
            await self._ask(job, heard, [*self.question(job), message, *self.results(message)])

        asyncio.run(call())

    def generate(self, job: Job, heard: Heard) -> None:
        async def call() -> None:
            async with ollama.AsyncClient(host=job.url, timeout=10) as client:
                async for part in await client.generate(job.model, job.prompt, stream=True):
                    self.hear_generated(part, heard)

        asyncio.run(call())

    def embed(self, job: Job, heard: Heard) -> None:
        async def call() -> None:
            async with ollama.AsyncClient(host=job.url, timeout=10) as client:
                heard.vectors = [[*vector] for vector in (await client.embed(job.model, [*job.texts])).embeddings]

        asyncio.run(call())

    def load(self, job: Job, heard: Heard) -> None:
        async def call() -> None:
            async with ollama.AsyncClient(host=job.url, timeout=10) as client:
                heard.finish = (await client.generate(job.model)).done_reason

        asyncio.run(call())

    def unload(self, job: Job, heard: Heard) -> None:
        async def call() -> None:
            async with ollama.AsyncClient(host=job.url, timeout=10) as client:
                heard.finish = (await client.generate(job.model, keep_alive=0)).done_reason

        asyncio.run(call())

    def leave(self, job: Job, heard: Heard) -> None:
        async def call() -> None:
            async with ollama.AsyncClient(host=job.url, timeout=10) as client:
                answer = await client.chat(job.model, self.question(job), stream=True)
                async with contextlib.aclosing(answer):
                    async for part in answer:
                        self.hear(part, heard)
                        if heard.text:
                            return

        asyncio.run(call())
