"""The package ``llm-ollama``: what the command ``llm`` does with Ollama's models."""

import base64
import contextlib
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest

with TemporaryDirectory() as _no_home, pytest.MonkeyPatch.context() as _patch:
    _patch.setenv("LLM_USER_PATH", _no_home)  # which llm-ollama makes a folder in when it is imported
    import llm
    import llm_ollama
from conformance.ollama.client import VERBS, Called, Heard, Job, PythonClient, Verb, sunny


class Llm(PythonClient):
    """``llm.get_model``, which looks for the models of ``OLLAMA_HOST`` before it gives one."""

    name: ClassVar[str] = "llm-ollama"
    verbs: ClassVar[frozenset[Verb]] = frozenset(VERBS) - {"generate", "unload"}

    def list(self, job: Job, heard: Heard) -> None:
        with _at(job):
            heard.names = [name for found in llm.get_models_with_aliases() for name in _names(found)]
            heard.names += [name for found in llm.get_embedding_models_with_aliases() for name in _names(found)]

    def show(self, job: Job, heard: Heard) -> None:
        with _at(job):
            heard.capabilities = ["completion", *(["tools"] if llm.get_model(job.model).supports_tools else [])]

    def chat(self, job: Job, heard: Heard) -> None:
        more: dict[str, Any] = {"think": True} if job.think else {}
        if job.format == "json":
            more["json_object"] = True
        elif job.format is not None:
            more["schema"] = dict(job.format)
        if job.picture is not None:
            more["attachments"] = [llm.Attachment(type="image/png", content=base64.b64decode(job.picture))]
        with _at(job):
            response = llm.get_model(job.model).prompt(job.prompt, stream=job.stream, **more)
            _hear(response, heard)

    def tools(self, job: Job, heard: Heard) -> None:
        assert job.tool is not None

        def run(**arguments: Any) -> str:
            return sunny(arguments)

        tool = llm.Tool(job.tool["name"], job.tool["description"], job.tool["parameters"], run)
        with _at(job):
            chain = llm.get_model(job.model).chain(job.prompt, tools=[tool], stream=job.stream)
            for response in chain.responses():
                _hear(response, heard)
                heard.calls += [Called(call.name, call.arguments) for call in response.tool_calls()]

    def embed(self, job: Job, heard: Heard) -> None:
        with _at(job):
            heard.vectors = [[*vector] for vector in llm.get_embedding_model(job.model).embed_multi([*job.texts])]

    def load(self, job: Job, heard: Heard) -> None:
        with _at(job):
            heard.text = llm.get_model(job.model).prompt("").text()

    def leave(self, job: Job, heard: Heard) -> None:
        with _at(job), contextlib.closing(_parts(llm.get_model(job.model).prompt(job.prompt))) as parts:
            for part in parts:
                heard.text += part
                if heard.text:
                    return


@contextlib.contextmanager
def _at(job: Job) -> Generator[None]:
    """Only the house has models, and nothing is known of them from before."""
    home = Path(os.environ["HOME"]) / "llm"
    llm_ollama.cache.set_dir(home / "cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_USER_PATH", str(home))
        patch.setenv("OLLAMA_HOST", job.url)
        yield


def _names(found: Any) -> Iterator[str]:
    if str(found.model).startswith("Ollama"):
        yield found.model.model_id
        yield from found.aliases


def _parts(response: Any) -> Generator[str]:
    yield from response


def _hear(response: Any, heard: Heard) -> None:
    for part in response:
        heard.text += part
        heard.pieces += bool(part)
    usage = response.usage()
    heard.usage = (usage.input, usage.output)
