"""What can be configured, and how the four sources are laid over each other.

Order: default < file < environment < flag. The file is the one named with ``--config``, else ``config.toml`` in
:func:`config_directory`, else none: never one that happens to lie in the working directory, where a cloned repository
could redirect the tokens. Strict at home: an unknown key, a wrong type or an unusable value raises
:class:`~passenger_trio.errors.ConfigError` that names the place, the path and the nearest known key.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, cast
from urllib.parse import urlsplit

import msgspec

from passenger_trio.errors import ConfigError
from passenger_trio.secret import Secret

DEFAULT_API_BASE_URL: Final = "https://api.githubcopilot.com"
ENVIRONMENT_PREFIX: Final = "PASSENGER_TRIO_"

OLLAMA_ORIGINS: Final = "OLLAMA_ORIGINS"
"""Ollama's own environment variable for the pages that may use it; what it says is added to ``allowed_origins``."""

GITHUB_TOKEN: Final = "PASSENGER_TRIO_GITHUB_TOKEN"  # noqa: S105 - a name
"""The environment variable that holds a GitHub token, which is the login then in place of the saved one."""

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
SecondsOrOff = Annotated[float, msgspec.Meta(ge=0)]
"""Zero is off."""
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
LogLevel = Literal["debug", "info", "warning", "error"]


class GitHub(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where and as which application one logs in. The names are passenger-rs's."""

    device_code_url: str = "https://github.com/login/device/code"
    oauth_token_url: str = "https://github.com/login/oauth/access_token"  # noqa: S105
    copilot_token_url: str = "https://api.github.com/copilot_internal/v2/token"  # noqa: S105
    copilot_models_url: str = ""
    client_id: str = "Iv1.b507a08c87ecfe98"


class Copilot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The other side, and what we say of ourselves there (versions are retired without notice)."""

    api_base_url: str = DEFAULT_API_BASE_URL
    connect_timeout: Seconds = 15.0
    tls_timeout: Seconds = 15.0
    first_byte_timeout: Seconds = 600.0
    read_timeout: Seconds = 600.0
    total_timeout: SecondsOrOff = 0.0
    token_timeout: Seconds = 30.0
    max_concurrent: Count = 0
    min_interval: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    editor_version: str = "vscode/1.111.0"
    editor_plugin_version: str = "copilot-chat/0.42.0"
    integration_id: str = "vscode-chat"
    user_agent: str = "GitHubCopilotChat/0.42.0"
    api_version: str = "2025-05-01"
    github_api_version: str = "2025-04-01"


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """This side. ``allowed_hosts`` and ``allowed_origins`` add to what is allowed anyway, see ``server/guard.py``.

    ``ollama`` is whether Ollama's own port is served as well, see ``server/ollama_port.py``.
    """

    host: str = "127.0.0.1"
    port: Port = 8081
    ollama: bool = False
    require_key: bool = False
    api_key: Secret = Secret("")
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    max_body_mib: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 64
    body_timeout: Seconds = 120.0
    max_concurrent: Count = 256
    max_queued: Count = 512
    queue_timeout: Seconds = 30.0
    keepalive: SecondsOrOff = 15.0
    write_timeout: Seconds = 300.0
    graceful_timeout: Seconds = 30.0
    certfile: str = ""
    keyfile: str = ""
    log_level: LogLevel = "info"


class Tokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the two token files are; empty means ``access_token.json`` / ``token.json`` in :func:`config_directory`.

    ``storage`` is ``keyring`` where they are to be entries in the operating system's keyring, by the same names.
    """

    storage: Literal["file", "keyring"] = "file"
    access_token_path: str = ""
    copilot_token_path: str = ""


class Models(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``aliases`` are the user's own names for models, each with the id that is meant; a ``*`` ends a beginning.

    ``cache_path`` is the file of the last known list; empty means ``models.json`` in :func:`cache_directory`.
    """

    cache_path: str = ""
    aliases: dict[str, str] = {}


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of it. ``login`` is what :data:`GITHUB_TOKEN` says in the environment; it is in no file."""

    github: GitHub = GitHub()
    copilot: Copilot = Copilot()
    server: Server = Server()
    tokens: Tokens = Tokens()
    models: Models = Models()
    login: Secret = Secret("")


class Loaded(NamedTuple):
    """A configuration, the file it came from (``None``: no file), and per ``section.key`` where its value came from."""

    config: Config
    file: Path | None
    origins: Mapping[str, str]


SECTIONS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "github": GitHub,
    "copilot": Copilot,
    "server": Server,
    "tokens": Tokens,
    "models": Models,
}

_LONGEST_URL: Final = 2048
_ALIASES: Final = "models.aliases"
_ORIGINS: Final = "server.allowed_origins"


def config_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """``passenger-trio`` in the user's configuration directory (XDG)."""
    return _directory(environ, "XDG_CONFIG_HOME", ".config")


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """``passenger-trio`` in the user's cache directory (XDG)."""
    return _directory(environ, "XDG_CACHE_HOME", ".cache")


def _directory(environ: Mapping[str, str], variable: str, usual: str) -> Path:
    base = environ.get(variable, "")
    root = Path(base) if base.startswith("/") else Path(environ.get("HOME") or Path.home()) / usual
    return root / "passenger-trio"


def at_home(path: str, key: str) -> Path:
    """A configured path, in which ``~`` is the user's home. Raises :class:`ConfigError` for ``~NOBODY``."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"`{key}` is wrong: {path} is in the home of a user that this machine does not know. Write the whole path."
        ) from None


def load(
    path: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    flags: Mapping[str, object] | None = None,
) -> Loaded:
    """Read and merge all sources.

    ``path`` is the file asked for by name, which must exist; ``flags`` maps ``section.key`` to a value, and ``None``
    values are flags that were not given. Raises :class:`ConfigError`.
    """
    file = path if path is not None else config_directory(environ) / "config.toml"
    found = _read_file(file, required=path is not None)
    values: dict[str, object] = {}
    origins: dict[str, str] = {f"{s}.{k}": "default" for s, t in SECTIONS.items() for k in t.__struct_fields__}

    def lay(layer: Mapping[str, object], origin: str) -> None:
        for key, value in layer.items():
            values[key] = value
            origins[key] = origin

    if found is not None:
        lay(_checked(_flatten(found, str(file)), str(file), strict=True), str(file))
    for name, text in sorted(environ.items()):
        if name.startswith(ENVIRONMENT_PREFIX) and name != GITHUB_TOKEN:
            origin = f"environment variable {name}"
            key = name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
            lay(_checked({key: text}, origin, strict=False), origin)
    for key, value in (flags or {}).items():
        if value is not None:
            origin = f"flag --{key.partition('.')[2].replace('_', '-')}"
            lay(_checked({key: value}, origin, strict=True), origin)

    config = Config()
    for key, value in values.items():
        section, _, name = key.partition(".")
        changed = msgspec.structs.replace(getattr(config, section), **{name: value})
        config = msgspec.structs.replace(config, **{section: changed})
    if token := environ.get(GITHUB_TOKEN, "").strip():
        config = msgspec.structs.replace(config, login=_login(token))
    if pages := _ollama_origins(environ):
        allowed = (*config.server.allowed_origins, *pages)
        config = msgspec.structs.replace(config, server=msgspec.structs.replace(config.server, allowed_origins=allowed))
        before = "" if origins[_ORIGINS] == "default" else f"{origins[_ORIGINS]}, "
        origins[_ORIGINS] = f"{before}environment variable {OLLAMA_ORIGINS}"
    return Loaded(config, file if found is not None else None, origins)


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    host = host.strip("[]").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def scheme_and_host(url: str) -> tuple[str, str]:
    """The two, both empty where nobody can be asked there: a port or an address that is none, a space, a name that DNS
    cannot look up. An international name is to be in its ASCII form.
    """
    if len(url) > _LONGEST_URL or not url.isprintable() or " " in url:
        return "", ""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - it is looked at here
        host.encode("idna").decode("idna")
        if "[" in parts.netloc or host.rpartition(".")[2].isdecimal():
            ip_address(host)
    except ValueError:
        return "", ""
    return (parts.scheme, host) if host.isascii() else ("", "")


def _read_file(file: Path, *, required: bool) -> dict[str, Any] | None:
    try:
        text = file.read_bytes().decode()
    except FileNotFoundError:
        if required:
            raise ConfigError(
                f"The configuration file {file} does not exist. Check the path given with --config, or leave it out."
            ) from None
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration file {file} cannot be read: {error}.") from error
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"The configuration file {file} is not valid TOML: it is nested too deeply.") from None
    except ValueError as error:  # also Python's own, for a number of thousands of digits
        raise ConfigError(f"The configuration file {file} is not valid TOML: {error}.") from error


def _flatten(document: Mapping[str, Any], origin: str) -> dict[str, object]:
    flat: dict[str, object] = {}
    for section, content in document.items():
        if section in SECTIONS and not isinstance(content, dict):
            raise ConfigError(f"{origin}: `{section}` is a section; write [{section}] above its keys.")
        if isinstance(content, dict) and content:
            keys = cast("dict[str, object]", content)
            flat |= {f"{section}.{key}": value for key, value in keys.items()}
        elif section not in SECTIONS:
            flat[section] = content
    return flat


def _login(token: str) -> Secret:
    """A token that can go into a header. It is not repeated where it cannot."""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(f"environment variable {GITHUB_TOKEN}: this is no GitHub token, there are spaces in it.")
    return Secret(token)


def _checked(layer: Mapping[str, object], origin: str, *, strict: bool) -> dict[str, object]:
    """The layer with every key known and every value of its type; ``strict`` is off for text from the environment."""
    checked: dict[str, object] = {}
    for path, raw in layer.items():
        section, _, key = path.partition(".")
        kind = SECTIONS.get(section)
        if kind is None or key not in kind.__struct_fields__:
            raise ConfigError(f"{origin}: unknown key `{path}`. {_nearest(path)}")
        field = next(f for f in msgspec.structs.fields(kind) if f.name == key)
        value = raw if strict else _of_text(path, raw)
        try:
            converted = msgspec.convert(value, field.type, strict=strict, dec_hook=_secret)
        except msgspec.ValidationError as error:
            hint = " Put a name with a dot in quotes." if path == _ALIASES else ""
            raise ConfigError(f"{origin}: `{path}` is wrong: {_lower(str(error))}.{hint}") from None
        if key.endswith("_url"):
            _check_url(path, str(converted), origin)
        if path == _ALIASES:
            _check_aliases(cast("dict[str, str]", converted), origin)
        checked[path] = converted
    return checked


def _of_text(path: str, value: object) -> object:
    """What text from the environment says, where it is more than one value."""
    if not path.startswith("server.allowed_") and path != _ALIASES:
        return value
    parts = _listed(str(value))
    if path != _ALIASES:
        return parts
    pairs = [part.partition("=") for part in parts]
    return {name.strip(): target.strip() for name, _, target in pairs}


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _ollama_origins(environ: Mapping[str, str]) -> list[str]:
    """What Ollama's own variable allows. Quotes around it, which service files leave there, do not count."""
    return _listed(environ.get(OLLAMA_ORIGINS, "").strip().strip("\"'"))


def _check_aliases(aliases: Mapping[str, str], origin: str) -> None:
    seen: set[str] = set()
    for name, target in aliases.items():
        mistake = ""
        if not name or not target:
            mistake = "a name and the id that it means are needed"
        elif "*" in name[:-1]:
            mistake = "a `*` may only be at the end"
        elif name.lower() in seen:
            mistake = "the name is there twice, and upper and lower case are the same"
        if mistake:
            raise ConfigError(f"{origin}: `{_ALIASES}` is wrong at `{name} = {target}`: {mistake}.")
        seen.add(name.lower())


def _secret(kind: type, value: object) -> Secret:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise msgspec.ValidationError("Expected `str`")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _nearest(path: str) -> str:
    known = [f"{s}.{k}" for s, t in SECTIONS.items() for k in t.__struct_fields__]
    by_key = {name.partition(".")[2]: name for name in known}
    close = difflib.get_close_matches(path, known, n=1, cutoff=0.6)
    if not close:
        close = [by_key[k] for k in difflib.get_close_matches(path.rpartition(".")[2], by_key, n=1, cutoff=0.6)]
    if close:
        return f"Did you mean `{close[0]}`?"
    return f"Known sections are {', '.join(SECTIONS)}; config.toml of the project shows every key."


def _check_url(path: str, url: str, origin: str) -> None:
    """Tokens travel over https, or stay on this machine."""
    if not url and path == "github.copilot_models_url":
        return
    scheme, host = scheme_and_host(url)
    if not host or scheme not in {"http", "https"}:
        raise ConfigError(f"{origin}: `{path}` is not a URL: {url!r}. Write one that begins with https://.")
    if scheme == "http" and not is_loopback(host):
        raise ConfigError(
            f"{origin}: `{path}` must be an https URL, since tokens are sent there; plain http is for loopback only."
        )
