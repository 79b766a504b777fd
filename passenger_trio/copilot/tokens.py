"""The Copilot token, kept fresh.

One task renews, requests wait. A request that finds the token dead wakes the task and waits for the outcome, so that
there is one exchange at a time whoever asks, and a request that is cancelled takes nobody else with it. The lock that
other processes share is held by the task alone.

Times are kept on two clocks, and the one that says "over" first is believed: the wall clock, which goes on while the
machine sleeps but may be set back, and trio's, which cannot be set but may stand still in sleep. What the end of a
token's life is, is reckoned from GitHub's clock (:func:`life.token_life`).
"""

import logging
import math
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple, Protocol

import trio

from passenger_trio.copilot import life, protocol
from passenger_trio.copilot.saved import Exchanged, due_of, end_of, is_good, reckon
from passenger_trio.copilot.store import SavedToken
from passenger_trio.errors import (
    AccountRefused,
    NotLoggedIn,
    PassengerError,
    StoreError,
    TokenUnavailable,
    Unable,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from passenger_trio.secret import Secret

logger: Final = logging.getLogger("passenger_trio.copilot")

LOOK: Final = 2.0
"""Seconds between looks at the wall clock, which jumps when a machine wakes up, and at the login, which other processes
change (``login``, ``logout``)."""

FIRST_PATIENCE: Final = 10.0
"""Seconds that the first attempt may take: the door is not kept shut by a network that swallows what it is sent."""

BRIEF_PATIENCE: Final = 2.0
"""The same where something can be told without a token: Ollama's clients look for models and give up after 3."""

LONGEST_PAUSE: Final = 300.0
"""Seconds between attempts, at most, while renewal fails."""

SECOND_OPINION: Final = 30.0
"""Seconds after which GitHub is asked again about a login that it does not honour, and ever later from then on: it has
been known to err."""

HURRY: Final = 5.0
"""Seconds after which a request may have a failed renewal tried again before it is due, where nobody was reached."""

LESS_HURRY: Final = 30.0
"""The same where GitHub itself is in trouble."""

BREATH: Final = 1.0
"""Seconds at least between exchanges that succeed, whatever the tokens' lives are, save for a token that is refused."""

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


class Tokens(Protocol):
    """Where whoever talks to Copilot gets the token: :class:`TokenKeeper`, or something for a single call."""

    async def current(self) -> CopilotToken: ...
    async def another(self, token: CopilotToken) -> CopilotToken | None: ...
    def doubt(self, token: CopilotToken) -> bool: ...


class Store(Protocol):
    """What the keeper needs of :class:`~passenger_trio.copilot.store.TokenStore`."""

    async def read_access(self) -> Secret | None: ...
    async def read_copilot(self) -> SavedToken | None: ...
    async def save_copilot(self, token: SavedToken) -> None: ...
    def locked(self) -> AbstractAsyncContextManager[None]: ...
    @property
    def environment(self) -> Secret | None: ...


class Moment(NamedTuple):
    """A time on both clocks."""

    wall: float
    steady: float

    def later(self, seconds: float) -> "Moment":
        """So many seconds after it."""
        return Moment(self.wall + seconds, self.steady + seconds)


_LONG_AGO: Final = Moment(-math.inf, -math.inf)


class Health(NamedTuple):
    """How the token is: the seconds that it lives yet, if it does, and the failure of the last attempt to renew it."""

    seconds_left: float | None
    failure: PassengerError | None


class TokenKeeper:
    """Holds the account's Copilot token and keeps it alive.

    ``exchange`` asks GitHub for a token and raises our errors; ``patience`` is how many seconds a request waits for a
    token; ``now`` is the wall clock in seconds; ``jitter`` gives a factor around 1 that keeps many machines from asking
    at the same moment; ``look`` is :data:`LOOK`.
    """

    def __init__(
        self,
        store: Store,
        exchange: Callable[[Secret], Awaitable[Exchanged]],
        *,
        api_base_url: str,
        patience: float = 30.0,
        now: Callable[[], float] = time.time,
        jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2),  # noqa: S311 - not a secret
        look: float = LOOK,
    ) -> None:
        self._store = store
        self._exchange = exchange
        self._api_base_url = api_base_url
        self._patience = patience
        self._now = now
        self._jitter = jitter
        self._look_every = look
        self._token: CopilotToken | None = None
        self._held: Secret | None = None
        self._ends = _LONG_AGO
        self._due = _LONG_AGO
        self._not_before = _LONG_AGO
        self._login: Secret | None = None
        self._failure: PassengerError | None = None
        self._failures = 0
        self._wanted = trio.Event()
        self._outcome = trio.Event()
        self._doubted: deque[tuple[float, Secret]] = deque(maxlen=DOUBTS)
        self._unread = False
        self._suspect: CopilotToken | None = None

    async def keep_fresh(
        self, patience: float = FIRST_PATIENCE, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run for ever; ``started()`` once the first token is in hand, or it is known that there is none to be had
        within ``patience`` seconds.

        What only a person can mend is raised before that: no login, one that GitHub refuses, token files that cannot be
        used. Any other failure is logged, told to those who ask, and tried again; afterwards every one is. A login that
        is void, or deleted, is waited for, and taken up when another process has saved it.
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
            self._tell()

    async def _begin(self, patience: float) -> None:
        """The first attempt."""
        try:
            with trio.move_on_after(patience):
                await self._renew()
                return
            raise UpstreamTimeout(
                f"No Copilot token has come within {patience:.0f} seconds: GitHub is slow to answer, or the keyring to "
                "open."
            )
        except (NotLoggedIn, AccountRefused, Unable):
            raise
        except PassengerError as error:
            self._note(error, "serving without a Copilot token for now")

    async def current(self) -> CopilotToken:
        """The token, alive; waits for a renewal under way or needed, but no longer than is configured.

        Raises :class:`~passenger_trio.errors.NotLoggedIn`, :class:`~passenger_trio.errors.AccountRefused` or
        :class:`~passenger_trio.errors.TokenUnavailable`. Cancelling the caller leaves the renewal going.
        """
        return await self._other_than(None)

    async def another(self, token: CopilotToken) -> CopilotToken | None:
        """One instead of ``token``, which may be stale, and goes on serving the others until that one has come.

        ``None`` where that is not believed (:data:`DOUBTS`). Raises as :meth:`current`.
        """
        return await self._other_than(token) if self._suspected(token) else None

    async def _other_than(self, unwanted: CopilotToken | None) -> CopilotToken:
        """The token, alive, and not the ``unwanted`` one."""
        if (token := self._alive()) is not None and token is not unwanted:
            return token
        if self._needs_a_person():
            login = await self._login_of_now()
            if self._needs_a_person():  # still, after the look at the file
                if login == self._login:
                    raise self._told()
                self._forget()  # somebody has logged in again
        if self._failure is not None and self._left(self._not_before) > 0:
            raise self._told()
        with trio.move_on_after(self._patience):
            self._wanted.set()
            await self._outcome.wait()
            if (token := self._alive()) is not None and token is not unwanted:
                return token
            raise self._told()
        raise TokenUnavailable(
            f"No Copilot token has come within {self._patience:g} s (`token_timeout` under [copilot] in config.toml): "
            f"GitHub is slow to answer.",
            code="token_unavailable",
            retry_after=str(round(HURRY)),
        )

    def doubt(self, token: CopilotToken) -> bool:
        """Say that Copilot has refused ``token``. Returns whether :meth:`current` is worth asking again."""
        if not self._suspected(token):
            return False
        if self._token is token:
            self._token = None
        return True

    def _suspected(self, token: CopilotToken) -> bool:
        """Whether ``token`` is believed to be dead or stale; one that has been replaced already is."""
        if token is not self._token or token is self._suspect:
            return True
        now = trio.current_time()
        if len(self._doubted) == DOUBTS and now - self._doubted[0][0] < DOUBT_WINDOW:
            return False
        self._doubted.append((now, token.secret))
        self._suspect = token
        if self._failure is None:
            self._not_before = _LONG_AGO
        logger.info("Copilot refused the token before its time; fetching another")
        return True

    @property
    def ends(self) -> float | None:
        """When the token in hand ends, in local wall-clock seconds; ``None`` without one."""
        return self._token.ends if self._token is not None else None

    def health(self) -> Health:
        """How things are, without asking anybody."""
        left = self._left(self._ends) if self._alive() is not None else None
        return Health(left, self._failure)

    def _needs_a_person(self) -> bool:
        return isinstance(self._failure, NotLoggedIn | AccountRefused)

    def _alive(self) -> CopilotToken | None:
        token = self._token
        return token if token is not None and self._left(self._ends) > 0 else None

    def _in(self, seconds: float) -> Moment:
        return Moment(self._now(), trio.current_time()).later(seconds)

    def _left(self, moment: Moment) -> float:
        """Seconds until ``moment`` by the clock that is nearer to it."""
        return min(moment.wall - self._now(), moment.steady - trio.current_time())

    async def _sleep_until_due(self) -> None:
        while True:
            left = self._left(self._due)
            wanted = self._wanted.is_set()
            if wanted:
                left = min(left, self._left(self._not_before))
            if left <= 0 or await self._login_has_changed():
                return
            with trio.move_on_after(min(left, self._look_every)):
                await self._wanted.wait()
                if wanted:  # what is wanted has to wait yet
                    await trio.sleep_forever()

    async def _login_of_now(self) -> Secret | None:
        """The login as it is saved now. Raises as the store does, but for files that cannot be used just now."""
        try:
            return await self._store.read_access()
        except StoreError as error:
            raise self._unavailable(error) from error

    async def _login_has_changed(self) -> bool:
        """Whether another login is saved, or one that could not be read can be again. A deleted one is noted."""
        try:
            login = await self._store.read_access()
        except PassengerError:
            return False  # the next renewal tells
        unread, self._unread = self._unread, False
        if login == self._login:
            return unread
        if login is None:
            self._login = None
            self._note(_nobody())
            self._tell()
            return False
        if self._login is not None or isinstance(self._failure, NotLoggedIn):
            logger.info("another login has been saved; fetching its Copilot token")
        self._forget()
        return True

    def _forget(self) -> None:
        self._token = None
        self._failure = None
        self._failures = 0
        self._not_before = _LONG_AGO

    def _tell(self) -> None:
        """Let those go who wait for an outcome."""
        outcome, self._outcome = self._outcome, trio.Event()
        outcome.set()

    async def _renew(self) -> None:
        await self._look_at_login()
        async with self._store.locked():
            login = await self._look_at_login()  # again: whoever had the lock may have changed it
            if await self._adopt_saved(login):
                return
            asked = self._in(0)
            saved, left = reckon(await self._exchange(login), asked.wall, login)
            self._take(saved, asked.later(left), asked.later(max(life.renewal_delay(left), BREATH)))
            self._not_before = asked.later(BREATH)
            logger.info("Copilot token renewed, good for %.0f s", left)
            try:
                await self._store.save_copilot(saved)
            except StoreError as error:
                logger.warning("the Copilot token could not be saved, and serves from memory: %s", error.message)

    async def _look_at_login(self) -> Secret:
        """The login as it is saved now; what is known of another one is forgotten."""
        try:
            login = await self._store.read_access()
        except NotLoggedIn:
            self._login = None  # so that the next one that can be read is another one
            raise
        except StoreError:
            self._unread = True
            raise
        if login is None:
            self._login = None
            raise _nobody()
        if login != self._login:
            self._forget()
            self._login = login
        return login

    async def _adopt_saved(self, login: Secret) -> bool:
        """Take the token on disk, if another process (or an earlier run) left one that is neither due nor doubted.

        One that has been in hand already is due, whatever a clock that was set back says.
        """
        try:
            saved = await self._store.read_copilot()
        except StoreError as error:
            if self._held is None:
                raise  # at the start a person is there, who can mend it
            logger.warning("the saved Copilot token could not be read; fetching another: %s", error.message)
            return False
        if saved is None or (self._held is not None and self._held.reveal() == saved.token):
            return False
        if any(secret.reveal() == saved.token for _, secret in self._doubted):
            return False
        now = self._now()
        if not is_good(saved, now, login, own=not self._store.environment):
            return False
        self._take(saved, self._in(end_of(saved) - now), self._in(due_of(saved) - now))
        return True

    def _take(self, saved: SavedToken, ends: Moment, due: Moment) -> None:
        base = protocol.api_base(self._api_base_url, saved.envelope())
        self._token = CopilotToken(Secret(saved.token), ends.wall, base, saved.sku)
        self._held = self._token.secret
        self._ends = ends
        self._due = due
        if isinstance(self._failure, NotLoggedIn):
            logger.info("GitHub honours the login again")
        self._failure = None
        self._failures = 0

    def _note(self, error: PassengerError, what: str = "the Copilot token could not be renewed") -> None:
        """Plan the next attempt: sooner at first, then ever later, as GitHub says when it says so.

        A login that is void remains so until GitHub says otherwise, or there is another one; it is told of once, and no
        request hurries that.
        """
        known = self._failure
        void = isinstance(known, NotLoggedIn) and not isinstance(error, AccountRefused | Unable)
        if void or isinstance(error, NotLoggedIn):
            if not void:
                self._failures = 0
                logger.error("%s The server goes on, and takes up a new login by itself.", error.message)
            if isinstance(error, NotLoggedIn):
                self._failure = error
            self._token = None
            pause = min(SECOND_OPINION * 2.0**self._failures * self._jitter(), LONGEST_PAUSE)
            self._failures = min(self._failures + 1, 16)
            self._due = self._not_before = self._in(pause)
            return
        self._failure = error
        pause = min(2.0**self._failures * self._jitter(), LONGEST_PAUSE)
        told = life.seconds_told(error.retry_after)
        pause = max(pause, told)
        self._failures = min(self._failures + 1, 16)
        self._due = self._in(pause)
        hurry = HURRY if isinstance(error, UpstreamUnreachable) else LESS_HURRY
        self._not_before = self._in(pause if told else min(pause, hurry))
        logger.warning("%s, next try in %.0f s: %s", what, pause, error.message)

    def _told(self) -> PassengerError:
        """The last failure, as a request is to hear it; a new object each time, since each is raised elsewhere."""
        failure = self._failure
        if isinstance(failure, NotLoggedIn | AccountRefused):
            return type(failure)(failure.message, code=failure.code, retry_after=failure.retry_after)
        return self._unavailable(failure)

    def _unavailable(self, failure: PassengerError | None) -> TokenUnavailable:
        wait = min(max(self._left(self._due), 1.0), life.LONGEST_WAIT)
        reason = failure.message if failure is not None else "it was refused as soon as it was fetched"
        return TokenUnavailable(
            f"The Copilot token cannot be renewed right now: {reason}",
            code="token_unavailable",
            retry_after=str(round(wait)),
        )


def _nobody() -> NotLoggedIn:
    return NotLoggedIn("Nobody is logged in. Run `passenger-trio login`.", code="not_logged_in")
