"""What is known of GitHub and Copilot, against what was recorded of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, strategies as st

from passenger_trio.config import Copilot
from passenger_trio.copilot import protocol
from passenger_trio.errors import AccountRefused, LoginFailed, NotLoggedIn, UpstreamRefused
from passenger_trio.wire import github
from passenger_trio.wire.chat import RequestMessage, RequestPart

SAMPLES = Path(__file__).parents[1] / "samples" / "copilot"
INDEX: dict[str, dict[str, Any]] = {entry["file"]: entry for entry in json.loads((SAMPLES / "index.json").read_bytes())}


def recorded(start: str) -> list[str]:
    return sorted(path.name for path in SAMPLES.glob(f"{start}*"))


def body(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def headers(name: str) -> dict[str, str]:
    return INDEX[name].get("headers", {})


# Headers


def test_every_header_that_copilot_wants_is_sent() -> None:
    identity = dict(protocol.identity_headers(Copilot()))
    call = dict(protocol.call_headers(initiator="user", vision=False, request_id="r"))

    assert identity == {
        "Editor-Version": "vscode/1.111.0",
        "Editor-Plugin-Version": "copilot-chat/0.42.0",
        "Copilot-Integration-Id": "vscode-chat",
        "User-Agent": "GitHubCopilotChat/0.42.0",
        "X-GitHub-Api-Version": "2025-05-01",
    }
    assert call == {
        "Content-Type": "application/json",
        "OpenAI-Intent": "conversation-panel",
        "X-Initiator": "user",
        "X-Request-Id": "r",
    }


@pytest.mark.parametrize("name", recorded("request_chat_"))
def test_what_the_official_client_sends_and_we_send_is_the_same(name: str) -> None:
    official = headers(name)
    agent = protocol.call_headers(
        initiator=official["x-initiator"],
        vision="copilot-vision-request" in official,
        request_id=official["x-request-id"],
    )

    ours = {key.lower(): value for key, value in [*protocol.identity_headers(Copilot()), *agent]}

    ours.pop("openai-intent")
    assert ours == {key: official[key] for key in ours}
    assert ("copilot-vision-request" in ours) == ("copilot-vision-request" in official)


def test_an_agents_call_says_so_twice() -> None:
    call = dict(protocol.call_headers(initiator="agent", vision=True, request_id="r"))

    assert call["X-Initiator"] == "agent"
    assert call["OpenAI-Intent"] == "conversation-agent"
    assert call["Copilot-Vision-Request"] == "true"


def test_githubs_headers_have_githubs_version_and_ask_for_json() -> None:
    sent = dict(protocol.github_headers(Copilot(editor_version="v", github_api_version="2025-04-01")))

    assert sent["X-GitHub-Api-Version"] == "2025-04-01"
    assert sent["Accept"] == "application/json"
    assert sent["Editor-Version"] == "v"
    assert "Copilot-Integration-Id" not in sent


CALL = protocol.call_headers(initiator="agent", vision=True, request_id="r", intent="conversation-panel")


def test_a_models_own_headers_come_after_the_calls() -> None:
    assert protocol.with_model_headers(CALL, {"X-Model-Provider-Preference": "azure", "x-two": ""}) == [
        *CALL,
        ("X-Model-Provider-Preference", "azure"),
        ("x-two", ""),
    ]
    assert protocol.with_model_headers(CALL, None) == CALL
    assert protocol.with_model_headers(CALL, {}) == CALL


@pytest.mark.parametrize(
    "name",
    [
        *(name for name, _ in [*protocol.identity_headers(Copilot()), *CALL]),
        *("Authorization", "Host", "Cookie", "Accept-Encoding", "Proxy-Authorization", "Transfer-Encoding"),
        *("Content-Length", "Content-Encoding", "Content-Type", "Connection", "Expect", "anthropic-version"),
    ],
)
@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_a_models_own_headers_replace_none_of_ours(name: str, change: Callable[[str], str]) -> None:
    call = [("Anthropic-Version", "2023-06-01")]

    assert protocol.with_model_headers(call, {change(name): "theirs"}) == call


@pytest.mark.parametrize(
    "name, value",
    [
        ("X-A", "1\r\nAuthorization: Bearer x"),
        ("X-A", "1\n"),
        ("X-A", "1\r"),
        ("X-A", "\0"),
        ("X-A", "caf\u00e9"),
        ("X-A\r\nHost", "evil.example"),
        ("X-A\n", "1"),
        ("X A", "1"),
        ("X-A:", "1"),
        ("X-\u00e4", "1"),
        ("", "1"),
    ],
)
def test_what_is_no_header_is_not_sent(name: str, value: str) -> None:
    assert protocol.with_model_headers([("X-B", "1")], {name: value}) == [("X-B", "1")]


@pytest.mark.parametrize(
    "roles, claimed, expected",
    [
        (["user"], None, "user"),
        (["system", "user"], None, "user"),
        (["user", "assistant", "user"], None, "user"),
        (["user", "assistant", "tool"], None, "agent"),
        (["user", "function"], None, "agent"),
        (["user", "assistant"], None, "agent"),
        (["user", "assistant", "tool", "user"], None, "user"),
        (["user", "system"], None, "user"),
        (["user", "assistant", "tool", "system", "developer"], None, "agent"),
        (["system"], None, "user"),
        ([], None, "user"),
        (["user"], "agent", "agent"),
        (["tool"], "user", "user"),
        (["tool"], " User ", "user"),
        (["user"], "AGENT", "agent"),
        (["user"], "robot", "user"),
        (["tool"], "", "agent"),
    ],
)
def test_a_turn_is_the_users_or_an_agents(roles: list[str], claimed: str | None, expected: str) -> None:
    agent = protocol.is_agents_turn([RequestMessage(role) for role in roles])

    assert protocol.initiator(agent=agent, claimed=claimed) == expected


@pytest.mark.parametrize(
    "contents, expected",
    [
        (["x", None], False),
        ([[RequestPart("text")], []], False),
        ([[RequestPart("text"), RequestPart("image_url")], "x"], True),
        (["x", [RequestPart("image_url")]], True),
        ([[RequestPart(None)]], False),
    ],
)
def test_a_picture_is_seen_wherever_it_is(contents: list[Any], expected: bool) -> None:
    assert protocol.has_picture([RequestMessage("user", content) for content in contents]) is expected


# The Copilot token


def token(expires_at: int, api: str | None = None) -> github.TokenEnvelope:
    return github.TokenEnvelope("t", expires_at, 1500, github.Endpoints(api) if api is not None else None)


NOW = 1_780_000_000


DEFAULT = "https://api.githubcopilot.com"


@pytest.mark.parametrize(
    "configured, offered, expected",
    [
        ("https://mine.example/", "https://api.business.githubcopilot.com", "https://mine.example"),
        (DEFAULT, "https://api.business.githubcopilot.com", "https://api.business.githubcopilot.com"),
        (DEFAULT + "/", "https://api.business.githubcopilot.com/", "https://api.business.githubcopilot.com"),
        ("", "https://api.business.githubcopilot.com", "https://api.business.githubcopilot.com"),
        (DEFAULT, None, DEFAULT),
        (DEFAULT, "", DEFAULT),
        (DEFAULT, "http://127.0.0.1:9/x/", "http://127.0.0.1:9/x"),
        (DEFAULT, "http://localhost:9", "http://localhost:9"),
        (DEFAULT, "http://[::1]:9", "http://[::1]:9"),
        (DEFAULT, "http://api.business.githubcopilot.com", DEFAULT),
        (DEFAULT, "http://127.0.0.1.example.com", DEFAULT),
        (DEFAULT, "ftp://api.business.githubcopilot.com", DEFAULT),
        (DEFAULT, "https://", DEFAULT),
        (DEFAULT, "https://[", DEFAULT),
        (DEFAULT, "https://api.x:abc", DEFAULT),
        (DEFAULT, "https://api.x:99999", DEFAULT),
        (DEFAULT, "https://exa mple.com", DEFAULT),
        (DEFAULT, "https://\u2603\0.x", DEFAULT),
        (DEFAULT, "api.business.githubcopilot.com", DEFAULT),
    ],
)
def test_the_api_is_there(configured: str, offered: str | None, expected: str) -> None:
    assert protocol.api_base(configured, token(1, offered)) == expected


def test_without_a_token_the_api_is_where_it_is_by_default() -> None:
    assert protocol.api_base(DEFAULT, None) == DEFAULT
    assert protocol.api_base(DEFAULT, github.TokenEnvelope("t", 1, 1, github.Endpoints(None))) == DEFAULT


@pytest.mark.parametrize("name", recorded("token_envelope_"))
def test_every_recorded_token_leads_to_its_plans_own_host(name: str) -> None:
    plan = {"business": "business", "enterprise": "enterprise"}.get(name.split("_")[2].partition(".")[0], "individual")

    assert protocol.api_base(DEFAULT, github.decode_envelope(body(name))) == f"https://api.{plan}.githubcopilot.com"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("tid=1;proxy-ep=proxy.business.githubcopilot.com;st=dotcom:mac", "https://api.business.githubcopilot.com"),
        ("tid=1;proxy-ep=proxy.business.githubcopilot.com:mac", "https://api.business.githubcopilot.com"),
        ("proxy-ep=PROXY.Business.GitHubCopilot.com", "https://api.business.githubcopilot.com"),
        ("proxy-ep=proxy.a.b.githubcopilot.com;x=1", "https://api.a.b.githubcopilot.com"),
        ("proxy-ep=proxy.githubcopilot.com", DEFAULT),
        ("proxy-ep=proxy.example.com", DEFAULT),
        ("proxy-ep=proxy.evilgithubcopilot.com", DEFAULT),
        ("proxy-ep=proxy.business.githubcopilot.com.example.com", DEFAULT),
        ("proxy-ep=proxy.example.com/.githubcopilot.com", DEFAULT),
        ("proxy-ep=proxy.user@example.com#.githubcopilot.com", DEFAULT),
        ("proxy-ep=other.business.githubcopilot.com", DEFAULT),
        ("no-proxy-ep=proxy.business.githubcopilot.com", DEFAULT),
        ("tid=1", DEFAULT),
    ],
)
def test_a_token_without_endpoints_names_the_proxy_beside_the_api(text: str, expected: str) -> None:
    assert protocol.api_base(DEFAULT, github.TokenEnvelope(text, 1, 1)) == expected
    assert protocol.api_base(DEFAULT, github.TokenEnvelope(text, 1, 1, github.Endpoints(None))) == expected


def test_what_is_configured_or_offered_comes_before_the_proxy() -> None:
    text = "proxy-ep=proxy.business.githubcopilot.com"
    offers = github.TokenEnvelope(text, 1, 1, github.Endpoints("https://api.enterprise.githubcopilot.com"))
    unsafe = github.TokenEnvelope(text, 1, 1, github.Endpoints("http://api.enterprise.githubcopilot.com"))

    assert protocol.api_base("https://mine.example", offers) == "https://mine.example"
    assert protocol.api_base(DEFAULT, offers) == "https://api.enterprise.githubcopilot.com"
    assert protocol.api_base(DEFAULT, unsafe) == DEFAULT


class Refusal(NamedTuple):
    """What becomes of a refused exchange."""

    kind: type[Exception]
    status: int
    part: str
    code: str | None


REFUSALS = {
    "token_error_401.json": Refusal(NotLoggedIn, 401, "passenger-trio login", "login_void"),
    "token_error_403_no_access.json": Refusal(AccountRefused, 403, "No access to GitHub Copilot", "no_copilot_access"),
    "token_error_403_not_signed_up.json": Refusal(
        AccountRefused, 403, "is not active. See https://github.com/github-copilot/signup.", "not_signed_up"
    ),
    "token_error_403_pat.json": Refusal(AccountRefused, 403, "Resource not accessible by personal", None),
    "token_error_403_rate_limit.json": Refusal(UpstreamRefused, 429, "API rate limit exceeded", "rate_limited"),
    "token_error_403_spammy_user.json": Refusal(AccountRefused, 403, "Contact Support.", "spammy_user"),
    "token_error_404.json": Refusal(AccountRefused, 403, "Not Found", None),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_exchange_says_whose_fault_it_is(name: str) -> None:
    expected = REFUSALS[name]

    error = protocol.token_refusal(INDEX[name]["status"], headers(name), body(name))

    assert type(error) is expected.kind
    assert (error.status, error.code) == (expected.status, expected.code)
    assert expected.part in error.message
    assert "{EDITOR}" not in error.message


@pytest.mark.parametrize(
    "status, data, kind, told, part",
    [
        (401, b"<html>", NotLoggedIn, 401, "login"),
        (403, b"", UpstreamRefused, 429, "too many requests"),
        (403, b"<html>Slow down</html>", UpstreamRefused, 429, "too many requests"),
        (403, b'{"message":"Wait a few minutes."}', UpstreamRefused, 429, "Wait a few"),
        (403, b'{"message":"a","error_details":{"notification_id":"x"}}', AccountRefused, 403, ": a"),
        (403, b'{"error_details":{}}', AccountRefused, 403, "HTTP 403"),
        (404, b'{"message":"Not Found"}', AccountRefused, 403, "Not Found"),
        (404, b"<html>No such page</html>", UpstreamRefused, 404, "HTTP 404: a web page"),
        (429, b"", UpstreamRefused, 429, "too many requests"),
        (500, b'{"message":"down"}', UpstreamRefused, 500, "HTTP 500: down"),
        (503, b"upstream connect error", UpstreamRefused, 503, "upstream connect error"),
        (302, b"", UpstreamRefused, 502, "HTTP 302"),
    ],
)
def test_another_refusal_is_told_by_its_status(
    status: int, data: bytes, kind: type[Exception], told: int, part: str
) -> None:
    error = protocol.token_refusal(status, {"retry-after": "7"}, data)

    assert type(error) is kind
    assert error.status == told
    assert part in error.message
    assert error.retry_after == (None if kind is NotLoggedIn else "7")


@pytest.mark.parametrize(
    "told, data, kind, status, part",
    [
        ({"x-ratelimit-remaining": "0"}, b"<html>Whoa there!</html>", UpstreamRefused, 429, "too many requests"),
        ({"x-ratelimit-remaining": "0"}, b'{"message":"no"}', UpstreamRefused, 429, "no"),
        ({}, b'{"message":"You have triggered an abuse detection mechanism."}', UpstreamRefused, 429, "abuse"),
        ({}, b'{"message":"You have exceeded a secondary rate limit."}', UpstreamRefused, 429, "secondary"),
        ({}, b"<html>403 Forbidden (proxy)</html>", UpstreamRefused, 403, "HTTP 403: a web page"),
        ({}, b"denied by policy", UpstreamRefused, 403, "HTTP 403: denied by policy"),
        ({}, b'{"message":"\xff"}', UpstreamRefused, 403, "HTTP 403"),
        ({}, b"", UpstreamRefused, 403, "HTTP 403: nothing more"),
        ({"x-ratelimit-remaining": "9"}, b'{"message":"no"}', AccountRefused, 403, "no Copilot token: no"),
        ({"x-ratelimit-remaining": "0"}, b'{"error_details":{"message":"no"}}', AccountRefused, 403, "token: no"),
    ],
)
def test_a_403_is_the_accounts_only_if_github_says_so(
    told: dict[str, str], data: bytes, kind: type[Exception], status: int, part: str
) -> None:
    error = protocol.token_refusal(403, told, data)

    assert type(error) is kind
    assert error.status == status
    assert part in error.message
    assert error.retry_after is None


TOKEN_TROUBLE = {"err_401_token_expired.txt", "err_401_token_expired_short.txt", "err_421_misdirected.txt"}
MODEL_TROUBLE = {"err_400_model_not_supported.json"}


@pytest.mark.parametrize("name", recorded("err_"))
def test_a_fresh_token_is_only_tried_where_it_may_help(name: str) -> None:
    assert protocol.is_token_trouble(INDEX[name]["status"], body(name)) is (name in TOKEN_TROUBLE)


def test_a_401_without_a_reason_is_about_the_token() -> None:
    assert protocol.is_token_trouble(401, b"")


@pytest.mark.parametrize("name", recorded("err_"))
def test_a_refused_model_is_told_by_its_code(name: str) -> None:
    assert protocol.refuses_model(INDEX[name]["status"], body(name)) is (name in MODEL_TROUBLE)


def test_another_status_with_that_code_refuses_no_model() -> None:
    assert not protocol.refuses_model(404, body("err_400_model_not_supported.json"))


# The device flow

POLLS: dict[str, tuple[str | None, float] | str] = {
    "device_poll_bad_client.json": "github.client_id",
    "device_poll_denied.json": "cancelled",
    "device_poll_expired.json": "ran out",
    "device_poll_flow_disabled.json": "does not allow",
    "device_poll_incorrect.json": "does not know this code",
    "device_poll_pending.json": (None, 5),
    "device_poll_slow_down.json": (None, 10),
    "device_poll_success.json": ("ghu_iOh29oB93c0F6UJ5YtuALNUEJMUUqAsab3w5", 5),
    "device_poll_success_oauth_app.json": ("gho_xU7Tu1bwfKWCuvQxqThD8VIVHpwhl1ngwRyT", 5),
    "device_poll_unsupported_grant.json": "kind of login",
}


@pytest.mark.parametrize("name, expected", POLLS.items())
def test_a_poll_is_read(name: str, expected: tuple[str | None, float] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(LoginFailed, match=expected):
            protocol.poll_answer(body(name), 5)
    else:
        poll = protocol.poll_answer(body(name), 5)
        assert (poll.access_token.reveal() if poll.access_token is not None else None, poll.interval) == expected


@pytest.mark.parametrize(
    "interval, answered, expected",
    [(5, 10, 10), (5, None, 10), (10, None, 15), (10, 0, 15), (20, 10, 20), (10, 10, 10)],
)
def test_slow_down_never_makes_polls_faster(interval: float, answered: float | None, expected: float) -> None:
    answer = json.dumps({"error": "slow_down", "interval": answered}).encode()

    assert protocol.poll_answer(answer, interval) == (None, expected)


@pytest.mark.parametrize(
    "data, part",
    [
        (b'{"error":"new_trouble","error_description":"New trouble."}', "New trouble."),
        (b'{"error":"new_trouble"}', "new_trouble"),
        (b'{"access_token":""}', "access_token"),
        (b"<html>Unicorn</html>", "Unicorn"),
        (b'{"error":"\xff"}', "cannot be read"),
    ],
)
def test_a_poll_that_nobody_knows_ends_the_login_with_its_words(data: bytes, part: str) -> None:
    with pytest.raises(LoginFailed) as caught:
        protocol.poll_answer(data, 5)

    assert part in caught.value.message


def test_an_answer_that_may_hold_the_token_is_not_quoted() -> None:
    with pytest.raises(LoginFailed) as caught:
        protocol.poll_answer(b"access_token=gho_16C7e42F292c6912E7710c838347Ae178B4a&scope=&token_type=bearer", 5)

    assert "gho_" not in caught.value.message


@pytest.mark.parametrize("start, table", [("token_error_", REFUSALS), ("device_poll_", POLLS)])
def test_every_recorded_refusal_has_its_row(start: str, table: dict[str, Any]) -> None:
    assert sorted(table) == recorded(start)


@given(st.integers(100, 599), st.binary(max_size=60))
def test_no_body_of_an_exchange_can_do_harm(status: int, data: bytes) -> None:
    assert str(protocol.token_refusal(status, {}, data))
