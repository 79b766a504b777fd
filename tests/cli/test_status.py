"""How things are, in words."""

from pathlib import Path

import pytest

from passenger_trio.cli.status import (
    LOGIN_VOID,
    UNREACHABLE,
    AccountState,
    FileState,
    Report,
    ServerState,
    Setting,
    TokenState,
    address_of,
    as_text,
)
from passenger_trio.config import Server


@pytest.mark.parametrize(
    "host, address",
    [
        ("127.0.0.1", "http://127.0.0.1:8081"),
        ("0.0.0.0", "http://127.0.0.1:8081"),  # noqa: S104
        ("::", "http://[::1]:8081"),
        ("[::1]", "http://[::1]:8081"),
        ("192.168.1.2", "http://192.168.1.2:8081"),
        ("localhost", "http://localhost:8081"),
    ],
)
def test_the_server_is_looked_for_where_a_client_finds_it(host: str, address: str) -> None:
    assert address_of(Server(host=host)) == address


def report(
    *,
    account: AccountState | None = None,
    exists: bool = True,
    left: int | None = 1440,
    origin: str = "default",
    value: str | float | list[str] | dict[str, str] = "x",
) -> Report:
    return Report(
        version="1.2.3",
        config_file="/etc/c.toml",
        account=account or AccountState("octocat", "individual"),
        login=FileState("/a.json", exists),
        copilot_token=TokenState("/t.json", left is not None, left),
        server=ServerState("http://127.0.0.1:8081", answers=True),
        settings={"server.host": Setting(value, origin)},
    )


def test_a_good_state_in_full() -> None:
    assert as_text(report(origin="flag --host")) == (
        "Version        1.2.3\n"
        "Configuration  /etc/c.toml\n"
        "Account        octocat, plan individual\n"
        "Login          /a.json\n"
        "Copilot token  /t.json, good for 24 min\n"
        "Server         http://127.0.0.1:8081 answers\n"
        "\n"
        "Settings, and where each comes from if it is not the default:\n"
        "  server.host  x  (flag --host)"
    )


@pytest.mark.parametrize(
    "state, words",
    [
        (report(exists=False, account=AccountState()), "nobody is logged in. Run `passenger-trio login`."),
        (report(account=AccountState(problem=UNREACHABLE)), "GitHub cannot be reached."),
        (report(account=AccountState("octocat")), "Account        octocat\n"),
        (report(left=None), "/t.json (does not exist; the server fetches one)"),
        (report(left=0), "/t.json (has run out; the server fetches another)"),
        (report(value=["a", "b"]), "server.host  a, b"),
        (report(value=[]), "server.host  -"),
        (report(value=""), "server.host  -"),
        (report(value={"a": "b", "c-*": "d"}), "server.host  a = b, c-* = d"),
        (report(value={}), "server.host  -"),
        (report(value=600.0), "server.host  600"),
    ],
)
def test_each_state_has_its_words(state: Report, words: str) -> None:
    assert words in as_text(state)


def test_a_path_in_the_home_directory_is_said_shortly(home: Path) -> None:
    assert "(~/c.toml)" in as_text(report(origin=f"{home}/c.toml"))


@pytest.mark.parametrize(
    "state, logged_in",
    [
        (report(), True),
        (report(account=AccountState(problem=UNREACHABLE)), True),
        (report(account=AccountState(problem=LOGIN_VOID)), False),
        (report(exists=False), False),
    ],
)
def test_only_a_login_that_github_has_not_voided_counts(state: Report, logged_in: bool) -> None:
    assert state.logged_in is logged_in
