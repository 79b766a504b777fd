"""The last known list of models, on disk: what is shown while Copilot cannot be reached.

One file in the user's cache directory, 0600 and replaced whole. In it are the models as we read them, and whose they
are as a digest of the addresses and the login: neither a token nor a name, and enough never to show one account's list,
or the simulator's, to another.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import anyio.to_thread
import msgspec

from passenger_trio import private
from passenger_trio.config import Config, at_home, cache_directory
from passenger_trio.errors import PassengerError
from passenger_trio.secret import Secret
from passenger_trio.wire import envelope
from passenger_trio.wire.models import Model

logger: Final = logging.getLogger("passenger_trio.copilot")

_FORM: Final = "1"
"""Of the file. Another program's, or another version's, is not read."""


class _Kept(msgspec.Struct):
    """``models.json``."""

    form: str
    whose: str
    models: list[Model]


class KnownList:
    """The file of one configuration. No method raises: to have no list at hand is no reason to fail.

    ``addresses`` are where the list comes from, ``login`` gives the GitHub token of the moment.
    """

    def __init__(self, path: Path, addresses: Sequence[str], login: Callable[[], Awaitable[Secret | None]]) -> None:
        self.path = path
        self._addresses = addresses
        self._login = login
        self._complained = False

    @classmethod
    def of(cls, config: Config, login: Callable[[], Awaitable[Secret | None]]) -> "KnownList":
        """Where the configuration says, else in the cache directory; raises as
        :func:`~passenger_trio.config.at_home`.
        """
        path = config.models.cache_path
        addresses = (config.github.copilot_token_url, config.copilot.api_base_url, config.github.copilot_models_url)
        file = at_home(path, "models.cache_path") if path else cache_directory() / "models.json"
        return cls(file, addresses, login)

    async def read(self) -> list[Model]:
        """The models that were kept for this account; none when there are none that can be read."""
        try:
            data = await anyio.to_thread.run_sync(self.path.read_bytes)
        except FileNotFoundError:
            return []
        except OSError as error:
            logger.warning("the known list of models in %s cannot be read: %s", self.path, error.strerror)
            return []
        try:
            kept = msgspec.json.decode(data, type=_Kept)
        except envelope.UNREADABLE:
            logger.warning("%s is no list of models of ours, and is not used", self.path)
            return []
        whose = await self._whose()
        if not whose:
            return []  # nobody's: there is no login
        if kept.form != _FORM or kept.whose != whose:
            logger.info("the known list of models in %s is another account's, and is not used", self.path)
            return []
        return kept.models

    async def keep(self, models: Sequence[Model]) -> None:
        """Write the list, in place of what was there. Not being able to is logged once."""
        whose = await self._whose()
        if not whose:
            return
        data = msgspec.json.encode(_Kept(_FORM, whose, list(models)))
        try:
            await anyio.to_thread.run_sync(_write, self.path, data)
        except OSError as error:
            if not self._complained:
                logger.warning(
                    "the list of models cannot be kept for times without Copilot: %s: %s", self.path, error.strerror
                )
            self._complained = True

    async def _whose(self) -> str:
        """A digest of the addresses and the login, from which neither can be told; empty without a login."""
        try:
            login = await self._login()
        except PassengerError:
            login = None
        if login is None:
            return ""
        words = "\0".join(("passenger-trio: the list of models", *self._addresses, login.reveal()))
        return hashlib.sha256(words.encode()).hexdigest()


def _write(path: Path, data: bytes) -> None:
    """Beside it, and renamed. A directory that we make is 0700, and so is our own, whoever made it."""
    target = path.resolve()
    directory = target.parent
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory == cache_directory() and directory.stat().st_mode & 0o077:
        directory.chmod(0o700)
    private.write(target, data)
