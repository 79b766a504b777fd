"""What every test stands on: no user's files, no user's environment, no network but this machine's own."""

import os
from pathlib import Path

import pytest

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory; HOME and the XDG directories point into it. Returns it."""
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
        if name.startswith("PASSENGER_TRIO_") or name.upper() in _PROXIES or name == "NOTIFY_SOCKET":
            monkeypatch.delenv(name)
    return directory
