"""``passenger-trio status``."""

import time
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import msgspec
import trio

from passenger_trio import __version__
from passenger_trio.cli.outcome import Exit
from passenger_trio.cli.session import Session
from passenger_trio.cli.wording import span, table
from passenger_trio.config import SECTIONS, Config, Loaded, Server, config_directory
from passenger_trio.copilot import protocol
from passenger_trio.copilot.account import Account
from passenger_trio.copilot.client import Answer, Fetch, open_http
from passenger_trio.copilot.saved import end_of
from passenger_trio.copilot.store import TokenStore
from passenger_trio.errors import PassengerError
from passenger_trio.secret import MASK, Secret

_PATIENCE: Final = 10.0  # seconds for GitHub, and for the server on this machine

LOGIN_VOID: Final = "GitHub no longer honours this login. Run `passenger-trio login`."
UNREACHABLE: Final = "GitHub cannot be reached."
UNKNOWN: Final = "GitHub does not say whose login this is."


class AccountState(msgspec.Struct):
    """Whose login it is; ``problem`` says why that is not known, if somebody is logged in."""

    login: str | None = None
    plan: str | None = None
    problem: str | None = None


class FileState(msgspec.Struct):
    """One file."""

    path: str
    exists: bool


class TokenState(msgspec.Struct):
    """The saved Copilot token; ``seconds_left`` is 0 for a dead one."""

    path: str
    exists: bool
    seconds_left: int | None


class ServerState(msgspec.Struct):
    """Where the server is configured to be, and whether one of ours answers there."""

    address: str
    answers: bool


class Setting(msgspec.Struct):
    """A value and where it comes from; secrets are masked."""

    value: bool | str | float | list[str] | dict[str, str]
    origin: str


class Report(msgspec.Struct):
    """What ``--json`` prints. Programs rely on the names."""

    version: str
    config_file: str | None
    account: AccountState
    login: FileState
    copilot_token: TokenState
    server: ServerState
    settings: dict[str, Setting]

    @property
    def logged_in(self) -> bool:
        """There is a login, and GitHub has not said that it is void."""
        return self.login.exists and self.account.problem != LOGIN_VOID


def run(loaded: Loaded, *, as_json: bool) -> int:
    """Print how things are. Not being able to ask GitHub is part of the answer, not a failure."""
    report = trio.run(_look, loaded)
    print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode() if as_json else as_text(report))
    return Exit.GOOD if report.logged_in else Exit.NOT_LOGGED_IN


async def _look(loaded: Loaded) -> Report:
    config = loaded.config
    async with open_http(config.copilot) as http:
        session = Session(http, config)
        login = await session.store.read_access()
        account = AccountState() if login is None else await _whose(session.fetch, config, login)
        token = await _token(session.store)
        address = address_of(config.server)
        return Report(
            version=__version__,
            config_file=str(loaded.file.absolute()) if loaded.file is not None else None,
            account=account,
            login=FileState(_place(session.store), login is not None),
            copilot_token=token,
            server=ServerState(address, await _answers(session.fetch, address)),
            settings=_settings(loaded),
        )


def _place(store: TokenStore) -> str:
    return store.login_place if store.environment else store.place(store.access_path.absolute())


async def _whose(fetch: Fetch, config: Config, login: Secret) -> AccountState:
    """Ask GitHub, and notice how it refuses: whoever only wants a name does not care, we do."""
    problem = UNREACHABLE

    async def noticing(method: str, url: str, headers: protocol.Headers, content: bytes | None = None) -> Answer:
        nonlocal problem
        answer = await fetch(method, url, headers, content)
        problem = LOGIN_VOID if answer.status == 401 else UNKNOWN
        return answer

    user = None
    with trio.move_on_after(_PATIENCE):
        user = await Account(noticing, config).user(login)
    if user is None:
        return AccountState(problem=problem)
    return AccountState(user.login, user.copilot_plan or user.access_type_sku)


async def _token(store: TokenStore) -> TokenState:
    saved = await store.read_copilot()
    left = None if saved is None else max(0, round(end_of(saved) - time.time()))
    return TokenState(store.place(store.copilot_path.absolute()), saved is not None, left)


def address_of(server: Server) -> str:
    """Where a client on this machine finds the server; one that serves on all addresses is found on loopback."""
    host, scheme = server.host.strip("[]"), "https" if server.certfile else "http"
    try:
        number = ip_address(host)
    except ValueError:
        return f"{scheme}://{host}:{server.port}"
    if number.is_unspecified:
        host = "127.0.0.1" if number.version == 4 else "::1"
    return f"{scheme}://[{host}]:{server.port}" if number.version == 6 else f"{scheme}://{host}:{server.port}"


async def _answers(fetch: Fetch, address: str) -> bool:
    with trio.move_on_after(_PATIENCE):
        try:
            answer = await fetch("GET", f"{address}/health", [])
        except PassengerError:
            return False
        return answer.status == 200 and answer.body.strip() == b"OK"
    return False


def _settings(loaded: Loaded) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for section, kind in SECTIONS.items():
        for key in kind.__struct_fields__:
            name = f"{section}.{key}"
            found[name] = Setting(_shown(getattr(getattr(loaded.config, section), key)), loaded.origins[name])
    return found


def _shown(
    value: str | float | tuple[str, ...] | dict[str, str] | Secret,
) -> str | float | list[str] | dict[str, str]:
    if isinstance(value, Secret):
        return MASK if value else ""
    return list(value) if isinstance(value, tuple) else value


def as_text(report: Report) -> str:
    """The report for people."""
    where = config_directory() / "config.toml"
    facts = [
        ["Version", report.version],
        ["Configuration", report.config_file or f"the defaults ({where} does not exist)"],
        ["Account", _account_words(report)],
        ["Login", f"{report.login.path}{'' if report.login.exists else ' (does not exist)'}"],
        ["Copilot token", _token_words(report.copilot_token)],
        ["Server", f"{report.server.address} {'answers' if report.server.answers else 'does not answer'}"],
    ]
    settings = [
        [f"  {key}", _value_words(setting.value), "" if setting.origin == "default" else f"({_tilde(setting.origin)})"]
        for key, setting in report.settings.items()
    ]
    return f"{table(facts)}\n\nSettings, and where each comes from if it is not the default:\n{table(settings)}"


def _account_words(report: Report) -> str:
    if not report.login.exists:
        return "nobody is logged in. Run `passenger-trio login`."
    account = report.account
    return account.problem or f"{account.login}{f', plan {account.plan}' if account.plan else ''}"


def _token_words(token: TokenState) -> str:
    if not token.exists:
        return f"{token.path} (does not exist; the server fetches one)"
    if not token.seconds_left:
        return f"{token.path} (has run out; the server fetches another)"
    return f"{token.path}, good for {span(token.seconds_left)}"


def _value_words(value: bool | str | float | list[str] | dict[str, str]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        value = [f"{name} = {meant}" for name, meant in value.items()]
    text = ", ".join(value) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value)
    return text or "-"


def _tilde(path: str) -> str:
    home = str(Path.home())
    return "~" + path.removeprefix(home) if path.startswith(home + "/") else path
