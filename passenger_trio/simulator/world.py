"""The simulated GitHub: one :class:`Simulator` holds all that changes, and nothing outside of it does."""

import dataclasses
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Literal

from passenger_trio.simulator import account, fakes
from passenger_trio.simulator.catalogue import Catalogue
from passenger_trio.simulator.device import DeviceFlow, check_polls
from passenger_trio.simulator.records import Fault, SeenRequest
from passenger_trio.simulator.stamp import Stamp

_SEEN_REQUESTS: Final = 200
_SEEN_BYTES: Final = 64 * 1024 * 1024
_REFUSED_CONVERSATIONS: Final = 1000


class Simulator:
    """One world: its accounts and tokens, what it is told to do wrong, and what it saw.

    ``token_life`` and ``refresh_in`` are seconds; ``refresh_in`` None is five sixths of the life, as Copilot has it.
    ``polls`` is what polls of a device code answer in turn, by the names of ``device.POLL_NAMES``; ``interval`` the
    seconds between polls. ``clock_skew`` seconds are added to the server's clock, in ``Date`` and ``expires_at``
    alike. ``plan`` is one of ``account.PLANS``; ``word_delay`` the seconds between the words of ``[[long]]``.
    ``clock`` gives unix seconds. Raises :class:`ValueError` for an unknown plan, poll or token answer.

    What Copilot refuses: ``needs_editor_version`` requests without ``Editor-Version``, ``needs_vision_header`` pictures
    without ``Copilot-Vision-Request``, ``retired_versions`` those values of ``X-GitHub-Api-Version``, ``strict`` bodies
    that the endpoint or the model does not take, ``policy_locked`` switching a model on. With ``misdirected`` the API
    answers 421, until a token is exchanged after it has. ``exhausted`` is an account that has used up its quota;
    ``token_answer`` is what the token route says instead of a token, by the names of ``account.TOKEN_ANSWERS``.

    All public attributes may be changed while requests are being answered. Not safe across threads.
    """

    def __init__(
        self,
        *,
        token_life: float = 1800.0,
        refresh_in: int | None = None,
        polls: Sequence[str] = ("pending", "success"),
        interval: int = 5,
        clock_skew: float = 0.0,
        plan: str = "individual",
        word_delay: float = 0.02,
        login: str = "octocat",
        needs_editor_version: bool = True,
        needs_vision_header: bool = True,
        retired_versions: Collection[str] = ("2024-12-15",),
        misdirected: bool = False,
        strict: bool = True,
        policy_locked: bool = False,
        exhausted: bool = False,
        token_answer: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.token_life = token_life
        self.refresh_in = refresh_in
        self.polls: Sequence[str] = check_polls(polls)
        self.interval = interval
        self.strict_interval = True  # a poll that comes too early gets slow_down
        self.clock_skew = clock_skew
        self.word_delay = word_delay
        self.login = login
        self.needs_editor_version = needs_editor_version
        self.needs_vision_header = needs_vision_header
        self.retired_versions: Collection[str] = retired_versions
        self.misdirected = misdirected
        self.strict = strict
        self.policy_locked = policy_locked
        self.exhausted = exhausted
        self.token_answer = account.check_token_answer(token_answer)
        self.faults: list[Fault] = []

        self.counts: Counter[str] = Counter()
        self.chat_statuses: Counter[int] = Counter()
        self.requests: deque[SeenRequest] = deque(maxlen=_SEEN_REQUESTS)
        self.initiators: Counter[str] = Counter()
        self.last_initiator: str | None = None
        self.open_streams = 0
        self.cancelled_streams = 0

        self.catalogue = Catalogue()
        self._plan = account.plan_of(plan)
        self._clock = clock
        self._device = DeviceFlow(clock=clock, log_in=self.log_in)
        self._github_tokens: set[str] = set()
        self._copilot_tokens: dict[str, float] = {}  # when each dies, by the server's clock
        self._told_misdirected = False
        self._seen_bytes = 0
        self._refused: dict[bytes, None] = {}  # in the order of their refusal

    def now(self) -> float:
        """Unix seconds by the server's clock."""
        return self._clock() + self.clock_skew

    # GitHub's side

    def log_in(self) -> str:
        """A new GitHub token, accepted from now on."""
        token = fakes.github_token()
        self._github_tokens.add(token)
        return token

    def revoke(self, github_token: str) -> None:
        """The token gets Bad credentials from now on; Copilot tokens it was exchanged for live on."""
        self._github_tokens.discard(github_token)

    def knows(self, github_token: str) -> bool:
        """Whether the GitHub token is accepted."""
        return github_token in self._github_tokens

    def device_code(self, origin: str) -> dict[str, object]:
        """The answer that begins a device login."""
        return self._device.begin(polls=self.polls, interval=self.interval, verification_uri=f"{origin}/login/device")

    def poll(self, form: Mapping[str, str]) -> dict[str, object]:
        """The answer to a poll of a device code."""
        return self._device.poll(form, strict_interval=self.strict_interval)

    def identity(self, origin: str) -> dict[str, object]:
        """The answer of ``GET /user``."""
        return account.identity(self.login, origin)

    def copilot_user(self, origin: str) -> dict[str, object]:
        """The answer of ``GET /copilot_internal/user``."""
        return account.copilot_user(self._plan, self.login, origin, now=self.now(), exhausted=self.exhausted)

    # Copilot's side

    def exchange(self, origin: str) -> dict[str, object]:
        """A new Copilot token in its envelope, good for ``token_life`` seconds at ``origin``."""
        if self._told_misdirected:
            self.misdirected = self._told_misdirected = False
        now = self.now()
        dies = now + self.token_life
        token = fakes.copilot_token(expires_at=int(dies), sku=self._plan.sku, host=origin.partition("//")[2])
        self._copilot_tokens[token] = dies
        refresh_in = int(self.token_life * 5 / 6) if self.refresh_in is None else self.refresh_in
        envelope = account.token_envelope(
            self._plan,
            origin,
            token=token,
            expires_at=int(dies),
            refresh_in=refresh_in,
            now=now,
            exhausted=self.exhausted,
        )
        return envelope if self.token_answer is None else account.minimal(envelope)

    def kill_tokens(self) -> None:
        """Every Copilot token issued so far is dead from now on."""
        self._copilot_tokens = dict.fromkeys(self._copilot_tokens, float("-inf"))

    def token_state(self, copilot_token: str) -> Literal["good", "dead", "unknown"]:
        """``dead`` is a token of ours that is past its life or was killed."""
        dies = self._copilot_tokens.get(copilot_token)
        if dies is None:
            return "unknown"
        return "good" if self.now() < dies else "dead"

    def is_misdirected(self) -> bool:
        """Whether this request came to the wrong host; the next exchange shows the right one."""
        self._told_misdirected = self._told_misdirected or self.misdirected
        return self.misdirected

    def note_initiator(self, said: str | None) -> None:
        """Count who began a turn; what is neither a user nor an agent is billed as a user."""
        self.last_initiator = said
        self.initiators["agent" if said is not None and said.strip().lower() == "agent" else "user"] += 1

    def models(self, api_version: str | None) -> bytes:
        """The body of ``GET /models`` in that API version."""
        return self.catalogue.body_for(api_version, token_billing=self._plan.token_billing)

    def quota_headers(self) -> dict[str, str]:
        """What the answers of the three generating routes tell of the quota."""
        return account.quota_headers(self._plan, now=self.now(), exhausted=self.exhausted)

    def stamp(self, model: str) -> Stamp:
        """The id and time of a new answer of ``model``."""
        return Stamp(model=model, created=int(self.now()), nonce=secrets.token_hex(16))

    def refuses_first(self, conversation: bytes) -> bool:
        """True the first time it is asked about ``conversation``, False from then on."""
        if conversation in self._refused:
            return False
        self._refused[conversation] = None
        while len(self._refused) > _REFUSED_CONVERSATIONS:
            del self._refused[next(iter(self._refused))]
        return True

    # What it is told, and what it saw

    def take_fault(self, path: str) -> Fault | None:
        """The first fault for ``path``, which is used up by one; None if there is none."""
        for index, fault in enumerate(self.faults):
            if fault.path == path:
                if fault.times > 1:
                    self.faults[index] = dataclasses.replace(fault, times=fault.times - 1)
                else:
                    del self.faults[index]
                return fault
        return None

    def note(self, request: SeenRequest) -> None:
        """Remember a request; the oldest are forgotten, also when their bodies grow too large together."""
        if len(self.requests) == _SEEN_REQUESTS:
            self._forget_oldest()
        self.requests.append(request)
        self._seen_bytes += len(request.body)
        while self._seen_bytes > _SEEN_BYTES and len(self.requests) > 1:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        self._seen_bytes -= len(self.requests.popleft().body)

    def report(self) -> dict[str, object]:
        """The counters, for ``GET /_simulator``."""
        return {
            "simulator": True,
            "counts": dict(self.counts),
            "chats_by_status": {str(status): count for status, count in self.chat_statuses.items()},
            "initiators": dict(self.initiators),
            "last_initiator": self.last_initiator,
            "open_streams": self.open_streams,
            "cancelled_streams": self.cancelled_streams,
        }
