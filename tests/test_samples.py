"""Every recorded sample has a test that reads it: the table says which. What belongs nowhere else is read here."""

import ast
import importlib
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator
from email.utils import formatdate
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from fakes import FakeCopilot, FakeFetch, FakeTokens, Script, answer
from house import open_house

from passenger_trio.config import DEFAULT_API_BASE_URL, Config, Copilot
from passenger_trio.copilot import life, protocol
from passenger_trio.copilot.account import Account
from passenger_trio.copilot.catalogue import Catalogue, parse
from passenger_trio.copilot.client import Answer, CopilotClient
from passenger_trio.errors import UpstreamBroke
from passenger_trio.secret import Secret
from passenger_trio.simulator import Simulator, chat_rules, embeddings as simulated_embeddings
from passenger_trio.simulator.catalogue import Catalogue as SimulatedCatalogue
from passenger_trio.simulator.conversation import ConversationReader
from passenger_trio.simulator.messages_request import MessagesReader
from passenger_trio.simulator.responses_request import ResponsesReader
from passenger_trio.translate.backs import chat as chat_back, responses as responses_back
from passenger_trio.wire import sse
from passenger_trio.wire.models import Model

SAMPLES = Path(__file__).parent / "samples" / "copilot"
NAMES = sorted(path.name for path in SAMPLES.iterdir())
INDEX: dict[str, dict[str, Any]] = {entry["file"]: entry for entry in json.loads((SAMPLES / "index.json").read_bytes())}
HERE = "test_samples"

READERS = {
    "chat_nonstream_*": ["translate.test_recorded_replies:test_an_openai_client_finds_everything_in_one_choice"],
    "chat_stream_*": ["translate.test_recorded_streams:test_a_recording_cut_into_bytes_gives_the_same_answer"],
    "device_code.json": ["wire.test_github:test_a_device_code_is_read"],
    "device_form_*": ["simulator.test_github_routes:test_who_does_not_ask_for_json_gets_a_form"],
    "device_poll_*": ["copilot.test_protocol:test_a_poll_is_read"],
    "embeddings.json": [
        "wire.test_embeddings:test_the_recorded_answer_is_read_with_its_order_and_its_tokens",
        "translate.backs.test_embeddings:test_the_recorded_answer_keeps_its_digits",
    ],
    "embeddings_error_*": [f"{HERE}:test_a_refusal_to_embed_keeps_its_two_words"],
    "err_*": [
        "copilot.test_decipher:test_a_refusal_keeps_its_status_words_code_and_ids",
        "simulator.test_api_host:test_a_recorded_error_can_be_asked_for",
    ],
    "index.json": [f"{HERE}:test_the_index_lists_every_sample_and_no_other"],
    "messages_nonstream*": [
        "translate.test_recorded_replies:test_an_openai_client_finds_everything_in_one_choice",
        "translate.test_recorded_fronts:test_a_whole_recording_has_no_fault_and_says_what_is_in_it",
    ],
    "messages_stream*": [
        "translate.test_recorded_streams:test_a_recording_cut_into_bytes_gives_the_same_answer",
        "translate.test_recorded_fronts:test_a_recording_cut_into_bytes_gives_the_same_answer",
        "translate.test_recorded_fronts:test_a_recording_cut_anywhere_gives_the_same_answer",
    ],
    "model_policy_*": [f"{HERE}:test_terms_are_accepted_with_the_recorded_body"],
    "models_list*": ["copilot.test_catalogue:test_recorded_lists_are_read_whole_and_without_twins"],
    "models_session.json": [f"{HERE}:test_the_models_of_a_session_are_models_of_the_list"],
    "quota_headers.json": [
        f"{HERE}:test_what_is_left_of_the_quota_is_for_the_house_alone",
        "simulator.test_api_host:test_answers_tell_the_quota",
    ],
    "request_chat_*": [
        f"{HERE}:test_the_simulator_takes_the_official_clients_requests",
        "translate.backs.test_chat_requests:test_the_official_clients_requests_pass_unchanged",
    ],
    "request_embeddings.json": [
        f"{HERE}:test_the_simulator_takes_the_official_clients_requests",
        "translate.backs.test_embeddings:test_the_recorded_request_is_what_is_sent",
    ],
    "request_messages_*": [
        f"{HERE}:test_the_simulator_takes_the_official_clients_requests",
        "translate.backs.test_messages:test_the_official_clients_request_is_what_the_same_call_becomes",
    ],
    "request_responses_*": [
        f"{HERE}:test_the_simulator_takes_the_official_clients_requests",
        "translate.backs.test_responses:test_what_the_official_client_says_in_chat_becomes_what_it_says_here",
    ],
    "responses_nonstream*": [
        "translate.test_recorded_replies:test_an_openai_client_finds_everything_in_one_choice",
        "translate.test_recorded_fronts:test_a_whole_recording_has_no_fault_and_says_what_is_in_it",
    ],
    "responses_stream*": [
        "translate.test_recorded_streams:test_a_recording_cut_into_bytes_gives_the_same_answer",
        "translate.test_recorded_fronts:test_a_recording_cut_into_bytes_gives_the_same_answer",
        "translate.test_recorded_fronts:test_a_recording_cut_anywhere_gives_the_same_answer",
    ],
    "token_envelope_*": [f"{HERE}:test_a_token_leads_to_its_host_and_lives_for_half_an_hour"],
    "token_error_*": ["copilot.test_protocol:test_a_refused_exchange_says_whose_fault_it_is"],
    "user_*": [f"{HERE}:test_an_account_is_named_with_its_plan"],
    "ws_responses_error.json": [f"{HERE}:test_an_error_frame_of_a_websocket_has_the_words_and_the_code_of_a_stream"],
}
"""The samples, by pattern, and the tests that read each of them."""


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def found_in(test: str) -> Callable[..., Any]:
    module, _, name = test.partition(":")
    return getattr(importlib.import_module(module if module != HERE else __name__), name)


def texts_in(value: object) -> Iterator[str]:
    """The texts and names of files in one of the values that a test is run with."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Path):
        yield value.name
    elif isinstance(value, (tuple, list)):  # a row; of pytest.param too
        for inner in value:
            yield from texts_in(inner)


def named_by(test: str) -> set[str]:
    """Every text that stands in the test or that it is run with."""
    function = found_in(test)
    source = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    named = {node.value for node in ast.walk(source) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    for mark in getattr(function, "pytestmark", ()):
        if mark.name == "parametrize":
            named.update(text for row in mark.args[1] for text in texts_in(row))
    return named


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_has_its_readers_and_each_of_them_names_it(name: str) -> None:
    patterns = [pattern for pattern in READERS if fnmatch(name, pattern)]

    assert len(patterns) == 1, f"{name} has no row of its own in the table"
    assert READERS[patterns[0]]
    for test in READERS[patterns[0]]:
        assert name in named_by(test), f"{test} does not read {name}"


def test_the_table_has_no_row_without_samples() -> None:
    assert [pattern for pattern in READERS if not any(fnmatch(name, pattern) for name in NAMES)] == []


def test_the_index_lists_every_sample_and_no_other() -> None:
    listed = [entry["file"] for entry in json.loads(sample("index.json"))]

    assert sorted([*listed, "index.json"]) == NAMES
    assert all(100 <= entry["status"] < 600 for entry in INDEX.values())


# What GitHub says of an account

LOGIN = Secret("ghu_one")
HOSTS = {
    "token_envelope_business.json": ("business", "copilot_for_business_seat"),
    "token_envelope_clock_skew.json": ("individual", "monthly_subscriber"),
    "token_envelope_enterprise.json": ("enterprise", "copilot_enterprise_seat_quota"),
    "token_envelope_free.json": ("individual", "free_limited_copilot"),
    "token_envelope_individual.json": ("individual", "monthly_subscriber"),
    "token_envelope_minimal.json": ("individual", None),
}


@pytest.mark.parametrize("name", HOSTS)
async def test_a_token_leads_to_its_host_and_lives_for_half_an_hour(name: str) -> None:
    plan, sku = HOSTS[name]
    date = formatdate(json.loads(sample(name))["expires_at"] - 1800, usegmt=True)

    envelope, told = await Account(FakeFetch(Answer(200, {"date": date}, sample(name))), Config()).exchange(LOGIN)

    assert protocol.api_base(DEFAULT_API_BASE_URL, envelope) == f"https://api.{plan}.githubcopilot.com"
    assert envelope.sku == sku
    assert life.token_life(envelope, told) == 1800
    assert life.token_life(envelope, None) == 1560


PLANS = {
    "user_business_token_billing.json": ("business", "copilot_for_business_seat"),
    "user_free.json": ("free", "free_limited_copilot"),
    "user_individual_pro.json": ("individual_pro", "plus_monthly_subscriber_quota"),
    "user_premium_exhausted.json": ("individual", "monthly_subscriber"),
}


@pytest.mark.parametrize("name", PLANS)
async def test_an_account_is_named_with_its_plan(name: str) -> None:
    user = await Account(FakeFetch(Answer(200, {}, sample(name))), Config()).user(LOGIN)

    assert user is not None
    assert (user.login, user.copilot_plan, user.access_type_sku) == ("octocat", *PLANS[name])


# What the official client sends

PICKED = {
    "request_chat_official.json": "/chat/completions",
    "request_chat_tool_result_followup.json": "/chat/completions",
    "request_embeddings.json": "/embeddings",
    "request_messages_official.json": "/v1/messages",
    "request_responses_official.json": "/responses",
}


@pytest.mark.parametrize("name, path", PICKED.items())
def test_the_simulator_takes_the_official_clients_requests(name: str, path: Any) -> None:
    body = sample(name)
    model = SimulatedCatalogue().model(json.loads(body)["model"], path)

    assert INDEX[name]["path"] == "{api}" + path
    match path:
        case "/chat/completions":
            conversation = ConversationReader().read(body)
            chat_rules.check_chat(conversation, model)
            said = conversation.prompt()
        case "/responses":
            request = ResponsesReader().read(body)
            request.check(model)
            said = request.conversation().prompt()
        case "/v1/messages":
            asked = MessagesReader().read(body)
            asked.check(model, INDEX[name]["headers"]["anthropic-beta"])
            said = asked.conversation().prompt()
        case _:
            said = simulated_embeddings.read(body).input[0]
    assert said in {"What is in this picture?", "Weather in Paris?", "Explain refactoring.", "Hello", "first text"}


async def test_terms_are_accepted_with_the_recorded_body() -> None:
    copilot = FakeCopilot(Script())
    async with httpx.AsyncClient(transport=copilot) as http:
        tokens = FakeTokens()
        catalogue = Catalogue(CopilotClient(http, tokens, Copilot()), tokens, FakeFetch(answer()), models_url="")
        await catalogue.accept(Model(id="gpt-5.5"))

    [request] = copilot.requests
    assert (request.method, request.url.path) == ("POST", "/models/gpt-5.5/policy")
    assert json.loads(copilot.bodies[0]) == json.loads(sample("model_policy_enable_request.json"))


# What Copilot says beside its answers


def test_a_refusal_to_embed_keeps_its_two_words() -> None:
    error = protocol.decipher(400, {}, sample("embeddings_error_400_string_input.txt"))

    assert (error.status, error.message, error.code) == (400, "Bad Request", None)


def test_the_models_of_a_session_are_models_of_the_list() -> None:
    session = json.loads(sample("models_session.json"))
    listed = {model.id: model for model in parse(sample("models_list.json"))}

    assert all(chat_back.PATH in listed[name].endpoints for name in session["available_models"])
    assert session["selected_model"] in session["available_models"]
    assert session["discounted_costs"].keys() <= set(session["available_models"])


def test_an_error_frame_of_a_websocket_has_the_words_and_the_code_of_a_stream() -> None:
    stream = responses_back.Stream("m", created=1, new_id=lambda: "chatcmpl-1")

    with pytest.raises(UpstreamBroke, match="You have no quota") as caught:
        stream.event(sse.Event(b"", sample("ws_responses_error.json")))

    assert caught.value.code == "quota_exceeded"
    assert not stream.finished


async def test_what_is_left_of_the_quota_is_for_the_house_alone(tmp_path: Path) -> None:
    recorded = json.loads(sample("quota_headers.json"))
    assert all({"ent", "ov", "ovPerm", "rem", "rst"} <= parse_qs(value).keys() for value in recorded.values())

    async with open_house(Simulator(word_delay=0.001), tmp_path) as house:
        body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}]}
        told = await house.http.post("/v1/chat/completions", json=body)

        assert told.status_code == 200
        assert {name for name in recorded if "snapshot" in name} == house.simulator.quota_headers().keys()
        assert recorded.keys().isdisjoint(told.headers)
