"""The samples of every dialect, and what the conditions of the pages' rows mean."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from docs_mapping.requests import NOTHING, Pair, Samples, pair
from docs_mapping.roads import MESSAGES, RESPONSES
from docs_mapping.samples_messages import MESSAGES as MESSAGES_SAMPLES
from docs_mapping.samples_ollama import GENERATE, OLLAMA
from docs_mapping.samples_openai import CHAT, COMPLETIONS, EMBEDDINGS
from docs_mapping.samples_responses import RESPONSES as RESPONSES_SAMPLES

from passenger_trio.translate.fronts.seal import seal


class Condition(NamedTuple):
    """What a request is like besides its field: the model, a key of ``roads.MODELS``, what else there is in it, and
    whether an assistant's message has the signature of what was thought.
    """

    model: str = ""
    beside: Mapping[str, Any] = {}
    objects: Mapping[str, Any] = {}
    signed: bool = False


_NO_THINKING: Final = "a model that does not think"
_BUDGET: Final = "a model that thinks by a budget"
_UNTHINKING: Final = "a model that need not think"
_ONE_SIZE: Final = "a model with vectors of one size"
_NO_SCHEMA: Final = "a model without structured outputs"
_BY_ID: Final = {"type": "input_image", "file_id": "file_1"}
_FILE_BY_ID: Final = {"type": "input_file", "file_id": "file_1"}

CONDITIONS: Final[dict[str, Condition]] = {
    "": Condition(),
    _NO_THINKING: Condition(model=_NO_THINKING),
    _BUDGET: Condition(model=_BUDGET),
    _UNTHINKING: Condition(model=_UNTHINKING),
    _ONE_SIZE: Condition(model=_ONE_SIZE),
    "beside `logprobs`": Condition(beside={"logprobs": True}),
    _NO_SCHEMA: Condition(model=_NO_SCHEMA),
    "beside `reasoning_effort`": Condition(beside={"reasoning_effort": "low"}),
    "beside `temperature`": Condition(beside={"temperature": 0.5}),
    "beside `thinking`": Condition(beside={"thinking": {"type": "enabled", "budget_tokens": 2048}}),
    "beside `reasoning_opaque`": Condition(signed=True),
    "by the server": Condition(objects={"tools[tool_search]": {"type": "tool_search", "execution": "server"}}),
    "the last of all": Condition(),
    "before all others": Condition(beside={"messages": []}),
    "in its place": Condition(objects={"content[input_image]": _BY_ID, "content[input_file]": _FILE_BY_ID}),
}
"""By the words that a row has for it."""

_DIALECTS: Final[dict[str, Samples]] = {
    "chat": CHAT,
    "responses": RESPONSES_SAMPLES,
    "messages": MESSAGES_SAMPLES,
    "ollama": OLLAMA,
    "ollama openai": OLLAMA._replace(values={**CHAT.values, **OLLAMA.values}, beside=CHAT.beside),
    "ollama generate": GENERATE,
    "completions": COMPLETIONS,
    "embeddings": EMBEDDINGS,
}


def of(dialect: str, endpoint: str, condition: Condition = CONDITIONS[""]) -> Samples:
    """The samples of a dialect on the way to an endpoint. What a model has thought is each endpoint's own."""
    samples = _DIALECTS[dialect]
    objects = {**samples.objects, **_thoughts(dialect, endpoint), **condition.objects}
    values = {**samples.values, "reasoning_opaque": _OPAQUE.get(endpoint, "c2lnbmVk")}
    if condition.signed:
        objects["messages[assistant]"] = {
            **objects["messages[assistant]"],
            "reasoning_opaque": values["reasoning_opaque"],
        }
    return samples._replace(base={**samples.base, **condition.beside}, objects=objects, values=values)


def asked(dialect: str, endpoint: str, path: str, value: Any = NOTHING, condition: str = "") -> Pair:
    """The requests for a field of a dialect."""
    return pair(of(dialect, endpoint, CONDITIONS[condition]), example(path), value)


_TOLD: Final = "messages[user].content"
_EXAMPLES: Final = {
    "*.prompt_cache_breakpoint": "input[message].content[input_text].prompt_cache_breakpoint",
    "*.cache_control": f"{_TOLD}[text].cache_control",
    "*.cache_control.ttl": f"{_TOLD}[text].cache_control.ttl",
    "*.content[text].citations": f"{_TOLD}[text].citations",
    "*.content[document].citations": f"{_TOLD}[document].citations",
    "*.content[search_result].citations": f"{_TOLD}[search_result].citations",
    "*.content[image].transformations": f"{_TOLD}[image].transformations",
    "*.source[text].media_type": f"{_TOLD}[document].source[text].media_type",
    "*.source[url]": f"{_TOLD}[image].source[url]",
    "*.source[file]": f"{_TOLD}[image].source[file]",
    "*.content[document].source[url]": f"{_TOLD}[document].source[url]",
    "*.content[document].source[file]": f"{_TOLD}[document].source[file]",
}


def example(path: str) -> str:
    """Where a field stands, or may stand of which a page says that it may stand anywhere."""
    return _EXAMPLES.get(path, path)


_OPAQUE: Final = {
    RESPONSES: '[{"type":"reasoning","encrypted_content":"gAAAA","summary":[]}]',
    MESSAGES: '[{"type":"thinking","thinking":"hm","signature":"c2ln"}]',
}


def _thoughts(dialect: str, endpoint: str) -> dict[str, Any]:
    sealed = seal(_OPAQUE.get(endpoint, "c2lnbmVk"), "the-model")
    if dialect == "responses":
        own = "gAAAA" if endpoint == RESPONSES else sealed
        return {"input[reasoning]": {"type": "reasoning", "summary": [], "encrypted_content": own}}
    if dialect == "messages":
        own = "c2ln" if endpoint == MESSAGES else sealed
        return {
            "content[thinking]": {"type": "thinking", "thinking": "hm", "signature": own},
            "content[redacted_thinking]": {"type": "redacted_thinking", "data": own},
        }
    return {}
