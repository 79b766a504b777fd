"""The routes for people and monitors."""

import pytest
from house import House

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


@pytest.mark.parametrize("path", ["/", "/health"])
async def test_only_reading_is_allowed(house: House, path: str) -> None:
    assert (await house.http.post(path)).status_code == 405
