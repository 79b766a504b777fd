"""What holds for every route of the API host, and the models' policies."""

import json
from urllib.parse import parse_qs

import pytest
import trio
from simulator.conftest import SAMPLES

from passenger_trio.simulator.account import PLANS, plan_of, quota_headers
from passenger_trio.simulator.catalogue import Catalogue
from passenger_trio.simulator.recorded_errors import ERRORS

ROUTES = [
    ("GET", "/models"),
    ("POST", "/models/gpt-5.5/policy"),
    ("POST", "/chat/completions"),
    ("POST", "/responses"),
    ("POST", "/v1/messages"),
    ("POST", "/embeddings"),
]


@pytest.mark.parametrize("method, path", ROUTES)
async def test_every_route_wants_a_token_and_its_headers(line, sample, method, path):
    with trio.fail_after(10):
        good = await line.bearer()
        nobody = await line.client.request(method, path, headers={**good, "Authorization": "Bearer made up"})
        retired = await line.client.request(method, path, headers={**good, "X-GitHub-Api-Version": "2024-12-15"})
        del good["Editor-Version"]
        nameless = await line.client.request(method, path, headers=good)

    assert nobody.status_code == 401
    assert (retired.status_code, retired.content) == (466, sample("err_466_client_too_old.txt"))
    assert (nameless.status_code, nameless.content) == (400, sample("err_400_missing_editor_version.txt"))


async def test_what_is_demanded_can_be_switched_off(line):
    line.simulator.needs_editor_version = False
    line.simulator.retired_versions = set()
    with trio.fail_after(10):
        headers = {"Authorization": (await line.bearer())["Authorization"], "X-GitHub-Api-Version": "2024-12-15"}
        answer = await line.client.get("/models", headers=headers)

    assert answer.status_code == 200


async def test_the_wrong_host_is_wrong_until_a_token_is_exchanged(line, sample):
    with trio.fail_after(10):
        headers = await line.bearer()
        line.simulator.misdirected = True
        wrong = [await line.client.get("/models", headers=headers) for _ in range(2)]
        right = await line.client.get("/models", headers=await line.bearer())

    assert [answer.status_code for answer in wrong] == [421, 421]
    assert wrong[0].content == sample("err_421_misdirected.txt")
    assert right.status_code == 200


@pytest.mark.parametrize(
    "said, counted", [({}, "user"), ({"X_Initiator": "Agent"}, "agent"), ({"X_Initiator": "robot"}, "user")]
)
async def test_turns_are_counted_by_who_began_them(line, said, counted):
    with trio.fail_after(10):
        for path in ("/chat/completions", "/responses", "/v1/messages"):
            await line.post(path, {}, **said)
        report = (await line.client.get("/_simulator")).json()

    assert report["initiators"] == {counted: 3}
    assert report["counts"] == {"token": 3, "chat": 1, "responses": 1, "messages": 1}
    assert report["chats_by_status"] == {"400": 3}


async def test_a_model_is_switched_on_by_its_policy(line):
    body = {"model": "gpt-5.5", "input": "hello"}
    with trio.fail_after(10):
        before = await line.post("/responses", body)
        flipped = await line.post("/models/gpt-5.5/policy", {"state": "enabled"})
        after = await line.post("/responses", body)
        listed = (await line.client.get("/models", headers=await line.bearer())).json()["data"]

    assert before.json()["error"]["code"] == "model_not_supported"
    assert (flipped.status_code, flipped.json()) == (200, {"state": "enabled"})
    assert after.status_code == 200
    assert [model["policy"]["state"] for model in listed if model["id"] == "gpt-5.5"] == ["enabled"]
    assert line.simulator.counts["policy"] == 1


@pytest.mark.parametrize(
    "model, body, status",
    [("nobody", {"state": "enabled"}, 404), ("gpt-5.5", {"state": "maybe"}, 400), ("gpt-5.5", [], 400)],
)
async def test_a_policy_that_makes_no_sense_is_refused(line, model, body, status):
    with trio.fail_after(10):
        answer = await line.post(f"/models/{model}/policy", body)

    assert answer.status_code == status


async def test_a_plan_may_forbid_it(line):
    line.simulator.policy_locked = True
    with trio.fail_after(10):
        answer = await line.post("/models/gpt-5.5/policy", {"state": "enabled"})

    assert answer.status_code == 403
    assert "enterprise or organization policy" in answer.text


async def test_answers_tell_the_quota(line, sample):
    recorded = {name: value for name, value in json.loads(sample("quota_headers.json")).items() if "snapshot" in name}
    with trio.fail_after(10):
        answer = await line.ask("hello")
        refused = await line.ask("[[http:500]]")

    assert {name for name in answer.headers if name.startswith("x-quota")} == recorded.keys()
    for name, value in recorded.items():
        assert parse_qs(answer.headers[name]).keys() == parse_qs(value).keys()
    assert "x-quota-snapshot-chat" not in refused.headers


@pytest.mark.parametrize("plan", PLANS)
def test_an_exhausted_quota_has_nothing_left(plan):
    headers = quota_headers(plan_of(plan), now=1780000000.0, exhausted=True)

    assert parse_qs(headers["x-quota-snapshot-premium_models"])["rem"] == ["0.0"]
    assert parse_qs(headers["x-quota-snapshot-premium_models"])["rst"] == ["2026-06-01T00:00:00Z"]


ERROR_SAMPLES = sorted(SAMPLES.glob("err_*"))


def test_every_recorded_error_has_a_name():
    assert {path.stem.removeprefix("err_") for path in ERROR_SAMPLES} == set(ERRORS)


@pytest.mark.parametrize("path", ERROR_SAMPLES, ids=lambda path: path.stem)
async def test_a_recorded_error_can_be_asked_for(line, path):
    name = path.stem.removeprefix("err_")
    with trio.fail_after(10):
        answer = await line.ask(f"[[err:{name}]]")

    assert (answer.status_code, answer.content) == (int(name[:3]), path.read_bytes())
    assert ERRORS[name].headers.items() <= dict(answer.headers).items()


@pytest.mark.parametrize("path", ["/responses", "/v1/messages"])
async def test_errors_are_the_same_on_every_endpoint(line, path):
    said = {"messages": [{"role": "user", "content": "[[http1:429]] x"}], "max_tokens": 9, "model": "claude-opus-4.7"}
    body = said if path == "/v1/messages" else {"model": "gpt-5.4", "input": "[[http1:429]] x"}
    with trio.fail_after(10):
        answers = [await line.post(path, body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [429, 200]
    assert answers[0].headers["retry-after"] == "37"


def listed(version, *, token_billing=False):
    return json.loads(Catalogue().body_for(version, token_billing=token_billing))["data"]


def test_an_old_api_version_tells_no_billing_to_who_is_billed_by_tokens(sample):
    recorded = json.loads(sample("models_list_old_api_version.json"))["data"]

    old = {model["id"]: model for model in listed("2025-04-01", token_billing=True)}
    for model in recorded:
        assert old[model["id"]] == model
    assert listed("2025-04-01") == listed(None)


def test_a_new_api_version_tells_prices(sample):
    recorded = json.loads(sample("models_list_token_prices.json"))["data"]

    new = {model["id"]: model for model in listed("2026-06-01")}
    for model in recorded:
        assert new[model["id"]].keys() == model.keys()
        prices = new[model["id"]]["billing"]["token_prices"]
        assert prices.keys() == model["billing"]["token_prices"].keys()
        assert prices["default"].keys() == model["billing"]["token_prices"]["default"].keys()


def test_there_is_a_model_for_each_endpoint_that_has_no_other():
    alone = {tuple(model["supported_endpoints"]) for model in listed(None) if "supported_endpoints" in model}

    assert {("/v1/messages",), ("/responses",), ("/responses", "ws:/responses")} <= alone
    efforts = {model["id"]: model["capabilities"]["supports"].get("reasoning_effort") for model in listed(None)}
    assert efforts["o3-mini"] == ["low", "medium", "high"]
    ids = [model["id"] for model in listed(None)]
    assert ids.count("gpt-4") == 2
    assert {"trajectory-compaction", "text-embedding-3-small", "gemini-3-pro-preview", "gpt-5.5"} <= set(ids)
