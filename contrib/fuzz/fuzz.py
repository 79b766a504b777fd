"""Nearly right bytes for every parser of foreign bytes: no exception outside our tree, no hang, no 500.

    nox -s fuzz                     10 minutes for each parser
    nox -s fuzz -- 1                1 minute
    nox -s fuzz -- 5 sse answers    5 minutes for these

Hypothesis makes them out of the recorded samples and shrinks what it finds; what it has found is kept in the folder
``.hypothesis`` and tried first the next time.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import h11
import httpx
import trio
import trio.from_thread
import trio.to_thread
from examples import ASKED, QUESTIONS, SAMPLES, plain_question, samples
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.errors import HypothesisException
from mutate import mutated, pieces

from passenger_trio.config import load
from passenger_trio.copilot import catalogue, login, protocol
from passenger_trio.copilot.account import Account
from passenger_trio.copilot.client import Answer
from passenger_trio.copilot.names import Names
from passenger_trio.copilot.store import TokenStore
from passenger_trio.copilot.tokens import reckon
from passenger_trio.errors import ConfigError, PassengerError
from passenger_trio.secret import Secret
from passenger_trio.translate import anthropic_models, models, ollama_models
from passenger_trio.wire import sse

ROOT: Final = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from faults.upstream import EVENTS, JSON, SPEECHES, Front, Wire, open_front  # noqa: E402 - from the tests

HANG: Final = 10.0
"""Seconds that one example may take."""


@contextmanager
def in_time() -> Iterator[None]:
    """What is done inside is done soon. Errors of our own tree are what bad bytes should get."""
    began = time.perf_counter()
    with suppress(PassengerError):
        yield
    took = time.perf_counter() - began
    assert took < HANG, f"it took {took:.1f} s"


# ---- parsers that are functions


def fuzz_sse() -> Callable[[], None]:
    """The splitter says the same at whatever cuts."""

    def events(parts: list[bytes]) -> list[tuple[str, bytes]]:
        splitter = sse.Splitter()
        found = [event for part in parts for event in splitter.feed(part)]
        return [(event.name, bytes(event.data)) for event in (*found, *splitter.end())]

    @given(mutated(samples("*.sse")), st.lists(st.integers(0, 1 << 20), max_size=40))
    def check(data: bytes, cuts: list[int]) -> None:
        results: list[object] = []
        for parts in (pieces(data, []), pieces(data, cuts), [bytes([byte]) for byte in data[:3000]]):
            results.append(None)
            with in_time():
                results[-1] = events(parts)
        assert results[0] == results[1], "another cut, other events"

    return check


def fuzz_config() -> Callable[[], None]:
    """The configuration file."""
    place = Path(tempfile.mkdtemp(prefix="fuzz-")) / "config.toml"
    text = (ROOT / "config.toml").read_bytes()

    @given(mutated([text, text[-900:], b'[server]\nallowed_hosts = ["a"]\n[models.aliases]\n"a*" = "b"\n']))
    def check(data: bytes) -> None:
        place.write_bytes(data)
        began = time.perf_counter()
        with suppress(ConfigError):
            load(place, environ={})
        assert time.perf_counter() - began < HANG

    return check


def fuzz_environment() -> Callable[[], None]:
    """The configuration in the environment."""

    names = ("SERVER__PORT", "SERVER__ALLOWED_HOSTS", "MODELS__ALIASES", "SERVER__API_KEY", "X", "")

    @given(st.sampled_from(names), st.text())
    def check(name: str, text: str) -> None:
        with suppress(ConfigError):
            load(environ={f"PASSENGER_TRIO_{name}": text, "HOME": "/nonexistent", "OLLAMA_ORIGINS": text})

    return check


def fuzz_models() -> Callable[[], None]:
    """Copilot's list of models, in every shape that is read, and all that is told of it."""
    files = sorted(SAMPLES.glob("models*.json"))
    listed = [json.dumps({"data": [entry]}).encode() for file in files for entry in _entries(file)]

    @given(mutated([*listed, *samples("models*.json")]))
    def check(data: bytes) -> None:
        with in_time():
            found = catalogue.parse(data)
            names = Names(found, {"mine*": "gpt-4o"})
            models.openai_list(found)
            anthropic_models.anthropic_list(found, after_id=None, before_id=None, limit=None)
            for model in found[:5]:
                names.find(model.id)
                ollama_models.tags([model])

    return check


def _entries(path: Path) -> list[object]:
    document = json.loads(path.read_bytes())
    listed = document.get("data", []) if isinstance(document, dict) else document
    return list(listed)[:8]


def check_request(token: str, base: str = "https://x") -> None:
    """Whatever is taken for a token is a header, and whatever is taken for a host an address."""
    request = httpx.Request("GET", f"{base}/models", headers={"Authorization": f"Bearer {token}"})
    h11.Request(method="GET", target="/", headers=request.headers.raw)


def fuzz_tokens() -> Callable[[], None]:
    """The token files."""
    place = Path(tempfile.mkdtemp(prefix="fuzz-"))
    files = {"access_token.json": b'{"access_token":"ghu_abc","token_type":"bearer","scope":""}'}
    life = '"expires_at":4102444800,"refresh_in":1500,"endpoints":{"api":"https://x"}'
    files["token.json"] = f'{{"token":"tid=1;exp=2",{life}}}'.encode()
    spoilt = [f'{{"{key}":"tid=1{end}",{life}}}'.encode() for key in ("token", "access_token") for end in (r"\n", "é")]
    spoilt.append(b'{"token":"tid=1","expires_at":4102444800,"endpoints":{"api":"https://x:8443/y"}}')
    flags = {
        f"tokens.{kind}_token_path": str(place / name) for kind, name in zip(("access", "copilot"), files, strict=True)
    }
    store = TokenStore.of(load(environ={"HOME": "/nonexistent"}, flags=flags).config)

    async def read() -> None:
        with suppress(PassengerError):
            if (login := await store.read_access()) is not None:
                check_request(login.reveal())
        with suppress(PassengerError):
            if (saved := await store.read_copilot()) is not None:
                check_request(saved.token, protocol.api_base("", saved.envelope()))

    @given(mutated([*files.values(), *spoilt, *samples("token*.json")]))
    def check(data: bytes) -> None:
        for name in files:
            (place / name).write_bytes(data)
            (place / name).chmod(0o600)
        with in_time():
            trio.run(read)

    return check


def fuzz_github() -> Callable[[], None]:
    """What GitHub answers to an exchange, to a question who one is, and to a login."""
    config = load(environ={"HOME": "/nonexistent"}).config

    async def answers(status: int, body: bytes, date: str) -> None:
        async def fetch(*_: object) -> Answer:
            return Answer(status, {"date": date, "content-type": "application/json"}, body)

        account = Account(fetch, config)
        for what in (account.exchange, account.user):
            try:
                result = await what(Secret("ghu_abc"))
                if what == account.exchange:
                    reckon(result, time.time(), Secret("ghu_abc"))  # type: ignore[arg-type] # the loop is over two kinds
            except PassengerError:
                pass
        with suppress(PassengerError):
            await login.begin(fetch, config.github)

    dates = st.sampled_from(["", "Mon, 01 Jan 2035 00:00:00 GMT", "x", "Thu, 99 Foo 0000 00:00:00 GMT"])

    told = mutated(samples("token*.json", "device*", "user*.json", "err*"))

    @given(st.sampled_from([200, 401, 403, 404, 500]), told, dates)
    def check(status: int, body: bytes, date: str) -> None:
        with in_time():
            trio.run(answers, status, body, date)

    return check


# ---- parsers that are reached through the real server


class Sockets:
    """The real server with a scripted upstream, asked from the thread where hypothesis runs."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._body = b""
        self._kind = JSON
        for path in (*SPEECHES, "/embeddings"):
            front.upstream.play(path, self._tell)

    async def _tell(self, wire: Wire) -> None:
        await wire.answer(self._body, content_type=self._kind)

    def __call__(self, what: Callable[..., Awaitable[None]], *words: object) -> None:
        trio.from_thread.run(what, *words)

    async def ask(self, path: str, content: bytes) -> None:
        """Ask, and complain of a 500, of an answer that does not come, and of a broken one."""
        with trio.fail_after(HANG):
            headers = {"Content-Type": "application/json"}
            answer = await self._front.http.post(path, content=content, headers=headers)
        assert answer.status_code != 500 or path == "/api/pull", answer.text
        assert b"has made a mistake" not in answer.content, answer.text

    async def answer(self, endpoint: str, path: str, kind: str, body: bytes, stream: bool) -> None:
        """Ask a question to which Copilot answers ``body``."""
        self._body, self._kind = body, kind
        model = ASKED[endpoint][0]
        await self.ask(path, json.dumps(plain_question(path, model, stream=stream)).encode())

    async def raw(self, parts: list[bytes]) -> None:
        """Send raw bytes, and complain of an answer that is no HTTP, and of a 500."""
        said = b""
        with trio.fail_after(HANG):
            async with await trio.open_tcp_stream("127.0.0.1", self._front.port) as stream:
                try:
                    for part in parts:
                        await stream.send_all(part)
                    await stream.send_eof()
                    async for piece in stream:
                        said += piece
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass
        assert b"has made a mistake" not in said, said
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
        parser.send(h11.EndOfMessage())
        if said:
            parser.receive_data(said)
            event = parser.next_event()
            assert event is h11.NEED_DATA or getattr(event, "status_code", 0) not in {0, 500}, said


def fuzz_requests(sockets: Sockets) -> Callable[[], None]:
    """The JSON of every dialect's requests."""
    corpus = [(path, json.dumps(body).encode()) for path, body in QUESTIONS.items()]
    asked = st.one_of(*(st.tuples(st.just(path), mutated([content])) for path, content in corpus))

    @given(asked)
    def check(question: tuple[str, bytes]) -> None:
        sockets(sockets.ask, *question)

    return check


def fuzz_answers(sockets: Sockets) -> Callable[[], None]:
    """Copilot's answers, whole and streamed, in each of its dialects, told in each of the clients'."""
    recorded = {
        "/chat/completions": (samples("chat_nonstream*"), samples("chat_stream*")),
        "/responses": (samples("responses_nonstream*"), samples("responses_stream*")),
        "/v1/messages": (samples("messages_nonstream*"), samples("messages_stream*")),
    }
    kinds: list[st.SearchStrategy[tuple[str, str, str, bytes, bool]]] = []
    for endpoint, (whole, streamed) in recorded.items():
        speech = SPEECHES[endpoint]
        paths = st.sampled_from(ASKED[endpoint][1])
        whole_bodies = mutated([speech.whole, *whole])
        streamed_bodies = mutated([b"".join(speech.events), *streamed])
        kinds += [
            st.tuples(st.just(endpoint), paths, st.just(JSON), whole_bodies, st.booleans()),
            st.tuples(st.just(endpoint), paths, st.just(EVENTS), streamed_bodies, st.just(True)),
        ]

    @given(st.one_of(*kinds))
    def check(case: tuple[str, str, str, bytes, bool]) -> None:
        sockets(sockets.answer, *case)

    return check


def fuzz_http(sockets: Sockets) -> Callable[[], None]:
    """Requests as bytes: lines, headers and chunks."""
    body = json.dumps(plain_question("/v1/chat/completions", "gpt-4o", stream=False)).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    chunks = b"%x\r\n%s\r\n5\r\n     \r\n0\r\nX: y\r\n\r\n" % (len(body), body)
    upgrade = (
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n\r\n"
    )
    asks = b"Origin: http://localhost\r\nAccess-Control-Request-Headers: x\r\n\r\n"
    corpus = [
        head + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks,
        b"GET /v1/models/gpt%2d4o?limit=1&after_id=x HTTP/1.1\r\nHost: localhost\r\nanthropic-version: 1\r\n\r\n" * 2,
        b"GET /v1/responses HTTP/1.1\r\nHost: localhost\r\n" + upgrade,
        b"OPTIONS /api/chat HTTP/1.1\r\nHost: localhost\r\n" + asks,
        b"HEAD / HTTP/1.0\r\n\r\n",
    ]

    @given(mutated(corpus), st.lists(st.integers(0, 1 << 16), max_size=5))
    def check(data: bytes, cuts: list[int]) -> None:
        sockets(sockets.raw, pieces(data, cuts))

    return check


FUNCTIONS: Final = {
    "sse": fuzz_sse,
    "config": fuzz_config,
    "environment": fuzz_environment,
    "models": fuzz_models,
    "tokens": fuzz_tokens,
    "github": fuzz_github,
}
THROUGH: Final = {"requests": fuzz_requests, "answers": fuzz_answers, "http": fuzz_http}


def play(name: str, check: Callable[[], None], seconds: float) -> bool:
    """Try examples for so long. Returns whether all was well; what was not is printed by hypothesis."""
    check = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)(check)
    began = time.monotonic()
    rounds = 0
    while time.monotonic() - began < seconds:
        rounds += 1
        try:
            check()
        except HypothesisException:
            raise
        except Exception as error:  # noqa: BLE001 - it is the finding
            print(f"{name}: FINDING", flush=True)
            traceback.print_exception(error, limit=-8, file=sys.stdout)
            return False
    print(f"{name}: {rounds * 300} examples in {time.monotonic() - began:.0f} s, no finding", flush=True)
    return True


async def through(name: str, seconds: float) -> bool:
    """The same with the real server between."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
        async with open_front(Path(directory), patience=seconds * 2 + 600, server__body_timeout=2.0) as front:
            front.upstream.token_life = 86400
            check = THROUGH[name](Sockets(front))
            return await trio.to_thread.run_sync(partial(play, name, check, seconds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("minutes", type=float, nargs="?", default=10.0)
    parser.add_argument("parsers", nargs="*", choices=[*FUNCTIONS, *THROUGH, []])
    words = parser.parse_args()
    logging.disable(logging.WARNING)  # what is logged above that comes with a finding
    good = [
        play(name, FUNCTIONS[name](), words.minutes * 60)
        if name in FUNCTIONS
        else trio.run(through, name, words.minutes * 60)
        for name in words.parsers or [*FUNCTIONS, *THROUGH]
    ]
    sys.exit(0 if all(good) else 1)
