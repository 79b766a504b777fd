"""The two token files: 0600 from birth, whole or not there, one writer at a time across processes.

``access_token.json`` is GitHub's OAuth answer, ``token.json`` the Copilot token with ``expires_at`` at its top: the
names and shapes of passenger-rs. Beside what GitHub said, ``token.json`` keeps ``local_expires_at``, the end of the
token's life on this machine's clock.
"""

import errno
import fcntl
import logging
import os
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import anyio.to_thread
import msgspec
import trio

from passenger_trio.config import Config, at_home, config_directory
from passenger_trio.errors import StoreError
from passenger_trio.secret import Secret
from passenger_trio.wire import envelope, github

logger: Final = logging.getLogger("passenger_trio.copilot")

LOCK_WAIT: Final = 90.0
"""Seconds to wait for another process's lock: more than an exchange with all its timeouts takes."""


class SavedToken(msgspec.Struct, omit_defaults=True):
    """``token.json``."""

    token: str
    expires_at: int
    refresh_in: int = 0
    endpoints: github.Endpoints | None = None
    sku: str | None = None
    local_expires_at: float | None = None

    def envelope(self) -> github.TokenEnvelope:
        """As GitHub answered it."""
        return github.TokenEnvelope(self.token, self.expires_at, self.refresh_in, self.endpoints, self.sku)


class _SavedLogin(msgspec.Struct):
    access_token: str
    token_type: str = "bearer"  # noqa: S105 - OAuth's word
    scope: str = ""


class TokenStore:
    """The files of one login. Every method may raise :class:`~passenger_trio.errors.StoreError` with the remedy."""

    def __init__(self, access_path: Path, copilot_path: Path) -> None:
        self.access_path = access_path
        self.copilot_path = copilot_path

    @classmethod
    def of(cls, config: Config) -> "TokenStore":
        """Where the configuration says, else in the configuration directory; raises as
        :func:`~passenger_trio.config.at_home`.
        """
        access, copilot = config.tokens.access_token_path, config.tokens.copilot_token_path
        directory = config_directory()
        return cls(
            at_home(access, "tokens.access_token_path") if access else directory / "access_token.json",
            at_home(copilot, "tokens.copilot_token_path") if copilot else directory / "token.json",
        )

    async def read_access(self) -> Secret | None:
        """The GitHub token, or ``None`` when there is no file."""
        data = await anyio.to_thread.run_sync(_read, self.access_path)
        if data is None:
            return None
        try:
            return Secret(msgspec.json.decode(data, type=_SavedLogin).access_token)
        except envelope.UNREADABLE:
            raise StoreError(
                f"{self.access_path} is not a saved login. Delete it and run `passenger-trio login`."
            ) from None

    async def read_copilot(self) -> SavedToken | None:
        """The saved Copilot token, or ``None`` when there is none that can be read: it is easily had anew."""
        data = await anyio.to_thread.run_sync(_read, self.copilot_path)
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=SavedToken)
        except envelope.UNREADABLE:
            return None

    async def check_writable(self) -> None:
        """Find out whether both files can be written, before anything is asked for that is to be kept in them."""
        for path in (self.access_path, self.copilot_path):
            await anyio.to_thread.run_sync(_try_writing, path)

    async def save_access(self, token: Secret) -> None:
        """Write ``access_token.json``."""
        data = msgspec.json.encode(_SavedLogin(token.reveal()))
        await anyio.to_thread.run_sync(_write, self.access_path, data)

    async def save_copilot(self, token: SavedToken) -> None:
        """Write ``token.json``."""
        await anyio.to_thread.run_sync(_write, self.copilot_path, msgspec.json.encode(token))

    async def clear(self) -> list[Path]:
        """Delete both files; returns those that were there."""
        return await anyio.to_thread.run_sync(self._clear)

    def _clear(self) -> list[Path]:
        gone: list[Path] = []
        for path in (self.access_path, self.copilot_path):
            try:
                path.unlink()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(f"{path} cannot be deleted: {error.strerror}.") from error
            gone.append(path)
        return gone

    @asynccontextmanager
    async def locked(self) -> AsyncGenerator[None]:
        """Hold the lock that all processes with these files share. Waits at most :data:`LOCK_WAIT` seconds."""
        path = self.copilot_path.with_name(self.copilot_path.name + ".lock")
        file = await anyio.to_thread.run_sync(_open_lock, path)
        try:
            deadline = trio.current_time() + LOCK_WAIT
            while not _try_lock(file):
                if trio.current_time() > deadline:
                    raise StoreError(f"Another passenger-trio has held {path} for over {LOCK_WAIT:.0f} s. Stop it.")
                await trio.sleep(0.05)
            yield
        finally:
            os.close(file)  # which lets the lock go


def _prepare(directory: Path) -> None:
    """Directories that we make are 0700, and so is our own, whoever made it."""
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory == config_directory() and directory.stat().st_mode & 0o077:
        directory.chmod(0o700)


def _read(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
        if path.stat().st_mode & 0o077:
            logger.warning("%s could be read by others; it is 0600 now", path)
            path.chmod(0o600)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}. Check its owner and mode.") from error
    return data


def _write(path: Path, data: bytes) -> None:
    target = path.resolve()
    try:
        _prepare(target.parent)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # 0600 by its nature
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise _unwritable(path, error) from error


def _try_writing(path: Path) -> None:
    target = path.resolve()
    try:
        _prepare(target.parent)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path} cannot be written: {error.strerror}. Make its directory writable, or choose other files with "
        "--access-token-path and --copilot-token-path."
    )


def _open_lock(path: Path) -> int:
    try:
        _prepare(path.parent)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from error


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
