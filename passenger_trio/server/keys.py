"""The keys by which clients are known: a file of their hashes, and who among the callers has one.

A key is 256 random bits, so a plain SHA-256 of it is enough: there is nothing to guess, and nothing to slow down. The
file is 0600 and replaced whole, under a lock that all processes share; a running server looks whether it has changed.
"""

import fcntl
import hashlib
import hmac
import logging
import math
import os
import re
import secrets
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import trio

from passenger_trio import private
from passenger_trio.config import Server, config_directory, is_loopback
from passenger_trio.errors import ConfigError, StoreError
from passenger_trio.secret import Secret

logger: Final = logging.getLogger("passenger_trio.server")

PREFIX: Final = "pt-"
"""How every key of ours begins, so that a lost one is recognised."""

CONFIGURED: Final = "api_key"
"""The name, in the log, of the key that stands in the configuration."""

LOOK_EVERY: Final = 0.5
"""Seconds at most until a running server knows of a key that was added or revoked."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")

Stamp = tuple[int, ...] | None
"""What tells one version of the file from the next; ``None`` when there is none."""


class Key(msgspec.Struct, frozen=True):
    """A key as it is kept. ``created`` is unix seconds."""

    name: str
    sha256: str
    created: int = 0


class _File(msgspec.Struct):
    keys: list[Key]


class KeyStore:
    """``keys.json``. Every method may raise :class:`~passenger_trio.errors.StoreError` with the remedy."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or config_directory() / "keys.json"

    def read(self) -> list[Key]:
        """The keys, in the order in which they were added."""
        try:
            data = self.path.read_bytes()
            if self.path.stat().st_mode & 0o077:
                logger.warning("%s could be changed or read by others; it is 0600 now", self.path)
                self.path.chmod(0o600)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error.strerror}. Check its owner and mode.") from error
        try:
            return msgspec.json.decode(data, type=_File).keys
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise StoreError(
                f"{self.path} is no file of keys. Delete it, and make new keys with `passenger-trio keys add NAME`."
            ) from None

    def stamp(self) -> Stamp:
        """Which version of the file is there."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error.strerror}. Check its owner and mode.") from error
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

    def add(self, name: str, *, now: int) -> Secret:
        """Make a key and keep its hash; what is returned is nowhere else.

        Raises :class:`~passenger_trio.errors.ConfigError` for a name that is taken or cannot be one.
        """
        if not _NAME.fullmatch(name) or name == CONFIGURED:
            raise ConfigError(
                f"{name!r} cannot be the name of a key. Choose 1 to 64 letters, digits, dots, dashes, underscores or @."
            )
        with self._locked():
            keys = self.read()
            if any(key.name == name for key in keys):
                raise ConfigError(
                    f"There is a key of the name {name} already. Choose another name, or take that one back first "
                    f"with `passenger-trio keys revoke {name}`."
                )
            key = f"{PREFIX}{secrets.token_urlsafe(32)}"
            self._write([*keys, Key(name, _digest(key.encode()).hex(), now)])
        return Secret(key)

    def revoke(self, name: str) -> None:
        """Take a key back. Raises :class:`~passenger_trio.errors.ConfigError` where there is none of that name."""
        with self._locked():
            keys = self.read()
            kept = [key for key in keys if key.name != name]
            if len(kept) == len(keys):
                raise ConfigError(f"There is no key of the name {name!r}. `passenger-trio keys list` shows them all.")
            self._write(kept)

    @contextmanager
    def _locked(self) -> Generator[None]:
        """Hold the lock of the file. Whoever has it lets it go within a moment."""
        try:
            directory = self.path.parent
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(directory / f"{self.path.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:  # some file systems have no locks
                raise self._unwritable(error) from error
            yield
        finally:
            os.close(file)  # which lets the lock go

    def _write(self, keys: list[Key]) -> None:
        data = msgspec.json.format(msgspec.json.encode(_File(keys)), indent=2) + b"\n"
        try:
            private.write(self.path.resolve(), data)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(f"{self.path} cannot be written: {error.strerror}. Make its directory writable.")


def needs_key(server: Server) -> bool:
    """Whether clients must send a key: where others could reach the server, and where it is wished."""
    return server.require_key or bool(server.api_key) or not is_loopback(server.host)


class Keys:
    """The keys of a running server: that of the configuration, and those of the file as it is now."""

    def __init__(self, server: Server, store: KeyStore | None = None) -> None:
        self.required = needs_key(server)
        self._store = store or KeyStore()
        own = server.api_key.reveal().encode()
        self._own: list[tuple[str, bytes]] = [(CONFIGURED, _digest(own))] if own else []
        self._known = self._own
        self._stamp: Stamp = None
        self._failed: tuple[Stamp] | None = None
        self._looked = -math.inf
        self._looking = trio.Lock()

    async def holder(self, offered: Sequence[str]) -> str | None:
        """The name of the key that is among ``offered``, header values as Quart reads them (Latin-1)."""
        if not offered:
            return None
        if trio.current_time() >= self._looked + LOOK_EVERY:
            await self._look()
        # a key outside of ASCII, which a configured one may be, comes as UTF-8
        digests = [_digest(key.encode("latin-1", "replace")) for key in offered]
        return _holder(digests, self._known)

    async def _look(self) -> None:
        """See whether the file has changed, in a thread: it may lie on a slow disk. Cancelling it changes nothing."""
        async with self._looking:
            if trio.current_time() < self._looked + LOOK_EVERY:
                return  # somebody else was first
            found = await trio.to_thread.run_sync(self._changed, abandon_on_cancel=True)
            if found is not None:
                self._stamp, keys = found
                self._known = [*self._own, *keys]
            self._looked = trio.current_time()

    def _changed(self) -> tuple[Stamp, list[tuple[str, bytes]]] | None:
        """The file's version and its keys, if they are others than before. A file that cannot be read has none, and no
        version either: the next look reads it again, since it may have been this process that was short of something.
        """
        stamp: Stamp = ()
        try:
            stamp = self._store.stamp()
            if stamp == self._stamp:
                return None
            keys = list(_digests(self._store.read()))
        except StoreError as error:
            if self._failed != (stamp,):
                logger.error("%s Until then no key of that file is taken.", error.message)  # noqa: TRY400
            self._failed = (stamp,)
            return (), []
        self._failed = None
        return stamp, keys


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _digests(keys: Iterable[Key]) -> Generator[tuple[str, bytes]]:
    for key in keys:
        with suppress(ValueError):  # by hand, and no hash: nobody's
            yield key.name, bytes.fromhex(key.sha256)


def _holder(digests: Sequence[bytes], known: Sequence[tuple[str, bytes]]) -> str | None:
    """Whose key it is, in a time that does not tell how near it was or where it stands in the list."""
    found = None
    for digest in digests:
        for name, right in known:
            if hmac.compare_digest(digest, right):
                found = name
    return found
