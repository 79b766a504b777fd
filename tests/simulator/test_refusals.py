import json

import pytest

from passenger_trio.simulator import recorded_errors, refusals


@pytest.mark.parametrize(
    "refusal, name",
    [
        (refusals.MODEL_NOT_SUPPORTED, "err_400_model_not_supported.json"),
        (refusals.unsupported_api("gpt-5.3-codex"), "err_400_unsupported_api_for_model.json"),
        (refusals.TOKEN_EXPIRED, "err_401_token_expired.txt"),
        (refusals.TOKEN_UNKNOWN, "err_401_token_expired_short.txt"),
        (refusals.NOT_FOUND, "err_404.txt"),
        (recorded_errors.for_status(400), "err_400_invalid_request_body.json"),
        (recorded_errors.for_status(401), "err_401_token_expired.txt"),
        (recorded_errors.for_status(402), "err_402_quota_exceeded.json"),
        (recorded_errors.for_status(403), "err_403_feature.txt"),
        (recorded_errors.for_status(404), "err_404_json.json"),
        (recorded_errors.for_status(413), "err_413_json.json"),
        (recorded_errors.for_status(421), "err_421_misdirected.txt"),
        (recorded_errors.for_status(422), "err_422_filtered.json"),
        (recorded_errors.for_status(424), "err_424_agent_dependency.txt"),
        (recorded_errors.for_status(429), "err_429_rate_limited.json"),
        (recorded_errors.for_status(466), "err_466_client_too_old.txt"),
        (recorded_errors.for_status(499), "err_499.txt"),
        (recorded_errors.for_status(500), "err_500.json"),
        (recorded_errors.for_status(502), "err_502.html"),
        (recorded_errors.for_status(503), "err_503.txt"),
        (recorded_errors.for_status(504), "err_504.txt"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_body_is_the_recorded_one_to_the_byte(sample, refusal, name):
    assert refusal.body == sample(name)
    assert refusal.status == int(name.split("_")[1].split(".")[0])


def test_a_status_nobody_recorded_is_json_all_the_same():
    refusal = recorded_errors.for_status(418)

    assert refusal.status == 418
    assert "418" in json.loads(refusal.body)["error"]["message"]
