"""The Copilot token, kept fresh.

One task renews, requests wait. A request that finds the token dead wakes the task and waits for the outcome, so that
there is one exchange at a time whoever asks, and a request that is cancelled takes nobody else with it. The lock that
other processes share is held by the task alone.

The end of a token's life is kept as local wall-clock time and looked at by each request: trio's clock may stand still
while the machine sleeps. What that end is, is reckoned from GitHub's clock (:func:`protocol.token_life`).
"""

import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple, Protocol

import trio

from passenger_trio.copilot import protocol
from passenger_trio.copilot.store import SavedToken
from passenger_trio.errors import (
    AccountRefused,
    NotLoggedIn,
    PassengerError,
    StoreError,
    TokenUnavailable,
    Unable,
    UpstreamBroke,
    UpstreamTimeout,
)
from passenger_trio.secret import Secret
from passenger_trio.wire.github import TokenEnvelope

logger: Final = logging.getLogger("passenger_trio.copilot")

TICK: Final = 30.0
"""Seconds between looks at the wall clock, which jumps when a machine wakes up."""

FIRST_PATIENCE: Final = 10.0
"""Seconds that the first attempt may take: the door is not kept shut by a network that swallows what it is sent."""

BRIEF_PATIENCE: Final = 2.0
"""The same where something can be told without a token: Ollama's clients look for models and give up after 3."""

LONGEST_PAUSE: Final = 300.0
"""Seconds between attempts, at most, while renewal fails."""

DOUBTS: Final = 5
"""How often within :data:`DOUBT_WINDOW` seconds a refused token is believed to be dead. If fresh ones are refused as
well, something else is wrong, and renewing for every request would only anger GitHub."""

DOUBT_WINDOW: Final = 60.0


class CopilotToken(NamedTuple):
    """A token, the end of its life in local wall-clock seconds, and the API it is for."""

    secret: Secret
    ends: float
    api_base: str
    sku: str | None = None


class Exchanged(NamedTuple):
    """A token exchange's answer and its ``Date`` header."""

    envelope: TokenEnvelope
    date: str | None


class Tokens(Protocol):
    """Where whoever talks to Copilot gets the token: :class:`TokenKeeper`, or something for a single call."""

    async def current(self) -> CopilotToken: ...
    def doubt(self, token: CopilotToken) -> bool: ...


class Store(Protocol):
    """What the keeper needs of :class:`~passenger_trio.copilot.store.TokenStore`."""

    async def read_access(self) -> Secret | None: ...
    async def read_copilot(self) -> SavedToken | None: ...
    async def save_copilot(self, token: SavedToken) -> None: ...
    def locked(self) -> AbstractAsyncContextManager[None]: ...


def reckon(exchanged: Exchanged, asked: float) -> tuple[SavedToken, float]:
    """What to save of an answer that was asked for at ``asked``, and the seconds that the token lives from then.

    ``asked`` is local wall-clock time. Raises :class:`~passenger_trio.errors.UpstreamBroke` for a dead token.
    """
    answer, date = exchanged
    life = protocol.token_life(answer, date)
    if life <= 0:
        raise UpstreamBroke("GitHub gave a Copilot token that is over already.")
    saved = SavedToken(answer.token, answer.expires_at, answer.refresh_in, answer.endpoints, answer.sku, asked + life)
    return saved, life


def end_of(saved: SavedToken) -> float:
    """When a saved token ends, in local wall-clock seconds as well as is known."""
    return saved.local_expires_at if saved.local_expires_at is not None else float(saved.expires_at)


class TokenKeeper:
    """Holds the account's Copilot token and keeps it alive.

    ``exchange`` asks GitHub for a token and raises our errors; ``now`` is the wall clock in seconds; ``jitter`` gives a
    factor around 1 that keeps many machines from asking at the same moment.
    """

    def __init__(
        self,
        store: Store,
        exchange: Callable[[Secret], Awaitable[Exchanged]],
        *,
        api_base_url: str,
        now: Callable[[], float] = time.time,
        jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2),  # noqa: S311 - not a secret
    ) -> None:
        self._store = store
        self._exchange = exchange
        self._api_base_url = api_base_url
        self._now = now
        self._jitter = jitter
        self._token: CopilotToken | None = None
        self._due = 0.0
        self._failure: PassengerError | None = None
        self._failures = 0
        self._refused_login: Secret | None = None
        self._not_before = 0.0
        self._wanted = trio.Event()
        self._outcome = trio.Event()
        self._doubted: deque[tuple[float, Secret]] = deque(maxlen=DOUBTS)

    async def keep_fresh(
        self, patience: float = FIRST_PATIENCE, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run for ever; ``started()`` once the first token is in hand, or it is known that there is none to be had
        within ``patience`` seconds.

        What only a person can mend is raised before that: no login, one that GitHub refuses, token files that cannot be
        used. Any other failure is logged, told to those who ask, and tried again; afterwards every one is.
        """
        await self._begin(patience)
        task_status.started()
        while True:
            await self._sleep_until_due()
            try:
                await self._renew()
            except PassengerError as error:
                self._note(error)
            # only now: who came while this attempt was under way is answered by it
            self._wanted = trio.Event()
            outcome, self._outcome = self._outcome, trio.Event()
            outcome.set()

    async def _begin(self, patience: float) -> None:
        """The first attempt."""
        try:
            with trio.move_on_after(patience):
                await self._renew()
                return
            raise UpstreamTimeout(f"GitHub has not answered within {patience:.0f} seconds.")
        except (NotLoggedIn, AccountRefused, Unable):
            raise
        except PassengerError as error:
            self._note(error, "serving without a Copilot token for now")

    async def current(self) -> CopilotToken:
        """The token, alive; waits for a renewal under way or needed.

        Raises :class:`~passenger_trio.errors.NotLoggedIn`, :class:`~passenger_trio.errors.AccountRefused` or
        :class:`~passenger_trio.errors.TokenUnavailable`. Cancelling the caller leaves the renewal going.
        """
        if (token := self._alive()) is not None:
            return token
        if self._refused_login is not None:
            if await self._store.read_access() == self._refused_login:
                raise self._told()
            self._refused_login = None  # somebody has logged in again
            self._not_before = 0.0
        if self._failure is not None and self._now() < self._not_before:
            raise self._told()
        self._wanted.set()
        await self._outcome.wait()
        if (token := self._alive()) is not None:
            return token
        raise self._told()

    def doubt(self, token: CopilotToken) -> bool:
        """Say that Copilot has refused ``token``. Returns whether :meth:`current` is worth asking again."""
        now = self._now()
        if self._token is token:
            if len(self._doubted) == DOUBTS and now - self._doubted[0][0] < DOUBT_WINDOW:
                return False
            self._doubted.append((now, token.secret))
            self._token = None
            logger.info("Copilot refused the token before its time; fetching another")
        return True

    @property
    def ends(self) -> float | None:
        """When the token in hand ends, in local wall-clock seconds; ``None`` without one."""
        return self._token.ends if self._token is not None else None

    def _alive(self) -> CopilotToken | None:
        token = self._token
        return token if token is not None and self._now() < token.ends else None

    async def _sleep_until_due(self) -> None:
        while (left := self._due - self._now()) > 0:
            with trio.move_on_after(min(left, TICK)):
                await self._wanted.wait()
                return

    async def _renew(self) -> None:
        async with self._store.locked():
            if await self._adopt_saved():
                return
            login = await self._store.read_access()
            if login is None:
                raise NotLoggedIn("Nobody is logged in. Run `passenger-trio login`.", code="not_logged_in")
            if login == self._refused_login and isinstance(self._failure, NotLoggedIn):
                raise self._told()  # GitHub has said so already, and a void login stays void
            asked = self._now()
            try:
                exchanged = await self._exchange(login)
            except (NotLoggedIn, AccountRefused):
                self._refused_login = login
                raise
            saved, life = reckon(exchanged, asked)
            self._take(saved, asked + life, asked + protocol.renewal_delay(life))
            logger.info("Copilot token renewed, good for %.0f s", life)
            try:
                await self._store.save_copilot(saved)
            except StoreError as error:
                logger.warning("the Copilot token could not be saved, and serves from memory: %s", error.message)

    async def _adopt_saved(self) -> bool:
        """Take the token on disk, if another process (or an earlier run) left one that is neither due nor doubted."""
        saved = await self._store.read_copilot()
        if saved is None or any(secret.reveal() == saved.token for _, secret in self._doubted):
            return False
        ends = end_of(saved)
        if ends - self._now() <= protocol.RENEW_BEFORE:
            return False
        self._take(saved, ends, ends - protocol.RENEW_BEFORE)
        return True

    def _take(self, saved: SavedToken, ends: float, due: float) -> None:
        base = protocol.api_base(self._api_base_url, saved.envelope())
        self._token = CopilotToken(Secret(saved.token), ends, base, saved.sku)
        self._due = due
        self._failure = None
        self._failures = 0
        self._refused_login = None

    def _note(self, error: PassengerError, what: str = "the Copilot token could not be renewed") -> None:
        """Plan the next attempt: sooner at first, then ever later, as GitHub says when it says so."""
        self._failure = error
        pause = min(2.0**self._failures, LONGEST_PAUSE) * self._jitter()
        if error.retry_after is not None and error.retry_after.isdigit():
            pause = max(pause, float(error.retry_after))
        self._failures = min(self._failures + 1, 16)
        now = self._now()
        self._due = now + pause
        self._not_before = now + (pause if error.retry_after is not None else min(pause, 5.0))
        logger.warning("%s, next try in %.0f s: %s", what, pause, error.message)

    def _told(self) -> PassengerError:
        """The last failure, as a request is to hear it; a new object each time, since each is raised elsewhere."""
        failure = self._failure
        if isinstance(failure, NotLoggedIn | AccountRefused):
            return type(failure)(failure.message, code=failure.code)
        wait = max(1, round(self._due - self._now()))
        reason = failure.message if failure is not None else "it was refused as soon as it was fetched"
        return TokenUnavailable(
            f"The Copilot token cannot be renewed right now: {reason}",
            code="token_unavailable",
            retry_after=str(wait),
        )
