"""GitHub's side of an account: the token exchange, and whose account it is."""

from typing import Final
from urllib.parse import urlsplit

import trio

from passenger_trio.config import GITHUB_TOKEN, Config
from passenger_trio.copilot import life, protocol
from passenger_trio.copilot.client import Fetch
from passenger_trio.copilot.saved import Exchanged
from passenger_trio.errors import AccountRefused, NotLoggedIn, PassengerError, UpstreamBroke, UpstreamTimeout
from passenger_trio.secret import Secret
from passenger_trio.wire import envelope, github

EXCHANGE_LIMIT: Final = 60.0
"""Seconds that an exchange may take, however slowly its answer drips."""

_INTERNAL: Final = "/copilot_internal/"


class Account:
    """Asks GitHub about the account of a GitHub token. The token goes to the host of ``copilot_token_url`` alone."""

    def __init__(self, fetch: Fetch, config: Config) -> None:
        self._fetch = fetch
        self._token_url = config.github.copilot_token_url
        self._headers = protocol.github_headers(config.copilot)
        self._environment = config.login

    def _authorized(self, login: Secret) -> protocol.Headers:
        return [*self._headers, ("Authorization", f"token {login.reveal()}")]

    async def exchange(self, login: Secret) -> Exchanged:
        """A Copilot token for this login.

        Raises :class:`~passenger_trio.errors.NotLoggedIn`, :class:`~passenger_trio.errors.AccountRefused`, or an
        upstream error: one of them after :data:`EXCHANGE_LIMIT`.
        """
        with trio.move_on_after(EXCHANGE_LIMIT):
            return await self._exchanged(login)
        raise UpstreamTimeout(f"GitHub has not answered the token exchange within {EXCHANGE_LIMIT:.0f} seconds.")

    async def _exchanged(self, login: Secret) -> Exchanged:
        answer = await self._fetch("GET", self._token_url, self._authorized(login))
        if answer.status != 200:
            raise self._explained(protocol.token_refusal(answer.status, answer.headers, answer.body), login)
        try:
            token = github.decode_envelope(answer.body)
        except envelope.UNREADABLE:
            raise UpstreamBroke("GitHub's answer to the token exchange cannot be read.") from None
        if token.chat_enabled is False:
            raise AccountRefused(
                "GitHub has switched Copilot chat off for this account; its organisation decides that.",
                code="chat_disabled",
            )
        return Exchanged(token, answer.headers.get("date"))

    def _explained(self, error: PassengerError, login: Secret) -> PassengerError:
        """A refusal, with what the kind of the token and the place where it came from have to do with it."""
        environment = bool(self._environment) and login == self._environment
        doubts = life.doubts_about(login.reveal())
        if isinstance(error, NotLoggedIn) and environment:
            told = f"GitHub does not honour the token in {GITHUB_TOKEN}. {doubts}"
            return NotLoggedIn(f"{told.strip()} {life.remedy(environment=True)}", code=error.code)
        if isinstance(error, AccountRefused) and error.code is None and doubts:
            told = f"{error.message.rstrip('.')}. {doubts}"
            return AccountRefused(told, code=error.code, retry_after=error.retry_after)
        return error

    async def user(self, login: Secret) -> github.User | None:
        """Whose login it is, or ``None`` where GitHub does not say: knowing it is pleasant and no more."""
        for url in self._user_urls():
            try:
                answer = await self._fetch("GET", url, self._authorized(login))
                user = github.decode_user(answer.body) if answer.status == 200 else None
            except (PassengerError, *envelope.UNREADABLE):
                continue
            if user is not None and user.login:
                return user
        return None

    def _user_urls(self) -> list[str]:
        before, found, _ = self._token_url.partition(_INTERNAL)
        if not found:
            parts = urlsplit(self._token_url)
            before = f"{parts.scheme}://{parts.netloc}"
        return [f"{before}{_INTERNAL}user", f"{before}/user"]
