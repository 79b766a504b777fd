"""Views of what GitHub answers."""

from pathlib import Path

import msgspec
import pytest

from passenger_trio.wire import github

SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("token_envelope_*.json")), ids=lambda path: path.stem)
def test_every_recorded_token_is_read(path: Path) -> None:
    token = github.decode_envelope(path.read_bytes())

    assert token.token.startswith("tid=")
    assert token.refresh_in == 1500
    minimal = "minimal" in path.stem
    assert (token.endpoints is None) == minimal
    assert (token.chat_enabled is None) == minimal


@pytest.mark.parametrize("missing", ["token", "expires_at"])
def test_a_token_without_one_of_its_two_fields_is_none(missing: str) -> None:
    whole = {"token": "t", "expires_at": 2, "refresh_in": 1}
    del whole[missing]

    with pytest.raises(msgspec.ValidationError, match=missing):
        github.decode_envelope(msgspec.json.encode(whole))


def test_a_device_code_is_read() -> None:
    code = github.decode_device_code((SAMPLES / "device_code.json").read_bytes())

    assert (code.user_code, code.expires_in, code.interval) == ("WDJB-MJHT", 899, 5)


def test_a_device_code_has_githubs_defaults() -> None:
    code = github.decode_device_code(b'{"device_code":"d","user_code":"u","verification_uri":"v"}')

    assert (code.expires_in, code.interval) == (900, 5)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("device_poll_*.json")), ids=lambda path: path.stem)
def test_every_recorded_poll_is_read(path: Path) -> None:
    answer = github.decode_poll(path.read_bytes())

    assert (answer.access_token is None) == ("success" not in path.stem)
    assert (answer.error is None) == ("success" in path.stem)


def test_an_error_says_why() -> None:
    error = github.decode_error((SAMPLES / "token_error_403_no_access.json").read_bytes())

    assert error.message == "Resource not accessible by integration"
    assert error.error_details is not None
    assert error.error_details.notification_id == "no_copilot_access"


def test_a_user_may_be_unknown() -> None:
    assert github.decode_user(b'{"login":"octocat","plan":{}}') == github.User(login="octocat")


@pytest.mark.parametrize("token", ["", "a b", "t\r\nX-Evil: 1", "t\n", "\u00e4"])
def test_a_token_that_cannot_go_into_a_header_is_none(token: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="token"):
        github.decode_envelope(msgspec.json.encode({"token": token, "expires_at": 2}))


@pytest.mark.parametrize("end", [-1, 2**41, 1e300])
def test_an_end_that_is_no_time_is_refused(end: float) -> None:
    with pytest.raises(msgspec.ValidationError, match="expires_at"):
        github.decode_envelope(msgspec.json.encode({"token": "t", "expires_at": end}))
