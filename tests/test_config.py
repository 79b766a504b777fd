"""Configuration: four layers, and errors that name the place, the path and the way out."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from passenger_trio import config
from passenger_trio.config import Config, Loaded, cache_directory, config_directory, is_loopback, load
from passenger_trio.errors import ConfigError
from passenger_trio.secret import Secret

SHIPPED = Path(__file__).parents[1] / "config.toml"
VARIABLE = "PASSENGER_TRIO_"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The user's configuration directory, empty."""
    made = tmp_path / "xdg" / "passenger-trio"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def environ(folder: Path) -> dict[str, str]:
    """An environment in which that is the configuration directory."""
    return {"XDG_CONFIG_HOME": str(folder.parent), "PATH": "/bin"}


def refused(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file, environ={})
    assert str(file) in caught.value.message
    return caught.value.message.replace(str(file), "FILE")


def test_without_anything_there_are_the_defaults(environ: dict[str, str]) -> None:
    loaded = load(environ=environ)

    assert loaded.config == Config()
    assert loaded.file is None
    assert set(loaded.origins.values()) == {"default"}


def test_the_defaults_are_safe() -> None:
    assert is_loopback(Config().server.host)
    assert Config().server.allowed_hosts == ()
    assert Config().server.allowed_origins == ()


def test_each_layer_lies_over_the_one_before(folder: Path, environ: dict[str, str]) -> None:
    file = folder / "config.toml"
    file.write_text("[server]\nport = 1\nbody_timeout = 1\ngraceful_timeout = 1\n[copilot]\nread_timeout = 5\n")
    environ |= {f"{VARIABLE}SERVER__PORT": "2", f"{VARIABLE}SERVER__BODY_TIMEOUT": "2"}

    loaded = load(environ=environ, flags={"server.port": 3, "server.host": None})

    server = loaded.config.server
    assert (server.host, server.graceful_timeout, server.body_timeout, server.port) == ("127.0.0.1", 1, 2, 3)
    assert loaded.config.copilot.read_timeout == 5
    assert loaded.config.copilot.connect_timeout == 15
    assert loaded.file == file
    assert loaded.origins["server.host"] == "default"
    assert loaded.origins["server.graceful_timeout"] == str(file)
    assert loaded.origins["server.body_timeout"] == "environment variable PASSENGER_TRIO_SERVER__BODY_TIMEOUT"
    assert loaded.origins["server.port"] == "flag --port"


def test_a_flag_is_named_as_it_is_written(environ: dict[str, str]) -> None:
    assert load(environ=environ, flags={"server.log_level": "debug"}).origins["server.log_level"] == "flag --log-level"


def test_the_origin_of_every_key_is_known(environ: dict[str, str]) -> None:
    keys = {f"{section}.{key}" for section, kind in config.SECTIONS.items() for key in kind.__struct_fields__}

    assert load(environ=environ).origins.keys() == keys


def test_a_named_file_takes_the_place_of_the_users(folder: Path, environ: dict[str, str], tmp_path: Path) -> None:
    (folder / "config.toml").write_text("[server]\nport = 1\n")
    other = tmp_path / "other.toml"
    other.write_text("[server]\nhost = '::1'\n")

    loaded = load(other, environ=environ)

    assert (loaded.config.server.port, loaded.config.server.host, loaded.file) == (8081, "::1", other)


def test_a_file_in_the_working_directory_is_not_read(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloned = tmp_path / "cloned"
    cloned.mkdir()
    (cloned / "config.toml").write_text("[github]\ncopilot_token_url = 'https://evil.example'\n")
    monkeypatch.chdir(cloned)

    assert load(environ=environ).config == Config()


@pytest.mark.parametrize(
    "environ, expected",
    [
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/passenger-trio"),
        ({"XDG_CONFIG_HOME": "", "HOME": "/h"}, "/h/.config/passenger-trio"),
        ({"XDG_CONFIG_HOME": "relative", "HOME": "/h"}, "/h/.config/passenger-trio"),
        ({"HOME": "/h"}, "/h/.config/passenger-trio"),
    ],
)
def test_the_configuration_directory_is_xdgs(environ: dict[str, str], expected: str) -> None:
    assert config_directory(environ) == Path(expected)


@pytest.mark.parametrize(
    "environ, expected",
    [
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/passenger-trio"),
        ({"XDG_CACHE_HOME": "relative", "XDG_CONFIG_HOME": "/c", "HOME": "/h"}, "/h/.cache/passenger-trio"),
    ],
)
def test_the_cache_directory_is_xdgs(environ: dict[str, str], expected: str) -> None:
    assert cache_directory(environ) == Path(expected)


def test_without_home_the_systems_word_counts() -> None:
    assert config_directory({}) == Path.home() / ".config" / "passenger-trio"
    assert cache_directory({}) == Path.home() / ".cache" / "passenger-trio"


# Files


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="--config") as caught:
        load(tmp_path / "nowhere.toml", environ=environ)

    assert str(tmp_path / "nowhere.toml") in caught.value.message


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, environ={})


def test_a_file_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"[server]\nhost = '\xff'\n")

    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "c.toml", environ={})


@pytest.mark.parametrize(
    "text, message",
    [
        ("[server\n", "The configuration file FILE is not valid TOML: "),
        ("server = 5\n", "FILE: `server` is a section; write [server] above its keys."),
        ("[server]\nprot = 1\n", "FILE: unknown key `server.prot`. Did you mean `server.port`?"),
        ("[serverr]\nport = 1\n", "FILE: unknown key `serverr.port`. Did you mean `server.port`?"),
        ("[webserver]\nport = 1\n", "FILE: unknown key `webserver.port`. Did you mean `server.port`?"),
        ("port = 1\n", "FILE: unknown key `port`. Did you mean `server.port`?"),
        ("[proxy]\n", "FILE: unknown key `proxy`. Known sections are github, copilot, server, tokens, models;"),
        ("xyzzy = 1\n", "FILE: unknown key `xyzzy`. Known sections are github, copilot, server, tokens, models;"),
        ("[server.port]\nx = 1\n", "FILE: `server.port` is wrong: expected `int`, got `object`."),
        ("[server]\nport = '1'\n", "FILE: `server.port` is wrong: expected `int`, got `str`."),
        ("[server]\nport = 65536\n", "FILE: `server.port` is wrong: expected `int` <= 65535."),
        ("[server]\nport = true\n", "FILE: `server.port` is wrong: expected `int`, got `bool`."),
        ("[server]\nmax_body_mib = 0\n", "FILE: `server.max_body_mib` is wrong: expected `int` >= 1."),
        ("[server]\nlog_level = 'loud'\n", "FILE: `server.log_level` is wrong: invalid enum value 'loud'."),
        ("[server]\napi_key = 5\n", "FILE: `server.api_key` is wrong: expected `str`."),
        ("[server]\nallowed_hosts = 'a,b'\n", "FILE: `server.allowed_hosts` is wrong: expected `array`, got `str`."),
        ("[server]\nallowed_hosts = [1]\n", "FILE: `server.allowed_hosts` is wrong: expected `str`, got `int`"),
        ("[copilot]\nread_timeout = 0\n", "FILE: `copilot.read_timeout` is wrong: expected `float` > 0.0."),
        ("[copilot]\nread_timeout = nan\n", "FILE: `copilot.read_timeout` is wrong: "),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    assert refused(tmp_path / "c.toml", text).startswith(message)


@pytest.mark.parametrize("text", ["", "[server]\n", "[github]\n[copilot]\n[server]\n[tokens]\n", "# nothing\n"])
def test_a_file_may_say_nothing(text: str, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)

    assert load(file, environ={}) == Loaded(Config(), file, load(environ={"HOME": str(tmp_path)}).origins)


# Aliases


def test_aliases_are_names_and_what_they_mean(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[models.aliases]\n"gpt-4-turbo" = "gpt-4.1"\n"claude-*" = "claude-sonnet-4.5"\n"*" = "gpt-4o"\n')

    loaded = load(file, environ={})

    meant = {"gpt-4-turbo": "gpt-4.1", "claude-*": "claude-sonnet-4.5", "*": "gpt-4o"}
    assert loaded.config.models.aliases == meant
    assert loaded.origins["models.aliases"] == str(file)


def test_aliases_of_the_environment_take_the_place_of_the_files(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[models.aliases]\n"a" = "b"\n')

    loaded = load(file, environ={f"{VARIABLE}MODELS__ALIASES": "c=d"})

    assert loaded.config.models.aliases == {"c": "d"}


@pytest.mark.parametrize(
    "text, message",
    [
        ('[models.aliases]\n"a*b" = "c"\n', "is wrong at `a*b = c`: a `*` may only be at the end."),
        ('[models.aliases]\n"*a*" = "c"\n', "is wrong at `*a* = c`: a `*` may only be at the end."),
        ('[models.aliases]\n"" = "c"\n', "is wrong at ` = c`: a name and the id that it means are needed."),
        ('[models.aliases]\na = ""\n', "is wrong at `a = `: a name and the id that it means are needed."),
        ('[models.aliases]\nA = "b"\na = "c"\n', "is wrong at `a = c`: the name is there twice, and upper and lower"),
        ("[models.aliases]\na = 5\n", "is wrong: expected `str`, got `int` - at `$[...]`."),
        ('[models.aliases]\ngpt-4.1 = "x"\n', "is wrong: expected `str`, got `object` - at `$[...]`. Put a name with"),
        ('[models]\naliases = "a=b"\n', "is wrong: expected `object`, got `str`."),
    ],
)
def test_a_mistake_in_an_alias_is_told_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    assert refused(tmp_path / "c.toml", text).startswith(f"FILE: `models.aliases` {message}")


# URLs

URLS = ["github.device_code_url", "github.oauth_token_url", "github.copilot_token_url", "github.copilot_models_url",
        "copilot.api_base_url"]  # fmt: skip


def with_url(key: str, url: str) -> Config:
    return load(environ={"HOME": "/nowhere"}, flags={key: url}).config


@pytest.mark.parametrize("key", URLS)
@pytest.mark.parametrize(
    "url", ["http://example.com/x", "http://127.0.0.1.example.com", "http://localhost.example.com", "http://10.0.0.1"]
)
def test_no_token_travels_in_the_clear(key: str, url: str) -> None:
    with pytest.raises(ConfigError, match=f"`{key}` must be an https URL"):
        with_url(key, url)


@pytest.mark.parametrize("key", URLS)
@pytest.mark.parametrize("url", ["https://example.com/x", "http://127.0.0.1:9/x", "http://[::1]:9", "http://localhost"])
def test_https_and_this_machine_are_good(key: str, url: str) -> None:
    section, _, name = key.partition(".")

    assert getattr(getattr(with_url(key, url), section), name) == url


@pytest.mark.parametrize("key", URLS)
@pytest.mark.parametrize("url", ["example.com", "https://", "ftp://example.com", "https://[", "file:///etc/passwd"])
def test_what_is_no_url_is_refused(key: str, url: str) -> None:
    with pytest.raises(ConfigError, match=f"flag .*: `{key}` is not a URL"):
        with_url(key, url)


def test_only_the_url_of_the_models_may_be_empty() -> None:
    assert with_url("github.copilot_models_url", "").github.copilot_models_url == ""
    with pytest.raises(ConfigError, match="not a URL"):
        with_url("copilot.api_base_url", "")


# The environment


@pytest.mark.parametrize(
    "name, text, section, key, value",
    [
        ("SERVER__PORT", "9", "server", "port", 9),
        ("SERVER__API_KEY", "k", "server", "api_key", Secret("k")),
        ("SERVER__ALLOWED_HOSTS", "a, b ,,c", "server", "allowed_hosts", ("a", "b", "c")),
        ("SERVER__ALLOWED_ORIGINS", "", "server", "allowed_origins", ()),
        ("SERVER__LOG_LEVEL", "error", "server", "log_level", "error"),
        ("SERVER__OLLAMA", "true", "server", "ollama", True),
        ("COPILOT__READ_TIMEOUT", "2.5", "copilot", "read_timeout", 2.5),
        ("COPILOT__EDITOR_VERSION", "5", "copilot", "editor_version", "5"),
        ("TOKENS__ACCESS_TOKEN_PATH", "/a,b", "tokens", "access_token_path", "/a,b"),
        (
            "MODELS__ALIASES",
            "gpt-4=gpt-4.1, claude-* = x ,,",
            "models",
            "aliases",
            {"gpt-4": "gpt-4.1", "claude-*": "x"},
        ),
        ("MODELS__ALIASES", "", "models", "aliases", {}),
    ],
)
def test_text_from_the_environment_becomes_a_value(name: str, text: str, section: str, key: str, value: Any) -> None:
    loaded = load(environ={"HOME": "/nowhere", VARIABLE + name: text})

    assert getattr(getattr(loaded.config, section), key) == value
    assert loaded.origins[f"{section}.{key}"] == f"environment variable {VARIABLE}{name}"


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("SERVER__PROT", "9", "unknown key `server.prot`. Did you mean `server.port`?"),
        ("PORT", "9", "unknown key `port`. Did you mean `server.port`?"),
        ("SERVER_PORT", "9", "unknown key `server_port`. Did you mean `server.port`?"),
        ("SERVER__PORT", "nine", "`server.port` is wrong: expected `int`, got `str`."),
        ("SERVER__PORT", "", "`server.port` is wrong: expected `int`, got `str`."),
        (
            "MODELS__ALIASES",
            "gpt-4",
            "`models.aliases` is wrong at `gpt-4 = `: a name and the id that it means are needed.",
        ),
        ("GITHUB__OAUTH_TOKEN_URL", "http://x.example", "`github.oauth_token_url` must be an https URL"),
    ],
)
def test_a_mistake_in_the_environment_is_told_with_its_name(name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environ={"HOME": "/nowhere", VARIABLE + name: text})

    assert caught.value.message.startswith(f"environment variable {VARIABLE}{name}: {message}")


def test_a_mistake_in_a_flag_is_told_with_its_name() -> None:
    with pytest.raises(ConfigError, match=r"^flag --port: `server\.port` is wrong: expected `int` >= 0\.$"):
        load(environ={"HOME": "/nowhere"}, flags={"server.port": -1})


# Ollama's own variable


@pytest.mark.parametrize(
    "text, pages",
    [
        ("https://a.example", ("https://a.example",)),
        (" chrome-extension://* , ,http://*.b.example", ("chrome-extension://*", "http://*.b.example")),
        ('"*"', ("*",)),
        ("", ()),
    ],
)
def test_ollamas_origins_are_allowed(text: str, pages: tuple[str, ...]) -> None:
    loaded = load(environ={"HOME": "/nowhere", "OLLAMA_ORIGINS": text})

    assert loaded.config.server.allowed_origins == pages
    origin = "environment variable OLLAMA_ORIGINS" if pages else "default"
    assert loaded.origins["server.allowed_origins"] == origin


def test_ollamas_origins_are_added_to_our_own_and_take_nobodys_place() -> None:
    ours = f"{VARIABLE}SERVER__ALLOWED_ORIGINS"

    loaded = load(environ={"HOME": "/nowhere", ours: "https://a.example", "OLLAMA_ORIGINS": "app://b"})

    assert loaded.config.server.allowed_origins == ("https://a.example", "app://b")
    assert loaded.origins["server.allowed_origins"] == (
        f"environment variable {ours}, environment variable OLLAMA_ORIGINS"
    )


# Secrets


def test_a_key_is_shown_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[server]\napi_key = 'hush-hush'\n")
    loaded = load(file, environ={})

    assert loaded.config.server.api_key.reveal() == "hush-hush"
    assert "hush" not in f"{loaded!r} {loaded.config} {loaded.config.server!r}"
    assert "[secret]" in repr(loaded.config)


def test_a_configuration_is_not_changed_behind_anyones_back() -> None:
    with pytest.raises(AttributeError):
        Config().server.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "host, expected",
    [
        ("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("[::1]", True), ("localhost", True),
        ("LOCALHOST", True), ("app.localhost", True),
        ("0.0.0.1", False), ("::", False), ("", False), ("10.0.0.1", False), ("localhost.example.com", False),
        ("notlocalhost", False), ("example.com", False), ("127.0.0.1.example.com", False),
    ],
)  # fmt: skip
def test_loopback_is_this_machine_and_no_other(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


# The file that is shipped


def test_the_shipped_file_shows_every_key_with_its_default_and_nothing_else() -> None:
    shown = tomllib.loads(SHIPPED.read_text())
    known = msgspec.json.decode(msgspec.json.encode(Config(), enc_hook=Secret.reveal))

    assert known.pop("login") == "", "a login is in the environment alone"
    assert shown == known


def test_the_shipped_file_is_the_default_configuration() -> None:
    loaded = load(SHIPPED, environ={})

    assert loaded.config == Config()
    assert set(loaded.origins.values()) == {str(SHIPPED)}


def test_every_key_of_the_shipped_file_is_explained() -> None:
    lines = SHIPPED.read_text().splitlines()
    blocks = [
        lines[at - 1]
        for at, line in enumerate(lines)
        if ("=" in line and not line.startswith("#")) or re.match(r"\[\w+\.", line)  # a key that is a table
    ]

    assert len(blocks) == len(load(environ={"HOME": "/nowhere"}).origins)
    assert not [line for line in blocks if not line or line.startswith("[")]


def test_the_examples_in_the_shipped_file_can_be_used_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(re.sub(r'^# (".*" = ".*")$', r"\1", SHIPPED.read_text(), flags=re.MULTILINE))
    [variable] = re.findall(r"^# (PASSENGER_TRIO_MODELS__ALIASES)='(.*)'$", SHIPPED.read_text(), re.MULTILINE)

    aliases = load(file, environ={}).config.models.aliases
    assert len(aliases) == 2
    assert load(environ={"HOME": str(tmp_path), variable[0]: variable[1]}).config.models.aliases == aliases


@given(st.text(max_size=20))
def test_no_text_of_an_address_can_do_harm(host: str) -> None:
    assert is_loopback(host) in {True, False}


# A login in the environment


def test_a_github_token_in_the_environment_is_the_login_and_shows_nowhere() -> None:
    loaded = load(environ={config.GITHUB_TOKEN: " ghu_abc\n"})

    assert loaded.config.login == Secret("ghu_abc")
    assert "ghu_abc" not in repr(loaded)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_variable_is_no_login(text: str) -> None:
    assert not load(environ={config.GITHUB_TOKEN: text}).config.login


@pytest.mark.parametrize("text", ["ghu_a b", "ghu_a\r\nX-Evil: 1", "ghu_\u00e4"])
def test_what_cannot_go_into_a_header_is_no_token_and_is_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match="PASSENGER_TRIO_GITHUB_TOKEN") as caught:
        load(environ={config.GITHUB_TOKEN: text})

    assert text not in caught.value.message
