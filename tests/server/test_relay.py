"""The loop between upstream and client, and what becomes of upstream when the client leaves."""

from pathlib import Path

from house import open_house

from passenger_trio.simulator import Simulator


async def test_a_chat_is_answered(tmp_path: Path) -> None:
    async with open_house(Simulator(), tmp_path) as house:
        answer = await house.http.post(
            "/v1/chat/completions", json={"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hello!"}]}
        )

    assert answer.status_code == 200
    assert "Hello!" in answer.json()["choices"][0]["message"]["content"]
