"""Where token files are when they are no files: in the keyring of the operating system.

The ``keyring`` package is imported when it is first needed, and only where the configuration asks for it. Where it does
not work the answer is an error: tokens never go into a file instead.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar

from passenger_trio.errors import StoreError

SERVICE: Final = "passenger-trio"
"""The name of our entries in the keyring; the path that a file would have had is the user's name in each."""

RECOMMENDED: Final = 1
"""The least priority of a backend that the package recommends; below are those that keep plain text, or nothing."""

_T = TypeVar("_T")
_FILES: Final = 'set `storage = "file"` under [tokens] in config.toml'


class Keyring:
    """The entries of the keyring. Every method may raise :class:`~passenger_trio.errors.StoreError`, and may block for
    as long as a person takes to unlock it.
    """

    def has(self, path: Path) -> bool:
        """Whether anything is kept for ``path``."""
        return self.read(path) is not None

    def read(self, path: Path) -> bytes | None:
        """What is kept for ``path``, if anything is."""
        found: str | None = _asking(lambda ring: ring.get_password(SERVICE, str(path)))
        return None if found is None else found.encode()

    def write(self, path: Path, data: bytes) -> None:
        """Keep ``data`` for ``path``, in place of what was there."""
        _asking(lambda ring: ring.set_password(SERVICE, str(path), data.decode()))

    def delete(self, path: Path) -> bool:
        """Forget what is kept for ``path``; returns whether there was anything."""
        if not self.has(path):
            return False
        _asking(lambda ring: ring.delete_password(SERVICE, str(path)))
        return True

    def check(self, path: Path) -> None:
        """Find out whether the keyring can be used."""
        self.read(path)


def _asking(ask: Callable[[Any], _T]) -> _T:
    """What ``ask`` makes of the backend. Whatever goes wrong in it is the keyring's, and its words are not repeated."""
    try:
        backend: Any = import_module("keyring").get_keyring()
    except ImportError:
        raise StoreError(
            "The tokens are to be in the keyring, and the package for it is not installed: install "
            f"`passenger-trio[keyring]`, or {_FILES}."
        ) from None
    name = f"{type(backend).__module__}.{type(backend).__name__}"
    try:
        if backend.priority >= RECOMMENDED:
            return ask(backend)
    except Exception as error:
        raise StoreError(
            f"The keyring ({name}) cannot be used: {type(error).__name__}. Unlock or start it, or {_FILES}."
        ) from error
    raise StoreError(f"There is no keyring here that keeps secrets ({name}). Start one, or {_FILES}.")
