"""Every recorded refusal of Copilot's, as the exception that users of the real packages catch."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
import trio
from house import House

from passenger_trio.simulator import Fault

openai = pytest.importorskip("openai")
ollama = pytest.importorskip("ollama")

# As in test_openai_client.py: the package leaves its generators to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator '(openai|httpx2|httpcore2)[.]:ResourceWarning")

T = TypeVar("T")
SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"
INDEX: dict[str, dict[str, Any]] = {entry["file"]: entry for entry in json.loads((SAMPLES / "index.json").read_bytes())}
RECORDED = {name.partition(".")[0].removeprefix("err_"): name for name in INDEX if name.startswith("err_")}
MODEL = "gpt-4.1"
OTHER_MODELS = {"/responses": "gpt-5.3-codex", "/v1/messages": "claude-opus-4.7"}


class Row(NamedTuple):
    """What the ``openai`` package raises, and what is in it; ``words`` are in what Ollama's raises as well."""

    raised: type[Exception]
    status: int
    kind: str
    code: str | None
    words: str
    param: str | None = None


def invalid(code: str | None, words: str, param: str | None = None) -> Row:
    return Row(openai.BadRequestError, 400, "invalid_request_error", code, words, param)


def too_long(words: str) -> Row:
    return invalid("context_length_exceeded", words, "messages")


def unauthorized(words: str, code: str | None = None) -> Row:
    return Row(openai.AuthenticationError, 401, "authentication_error", code, words)


def quota(words: str) -> Row:
    return Row(openai.RateLimitError, 429, "insufficient_quota", "insufficient_quota", words)


def limited(code: str, words: str) -> Row:
    return Row(openai.RateLimitError, 429, "rate_limit_error", code, words)


def failed(status: int, words: str, code: str | None = None) -> Row:
    return Row(openai.InternalServerError, status, "server_error", code, words)


ROWS: dict[str, Row] = {
    "400_context_length": too_long("prompt token count of 151318 exceeds the limit of 128000"),
    "400_context_length_messages": too_long("prompt is too long: 214000 tokens > 200000 maximum"),
    "400_context_length_old": too_long("prompt token count of 151318 exceeds the limit of 128000"),
    "400_context_length_responses": too_long("Your input exceeds the context window of this model."),
    "400_invalid_request_body": invalid("invalid_request_body", "invalid request body"),
    "400_messages_extra_inputs": invalid(None, "Extra inputs are not permitted"),
    "400_missing_editor_version": invalid(None, "missing Editor-Version header"),
    "400_model_not_supported": invalid("model_not_supported", "The requested model is not supported.", "model"),
    "400_off_topic": invalid("off_topic", "off_topic"),
    "400_pat_not_supported": invalid(None, "Personal Access Tokens are not supported"),
    "400_previous_response_not_found": invalid("previous_response_not_found", "Previous response not found"),
    "400_unknown_editor_version": invalid(None, "unknown Editor-Version header"),
    "400_unsupported_api_for_model": invalid("unsupported_api_for_model", "not accessible via", "model"),
    "400_unsupported_api_for_model_2026": invalid("model_not_supported", "not accessible via", "model"),
    "400_vision_header": invalid(None, "missing required Copilot-Vision-Request header"),
    "401_agent_authorize": unauthorized("authorize the agent", "unauthorized"),
    "401_auto_mode_selector": unauthorized("Invalid auto-mode selector"),
    "401_pat_permission": unauthorized("does not have Copilot Requests permission"),
    "401_token_expired": unauthorized("IDE token expired: unauthorized: token expired"),
    "401_token_expired_short": unauthorized("unauthorized: token expired"),
    "402_quota_exceeded": quota("You have no quota"),
    "402_spend_limit": quota("Additional usage limit reached."),
    "403_feature": Row(
        openai.PermissionDeniedError, 403, "permission_error", None, "not authorized to use this Copilot feature"
    ),
    "403_forbidden_terms": Row(
        openai.PermissionDeniedError, 403, "permission_error", None, "Please review our Terms of Service."
    ),
    "404": Row(openai.NotFoundError, 404, "invalid_request_error", None, "404 page not found"),
    "404_json": Row(openai.NotFoundError, 404, "invalid_request_error", "not_found", "model not found"),
    "413": Row(openai.APIStatusError, 413, "invalid_request_error", None, "Request Entity Too Large"),
    "413_json": Row(openai.APIStatusError, 413, "invalid_request_error", None, "failed to parse request"),
    "421_misdirected": failed(502, "Misdirected Request"),
    "422_filtered": invalid("content_filter", "triggering the content management policy"),
    "424_agent_dependency": failed(502, "failed dependency"),
    "429_integration": limited("integration_rate_limited", "integration rate limit exceeded"),
    "429_model_overloaded": limited("model_overloaded", "model overloaded"),
    "429_quota_plain": quota("quota exceeded"),
    "429_rate_limited": limited("rate_limited", "rate limit exceeded"),
    "429_user_global": limited("user_global_rate_limited", "you've exceeded your rate limits."),
    "429_user_model": limited("user_model_rate_limited", "rate limit for this model."),
    "429_weekly": limited("user_weekly_rate_limited", "weekly rate limit."),
    "466_client_too_old": failed(502, "the specified API version is no longer supported."),
    "499": failed(502, "Copilot answered with HTTP 499 and said nothing more."),
    "500": failed(500, "Internal server error", "internal_error"),
    "502": failed(502, "a web page instead of an answer"),
    "503": failed(503, "upstream connect error or disconnect/reset before headers."),
    "504": failed(504, "stream timeout"),
}
FEW = (
    *("400_context_length", "400_invalid_request_body", "401_token_expired", "402_quota_exceeded", "403_feature"),
    *("404_json", "422_filtered", "429_rate_limited", "466_client_too_old", "499", "502"),
)


def user(name: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": f"[[err:{name}]]"}]


def wait_of(name: str) -> str | None:
    """When a recorded refusal says to come back."""
    headers = INDEX[RECORDED[name]].get("headers", {})
    waits = ("retry-after", "x-ratelimit-user-retry-after", "x-ratelimit-quota-exceeded-retry-after")
    return next((headers[wait] for wait in waits if wait in headers), None)


async def in_thread(call: Callable[[], T]) -> T:
    """The synchronous client blocks, and the house runs in this thread."""
    return await trio.to_thread.run_sync(call, abandon_on_cancel=True)


@asynccontextmanager
async def openai_of(house: House, **more: Any) -> AsyncGenerator[Any]:
    options = {"api_key": "any", "max_retries": 0, "timeout": 10, **more}
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", **options) as client:
        yield client


async def refuse_openai(house: House, name: str, model: str, *, stream: bool) -> Any:
    """The package's exception for a recorded refusal."""
    async with openai_of(house) as client:
        with pytest.raises(openai.APIError) as caught:
            await client.chat.completions.create(model=model, messages=user(name), stream=stream)
    return caught.value


async def refuse_ollama(house: House, name: str, model: str, *, stream: bool) -> Any:
    async def talk() -> None:
        async with ollama.AsyncClient(host=house.url, timeout=10) as client:
            answer = await client.chat(model, user(name), stream=stream)
            await anext(answer)

    with pytest.raises(ollama.ResponseError) as caught:
        await talk()
    return caught.value


def check_openai(error: Any, name: str) -> None:
    row = ROWS[name]
    assert type(error) is row.raised
    assert error.status_code == row.status
    assert (error.type, error.code, error.param) == (row.kind, row.code, row.param)
    assert row.words in error.body["message"]
    assert row.words in str(error)
    assert "<" not in error.body["message"]
    assert error.response.headers.get("retry-after") == wait_of(name)
    assert error.request_id
    assert error.response.headers["x-github-request-id"]


def check_ollama(error: Any, name: str) -> None:
    assert error.status_code == INDEX[RECORDED[name]]["status"]
    assert ROWS[name].words in error.error
    assert "<" not in error.error


def test_every_recorded_refusal_has_its_row() -> None:
    assert sorted(ROWS) == sorted(RECORDED)
    assert sorted(RECORDED.values()) == sorted(path.name for path in SAMPLES.glob("err_*"))
    assert set(FEW) <= set(ROWS)


@pytest.mark.parametrize("name", ROWS)
async def test_openais_package_raises_what_its_users_catch(house: House, name: str) -> None:
    for stream in (False, True):
        check_openai(await refuse_openai(house, name, MODEL, stream=stream), name)


@pytest.mark.parametrize("name", ROWS)
async def test_ollamas_package_raises_with_the_true_status(house: House, name: str) -> None:
    for stream in (False, True):
        check_ollama(await refuse_ollama(house, name, MODEL, stream=stream), name)


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("endpoint", OTHER_MODELS)
async def test_it_is_the_same_on_every_endpoint(house: House, endpoint: str, name: str) -> None:
    for stream in (False, True):
        check_openai(await refuse_openai(house, name, OTHER_MODELS[endpoint], stream=stream), name)
        check_ollama(await refuse_ollama(house, name, OTHER_MODELS[endpoint], stream=stream), name)
    assert house.simulator.requests[-1].path == endpoint


@pytest.mark.parametrize("name", ["402_quota_exceeded", "422_filtered", "400_context_length"])
async def test_the_synchronous_clients_raise_the_same(house: House, name: str) -> None:
    def with_openai() -> Any:
        with (
            openai.OpenAI(base_url=f"{house.url}/v1", api_key="any", max_retries=0, timeout=10) as client,
            pytest.raises(openai.APIError) as caught,
        ):
            client.chat.completions.create(model=MODEL, messages=user(name))
        return caught.value

    def with_ollama() -> Any:
        with ollama.Client(host=house.url, timeout=10) as client, pytest.raises(ollama.ResponseError) as caught:
            client.chat(MODEL, user(name))
        return caught.value

    check_openai(await in_thread(with_openai), name)
    check_ollama(await in_thread(with_ollama), name)


ASKED = {
    "402_quota_exceeded": 1,
    "429_quota_plain": 1,
    "429_weekly": 1,
    "466_client_too_old": 1,
    "421_misdirected": 2,  # once more with a new token, which is the house's doing
    "404_json": 1,
    "500": 2,
}


@pytest.mark.parametrize("name", ASKED)
async def test_a_client_that_retries_does_so_only_where_it_may_help(house: House, name: str) -> None:
    retries = 1 if name == "500" else 2
    async with openai_of(house, max_retries=retries) as client:
        with pytest.raises(ROWS[name].raised):
            await client.chat.completions.create(model=MODEL, messages=user(name))

    assert house.simulator.counts["chat"] == ASKED[name]


@pytest.mark.parametrize("name", ["402_quota_exceeded", "429_rate_limited", "404_json", "502"])
async def test_embeddings_raise_what_chats_do(house: House, name: str) -> None:
    entry = INDEX[RECORDED[name]]
    house.simulator.faults.append(
        Fault(
            path="/embeddings",
            status=entry["status"],
            body=(SAMPLES / RECORDED[name]).read_bytes(),
            content_type=entry["content_type"],
            headers=entry["headers"],
        )
    )
    async with openai_of(house) as client:
        with pytest.raises(openai.APIError) as caught:
            await client.embeddings.create(model="text-embedding-3-small", input="Hi")

    check_openai(caught.value, name)


@pytest.mark.parametrize("name", ["402_quota_exceeded", "429_rate_limited", "422_filtered"])
async def test_old_completions_raise_what_chats_do(house: House, name: str) -> None:
    async with openai_of(house) as client:
        with pytest.raises(openai.APIError) as caught:
            await client.completions.create(model=MODEL, prompt=f"[[err:{name}]]")

    check_openai(caught.value, name)


async def test_a_quota_that_ends_in_the_middle_of_a_stream_says_so(house: House) -> None:
    def read() -> Any:
        prompts = ["[[reply:one]]", "[[err:402_quota_exceeded]]"]
        with (
            openai.OpenAI(base_url=f"{house.url}/v1", api_key="any", max_retries=0, timeout=10) as client,
            pytest.raises(openai.APIError) as caught,
        ):
            list(client.completions.create(model=MODEL, prompt=prompts, stream=True))
        return caught.value

    error = await in_thread(read)
    assert (error.type, error.code) == ("insufficient_quota", "insufficient_quota")
    assert "You have no quota" in error.message
