"""What does not cost the service its token or its login: a refusal that is not about them, a GitHub that errs once; and
what a logout leaves nothing of.
"""

from pathlib import Path

import httpx
import pytest
import trio
from faults.dialects import DIALECTS, Dialect, label
from faults.lives import TROUBLES, Clock, giving, open_scripted
from faults.upstream import CHAT, RESPONSES, TOKEN_PATH, Front, Wire, until, well, whole

from passenger_trio.copilot.store import TokenStore
from passenger_trio.copilot.tokens import SECOND_OPINION

EXPIRED = whole(b"unauthorized: token expired\n", 401, "text/plain")
GOOD = giving()
VOID = whole(b'{"message":"Bad credentials","status":"401"}', 401)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def chat(front: Front) -> httpx.Response:
    return await front.http.post("/v1/chat/completions", json=CHAT)


def exchanges(front: Front) -> int:
    return len(front.upstream.asked(TOKEN_PATH))


@pytest.mark.parametrize("trouble", [name for name in TROUBLES if name.startswith("40")])
async def test_a_refusal_that_is_not_the_accounts_does_not_keep_the_server_from_starting(
    tmp_path: Path, trouble: str
) -> None:
    async with open_scripted(tmp_path, TROUBLES[trouble], GOOD) as front:
        assert (await chat(front)).status_code == 503
        await until(lambda: exchanges(front) >= 2, 5)
        while (answer := await chat(front)).status_code == 503:
            await trio.sleep(0.05)
        assert answer.status_code == 200


NO_MODEL = b'{"error":{"message":"The requested model is not supported.","code":"model_not_supported"}}'


@pytest.mark.parametrize("trouble", ["500", "403-limited", "reset", "endless"])
async def test_a_model_that_is_refused_while_github_is_in_trouble_costs_nobody_else_the_token(
    tmp_path: Path, trouble: str
) -> None:
    async with open_scripted(tmp_path, GOOD, copilot__token_timeout=1) as front:
        assert (await chat(front)).status_code == 200
        front.upstream.play(TOKEN_PATH, TROUBLES[trouble])
        front.upstream.play("/responses", whole(NO_MODEL, 400))

        async with trio.open_nursery() as nursery:

            async def refused() -> None:
                answer = await front.http.post("/v1/responses", json=RESPONSES)
                assert answer.status_code == 400
                assert answer.json()["error"]["code"] == "model_not_supported"

            for _ in range(10):
                nursery.start_soon(refused)
            await until(lambda: exchanges(front) == 2)
            assert (await chat(front)).status_code == 200

        assert [(await chat(front)).status_code for _ in range(3)] == [200] * 3
        assert exchanges(front) == 2 or trouble != "endless"
        assert (await front.http.get("/health/ready")).status_code == 200


@pytest.mark.parametrize("dialect", DIALECTS, ids=label)
async def test_a_login_that_github_does_not_honour_just_once_serves_again_by_itself(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, dialect: Dialect
) -> None:
    caplog.set_level("INFO", "passenger_trio.copilot")
    async with open_scripted(tmp_path, GOOD) as front:
        front.upstream.play(dialect.upstream, EXPIRED, well)
        front.upstream.play(TOKEN_PATH, VOID)
        assert (await front.http.post(dialect.path, json=dialect.ask(stream=False))).status_code == 401
        front.upstream.play(TOKEN_PATH, TROUBLES["500"])
        clock.ahead += SECOND_OPINION * 1.2 + 1
        await until(lambda: exchanges(front) == 3)
        answer = await front.http.post(dialect.path, json=dialect.ask(stream=True))
        assert answer.status_code == 401, "what GitHub said of the login last counts"
        assert "passenger-trio login" in dialect.wrong(answer)

        front.upstream.play(TOKEN_PATH, GOOD)
        clock.ahead += SECOND_OPINION * 2 * 1.2 + 1
        await until(lambda: exchanges(front) == 4)

        with trio.fail_after(5):
            while (answer := await front.http.post(dialect.path, json=dialect.ask(stream=True))).status_code == 401:
                await trio.sleep(0.02)
        assert answer.status_code == 200
        assert dialect.is_good(answer.text)
        said = [record.getMessage() for record in caplog.records if record.name == "passenger_trio.copilot"]
        assert [line.partition(".")[0] for line in said if "honours" in line] == [
            "GitHub no longer honours this login",
            "GitHub honours the login again",
        ]


async def test_a_logout_in_the_middle_of_an_exchange_leaves_no_token_behind(tmp_path: Path) -> None:
    async with open_scripted(tmp_path, GOOD) as front:
        under_way, answered = trio.Event(), trio.Event()

        async def slow(wire: Wire) -> None:
            under_way.set()
            await trio.sleep(0.3)
            await GOOD(wire)
            answered.set()

        front.upstream.play(TOKEN_PATH, slow)
        front.upstream.play("/chat/completions", EXPIRED, well)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(chat, front)
            await under_way.wait()

            gone = await TokenStore.of(front.config).clear()

            assert answered.is_set()
            assert sorted(path.name for path in gone) == ["access_token.json", "token.json"]
        with trio.fail_after(5):
            while (await chat(front)).status_code != 401:
                await trio.sleep(0.05)
        assert not await TokenStore.of(front.config).has_login()
        assert await TokenStore.of(front.config).read_copilot() is None
