import json
import re

import pytest

from passenger_trio.simulator.device import GRANT_TYPE, LIFE, DeviceFlow


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Login:
    """One device login, polled the way a client should."""

    def __init__(self, *polls, interval=5):
        self.clock = Clock()
        self.flow = DeviceFlow(clock=self.clock, log_in=lambda: "ghu_made")
        self.code = self.flow.begin(polls=polls, interval=interval, verification_uri="http://here/login/device")

    def poll(self, *, after=5.0, strict=True, **changes):
        self.clock.now += after
        form = {"client_id": "Iv1.x", "grant_type": GRANT_TYPE, "device_code": self.code["device_code"], **changes}
        return self.flow.poll(form, strict_interval=strict)


def test_a_device_code_has_the_fields_of_the_recorded_one(sample):
    code = Login("success").code

    assert code.keys() == json.loads(sample("device_code.json")).keys()
    assert re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", code["user_code"])
    assert re.fullmatch(r"[0-9a-f]{40}", code["device_code"])


def test_polls_are_answered_in_the_order_of_the_script():
    login = Login("pending", "pending", "success")

    answers = [login.poll() for _ in range(3)]

    assert [answer.get("error") for answer in answers] == ["authorization_pending", "authorization_pending", None]
    assert answers[-1] == {"access_token": "ghu_made", "token_type": "bearer", "scope": ""}


def test_a_redeemed_code_is_not_redeemed_twice():
    login = Login("success")
    login.poll()

    assert login.poll()["error"] == "incorrect_device_code"


def test_the_last_name_of_the_script_repeats_itself():
    login = Login("denied")

    assert [login.poll()["error"] for _ in range(3)] == ["access_denied"] * 3


@pytest.mark.parametrize(
    "name",
    ["pending", "expired", "denied", "incorrect", "bad_client", "unsupported_grant", "flow_disabled"],
)
def test_each_error_is_the_recorded_one(sample, name):
    assert Login(name).poll() == json.loads(sample(f"device_poll_{name}.json"))


def test_a_scripted_slow_down_is_the_recorded_one_and_lasts(sample):
    login = Login("slow_down", "pending")

    assert login.poll() == json.loads(sample("device_poll_slow_down.json"))
    assert login.poll(after=6)["error"] == "slow_down"
    assert login.poll(after=15)["error"] == "authorization_pending"


def test_an_early_poll_is_slowed_down_and_uses_nothing_of_the_script_up():
    login = Login("pending", "success")
    login.poll()

    early = login.poll(after=1)

    assert (early["error"], early["interval"]) == ("slow_down", 10)
    assert login.poll(after=10)["access_token"] == "ghu_made"


def test_an_early_poll_passes_where_the_interval_is_not_strict():
    login = Login("pending", "success")
    login.poll()

    assert "access_token" in login.poll(after=0, strict=False)


def test_a_code_expires():
    assert Login("success").poll(after=LIFE)["error"] == "expired_token"


@pytest.mark.parametrize(
    "changes, error",
    [
        ({"client_id": ""}, "incorrect_client_credentials"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"device_code": "made up"}, "incorrect_device_code"),
    ],
)
def test_a_wrong_poll_gets_its_own_error(changes, error):
    assert Login("success").poll(**changes)["error"] == error


@pytest.mark.parametrize("polls", [(), ("pending", "sucess")])
def test_a_script_of_unknown_names_is_refused(polls):
    with pytest.raises(ValueError, match="poll"):
        Login(*polls)
