"""The two token files: 0600 from birth, whole or not there, one writer at a time across processes.

``access_token.json`` is GitHub's OAuth answer, ``token.json`` the Copilot token with ``expires_at`` at its top: the
names and shapes of passenger-rs. Beside what GitHub said, ``token.json`` keeps when the token came and ends on this
machine's clock, and whose it is.

A link, another user's file, or what is no file at all is refused: whoever has put it there may read or choose tokens.
"""

import errno
import fcntl
import hashlib
import logging
import os
import stat
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Final, Protocol, TypeVar

import msgspec
import trio
import trio.to_thread

from passenger_trio import private
from passenger_trio.config import GITHUB_TOKEN, Config, at_home, config_directory
from passenger_trio.copilot import life
from passenger_trio.copilot.vault import Keyring
from passenger_trio.errors import NotLoggedIn, StoreError
from passenger_trio.secret import Secret, Unshown
from passenger_trio.wire import envelope, github

logger: Final = logging.getLogger("passenger_trio.copilot")

LOCK_WAIT: Final = 90.0
"""Seconds to wait for another process's lock: more than an exchange with all its timeouts takes."""

READ_WAIT: Final = 30.0
"""Seconds to wait for what is saved: a keyring may ask a person to unlock it first."""

LARGEST: Final = 1 << 20
"""Bytes of a token file that are read; ours have a few hundred."""

_LOCK_TICK: Final = 0.05
_T = TypeVar("_T")


class SavedToken(Unshown, msgspec.Struct, omit_defaults=True):
    """``token.json``. ``whose`` is a digest of the GitHub token that it was given for (:func:`whose`), from which that
    token cannot be told; passenger-rs has none of the last three.
    """

    token: Annotated[str, msgspec.Meta(pattern=r"^[!-~]+\Z")]
    expires_at: int
    refresh_in: int = 0
    endpoints: github.Endpoints | None = None
    sku: str | None = None
    local_expires_at: float | None = None
    local_issued_at: float | None = None
    whose: str | None = None

    def envelope(self) -> github.TokenEnvelope:
        """As GitHub answered it."""
        return github.TokenEnvelope(self.token, self.expires_at, self.refresh_in, self.endpoints, self.sku)


def whose(login: Secret) -> str:
    """What tells one login's Copilot token from another's."""
    return hashlib.sha256(f"passenger-trio: a Copilot token\0{login.reveal()}".encode()).hexdigest()[:32]


class _SavedLogin(Unshown, msgspec.Struct):
    access_token: Annotated[str, msgspec.Meta(pattern=r"^[!-~]+\Z")]
    token_type: str = "bearer"  # noqa: S105 - OAuth's word
    scope: str = ""


class Vault(Protocol):
    """What keeps the two: :class:`Files`, or :class:`~passenger_trio.copilot.vault.Keyring`."""

    def has(self, path: Path) -> bool: ...
    def read(self, path: Path) -> bytes | None: ...
    def write(self, path: Path, data: bytes) -> None: ...
    def delete(self, path: Path) -> bool: ...
    def check(self, path: Path) -> None: ...


class Files:
    """Files that are 0600 from birth. Every method may raise :class:`~passenger_trio.errors.StoreError`."""

    def has(self, path: Path) -> bool:
        """Whether anything is there, be it a link or another user's."""
        return os.path.lexists(path)

    def read(self, path: Path) -> bytes | None:
        """What is in the file, if there is one."""
        return _read(path)

    def write(self, path: Path, data: bytes) -> None:
        """Put ``data`` in place of the file."""
        _write(path, data)

    def delete(self, path: Path) -> bool:
        """Delete the file; returns whether there was one."""
        return _unlink(path)

    def check(self, path: Path) -> None:
        """Find out whether the file can be written."""
        _try_writing(path)


class TokenStore:
    """The files of one login. Every method may raise :class:`~passenger_trio.errors.StoreError` with the remedy.

    ``environment`` is the GitHub token of :data:`~passenger_trio.config.GITHUB_TOKEN`, if there is one: it is the login
    then, the saved one is not read, and it is never written.
    """

    def __init__(
        self, access_path: Path, copilot_path: Path, environment: Secret | None = None, vault: Vault | None = None
    ) -> None:
        self._vault: Vault = vault or Files()
        self._reading = trio.CapacityLimiter(1)
        self.access_path = access_path
        self.copilot_path = copilot_path
        self.environment = environment or None

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
            config.login,
            Keyring() if config.tokens.storage == "keyring" else None,
        )

    @property
    def login_place(self) -> str:
        """Where the login is, for people."""
        return f"environment variable {GITHUB_TOKEN}" if self.environment else self.place(self.access_path)

    def place(self, path: Path) -> str:
        """What is at ``path``, for people."""
        return f"{path} in the keyring" if isinstance(self._vault, Keyring) else str(path)

    async def read_access(self) -> Secret | None:
        """The GitHub token, or ``None`` when there is no file.

        Raises :class:`~passenger_trio.errors.NotLoggedIn` for one of a kind that is no login, which it names.
        """
        login = self.environment or await self._read_saved()
        if login is not None and (kind := life.wrong_kind(login.reveal())) is not None:
            remedy = life.remedy(environment=bool(self.environment))
            raise NotLoggedIn(
                f"What is in {self.login_place} is {kind}, for which GitHub gives no Copilot token. {remedy}",
                code="wrong_login",
            )
        return login

    async def has_login(self) -> bool:
        """Whether a login is saved, whatever it is."""
        return await self._looked(self._vault.read, self.access_path) is not None

    async def _looked(self, look: Callable[[Path], _T], path: Path) -> _T:
        """What ``look`` finds, which changes nothing: nobody waits for it longer than :data:`READ_WAIT`, or than
        until he is cancelled. There is one thread for it, however often it is tried."""
        with trio.move_on_after(READ_WAIT):
            return await trio.to_thread.run_sync(look, path, abandon_on_cancel=True, limiter=self._reading)
        hint = " Unlock the keyring: it may be asking for it in a window." if isinstance(self._vault, Keyring) else ""
        raise StoreError(f"{self.place(path)} could not be read within {READ_WAIT:.0f} seconds.{hint}")

    async def _read_saved(self) -> Secret | None:
        data = await self._looked(self._vault.read, self.access_path)
        if data is None:
            return None
        try:
            return Secret(msgspec.json.decode(data, type=_SavedLogin).access_token)
        except envelope.UNREADABLE:
            raise StoreError(
                f"{self.place(self.access_path)} is not a saved login. Delete it and run `passenger-trio login`."
            ) from None

    async def read_copilot(self) -> SavedToken | None:
        """The saved Copilot token, or ``None`` when there is none that can be read: it is easily had anew."""
        data = await self._looked(self._vault.read, self.copilot_path)
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=SavedToken)
        except envelope.UNREADABLE:
            return None

    async def check_writable(self) -> None:
        """Find out whether both files can be written and locked, before anything is asked for that is to be kept in
        them."""
        for path in (self.access_path, self.copilot_path):
            await self._looked(self._vault.check, path)
        await trio.to_thread.run_sync(_try_locking, self._lock_path)

    async def forget_copilot(self) -> None:
        """Delete ``token.json``, if it is there."""
        await trio.to_thread.run_sync(self._vault.delete, self.copilot_path)

    async def save_access(self, token: Secret) -> None:
        """Write ``access_token.json``."""
        data = msgspec.json.encode(_SavedLogin(token.reveal()))
        await trio.to_thread.run_sync(self._vault.write, self.access_path, data)

    async def save_copilot(self, token: SavedToken) -> None:
        """Write ``token.json``."""
        await trio.to_thread.run_sync(self._vault.write, self.copilot_path, msgspec.json.encode(token))

    async def clear(self) -> list[Path]:
        """Delete both files; returns those that were there. An exchange that is under way is waited for: its token
        would be saved after this."""
        if not any([await self._looked(self._vault.has, path) for path in (self.access_path, self.copilot_path)]):
            return []
        async with self.locked():
            return await trio.to_thread.run_sync(self._clear)

    def _clear(self) -> list[Path]:
        return [path for path in (self.access_path, self.copilot_path) if self._vault.delete(path)]

    @property
    def _lock_path(self) -> Path:
        return self.copilot_path.with_name(self.copilot_path.name + ".lock")

    @asynccontextmanager
    async def locked(self) -> AsyncGenerator[None]:
        """Hold the lock that all processes with these files share. Waits at most :data:`LOCK_WAIT` seconds."""
        path = self._lock_path
        file = await trio.to_thread.run_sync(_open_lock, path)
        try:
            deadline = trio.current_time() + LOCK_WAIT
            while not _try_lock(file, path):
                if trio.current_time() > deadline:
                    raise StoreError(f"Another passenger-trio has held {path} for over {LOCK_WAIT:.0f} s. Stop it.")
                await trio.sleep(_LOCK_TICK)
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
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            found = os.fstat(file)
            _refuse_strange(path, found)
            if stat.S_IMODE(found.st_mode) & 0o077:
                logger.warning("%s could be read by others; it is 0600 now", path)
                os.fchmod(file, 0o600)
            return os.read(file, LARGEST)
        finally:
            os.close(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _link(path) from None
        raise StoreError(f"{path} cannot be read: {error.strerror}. Check its owner and mode.") from error


def _link(path: Path) -> StoreError:
    return StoreError(
        f"{path} is a link, and tokens are not read or written through links. Delete it, or name the file that it "
        "leads to with --access-token-path or --copilot-token-path."
    )


def _refuse_strange(path: Path, found: os.stat_result) -> None:
    """Raises :class:`~passenger_trio.errors.StoreError` for what no passenger-trio of this user has written."""
    if stat.S_ISLNK(found.st_mode):
        raise _link(path)
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"{path} is no file. Delete it, or choose another place for the tokens.")
    if found.st_uid != os.geteuid():
        raise StoreError(
            f"{path} belongs to another user (uid {found.st_uid}, and this is {os.geteuid()}). Delete it and run "
            "`passenger-trio login`, or run passenger-trio as that user."
        )


def _refuse_strange_target(path: Path) -> None:
    with suppress(FileNotFoundError):
        _refuse_strange(path, path.lstat())


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{path} cannot be deleted: {error.strerror}.") from error
    return True


def _write(path: Path, data: bytes) -> None:
    try:
        _prepare(path.parent)
        _refuse_strange_target(path)
        private.write(path, data)
    except OSError as error:
        raise _unwritable(path, error) from error


def _try_writing(path: Path) -> None:
    try:
        _prepare(path.parent)
        _refuse_strange_target(path)
        with tempfile.TemporaryFile(dir=path.parent):
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
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _link(path) from None
        raise _unwritable(path, error) from error


def _try_lock(file: int, path: Path) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StoreError(
            f"{path} cannot be locked: {error.strerror}. The file system has to know locks (flock); choose a file on "
            "one that does with --copilot-token-path."
        ) from error
    return True


def _try_locking(path: Path) -> None:
    file = _open_lock(path)
    try:
        _try_lock(file, path)
    finally:
        os.close(file)
