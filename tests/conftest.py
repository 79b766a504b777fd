"""What every test stands on: no user's files, no user's environment, no network but this machine's own."""

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_OTHERS = ("NOTIFY_SOCKET", "OLLAMA_HOST", "OLLAMA_ORIGINS")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one authority that is believed here. To read all those of the world takes longer than most tests do."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: Path) -> Path:
    """An empty home directory; HOME and the XDG directories point into it. Returns it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    directory = tmp_path / "home"
    directory.mkdir()
    monkeypatch.setenv("HOME", str(directory))
    for name, place in (
        ("CONFIG", ".config"),
        ("DATA", ".local/share"),
        ("STATE", ".local/state"),
        ("CACHE", ".cache"),
    ):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(directory / place))
    for name in list(os.environ):
        if name.startswith("PASSENGER_TRIO_") or name.upper() in _PROXIES or name in _OTHERS:
            monkeypatch.delenv(name)
    return directory


_SECRETS = re.compile(r"gh[a-z]_[A-Za-z0-9]{30,}|tid=[0-9a-f]{32}|pt-[A-Za-z0-9_-]{43}")


class _Listener(logging.Handler):
    """Keeps whatever looks like a token of GitHub's or Copilot's in what is logged, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard += _SECRETS.findall(logging.Formatter().format(record))


@pytest.fixture(autouse=True)
def log_without_secrets(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test runs with the house's loggers and those under it at debug level, and none may write a token."""
    listener = _Listener()
    loggers = [logging.getLogger(name) for name in ("passenger_trio", "httpx", "httpcore", "hypercorn", "quart.app")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(listener)
        logger.setLevel(logging.DEBUG)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(listener)
        logger.setLevel(level)
    assert listener.heard == [], f"{request.node.name} logged a token"
