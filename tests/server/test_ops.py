"""The routes for people and monitors."""

import pytest
from house import House

from passenger_trio.copilot.tokens import Health
from passenger_trio.errors import (
    AccountRefused,
    NotLoggedIn,
    PassengerError,
    StoreError,
    TokenUnavailable,
    UpstreamBroke,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from passenger_trio.server.ops import readiness

TEXT = "text/plain; charset=utf-8"


async def test_the_root_says_what_ollamas_clients_look_for(house: House) -> None:
    answer = await house.http.get("/")

    assert answer.status_code == 200
    assert answer.content == b"Ollama is running"
    assert answer.headers["content-type"] == TEXT


async def test_the_root_takes_head_as_ollamas_command_line_sends_it(house: House) -> None:
    answer = await house.http.head("/")

    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-length"] == "17"


async def test_health_is_told_without_asking_anybody(house: House) -> None:
    await house.http.get("/v1/models")  # the one request that the start makes is over
    before = len(house.simulator.requests)

    answer = await house.http.get("/health")

    assert (answer.status_code, answer.text) == (200, "OK")
    assert len(house.simulator.requests) == before


async def test_health_is_told_also_when_copilot_refuses_everything(house: House) -> None:
    house.simulator.kill_tokens()
    house.simulator.revoke(house.login)
    refused = await house.http.post("/api/chat", json={"model": "m", "messages": [{"role": "user", "content": "x"}]})

    assert refused.status_code == 401
    assert (await house.http.get("/health")).status_code == 200
    assert (await house.http.get("/")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/health", "/health/ready"])
async def test_only_reading_is_allowed(house: House, path: str) -> None:
    assert (await house.http.post(path)).status_code == 405


PROBLEMS: list[tuple[PassengerError | None, str | None]] = [
    (None, None),
    (NotLoggedIn("octocat is not logged in"), "not_logged_in"),
    (AccountRefused("You are currently logged in as octocat."), "account_refused"),
    (StoreError("/home/octocat/token.json"), "token_files"),
    (UpstreamUnreachable("octocat"), "unreachable"),
    (UpstreamTimeout("octocat"), "timeout"),
    (UpstreamRefused(500, "octocat"), "refused"),
    (UpstreamBroke("octocat"), "nonsense"),
    (TokenUnavailable("octocat"), "trouble"),
]


@pytest.mark.parametrize("failure, word", PROBLEMS, ids=repr)
def test_readiness_has_a_word_for_each_problem_and_nothing_of_the_account(
    failure: PassengerError | None, word: str | None
) -> None:
    told = readiness(Health(None, failure), 0, failure)

    assert (told.ready, told.token.good, told.models.good) == (False, False, False)
    assert (told.token.problem, told.models.problem) == (word, word)
    assert "octocat" not in repr(told)


@pytest.mark.parametrize("seconds, count, ready", [(9.9, 1, True), (None, 1, False), (9.9, 0, False)])
def test_it_takes_a_token_and_a_list_to_be_ready(seconds: float | None, count: int, ready: bool) -> None:
    told = readiness(Health(seconds, UpstreamTimeout("slow")), count, None)

    assert told.ready is ready
    assert told.token.seconds_left == (None if seconds is None else 9)
