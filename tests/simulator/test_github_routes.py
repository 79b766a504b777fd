import json
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl

import pytest
import trio

from passenger_trio.simulator import Fault

JSON = {"Accept": "application/json"}
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.mark.parametrize("encoding", ["json", "data"])
async def test_a_login_ends_with_a_token_that_is_accepted(line, encoding):
    with trio.fail_after(10):
        body = {"client_id": "Iv1.x", "scope": "read:user"}
        code = (await line.client.post("/login/device/code", headers=JSON, **{encoding: body})).json()
        poll = {"client_id": "Iv1.x", "device_code": code["device_code"], "grant_type": GRANT_TYPE}
        line.simulator.strict_interval = False
        answers = [
            await line.client.post("/login/oauth/access_token", headers=JSON, **{encoding: poll}) for _ in range(2)
        ]
        token = answers[1].json()["access_token"]
        user = await line.client.get("/user", headers={"Authorization": f"token {token}"})

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["error"] == "authorization_pending"
    assert user.json()["login"] == "octocat"
    assert line.simulator.counts["device_code"] == 1
    assert line.simulator.counts["poll"] == 2


async def test_the_address_for_people_is_served(line):
    with trio.fail_after(10):
        code = (await line.client.post("/login/device/code", headers=JSON, json={"client_id": "x"})).json()
        page = await line.client.get(code["verification_uri"])

    assert code["verification_uri"] == f"{line.origin}/login/device"
    assert "Nothing has to be typed" in page.text


async def test_who_does_not_ask_for_json_gets_a_form(line, sample):
    with trio.fail_after(10):
        answer = await line.client.post("/login/device/code", json={"client_id": "x"})

    recorded = sample("device_form_encoded_without_accept.txt").decode()
    assert [key for key, _ in parse_qsl(answer.text)] == [key for key, _ in parse_qsl(recorded)]
    assert answer.headers["content-type"].startswith("application/x-www-form-urlencoded")


async def test_a_poll_whose_body_is_nothing_gets_an_error_with_status_200(line):
    with trio.fail_after(10):
        answer = await line.client.post("/login/oauth/access_token", headers=JSON, content=b"\xff\x00")

    assert (answer.status_code, answer.json()["error"]) == (200, "incorrect_client_credentials")


@pytest.mark.parametrize("scheme", ["token", "Token", "Bearer"])
async def test_a_github_token_is_exchanged_for_one_of_this_origin(line, scheme):
    with trio.fail_after(10):
        headers = {"Authorization": f"{scheme} {line.github_token}"}
        envelope = (await line.client.get("/copilot_internal/v2/token", headers=headers)).json()

    assert envelope["endpoints"]["api"] == line.origin
    assert line.simulator.token_state(envelope["token"]) == "good"
    assert line.simulator.counts["token"] == 1


@pytest.mark.parametrize("path", ["/copilot_internal/v2/token", "/copilot_internal/user", "/user"])
@pytest.mark.parametrize("header", [None, "token ghu_unknown", "Basic {}", "{}"])
async def test_an_unknown_github_token_gets_bad_credentials(line, sample, path, header):
    headers = {} if header is None else {"Authorization": header.format(line.github_token)}
    with trio.fail_after(10):
        answer = await line.client.get(path, headers=headers)

    assert answer.status_code == 401
    assert answer.json() == json.loads(sample("token_error_401.json"))


async def test_the_plan_is_told(line):
    with trio.fail_after(10):
        headers = {"Authorization": f"token {line.github_token}"}
        user = (await line.client.get("/copilot_internal/user", headers=headers)).json()

    assert (user["login"], user["copilot_plan"]) == ("octocat", "individual")


async def test_a_revoked_token_gets_bad_credentials(line):
    line.simulator.revoke(line.github_token)
    with trio.fail_after(10):
        headers = {"Authorization": f"token {line.github_token}"}
        answer = await line.client.get("/copilot_internal/user", headers=headers)

    assert answer.status_code == 401


@pytest.mark.parametrize("skew", [0.0, -86400.0, 5400.0])
async def test_the_life_of_a_token_is_its_end_minus_the_answers_date(line, skew):
    line.simulator.clock_skew = skew
    with trio.fail_after(10):
        headers = {"Authorization": f"token {line.github_token}"}
        answer = await line.client.get("/copilot_internal/v2/token", headers=headers)

    assert len(answer.headers.get_list("date")) == 1
    date = parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert abs(date - line.simulator.now()) < 10
    assert 1799 <= answer.json()["expires_at"] - date <= 1801


async def test_a_fault_takes_the_place_of_one_answer(line):
    line.simulator.faults.append(
        Fault(path="/copilot_internal/v2/token", status=403, body=b"no", headers={"Retry-After": "9"})
    )
    with trio.fail_after(10):
        headers = {"Authorization": f"token {line.github_token}"}
        refused = await line.client.get("/copilot_internal/v2/token", headers=headers)
        await line.exchange()

    assert (refused.status_code, refused.text, refused.headers["retry-after"]) == (403, "no", "9")
    assert line.simulator.counts["token"] == 2


@pytest.mark.parametrize("name, status", [("403_spammy_user", 403), ("404", 404)])
async def test_the_token_route_can_refuse(line, name, status):
    line.simulator.token_answer = name
    with trio.fail_after(10):
        answer = await line.client.get(
            "/copilot_internal/v2/token", headers={"Authorization": f"token {line.github_token}"}
        )

    assert answer.status_code == status


async def test_an_envelope_can_be_minimal(line, sample):
    line.simulator.token_answer = "minimal"
    with trio.fail_after(10):
        envelope = await line.exchange()

    assert envelope.keys() == json.loads(sample("token_envelope_minimal.json")).keys()
