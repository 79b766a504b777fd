import json

import pytest

from passenger_trio.simulator import account
from passenger_trio.simulator.scalars import Source


def envelope(plan):
    return account.token_envelope(
        account.plan_of(plan),
        "http://here",
        token="tid=1",
        expires_at=1780001800,
        refresh_in=1500,
        now=1780000000.0,
    )


@pytest.mark.parametrize("plan", ["individual", "free"])
def test_an_envelope_has_the_keys_of_the_recorded_one(sample, plan):
    recorded = json.loads(sample(f"token_envelope_{plan}.json"))

    assert envelope(plan).keys() == recorded.keys()
    assert envelope(plan)["sku"] == recorded["sku"]
    assert envelope(plan)["endpoints"].keys() == recorded["endpoints"].keys()


def test_a_seat_of_an_organization_is_no_individual_one(sample):
    recorded = json.loads(sample("token_envelope_business.json"))

    assert envelope("business").keys() == recorded.keys() - {"user_notification"}
    assert envelope("business")["individual"] is False


@pytest.mark.parametrize(
    "plan, name",
    [
        ("individual_pro", "user_individual_pro.json"),
        ("free", "user_free.json"),
        ("business", "user_business_token_billing.json"),
    ],
)
def test_the_copilot_user_has_the_keys_of_the_recorded_one(sample, plan, name):
    recorded = json.loads(sample(name))

    user = account.copilot_user(account.plan_of(plan), "octocat", "http://here", now=1780000000.0)

    assert user.keys() == recorded.keys()
    assert (user["copilot_plan"], user["access_type_sku"]) == (recorded["copilot_plan"], recorded["access_type_sku"])


def test_the_quotas_of_an_account_billed_by_tokens_say_so(sample):
    recorded = json.loads(sample("user_business_token_billing.json"))["quota_snapshots"]["premium_interactions"]

    user = account.copilot_user(account.plan_of("business"), "octocat", "http://here", now=1780000000.0)

    assert user["quota_snapshots"]["premium_interactions"].keys() == recorded.keys()


def test_an_exhausted_quota_is_told_as_recorded(sample):
    recorded = json.loads(sample("user_premium_exhausted.json"))["quota_snapshots"]["premium_interactions"]

    user = account.copilot_user(
        account.plan_of("individual"), "octocat", "http://here", now=1780000000.0, exhausted=True
    )
    premium = user["quota_snapshots"]["premium_interactions"]

    assert {**premium, "timestamp_utc": ""} == {**recorded, "timestamp_utc": ""}
    free = account.copilot_user(account.plan_of("free"), "octocat", "http://here", now=1780000000.0, exhausted=True)
    assert free["limited_user_quotas"]["chat"] == 0


@pytest.mark.parametrize("name", account.TOKEN_ANSWERS)
def test_what_the_token_route_can_say_is_recorded(sample, name):
    status, body = account.TOKEN_ANSWERS[name]

    assert body == json.loads(sample(f"token_error_{name}.json"))
    assert status == int(name[:3])


def test_an_unknown_token_answer_is_refused():
    with pytest.raises(ValueError, match="unknown token answer"):
        account.check_token_answer("418")


def test_a_quota_has_the_keys_of_the_recorded_one(sample):
    recorded = json.loads(sample("user_individual_pro.json"))["quota_snapshots"]

    user = account.copilot_user(account.plan_of("individual"), "octocat", "http://here", now=1780000000.0)

    assert {name: quota.keys() for name, quota in user["quota_snapshots"].items()} == {
        name: quota.keys() for name, quota in recorded.items()
    }


@pytest.mark.parametrize(
    "now, day", [(1780000000.0, "2026-06-01"), (1796000000.0, "2026-12-01"), (1798000000.0, "2027-01-01")]
)
def test_a_quota_is_reset_on_the_first_of_the_next_month(now, day):
    user = account.copilot_user(account.plan_of("individual"), "octocat", "http://here", now=now)

    assert user["quota_reset_date"] == day


def test_an_unknown_plan_is_refused():
    with pytest.raises(ValueError, match="unknown plan"):
        account.plan_of("gratis")


def test_a_prompt_without_words_still_fills_strings():
    assert Source("?!").string({}, 0) == "simulated"
