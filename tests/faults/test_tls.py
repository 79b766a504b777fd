"""https, with a certificate of an authority that is made for the test."""

import functools
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import trio
import trustme
from faults.upstream import CHAT, CHAT_EVENTS, CHAT_WHOLE, LOGIN, TOKEN_PATH, open_upstream, stall, stream, until, whole
from program import World

from passenger_trio.config import Config, Server, load
from passenger_trio.copilot.store import TokenStore
from passenger_trio.errors import ConfigError
from passenger_trio.secret import Secret
from passenger_trio.server import run
from passenger_trio.server.tls import refuse_half_a_certificate
from passenger_trio.simulator import Simulator


class Papers(NamedTuple):
    """The PEM files of a certificate and its key, and what trusts them."""

    certfile: str
    keyfile: str
    trust: ssl.SSLContext


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return issue(tmp_path_factory.mktemp("papers"))


def issue(directory: Path) -> Papers:
    """A certificate for this machine."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    certfile, keyfile = directory / "cert.pem", directory / "key.pem"
    for pem in issued.cert_chain_pems:
        pem.write_to_path(str(certfile), append=True)
    issued.private_key_pem.write_to_path(str(keyfile))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return Papers(str(certfile), str(keyfile), trust)


class Secured(NamedTuple):
    """A house that serves https, and http on Ollama's own port."""

    url: str
    ollama: str


@asynccontextmanager
async def secured(origin: str, directory: Path, papers: Papers) -> AsyncGenerator[Secured]:
    config = configured(origin, directory, papers)
    await TokenStore.of(config).save_access(Secret(LOGIN))
    sock, ollama = run.listen("127.0.0.1", 0), run.listen("127.0.0.1", 0)
    plain = run.origin_of(ollama)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            serve = functools.partial(run.serve, config, sock, ollama=ollama, handle_signals=False)
            yield Secured(await nursery.start(serve), plain)
            nursery.cancel_scope.cancel()


def configured(origin: str, directory: Path, papers: Papers) -> Config:
    return load(
        environ={},
        flags={
            "github.copilot_token_url": origin + TOKEN_PATH,
            "copilot.api_base_url": origin,
            "tokens.access_token_path": str(directory / "access_token.json"),
            "tokens.copilot_token_path": str(directory / "token.json"),
            "server.certfile": papers.certfile,
            "server.keyfile": papers.keyfile,
        },
    ).config


async def test_with_a_certificate_answers_whole_and_streamed_come_over_https(tmp_path: Path, papers: Papers) -> None:
    async with open_upstream() as upstream, secured(upstream.origin, tmp_path, papers) as house:
        upstream.play("/chat/completions", whole(CHAT_WHOLE), stream(*CHAT_EVENTS))
        async with httpx.AsyncClient(base_url=house.url, verify=papers.trust) as http:
            answer = await http.post("/v1/chat/completions", json=CHAT)
            streamed = await http.post("/v1/chat/completions", json={**CHAT, "stream": True})

    assert house.url.startswith("https://127.0.0.1:")
    assert (answer.status_code, answer.http_version) == (200, "HTTP/1.1")
    assert answer.json()["choices"][0]["message"]["content"] == "Hello."
    assert streamed.text.endswith("data: [DONE]\n\n")


async def test_with_a_certificate_nobody_is_answered_over_http(tmp_path: Path, papers: Papers) -> None:
    async with open_upstream() as upstream, secured(upstream.origin, tmp_path, papers) as house:
        async with httpx.AsyncClient() as http:
            with pytest.raises(httpx.HTTPError):
                await http.get(house.url.replace("https", "http") + "/health")
        async with httpx.AsyncClient(verify=papers.trust) as http:
            assert (await http.get(house.url + "/health")).text == "OK"  # it has not hurt the server


async def test_a_client_that_does_not_know_the_authority_says_nothing(tmp_path: Path, papers: Papers) -> None:
    async with open_upstream() as upstream, secured(upstream.origin, tmp_path, papers) as house:
        async with httpx.AsyncClient() as http:
            with pytest.raises(httpx.ConnectError):
                await http.get(house.url + "/health")
        async with httpx.AsyncClient(verify=papers.trust) as http:
            assert (await http.get(house.url + "/health")).text == "OK"


async def test_ollamas_own_port_stays_http(tmp_path: Path, papers: Papers) -> None:
    async with (
        open_upstream() as upstream,
        secured(upstream.origin, tmp_path, papers) as house,
        httpx.AsyncClient() as http,
    ):
        answer = await http.get(f"{house.ollama}/api/version")

    assert answer.status_code == 200


async def test_a_client_that_leaves_over_https_frees_the_upstream(tmp_path: Path, papers: Papers) -> None:
    async with open_upstream() as upstream, secured(upstream.origin, tmp_path, papers) as house:
        upstream.play("/chat/completions", stream(CHAT_EVENTS[0], then=stall))
        port = httpx.URL(house.url).port or 0
        client = await trio.open_ssl_over_tcp_stream("127.0.0.1", port, ssl_context=papers.trust)
        body = b'{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}'
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        await client.send_all(head.encode() + body)
        begun = await client.receive_some(65536)
        await trio.aclose_forcefully(client)
        took = await until(lambda: bool(upstream.left))

    assert b" 200 " in begun
    assert took < 1


async def test_the_banner_names_https(tmp_path: Path, papers: Papers) -> None:
    async with open_upstream() as upstream, trio.open_nursery() as nursery:
        world = World(Simulator(), upstream.origin, tmp_path)
        world.configure(
            upstream.origin, f'[server]\nport = 0\ncertfile = "{papers.certfile}"\nkeyfile = "{papers.keyfile}"\n'
        )
        world.log_in()
        server = await world.start(nursery, "serve")
        log = await server.hear("/v1/models", err=True)
        nursery.cancel_scope.cancel()

    assert "OpenAI: https://127.0.0.1:" in log
    assert "http://" not in log


# ---- what is wrong is said before anybody is served


@pytest.mark.parametrize("given, missing", [("certfile", "keyfile"), ("keyfile", "certfile")])
def test_half_a_certificate_is_refused_by_name(given: str, missing: str, papers: Papers) -> None:
    with pytest.raises(ConfigError, match=f"{missing} is missing"):
        refuse_half_a_certificate(Server(**{given: papers.certfile}))


@pytest.mark.parametrize("key", ["certfile", "keyfile"])
def test_a_file_that_cannot_be_read_is_named(key: str, papers: Papers, tmp_path: Path) -> None:
    files = {"certfile": papers.certfile, "keyfile": papers.keyfile, key: str(tmp_path / "nobody.pem")}

    with pytest.raises(ConfigError, match=rf"{key}: .*nobody\.pem cannot be read: No such file"):
        refuse_half_a_certificate(Server(**files))


def test_a_key_of_another_certificate_is_refused(papers: Papers, tmp_path: Path) -> None:
    other = issue(tmp_path)

    with pytest.raises(ConfigError, match="the key belongs to another certificate"):
        refuse_half_a_certificate(Server(certfile=papers.certfile, keyfile=other.keyfile))


def test_what_is_no_certificate_is_refused(papers: Papers, tmp_path: Path) -> None:
    (tmp_path / "nonsense.pem").write_text("nonsense")

    with pytest.raises(ConfigError, match="PEM files are needed"):
        refuse_half_a_certificate(Server(certfile=str(tmp_path / "nonsense.pem"), keyfile=papers.keyfile))


def test_a_path_that_can_be_none_is_refused(papers: Papers) -> None:
    with pytest.raises(ConfigError, match="it is no path"):
        refuse_half_a_certificate(Server(certfile="a\0b", keyfile=papers.keyfile))


async def test_the_program_ends_with_the_reason(tmp_path: Path) -> None:
    world = World(Simulator(), "http://127.0.0.1:9", tmp_path)
    world.configure("http://127.0.0.1:9", '[server]\nport = 0\ncertfile = "nobody.pem"\nkeyfile = "nobody.pem"\n')

    done = await world.run("serve")

    assert done.code == 2
    assert "nobody.pem cannot be read" in " ".join(done.err.split())
