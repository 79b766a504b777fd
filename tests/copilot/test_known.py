"""The list of models on disk: whose it is, who can read it, and what is in it."""

import stat
from pathlib import Path

import msgspec
import pytest

from passenger_trio.config import Config, cache_directory, load
from passenger_trio.copilot.catalogue import parse
from passenger_trio.copilot.known import KnownList
from passenger_trio.errors import ConfigError, StoreError
from passenger_trio.secret import Secret
from passenger_trio.wire.models import Model

SAMPLES = Path(__file__).parent.parent / "samples" / "copilot"
LOGIN = "ghu_" + "a" * 36
MODELS = parse((SAMPLES / "models_list.json").read_bytes())


def known_of(path: Path, *, login: str | None = LOGIN, addresses: tuple[str, ...] = ("https://api",)) -> KnownList:
    async def read() -> Secret | None:
        return Secret(login) if login is not None else None

    return KnownList(path, addresses, read)


def known_list_of(config: Config) -> KnownList:
    async def login() -> Secret:
        return Secret(LOGIN)

    return KnownList.of(config, login)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


@pytest.mark.parametrize("name", ["models_list.json", "models_list_token_prices.json"])
async def test_what_was_kept_is_read_again_whole(tmp_path: Path, name: str) -> None:
    models = parse((SAMPLES / name).read_bytes())
    await known_of(tmp_path / "models.json").keep(models)

    assert await known_of(tmp_path / "models.json").read() == models


async def test_the_file_is_its_owners_alone_and_lies_in_the_cache(home: Path) -> None:
    async def login() -> Secret:
        return Secret(LOGIN)

    known = KnownList.of(load(environ={}).config, login)
    await known.keep(MODELS)

    assert known.path == home / ".cache" / "passenger-trio" / "models.json"
    assert mode(known.path) == 0o600
    assert mode(known.path.parent) == 0o700
    assert names_in(known.path.parent) == ["models.json"]


async def test_a_cache_directory_of_ours_that_others_could_read_is_closed_to_them() -> None:
    directory = cache_directory()
    directory.mkdir(mode=0o755, parents=True)

    await known_of(directory / "models.json").keep(MODELS)

    assert mode(directory) == 0o700


async def test_another_path_can_be_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def login() -> Secret:
        return Secret(LOGIN)

    monkeypatch.setenv("HOME", str(tmp_path))
    config = load(environ={}, flags={"models.cache_path": "~/there/list"}).config
    await KnownList.of(config, login).keep(MODELS)

    assert await known_of(tmp_path / "there" / "list").read() == []  # it is of other addresses
    assert await KnownList.of(config, login).read() == MODELS


async def test_neither_login_nor_anything_that_is_not_read_of_a_model_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    [model] = parse(b'{"data":[{"id":"m","vendor":"V","secret_of_the_wire":"tid=1","object":"model"}]}')
    await known_of(path).keep([model])

    text = path.read_text()
    assert LOGIN not in text
    assert "tid=" not in text
    kept = msgspec.json.decode(text)
    assert kept.keys() == {"form", "whose", "models"}
    assert set(kept["models"][0]) == set(Model.__struct_fields__)


@pytest.mark.parametrize(
    "reader",
    [
        {"login": "ghu_" + "b" * 36},
        {"login": None},
        {"addresses": ("https://other",)},
        {"addresses": ("https://api", "https://models")},
    ],
    ids=str,
)
async def test_a_list_is_shown_to_nobody_but_whose_it_is(tmp_path: Path, reader: dict[str, object]) -> None:
    await known_of(tmp_path / "models.json").keep(MODELS)

    assert await known_of(tmp_path / "models.json", **reader).read() == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "flags",
    [
        {"copilot.api_base_url": "http://127.0.0.1:1"},
        {"github.copilot_models_url": "https://models.dev/api.json"},
        {"github.copilot_token_url": "http://127.0.0.1:1/copilot_internal/v2/token"},
    ],
    ids=str,
)
async def test_a_list_is_of_the_addresses_that_it_came_from(flags: dict[str, object]) -> None:
    async def login() -> Secret:
        return Secret(LOGIN)

    await KnownList.of(Config(), login).keep(MODELS)

    assert await KnownList.of(load(environ={}, flags=flags).config, login).read() == []
    assert await KnownList.of(Config(), login).read() == MODELS


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"form":"1"}', b'{"form":"1","whose":"x","models":[{}]}', b"\xff\xfe"]
)
async def test_a_broken_or_foreign_file_is_no_list_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "models.json"
    path.write_bytes(content)

    assert await known_of(path).read() == []
    assert str(path) in caplog.text


async def test_another_versions_form_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    await known_of(path).keep(MODELS)
    path.write_bytes(path.read_bytes().replace(b'"form":"1"', b'"form":"2"'))

    assert await known_of(path).read() == []


async def test_no_file_is_no_list_and_nothing_to_speak_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert await known_of(tmp_path / "models.json").read() == []
    assert caplog.records == []


async def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert await known_of(tmp_path).read() == []
    assert "cannot be read" in caplog.text


async def test_a_list_that_cannot_be_kept_is_told_once_and_leaves_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache" / "models.json"
    path.mkdir(parents=True)
    known = known_of(path)

    await known.keep(MODELS)
    await known.keep(MODELS)

    assert caplog.text.count("cannot be kept") == 1
    assert names_in(path.parent) == ["models.json"]


async def test_without_a_login_that_can_be_read_nothing_is_kept(tmp_path: Path) -> None:
    async def unreadable() -> Secret:
        raise StoreError("no")

    await known_of(tmp_path / "models.json", login=None).keep(MODELS)
    await KnownList(tmp_path / "models.json", (), unreadable).keep(MODELS)

    assert not (tmp_path / "models.json").exists()


async def test_a_link_to_a_file_elsewhere_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "models.json").symlink_to(tmp_path / "there" / "list")

    await known_of(tmp_path / "models.json").keep(MODELS)

    assert (tmp_path / "models.json").is_symlink()
    assert (tmp_path / "there" / "list").is_file()


async def test_a_path_in_the_home_of_nobody_is_a_mistake_in_the_configuration() -> None:
    config = load(environ={}, flags={"models.cache_path": "~nobody-at-all/list"}).config

    with pytest.raises(ConfigError, match=r"`models.cache_path` is wrong: ~nobody-at-all/list"):
        known_list_of(config)


async def test_without_a_login_the_file_is_nobodys_and_not_complained_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await known_of(tmp_path / "models.json").keep(MODELS)
    caplog.set_level("INFO")

    assert await known_of(tmp_path / "models.json", login=None).read() == []
    assert caplog.records == []
