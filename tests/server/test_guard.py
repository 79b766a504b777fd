"""Who may come in: Host, Origin, the key, and a bind address that needs one."""

import socket
from pathlib import Path

import httpx
import pytest
from house import House, open_house
from quart import Response
from quart_trio import QuartTrio

from passenger_trio.config import Server
from passenger_trio.errors import ConfigError
from passenger_trio.secret import Secret
from passenger_trio.server.guard import Guard, refuse_exposure, warn_of_origins
from passenger_trio.simulator import Simulator

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}]}
KEY = "one-long-secret"

HOSTS_IN = [
    *("", "localhost", "LOCALHOST:8081", "127.0.0.1", "127.0.0.1:8081", "192.168.1.20:8081", "[::1]", "[::1]:8081"),
    *("0.0.0.0:8081", "app.localhost", "host.docker.internal:8081", "gateway.docker.internal"),
    *("host.containers.internal", socket.gethostname(), f"{socket.gethostname().partition('.')[0]}.local:8081"),
]
HOSTS_OUT = [
    *("evil.com", "evil.com:8081", "127.0.0.1.evil.com", "localhost.evil.com", "evil-localhost", "evillocal"),
    *("1.2.3.4.nip.io", "[::1", "localhost@evil.com", "evil.com/localhost", "local", "internal"),
    *("laptop.local", "evil.local:8081", "x.internal:80", "a.host.docker.internal", ".local", ".internal"),
]
ORIGINS_IN = [
    *("http://localhost", "http://localhost:3000", "https://127.0.0.1:5173", "http://[::1]:1234", "http://a.localhost"),
    *("app://obsidian.md", "file://", "tauri://localhost", "vscode-webview://abc", "vscode-file://vscode-app"),
    *("HTTP://LOCALHOST:3000", "http://0.0.0.0:5173", "https://0.0.0.0"),
]
ORIGINS_OUT = [
    *("https://evil.com", "http://evil.com:8081", "null", "", "http://localhost.evil.com", "https://127.0.0.1.nip.io"),
    *("chrome-extension://abc", "http://192.168.1.20", "http://[::1", "javascript://localhost", "localhost"),
    *("http://0.0.0.0.evil.com", "http://0.0.0.1", "moz-extension://abc", "http://localhost@evil.com"),
]


@pytest.mark.parametrize("host", HOSTS_IN)
def test_names_of_this_machine_and_numbers_are_let_in(host: str) -> None:
    assert Guard(Server()).host_allowed(host)


@pytest.mark.parametrize("host", HOSTS_OUT)
def test_names_that_somebody_else_could_own_are_not_let_in(host: str) -> None:
    assert not Guard(Server()).host_allowed(host)


@pytest.mark.parametrize("origin", ORIGINS_IN)
def test_pages_of_this_machine_and_of_desktop_apps_are_let_in(origin: str) -> None:
    assert Guard(Server()).origin_allowed(origin)


@pytest.mark.parametrize("origin", ORIGINS_OUT)
def test_pages_of_others_are_not_let_in(origin: str) -> None:
    assert not Guard(Server()).origin_allowed(origin)


def test_the_configuration_adds_hosts_and_origins() -> None:
    guard = Guard(Server(host="box", allowed_hosts=("Proxy.Example",), allowed_origins=("https://Chat.Example/",)))

    assert guard.host_allowed("proxy.example:8081")
    assert guard.host_allowed("box")
    assert guard.origin_allowed("https://chat.example")
    assert not guard.host_allowed("other.example")
    assert not guard.origin_allowed("http://chat.example")
    assert not guard.origin_allowed("https://chat.example:8443")


@pytest.mark.parametrize(
    "allowed, let_in, kept_out",
    [
        ("chrome-extension://*", "chrome-extension://abcdef", "moz-extension://abcdef"),
        ("http://*.example.com", "http://a.b.Example.com", "http://example.com"),
        ("http://*.example.com", "http://a.example.com", "http://a.example.com:8080"),
        ("http://*.example.com", "http://a.example.com", "https://a.example.com"),
        ("http://*.example.com", "http://a.example.com", "http://evil.com/.example.com"),
        ("https://a.example:*", "https://a.example:8443", "https://a.example.evil.com"),
        ("https://a.example", "https://a.example", "https://aXexample"),
        ("*://a.example", "https://a.example", "https://b.example"),
        ("null", "null", "https://null"),
        ("http://*", "http://evil.com:8081", "https://evil.com"),
        ("*.example.com", "https://a.b.example.com", "https://example.com"),
        ("*.example.com", "http://a.Example.com", "https://a.example.com.evil"),
        ("*.example.com:8080", "http://a.example.com:8080", "http://a.example.com"),
        ("*.example.com", "http://a.example.com", "http://evil.com/.example.com"),
        ("a.example", "http://localhost", "https://a.example"),
    ],
)
def test_a_star_in_an_origin_stands_for_anything_but_a_slash(allowed: str, let_in: str, kept_out: str) -> None:
    guard = Guard(Server(allowed_origins=(allowed,)))

    assert guard.origin_allowed(let_in)
    assert not guard.origin_allowed(kept_out)


@pytest.mark.parametrize("allowed", ["*", "http://*", "https://*", "*://*", "null", "**", "NULL"])
def test_the_log_warns_of_a_server_without_a_key_that_any_page_may_use(
    allowed: str, caplog: pytest.LogCaptureFixture
) -> None:
    warn_of_origins(Server(allowed_origins=(allowed,)))

    [line] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "any web page" in line
    assert "api_key" in line


@pytest.mark.parametrize(
    "server",
    [
        Server(),
        Server(allowed_origins=("https://*.example.com", "chrome-extension://*", "*.example.com")),
        Server(allowed_origins=("*", "null"), api_key=Secret(KEY)),
    ],
    ids=["default", "some", "key"],
)
def test_the_log_warns_of_no_other_server(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    warn_of_origins(server)

    assert caplog.records == []


@pytest.mark.parametrize("allowed", ["example.com", "localhost:3000", "chat.example.com/*", ""])
def test_the_log_names_what_can_allow_no_page(allowed: str, caplog: pytest.LogCaptureFixture) -> None:
    warn_of_origins(Server(allowed_origins=(allowed, "https://good.example"), api_key=Secret(KEY)))

    [line] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith(f"{allowed} in allowed_origins or OLLAMA_ORIGINS allows no page")
    assert f"https://{allowed}" in line


def test_a_star_allows_everything() -> None:
    guard = Guard(Server(allowed_hosts=("*",), allowed_origins=("*",)))

    assert guard.host_allowed("evil.com")
    assert guard.origin_allowed("https://evil.com")
    assert guard.origin_allowed("null")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.20", "laptop.example", ""])  # noqa: S104
def test_no_server_for_the_network_without_a_key(host: str) -> None:
    with pytest.raises(ConfigError, match="`passenger-trio keys add NAME`"):
        refuse_exposure(Server(host=host))

    refuse_exposure(Server(host=host, api_key=Secret(KEY)))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "127.8.9.10"])
def test_a_server_for_this_machine_needs_no_key(host: str) -> None:
    assert refuse_exposure(Server(host=host)) is None


def refused(answer: httpx.Response, dialect: str) -> str:
    """The words of a refusal, which must be in the dialect."""
    error = answer.json()["error"]
    return error if dialect == "ollama" else error["message"]


@pytest.mark.parametrize(
    "path, dialect", [("/v1/chat/completions", "openai"), ("/api/chat", "ollama"), ("/v1/api/chat", "ollama")]
)
async def test_a_rebound_name_and_a_foreign_page_get_a_403_and_no_further(
    house: House, path: str, dialect: str
) -> None:
    rebound = await house.http.post(path, json=CHAT, headers={"Host": "evil.com"})
    foreign = await house.http.post(path, json=CHAT, headers={"Origin": "https://evil.com"})
    nobody = await house.http.post(path, json=CHAT, headers={"Origin": "null"})

    assert [answer.status_code for answer in (rebound, foreign, nobody)] == [403, 403, 403]
    assert "allowed_hosts" in refused(rebound, dialect)
    assert "allowed_origins" in refused(foreign, dialect)
    for answer in (rebound, foreign, nobody):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert house.simulator.counts["chat"] == 0


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models", "/api/tags", "/nowhere"])
@pytest.mark.parametrize("headers", [{"Host": "evil.com"}, {"Origin": "https://evil.com"}], ids=str)
async def test_no_path_is_open_to_strangers(house: House, path: str, headers: dict[str, str]) -> None:
    assert (await house.http.get(path, headers=headers)).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9999", "host.docker.internal"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
async def test_a_request_for_this_machine_is_answered(house: House, host: str, path: str) -> None:
    assert (await house.http.post(path, json=CHAT, headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("origin", ["app://obsidian.md", "http://localhost:3000"])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_allowed_page_may_read_the_answer(house: House, origin: str, stream: bool) -> None:
    answer = await house.http.post("/v1/chat/completions", json={**CHAT, "stream": stream}, headers={"Origin": origin})

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert "X-Passenger-Dropped" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize("own", ["laptop", "laptop.example.com", "Laptop.local"])
def test_a_machine_has_its_own_name_in_local_and_no_other(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: own)
    guard = Guard(Server())

    assert guard.host_allowed(own)
    assert guard.host_allowed("laptop.local")
    assert not guard.host_allowed("desktop.local")
    assert Guard(Server(allowed_hosts=("desktop.local",))).host_allowed("desktop.local")


@pytest.mark.parametrize("host", ["evil.local", "x.internal:80"])
async def test_a_name_that_anybody_in_the_network_may_have_is_refused_and_the_remedy_named(
    house: House, host: str
) -> None:
    answer = await house.http.get("/v1/models", headers={"Host": host})

    assert answer.status_code == 403
    assert "allowed_hosts" in refused(answer, "openai")


async def test_an_answer_says_that_it_depends_on_the_origin_beside_what_it_depends_on_anyway() -> None:
    app = QuartTrio(__name__)
    app.after_request(Guard(Server()).allow_origin)

    @app.get("/")
    async def page() -> Response:  # pyright: ignore[reportUnusedFunction] - registered
        return Response("", headers={"Vary": "Accept-Encoding"})

    for headers in ({}, {"Origin": "app://a"}):
        answer = await app.test_client().get("/", headers=headers)
        assert answer.headers.getlist("Vary") == ["Accept-Encoding, Origin"]


async def test_an_allowed_page_may_read_a_refusal_too(house: House) -> None:
    answer = await house.http.post("/v1/chat/completions", content=b"{", headers={"Origin": "app://a"})

    assert answer.status_code == 400
    assert answer.headers["access-control-allow-origin"] == "app://a"


async def test_who_sends_no_origin_gets_no_cors_headers(house: House) -> None:
    answer = await house.http.get("/v1/models")

    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_preflight_is_granted_whatever_headers_the_client_will_send(tmp_path: Path) -> None:
    asked = "authorization,content-type,x-stainless-os,anthropic-version,dangerously-allow-browser"
    headers = {
        "Origin": "app://obsidian.md",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": asked,
    }
    async with open_house(Simulator(), tmp_path, server__api_key=KEY) as house:  # a preflight never carries a key
        answer = await house.http.options("/v1/chat/completions", headers=headers)
        foreign = await house.http.options("/v1/chat/completions", headers={**headers, "Origin": "https://evil.com"})

    assert answer.status_code == 204
    assert answer.content == b""
    assert answer.headers["access-control-allow-origin"] == "app://obsidian.md"
    assert answer.headers["access-control-allow-headers"] == asked
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert foreign.status_code == 403
    assert "access-control-allow-origin" not in foreign.headers


@pytest.mark.parametrize("path", ["/api/chat", "/api/tags", "/v1/chat/completions", "/nowhere"])
async def test_a_preflight_from_the_network_is_granted_the_private_one_where_it_asks(house: House, path: str) -> None:
    headers = {"Origin": "app://obsidian.md", "Access-Control-Request-Method": "POST"}

    asked = await house.http.options(path, headers={**headers, "Access-Control-Request-Private-Network": "true"})
    other = await house.http.options(path, headers=headers)

    assert (asked.status_code, other.status_code) == (204, 204)
    assert asked.headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-private-network" not in other.headers
    assert "DELETE" in other.headers["access-control-allow-methods"]
    assert "Content-Type" in other.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {KEY}x"}, 401),
        ({"Authorization": f"Basic {KEY}"}, 401),
        ({"Authorization": KEY}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"x-api-key": ""}, 401),
        ({"Authorization": f"Bearer {KEY}"}, 200),
        ({"Authorization": f"bearer {KEY}"}, 200),
        ({"x-api-key": KEY}, 200),
        ({"Authorization": "Bearer wrong", "X-Api-Key": KEY}, 200),
    ],
    ids=str,
)
async def test_a_configured_key_is_asked_for(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async with open_house(Simulator(), tmp_path, server__api_key=KEY) as house:
        openai = await house.http.post("/v1/chat/completions", json=CHAT, headers=headers)
        ollama = await house.http.post("/api/chat", json=CHAT, headers=headers)

    assert (openai.status_code, ollama.status_code) == (status, status)
    if status == 401:
        assert openai.json()["error"]["code"] == "invalid_api_key"
        assert openai.json()["error"]["type"] == "authentication_error"
        assert "x-api-key" in ollama.json()["error"]
        assert house.simulator.counts["chat"] == 0


async def test_a_key_opens_every_path_but_two_are_open_anyway(tmp_path: Path) -> None:
    async with open_house(Simulator(), tmp_path, server__api_key=KEY) as house:
        statuses = {
            path: (await house.http.get(path)).status_code
            for path in ("/", "/health", "/v1/models", "/v1/models/gpt-4.1", "/api/tags", "/api/version", "/nowhere")
        }

    assert {path for path, status in statuses.items() if status != 401} == {"/", "/health"}


async def test_a_key_can_be_any_text(tmp_path: Path) -> None:
    async with open_house(Simulator(), tmp_path, server__api_key="schlüssel") as house:
        headers = {"x-api-key": "schlüssel".encode()}
        right = await house.http.get("/v1/models", headers=headers)
        wrong = await house.http.get("/v1/models", headers={"x-api-key": "schlussel"})

    assert (right.status_code, wrong.status_code) == (200, 401)
